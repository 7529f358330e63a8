//! Where records go.

use std::future::Future;
use std::pin::Pin;

use keystead_types::RequestId;

/// What the HSM process counted for one command: the fields of the wall's receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptNote {
    /// Random number of the HSM process that counted.
    pub epoch: u64,
    /// The lane that counted.
    pub lane: u16,
    /// The command's number on its lane, from 1.
    pub counter: u64,
    /// Running digest of the lane.
    pub digest: [u8; 16],
}

/// One finished record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The record's id, `eventID`.
    pub event_id: RequestId,
    /// The CloudTrail record: one JSON object on one line, without a line end.
    pub json: Vec<u8>,
    /// Every use of a key that the record speaks for.
    pub receipts: Vec<ReceiptNote>,
}

/// Why a record is not in the log. Every answer that depends on it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// A write or fsync failed, now or earlier; nothing is accepted until a restart.
    #[error("the audit log has failed and stays stopped until a restart")]
    Poisoned,
    /// The record is not one line with one JSON object. The log goes on.
    #[error("the audit record is not a one-line JSON object")]
    Malformed,
    /// The log was closed.
    #[error("the audit log is closed")]
    Closed,
}

/// Resolves when the sink has the record as durably as it promises.
pub type Appended = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send>>;

/// Takes records, in order per thread.
pub trait Sink: Send + Sync {
    /// Takes the record before the call returns, so dropping the future loses nothing; the future
    /// tells when, or that it never, became durable.
    fn append(&self, record: Record) -> Appended;

    /// Takes a record that nobody waits for. A failure is reported to the operator.
    fn enqueue(&self, record: Record);

    /// How many records are written. A record whose [`Self::append`] has resolved is among them.
    fn written(&self) -> u64;

    /// How many of these a power cut cannot take any more: the first so many. It never says more
    /// than is true, also after a failed sync.
    fn synced(&self) -> u64;
}
