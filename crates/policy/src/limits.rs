//! Bounds of a policy document. "ours": AWS documents no such bound; each is far above what fits
//! a sensible policy and keeps evaluation time bounded.

pub use keystead_types::limits::KEY_POLICY_MAX_BYTES;

/// Statements in one document. Ours: statements that can match anything need about 60 bytes
/// each, so no useful key policy of 32,768 bytes has more.
pub const STATEMENTS_MAX: usize = 500;
/// Values in one list (actions, resources, principals of one type). Ours: 2,184 account ids
/// fill a whole key policy.
pub const VALUES_PER_LIST_MAX: usize = 2_500;
/// Nesting of JSON objects and lists, the document itself counted as 1. Ours: the grammar needs 5.
pub const DEPTH_MAX: usize = 16;
/// Groups of neighbouring `?` in one pattern. Ours: bounds the one quadratic case of the matcher.
pub const QUESTION_GROUPS_MAX: usize = 64;
/// Bytes of an untrusted name that an error message repeats. Ours.
pub const ECHO_MAX_CHARS: usize = 40;
/// Longest action that is lower-cased without allocation, bytes. Ours: KMS's longest is 39.
pub const ACTION_BUFFER_BYTES: usize = 128;
/// Characters of a condition key's name. Ours: the longest that means something is
/// `kms:EncryptionContext:` and a key of an encryption context.
pub const CONDITION_KEY_MAX_CHARS: usize = 512;
