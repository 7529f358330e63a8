//! Randomness, AES-256-GCM and the key derivation, in the few shapes that this crate uses. The
//! primitives are those of AWS-LC.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};
use thiserror::Error;

use crate::limits::{GCM_NONCE_BYTES, GCM_TAG_BYTES};

/// A primitive failed: authentication, or the library itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a cryptographic primitive failed")]
pub(crate) struct Failed;

impl From<aws_lc_rs::error::Unspecified> for Failed {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

/// Fills the bytes from AWS-LC's generator (CTR_DRBG with AES-256, SP 800-90A).
pub(crate) fn random(out: &mut [u8]) -> Result<(), Failed> {
    Ok(aws_lc_rs::rand::fill(out)?)
}

/// Encrypts in place and gives the tag.
pub(crate) fn seal_in_place(
    key: &[u8],
    nonce: [u8; GCM_NONCE_BYTES],
    aad: &[u8],
    in_out: &mut [u8],
) -> Result<[u8; GCM_TAG_BYTES], Failed> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = aes_256_gcm(key)?.seal_in_place_separate_tag(nonce, Aad::from(aad), in_out)?;
    tag.as_ref().try_into().map_err(|_| Failed)
}

/// Decrypts from `ciphertext` into `out`, which has the same length. `out` must be given up when
/// this fails.
pub(crate) fn open(
    key: &[u8],
    nonce: [u8; GCM_NONCE_BYTES],
    aad: &[u8],
    ciphertext: &[u8],
    tag: &[u8; GCM_TAG_BYTES],
    out: &mut [u8],
) -> Result<(), Failed> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    Ok(aes_256_gcm(key)?.open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, out)?)
}

/// The key schedule lives in AWS-LC's heap, which it wipes when it frees it: for one operation.
fn aes_256_gcm(key: &[u8]) -> Result<LessSafeKey, Failed> {
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key)?))
}

/// Bytes that [`seal_box`] adds to a plaintext.
pub(crate) const BOX_OVERHEAD: usize = GCM_NONCE_BYTES + GCM_TAG_BYTES;

/// Appends a box: random nonce, ciphertext, tag.
pub(crate) fn seal_box(
    key: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Failed> {
    let mut nonce = [0; GCM_NONCE_BYTES];
    random(&mut nonce)?;
    let start = out.len();
    out.resize(start + BOX_OVERHEAD + plaintext.len(), 0);
    let place = out.get_mut(start..).ok_or(Failed)?;
    let (head, rest) = place.split_at_mut_checked(GCM_NONCE_BYTES).ok_or(Failed)?;
    let (body, tag) = rest.split_at_mut_checked(plaintext.len()).ok_or(Failed)?;
    head.copy_from_slice(&nonce);
    let sealed = aes_256_gcm(key)?.seal_out_of_place_scatter(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(aad),
        plaintext,
        body,
        &[],
        tag,
    );
    Ok(sealed?)
}

/// The length of the plaintext in a box; `None` if it is too short to be one.
pub(crate) fn box_len(sealed: &[u8]) -> Option<usize> {
    sealed.len().checked_sub(BOX_OVERHEAD)
}

/// Opens a box into `out`, whose length must be [`box_len`]; `out` is wiped when it fails.
pub(crate) fn open_box(
    key: &[u8],
    aad: &[u8],
    sealed: &[u8],
    out: &mut [u8],
) -> Result<(), Failed> {
    let (nonce, rest) = sealed.split_first_chunk().ok_or(Failed)?;
    let (ciphertext, tag) = rest.split_last_chunk().ok_or(Failed)?;
    if ciphertext.len() != out.len() {
        return Err(Failed);
    }
    let opened = open(key, *nonce, aad, ciphertext, tag, out);
    if opened.is_err() {
        zeroize::Zeroize::zeroize(out);
    }
    opened
}

/// SP 800-108r1 counter mode with HMAC-SHA-256 and a 32-bit counter before the fixed input.
///
/// `fixed`: label, a zero byte, context, and the output's length in bits as four bytes; see
/// [`fixed_input`]. Source: NIST SP 800-108r1, section 4.1.
pub(crate) fn derive(key: &[u8], fixed: &[u8], out: &mut [u8]) -> Result<(), Failed> {
    let algorithm = get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256).ok_or(Failed)?;
    Ok(kbkdf_ctr_hmac(algorithm, key, fixed, out)?)
}

/// Appends the fixed input of [`derive`]. `label` must not hold a zero byte.
pub(crate) fn fixed_input(out: &mut Vec<u8>, label: &[u8], context: &[&[u8]], out_bits: u32) {
    out.extend_from_slice(label);
    out.push(0);
    for part in context {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&out_bits.to_be_bytes());
}
