//! The other end of a connection.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::header::USER_AGENT;
use keystead_audit::Tls;
use keystead_engine::Peer;

use crate::gauge::Gauge;
use crate::limits::USER_AGENT_MAX_BYTES;

/// What is known of a TLS session.
pub(crate) struct TlsSession {
    pub(crate) version: &'static str,
    pub(crate) cipher: String,
}

/// One connection, shared with its requests.
pub(crate) struct Connected {
    pub(crate) address: IpAddr,
    pub(crate) tls: Option<TlsSession>,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) body_deadline: std::time::Duration,
}

impl Connected {
    /// The peer of one request, for its audit record.
    pub(crate) fn peer(&self, headers: &HeaderMap, host: &[u8]) -> Peer {
        let agent = headers.get(USER_AGENT).map_or(&b""[..], |value| {
            let bytes = value.as_bytes();
            bytes.get(..USER_AGENT_MAX_BYTES).unwrap_or(bytes)
        });
        Peer {
            source_ip: self.address.to_canonical().into(),
            user_agent: String::from_utf8_lossy(agent).into_owned(),
            tls: self.tls.as_ref().map(|session| Tls {
                version: session.version,
                cipher: session.cipher.clone(),
                host: String::from_utf8_lossy(host).into_owned(),
            }),
        }
    }
}
