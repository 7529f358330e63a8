//! Why a request is refused, and what its sender is told.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use keystead_types::{Fault, FaultKind};

use crate::limits::{ECHO_MAX_BYTES, MINUTE_MILLIS};
use crate::moment::Moment;

const MISMATCH: &str = "The request signature we calculated does not match the signature you \
    provided. Check your AWS Secret Access Key and signing method. Consult the service \
    documentation for details.";
const REPEATED: &str = "Signature not valid: a request with this signature was received before. \
    Sign the request again.";
const TOKEN_INVALID: &str = "The security token included in the request is invalid.";
const TOKEN_EXPIRED: &str = "The security token included in the request is expired";

/// Every reason to refuse a request before it has an identity.
///
/// The answer of [`Rejection::fault`] tells nothing of the computed signature or the canonical
/// request; it repeats at most pieces of what the client sent. The variant itself is the
/// private cause, for the operator's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// No `Authorization` header; also a request with query-string credentials only.
    MissingCredentials,
    /// Credentials in the header and in the query string.
    TwoForms,
    /// A header that decides what is verified came more than once.
    DuplicateHeader(&'static str),
    /// More header lines than `HEADERS_MAX`.
    TooManyHeaders,
    /// A header name that is not a lower-case token.
    HeaderName,
    /// `Authorization` lacks parts or is no SigV4 value at all.
    Incomplete {
        /// The parts that are missing.
        missing: Missing,
        /// What the client sent, shortened.
        authorization: Box<str>,
    },
    /// A SigV4 algorithm that is not served, such as SigV4a.
    Algorithm(Box<str>),
    /// A part of `Authorization` that is not `key=value`.
    NotKeyValue(Box<str>),
    /// A part of `Authorization` that is unknown or repeated.
    UnexpectedPart(Box<str>),
    /// The credential is not `<key id>/<date>/<region>/<service>/aws4_request`.
    Credential(Box<str>),
    /// A date that is not in the calendar or not in the right form.
    Date(Box<str>),
    /// The date of the scope is not the day of the request.
    ScopeDate {
        /// The scope's date.
        scope: Box<str>,
        /// The request's date, `YYYYMMDD'T'HHMMSS'Z'`.
        signed: Box<str>,
    },
    /// The scope names a Region that is unknown or not ours.
    ScopeRegion,
    /// The scope names another service; this is the one expected.
    ScopeService(Cow<'static, str>),
    /// The scope does not end in `aws4_request`.
    ScopeTerminator(Box<str>),
    /// The signature is older than the window.
    Expired(Window),
    /// The signature is from the future, beyond the window.
    NotYetCurrent(Window),
    /// A header that must be signed is absent or not signed.
    Unsigned(Box<str>),
    /// `SignedHeaders` is unsorted, repeats a name, or names a header that is absent or must
    /// not be signed.
    SignedHeaders,
    /// `host` names none of our hosts.
    Host,
    /// `x-amz-content-sha256` is not the digest of the body, or waives it.
    Payload,
    /// A method, path, query string or header value without an unambiguous canonical form.
    NotCanonical(&'static str),
    /// The signature is wrong.
    Signature,
    /// The signature is right, but it has been used before: see [`crate::ReplayGuard`].
    Repeated,
    /// No room to remember a signature, so that a repetition could not be told.
    ReplayGuardFull,
    /// No such access key, or a session token that is missing, wrong or not wanted.
    UnknownToken,
    /// The session's time is over.
    ExpiredToken,
    /// The cryptographic library failed; it never should.
    Internal,
}

/// Which parts of an `Authorization` header are missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Missing {
    /// No `Credential`.
    pub credential: bool,
    /// No `Signature`.
    pub signature: bool,
    /// No `SignedHeaders`.
    pub signed_headers: bool,
    /// Neither `x-amz-date` nor `date` in the request.
    pub date: bool,
}

/// A date outside of the window around now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub(crate) signed: Moment,
    pub(crate) now: Moment,
    pub(crate) minutes: i64,
}

impl Window {
    /// The window's edge that was passed, before (-1) or after (1) now.
    fn edge(&self, side: i64) -> Moment {
        let seconds = self.minutes * (MINUTE_MILLIS / 1000);
        Moment::from_seconds(self.now.seconds() + side * seconds)
    }
}

impl Rejection {
    /// The code of the answer.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::MissingCredentials => FaultKind::MissingAuthenticationToken,
            Self::TwoForms
            | Self::DuplicateHeader(_)
            | Self::TooManyHeaders
            | Self::HeaderName
            | Self::Incomplete { .. }
            | Self::Algorithm(_)
            | Self::NotKeyValue(_)
            | Self::UnexpectedPart(_)
            | Self::Credential(_)
            | Self::Date(_) => FaultKind::IncompleteSignature,
            Self::ScopeDate { .. }
            | Self::ScopeRegion
            | Self::ScopeService(_)
            | Self::ScopeTerminator(_)
            | Self::Expired(_)
            | Self::NotYetCurrent(_)
            | Self::Unsigned(_)
            | Self::SignedHeaders
            | Self::Host
            | Self::Payload
            | Self::NotCanonical(_)
            | Self::Signature
            | Self::Repeated => FaultKind::InvalidSignature,
            Self::ReplayGuardFull => FaultKind::Throttling,
            Self::UnknownToken => FaultKind::UnrecognizedClient,
            Self::ExpiredToken => FaultKind::ExpiredToken,
            Self::Internal => FaultKind::KMSInternal,
        }
    }

    /// The answer, with this rejection as its private cause.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Internal => Fault::internal(self.clone()),
            _ => Fault::new(self.kind(), self.message()).because(self.clone()),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::MissingCredentials => "Missing Authentication Token".to_owned(),
            Self::TwoForms => {
                "Credentials must stand either in the Authorization header or in the \
                query string, not in both."
                    .to_owned()
            }
            Self::DuplicateHeader(name) => format!("Header '{name}' must not occur twice."),
            Self::TooManyHeaders => "The request has too many headers.".to_owned(),
            Self::HeaderName => "The request has a malformed header name.".to_owned(),
            Self::Incomplete {
                missing,
                authorization,
            } => incomplete(*missing, authorization),
            Self::Algorithm(name) => format!("Unsupported AWS 'algorithm': '{name}'."),
            Self::NotKeyValue(part) => format!(
                "'{part}' not a valid key=value pair (missing equal-sign) in Authorization header."
            ),
            Self::UnexpectedPart(part) => {
                format!("'{part}' is unknown or repeated in Authorization header.")
            }
            Self::Credential(got) => format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{got}'"
            ),
            Self::Date(got) => format!(
                "Date must be in ISO-8601 'basic format'. Got '{got}'. See \
                 http://en.wikipedia.org/wiki/ISO_8601"
            ),
            Self::ScopeDate { scope, signed } => format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{scope}' != '{}', from '{signed}'.",
                signed.split('T').next().unwrap_or_default()
            ),
            Self::ScopeRegion => "Credential should be scoped to a valid region.".to_owned(),
            Self::ScopeService(name) => {
                format!("Credential should be scoped to correct service: '{name}'.")
            }
            Self::ScopeTerminator(got) => format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{got}'."
            ),
            Self::Expired(window) => format!(
                "Signature expired: {} is now earlier than {} ({} - {} min.)",
                window.signed.text(),
                window.edge(-1).text(),
                window.now.text(),
                window.minutes
            ),
            Self::NotYetCurrent(window) => format!(
                "Signature not yet current: {} is still later than {} ({} + {} min.)",
                window.signed.text(),
                window.edge(1).text(),
                window.now.text(),
                window.minutes
            ),
            Self::Unsigned(name) if &**name == "host" => {
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
                    .to_owned()
            }
            Self::Unsigned(name) => {
                format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")
            }
            Self::SignedHeaders
            | Self::Host
            | Self::Payload
            | Self::NotCanonical(_)
            | Self::Signature
            | Self::Internal => MISMATCH.to_owned(),
            Self::Repeated => REPEATED.to_owned(),
            Self::ReplayGuardFull => "Rate exceeded".to_owned(),
            Self::UnknownToken => TOKEN_INVALID.to_owned(),
            Self::ExpiredToken => TOKEN_EXPIRED.to_owned(),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request refused before authentication: {self:?}")
    }
}

impl Error for Rejection {}

fn incomplete(missing: Missing, authorization: &str) -> String {
    let sentences = [
        (
            missing.credential,
            "Authorization header requires 'Credential' parameter.",
        ),
        (
            missing.signature,
            "Authorization header requires 'Signature' parameter.",
        ),
        (
            missing.signed_headers,
            "Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            missing.date,
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ),
    ];
    let mut text = String::new();
    for (_, sentence) in sentences.iter().filter(|(applies, _)| *applies) {
        text.push_str(sentence);
        text.push(' ');
    }
    text + "Authorization=" + authorization
}

/// A piece of the client's text to repeat: cut to `ECHO_MAX_BYTES`, visible ASCII and spaces
/// only.
pub(crate) fn echo(text: &[u8]) -> Box<str> {
    let shown = |b: &u8| match b {
        b' '..=b'~' => char::from(*b),
        _ => '?',
    };
    let text: String = text.iter().take(ECHO_MAX_BYTES).map(shown).collect();
    text.into()
}
