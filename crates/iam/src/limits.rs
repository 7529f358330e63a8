//! Quotas of IAM. Source, but where another stands: IAM User Guide, "IAM and AWS STS quotas",
//! default values.

/// Users in an account.
pub const USERS_PER_ACCOUNT: usize = 5_000;
/// Groups in an account.
pub const GROUPS_PER_ACCOUNT: usize = 300;
/// Roles in an account.
pub const ROLES_PER_ACCOUNT: usize = 1_000;
/// Customer managed policies in an account.
pub const POLICIES_PER_ACCOUNT: usize = 1_500;
/// OIDC providers in an account.
pub const PROVIDERS_PER_ACCOUNT: usize = 100;
/// Groups that a user is in.
pub const GROUPS_PER_USER: usize = 10;
/// Access keys of a user, active or not.
pub const ACCESS_KEYS_PER_USER: usize = 2;
/// Managed policies attached to a user, group or role.
pub const ATTACHED_POLICIES: usize = 10;
/// Stored versions of a managed policy.
pub const VERSIONS_PER_POLICY: usize = 5;
/// Tags on a resource.
pub const TAGS_PER_RESOURCE: usize = 50;
/// All inline policies of a user together, characters that are no white space.
pub const USER_POLICY_CHARS: usize = 2_048;
/// All inline policies of a group together, characters that are no white space.
pub const GROUP_POLICY_CHARS: usize = 5_120;
/// All inline policies of a role together, characters that are no white space.
pub const ROLE_POLICY_CHARS: usize = 10_240;
/// A managed policy, characters that are no white space.
pub const MANAGED_POLICY_CHARS: usize = 6_144;
/// A trust policy, characters that are no white space.
pub const TRUST_POLICY_CHARS: usize = 2_048;
/// Audiences of an OIDC provider.
pub const CLIENT_IDS_PER_PROVIDER: usize = 100;
/// Thumbprints of an OIDC provider. Source: IAM API reference, CreateOpenIDConnectProvider.
pub const THUMBPRINTS_PER_PROVIDER: usize = 5;
/// Characters of a path with the name after it. Source: the same page, length of ARNs' paths.
pub const PATH_MAX_CHARS: usize = 512;
/// Items of a page when the request does not say. Source: IAM API reference, `MaxItems`.
pub const PAGE_ITEMS: usize = 100;
/// Length of a session of a role when the request does not say, seconds. Source: IAM API
/// reference, CreateRole.
pub const SESSION_SECONDS: u32 = 3_600;
/// Pairs of an action and a resource that one simulation may ask for. Ours: AWS pages them.
pub const SIMULATED_PAIRS: usize = 10_000;
/// Records of the outbox that one commit removes. Ours.
pub(crate) const OUTBOX_SWEPT_AT_ONCE: usize = 64;
/// Room for the statements of an explanation in the audit record, bytes. Ours: a record has 16 KiB
/// for it.
pub(crate) const AUDITED_EXPLANATION_BYTES: usize = 12 * 1024;
/// Room for the statements of an explanation that is sealed into a header, bytes. Ours: sealed and
/// in base64 it stays below 4 KiB.
pub(crate) const SEALED_EXPLANATION_BYTES: usize = 2 * 1024;
/// All policies of a simulation together, bytes. Ours: so that the largest page takes well below
/// a second.
pub const SIMULATED_DOCUMENT_BYTES: usize = 128 * 1024;
/// Values of condition keys that a simulation is given. Ours: requests have far fewer.
pub const SIMULATED_VALUES: usize = 256;
/// All those values together, bytes. Ours: what a request with the largest encryption context has.
pub const SIMULATED_VALUE_BYTES: usize = 8 * 1024;
/// What one page of a simulation may cost: for each pair the bytes of the policies times those
/// with which they are compared. Ours: some 50 ms at worst; then the page ends early.
pub(crate) const SIMULATED_PAGE_COST: usize = 20_000_000_000;
/// Bytes with which policies are compared beside resource and values: an action, a principal.
pub(crate) const SIMULATED_BASE_BYTES: usize = 256;
/// Services that ListPoliciesGrantingServiceAccess is asked about at once. Source: IAM API
/// reference, the operation.
pub const SERVICE_NAMESPACES: usize = 200;
