//! Keys that leave: never early, nothing left behind.

use std::sync::Arc;

use keystead_engine::run_due;
use keystead_store::memory::{Fault, MemoryBackend};
use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::{OWN, START, World, account, key_id, moment};

#[tokio::test]
async fn a_key_leaves_at_its_date_and_never_before() {
    for days in [7, 8, 29, 30] {
        let world = World::new();
        let (key, blob) = leaving(&world, days).await;
        let due = START.plus_days(days);
        for at in [START, due.plus_millis(-1)] {
            world.clock.set(at);
            assert_eq!(
                run_due(&world.site, keystead_engine::Destruction::Allowed)
                    .await
                    .unwrap()
                    .destroyed,
                0
            );
            assert_eq!(world.describe(&key).await["KeyState"], "PendingDeletion");
        }
        world.clock.set(due);
        assert_eq!(
            run_due(&world.site, keystead_engine::Destruction::Allowed)
                .await
                .unwrap()
                .destroyed,
            1
        );
        assert!(world.stored(&key).await.is_none());
        let text = format!("NotFoundException: Key '{key}' does not exist");
        assert_eq!(
            world
                .call("DescribeKey", json!({"KeyId": key}))
                .await
                .text(),
            text
        );
        let refused = world.decrypt(&blob).await.unwrap_err();
        assert!(
            refused.contains("the resource does not exist in this Region"),
            "{refused}"
        );
        assert_eq!(
            run_due(&world.site, keystead_engine::Destruction::Allowed)
                .await
                .unwrap()
                .destroyed,
            0
        );
    }
}

/// A key with two aliases that will be deleted, and a ciphertext of it.
async fn leaving(world: &World, days: u32) -> (String, String) {
    let key = world.key().await;
    for name in ["alias/a", "alias/b"] {
        let sent = json!({"AliasName": name, "TargetKeyId": key});
        world.call("CreateAlias", sent).await.ok();
        world.describe(name).await;
    }
    let blob = world.encrypt(&key, "x").await;
    let sent = json!({"KeyId": key, "PendingWindowInDays": days});
    let answer = world.call("ScheduleKeyDeletion", sent).await.ok();
    assert_eq!(answer["KeyState"], "PendingDeletion");
    assert_eq!(answer["PendingWindowInDays"], days);
    let date = moment(&answer["DeletionDate"]);
    assert_eq!(date, START.plus_days(days));
    (key, blob)
}

#[tokio::test]
async fn its_aliases_leave_with_it_and_can_be_given_again() {
    let world = World::new();
    let (key, blob) = leaving(&world, 7).await;
    world.clock.forward_days(7);
    run_due(&world.site, keystead_engine::Destruction::Allowed)
        .await
        .unwrap();
    let listed = world.call("ListAliases", json!({})).await.ok();
    assert_eq!(listed["Aliases"], json!([]));
    let text =
        format!("NotFoundException: Alias arn:aws:kms:eu-west-1:{OWN}:alias/a is not found.");
    assert_eq!(
        world
            .call("DescribeKey", json!({"KeyId": "alias/a"}))
            .await
            .text(),
        text
    );
    let answer = world
        .call("DeleteAlias", json!({"AliasName": "alias/b"}))
        .await;
    assert_eq!(answer.kind(), FaultKind::NotFound);
    let next = world.key().await;
    let sent = json!({"AliasName": "alias/a", "TargetKeyId": next});
    world.call("CreateAlias", sent).await.ok();
    assert_eq!(world.describe("alias/a").await["Arn"], next);
    assert!(world.decrypt(&blob).await.is_err());
    let (keys, _) = world
        .records
        .keys_page(account(OWN), None, 10)
        .await
        .unwrap();
    assert_eq!(keys, [key_id(&next)]);
    assert_ne!(key, next);
}

#[tokio::test]
async fn the_deletion_is_audited_as_a_service_event() {
    let world = World::new();
    let (key, _) = leaving(&world, 7).await;
    world.clock.forward_days(7);
    run_due(&world.site, keystead_engine::Destruction::Allowed)
        .await
        .unwrap();
    let events = world.audit();
    let deleted: Vec<_> = events
        .iter()
        .filter(|one| one["eventName"] == "DeleteKey")
        .collect();
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["eventType"], "AwsServiceEvent");
    assert_eq!(deleted[0]["resources"][0]["ARN"], key);
    assert_eq!(deleted[0]["recipientAccountId"], OWN);
    assert!(deleted[0].get("errorCode").is_none());
}

#[tokio::test]
async fn the_waiting_period_has_bounds() {
    let world = World::new();
    let key = world.key().await;
    for (days, word) in [
        (1, "greater than or equal to 7"),
        (6, "greater than or equal to 7"),
        (31, "less than or equal to 30"),
        (365, "less than or equal to 30"),
    ] {
        let sent = json!({"KeyId": key, "PendingWindowInDays": days});
        let answer = world.call("ScheduleKeyDeletion", sent).await;
        assert_eq!(answer.kind(), FaultKind::Validation);
        assert!(answer.text().contains(word), "{}", answer.text());
    }
    let answer = world
        .call("ScheduleKeyDeletion", json!({"KeyId": key}))
        .await
        .ok();
    assert_eq!(answer["PendingWindowInDays"], 30);
}

#[tokio::test]
async fn a_cancelled_deletion_never_happens() {
    let world = World::new();
    let (key, blob) = leaving(&world, 7).await;
    world
        .call("CancelKeyDeletion", json!({"KeyId": key}))
        .await
        .ok();
    world.clock.forward_days(400);
    assert_eq!(
        run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .unwrap()
            .destroyed,
        0
    );
    world.call("EnableKey", json!({"KeyId": key})).await.ok();
    assert_eq!(world.decrypt(&blob).await.unwrap(), "x");
    // A second waiting period begins anew.
    let sent = json!({"KeyId": key, "PendingWindowInDays": 7});
    world.call("ScheduleKeyDeletion", sent).await.ok();
    assert_eq!(
        run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .unwrap()
            .destroyed,
        0
    );
    world.clock.forward_days(7);
    assert_eq!(
        run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .unwrap()
            .destroyed,
        1
    );
}

#[tokio::test]
async fn more_keys_than_one_run_takes_all_leave() {
    let world = World::new();
    let mut keys = Vec::new();
    for _ in 0..150 {
        let key = world.key().await;
        world
            .call("ScheduleKeyDeletion", json!({"KeyId": key}))
            .await
            .ok();
        keys.push(key);
    }
    world.clock.forward_days(30);
    let mut destroyed = 0;
    for _ in 0..10 {
        let done = run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .unwrap();
        destroyed += done.destroyed;
        if !done.more {
            break;
        }
    }
    assert_eq!(destroyed, 150);
    let (left, _) = world
        .records
        .keys_page(account(OWN), None, 10)
        .await
        .unwrap();
    assert!(left.is_empty());
    let made = world.call("CreateKey", json!({})).await;
    assert!(made.outcome.is_ok());
}

#[tokio::test]
async fn while_the_clock_is_in_doubt_keys_rotate_and_none_is_destroyed() {
    use keystead_engine::Destruction;
    let world = World::new();
    let (leaving, turning) = (world.key().await, world.key().await);
    let sent = json!({"KeyId": leaving, "PendingWindowInDays": 7});
    world.call("ScheduleKeyDeletion", sent).await.ok();
    let sent = json!({"KeyId": turning, "RotationPeriodInDays": 90});
    world.call("EnableKeyRotation", sent).await.ok();
    world.clock.forward_days(90);
    let done = run_due(&world.site, Destruction::Held).await.unwrap();
    assert_eq!((done.destroyed, done.rotated), (0, 1));
    assert!(world.stored(&leaving).await.is_some());
    let done = run_due(&world.site, Destruction::Allowed).await.unwrap();
    assert_eq!((done.destroyed, done.rotated), (1, 0));
}

/// Grants that do not go with their key in one batch, and those that do.
const MANY_GRANTS: usize = 1100;

async fn granted(world: &World, key: &str) -> usize {
    let mut count = 0;
    let mut marker = Value::Null;
    loop {
        let mut sent = json!({"KeyId": key, "Limit": 100});
        if !marker.is_null() {
            sent["Marker"] = marker;
        }
        let page = world.call("ListGrants", sent).await.ok();
        count += page["Grants"].as_array().unwrap().len();
        marker = page["NextMarker"].clone();
        if marker.is_null() {
            return count;
        }
    }
}

/// Interrupted after each of its commits: either nothing has happened and the deletion can be
/// cancelled with all grants there, or the key is gone for everyone and the rest is cleared away.
#[tokio::test]
async fn a_destruction_is_all_or_nothing_also_with_many_grants() {
    let mut decided = [0, 0];
    for skip in 0..5 {
        let backend = MemoryBackend::new();
        let mut world = World::over(Arc::new(backend.clone()));
        let (key, blob) = leaving(&world, 7).await;
        world
            .call("CancelKeyDeletion", json!({"KeyId": key}))
            .await
            .ok();
        world.call("EnableKey", json!({"KeyId": key})).await.ok();
        for _ in 0..MANY_GRANTS {
            let root = format!("arn:aws:iam::{OWN}:root");
            let sent = json!({"KeyId": key, "GranteePrincipal": root, "Operations": ["Encrypt"]});
            world.call("CreateGrant", sent).await.ok();
        }
        let sent = json!({"KeyId": key, "PendingWindowInDays": 7});
        world.call("ScheduleKeyDeletion", sent).await.ok();
        // Empties the outbox, so that only the destruction commits.
        let held = keystead_engine::Destruction::Held;
        run_due(&world.site, held).await.unwrap();
        world.clock.forward_days(7);
        backend.fail_commit(skip, Fault::BeforeApply);
        let allowed = keystead_engine::Destruction::Allowed;
        let interrupted = run_due(&world.site, allowed).await.is_err();
        world.restart_over(Arc::new(backend.reopen()));
        let cancelled = world.call("CancelKeyDeletion", json!({"KeyId": key})).await;
        match cancelled.outcome {
            Ok(_) => {
                decided[0] += 1;
                assert!(interrupted);
                assert_eq!(granted(&world, &key).await, MANY_GRANTS, "{skip}");
                world.call("EnableKey", json!({"KeyId": key})).await.ok();
                assert_eq!(world.decrypt(&blob).await.unwrap(), "x");
                assert_eq!(run_due(&world.site, allowed).await.unwrap().destroyed, 0);
            }
            Err(_) => {
                decided[1] += 1;
                let text = format!("NotFoundException: Key '{key}' does not exist");
                assert_eq!(cancelled.text(), text);
                for operation in ["DescribeKey", "EnableKey", "ListGrants"] {
                    let answer = world.call(operation, json!({"KeyId": key})).await;
                    assert_eq!(answer.kind(), FaultKind::NotFound, "{operation}");
                }
                assert!(world.decrypt(&blob).await.is_err());
                let cleared = run_due(&world.site, allowed).await.unwrap();
                assert_eq!(cleared.destroyed, usize::from(interrupted));
                assert!(world.stored(&key).await.is_none());
                let deleted = world.audit().into_iter().filter(|event| {
                    event["eventName"] == "DeleteKey" && event.get("errorCode").is_none()
                });
                assert_eq!(deleted.count(), 1, "{skip}");
            }
        }
    }
    assert!(decided[0] >= 1 && decided[1] >= 3, "{decided:?}");
}
