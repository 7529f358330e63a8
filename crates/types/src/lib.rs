//! Words that every crate shares: identifiers, states, specs, plaintext, faults.
//!
//! This crate does no I/O and reads neither clock nor randomness; both are traits here
//! ([`Clock`], [`Entropy`]) and are injected.
#![forbid(unsafe_code)]

mod arn;
mod caller;
mod context;
mod fault;
mod ids;
mod key;
pub mod limits;
mod plaintext;
mod time;

pub use arn::{AliasArn, ArnError, KeyArn, KeyReference, partition_of};
pub use caller::{AccessKeyId, Caller, Principal, PrincipalArn};
pub use context::EncryptionContext;
pub use fault::{Fault, FaultKind};
pub use ids::{AccountId, AliasName, Hex32, InvalidId, KeyId, MaterialId, Region, RequestId};
pub use key::{KeyManager, KeySpec, KeyState, KeyUsage, Origin};
pub use plaintext::Plaintext;
pub use time::{Clock, Entropy, Timestamp};
