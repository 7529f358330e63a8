//! ML-KEM (FIPS 203). Key material is the 64-byte seed `d || z`.

use std::sync::Arc;

use keystead_types::{KeySpec, Plaintext};
use keystead_wall::Refusal;
use zeroize::Zeroizing;

use crate::arena::Arena;
use crate::gaps::MlKemKey;
use crate::halt;
use crate::limits::{ML_KEM_SEED_BYTES, ml_kem_ciphertext_bytes};
use crate::material::Fresh;

/// Makes a key.
///
/// Refusals: `UnsupportedSpec`.
pub(crate) fn generate(spec: KeySpec, arena: &Arc<Arena>) -> Result<Fresh, Refusal> {
    ciphertext_bytes(spec)?;
    let mut fresh = Fresh::random(arena, ML_KEM_SEED_BYTES);
    fresh.public_key = Some(public_key(spec, fresh.bytes.expose())?);
    Ok(fresh)
}

/// The public key as DER SubjectPublicKeyInfo (RFC 9935): 800, 1184 or 1568 bytes and 22.
///
/// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (not 64 bytes).
pub(crate) fn public_key(spec: KeySpec, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    Ok(parse(spec, bytes)?.public_key().unwrap_or_else(|_| halt()))
}

/// The private key as unencrypted DER PKCS#8 in seed form (RFC 9935), 86 bytes.
///
/// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (not 64 bytes).
pub(crate) fn pkcs8(spec: KeySpec, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    Ok(parse(spec, bytes)?.pkcs8().unwrap_or_else(|_| halt()))
}

/// Makes a 32-byte secret. Gives the ciphertext (768, 1088 or 1568 bytes) and the secret.
///
/// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (not 64 bytes).
pub(crate) fn encapsulate(spec: KeySpec, bytes: &[u8]) -> Result<(Vec<u8>, Plaintext), Refusal> {
    Ok(parse(spec, bytes)?.encapsulate().unwrap_or_else(|_| halt()))
}

/// The 32-byte secret in a ciphertext. One that was not made for the key gives a secret too, which
/// nobody else knows (implicit rejection).
///
/// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (not 64 bytes), `InvalidCiphertext` (wrong
/// length).
pub(crate) fn decapsulate(
    spec: KeySpec,
    bytes: &[u8],
    ciphertext: &[u8],
) -> Result<Plaintext, Refusal> {
    if ciphertext.len() != ciphertext_bytes(spec)? {
        return Err(Refusal::InvalidCiphertext);
    }
    let secret = parse(spec, bytes)?.decapsulate(ciphertext);
    Ok(secret.unwrap_or_else(|_| halt()))
}

fn parse(spec: KeySpec, bytes: &[u8]) -> Result<MlKemKey, Refusal> {
    ciphertext_bytes(spec)?;
    let seed = bytes.try_into().map_err(|_| Refusal::WrappedKeyDamaged)?;
    Ok(MlKemKey::from_seed(spec, seed).unwrap_or_else(|_| halt()))
}

fn ciphertext_bytes(spec: KeySpec) -> Result<usize, Refusal> {
    ml_kem_ciphertext_bytes(spec).ok_or(Refusal::UnsupportedSpec)
}

#[cfg(test)]
mod tests;
