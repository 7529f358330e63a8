//! Compiled policies and the question that they answer.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use keystead_types::{AccountId, Principal};

use crate::condition::ConditionTrace;
use crate::context::{ConditionKey, Context, Presence, Value};
use crate::digest::PolicyDigest;
use crate::document;
use crate::error::{PolicyError, PolicyErrorKind};
use crate::limits::{
    ACTION_BUFFER_BYTES, CONTEXT_QUESTIONS_MAX, CONTROL_POLICY_MAX_CHARS,
    ENDPOINT_POLICY_MAX_CHARS, EXPLAINED_CONDITIONS_MAX, IDENTITY_POLICY_MAX_CHARS,
    KEY_POLICY_MAX_BYTES, TRUST_POLICY_MAX_CHARS,
};
use crate::outcomes::Witness;
use crate::principal::{Asker, NamedPrincipal, Partition};
use crate::statement::{Asked, Effect, Statement, StatementOutcome};
use crate::variable::Version;

/// A policy, compiled: made once when it is stored or loaded, evaluated for each request.
#[derive(Debug, Clone)]
pub struct Policy {
    version: Version,
    statements: Box<[Statement]>,
    digest: PolicyDigest,
}

/// Who wants to do what to which key.
#[derive(Clone, Copy)]
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
    /// same verdict and needs its own account's permission as well, which
    /// [`decide`](crate::decide) demands.
    pub resource_account: AccountId,
    /// The unique id of the caller's user or role (`AIDA…`, `AROA…`), if it has one; for a
    /// federated user that of the user who made the session. An entry of a policy that was bound
    /// to a unique id fits no other.
    pub unique_id: Option<&'a str>,
    /// The request's condition keys.
    pub context: &'a dyn Context,
}

/// Of which kind a document is: which elements it may have and which size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    /// A key policy: has principals.
    Key,
    /// A role's trust policy: has principals and no resources.
    Trust,
    /// An identity policy, permissions boundary or session policy: has no principals, so that
    /// each statement is about the caller.
    Identity,
    /// A service control policy: like an identity policy.
    ServiceControl,
    /// A resource control policy: its principal is `*`, and it can only deny.
    ResourceControl,
    /// The policy of an endpoint: has principals, like a key policy.
    Endpoint,
}

impl PolicyKind {
    /// The largest document: bytes for a key policy, for the others characters that are not
    /// white space.
    pub fn max_size(self) -> usize {
        match self {
            Self::Key => KEY_POLICY_MAX_BYTES,
            Self::Trust => TRUST_POLICY_MAX_CHARS,
            Self::Identity => IDENTITY_POLICY_MAX_CHARS,
            Self::ServiceControl | Self::ResourceControl => CONTROL_POLICY_MAX_CHARS,
            Self::Endpoint => ENDPOINT_POLICY_MAX_CHARS,
        }
    }
}

/// How a statement names a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Named {
    /// By its own ARN: a user, a session of a role, a federated user, a service; also an
    /// account's root user by the account's ARN.
    Principal,
    /// By the ARN of the role of which it is a session, or of the user who made its federated
    /// session.
    Role,
    /// As everyone, or by not being excepted.
    Everyone,
    /// By its account: a delegation to the account's identity policies.
    Account,
}

impl Named {
    /// What gives most first: a role's boundary and session policies limit what its ARN is given,
    /// and not what everyone is given.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Principal => 0,
            Self::Everyone => 1,
            Self::Role => 2,
            Self::Account => 3,
        }
    }
}

/// What a key policy says. `statement` counts from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A Deny statement applies; nothing outweighs it.
    Denied {
        /// The first such statement.
        statement: usize,
    },
    /// An Allow statement applies. When several do, the one that gives most:
    /// itself, then everyone, then its role, then its account.
    Allowed {
        /// The first such statement.
        statement: usize,
        /// How it names the caller.
        named: Named,
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
    /// The condition that does not hold, when that is the outcome and the explanation has room
    /// for it.
    pub condition: Option<ConditionTrace>,
}

impl Policy {
    /// Compiles a document. Users and roles among its principals fit by name; see
    /// [`Self::compile_bound`].
    ///
    /// Errors: see [`PolicyErrorKind`].
    pub fn compile(kind: PolicyKind, document: &str) -> Result<Self, PolicyError> {
        let (version, statements) =
            document::read_policy(kind, document).map_err(|error| error.of(kind))?;
        Ok(Self {
            version,
            statements,
            digest: PolicyDigest::of::<&str, &str>(kind, document, &[]),
        })
    }

    /// Compiles a document whose users and roles were looked up when it was stored: `bound` are
    /// their ARNs, as the document writes them, and unique ids. Such an entry fits a caller of
    /// that name only with that [`Request::unique_id`].
    ///
    /// Errors: see [`PolicyErrorKind`].
    pub fn compile_bound<A: AsRef<str>, U: AsRef<str>>(
        kind: PolicyKind,
        document: &str,
        bound: &[(A, U)],
    ) -> Result<Self, PolicyError> {
        let mut policy = Self::compile(kind, document)?;
        policy.digest = PolicyDigest::of(kind, document, bound);
        let named: Vec<(NamedPrincipal, &str)> = bound
            .iter()
            .filter_map(|(arn, id)| {
                Some((
                    NamedPrincipal::parse_principal_arn(arn.as_ref())?,
                    id.as_ref(),
                ))
            })
            .collect();
        let entries = policy.statements.iter_mut();
        for entry in entries.flat_map(|statement| statement.principals.entries.iter_mut()) {
            if let Some((_, id)) = named.iter().find(|(named, _)| named == entry) {
                entry.bind(id);
            }
        }
        Ok(policy)
    }

    /// The policy that allows everything to everyone: what AWS attaches to every level of an
    /// organisation as `FullAWSAccess` and `RCPFullAWSAccess`, and to an endpoint without policy.
    pub fn allow_all() -> Self {
        Self {
            version: Version::V2012,
            statements: Box::new([Statement::allow_all()]),
            digest: PolicyDigest::ALLOW_ALL,
        }
    }

    /// Which document it is, and whom its principals were bound to.
    pub fn digest(&self) -> PolicyDigest {
        self.digest
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The document's `Version`.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Evaluates the policy. Allocates nothing. In a partition that does not exist nothing
    /// matches.
    pub fn evaluate(&self, request: &Request<'_>) -> Verdict {
        self.evaluate_before(request, &mut ())
    }

    /// The same; tells what becomes of each statement.
    pub(crate) fn evaluate_before<W: Witness>(
        &self,
        request: &Request<'_>,
        witness: &mut W,
    ) -> Verdict {
        let mut buffer = [0; ACTION_BUFFER_BYTES];
        let action = lower_case(request.action, &mut buffer);
        let metered = Metered::new(request.context);
        let asked = asked(request, &action, &metered);
        metered.bounded(asked.map_or(Verdict::NotMatched, |asked| self.decide(&asked, witness)))
    }

    /// Evaluates a trust policy for an identity that a provider vouched for and that has no
    /// credentials yet. `provider` is the provider's ARN; `request.principal` is not looked at.
    /// Only a `Federated` entry of exactly that text allows; a Deny for everyone denies too.
    pub fn evaluate_web_identity(&self, provider: &str, request: &Request<'_>) -> Verdict {
        let mut buffer = [0; ACTION_BUFFER_BYTES];
        let action = lower_case(request.action, &mut buffer);
        let metered = Metered::new(request.context);
        let asked = asked(request, &action, &metered);
        metered.bounded(asked.map_or(Verdict::NotMatched, |asked| {
            self.decide(&asked.vouched_by(provider), &mut ())
        }))
    }

    fn decide<W: Witness>(&self, asked: &Asked<'_>, witness: &mut W) -> Verdict {
        let mut best: Option<(usize, Named)> = None;
        for (index, statement) in self.statements.iter().enumerate() {
            let outcome = statement.outcome(asked);
            witness.outcome(statement.effect, outcome);
            let StatementOutcome::Matched(named) = outcome else {
                continue;
            };
            if statement.effect == Effect::Deny {
                return Verdict::Denied { statement: index };
            }
            if best.is_none_or(|(_, so_far)| named.rank() < so_far.rank()) {
                best = Some((index, named));
            }
        }
        match best {
            Some((statement, named)) => Verdict::Allowed { statement, named },
            None => Verdict::NotMatched,
        }
    }

    /// Tells for each statement, in order, whether it applies and if not, why not. Empty in a
    /// partition that does not exist. Allocates: for explanations, not for decisions.
    pub fn explain(&self, request: &Request<'_>) -> Vec<StatementTrace> {
        self.explain_within(request, &mut { EXPLAINED_CONDITIONS_MAX })
    }

    /// The same; takes the conditions that it repeats from `conditions_left`.
    pub(crate) fn explain_within(
        &self,
        request: &Request<'_>,
        conditions_left: &mut usize,
    ) -> Vec<StatementTrace> {
        let mut buffer = [0; ACTION_BUFFER_BYTES];
        let action = lower_case(request.action, &mut buffer);
        let metered = Metered::new(request.context);
        let asked = asked(request, &action, &metered);
        asked.map_or_else(Vec::new, |asked| {
            self.traces(&asked, request.context, conditions_left)
        })
    }

    /// As [`Self::explain`], of what [`Self::evaluate_web_identity`] decides.
    pub fn explain_web_identity(
        &self,
        provider: &str,
        request: &Request<'_>,
    ) -> Vec<StatementTrace> {
        let mut buffer = [0; ACTION_BUFFER_BYTES];
        let action = lower_case(request.action, &mut buffer);
        let metered = Metered::new(request.context);
        let asked = asked(request, &action, &metered);
        asked.map_or_else(Vec::new, |asked| {
            let mut conditions_left = EXPLAINED_CONDITIONS_MAX;
            let asked = asked.vouched_by(provider);
            self.traces(&asked, request.context, &mut conditions_left)
        })
    }

    fn traces(
        &self,
        asked: &Asked<'_>,
        context: &dyn Context,
        conditions_left: &mut usize,
    ) -> Vec<StatementTrace> {
        let trace = |(index, statement): (usize, &Statement)| {
            let outcome = statement.outcome(asked);
            let failed = match outcome {
                StatementOutcome::ConditionNotMet { condition } if *conditions_left > 0 => {
                    *conditions_left -= 1;
                    statement.conditions.get(condition)
                }
                _ => None,
            };
            StatementTrace {
                statement: index,
                sid: statement.sid.clone(),
                effect: statement.effect,
                outcome,
                condition: failed.map(|failed| failed.trace(context)),
            }
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

/// A context that is asked so often and no more: what a policy of few bytes can ask of a request
/// of few bytes is their product.
struct Metered<'a> {
    context: &'a dyn Context,
    left: Cell<u32>,
}

impl<'a> Metered<'a> {
    fn new(context: &'a dyn Context) -> Self {
        let left = Cell::new(CONTEXT_QUESTIONS_MAX);
        Self { context, left }
    }

    /// The verdict; a denial when the policy asked more than it may.
    fn bounded(&self, verdict: Verdict) -> Verdict {
        match self.left.get() {
            0 => Verdict::Denied { statement: 0 },
            _ => verdict,
        }
    }
}

impl Context for Metered<'_> {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        let left = self.left.get().saturating_sub(1);
        self.left.set(left);
        match left {
            0 => Presence::Absent,
            _ => self.context.values(key, each),
        }
    }
}

fn asked<'a>(
    request: &Request<'a>,
    action: &'a str,
    context: &'a dyn Context,
) -> Option<Asked<'a>> {
    let partition = Partition::parse(request.partition)?;
    Some(Asked {
        asker: Asker::new(request.principal, request.unique_id, partition),
        action,
        resource: request.resource,
        context,
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
