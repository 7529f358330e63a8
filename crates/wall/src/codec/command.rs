//! Commands as frames.

use keystead_types::{Plaintext, Region};

use super::frame::{self, Body};
use super::wire::{Reader, Sink, put_bytes, put_region};
use super::{FrameId, ProtocolError};
use crate::limits::{CONTEXT_MAX_BYTES, FIELD_MAX_BYTES};
use crate::{Command, KeyBinding, KeyHandle, WrappedKey};

/// Appends a command as one frame. The whole space is reserved first, so that a plaintext is not
/// left behind in a buffer that moved.
///
/// Errors: [`ProtocolError::TooLong`]; nothing is appended then.
pub fn encode_command(
    command: &Command<'_>,
    id: FrameId,
    out: &mut Vec<u8>,
) -> Result<(), ProtocolError> {
    frame::encode(command, id, out)
}

/// A key as it came out of a frame.
#[derive(Debug)]
pub struct KeyBuf {
    binding: KeyBinding,
    wrapped: WrappedKey,
}

impl KeyBuf {
    /// The key as a command borrows it.
    pub fn handle(&self) -> KeyHandle<'_> {
        KeyHandle {
            binding: &self.binding,
            wrapped: &self.wrapped,
        }
    }
}

/// A decoded [`Command`]: small parts are owned, contexts and blobs stay in the frame, plaintexts
/// are copied into wiped memory. See there for the fields.
#[derive(Debug)]
#[expect(missing_docs, reason = "the variants and fields are those of Command")]
pub enum CommandBuf<'a> {
    Encrypt {
        key: KeyBuf,
        context: &'a [u8],
        plaintext: Plaintext,
    },
    Decrypt {
        key: KeyBuf,
        context: &'a [u8],
        ciphertext: &'a [u8],
    },
    ReEncrypt {
        source: KeyBuf,
        source_context: &'a [u8],
        ciphertext: &'a [u8],
        destination: KeyBuf,
        destination_context: &'a [u8],
    },
    GenerateDataKey {
        key: KeyBuf,
        context: &'a [u8],
        length: u16,
        with_plaintext: bool,
    },
    GenerateRandom {
        length: u16,
    },
    GenerateKey {
        binding: KeyBinding,
    },
    SealSecret {
        region: Region,
        label: &'a [u8],
        secret: Plaintext,
    },
    OpenSecret {
        region: Region,
        label: &'a [u8],
        sealed: &'a [u8],
    },
    CreateDomain {
        region: Region,
    },
    OpenDomain {
        region: Region,
        sealed: &'a [u8],
    },
}

const ENCRYPT: u8 = 1;
const DECRYPT: u8 = 2;
const RE_ENCRYPT: u8 = 3;
const GENERATE_DATA_KEY: u8 = 4;
const GENERATE_RANDOM: u8 = 5;
const GENERATE_KEY: u8 = 6;
const SEAL_SECRET: u8 = 7;
const OPEN_SECRET: u8 = 8;
const CREATE_DOMAIN: u8 = 9;
const OPEN_DOMAIN: u8 = 10;

impl Body for Command<'_> {
    fn kind(&self) -> u8 {
        match self {
            Self::Encrypt { .. } => ENCRYPT,
            Self::Decrypt { .. } => DECRYPT,
            Self::ReEncrypt { .. } => RE_ENCRYPT,
            Self::GenerateDataKey { .. } => GENERATE_DATA_KEY,
            Self::GenerateRandom { .. } => GENERATE_RANDOM,
            Self::GenerateKey { .. } => GENERATE_KEY,
            Self::SealSecret { .. } => SEAL_SECRET,
            Self::OpenSecret { .. } => OPEN_SECRET,
            Self::CreateDomain { .. } => CREATE_DOMAIN,
            Self::OpenDomain { .. } => OPEN_DOMAIN,
        }
    }

    fn write(&self, out: &mut impl Sink) -> Result<(), ProtocolError> {
        match self {
            Self::Encrypt {
                key,
                context,
                plaintext,
            } => {
                put_key(out, *key)?;
                put_bytes(out, context, CONTEXT_MAX_BYTES)?;
                put_bytes(out, plaintext.expose(), FIELD_MAX_BYTES)
            }
            Self::Decrypt {
                key,
                context,
                ciphertext,
            } => {
                put_key(out, *key)?;
                put_bytes(out, context, CONTEXT_MAX_BYTES)?;
                put_bytes(out, ciphertext, FIELD_MAX_BYTES)
            }
            Self::ReEncrypt {
                source,
                source_context,
                ciphertext,
                destination,
                destination_context,
            } => {
                put_key(out, *source)?;
                put_bytes(out, source_context, CONTEXT_MAX_BYTES)?;
                put_bytes(out, ciphertext, FIELD_MAX_BYTES)?;
                put_key(out, *destination)?;
                put_bytes(out, destination_context, CONTEXT_MAX_BYTES)
            }
            Self::GenerateDataKey {
                key,
                context,
                length,
                with_plaintext,
            } => {
                put_key(out, *key)?;
                put_bytes(out, context, CONTEXT_MAX_BYTES)?;
                out.put(&length.to_be_bytes());
                out.put(&[u8::from(*with_plaintext)]);
                Ok(())
            }
            Self::GenerateRandom { length } => {
                out.put(&length.to_be_bytes());
                Ok(())
            }
            Self::GenerateKey { binding } => {
                binding.write(out);
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
                put_bytes(out, sealed, FIELD_MAX_BYTES)
            }
        }
    }
}

fn put_key(out: &mut impl Sink, key: KeyHandle<'_>) -> Result<(), ProtocolError> {
    key.binding.write(out);
    put_bytes(out, &key.wrapped.0, FIELD_MAX_BYTES)
}

fn put_labelled(
    out: &mut impl Sink,
    region: &Region,
    label: &[u8],
    bytes: &[u8],
) -> Result<(), ProtocolError> {
    put_region(out, region);
    put_bytes(out, label, FIELD_MAX_BYTES)?;
    put_bytes(out, bytes, FIELD_MAX_BYTES)
}

/// Reads a command of one whole frame (without its length). Allocates no more than the frame's
/// size; every byte must be used.
///
/// Errors: [`ProtocolError`] for anything that [`encode_command`] would not have written.
pub fn decode_command(frame: &[u8]) -> Result<(FrameId, CommandBuf<'_>), ProtocolError> {
    let (id, kind, mut reader) = frame::open(frame)?;
    let command = read_command(kind, &mut reader)?;
    reader.finish()?;
    Ok((id, command))
}

fn read_command<'a>(kind: u8, reader: &mut Reader<'a>) -> Result<CommandBuf<'a>, ProtocolError> {
    Ok(match kind {
        ENCRYPT => CommandBuf::Encrypt {
            key: read_key(reader)?,
            context: reader.bytes(CONTEXT_MAX_BYTES)?,
            plaintext: read_plaintext(reader)?,
        },
        DECRYPT => CommandBuf::Decrypt {
            key: read_key(reader)?,
            context: reader.bytes(CONTEXT_MAX_BYTES)?,
            ciphertext: reader.bytes(FIELD_MAX_BYTES)?,
        },
        RE_ENCRYPT => CommandBuf::ReEncrypt {
            source: read_key(reader)?,
            source_context: reader.bytes(CONTEXT_MAX_BYTES)?,
            ciphertext: reader.bytes(FIELD_MAX_BYTES)?,
            destination: read_key(reader)?,
            destination_context: reader.bytes(CONTEXT_MAX_BYTES)?,
        },
        GENERATE_DATA_KEY => CommandBuf::GenerateDataKey {
            key: read_key(reader)?,
            context: reader.bytes(CONTEXT_MAX_BYTES)?,
            length: reader.u16()?,
            with_plaintext: reader.boolean()?,
        },
        GENERATE_RANDOM => CommandBuf::GenerateRandom {
            length: reader.u16()?,
        },
        GENERATE_KEY => CommandBuf::GenerateKey {
            binding: KeyBinding::read(reader)?,
        },
        SEAL_SECRET => CommandBuf::SealSecret {
            region: reader.region()?,
            label: reader.bytes(FIELD_MAX_BYTES)?,
            secret: read_plaintext(reader)?,
        },
        OPEN_SECRET => CommandBuf::OpenSecret {
            region: reader.region()?,
            label: reader.bytes(FIELD_MAX_BYTES)?,
            sealed: reader.bytes(FIELD_MAX_BYTES)?,
        },
        CREATE_DOMAIN => CommandBuf::CreateDomain {
            region: reader.region()?,
        },
        OPEN_DOMAIN => CommandBuf::OpenDomain {
            region: reader.region()?,
            sealed: reader.bytes(FIELD_MAX_BYTES)?,
        },
        _ => return Err(ProtocolError::UnknownKind),
    })
}

fn read_key(reader: &mut Reader<'_>) -> Result<KeyBuf, ProtocolError> {
    Ok(KeyBuf {
        binding: KeyBinding::read(reader)?,
        wrapped: WrappedKey(reader.bytes(FIELD_MAX_BYTES)?.to_vec()),
    })
}

pub(super) fn read_plaintext(reader: &mut Reader<'_>) -> Result<Plaintext, ProtocolError> {
    Ok(Plaintext::new(reader.bytes(FIELD_MAX_BYTES)?.to_vec()))
}

impl CommandBuf<'_> {
    /// The command that was encoded.
    pub fn lend(&self) -> Command<'_> {
        match self {
            Self::Encrypt {
                key,
                context,
                plaintext,
            } => Command::Encrypt {
                key: key.handle(),
                context,
                plaintext,
            },
            Self::Decrypt {
                key,
                context,
                ciphertext,
            } => Command::Decrypt {
                key: key.handle(),
                context,
                ciphertext,
            },
            Self::ReEncrypt {
                source,
                source_context,
                ciphertext,
                destination,
                destination_context,
            } => Command::ReEncrypt {
                source: source.handle(),
                source_context,
                ciphertext,
                destination: destination.handle(),
                destination_context,
            },
            Self::GenerateDataKey {
                key,
                context,
                length,
                with_plaintext,
            } => Command::GenerateDataKey {
                key: key.handle(),
                context,
                length: *length,
                with_plaintext: *with_plaintext,
            },
            Self::GenerateRandom { length } => Command::GenerateRandom { length: *length },
            Self::GenerateKey { binding } => Command::GenerateKey { binding },
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
        }
    }
}
