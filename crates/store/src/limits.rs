//! Limits of storage, each with its source.

/// Longest key of a pair, bytes. Source: ours; the longest that the layout makes is 305 (an
/// alias-by-key entry with a 256-character name).
pub const KEY_MAX_BYTES: usize = 1024;
/// Longest value of a pair, bytes. Source: ours; a key record with a full policy, all tags and
/// 100 materials of RSA-4096 stays below it.
pub const VALUE_MAX_BYTES: usize = 1 << 20;
/// Writes and conditions of one batch, each. Source: ours; deleting a key with
/// [`GRANTS_PER_REMOVAL`] grants (5 entries each) and far more aliases than the quota of 50 (2
/// each) fits.
pub const BATCH_MAX_ITEMS: usize = 8192;
/// Most grants that go together with their key. Source: ours.
pub const GRANTS_PER_REMOVAL: usize = 1000;
/// Most entries of one scan. Source: the contract of `Backend::scan`.
pub const SCAN_MAX_ENTRIES: usize = 10_000;
/// Times that an alias that moves meanwhile is resolved anew. Source: ours.
pub const ALIAS_READ_ATTEMPTS: usize = 8;
/// Times that a grant that is replaced meanwhile is looked up anew. Source: ours.
pub const GRANT_READ_ATTEMPTS: usize = 8;
/// Times that usage records are written anew because one of their keys changed meanwhile.
/// Source: ours.
pub const USAGE_WRITE_ATTEMPTS: usize = 8;
/// Records that one batch of a migration reads and writes entries for. Source: ours.
pub const MIGRATION_PAGE: usize = 1000;
