//! AWS Signature Version 4 verification: request, credentials and clock in; an identity or a
//! rejection out. No I/O, no clock, no randomness.
//!
//! [`Verifier::verify`] is the only way to a [`Verified`]: whoever holds one knows that the
//! signature was checked over exactly the bytes that were received. Query-string credentials
//! (presigned requests) and Signature Version 4a are refused.
//!
//! Source: AWS IAM User Guide, "AWS Signature Version 4 for API requests".
#![forbid(unsafe_code)]

mod authorization;
mod bytes;
mod canonical;
mod claim;
mod credential;
mod hex;
mod keys;
pub mod limits;
mod moment;
mod query;
mod rejection;
mod replay;
mod request;
mod settings;
mod verifier;

pub use claim::claimed_access_key_id;
pub use credential::{Credential, Credentials, Secret, Session};
pub use rejection::{Missing, Rejection, Window};
pub use replay::{Replay, ReplayGuard};
pub use request::{Payload, Request};
pub use settings::{InvalidSettings, Settings};
pub use verifier::{Verified, Verifier};
