//! Sizes and limits behind the wall, each with its source.

use keystead_types::limits::{CIPHERTEXT_MAX_BYTES, PLAINTEXT_MAX_BYTES, RANDOM_MAX_BYTES};

/// An AES-256 key, bytes. Source: FIPS 197.
pub const AES_256_KEY_BYTES: usize = 32;
/// The nonce of AES-GCM, bytes. Source: NIST SP 800-38D, section 8.2.2.
pub const GCM_NONCE_BYTES: usize = 12;
/// The tag of AES-GCM, bytes. Source: NIST SP 800-38D, section 5.2.1.2.
pub const GCM_TAG_BYTES: usize = 16;
/// The random nonce from which a message's keys are derived, bytes. Source:
/// `docs/formats/ciphertext.md`.
pub const DERIVATION_NONCE_BYTES: usize = 16;
/// The key commitment in a ciphertext, bytes. Source: `docs/formats/ciphertext.md`.
pub const COMMITMENT_BYTES: usize = 32;

/// Longest plaintext of Encrypt, bytes. Source: KMS model, `PlaintextType`.
pub const ENCRYPT_MAX_BYTES: usize = PLAINTEXT_MAX_BYTES;
/// Longest ciphertext blob, bytes. Source: KMS model, `CiphertextType`.
pub const BLOB_MAX_BYTES: usize = CIPHERTEXT_MAX_BYTES;
/// Longest data key or random answer, bytes. Source: KMS model, `NumberOfBytesType`.
pub const GENERATED_MAX_BYTES: usize = RANDOM_MAX_BYTES;
/// Longest canonical encryption context, bytes. Source: the wall's own limit.
pub const CONTEXT_MAX_BYTES: usize = keystead_wall::limits::CONTEXT_MAX_BYTES;

/// Longest secret of the server itself, bytes. Source: `keystead_wall::Command::SealSecret`.
pub const SECRET_MAX_BYTES: usize = 1024;
/// Longest label of a sealed secret, bytes. Source: Keystead's own; an account, a user's name and
/// an access key id fit many times.
pub const LABEL_MAX_BYTES: usize = 512;
/// Domain keys that one process holds, over all Regions. Source: Keystead's own; bounds the arena.
pub const DOMAIN_KEYS_MAX: usize = 1024;
/// Most lanes of one process. Source: the wall, three lanes for each of its workers.
pub const LANES_MAX: usize = 3 * keystead_wall::limits::WORKERS_MAX as usize;

/// A small slot of the arena, bytes: two derived keys. Source: Keystead's own.
pub const SMALL_SLOT_BYTES: usize = 64;
/// A large slot of the arena, bytes: a root key file. Source: Keystead's own.
pub const LARGE_SLOT_BYTES: usize = 256;
/// Small slots: one for each domain key, two for each lane, and room for those in flight.
pub const SMALL_SLOTS: usize = DOMAIN_KEYS_MAX + 2 * LANES_MAX + 1024;
/// Large slots. Source: Keystead's own.
pub const LARGE_SLOTS: usize = 256;

/// Niceness of the threads that serve slow lanes. Source: measured, see `wall.md` of the design:
/// at 10, four RSA-4096 signers leave AES its throughput and still make progress.
pub const SLOW_LANE_NICE: i32 = 10;
