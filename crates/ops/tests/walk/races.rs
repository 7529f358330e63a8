//! Requests at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keystead_engine::run_due;
use keystead_types::FaultKind;
use serde_json::json;

use crate::support::store::{Interleaved, Queued};
use crate::support::{START, Shared, World, base64};

#[tokio::test]
async fn tags_set_at_the_same_time_are_all_there() {
    for seed in 0..20 {
        let world = World::over(Interleaved::new(seed));
        let key = world.key().await;
        let tasks = (0..12).map(|number| {
            let (world, key) = (world.clone(), key.clone());
            tokio::spawn(async move {
                let tag = json!([{"TagKey": format!("t{number}"), "TagValue": "v"}]);
                let sent = json!({"KeyId": key, "Tags": tag});
                world.call("TagResource", sent).await.ok();
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let stored = world.stored(&key).await.unwrap().value;
        assert_eq!(stored.tags.len(), 12, "seed {seed}");
        let records = world.audit();
        let tagged = records
            .iter()
            .filter(|one| one["eventName"] == "TagResource");
        assert_eq!(
            tagged.count(),
            12,
            "seed {seed}: one record for each request"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tags_set_by_many_threads_are_all_there() {
    let world = World::new();
    let key = world.key().await;
    let lost: Shared<String> = Shared::default();
    let tasks = (0..40).map(|number| {
        let (world, key, lost) = (world.clone(), key.clone(), lost.clone());
        tokio::spawn(async move {
            let tag = json!([{"TagKey": format!("t{number}"), "TagValue": "v"}]);
            let sent = json!({"KeyId": key, "Tags": tag});
            let answer = world.call("TagResource", sent).await;
            match &answer.outcome {
                Ok(_) => {}
                // Too many conflicts: the client is told to try again, and nothing happened.
                Err((FaultKind::KMSInternal, _)) => {
                    lost.lock().unwrap().push(format!("t{number}"));
                }
                Err(_) => panic!("{}", answer.text()),
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let stored = world.stored(&key).await.unwrap().value;
    let lost = lost.lock().unwrap().clone();
    assert_eq!(stored.tags.len() + lost.len(), 40);
    assert!(stored.tags.iter().all(|(tag, _)| !lost.contains(tag)));
}

/// Encrypts, decrypts and describes without a pause while the key is switched, and looks at every
/// answer that began after DisableKey had returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_disabled_key_is_not_used_from_a_cache() {
    let world = World::new();
    let key = world.key().await;
    let other = world.key().await;
    let blob = world.encrypt(&key, "x").await;
    let disabled = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let attempts = Arc::new(AtomicUsize::new(0));
    let tasks = (0..4).map(|number| {
        let (world, key, blob) = (world.clone(), key.clone(), blob.clone());
        let (disabled, stop, attempts) = (disabled.clone(), stop.clone(), attempts.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                // Odd: disabled since then.
                let before = disabled.load(Ordering::SeqCst);
                let answer = if number % 2 == 0 {
                    let sent = json!({"KeyId": key, "Plaintext": base64(b"x")});
                    world.call("Encrypt", sent).await
                } else {
                    world.call("Decrypt", json!({"CiphertextBlob": blob})).await
                };
                let after = disabled.load(Ordering::SeqCst);
                if before == after && before % 2 == 1 {
                    assert_eq!(answer.kind(), FaultKind::Disabled);
                    attempts.fetch_add(1, Ordering::SeqCst);
                }
                tokio::task::yield_now().await;
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for _ in 0..2500 {
        world.call("DisableKey", json!({"KeyId": key})).await.ok();
        disabled.fetch_add(1, Ordering::SeqCst);
        for _ in 0..4 {
            let sent = json!({"KeyId": key, "Plaintext": base64(b"x")});
            let answer = world.call("Encrypt", sent).await;
            assert_eq!(answer.kind(), FaultKind::Disabled);
            attempts.fetch_add(1, Ordering::SeqCst);
        }
        disabled.fetch_add(1, Ordering::SeqCst);
        world.call("EnableKey", json!({"KeyId": key})).await.ok();
        let sent = json!({"KeyId": other, "Plaintext": base64(b"x")});
        world.call("Encrypt", sent).await.ok();
    }
    stop.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    assert!(attempts.load(Ordering::SeqCst) >= 10_000);
}

#[tokio::test]
async fn a_disabled_key_is_not_used_from_a_cache_in_any_interleaving() {
    for seed in 0..300 {
        let world = World::over(Interleaved::new(seed));
        let key = world.key().await;
        let disabled = Arc::new(AtomicBool::new(false));
        let tasks = (0..4).map(|_| {
            let (world, key, disabled) = (world.clone(), key.clone(), disabled.clone());
            tokio::spawn(async move {
                for _ in 0..6 {
                    let before = disabled.load(Ordering::SeqCst);
                    let sent = json!({"KeyId": key, "Plaintext": base64(b"x")});
                    let answer = world.call("Encrypt", sent).await;
                    if before {
                        assert_eq!(answer.kind(), FaultKind::Disabled);
                    }
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        tokio::task::yield_now().await;
        world.call("DisableKey", json!({"KeyId": key})).await.ok();
        disabled.store(true, Ordering::SeqCst);
        for task in tasks {
            task.await.unwrap();
        }
        let sent = json!({"KeyId": key, "Plaintext": base64(b"x")});
        assert_eq!(
            world.call("Encrypt", sent).await.kind(),
            FaultKind::Disabled,
            "seed {seed}"
        );
    }
}

/// The client hangs up while DisableKey commits; the store commits it later all the same. Nobody
/// may keep using what was read in between.
#[tokio::test]
async fn a_commit_that_outlives_its_request_is_not_hidden_by_the_cache() {
    let backend = Arc::new(Queued::default());
    let world = World::over(backend.clone());
    let key = world.key().await;
    let sent = json!({"AliasName": "alias/a", "TargetKeyId": key});
    world.call("CreateAlias", sent).await.ok();
    let next = world.key().await;
    let encrypt = |key: &str| {
        let sent = json!({"KeyId": key, "Plaintext": base64(b"x")});
        let world = world.clone();
        async move { world.call("Encrypt", sent).await }
    };
    encrypt("alias/a").await.ok();
    for (operation, sent) in [
        (
            "UpdateAlias",
            json!({"AliasName": "alias/a", "TargetKeyId": next}),
        ),
        ("DisableKey", json!({"KeyId": key})),
    ] {
        backend.hold();
        let mut call = Box::pin(world.call(operation, sent));
        let polled = futures_poll(&mut call).await;
        assert!(polled.is_none(), "the commit waits");
        drop(call);
        // Read again while the commit is on its way: still the old state.
        assert_eq!(encrypt("alias/a").await.ok()["KeyId"], key);
        encrypt(&key).await.ok();
        assert_eq!(backend.release().await, 1);
        match operation {
            "DisableKey" => assert_eq!(encrypt(&key).await.kind(), FaultKind::Disabled),
            _ => {
                assert_eq!(encrypt("alias/a").await.ok()["KeyId"], next);
                let back = json!({"AliasName": "alias/a", "TargetKeyId": key});
                world.call("UpdateAlias", back).await.ok();
            }
        }
    }
    let records = world.audit();
    let abandoned = records.iter().filter(|one| one["errorCode"] == "ABANDONED");
    assert_eq!(abandoned.count(), 2);
}

/// Polls once.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        let polled = std::pin::Pin::new(&mut *future).poll(context);
        std::task::Poll::Ready(match polled {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

/// In every interleaving either the cancellation or the deletion wins, and the loser says so.
#[tokio::test]
async fn cancelling_races_with_the_deletion_job() {
    let (mut cancelled, mut destroyed) = (0, 0);
    for seed in 0..200 {
        let world = World::over(Interleaved::new(seed));
        let key = world.key().await;
        let sent = json!({"KeyId": key, "PendingWindowInDays": 7});
        world.call("ScheduleKeyDeletion", sent).await.ok();
        world.clock.forward_days(7);
        let job = {
            let world = world.clone();
            tokio::spawn(async move {
                run_due(&world.site, keystead_engine::Destruction::Allowed)
                    .await
                    .unwrap()
            })
        };
        for _ in 0..seed % 41 {
            tokio::task::yield_now().await;
        }
        let answer = world.call("CancelKeyDeletion", json!({"KeyId": key})).await;
        let done = job.await.unwrap();
        let deleted = world
            .audit()
            .iter()
            .filter(|one| one["eventName"] == "DeleteKey")
            .count();
        assert_eq!(deleted, done.destroyed, "seed {seed}");
        match &answer.outcome {
            Ok(_) => {
                cancelled += 1;
                assert_eq!(done.destroyed, 0, "seed {seed}");
                assert_eq!(
                    world.describe(&key).await["KeyState"],
                    "Disabled",
                    "seed {seed}"
                );
            }
            Err(_) => {
                destroyed += 1;
                assert_eq!(answer.kind(), FaultKind::NotFound, "seed {seed}");
                assert_eq!(done.destroyed, 1, "seed {seed}");
                assert!(world.stored(&key).await.is_none(), "seed {seed}");
            }
        }
    }
    assert!(
        cancelled > 0 && destroyed > 0,
        "{cancelled} and {destroyed}"
    );
}

#[tokio::test]
async fn a_rotation_races_with_changes_of_the_same_key_and_nothing_is_lost() {
    for seed in 0..100 {
        let world = World::over(Interleaved::new(seed));
        let key = world.key().await;
        world
            .call("EnableKeyRotation", json!({"KeyId": key}))
            .await
            .ok();
        let blob = world.encrypt(&key, "x").await;
        world.clock.forward_days(365);
        let job = {
            let world = world.clone();
            tokio::spawn(async move {
                run_due(&world.site, keystead_engine::Destruction::Allowed)
                    .await
                    .unwrap()
            })
        };
        let tag = json!({"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]});
        world.call("TagResource", tag).await.ok();
        job.await.unwrap();
        run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .unwrap();
        let stored = world.stored(&key).await.unwrap().value;
        assert_eq!(
            (stored.tags.len(), stored.materials.len()),
            (1, 2),
            "seed {seed}"
        );
        assert_eq!(world.decrypt(&blob).await.unwrap(), "x");
        let fresh = world.encrypt(&key, "y").await;
        assert_eq!(world.decrypt(&fresh).await.unwrap(), "y");
        // Also the material that lost the race was made by the HSM.
        let noted: usize = world
            .log
            .records()
            .iter()
            .map(|one| one.receipts.len())
            .sum();
        assert_eq!(noted, world.hsm.receipts().len(), "seed {seed}");
    }
}

#[tokio::test]
async fn an_alias_never_points_to_a_key_that_is_gone() {
    for seed in 0..100 {
        let world = World::over(Interleaved::new(seed));
        let (leaving, staying) = (world.key().await, world.key().await);
        let made = json!({"AliasName": "alias/a", "TargetKeyId": staying});
        world.call("CreateAlias", made).await.ok();
        let moved = json!({"AliasName": "alias/a", "TargetKeyId": leaving});
        let sent = json!({"KeyId": leaving, "PendingWindowInDays": 7});
        let mover = {
            let world = world.clone();
            tokio::spawn(async move { world.call("UpdateAlias", moved).await })
        };
        world.call("ScheduleKeyDeletion", sent).await.ok();
        world.clock.forward_days(7);
        run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .unwrap();
        mover.await.unwrap();
        while world.stored(&leaving).await.is_some() {
            run_due(&world.site, keystead_engine::Destruction::Allowed)
                .await
                .unwrap();
        }
        let found = world.call("DescribeKey", json!({"KeyId": "alias/a"})).await;
        match &found.outcome {
            Ok(body) => assert_eq!(body["KeyMetadata"]["Arn"], staying, "seed {seed}"),
            Err((kind, message)) => {
                assert_eq!(*kind, FaultKind::NotFound);
                let message = message.clone().unwrap_or_default();
                assert!(
                    message.contains("alias/a is not found"),
                    "seed {seed}: {message}"
                );
            }
        }
    }
}

/// The job has listed the key; then it is saved and scheduled anew before its turn comes.
#[tokio::test]
async fn a_key_scheduled_anew_while_the_job_is_at_work_waits_its_whole_period() {
    let mut saved = 0;
    for seed in 0..40 {
        let world = World::over(Interleaved::new(seed));
        for _ in 0..12 {
            let sent = json!({"KeyId": world.key().await, "PendingWindowInDays": 7});
            world.call("ScheduleKeyDeletion", sent).await.ok();
        }
        world.clock.set(START.plus_millis(1));
        let key = world.key().await;
        let sent = || json!({"KeyId": key, "PendingWindowInDays": 7});
        world.call("ScheduleKeyDeletion", sent()).await.ok();
        world.clock.forward_days(7);
        let job = {
            let world = world.clone();
            tokio::spawn(async move {
                run_due(&world.site, keystead_engine::Destruction::Allowed)
                    .await
                    .unwrap()
            })
        };
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let cancelled = world.call("CancelKeyDeletion", sent()).await;
        if cancelled.outcome.is_ok() {
            world.call("ScheduleKeyDeletion", sent()).await.ok();
            saved += 1;
        }
        let done = job.await.unwrap();
        let left = world.stored(&key).await;
        assert_eq!(left.is_some(), cancelled.outcome.is_ok(), "seed {seed}");
        assert_eq!(
            done.destroyed,
            if left.is_some() { 12 } else { 13 },
            "seed {seed}"
        );
    }
    assert!(saved > 0);
}

/// Two nodes over one store: what one remembers is outdated by the other, and no change is lost.
#[tokio::test]
async fn a_change_decided_on_an_outdated_memory_is_decided_anew() {
    let one = World::new();
    let mut other = one.clone();
    other.restart();
    let key = one.key().await;
    for number in 0..6 {
        let node = if number % 2 == 0 { &one } else { &other };
        let tag = json!([{"TagKey": format!("t{number}"), "TagValue": "v"}]);
        let sent = json!({"KeyId": key, "Tags": tag});
        node.call("TagResource", sent).await.ok();
        node.describe(&key).await;
    }
    assert_eq!(one.stored(&key).await.unwrap().value.tags.len(), 6);
    one.call("DisableKey", json!({"KeyId": key})).await.ok();
    let refused = other.call("RotateKeyOnDemand", json!({"KeyId": key})).await;
    assert_eq!(refused.kind(), FaultKind::Disabled);
    assert_eq!(one.stored(&key).await.unwrap().value.materials.len(), 1);
}
