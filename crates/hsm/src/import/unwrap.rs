//! Unwrapping of imported material. Whatever fails, the refusal is the same one and the steps
//! taken are the same: an answer or a time that told them apart would be an oracle for the
//! wrapping key.

use std::sync::Arc;

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    PrivateDecryptingKey,
};
use keystead_types::WrappingAlgorithm;
use keystead_wall::Refusal;

use crate::arena::{Arena, KeyMaterial};
use crate::limits::{AES_256_KEY_BYTES, KEY_WRAP_OVERHEAD_BYTES, RSA_SLOT_BYTES};
use crate::{aead, halt, sm2};

const BROKEN: Refusal = Refusal::InvalidCiphertext;

/// What was unwrapped: bytes of outside, not yet looked at.
pub(crate) struct Unwrapped {
    slot: KeyMaterial,
    len: usize,
}

impl Unwrapped {
    /// The bytes.
    pub(crate) fn expose(&self) -> &[u8] {
        // Never longer than the slot.
        self.slot.expose().get(..self.len).unwrap_or_default()
    }
}

/// Unwraps what a client wrapped with the public key of `key`.
///
/// `key`: the wrapping private key in its wrapped form, of a spec that goes with the algorithm.
///
/// Refusals: `InvalidCiphertext`; `InvalidArgument` (`RSAES_PKCS1_V1_5`, which is not served: its
/// padding cannot be checked without telling the client about it).
pub(crate) fn unwrap(
    arena: &Arc<Arena>,
    algorithm: WrappingAlgorithm,
    key: &KeyMaterial,
    encrypted: &[u8],
) -> Result<Unwrapped, Refusal> {
    use WrappingAlgorithm as A;
    match algorithm {
        A::RsaesPkcs1V15 => Err(Refusal::InvalidArgument),
        A::RsaesOaepSha1 => one_step(arena, &OAEP_SHA1_MGF1SHA1, key, encrypted),
        A::RsaesOaepSha256 => one_step(arena, &OAEP_SHA256_MGF1SHA256, key, encrypted),
        A::RsaAesKeyWrapSha1 => two_steps(arena, &OAEP_SHA1_MGF1SHA1, key, encrypted),
        A::RsaAesKeyWrapSha256 => two_steps(arena, &OAEP_SHA256_MGF1SHA256, key, encrypted),
        A::Sm2Pke => {
            let plaintext = sm2::decrypt(key.expose(), encrypted).map_err(|_| BROKEN)?;
            let plaintext = plaintext.expose();
            if plaintext.len() > RSA_SLOT_BYTES {
                return Err(BROKEN);
            }
            let slot = KeyMaterial::copied(arena, plaintext).unwrap_or_else(|| halt());
            Ok(Unwrapped {
                len: plaintext.len(),
                slot,
            })
        }
    }
}

/// The token was authentic, so its key is one that this process made.
fn decrypting(key: &KeyMaterial) -> OaepPrivateDecryptingKey {
    let key = PrivateDecryptingKey::from_pkcs8(key.expose()).unwrap_or_else(|_| halt());
    OaepPrivateDecryptingKey::new(key).unwrap_or_else(|_| halt())
}

/// RSAES-OAEP (RFC 8017, 7.1) of the material.
fn one_step(
    arena: &Arc<Arena>,
    hash: &'static OaepAlgorithm,
    key: &KeyMaterial,
    encrypted: &[u8],
) -> Result<Unwrapped, Refusal> {
    let key = decrypting(key);
    if encrypted.len() != key.key_size_bytes() {
        return Err(BROKEN);
    }
    let mut slot = KeyMaterial::zeroed(arena, key.min_output_size()).unwrap_or_else(|| halt());
    let opened = key.decrypt(hash, encrypted, slot.expose_mut(), None);
    let len = opened.map_err(|_| BROKEN)?.len();
    Ok(Unwrapped { slot, len })
}

/// RSAES-OAEP of an AES-256 key, as long as the modulus, and AES-KWP (RFC 5649) of the material
/// under that key: the mechanism CKM_RSA_AES_KEY_WRAP of PKCS #11.
fn two_steps(
    arena: &Arc<Arena>,
    hash: &'static OaepAlgorithm,
    key: &KeyMaterial,
    encrypted: &[u8],
) -> Result<Unwrapped, Refusal> {
    let key = decrypting(key);
    let (wrapped_key, wrapped) = encrypted
        .split_at_checked(key.key_size_bytes())
        .ok_or(BROKEN)?;
    // Lengths are no secret. Nothing that long is a key of a spec that is wrapped so.
    let longest = RSA_SLOT_BYTES.min(wrapped.len());
    if wrapped.len() > RSA_SLOT_BYTES + KEY_WRAP_OVERHEAD_BYTES {
        return Err(BROKEN);
    }
    // If the first step fails, the second is done with a random key and fails too.
    let mut kek = KeyMaterial::zeroed(arena, AES_256_KEY_BYTES).unwrap_or_else(|| halt());
    aead::random(kek.expose_mut()).unwrap_or_else(|_| halt());
    let mut opened = KeyMaterial::zeroed(arena, key.min_output_size()).unwrap_or_else(|| halt());
    let first = match key.decrypt(hash, wrapped_key, opened.expose_mut(), None) {
        Ok(found) if found.len() == AES_256_KEY_BYTES => {
            kek.expose_mut().copy_from_slice(found);
            Ok(())
        }
        _ => Err(BROKEN),
    };
    let mut slot = KeyMaterial::zeroed(arena, longest).unwrap_or_else(|| halt());
    let cipher = AesKek::new(&AES_256, kek.expose()).unwrap_or_else(|_| halt());
    let second = cipher
        .unwrap_with_padding(wrapped, slot.expose_mut())
        .map(|opened| opened.len());
    match (first, second) {
        (Ok(()), Ok(len)) => Ok(Unwrapped { slot, len }),
        _ => Err(BROKEN),
    }
}
