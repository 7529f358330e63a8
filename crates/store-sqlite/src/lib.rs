//! The embedded backend: one SQLite database in a data directory that one server owns.
//!
//! A writer thread gathers the batches that wait and commits them in one transaction with one
//! fsync; reader threads answer reads from snapshots. SQLite runs in write-ahead mode with
//! `synchronous=FULL`: a batch that was answered with `Ok` survives a power cut, as far as the
//! disk keeps what it confirmed.
//!
//! After an error while writing nobody can say what the disk holds. The backend then answers
//! [`StoreError::Failed`](keystead_store::StoreError::Failed) to every call until the server is
//! restarted and has recovered from what is really there.
#![forbid(unsafe_code)]

mod backend;
mod directory;
mod failed;
mod limits;
mod open;
mod read_only;
mod reader;
mod writer;

pub use backend::SqliteBackend;
pub use open::OpenError;
pub use read_only::ReadOnly;
