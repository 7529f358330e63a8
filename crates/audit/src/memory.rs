//! A log in memory.

use std::future::ready;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Appended, Record, Sink, SinkError};

/// Keeps records in memory, for tests and simulations. It promises nothing across a restart, so a
/// server must not be built on it.
#[derive(Default)]
pub struct MemoryLog {
    records: Mutex<Vec<Record>>,
    failing: AtomicBool,
    /// How many records are synced while syncing is held up.
    held: Mutex<Option<u64>>,
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was appended so far, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.lock().clone()
    }

    /// From now on every append fails, or works again.
    pub fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// From now on nothing more is synced, or everything at once again.
    pub fn hold_sync(&self, hold: bool) {
        let held = hold.then(|| self.synced());
        *self.held() = held;
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<u64>> {
        self.held
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Record>> {
        self.records
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn take(&self, record: Record) -> Result<(), SinkError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(SinkError::Poisoned);
        }
        self.lock().push(record);
        Ok(())
    }
}

impl Sink for MemoryLog {
    fn append(&self, record: Record) -> Appended {
        Box::pin(ready(self.take(record)))
    }

    fn enqueue(&self, record: Record) {
        if let Err(error) = self.take(record) {
            tracing::error!(%error, "an audit record nobody waits for is lost");
        }
    }

    fn written(&self) -> u64 {
        self.lock().len() as u64
    }

    fn synced(&self) -> u64 {
        let held = *self.held();
        held.unwrap_or_else(|| self.written())
    }
}
