//! Encryption by algorithm, and how secrets leave.

use keystead_types::{EncryptionAlgorithm, Plaintext};
use keystead_wall::{Cipher, Delivered, Delivery, KeyHandle, Refusal, Reply};
use zeroize::Zeroizing;

use crate::core::Core;
use crate::limits::{BLOB_MAX_BYTES, ENCRYPT_MAX_BYTES, GENERATED_MAX_BYTES};
use crate::parsed::Parsed;
use crate::symmetric::{self, Blob, Scratch};
use crate::{aead, envelope, halt, sm2, wrapping};

/// Seals 1–4096 bytes.
///
/// Refusals: `WrongUsage` (the key's usage or the algorithm), `InvalidArgument` (lengths; a context
/// for an asymmetric key), `PlaintextTooLong`, `WrappedKeyDamaged`, `DomainMissing`.
pub(crate) fn encrypt(
    core: &Core,
    scratch: &mut Scratch,
    cipher: Cipher<'_>,
    plaintext: &[u8],
) -> Result<Vec<u8>, Refusal> {
    check(cipher)?;
    if cipher.algorithm == EncryptionAlgorithm::SymmetricDefault {
        let len = plaintext.len();
        let copy = |_: &mut Scratch, body: &mut [u8]| {
            body.copy_from_slice(plaintext);
            Ok(())
        };
        return symmetric::seal(
            &core.domains,
            scratch,
            cipher.key,
            cipher.context,
            len,
            copy,
        );
    }
    if plaintext.is_empty() || plaintext.len() > ENCRYPT_MAX_BYTES {
        return Err(Refusal::InvalidArgument);
    }
    let spec = cipher.key.binding.spec;
    match spec.plaintext_max_bytes(cipher.algorithm) {
        None => return Err(Refusal::WrongUsage),
        Some(most) if plaintext.len() > most => return Err(Refusal::PlaintextTooLong),
        Some(_) => {}
    }
    if cipher.algorithm == EncryptionAlgorithm::Sm2Pke {
        let material = wrapping::unwrap_material(&core.domains, &core.arena, cipher.key)?;
        return sm2::encrypt(material.expose(), plaintext);
    }
    match &*core.parsed(cipher.key)? {
        Parsed::RsaDecrypting(key) => key.encrypt(cipher.algorithm, plaintext),
        _ => Err(Refusal::WrongUsage),
    }
}

/// Opens a ciphertext.
///
/// Refusals: as [`encrypt`], without `PlaintextTooLong`; `InvalidCiphertext`.
pub(crate) fn decrypt(
    core: &Core,
    scratch: &mut Scratch,
    cipher: Cipher<'_>,
    ciphertext: &[u8],
) -> Result<Plaintext, Refusal> {
    check(cipher)?;
    if cipher.algorithm == EncryptionAlgorithm::SymmetricDefault {
        let Cipher { key, context, .. } = cipher;
        return symmetric::open(&core.domains, scratch, key, context, ciphertext);
    }
    if ciphertext.is_empty() || ciphertext.len() > BLOB_MAX_BYTES {
        return Err(Refusal::InvalidCiphertext);
    }
    if cipher.algorithm == EncryptionAlgorithm::Sm2Pke {
        let material = wrapping::unwrap_material(&core.domains, &core.arena, cipher.key)?;
        return sm2::decrypt(material.expose(), ciphertext);
    }
    match &*core.parsed(cipher.key)? {
        Parsed::RsaDecrypting(key) => key.decrypt(cipher.algorithm, ciphertext),
        _ => Err(Refusal::WrongUsage),
    }
}

/// Opens under one key and seals under another.
///
/// Refusals: those of [`decrypt`] for the source and of [`encrypt`] for the destination.
pub(crate) fn re_encrypt(
    core: &Core,
    scratch: &mut Scratch,
    source: Cipher<'_>,
    ciphertext: &[u8],
    destination: Cipher<'_>,
) -> Result<Vec<u8>, Refusal> {
    check(source)?;
    check(destination)?;
    let symmetric = EncryptionAlgorithm::SymmetricDefault;
    if source.algorithm != symmetric || destination.algorithm != symmetric {
        let plaintext = decrypt(core, scratch, source, ciphertext)?;
        return encrypt(core, scratch, destination, plaintext.expose());
    }
    // From blob to blob, without a copy of the plaintext elsewhere.
    let blob = Blob::parse(ciphertext, source.key.binding)?;
    let Cipher { key, context, .. } = destination;
    let len = blob.plaintext_len();
    symmetric::seal(
        &core.domains,
        scratch,
        key,
        context,
        len,
        |scratch, body| blob.open_into(&core.domains, scratch, source.key, source.context, body),
    )
}

/// The second lock: usage, spec and algorithm go together, and only symmetric keys have a context.
fn check(cipher: Cipher<'_>) -> Result<(), Refusal> {
    let binding = cipher.key.binding;
    let algorithms = binding.spec.encryption_algorithms(binding.usage);
    if !algorithms.contains(&cipher.algorithm) {
        return Err(Refusal::WrongUsage);
    }
    let symmetric = cipher.algorithm == EncryptionAlgorithm::SymmetricDefault;
    match symmetric || cipher.context.is_empty() {
        true => Ok(()),
        false => Err(Refusal::InvalidArgument),
    }
}

/// Makes a data key of 1–1024 bytes.
///
/// Refusals: `WrongUsage`, `InvalidArgument`, `WrappedKeyDamaged`, `DomainMissing`,
/// `RecipientInvalid`.
pub(crate) fn data_key(
    core: &Core,
    scratch: &mut Scratch,
    key: KeyHandle<'_>,
    context: &[u8],
    length: u16,
    delivery: Delivery<'_>,
) -> Result<Reply, Refusal> {
    let len = generated_len(length)?;
    let mut plaintext = Delivered::Withheld;
    let ciphertext = symmetric::seal(&core.domains, scratch, key, context, len, |_, body| {
        aead::random(body).unwrap_or_else(|_| halt());
        plaintext = deliver(body, delivery)?;
        Ok(())
    })?;
    Ok(Reply::DataKey {
        ciphertext,
        plaintext,
    })
}

/// Makes 1–1024 random bytes.
///
/// Refusals: `InvalidArgument`, `RecipientInvalid`.
pub(crate) fn random(length: u16, recipient: Option<&[u8]>) -> Result<Reply, Refusal> {
    let mut out = Zeroizing::new(vec![0; generated_len(length)?]);
    aead::random(&mut out).unwrap_or_else(|_| halt());
    answer(Plaintext::new(std::mem::take(&mut *out)), recipient)
}

fn generated_len(length: u16) -> Result<usize, Refusal> {
    let len = usize::from(length);
    match (1..=GENERATED_MAX_BYTES).contains(&len) {
        true => Ok(len),
        false => Err(Refusal::InvalidArgument),
    }
}

/// A secret beside its ciphertext, as the command asks for it.
///
/// Refusals: `RecipientInvalid`.
pub(crate) fn deliver(secret: &[u8], delivery: Delivery<'_>) -> Result<Delivered, Refusal> {
    match delivery {
        Delivery::Withheld => Ok(Delivered::Withheld),
        Delivery::Clear => Ok(Delivered::Clear(Plaintext::new(secret.to_vec()))),
        Delivery::Enveloped(recipient) => {
            envelope::seal(recipient, secret).map(Delivered::Enveloped)
        }
    }
}

/// A secret as the answer: for the caller, or for the attested recipient alone.
///
/// Refusals: `RecipientInvalid`.
pub(crate) fn answer(secret: Plaintext, recipient: Option<&[u8]>) -> Result<Reply, Refusal> {
    match recipient {
        None => Ok(Reply::Plaintext(secret)),
        Some(recipient) => envelope::seal(recipient, secret.expose()).map(Reply::Enveloped),
    }
}

/// The largest blob that this crate makes fits what Decrypt accepts.
const _: () = assert!(58 + 32 + 76 + ENCRYPT_MAX_BYTES <= BLOB_MAX_BYTES);
