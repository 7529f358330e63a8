//! The walk of a request through the door.

use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderName, Request, StatusCode, Version};
use hyper::body::Incoming;
use keystead_api::OperationName;
use keystead_audit::{Audited, Rejection};
use keystead_identity::Bearer;
use keystead_sigv4::{Rejection as Refused, Verified};
use keystead_types::{Fault, FaultKind, RequestId};

use crate::Service;
use crate::body::{BodyError, collect_within};
use crate::dispatch::dispatch;
use crate::head::{BadHead, Route, is_json_1_1, route};
use crate::peer::Connected;
use crate::respond::{Answer, Reply, health, respond};

/// The prefix of `x-amz-target`. Source: KMS model, `targetPrefix`.
const TARGET_PREFIX: &[u8] = b"TrentService.";
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// The signing name of the API.
const SERVICE: &str = "kms";

/// Serves one request to its answer.
pub(crate) async fn walk(
    service: Service,
    connected: Arc<Connected>,
    id: RequestId,
    request: Request<Incoming>,
) -> Reply {
    let _running = connected.gauge.run();
    let (parts, body) = request.into_parts();
    let version = parts.version;
    let answer = match route(&parts) {
        Ok(Route::Live) => return health(id, Ok(())),
        Ok(Route::Ready) => return health(id, service.parts().health.ready()),
        Err(refused) => refuse(refused),
        Ok(Route::Api) => match collect_within(connected.body_deadline, body).await {
            Some(Ok(body)) => api(&service, &connected, id, &parts, &body).await,
            Some(Err(error)) => no_body(error),
            None => http(
                StatusCode::REQUEST_TIMEOUT,
                Rejection::TimedOut,
                "The request body did not arrive in time.",
            )
            .closing(),
        },
    };
    respond(id, version, answer)
}

/// A request with a body: who signed it, which operation, and the operation's outcome.
async fn api(
    service: &Service,
    connected: &Connected,
    id: RequestId,
    parts: &Parts,
    body: &Bytes,
) -> Answer {
    let verified = match verify(service, parts, body) {
        Ok(verified) => verified,
        Err(refused) => return Answer::rejected(reason(&refused), refused.fault()),
    };
    let (bearer, region, name) = verified.into_parts();
    let Some(operation) = operation(parts).filter(|_| name == SERVICE) else {
        let fault = Fault::bare(FaultKind::UnknownOperation);
        return Answer::rejected(Rejection::UnknownOperation, fault);
    };
    let sites = &service.parts().sites;
    let site = match sites.get(&region) {
        Some(site) => site,
        None => match sites.open(&region).await {
            Ok(site) => site,
            Err(fault) => {
                return Answer::of(operation, Audited::rejected(Rejection::Unavailable, fault));
            }
        },
    };
    let request = keystead_engine::Request {
        bearer,
        request_id: id,
        peer: connected.peer(&parts.headers, host(parts)),
        body,
    };
    Answer::of(operation, dispatch(&site, operation, request).await)
}

/// Verifies the signature over the request as it arrived. Header lines of one name keep their
/// order; HTTP/2's `:authority` stands in for a missing `host`.
fn verify(service: &Service, parts: &Parts, body: &[u8]) -> Result<Verified<Arc<Bearer>>, Refused> {
    let mut headers = Vec::with_capacity(parts.headers.len() + 1);
    for (name, value) in &parts.headers {
        headers.push((name.as_str(), value.as_bytes()));
    }
    if parts.version == Version::HTTP_2 && !parts.headers.contains_key(HOST) {
        headers.push(("host", host(parts)));
    }
    let request = keystead_sigv4::Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &headers,
        body: body.into(),
    };
    let own = service.parts();
    own.verifier
        .verify(&request, own.clock.now(), &*own.credentials)
}

/// The host that the client named, for verification and the audit record.
fn host(parts: &Parts) -> &[u8] {
    match (parts.headers.get(HOST), parts.uri.authority()) {
        (Some(host), _) => host.as_bytes(),
        (None, Some(authority)) => authority.as_str().as_bytes(),
        (None, None) => b"",
    }
}

/// The operation that the target names: exact case, right content type.
fn operation(parts: &Parts) -> Option<OperationName> {
    let target = parts.headers.get(TARGET)?.as_bytes();
    let name = std::str::from_utf8(target.strip_prefix(TARGET_PREFIX)?).ok()?;
    OperationName::parse(name).filter(|_| is_json_1_1(&parts.headers))
}

fn http(status: StatusCode, rejection: Rejection, text: &'static str) -> Answer {
    let fault = Fault::new(FaultKind::Serialization, text);
    Answer::http(status, rejection, fault)
}

fn refuse(refused: BadHead) -> Answer {
    let unknown = |status| {
        let fault = Fault::bare(FaultKind::UnknownOperation);
        Answer::http(status, Rejection::Malformed, fault)
    };
    match refused {
        BadHead::NotFound => unknown(StatusCode::NOT_FOUND),
        BadHead::Method(allowed) => unknown(StatusCode::METHOD_NOT_ALLOWED).allowing(allowed),
        BadHead::Malformed(text) => {
            http(StatusCode::BAD_REQUEST, Rejection::Malformed, text).closing()
        }
    }
}

fn no_body(error: BodyError) -> Answer {
    match error {
        BodyError::TooLarge => {
            let fault = Fault::new(
                FaultKind::RequestEntityTooLarge,
                "The request body is larger than 1 MiB.",
            );
            Answer::rejected(Rejection::TooLarge, fault).closing()
        }
        BodyError::Broken(error) => {
            let fault = Fault::new(FaultKind::Serialization, "The request body is broken.");
            Answer::rejected(Rejection::Malformed, fault.because(error)).closing()
        }
    }
}

/// The audit log's word for what signature verification found.
fn reason(refused: &Refused) -> Rejection {
    match refused {
        Refused::MissingCredentials => Rejection::MissingAuthentication,
        Refused::ScopeDate { .. }
        | Refused::ScopeRegion
        | Refused::ScopeService(_)
        | Refused::ScopeTerminator(_) => Rejection::WrongScope,
        Refused::Expired(_) | Refused::NotYetCurrent(_) | Refused::ExpiredToken => {
            Rejection::Expired
        }
        Refused::UnknownToken => Rejection::UnknownKey,
        Refused::Internal => Rejection::Internal,
        other if other.kind() == FaultKind::IncompleteSignature => Rejection::IncompleteSignature,
        _ => Rejection::InvalidSignature,
    }
}
