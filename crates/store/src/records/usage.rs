//! The record of a key's last use.

use keystead_types::{RequestId, Timestamp};

/// The last successful cryptographic call that used a key.
/// Source: KMS model, `KeyLastUsageData`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    /// The operation's name.
    pub operation: String,
    /// When.
    pub at: Timestamp,
    /// The id of its audit record.
    pub event_id: RequestId,
    /// The id of its request.
    pub request_id: RequestId,
}
