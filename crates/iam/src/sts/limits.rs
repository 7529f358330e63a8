//! Limits of STS. Source, but where another stands: STS API reference, of each operation.

/// Length of an assumed role's session when none is asked for, seconds.
pub(crate) const ROLE_SESSION_DEFAULT_SECONDS: u32 = 3_600;
/// Longest session of a role that is assumed with temporary credentials, seconds.
/// Source: IAM User Guide, "Roles terms and concepts", role chaining.
pub(crate) const CHAINED_SESSION_MAX_SECONDS: u32 = 3_600;
/// Length of the sessions of GetSessionToken and GetFederationToken when none is asked for,
/// seconds.
pub(crate) const TOKEN_SESSION_DEFAULT_SECONDS: u32 = 43_200;
/// Longest session of GetSessionToken and GetFederationToken for a root user, seconds.
pub(crate) const ROOT_SESSION_MAX_SECONDS: u32 = 3_600;
/// Longest forward access session, seconds. Source: ours; a service asks again.
pub(crate) const FORWARD_SESSION_MAX_SECONDS: u32 = 900;
/// Most services that a forward access session goes through. Source: ours; no call is longer.
pub(crate) const FORWARD_CHAIN_MAX: usize = 10;
/// Most managed session policies.
pub(crate) const SESSION_POLICY_ARNS_MAX: usize = 10;
/// Most session tags, inherited ones included.
pub(crate) const SESSION_TAGS_MAX: usize = 50;
/// Longest explanation in a denial, bytes of JSON. Source: ours; sealed it must fit a header.
pub(crate) const EXPLANATION_MAX_BYTES: usize = 2_048;
/// The same with the condition keys that the request has, which get the room that is left. Source:
/// ours; sealed and in base64 it stays below the 4 KiB of the header.
pub(crate) const SEALED_MESSAGE_MAX_BYTES: usize = 2_880;
/// Longest explanation in an audit record, bytes of JSON. Source: ours.
pub(crate) const AUDITED_EXPLANATION_MAX_BYTES: usize = 8_192;

/// Longest key set of a provider, bytes. Source: ours; providers publish a few kilobytes.
pub const KEY_SET_MAX_BYTES: usize = 64 << 10;
/// Most keys of a key set that are looked at. Source: ours.
pub(crate) const KEY_SET_KEYS_MAX: usize = 100;
/// Most keys with one id that are tried, each with one verification. Source: ours; ids are unique
/// but for keys of different kinds (RFC 7517, section 4.5).
pub(crate) const KEYS_OF_AN_ID_MAX: usize = 4;
/// Shortest RSA modulus whose signatures count, bits. Source: RFC 7518, section 3.3.
pub(crate) const RSA_MODULUS_MIN_BITS: usize = 2_048;
/// Longest RSA modulus whose signatures count, bits. Source: ours; bounds the time.
pub(crate) const RSA_MODULUS_MAX_BITS: usize = 8_192;
/// How far a provider's clock may be ahead of ours, seconds: for `nbf` and `iat`. Expired is
/// expired. Source: ours.
pub(crate) const TOKEN_SKEW_SECONDS: i64 = 300;
/// Most audiences of a token. Source: ours.
pub(crate) const TOKEN_AUDIENCES_MAX: usize = 100;
/// Longest claim that becomes a condition value, characters. Source: STS model, a subject has at
/// most 255; others ours.
pub(crate) const CLAIM_MAX_CHARS: usize = 1_024;
/// Longest subject, characters. Source: STS model, `webIdentitySubjectType`.
pub(crate) const SUBJECT_MAX_CHARS: usize = 255;
/// Most services whose verifiers of users' signatures are kept. Source: ours; few services are
/// registered anywhere.
pub(crate) const FORWARD_VERIFIERS_MAX: usize = 64;
