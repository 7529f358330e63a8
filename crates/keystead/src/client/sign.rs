//! Signature Version 4 for requests that the binary sends itself.
//!
//! Source: IAM User Guide, "Create a signed AWS API request".

use aws_lc_rs::{digest, hmac};
use keystead_types::Timestamp;
use time::OffsetDateTime;
use time::macros::format_description;
use zeroize::Zeroizing;

use super::http::Url;

/// The credentials of the person at the terminal.
pub(crate) struct Credentials {
    access_key_id: String,
    secret: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
}

impl Credentials {
    /// From the environment variables that all AWS clients read.
    pub(crate) fn from_environment() -> Result<Self, String> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let need = |name: &str| read(name).ok_or_else(|| format!("set {name}"));
        Ok(Self {
            access_key_id: need("AWS_ACCESS_KEY_ID")?,
            secret: Zeroizing::new(need("AWS_SECRET_ACCESS_KEY")?),
            token: read("AWS_SESSION_TOKEN").map(Zeroizing::new),
        })
    }

    #[cfg(test)]
    pub(crate) fn new(id: &str, secret: &str, token: Option<&str>) -> Self {
        Self {
            access_key_id: id.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
            token: token.map(|token| Zeroizing::new(token.to_owned())),
        }
    }
}

/// For what a signature is made.
pub(crate) struct Signing<'a> {
    pub(crate) credentials: &'a Credentials,
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) now: Timestamp,
}

impl Signing<'_> {
    /// The headers of a signed POST: those that were given and those of the signature, without
    /// `host`. The URL must have no query string.
    pub(crate) fn post(&self, url: &Url, content_type: &str, body: &[u8]) -> Vec<(String, String)> {
        let moment = moment(self.now);
        let day = moment.get(..8).unwrap_or_default();
        let mut headers = vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("host".to_owned(), url.authority()),
            ("x-amz-date".to_owned(), moment.clone()),
        ];
        if let Some(token) = &self.credentials.token {
            headers.push(("x-amz-security-token".to_owned(), token.to_string()));
        }
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let canonical = format!(
            "POST\n{}\n\n{lines}\n{names}\n{}",
            url.path(),
            hex(digest::digest(&digest::SHA256, body).as_ref())
        );
        let (region, service) = (self.region, self.service);
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let digest = digest::digest(&digest::SHA256, canonical.as_bytes());
        let text = format!(
            "AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}",
            hex(digest.as_ref())
        );
        let secret = Zeroizing::new(format!("AWS4{}", *self.credentials.secret));
        let mut key = mac(secret.as_bytes(), day.as_bytes());
        for part in [region, service, "aws4_request"] {
            key = mac(key.as_ref(), part.as_bytes());
        }
        let signature = hex(mac(key.as_ref(), text.as_bytes()).as_ref());
        headers.retain(|(name, _)| name != "host");
        headers.push((
            "authorization".to_owned(),
            format!(
                "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
                self.credentials.access_key_id
            ),
        ));
        headers
    }
}

fn mac(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `20260102T030405Z`.
fn moment(now: Timestamp) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let now = OffsetDateTime::from_unix_timestamp(now.as_seconds());
    // A clock out of all bounds gives a date that no server takes.
    now.ok()
        .and_then(|now| now.format(format).ok())
        .unwrap_or_else(|| "00000000T000000Z".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keystead_sigv4::{Credential, Request, Session, Settings, Verifier};

    use super::*;

    /// Knows one access key.
    struct One(Arc<Credential<u8>>);
    impl keystead_sigv4::Credentials<u8> for One {
        fn find(&self, id: &str, _: Option<&[u8]>) -> Option<Arc<Credential<u8>>> {
            (id == "AKIDEXAMPLE").then(|| self.0.clone())
        }
    }

    fn verify(token: Option<&str>, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let now = Timestamp::from_millis(1_767_323_045_000);
        let credentials = Credentials::new("AKIDEXAMPLE", "a secret", token);
        let signing = Signing {
            credentials: &credentials,
            service: "iam",
            region: "us-east-1",
            now,
        };
        let url = Url::parse("https://iam.example/").unwrap();
        let mut body = b"Action=ListUsers".to_vec();
        let mut headers = signing.post(&url, "application/x-www-form-urlencoded", &body);
        headers.push(("host".to_owned(), url.authority()));
        change(&mut body);
        let headers: Vec<(&str, &[u8])> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let session = token.map(|token| Session {
            token: token.to_owned(),
            expires: now.plus_days(1),
        });
        let known = One(Arc::new(Credential {
            identity: 7,
            secret: "a secret".to_owned().into(),
            session,
        }));
        let request = Request {
            method: "POST",
            path: "/",
            query: None,
            headers: &headers,
            body: body.as_slice().into(),
        };
        let settings = Settings::new(&["iam"], |_, _| true).unwrap();
        Verifier::new(settings)
            .verify(&request, now, &known)
            .is_ok()
    }

    #[test]
    fn our_own_verifier_takes_what_is_signed_here() {
        assert!(verify(None, |_| {}));
        assert!(verify(Some("a token"), |_| {}));
        assert!(!verify(None, |body| body.push(b'x')));
    }

    #[test]
    fn dates_have_the_form_of_signatures() {
        let now = Timestamp::from_millis(1_767_323_045_999);
        assert_eq!(moment(now), "20260102T030405Z");
    }
}
