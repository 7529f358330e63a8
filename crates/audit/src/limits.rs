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
/// First size of a record's buffer, bytes, without its parameters. Source: measured, a record of
/// Encrypt has about 1,000.
pub const RECORD_USUAL_BYTES: usize = 1024;
/// Refused requests that are written to the operator's log per second; more are only counted.
/// Source: ours.
pub const REJECTION_LINES_PER_SECOND: u32 = 20;
/// One second, the window of [`REJECTION_LINES_PER_SECOND`].
pub const REJECTION_WINDOW: Duration = Duration::from_secs(1);
