//! Symmetric ciphertexts: sealed, opened, re-sealed. Layout in `docs/formats/ciphertext.md`.

use std::sync::Arc;

use aws_lc_rs::constant_time;
use keystead_types::{KeySpec, KeyUsage, Plaintext};
use keystead_wall::{CiphertextHeader, KeyBinding, KeyHandle, Refusal};
use zeroize::{Zeroize, Zeroizing};

use crate::aead;
use crate::arena::{Arena, KeyMaterial};
use crate::domains::Domains;
use crate::halt;
use crate::limits::{
    AES_256_KEY_BYTES, BLOB_MAX_BYTES, COMMITMENT_BYTES, CONTEXT_MAX_BYTES, DERIVATION_NONCE_BYTES,
    ENCRYPT_MAX_BYTES, GCM_NONCE_BYTES, GCM_TAG_BYTES,
};
use crate::wrapping;

const KDF_LABEL: &[u8] = b"keystead ciphertext v1";
/// Encryption key and commitment.
const DERIVED_BYTES: usize = AES_256_KEY_BYTES + COMMITMENT_BYTES;
/// The same in bits, as the derivation authenticates it.
const DERIVED_BITS: u32 = 512;
/// Bytes of the body around the encrypted bytes.
const BODY_OVERHEAD: usize =
    DERIVATION_NONCE_BYTES + GCM_NONCE_BYTES + COMMITMENT_BYTES + GCM_TAG_BYTES;

/// What one lane reuses from message to message. Slots of the arena hold keys and are wiped after
/// each message; the buffers hold nothing secret.
pub(crate) struct Scratch {
    material: KeyMaterial,
    derived: KeyMaterial,
    nonces: Nonces,
    aad: Vec<u8>,
    fixed: Vec<u8>,
}

/// Randomness for the nonces of the messages of one batch, drawn together. It is given up before
/// the lane waits, so that a machine that is copied while it waits does not use it twice; between
/// draw and use lies no more than the work on a batch.
struct Nonces {
    drawn: [u8; NONCES_AT_ONCE * MESSAGE_NONCE_BYTES],
    used: usize,
}

/// Derivation nonce and GCM nonce of a message.
const MESSAGE_NONCE_BYTES: usize = DERIVATION_NONCE_BYTES + GCM_NONCE_BYTES;
/// Messages whose nonces are drawn together.
const NONCES_AT_ONCE: usize = 8;

impl Nonces {
    const NONE: Self = Self {
        drawn: [0; NONCES_AT_ONCE * MESSAGE_NONCE_BYTES],
        used: NONCES_AT_ONCE * MESSAGE_NONCE_BYTES,
    };

    /// Bytes that are given to no other message.
    fn next(&mut self) -> [u8; MESSAGE_NONCE_BYTES] {
        if self.used >= self.drawn.len() {
            aead::random(&mut self.drawn).unwrap_or_else(|_| halt());
            self.used = 0;
        }
        let rest = self.drawn.get(self.used..).unwrap_or_else(|| halt());
        let next = *rest.first_chunk().unwrap_or_else(|| halt());
        self.used += MESSAGE_NONCE_BYTES;
        next
    }
}

impl Scratch {
    /// `None`: all slots of the arena are taken.
    pub(crate) fn new(arena: &Arc<Arena>) -> Option<Self> {
        Some(Self {
            material: KeyMaterial::zeroed(arena, AES_256_KEY_BYTES)?,
            derived: KeyMaterial::zeroed(arena, DERIVED_BYTES)?,
            nonces: Nonces::NONE,
            aad: Vec::with_capacity(1024),
            fixed: Vec::with_capacity(256),
        })
    }

    /// Forgets the keys of a message.
    pub(crate) fn wipe(&mut self) {
        self.material.wipe();
        self.derived.wipe();
    }

    /// Gives up the nonces that were drawn and not used.
    pub(crate) fn rest(&mut self) {
        self.nonces = Nonces::NONE;
    }

    /// Derives the message's keys from the unwrapped material.
    fn derive(&mut self, header: &[u8], nonce: &[u8; DERIVATION_NONCE_BYTES]) -> MessageKeys<'_> {
        self.fixed.clear();
        aead::fixed_input(&mut self.fixed, KDF_LABEL, &[nonce, header], DERIVED_BITS);
        let derived = self.derived.expose_mut();
        aead::derive(self.material.expose(), &self.fixed, derived).unwrap_or_else(|_| halt());
        let split = self.derived.expose().split_at_checked(AES_256_KEY_BYTES);
        let (encryption, commitment) = split.unwrap_or_else(|| halt());
        MessageKeys {
            encryption,
            commitment,
            aad: &mut self.aad,
        }
    }
}

struct MessageKeys<'a> {
    encryption: &'a [u8],
    commitment: &'a [u8],
    aad: &'a mut Vec<u8>,
}

/// Seals `len` bytes that `fill` writes into the blob's own memory; a blob that does not come to
/// be sealed is wiped.
///
/// Refusals: `WrongUsage`, `InvalidArgument`, `WrappedKeyDamaged`, `DomainMissing`, and those of
/// `fill`.
pub(crate) fn seal(
    domains: &Domains,
    scratch: &mut Scratch,
    key: KeyHandle<'_>,
    context: &[u8],
    len: usize,
    fill: impl FnOnce(&mut Scratch, &mut [u8]) -> Result<(), Refusal>,
) -> Result<Vec<u8>, Refusal> {
    check_binding(key.binding)?;
    if len == 0 || len > ENCRYPT_MAX_BYTES || context.len() > CONTEXT_MAX_BYTES {
        return Err(Refusal::InvalidArgument);
    }
    let binding = key.binding;
    let header = CiphertextHeader {
        region: binding.region.clone(),
        account: binding.account,
        key_id: binding.key_id,
        material_id: binding.material_id,
    };
    let random = scratch.nonces.next();
    let (nonces, rest) = random.split_first_chunk().unwrap_or_else(|| halt());
    let gcm_nonce = *rest.first_chunk().unwrap_or_else(|| halt());

    let mut blob = Zeroizing::new(Vec::with_capacity(128 + BODY_OVERHEAD + len));
    header.write(&mut blob);
    let header_len = blob.len();
    blob.extend_from_slice(&random);
    let clear_len = blob.len() + COMMITMENT_BYTES;
    blob.resize(clear_len + len + GCM_TAG_BYTES, 0);
    let (clear, sealed) = blob
        .split_at_mut_checked(clear_len)
        .unwrap_or_else(|| halt());
    let (body, tag) = sealed.split_at_mut_checked(len).unwrap_or_else(|| halt());
    fill(scratch, body)?;

    wrapping::unwrap(domains, key, &mut scratch.aad, &mut scratch.material)?;
    let header_bytes = clear.get(..header_len).unwrap_or_default();
    let keys = scratch.derive(header_bytes, nonces);
    let place = clear.last_chunk_mut::<COMMITMENT_BYTES>();
    place
        .unwrap_or_else(|| halt())
        .copy_from_slice(keys.commitment);
    write_aad(keys.aad, clear, context);
    let made = aead::seal_in_place(keys.encryption, gcm_nonce, keys.aad, body);
    tag.copy_from_slice(&made.unwrap_or_else(|_| halt()));
    Ok(std::mem::take(&mut *blob))
}

/// The parts of a blob.
pub(crate) struct Blob<'a> {
    /// Everything before the encrypted bytes.
    clear: &'a [u8],
    header: &'a [u8],
    derivation_nonce: &'a [u8; DERIVATION_NONCE_BYTES],
    gcm_nonce: &'a [u8; GCM_NONCE_BYTES],
    commitment: &'a [u8; COMMITMENT_BYTES],
    encrypted: &'a [u8],
    tag: &'a [u8; GCM_TAG_BYTES],
}

impl<'a> Blob<'a> {
    /// Takes a blob apart; its header must name the binding's key and material, and its Region
    /// unless the key is a multi-Region key.
    ///
    /// Refusals: `WrongUsage`, `InvalidCiphertext`.
    pub(crate) fn parse(bytes: &'a [u8], binding: &KeyBinding) -> Result<Self, Refusal> {
        check_binding(binding)?;
        Self::split(bytes, binding).ok_or(Refusal::InvalidCiphertext)
    }

    fn split(bytes: &'a [u8], binding: &KeyBinding) -> Option<Self> {
        if bytes.len() > BLOB_MAX_BYTES {
            return None;
        }
        let (named, header_len) = CiphertextHeader::parse(bytes)?;
        // A multi-Region key is one key in several Regions: its replicas share id and material.
        let same_region = named.region == binding.region || binding.key_id.is_multi_region();
        let same = same_region
            && named.account == binding.account
            && named.key_id == binding.key_id
            && named.material_id == binding.material_id;
        if !same {
            return None;
        }
        let (header, body) = bytes.split_at_checked(header_len)?;
        let (derivation_nonce, rest) = body.split_first_chunk()?;
        let (gcm_nonce, rest) = rest.split_first_chunk()?;
        let (commitment, rest) = rest.split_first_chunk()?;
        let (encrypted, tag) = rest.split_last_chunk()?;
        if encrypted.is_empty() || encrypted.len() > ENCRYPT_MAX_BYTES {
            return None;
        }
        let clear = bytes.get(..bytes.len() - rest.len())?;
        Some(Self {
            clear,
            header,
            derivation_nonce,
            gcm_nonce,
            commitment,
            encrypted,
            tag,
        })
    }

    /// Bytes of the plaintext.
    pub(crate) fn plaintext_len(&self) -> usize {
        self.encrypted.len()
    }

    /// Opens into `out`, whose length is [`Blob::plaintext_len`]. `out` is zeros if this refuses.
    ///
    /// Refusals: `InvalidArgument` (context too long), `InvalidCiphertext`, `WrappedKeyDamaged`,
    /// `DomainMissing`.
    pub(crate) fn open_into(
        &self,
        domains: &Domains,
        scratch: &mut Scratch,
        key: KeyHandle<'_>,
        context: &[u8],
        out: &mut [u8],
    ) -> Result<(), Refusal> {
        if context.len() > CONTEXT_MAX_BYTES {
            return Err(Refusal::InvalidArgument);
        }
        wrapping::unwrap(domains, key, &mut scratch.aad, &mut scratch.material)?;
        let keys = scratch.derive(self.header, self.derivation_nonce);
        constant_time::verify_slices_are_equal(keys.commitment, self.commitment)
            .map_err(|_| Refusal::InvalidCiphertext)?;
        write_aad(keys.aad, self.clear, context);
        aead::open(
            keys.encryption,
            *self.gcm_nonce,
            keys.aad,
            self.encrypted,
            self.tag,
            out,
        )
        .map_err(|_| {
            out.zeroize();
            Refusal::InvalidCiphertext
        })
    }
}

/// Opens a blob into memory for the caller. Refusals: those of [`Blob::parse`] and
/// [`Blob::open_into`].
pub(crate) fn open(
    domains: &Domains,
    scratch: &mut Scratch,
    key: KeyHandle<'_>,
    context: &[u8],
    ciphertext: &[u8],
) -> Result<Plaintext, Refusal> {
    let blob = Blob::parse(ciphertext, key.binding)?;
    let mut out = Zeroizing::new(vec![0; blob.plaintext_len()]);
    blob.open_into(domains, scratch, key, context, &mut out)?;
    Ok(Plaintext::new(std::mem::take(&mut *out)))
}

/// The second lock: the front end has checked usage and spec, and so does the HSM.
pub(crate) fn check_binding(binding: &KeyBinding) -> Result<(), Refusal> {
    let good =
        binding.usage == KeyUsage::EncryptDecrypt && binding.spec == KeySpec::SymmetricDefault;
    if good {
        Ok(())
    } else {
        Err(Refusal::WrongUsage)
    }
}

/// Everything clear in the blob, whose length follows from its header, and then the canonical
/// context: no two pairs have the same bytes.
fn write_aad(out: &mut Vec<u8>, clear: &[u8], context: &[u8]) {
    out.clear();
    out.extend_from_slice(clear);
    out.extend_from_slice(context);
}

#[cfg(test)]
mod tests;
