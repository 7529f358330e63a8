//! The HTTP(S) door: it takes requests from sockets, holds them to their limits, finds out who
//! signed them, dispatches them to the engine and sends the audited answers.
//!
//! Only this crate knows HTTP. A [`Server`] owns listeners and worker threads; a [`Service`] is
//! what it serves. The module `respond` is the only place that makes an answer of an outcome.
//!
//! A request meets, in this order: the screen (raw framing of HTTP/1.1), hyper, the routes, the
//! body's limits, signature verification, dispatch. Nothing before the signature costs more than
//! reading at most 64 KiB of head and 1 MiB of body.
#![forbid(unsafe_code)]

mod body;
mod certificate;
mod connection;
mod deadlines;
mod dispatch;
mod error;
mod frames;
mod gauge;
mod head;
pub mod limits;
mod mutual;
mod peer;
mod replay;
mod respond;
mod screen;
mod screened;
mod server;
mod service;
mod sessions;
mod surviving;
mod tls;
mod walk;
mod worker;

pub use deadlines::Deadlines;
pub use error::ServerError;
pub use mutual::ClientAuthority;
pub use server::{Hooks, Listener, Server, ServerConfig};
pub use service::{Health, Service, ServiceParts, Sites};
pub use sessions::{CertificateRole, CertificateSessions, HolderPattern, TrustAnchor};
pub use tls::{ReloadHandle, TlsFiles};
