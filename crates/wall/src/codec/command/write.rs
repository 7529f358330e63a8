//! Writing a command's fields.

use keystead_types::{Region, Timestamp};

use super::super::frame::Body;
use super::super::wire::{Sink, put_bytes, put_optional, put_region};
use super::{
    DELIVERY_CLEAR, DELIVERY_ENVELOPED, DELIVERY_WITHHELD, SUPPLY_MADE, SUPPLY_PREPARED, kind,
};
use crate::codec::ProtocolError;
use crate::limits::{CONTEXT_MAX_BYTES, FIELD_MAX_BYTES};
use crate::{Cipher, Command, Delivery, KeyHandle, Supply};

impl Body for Command<'_> {
    fn kind(&self) -> u8 {
        match self {
            Self::Encrypt { .. } => kind::ENCRYPT,
            Self::Decrypt { .. } => kind::DECRYPT,
            Self::ReEncrypt { .. } => kind::RE_ENCRYPT,
            Self::GenerateDataKey { .. } => kind::GENERATE_DATA_KEY,
            Self::GenerateRandom { .. } => kind::GENERATE_RANDOM,
            Self::GenerateKey { .. } => kind::GENERATE_KEY,
            Self::SealSecret { .. } => kind::SEAL_SECRET,
            Self::OpenSecret { .. } => kind::OPEN_SECRET,
            Self::CreateDomain { .. } => kind::CREATE_DOMAIN,
            Self::OpenDomain { .. } => kind::OPEN_DOMAIN,
            Self::Sign { .. } => kind::SIGN,
            Self::Verify { .. } => kind::VERIFY,
            Self::GenerateMac { .. } => kind::GENERATE_MAC,
            Self::VerifyMac { .. } => kind::VERIFY_MAC,
            Self::DeriveSharedSecret { .. } => kind::DERIVE_SHARED_SECRET,
            Self::Encapsulate { .. } => kind::ENCAPSULATE,
            Self::Decapsulate { .. } => kind::DECAPSULATE,
            Self::GenerateKeyPair { .. } => kind::GENERATE_KEY_PAIR,
            Self::PrepareImport { .. } => kind::PREPARE_IMPORT,
            Self::ImportKey { .. } => kind::IMPORT_KEY,
            Self::ExportKey { .. } => kind::EXPORT_KEY,
            Self::AdoptKey { .. } => kind::ADOPT_KEY,
        }
    }

    // Long, because it is one table: an arm for each command, in the order of `docs/formats`.
    fn write(&self, out: &mut impl Sink) -> Result<(), ProtocolError> {
        match self {
            Self::Encrypt { cipher, plaintext } => {
                put_cipher(out, cipher)?;
                put_field(out, plaintext.expose())
            }
            Self::Decrypt {
                cipher,
                ciphertext,
                recipient,
            } => {
                put_cipher(out, cipher)?;
                put_field(out, ciphertext)?;
                put_optional(out, *recipient, FIELD_MAX_BYTES)
            }
            Self::ReEncrypt {
                source,
                ciphertext,
                destination,
            } => {
                put_cipher(out, source)?;
                put_field(out, ciphertext)?;
                put_cipher(out, destination)
            }
            Self::GenerateDataKey {
                key,
                context,
                length,
                delivery,
            } => {
                put_key(out, *key)?;
                put_bytes(out, context, CONTEXT_MAX_BYTES)?;
                out.put(&length.to_be_bytes());
                put_delivery(out, *delivery)
            }
            Self::GenerateRandom { length, recipient } => {
                out.put(&length.to_be_bytes());
                put_optional(out, *recipient, FIELD_MAX_BYTES)
            }
            Self::GenerateKey { binding, supply } => {
                binding.write(out);
                put_supply(out, *supply);
                Ok(())
            }
            Self::SealSecret {
                region,
                label,
                secret,
            } => put_labelled(out, region, label, secret.expose()),
            Self::OpenSecret {
                region,
                label,
                sealed,
            } => put_labelled(out, region, label, sealed),
            Self::CreateDomain { region } => {
                put_region(out, region);
                Ok(())
            }
            Self::OpenDomain { region, sealed } => {
                put_region(out, region);
                put_field(out, sealed)
            }
            Self::Sign {
                key,
                algorithm,
                message_type,
                message,
            } => {
                put_key(out, *key)?;
                out.put(&[algorithm.code(), message_type.code()]);
                put_field(out, message)
            }
            Self::Verify {
                key,
                algorithm,
                message_type,
                message,
                signature,
            } => {
                put_key(out, *key)?;
                out.put(&[algorithm.code(), message_type.code()]);
                put_field(out, message)?;
                put_field(out, signature)
            }
            Self::GenerateMac {
                key,
                algorithm,
                message,
            } => {
                put_key(out, *key)?;
                out.put(&[algorithm.code()]);
                put_field(out, message)
            }
            Self::VerifyMac {
                key,
                algorithm,
                message,
                mac,
            } => {
                put_key(out, *key)?;
                out.put(&[algorithm.code()]);
                put_field(out, message)?;
                put_field(out, mac)
            }
            Self::DeriveSharedSecret {
                key,
                public_key,
                recipient,
            } => {
                put_key(out, *key)?;
                put_field(out, public_key)?;
                put_optional(out, *recipient, FIELD_MAX_BYTES)
            }
            Self::Encapsulate { key } => put_key(out, *key),
            Self::Decapsulate { key, ciphertext } => {
                put_key(out, *key)?;
                put_field(out, ciphertext)
            }
            Self::GenerateKeyPair {
                key,
                context,
                spec,
                delivery,
                supply,
            } => {
                put_key(out, *key)?;
                put_bytes(out, context, CONTEXT_MAX_BYTES)?;
                out.put(&[spec.code()]);
                put_delivery(out, *delivery)?;
                put_supply(out, *supply);
                Ok(())
            }
            Self::PrepareImport {
                target,
                algorithm,
                wrapping_spec,
                valid_to,
                supply,
            } => {
                target.write(out);
                out.put(&[algorithm.code(), wrapping_spec.code()]);
                put_timestamp(out, *valid_to);
                put_supply(out, *supply);
                Ok(())
            }
            Self::ImportKey {
                target,
                token,
                now,
                encrypted,
            } => {
                target.write(out);
                put_field(out, token)?;
                put_timestamp(out, *now);
                put_field(out, encrypted)
            }
            Self::ExportKey { key, to } => {
                put_key(out, *key)?;
                put_region(out, to);
                Ok(())
            }
            Self::AdoptKey {
                binding,
                from,
                transport,
            } => {
                binding.write(out);
                put_region(out, from);
                put_field(out, transport)
            }
        }
    }
}

fn put_field(out: &mut impl Sink, bytes: &[u8]) -> Result<(), ProtocolError> {
    put_bytes(out, bytes, FIELD_MAX_BYTES)
}

fn put_key(out: &mut impl Sink, key: KeyHandle<'_>) -> Result<(), ProtocolError> {
    key.binding.write(out);
    put_field(out, &key.wrapped.0)
}

fn put_cipher(out: &mut impl Sink, cipher: &Cipher<'_>) -> Result<(), ProtocolError> {
    put_key(out, cipher.key)?;
    out.put(&[cipher.algorithm.code()]);
    put_bytes(out, cipher.context, CONTEXT_MAX_BYTES)
}

fn put_delivery(out: &mut impl Sink, delivery: Delivery<'_>) -> Result<(), ProtocolError> {
    match delivery {
        Delivery::Withheld => out.put(&[DELIVERY_WITHHELD]),
        Delivery::Clear => out.put(&[DELIVERY_CLEAR]),
        Delivery::Enveloped(recipient) => {
            out.put(&[DELIVERY_ENVELOPED]);
            put_field(out, recipient)?;
        }
    }
    Ok(())
}

fn put_supply(out: &mut impl Sink, supply: Supply) {
    out.put(&[match supply {
        Supply::Prepared => SUPPLY_PREPARED,
        Supply::Made => SUPPLY_MADE,
    }]);
}

fn put_timestamp(out: &mut impl Sink, moment: Timestamp) {
    out.put(&moment.as_millis().to_be_bytes());
}

fn put_labelled(
    out: &mut impl Sink,
    region: &Region,
    label: &[u8],
    bytes: &[u8],
) -> Result<(), ProtocolError> {
    put_region(out, region);
    put_field(out, label)?;
    put_field(out, bytes)
}
