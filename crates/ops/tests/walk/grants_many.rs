//! A key with as many grants as it may have: requests cost what they cost with one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keystead_store::memory::MemoryBackend;
use keystead_store::records::{GrantParty, GrantRecord};
use keystead_store::{
    Backend, Batch, BoxFuture, Change, GetResult, Range, Revision, ScanPage, StoreError,
};
use keystead_types::{Caller, FaultKind, GrantOperation, Hex32};
use serde_json::{Value, json};

use crate::support::{OTHER, OWN, START, World, account, base64, key_id, user};

const GRANTS: u32 = 50_000;
const AT_ONCE: u32 = 1000;

/// Counts entries that are read.
#[derive(Default)]
struct Counting {
    inner: MemoryBackend,
    entries: AtomicUsize,
    calls: AtomicUsize,
}

impl Counting {
    fn note(&self, entries: usize) {
        self.entries.fetch_add(entries, Ordering::SeqCst);
        self.calls.fetch_add(1, Ordering::SeqCst);
    }

    /// Calls and entries since the last question.
    fn taken(&self) -> (usize, usize) {
        (
            self.calls.swap(0, Ordering::SeqCst),
            self.entries.swap(0, Ordering::SeqCst),
        )
    }
}

impl Backend for Counting {
    fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult> {
        self.note(keys.len());
        self.inner.get(keys)
    }

    fn scan(
        &self,
        range: Range,
        limit: usize,
        keys_only: bool,
    ) -> BoxFuture<'_, Result<ScanPage, StoreError>> {
        Box::pin(async move {
            let page = self.inner.scan(range, limit, keys_only).await?;
            self.note(page.entries.len());
            Ok(page)
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, StoreError>> {
        self.inner.commit(batch)
    }
}

fn person(number: u32) -> Caller {
    user(OTHER, &format!("user{number}"))
}

/// Gives each of many users a grant.
async fn fill(world: &World, key: &str, count: u32) {
    let revision = world.stored(key).await.unwrap().modified;
    let grant = |number: u32| {
        let mut grant_id = [0x5a; 32];
        grant_id[..4].copy_from_slice(&number.to_be_bytes());
        GrantRecord {
            grant_id: Hex32(grant_id),
            account: account(OWN),
            key_id: key_id(key),
            name: None,
            grantee: GrantParty::Principal(person(number).principal.arn("aws").to_string()),
            grantee_id: None,
            retiring: None,
            retiring_id: None,
            operations: vec![GrantOperation::Encrypt],
            constraints: None,
            issuing_account: account(OWN),
            created: START,
            fingerprint: None,
            retiring_digest: None,
        }
    };
    let numbers: Vec<u32> = (0..count).collect();
    for part in numbers.chunks(AT_ONCE as usize) {
        let changes = part.iter().map(|number| Change::PutGrant {
            record: grant(*number),
            key: revision,
        });
        world.records.apply(changes.collect()).await.unwrap();
    }
}

async fn encrypt(world: &World, key: &str, number: u32) -> bool {
    let body = json!({"KeyId": key, "Plaintext": base64(b"x")});
    let answer = world.call_as(person(number), "Encrypt", body).await;
    if answer.outcome.is_err() {
        assert_eq!(answer.kind(), FaultKind::AccessDenied);
    }
    answer.outcome.is_ok()
}

fn new_grant(key: &str) -> Value {
    json!({"KeyId": key, "GranteePrincipal": "arn:aws:iam::444455556666:user/new", "Operations": ["Encrypt"]})
}

#[tokio::test]
async fn fifty_thousand_grants_cost_a_request_nothing() {
    let backend = Arc::new(Counting::default());
    let world = World::over(backend.clone());
    let key = world.key().await;
    fill(&world, &key, GRANTS - 2).await;
    world.call("DescribeKey", json!({"KeyId": key})).await.ok();
    backend.taken();
    for (number, allowed) in [
        (0, true),
        (GRANTS / 2, true),
        (GRANTS - 3, true),
        (GRANTS, false),
    ] {
        assert_eq!(encrypt(&world, &key, number).await, allowed, "{number}");
        let (calls, entries) = backend.taken();
        assert!(
            (1..=6).contains(&calls) && entries <= 6,
            "{calls} {entries}"
        );
        // From memory, also that there is none.
        assert_eq!(encrypt(&world, &key, number).await, allowed);
        assert_eq!(backend.taken(), (0, 0), "{number}");
    }
    // The first new grant counts those there are; the next knows.
    world.call("CreateGrant", new_grant(&key)).await.ok();
    let (_, entries) = backend.taken();
    assert!(entries >= GRANTS as usize - 2);
    world.call("CreateGrant", new_grant(&key)).await.ok();
    let (calls, entries) = backend.taken();
    assert!(calls <= 8 && entries <= 8, "{calls} {entries}");
    // At the quota, and below it again.
    let answer = world.call("CreateGrant", new_grant(&key)).await;
    assert_eq!(answer.kind(), FaultKind::LimitExceeded);
    let mut first = [0x5a; 32];
    first[..4].copy_from_slice(&0_u32.to_be_bytes());
    let named = json!({"KeyId": key, "GrantId": Hex32(first).to_string()});
    world.call("RevokeGrant", named).await.ok();
    assert!(!encrypt(&world, &key, 0).await);
    backend.taken();
    world.call("CreateGrant", new_grant(&key)).await.ok();
    let (calls, entries) = backend.taken();
    assert!(calls <= 8 && entries <= 8, "{calls} {entries}");
}

/// After every call that makes or removes a grant has returned, the next request sees it, whatever
/// runs beside it.
#[tokio::test]
async fn grants_are_seen_at_once_under_load() {
    let mut attempts = 0;
    for seed in 0..60 {
        let world = World::over(crate::support::store::Interleaved::new(seed));
        let key = world.key().await;
        let busy = {
            let (world, key) = (world.clone(), key.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    encrypt(&world, &key, 7).await;
                    if number % 3 == 0 {
                        encrypt(&world, &key, 8).await;
                    }
                    tokio::task::yield_now().await;
                }
            })
        };
        for _ in 0..12 {
            let mut body = new_grant(&key);
            body["GranteePrincipal"] = json!("arn:aws:iam::444455556666:user/user7");
            let made = world.call("CreateGrant", body).await.ok();
            assert!(encrypt(&world, &key, 7).await, "seed {seed}");
            let named = json!({"KeyId": key, "GrantId": made["GrantId"]});
            world.call("RevokeGrant", named).await.ok();
            assert!(!encrypt(&world, &key, 7).await, "seed {seed}");
            attempts += 2;
        }
        busy.abort();
    }
    assert_eq!(attempts, 60 * 24);
}
