//! Bounds of the pipeline.

/// Keys and aliases kept in memory per Region. Ours: about 3 KiB each, so below 30 MiB when full.
pub const CACHED_ENTRIES: usize = 8192;
/// How often a request starts anew when others change the same records meanwhile. Ours: beyond
/// that the caller is told to retry.
pub const COMMIT_ATTEMPTS: usize = 64;
/// Automatic rotation due within this many milliseconds refuses an on-demand rotation.
/// Source: KMS API reference, RotateKeyOnDemand, ConflictException (20 minutes).
pub const ROTATION_CONFLICT_MILLIS: i64 = 20 * 60 * 1000;
/// How long a record of the outbox stays after it was appended, milliseconds. Ours: the audit log
/// is synced within 50 ms, and until then a power cut may take the appended line.
pub const OUTBOX_STAYS_MILLIS: i64 = 1000;
/// Records of the outbox that one commit removes at most. Ours: far below the writes that a batch
/// of the store may have, so that no burst of changes makes the commits after it too large.
pub const OUTBOX_SWEPT_AT_ONCE: usize = 1024;
/// Due jobs taken in one go. Ours.
pub const DUE_BATCH: usize = 64;
/// Longest page marker, characters. Source: KMS model, `MarkerType`.
pub const MARKER_MAX_CHARS: usize = 1024;
/// Longest grant token, characters. Source: KMS model, `GrantTokenType`.
pub const GRANT_TOKEN_MAX_CHARS: usize = 8192;
/// Rounds in which replicas are brought in line with their primary key before the clockwork goes
/// on. Ours: a rotation takes three.
pub const CONVERGE_ROUNDS: usize = 8;
/// Wait before the clockwork tries again to bring replicas in line, milliseconds. Ours.
pub const SYNC_RETRY_MILLIS: i64 = 10 * 1000;
/// How long the record of a replica may wait for its primary key to name it, milliseconds. Ours:
/// far longer than a request takes; a killed request leaves one that nobody names.
pub const REPLICA_UNNAMED_MILLIS: i64 = 60 * 1000;
/// Grants removed in one batch before their key is. Ours: below what a batch may have.
pub const GRANTS_REMOVED_AT_ONCE: usize = 500;
