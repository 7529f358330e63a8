//! The times that a server grants.

use std::time::Duration;

use crate::limits;

/// How long a server waits for its clients. The default is what [`limits`] says; tests and unusual
/// networks change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For a request's head.
    pub head: Duration,
    /// For a request's body.
    pub body: Duration,
    /// Between two requests of a connection.
    pub idle: Duration,
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For running requests after the order to stop.
    pub drain: Duration,
    /// How often head and idle deadlines are looked at.
    pub tick: Duration,
    /// How often the certificate's files are looked at.
    pub certificate_check: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: limits::HEAD_DEADLINE,
            body: limits::BODY_DEADLINE,
            idle: limits::IDLE_DEADLINE,
            handshake: limits::HANDSHAKE_DEADLINE,
            drain: limits::DRAIN_DEADLINE,
            tick: limits::TICK,
            certificate_check: limits::CERTIFICATE_CHECK_INTERVAL,
        }
    }
}
