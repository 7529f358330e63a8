//! The log, the store or the HSM fails: nothing leaves, nothing is half done.

use std::sync::Arc;

use keystead_store::memory::{Fault as StoreFault, MemoryBackend};
use keystead_types::FaultKind;
use keystead_wall::WallError;
use serde_json::{Value, json};

use crate::support::hsm::Mode;
use crate::support::{OWN, World, account, base64};

#[tokio::test]
async fn without_the_log_no_answer_leaves() {
    let world = World::new();
    let key = world.key().await;
    let blob = world.encrypt(&key, "secret").await;
    world.log.set_failing(true);
    let rows: [(&str, Value); 8] = [
        ("Decrypt", json!({"CiphertextBlob": blob})),
        ("Encrypt", json!({"KeyId": key, "Plaintext": base64(b"x")})),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256"}),
        ),
        ("GenerateRandom", json!({"NumberOfBytes": 32})),
        (
            "ReEncrypt",
            json!({"CiphertextBlob": blob, "DestinationKeyId": key}),
        ),
        ("DescribeKey", json!({"KeyId": key})),
        ("ListKeys", json!({})),
        // Refusals are answers too.
        ("DescribeKey", json!({"KeyId": "alias/none"})),
    ];
    for (operation, sent) in rows {
        let answer = world.call(operation, sent).await;
        assert_eq!(answer.kind(), FaultKind::KMSInternal, "{operation}");
    }
    world.log.set_failing(false);
    assert_eq!(world.decrypt(&blob).await.unwrap(), "secret");
}

/// The change and its record are one batch; the record waits in the outbox.
#[tokio::test]
async fn a_change_without_the_log_keeps_its_record_in_the_store() {
    let mut world = World::new();
    let key = world.key().await;
    world.log.set_failing(true);
    let answer = world.call("DisableKey", json!({"KeyId": key})).await;
    assert_eq!(answer.kind(), FaultKind::KMSInternal);
    world.log.set_failing(false);
    world.restart();
    assert_eq!(world.describe(&key).await["KeyState"], "Disabled");
    let (waiting, _) = world.records.outbox(10).await.unwrap();
    let records = waiting.iter().map(|one| {
        let record = keystead_audit::Record::from_outbox(&one.record).unwrap();
        serde_json::from_slice::<Value>(&record.json).unwrap()
    });
    let of_the_request = |one: &Value| one["requestID"] == answer.request_id.as_str();
    let records: Vec<_> = records.filter(of_the_request).collect();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["eventName"], "DisableKey");
    assert!(records[0].get("errorCode").is_none());
}

/// A power cut may take what was appended but not synced, so the outbox keeps it until the log says
/// that its disk has it, however long that takes.
#[tokio::test]
async fn the_outbox_forgets_only_what_the_log_has_synced() {
    let world = World::new();
    let key = world.key().await;
    let waiting = || async { world.records.outbox(10).await.unwrap().0.len() };
    world.log.hold_sync(true);
    let before = waiting().await;
    for number in 1..=5 {
        world.call("DisableKey", json!({"KeyId": key})).await.ok();
        // The record of the first change was synced before.
        assert_eq!(waiting().await, before + number - 1);
    }
    world.clock.forward_days(1);
    let run = || keystead_engine::run_due(&world.site, keystead_engine::Destruction::Held);
    run().await.unwrap();
    assert_eq!(waiting().await, 5);
    world.log.hold_sync(false);
    world.call("DisableKey", json!({"KeyId": key})).await.ok();
    assert_eq!(waiting().await, 1);
    run().await.unwrap();
    assert_eq!(waiting().await, 0);
}

/// More records than one batch of the store may hold.
#[tokio::test]
async fn a_burst_of_changes_does_not_stop_those_after_it() {
    let world = World::new();
    let key = world.key().await;
    let disable = || world.call("DisableKey", json!({"KeyId": key}));
    world.log.hold_sync(true);
    for _ in 0..5000 {
        disable().await.ok();
    }
    world.log.hold_sync(false);
    for _ in 0..100 {
        disable().await.ok();
        let (waiting, _) = world.records.outbox(10).await.unwrap();
        if waiting.len() == 1 {
            return;
        }
    }
    panic!("the outbox is not emptied");
}

/// A commit that failed: the caller hears of it, the log too, and after a restart the key is
/// either as before or changed with its record, never in between.
#[tokio::test]
async fn a_failed_commit_is_all_or_nothing_and_audited() {
    for (fault, applied) in [
        (StoreFault::BeforeApply, false),
        (StoreFault::AfterApply, true),
    ] {
        let backend = MemoryBackend::new();
        let mut world = World::over(Arc::new(backend.clone()));
        let key = world.key().await;
        world.call("DescribeKey", json!({"KeyId": key})).await.ok();
        backend.fail_commit(0, fault);
        let answer = world.call("DisableKey", json!({"KeyId": key})).await;
        assert_eq!(answer.kind(), FaultKind::KMSInternal);
        let record = world.audit_of(answer.request_id);
        assert_eq!(record["errorCode"], "KMSInternalException");
        assert_eq!(record["responseElements"], Value::Null);
        assert_eq!(record["resources"][0]["ARN"], key);
        // The cache must not answer for a store whose state nobody knows.
        let sent = json!({"KeyId": key, "Plaintext": base64(b"x")});
        let now = world.call("Encrypt", sent).await;
        assert_eq!(now.kind(), FaultKind::KMSInternal);
        world.restart_over(Arc::new(backend.reopen()));
        let state = if applied { "Disabled" } else { "Enabled" };
        assert_eq!(world.describe(&key).await["KeyState"], state);
        let (waiting, _) = world.records.outbox(10).await.unwrap();
        let told =
            waiting.iter().any(|one| {
                let record = keystead_audit::Record::from_outbox(&one.record).unwrap();
                // A replay must not be skipped as already written.
                assert!(
                    world.log.records().iter().all(|seen| {
                        seen.event_id != record.event_id || seen.json == record.json
                    })
                );
                let json: Value = serde_json::from_slice(&record.json).unwrap();
                json["requestID"] == answer.request_id.as_str() && json.get("errorCode").is_none()
            });
        assert_eq!(told, applied);
    }
}

#[tokio::test]
async fn a_failed_creation_leaves_no_key_or_a_whole_one() {
    for (fault, keys) in [(StoreFault::BeforeApply, 0), (StoreFault::AfterApply, 1)] {
        let backend = MemoryBackend::new();
        let mut world = World::over(Arc::new(backend.clone()));
        backend.fail_commit(0, fault);
        let answer = world.call("CreateKey", json!({})).await;
        assert_eq!(answer.kind(), FaultKind::KMSInternal);
        world.restart_over(Arc::new(backend.reopen()));
        let (ids, _) = world
            .records
            .keys_page(account(OWN), None, 10)
            .await
            .unwrap();
        assert_eq!(ids.len(), keys);
        for id in ids {
            let blob = world.encrypt(id.as_str(), "x").await;
            assert_eq!(world.decrypt(&blob).await.unwrap(), "x");
        }
    }
}

#[tokio::test]
async fn an_hsm_that_does_not_answer_is_retryable_and_audited() {
    let world = World::new();
    let key = world.key().await;
    let blob = world.encrypt(&key, "x").await;
    for (error, kind) in [
        (WallError::Down, FaultKind::KMSInternal),
        (WallError::TimedOut, FaultKind::KMSInternal),
        (WallError::Protocol, FaultKind::KMSInternal),
        (WallError::Overloaded, FaultKind::Throttling),
    ] {
        world.hsm.set(Mode::Fails(error));
        for (operation, sent) in [
            ("Decrypt", json!({"CiphertextBlob": blob})),
            ("CreateKey", json!({})),
            ("RotateKeyOnDemand", json!({"KeyId": key})),
            ("GenerateRandom", json!({"NumberOfBytes": 8})),
        ] {
            let answer = world.call(operation, sent).await;
            assert_eq!(answer.kind(), kind, "{operation} {error}");
            let record = world.audit_of(answer.request_id);
            assert_eq!(record["errorCode"], kind.code());
            assert!(!answer.text().contains("HSM"), "the cause is not public");
        }
    }
    world.hsm.set(Mode::Answers);
    assert_eq!(world.decrypt(&blob).await.unwrap(), "x");
    assert_eq!(world.stored(&key).await.unwrap().value.materials.len(), 1);
    let (ids, _) = world
        .records
        .keys_page(account(OWN), None, 10)
        .await
        .unwrap();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn wrapped_material_of_another_key_does_not_open() {
    let mut world = World::new();
    let (one, other) = (world.key().await, world.key().await);
    let blob = world.encrypt(&one, "x").await;
    let stolen = world.stored(&one).await.unwrap().value.materials[0].clone();
    world
        .edit(&other, |record| record.materials = vec![stolen.clone()])
        .await;
    let sent = json!({"KeyId": other, "Plaintext": base64(b"x")});
    assert_eq!(
        world.call("Encrypt", sent).await.kind(),
        FaultKind::KMSInternal
    );
    let sent = json!({"KeyId": other, "CiphertextBlob": blob});
    assert_eq!(
        world.call("Decrypt", sent).await.kind(),
        FaultKind::IncorrectKey
    );
}
