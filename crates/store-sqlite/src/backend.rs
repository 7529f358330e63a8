//! The backend's handle: queues to the threads, and an orderly end.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use keystead_store::{
    Backend, Batch, BoxFuture, GetResult, Range, Revision, ScanPage, StoreError, check_scan,
};
use tokio::sync::{mpsc, oneshot};

use crate::directory::DataDirectory;
use crate::failed::{FailedState, failure};
use crate::limits::{COMMIT_QUEUE, READ_QUEUE, READER_CACHE_KIB, READERS, WRITER_CACHE_KIB};
use crate::open::{self, OpenError};
use crate::reader::{self, Read};
use crate::writer::{self, Commit};

/// A store in a data directory. Share it in an `Arc`; dropping it waits for the batches that are
/// on their way and then gives the directory free.
pub struct SqliteBackend {
    commits: Option<mpsc::Sender<Commit>>,
    reads: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
    failed: FailedState,
    directory: DataDirectory,
}

impl SqliteBackend {
    /// Opens the store of a data directory and owns it until drop; creates directory (mode 0700)
    /// and store (0600) if they do not exist. Blocks for some milliseconds, however much is
    /// stored; recovers first if the last server was killed.
    ///
    /// # Errors
    /// [`OpenError`], whose text tells an operator what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let directory = DataDirectory::enter(path.as_ref())?;
        let database = directory.database.clone();
        let no_thread = |cause| OpenError::from_io(&database, cause);
        let failed = FailedState::default();
        let (connection, revision) = open::writer(&database, WRITER_CACHE_KIB)?;
        let (commits, commit_queue) = mpsc::channel(COMMIT_QUEUE);
        let (reads, read_queue) = mpsc::channel(READ_QUEUE);
        let read_queue = Arc::new(Mutex::new(read_queue));
        // Made first, so that an error below ends the threads that have been started.
        let mut store = Self {
            commits: Some(commits),
            reads: Some(reads),
            threads: Vec::with_capacity(READERS + 1),
            failed: failed.clone(),
            directory,
        };
        for number in 0..READERS {
            let connection = open::reader(&database, READER_CACHE_KIB)?;
            let queue = Arc::clone(&read_queue);
            let thread = reader::spawn(number, connection, queue, failed.clone());
            store.threads.push(thread.map_err(no_thread)?);
        }
        // The last to be joined: its connection clears the log away when the others are closed.
        let thread = writer::spawn(connection, revision, commit_queue, failed);
        store.threads.push(thread.map_err(no_thread)?);
        tracing::info!(database = %database.display(), revision = revision.0, "store opened");
        Ok(store)
    }

    async fn read<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Read,
    ) -> Result<T, StoreError> {
        self.failed.check()?;
        ask(self.reads.as_ref(), make).await
    }
}

/// Queues a request for a thread and waits for its answer.
async fn ask<T, Q>(
    queue: Option<&mpsc::Sender<Q>>,
    make: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Q,
) -> Result<T, StoreError> {
    let ended = || failure("a thread of the store has ended".into());
    let (reply, answer) = oneshot::channel();
    let queue = queue.ok_or_else(ended)?;
    queue.send(make(reply)).await.map_err(|_| ended())?;
    answer.await.map_err(|_| ended())?
}

impl Backend for SqliteBackend {
    fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult> {
        Box::pin(self.read(|reply| Read::Get { keys, reply }))
    }

    fn scan(
        &self,
        range: Range,
        limit: usize,
        keys_only: bool,
    ) -> BoxFuture<'_, Result<ScanPage, StoreError>> {
        Box::pin(async move {
            check_scan(limit)?;
            self.read(|reply| Read::Scan {
                range,
                limit,
                keys_only,
                reply,
            })
            .await
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(async move {
            self.failed.check()?;
            batch.check()?;
            ask(self.commits.as_ref(), |reply| Commit { batch, reply }).await
        })
    }
}

impl fmt::Debug for SqliteBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteBackend")
            .field("database", &self.directory.database)
            .finish_non_exhaustive()
    }
}

impl Drop for SqliteBackend {
    fn drop(&mut self) {
        self.commits = None;
        self.reads = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
    }
}
