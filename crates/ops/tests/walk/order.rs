//! Which error wins when several apply: validation, not found, access denied, usage, algorithm,
//! state. Source: recorded answers where there are any; docs/divergences.md.

use keystead_types::{FaultKind, KeySpec, KeyState, KeyUsage};
use serde_json::{Value, json};

use crate::support::{OWN, World, base64, user};

/// What is wrong with a request; each of them is added to those before it.
const WRONGS: [FaultKind; 6] = [
    FaultKind::KMSInvalidState,
    FaultKind::InvalidKeyUsage,
    FaultKind::InvalidKeyUsage,
    FaultKind::AccessDenied,
    FaultKind::NotFound,
    FaultKind::Validation,
];

fn broken(operation: &str, key: &str, level: usize) -> Value {
    let absent = "12345678-1234-1234-1234-123456789012";
    let key = if level >= 4 { absent } else { key };
    let mut body = match operation {
        "Encrypt" => json!({"KeyId": key, "Plaintext": base64(b"x")}),
        _ => json!({"KeyId": key, "NumberOfBytes": 32}),
    };
    if level >= 5 {
        match operation {
            "Encrypt" => body["Plaintext"] = json!(""),
            _ => body["NumberOfBytes"] = json!(0),
        }
    }
    body
}

#[tokio::test]
async fn the_earlier_check_wins() {
    for operation in [
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
    ] {
        let mut world = World::new();
        let key = world.key().await;
        for (level, expected) in WRONGS.into_iter().enumerate() {
            world
                .edit(&key, |record| {
                    record.state = KeyState::Creating;
                    if level == 1 {
                        record.spec = KeySpec::Rsa2048;
                    }
                    if level >= 2 {
                        record.spec = KeySpec::Rsa2048;
                        record.usage = KeyUsage::SignVerify;
                    }
                })
                .await;
            let who = if level >= 3 {
                user(OWN, "alice")
            } else {
                crate::support::root(OWN)
            };
            let answer = world
                .call_as(who, operation, broken(operation, &key, level))
                .await;
            assert_eq!(
                answer.kind(),
                expected,
                "{operation} {level}: {}",
                answer.text()
            );
            match level {
                1 => assert!(
                    answer
                        .text()
                        .contains("Algorithm SYMMETRIC_DEFAULT is incompatible")
                ),
                2 => assert!(answer.text().contains("key usage is SIGN_VERIFY")),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn of_two_keys_the_source_comes_first() {
    let mut world = World::new();
    let (source, destination) = (world.key().await, world.key().await);
    let blob = world.encrypt(&source, "x").await;
    let sent = json!({"CiphertextBlob": blob, "DestinationKeyId": destination});
    world
        .edit(&destination, |key| key.state = KeyState::Disabled)
        .await;
    let text = format!("DisabledException: {destination} is disabled.");
    assert_eq!(world.call("ReEncrypt", sent.clone()).await.text(), text);
    world
        .edit(&source, |key| key.state = KeyState::Disabled)
        .await;
    let text = format!("DisabledException: {source} is disabled.");
    assert_eq!(world.call("ReEncrypt", sent.clone()).await.text(), text);
    // A wrong usage of the destination wins over the state of the source.
    world
        .edit(&destination, |key| key.usage = KeyUsage::SignVerify)
        .await;
    let answer = world.call("ReEncrypt", sent.clone()).await;
    assert_eq!(answer.kind(), FaultKind::InvalidKeyUsage);
    // A destination that is not there wins over the usage of the source.
    world
        .edit(&source, |key| key.usage = KeyUsage::SignVerify)
        .await;
    let absent = "12345678-1234-1234-1234-123456789012";
    let sent = json!({"CiphertextBlob": sent["CiphertextBlob"], "DestinationKeyId": absent});
    assert_eq!(
        world.call("ReEncrypt", sent).await.kind(),
        FaultKind::NotFound
    );
}

#[tokio::test]
async fn usage_mismatch_names_key_usage_and_operation() {
    let mut world = World::new();
    let key = world.key().await;
    let blob = world.encrypt(&key, "x").await;
    let rows = [
        ("Encrypt", json!({"KeyId": key, "Plaintext": base64(b"x")})),
        ("Decrypt", json!({"CiphertextBlob": blob})),
        ("Decrypt", json!({"CiphertextBlob": blob, "KeyId": key})),
        (
            "Decrypt",
            json!({"CiphertextBlob": base64(b"garbage"), "KeyId": key}),
        ),
        (
            "ReEncrypt",
            json!({"CiphertextBlob": blob, "DestinationKeyId": key}),
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_128"}),
        ),
        (
            "GenerateDataKeyWithoutPlaintext",
            json!({"KeyId": key, "KeySpec": "AES_128"}),
        ),
    ];
    for (usage, name) in [
        (KeyUsage::SignVerify, "SIGN_VERIFY"),
        (KeyUsage::GenerateVerifyMac, "GENERATE_VERIFY_MAC"),
    ] {
        world.edit(&key, |record| record.usage = usage).await;
        for (operation, body) in &rows {
            let text = format!(
                "InvalidKeyUsageException: {key} key usage is {name} which is not valid for \
                 {operation}."
            );
            assert_eq!(world.call(operation, body.clone()).await.text(), text);
        }
    }
}

#[tokio::test]
async fn state_wins_over_a_bad_ciphertext() {
    let world = World::new();
    let key = world.key().await;
    world.call("DisableKey", json!({"KeyId": key})).await.ok();
    for operation in ["Decrypt", "ReEncrypt"] {
        let sent = json!({
            "CiphertextBlob": base64(b"garbage"),
            "KeyId": key, "SourceKeyId": key, "DestinationKeyId": key,
        });
        assert_eq!(
            world.call(operation, sent).await.kind(),
            FaultKind::Disabled
        );
    }
}

#[tokio::test]
async fn a_limit_above_the_operations_own_is_found_before_the_key() {
    let world = World::new();
    let absent = "12345678-1234-1234-1234-123456789012";
    let sent = json!({"KeyId": absent, "Limit": 51});
    let answer = world.call("ListResourceTags", sent).await;
    assert_eq!(answer.kind(), FaultKind::Validation);
    let sent = json!({"Limit": 101});
    assert_eq!(
        world.call("ListAliases", sent).await.kind(),
        FaultKind::Validation
    );
}
