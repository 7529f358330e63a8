//! What is stored, and the one model of storage: an ordered map from bytes to bytes with
//! revisions, consistent snapshots and atomic conditional batches.
//!
//! [`Records`] is the typed view that the rest of the program reads and changes records with;
//! [`layout`] says where each record stands; a [`Backend`] keeps the bytes.
#![forbid(unsafe_code)]

mod backend;
mod change;
pub mod layout;
pub mod limits;
mod migrate;
pub mod records;
mod view;

pub use backend::{
    Backend, Batch, BoxFuture, Condition, Entry, Range, Revision, ScanPage, StoreError, Write,
};
pub use change::{Change, Expect};
pub use layout::{Due, DueKind, Meta};
pub use migrate::{MigrateError, Migrated, SCHEMA_VERSION, migrate};
pub use view::{OutboxEntry, Records, Versioned};
