//! Answers as frames: the receipt, then what was answered or why not.

use super::command::read_plaintext;
use super::frame::{self, Body};
use super::wire::{Reader, Sink, put_bytes};
use super::{FrameId, ProtocolError};
use crate::limits::FIELD_MAX_BYTES;
use crate::{Outcome, Receipt, Refusal, Reply, WrappedKey};

const REFUSED: u8 = 0x80;
const CIPHERTEXT: u8 = 0x81;
const PLAINTEXT: u8 = 0x82;
const DATA_KEY: u8 = 0x83;
const NEW_KEY: u8 = 0x84;
const SEALED: u8 = 0x85;
const DONE: u8 = 0x86;

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
            Ok(Reply::DataKey { .. }) => DATA_KEY,
            Ok(Reply::NewKey { .. }) => NEW_KEY,
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
            Err(refusal) => {
                out.put(&[code_of(*refusal)]);
                Ok(())
            }
            Ok(Reply::Ciphertext(bytes) | Reply::Sealed(bytes)) => {
                put_bytes(out, bytes, FIELD_MAX_BYTES)
            }
            Ok(Reply::Plaintext(plaintext)) => put_bytes(out, plaintext.expose(), FIELD_MAX_BYTES),
            Ok(Reply::DataKey {
                ciphertext,
                plaintext,
            }) => {
                put_bytes(out, ciphertext, FIELD_MAX_BYTES)?;
                out.put(&[u8::from(plaintext.is_some())]);
                match plaintext {
                    Some(plaintext) => put_bytes(out, plaintext.expose(), FIELD_MAX_BYTES),
                    None => Ok(()),
                }
            }
            Ok(Reply::NewKey {
                material_id,
                wrapped,
            }) => {
                out.put(&material_id.0);
                put_bytes(out, &wrapped.0, FIELD_MAX_BYTES)
            }
            Ok(Reply::Done) => Ok(()),
        }
    }
}

fn read_reply(kind: u8, reader: &mut Reader<'_>) -> Result<Reply, ProtocolError> {
    Ok(match kind {
        CIPHERTEXT => Reply::Ciphertext(reader.bytes(FIELD_MAX_BYTES)?.to_vec()),
        PLAINTEXT => Reply::Plaintext(read_plaintext(reader)?),
        DATA_KEY => Reply::DataKey {
            ciphertext: reader.bytes(FIELD_MAX_BYTES)?.to_vec(),
            plaintext: match reader.boolean()? {
                true => Some(read_plaintext(reader)?),
                false => None,
            },
        },
        NEW_KEY => Reply::NewKey {
            material_id: reader.hex32()?,
            wrapped: WrappedKey(reader.bytes(FIELD_MAX_BYTES)?.to_vec()),
        },
        SEALED => Reply::Sealed(reader.bytes(FIELD_MAX_BYTES)?.to_vec()),
        DONE => Reply::Done,
        _ => return Err(ProtocolError::UnknownKind),
    })
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
        _ => return Err(ProtocolError::UnknownValue),
    })
}
