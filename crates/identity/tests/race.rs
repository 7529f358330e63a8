//! A change counts for everything that begins after its call returned, under load.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use keystead_identity::{Bearer, Directory};
use keystead_sigv4::Credentials;
use keystead_store::IdentityKind;
use keystead_store::records::IdentityRecord;
use keystead_types::{Caller, Principal, Timestamp};
use support::*;

/// Questions that the readers ask at least, in all.
const QUESTIONS: u64 = 100_000;

/// What readers may see: the generation whose change has returned last, and the one that may be
/// under way. A generation's actions are `kms:G<number>`.
#[derive(Default)]
struct Known {
    returned: AtomicI64,
    begun: AtomicI64,
    /// Whether the user exists: 1 yes, 0 no, 2 being changed.
    user: AtomicU64,
    over: AtomicBool,
    asked: AtomicU64,
}

fn read(directory: &Directory, known: &Known, bearer: &Bearer, key: &str) {
    while !known.over.load(Ordering::SeqCst) {
        // The present generation is one of those from `from` to `to`: the policy allows only it.
        let from = known.returned.load(Ordering::SeqCst);
        let world = directory.world();
        let to = known.begun.load(Ordering::SeqCst);
        let role = world.account(account()).role("worker").unwrap();
        let seen: i64 = role.record.policies.inline[0].name.parse().unwrap();
        assert!((from..=to).contains(&seen), "{from} <= {seen} <= {to}");

        let from = known.returned.load(Ordering::SeqCst);
        let stale = may(directory, bearer, &format!("kms:G{}", from - 1)).unwrap();
        assert!(
            !stale,
            "generation {} is allowed after {from} returned",
            from - 1
        );
        let fresh = may(directory, bearer, &format!("kms:G{from}")).unwrap();
        let to = known.begun.load(Ordering::SeqCst);
        assert!(
            fresh || to > from,
            "generation {from} has returned and is not allowed"
        );

        let before = known.user.load(Ordering::SeqCst);
        let found = Credentials::find(directory, key, None).is_some();
        let after = known.user.load(Ordering::SeqCst);
        if before == after && before % 3 != 2 {
            assert_eq!(found, before % 3 == 1, "the key of a user at {before}");
        }
        known.asked.fetch_add(3, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_stale_answer_after_a_change_returned() {
    let rig = Rig::new();
    let directory = Arc::new(rig.open().await);
    let known = Arc::new(Known::default());
    let mut worker = role(&directory, "worker");
    let generation = |number: i64| {
        let mut policies = inline(&[("Allow", &format!("kms:G{number}"))]);
        policies.inline[0].name = number.to_string();
        policies
    };
    worker.policies = generation(0);
    put(&directory, [IdentityRecord::Role(worker.clone())]).await;
    let mut alice = user(&directory, "alice");
    let key = directory.new_access_key(account()).await.unwrap();
    let key_id: Arc<str> = key.record.id.as_str().into();
    alice.access_keys = vec![key.record];
    let issued = directory.issue(session_of(&worker, None)).await.unwrap();
    let bearer = Bearer::plain(Caller {
        principal: Principal::RoleSession {
            account: account(),
            role: "worker".into(),
            session: "s".into(),
        },
        account: account(),
        access_key_id: issued.access_key_id.clone(),
        unique_id: Some(worker.unique_id.as_str().into()),
        session: None,
    });
    let bearer = Arc::new(bearer);
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (directory, known) = (directory.clone(), known.clone());
            let (bearer, key) = (bearer.clone(), key_id.clone());
            std::thread::spawn(move || read(&directory, &known, &bearer, &key))
        })
        .collect();
    let mut number = 0;
    while known.asked.load(Ordering::SeqCst) < QUESTIONS || number < 300 {
        number += 1;
        worker.policies = generation(number);
        worker.created = Timestamp::from_millis(number);
        known.begun.store(number, Ordering::SeqCst);
        put(&directory, [IdentityRecord::Role(worker.clone())]).await;
        known.returned.store(number, Ordering::SeqCst);

        // Steps of three: at 1 it is there, at 3 it is not, in between it is not known.
        known.user.store(2, Ordering::SeqCst);
        put(&directory, [IdentityRecord::User(alice.clone())]).await;
        known
            .user
            .store(number.unsigned_abs() * 3 + 1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        known.user.store(2, Ordering::SeqCst);
        let mut draft = directory.draft().await;
        draft.remove(IdentityKind::User, account(), "alice");
        draft.commit(Vec::new()).await.unwrap();
        known
            .user
            .store(number.unsigned_abs() * 3, Ordering::SeqCst);
        if readers.iter().any(|reader| reader.is_finished()) {
            break;
        }
    }
    known.over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.join().unwrap();
    }
    assert!(known.asked.load(Ordering::SeqCst) >= QUESTIONS);
}
