//! Reading a store that a server may be using: for tools that look at a deployment from beside it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keystead_store::{
    Backend, Batch, BoxFuture, GetResult, Range, Revision, ScanPage, StoreError, check_scan,
};
use rusqlite::Connection;

use crate::directory::DATABASE;
use crate::failed::{failure, read_error};
use crate::limits::READER_CACHE_KIB;
use crate::open::{self, OpenError};
use crate::reader;

/// A store that is only read. It takes no lock of the directory: SQLite lets readers in beside the
/// server's writer, and each read sees one committed state. Every commit fails.
///
/// Reads block the thread that polls them.
pub struct ReadOnly {
    connection: Mutex<Connection>,
    database: PathBuf,
}

impl ReadOnly {
    /// Opens the store of a data directory, which must exist. Nothing in it is changed; SQLite may
    /// make its index file of the write-ahead log anew, with the owner of the database.
    ///
    /// # Errors
    /// [`OpenError`], whose text tells an operator what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let database = path.as_ref().join(DATABASE);
        let connection = open::reader(&database, READER_CACHE_KIB)?;
        open::check_owner(&connection, &database)?;
        Ok(Self {
            connection: Mutex::new(connection),
            database,
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for ReadOnly {
    fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult> {
        Box::pin(async move {
            let read = reader::get(&mut self.connection(), keys);
            read.map_err(|error| read_error(&error))
        })
    }

    fn scan(
        &self,
        range: Range,
        limit: usize,
        keys_only: bool,
    ) -> BoxFuture<'_, Result<ScanPage, StoreError>> {
        Box::pin(async move {
            check_scan(limit)?;
            let read = reader::scan(&mut self.connection(), &range, limit, keys_only);
            read.map_err(|error| read_error(&error))
        })
    }

    fn commit(&self, _: Batch) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(async { Err(failure("the store is open for reading only".into())) })
    }
}

impl fmt::Debug for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadOnly")
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}
