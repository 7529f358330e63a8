//! What is stored, and the one model of storage: an ordered map from bytes to bytes with
//! revisions, consistent snapshots and atomic conditional batches.
#![forbid(unsafe_code)]

mod backend;

pub use backend::{
    Backend, Batch, BoxFuture, Condition, Entry, Range, Revision, ScanPage, StoreError, Write,
};
