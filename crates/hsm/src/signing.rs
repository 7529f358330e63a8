//! Signatures and MACs, by spec.

use keystead_types::{KeySpec, KeyUsage, MacAlgorithm, MessageType, SigningAlgorithm};
use keystead_wall::{KeyBinding, KeyHandle, Refusal};

use crate::core::Core;
use crate::limits::{BLOB_MAX_BYTES, MESSAGE_MAX_BYTES};
use crate::parsed::Parsed;
use crate::{mac, wrapping};

/// What is signed and how.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) algorithm: SigningAlgorithm,
    pub(crate) message_type: MessageType,
    pub(crate) bytes: &'a [u8],
}

/// Signs.
///
/// Refusals: `WrongUsage` (the key's usage or the algorithm), `InvalidArgument` (message type or
/// length), `WrappedKeyDamaged`, `DomainMissing`.
pub(crate) fn sign(
    core: &Core,
    key: KeyHandle<'_>,
    message: Message<'_>,
) -> Result<Vec<u8>, Refusal> {
    check(key.binding, message)?;
    let Message {
        algorithm,
        message_type,
        bytes,
    } = message;
    match &*core.parsed(key)? {
        Parsed::RsaSigning(key) => key.sign(algorithm, message_type, bytes),
        Parsed::EcSigning(key) => key.sign(algorithm, message_type, bytes),
        Parsed::Edwards(key) => key.sign(algorithm, message_type, bytes),
        Parsed::MlDsa(key) => key.sign(algorithm, message_type, bytes),
        Parsed::Sm2(key) => key.sign(algorithm, message_type, bytes),
        Parsed::RsaDecrypting(_) | Parsed::EcAgreement(_) => Err(Refusal::WrongUsage),
    }
}

/// Verifies a signature.
///
/// Refusals: those of [`sign`], `SignatureInvalid`.
pub(crate) fn verify(
    core: &Core,
    key: KeyHandle<'_>,
    message: Message<'_>,
    signature: &[u8],
) -> Result<(), Refusal> {
    check(key.binding, message)?;
    if signature.is_empty() || signature.len() > BLOB_MAX_BYTES {
        return Err(Refusal::InvalidArgument);
    }
    let Message {
        algorithm,
        message_type,
        bytes,
    } = message;
    match &*core.parsed(key)? {
        Parsed::RsaSigning(key) => key.verify(algorithm, message_type, bytes, signature),
        Parsed::EcSigning(key) => key.verify(algorithm, message_type, bytes, signature),
        Parsed::Edwards(key) => key.verify(algorithm, message_type, bytes, signature),
        Parsed::MlDsa(key) => key.verify(algorithm, message_type, bytes, signature),
        Parsed::Sm2(key) => key.verify(algorithm, message_type, bytes, signature),
        Parsed::RsaDecrypting(_) | Parsed::EcAgreement(_) => Err(Refusal::WrongUsage),
    }
}

/// The second lock: usage and algorithm go with the key, message type and length with the
/// algorithm.
fn check(binding: &KeyBinding, message: Message<'_>) -> Result<(), Refusal> {
    let Message {
        algorithm,
        message_type,
        bytes,
    } = message;
    let algorithms = binding.spec.signing_algorithms(binding.usage);
    if !algorithms.contains(&algorithm) {
        return Err(Refusal::WrongUsage);
    }
    let right_length = match algorithm.message_bytes(message_type) {
        Some(length) => bytes.len() == length,
        None => check_message(bytes).is_ok(),
    };
    match algorithm.takes(message_type) && right_length {
        true => Ok(()),
        false => Err(Refusal::InvalidArgument),
    }
}

fn check_message(bytes: &[u8]) -> Result<(), Refusal> {
    match (1..=MESSAGE_MAX_BYTES).contains(&bytes.len()) {
        true => Ok(()),
        false => Err(Refusal::InvalidArgument),
    }
}

/// The MAC of a message.
///
/// Refusals: `WrongUsage` (the key's usage or the algorithm), `InvalidArgument` (length),
/// `WrappedKeyDamaged`, `DomainMissing`.
pub(crate) fn generate_mac(
    core: &Core,
    key: KeyHandle<'_>,
    algorithm: MacAlgorithm,
    message: &[u8],
) -> Result<Vec<u8>, Refusal> {
    check_mac(key.binding, algorithm)?;
    check_message(message)?;
    let material = wrapping::unwrap_material(&core.domains, &core.arena, key)?;
    Ok(mac::generate(algorithm, material.expose(), message))
}

/// Compares a MAC.
///
/// Refusals: those of [`generate_mac`], `MacInvalid`.
pub(crate) fn verify_mac(
    core: &Core,
    key: KeyHandle<'_>,
    algorithm: MacAlgorithm,
    message: &[u8],
    mac: &[u8],
) -> Result<(), Refusal> {
    check_mac(key.binding, algorithm)?;
    check_message(message)?;
    let material = wrapping::unwrap_material(&core.domains, &core.arena, key)?;
    mac::verify(algorithm, material.expose(), message, mac)
}

fn check_mac(binding: &KeyBinding, algorithm: MacAlgorithm) -> Result<(), Refusal> {
    let usage = binding.usage == KeyUsage::GenerateVerifyMac;
    match usage && KeySpec::mac_algorithm(binding.spec) == Some(algorithm) {
        true => Ok(()),
        false => Err(Refusal::WrongUsage),
    }
}
