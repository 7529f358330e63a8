//! One statement, compiled, and how a request fits it.

use std::sync::Arc;

use crate::condition::Condition;
use crate::context::Context;
use crate::evaluate::Named;
use crate::principal::{Asker, NamedPrincipal};
use crate::variable::{Case, Match, Pattern};
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

/// `Action` or `NotAction`; patterns in lower case.
#[derive(Debug, Clone)]
pub(crate) struct Actions {
    pub(crate) polarity: Polarity,
    /// None of them where the element is absent: such a statement never applies.
    pub(crate) patterns: Box<[Wildcard]>,
}

impl Actions {
    fn select(&self, action: &str) -> bool {
        let listed = self.patterns.iter().any(|one| one.matches(action, &[]));
        listed == (self.polarity == Polarity::Only)
    }
}

/// `Resource` or `NotResource`.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    pub(crate) polarity: Polarity,
    /// None of them where the element is absent: such a statement never applies.
    pub(crate) patterns: Box<[Pattern]>,
}

impl Resources {
    /// Every resource.
    pub(crate) fn all() -> Self {
        Self {
            polarity: Polarity::AllBut,
            patterns: Box::default(),
        }
    }

    /// A `NotResource` of which a variable has no value lets no Allow apply, and every Deny.
    fn select(&self, effect: Effect, asked: &Asked<'_>) -> bool {
        let compare = |one: &Pattern| one.matches(asked.resource, Case::Sensitive, asked.context);
        match (Match::any(self.patterns.iter().map(compare)), self.polarity) {
            (Match::Yes, polarity) => polarity == Polarity::Only,
            (Match::No, polarity) => polarity == Polarity::AllBut,
            (Match::Unclear, polarity) => polarity == Polarity::AllBut && effect == Effect::Deny,
        }
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
    fn fit(&self, asker: &Asker<'_>, effect: Effect) -> Option<Named> {
        let fits = self
            .entries
            .iter()
            .filter_map(|entry| entry.fit(asker, effect));
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
    pub(crate) actions: Actions,
    pub(crate) resources: Resources,
    /// All of them must hold.
    pub(crate) conditions: Box<[Condition]>,
}

/// A request in the form in which statements compare it.
pub(crate) struct Asked<'a> {
    pub(crate) asker: Asker<'a>,
    /// In lower case.
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) context: &'a dyn Context,
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
    /// All of that fits, but a condition does not hold.
    ConditionNotMet {
        /// The first such condition, from 0, in the order of the operators' and keys' names.
        condition: usize,
    },
}

impl<'a> Asked<'a> {
    /// The same, asked by an identity that a provider vouched for.
    pub(crate) fn vouched_by(self, provider: &'a str) -> Self {
        Self {
            asker: self.asker.vouched_by(provider),
            ..self
        }
    }
}

impl Statement {
    /// Everything for everyone.
    pub(crate) fn allow_all() -> Self {
        Self {
            sid: None,
            effect: Effect::Allow,
            principals: Principals {
                polarity: Polarity::Only,
                entries: Box::new([NamedPrincipal::Everyone]),
            },
            actions: Actions {
                polarity: Polarity::AllBut,
                patterns: Box::default(),
            },
            resources: Resources::all(),
            conditions: Box::default(),
        }
    }

    /// Compares in the order in which people read a statement, so that the first difference is
    /// the one worth telling; it is also the order that ends soonest.
    pub(crate) fn outcome(&self, asked: &Asked<'_>) -> StatementOutcome {
        let fit = self.principals.fit(&asked.asker, self.effect);
        let Some(named) = fit else {
            return StatementOutcome::OtherPrincipal;
        };
        if !self.actions.select(asked.action) {
            return StatementOutcome::OtherAction;
        }
        if !self.resources.select(self.effect, asked) {
            return StatementOutcome::OtherResource;
        }
        let mut conditions = self.conditions.iter();
        let failed = conditions.position(|one| !one.holds(self.effect, asked.context));
        match failed {
            Some(condition) => StatementOutcome::ConditionNotMet { condition },
            None => StatementOutcome::Matched(named),
        }
    }
}
