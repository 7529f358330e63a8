//! The IAM and STS APIs: who is there and what they may do, over AWS's query protocol.
//!
//! [`Service::serve`] walks one request: form, operation, audit entry, constraints, authorization,
//! the operation itself, one commit of its changes with the audit record, XML. What an operation
//! changes counts for every request that starts after its answer.
//!
//! A new operation is an `impl Operation` for the marker of its shape; it has to state which
//! resources it asks for, and there is no other way to the draft than through that.
#![forbid(unsafe_code)]

mod access_keys;
mod account;
mod asks;
mod attached;
mod authorize;
mod boundaries;
mod call;
mod context;
mod dispatch;
mod documents;
mod groups;
mod holder;
mod inline;
pub mod limits;
mod managed;
mod names;
mod operation;
mod paging;
mod policies;
mod providers;
mod receipts;
mod refusals;
mod roles;
mod scene;
mod service;
mod simulation;
mod sts;
mod tags;
mod trust;
mod users;
mod versions;
mod walk;

pub use service::{Api, Request, Service, ServiceParts};
pub use sts::{
    CertificateCredentials, CertificateSession, JwksError, JwksSource, KEY_SET_MAX_BYTES,
    KeySetFreshness, KeySetFuture, NoJwks, StsParts,
};
