//! Cryptography with symmetric keys.

mod decrypt;
mod encrypt;
mod generate_data_key;
mod generate_data_key_without_plaintext;
mod generate_random;
mod re_encrypt;

pub use decrypt::Decrypt;
pub use encrypt::Encrypt;
pub use generate_data_key::GenerateDataKey;
pub use generate_data_key_without_plaintext::GenerateDataKeyWithoutPlaintext;
pub use generate_random::GenerateRandom;
pub use re_encrypt::ReEncrypt;

use keystead_api::model::{DataKeySpec, DryRunModifierType, EncryptionAlgorithmSpec};
use keystead_engine::KeyEntry;
use keystead_types::{EncryptionContext, Fault, FaultKind, KeySpec, limits};

/// The algorithm that applies when none is sent. Source: KMS API reference, Encrypt.
const DEFAULT_ALGORITHM: EncryptionAlgorithmSpec = EncryptionAlgorithmSpec::SymmetricDefault;

/// Refuses an algorithm that the key's spec does not have.
fn check_algorithm(
    key: &KeyEntry,
    algorithm: Option<EncryptionAlgorithmSpec>,
) -> Result<(), Fault> {
    let algorithm = algorithm.unwrap_or(DEFAULT_ALGORITHM);
    let spec = key.record().spec;
    if spec == KeySpec::SymmetricDefault && algorithm == DEFAULT_ALGORITHM {
        return Ok(());
    }
    let algorithm = algorithm.as_str();
    Err(Fault::new(
        FaultKind::InvalidKeyUsage,
        format!("Algorithm {algorithm} is incompatible with key spec {spec}."),
    ))
}

/// Refuses an encryption context above the documented size.
fn check_context(context: &EncryptionContext) -> Result<(), Fault> {
    const MOST: usize = limits::ENCRYPTION_CONTEXT_MAX_BYTES;
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
            "1 validation error detected: Value at 'ciphertextBlob' failed to satisfy \
             constraint: Member must not be null",
        )),
    }
}

/// Attested answers need attestation documents to be checked, which is not offered yet; a request
/// for one is refused, never answered in clear.
fn refuse_recipient<R>(recipient: Option<&R>) -> Result<(), Fault> {
    match recipient {
        None => Ok(()),
        Some(_) => Err(Fault::new(
            FaultKind::UnsupportedOperation,
            "Keystead does not offer Recipient (attestation) yet.",
        )),
    }
}
