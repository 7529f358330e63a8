//! Answers as frames: the receipt, then what was answered or why not.

use super::command::{DELIVERY_CLEAR, DELIVERY_ENVELOPED, DELIVERY_WITHHELD};
use super::frame::{self, Body};
use super::wire::{Reader, Sink, put_bytes, put_optional, read_plaintext};
use super::{FrameId, ProtocolError};
use crate::limits::FIELD_MAX_BYTES;
use crate::{Delivered, Outcome, Receipt, Refusal, Reply, WrappedKey};

const REFUSED: u8 = 0x80;
const CIPHERTEXT: u8 = 0x81;
const PLAINTEXT: u8 = 0x82;
const DATA_KEY: u8 = 0x83;
const NEW_KEY: u8 = 0x84;
const SEALED: u8 = 0x85;
const DONE: u8 = 0x86;
const ENVELOPED: u8 = 0x87;
const KEY_PAIR: u8 = 0x88;
const SIGNATURE: u8 = 0x89;
const ENCAPSULATED: u8 = 0x8a;
const IMPORT_PARAMETERS: u8 = 0x8b;

/// Appends an answer as one frame. Errors: [`ProtocolError::TooLong`]; nothing is appended then.
pub fn encode_outcome(
    outcome: &Outcome,
    id: FrameId,
    out: &mut Vec<u8>,
) -> Result<(), ProtocolError> {
    frame::encode(outcome, id, out)
}

/// Reads an answer of one whole frame (without its length); every byte must be used.
///
/// Errors: [`ProtocolError`] for anything that [`encode_outcome`] would not have written.
pub fn decode_outcome(frame: &[u8]) -> Result<(FrameId, Outcome), ProtocolError> {
    let (id, kind, mut reader) = frame::open(frame)?;
    let receipt = Receipt {
        epoch: reader.u64()?,
        lane: reader.u16()?,
        counter: reader.u64()?,
        digest: reader.array()?,
    };
    let result = match kind {
        REFUSED => Err(read_refusal(&mut reader)?),
        kind => Ok(read_reply(kind, &mut reader)?),
    };
    reader.finish()?;
    Ok((id, Outcome { result, receipt }))
}

impl Body for Outcome {
    fn kind(&self) -> u8 {
        match &self.result {
            Err(_) => REFUSED,
            Ok(Reply::Ciphertext(_)) => CIPHERTEXT,
            Ok(Reply::Plaintext(_)) => PLAINTEXT,
            Ok(Reply::Enveloped(_)) => ENVELOPED,
            Ok(Reply::DataKey { .. }) => DATA_KEY,
            Ok(Reply::KeyPair { .. }) => KEY_PAIR,
            Ok(Reply::Signature(_)) => SIGNATURE,
            Ok(Reply::Encapsulated { .. }) => ENCAPSULATED,
            Ok(Reply::NewKey { .. }) => NEW_KEY,
            Ok(Reply::ImportParameters { .. }) => IMPORT_PARAMETERS,
            Ok(Reply::Sealed(_)) => SEALED,
            Ok(Reply::Done) => DONE,
        }
    }

    fn write(&self, out: &mut impl Sink) -> Result<(), ProtocolError> {
        let Receipt {
            epoch,
            lane,
            counter,
            digest,
        } = &self.receipt;
        out.put(&epoch.to_be_bytes());
        out.put(&lane.to_be_bytes());
        out.put(&counter.to_be_bytes());
        out.put(digest);
        match &self.result {
            Ok(reply) => put_reply(out, reply),
            Err(refusal) => {
                out.put(&[code_of(*refusal)]);
                Ok(())
            }
        }
    }
}

fn put_reply(out: &mut impl Sink, reply: &Reply) -> Result<(), ProtocolError> {
    match reply {
        Reply::Ciphertext(bytes)
        | Reply::Enveloped(bytes)
        | Reply::Signature(bytes)
        | Reply::Sealed(bytes) => put_field(out, bytes),
        Reply::Plaintext(plaintext) => put_field(out, plaintext.expose()),
        Reply::DataKey {
            ciphertext,
            plaintext,
        } => {
            put_field(out, ciphertext)?;
            put_delivered(out, plaintext)
        }
        Reply::KeyPair {
            ciphertext,
            plaintext,
            public_key,
        } => {
            put_field(out, ciphertext)?;
            put_delivered(out, plaintext)?;
            put_field(out, public_key)
        }
        Reply::Encapsulated { ciphertext, secret } => {
            put_field(out, ciphertext)?;
            put_field(out, secret.expose())
        }
        Reply::NewKey {
            material_id,
            wrapped,
            public_key,
        } => {
            out.put(&material_id.0);
            put_field(out, &wrapped.0)?;
            put_optional(out, public_key.as_deref(), FIELD_MAX_BYTES)
        }
        Reply::ImportParameters { public_key, token } => {
            put_field(out, public_key)?;
            put_field(out, token)
        }
        Reply::Done => Ok(()),
    }
}

fn put_field(out: &mut impl Sink, bytes: &[u8]) -> Result<(), ProtocolError> {
    put_bytes(out, bytes, FIELD_MAX_BYTES)
}

fn put_delivered(out: &mut impl Sink, delivered: &Delivered) -> Result<(), ProtocolError> {
    match delivered {
        Delivered::Withheld => {
            out.put(&[DELIVERY_WITHHELD]);
            Ok(())
        }
        Delivered::Clear(plaintext) => {
            out.put(&[DELIVERY_CLEAR]);
            put_field(out, plaintext.expose())
        }
        Delivered::Enveloped(enveloped) => {
            out.put(&[DELIVERY_ENVELOPED]);
            put_field(out, enveloped)
        }
    }
}

// Fields are read in the order in which they stand here.
fn read_reply(kind: u8, reader: &mut Reader<'_>) -> Result<Reply, ProtocolError> {
    Ok(match kind {
        CIPHERTEXT => Reply::Ciphertext(read_field(reader)?),
        PLAINTEXT => Reply::Plaintext(read_plaintext(reader)?),
        ENVELOPED => Reply::Enveloped(read_field(reader)?),
        DATA_KEY => Reply::DataKey {
            ciphertext: read_field(reader)?,
            plaintext: read_delivered(reader)?,
        },
        KEY_PAIR => Reply::KeyPair {
            ciphertext: read_field(reader)?,
            plaintext: read_delivered(reader)?,
            public_key: read_field(reader)?,
        },
        SIGNATURE => Reply::Signature(read_field(reader)?),
        ENCAPSULATED => Reply::Encapsulated {
            ciphertext: read_field(reader)?,
            secret: read_plaintext(reader)?,
        },
        NEW_KEY => Reply::NewKey {
            material_id: reader.hex32()?,
            wrapped: WrappedKey(read_field(reader)?),
            public_key: reader.optional(FIELD_MAX_BYTES)?.map(<[u8]>::to_vec),
        },
        IMPORT_PARAMETERS => Reply::ImportParameters {
            public_key: read_field(reader)?,
            token: read_field(reader)?,
        },
        SEALED => Reply::Sealed(read_field(reader)?),
        DONE => Reply::Done,
        _ => return Err(ProtocolError::UnknownKind),
    })
}

fn read_field(reader: &mut Reader<'_>) -> Result<Vec<u8>, ProtocolError> {
    Ok(reader.bytes(FIELD_MAX_BYTES)?.to_vec())
}

fn read_delivered(reader: &mut Reader<'_>) -> Result<Delivered, ProtocolError> {
    match reader.u8()? {
        DELIVERY_WITHHELD => Ok(Delivered::Withheld),
        DELIVERY_CLEAR => Ok(Delivered::Clear(read_plaintext(reader)?)),
        DELIVERY_ENVELOPED => Ok(Delivered::Enveloped(read_field(reader)?)),
        _ => Err(ProtocolError::UnknownValue),
    }
}

fn code_of(refusal: Refusal) -> u8 {
    match refusal {
        Refusal::InvalidCiphertext => 1,
        Refusal::WrappedKeyDamaged => 2,
        Refusal::WrongUsage => 3,
        Refusal::InvalidArgument => 4,
        Refusal::DomainMissing => 5,
        Refusal::SealBroken => 6,
        Refusal::UnsupportedSpec => 7,
        Refusal::NonePrepared => 8,
        Refusal::SignatureInvalid => 9,
        Refusal::MacInvalid => 10,
        Refusal::PublicKeyInvalid => 11,
        Refusal::PlaintextTooLong => 12,
        Refusal::RecipientInvalid => 13,
        Refusal::ImportTokenInvalid => 14,
        Refusal::ImportTokenExpired => 15,
        Refusal::MaterialInvalid => 16,
        Refusal::TransportBroken => 17,
    }
}

fn read_refusal(reader: &mut Reader<'_>) -> Result<Refusal, ProtocolError> {
    Ok(match reader.u8()? {
        1 => Refusal::InvalidCiphertext,
        2 => Refusal::WrappedKeyDamaged,
        3 => Refusal::WrongUsage,
        4 => Refusal::InvalidArgument,
        5 => Refusal::DomainMissing,
        6 => Refusal::SealBroken,
        7 => Refusal::UnsupportedSpec,
        8 => Refusal::NonePrepared,
        9 => Refusal::SignatureInvalid,
        10 => Refusal::MacInvalid,
        11 => Refusal::PublicKeyInvalid,
        12 => Refusal::PlaintextTooLong,
        13 => Refusal::RecipientInvalid,
        14 => Refusal::ImportTokenInvalid,
        15 => Refusal::ImportTokenExpired,
        16 => Refusal::MaterialInvalid,
        17 => Refusal::TransportBroken,
        _ => return Err(ProtocolError::UnknownValue),
    })
}
