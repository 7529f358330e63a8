//! The last use of a key: exact, immediate, of successes only, and still there after a restart.

use keystead_engine::{Destruction, run_due};
use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::{OWN, World, account, base64, key_id, root, user};

async fn usage(world: &World, key: &str) -> Value {
    let sent = json!({"KeyId": key});
    world.call("GetKeyLastUsage", sent).await.ok()["KeyLastUsage"].take()
}

async fn tend(world: &World) {
    run_due(&world.site, Destruction::Allowed).await.unwrap();
}

#[tokio::test]
async fn a_new_key_was_never_used() {
    let world = World::new();
    let key = world.key().await;
    let meta = world.describe(&key).await;
    let answer = world.call("GetKeyLastUsage", json!({"KeyId": key})).await;
    let expected = json!({
        "KeyId": meta["KeyId"],
        "KeyLastUsage": {},
        "KeyCreationDate": meta["CreationDate"],
        "TrackingStartDate": meta["CreationDate"],
    });
    assert_eq!(answer.ok(), expected);
}

#[tokio::test]
async fn each_success_is_told_with_its_record_at_once() {
    let world = World::new();
    let key = world.key().await;
    let blob = world.encrypt(&key, "x").await;
    let calls = [
        ("Encrypt", json!({"KeyId": key, "Plaintext": base64(b"x")})),
        ("Decrypt", json!({"CiphertextBlob": blob})),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256"}),
        ),
        (
            "GenerateDataKeyWithoutPlaintext",
            json!({"KeyId": key, "KeySpec": "AES_256"}),
        ),
    ];
    for (at, (operation, sent)) in calls.into_iter().enumerate() {
        world.clock.forward_days(i64::from(at % 2 == 1));
        let answer = world.call(operation, sent).await;
        let record = world.audit_of(answer.request_id);
        let used = usage(&world, &key).await;
        assert_eq!(used["Operation"], operation);
        assert_eq!(used["CloudTrailEventId"], record["eventID"]);
        assert_eq!(used["KmsRequestId"], answer.request_id.as_str());
        let now = keystead_types::Clock::now(&*world.clock).as_seconds();
        assert_eq!(used["Timestamp"].as_f64().map(|at| at as i64), Some(now));
        answer.ok();
    }
}

#[tokio::test]
async fn what_is_no_success_or_no_cryptography_is_not_told() {
    let world = World::new();
    let key = world.key().await;
    let blob = world.encrypt(&key, "x").await;
    let before = usage(&world, &key).await;
    assert_eq!(before["Operation"], "Encrypt");
    world.clock.forward_days(1);
    let dry = json!({"KeyId": key, "Plaintext": base64(b"x"), "DryRun": true});
    world.call("Encrypt", dry).await;
    let wrong = json!({"CiphertextBlob": blob, "EncryptionContext": {"a": "b"}});
    assert_eq!(
        world.call("Decrypt", wrong).await.kind(),
        FaultKind::InvalidCiphertext
    );
    let denied = json!({"KeyId": key, "Plaintext": base64(b"x")});
    let answer = world.call_as(user(OWN, "alice"), "Encrypt", denied).await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
    world.call("DescribeKey", json!({"KeyId": key})).await.ok();
    world.log.set_failing(true);
    let lost = json!({"KeyId": key, "Plaintext": base64(b"x")});
    let answer = world.call("Encrypt", lost).await;
    assert_eq!(answer.kind(), FaultKind::KMSInternal);
    world.log.set_failing(false);
    assert_eq!(usage(&world, &key).await, before);
}

#[tokio::test]
async fn re_encrypt_uses_both_keys() {
    let world = World::new();
    let (from, to, other) = (world.key().await, world.key().await, world.key().await);
    let blob = world.encrypt(&from, "x").await;
    let sent = json!({"CiphertextBlob": blob, "DestinationKeyId": to});
    let answer = world.call("ReEncrypt", sent).await;
    let source = usage(&world, &from).await;
    assert_eq!(source["Operation"], "ReEncrypt");
    assert_eq!(source["KmsRequestId"], answer.request_id.as_str());
    assert_eq!(source, usage(&world, &to).await);
    assert_eq!(usage(&world, &other).await, json!({}));
}

#[tokio::test]
async fn it_is_stored_by_the_clockwork_and_read_from_there() {
    let mut world = World::new();
    let key = world.key().await;
    world.encrypt(&key, "x").await;
    let name = (account(OWN), key_id(&key));
    assert_eq!(world.records.usage(name.0, name.1).await.unwrap(), None);
    let used = usage(&world, &key).await;
    tend(&world).await;
    let stored = world.records.usage(name.0, name.1).await.unwrap().unwrap();
    assert_eq!(stored.event_id.as_str(), used["CloudTrailEventId"]);
    assert_eq!(usage(&world, &key).await, used);
    world.restart();
    assert_eq!(usage(&world, &key).await, used);
    world.encrypt(&key, "y").await;
    let later = usage(&world, &key).await;
    assert_ne!(later, used);
    tend(&world).await;
    world.restart();
    assert_eq!(usage(&world, &key).await, later);
}

#[tokio::test]
async fn a_removed_key_takes_it_along() {
    let world = World::new();
    let key = world.key().await;
    world.encrypt(&key, "x").await;
    tend(&world).await;
    let sent = json!({"KeyId": key, "PendingWindowInDays": 7});
    world.call("ScheduleKeyDeletion", sent).await.ok();
    assert_eq!(usage(&world, &key).await["Operation"], "Encrypt");
    world.clock.forward_days(7);
    tend(&world).await;
    let gone = world.call("GetKeyLastUsage", json!({"KeyId": key})).await;
    assert_eq!(
        gone.text(),
        format!("NotFoundException: Key '{key}' does not exist")
    );
    let name = (account(OWN), key_id(&key));
    assert_eq!(world.records.usage(name.0, name.1).await.unwrap(), None);
}

#[tokio::test]
async fn who_may_ask_and_how() {
    let world = World::new();
    let key = world.key().await;
    let named = json!({"KeyId": key});
    for stranger in [root("444455556666"), user(OWN, "alice")] {
        let answer = world
            .call_as(stranger, "GetKeyLastUsage", named.clone())
            .await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied);
    }
    let alias = world
        .call("GetKeyLastUsage", json!({"KeyId": "alias/a"}))
        .await;
    assert_eq!(
        alias.text(),
        "InvalidArnException: Key Aliases are not supported for this operation."
    );
    world.call("DisableKey", named.clone()).await.ok();
    world.call("GetKeyLastUsage", named).await.ok();
}
