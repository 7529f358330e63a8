//! What a wrapped key is bound to.

use keystead_types::{AccountId, KeyId, KeySpec, KeyUsage, MaterialId, Origin, Region};

use crate::codec::ProtocolError;
use crate::codec::wire::{Reader, Sink, put_account, put_key_id, put_region};

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

/// Version of the canonical form.
const BINDING_VERSION: u8 = 1;

impl KeyBinding {
    /// Appends the one byte form of the binding, the associated data of the wrapping: version,
    /// Region (length and name), account, key id, spec, usage, origin, material id. Two bindings
    /// have the same form only if they are equal. Layout in `docs/formats/wall.md`.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        self.write(out);
    }

    pub(crate) fn write(&self, out: &mut impl Sink) {
        out.put(&[BINDING_VERSION]);
        put_region(out, &self.region);
        put_account(out, self.account);
        put_key_id(out, &self.key_id);
        out.put(&[self.spec.code(), self.usage.code(), self.origin.code()]);
        out.put(&self.material_id.0);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ProtocolError> {
        if reader.u8()? != BINDING_VERSION {
            return Err(ProtocolError::WrongVersion);
        }
        Ok(Self {
            region: reader.region()?,
            account: reader.account()?,
            key_id: reader.key_id()?,
            spec: reader.code(KeySpec::from_code)?,
            usage: reader.code(KeyUsage::from_code)?,
            origin: reader.code(Origin::from_code)?,
            material_id: reader.hex32()?,
        })
    }
}
