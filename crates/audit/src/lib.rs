//! The audit trail: entries that cannot be dropped silently, a durable hash-chained log, CloudTrail records.
//!
//! A request opens an [`Entry`], tells it what it learns, settles it with its outcome and
//! publishes it; only then is there an [`Audited`] answer for the door. An entry that goes out of
//! scope on the way leaves an `ABANDONED` record. The records go to a [`Sink`]: [`AuditLog`] on
//! disk, [`MemoryLog`] in tests and simulations.
#![forbid(unsafe_code)]

mod entry;
#[cfg(test)]
mod fixture;
pub mod limits;
mod log;
mod memory;
mod operator;
mod outbox;
mod posted;
mod record;
mod rejection;
mod settled;
mod sink;
mod text;
mod trail;

pub use entry::Entry;
pub use log::{
    AuditLog, Broken, Counts, Durability, Head, LaneCount, OpenError, PastEvent, Reason, Report,
    find_record, find_request, read_since, unrecorded, verify, verify_against,
};
pub use memory::MemoryLog;
pub use operator::Operator;
pub use outbox::OutboxError;
pub use posted::{Posted, Settling};
pub use rejection::{Rejection, rejection_counts};
pub use settled::{Audited, Settled};
pub use sink::{Appended, ReceiptNote, Record, Sink, SinkError};
pub use trail::{
    IAM, KMS, Opening, Requester, STS, SourceAddress, Tls, Trail, WebIdentity, WebToken,
};
