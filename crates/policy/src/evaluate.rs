//! Compiled key policies and the question that they answer.

use std::borrow::Cow;
use std::sync::Arc;

use keystead_types::{AccountId, Principal};

use crate::document;
use crate::error::{PolicyError, PolicyErrorKind};
use crate::limits::ACTION_BUFFER_BYTES;
use crate::principal::{Asker, NamedPrincipal, Partition};
use crate::statement::{Asked, Effect, Statement, StatementOutcome};

/// A key policy, compiled: made once when it is stored or loaded, evaluated for each request.
#[derive(Debug, Clone)]
pub struct KeyPolicy {
    statements: Box<[Statement]>,
}

/// Who wants to do what to which key.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The caller.
    pub principal: &'a Principal,
    /// The partition of the caller and the key: `aws`.
    pub partition: &'a str,
    /// Service prefix and action: `kms:Encrypt`.
    pub action: &'a str,
    /// The key's ARN. Its characters are compared as they are; none is a wildcard.
    pub resource: &'a str,
    /// The key's account. It plays no part in matching: a caller of another account gets the
    /// same verdict and needs its own account's permission as well, which the engine demands.
    pub resource_account: AccountId,
}

/// What a key policy says. `statement` counts from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A Deny statement applies; nothing outweighs it.
    Denied {
        /// The first such statement.
        statement: usize,
    },
    /// An Allow statement names the caller or everyone.
    AllowedDirectly {
        /// The first such statement.
        statement: usize,
    },
    /// An Allow statement names the caller's account: identity policies must allow it too. Never
    /// the answer for an account's root user, whom such a statement allows directly.
    AllowedByAccount {
        /// The first such statement.
        statement: usize,
    },
    /// No statement applies, which denies unless a grant allows.
    NotMatched,
}

/// What became of one statement, for the explanation of a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementTrace {
    /// Its place, from 0.
    pub statement: usize,
    /// Its `Sid`, if it has one that is not empty.
    pub sid: Option<Arc<str>>,
    /// Its `Effect`.
    pub effect: Effect,
    /// Whether it applies, or the first element that does not fit.
    pub outcome: StatementOutcome,
}

impl KeyPolicy {
    /// Compiles a document of at most 32,768 bytes.
    ///
    /// Errors: see [`PolicyErrorKind`]. A `Condition` is refused: this version does not evaluate
    /// conditions, and to ignore one would allow what it forbids.
    pub fn compile(document: &str) -> Result<Self, PolicyError> {
        let statements = document::read_key_policy(document)?;
        Ok(Self { statements })
    }

    /// Evaluates the policy. Allocates nothing. In a partition that does not exist nothing
    /// matches.
    pub fn evaluate(&self, request: &Request<'_>) -> Verdict {
        let mut buffer = [0; ACTION_BUFFER_BYTES];
        let action = lower_case(request.action, &mut buffer);
        let Some(asked) = asked(request, &action) else {
            return Verdict::NotMatched;
        };
        let mut direct = None;
        let mut by_account = None;
        for (index, statement) in self.statements.iter().enumerate() {
            let place = match statement.outcome(&asked) {
                StatementOutcome::MatchedDirectly => &mut direct,
                StatementOutcome::MatchedByAccount => &mut by_account,
                StatementOutcome::OtherPrincipal
                | StatementOutcome::OtherAction
                | StatementOutcome::OtherResource => continue,
            };
            if statement.effect == Effect::Deny {
                return Verdict::Denied { statement: index };
            }
            place.get_or_insert(index);
        }
        match (direct, by_account) {
            (Some(statement), _) => Verdict::AllowedDirectly { statement },
            (None, Some(statement)) => Verdict::AllowedByAccount { statement },
            (None, None) => Verdict::NotMatched,
        }
    }

    /// Tells for each statement, in order, whether it applies and if not, why not. Empty in a
    /// partition that does not exist. Allocates: for explanations, not for decisions.
    pub fn explain(&self, request: &Request<'_>) -> Vec<StatementTrace> {
        let mut buffer = [0; ACTION_BUFFER_BYTES];
        let action = lower_case(request.action, &mut buffer);
        let Some(asked) = asked(request, &action) else {
            return Vec::new();
        };
        let trace = |(index, statement): (usize, &Statement)| StatementTrace {
            statement: index,
            sid: statement.sid.clone(),
            effect: statement.effect,
            outcome: statement.outcome(&asked),
        };
        self.statements.iter().enumerate().map(trace).collect()
    }

    /// Every entry of every `Principal` and `NotPrincipal`, with its statement's place: whoever
    /// stores a policy checks that the users and roles exist.
    pub fn named_principals(&self) -> impl Iterator<Item = (usize, &NamedPrincipal)> {
        let statements = self.statements.iter().enumerate();
        statements.flat_map(|(index, statement)| {
            let entries = statement.principals.entries.iter();
            entries.map(move |entry| (index, entry))
        })
    }

    /// Refuses a policy that names principals of another partition, which could never match; a
    /// Deny among them would be silently dead.
    ///
    /// Errors: [`PolicyErrorKind::InvalidPrincipals`].
    pub fn require_partition(&self, partition: &str) -> Result<(), PolicyError> {
        let foreign = |entry: &NamedPrincipal| {
            entry
                .partition()
                .is_some_and(|named| named.as_str() != partition)
        };
        match self.named_principals().find(|(_, entry)| foreign(entry)) {
            None => Ok(()),
            Some((statement, _)) => {
                let why = "a principal is of another partition";
                let error = PolicyError::new(PolicyErrorKind::InvalidPrincipals, why);
                Err(error.in_statement(statement))
            }
        }
    }
}

fn asked<'a>(request: &Request<'a>, action: &'a str) -> Option<Asked<'a>> {
    let partition = Partition::parse(request.partition)?;
    Some(Asked {
        asker: Asker::new(request.principal, partition),
        action,
        resource: request.resource,
    })
}

/// ASCII letters only: U+212A (Kelvin sign) stays what it is.
fn lower_case<'b>(action: &str, buffer: &'b mut [u8; ACTION_BUFFER_BYTES]) -> Cow<'b, str> {
    let short = buffer.get_mut(..action.len()).and_then(|place| {
        place.copy_from_slice(action.as_bytes());
        place.make_ascii_lowercase();
        std::str::from_utf8(place).ok()
    });
    short.map_or_else(|| Cow::Owned(action.to_ascii_lowercase()), Cow::Borrowed)
}
