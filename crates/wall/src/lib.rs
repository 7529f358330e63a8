//! The boundary to the HSM process: messages, wrapped keys, the ciphertext header, receipts and
//! the [`Hsm`] trait. No plaintext key type exists here: what crosses is wrapped keys, callers'
//! plaintexts and data keys on their way to the caller.
#![forbid(unsafe_code)]

mod binding;
mod command;
mod hsm;
mod receipt;

pub use binding::{KeyBinding, WrappedKey};
pub use command::{Command, KeyHandle, Lane, Outcome, Reply};
pub use hsm::{Hsm, Refusal, WallError};
pub use receipt::Receipt;
