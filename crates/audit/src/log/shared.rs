//! What the threads of a log share.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::batch::Batch;
use super::syncer::Bell;
use super::worker::Slot;
use super::writer::{Writer, free_bytes};
use super::{Durability, Head};
use crate::limits::WORKER_BUFFER_RECORDS;
use crate::{Record, SinkError};

/// What a log did since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Records written.
    pub records: u64,
    /// Calls of `write(2)`, but for short writes and headers.
    pub writes: u64,
    /// Calls of `fdatasync(2)`.
    pub syncs: u64,
    /// Records that could not be written.
    pub lost: u64,
}

#[derive(Default)]
struct Tally {
    records: AtomicU64,
    writes: AtomicU64,
    syncs: AtomicU64,
    lost: AtomicU64,
}

/// How far records came.
pub(super) enum Progress {
    Done(Result<(), SinkError>),
    /// The syncer finishes the batch.
    Waiting,
}

pub(super) struct Shared {
    durability: Durability,
    writer: Mutex<Writer>,
    slots: Mutex<Vec<Arc<Slot>>>,
    pub(super) bell: Bell,
    poisoned: AtomicBool,
    /// One sync at a time: the kernel tells a failed write-back to one of them only.
    pub(super) syncing: Mutex<()>,
    /// Number of the last record that is on the disk.
    synced: AtomicU64,
    tally: Tally,
}

impl Shared {
    pub(super) fn new(durability: Durability, writer: Writer) -> Self {
        // What is there already was synced when the log was opened.
        let synced = AtomicU64::new(writer.head().seq);
        Self {
            durability,
            writer: Mutex::new(writer),
            slots: Mutex::default(),
            bell: Bell::default(),
            poisoned: AtomicBool::new(false),
            syncing: Mutex::new(()),
            synced,
            tally: Tally::default(),
        }
    }

    /// Puts a worker's record into its buffer, and writes the buffer when it is full.
    pub(super) fn buffer(&self, slot: &Slot, record: Record) -> Arc<Batch> {
        let (batch, full) = {
            let mut queue = slot.lock();
            queue.records.push(record);
            let full = queue.records.len() >= WORKER_BUFFER_RECORDS;
            (Arc::clone(&queue.batch), full)
        };
        if full {
            self.flush(slot);
        } else {
            self.bell.ring_soon();
        }
        batch
    }

    /// Writes a worker's buffer.
    pub(super) fn flush(&self, slot: &Slot) {
        let mut queue = slot.lock();
        if queue.records.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut queue.batch);
        // The buffer stays locked meanwhile, so that no later record of the thread overtakes.
        let progress = self.commit(&queue.records, &batch);
        queue.records.clear();
        drop(queue);
        if let Progress::Done(result) = progress {
            batch.finish(result);
        }
    }

    /// Writes the buffers of all workers.
    pub(super) fn flush_all(&self) {
        let slots = lock(&self.slots).clone();
        for slot in slots {
            self.flush(&slot);
        }
    }

    /// Writes records with one write.
    pub(super) fn commit(&self, records: &[Record], batch: &Arc<Batch>) -> Progress {
        let count = records.len() as u64;
        let mut writer = lock(&self.writer);
        if let Err(error) = self.health() {
            self.count_lost(count);
            return Progress::Done(Err(error));
        }
        if let Err(error) = writer.write(records) {
            self.count_lost(count);
            return Progress::Done(Err(self.poison("write", &error)));
        }
        self.tally.records.fetch_add(count, Ordering::Relaxed);
        self.tally.writes.fetch_add(1, Ordering::Relaxed);
        match self.durability {
            Durability::Write => {
                drop(writer);
                self.bell.ring_soon();
                Progress::Done(Ok(()))
            }
            Durability::Strict => {
                writer.waiting.push(Arc::clone(batch));
                drop(writer);
                self.bell.ring_now();
                Progress::Waiting
            }
        }
    }

    /// Syncs what was written and answers those who waited for it.
    pub(super) fn sync(&self) {
        let _alone = lock(&self.syncing);
        let (file, seq, waiting) = {
            let mut writer = lock(&self.writer);
            if !writer.dirty && writer.waiting.is_empty() {
                return;
            }
            writer.dirty = false;
            let waiting = std::mem::take(&mut writer.waiting);
            (writer.file(), writer.head().seq, waiting)
        };
        // After one failure the kernel may have dropped the pages, and a second fsync would lie.
        let result = self.health().and_then(|()| {
            self.tally.syncs.fetch_add(1, Ordering::Relaxed);
            file.sync_data()
                .map_err(|error| self.poison("fdatasync", &error))?;
            // What is synced is not read again here. Its pages are given back, so that the log
            // goes on in the same few instead of memory that nobody has touched; only a hint.
            let _hint = rustix::fs::fadvise(&*file, 0, None, rustix::fs::Advice::DontNeed);
            // A worker that began the next segment meanwhile may have been told the failure in
            // place of this call; it tells everyone before it gives the writer back.
            let _writer = lock(&self.writer);
            self.health()?;
            self.synced.store(seq, Ordering::Release);
            Ok(())
        });
        for batch in waiting {
            batch.finish(result);
        }
    }

    fn poison(&self, call: &str, error: &io::Error) -> SinkError {
        if !self.poisoned.swap(true, Ordering::SeqCst) {
            tracing::error!(
                call,
                %error,
                "the audit log has failed: no request is answered any more. Make space or replace \
                 the disk, check with `keystead audit verify`, then restart the server"
            );
        }
        SinkError::Poisoned
    }

    pub(super) fn health(&self) -> Result<(), SinkError> {
        if self.poisoned.load(Ordering::SeqCst) {
            Err(SinkError::Poisoned)
        } else {
            Ok(())
        }
    }

    /// Number of the last record that a power cut cannot take any more.
    pub(super) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    pub(super) fn head(&self) -> Head {
        lock(&self.writer).head()
    }

    pub(super) fn free_bytes(&self) -> io::Result<u64> {
        let dir = lock(&self.writer).dir().to_owned();
        free_bytes(&dir)
    }

    pub(super) fn count_lost(&self, records: u64) {
        self.tally.lost.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            records: self.tally.records.load(Ordering::Relaxed),
            writes: self.tally.writes.load(Ordering::Relaxed),
            syncs: self.tally.syncs.load(Ordering::Relaxed),
            lost: self.tally.lost.load(Ordering::Relaxed),
        }
    }

    pub(super) fn close(&self) {
        self.bell.close();
    }

    pub(super) fn add_slot(&self, slot: Arc<Slot>) {
        lock(&self.slots).push(slot);
    }

    pub(super) fn remove_slot(&self, slot: &Arc<Slot>) {
        lock(&self.slots).retain(|present| !Arc::ptr_eq(present, slot));
    }

    #[cfg(test)]
    pub(super) fn replace_file(&self, file: std::fs::File) {
        lock(&self.writer).replace_file(file);
    }
}

/// A thread that panicked holding a lock here left no half-made state: every change under a lock
/// is finished before anything that could panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
