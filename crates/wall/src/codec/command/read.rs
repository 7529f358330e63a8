//! Reading a command's fields.

use keystead_types::{
    EncryptionAlgorithm, KeySpec, MacAlgorithm, MessageType, SigningAlgorithm, Timestamp,
    WrappingAlgorithm, WrappingKeySpec,
};

use super::super::wire::{Reader, read_plaintext};
use super::{
    CipherBuf, CommandBuf, DELIVERY_CLEAR, DELIVERY_ENVELOPED, DELIVERY_WITHHELD, KeyBuf,
    SUPPLY_MADE, SUPPLY_PREPARED, kind,
};
use crate::codec::ProtocolError;
use crate::limits::{CONTEXT_MAX_BYTES, FIELD_MAX_BYTES};
use crate::{Delivery, KeyBinding, Supply, WrappedKey};

// Long, because it is one table: an arm for each command. Fields are read in the order in which
// they stand here.
pub(super) fn read_command<'a>(
    kind: u8,
    reader: &mut Reader<'a>,
) -> Result<CommandBuf<'a>, ProtocolError> {
    Ok(match kind {
        kind::ENCRYPT => CommandBuf::Encrypt {
            cipher: read_cipher(reader)?,
            plaintext: read_plaintext(reader)?,
        },
        kind::DECRYPT => CommandBuf::Decrypt {
            cipher: read_cipher(reader)?,
            ciphertext: read_field(reader)?,
            recipient: reader.optional(FIELD_MAX_BYTES)?,
        },
        kind::RE_ENCRYPT => CommandBuf::ReEncrypt {
            source: read_cipher(reader)?,
            ciphertext: read_field(reader)?,
            destination: read_cipher(reader)?,
        },
        kind::GENERATE_DATA_KEY => CommandBuf::GenerateDataKey {
            key: read_key(reader)?,
            context: reader.bytes(CONTEXT_MAX_BYTES)?,
            length: reader.u16()?,
            delivery: read_delivery(reader)?,
        },
        kind::GENERATE_RANDOM => CommandBuf::GenerateRandom {
            length: reader.u16()?,
            recipient: reader.optional(FIELD_MAX_BYTES)?,
        },
        kind::GENERATE_KEY => CommandBuf::GenerateKey {
            binding: KeyBinding::read(reader)?,
            supply: read_supply(reader)?,
        },
        kind::SEAL_SECRET => CommandBuf::SealSecret {
            region: reader.region()?,
            label: read_field(reader)?,
            secret: read_plaintext(reader)?,
        },
        kind::OPEN_SECRET => CommandBuf::OpenSecret {
            region: reader.region()?,
            label: read_field(reader)?,
            sealed: read_field(reader)?,
        },
        kind::CREATE_DOMAIN => CommandBuf::CreateDomain {
            region: reader.region()?,
        },
        kind::OPEN_DOMAIN => CommandBuf::OpenDomain {
            region: reader.region()?,
            sealed: read_field(reader)?,
        },
        kind::SIGN => CommandBuf::Sign {
            key: read_key(reader)?,
            algorithm: reader.code(SigningAlgorithm::from_code)?,
            message_type: reader.code(MessageType::from_code)?,
            message: read_field(reader)?,
        },
        kind::VERIFY => CommandBuf::Verify {
            key: read_key(reader)?,
            algorithm: reader.code(SigningAlgorithm::from_code)?,
            message_type: reader.code(MessageType::from_code)?,
            message: read_field(reader)?,
            signature: read_field(reader)?,
        },
        kind::GENERATE_MAC => CommandBuf::GenerateMac {
            key: read_key(reader)?,
            algorithm: reader.code(MacAlgorithm::from_code)?,
            message: read_field(reader)?,
        },
        kind::VERIFY_MAC => CommandBuf::VerifyMac {
            key: read_key(reader)?,
            algorithm: reader.code(MacAlgorithm::from_code)?,
            message: read_field(reader)?,
            mac: read_field(reader)?,
        },
        kind::DERIVE_SHARED_SECRET => CommandBuf::DeriveSharedSecret {
            key: read_key(reader)?,
            public_key: read_field(reader)?,
            recipient: reader.optional(FIELD_MAX_BYTES)?,
        },
        kind::ENCAPSULATE => CommandBuf::Encapsulate {
            key: read_key(reader)?,
        },
        kind::DECAPSULATE => CommandBuf::Decapsulate {
            key: read_key(reader)?,
            ciphertext: read_field(reader)?,
        },
        kind::GENERATE_KEY_PAIR => CommandBuf::GenerateKeyPair {
            key: read_key(reader)?,
            context: reader.bytes(CONTEXT_MAX_BYTES)?,
            spec: reader.code(KeySpec::from_code)?,
            delivery: read_delivery(reader)?,
            supply: read_supply(reader)?,
        },
        kind::PREPARE_IMPORT => CommandBuf::PrepareImport {
            target: KeyBinding::read(reader)?,
            algorithm: reader.code(WrappingAlgorithm::from_code)?,
            wrapping_spec: reader.code(WrappingKeySpec::from_code)?,
            valid_to: read_timestamp(reader)?,
            supply: read_supply(reader)?,
        },
        kind::IMPORT_KEY => CommandBuf::ImportKey {
            target: KeyBinding::read(reader)?,
            token: read_field(reader)?,
            now: read_timestamp(reader)?,
            encrypted: read_field(reader)?,
        },
        kind::EXPORT_KEY => CommandBuf::ExportKey {
            key: read_key(reader)?,
            to: reader.region()?,
        },
        kind::ADOPT_KEY => CommandBuf::AdoptKey {
            binding: KeyBinding::read(reader)?,
            from: reader.region()?,
            transport: read_field(reader)?,
        },
        _ => return Err(ProtocolError::UnknownKind),
    })
}

fn read_field<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ProtocolError> {
    reader.bytes(FIELD_MAX_BYTES)
}

fn read_key(reader: &mut Reader<'_>) -> Result<KeyBuf, ProtocolError> {
    Ok(KeyBuf {
        binding: KeyBinding::read(reader)?,
        wrapped: WrappedKey(read_field(reader)?.to_vec()),
    })
}

fn read_cipher<'a>(reader: &mut Reader<'a>) -> Result<CipherBuf<'a>, ProtocolError> {
    Ok(CipherBuf {
        key: read_key(reader)?,
        algorithm: reader.code(EncryptionAlgorithm::from_code)?,
        context: reader.bytes(CONTEXT_MAX_BYTES)?,
    })
}

fn read_delivery<'a>(reader: &mut Reader<'a>) -> Result<Delivery<'a>, ProtocolError> {
    match reader.u8()? {
        DELIVERY_WITHHELD => Ok(Delivery::Withheld),
        DELIVERY_CLEAR => Ok(Delivery::Clear),
        DELIVERY_ENVELOPED => Ok(Delivery::Enveloped(read_field(reader)?)),
        _ => Err(ProtocolError::UnknownValue),
    }
}

fn read_supply(reader: &mut Reader<'_>) -> Result<Supply, ProtocolError> {
    match reader.u8()? {
        SUPPLY_PREPARED => Ok(Supply::Prepared),
        SUPPLY_MADE => Ok(Supply::Made),
        _ => Err(ProtocolError::UnknownValue),
    }
}

fn read_timestamp(reader: &mut Reader<'_>) -> Result<Timestamp, ProtocolError> {
    Ok(Timestamp::from_millis(i64::from_be_bytes(reader.array()?)))
}
