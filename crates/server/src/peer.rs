//! The other end of a connection.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{REFERER, USER_AGENT};
use http::{HeaderMap, HeaderName};
use keystead_audit::Tls;
use keystead_engine::Peer;
use keystead_identity::{Bearer, Endpoint, Origin, ServiceSource};
use keystead_types::{AccountId, Principal};
use rustls::pki_types::{CertificateDer, UnixTime};

use crate::gauge::Gauge;
use crate::limits::{REFERER_MAX_BYTES, SOURCE_ARN_MAX_BYTES, USER_AGENT_MAX_BYTES};
use crate::mutual::Authorities;

/// The resource for which a service calls. Source: ours; AWS's own services send theirs on ways
/// that are not public. Every `x-amz-` header of a verified request is signed.
const SOURCE_ARN: HeaderName = HeaderName::from_static("x-amz-source-arn");
const SOURCE_ACCOUNT: HeaderName = HeaderName::from_static("x-amz-source-account");

/// What is known of a TLS session.
pub(crate) struct TlsSession {
    pub(crate) version: &'static str,
    pub(crate) cipher: String,
    /// The certificates that the client showed, its own first; they were good in the handshake.
    pub(crate) client_chain: Option<Vec<CertificateDer<'static>>>,
}

/// One connection, shared with its requests.
pub(crate) struct Connected {
    pub(crate) address: IpAddr,
    /// What the listener stands for.
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    pub(crate) tls: Option<TlsSession>,
    pub(crate) authorities: Option<Arc<Authorities>>,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) body_deadline: std::time::Duration,
}

impl Connected {
    /// The peer of one request to the engine.
    pub(crate) fn peer(
        &self,
        headers: &HeaderMap,
        host: &[u8],
        source: Option<ServiceSource>,
    ) -> Peer {
        Peer {
            source_ip: self.address.to_canonical().into(),
            tls: self.tls(host),
            origin: self.origin(headers, source),
        }
    }

    /// Where one request came from; `source` is of [`service_source`].
    pub(crate) fn origin(&self, headers: &HeaderMap, source: Option<ServiceSource>) -> Origin {
        Origin {
            source_ip: Some(self.address.to_canonical()),
            secure_transport: self.tls.is_some(),
            user_agent: text(headers, &USER_AGENT, USER_AGENT_MAX_BYTES).unwrap_or_default(),
            referer: text(headers, &REFERER, REFERER_MAX_BYTES),
            endpoint: self.endpoint.clone(),
            source,
        }
    }

    /// The TLS session, for the audit record.
    pub(crate) fn tls(&self, host: &[u8]) -> Option<Tls> {
        self.tls.as_ref().map(|session| Tls {
            version: session.version,
            cipher: session.cipher.clone(),
            host: String::from_utf8_lossy(host).into_owned(),
        })
    }

    /// The certificates that the client showed.
    pub(crate) fn client_chain(&self) -> Option<&[CertificateDer<'static>]> {
        let chain = self.tls.as_ref()?.client_chain.as_deref();
        chain.filter(|chain| !chain.is_empty())
    }

    /// The authorities that vouch for the client at this moment.
    pub(crate) fn vouching(&self, now: UnixTime) -> Vec<Arc<str>> {
        match (&self.authorities, self.client_chain()) {
            (Some(authorities), Some(chain)) => authorities.vouching(chain, now),
            _ => Vec::new(),
        }
    }
}

/// The value of a header, cut to its limit.
fn text(headers: &HeaderMap, name: &HeaderName, most: usize) -> Option<String> {
    let bytes = headers.get(name)?.as_bytes();
    let bytes = bytes.get(..most).unwrap_or(bytes);
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// For which resource the caller calls. Only a service says so, and only of accounts for which it
/// is registered: others are none of its business.
pub(crate) fn service_source(
    headers: &HeaderMap,
    bearer: &Bearer,
    covers: impl Fn(AccountId) -> bool,
) -> Option<ServiceSource> {
    let Principal::Service { .. } = bearer.caller.principal else {
        return None;
    };
    let said = source(headers)?;
    let in_arn = said.arn.as_deref().and_then(|arn| arn.split(':').nth(4));
    let in_arn = in_arn.and_then(|account| AccountId::parse(account).ok());
    let covered = said.account.into_iter().chain(in_arn).all(covers);
    covered.then_some(said)
}

/// What the headers say. One that comes twice, is too long or has not the form of what it should
/// be says nothing.
fn source(headers: &HeaderMap) -> Option<ServiceSource> {
    let once = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        let value = value.to_str().ok()?.trim();
        (!value.is_empty() && value.len() <= SOURCE_ARN_MAX_BYTES).then_some(value)
    };
    let source = ServiceSource {
        arn: once(&SOURCE_ARN).map(Arc::from),
        account: once(&SOURCE_ACCOUNT).and_then(|value| AccountId::parse(value).ok()),
    };
    (source != ServiceSource::default()).then_some(source)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_source_of_a_foreign_account_is_not_believed() {
        let own = AccountId::parse("111122223333").unwrap();
        let said = |bearer: &Bearer, lines: &[(&'static str, &'static str)]| {
            service_source(&headers(lines), bearer, |account| account == own)
        };
        let service = Bearer::service("s3.amazonaws.com".into(), own, "id".into());
        let arn = ("x-amz-source-arn", "arn:aws:s3:::bucket");
        assert!(said(&service, &[arn]).is_some());
        assert!(said(&service, &[arn, ("x-amz-source-account", "111122223333")]).is_some());
        assert!(said(&service, &[arn, ("x-amz-source-account", "444455556666")]).is_none());
        let foreign = "arn:aws:sqs:eu-central-1:444455556666:queue";
        assert!(said(&service, &[("x-amz-source-arn", foreign)]).is_none());
        assert!(said(&Bearer::root(own, "id".into()), &[arn]).is_none());
    }

    #[test]
    fn a_source_is_said_once_and_in_form() {
        let arn = "arn:aws:s3:::bucket";
        let said = source(&headers(&[
            ("x-amz-source-arn", arn),
            ("x-amz-source-account", "111122223333"),
        ]));
        let said = said.unwrap();
        assert_eq!(said.arn.as_deref(), Some(arn));
        assert_eq!(said.account.unwrap().as_str(), "111122223333");
        for none in [
            headers(&[]),
            headers(&[("x-amz-source-arn", arn), ("x-amz-source-arn", arn)]),
            headers(&[("x-amz-source-account", "11112222333")]),
            headers(&[("x-amz-source-arn", " ")]),
        ] {
            assert_eq!(source(&none), None, "{none:?}");
        }
    }
}
