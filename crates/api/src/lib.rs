//! Wire shapes generated from the service models: decode, constraints, encode. No I/O.
//!
//! [`Shape`] is implemented by one marker type per operation; `keystead_api::encrypt` holds the
//! `Input` and `Output` of [`Encrypt`], and [`model`] what several operations share. The files
//! under `generated/` are made by `cargo xtask codegen`; the rest of the crate is the small
//! runtime that they call.
//!
//! What stands at the root is KMS. [`iam`] and [`sts`] hold the same for the two services of the
//! query protocol, whose runtime is [`query`].
#![forbid(unsafe_code)]

mod audit;
mod checks;
mod fault;
mod generated;
pub mod limits;
mod pattern;
pub mod query;
mod read;
mod shape;
mod shown;
mod symbol;
mod tree;
mod write;

#[path = "generated/iam/mod.rs"]
pub mod iam;
#[path = "generated/sts/mod.rs"]
pub mod sts;

pub use fault::encode_fault;
pub use generated::*;
pub use shape::Shape;
pub use symbol::Symbol;
