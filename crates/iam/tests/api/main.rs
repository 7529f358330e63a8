//! The IAM API from form to XML, over a store in memory and an HSM in this process.

mod access;
mod entities;
mod every_operation;
mod policies;
mod simulations;
mod support;
