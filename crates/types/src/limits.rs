//! Sizes that KMS documents, each with its source.

/// Longest request plaintext of Encrypt, bytes. Source: KMS model, `PlaintextType`.
pub const PLAINTEXT_MAX_BYTES: usize = 4096;
/// Longest ciphertext blob, bytes. Source: KMS model, `CiphertextType`.
pub const CIPHERTEXT_MAX_BYTES: usize = 6144;
/// Longest data key or random answer, bytes. Source: KMS model, `NumberOfBytesType`.
pub const RANDOM_MAX_BYTES: usize = 1024;
/// Key policy size, bytes. Source: KMS Developer Guide, "Resource quotas".
pub const KEY_POLICY_MAX_BYTES: usize = 32_768;
/// Tags on one key. Source: KMS Developer Guide, "Resource quotas".
pub const TAGS_PER_KEY: usize = 50;
/// Aliases on one key. Source: KMS Developer Guide, "Resource quotas".
pub const ALIASES_PER_KEY: usize = 50;
/// Grants on one key. Source: KMS Developer Guide, "Resource quotas".
pub const GRANTS_PER_KEY: usize = 50_000;
/// On-demand rotations in the life of one key. Source: KMS Developer Guide, "Resource quotas".
pub const ON_DEMAND_ROTATIONS_PER_KEY: usize = 25;
/// Customer managed keys per account and Region. Source: KMS Developer Guide, "Resource quotas".
pub const KEYS_PER_ACCOUNT: usize = 100_000;
/// Encryption context, total characters of keys and values. Source: KMS API reference, Encrypt
/// (unsure: see `docs/divergences.md`).
pub const ENCRYPTION_CONTEXT_MAX_BYTES: usize = 8192;
