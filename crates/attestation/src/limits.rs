//! Sizes and times that documents are held to, each with its source.

/// Longest document. Source: KMS service model, `AttestationDocumentType` (1–262,144 bytes).
pub const DOCUMENT_MAX_BYTES: usize = 262_144;
/// Longest payload. Source: attestation_process.md, "COSE_Sign1" (1–16,384 bytes).
pub const PAYLOAD_MAX_BYTES: usize = 16_384;
/// Length of an ES384 signature, r and s of 48 bytes. Source: RFC 9053, 2.1.
pub const SIGNATURE_BYTES: usize = 96;
/// Longest module id. Source: ours; real ones have 39 bytes (`i-` and 17, `-enc` and 16).
pub const MODULE_ID_MAX_BYTES: usize = 128;
/// Highest number of a PCR. Source: attestation_process.md, `pcrs` (index 0–31).
pub const PCR_INDEX_MAX: u8 = 31;
/// Most PCRs of one document. Source: attestation_process.md, `pcrs` (1–32 entries).
pub const PCRS_MAX: usize = 32;
/// Lengths of a PCR. Source: attestation_process.md, `pcr` (32, 48 or 64 bytes).
pub const PCR_BYTES: [usize; 3] = [32, 48, 64];
/// Length of a PCR of SHA-384, the only digest of the documents. Source: FIPS 180-4.
pub const SHA384_BYTES: usize = 48;
/// Longest certificate. Source: attestation_process.md, `cert` (1–1,024 bytes).
pub const CERTIFICATE_MAX_BYTES: usize = 1024;
/// Most certificates of the bundle, the root included. Source: rustls-webpki follows at most 6
/// intermediate certificates; AWS's documents have 3.
pub const CABUNDLE_MAX: usize = 7;
/// Longest public key. Source: attestation_process.md, `public_key` (1–1,024 bytes).
pub const PUBLIC_KEY_MAX_BYTES: usize = 1024;
/// Shortest RSA key that an answer is encrypted to. Source: KMS developer guide, "Cryptographic
/// attestation"; the enclaves SDK makes RSA-2048.
pub const RSA_MIN_BITS: usize = 2048;
/// Longest user data and nonce. Source: attestation_process.md; its grammar says 1,024 and its
/// list of checks 512, so the wider one is taken.
pub const USER_DATA_MAX_BYTES: usize = 1024;
/// How far a document's timestamp may lie after our clock. Source: ours; clocks differ.
pub const AHEAD_MAX_MILLIS: i64 = 60_000;
/// Most roots that may be trusted. Source: ours.
pub const ROOTS_MAX: usize = 16;
/// Longest PEM text with roots. Source: ours; 16 certificates of 1,024 bytes take 24 KiB.
pub const ROOTS_PEM_MAX_BYTES: usize = 65_536;
