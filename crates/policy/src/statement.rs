//! One statement, compiled, and how a request fits it.

use std::sync::Arc;

use crate::error::PolicyError;
use crate::evaluate::Named;
use crate::principal::{Asker, NamedPrincipal};
use crate::wildcard::Wildcard;

/// `Effect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// `Allow`.
    Allow,
    /// `Deny`.
    Deny,
}

/// Whether an element lists what it means, or what it does not mean (`NotAction` …).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polarity {
    Only,
    AllBut,
}

/// `Action`, `NotAction`, `Resource` or `NotResource`. Nothing in it knows of principals, so
/// identity policies can use it as it is.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    polarity: Polarity,
    patterns: Box<[Wildcard]>,
}

impl Selector {
    /// What an absent element means: the statement is accepted and never applies.
    pub(crate) fn nothing() -> Self {
        Self {
            polarity: Polarity::Only,
            patterns: Box::default(),
        }
    }

    pub(crate) fn compile<'a>(
        polarity: Polarity,
        patterns: impl Iterator<Item = &'a str>,
    ) -> Result<Self, PolicyError> {
        Ok(Self {
            polarity,
            patterns: patterns.map(Wildcard::compile).collect::<Result<_, _>>()?,
        })
    }

    fn selects(&self, subject: &str) -> bool {
        let listed = self.patterns.iter().any(|one| one.matches(subject));
        listed == (self.polarity == Polarity::Only)
    }
}

/// `Principal` or `NotPrincipal`.
#[derive(Debug, Clone)]
pub(crate) struct Principals {
    pub(crate) polarity: Polarity,
    pub(crate) entries: Box<[NamedPrincipal]>,
}

impl Principals {
    /// For `NotPrincipal`, an entry exempts whom it names directly: an account entry exempts the
    /// account's root user and nobody else.
    fn fit(&self, asker: &Asker<'_>) -> Option<Named> {
        let fits = self.entries.iter().filter_map(|entry| entry.fit(asker));
        let best = fits.min_by_key(|named| named.rank());
        match (self.polarity, best) {
            (Polarity::Only, fit) => fit,
            (Polarity::AllBut, None | Some(Named::Account)) => Some(Named::Everyone),
            (Polarity::AllBut, Some(_)) => None,
        }
    }
}

/// A compiled statement.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) sid: Option<Arc<str>>,
    pub(crate) effect: Effect,
    pub(crate) principals: Principals,
    /// Patterns in lower case.
    pub(crate) actions: Selector,
    pub(crate) resources: Selector,
}

/// A request in the form in which statements compare it.
pub(crate) struct Asked<'a> {
    pub(crate) asker: Asker<'a>,
    /// In lower case.
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
}

/// What became of one statement for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementOutcome {
    /// It applies, and names the caller that way.
    Matched(Named),
    /// It is about other principals.
    OtherPrincipal,
    /// It is about this principal, but other actions, or has no action at all.
    OtherAction,
    /// It is about this principal and action, but other resources, or has no resource at all.
    OtherResource,
}

impl Statement {
    /// Compares in the order in which people read a statement, so that the first difference is
    /// the one worth telling; it is also the order that ends soonest.
    pub(crate) fn outcome(&self, asked: &Asked<'_>) -> StatementOutcome {
        let fit = self.principals.fit(&asked.asker);
        let Some(named) = fit else {
            return StatementOutcome::OtherPrincipal;
        };
        if !self.actions.selects(asked.action) {
            StatementOutcome::OtherAction
        } else if !self.resources.selects(asked.resource) {
            StatementOutcome::OtherResource
        } else {
            StatementOutcome::Matched(named)
        }
    }
}
