//! The requests: bodies of each measured operation, ready to send again and again.

use crate::connection::Connection;
use crate::limits;
use crate::signer::Signer;
use serde_json::Value;
use std::io;
use time::OffsetDateTime;

/// A measured operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Encrypt,
    Decrypt,
    GenerateDataKey,
}

impl Operation {
    /// In the order of measuring.
    pub(crate) const ALL: [Self; 3] = [Self::Encrypt, Self::Decrypt, Self::GenerateDataKey];

    /// The API's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "Encrypt",
            Self::Decrypt => "Decrypt",
            Self::GenerateDataKey => "GenerateDataKey",
        }
    }
}

/// One operation's bodies, which connections cycle through.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    /// The value of `X-Amz-Target`.
    pub(crate) target: String,
    pub(crate) bodies: Vec<String>,
}

/// A client that makes single calls while the measurements are prepared.
pub(crate) struct Caller {
    connection: Connection,
    signer: Signer,
    host: String,
}

/// An answer that was kept: header lines as `name:value`, and the body.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Caller {
    /// Connects to `address` (`host:port`).
    pub(crate) async fn open(address: &str, signer: Signer) -> io::Result<Self> {
        let connection = Connection::open(address).await?;
        Ok(Self {
            connection,
            signer,
            host: address.to_owned(),
        })
    }

    /// Calls one operation.
    ///
    /// # Errors
    /// When the connection fails or the status is not 200; the message has the answer's body.
    pub(crate) async fn call(&mut self, target: &str, body: &str) -> io::Result<Sample> {
        let mut request = Vec::new();
        let now = OffsetDateTime::now_utc();
        self.signer
            .write_request(&mut request, &self.host, target, body.as_bytes(), now);
        let answer = self.connection.send(&request).await?;
        let text = String::from_utf8_lossy(answer.body).into_owned();
        if answer.status != 200 {
            return Err(io::Error::other(format!(
                "{target}: {} {text}",
                answer.status
            )));
        }
        let lines = answer
            .head
            .split("\r\n")
            .skip(1)
            .filter(|line| !line.is_empty());
        Ok(Sample {
            headers: lines.map(str::to_owned).collect(),
            body: text,
        })
    }

    /// Creates a symmetric key and the bodies of all operations with it.
    ///
    /// # Errors
    /// When a call fails or an answer lacks a member.
    pub(crate) async fn prepare(&mut self) -> io::Result<Vec<(Operation, Workload)>> {
        let created = self.call("TrentService.CreateKey", "{}").await?;
        let key = member(&created, &["KeyMetadata", "KeyId"])?;
        let encrypt = encrypt_bodies(&key);
        let mut decrypt = Vec::new();
        for body in &encrypt {
            let sealed = self.call("TrentService.Encrypt", body).await?;
            let blob = member(&sealed, &["CiphertextBlob"])?;
            decrypt.push(format!(r#"{{"CiphertextBlob":"{blob}",{CONTEXT}}}"#));
        }
        let data_key = format!(r#"{{"KeyId":"{key}","KeySpec":"AES_256",{CONTEXT}}}"#);
        let bodies = |operation| match operation {
            Operation::Encrypt => encrypt.clone(),
            Operation::Decrypt => decrypt.clone(),
            Operation::GenerateDataKey => vec![data_key.clone()],
        };
        let workload = |operation: Operation| {
            let target = format!("TrentService.{}", operation.name());
            (
                operation,
                Workload {
                    target,
                    bodies: bodies(operation),
                },
            )
        };
        Ok(Operation::ALL.map(workload).into())
    }
}

/// The encryption context of every request: what an SDK's envelope encryption would send.
const CONTEXT: &str = r#""EncryptionContext":{"tenant":"bench","purpose":"load"}"#;

/// Bodies with different plaintexts, so that nothing can be remembered from one to the next.
fn encrypt_bodies(key: &str) -> Vec<String> {
    let plaintexts = (0..=u8::MAX).take(limits::CIPHERTEXTS).map(|first| {
        let bytes = [first; limits::PLAINTEXT_BYTES];
        base64_simd::STANDARD.encode_to_string(bytes)
    });
    plaintexts
        .map(|plaintext| format!(r#"{{"KeyId":"{key}","Plaintext":"{plaintext}",{CONTEXT}}}"#))
        .collect()
}

fn member(sample: &Sample, path: &[&str]) -> io::Result<String> {
    let document: Value = serde_json::from_str(&sample.body)?;
    let found = path
        .iter()
        .try_fold(&document, |value, name| value.get(name));
    let text = found.and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| io::Error::other(format!("no {} in {}", path.join("."), sample.body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypt_bodies_differ_and_are_json() {
        let mut bodies = encrypt_bodies("k");
        for body in &bodies {
            let value: Value = serde_json::from_str(body).unwrap();
            assert_eq!(value["EncryptionContext"]["tenant"], "bench");
        }
        bodies.dedup();
        assert_eq!(bodies.len(), limits::CIPHERTEXTS);
    }

    #[test]
    fn members_are_found_by_path() {
        let body = r#"{"KeyMetadata":{"KeyId":"x"}}"#.to_owned();
        let sample = Sample {
            headers: Vec::new(),
            body,
        };
        assert_eq!(member(&sample, &["KeyMetadata", "KeyId"]).unwrap(), "x");
        assert!(member(&sample, &["CiphertextBlob"]).is_err());
    }
}
