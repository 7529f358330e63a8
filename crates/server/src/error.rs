//! Why a server cannot start or go on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The configuration names no address.
    #[error("no address to listen on")]
    NoAddress,
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot use {path}: {reason}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never its content.
        reason: String,
    },
    /// The TLS library refused its settings.
    #[error("TLS settings")]
    Tls(#[from] rustls::Error),
    /// A runtime or thread cannot be started.
    #[error("cannot start a worker")]
    Runtime(#[source] io::Error),
    /// A worker thread ended before it was told to.
    #[error("a worker thread ended unexpectedly")]
    WorkerEnded,
}
