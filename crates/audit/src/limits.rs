//! Sizes and times, each with its source.

use std::time::Duration;

/// Longest user agent in a record, bytes; the rest is cut off.
/// Source: CloudTrail user guide, "CloudTrail record contents", userAgent.
pub const USER_AGENT_MAX_BYTES: usize = 1024;
/// Longest error message in a record, bytes; the rest is cut off.
/// Source: CloudTrail user guide, "CloudTrail record contents", errorMessage.
pub const ERROR_MESSAGE_MAX_BYTES: usize = 1024;
/// Longest host header in a record, bytes. Source: ours; a DNS name has at most 253.
pub const HOST_MAX_BYTES: usize = 300;
/// Longest requestParameters or responseElements, bytes of JSON; longer ones are replaced by
/// `{"omitted":true}`. Source: CloudTrail user guide, "CloudTrail record contents".
pub const PARAMETERS_MAX_BYTES: usize = 102_400;
/// Longest value in additionalEventData, bytes; the rest is cut off. Source: ours, so that a
/// handful stays below CloudTrail's 28 KB for the whole.
pub const ADDITIONAL_MAX_BYTES: usize = 4096;
/// Longest explanations of decisions in a record, bytes of JSON together; what is longer is cut
/// off and marked. Source: ours, so that all additional data stays below CloudTrail's 28 KB.
pub const AUTHORIZATION_MAX_BYTES: usize = 16 * 1024;
/// First size of a record's buffer, bytes, without its parameters. Source: measured, a record of
/// Encrypt has about 1,000.
pub const RECORD_USUAL_BYTES: usize = 1024;
/// Refused requests that are written to the operator's log per second; more are only counted.
/// Source: ours.
pub const REJECTION_LINES_PER_SECOND: u32 = 20;
/// One second, the window of [`REJECTION_LINES_PER_SECOND`].
pub const REJECTION_WINDOW: Duration = Duration::from_secs(1);
/// Longest record that the log takes, bytes. Source: ours; above what the limits of the fields
/// add up to (2 x 100 KiB of parameters, the rest below 64 KiB).
pub const RECORD_MAX_BYTES: usize = 512 * 1024;
/// Longest line that a reader of the log accepts, bytes. Source: ours; a record and its frame.
pub const LINE_MAX_BYTES: usize = 1024 * 1024;
/// Uses of keys that one record can speak for. Source: ours; one byte in the outbox form.
pub const RECEIPTS_MAX: usize = 255;
/// Size at which the next segment file begins, bytes. Source: ours; some 50,000 records.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Records that a worker buffers before it writes without waiting for a pause. Source: ours.
pub const WORKER_BUFFER_RECORDS: usize = 64;
/// Longest time that a record stays in a worker's buffer, and in `Durability::Write` the longest
/// time until written records are flushed to the disk. Source: ours.
pub const SYNC_INTERVAL: Duration = Duration::from_millis(50);
/// Newest event ids that an opened log remembers, to skip what the outbox need not replay.
/// Source: ours; far more than requests in flight.
pub const RECENT_EVENT_IDS: usize = 16_384;
/// Free space below which the operator is warned, bytes. Source: ours; 16 segments.
pub const FREE_SPACE_WARN_BYTES: u64 = 16 * SEGMENT_BYTES;
/// Newest segments that a start reads for the receipts of the HSM process before. Source: ours; some
/// 400,000 records, a few seconds.
pub const RECEIPT_SEGMENTS: usize = 8;
