//! Sizes that decoding enforces, each with its source.

/// Longest request body, bytes. The largest legal request is ImportKeyMaterial or one with an
/// attestation document, well under 400 KiB in base64. Source: ours.
pub const BODY_MAX_BYTES: usize = 1 << 20;
/// Deepest nesting of arrays and objects; the model needs 4. Source: ours.
pub const DEPTH_MAX: u32 = 64;
/// Most JSON values in one body, known and unknown members alike. Source: ours; an encryption
/// context of 8192 characters has at most 8192 pairs.
pub const NODES_MAX: u32 = 20_000;
/// Members of an object up to which duplicates are found by comparing all pairs. Source: ours;
/// sorting costs an allocation and pays only above.
pub const DUPLICATES_BY_PAIRS_MAX: usize = 16;
/// Longest copy of a refused value in a ValidationException, characters. Source: ours; longer
/// values are cut and end in `...`.
pub const ECHO_MAX_CHARS: usize = 16 * 1024;
/// Length of the details of a ValidationException after which no more are listed, bytes; they are
/// still counted. Source: ours.
pub const DETAILS_MAX_BYTES: usize = 32 << 10;
/// Last moment that a timestamp may name, seconds: 9999-12-31T23:59:59Z. Source: ours; ISO 8601
/// has four-digit years.
pub const TIMESTAMP_MAX_SECONDS: u64 = 253_402_300_799;
/// Bytes that an answer needs besides its blobs: names, an ARN, an algorithm. Source: measured;
/// only saves reallocations.
pub const ANSWER_ROOM_BYTES: usize = 512;
/// Most parameters of a form. Source: ours; the largest legal requests are simulations, with a
/// few hundred.
pub const PARAMETERS_MAX: usize = 5_000;
/// Deepest nesting of a parameter's name, segments between dots: the models need 6
/// (`ContextEntries.member.1.ContextKeyValues.member.1`). Source: ours.
pub const PARAMETER_DEPTH_MAX: usize = 12;
