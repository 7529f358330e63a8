//! The form in which a record waits in the store, beside the change that it describes.
//!
//! Version 1: byte 1; event id, 36 characters; number of receipts, one byte; each receipt as
//! epoch u64, lane u16, counter u64 (big endian), digest 16 bytes; the record's JSON to the end.

use keystead_types::RequestId;

use crate::{ReceiptNote, Record};

const VERSION: u8 = 1;

/// The bytes are not a record of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// Written by a newer version.
    #[error("the outbox record has version {0}, this program reads version 1")]
    Version(u8),
    /// Cut short or overwritten.
    #[error("the outbox record is damaged")]
    Damaged,
}

impl Record {
    /// Reads what [`crate::Settled::outbox`] wrote, to append it again after a crash.
    pub fn from_outbox(bytes: &[u8]) -> Result<Self, OutboxError> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => decode(rest).ok_or(OutboxError::Damaged),
            Some((&other, _)) => Err(OutboxError::Version(other)),
            None => Err(OutboxError::Damaged),
        }
    }
}

pub(crate) fn encode(event_id: RequestId, json: &[u8], receipts: &[ReceiptNote]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + 34 * receipts.len() + json.len());
    out.push(VERSION);
    out.extend_from_slice(event_id.as_str().as_bytes());
    let count = u8::try_from(receipts.len()).unwrap_or(u8::MAX);
    out.push(count);
    for receipt in receipts.iter().take(usize::from(count)) {
        out.extend_from_slice(&receipt.epoch.to_be_bytes());
        out.extend_from_slice(&receipt.lane.to_be_bytes());
        out.extend_from_slice(&receipt.counter.to_be_bytes());
        out.extend_from_slice(&receipt.digest);
    }
    out.extend_from_slice(json);
    out
}

fn decode(mut rest: &[u8]) -> Option<Record> {
    let id: [u8; 36] = take(&mut rest)?;
    let event_id = RequestId::parse(std::str::from_utf8(&id).ok()?).ok()?;
    let [count] = take(&mut rest)?;
    let mut receipts = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        receipts.push(ReceiptNote {
            epoch: u64::from_be_bytes(take(&mut rest)?),
            lane: u16::from_be_bytes(take(&mut rest)?),
            counter: u64::from_be_bytes(take(&mut rest)?),
            digest: take(&mut rest)?,
        });
    }
    crate::text::is_one_object(rest).then(|| Record {
        event_id,
        json: rest.to_vec(),
        receipts,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}
