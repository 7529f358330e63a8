//! What a request claims, read once from its headers and not yet proven.

use crate::authorization::{Authorization, Scope};
use crate::limits::{HEADERS_MAX, SESSION_TOKEN_MAX_BYTES};
use crate::moment::Moment;
use crate::query::Parameters;
use crate::rejection::{Rejection, echo};
use crate::request::Request;

/// The parts of a request that verification needs, each taken from the one place that counts.
pub(crate) struct Claim<'a> {
    pub(crate) scope: Scope<'a>,
    pub(crate) signed_headers: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) signed_at: Moment,
    pub(crate) host: &'a [u8],
    pub(crate) content_sha256: Option<&'a [u8]>,
    pub(crate) token: Option<&'a [u8]>,
    pub(crate) query: Parameters,
    /// One bit for each header line, the first line lowest: the lines that must be signed.
    pub(crate) must_sign: u128,
}

/// The access key id that a request names, for the audit record of a refused one. It proves
/// nothing. `None` unless there is exactly one `Authorization` header, and a well-formed one.
pub fn claimed_access_key_id<'a>(request: &Request<'a>) -> Option<&'a str> {
    let mut values = request
        .headers
        .iter()
        .filter(|(name, _)| *name == "authorization");
    let (_, value) = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let authorization = Authorization::parse(trim(value), true).ok()?;
    Some(authorization.scope.access_key_id)
}

#[derive(Default)]
struct Headers<'a> {
    authorization: Option<&'a [u8]>,
    amz_date: Option<&'a [u8]>,
    date: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    target: Option<&'a [u8]>,
    content_sha256: Option<&'a [u8]>,
    token: Option<&'a [u8]>,
    must_sign: u128,
    date_lines: u128,
    duplicate: Option<&'static str>,
}

impl<'a> Headers<'a> {
    fn read(request: &Request<'a>) -> Result<Self, Rejection> {
        if request.headers.len() > HEADERS_MAX {
            return Err(Rejection::TooManyHeaders);
        }
        let mut found = Self::default();
        let mut line = 1u128;
        for (name, value) in request.headers {
            if !is_token(name.as_bytes()) {
                return Err(Rejection::HeaderName);
            }
            found.take(name, trim(value), line);
            line <<= 1;
        }
        if found.amz_date.is_none() {
            found.must_sign |= found.date_lines;
            if found.date_lines.count_ones() > 1 {
                found.duplicate = Some("date");
            }
        }
        Ok(found)
    }

    fn take(&mut self, name: &str, value: &'a [u8], line: u128) {
        let (place, own_name) = match name {
            "authorization" => (&mut self.authorization, "authorization"),
            "host" => (&mut self.host, "host"),
            "content-type" => (&mut self.content_type, "content-type"),
            "date" => {
                self.date = Some(value);
                self.date_lines |= line;
                return;
            }
            "x-amz-date" => (&mut self.amz_date, "x-amz-date"),
            "x-amz-target" => (&mut self.target, "x-amz-target"),
            "x-amz-security-token" => (&mut self.token, "x-amz-security-token"),
            "x-amz-content-sha256" => (&mut self.content_sha256, "x-amz-content-sha256"),
            _ => {
                if name.starts_with("x-amz-") {
                    self.must_sign |= line;
                }
                return;
            }
        };
        if place.replace(value).is_some() {
            self.duplicate = Some(own_name);
        }
        if own_name != "authorization" {
            self.must_sign |= line;
        }
    }

    fn signed_at(&self) -> Result<Moment, Rejection> {
        let (value, moment) = match (self.amz_date, self.date) {
            (Some(value), _) => (value, Moment::parse_basic(value)),
            (None, value) => {
                let value = value.unwrap_or_default();
                (value, Moment::parse_date_header(value))
            }
        };
        moment.ok_or_else(|| Rejection::Date(echo(value.get(..64).unwrap_or(value))))
    }
}

impl<'a> Claim<'a> {
    /// Reads a request's claim. What is wrong with the form of the request is told here, before
    /// anything is hashed.
    pub(crate) fn read(request: &Request<'a>) -> Result<Self, Rejection> {
        let headers = Headers::read(request)?;
        let query = Parameters::parse(request.query);
        let Some(value) = headers.authorization else {
            return Err(Rejection::MissingCredentials);
        };
        if query.as_ref().is_ok_and(Parameters::carry_credentials) {
            return Err(Rejection::TwoForms);
        }
        if let Some(name) = headers.duplicate {
            return Err(Rejection::DuplicateHeader(name));
        }
        let has_date = headers.amz_date.is_some() || headers.date.is_some();
        let Authorization {
            scope,
            signed_headers,
            signature,
        } = Authorization::parse(value, has_date)?;
        let signed_at = headers.signed_at()?;
        let host = headers.host.filter(|host| !host.is_empty());
        if headers
            .token
            .is_some_and(|token| token.len() > SESSION_TOKEN_MAX_BYTES)
        {
            return Err(Rejection::UnknownToken);
        }
        Ok(Self {
            scope,
            signed_headers,
            signature,
            signed_at,
            host: host.ok_or_else(|| Rejection::Unsigned("host".into()))?,
            content_sha256: headers.content_sha256,
            token: headers.token,
            query: query?,
            must_sign: headers.must_sign,
        })
    }
}

/// A header value without the spaces and tabs around it.
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    let mut value = value;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// True for a lower-case header name: no upper case, no space, control byte, colon, comma or
/// semicolon, so that it cannot be mistaken for anything else in the canonical request.
fn is_token(name: &[u8]) -> bool {
    let fits = |b: u8| TOKEN.get(usize::from(b)).copied().unwrap_or(false);
    !name.is_empty() && name.iter().fold(true, |all, b| all & fits(*b))
}

/// The bytes of header names.
const TOKEN: [bool; 256] = token_bytes();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler: it cannot fail at run time"
)]
const fn token_bytes() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = b'!';
    while byte < 0x7f {
        table[byte as usize] = !matches!(byte, b'A'..=b'Z' | b':' | b';' | b',');
        byte += 1;
    }
    table
}
