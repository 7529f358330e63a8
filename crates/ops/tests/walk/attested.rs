//! Conditions on attestation documents: verified before the request is authorized, so that its
//! policies can ask what a document attests.

use keystead_attestation::TrustedRoots;
use keystead_attestation::fixture::{Chain, Document};
use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::{OWN, START, World, allow, base64, policy, unbase64, user};

/// The condition keys of this file.
pub(crate) const TESTED: [&str; 3] = [
    "kms:RecipientAttestation:ImageSha384",
    "kms:RecipientAttestation:PCR3",
    "kms:RecipientAttestation:NitroTPMPCR4",
];

fn recipient(document: &[u8]) -> Value {
    json!({"AttestationDocument": base64(document), "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"})
}

#[tokio::test]
async fn what_a_document_attests_decides() {
    let chain = Chain::new(START);
    let mut world = World::new();
    world.trust(
        TrustedRoots::none()
            .with_pem(chain.root_pem().as_bytes())
            .unwrap(),
    );
    let rsa = json!({"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"});
    let rsa = world.key_with(rsa).await;
    let public = world.call("GetPublicKey", json!({"KeyId": rsa})).await.ok();
    let enclave = Document {
        public_key: Some(unbase64(public["PublicKey"].as_str().unwrap())),
        ..Document::new(START)
    };
    let tpm = Document {
        module_id: "i-0123456789abcdef0-tpm0123456789abcdef".to_owned(),
        ..enclave.clone()
    };
    let pcr = |n: u8| format!("{:02x}", 0xa0 + n).repeat(48);
    let (enclave, tpm) = (enclave.sign(&chain), tpm.sign(&chain));
    let rows = [
        (TESTED[0], pcr(0), &enclave, true),
        (TESTED[0], pcr(1), &enclave, false),
        (TESTED[0], pcr(0), &tpm, false),
        (TESTED[1], pcr(3), &enclave, true),
        (TESTED[1], pcr(4), &enclave, false),
        (TESTED[1], pcr(3), &tpm, false),
        (TESTED[2], pcr(4), &tpm, true),
        (TESTED[2], pcr(3), &tpm, false),
        (TESTED[2], pcr(4), &enclave, false),
    ];
    let alice = format!("arn:aws:iam::{OWN}:user/alice");
    for (name, value, document, works) in rows {
        let mut statement = allow(&alice, &["kms:GenerateDataKey"]);
        statement["Condition"] = json!({"StringEqualsIgnoreCase": {name: value}});
        let key = world.key_under(policy(&[statement])).await;
        let sent = |recipient: Option<Value>| {
            let mut body = json!({"KeyId": key, "KeySpec": "AES_256"});
            if let Some(one) = recipient {
                body["Recipient"] = one;
            }
            body
        };
        let asked = sent(Some(recipient(document)));
        let answer = world
            .call_as(user(OWN, "alice"), "GenerateDataKey", asked)
            .await;
        assert_eq!(answer.outcome.is_ok(), works, "{name}: {}", answer.text());
        if works {
            let answer = answer.ok();
            assert!(answer["CiphertextForRecipient"].is_string());
            assert_eq!(answer["Plaintext"], Value::Null);
        }
        // Without a document, and with one that is not good, nothing is attested.
        let mut bad = document.to_vec();
        *bad.last_mut().unwrap() ^= 1;
        for body in [sent(None), sent(Some(recipient(&bad)))] {
            let answer = world
                .call_as(user(OWN, "alice"), "GenerateDataKey", body)
                .await;
            assert_eq!(answer.kind(), FaultKind::AccessDenied, "{name}");
        }
    }
}
