//! Typed changes through a backend: what is found afterwards, and what is left behind.

mod dues;
mod grants;
mod identities;
mod model;
mod usage;

use std::sync::Arc;

use keystead_types::{
    AccountId, AliasName, KeyId, KeyManager, KeySpec, KeyState, KeyUsage, Origin, RequestId,
    Timestamp,
};

use super::*;
use crate::memory::MemoryBackend;
use crate::records::{Deletion, RotationSetting};
use crate::{Backend, Batch, Records, Write, layout};

fn account(number: u64) -> AccountId {
    AccountId::from_number(number).unwrap()
}

fn id(n: u8) -> KeyId {
    KeyId::from_random([n; 16])
}

fn name(text: &str) -> AliasName {
    AliasName::parse(text).unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn key(n: u8) -> KeyRecord {
    KeyRecord {
        key_id: id(n),
        account: account(1),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        manager: KeyManager::Customer,
        state: KeyState::Enabled,
        description: String::new(),
        created: at(0),
        deletion: None,
        multi_region: None,
        policy: String::new(),
        bound: vec![],
        tags: vec![],
        materials: vec![],
        public_key: None,
        rotation: None,
        on_demand_rotations: 0,
    }
}

fn alias(text: &str, target: u8) -> AliasRecord {
    AliasRecord {
        name: name(text),
        account: account(1),
        target: id(target),
        created: at(0),
        updated: at(0),
    }
}

fn store() -> Records {
    Records::new(Arc::new(MemoryBackend::new()))
}

async fn put_new(store: &Records, record: KeyRecord) -> Revision {
    let previous = None;
    store
        .apply(vec![Change::PutKey { record, previous }])
        .await
        .unwrap()
}

async fn put_alias(store: &Records, record: AliasRecord) -> Revision {
    let target = store
        .key(record.account, record.target)
        .await
        .unwrap()
        .unwrap();
    let target = Some(target.modified);
    store
        .apply(vec![Change::PutAlias { record, target }])
        .await
        .unwrap()
}

/// Names of the aliases in the index of a key.
async fn names_of(store: &Records, n: u8) -> Vec<String> {
    let (aliases, more) = store
        .aliases_of(account(1), id(n), None, 100)
        .await
        .unwrap();
    assert!(!more);
    aliases
        .into_iter()
        .map(|alias| alias.name.to_string())
        .collect()
}

fn is_conflict<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Conflict))
}

fn is_contradiction<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Failed(cause)) if cause.is::<Contradiction>())
}

async fn count_entries(store: &Records) -> usize {
    let everything = layout::everything();
    store
        .backend()
        .scan(everything, 1000, true)
        .await
        .unwrap()
        .entries
        .len()
}

#[tokio::test]
async fn a_key_is_created_once_and_changed_only_by_those_who_saw_it_last() {
    let store = store();
    let first = put_new(&store, key(1)).await;
    let again = Change::PutKey {
        record: key(1),
        previous: None,
    };
    assert!(is_conflict(&store.apply(vec![again]).await));
    let update = |description: &str, previous| Change::PutKey {
        record: KeyRecord {
            description: description.into(),
            ..key(1)
        },
        previous: Some(previous),
    };
    let second = store.apply(vec![update("second", first)]).await.unwrap();
    assert!(is_conflict(&store.apply(vec![update("late", first)]).await));
    let found = store.key(account(1), id(1)).await.unwrap().unwrap();
    assert_eq!(
        (found.value.description.as_str(), found.modified),
        ("second", second)
    );
    assert!(store.key(account(2), id(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn an_alias_resolves_moves_and_goes() {
    let store = store();
    put_new(&store, key(1)).await;
    let two = put_new(&store, key(2)).await;
    let made = put_alias(&store, alias("alias/x", 1)).await;
    let wanted = name("alias/x");
    let resolve = || store.alias_and_key(account(1), &wanted);
    assert_eq!(resolve().await.unwrap().unwrap().1.value.key_id, id(1));
    assert_eq!(names_of(&store, 1).await, ["alias/x"]);

    let taken = Change::PutAlias {
        record: alias("alias/x", 2),
        target: Some(two),
    };
    assert!(is_conflict(&store.apply(vec![taken]).await));
    let shift = |previous| Change::MoveAlias {
        record: alias("alias/x", 2),
        previous,
        target: two,
    };
    let moved = store.apply(vec![shift(made)]).await.unwrap();
    assert!(is_conflict(&store.apply(vec![shift(made)]).await));
    assert_eq!(resolve().await.unwrap().unwrap().1.value.key_id, id(2));
    assert!(names_of(&store, 1).await.is_empty());
    assert_eq!(names_of(&store, 2).await, ["alias/x"]);
    // To where it is already.
    let moved = store.apply(vec![shift(moved)]).await.unwrap();
    assert_eq!(names_of(&store, 2).await, ["alias/x"]);

    let remove = |previous| Change::RemoveAlias {
        account: account(1),
        name: name("alias/x"),
        previous,
    };
    assert!(is_conflict(&store.apply(vec![remove(made)]).await));
    store.apply(vec![remove(moved)]).await.unwrap();
    assert!(resolve().await.unwrap().is_none());
    assert!(names_of(&store, 2).await.is_empty());
}

#[tokio::test]
async fn an_alias_needs_a_target_that_is_unchanged_or_created_with_it() {
    let store = store();
    let orphan = Change::PutAlias {
        record: alias("alias/x", 1),
        target: None,
    };
    assert!(is_contradiction(&store.apply(vec![orphan.clone()]).await));
    let create = Change::PutKey {
        record: key(1),
        previous: None,
    };
    store.apply(vec![orphan, create]).await.unwrap();
    assert_eq!(names_of(&store, 1).await, ["alias/x"]);
    let unseen = Change::PutAlias {
        record: alias("alias/y", 1),
        target: Some(Revision(77)),
    };
    assert!(is_conflict(&store.apply(vec![unseen]).await));
}

#[tokio::test]
async fn removing_a_key_leaves_nothing_of_it() {
    let store = store();
    put_new(&store, key(2)).await;
    put_alias(&store, alias("alias/other", 2)).await;
    let before = count_entries(&store).await;
    let doomed = KeyRecord {
        state: KeyState::PendingDeletion,
        deletion: Some(Deletion {
            due: at(50),
            window_days: 7,
        }),
        ..key(1)
    };
    let previous = put_new(&store, doomed).await;
    for text in ["alias/a", "alias/b", "alias/c"] {
        put_alias(&store, alias(text, 1)).await;
    }
    assert_eq!(store.due_before(at(50), 10).await.unwrap().0.len(), 1);
    let remove = Change::RemoveKey {
        account: account(1),
        key_id: id(1),
        previous,
    };
    store.apply(vec![remove.clone()]).await.unwrap();
    assert_eq!(count_entries(&store).await, before);
    assert!(
        store
            .alias(account(1), &name("alias/b"))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(names_of(&store, 2).await, ["alias/other"]);
    assert!(is_conflict(&store.apply(vec![remove]).await));
}

/// Lets one more change happen between what `apply` reads and what it commits.
struct Meddled {
    inner: MemoryBackend,
    between: std::sync::Mutex<Option<Batch>>,
}

impl Meddled {
    fn with(inner: MemoryBackend, between: Batch) -> Self {
        Self {
            inner,
            between: std::sync::Mutex::new(Some(between)),
        }
    }
}

impl Backend for Meddled {
    fn get(&self, keys: Vec<Vec<u8>>) -> crate::BoxFuture<'_, crate::GetResult> {
        self.inner.get(keys)
    }

    fn scan(
        &self,
        range: crate::Range,
        limit: usize,
        keys_only: bool,
    ) -> crate::BoxFuture<'_, Result<crate::ScanPage, StoreError>> {
        self.inner.scan(range, limit, keys_only)
    }

    fn commit(&self, batch: Batch) -> crate::BoxFuture<'_, Result<Revision, StoreError>> {
        let between = self.between.lock().unwrap().take();
        Box::pin(async move {
            if let Some(between) = between {
                self.inner.commit(between).await.unwrap();
            }
            self.inner.commit(batch).await
        })
    }
}

#[tokio::test]
async fn an_alias_that_arrives_while_its_key_is_removed_is_never_orphaned() {
    for aliases_before in [0, 1] {
        let inner = MemoryBackend::new();
        let store = Records::new(Arc::new(inner.clone()));
        let previous = put_new(&store, key(1)).await;
        if aliases_before == 1 {
            put_alias(&store, alias("alias/early", 1)).await;
        }
        let late = Change::PutAlias {
            record: alias("alias/late", 1),
            target: Some(previous),
        };
        let batch = compile(&[late], &Known::default()).unwrap();
        let meddled = Records::new(Arc::new(Meddled::with(inner, batch)));
        let remove = Change::RemoveKey {
            account: account(1),
            key_id: id(1),
            previous,
        };
        assert!(is_conflict(&meddled.apply(vec![remove.clone()]).await));
        assert!(store.key(account(1), id(1)).await.unwrap().is_some());
        meddled.apply(vec![remove]).await.unwrap();
        assert!(
            store
                .alias(account(1), &name("alias/late"))
                .await
                .unwrap()
                .is_none()
        );
        assert_eq!(count_entries(&store).await, 0);
    }
}

#[tokio::test]
async fn pages_and_counts_stay_in_their_account() {
    let store = store();
    for n in 1..=7 {
        put_new(&store, key(n)).await;
        put_new(
            &store,
            KeyRecord {
                account: account(2),
                ..key(n)
            },
        )
        .await;
        put_alias(&store, alias(&format!("alias/{n}"), 1)).await;
    }
    let (first, more) = store.keys_page(account(1), None, 4).await.unwrap();
    assert_eq!((first.len(), more), (4, true));
    let (rest, more) = store
        .keys_page(account(1), first.last().copied(), 4)
        .await
        .unwrap();
    assert_eq!((rest.len(), more), (3, false));
    let all: Vec<_> = (1..=7).map(id).collect();
    assert_eq!([first, rest].concat(), all);
    for (at_most, expected) in [(0, 0), (3, 3), (7, 7), (100, 7), (100_000, 7)] {
        assert_eq!(
            store.count_keys(account(1), at_most).await.unwrap(),
            expected
        );
        let counted = store
            .count_aliases_of(account(1), id(1), at_most)
            .await
            .unwrap();
        assert_eq!(counted, expected);
    }
    let (page, more) = store
        .aliases_page(account(1), Some(&name("alias/5")), 10)
        .await
        .unwrap();
    let names: Vec<_> = page.iter().map(|alias| alias.name.as_str()).collect();
    assert_eq!(
        (names.as_slice(), more),
        (&["alias/6", "alias/7"][..], false)
    );
    assert_eq!(
        store
            .aliases_page(account(2), None, 10)
            .await
            .unwrap()
            .0
            .len(),
        0
    );
}

#[tokio::test]
async fn the_outbox_holds_what_was_put_with_a_change() {
    let store = store();
    let event_id = RequestId::from_random([3; 16]);
    let out = Change::OutboxPut {
        event_id,
        record: b"event".to_vec(),
    };
    let create = Change::PutKey {
        record: key(1),
        previous: None,
    };
    store
        .apply(vec![create.clone(), out.clone()])
        .await
        .unwrap();
    let (entries, more) = store.outbox(10).await.unwrap();
    assert_eq!((entries.len(), more), (1, false));
    assert_eq!(entries[0].event_id, event_id);
    assert_eq!(entries[0].record, b"event");
    // A conflict of the change takes its event with it; an event id is used once.
    let other = Change::OutboxPut {
        event_id: RequestId::from_random([4; 16]),
        record: vec![],
    };
    assert!(is_conflict(&store.apply(vec![create, other]).await));
    assert!(is_conflict(&store.apply(vec![out]).await));
    assert_eq!(store.outbox(10).await.unwrap().0.len(), 1);
    store
        .apply(vec![Change::OutboxDelete { event_id }])
        .await
        .unwrap();
    assert!(store.outbox(10).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn meta_and_credentials_keep_their_conditions() {
    let store = store();
    let meta = |value: &[u8], expect| Change::PutMeta {
        item: Meta::RegionName,
        value: value.to_vec(),
        expect,
    };
    let first = store.apply(vec![meta(b"a", Expect::Absent)]).await.unwrap();
    assert!(is_conflict(
        &store.apply(vec![meta(b"b", Expect::Absent)]).await
    ));
    store
        .apply(vec![meta(b"c", Expect::Unchanged(first))])
        .await
        .unwrap();
    assert!(is_conflict(
        &store
            .apply(vec![meta(b"d", Expect::Unchanged(first))])
            .await
    ));
    store
        .apply(vec![meta(b"e", Expect::Anything)])
        .await
        .unwrap();
    assert_eq!(
        store.meta(Meta::RegionName).await.unwrap().unwrap().value,
        b"e"
    );
    assert!(store.meta(Meta::DeploymentId).await.unwrap().is_none());

    let record = CredentialRecord {
        account: account(1),
        sealed_secret: vec![1, 2, 3],
        created: at(0),
    };
    let put = |previous| Change::PutCredential {
        access_key_id: "AKIA1".into(),
        record: record.clone(),
        previous,
    };
    let first = store.apply(vec![put(None)]).await.unwrap();
    assert!(is_conflict(&store.apply(vec![put(None)]).await));
    let second = store.apply(vec![put(Some(first))]).await.unwrap();
    assert_eq!(
        store.credential("AKIA1").await.unwrap().unwrap().value,
        record
    );
    assert!(store.credential("AKIA").await.unwrap().is_none());
    let remove = |previous| Change::RemoveCredential {
        access_key_id: "AKIA1".into(),
        previous,
    };
    assert!(is_conflict(&store.apply(vec![remove(first)]).await));
    store.apply(vec![remove(second)]).await.unwrap();
    assert!(store.credential("AKIA1").await.unwrap().is_none());
}

#[tokio::test]
async fn contradictions_are_refused() {
    let store = store();
    let put = |description: &str| Change::PutKey {
        record: KeyRecord {
            description: description.into(),
            ..key(1)
        },
        previous: None,
    };
    assert!(is_contradiction(
        &store.apply(vec![put("a"), put("b")]).await
    ));
    let previous = put_new(&store, key(1)).await;
    let remove = Change::RemoveKey {
        account: account(1),
        key_id: id(1),
        previous,
    };
    let out = Change::PutAlias {
        record: alias("alias/x", 1),
        target: Some(previous),
    };
    assert!(is_contradiction(&store.apply(vec![remove, out]).await));
}

#[tokio::test]
async fn swapped_rows_and_dangling_aliases_are_damage() {
    let store = store();
    put_new(&store, key(1)).await;
    put_alias(&store, alias("alias/x", 1)).await;
    let put = |key, value| Batch {
        conditions: vec![],
        writes: vec![Write::Put { key, value }],
    };
    let foreign = put(
        layout::key_record(account(2), id(1)),
        key(1).encode().unwrap(),
    );
    store.backend().commit(foreign).await.unwrap();
    let answer = store.key(account(2), id(1)).await;
    assert!(matches!(answer, Err(StoreError::Corrupt(_))));
    let swapped = alias("alias/x", 1).encode().unwrap();
    let swapped = put(layout::alias(account(1), &name("alias/y")), swapped);
    store.backend().commit(swapped).await.unwrap();
    let answer = store.alias(account(1), &name("alias/y")).await;
    assert!(matches!(answer, Err(StoreError::Corrupt(_))));
    let key = layout::key_record(account(1), id(1));
    let (conditions, writes) = (vec![], vec![Write::Delete { key }]);
    store
        .backend()
        .commit(Batch { conditions, writes })
        .await
        .unwrap();
    let answer = store.alias_and_key(account(1), &name("alias/x")).await;
    assert!(matches!(answer, Err(StoreError::Corrupt(_))));
}
