//! A second signer, written plainly and on its own, that can also sign what no client would.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::{digest, hmac};
use keystead_sigv4::{Credential, Credentials, Payload, Rejection, Request, Session, Settings};
use keystead_types::{AccountId, Timestamp};

pub const KEY_ID: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30 12:36:00 UTC.
pub const NOW: Timestamp = Timestamp::from_millis(1_440_938_160_000);
pub const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
pub const INVALID_TOKEN: &str = "The security token included in the request is invalid.";

/// Who signed: a name, and the account.
pub type Who = (String, AccountId);
pub type Verifier = keystead_sigv4::Verifier<Who>;
pub type Verified = keystead_sigv4::Verified<Who>;

/// Credentials in a map that tests may change.
#[derive(Default)]
pub struct Keys(pub Mutex<HashMap<String, Arc<Credential<Who>>>>);

impl Credentials<Who> for Keys {
    fn find(&self, access_key_id: &str, _: Option<&[u8]>) -> Option<Arc<Credential<Who>>> {
        self.0.lock().unwrap().get(access_key_id).cloned()
    }
}

impl Keys {
    pub fn example() -> Self {
        let keys = Self::default();
        keys.put(KEY_ID, SECRET, None);
        keys
    }

    pub fn put(&self, id: &str, secret: &str, session: Option<(&str, Timestamp)>) {
        let account = AccountId::parse("111122223333").unwrap();
        let credential = Credential {
            identity: (id.to_lowercase(), account),
            secret: secret.to_owned().into(),
            session: session.map(|(token, expires)| Session {
                token: token.to_owned(),
                expires,
            }),
        };
        let mut map = self.0.lock().unwrap();
        map.insert(id.to_owned(), Arc::new(credential));
    }

    pub fn remove(&self, id: &str) {
        self.0.lock().unwrap().remove(id);
    }
}

pub fn verifier() -> Verifier {
    Verifier::new(Settings::new(&["kms"], |_, region| region.as_str() == "us-east-1").unwrap())
}

/// A request to sign, or a signed one.
#[derive(Clone)]
pub struct Draft {
    pub method: String,
    pub path: String,
    /// Must already be canonical.
    pub query: Option<String>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub key_id: String,
    pub secret: String,
    /// Date, region, service, terminator.
    pub scope: [String; 4],
    /// The date line of the string to sign; the value of `x-amz-date` if `None`.
    pub date: Option<String>,
    /// The signed names; every header there is if `None`.
    pub signed: Option<Vec<String>>,
    /// Whether only the digest of the body is shown to the verifier.
    pub forwarded: bool,
}

impl Draft {
    /// An ordinary Encrypt at [`NOW`].
    pub fn kms() -> Self {
        let headers = [
            ("host", "kms.us-east-1.example.com"),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "TrentService.Encrypt"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        Self {
            method: "POST".into(),
            path: "/".into(),
            query: None,
            headers: headers.map(|(n, v)| (n.to_owned(), v.into())).into(),
            body: br#"{"KeyId":"alias/a","Plaintext":"AAAA"}"#.to_vec(),
            key_id: KEY_ID.into(),
            secret: SECRET.into(),
            scope: ["20150830", "us-east-1", "kms", "aws4_request"].map(Into::into),
            date: None,
            signed: None,
            forwarded: false,
        }
    }

    /// Puts a header at the end.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Takes a header away.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self
    }

    /// Signs every header but these.
    pub fn unsigned(mut self, names: &[&str]) -> Self {
        let mut signed: Vec<_> = self.headers.iter().map(|(n, _)| n.clone()).collect();
        signed.retain(|name| !names.contains(&name.as_str()));
        signed.sort();
        signed.dedup();
        self.signed = Some(signed);
        self
    }

    /// Dates header and scope: `YYYYMMDD'T'HHMMSS'Z'`.
    pub fn at(mut self, date: &str) -> Self {
        self.scope[0] = date[..8].into();
        self.without("x-amz-date").with("x-amz-date", date)
    }

    fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(own, _)| own == name)?;
        Some(String::from_utf8_lossy(&found.1).into_owned())
    }

    /// `Credential=…, SignedHeaders=…, Signature=…`.
    pub fn authorization(&self) -> String {
        let mut names: Vec<_> = self.headers.iter().map(|(n, _)| n.clone()).collect();
        names.sort();
        names.dedup();
        let names = self.signed.clone().unwrap_or(names);
        let mut canonical = Vec::new();
        let mut line = |text: &[u8]| {
            canonical.extend_from_slice(text);
            canonical.push(b'\n');
        };
        line(self.method.as_bytes());
        line(self.path.as_bytes());
        line(self.query.as_deref().unwrap_or_default().as_bytes());
        for name in &names {
            let values = self.headers.iter().filter(|(own, _)| own == name);
            let values: Vec<Vec<u8>> = values.map(|(_, value)| tidy(value)).collect();
            line(&[name.as_bytes(), b":", &values.join(&b","[..])].concat());
        }
        line(b"");
        line(names.join(";").as_bytes());
        canonical.extend(hex(digest::digest(&digest::SHA256, &self.body).as_ref()).bytes());
        let hashed = hex(digest::digest(&digest::SHA256, &canonical).as_ref());
        let date = self.date.clone().or_else(|| self.header("x-amz-date"));
        let scope = self.scope.join("/");
        let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hashed}", date.unwrap());
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for element in &self.scope {
            key = mac(&key, element.as_bytes());
        }
        let signature = hex(&mac(&key, to_sign.as_bytes()));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
            self.key_id,
            names.join(";")
        )
    }

    /// Adds the `Authorization` header.
    pub fn sign(self) -> Self {
        let value = self.authorization();
        self.with("authorization", value)
    }

    /// Replaces a piece of the `Authorization` header's text.
    pub fn edit(mut self, from: &str, to: &str) -> Self {
        let found = self.headers.iter_mut().find(|(n, _)| n == "authorization");
        let value = &mut found.unwrap().1;
        let text = String::from_utf8(value.clone()).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        *value = text.replacen(from, to, 1).into_bytes();
        self
    }

    fn payload(&self) -> Payload<'_> {
        match self.forwarded {
            false => Payload::Bytes(&self.body),
            true => {
                let digest = digest::digest(&digest::SHA256, &self.body);
                Payload::Digest(digest.as_ref().try_into().unwrap())
            }
        }
    }

    pub fn verify_with(
        &self,
        verifier: &Verifier,
        now: Timestamp,
        keys: &Keys,
    ) -> Result<Verified, Rejection> {
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let request = Request {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &headers,
            body: self.payload(),
        };
        verifier.verify(&request, now, keys)
    }

    pub fn verify(&self) -> Result<Verified, Rejection> {
        self.verify_with(&verifier(), NOW, &Keys::example())
    }

    /// Code and text of the refusal at [`NOW`]; panics if there is none.
    pub fn refusal(&self) -> (&'static str, String) {
        answer(&self.verify().expect_err("must be refused"))
    }
}

/// Code and text of a rejection's answer.
pub fn answer(rejection: &Rejection) -> (&'static str, String) {
    let fault = rejection.fault();
    (fault.kind().code(), fault.message().unwrap().to_owned())
}

fn tidy(value: &[u8]) -> Vec<u8> {
    let words = value.split(|b| *b == b' ').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, data).as_ref().to_vec()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
