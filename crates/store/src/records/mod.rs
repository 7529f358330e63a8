//! What is stored about keys, aliases and credentials.
//!
//! Every record is written as one version byte and then its fields
//! (`docs/formats/store.md`). Decoding refuses unknown
//! versions and damaged bytes with [`StoreError::Corrupt`](crate::StoreError::Corrupt).

mod grant;
mod identity;
mod key;
mod usage;
mod wire;

use std::fmt;

use keystead_types::{AccountId, AliasName, KeyId, Timestamp};

pub use grant::{GrantConstraints, GrantParty, GrantRecord, id_digest};
pub use identity::{
    AccessKeyRecord, AccountRecord, GroupRecord, IdentityRecord, InlinePolicy, LastUseRecord,
    PolicyRecord, PolicySet, PolicyVersionRecord, ProviderRecord, RoleRecord, Tags, UserRecord,
};
pub use key::{
    Deletion, Import, KeyRecord, Material, MaterialState, MultiRegion, MultiRegionRole, Replica,
    Rotation, RotationSetting, WrappedKeyBytes,
};
pub use usage::UsageRecord;

/// An alias: a name of an account that points to one of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasRecord {
    /// The name, `alias/` included; unique in its account.
    pub name: AliasName,
    /// The owner of the alias and of the key.
    pub account: AccountId,
    /// The key that it points to.
    pub target: KeyId,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last pointed to a key.
    pub updated: Timestamp,
}

/// An access key: whose it is and its secret, sealed by the HSM process.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialRecord {
    /// The account whose root user it authenticates.
    pub account: AccountId,
    /// The secret access key, encrypted; of no use without the HSM process.
    pub sealed_secret: Vec<u8>,
    /// When it was created.
    pub created: Timestamp,
}

impl fmt::Debug for CredentialRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialRecord")
            .field("account", &self.account)
            .field("sealed_secret", &Sealed(self.sealed_secret.len()))
            .field("created", &self.created)
            .finish()
    }
}

/// Prints as the number of bytes that are not shown.
struct Sealed(usize);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sealed bytes", self.0)
    }
}
