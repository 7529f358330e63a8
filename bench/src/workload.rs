//! What is measured, and a client for single calls.

use crate::connection::Connection;
use crate::signer::Signer;
use serde_json::Value;
use std::io;
use time::OffsetDateTime;

/// An algorithm whose signatures are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signing {
    Rsa2048,
    Rsa4096,
    P256,
    Ed25519,
    MlDsa65,
}

impl Signing {
    /// The API's name of the key spec.
    pub(crate) fn spec(self) -> &'static str {
        match self {
            Self::Rsa2048 => "RSA_2048",
            Self::Rsa4096 => "RSA_4096",
            Self::P256 => "ECC_NIST_P256",
            Self::Ed25519 => "ECC_NIST_EDWARDS25519",
            Self::MlDsa65 => "ML_DSA_65",
        }
    }

    /// The API's name of the algorithm.
    pub(crate) fn algorithm(self) -> &'static str {
        match self {
            Self::Rsa2048 | Self::Rsa4096 => "RSASSA_PSS_SHA_256",
            Self::P256 => "ECDSA_SHA_256",
            Self::Ed25519 => "ED25519_SHA_512",
            Self::MlDsa65 => "ML_DSA_SHAKE_256",
        }
    }
}

/// A measured operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Encrypt,
    Decrypt,
    GenerateDataKey,
    Sign(Signing),
    Verify(Signing),
    GenerateMac,
    DeriveSharedSecret,
    Encapsulate,
    GenerateDataKeyPair,
}

impl Operation {
    /// Those that are measured beside the floor, in the order of measuring.
    pub(crate) const SYMMETRIC: [Self; 3] = [Self::Encrypt, Self::Decrypt, Self::GenerateDataKey];

    /// Those that are measured by themselves, in the order of measuring.
    pub(crate) const OTHERS: [Self; 11] = [
        Self::Sign(Signing::Rsa2048),
        Self::Sign(Signing::Rsa4096),
        Self::Sign(Signing::P256),
        Self::Sign(Signing::Ed25519),
        Self::Sign(Signing::MlDsa65),
        Self::Verify(Signing::Rsa2048),
        Self::Verify(Signing::P256),
        Self::GenerateMac,
        Self::DeriveSharedSecret,
        Self::Encapsulate,
        Self::GenerateDataKeyPair,
    ];

    /// The API's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "Encrypt",
            Self::Decrypt => "Decrypt",
            Self::GenerateDataKey => "GenerateDataKey",
            Self::Sign(_) => "Sign",
            Self::Verify(_) => "Verify",
            Self::GenerateMac => "GenerateMac",
            Self::DeriveSharedSecret => "DeriveSharedSecret",
            Self::Encapsulate => "Encapsulate",
            Self::GenerateDataKeyPair => "GenerateDataKeyPair",
        }
    }

    /// The key spec that is asked for.
    pub(crate) fn spec(self) -> &'static str {
        match self {
            Self::Encrypt | Self::Decrypt => "SYMMETRIC_DEFAULT",
            Self::GenerateDataKey => "AES_256",
            Self::Sign(signing) | Self::Verify(signing) => signing.spec(),
            Self::GenerateMac => "HMAC_256",
            Self::DeriveSharedSecret | Self::GenerateDataKeyPair => "ECC_NIST_P256",
            Self::Encapsulate => "ML_KEM_768",
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
}

/// A text member of an answer.
///
/// # Errors
/// When the answer is not JSON or lacks the member.
pub(crate) fn member(sample: &Sample, path: &[&str]) -> io::Result<String> {
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
