//! Behind the wall: key material, algorithms, wrapping, roots of trust, self-tests. Runs only in
//! the HSM process; what crosses to it is in crate `keystead_wall`.
//!
//! Formats: `docs/formats/ciphertext.md`, `wrapped-key.md`, `root-key-file.md`, `import-token.md`,
//! `transport.md`, `enveloped-data.md`.
#![deny(unsafe_code)]

mod aead;
mod agreement;
mod arena;
mod child;
mod core;
mod der;
mod dispatch;
mod domains;
mod ec;
mod edwards;
mod encryption;
mod envelope;
mod gaps;
mod import;
#[cfg(feature = "in-process")]
mod in_process;
pub mod limits;
mod mac;
mod material;
mod ml_dsa;
mod ml_kem;
#[cfg(test)]
mod openssl;
mod pairs;
mod parsed;
mod prepared;
mod receipts;
mod roots;
mod rsa;
mod sandbox;
mod secrets;
mod selftest;
mod signing;
mod sm2;
mod symmetric;
mod tally;
mod transport;
#[cfg(test)]
mod vectors;
mod wrapping;

pub use crate::core::{Core, CoreError, IfMissing, LaneCore, Root};
pub use arena::Protection;
pub use child::run_child;
pub use domains::DomainError;
#[cfg(feature = "in-process")]
pub use in_process::InProcess;
pub use roots::{RootError, RootId};
pub use selftest::SelfTestError;
pub use tally::{Counted, TALLY_VARIABLE, read_tally};

/// Ends the process at once. For failures of the cryptographic library or of the arena, after
/// which no answer can be trusted: the front end sees its sockets close, starts a new process,
/// and that one runs the self-tests first.
fn halt() -> ! {
    std::process::abort()
}
