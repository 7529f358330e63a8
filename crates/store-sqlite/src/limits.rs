//! Limits of the SQLite backend, each with its source.

/// Batches that wait for the writer; further callers wait before them. Source: ours.
pub(crate) const COMMIT_QUEUE: usize = 1024;
/// Batches that share one transaction and its fsync. Source: ours; bounds the time until the
/// first of them is answered.
pub(crate) const GROUP_MAX_BATCHES: usize = 128;
/// Bytes that share one transaction, reached by the batch that ends the group. Source: ours.
pub(crate) const GROUP_MAX_BYTES: usize = 4 << 20;
/// Reads that wait for a reader thread. Source: ours.
pub(crate) const READ_QUEUE: usize = 1024;
/// Reader threads, each with a connection. Source: ours; reads are short and come from memory.
pub(crate) const READERS: usize = 2;
/// Page cache of the writer, KiB. Source: ours, from the memory that an idle server may use.
pub(crate) const WRITER_CACHE_KIB: i64 = 2048;
/// Page cache of a reader, KiB. Source: as above.
pub(crate) const READER_CACHE_KIB: i64 = 1024;
/// Bytes of log, estimated, after which the write-ahead log is moved into the database file. Source: ours;
/// the log then stays near 4 MiB, and a restart has little to recover.
pub(crate) const CHECKPOINT_BYTES: usize = 4 << 20;
/// Page size of the database, bytes. Source: SQLite's default, sqlite.org/pragma.html#pragma_page_size.
pub(crate) const PAGE_BYTES: usize = 4096;
/// Size to which the write-ahead log file is cut back, bytes. Source: as above.
pub(crate) const WAL_KEEP_BYTES: i64 = 8 << 20;
/// How long a checkpoint waits for readers, milliseconds. Source: ours; a scan of 10,000
/// entries takes far less.
pub(crate) const BUSY_TIMEOUT_MILLIS: u64 = 1000;
/// Stack of a thread, bytes. Source: ours; SQLite needs a small part of it.
pub(crate) const STACK_BYTES: usize = 512 * 1024;
