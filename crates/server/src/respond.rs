//! The only place that makes an HTTP answer of an outcome.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode, Version};
use http_body_util::Full;
use keystead_api::{OperationName, encode_fault, iam, query, sts};
use keystead_audit::{Audited, Rejection};
use keystead_types::{Fault, FaultKind, RequestId};

/// What goes to the HTTP library.
pub(crate) type Reply = Response<Full<Bytes>>;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// Ours: what DecodeAuthorizationMessage opens, of a request that was denied.
const AUTHORIZATION_MESSAGE: HeaderName =
    HeaderName::from_static("x-keystead-authorization-message");
const JSON_1_1: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const XML: HeaderValue = HeaderValue::from_static("text/xml");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const NO_CACHE: HeaderValue =
    HeaderValue::from_static("no-cache, no-store, must-revalidate, private");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The forms of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Protocol {
    /// AWS JSON 1.1, of KMS.
    #[default]
    Kms,
    /// The query protocol, of IAM.
    Iam,
    /// The query protocol, of STS.
    Sts,
    /// JSON over paths, of the sessions for certificates.
    Sessions,
}

impl Protocol {
    /// The status of an answer that is no fault.
    fn success(self) -> StatusCode {
        match self {
            Self::Sessions => StatusCode::CREATED,
            _ => StatusCode::OK,
        }
    }

    fn content_type(self) -> HeaderValue {
        match self {
            Self::Kms => JSON_1_1,
            Self::Iam | Self::Sts => XML,
            Self::Sessions => JSON,
        }
    }

    /// Code and status of a fault.
    fn code(self, kind: FaultKind) -> (&'static str, u16) {
        match self {
            Self::Kms => (kind.code(), kind.status()),
            Self::Iam | Self::Sts => kind.in_query(),
            // Source: common errors of services that speak JSON over paths.
            Self::Sessions if kind == FaultKind::AccessDenied => (kind.code(), 403),
            Self::Sessions => (kind.code(), kind.status()),
        }
    }

    fn body(self, fault: &Fault, id: RequestId) -> Vec<u8> {
        match self {
            Self::Kms => encode_fault(fault),
            Self::Iam => query::encode_fault(fault, iam::NAMESPACE, &id),
            Self::Sts => query::encode_fault(fault, sts::NAMESPACE, &id),
            Self::Sessions => crate::sessions::encode_fault(fault),
        }
    }
}

/// An outcome that may leave, and how.
pub(crate) struct Answer {
    audited: Audited<Vec<u8>>,
    protocol: Protocol,
    operation: Option<OperationName>,
    status: Option<StatusCode>,
    allow: Option<&'static str>,
    close: bool,
}

impl Answer {
    /// The outcome of an operation.
    pub(crate) fn of(operation: OperationName, audited: Audited<Vec<u8>>) -> Self {
        Self {
            operation: Some(operation),
            ..Self::from(audited)
        }
    }

    /// A request that was refused before its caller was known.
    pub(crate) fn rejected(rejection: Rejection, fault: Fault) -> Self {
        Self::from(Audited::rejected(rejection, fault))
    }

    /// A request that was refused on the level of HTTP, with that status.
    pub(crate) fn http(status: StatusCode, rejection: Rejection, fault: Fault) -> Self {
        Self {
            status: Some(status),
            ..Self::rejected(rejection, fault)
        }
    }

    /// In another form than that of KMS.
    pub(crate) fn spoken(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Names the method that the path has.
    pub(crate) fn allowing(mut self, method: &'static str) -> Self {
        self.allow = Some(method);
        self
    }

    /// Ends the connection behind the answer: the rest of the body is not read.
    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}

impl From<Audited<Vec<u8>>> for Answer {
    fn from(audited: Audited<Vec<u8>>) -> Self {
        Self {
            audited,
            protocol: Protocol::default(),
            operation: None,
            status: None,
            allow: None,
            close: false,
        }
    }
}

/// Turns an outcome into the HTTP answer. A server fault's private cause goes to the operator's
/// log and nowhere else.
pub(crate) fn respond(id: RequestId, version: Version, answer: Answer) -> Reply {
    let Answer {
        audited,
        protocol,
        operation,
        status,
        allow,
        close,
    } = answer;
    let mut reply = match audited.into_outcome() {
        Ok(body) => plain(id, protocol.success(), protocol.content_type(), body),
        Err(fault) => {
            let (code, own) = protocol.code(fault.kind());
            let status = status
                .or_else(|| StatusCode::from_u16(own).ok())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            if status.is_server_error() {
                log(id, operation, &fault);
            }
            let body = protocol.body(&fault, id);
            let mut reply = plain(id, status, protocol.content_type(), body);
            let headers = reply.headers_mut();
            if matches!(protocol, Protocol::Kms | Protocol::Sessions) {
                headers.insert(ERROR_TYPE, HeaderValue::from_static(code));
            }
            let message = fault.authorization_message();
            let message = message.and_then(|text| HeaderValue::from_str(text).ok());
            if let Some(message) = message {
                headers.insert(AUTHORIZATION_MESSAGE, message);
            }
            reply
        }
    };
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, NO_CACHE);
    if let Some(method) = allow {
        headers.insert(ALLOW, HeaderValue::from_static(method));
    }
    // HTTP/2 has no such header; there, the stream is reset when its body is not read.
    if close && version < Version::HTTP_2 {
        headers.insert(CONNECTION, CLOSE);
    }
    reply
}

/// The answer to a health check, which is no outcome of a request: 200, or 503 with the reason.
pub(crate) fn health(id: RequestId, state: Result<(), String>) -> Reply {
    let (status, text) = match state {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason + "\n"),
    };
    plain(id, status, TEXT, text.into_bytes())
}

/// The answer when the work panicked. Its audit entry, if there was one, is on record as
/// ABANDONED.
pub(crate) fn panicked(id: RequestId, version: Version, message: &str) -> Reply {
    tracing::error!(request_id = %id, panic = message, "a request panicked");
    let fault = Fault::new(
        FaultKind::InternalFailure,
        "The request processing has failed because of an unknown error, exception or failure.",
    )
    .because(format!("panic: {message}"));
    respond(id, version, Answer::rejected(Rejection::Internal, fault))
}

fn plain(id: RequestId, status: StatusCode, kind: HeaderValue, body: Vec<u8>) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.reserve(6);
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(CONTENT_TYPE, kind);
    reply
}

fn log(id: RequestId, operation: Option<OperationName>, fault: &Fault) {
    tracing::error!(
        request_id = %id,
        operation = operation.map(OperationName::as_str),
        code = fault.kind().code(),
        cause = fault.cause().map(tracing::field::display),
        "a request failed on the server's side"
    );
}
