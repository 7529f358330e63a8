//! Decoded commands, lent as the commands that were encoded.

use super::{CipherBuf, CommandBuf, KeyBuf};
use crate::{Cipher, Command, KeyHandle};

impl KeyBuf {
    /// The key as a command borrows it.
    pub fn handle(&self) -> KeyHandle<'_> {
        KeyHandle {
            binding: &self.binding,
            wrapped: &self.wrapped,
        }
    }
}

impl CipherBuf<'_> {
    /// The cipher as a command borrows it.
    pub fn handle(&self) -> Cipher<'_> {
        Cipher {
            key: self.key.handle(),
            algorithm: self.algorithm,
            context: self.context,
        }
    }
}

impl CommandBuf<'_> {
    /// The command that was encoded.
    pub fn lend(&self) -> Command<'_> {
        match self {
            Self::Encrypt { cipher, plaintext } => Command::Encrypt {
                cipher: cipher.handle(),
                plaintext,
            },
            Self::Decrypt {
                cipher,
                ciphertext,
                recipient,
            } => Command::Decrypt {
                cipher: cipher.handle(),
                ciphertext,
                recipient: *recipient,
            },
            Self::ReEncrypt {
                source,
                ciphertext,
                destination,
            } => Command::ReEncrypt {
                source: source.handle(),
                ciphertext,
                destination: destination.handle(),
            },
            Self::GenerateDataKey {
                key,
                context,
                length,
                delivery,
            } => Command::GenerateDataKey {
                key: key.handle(),
                context,
                length: *length,
                delivery: *delivery,
            },
            Self::GenerateKeyPair {
                key,
                context,
                spec,
                delivery,
                supply,
            } => Command::GenerateKeyPair {
                key: key.handle(),
                context,
                spec: *spec,
                delivery: *delivery,
                supply: *supply,
            },
            Self::GenerateRandom { length, recipient } => Command::GenerateRandom {
                length: *length,
                recipient: *recipient,
            },
            Self::SealSecret {
                region,
                label,
                secret,
            } => Command::SealSecret {
                region,
                label,
                secret,
            },
            Self::OpenSecret {
                region,
                label,
                sealed,
            } => Command::OpenSecret {
                region,
                label,
                sealed,
            },
            Self::CreateDomain { region } => Command::CreateDomain { region },
            Self::OpenDomain { region, sealed } => Command::OpenDomain { region, sealed },
            Self::Sign {
                key,
                algorithm,
                message_type,
                message,
            } => Command::Sign {
                key: key.handle(),
                algorithm: *algorithm,
                message_type: *message_type,
                message,
            },
            Self::Verify {
                key,
                algorithm,
                message_type,
                message,
                signature,
            } => Command::Verify {
                key: key.handle(),
                algorithm: *algorithm,
                message_type: *message_type,
                message,
                signature,
            },
            Self::GenerateMac {
                key,
                algorithm,
                message,
            } => Command::GenerateMac {
                key: key.handle(),
                algorithm: *algorithm,
                message,
            },
            Self::VerifyMac {
                key,
                algorithm,
                message,
                mac,
            } => Command::VerifyMac {
                key: key.handle(),
                algorithm: *algorithm,
                message,
                mac,
            },
            Self::DeriveSharedSecret {
                key,
                public_key,
                recipient,
            } => Command::DeriveSharedSecret {
                key: key.handle(),
                public_key,
                recipient: *recipient,
            },
            Self::Encapsulate { key } => Command::Encapsulate { key: key.handle() },
            Self::Decapsulate { key, ciphertext } => Command::Decapsulate {
                key: key.handle(),
                ciphertext,
            },
            Self::GenerateKey { binding, supply } => Command::GenerateKey {
                binding,
                supply: *supply,
            },
            Self::PrepareImport {
                target,
                algorithm,
                wrapping_spec,
                valid_to,
                supply,
            } => Command::PrepareImport {
                target,
                algorithm: *algorithm,
                wrapping_spec: *wrapping_spec,
                valid_to: *valid_to,
                supply: *supply,
            },
            Self::ImportKey {
                target,
                token,
                now,
                encrypted,
            } => Command::ImportKey {
                target,
                token,
                now: *now,
                encrypted,
            },
            Self::ExportKey { key, to } => Command::ExportKey {
                key: key.handle(),
                to,
            },
            Self::AdoptKey {
                binding,
                from,
                transport,
            } => Command::AdoptKey {
                binding,
                from,
                transport,
            },
        }
    }
}
