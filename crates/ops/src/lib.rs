//! The KMS operations, one file each, in family folders. What a family shares is in its `mod.rs`.
#![forbid(unsafe_code)]

pub mod aliases;
pub mod crypto;
pub mod grants;
pub mod keys;
pub mod material;
pub mod policy;
pub mod regions;
pub mod rotation;
pub mod tags;

pub use aliases::{CreateAlias, DeleteAlias, ListAliases, UpdateAlias};
pub use crypto::{
    Decapsulate, Decrypt, DeriveSharedSecret, Encapsulate, Encrypt, GenerateDataKey,
    GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext, GenerateDataKeyWithoutPlaintext,
    GenerateMac, GenerateRandom, ReEncrypt, Sign, Verify, VerifyMac,
};
pub use grants::{CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant};
pub use keys::{
    CancelKeyDeletion, CreateKey, DescribeKey, DisableKey, EnableKey, GetKeyLastUsage,
    GetPublicKey, ListKeys, ScheduleKeyDeletion, UpdateKeyDescription,
};
pub use material::{DeleteImportedKeyMaterial, GetParametersForImport, ImportKeyMaterial};
pub use policy::{GetKeyPolicy, ListKeyPolicies, PutKeyPolicy};
pub use regions::{ReplicateKey, UpdatePrimaryRegion};
pub use rotation::{
    DisableKeyRotation, EnableKeyRotation, GetKeyRotationStatus, ListKeyRotations,
    RotateKeyOnDemand,
};
pub use tags::{ListResourceTags, TagResource, UntagResource};
