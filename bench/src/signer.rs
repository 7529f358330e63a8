//! Client-side AWS Signature Version 4, for `POST /` and the headers that KMS, IAM and STS need.
//!
//! The product only verifies signatures; signing lives here so that the load is what real clients
//! send. The signing key of the day is cached, as the SDKs do; each request is hashed and signed.
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use aws_lc_rs::{digest, hmac};
use std::fmt::Write as _;
use time::OffsetDateTime;

/// The content type of awsJson1.1, the protocol of KMS.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The content type of the query protocol, of IAM and STS.
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Credentials and scope of a client.
#[derive(Clone)]
pub(crate) struct Signer {
    access_key: String,
    secret: String,
    /// The session token of temporary credentials.
    token: Option<String>,
    region: String,
    service: &'static str,
    /// The day (`YYYYMMDD`) that `key` is for.
    day: String,
    key: hmac::Key,
}

impl Signer {
    /// A signer for the service `kms` in a Region.
    pub(crate) fn new(access_key: &str, secret: &str, region: &str) -> Self {
        let mut signer = Self {
            access_key: access_key.to_owned(),
            secret: secret.to_owned(),
            token: None,
            region: region.to_owned(),
            service: "kms",
            day: String::new(),
            key: hmac::Key::new(hmac::HMAC_SHA256, b""),
        };
        signer.start_day(String::new());
        signer
    }

    /// The same credentials for a service that speaks the query protocol: `iam` or `sts`.
    pub(crate) fn for_query(&self, service: &'static str) -> Self {
        Self {
            service,
            day: String::new(),
            ..self.clone()
        }
    }

    /// A signer for the service `kms` with temporary credentials, in the same Region.
    pub(crate) fn with_session(&self, access_key: &str, secret: &str, token: String) -> Self {
        Self {
            token: Some(token),
            ..Self::new(access_key, secret, &self.region)
        }
    }

    /// The headers that are signed, in their order.
    fn headers<'a>(
        &'a self,
        host: &'a str,
        target: &'a str,
        stamp: &'a str,
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        let (content_type, target) = match self.service {
            "kms" => (CONTENT_TYPE, Some(target)),
            _ => (FORM, None),
        };
        let always = [
            ("content-type", content_type),
            ("host", host),
            ("x-amz-date", stamp),
        ];
        let token = self.token.as_deref();
        let token = token.map(|token| ("x-amz-security-token", token));
        let target = target.map(|target| ("x-amz-target", target));
        always.into_iter().chain(token).chain(target)
    }

    /// Writes one whole signed HTTP/1.1 request into `out`, replacing what is there.
    ///
    /// `host` is the Host header, `target` the operation's full target
    /// (`TrentService.Encrypt`; only KMS has one), `now` the time of signing in UTC.
    pub(crate) fn write_request(
        &mut self,
        out: &mut Vec<u8>,
        host: &str,
        target: &str,
        body: &[u8],
        now: OffsetDateTime,
    ) {
        let stamp = stamp(now);
        let day = stamp.get(..8).unwrap_or_default();
        if day != self.day {
            self.start_day(day.to_owned());
        }
        let authorization = self.authorization(host, target, body, &stamp);
        let mut head = String::with_capacity(640);
        head.push_str("POST / HTTP/1.1\r\n");
        for (name, value) in self.headers(host, target, &stamp) {
            for part in [name, ": ", value, "\r\n"] {
                head.push_str(part);
            }
        }
        let written = write!(
            head,
            "authorization: {authorization}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        debug_assert!(written.is_ok(), "writing to a string does not fail");
        out.clear();
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(body);
    }

    fn start_day(&mut self, day: String) {
        let secret = format!("AWS4{}", self.secret);
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        for part in [
            day.as_str(),
            self.region.as_str(),
            self.service,
            "aws4_request",
        ] {
            let next = hmac::sign(&key, part.as_bytes());
            key = hmac::Key::new(hmac::HMAC_SHA256, next.as_ref());
        }
        self.key = key;
        self.day = day;
    }

    /// The Authorization header for `stamp`, whose day is the signer's day.
    fn authorization(&self, host: &str, target: &str, body: &[u8], stamp: &str) -> String {
        let mut canonical = String::with_capacity(320);
        let mut signed = String::with_capacity(64);
        canonical.push_str("POST\n/\n\n");
        for (name, value) in self.headers(host, target, stamp) {
            for part in [name, ":", value, "\n"] {
                canonical.push_str(part);
            }
            if !signed.is_empty() {
                signed.push(';');
            }
            signed.push_str(name);
        }
        for part in ["\n", &signed, "\n"] {
            canonical.push_str(part);
        }
        push_hex(
            &mut canonical,
            digest::digest(&digest::SHA256, body).as_ref(),
        );
        let scope = format!("{}/{}/{}/aws4_request", self.day, self.region, self.service);
        let mut to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n");
        push_hex(
            &mut to_sign,
            digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref(),
        );
        let signature = hmac::sign(&self.key, to_sign.as_bytes());
        let mut header = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature=",
            self.access_key
        );
        push_hex(&mut header, signature.as_ref());
        header
    }
}

/// `YYYYMMDDTHHMMSSZ`.
fn stamp(now: OffsetDateTime) -> String {
    let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
    let (hour, minute, second) = (now.hour(), now.minute(), now.second());
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            out.extend(DIGITS.get(usize::from(half)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;
    use std::time::{Duration, SystemTime};

    /// What AWS's own signer makes of the same request.
    fn reference(host: &str, target: &str, body: &[u8], at: SystemTime) -> String {
        let headers = [
            ("host", host),
            ("content-type", CONTENT_TYPE),
            ("x-amz-target", target),
        ];
        signed("kms", &headers, body, at, None)
    }

    fn signed(
        service: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        at: SystemTime,
        token: Option<&str>,
    ) -> String {
        let token = token.map(str::to_owned);
        let identity = Credentials::from_keys("test", "test-secret", token).into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(service)
            .time(at)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let request = SignableRequest::new(
            "POST",
            "http://h/",
            headers.iter().copied(),
            SignableBody::Bytes(body),
        )
        .unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let found = instructions
            .headers()
            .find(|(name, _)| *name == "authorization");
        found.unwrap().1.to_owned()
    }

    #[test]
    fn signs_as_the_aws_signer_does() {
        let seconds = 1_700_000_000;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let now = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).unwrap()).unwrap();
        let mut signer = Signer::new("test", "test-secret", "us-east-1");
        for (host, body) in [
            ("127.0.0.1:8080", "{}"),
            ("localhost:1", r#"{"KeyId":"x"}"#),
        ] {
            let target = "TrentService.Encrypt";
            let mut out = Vec::new();
            signer.write_request(&mut out, host, target, body.as_bytes(), now);
            let text = String::from_utf8(out).unwrap();
            let wanted = reference(host, target, body.as_bytes(), at);
            assert!(
                text.contains(&format!("authorization: {wanted}\r\n")),
                "{text}\n{wanted}"
            );
            assert!(text.ends_with(&format!("content-length: {}\r\n\r\n{body}", body.len())));
        }
    }

    #[test]
    fn sessions_and_the_query_protocol() {
        let seconds = 1_700_000_000;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let now = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).unwrap()).unwrap();
        let root = Signer::new("test", "test-secret", "us-east-1");
        let mut session = root.with_session("test", "test-secret", "a/token==".to_owned());
        let mut iam = root.for_query("iam");
        let target = "TrentService.Encrypt";
        let kms = [
            ("host", "h"),
            ("content-type", CONTENT_TYPE),
            ("x-amz-target", target),
        ];
        let form = [("host", "h"), ("content-type", FORM)];
        let mut out = Vec::new();
        for (signer, wanted) in [
            (
                &mut session,
                signed("kms", &kms, b"x", at, Some("a/token==")),
            ),
            (&mut iam, signed("iam", &form, b"x", at, None)),
        ] {
            signer.write_request(&mut out, "h", target, b"x", now);
            assert!(String::from_utf8_lossy(&out).contains(&wanted));
        }
    }

    #[test]
    fn the_signing_key_follows_the_day() {
        let mut signer = Signer::new("test", "test-secret", "us-east-1");
        let mut out = Vec::new();
        for seconds in [1_700_000_000_u64, 1_700_086_400] {
            let now = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).unwrap()).unwrap();
            signer.write_request(&mut out, "h", "TrentService.Encrypt", b"{}", now);
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let wanted = reference("h", "TrentService.Encrypt", b"{}", at);
            assert!(String::from_utf8_lossy(&out).contains(&wanted));
        }
    }
}
