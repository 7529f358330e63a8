//! The last use of a key: exact, immediate, of successes only, and still there after a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keystead_engine::{Destruction, run_due};
use keystead_store::memory::MemoryBackend;
use keystead_store::{
    Backend, Batch, BoxFuture, Change, Expect, GetResult, Meta, Range, Revision, ScanPage,
    StoreError,
};
use keystead_types::{Clock, FaultKind, RequestId};
use serde_json::{Value, json};

use crate::support::{OWN, World, account, base64, key_id, moment, root, user};

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
        assert_eq!(moment(&used["Timestamp"]), Clock::now(&*world.clock));
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

/// A new process over the same data that reads the log again, as far as the store tells it to.
async fn restart_with_log(world: &mut World) -> Option<u64> {
    world.restart();
    let log = world.log.clone();
    let head = move || log.records().len() as u64;
    let after = world.site.follow_uses(head).await.unwrap();
    let skipped = after.map_or(usize::MAX, |seq| usize::try_from(seq).unwrap());
    for event in world.audit().into_iter().skip(skipped) {
        let (Some(request_id), None) = (event["requestID"].as_str(), event.get("errorCode")) else {
            continue;
        };
        let id = |text: &str| RequestId::parse(text).unwrap();
        let event_id = id(event["eventID"].as_str().unwrap());
        // The clock of these tests moves in whole days.
        let at = Clock::now(&*world.clock);
        for resource in event["resources"].as_array().into_iter().flatten() {
            let name = (account(OWN), key_id(resource["ARN"].as_str().unwrap()));
            let operation = event["eventName"].as_str().unwrap();
            world
                .site
                .note_use(name, operation, (at, event_id, id(request_id)));
        }
    }
    after
}

async fn mark(world: &World) -> Option<u64> {
    let stored = world.records.meta(Meta::UsageMark).await.unwrap();
    stored.map(|one| u64::from_be_bytes(one.value.try_into().unwrap()))
}

#[tokio::test]
async fn a_crash_loses_nothing_that_the_log_has() {
    let mut world = World::new();
    let keys = [world.key().await, world.key().await];
    assert_eq!(restart_with_log(&mut world).await, Some(0));
    let mut marks = Vec::new();
    for round in 0..4 {
        for (at, key) in keys.iter().enumerate() {
            world.encrypt(key, "x").await;
            let used = usage(&world, key).await;
            assert_eq!(used["Operation"], "Encrypt");
            if (round + at) % 3 > 0 {
                tend(&world).await;
            }
            marks.push(mark(&world).await.unwrap_or_default());
            let after = restart_with_log(&mut world).await.unwrap();
            assert!(after <= world.log.records().len() as u64);
            assert_eq!(usage(&world, key).await, used);
            // Two looks, so that the mark moves.
            tend(&world).await;
            world.encrypt(key, "y").await;
            tend(&world).await;
        }
    }
    assert!(marks.is_sorted(), "{marks:?}");
    assert!(marks.last() > Some(&10), "{marks:?}");
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_followed_from_where_it_is() {
    let world = World::new();
    let put = |value: u64| {
        vec![Change::PutMeta {
            item: Meta::UsageMark,
            value: value.to_be_bytes().to_vec(),
            expect: Expect::Anything,
        }]
    };
    for (stored, head, after, left) in [(7, 7, None, 7), (7, 9, Some(7), 7), (7, 5, None, 5)] {
        let mut world = world.clone();
        world.restart();
        world.records.apply(put(stored)).await.unwrap();
        assert_eq!(world.site.follow_uses(move || head).await.unwrap(), after);
        assert_eq!(mark(&world).await, Some(left));
    }
}

/// A store whose commits fail while it is told so.
struct Failing {
    inner: MemoryBackend,
    fails: AtomicBool,
}

impl Backend for Failing {
    fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult> {
        self.inner.get(keys)
    }

    fn scan(
        &self,
        range: Range,
        limit: usize,
        keys_only: bool,
    ) -> BoxFuture<'_, Result<ScanPage, StoreError>> {
        self.inner.scan(range, limit, keys_only)
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, StoreError>> {
        if self.fails.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::Failed("no space".into())) });
        }
        self.inner.commit(batch)
    }
}

#[tokio::test]
async fn what_could_not_be_stored_is_stored_later() {
    let backend = Arc::new(Failing {
        inner: MemoryBackend::new(),
        fails: AtomicBool::new(false),
    });
    let mut world = World::over(backend.clone());
    let key = world.key().await;
    restart_with_log(&mut world).await;
    tend(&world).await;
    world.encrypt(&key, "x").await;
    let used = usage(&world, &key).await;
    backend.fails.store(true, Ordering::SeqCst);
    let before = mark(&world).await;
    for _ in 0..3 {
        // Other work of the clockwork may fail too.
        drop(run_due(&world.site, Destruction::Allowed).await);
    }
    assert_eq!(mark(&world).await, before);
    assert_eq!(usage(&world, &key).await, used);
    backend.fails.store(false, Ordering::SeqCst);
    tend(&world).await;
    world.restart();
    assert_eq!(usage(&world, &key).await, used);
}
