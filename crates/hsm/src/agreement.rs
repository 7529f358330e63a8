//! Secrets that are agreed on with another side: ECDH and ML-KEM.

use keystead_types::{KeySpec, KeyUsage, Plaintext};
use keystead_wall::{KeyBinding, KeyHandle, Refusal, Reply};

use crate::core::Core;
use crate::limits::{BLOB_MAX_BYTES, PUBLIC_KEY_MAX_BYTES};
use crate::parsed::Parsed;
use crate::{ml_kem, sm2, wrapping};

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
    if key.binding.spec == KeySpec::Sm2 {
        let material = wrapping::unwrap_material(&core.domains, &core.arena, key)?;
        return sm2::derive(material.expose(), public_key);
    }
    match &*core.parsed(key)? {
        Parsed::EcAgreement(key) => key.derive(public_key),
        _ => Err(Refusal::WrongUsage),
    }
}

/// ML-KEM encapsulation under the key's own public key.
///
/// Refusals: `WrongUsage`, `WrappedKeyDamaged`, `DomainMissing`.
pub(crate) fn encapsulate(core: &Core, key: KeyHandle<'_>) -> Result<Reply, Refusal> {
    check(key.binding, KeyUsage::EncapsulateDecapsulate)?;
    let material = wrapping::unwrap_material(&core.domains, &core.arena, key)?;
    let (ciphertext, secret) = ml_kem::encapsulate(key.binding.spec, material.expose())?;
    Ok(Reply::Encapsulated { ciphertext, secret })
}

/// ML-KEM decapsulation; a ciphertext of the right length that is not for the key gives an
/// unrelated secret (FIPS 203, implicit rejection).
///
/// Refusals: `WrongUsage`, `InvalidCiphertext` (length), `WrappedKeyDamaged`, `DomainMissing`.
pub(crate) fn decapsulate(
    core: &Core,
    key: KeyHandle<'_>,
    ciphertext: &[u8],
) -> Result<Plaintext, Refusal> {
    check(key.binding, KeyUsage::EncapsulateDecapsulate)?;
    if ciphertext.len() > BLOB_MAX_BYTES {
        return Err(Refusal::InvalidCiphertext);
    }
    let material = wrapping::unwrap_material(&core.domains, &core.arena, key)?;
    ml_kem::decapsulate(key.binding.spec, material.expose(), ciphertext)
}

/// The second lock.
fn check(binding: &KeyBinding, usage: KeyUsage) -> Result<(), Refusal> {
    match binding.usage == usage && binding.spec.allows(usage) {
        true => Ok(()),
        false => Err(Refusal::WrongUsage),
    }
}
