//! A store that fails, and stored documents that are not understood.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keystead_identity::{
    AccessKey, Bearer, Directory, DirectoryError, Pace, load_root_credentials, store_access_key,
};
use keystead_sigv4::Credentials;
use keystead_store::memory::MemoryBackend;
use keystead_store::records::{AccountRecord, IdentityRecord, ProviderRecord, UserRecord};
use keystead_store::{
    Backend, Batch, BoxFuture, Change, GetResult, IdentityKind, IdentityPlace, Range, Records,
    Revision, ScanPage, StoreError, Write, layout,
};
use keystead_types::{Caller, Plaintext, Principal};
use support::*;

/// Loses answers of commits, and cannot be read, when told.
#[derive(Default)]
struct Shaky {
    inner: MemoryBackend,
    loses_answers: AtomicBool,
    loses_batches: AtomicBool,
    unreadable: AtomicBool,
}

fn failed<T>() -> Result<T, StoreError> {
    Err(StoreError::Failed("shaky".into()))
}

impl Backend for Shaky {
    fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult> {
        self.inner.get(keys)
    }

    fn scan(
        &self,
        range: Range,
        limit: usize,
        keys_only: bool,
    ) -> BoxFuture<'_, Result<ScanPage, StoreError>> {
        match self.unreadable.load(Ordering::SeqCst) {
            true => Box::pin(async { failed() }),
            false => self.inner.scan(range, limit, keys_only),
        }
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(async move {
            if self.loses_batches.load(Ordering::SeqCst) {
                return failed();
            }
            let done = self.inner.commit(batch).await;
            match self.loses_answers.load(Ordering::SeqCst) {
                true => failed(),
                false => done,
            }
        })
    }
}

fn there(directory: &Directory) -> bool {
    directory.world().account(account()).user("alice").is_some()
}

async fn change(directory: &Directory, present: bool) -> Result<(), DirectoryError> {
    let mut draft = directory.draft().await;
    match present {
        true => draft
            .put(IdentityRecord::User(user(directory, "alice")))
            .unwrap(),
        false => draft.remove(IdentityKind::User, account(), "alice"),
    }
    draft.commit(Vec::new()).await
}

#[tokio::test]
async fn what_is_in_the_store_counts_whatever_the_caller_was_told() {
    let shaky = Arc::new(Shaky::default());
    let mut rig = Rig::new();
    rig.records = Records::new(shaky.clone());
    let directory = rig.open().await;
    change(&directory, true).await.unwrap();

    // Removed, and the answer is lost: gone at once.
    shaky.loses_answers.store(true, Ordering::SeqCst);
    assert!(change(&directory, false).await.is_err());
    assert!(!there(&directory));
    // The same, and the store cannot be read either: seen as soon as it can be.
    shaky.unreadable.store(true, Ordering::SeqCst);
    assert!(directory.is_current());
    assert!(change(&directory, true).await.is_err());
    assert!(!there(&directory) && !directory.is_current());
    assert!(directory.refresh().await.is_err() && !directory.is_current());
    shaky.loses_answers.store(false, Ordering::SeqCst);
    let draft = directory.draft().await;
    assert!(matches!(
        draft.commit(Vec::new()).await,
        Err(DirectoryError::Store(_))
    ));
    shaky.unreadable.store(false, Ordering::SeqCst);
    directory.refresh().await.unwrap();
    assert!(there(&directory) && directory.is_current());
    // What did not happen does not count.
    shaky.loses_batches.store(true, Ordering::SeqCst);
    assert!(change(&directory, false).await.is_err());
    assert!(there(&directory));
    shaky.loses_batches.store(false, Ordering::SeqCst);
    change(&directory, false).await.unwrap();
    assert!(!there(&directory));
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_is_found_by_the_next_draft() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};
    /// Commits, and answers only when asked a second time; scans so too, when told.
    #[derive(Default)]
    struct Slow(MemoryBackend, AtomicBool);
    impl Backend for Slow {
        fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult> {
            self.0.get(keys)
        }
        fn scan(
            &self,
            range: Range,
            limit: usize,
            keys_only: bool,
        ) -> BoxFuture<'_, Result<ScanPage, StoreError>> {
            Box::pin(async move {
                if self.1.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
                self.0.scan(range, limit, keys_only).await
            })
        }
        fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, StoreError>> {
            Box::pin(async move {
                let done = self.0.commit(batch).await;
                tokio::task::yield_now().await;
                done
            })
        }
    }
    let mut rig = Rig::new();
    let slow = Arc::new(Slow::default());
    rig.records = Records::new(slow.clone());
    let directory = rig.open().await;
    let mut draft = directory.draft().await;
    draft
        .put(IdentityRecord::User(user(&directory, "alice")))
        .unwrap();
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut commit = Box::pin(draft.commit(Vec::new()));
        assert!(matches!(commit.as_mut().poll(&mut context), Poll::Pending));
        // On its way, as every change for a while.
        assert!(directory.is_current());
    }
    assert!(!directory.is_current());
    slow.1.store(true, Ordering::SeqCst);
    {
        // Also while somebody has the lock and reads.
        let mut reading = Box::pin(directory.refresh());
        assert!(matches!(reading.as_mut().poll(&mut context), Poll::Pending));
        assert!(!directory.is_current());
    }
    slow.1.store(false, Ordering::SeqCst);
    let draft = directory.draft().await;
    assert!(directory.is_current());
    assert!(draft.world().account(account()).user("alice").is_some());
    drop(draft);
    assert!(there(&directory));
    change(&directory, false).await.unwrap();
}

async fn overwrite(rig: &Rig, place: &IdentityPlace, value: &[u8]) {
    let write = Write::Put {
        key: layout::identity(place),
        value: value.to_vec(),
    };
    let (conditions, writes) = (Vec::new(), vec![write]);
    let backend = rig.records.backend();
    backend.commit(Batch { conditions, writes }).await.unwrap();
}

fn of_user(record: &UserRecord) -> Bearer {
    Bearer::plain(Caller {
        principal: Principal::User {
            account: account(),
            name: format!("team/{}", record.name).into(),
        },
        account: account(),
        access_key_id: "AKIA".into(),
        unique_id: Some(record.unique_id.as_str().into()),
        session: None,
    })
}

/// One damaged secret: that key alone is refused, the user's other one and all else is served, and
/// what becomes of the user is possible.
#[tokio::test]
async fn a_damaged_access_key_is_refused_alone() {
    let rig = Rig::new();
    let directory = rig.open().await;
    let mut alice = user(&directory, "alice");
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(directory.new_access_key(account()).await.unwrap().record);
    }
    let ids: Vec<String> = keys.iter().map(|key| key.id.clone()).collect();
    let swapped = keys[0].sealed_secret.clone();
    let mut bob = user(&directory, "bob");
    bob.access_keys = vec![keys.pop().unwrap()];
    alice.access_keys = keys;
    put(
        &directory,
        [&alice, &bob].map(|user| IdentityRecord::User(user.clone())),
    )
    .await;
    let signs = |directory: &Directory| {
        let known = |id: &String| Credentials::find(directory, id, None).is_some();
        ids.iter().map(known).collect::<Vec<bool>>()
    };
    assert_eq!(signs(&directory), [true, true, true]);
    assert!(directory.damage().is_empty());

    let place = IdentityRecord::User(alice.clone()).place();
    for damaged in [swapped, b"short".to_vec(), Vec::new(), vec![0; 100_000]] {
        alice.access_keys[1].sealed_secret = damaged;
        let bytes = IdentityRecord::User(alice.clone()).encode().unwrap();
        overwrite(&rig, &place, &bytes).await;
        let directory = rig.open().await;
        assert_eq!(signs(&directory), [true, false, true]);
        let told: Vec<String> = directory.damage().lines().collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].contains(&ids[1]), "{told:?}");
        assert_eq!(directory.account_of_access_key(&ids[1]), Some(account()));
        // A change of the user leaves the key as it is.
        put(&directory, [IdentityRecord::User(bob.clone())]).await;
        let mut tagged = alice.clone();
        tagged.tags.push((
            "a".to_owned(),
            alice.access_keys[1].sealed_secret.len().to_string(),
        ));
        put(&directory, [IdentityRecord::User(tagged.clone())]).await;
        assert_eq!(signs(&directory), [true, false, true]);
        // It can be deleted.
        tagged.access_keys.remove(1);
        put(&directory, [IdentityRecord::User(tagged)]).await;
        assert_eq!(signs(&directory), [true, false, true]);
        assert!(rig.open().await.damage().is_empty());
    }

    // Two users with one key: nobody knows whose it is.
    let mut thief = bob.clone();
    thief.access_keys = vec![alice.access_keys[0].clone()];
    let place = IdentityRecord::User(bob.clone()).place();
    let bytes = IdentityRecord::User(thief).encode().unwrap();
    overwrite(&rig, &place, &bytes).await;
    let bytes = IdentityRecord::User(alice.clone()).encode().unwrap();
    overwrite(&rig, &IdentityRecord::User(alice.clone()).place(), &bytes).await;
    let directory = rig.open().await;
    assert_eq!(signs(&directory), [false, false, false]);
    alice.tags.clear();
    put(&directory, [IdentityRecord::User(alice)]).await;
    assert_eq!(signs(&directory), [false, false, false]);
}

/// What the store did not take is still to be stored; what it took without saying so is written
/// once more.
#[tokio::test]
async fn last_uses_wait_for_a_store_that_fails() {
    let shaky = Arc::new(Shaky::default());
    let mut rig = Rig::new();
    rig.records = Records::new(shaky.clone());
    let directory = rig.open().await;
    let mut alice = user(&directory, "alice");
    let key = directory.new_access_key(account()).await.unwrap();
    let id = key.record.id.clone();
    alice.access_keys = vec![key.record];
    put(&directory, [IdentityRecord::User(alice)]).await;
    let region = keystead_types::Region::global();
    let now = keystead_types::Timestamp::from_millis(NOW);
    directory.note_use(&id, "kms", &region, now);
    let stored = async || {
        let (uses, _) = rig.records.last_uses_page(None, 10).await.unwrap();
        uses.len()
    };
    shaky.loses_batches.store(true, Ordering::SeqCst);
    assert!(directory.store_last_uses(Pace::Sparing).await.is_err());
    shaky.loses_batches.store(false, Ordering::SeqCst);
    shaky.loses_answers.store(true, Ordering::SeqCst);
    assert_eq!(stored().await, 0);
    assert!(directory.store_last_uses(Pace::Sparing).await.is_err());
    assert_eq!(stored().await, 1);
    shaky.loses_answers.store(false, Ordering::SeqCst);
    directory.store_last_uses(Pace::Sparing).await.unwrap();
    assert_eq!(stored().await, 1);
    // Stored now: there is nothing left that a failing store could refuse.
    shaky.loses_batches.store(true, Ordering::SeqCst);
    directory.store_last_uses(Pace::Final).await.unwrap();
    // The identities stay as they were all the while.
    assert!(directory.is_current() && there(&directory));
}

/// A damaged access key of a root user is left out, and the server starts with the others.
#[tokio::test]
async fn damaged_keys_of_root_users_are_left_out() {
    let rig = Rig::new();
    let region = keystead_types::Region::global();
    let now = keystead_types::Timestamp::from_millis(NOW);
    for id in ["AKIAA", "AKIAB", "AKIAC"] {
        let key = AccessKey {
            id: id.into(),
            secret: Plaintext::new(id.as_bytes().to_vec()),
        };
        let stored = store_access_key(&rig.records, &*rig.hsm, &region, account(), &key, now);
        stored.await.unwrap();
    }
    let load = async || {
        let found = load_root_credentials(&rig.records, &*rig.hsm, &region).await;
        let ids = found.unwrap().into_iter();
        ids.map(|one| one.access_key_id.to_string())
            .collect::<Vec<String>>()
    };
    assert_eq!(load().await, ["AKIAA", "AKIAB", "AKIAC"]);
    let sealed = rig.records.credential("AKIAA").await.unwrap().unwrap();
    let swapped = sealed.value.encode().unwrap();
    for (id, value) in [("AKIAB", swapped), ("AKIAA", b"\x01".to_vec())] {
        let write = Write::Put {
            key: layout::credential(id),
            value,
        };
        let (conditions, writes) = (Vec::new(), vec![write]);
        let backend = rig.records.backend();
        backend.commit(Batch { conditions, writes }).await.unwrap();
    }
    assert_eq!(load().await, ["AKIAC"]);
}

/// A damaged record: whom it concerns is refused everything, all others are served, and it is not
/// overwritten.
#[tokio::test]
async fn damaged_records_fail_closed() {
    let rig = Rig::new();
    let directory = rig.open().await;
    let allowed = || inline(&[("Allow", "*")]);
    let named = |name: &str| {
        let mut one = user(&directory, name);
        one.policies = allowed();
        one
    };
    let (gone, free) = (named("gone"), named("free"));
    let (mut member, mut attached) = (named("member"), named("attached"));
    let mut through = named("through");
    let (mut limits, mut holds) = (group(&directory, "limits"), group(&directory, "holds"));
    limits.policies = inline(&[("Deny", "kms:Sign")]);
    member.groups = vec!["limits".to_owned()];
    attached.policies.attached = vec![policy_arn("guard")];
    holds.policies.attached = vec![policy_arn("guard")];
    through.groups = vec!["holds".to_owned()];
    let mut bounded = named("bounded");
    bounded.boundary = Some(policy_arn("guard"));
    let guard = policy(&directory, "guard", "Deny", "kms:Sign");
    let worker = role(&directory, "worker");
    let provider = ProviderRecord {
        account: account(),
        url: "id.example.com".to_owned(),
        client_ids: Vec::new(),
        thumbprints: Vec::new(),
        created: keystead_types::Timestamp::from_millis(NOW),
        tags: Vec::new(),
    };
    let own = AccountRecord {
        account: account(),
        alias: Some("acme".to_owned()),
        created: keystead_types::Timestamp::from_millis(NOW),
    };
    let broken = [
        IdentityRecord::User(gone.clone()),
        IdentityRecord::Group(limits),
        IdentityRecord::Policy(guard),
        IdentityRecord::Role(worker.clone()),
        IdentityRecord::Provider(provider),
        IdentityRecord::Account(own.clone()),
    ];
    let people = [&free, &member, &attached, &through, &bounded];
    let others = people.map(|user| IdentityRecord::User(user.clone()));
    let others = others.into_iter().chain([IdentityRecord::Group(holds)]);
    put(&directory, broken.iter().cloned().chain(others)).await;
    let session = directory.issue(session_of(&worker, None)).await.unwrap();
    let found = |directory: &Directory| {
        let token = session.token.as_bytes();
        Credentials::find(directory, &session.access_key_id, Some(token)).is_some()
    };
    assert!(found(&directory));
    directory.note_use(
        &session.access_key_id,
        "kms",
        &keystead_types::Region::global(),
        keystead_types::Timestamp::from_millis(NOW),
    );
    directory.store_last_uses(Pace::Final).await.unwrap();

    for record in &broken {
        overwrite(&rig, &record.place(), b"\x01damaged").await;
    }
    let directory = rig.open().await;
    assert_eq!(directory.damage().lines().count(), broken.len());
    let can = |directory: &Directory, user: &UserRecord| {
        ["kms:Verify", "kms:Sign"].map(|action| may(directory, &of_user(user), action))
    };
    assert_eq!(can(&directory, &free), [Some(true), Some(true)]);
    assert_eq!(can(&directory, &gone), [None, None]);
    for denied in [&member, &attached, &through, &bounded] {
        assert_eq!(can(&directory, denied), [Some(false), Some(false)]);
    }
    assert!(!found(&directory));
    let world = directory.world();
    assert!(world.account(account()).role("worker").is_none());
    assert!(
        world
            .account(account())
            .provider("id.example.com")
            .is_none()
    );
    assert!(world.account_by_alias("acme").is_none());
    // What hangs on it waits for the record to come back.
    directory.store_last_uses(Pace::Final).await.unwrap();
    let (uses, _) = rig.records.last_uses_page(None, 10).await.unwrap();
    assert_eq!(uses.len(), 1);

    // Nothing takes the place of a damaged record but an account's.
    for record in &broken {
        let mut draft = directory.draft().await;
        draft.put(record.clone()).unwrap();
        let done = draft.commit(Vec::new()).await;
        match record {
            IdentityRecord::Account(_) => done.unwrap(),
            _ => assert!(matches!(done, Err(DirectoryError::DamagedRecord(_)))),
        }
    }
    assert_eq!(directory.world().account_by_alias("acme"), Some(account()));

    // Restored, all is as it was.
    for record in &broken {
        overwrite(&rig, &record.place(), &record.encode().unwrap()).await;
    }
    let directory = rig.open().await;
    assert!(directory.damage().is_empty() && found(&directory));
    assert_eq!(can(&directory, &gone), [Some(true), Some(true)]);
    assert_eq!(can(&directory, &member), [Some(true), Some(false)]);
    assert_eq!(can(&directory, &bounded), [Some(false), Some(false)]);
}

#[tokio::test]
async fn stored_documents_that_are_not_understood_deny_everything() {
    let rig = Rig::new();
    let directory = rig.open().await;
    let mut worker = role(&directory, "worker");
    worker.policies = inline(&[("Allow", "*"), ("Allow", "*")]);
    worker.policies.inline[1].document = r#"{"Version":"2100-01-01"}"#.to_owned();
    let mut other = role(&directory, "other");
    other.policies = inline(&[("Allow", "*")]);
    other.trust = "?".to_owned();
    let mut broken = policy(&directory, "broken", "Allow", "*");
    broken.default_version = 7;
    let mut bound = role(&directory, "bound");
    bound.policies = inline(&[("Allow", "*")]);
    bound.boundary = Some(policy_arn("broken"));
    let bearer = |record: &keystead_store::records::RoleRecord| {
        Bearer::plain(Caller {
            principal: Principal::RoleSession {
                account: account(),
                role: record.name.as_str().into(),
                session: "s".into(),
            },
            account: account(),
            access_key_id: "ASIA".into(),
            unique_id: Some(record.unique_id.as_str().into()),
            session: None,
        })
    };
    let records = [&worker, &other, &bound].map(|record| IdentityRecord::Role(record.clone()));
    let broken = IdentityRecord::Policy(broken);
    let changes = records.into_iter().chain([broken.clone()]);
    let changes = changes.map(|record| Change::PutIdentity {
        record,
        previous: None,
    });
    rig.records.apply(changes.collect()).await.unwrap();
    let directory = rig.open().await;
    let can =
        |record: &keystead_store::records::RoleRecord| may(&directory, &bearer(record), "kms:Sign");
    assert_eq!(can(&worker), Some(false));
    assert_eq!(can(&other), Some(true));
    assert_eq!(can(&bound), Some(false));
    // What is stored anew is held to today's grammar; what stays as it was is kept.
    worker.tags = vec![("a".to_owned(), "b".to_owned())];
    put(&directory, [IdentityRecord::Role(worker.clone())]).await;
    assert_eq!(can(&worker), Some(false));
    let mut draft = directory.draft().await;
    worker.policies.inline[1].document = r#"{"Version":"2100-01-02"}"#.to_owned();
    assert!(draft.put(IdentityRecord::Role(worker.clone())).is_err());
    drop(draft);
    worker.policies.inline.pop();
    put(&directory, [IdentityRecord::Role(worker.clone())]).await;
    assert_eq!(can(&worker), Some(true));
}
