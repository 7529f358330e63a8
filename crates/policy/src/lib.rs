//! Policy documents: parse, compile, evaluate with reasons. No I/O.
//!
//! A [`Policy`] is compiled once from its JSON text and answers [`Request`]s with a
//! [`Verdict`]:
//!
//! 1. A Deny statement that applies wins over everything. A Deny that names an account applies
//!    to all its principals.
//! 2. Else an Allow statement that names the caller, its role or everyone allows directly, also a
//!    caller of another account.
//! 3. Else an Allow statement that names the caller's account allows if identity policies do.
//! 4. Else nothing is allowed. There is no other way to an Allow.
//!
//! A statement applies when its principals, its actions and its resources all fit and all its
//! conditions hold. In a key policy one without Action or without Resource is accepted, as by
//! AWS, and never applies.
//!
//! What all policies of a request say together is [`decide`]'s, and [`explain`] tells why.
//!
//! # Choices where AWS is silent or loose
//! - `NotPrincipal` goes with Deny only, and an entry exempts exactly whom it names directly:
//!   `…:root` exempts the root user, not the account's users and roles; a role exempts all its
//!   sessions. (IAM also wants the account, and for a session the role, listed beside the
//!   exempted principal; here that is allowed and not needed. At AWS such a Deny
//!   reaches everyone who has a permissions boundary, whoever is listed; here the list counts.)
//! - A user or role among the principals can be bound to its unique id
//!   ([`Policy::compile_bound`]); then the id decides and not the name.
//! - Action patterns are compared as whole texts, ASCII letters without case; an unknown action
//!   is a pattern like any other.
//! - What cannot be compared, such as a policy variable without a value or a text where a number
//!   is asked for, matches nothing, and under a negation it lets a Deny apply and an Allow not.
//! - A multi-valued key under an operator without `ForAllValues:` or `ForAnyValue:` is read as
//!   under `ForAnyValue:`. A key with an empty set of values is an absent key.
//! - An empty text is a value, also under `ForAllValues:`, where AWS takes it for an empty set.
//! - Policy variables work everywhere in a resource, at AWS behind the fifth colon; and nowhere
//!   in the values of numeric, date, boolean, binary, address and `Null` conditions, as the IAM
//!   User Guide says on variables (on condition operators it allows `Bool`).
//! - ARN conditions compare six fields; `*` alone fits every ARN.
//! - Refused although AWS may take them: empty lists of values in a `Condition`, ARN conditions of
//!   fewer than six fields with both a wildcard and a variable, more than is in [`limits`].
//! - Groups, unique ids of deleted principals and wildcards inside a principal are "invalid
//!   principals"; what is no ARN of a principal at all is an invalid ARN.
//!
//! Sources: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference";
//! KMS Developer Guide, "Key policies in AWS KMS".
#![forbid(unsafe_code)]

mod condition;
mod context;
mod decide;
mod default;
mod digest;
mod document;
mod element;
mod error;
mod evaluate;
mod explain;
mod json;
pub mod limits;
mod literal;
mod managed;
mod operator;
mod outcomes;
mod present;
mod principal;
mod shown;
mod statement;
mod variable;
mod wildcard;

pub use condition::ConditionTrace;
pub use context::{ConditionKey, Context, KnownKey, NoContext, Presence, Value};
pub use decide::{
    Basis, Case, Decision, Denial, Granted, Kind, Level, NamedPolicy, Place, decide, decide_noting,
};
pub use default::default_key_policy;
pub use digest::PolicyDigest;
pub use document::counted_chars;
pub use error::{PolicyError, PolicyErrorKind};
pub use evaluate::{Named, Policy, PolicyKind, Request, StatementTrace, Verdict};
pub use explain::{Explanation, Participant, explain};
pub use managed::ManagedKey;
pub use outcomes::{Outcomes, PolicyOutcomes};
pub use present::add_conditions;
pub use principal::{NamedPrincipal, Partition};
pub use shown::with_unique_ids;
pub use statement::{Effect, StatementOutcome};
pub use variable::Version;
