//! Client-side AWS Signature Version 4, for one service, one header set and `POST /`.
//!
//! The product only verifies signatures; signing lives here so that the load is what real clients
//! send. The signing key of the day is cached, as the SDKs do; each request is hashed and signed.
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use aws_lc_rs::{digest, hmac};
use std::fmt::Write as _;
use time::OffsetDateTime;

/// The content type of awsJson1.1, the protocol of KMS.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

const SIGNED_HEADERS: &str = "content-type;host;x-amz-date;x-amz-target";

/// Credentials and scope of a client.
#[derive(Clone)]
pub(crate) struct Signer {
    access_key: String,
    secret: String,
    region: String,
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
            region: region.to_owned(),
            day: String::new(),
            key: hmac::Key::new(hmac::HMAC_SHA256, b""),
        };
        signer.start_day(String::new());
        signer
    }

    /// Writes one whole signed HTTP/1.1 request into `out`, replacing what is there.
    ///
    /// `host` is the Host header, `target` the operation's full target
    /// (`TrentService.Encrypt`), `now` the time of signing in UTC.
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
        let written = write!(
            head,
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: {CONTENT_TYPE}\r\n\
             x-amz-date: {stamp}\r\nx-amz-target: {target}\r\n\
             authorization: {authorization}\r\ncontent-length: {}\r\n\r\n",
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
        for part in [day.as_str(), self.region.as_str(), "kms", "aws4_request"] {
            let next = hmac::sign(&key, part.as_bytes());
            key = hmac::Key::new(hmac::HMAC_SHA256, next.as_ref());
        }
        self.key = key;
        self.day = day;
    }

    /// The Authorization header for `stamp`, whose day is the signer's day.
    fn authorization(&self, host: &str, target: &str, body: &[u8], stamp: &str) -> String {
        let mut canonical = String::with_capacity(320);
        canonical.push_str("POST\n/\n\ncontent-type:");
        for part in [
            CONTENT_TYPE,
            "\nhost:",
            host,
            "\nx-amz-date:",
            stamp,
            "\nx-amz-target:",
        ] {
            canonical.push_str(part);
        }
        for part in [target, "\n\n", SIGNED_HEADERS, "\n"] {
            canonical.push_str(part);
        }
        push_hex(
            &mut canonical,
            digest::digest(&digest::SHA256, body).as_ref(),
        );
        let scope = format!("{}/{}/kms/aws4_request", self.day, self.region);
        let mut to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n");
        push_hex(
            &mut to_sign,
            digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref(),
        );
        let signature = hmac::sign(&self.key, to_sign.as_bytes());
        let mut header = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={SIGNED_HEADERS}, Signature=",
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
        let identity = Credentials::from_keys("test", "test-secret", None).into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("kms")
            .time(at)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = [
            ("host", host),
            ("content-type", CONTENT_TYPE),
            ("x-amz-target", target),
        ];
        let uri = format!("http://{host}/");
        let request =
            SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(body))
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
