//! ML-DSA (FIPS 204): hedged signatures, empty context. Key material is the 32-byte seed.

use std::sync::Arc;

use keystead_types::{KeySpec, MessageType, SigningAlgorithm};
use keystead_wall::Refusal;
use zeroize::Zeroizing;

use crate::arena::Arena;
use crate::gaps::MlDsaKey;
use crate::halt;
use crate::limits::{ML_DSA_MU_BYTES, ML_DSA_SEED_BYTES, ml_dsa_signature_bytes};
use crate::material::Fresh;

/// Makes a key.
///
/// Refusals: `UnsupportedSpec`.
pub(crate) fn generate(spec: KeySpec, arena: &Arc<Arena>) -> Result<Fresh, Refusal> {
    check(spec)?;
    let mut fresh = Fresh::random(arena, ML_DSA_SEED_BYTES);
    fresh.public_key = Some(public_key(spec, fresh.bytes.expose())?);
    Ok(fresh)
}

/// The public key as DER SubjectPublicKeyInfo (RFC 9881): 1312, 1952 or 2592 bytes and 22.
///
/// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (not 32 bytes).
pub(crate) fn public_key(spec: KeySpec, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let key = SigningKey::parse(spec, bytes)?;
    Ok(key.0.public_key().unwrap_or_else(|_| halt()))
}

/// The private key as unencrypted DER PKCS#8 in seed form (RFC 9881), 54 bytes.
///
/// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (not 32 bytes).
pub(crate) fn pkcs8(spec: KeySpec, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let key = SigningKey::parse(spec, bytes)?;
    Ok(key.0.pkcs8().unwrap_or_else(|_| halt()))
}

/// A parsed private key.
pub(crate) struct SigningKey(MlDsaKey);

impl SigningKey {
    /// Parses key material.
    ///
    /// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (not 32 bytes).
    pub(crate) fn parse(spec: KeySpec, bytes: &[u8]) -> Result<Self, Refusal> {
        check(spec)?;
        let seed = bytes.try_into().map_err(|_| Refusal::WrappedKeyDamaged)?;
        let key = MlDsaKey::from_seed(spec, seed).unwrap_or_else(|_| halt());
        Ok(Self(key))
    }

    /// Signs a raw message, or mu in its place, with the same result: 2420, 3309 or 4627 bytes.
    ///
    /// Refusals: `WrongUsage` (another algorithm), `InvalidArgument` (a digest, or mu is not 64
    /// bytes).
    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let signature = match Input::of(algorithm, message_type, message)? {
            Input::Raw(message) => self.0.sign(message),
            Input::Mu(mu) => self.0.sign_mu(mu),
        };
        Ok(signature.unwrap_or_else(|_| halt()))
    }

    /// Verifies, as [`SigningKey::sign`] signs.
    ///
    /// Refusals: those of `sign`, `SignatureInvalid`.
    pub(crate) fn verify(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        let verified = match Input::of(algorithm, message_type, message)? {
            Input::Raw(message) => self.0.verify(message, signature),
            Input::Mu(mu) => self.0.verify_mu(mu, signature),
        };
        verified.map_err(|_| Refusal::SignatureInvalid)
    }
}

/// What is signed.
enum Input<'a> {
    Raw(&'a [u8]),
    Mu(&'a [u8; ML_DSA_MU_BYTES]),
}

impl<'a> Input<'a> {
    fn of(
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &'a [u8],
    ) -> Result<Self, Refusal> {
        if algorithm != SigningAlgorithm::MlDsaShake256 {
            return Err(Refusal::WrongUsage);
        }
        match message_type {
            MessageType::Raw => Ok(Self::Raw(message)),
            MessageType::ExternalMu => message
                .try_into()
                .map(Self::Mu)
                .map_err(|_| Refusal::InvalidArgument),
            MessageType::Digest => Err(Refusal::InvalidArgument),
        }
    }
}

fn check(spec: KeySpec) -> Result<(), Refusal> {
    match ml_dsa_signature_bytes(spec) {
        Some(_) => Ok(()),
        None => Err(Refusal::UnsupportedSpec),
    }
}

#[cfg(test)]
mod tests;
