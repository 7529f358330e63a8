//! Ed25519 and Ed25519ph (RFC 8032). Key material is the 32-byte seed.

use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use keystead_types::{KeySpec, MessageType, SigningAlgorithm};
use keystead_wall::Refusal;
use zeroize::Zeroizing;

use crate::arena::Arena;
use crate::limits::{
    ED25519_PRIVATE_BYTES, ED25519_PUBLIC_BYTES, ED25519_SEED_BYTES, SHA_512_BYTES,
};
use crate::material::Fresh;
use crate::{gaps, halt};

/// DER of a SubjectPublicKeyInfo up to the key. Source: RFC 8410, section 4.
const PUBLIC_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// DER of a PKCS#8 PrivateKeyInfo up to the seed. Source: RFC 8410, section 7.
const PRIVATE_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Makes a key.
///
/// Refusals: `UnsupportedSpec`.
pub(crate) fn generate(spec: KeySpec, arena: &Arc<Arena>) -> Result<Fresh, Refusal> {
    check(spec)?;
    let mut fresh = Fresh::random(arena, ED25519_SEED_BYTES);
    fresh.public_key = Some(public_key(spec, fresh.bytes.expose())?);
    Ok(fresh)
}

/// The public key as DER SubjectPublicKeyInfo, 44 bytes.
///
/// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (not 32 bytes).
pub(crate) fn public_key(spec: KeySpec, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let key = SigningKey::parse(spec, bytes)?;
    Ok([&PUBLIC_PREFIX[..], key.public()].concat())
}

/// The private key as unencrypted DER PKCS#8, 48 bytes.
///
/// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (not 32 bytes).
pub(crate) fn pkcs8(spec: KeySpec, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    check(spec)?;
    let seed = seed(bytes)?;
    Ok(Zeroizing::new([&PRIVATE_PREFIX[..], seed].concat()))
}

/// A parsed private key.
pub(crate) struct SigningKey {
    pair: Ed25519KeyPair,
    /// Seed and public key, as Ed25519ph takes them.
    private: Box<Zeroizing<[u8; ED25519_PRIVATE_BYTES]>>,
}

impl SigningKey {
    /// Parses key material.
    ///
    /// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (not 32 bytes).
    pub(crate) fn parse(spec: KeySpec, bytes: &[u8]) -> Result<Self, Refusal> {
        check(spec)?;
        let seed = seed(bytes)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap_or_else(|_| halt());
        let mut private = Box::new(Zeroizing::new([0; ED25519_PRIVATE_BYTES]));
        let (front, back) = private.split_at_mut(ED25519_SEED_BYTES);
        front.copy_from_slice(seed);
        back.copy_from_slice(pair.public_key().as_ref());
        Ok(Self { pair, private })
    }

    fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Signs: `ED25519_SHA_512` a raw message, `ED25519_PH_SHA_512` a 64-byte digest, which
    /// Ed25519ph hashes again. 64 bytes.
    ///
    /// Refusals: `WrongUsage` (another algorithm), `InvalidArgument` (the algorithm does not take
    /// such a message).
    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        match Input::of(algorithm, message_type, message)? {
            Input::Raw(message) => match self.pair.try_sign(message) {
                Ok(signature) => Ok(signature.as_ref().to_vec()),
                Err(_) => halt(),
            },
            Input::PreHash(hash) => match gaps::ed25519ph_sign(&hash, &self.private) {
                Ok(signature) => Ok(signature.to_vec()),
                Err(_) => halt(),
            },
        }
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
        let public = self.public().try_into().unwrap_or_else(|_| halt());
        verify(public, algorithm, message_type, message, signature)
    }
}

/// Verifies a signature of a public key, strictly: s is below the order, and r is compared as it
/// is encoded (RFC 8032, section 5.1.7).
///
/// Refusals: those of [`SigningKey::verify`].
pub(crate) fn verify(
    public: &[u8; ED25519_PUBLIC_BYTES],
    algorithm: SigningAlgorithm,
    message_type: MessageType,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Refusal> {
    const INVALID: Refusal = Refusal::SignatureInvalid;
    match Input::of(algorithm, message_type, message)? {
        Input::Raw(message) => UnparsedPublicKey::new(&ED25519, public)
            .verify(message, signature)
            .map_err(|_| INVALID),
        Input::PreHash(hash) => {
            let signature = signature.try_into().map_err(|_| INVALID)?;
            gaps::ed25519ph_verify(&hash, signature, public).map_err(|_| INVALID)
        }
    }
}

/// What is signed.
enum Input<'a> {
    Raw(&'a [u8]),
    /// SHA-512 of what the caller sent, which is itself a digest.
    PreHash([u8; SHA_512_BYTES]),
}

impl<'a> Input<'a> {
    fn of(
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &'a [u8],
    ) -> Result<Self, Refusal> {
        let pre_hash = match algorithm {
            SigningAlgorithm::Ed25519Sha512 => false,
            SigningAlgorithm::Ed25519PhSha512 => true,
            _ => return Err(Refusal::WrongUsage),
        };
        let right_length = algorithm
            .message_bytes(message_type)
            .is_none_or(|bytes| bytes == message.len());
        if !algorithm.takes(message_type) || !right_length {
            return Err(Refusal::InvalidArgument);
        }
        if !pre_hash {
            return Ok(Self::Raw(message));
        }
        let hash = digest::digest(&digest::SHA512, message);
        let hash = hash.as_ref().try_into().unwrap_or_else(|_| halt());
        Ok(Self::PreHash(hash))
    }
}

fn check(spec: KeySpec) -> Result<(), Refusal> {
    match spec {
        KeySpec::EccNistEdwards25519 => Ok(()),
        _ => Err(Refusal::UnsupportedSpec),
    }
}

fn seed(bytes: &[u8]) -> Result<&[u8], Refusal> {
    if bytes.len() == ED25519_SEED_BYTES {
        Ok(bytes)
    } else {
        Err(Refusal::WrappedKeyDamaged)
    }
}

#[cfg(test)]
mod tests;
