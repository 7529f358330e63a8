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

use keystead_identity::{Bearer, Directory, DirectoryError};
use keystead_store::memory::MemoryBackend;
use keystead_store::records::IdentityRecord;
use keystead_store::{
    Backend, Batch, BoxFuture, Change, GetResult, IdentityKind, Range, Records, Revision, ScanPage,
    StoreError,
};
use keystead_types::{Caller, Principal};
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
