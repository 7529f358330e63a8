//! Multi-Region keys: replicas, their use across Regions, rotation, handover and deletion, killed
//! at every step and in every order.

use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::atlas::{Atlas, Dawdling, PLACES};
use crate::support::{Answer, Seeded, World, key_id};

async fn state(world: &World, key: &str) -> String {
    let shown = world.describe(key).await;
    shown["KeyState"].as_str().unwrap().to_owned()
}

async fn rotate(world: &World, key: &str) -> Answer {
    world.call("RotateKeyOnDemand", json!({"KeyId": key})).await
}

async fn move_to(world: &World, key: &str, place: &str) -> Answer {
    let sent = json!({"KeyId": key, "PrimaryRegion": place});
    world.call("UpdatePrimaryRegion", sent).await
}

async fn replicate(world: &World, key: &str, place: &str) -> Answer {
    let sent = json!({"KeyId": key, "ReplicaRegion": place});
    world.call("ReplicateKey", sent).await
}

#[tokio::test]
async fn a_replica_opens_what_its_primary_key_sealed_and_the_other_way_round() {
    let atlas = Atlas::new();
    let [home, away, _] = &atlas.worlds[..] else {
        panic!()
    };
    let arn = home.key_with(json!({"MultiRegion": true})).await;
    let before = home.encrypt(&arn, "before").await;
    let answer = replicate(home, &arn, PLACES[1]).await.ok();
    let made = &answer["ReplicaKeyMetadata"];
    let there = arn.replace(PLACES[0], PLACES[1]);
    assert_eq!(made["Arn"], there);
    assert_eq!(made["KeyState"], "Creating");
    assert_eq!(made["Enabled"], false);
    assert!(made.get("CurrentKeyMaterialId").is_none());
    assert!(answer["ReplicaPolicy"].as_str().unwrap().contains("root"));
    assert_eq!(answer["ReplicaTags"], json!([]));
    let set = &made["MultiRegionConfiguration"];
    assert_eq!(set["MultiRegionKeyType"], "REPLICA");
    assert_eq!(set["PrimaryKey"], json!({"Arn": arn, "Region": PLACES[0]}));
    assert_eq!(
        set["ReplicaKeys"],
        json!([{"Arn": there, "Region": PLACES[1]}])
    );
    assert_eq!(state(away, &there).await, "Enabled");
    let id = key_id(&arn);
    atlas.check_rest(id).await;
    let after = away.encrypt(&there, "after").await;
    atlas.opens_everywhere(id, &before, "before").await;
    atlas.opens_everywhere(id, &after, "after").await;
    let materials = [home.describe(&arn).await, away.describe(&there).await];
    let [one, other] = materials.map(|shown| shown["CurrentKeyMaterialId"].clone());
    assert_eq!(one, other);
}

#[tokio::test]
async fn keys_of_one_region_and_moved_material_are_useless_elsewhere() {
    let atlas = Atlas::new();
    let [home, away, _] = &atlas.worlds[..] else {
        panic!()
    };
    let local = home.key().await;
    let blob = home.encrypt(&local, "x").await;
    assert!(
        away.decrypt(&blob)
            .await
            .unwrap_err()
            .starts_with("AccessDenied")
    );
    assert_eq!(
        replicate(home, &local, PLACES[1]).await.text(),
        format!("UnsupportedOperationException: {local} is not a multi-region primary key.")
    );
    // The stored material of one Region does not open in another.
    let (arn, id) = atlas.set(1).await;
    let members = atlas.members(id).await;
    let stolen = members[0].1.materials[0].wrapped.clone().unwrap();
    assert_ne!(Some(&stolen), members[1].1.materials[0].wrapped.as_ref());
    let blob = home.encrypt(&arn, "y").await;
    let stored = away.stored(&arn).await.unwrap();
    let mut record = stored.value;
    record.materials[0].wrapped = Some(stolen);
    let change = keystead_store::Change::PutKey {
        record,
        previous: Some(stored.modified),
    };
    away.records.apply(vec![change]).await.unwrap();
    let mut atlas = atlas;
    atlas.restart();
    assert!(atlas.worlds[1].decrypt(&blob).await.is_err());
    assert_eq!(atlas.worlds[0].decrypt(&blob).await.unwrap(), "y");
}

#[tokio::test]
async fn refusals_of_replicate() {
    let atlas = Atlas::new();
    let (arn, _) = atlas.set(1).await;
    let home = &atlas.worlds[0];
    for place in [PLACES[0], PLACES[1]] {
        assert_eq!(
            replicate(home, &arn, place).await.kind(),
            FaultKind::AlreadyExists
        );
    }
    let there = arn.replace(PLACES[0], PLACES[1]);
    assert_eq!(
        replicate(&atlas.worlds[1], &there, PLACES[2]).await.text(),
        format!("UnsupportedOperationException: {there} is not a multi-region primary key.")
    );
    for place in ["cn-north-1", "eu-north-1"] {
        assert_eq!(
            replicate(home, &arn, place).await.kind(),
            FaultKind::Validation
        );
    }
    // Also while it waits for its deletion, until it is gone; then again with the same id.
    let sent = json!({"KeyId": there, "PendingWindowInDays": 7});
    atlas.worlds[1].call("ScheduleKeyDeletion", sent).await.ok();
    assert_eq!(
        replicate(home, &arn, PLACES[1]).await.kind(),
        FaultKind::AlreadyExists
    );
    atlas.clock.forward_days(8);
    atlas.settle().await;
    replicate(home, &arn, PLACES[1]).await.ok();
    atlas.check_rest(key_id(&arn)).await;
    home.call("DisableKey", json!({"KeyId": arn})).await.ok();
    assert_eq!(
        replicate(home, &arn, PLACES[2]).await.kind(),
        FaultKind::Disabled
    );
}

#[tokio::test]
async fn a_rotation_is_everywhere_before_it_is_used() {
    let atlas = Atlas::new();
    let (arn, id) = atlas.set(2).await;
    let home = &atlas.worlds[0];
    let old = home.encrypt(&arn, "old").await;
    rotate(home, &arn).await.ok();
    let members = atlas.check_rest(id).await;
    assert!(members.iter().all(|(_, one)| one.materials.len() == 2));
    for world in &atlas.worlds {
        let fresh = world.encrypt(id.as_str(), "new").await;
        atlas.opens_everywhere(id, &fresh, "new").await;
    }
    atlas.opens_everywhere(id, &old, "old").await;
    for operation in [
        "EnableKeyRotation",
        "DisableKeyRotation",
        "RotateKeyOnDemand",
    ] {
        let there = arn.replace(PLACES[0], PLACES[1]);
        let refused = atlas.worlds[1]
            .call(operation, json!({"KeyId": there}))
            .await;
        assert_eq!(
            refused.text(),
            format!("UnsupportedOperationException: {there} is not a multi-region primary key.")
        );
    }
    let sent = json!({"KeyId": arn, "RotationPeriodInDays": 90});
    home.call("EnableKeyRotation", sent).await.ok();
    let shown = atlas.worlds[2]
        .call("GetKeyRotationStatus", json!({"KeyId": id.as_str()}))
        .await
        .ok();
    assert_eq!(shown["RotationPeriodInDays"], 90);
    // By itself: at the primary key only, and once.
    atlas.clock.forward_days(91);
    let due = atlas.tick().await;
    assert_eq!(due.rotated, 1);
    atlas.settle().await;
    let members = atlas.check_rest(id).await;
    assert!(members.iter().all(|(_, one)| one.materials.len() == 3));
}

#[tokio::test]
async fn the_primary_role_moves_and_the_set_goes_on() {
    let atlas = Atlas::new();
    let (arn, id) = atlas.set(2).await;
    let blob = atlas.worlds[0].encrypt(&arn, "x").await;
    for (from, to) in [(0, 1), (1, 2), (2, 1), (1, 0)] {
        let moved = move_to(&atlas.worlds[from], id.as_str(), PLACES[to]).await;
        moved.ok();
        let members = atlas.check_rest(id).await;
        assert_eq!(members.len(), 3);
        rotate(&atlas.worlds[to], id.as_str()).await.ok();
        let refused = rotate(&atlas.worlds[from], id.as_str()).await;
        assert_eq!(refused.kind(), FaultKind::UnsupportedOperation);
        atlas.check_rest(id).await;
    }
    atlas.opens_everywhere(id, &blob, "x").await;
    let refused = move_to(&atlas.worlds[0], &arn, "eu-north-1").await;
    assert_eq!(refused.kind(), FaultKind::NotFound);
    let refused = move_to(&atlas.worlds[1], id.as_str(), PLACES[0]).await;
    assert_eq!(refused.kind(), FaultKind::UnsupportedOperation);
    let sent = json!({"KeyId": id.as_str()});
    atlas.worlds[1].call("DisableKey", sent).await.ok();
    assert_eq!(
        move_to(&atlas.worlds[0], &arn, PLACES[1]).await.kind(),
        FaultKind::Disabled
    );
}

#[tokio::test]
async fn a_primary_key_goes_after_its_replicas() {
    let atlas = Atlas::new();
    let (arn, id) = atlas.set(2).await;
    let [home, one, two] = &atlas.worlds[..] else {
        panic!()
    };
    let sent = json!({"KeyId": arn, "PendingWindowInDays": 9});
    let answer = home.call("ScheduleKeyDeletion", sent).await.ok();
    assert_eq!(
        answer,
        json!({"KeyId": arn, "KeyState": "PendingReplicaDeletion", "PendingWindowInDays": 9})
    );
    let shown = home.describe(&arn).await;
    assert_eq!(shown["PendingDeletionWindowInDays"], 9);
    assert!(shown.get("DeletionDate").is_none());
    let refused = rotate(home, &arn).await.text();
    assert!(
        refused.ends_with("is pending replica deletion."),
        "{refused}"
    );
    // The replicas work on.
    let blob = one.encrypt(id.as_str(), "x").await;
    assert_eq!(two.decrypt(&blob).await.unwrap(), "x");
    atlas.clock.forward_days(30);
    assert_eq!(atlas.tick().await.destroyed, 0);
    for (world, days) in [(one, 7), (two, 14)] {
        let sent = json!({"KeyId": id.as_str(), "PendingWindowInDays": days});
        world.call("ScheduleKeyDeletion", sent).await.ok();
    }
    atlas.clock.forward_days(8);
    atlas.settle().await;
    assert_eq!(atlas.check_rest(id).await.len(), 2);
    assert_eq!(state(home, &arn).await, "PendingReplicaDeletion");
    atlas.clock.forward_days(7);
    atlas.settle().await;
    assert_eq!(atlas.check_rest(id).await.len(), 1);
    let shown = home.describe(&arn).await;
    assert_eq!(shown["KeyState"], "PendingDeletion");
    assert!(shown["DeletionDate"].is_number());
    atlas.clock.forward_days(8);
    atlas.settle().await;
    assert_eq!(atlas.members(id).await.len(), 1);
    atlas.clock.forward_days(2);
    atlas.settle().await;
    assert!(atlas.members(id).await.is_empty());
}

/// What is begun, and in which process it is killed.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Replicate,
    Rotate,
    Period,
    Move,
    DeleteReplica,
    RotateByItself,
}

async fn begin(atlas: &Atlas, arn: &str, deed: Deed) {
    let home = &atlas.worlds[0];
    match deed {
        Deed::Replicate => drop(replicate(home, arn, PLACES[2]).await),
        Deed::Rotate => drop(rotate(home, arn).await),
        Deed::Period => {
            let sent = json!({"KeyId": arn, "RotationPeriodInDays": 100});
            home.call("EnableKeyRotation", sent).await.ok();
        }
        Deed::Move => drop(move_to(home, arn, PLACES[1]).await),
        Deed::DeleteReplica | Deed::RotateByItself => drop(atlas.tick().await),
    }
}

/// Prepares a set, kills the deed after so many commits, and lets a new process go on. True if the
/// deed was over before.
async fn killed(deed: Deed, commits: i64) -> bool {
    let mut atlas = Atlas::new();
    let replicas = if matches!(deed, Deed::Replicate) {
        1
    } else {
        2
    };
    let (arn, id) = atlas.set(replicas).await;
    let blob = atlas.worlds[1].encrypt(id.as_str(), "x").await;
    match deed {
        Deed::DeleteReplica => {
            let sent = json!({"KeyId": id.as_str(), "PendingWindowInDays": 7});
            atlas.worlds[2].call("ScheduleKeyDeletion", sent).await.ok();
            atlas.clock.forward_days(8);
        }
        Deed::RotateByItself => {
            let sent = json!({"KeyId": arn, "RotationPeriodInDays": 90});
            atlas.worlds[0].call("EnableKeyRotation", sent).await.ok();
            atlas.clock.forward_days(91);
        }
        _ => {}
    }
    let done = atlas.killed_after(commits, begin(&atlas, &arn, deed)).await;
    atlas.restart();
    // In between, everything works.
    assert_eq!(atlas.worlds[0].decrypt(&blob).await.unwrap(), "x");
    let fresh = atlas.worlds[0].encrypt(&arn, "y").await;
    assert_eq!(atlas.worlds[1].decrypt(&fresh).await.unwrap(), "y");
    for _ in 0..8 {
        // Past the time in which an unnamed replica may still be named.
        atlas.settle().await;
    }
    let members = atlas.check_rest(id).await;
    for (blob, text) in [(&blob, "x"), (&fresh, "y")] {
        atlas.opens_everywhere(id, blob, text).await;
    }
    assert!(members.len() >= 2, "{deed:?} after {commits}");
    // The set can still do everything.
    let leader = members.iter().find(|(_, one)| {
        let set = one.multi_region.as_ref().unwrap();
        set.role == keystead_engine::MultiRegionRole::Primary
    });
    rotate(&atlas.worlds[leader.unwrap().0], id.as_str())
        .await
        .ok();
    atlas.check_rest(id).await;
    done.is_some()
}

async fn killed_everywhere(deed: Deed) {
    for commits in 1..40 {
        if killed(deed, commits).await {
            assert!(commits > 2, "{deed:?} has more than two steps");
            return;
        }
    }
    panic!("{deed:?} never ends");
}

macro_rules! killed_at_every_step {
    ($($name:ident = $deed:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            killed_everywhere($deed).await;
        }
    )*};
}

killed_at_every_step! {
    a_killed_replication_is_finished_or_undone = Deed::Replicate;
    a_killed_rotation_is_finished = Deed::Rotate;
    a_killed_change_of_the_period_is_finished = Deed::Period;
    a_killed_handover_is_finished = Deed::Move;
    a_killed_deletion_is_finished = Deed::DeleteReplica;
    a_killed_automatic_rotation_is_finished = Deed::RotateByItself;
}

/// What was not everywhere yet when its process was killed moves along with the primary role.
#[tokio::test]
async fn a_handover_takes_along_what_was_not_everywhere_yet() {
    for deed in [Deed::Period, Deed::Rotate] {
        for commits in 1..5 {
            let mut atlas = Atlas::new();
            let (arn, id) = atlas.set(2).await;
            let old = atlas.worlds[2].encrypt(id.as_str(), "old").await;
            atlas.killed_after(commits, begin(&atlas, &arn, deed)).await;
            atlas.restart();
            move_to(&atlas.worlds[0], &arn, PLACES[1]).await.ok();
            atlas.settle().await;
            let members = atlas.check_rest(id).await;
            let (_, leader) = &members[1];
            match deed {
                Deed::Period => assert_eq!(leader.rotation.unwrap().period_days, 100),
                _ => assert_eq!((leader.materials.len(), leader.on_demand_rotations), (2, 1)),
            }
            let fresh = atlas.worlds[1].encrypt(id.as_str(), "new").await;
            atlas.opens_everywhere(id, &fresh, "new").await;
            atlas.opens_everywhere(id, &old, "old").await;
        }
    }
}

#[tokio::test]
async fn what_a_set_shares_rests_while_the_role_moves() {
    let mut atlas = Atlas::new();
    let (arn, id) = atlas.set(2).await;
    let deed = begin(&atlas, &arn, Deed::Move);
    atlas.killed_after(1, deed).await;
    atlas.restart();
    let home = &atlas.worlds[0];
    assert_eq!(state(home, &arn).await, "Updating");
    let updating = format!("KMSInvalidStateException: {arn} is updating.");
    for (operation, sent) in [
        ("EnableKeyRotation", json!({"KeyId": arn})),
        ("DisableKeyRotation", json!({"KeyId": arn})),
        ("RotateKeyOnDemand", json!({"KeyId": arn})),
        ("DisableKey", json!({"KeyId": arn})),
        ("ScheduleKeyDeletion", json!({"KeyId": arn})),
        (
            "ReplicateKey",
            json!({"KeyId": arn, "ReplicaRegion": PLACES[2]}),
        ),
        (
            "UpdatePrimaryRegion",
            json!({"KeyId": arn, "PrimaryRegion": PLACES[2]}),
        ),
    ] {
        assert_eq!(
            home.call(operation, sent).await.text(),
            updating,
            "{operation}"
        );
    }
    let blob = home.encrypt(&arn, "x").await;
    atlas.settle().await;
    atlas.check_rest(id).await;
    atlas.opens_everywhere(id, &blob, "x").await;
    rotate(&atlas.worlds[1], id.as_str()).await.ok();
}

/// One of many tasks that use a set at the same time, all over the world.
async fn busy(atlas: &Atlas, id: &str, task: u64, salt: u64) -> Vec<(String, String)> {
    let dice = Seeded::new(salt * 100 + task);
    let mut blobs = Vec::new();
    for step in 0..6 {
        let at = usize::try_from(dice.next() % 3).unwrap();
        let world = &atlas.worlds[at];
        let text = format!("{task}-{step}");
        let sent = json!({"KeyId": id, "Plaintext": crate::support::base64(text.as_bytes())});
        let sealed = world.call("Encrypt", sent).await.outcome;
        if let Ok(Value::Object(answer)) = sealed {
            let blob = answer["CiphertextBlob"].as_str().unwrap().to_owned();
            blobs.push((blob, text.clone()));
        }
        // Any of them may be refused; none may do harm.
        match dice.next() % 12 {
            0 | 1 => drop(rotate(world, id).await),
            2 => drop(move_to(world, id, PLACES[(at + 1) % 3]).await),
            3 => drop(replicate(world, id, PLACES[2]).await),
            4 => {
                let sent = json!({"KeyId": id, "Description": text});
                drop(world.call("UpdateKeyDescription", sent).await);
            }
            5 => {
                let held = keystead_engine::Destruction::Held;
                drop(keystead_engine::run_due(&world.site, held).await);
            }
            _ => {
                let days = 90 + dice.next() % 1000;
                let sent = json!({"KeyId": id, "RotationPeriodInDays": days});
                drop(world.call("EnableKeyRotation", sent).await);
            }
        }
    }
    blobs
}

#[tokio::test]
async fn whatever_happens_at_the_same_time_the_set_comes_to_rest() {
    for salt in 0..150 {
        let mut seed = salt;
        let atlas = Atlas::over(|| {
            seed += 1000;
            Dawdling::new(seed)
        });
        let (_, id) = atlas.set(1).await;
        let name = id.as_str();
        let (a, b, c, d) = tokio::join!(
            busy(&atlas, name, 0, salt),
            busy(&atlas, name, 1, salt),
            busy(&atlas, name, 2, salt),
            busy(&atlas, name, 3, salt),
        );
        for _ in 0..8 {
            atlas.settle().await;
        }
        atlas.check_rest(id).await;
        for (blob, text) in [a, b, c, d].iter().flatten() {
            atlas.opens_everywhere(id, blob, text).await;
        }
    }
}
