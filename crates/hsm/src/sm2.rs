//! SM2 (GM/T 0003-2012): SM2DSA, SM2PKE and ECDH on sm2p256v1. Key material is the 32-byte scalar,
//! big endian.
//!
//! The primitives are those of crate `sm2`, for AWS-LC has none. It wipes less than AWS-LC does:
//! copies of a scalar that it makes for a call stay on the stack until they are overwritten.

use std::sync::Arc;

use elliptic_curve::ecdh::diffie_hellman;
use keystead_types::{EncryptionAlgorithm, KeySpec, MessageType, Plaintext, SigningAlgorithm};
use keystead_wall::Refusal;
use sm2::dsa::signature::hazmat::{PrehashVerifier, RandomizedPrehashSigner};
use sm2::dsa::signature::rand_core::{TryCryptoRng, TryRng};
use sm2::dsa::signature::{RandomizedSigner, Verifier};
use sm2::dsa::{DerSignature, Signature, VerifyingKey};
use sm2::pkcs8::der::Decode;
use sm2::pke::{Cipher, DecryptingKey, EncryptingKey};
use sm2::{NonZeroScalar, PublicKey, Scalar};
use zeroize::Zeroizing;

use crate::aead::{self, Failed};
use crate::arena::{Arena, KeyMaterial};
use crate::halt;
use crate::limits::{ENCRYPT_MAX_BYTES, SCALAR_256_BYTES};
use crate::material::Fresh;

/// The signer's id in Z when a raw message is signed. Source: GM/T 0009-2012, section 10; KMS
/// Developer Guide, "Offline verification with SM2 key pairs".
const SIGNER_ID: &str = "1234567812345678";
/// DER of a SubjectPublicKeyInfo up to an uncompressed point: id-ecPublicKey, 1.2.156.10197.1.301.
/// Source: RFC 5480, section 2; GM/T 0006-2012.
const PUBLIC_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d, 0x03, 0x42, 0x00,
];
/// The same up to a compressed point.
const COMPRESSED_PREFIX: [u8; 26] = [
    0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d, 0x03, 0x22, 0x00,
];
/// DER of a PKCS#8 PrivateKeyInfo with an ECPrivateKey, up to the scalar. Source: RFC 5208;
/// RFC 5915.
const PRIVATE_PREFIX: [u8; 36] = [
    0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
    0x01, 0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d, 0x04, 0x6d, 0x30, 0x6b, 0x02,
    0x01, 0x01, 0x04, 0x20,
];
/// DER in that ECPrivateKey between the scalar and the point.
const PRIVATE_MIDDLE: [u8; 5] = [0xa1, 0x44, 0x03, 0x42, 0x00];
/// First byte of an uncompressed point. Source: SEC 1, section 2.3.3.
const UNCOMPRESSED: u8 = 4;

/// Makes a key.
///
/// Refusals: `UnsupportedSpec`.
pub(crate) fn generate(spec: KeySpec, arena: &Arc<Arena>) -> Result<Fresh, Refusal> {
    check(spec)?;
    let mut bytes = KeyMaterial::zeroed(arena, SCALAR_256_BYTES).unwrap_or_else(|| halt());
    loop {
        aead::random(bytes.expose_mut()).unwrap_or_else(|_| halt());
        // One in four thousand million is not below the order.
        if scalar(bytes.expose()).is_ok() {
            break;
        }
    }
    let public_key = public_key(spec, bytes.expose())?;
    Ok(Fresh {
        bytes,
        public_key: Some(public_key),
    })
}

/// The public key as DER SubjectPublicKeyInfo with an uncompressed point, 91 bytes.
///
/// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (no scalar of the curve).
pub(crate) fn public_key(spec: KeySpec, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    check(spec)?;
    let point = public(bytes)?.to_sec1_bytes();
    Ok([&PUBLIC_PREFIX[..], &point].concat())
}

/// The private key as unencrypted DER PKCS#8 with its public key in it, 138 bytes.
///
/// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (no scalar of the curve).
pub(crate) fn pkcs8(spec: KeySpec, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    check(spec)?;
    let point = public(bytes)?.to_sec1_bytes();
    let parts = [&PRIVATE_PREFIX[..], bytes, &PRIVATE_MIDDLE, &point];
    Ok(Zeroizing::new(parts.concat()))
}

/// Encrypts 1–1024 bytes. Gives DER: x, y, SM3 hash, ciphertext (GM/T 0009-2012, section 7.2).
///
/// Refusals: `WrappedKeyDamaged` (no scalar of the curve), `InvalidArgument` (no plaintext),
/// `PlaintextTooLong`.
pub(crate) fn encrypt(bytes: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Refusal> {
    let longest = KeySpec::Sm2.plaintext_max_bytes(EncryptionAlgorithm::Sm2Pke);
    if plaintext.is_empty() {
        return Err(Refusal::InvalidArgument);
    }
    if longest.is_none_or(|longest| plaintext.len() > longest) {
        return Err(Refusal::PlaintextTooLong);
    }
    let key = EncryptingKey::new(public(bytes)?);
    let ciphertext = key.encrypt_der(&mut Random, plaintext);
    Ok(ciphertext.unwrap_or_else(|_| halt()))
}

/// Opens what [`encrypt`], or anyone with the public key, made of 1–4096 bytes.
///
/// Refusals: `WrappedKeyDamaged` (no scalar of the curve), `InvalidCiphertext`.
pub(crate) fn decrypt(bytes: &[u8], ciphertext: &[u8]) -> Result<Plaintext, Refusal> {
    const INVALID: Refusal = Refusal::InvalidCiphertext;
    let key = DecryptingKey::new_with_mode(*scalar(bytes)?, sm2::pke::Mode::default());
    let cipher: Cipher<'_> = Cipher::from_der(ciphertext).map_err(|_| INVALID)?;
    let len = cipher.c2().len();
    if len == 0 || len > ENCRYPT_MAX_BYTES {
        return Err(INVALID);
    }
    let mut plaintext = Zeroizing::new(vec![0; len]);
    key.decrypt_cipher_with_buf(&cipher, &mut plaintext)
        .map_err(|_| INVALID)?;
    Ok(Plaintext::new(std::mem::take(&mut *plaintext)))
}

/// ECDH: the x coordinate, 32 bytes.
///
/// `public_key`: the other side's, DER SubjectPublicKeyInfo.
///
/// Refusals: `WrappedKeyDamaged` (no scalar of the curve), `PublicKeyInvalid`.
pub(crate) fn derive(bytes: &[u8], public_key: &[u8]) -> Result<Plaintext, Refusal> {
    let scalar = scalar(bytes)?;
    let other = parse_public(public_key).ok_or(Refusal::PublicKeyInvalid)?;
    let secret = diffie_hellman(&*scalar, other.as_affine());
    Ok(Plaintext::new(secret.raw_secret_bytes().to_vec()))
}

/// A parsed private key.
pub(crate) struct SigningKey {
    scalar: Zeroizing<NonZeroScalar>,
    verifying: VerifyingKey,
}

impl SigningKey {
    /// Parses key material.
    ///
    /// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged` (not 32 bytes, zero, or not below the
    /// order less one, for which SM2DSA has no signature).
    pub(crate) fn parse(spec: KeySpec, bytes: &[u8]) -> Result<Self, Refusal> {
        check(spec)?;
        let scalar = scalar(bytes)?;
        let public = PublicKey::from_secret_scalar(&scalar);
        let verifying = VerifyingKey::new(SIGNER_ID, public).unwrap_or_else(|_| halt());
        Ok(Self { scalar, verifying })
    }

    /// Signs a raw message under the id `1234567812345678`, or SM3(Z || message), 32 bytes, under
    /// an id of the caller's choice. Gives DER: r, s.
    ///
    /// Refusals: `WrongUsage` (another algorithm), `InvalidArgument` (mu, or a digest that is not
    /// 32 bytes).
    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        check_message(algorithm, message_type, message)?;
        let key = sm2::dsa::SigningKey::from_nonzero_scalar(SIGNER_ID, *self.scalar);
        let key = key.unwrap_or_else(|_| halt());
        let signature: Result<Signature, _> = match message_type {
            MessageType::Raw => key.try_sign_with_rng(&mut Random, message),
            _ => key.sign_prehash_with_rng(&mut Random, message),
        };
        Ok(signature.unwrap_or_else(|_| halt()).to_der().to_vec())
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
        const INVALID: Refusal = Refusal::SignatureInvalid;
        check_message(algorithm, message_type, message)?;
        let signature = DerSignature::try_from(signature).map_err(|_| INVALID)?;
        let signature = Signature::try_from(signature).map_err(|_| INVALID)?;
        match message_type {
            MessageType::Raw => self.verifying.verify(message, &signature),
            _ => self.verifying.verify_prehash(message, &signature),
        }
        .map_err(|_| INVALID)
    }
}

fn check(spec: KeySpec) -> Result<(), Refusal> {
    match spec {
        KeySpec::Sm2 => Ok(()),
        _ => Err(Refusal::UnsupportedSpec),
    }
}

fn check_message(
    algorithm: SigningAlgorithm,
    message_type: MessageType,
    message: &[u8],
) -> Result<(), Refusal> {
    if algorithm != SigningAlgorithm::Sm2Dsa {
        return Err(Refusal::WrongUsage);
    }
    let right_length = algorithm
        .message_bytes(message_type)
        .is_none_or(|bytes| bytes == message.len());
    if algorithm.takes(message_type) && right_length {
        Ok(())
    } else {
        Err(Refusal::InvalidArgument)
    }
}

/// A private key: from one to the order less two (GM/T 0003.1-2012, section 6.1).
fn scalar(bytes: &[u8]) -> Result<Zeroizing<NonZeroScalar>, Refusal> {
    const DAMAGED: Refusal = Refusal::WrappedKeyDamaged;
    let scalar = Zeroizing::new(NonZeroScalar::try_from(bytes).map_err(|_| DAMAGED)?);
    let last = **scalar + Scalar::ONE == Scalar::ZERO;
    if last { Err(DAMAGED) } else { Ok(scalar) }
}

fn public(bytes: &[u8]) -> Result<PublicKey, Refusal> {
    let scalar = scalar(bytes)?;
    Ok(PublicKey::from_secret_scalar(&scalar))
}

/// A point on the curve, not the one at infinity, from a SubjectPublicKeyInfo.
fn parse_public(public_key: &[u8]) -> Option<PublicKey> {
    let point = match public_key.strip_prefix(&PUBLIC_PREFIX) {
        Some(point) => point.starts_with(&[UNCOMPRESSED]).then_some(point)?,
        None => public_key
            .strip_prefix(&COMPRESSED_PREFIX)
            .filter(|point| !point.starts_with(&[UNCOMPRESSED]))?,
    };
    PublicKey::from_sec1_bytes(point).ok()
}

/// AWS-LC's generator for crate `sm2`.
struct Random;

impl TryRng for Random {
    type Error = Failed;

    fn try_next_u32(&mut self) -> Result<u32, Failed> {
        let mut bytes = [0; 4];
        aead::random(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Failed> {
        let mut bytes = [0; 8];
        aead::random(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Failed> {
        aead::random(out)
    }
}

impl TryCryptoRng for Random {}

#[cfg(test)]
mod tests;
