//! Stores that misbehave in time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use keystead_store::memory::MemoryBackend;
use keystead_store::{Backend, Batch, BoxFuture, GetResult, Range, Revision, ScanPage, StoreError};
use tokio::task::yield_now;

use super::Seeded;

/// Lets other tasks run before and after every call, a pseudo-random number of times: on a
/// runtime of one thread each seed is one interleaving.
pub(crate) struct Interleaved {
    inner: MemoryBackend,
    dice: Seeded,
}

impl Interleaved {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryBackend::new(),
            dice: Seeded::new(seed),
        })
    }

    async fn pause(&self) {
        for _ in 0..self.dice.next() % 4 {
            yield_now().await;
        }
    }
}

impl Backend for Interleaved {
    fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult> {
        Box::pin(async move {
            self.pause().await;
            let got = self.inner.get(keys).await;
            self.pause().await;
            got
        })
    }

    fn scan(
        &self,
        range: Range,
        limit: usize,
        keys_only: bool,
    ) -> BoxFuture<'_, Result<ScanPage, StoreError>> {
        Box::pin(async move {
            self.pause().await;
            let page = self.inner.scan(range, limit, keys_only).await;
            self.pause().await;
            page
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(async move {
            self.pause().await;
            let done = self.inner.commit(batch).await;
            self.pause().await;
            done
        })
    }
}

/// Takes a batch as soon as it is handed over, like a store with a writer thread: dropping the
/// future does not stop the commit. While held, batches wait until [`Self::release`].
#[derive(Default)]
pub(crate) struct Queued {
    inner: MemoryBackend,
    held: AtomicBool,
    waiting: Mutex<VecDeque<Batch>>,
}

impl Queued {
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    /// Commits what waits; the number of batches that were committed.
    pub(crate) async fn release(&self) -> usize {
        self.held.store(false, Ordering::SeqCst);
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        let mut committed = 0;
        for batch in waiting {
            committed += usize::from(self.inner.commit(batch).await.is_ok());
        }
        committed
    }
}

impl Backend for Queued {
    fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult> {
        self.inner.get(keys)
    }

    fn scan(
        &self,
        range: Range,
        limit: usize,
        keys_only: bool,
    ) -> BoxFuture<'_, Result<ScanPage, StoreError>> {
        self.inner.scan(range, limit, keys_only)
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, StoreError>> {
        if self.held.load(Ordering::SeqCst) {
            self.waiting.lock().unwrap().push_back(batch);
            Box::pin(std::future::pending())
        } else {
            self.inner.commit(batch)
        }
    }
}
