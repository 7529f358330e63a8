//! What a wrapped key is bound to.

use keystead_types::{AccountId, KeyId, KeySpec, KeyUsage, MaterialId, Origin, Region};

/// Everything that the HSM authenticates together with a wrapped key, so that a compromised
/// front end can neither swap nor mix nor repurpose keys. Its canonical bytes are the associated
/// data of the wrapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBinding {
    /// The Region, whose domain key wraps the material.
    pub region: Region,
    /// The owner.
    pub account: AccountId,
    /// The KMS key.
    pub key_id: KeyId,
    /// What kind of material it is.
    pub spec: KeySpec,
    /// What it may be used for.
    pub usage: KeyUsage,
    /// Where it came from.
    pub origin: Origin,
    /// Which version of the key's material.
    pub material_id: MaterialId,
}

/// Key material encrypted under a domain key: version byte, domain key id, nonce, ciphertext and
/// tag. Opaque outside the HSM process and of no use without it; layout in
/// `docs/formats/wrapped-key.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey(pub Vec<u8>);
