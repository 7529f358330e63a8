//! The durable log: a directory of segment files with one hash-chained line per record.
//!
//! Worker threads buffer their records and write them when they are about to park, so that a busy
//! server makes few, large writes; see [`AuditLog::register_worker`]. The format is described in
//! `docs/formats/audit-log.md`.

use std::fs::File;
use std::future::ready;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use keystead_types::{Hex32, RequestId};

use crate::limits::{LINE_MAX_BYTES, RECEIPTS_MAX, RECORD_MAX_BYTES, SEGMENT_BYTES};
use crate::{Appended, Record, Sink, SinkError, text};

mod batch;
mod find;
mod line;
mod recover;
mod segment;
mod shared;
mod since;
mod syncer;
#[cfg(test)]
mod tests;
mod verify;
mod worker;
mod writer;

pub use find::{find_record, find_request};
pub use segment::{Broken, Reason};
pub use shared::Counts;
pub use since::{PastEvent, read_since};
pub use verify::{LaneCount, Report, unrecorded, verify, verify_against};

use batch::{Batch, Ticket};
use shared::{Progress, Shared};

/// When an answer may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After `write(2)`: the record survives a killed process; the disk has it at most
    /// [`crate::limits::SYNC_INTERVAL`] later.
    Write,
    /// After `fdatasync(2)`, grouped: the record survives a power cut.
    Strict,
}

/// The newest record of a log: kept elsewhere, it shows later that the end was not cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The record's number, from 1; 0 for an empty log.
    pub seq: u64,
    /// SHA-256 of its line; zeros for an empty log.
    pub hash: Hex32,
}

impl Head {
    pub(crate) const EMPTY: Self = Self {
        seq: 0,
        hash: Hex32([0; 32]),
    };
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{0}: the audit log is in use by another process")]
    InUse(PathBuf),
    /// Others than the owner may write into the directory.
    #[error("{0}: others may write into the audit log's directory; make it mode 0700")]
    Exposed(PathBuf),
    /// The chain is broken.
    #[error(
        "the audit log is broken: {0}. Keep the directory as evidence and restore it, or move it \
         away to begin a new chain"
    )]
    Broken(Broken),
}

/// The durable log. It is written by this process alone until it is dropped, which writes and
/// syncs what is left.
pub struct AuditLog {
    shared: Arc<Shared>,
    recent: Vec<RequestId>,
    syncer: Option<JoinHandle<()>>,
    /// Holds the lock on the directory.
    _directory: File,
}

impl AuditLog {
    /// Opens the log in `dir`, which is made (mode 0700) when it is missing. A last line without
    /// its end, left by a killed process, is cut off.
    ///
    /// Errors: see [`OpenError`]. Only the last segments are read; [`verify`] reads all.
    pub fn open(dir: &Path, durability: Durability) -> Result<Self, OpenError> {
        Self::open_with(dir, durability, SEGMENT_BYTES)
    }

    /// [`AuditLog::open`] with another size of segments, in bytes.
    pub fn open_with(
        dir: &Path,
        durability: Durability,
        segment_bytes: u64,
    ) -> Result<Self, OpenError> {
        let recovered = recover::recover(dir, segment_bytes)?;
        let shared = Arc::new(Shared::new(durability, recovered.writer));
        let syncer = syncer::start(Arc::clone(&shared)).map_err(|source| OpenError::Io {
            path: dir.to_owned(),
            source,
        })?;
        Ok(Self {
            shared,
            recent: recovered.recent,
            syncer: Some(syncer),
            _directory: recovered.directory,
        })
    }

    /// Makes the calling thread a worker: from now on its records wait in a buffer until it calls
    /// [`AuditLog::flush`], which it must do before it parks (tokio: `on_thread_park`), or until
    /// [`crate::limits::WORKER_BUFFER_RECORDS`] are there. What is left when the thread ends is
    /// written then.
    pub fn register_worker(&self) {
        worker::register(&self.shared);
    }

    /// Writes what the calling worker has buffered, with one `write(2)`, and wakes those who
    /// wait for it. Does nothing on other threads.
    pub fn flush(&self) {
        if let Some(slot) = worker::slot(&self.shared) {
            self.shared.flush(&slot);
        }
    }

    /// Writes what all workers have buffered and waits until the disk has it.
    ///
    /// Errors: the log has failed. Blocks for one `fdatasync(2)`.
    pub fn sync(&self) -> Result<(), SinkError> {
        self.shared.flush_all();
        self.shared.sync();
        self.shared.health()
    }

    /// Ids of the newest records at the time of opening, oldest first, at most
    /// [`crate::limits::RECENT_EVENT_IDS`]: what the outbox need not replay.
    pub fn recent_event_ids(&self) -> &[RequestId] {
        &self.recent
    }

    /// The newest record.
    pub fn head(&self) -> Head {
        self.shared.head()
    }

    /// An error once the log has failed; then no answer leaves until a restart.
    pub fn health(&self) -> Result<(), SinkError> {
        self.shared.health()
    }

    /// Space that is free to the log, bytes.
    pub fn free_bytes(&self) -> io::Result<u64> {
        self.shared.free_bytes()
    }

    /// What the log did since it was opened.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }

    /// Queues or writes; the batch is there when the record is on its way.
    fn take(&self, record: Record) -> Result<Option<Arc<Batch>>, SinkError> {
        if !acceptable(&record) {
            self.shared.count_lost(1);
            return Err(SinkError::Malformed);
        }
        if let Some(slot) = worker::slot(&self.shared) {
            return Ok(Some(self.shared.buffer(&slot, record)));
        }
        let batch = Arc::new(Batch::default());
        match self.shared.commit(std::slice::from_ref(&record), &batch) {
            Progress::Done(result) => result.map(|()| None),
            Progress::Waiting => Ok(Some(batch)),
        }
    }
}

impl Sink for AuditLog {
    fn append(&self, record: Record) -> Appended {
        match self.take(record) {
            Ok(Some(batch)) => Box::pin(Ticket::new(batch)),
            Ok(None) => Box::pin(ready(Ok(()))),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn enqueue(&self, record: Record) {
        let event_id = record.event_id;
        if let Err(error) = self.take(record) {
            tracing::error!(%event_id, %error, "an audit record that nobody waits for is lost");
        }
    }

    fn written(&self) -> u64 {
        self.shared.head().seq
    }

    fn synced(&self) -> u64 {
        self.shared.synced()
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(syncer) = self.syncer.take() {
            // A panic there has failed the log and was reported.
            drop(syncer.join());
        }
    }
}

/// Whether the record gives one line that readers accept.
fn acceptable(record: &Record) -> bool {
    const { assert!(RECORD_MAX_BYTES + RECEIPTS_MAX * 128 + 256 < LINE_MAX_BYTES) };
    record.json.len() <= RECORD_MAX_BYTES
        && record.receipts.len() <= RECEIPTS_MAX
        && text::is_one_object(&record.json)
}
