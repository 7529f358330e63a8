//! A backend in memory, for tests and simulations: nothing outlives the process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    Backend, Batch, BoxFuture, Condition, Entry, GetResult, Range, Revision, ScanPage, StoreError,
    Write, check_scan,
};

/// Where an injected failure strikes a commit. The caller cannot tell the two apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The batch is lost.
    BeforeApply,
    /// The batch is kept, and only its answer is lost.
    AfterApply,
}

/// An ordered map in memory. Clones share it.
///
/// After an injected failure every call answers [`StoreError::Failed`], as a durable backend
/// does, until [`reopen`](Self::reopen) gives a new handle.
#[derive(Clone, Default)]
pub struct MemoryBackend {
    disk: Arc<Mutex<Disk>>,
    handle: Arc<Mutex<Handle>>,
}

/// What survives a reopening.
#[derive(Default)]
struct Disk {
    map: BTreeMap<Vec<u8>, (Vec<u8>, Revision)>,
    revision: Revision,
}

#[derive(Default)]
struct Handle {
    commits: u64,
    plan: BTreeMap<u64, Fault>,
    failed: bool,
}

/// The failure that a test asked for.
#[derive(Debug)]
struct Injected;

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("injected failure")
    }
}

impl std::error::Error for Injected {}

fn injected() -> StoreError {
    StoreError::Failed(Box::new(Injected))
}

/// A panic elsewhere cannot have left half a batch: conditions are checked before any write.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryBackend {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the commit after `skip` more commits fail; conflicts and refused batches count too.
    pub fn fail_commit(&self, skip: u64, fault: Fault) {
        let mut handle = lock(&self.handle);
        let nth = handle.commits.saturating_add(skip);
        handle.plan.insert(nth, fault);
    }

    /// A new handle on the same data, without failures: what a restart does.
    #[must_use]
    pub fn reopen(&self) -> Self {
        Self {
            disk: Arc::clone(&self.disk),
            handle: Arc::default(),
        }
    }

    fn working(&self) -> Result<(), StoreError> {
        if lock(&self.handle).failed {
            Err(injected())
        } else {
            Ok(())
        }
    }

    fn next_fault(&self) -> Result<Option<Fault>, StoreError> {
        let mut handle = lock(&self.handle);
        if handle.failed {
            return Err(injected());
        }
        let nth = handle.commits;
        handle.commits = nth.saturating_add(1);
        let fault = handle.plan.remove(&nth);
        handle.failed = fault.is_some();
        Ok(fault)
    }

    fn commit_now(&self, batch: Batch) -> Result<Revision, StoreError> {
        let fault = self.next_fault()?;
        batch.check()?;
        if fault == Some(Fault::BeforeApply) {
            return Err(injected());
        }
        let revision = lock(&self.disk).apply(batch)?;
        match fault {
            Some(_) => Err(injected()),
            None => Ok(revision),
        }
    }
}

impl Disk {
    fn entry(&self, key: &[u8]) -> Option<Entry> {
        let (key, (value, modified)) = self.map.get_key_value(key)?;
        Some(Entry {
            key: key.clone(),
            value: value.clone(),
            modified: *modified,
        })
    }

    fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Absent { key } => !self.map.contains_key(key),
            Condition::Unchanged { key, modified } => {
                let stored = self.map.get(key);
                stored.is_some_and(|(_, written)| written == modified)
            }
        }
    }

    fn apply(&mut self, batch: Batch) -> Result<Revision, StoreError> {
        if !batch.conditions.iter().all(|one| self.holds(one)) {
            return Err(StoreError::Conflict);
        }
        self.revision = Revision(self.revision.0.saturating_add(1));
        for write in batch.writes {
            match write {
                Write::Put { key, value } => {
                    self.map.insert(key, (value, self.revision));
                }
                Write::Delete { key } => {
                    self.map.remove(&key);
                }
            }
        }
        Ok(self.revision)
    }

    fn scan(&self, range: &Range, limit: usize, keys_only: bool) -> ScanPage {
        let mut page = ScanPage {
            entries: Vec::new(),
            more: false,
            revision: self.revision,
        };
        if range.start >= range.end {
            return page;
        }
        for (key, (value, modified)) in self.map.range(range.start.clone()..range.end.clone()) {
            if page.entries.len() == limit {
                page.more = true;
                break;
            }
            page.entries.push(Entry {
                key: key.clone(),
                value: if keys_only { Vec::new() } else { value.clone() },
                modified: *modified,
            });
        }
        page
    }
}

impl Backend for MemoryBackend {
    fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult> {
        Box::pin(async move {
            self.working()?;
            let disk = lock(&self.disk);
            let entries = keys.iter().map(|key| disk.entry(key)).collect();
            Ok((disk.revision, entries))
        })
    }

    fn scan(
        &self,
        range: Range,
        limit: usize,
        keys_only: bool,
    ) -> BoxFuture<'_, Result<ScanPage, StoreError>> {
        Box::pin(async move {
            self.working()?;
            check_scan(limit)?;
            Ok(lock(&self.disk).scan(&range, limit, keys_only))
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(async move { self.commit_now(batch) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{self, Subject};

    struct InMemory(MemoryBackend);

    impl Subject for InMemory {
        fn backend(&self) -> Arc<dyn Backend> {
            Arc::new(self.0.clone())
        }

        fn reopen(&mut self) -> BoxFuture<'_, Result<(), String>> {
            self.0 = self.0.reopen();
            Box::pin(async { Ok(()) })
        }
    }

    #[tokio::test]
    async fn passes_the_suite() {
        let passed = suite::run(|| InMemory(MemoryBackend::new())).await;
        assert_eq!(passed.unwrap(), suite::case_names().count());
    }

    fn put(key: &str) -> Batch {
        Batch {
            conditions: vec![],
            writes: vec![Write::Put {
                key: key.into(),
                value: vec![],
            }],
        }
    }

    #[tokio::test]
    async fn injected_failures_lose_or_keep_the_batch_and_stick() {
        for (fault, kept) in [(Fault::BeforeApply, false), (Fault::AfterApply, true)] {
            let backend = MemoryBackend::new();
            backend.fail_commit(1, fault);
            backend.commit(put("a")).await.unwrap();
            let failed = |e| matches!(e, StoreError::Failed(_));
            assert!(backend.commit(put("b")).await.is_err_and(failed));
            assert!(backend.commit(put("c")).await.is_err_and(failed));
            assert!(backend.get(vec![]).await.is_err_and(failed));
            let again = backend.reopen();
            let keys = ["a", "b", "c"].map(|key| key.as_bytes().to_vec());
            let (revision, entries) = again.get(keys.to_vec()).await.unwrap();
            let there: Vec<bool> = entries.iter().map(Option::is_some).collect();
            assert_eq!(there, [true, kept, false]);
            assert_eq!(revision, Revision(if kept { 2 } else { 1 }));
        }
    }
}
