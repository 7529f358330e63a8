//! The KMS operations, one file each, in family folders. What a family shares is in its `mod.rs`.
#![forbid(unsafe_code)]

pub mod aliases;
pub mod crypto;
pub mod keys;
pub mod policy;
pub mod rotation;
pub mod tags;

use keystead_types::{Fault, FaultKind};

pub use aliases::{CreateAlias, DeleteAlias, ListAliases, UpdateAlias};
pub use crypto::{
    Decrypt, Encrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateRandom, ReEncrypt,
};
pub use keys::{
    CancelKeyDeletion, CreateKey, DescribeKey, DisableKey, EnableKey, ListKeys,
    ScheduleKeyDeletion, UpdateKeyDescription,
};
pub use policy::{GetKeyPolicy, ListKeyPolicies, PutKeyPolicy};
pub use rotation::{
    DisableKeyRotation, EnableKeyRotation, GetKeyRotationStatus, ListKeyRotations,
    RotateKeyOnDemand,
};
pub use tags::{ListResourceTags, TagResource, UntagResource};

/// Refuses grant tokens: no grants exist yet, so no token is one of ours.
fn check_grant_tokens(tokens: Option<&Vec<String>>) -> Result<(), Fault> {
    if tokens.is_none_or(Vec::is_empty) {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::InvalidGrantToken,
        "The grant token is not valid.",
    ))
}
