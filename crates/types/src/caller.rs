//! Who is asking.

use std::fmt;
use std::sync::Arc;

use crate::{AccountId, Timestamp};

/// An access key id as it stands in a credential scope; 1–128 characters, cheap to clone.
pub type AccessKeyId = Arc<str>;

/// An authenticated identity, or one that a policy names. ARNs print as AWS prints them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// The root user of an account: `arn:<partition>:iam::<account>:root`.
    Root {
        /// The account.
        account: AccountId,
    },
    /// An IAM user: `arn:<partition>:iam::<account>:user/<path and name>`.
    User {
        /// The user's account.
        account: AccountId,
        /// Path without its leading slash, and name: `team/alice`.
        name: Arc<str>,
    },
    /// A session of a role: `arn:<partition>:sts::<account>:assumed-role/<role name>/<session>`.
    RoleSession {
        /// The role's account.
        account: AccountId,
        /// The role's path without its leading slash, and name: `service/worker`.
        role: Arc<str>,
        /// The session's name.
        session: Arc<str>,
    },
    /// A federated user: `arn:<partition>:sts::<account>:federated-user/<name>`.
    FederatedUser {
        /// The account that federated the user.
        account: AccountId,
        /// The user's name.
        name: Arc<str>,
    },
    /// A service principal such as `s3.amazonaws.com`.
    Service {
        /// The principal's name.
        name: Arc<str>,
    },
}

impl Principal {
    /// The account of the principal; services have none.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Root { account }
            | Self::User { account, .. }
            | Self::RoleSession { account, .. }
            | Self::FederatedUser { account, .. } => Some(*account),
            Self::Service { .. } => None,
        }
    }

    /// The ARN as AWS prints it in messages and audit records; a service prints its name.
    pub fn arn<'a>(&'a self, partition: &'a str) -> PrincipalArn<'a> {
        PrincipalArn {
            principal: self,
            partition,
        }
    }
}

/// Prints a [`Principal`] as an ARN of a partition.
pub struct PrincipalArn<'a> {
    principal: &'a Principal,
    partition: &'a str,
}

impl fmt::Display for PrincipalArn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partition = self.partition;
        match self.principal {
            Principal::Root { account } => write!(f, "arn:{partition}:iam::{account}:root"),
            Principal::User { account, name } => {
                write!(f, "arn:{partition}:iam::{account}:user/{name}")
            }
            Principal::RoleSession {
                account,
                role,
                session,
            } => {
                let role = role.rsplit('/').next().unwrap_or_default();
                write!(
                    f,
                    "arn:{partition}:sts::{account}:assumed-role/{role}/{session}"
                )
            }
            Principal::FederatedUser { account, name } => {
                write!(f, "arn:{partition}:sts::{account}:federated-user/{name}")
            }
            Principal::Service { name } => f.write_str(name),
        }
    }
}

/// An authenticated caller: what the signature proved.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// The account that the request counts for.
    pub account: AccountId,
    /// The access key that signed.
    pub access_key_id: AccessKeyId,
    /// The unique id of the user or role (`AIDA…`, `AROA…`); none for root users, federated users
    /// and services.
    pub unique_id: Option<Arc<str>>,
    /// Present for temporary credentials.
    pub session: Option<Arc<SessionContext>>,
}

impl Caller {
    /// A caller with a long-term credential that has no unique id: a root user or a service.
    pub fn plain(principal: Principal, account: AccountId, access_key_id: AccessKeyId) -> Self {
        Self {
            principal,
            account,
            access_key_id,
            unique_id: None,
            session: None,
        }
    }
}

/// What temporary credentials say of their session. Everything in it was checked when the
/// session began, and cannot be changed by its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionContext {
    /// When it began.
    pub issued: Timestamp,
    /// From this moment on it is over.
    pub expires: Timestamp,
    /// When the holder proved a second factor, if it did.
    pub mfa_at: Option<Timestamp>,
    /// `SourceIdentity`, set once at the beginning of a chain of roles.
    pub source_identity: Option<Arc<str>>,
    /// The provider that vouched for a web identity: its issuer without scheme.
    pub federated_provider: Option<Arc<str>>,
    /// What it vouched for, by condition key: `accounts.example.com:aud`.
    pub claims: Vec<(Box<str>, Box<str>)>,
    /// Session tags: keys (unique without case) and values, in the order given.
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// Those of the tags that go on to the next role of a chain, by key.
    pub transitive_tags: Vec<Box<str>>,
    /// How many roles the chain has before this one; 0 for a role assumed with a user's keys.
    pub chain_length: u32,
    /// The services through which a forward access session goes, the first called first:
    /// `s3.amazonaws.com`. Empty for sessions that the caller uses itself.
    pub via: Vec<Arc<str>>,
    /// Of a federated user: the user that federated it, as it is called now. `None` for one of the
    /// root user, and for all others.
    pub federated_by: Option<FederatingUser>,
}

/// The user behind a federated user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatingUser {
    /// Its unique id: `AIDA…`.
    pub unique_id: Arc<str>,
    /// Path without its leading slash, and name: `team/alice`.
    pub name: Arc<str>,
}

impl SessionContext {
    /// A session from one moment to another, with nothing else to say.
    pub fn plain(issued: Timestamp, expires: Timestamp) -> Self {
        Self {
            issued,
            expires,
            mfa_at: None,
            source_identity: None,
            federated_provider: None,
            claims: Vec::new(),
            tags: Vec::new(),
            transitive_tags: Vec::new(),
            chain_length: 0,
            via: Vec::new(),
            federated_by: None,
        }
    }
}
