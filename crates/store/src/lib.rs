//! What is stored, and the one model of storage: an ordered map from bytes to bytes with
//! revisions, consistent snapshots and atomic conditional batches.
//!
//! [`Records`] is the typed view that the rest of the program reads and changes records with;
//! [`layout`] says where each record stands; a [`Backend`] keeps the bytes.
#![forbid(unsafe_code)]

mod backend;
mod change;
mod check;
pub mod layout;
pub mod limits;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
mod migrate;
pub mod records;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
mod view;

pub use backend::{
    Backend, Batch, BoxFuture, Condition, Entry, GetResult, Range, Revision, ScanPage, StoreError,
    Write,
};
pub use change::{Change, Expect, TooManyGrants};
pub use check::{Refused, check_scan};
pub use layout::{Due, DueKind, GrantPlace, IdentityKind, IdentityPlace, Meta};
pub use migrate::{MigrateError, Migrated, SCHEMA_VERSION, migrate};
pub use view::{
    DamagedIdentity, FoundCredential, IdentitiesCursor, IdentitiesPage, OutboxEntry, Records,
    Versioned,
};
