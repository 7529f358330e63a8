//! The requests: bodies of each measured operation, ready to send again and again.

use crate::limits;
use crate::workload::{Caller, Operation, Signing, Workload, member};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use std::io;

/// The encryption context of every request that has one: what an SDK's envelope encryption would
/// send.
const CONTEXT: &str = r#""EncryptionContext":{"tenant":"bench","purpose":"load"}"#;

/// Creates a key for an operation and makes its bodies. Where a request has a plaintext or a
/// message, the bodies differ in it, so that nothing can be remembered from one to the next.
///
/// # Errors
/// When a call fails or an answer lacks a member.
pub(crate) async fn prepare(caller: &mut Caller, operation: Operation) -> io::Result<Workload> {
    let key = create_key(caller, operation).await?;
    let bodies = match operation {
        Operation::Encrypt => encrypt(&key),
        Operation::Decrypt => {
            let blobs = answers(caller, "Encrypt", encrypt(&key), "CiphertextBlob").await?;
            let body = |blob: &String| format!(r#"{{"CiphertextBlob":"{blob}",{CONTEXT}}}"#);
            blobs.iter().map(body).collect()
        }
        Operation::GenerateDataKey => {
            vec![format!(
                r#"{{"KeyId":"{key}","KeySpec":"AES_256",{CONTEXT}}}"#
            )]
        }
        Operation::Sign(signing) => sign(&key, signing),
        Operation::Verify(signing) => verify(caller, &key, signing).await?,
        Operation::GenerateMac => {
            let algorithm = r#""MacAlgorithm":"HMAC_SHA_256""#;
            let body =
                |message| format!(r#"{{"KeyId":"{key}",{algorithm},"Message":"{message}"}}"#);
            messages(limits::MESSAGE_BYTES).map(body).collect()
        }
        Operation::DeriveSharedSecret => derive(&key)?,
        Operation::Encapsulate => {
            vec![format!(
                r#"{{"KeyId":"{key}","EncapsulationAlgorithm":"ML_KEM"}}"#
            )]
        }
        Operation::GenerateDataKeyPair => vec![data_key_pair(&key, operation.spec())],
    };
    Ok(Workload {
        target: target(operation.name()),
        bodies,
    })
}

/// The value of `X-Amz-Target`.
pub(crate) fn target(name: &str) -> String {
    format!("TrentService.{name}")
}

/// A body of GenerateDataKeyPair.
pub(crate) fn data_key_pair(key: &str, spec: &str) -> String {
    format!(r#"{{"KeyId":"{key}","KeyPairSpec":"{spec}",{CONTEXT}}}"#)
}

/// A body of CreateKey, of an asymmetric key for signatures.
pub(crate) fn signing_key(spec: &str) -> String {
    format!(r#"{{"KeySpec":"{spec}","KeyUsage":"SIGN_VERIFY"}}"#)
}

async fn create_key(caller: &mut Caller, operation: Operation) -> io::Result<String> {
    let body = |usage: &str| {
        let spec = operation.spec();
        format!(r#"{{"KeySpec":"{spec}","KeyUsage":"{usage}"}}"#)
    };
    let body = match operation {
        Operation::Encrypt
        | Operation::Decrypt
        | Operation::GenerateDataKey
        | Operation::GenerateDataKeyPair => "{}".to_owned(),
        Operation::Sign(signing) | Operation::Verify(signing) => signing_key(signing.spec()),
        Operation::GenerateMac => body("GENERATE_VERIFY_MAC"),
        Operation::DeriveSharedSecret => body("KEY_AGREEMENT"),
        Operation::Encapsulate => body("ENCAPSULATE_DECAPSULATE"),
    };
    let created = caller.call(&target("CreateKey"), &body).await?;
    member(&created, &["KeyMetadata", "KeyId"])
}

/// Different messages of this many bytes, in base64.
fn messages(bytes: usize) -> impl Iterator<Item = String> {
    let message = move |first| base64_simd::STANDARD.encode_to_string(vec![first; bytes]);
    (0..=u8::MAX).take(limits::CIPHERTEXTS).map(message)
}

fn encrypt(key: &str) -> Vec<String> {
    let body = |plaintext| format!(r#"{{"KeyId":"{key}","Plaintext":"{plaintext}",{CONTEXT}}}"#);
    messages(limits::PLAINTEXT_BYTES).map(body).collect()
}

fn sign(key: &str, signing: Signing) -> Vec<String> {
    let algorithm = signing.algorithm();
    let body = |message| {
        format!(r#"{{"KeyId":"{key}","Message":"{message}","SigningAlgorithm":"{algorithm}"}}"#)
    };
    messages(limits::MESSAGE_BYTES).map(body).collect()
}

async fn verify(caller: &mut Caller, key: &str, signing: Signing) -> io::Result<Vec<String>> {
    let signed = sign(key, signing);
    let signatures = answers(caller, "Sign", signed.clone(), "Signature").await?;
    let body = |(signed, signature): (&String, &String)| {
        let open = signed.trim_end_matches('}');
        format!(r#"{open},"Signature":"{signature}"}}"#)
    };
    Ok(signed.iter().zip(&signatures).map(body).collect())
}

/// Each body names a fresh public key of another party.
fn derive(key: &str) -> io::Result<Vec<String>> {
    let refused = |_| io::Error::other("the library makes no key");
    let body = || {
        let peer = PrivateKey::generate(&ECDH_P256).map_err(refused)?;
        let public = peer.compute_public_key().map_err(refused)?;
        let der: PublicKeyX509Der<'_> = public.as_der().map_err(refused)?;
        let public = base64_simd::STANDARD.encode_to_string(der.as_ref());
        Ok(format!(
            r#"{{"KeyId":"{key}","KeyAgreementAlgorithm":"ECDH","PublicKey":"{public}"}}"#
        ))
    };
    (0..limits::CIPHERTEXTS).map(|_| body()).collect()
}

/// Calls an operation with each body and keeps one member of each answer.
async fn answers(
    caller: &mut Caller,
    name: &str,
    bodies: Vec<String>,
    wanted: &str,
) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for body in bodies {
        let answer = caller.call(&target(name), &body).await?;
        found.push(member(&answer, &[wanted])?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn bodies_differ_and_are_json() {
        for mut bodies in [encrypt("k"), sign("k", Signing::P256), derive("k").unwrap()] {
            for body in &bodies {
                let value: Value = serde_json::from_str(body).unwrap();
                assert_eq!(value["KeyId"], "k");
            }
            bodies.dedup();
            assert_eq!(bodies.len(), limits::CIPHERTEXTS);
        }
        let value: Value = serde_json::from_str(&encrypt("k")[0]).unwrap();
        assert_eq!(value["EncryptionContext"]["tenant"], "bench");
    }
}
