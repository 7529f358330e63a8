//! The KMS operations, one file each.
#![forbid(unsafe_code)]
