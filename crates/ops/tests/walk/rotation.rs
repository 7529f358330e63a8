//! Rotation: new material encrypts, all earlier material opens.

use keystead_engine::run_due;
use keystead_types::{FaultKind, Timestamp};
use serde_json::{Value, json};

use crate::support::{DAY_MILLIS, START, World, moment};

async fn material(world: &World, key: &str) -> String {
    let shown = world.describe(key).await;
    shown["CurrentKeyMaterialId"].as_str().unwrap().to_owned()
}

async fn rotations(world: &World, key: &str, all: bool) -> Vec<Value> {
    let include = if all {
        "ALL_KEY_MATERIAL"
    } else {
        "ROTATIONS_ONLY"
    };
    let sent = json!({"KeyId": key, "IncludeKeyMaterial": include});
    let answer = world.call("ListKeyRotations", sent).await.ok();
    answer["Rotations"].as_array().unwrap().clone()
}

#[tokio::test]
async fn on_demand_makes_new_material_and_keeps_the_old() {
    let world = World::new();
    let key = world.key().await;
    let first = material(&world, &key).await;
    let blob = world.encrypt(&key, "before").await;
    let answer = world
        .call("RotateKeyOnDemand", json!({"KeyId": key}))
        .await
        .ok();
    assert_eq!(answer["KeyId"], key);
    let second = material(&world, &key).await;
    assert_ne!(first, second);
    let old = world
        .call("Decrypt", json!({"CiphertextBlob": blob}))
        .await
        .ok();
    assert_eq!(old["KeyMaterialId"], first);
    let fresh = world.encrypt(&key, "after").await;
    let fresh = world
        .call("Decrypt", json!({"CiphertextBlob": fresh}))
        .await
        .ok();
    assert_eq!(fresh["KeyMaterialId"], second);
    let listed = rotations(&world, &key, true).await;
    let shown: Vec<_> = listed
        .iter()
        .map(|one| {
            (
                one["KeyMaterialId"].as_str().unwrap(),
                one["KeyMaterialState"].clone(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (first.as_str(), json!("NON_CURRENT")),
            (second.as_str(), json!("CURRENT"))
        ]
    );
    assert!(listed[0].get("RotationDate").is_none() && listed[0].get("RotationType").is_none());
    let only = rotations(&world, &key, false).await;
    assert_eq!(only.len(), 1);
    assert_eq!(only[0]["RotationType"], "ON_DEMAND");
}

#[tokio::test]
async fn a_ciphertext_stops_opening_when_its_material_is_gone() {
    let mut world = World::new();
    let key = world.key().await;
    let blob = world.encrypt(&key, "x").await;
    world
        .call("RotateKeyOnDemand", json!({"KeyId": key}))
        .await
        .ok();
    world
        .edit(&key, |record| drop(record.materials.remove(0)))
        .await;
    assert_eq!(
        world.decrypt(&blob).await.unwrap_err(),
        "InvalidCiphertextException"
    );
    let fresh = world.encrypt(&key, "y").await;
    assert_eq!(world.decrypt(&fresh).await.unwrap(), "y");
}

#[tokio::test]
async fn twenty_five_on_demand_rotations_and_no_more() {
    let world = World::new();
    let key = world.key().await;
    let mut blobs = Vec::new();
    for number in 0..25 {
        blobs.push((
            world.encrypt(&key, &number.to_string()).await,
            number.to_string(),
        ));
        world
            .call("RotateKeyOnDemand", json!({"KeyId": key}))
            .await
            .ok();
    }
    let before = world.stored(&key).await;
    let answer = world.call("RotateKeyOnDemand", json!({"KeyId": key})).await;
    let text = format!(
        "LimitExceededException: The on-demand rotations limit has been reached for the given \
         keyId. No more on-demand rotations can be performed for this key: {key}"
    );
    assert_eq!(answer.text(), text);
    assert_eq!(world.stored(&key).await, before);
    for (blob, text) in blobs {
        assert_eq!(world.decrypt(&blob).await.unwrap(), text);
    }
    assert_eq!(rotations(&world, &key, false).await.len(), 25);
}

#[tokio::test]
async fn on_demand_conflicts_with_an_automatic_rotation_within_twenty_minutes() {
    let world = World::new();
    let key = world.key().await;
    let sent = json!({"KeyId": key, "RotationPeriodInDays": 90});
    world.call("EnableKeyRotation", sent).await.ok();
    let due = START.plus_days(90);
    let rotate = || world.call("RotateKeyOnDemand", json!({"KeyId": key}));
    world.clock.set(due.plus_millis(-20 * 60 * 1000 - 1));
    rotate().await.ok();
    for early in [-20 * 60 * 1000, -1, 0, 1000] {
        world.clock.set(due.plus_millis(early));
        assert_eq!(rotate().await.kind(), FaultKind::Conflict, "{early}");
    }
    assert_eq!(
        run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .unwrap()
            .rotated,
        1
    );
    rotate().await.ok();
}

#[tokio::test]
async fn on_demand_does_not_move_the_schedule() {
    let world = World::new();
    let key = world.key().await;
    world
        .call("EnableKeyRotation", json!({"KeyId": key}))
        .await
        .ok();
    let status = || world.call("GetKeyRotationStatus", json!({"KeyId": key}));
    let before = status().await.ok();
    assert_eq!(before["KeyRotationEnabled"], true);
    assert_eq!(before["RotationPeriodInDays"], 365);
    assert_eq!(moment(&before["NextRotationDate"]), START.plus_days(365));
    world.clock.forward_days(100);
    world
        .call("RotateKeyOnDemand", json!({"KeyId": key}))
        .await
        .ok();
    assert_eq!(status().await.ok(), before);
    world
        .call("DisableKeyRotation", json!({"KeyId": key}))
        .await
        .ok();
    let after = status().await.ok();
    assert_eq!(after, json!({"KeyId": key, "KeyRotationEnabled": false}));
}

#[tokio::test]
async fn ten_years_of_rotation_lose_no_ciphertext() {
    let world = World::new();
    let periods = [90, 365, 2560];
    let mut keys = Vec::new();
    for period in periods {
        let key = world.key().await;
        let sent = json!({"KeyId": key, "RotationPeriodInDays": period});
        world.call("EnableKeyRotation", sent).await.ok();
        keys.push(key);
    }
    let mut blobs = Vec::new();
    let mut rotated = 0;
    for day in (0..3650_i64).step_by(10) {
        world.clock.set(START.plus_millis(day * DAY_MILLIS));
        let done = run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .unwrap();
        assert!(!done.more && done.destroyed == 0);
        rotated += done.rotated;
        for key in &keys {
            blobs.push((world.encrypt(key, &day.to_string()).await, day.to_string()));
        }
    }
    // Looked at every ten days, so that each period is up to ten days longer.
    let counts = [rotations(&world, &keys[0], false).await.len(), 9, 1];
    assert_eq!(counts[0], 40);
    for (key, count) in keys.iter().zip(counts) {
        let listed = rotations(&world, key, false).await;
        assert_eq!(listed.len(), count);
        assert!(listed.iter().all(|one| one["RotationType"] == "AUTOMATIC"));
    }
    assert_eq!(rotated, counts.iter().sum::<usize>());
    for (blob, text) in &blobs {
        assert_eq!(world.decrypt(blob).await.as_deref(), Ok(text.as_str()));
    }
    let events = world.audit();
    let events = events.iter().filter(|one| one["eventName"] == "RotateKey");
    assert_eq!(events.count(), rotated);
}

#[tokio::test]
async fn a_rotation_is_never_early() {
    let world = World::new();
    let key = world.key().await;
    world
        .call("EnableKeyRotation", json!({"KeyId": key}))
        .await
        .ok();
    let due = START.plus_days(365);
    world.clock.set(due.plus_millis(-1));
    assert_eq!(
        run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .unwrap()
            .rotated,
        0
    );
    world.clock.set(due);
    assert_eq!(
        run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .unwrap()
            .rotated,
        1
    );
    assert_eq!(
        run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .unwrap()
            .rotated,
        0
    );
}

#[tokio::test]
async fn a_missed_rotation_is_made_up_for_when_the_key_is_enabled_again() {
    for by_deletion in [false, true] {
        let world = World::new();
        let key = world.key().await;
        world
            .call("EnableKeyRotation", json!({"KeyId": key}))
            .await
            .ok();
        let first = material(&world, &key).await;
        let blob = world.encrypt(&key, "x").await;
        world.clock.forward_days(360);
        let named = || json!({"KeyId": key});
        if by_deletion {
            world.call("ScheduleKeyDeletion", named()).await.ok();
            let status = world.call("GetKeyRotationStatus", named()).await.ok();
            assert_eq!(status["KeyRotationEnabled"], false);
        } else {
            world.call("DisableKey", named()).await.ok();
        }
        world.clock.forward_days(20);
        assert_eq!(
            run_due(&world.site, keystead_engine::Destruction::Allowed)
                .await
                .unwrap()
                .rotated,
            0
        );
        if by_deletion {
            world.call("CancelKeyDeletion", named()).await.ok();
            assert_eq!(
                run_due(&world.site, keystead_engine::Destruction::Allowed)
                    .await
                    .unwrap()
                    .rotated,
                0
            );
        }
        let status = world.call("GetKeyRotationStatus", named()).await.ok();
        assert_eq!(status["KeyRotationEnabled"], true);
        assert_eq!(material(&world, &key).await, first);
        world.call("EnableKey", named()).await.ok();
        assert_eq!(
            run_due(&world.site, keystead_engine::Destruction::Allowed)
                .await
                .unwrap()
                .rotated,
            1
        );
        assert_ne!(material(&world, &key).await, first);
        assert_eq!(world.decrypt(&blob).await.unwrap(), "x");
    }
}

#[tokio::test]
async fn a_rotation_event_names_both_materials_and_its_use_of_the_hsm() {
    let world = World::new();
    let key = world.key().await;
    world
        .call("EnableKeyRotation", json!({"KeyId": key}))
        .await
        .ok();
    let first = material(&world, &key).await;
    world.clock.forward_days(365);
    run_due(&world.site, keystead_engine::Destruction::Allowed)
        .await
        .unwrap();
    let record = world.log.records().pop().unwrap();
    let json: Value = serde_json::from_slice(&record.json).unwrap();
    assert_eq!(json["eventName"], "RotateKey");
    assert_eq!(json["eventType"], "AwsServiceEvent");
    assert_eq!(json["resources"][0]["ARN"], key);
    let details = &json["serviceEventDetails"];
    assert_eq!(details["previousKeyMaterialId"], first);
    assert_eq!(
        details["currentKeyMaterialId"],
        material(&world, &key).await
    );
    assert_eq!(record.receipts.len(), 1);
}

#[tokio::test]
async fn one_key_that_cannot_rotate_does_not_hold_up_the_others() {
    use keystead_types::KeySpec;
    let mut world = World::new();
    let (broken, key, leaving) = (world.key().await, world.key().await, world.key().await);
    for (key, days) in [(&broken, 90), (&key, 91)] {
        let sent = json!({"KeyId": key, "RotationPeriodInDays": days});
        world.call("EnableKeyRotation", sent).await.ok();
    }
    world.clock.forward_days(85);
    world
        .call("ScheduleKeyDeletion", json!({"KeyId": leaving}))
        .await
        .ok();
    // The HSM refuses to make material of this spec for encryption.
    world
        .edit(&broken, |record| record.spec = KeySpec::Hmac256)
        .await;
    world.clock.forward_days(31);
    let first = material(&world, &key).await;
    let failed = run_due(&world.site, keystead_engine::Destruction::Allowed).await;
    assert!(failed.is_err());
    assert_ne!(material(&world, &key).await, first);
    assert!(world.stored(&leaving).await.is_none());
    assert_eq!(
        world.stored(&broken).await.unwrap().value.materials.len(),
        1
    );
}

#[tokio::test]
async fn a_period_outside_its_bounds_is_refused() {
    let world = World::new();
    let key = world.key().await;
    for (days, good) in [(89, false), (90, true), (2560, true), (2561, false)] {
        let sent = json!({"KeyId": key, "RotationPeriodInDays": days});
        let answer = world.call("EnableKeyRotation", sent).await;
        assert_eq!(answer.outcome.is_ok(), good, "{days}: {}", answer.text());
    }
    let stored = world.stored(&key).await.unwrap().value.rotation.unwrap();
    assert_eq!(
        stored.next,
        Timestamp::from_millis(START.as_millis() + 2560 * DAY_MILLIS)
    );
}
