//! STS from form to XML, over a store in memory and an HSM in this process.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod certificates;
mod forward;
mod roles;
mod support;
mod tokens;
mod web_identity;
