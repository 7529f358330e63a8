//! Sizes and limits behind the wall, each with its source.

use std::time::Duration;

use keystead_types::KeySpec;
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
/// A slot of the arena for an RSA key, bytes. A private key of 4096 bits with the longest public
/// exponent that AWS-LC takes (33 bits) has 2379 as PKCS#8. Source: RFC 8017, A.1.2; RFC 5208.
pub const RSA_SLOT_BYTES: usize = 2560;
/// Slots for RSA keys: those made ahead, and those of lanes at work. A slow lane has one at a time
/// for more than a moment, a making lane two (what it unwrapped and what it keeps). The arena
/// stays below 1 MiB. Source: Keystead's own.
pub const RSA_SLOTS: usize =
    3 * PREPARED_MAX as usize + 3 * keystead_wall::limits::WORKERS_MAX as usize;
/// Time between two looks for a free slot for an RSA key. Source: Keystead's own.
pub const RSA_SLOT_WAIT: Duration = Duration::from_millis(1);
/// Looks for a free slot before the process counts as out of memory. Source: Keystead's own; only
/// while the primes of an imported key are tested is such a slot held for longer, by making lanes,
/// and there are enough for those.
pub const RSA_SLOT_TRIES: u32 = 1000;
/// Most RSA keys of one size that are made ahead. Source: Keystead's own; leaves slots for lanes.
pub const PREPARED_MAX: u16 = 16;

/// Longest HMAC key, bytes. Source: KMS Developer Guide, importing key material: 1024 bits.
pub const HMAC_KEY_MAX_BYTES: usize = 128;
/// Private keys in their wrapped form, bytes: scalars of the curves with 256, 384 and 521 bits,
/// and the seeds of Ed25519, ML-DSA (`xi`) and ML-KEM (`d || z`). Source:
/// `docs/formats/wrapped-key.md`; SEC 1, RFC 8032, FIPS 204, FIPS 203.
pub const SCALAR_256_BYTES: usize = 32;
/// As [`SCALAR_256_BYTES`].
pub const SCALAR_384_BYTES: usize = 48;
/// As [`SCALAR_256_BYTES`].
pub const SCALAR_521_BYTES: usize = 66;
/// As [`SCALAR_256_BYTES`].
pub const ED25519_SEED_BYTES: usize = 32;
/// As [`SCALAR_256_BYTES`].
pub const ML_DSA_SEED_BYTES: usize = 32;
/// As [`SCALAR_256_BYTES`].
pub const ML_KEM_SEED_BYTES: usize = 64;

/// An Ed25519 public key, bytes. Source: RFC 8032, section 5.1.5.
pub const ED25519_PUBLIC_BYTES: usize = 32;
/// Seed and public key, as AWS-LC takes them, bytes. Source: `openssl/curve25519.h`.
pub const ED25519_PRIVATE_BYTES: usize = ED25519_SEED_BYTES + ED25519_PUBLIC_BYTES;
/// An Ed25519 signature, bytes. Source: RFC 8032, section 5.1.6.
pub const ED25519_SIGNATURE_BYTES: usize = 64;
/// A SHA-512 digest, bytes. Source: FIPS 180-4.
pub const SHA_512_BYTES: usize = 64;
/// The representative of a message that ML-DSA signs, bytes. Source: FIPS 204, algorithm 7.
pub const ML_DSA_MU_BYTES: usize = 64;
/// The secret that ML-KEM makes, bytes. Source: FIPS 203, section 8.
pub const ML_KEM_SECRET_BYTES: usize = 32;
/// Longest DER SubjectPublicKeyInfo of ML-DSA or ML-KEM, bytes: that of ML-DSA-87, 2592 and 22.
/// Source: FIPS 204, table 2; RFC 9881, section 4.
pub const PQ_PUBLIC_DER_MAX_BYTES: usize = 2614;
/// Longest DER PKCS#8 of ML-DSA or ML-KEM in seed form, bytes: that of ML-KEM, 64 and 22.
/// Source: RFC 9935, section 6; RFC 9881, section 6.
pub const PQ_PRIVATE_DER_MAX_BYTES: usize = 86;

/// The length of an ML-DSA signature, bytes; `None` for other specs. Source: FIPS 204, table 2.
pub const fn ml_dsa_signature_bytes(spec: KeySpec) -> Option<usize> {
    match spec {
        KeySpec::MlDsa44 => Some(2420),
        KeySpec::MlDsa65 => Some(3309),
        KeySpec::MlDsa87 => Some(4627),
        _ => None,
    }
}

/// The length of an ML-KEM ciphertext, bytes; `None` for other specs. Source: FIPS 203, table 3.
pub const fn ml_kem_ciphertext_bytes(spec: KeySpec) -> Option<usize> {
    match spec {
        KeySpec::MlKem512 => Some(768),
        KeySpec::MlKem768 => Some(1088),
        KeySpec::MlKem1024 => Some(1568),
        _ => None,
    }
}

/// Longest message to sign or authenticate, bytes. Source: KMS model, `PlaintextType`.
pub const MESSAGE_MAX_BYTES: usize = PLAINTEXT_MAX_BYTES;
/// Longest public key of DeriveSharedSecret, bytes. Source: KMS model, `PublicKeyType`.
pub const PUBLIC_KEY_MAX_BYTES: usize = 8192;

/// Parsed RSA keys that the process keeps. Source: Keystead's own; some 10 KiB each.
pub const PARSED_RSA_MAX: usize = 512;
/// Parsed keys of other types that the process keeps. Source: Keystead's own.
pub const PARSED_OTHER_MAX: usize = 2048;
/// Time after its last use that a parsed key is kept. Source: Keystead's own.
pub const PARSED_KEPT: Duration = Duration::from_secs(60);
/// Locks that the parsed keys are spread over. Source: Keystead's own.
pub const PARSED_SHARDS: usize = 16;

/// Rest of a new process before it makes RSA keys ahead. Source: Keystead's own.
pub const PREPARING_AFTER: Duration = Duration::from_secs(2);
/// Time between two looks whether RSA keys are missing and parsed keys are old. Source:
/// Keystead's own.
pub const PREPARING_INTERVAL: Duration = Duration::from_secs(1);
/// Small slots: one for each domain key, two for each lane, and room for those in flight.
pub const SMALL_SLOTS: usize = DOMAIN_KEYS_MAX + 2 * LANES_MAX + 1024;
/// Large slots: one for a fast lane (an HMAC key), three for a slow one (an import: what RSA gave,
/// what was unwrapped, what is kept), one for a making one. Source: Keystead's own.
pub const LARGE_SLOTS: usize = 5 * keystead_wall::limits::WORKERS_MAX as usize;

/// Niceness of the thread that makes RSA keys ahead: the lowest priority that there is, for nobody
/// waits for them. Those that somebody waits for are made with [`SLOW_LANE_NICE`]: at 19 none
/// would be done while all cores are busy. Source: setpriority(2).
pub const PREPARING_NICE: i32 = 19;
/// Niceness of the threads that serve slow and making lanes. Source: measured, see `wall.md` of the design:
/// at 10, four RSA-4096 signers leave AES its throughput and still make progress.
pub const SLOW_LANE_NICE: i32 = 10;

/// Longest import token, bytes. Source: KMS model, `CiphertextType`.
pub const IMPORT_TOKEN_MAX_BYTES: usize = CIPHERTEXT_MAX_BYTES;
/// What AES-KWP adds to a plaintext of whole blocks, bytes. Source: RFC 5649, section 3.
pub const KEY_WRAP_OVERHEAD_BYTES: usize = 8;
/// Smallest public exponent of an imported RSA key. Source: FIPS 186-5, A.1.1.
pub const RSA_EXPONENT_MIN: u64 = 65_537;
/// The primes of an imported RSA key differ in their first bits, this many. Source: FIPS 186-5,
/// A.1.3.
pub const RSA_PRIMES_DIFFERENCE_BITS: usize = 100;
/// Rounds of the primality test of an imported RSA key: a composite number passes once in 2^32
/// tries if somebody chose it for that, and practically never otherwise. Each costs some
/// milliseconds, and whoever imports a weak key harms that key alone. Source: FIPS 186-5, table
/// B.1, asks for 4 or 5 when nobody chose the number.
pub const PRIMALITY_ROUNDS: i32 = 16;
/// The random nonce from which a transport's key is derived, bytes. Source: Keystead's own; no
/// two are the same.
pub const TRANSPORT_NONCE_BYTES: usize = 32;

/// The block of AES, bytes. Source: FIPS 197.
pub const AES_BLOCK_BYTES: usize = 16;
/// Smallest modulus of an attested RSA public key, bits. Source: KMS Developer Guide, "Using
/// Nitro Enclaves".
pub const RECIPIENT_MODULUS_MIN_BITS: usize = 2048;
/// Largest modulus of an attested RSA public key, bits. Source: Keystead's own; larger ones are
/// slow and no client makes them.
pub const RECIPIENT_MODULUS_MAX_BITS: usize = 4096;

/// Lanes that the file of counters has room for. Ours: above 3 for each of the 66 workers.
pub const TALLY_LANES: u16 = 256;
