//! Key material of every spec in the one form in which it is wrapped; the forms are in
//! `docs/formats/wrapped-key.md`.

use std::ops::RangeInclusive;
use std::sync::Arc;

use keystead_types::KeySpec;
use keystead_wall::Refusal;
use zeroize::Zeroizing;

use crate::arena::{Arena, KeyMaterial};
use crate::limits::{
    AES_256_KEY_BYTES, ED25519_SEED_BYTES, HMAC_KEY_MAX_BYTES, ML_DSA_SEED_BYTES,
    ML_KEM_SEED_BYTES, RSA_SLOT_BYTES, SCALAR_256_BYTES, SCALAR_384_BYTES, SCALAR_521_BYTES,
};
use crate::{aead, ec, edwards, halt, mac, ml_dsa, ml_kem, rsa, sm2};

/// Key material of a spec in the one form in which it is wrapped, and its public key.
pub(crate) struct Fresh {
    /// The material.
    pub(crate) bytes: KeyMaterial,
    /// DER SPKI; `None` for symmetric and HMAC keys.
    pub(crate) public_key: Option<Vec<u8>>,
}

impl Fresh {
    /// Random bytes.
    pub(crate) fn random(arena: &Arc<Arena>, len: usize) -> Self {
        let mut bytes = KeyMaterial::zeroed(arena, len).unwrap_or_else(|| halt());
        aead::random(bytes.expose_mut()).unwrap_or_else(|_| halt());
        Self {
            bytes,
            public_key: None,
        }
    }

    /// A private key in its wrapped form, which the caller wipes, and its public key.
    pub(crate) fn copied(arena: &Arc<Arena>, bytes: &[u8], public_key: Vec<u8>) -> Self {
        Self {
            bytes: KeyMaterial::copied(arena, bytes).unwrap_or_else(|| halt()),
            public_key: Some(public_key),
        }
    }
}

/// Makes key material of a spec; RSA keys are made now, which takes 0.1 to some seconds.
///
/// Refusals: none for any spec that there is; those of the makers.
pub(crate) fn generate(spec: KeySpec, arena: &Arc<Arena>) -> Result<Fresh, Refusal> {
    use KeySpec as S;
    match spec {
        S::SymmetricDefault => Ok(Fresh::random(arena, AES_256_KEY_BYTES)),
        S::Hmac224 | S::Hmac256 | S::Hmac384 | S::Hmac512 => {
            Ok(Fresh::random(arena, mac::tag_bytes(spec)?))
        }
        S::Rsa2048 | S::Rsa3072 | S::Rsa4096 => rsa::generate(spec, arena),
        S::EccNistP256 | S::EccNistP384 | S::EccNistP521 | S::EccSecgP256k1 => {
            ec::generate(spec, arena)
        }
        S::EccNistEdwards25519 => edwards::generate(spec, arena),
        S::MlDsa44 | S::MlDsa65 | S::MlDsa87 => ml_dsa::generate(spec, arena),
        S::MlKem512 | S::MlKem768 | S::MlKem1024 => ml_kem::generate(spec, arena),
        S::Sm2 => sm2::generate(spec, arena),
    }
}

/// The unencrypted PKCS#8 (RFC 5208, DER) of a private key in its wrapped form.
///
/// Refusals: `UnsupportedSpec` (not a private key), `WrappedKeyDamaged` (not in its form).
pub(crate) fn pkcs8(spec: KeySpec, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    use KeySpec as S;
    match spec {
        S::Rsa2048 | S::Rsa3072 | S::Rsa4096 => Ok(Zeroizing::new(bytes.to_vec())),
        S::EccNistP256 | S::EccNistP384 | S::EccNistP521 | S::EccSecgP256k1 => {
            ec::pkcs8(spec, bytes)
        }
        S::EccNistEdwards25519 => edwards::pkcs8(spec, bytes),
        S::MlDsa44 | S::MlDsa65 | S::MlDsa87 => ml_dsa::pkcs8(spec, bytes),
        S::MlKem512 | S::MlKem768 | S::MlKem1024 => ml_kem::pkcs8(spec, bytes),
        S::Sm2 => sm2::pkcs8(spec, bytes),
        S::SymmetricDefault | S::Hmac224 | S::Hmac256 | S::Hmac384 | S::Hmac512 => {
            Err(Refusal::UnsupportedSpec)
        }
    }
}

/// The lengths that material of a spec has in its wrapped form, bytes.
pub(crate) fn lengths(spec: KeySpec) -> RangeInclusive<usize> {
    use KeySpec as S;
    let exact = |len| len..=len;
    match spec {
        S::SymmetricDefault => exact(AES_256_KEY_BYTES),
        S::Hmac224 => 28..=HMAC_KEY_MAX_BYTES,
        S::Hmac256 => 32..=HMAC_KEY_MAX_BYTES,
        S::Hmac384 => 48..=HMAC_KEY_MAX_BYTES,
        S::Hmac512 => 64..=HMAC_KEY_MAX_BYTES,
        S::Rsa2048 | S::Rsa3072 | S::Rsa4096 => 1..=RSA_SLOT_BYTES,
        S::EccNistP256 | S::EccSecgP256k1 | S::Sm2 => exact(SCALAR_256_BYTES),
        S::EccNistP384 => exact(SCALAR_384_BYTES),
        S::EccNistP521 => exact(SCALAR_521_BYTES),
        S::EccNistEdwards25519 => exact(ED25519_SEED_BYTES),
        S::MlDsa44 | S::MlDsa65 | S::MlDsa87 => exact(ML_DSA_SEED_BYTES),
        S::MlKem512 | S::MlKem768 | S::MlKem1024 => exact(ML_KEM_SEED_BYTES),
    }
}
