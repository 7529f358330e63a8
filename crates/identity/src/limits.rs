//! Bounds of the directory.

/// Development credentials kept in memory. Ours; beyond it they are made anew for each request.
pub(crate) const DEVELOPMENT_CREDENTIALS: usize = 10_000;
/// Access keys read in one go. Ours.
pub(crate) const CREDENTIALS_PAGE: usize = 1000;
/// Records of identities read in one go. Ours.
pub(crate) const IDENTITIES_PAGE: usize = 1000;
/// Longest value of a condition key that is put together on the stack, bytes. Ours; a role's ARN
/// has at most 640 (path of 512, name of 64).
pub(crate) const CONTEXT_TEXT_BYTES: usize = 768;
/// Deepest nesting of units below an organisation's root. Source: Organizations User Guide,
/// "Quotas": five levels.
pub const UNIT_DEPTH_MAX: usize = 5;
/// Longest session token, characters. Source: ours, `keystead_sigv4::limits`; AWS names none.
pub const SESSION_TOKEN_MAX_CHARS: usize = keystead_sigv4::limits::SESSION_TOKEN_MAX_BYTES;
/// Room for the policies and tags of a session, bytes; `PackedPolicySize` is a percentage of it.
/// Source: ours. AWS's own form is not known; with the limits on plain texts (2,048 characters of
/// policies, 50 tags) few sessions come near.
pub const PACKED_POLICY_MAX_BYTES: usize = 8192;
/// Opened sessions that are kept, in two halves. Source: ours; about 4 KiB each.
pub const SESSIONS_MAX: usize = 4096;
/// Longest sealed explanation, characters. Source: ours; a header of 4 KiB.
pub const MESSAGE_MAX_CHARS: usize = 4096;
/// How often a use of an access key is noted, milliseconds. Source: ours; AWS shows it to the
/// minute ("GetAccessKeyLastUsed").
pub(crate) const LAST_USE_STEP_MILLIS: i64 = 60_000;
/// How often the last use of one key or role is written to the store, milliseconds. Source: ours;
/// AWS's own is hours behind.
pub(crate) const LAST_USE_STORE_STEP_MILLIS: i64 = 300_000;
/// Last uses written in one batch. Ours, as for keys of KMS.
pub(crate) const LAST_USES_STORED_AT_ONCE: usize = 512;
/// Last uses read in one go. Ours.
pub(crate) const LAST_USES_PAGE: usize = 1000;
