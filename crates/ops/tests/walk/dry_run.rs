//! DryRun: everything is checked, nothing is done, nothing is told.

use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::{OWN, World, base64, user};

const TEXT: &str = "DryRunOperationException: The request would have succeeded, but the DryRun \
                    option is set.";

fn rows(key: &str, blob: &str) -> Vec<(&'static str, Value)> {
    vec![
        (
            "Encrypt",
            json!({"KeyId": key, "Plaintext": base64(b"x"), "DryRun": true}),
        ),
        ("Decrypt", json!({"CiphertextBlob": blob, "DryRun": true})),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256", "DryRun": true}),
        ),
        (
            "GenerateDataKeyWithoutPlaintext",
            json!({"KeyId": key, "KeySpec": "AES_256", "DryRun": true}),
        ),
        (
            "ReEncrypt",
            json!({"CiphertextBlob": blob, "DestinationKeyId": key, "DryRun": true}),
        ),
    ]
}

#[tokio::test]
async fn success_is_told_and_nothing_else() {
    let world = World::new();
    let key = world.key().await;
    let blob = world.encrypt(&key, "x").await;
    let before = world.stored(&key).await;
    for (operation, mut sent) in rows(&key, &blob) {
        let answer = world.call(operation, sent.clone()).await;
        assert_eq!(answer.text(), TEXT, "{operation}");
        let record = world.audit_of(answer.request_id);
        assert_eq!(
            record["errorCode"], "DryRunOperationException",
            "{operation}"
        );
        assert_eq!(record["resources"][0]["ARN"], key, "{operation}");
        sent["DryRun"] = json!(false);
        world.call(operation, sent).await.ok();
    }
    assert_eq!(world.stored(&key).await, before);
}

#[tokio::test]
async fn what_would_have_failed_fails_the_same() {
    let world = World::new();
    let key = world.key().await;
    let blob = world.encrypt(&key, "x").await;
    for (operation, sent) in rows(&key, &blob) {
        let answer = world.call_as(user(OWN, "alice"), operation, sent).await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied, "{operation}");
    }
    world.call("DisableKey", json!({"KeyId": key})).await.ok();
    for (operation, sent) in rows(&key, &blob) {
        assert_eq!(
            world.call(operation, sent).await.kind(),
            FaultKind::Disabled,
            "{operation}"
        );
    }
}

#[tokio::test]
async fn the_ciphertext_may_be_left_out_only_in_a_dry_run_of_a_named_key() {
    let world = World::new();
    let key = world.key().await;
    let ignore = json!(["IGNORE_CIPHERTEXT"]);
    let rows = [
        (
            json!({"KeyId": key, "DryRun": true, "DryRunModifiers": ignore}),
            Some(TEXT),
        ),
        (
            json!({
                "KeyId": key, "DryRun": true, "DryRunModifiers": ignore,
                "CiphertextBlob": base64(b"garbage"),
            }),
            Some(TEXT),
        ),
        (json!({"DryRun": true, "DryRunModifiers": ignore}), None),
        (json!({"KeyId": key, "DryRunModifiers": ignore}), None),
        (
            json!({"KeyId": key, "DryRun": false, "DryRunModifiers": ignore}),
            None,
        ),
        (json!({"KeyId": key, "DryRun": true}), None),
        (json!({"KeyId": key}), None),
    ];
    let before = world.hsm.receipts().len();
    for (sent, text) in rows {
        for operation in ["Decrypt", "ReEncrypt"] {
            let mut sent = sent.clone();
            sent["DestinationKeyId"] = json!(key);
            if let Some(named) = sent.get("KeyId").cloned() {
                sent["SourceKeyId"] = named;
            }
            let answer = world.call(operation, sent.clone()).await;
            match text {
                Some(text) => assert_eq!(answer.text(), text, "{operation} {sent}"),
                None => assert_eq!(answer.kind(), FaultKind::Validation, "{operation} {sent}"),
            }
        }
    }
    assert_eq!(world.hsm.receipts().len(), before);
    let sent = json!({"KeyId": key, "DryRun": true, "DryRunModifiers": ignore});
    let answer = world.call_as(user(OWN, "alice"), "Decrypt", sent).await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
}
