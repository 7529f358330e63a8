//! Sizes that the verifier holds requests to, each with its source.

/// Longest access key id. Source: IAM model, `accessKeyIdType` (16–128 characters); one
/// character is the shortest that is taken here.
pub const ACCESS_KEY_ID_MAX_BYTES: usize = 128;
/// Longest `Authorization` value. Source: ours; a real one has 200–700 bytes.
pub const AUTHORIZATION_MAX_BYTES: usize = 8192;
/// Longest session token. Source: STS documents none and asks not to assume one ("AssumeRole");
/// ours.
pub const SESSION_TOKEN_MAX_BYTES: usize = 16_384;
/// Most header lines of one request. Source: ours; the bits of one `u128`.
pub const HEADERS_MAX: usize = 128;
/// Longest query string. Source: ours; KMS clients send none.
pub const QUERY_MAX_BYTES: usize = 8192;
/// Most query parameters. Source: ours.
pub const QUERY_PARAMETERS_MAX: usize = 128;
/// Longest request method. Source: ours; the longest registered methods that matter have 7.
pub const METHOD_MAX_BYTES: usize = 16;
/// How far the date of a signature may lie from our clock. Source: KMS answers
/// `… - 5 min.` (`Signature expired`).
pub const SKEW_DEFAULT_MILLIS: i64 = 5 * MINUTE_MILLIS;
/// The widest window that may be set. Source: AWS Signature Version 4, "Troubleshooting":
/// 15 minutes for most services.
pub const SKEW_MAX_MILLIS: i64 = 15 * MINUTE_MILLIS;
/// One minute; a window is a whole number of them.
pub const MINUTE_MILLIS: i64 = 60_000;
/// Derived signing keys kept, in two halves. Source: ours; about 1 KiB each.
pub const SIGNING_KEYS_MAX: usize = 1024;
/// Longest piece of a request that an error message repeats. Source: ours.
pub const ECHO_MAX_BYTES: usize = 512;
/// Signatures that a replay guard remembers. Source: ours; 870 mutations a second for 5 minutes,
/// in about 25 MiB.
pub const REPLAY_MAX: usize = 262_144;
/// Signatures of one account among them. Source: ours; 218 mutations a second for 5 minutes, above
/// KMS's quotas for all of them together (50 a second for CreateGrant, 5 for most others).
pub const REPLAY_PER_ACCOUNT_MAX: usize = REPLAY_MAX / 4;
/// Parts of a replay guard, each with a lock of its own. Source: ours.
pub const REPLAY_SHARDS: usize = 16;
