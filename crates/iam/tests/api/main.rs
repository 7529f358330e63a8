//! The IAM API from form to XML, over a store in memory and an HSM in this process.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed assumption fails the test"
)]

mod access;
mod entities;
mod every_operation;
mod policies;
mod simulations;
mod support;
