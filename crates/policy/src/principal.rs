//! The `Principal` element: who a statement is about.
//!
//! Every entry is taken apart when the policy is compiled, so that evaluation compares fields
//! and formats nothing. Source: IAM User Guide, "AWS JSON policy elements: Principal".

use std::fmt;

use keystead_types::{AccountId, Principal};

use crate::error::{PolicyError, PolicyErrorKind};
use crate::evaluate::Named;
use crate::statement::Effect;

/// A partition that exists. ARNs of other partitions are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Partition(&'static str);

impl Partition {
    /// Takes `aws`, `aws-cn` and so on. Source: botocore `partitions.json`.
    pub fn parse(text: &str) -> Option<Self> {
        const NAMES: [&str; 8] = [
            "aws",
            "aws-cn",
            "aws-us-gov",
            "aws-eusc",
            "aws-iso",
            "aws-iso-b",
            "aws-iso-e",
            "aws-iso-f",
        ];
        NAMES.into_iter().find(|name| *name == text).map(Self)
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One entry of a `Principal` or `NotPrincipal` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedPrincipal {
    /// `*`: everyone, of every account and partition.
    Everyone,
    /// An account: twelve digits (then no partition) or the `root` ARN.
    Account {
        /// Where the ARN lives; `None` for bare digits, which name the account in any partition.
        partition: Option<Partition>,
        /// The account.
        account: AccountId,
    },
    /// An IAM user.
    User {
        /// Where.
        partition: Partition,
        /// Whose.
        account: AccountId,
        /// Path without its leading slash, and name.
        name: Box<str>,
        /// The unique id (`AIDA…`) that the entry was bound to when the policy was stored. A
        /// bound entry fits no other user, of whatever name.
        unique_id: Option<Box<str>>,
    },
    /// A role, which stands for each of its sessions.
    Role {
        /// Where.
        partition: Partition,
        /// Whose.
        account: AccountId,
        /// Path without its leading slash, and name.
        name: Box<str>,
        /// The unique id (`AROA…`) that the entry was bound to, as for users.
        unique_id: Option<Box<str>>,
    },
    /// One session of a role.
    RoleSession {
        /// Where.
        partition: Partition,
        /// Whose.
        account: AccountId,
        /// The role's name, without path.
        role: Box<str>,
        /// The session's name.
        session: Box<str>,
    },
    /// A federated user.
    FederatedUser {
        /// Where.
        partition: Partition,
        /// Whose.
        account: AccountId,
        /// The user's name.
        name: Box<str>,
    },
    /// A service principal such as `s3.amazonaws.com`.
    Service {
        /// Its name.
        name: Box<str>,
    },
    /// An identity provider: the ARN of a provider of IAM, or a host name such as
    /// `accounts.google.com`. Fits only identities that it vouched for, which ask nothing but
    /// AssumeRoleWithWebIdentity: [`Policy::evaluate_web_identity`](crate::Policy).
    Federated {
        /// Compared as a whole and with case.
        provider: Box<str>,
    },
    /// An S3 canonical user: grammatical, and matches no caller.
    NoCaller,
}

/// The caller of a request, with what every comparison needs worked out once.
pub(crate) struct Asker<'a> {
    principal: &'a Principal,
    unique_id: Option<&'a str>,
    /// The provider of a web identity, which stands instead of the principal.
    provider: Option<&'a str>,
    account: Option<AccountId>,
    partition: Partition,
    /// The role's name without path; empty for other callers.
    role_name: &'a str,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(
        principal: &'a Principal,
        unique_id: Option<&'a str>,
        partition: Partition,
    ) -> Self {
        let role_name = match principal {
            Principal::RoleSession { role, .. } => last_segment(role),
            _ => "",
        };
        Self {
            principal,
            unique_id,
            provider: None,
            account: principal.account(),
            partition,
            role_name,
        }
    }

    /// An identity that a provider vouched for, before it has a role.
    pub(crate) fn vouched_by(mut self, provider: &'a str) -> Self {
        self.provider = Some(provider);
        self
    }

    fn is_of(&self, partition: Partition, account: AccountId) -> bool {
        self.account == Some(account) && self.partition == partition
    }
}

impl NamedPrincipal {
    /// How the entry names the caller, if it does.
    pub(crate) fn fit(&self, asker: &Asker<'_>, effect: Effect) -> Option<Named> {
        if let Some(provider) = asker.provider {
            return self.fit_web_identity(provider, effect);
        }
        let named = match self {
            Self::Everyone => return Some(Named::Everyone),
            Self::Account { partition, account } => {
                let partition = partition.unwrap_or(asker.partition);
                return match (asker.is_of(partition, *account), asker.principal) {
                    (false, _) => None,
                    (true, Principal::Root { .. }) => Some(Named::Principal),
                    (true, _) => Some(Named::Account),
                };
            }
            Self::Role { .. } => Named::Role,
            // What a user is given or denied, its federated users have within their limits.
            Self::User { .. } if matches!(asker.principal, Principal::FederatedUser { .. }) => {
                Named::Role
            }
            _ => Named::Principal,
        };
        self.is_caller(asker).then_some(named)
    }

    fn is_caller(&self, asker: &Asker<'_>) -> bool {
        let is_of = |partition: &Partition, account: &AccountId| asker.is_of(*partition, *account);
        // A bound entry goes by the id alone: whoever was renamed keeps what the policy gives it,
        // and a new bearer of the name gets nothing.
        let is_named =
            |name: &str, unique_id: &Option<Box<str>>, caller: &str| match unique_id.as_deref() {
                Some(id) => asker.unique_id == Some(id),
                None => *name == *caller,
            };
        match (self, asker.principal) {
            (
                Self::User {
                    partition,
                    account,
                    name,
                    unique_id,
                },
                Principal::User { name: caller, .. },
            )
            | (
                Self::Role {
                    partition,
                    account,
                    name,
                    unique_id,
                },
                Principal::RoleSession { role: caller, .. },
            ) => is_named(name, unique_id, caller) && is_of(partition, account),
            // The request's unique id is that of the user who made the session.
            (
                Self::User {
                    partition,
                    account,
                    unique_id: Some(id),
                    ..
                },
                Principal::FederatedUser { .. },
            ) => asker.unique_id == Some(&**id) && is_of(partition, account),
            (
                Self::FederatedUser {
                    partition,
                    account,
                    name,
                },
                Principal::FederatedUser { name: caller, .. },
            ) => **name == **caller && is_of(partition, account),
            (
                Self::RoleSession {
                    partition,
                    account,
                    role,
                    session,
                },
                Principal::RoleSession {
                    session: caller, ..
                },
            ) => **session == **caller && **role == *asker.role_name && is_of(partition, account),
            (Self::Service { name }, Principal::Service { name: caller }) => **name == **caller,
            _ => false,
        }
    }

    /// Only an entry that names the provider lets its identities in: `*` means callers with
    /// credentials. A Deny for everyone is for them too.
    fn fit_web_identity(&self, asker: &str, effect: Effect) -> Option<Named> {
        match self {
            Self::Federated { provider } if **provider == *asker => Some(Named::Principal),
            Self::Everyone if effect == Effect::Deny => Some(Named::Everyone),
            _ => None,
        }
    }

    /// Binds a user or role to its unique id; other entries stay as they are.
    pub(crate) fn bind(&mut self, id: &str) {
        if let Self::User { unique_id, .. } | Self::Role { unique_id, .. } = self {
            *unique_id = Some(id.into());
        }
    }

    /// The unique id that the entry is bound to.
    pub fn unique_id(&self) -> Option<&str> {
        match self {
            Self::User { unique_id, .. } | Self::Role { unique_id, .. } => unique_id.as_deref(),
            _ => None,
        }
    }

    /// The partition that the entry is written for, if it says so.
    pub fn partition(&self) -> Option<Partition> {
        match self {
            Self::Account { partition, .. } => *partition,
            Self::User { partition, .. }
            | Self::Role { partition, .. }
            | Self::RoleSession { partition, .. }
            | Self::FederatedUser { partition, .. } => Some(*partition),
            Self::Everyone | Self::Service { .. } | Self::Federated { .. } | Self::NoCaller => None,
        }
    }

    /// The account that the entry is about, if it is about one.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account { account, .. }
            | Self::User { account, .. }
            | Self::Role { account, .. }
            | Self::RoleSession { account, .. }
            | Self::FederatedUser { account, .. } => Some(*account),
            Self::Everyone | Self::Service { .. } | Self::Federated { .. } | Self::NoCaller => None,
        }
    }

    /// Takes the ARN of an account, user, role, role session or federated user, as a grant names
    /// its principals; `None` for every other text.
    pub fn parse_principal_arn(text: &str) -> Option<Self> {
        text.strip_prefix("arn:")?;
        Self::parse_aws(text).ok()
    }

    /// Takes a value of the `AWS` member: `*`, an account id, or an ARN of an account, user,
    /// role, role session or federated user. Wildcards inside an ARN are refused.
    pub(crate) fn parse_aws(text: &str) -> Result<Self, PolicyError> {
        if text == "*" {
            return Ok(Self::Everyone);
        }
        if let Ok(account) = AccountId::parse(text) {
            return Ok(Self::Account {
                partition: None,
                account,
            });
        }
        if is_unique_id(text) {
            return Err(invalid("a deleted user or role is no principal"));
        }
        let rest = text.strip_prefix("arn:").ok_or_else(bad_arn)?;
        if rest.contains(['*', '?']) {
            return Err(invalid("a principal's ARN takes no wildcards"));
        }
        Self::parse_arn(rest)
    }

    fn parse_arn(rest: &str) -> Result<Self, PolicyError> {
        let mut fields = rest.splitn(5, ':');
        let mut field = || fields.next().ok_or_else(bad_arn);
        let partition = Partition::parse(field()?).ok_or_else(bad_arn)?;
        let (service, region, account) = (field()?, field()?, field()?);
        let resource = field()?;
        let account = AccountId::parse(account).map_err(|_| bad_arn())?;
        if !region.is_empty() {
            return Err(bad_arn());
        }
        if (service, resource) == ("iam", "root") {
            return Ok(Self::Account {
                partition: Some(partition),
                account,
            });
        }
        let (kind, name) = resource.split_once('/').ok_or_else(bad_arn)?;
        match (service, kind) {
            ("iam", "group") => return Err(invalid("a group is never a principal")),
            ("iam", "user" | "role") if is_path_and_name(name) => {}
            ("sts", "federated-user") if is_name(name) => {}
            ("sts", "assumed-role") => {
                let (role, session) = name.split_once('/').ok_or_else(bad_arn)?;
                if !is_name(role) || !is_name(session) {
                    return Err(bad_arn());
                }
                return Ok(Self::RoleSession {
                    partition,
                    account,
                    role: role.into(),
                    session: session.into(),
                });
            }
            _ => return Err(bad_arn()),
        }
        let name = name.into();
        Ok(match kind {
            "user" => Self::User {
                partition,
                account,
                name,
                unique_id: None,
            },
            "role" => Self::Role {
                partition,
                account,
                name,
                unique_id: None,
            },
            _ => Self::FederatedUser {
                partition,
                account,
                name,
            },
        })
    }

    /// Takes a value of the `Federated` member: any text, compared as it is.
    pub(crate) fn parse_federated(text: &str) -> Self {
        let provider = text.into();
        Self::Federated { provider }
    }

    /// Takes a value of the `Service` member: a lower-case host name.
    pub(crate) fn parse_service(text: &str) -> Result<Self, PolicyError> {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let label = |label: &str| !label.is_empty() && label.bytes().all(letter);
        if text.contains('.') && text.split('.').all(label) {
            Ok(Self::Service { name: text.into() })
        } else {
            Err(invalid("a service principal looks like s3.amazonaws.com"))
        }
    }
}

fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// `[\w+=,.@-]+`. Source: IAM API reference, `UserName`, `RoleName`, `RoleSessionName`.
fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    !text.is_empty() && text.bytes().all(allowed)
}

/// A path of U+0021–U+007E and a name. Source: IAM API reference, `Path`.
fn is_path_and_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic()) && is_name(last_segment(text))
}

/// What AWS shows in place of the ARN of a user or role that was deleted.
/// Source: IAM User Guide, "IAM identifiers".
fn is_unique_id(text: &str) -> bool {
    let capital = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    (text.starts_with("AIDA") || text.starts_with("AROA"))
        && text.len() >= 16
        && text.bytes().all(capital)
}

fn bad_arn() -> PolicyError {
    PolicyError::new(
        PolicyErrorKind::InvalidArn,
        "a principal is neither *, an account id, nor the ARN of a principal",
    )
}

fn invalid(why: &'static str) -> PolicyError {
    PolicyError::new(PolicyErrorKind::InvalidPrincipals, why)
}
