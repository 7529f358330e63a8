//! Who is asking.

use std::fmt;
use std::sync::Arc;

use crate::AccountId;

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
}
