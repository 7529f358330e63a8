//! Bounds of the pipeline.

/// Keys and aliases kept in memory per Region. Ours: about 3 KiB each, so below 30 MiB when full.
pub const CACHED_ENTRIES: usize = 8192;
/// How often a request starts anew when others change the same records meanwhile. Ours: beyond
/// that the caller is told to retry.
pub const COMMIT_ATTEMPTS: usize = 64;
/// Automatic rotation due within this many milliseconds refuses an on-demand rotation.
/// Source: KMS API reference, RotateKeyOnDemand, ConflictException (20 minutes).
pub const ROTATION_CONFLICT_MILLIS: i64 = 20 * 60 * 1000;
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
/// Handovers that a replica may have missed and still finds its primary key. Ours: one is already
/// rare.
pub const HANDOVERS_MISSED: usize = 4;
/// Wait before the clockwork tries again to bring replicas in line, milliseconds. Ours.
pub const SYNC_RETRY_MILLIS: i64 = 10 * 1000;
/// How long the record of a replica may wait for its primary key to name it, milliseconds. Ours:
/// far longer than a request takes; a killed request leaves one that nobody names.
pub const REPLICA_UNNAMED_MILLIS: i64 = 60 * 1000;
/// Last uses of keys kept in memory per Region; above it those that the store has are forgotten.
/// Ours: about 250 bytes each.
pub const USES_KEPT: usize = 65_536;
/// Last uses of keys stored in one batch. Ours: each is one read and one write.
pub const USES_STORED_AT_ONCE: usize = 512;
/// Records of the audit log after which its position is stored although no key of the Region was
/// used. Ours: what a start reads in vain is bounded by it.
pub const USAGE_MARK_STRIDE: u64 = 100_000;
/// Waiting period in the record of a key whose destruction has been decided, days. Ours: none that
/// a caller can ask for, the shortest is 7.
pub const DESTROYED_WINDOW_DAYS: u32 = 0;
/// Grants removed in one batch before their key is. Ours: below what a batch may have.
pub const GRANTS_REMOVED_AT_ONCE: usize = 500;
/// Days between the rotations of AWS managed keys. Source: KMS Developer Guide, "Rotating AWS KMS
/// keys".
pub const MANAGED_ROTATION_DAYS: u32 = 365;
/// AWS managed keys of an account in a Region at most: more than there are services.
pub const MANAGED_KEYS_MAX: usize = 100;
/// Receipts in the record of one step of bringing a replica in line; two for each version of the
/// material. Ours: below what a record of the audit log may have.
pub const RECEIPTS_PER_TRANSFER: usize = 128;
/// Longest value of kms:ViaService, bytes. Ours: the label of a service (63), a Region's name and
/// their suffix.
pub const VIA_SERVICE_MAX_BYTES: usize = 160;
/// Longest platform configuration register, bytes. Source: aws-nitro-enclaves-nsm-api, 64 bytes
/// for SHA-512.
pub const PCR_MAX_BYTES: usize = 64;
/// Milliseconds of a day.
pub(crate) const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// Grantees of one key whose grants are kept in memory. Ours: roles, accounts and users that use one
/// key at the same time.
pub const CACHED_GRANTEES_PER_KEY: usize = 1024;
/// Grants kept in memory per Region, a grantee without grants counting as one; above it all are
/// forgotten. Ours: about 200 bytes each.
pub const CACHED_GRANTS: usize = 250_000;
/// Keys of which the number of grants is kept in memory per Region. Ours: about 100 bytes each.
pub const CACHED_GRANT_COUNTS: usize = 65_536;
/// Grants of one grantee read at once. Source: the contract of the store's scans, 10,000 at most.
pub const GRANTS_READ_AT_ONCE: usize = 1000;
/// Explanation of one denial in the audit record, bytes, about. Ours: below what a record takes,
/// also for the two questions of a ReEncrypt.
pub const EXPLAINED_MAX_BYTES: usize = 7 * 1024;
/// Explanation of a denial that is sealed for the caller, bytes, about. Ours: it travels in a header.
pub const SEALED_EXPLANATION_MAX_BYTES: usize = 2 * 1024;
/// What is sealed for the caller, bytes, with the condition keys that the request has: they get the
/// room that is left. Ours: sealed and in base64 it stays below the 4 KiB of the header.
pub const SEALED_MESSAGE_MAX_BYTES: usize = 2_880;
/// Grants that the explanation of a denial tells of, of those to the caller that did not fit. Ours:
/// its sealed form travels in a header.
pub const EXPLAINED_GRANTS_MAX: usize = 3;
/// Longest value of a constraint in an explanation, characters. Ours, for the same reason.
pub const EXPLAINED_CONSTRAINT_MAX_CHARS: usize = 64;
/// Constrained grants of one grantee from which on they are indexed. Ours: below it looking at each
/// is as fast.
pub const GRANTS_INDEXED_FROM: usize = 64;
/// How often ReEncrypt looks its keys up when an alias moves meanwhile. Ours: a move is rare.
pub const SAME_KEY_ATTEMPTS: usize = 4;
