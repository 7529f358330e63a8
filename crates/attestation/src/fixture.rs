//! Chains and documents for tests: a root of one's own, two intermediate certificates, a signer.
//!
//! Under feature `fixture` only. Keys are made here, so unlike the rest of the crate this reads
//! randomness. Everything panics instead of failing.

mod chain;
mod document;
pub mod encode;

pub use chain::{Chain, LEAF, ROOT};
pub use document::Document;
