//! The audit trail: entries that cannot be dropped silently, a durable hash-chained log, CloudTrail records.
#![forbid(unsafe_code)]
