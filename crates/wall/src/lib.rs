//! The boundary to the HSM process: messages, wrapped keys, the ciphertext header, receipts and
//! the [`Hsm`] trait. No plaintext key type exists here: what crosses is wrapped keys, callers'
//! plaintexts and data keys on their way to the caller.
#![forbid(unsafe_code)]

mod binding;
pub mod client;
pub mod codec;
mod command;
pub mod control;
mod header;
mod hsm;
mod lane;
pub mod limits;
mod receipt;
mod serve;
mod sockets;
pub mod supervisor;
mod wipe;

pub use binding::{KeyBinding, WrappedKey};
pub use client::{WallClient, Worker, WorkerPort};
pub use command::{Cipher, Command, Delivered, Delivery, KeyHandle, Outcome, Reply, Supply};
pub use control::{ControlChannel, NumberedLane, RootConfig, SealedDomain, Start};
pub use header::{CIPHERTEXT_MAGIC, CIPHERTEXT_SUITE, CIPHERTEXT_VERSION, CiphertextHeader};
pub use hsm::{Hsm, Refusal, WallError};
pub use lane::Lane;
pub use receipt::Receipt;
pub use serve::{Handler, serve_lane};
pub use sockets::LaneEnd;
pub use supervisor::{Supervisor, SupervisorConfig, SupervisorTiming};
