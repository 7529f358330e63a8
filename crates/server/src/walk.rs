//! The walk of a request through the door.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::{HeaderName, Request, StatusCode, Version};
use hyper::body::Incoming;
use keystead_api::OperationName;
use keystead_audit::{Audited, Rejection};
use keystead_iam::Api;
use keystead_identity::{Bearer, ServiceSource};
use keystead_sigv4::{Rejection as Refused, Verified};
use keystead_types::{Fault, FaultKind, Region, RequestId, Timestamp};

use crate::Service;
use crate::body::{BodyError, collect_within};
use crate::dispatch::dispatch;
use crate::head::{BadHead, Route, is_form, is_json_1_1, route};
use crate::peer::{Connected, service_source};
use crate::respond::{Answer, Protocol, Reply, health, respond};
use crate::{replay, sessions};

/// The prefix of `x-amz-target`. Source: KMS model, `targetPrefix`.
const TARGET_PREFIX: &[u8] = b"TrentService.";
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// The signing names of the APIs.
const KMS: &str = "kms";
const IAM: &str = "iam";
const STS: &str = "sts";
/// The one action that nobody signs: a token of the caller's provider stands in its form.
const UNSIGNED_ACTION: &[u8] = b"Action=AssumeRoleWithWebIdentity";

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
    let route = match route(&parts) {
        Ok(Route::Live) => return health(id, Ok(())),
        Ok(Route::Ready) => return health(id, service.parts().health.ready()),
        Ok(Route::Sessions) if service.parts().certificate_sessions.is_none() => {
            return respond(id, version, refuse(BadHead::NotFound));
        }
        Ok(route) => route,
        Err(refused) => return respond(id, version, refuse(refused)),
    };
    let answer = match collect_within(connected.body_deadline, body).await {
        Some(Ok(body)) => match route {
            Route::Sessions => {
                let begun = sessions::begin(&service, &connected, id, &parts, &body);
                Box::pin(begun).await
            }
            _ => api(&service, &connected, id, &parts, &body).await,
        },
        Some(Err(error)) => no_body(error).spoken(claimed(&parts)),
        None => http(
            StatusCode::REQUEST_TIMEOUT,
            Rejection::TimedOut,
            "The request body did not arrive in time.",
        )
        .closing()
        .spoken(claimed(&parts)),
    };
    respond(id, version, answer)
}

/// A request with a body: who signed it, for which service, and the operation's outcome.
async fn api(
    service: &Service,
    connected: &Connected,
    id: RequestId,
    parts: &Parts,
    body: &Bytes,
) -> Answer {
    let arrived = Arrived {
        service,
        connected,
        id,
        parts,
        body,
    };
    let now = service.parts().clock.now();
    let verified = match verify(service, parts, body, now) {
        Ok(verified) => verified,
        Err(Refused::MissingCredentials) if is_for_everyone(parts, body) => {
            if !service.parts().verifier.accepts_host(host(parts)) {
                return misdirected().spoken(Protocol::Sts);
            }
            let region = service.parts().home.clone();
            return Box::pin(query(arrived, Api::Sts, None, region)).await;
        }
        Err(refused) => {
            let answer = Answer::rejected(reason(&refused), refused.fault());
            return answer.spoken(claimed(parts));
        }
    };
    let (bearer, region, name) = verified.into_parts();
    let directory = service.parts().iam.directory();
    directory.note_use(&bearer.caller.access_key_id, &name, &region, now);
    match &*name {
        KMS => kms(arrived, bearer, region).await,
        // In boxes, so that the calls of KMS do not carry room for these.
        IAM => Box::pin(query(arrived, Api::Iam, Some(bearer), region)).await,
        STS => Box::pin(query(arrived, Api::Sts, Some(bearer), region)).await,
        _ => unknown_operation(),
    }
}

/// A request that is all there.
struct Arrived<'a> {
    service: &'a Service,
    connected: &'a Connected,
    id: RequestId,
    parts: &'a Parts,
    body: &'a Bytes,
}

/// A call of KMS: the operation stands in a header, the Region has a site.
async fn kms(arrived: Arrived<'_>, bearer: Arc<Bearer>, region: Region) -> Answer {
    let Arrived {
        service,
        connected,
        id,
        parts,
        body,
    } = arrived;
    let Some(operation) = operation(parts) else {
        return unknown_operation();
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
        peer: connected.peer(&parts.headers, host(parts), source(service, parts, &bearer)),
        bearer,
        request_id: id,
        body,
    };
    Answer::of(operation, dispatch(&site, operation, request).await)
}

/// A call of IAM or STS: the operation stands in the form.
async fn query(
    arrived: Arrived<'_>,
    api: Api,
    bearer: Option<Arc<Bearer>>,
    region: Region,
) -> Answer {
    let Arrived {
        service,
        connected,
        id,
        parts,
        body,
    } = arrived;
    let protocol = match api {
        Api::Iam => Protocol::Iam,
        Api::Sts => Protocol::Sts,
    };
    let form = match (parts.method == http::Method::GET, is_form(&parts.headers)) {
        (true, _) => parts.uri.query().unwrap_or_default().as_bytes(),
        (false, true) => body,
        (false, false) => {
            let fault = Fault::new(FaultKind::MissingAction, "Missing Action");
            return Answer::rejected(Rejection::UnknownOperation, fault).spoken(protocol);
        }
    };
    let request = keystead_iam::Request {
        service: api,
        origin: connected.origin(
            &parts.headers,
            bearer
                .as_deref()
                .and_then(|bearer| source(service, parts, bearer)),
        ),
        tls: connected.tls(host(parts)),
        bearer,
        request_id: id,
        region,
        body: form,
    };
    let served = service.parts().iam.serve(request).await;
    Answer::from(served).spoken(protocol)
}

/// For which resource the caller calls, if it is a service.
fn source(service: &Service, parts: &Parts, bearer: &Bearer) -> Option<ServiceSource> {
    let directory = service.parts().iam.directory();
    let covers = |account| directory.service_covers(bearer, account);
    service_source(&parts.headers, bearer, covers)
}

/// A request that nobody signed, for a host whose name is not ours: a web page whose name was made
/// to point here, for example. Source of the status: RFC 9110, 15.5.20.
pub(crate) fn misdirected() -> Answer {
    let text = "This server does not answer to the host name of the request.";
    let fault = Fault::new(FaultKind::AccessDenied, text);
    Answer::http(
        StatusCode::MISDIRECTED_REQUEST,
        Rejection::WrongScope,
        fault,
    )
}

fn unknown_operation() -> Answer {
    let fault = Fault::bare(FaultKind::UnknownOperation);
    Answer::rejected(Rejection::UnknownOperation, fault)
}

/// Whether a request without a signature may be one: a form for the unsigned action, and no
/// header or parameter that would be credentials.
fn is_for_everyone(parts: &Parts, body: &[u8]) -> bool {
    parts.method == http::Method::POST
        && parts.uri.query().is_none()
        && is_form(&parts.headers)
        && !parts.headers.contains_key(AUTHORIZATION)
        && body
            .split(|b| *b == b'&')
            .any(|pair| pair == UNSIGNED_ACTION)
}

/// The protocol in which a refusal is told: that of the service for which the request claims to
/// be signed, else that of its content type. It proves nothing.
fn claimed(parts: &Parts) -> Protocol {
    if parts.uri.path() == "/sessions" {
        return Protocol::Sessions;
    }
    let authorization = parts.headers.get(AUTHORIZATION);
    let authorization = authorization.map_or(&b""[..], |value| value.as_bytes());
    let scope = authorization
        .split(|b| matches!(b, b' ' | b','))
        .find_map(|part| part.strip_prefix(b"Credential="));
    let service = scope.and_then(|scope| scope.split(|b| *b == b'/').rev().nth(1));
    match service {
        Some(b"kms") => Protocol::Kms,
        Some(b"iam") => Protocol::Iam,
        Some(b"sts") => Protocol::Sts,
        _ if is_form(&parts.headers) || parts.method == http::Method::GET => Protocol::Sts,
        _ => Protocol::Kms,
    }
}

/// Verifies the signature over the request as it arrived. Header lines of one name keep their
/// order; HTTP/2's `:authority` stands in for a missing `host`.
fn verify(
    service: &Service,
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified<Arc<Bearer>>, Refused> {
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
    let verified = own.verifier.verify(&request, now, &*own.credentials)?;
    if let Some(guard) = &own.replay_guard {
        replay::check(guard, &verified, operation(parts), (parts, body), now)?;
    }
    Ok(verified)
}

/// The host that the client named, for verification and the audit record.
pub(crate) fn host(parts: &Parts) -> &[u8] {
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
        Refused::ReplayGuardFull => Rejection::Overloaded,
        Refused::Internal => Rejection::Internal,
        other if other.kind() == FaultKind::IncompleteSignature => Rejection::IncompleteSignature,
        _ => Rejection::InvalidSignature,
    }
}
