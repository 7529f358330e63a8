//! What is stored about accounts and their identities. Source of the shapes: IAM model, `User`,
//! `Role`, `Group`, `Policy`, `AccessKeyMetadata`.
//!
//! One record for each entity, with everything that hangs on it: its inline policies, the ARNs of
//! the managed policies attached to it, a user's access keys. What hangs together changes
//! together.

use std::fmt;

use keystead_types::{AccountId, Timestamp};

use crate::layout::{IdentityKind, IdentityPlace};

/// Keys and values of tags, in the order in which they were added; keys unique without case.
pub type Tags = Vec<(String, String)>;

/// A policy that belongs to one user, group or role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlinePolicy {
    /// Its name, unique in its owner.
    pub name: String,
    /// The document as it was sent.
    pub document: String,
}

/// The policies of a user, group or role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicySet {
    /// Inline ones, in order of their names.
    pub inline: Vec<InlinePolicy>,
    /// ARNs of attached managed policies, in the order of their attachment.
    pub attached: Vec<String>,
}

/// An account. Accounts without a record exist too, with nothing in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// The account.
    pub account: AccountId,
    /// Its alias, unique among all accounts.
    pub alias: Option<String>,
    /// When it was first written.
    pub created: Timestamp,
}

/// An IAM user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The account.
    pub account: AccountId,
    /// The name, unique in the account without case.
    pub name: String,
    /// The path: `/` or `/team/`.
    pub path: String,
    /// `AIDA…`, never used again.
    pub unique_id: String,
    /// When it was created.
    pub created: Timestamp,
    /// Its tags.
    pub tags: Tags,
    /// Its policies.
    pub policies: PolicySet,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// Names of its groups, in the order of joining.
    pub groups: Vec<String>,
    /// Its access keys, at most two.
    pub access_keys: Vec<AccessKeyRecord>,
}

/// An access key of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKeyRecord {
    /// `AKIA…`
    pub id: String,
    /// Whether it may sign.
    pub active: bool,
    /// When it was created.
    pub created: Timestamp,
    /// The secret, sealed by the HSM process.
    pub sealed_secret: Vec<u8>,
}

impl fmt::Debug for AccessKeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeyRecord")
            .field("id", &self.id)
            .field("active", &self.active)
            .field("created", &self.created)
            .field("sealed_secret", &super::Sealed(self.sealed_secret.len()))
            .finish()
    }
}

/// An IAM group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRecord {
    /// The account.
    pub account: AccountId,
    /// The name, unique in the account without case.
    pub name: String,
    /// The path.
    pub path: String,
    /// `AGPA…`
    pub unique_id: String,
    /// When it was created.
    pub created: Timestamp,
    /// Its policies.
    pub policies: PolicySet,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRecord {
    /// The account.
    pub account: AccountId,
    /// The name, unique in the account without case.
    pub name: String,
    /// The path.
    pub path: String,
    /// `AROA…`
    pub unique_id: String,
    /// When it was created.
    pub created: Timestamp,
    /// Its description.
    pub description: Option<String>,
    /// The trust policy as it was sent.
    pub trust: String,
    /// Unique ids to which the users and roles in the trust policy were bound when it was stored:
    /// ARN and id.
    pub trusted_ids: Vec<(String, String)>,
    /// The longest session, seconds; 3,600–43,200.
    pub max_session_seconds: u32,
    /// Its tags.
    pub tags: Tags,
    /// Its policies.
    pub policies: PolicySet,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
}

/// A customer managed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRecord {
    /// The account.
    pub account: AccountId,
    /// The name, unique in the account without case.
    pub name: String,
    /// The path.
    pub path: String,
    /// `ANPA…`
    pub unique_id: String,
    /// When it was created.
    pub created: Timestamp,
    /// When its versions last changed.
    pub updated: Timestamp,
    /// Its description.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Its versions, oldest first, at most five; the default one is among them.
    pub versions: Vec<PolicyVersionRecord>,
    /// Number of the default version: `v1` is 1.
    pub default_version: u32,
    /// Number of the newest version there ever was.
    pub last_version: u32,
}

/// A version of a managed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersionRecord {
    /// Its number.
    pub number: u32,
    /// The document as it was sent.
    pub document: String,
    /// When it was created.
    pub created: Timestamp,
}

/// An OIDC identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRecord {
    /// The account.
    pub account: AccountId,
    /// The issuer without scheme: `accounts.example.com/path`.
    pub url: String,
    /// Audiences.
    pub client_ids: Vec<String>,
    /// SHA-1 thumbprints in hex, as IAM keeps them.
    pub thumbprints: Vec<String>,
    /// When it was created.
    pub created: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

/// Any of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityRecord {
    /// An account.
    Account(AccountRecord),
    /// A user.
    User(UserRecord),
    /// A group.
    Group(GroupRecord),
    /// A role.
    Role(RoleRecord),
    /// A managed policy.
    Policy(PolicyRecord),
    /// An OIDC provider.
    Provider(ProviderRecord),
}

impl IdentityRecord {
    /// Where it stands.
    pub fn place(&self) -> IdentityPlace {
        let (kind, account, name) = match self {
            Self::Account(one) => (IdentityKind::Account, one.account, ""),
            Self::User(one) => (IdentityKind::User, one.account, one.name.as_str()),
            Self::Group(one) => (IdentityKind::Group, one.account, one.name.as_str()),
            Self::Role(one) => (IdentityKind::Role, one.account, one.name.as_str()),
            Self::Policy(one) => (IdentityKind::Policy, one.account, one.name.as_str()),
            Self::Provider(one) => (IdentityKind::Provider, one.account, one.url.as_str()),
        };
        IdentityPlace::new(kind, account, name)
    }
}

/// When an access key or a role was last used: a summary that may be some minutes behind.
/// Source of the shape: IAM model, `AccessKeyLastUsed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUseRecord {
    /// When.
    pub at: Timestamp,
    /// The signing name of the service: `kms`.
    pub service: String,
    /// The Region of the signature.
    pub region: String,
}
