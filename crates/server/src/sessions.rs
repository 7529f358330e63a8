//! `POST /sessions`: a client that shows a certificate gets a session of a role, as IAM Roles
//! Anywhere gives it. The connection's TLS takes the place of the signature.
//!
//! Source: IAM Roles Anywhere User Guide, "CreateSession API".

use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;
use keystead_audit::Rejection;
use keystead_iam::{CertificateCredentials, CertificateSession};
use keystead_types::{AccountId, Fault, FaultKind, Region, RequestId, Timestamp};
use rustls::pki_types::UnixTime;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Service;
use crate::certificate::{Holder, Unusable};
use crate::head::is_json;
use crate::limits::{SESSION_DEFAULT_SECONDS, SESSION_SECONDS, SESSION_TEXT_MAX_BYTES};
use crate::peer::Connected;
use crate::respond::{Answer, Protocol};
use crate::walk::{host, misdirected};

/// An authority of certificates, as role trust policies name it.
#[derive(Debug, Clone)]
pub struct TrustAnchor {
    /// The name of the [`ClientAuthority`](crate::ClientAuthority).
    pub name: Arc<str>,
    /// Its ARN: `aws:SourceArn` when its certificates ask for a session.
    pub arn: String,
    /// The account that it belongs to: `aws:SourceAccount`.
    pub account: AccountId,
}

/// Which certificates may ask for a session of a role. The role's trust policy decides after it.
#[derive(Debug, Clone)]
pub struct CertificateRole {
    /// The name of the trust anchor.
    pub anchor: Arc<str>,
    /// The ARN of the role.
    pub role_arn: String,
    /// What the certificate must say.
    pub holder: HolderPattern,
    /// The longest session, seconds.
    pub max_seconds: u32,
    /// Whether the client may name its session; else it is named by the certificate's serial
    /// number.
    pub accepts_session_name: bool,
}

/// What a certificate must say of its holder: `*` stands for any text, `?` for any character,
/// case counts. What is `None` may be anything; of several values one must match.
#[derive(Debug, Clone, Default)]
pub struct HolderPattern {
    /// The subject's common name.
    pub common_name: Option<String>,
    /// The subject's organization.
    pub organization: Option<String>,
    /// The subject's organizational unit.
    pub organizational_unit: Option<String>,
    /// A name of a host.
    pub dns_name: Option<String>,
    /// A URI, such as a SPIFFE id.
    pub uri: Option<String>,
}

/// Sessions for certificates.
#[derive(Debug, Clone)]
pub struct CertificateSessions {
    /// The authorities.
    pub anchors: Vec<TrustAnchor>,
    /// Who may become what.
    pub roles: Vec<CertificateRole>,
    /// The Region of the ARNs and of the audit records.
    pub region: Region,
}

/// The request's body, of which any part may stand in the query string too.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    role_arn: Option<String>,
    trust_anchor_arn: Option<String>,
    duration_seconds: Option<u32>,
    role_session_name: Option<String>,
}

impl Asked {
    /// The role, once nothing of it is too long for a record.
    fn role_arn(&self) -> Result<&str, Refused> {
        let given = [
            &self.role_arn,
            &self.trust_anchor_arn,
            &self.role_session_name,
        ];
        let mut texts = given.into_iter().flatten();
        if texts.any(|text| text.len() > SESSION_TEXT_MAX_BYTES) {
            return Err(invalid("A member is too long."));
        }
        let role_arn = self.role_arn.as_deref();
        role_arn.ok_or_else(|| invalid("roleArn is missing."))
    }
}

/// Answers one request for a session.
pub(crate) async fn begin(
    service: &Service,
    connected: &Connected,
    id: RequestId,
    parts: &Parts,
    body: &[u8],
) -> Answer {
    if !service.parts().verifier.accepts_host(host(parts)) {
        return misdirected().spoken(Protocol::Sessions);
    }
    let request = match prepare(service, connected, id, parts, body) {
        Ok(request) => request,
        Err((rejection, status, fault)) => {
            return Answer::http(status, rejection, fault).spoken(Protocol::Sessions);
        }
    };
    let created = service.parts().iam.create_session_for_certificate(request);
    Answer::from(created.await).spoken(Protocol::Sessions)
}

type Refused = (Rejection, StatusCode, Fault);

fn refused(rejection: Rejection, text: &'static str) -> Refused {
    let fault = Fault::new(FaultKind::AccessDenied, text);
    (rejection, StatusCode::FORBIDDEN, fault)
}

fn invalid(text: &'static str) -> Refused {
    let fault = Fault::validation(text);
    (Rejection::Malformed, StatusCode::BAD_REQUEST, fault)
}

/// All that is decided by certificate and configuration.
fn prepare(
    service: &Service,
    connected: &Connected,
    id: RequestId,
    parts: &Parts,
    body: &[u8],
) -> Result<CertificateSession, Refused> {
    let own = service.parts();
    let nothing = || {
        let fault = Fault::bare(FaultKind::UnknownOperation);
        (Rejection::Malformed, StatusCode::NOT_FOUND, fault)
    };
    let sessions = own.certificate_sessions.as_ref().ok_or_else(nothing)?;
    let chain = connected.client_chain().ok_or_else(|| {
        refused(
            Rejection::MissingAuthentication,
            "The connection has no client certificate.",
        )
    })?;
    let asked = read(parts, body)?;
    let role_arn = asked.role_arn()?.to_owned();
    let seconds = asked.duration_seconds.unwrap_or(SESSION_DEFAULT_SECONDS);
    if !SESSION_SECONDS.contains(&seconds) {
        return Err(invalid("durationSeconds is not between 900 and 43200."));
    }
    let now = u64::try_from(own.clock.now().as_seconds()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now));
    let vouching = connected.vouching(now);
    if vouching.is_empty() {
        let text = "The client certificate is expired, revoked or no longer trusted.";
        return Err(refused(Rejection::Expired, text));
    }
    let unusable = |unusable| match unusable {
        Unusable::Unreadable => invalid("The client certificate has names that cannot be read."),
        Unusable::TooMuch => invalid("The client certificate has too many or too long names."),
    };
    let own_certificate = chain.first().map_or(&[][..], |first| first);
    let holder = Holder::read(own_certificate).map_err(unusable)?;
    let vouching: Vec<&TrustAnchor> = sessions
        .anchors
        .iter()
        .filter(|anchor| vouching.contains(&anchor.name))
        .collect();
    let found = sessions.entry(&vouching, &asked, &role_arn, &holder);
    let (anchor, most, refused) = match (found, vouching.first()) {
        (Some((anchor, role)), _) => {
            let named = asked.role_session_name.is_some() && !role.accepts_session_name;
            let text = "The session of this role cannot be named by the client.";
            (anchor, role.max_seconds, named.then_some(text))
        }
        (None, Some(anchor)) => (*anchor, u32::MAX, Some(NOT_OF_THIS_ROLE)),
        // No account has this authority, so none has the record.
        (None, None) => return Err(refused(Rejection::WrongScope, NOT_OF_THIS_ROLE)),
    };
    let session_name = asked.role_session_name;
    Ok(CertificateSession {
        request_id: id,
        origin: connected.origin(&parts.headers, None),
        tls: connected.tls(host(parts)),
        region: sessions.region.clone(),
        role_arn,
        trust_anchor_arn: anchor.arn.clone(),
        source_account: anchor.account,
        session_name: session_name.unwrap_or_else(|| holder.serial.clone()),
        source_identity: holder.common_name(),
        principal_tags: holder.tags().map_err(unusable)?,
        duration_seconds: seconds.min(most),
        refused: refused.map(|text| Fault::new(FaultKind::AccessDenied, text)),
        serial: holder.serial,
        encode,
    })
}

const NOT_OF_THIS_ROLE: &str = "The client certificate may not begin a session of this role.";

impl CertificateSessions {
    /// What lets the holder of a certificate begin a session of a role, by one of the authorities
    /// that vouch for it.
    fn entry<'a>(
        &'a self,
        vouching: &[&'a TrustAnchor],
        asked: &Asked,
        role_arn: &str,
        holder: &Holder,
    ) -> Option<(&'a TrustAnchor, &'a CertificateRole)> {
        let wanted = asked.trust_anchor_arn.as_deref();
        let anchors = vouching.iter().copied();
        let anchors = anchors.filter(|anchor| wanted.is_none_or(|arn| *arn == *anchor.arn));
        let mut fitting = anchors.flat_map(|anchor| {
            let roles = self.roles.iter();
            let of_it =
                roles.filter(|role| role.anchor == anchor.name && role.role_arn == role_arn);
            of_it.map(move |role| (anchor, role))
        });
        fitting.find(|(_, role)| role.holder.matches(holder))
    }
}

/// Body and query string together; what stands in both must be the same.
fn read(parts: &Parts, body: &[u8]) -> Result<Asked, Refused> {
    if !is_json(&parts.headers) && !body.is_empty() {
        return Err(invalid("The body is not application/json."));
    }
    let mut asked: Asked = match body {
        [] => Asked::default(),
        body => serde_json::from_slice(body).map_err(|_| invalid("The body is not valid JSON."))?,
    };
    for pair in parts.uri.query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = match name {
            "roleArn" => &mut asked.role_arn,
            "trustAnchorArn" => &mut asked.trust_anchor_arn,
            _ => continue,
        };
        let value = decoded(value).ok_or_else(|| invalid("The query string is malformed."))?;
        if place.as_ref().is_some_and(|own| *own != value) {
            return Err(invalid("Query string and body differ."));
        }
        *place = Some(value);
    }
    Ok(asked)
}

/// Percent-decodes a value of a query string.
fn decoded(value: &str) -> Option<String> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            out.push(*first);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        // `from_str_radix` takes a sign, which is no digit.
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        out.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(out).ok()
}

impl HolderPattern {
    fn matches(&self, holder: &Holder) -> bool {
        let fits = |pattern: &Option<String>, values: &[&str]| {
            let any = |pattern: &String| values.iter().any(|value| like(pattern, value));
            pattern.as_ref().is_none_or(any)
        };
        let subject = |label| holder.subject(label).collect::<Vec<_>>();
        fits(&self.common_name, &subject("CN"))
            && fits(&self.organization, &subject("O"))
            && fits(&self.organizational_unit, &subject("OU"))
            && fits(&self.dns_name, &texts(&holder.dns_names))
            && fits(&self.uri, &texts(&holder.uris))
    }
}

fn texts(values: &[String]) -> Vec<&str> {
    values.iter().map(String::as_str).collect()
}

/// Whether a text is like a pattern. Linear but for the text after the last `*`.
fn like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut place) = (0, 0);
    // Where to go on when what follows the last star does not match.
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(at) {
        match pattern.get(place) {
            Some('*') => {
                star = Some((place + 1, at));
                place += 1;
            }
            Some(own) if *own == '?' || own == letter => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((after, from)) = star else {
                    return false;
                };
                star = Some((after, from + 1));
                (place, at) = (after, from + 1);
            }
        }
    }
    pattern.iter().skip(place).all(|rest| *rest == '*')
}

/// The answer's body.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    credential_set: [ShownSet<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownSet<'a> {
    assumed_role_user: ShownUser<'a>,
    credentials: ShownCredentials<'a>,
    role_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_identity: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownUser<'a> {
    arn: &'a str,
    assumed_role_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownCredentials<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: String,
}

/// Writes the answer's body.
fn encode(given: &CertificateCredentials) -> Vec<u8> {
    let shown = Shown {
        credential_set: [ShownSet {
            assumed_role_user: ShownUser {
                arn: &given.assumed_role_arn,
                assumed_role_id: &given.assumed_role_id,
            },
            credentials: ShownCredentials {
                access_key_id: &given.access_key_id,
                secret_access_key: std::str::from_utf8(given.secret.expose()).unwrap_or_default(),
                session_token: &given.token,
                expiration: moment(given.expiration),
            },
            role_arn: &given.role_arn,
            source_identity: given.source_identity.as_deref(),
        }],
    };
    // Texts only: nothing in it can fail.
    serde_json::to_vec(&shown).unwrap_or_default()
}

/// Writes the body of a fault. Source: AWS restJson1 protocol, "Operation error serialization".
pub(crate) fn encode_fault(fault: &Fault) -> Vec<u8> {
    let message = fault.message().unwrap_or_default();
    serde_json::json!({ "message": message })
        .to_string()
        .into_bytes()
}

/// `2026-01-02T03:04:05Z`.
fn moment(at: Timestamp) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at.as_seconds()).ok();
    at.and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_they_say() {
        for (pattern, text, fits) in [
            ("web-1", "web-1", true),
            ("web-1", "web-10", false),
            ("web-*", "web-10", true),
            ("web-*", "Web-10", false),
            ("web-?", "web-10", false),
            ("*.example", "a.b.example", true),
            ("*.example", "example", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbXcd", false),
            ("*", "", true),
            ("", "x", false),
            ("?", "é", true),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} {text}");
        }
        let hostile = "*a".repeat(60) + "b";
        assert!(!like(&hostile, &"a".repeat(20_000)));
    }

    #[test]
    fn query_values_are_decoded_strictly() {
        assert_eq!(decoded("arn%3Aaws%2Fx").as_deref(), Some("arn:aws/x"));
        for bad in ["%", "%4", "%+4", "%zz", "%ff"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }
}
