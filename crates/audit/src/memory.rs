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
}
