//! The backend trait: ordered, revisioned key-value with conditional atomic batches.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Counts committed batches: 0 is the empty store, each commit adds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

/// A stored pair and the revision of the commit that last wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// The value; empty in a keys-only scan.
    pub value: Vec<u8>,
    /// When it was last written.
    pub modified: Revision,
}

/// The keys from `start` (included) to `end` (excluded) in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// First key.
    pub start: Vec<u8>,
    /// First key that is too large.
    pub end: Vec<u8>,
}

/// Part of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPage {
    /// At most as many entries as asked for, in byte order.
    pub entries: Vec<Entry>,
    /// True when the range holds more.
    pub more: bool,
    /// The revision that the page shows.
    pub revision: Revision,
}

/// One write of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a pair.
    Put {
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes a pair; no error when it is not there.
    Delete {
        /// The key.
        key: Vec<u8>,
    },
}

/// What must hold at commit, else the whole batch is refused with [`StoreError::Conflict`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The pair exists and was last written at that revision.
    Unchanged {
        /// The key.
        key: Vec<u8>,
        /// Its revision.
        modified: Revision,
    },
    /// No such pair exists.
    Absent {
        /// The key.
        key: Vec<u8>,
    },
}

/// Writes that happen together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// What must hold.
    pub conditions: Vec<Condition>,
    /// What is written. No key twice.
    pub writes: Vec<Write>,
}

/// Why storage failed.
#[derive(Debug)]
pub enum StoreError {
    /// A condition of the batch did not hold. Read again and decide anew.
    Conflict,
    /// The storage itself failed; the batch may or may not be durable.
    Failed(Box<dyn std::error::Error + Send + Sync>),
    /// The stored bytes are damaged or of a newer version.
    Corrupt(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("the stored state changed meanwhile"),
            Self::Failed(cause) => write!(f, "storage failed: {cause}"),
            Self::Corrupt(what) => write!(f, "stored data is damaged: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// What [`Backend::get`] answers: the revision of the state that was read, and for each key its
/// entry.
pub type GetResult = Result<(Revision, Vec<Option<Entry>>), StoreError>;

/// Storage. Every method sees all commits that had returned before it was called.
pub trait Backend: Send + Sync {
    /// Reads several keys from one consistent state; answers in the order asked.
    fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult>;

    /// Reads a range in byte order, at most `limit` entries (1–10,000); values are left empty
    /// when `keys_only`.
    fn scan(
        &self,
        range: Range,
        limit: usize,
        keys_only: bool,
    ) -> BoxFuture<'_, Result<ScanPage, StoreError>>;

    /// Applies a batch. When it returns `Ok`, the batch is durable and every later read on every
    /// node sees it; the revision is its own.
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, StoreError>>;
}
