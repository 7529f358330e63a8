//! Bounds of a policy document. "ours": AWS documents no such bound; each is far above what fits
//! a sensible policy and keeps evaluation time bounded.

pub use keystead_types::limits::KEY_POLICY_MAX_BYTES;

/// Characters that are not white space in an identity policy. The most that any kind of it takes
/// is all inline policies of a role together; the IAM API knows the smaller bounds of the others.
/// Source: IAM User Guide, "IAM and AWS STS quotas"; so are the next five.
pub const IDENTITY_POLICY_MAX_CHARS: usize = 10_240;
/// Characters that are not white space in one managed policy.
pub const MANAGED_POLICY_MAX_CHARS: usize = 6_144;
/// Characters that are not white space in all inline policies of a user together.
pub const USER_INLINE_POLICIES_MAX_CHARS: usize = 2_048;
/// Characters that are not white space in all inline policies of a group together.
pub const GROUP_INLINE_POLICIES_MAX_CHARS: usize = 5_120;
/// Characters of a session policy, white space and all.
pub const SESSION_POLICY_MAX_CHARS: usize = 2_048;
/// Characters that are not white space in a role's trust policy. AWS starts at 2,048 and raises
/// it on request; this is the raised quota.
pub const TRUST_POLICY_MAX_CHARS: usize = 8_192;
/// Characters of a service or resource control policy that are not white space.
/// Source: AWS Organizations User Guide, "Quotas and service limits".
pub const CONTROL_POLICY_MAX_CHARS: usize = 5_120;
/// Characters of an endpoint's policy that are not white space. Source: AWS PrivateLink quotas
/// (which count white space too).
pub const ENDPOINT_POLICY_MAX_CHARS: usize = 20_480;
/// Bytes of a document of any kind but a key policy, before it is read. Source: IAM model,
/// `policyDocumentType`.
pub const DOCUMENT_MAX_BYTES: usize = 131_072;

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
/// Groups of neighbouring `?` between two `*` of one pattern, in one document together. Ours: each
/// costs time for every character of what is compared, so this bounds what one request can cost.
pub const QUESTION_GROUPS_PER_POLICY_MAX: usize = 128;
/// Conditions (a key under an operator) in one statement. Ours: each reads the request's context.
pub const CONDITIONS_PER_STATEMENT_MAX: usize = 250;
/// Policy variables in one value. Ours: they are resolved together on the stack.
pub const VARIABLES_PER_VALUE_MAX: usize = 16;
/// Values of a policy, and of a request, that an explanation repeats for one condition. Ours.
pub const EXPLAINED_VALUES_MAX: usize = 8;
/// Characters of one value that an explanation repeats. Ours.
pub const EXPLAINED_VALUE_MAX_CHARS: usize = 256;
/// Conditions that an explanation repeats; of further statements it tells that their condition was
/// not met. Ours: bounds the memory of a refusal, and is more than its JSON has room for.
pub const EXPLAINED_CONDITIONS_MAX: usize = 100;
/// Statements of one policy that an explanation names. Ours.
pub const EXPLAINED_STATEMENTS_MAX: usize = 100;
/// Bytes of the outcomes of all statements that one decision notes; what comes after is left out.
/// Ours: thirty policies with some different statements each. A usual decision has below 100.
pub const OUTCOMES_MAX_BYTES: usize = 1_024;
/// Condition keys of a request that are told with its explanation. Ours: more than any request has
/// besides its tags and its encryption context.
pub const PRESENT_KEYS_MAX: usize = 64;
/// Bytes of an untrusted name that an error message repeats. Ours.
pub const ECHO_MAX_CHARS: usize = 40;
/// Longest action that is lower-cased without allocation, bytes. Ours: KMS's longest is 39.
pub const ACTION_BUFFER_BYTES: usize = 128;
/// Characters of a condition key's name. Ours: the longest that means something is
/// `kms:EncryptionContext:` and a key of an encryption context.
pub const CONDITION_KEY_MAX_CHARS: usize = 512;
/// How often one evaluation of a policy asks for values of condition keys; one that asks more denies.
/// Ours: a policy of the largest size has a tenth as many conditions, and only variables in the
/// values of a key with many values ask more than once for each.
pub const CONTEXT_QUESTIONS_MAX: u32 = 20_000;
