//! Words that every crate shares: identifiers, states, specs, plaintext, faults.
//!
//! This crate does no I/O and reads neither clock nor randomness; both are traits here
//! ([`Clock`], [`Entropy`]) and are injected.
#![forbid(unsafe_code)]

#[macro_use]
mod wire_enum;

mod algorithm;
mod arn;
mod caller;
mod context;
mod fault;
mod grant;
mod ids;
mod key;
pub mod limits;
mod plaintext;
mod time;

pub use algorithm::{
    EncryptionAlgorithm, MacAlgorithm, MessageType, SigningAlgorithm, WrappingAlgorithm,
    WrappingKeySpec,
};
pub use arn::{AliasArn, ArnError, KeyArn, KeyReference, partition_of};
pub use caller::{AccessKeyId, Caller, FederatingUser, Principal, PrincipalArn, SessionContext};
pub use context::EncryptionContext;
pub use fault::{Fault, FaultKind};
pub use grant::GrantOperation;
pub use ids::{
    AccountId, AliasName, GrantId, Hex32, InvalidId, KeyId, MaterialId, Region, RequestId,
};
pub use key::{KeyManager, KeySpec, KeyState, KeyUsage, Origin};
pub use plaintext::Plaintext;
pub use time::{Clock, Entropy, Timestamp};
