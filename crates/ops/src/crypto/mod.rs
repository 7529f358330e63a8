//! Cryptography with keys.

mod decapsulate;
mod decrypt;
mod derive_shared_secret;
mod encapsulate;
mod encrypt;
mod generate_data_key;
mod generate_data_key_pair;
mod generate_data_key_pair_without_plaintext;
mod generate_data_key_without_plaintext;
mod generate_mac;
mod generate_random;
mod re_encrypt;
mod sign;
mod verify;
mod verify_mac;

pub use decapsulate::Decapsulate;
pub use decrypt::Decrypt;
pub use derive_shared_secret::DeriveSharedSecret;
pub use encapsulate::Encapsulate;
pub use encrypt::Encrypt;
pub use generate_data_key::GenerateDataKey;
pub use generate_data_key_pair::GenerateDataKeyPair;
pub use generate_data_key_pair_without_plaintext::GenerateDataKeyPairWithoutPlaintext;
pub use generate_data_key_without_plaintext::GenerateDataKeyWithoutPlaintext;
pub use generate_mac::GenerateMac;
pub use generate_random::GenerateRandom;
pub use re_encrypt::ReEncrypt;
pub use sign::Sign;
pub use verify::Verify;
pub use verify_mac::VerifyMac;

use keystead_api::model::{DataKeySpec, DryRunModifierType};
use keystead_engine::{Delivered, KeyEntry};
use keystead_types::{
    EncryptionAlgorithm, EncryptionContext, Fault, FaultKind, KeySpec, MacAlgorithm, MessageType,
    Plaintext, SigningAlgorithm, limits,
};

/// The algorithm that applies when none is sent. Source: KMS API reference, Encrypt.
const DEFAULT_ALGORITHM: EncryptionAlgorithm = EncryptionAlgorithm::SymmetricDefault;

/// Refuses an algorithm that the key's spec does not have.
fn check_algorithm(key: &KeyEntry, algorithm: EncryptionAlgorithm) -> Result<(), Fault> {
    let record = key.record();
    let spec = record.spec;
    if spec
        .encryption_algorithms(record.usage)
        .contains(&algorithm)
    {
        return Ok(());
    }
    Err(incompatible(algorithm.as_str(), spec))
}

/// The error of an algorithm that does not go with a key.
fn incompatible(algorithm: &str, spec: KeySpec) -> Fault {
    Fault::new(
        FaultKind::InvalidKeyUsage,
        format!("Algorithm {algorithm} is incompatible with key spec {spec}."),
    )
}

/// What a message is when the request does not say. Source: KMS API reference, Sign.
fn message_type(sent: Option<MessageType>) -> MessageType {
    sent.unwrap_or(MessageType::Raw)
}

/// Refuses a signing algorithm that the key's spec does not have, a kind of message that the
/// algorithm does not take, and a digest of another length.
fn check_signable(
    key: &KeyEntry,
    algorithm: SigningAlgorithm,
    kind: MessageType,
    message: &Plaintext,
) -> Result<(), Fault> {
    let record = key.record();
    if !record
        .spec
        .signing_algorithms(record.usage)
        .contains(&algorithm)
    {
        return Err(incompatible(algorithm.as_str(), record.spec));
    }
    if !algorithm.takes(kind) {
        return Err(Fault::validation(format!(
            "MessageType {kind} is not compatible with the algorithm {algorithm}."
        )));
    }
    match algorithm.message_bytes(kind) {
        Some(length) if length != message.len() => Err(Fault::validation(format!(
            "Digest is invalid length for algorithm {algorithm}."
        ))),
        _ => Ok(()),
    }
}

/// Refuses a MAC algorithm that is not the key spec's.
fn check_mac_algorithm(key: &KeyEntry, algorithm: MacAlgorithm) -> Result<(), Fault> {
    let spec = key.record().spec;
    match spec.mac_algorithm() {
        Some(own) if own == algorithm => Ok(()),
        _ => Err(incompatible(algorithm.as_str(), spec)),
    }
}

/// Refuses an encryption context for an algorithm that has none.
/// Source: KMS API reference, Encrypt, EncryptionContext.
fn check_context_use(
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
) -> Result<(), Fault> {
    if algorithm == EncryptionAlgorithm::SymmetricDefault || context.len_bytes() == 0 {
        return Ok(());
    }
    Err(Fault::validation(format!(
        "EncryptionContext is not supported with the algorithm {algorithm}."
    )))
}

/// Splits a secret into the answer's members: in clear, or for the recipient.
fn split(delivered: Delivered) -> (Option<Plaintext>, Option<Vec<u8>>) {
    match delivered {
        Delivered::Withheld => (None, None),
        Delivered::Clear(secret) => (Some(secret), None),
        Delivered::Enveloped(envelope) => (None, Some(envelope)),
    }
}

/// Pairs in an encryption context. Ours: KMS bounds the bytes only; policies look at every pair.
const CONTEXT_PAIRS_MAX: usize = 256;

/// Refuses an encryption context above the documented size, and one of too many pairs.
fn check_context(context: &EncryptionContext) -> Result<(), Fault> {
    const MOST: usize = limits::ENCRYPTION_CONTEXT_MAX_BYTES;
    if context.pairs().nth(CONTEXT_PAIRS_MAX).is_some() {
        return Err(Fault::validation(format!(
            "The encryption context has more than {CONTEXT_PAIRS_MAX} pairs."
        )));
    }
    if context.len_bytes() <= MOST {
        return Ok(());
    }
    Err(Fault::validation(format!(
        "The encryption context is larger than {MOST} bytes."
    )))
}

/// The length that a data key request asks for, by exactly one of its two members.
fn data_key_length(
    key_spec: Option<DataKeySpec>,
    number_of_bytes: Option<u32>,
) -> Result<u16, Fault> {
    let wrong = || Fault::validation("Please specify either number of bytes or key spec.");
    match (key_spec, number_of_bytes) {
        (Some(DataKeySpec::Aes256), None) => Ok(32),
        (Some(DataKeySpec::Aes128), None) => Ok(16),
        (None, Some(length)) => u16::try_from(length).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// The blob of a Decrypt or ReEncrypt; only a dry run that ignores it may do without.
fn ciphertext<'a>(
    blob: Option<&'a Vec<u8>>,
    modifiers: Option<&Vec<DryRunModifierType>>,
    dry_run: Option<bool>,
) -> Result<Option<&'a [u8]>, Fault> {
    let ignored = modifiers.is_some_and(|list| !list.is_empty());
    if ignored && dry_run != Some(true) {
        return Err(Fault::validation(
            "DryRunModifiers can only be used when DryRun is true.",
        ));
    }
    match blob {
        _ if ignored => Ok(None),
        Some(blob) => Ok(Some(blob)),
        None => Err(Fault::validation(
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy \
             constraint: Member must not be null",
        )),
    }
}
