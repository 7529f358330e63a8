//! Usage records: written without a condition, and never left behind.

use super::*;

fn usage(operation: &str) -> UsageRecord {
    UsageRecord {
        operation: operation.into(),
        at: at(5),
        event_id: RequestId::from_random([1; 16]),
        request_id: RequestId::from_random([2; 16]),
    }
}

fn put(n: u8, operation: &str) -> Change {
    Change::PutUsage {
        account: account(1),
        key_id: id(n),
        record: usage(operation),
    }
}

async fn operation(store: &Records, n: u8) -> Option<String> {
    let usage = store.usage(account(1), id(n)).await.unwrap();
    usage.map(|usage| usage.operation)
}

fn update(description: &str, previous: Revision) -> Change {
    Change::PutKey {
        record: KeyRecord {
            description: description.into(),
            ..key(1)
        },
        previous: Some(previous),
    }
}

#[tokio::test]
async fn the_last_use_of_a_key_is_kept_and_goes_with_it() {
    let store = store();
    let previous = put_new(&store, key(1)).await;
    put_new(&store, key(2)).await;
    assert!(operation(&store, 1).await.is_none());
    for name in ["Encrypt", "Decrypt"] {
        store.apply(vec![put(1, name), put(2, name)]).await.unwrap();
        assert_eq!(operation(&store, 1).await.as_deref(), Some(name));
    }
    let stored = store.usage(account(1), id(2)).await.unwrap();
    assert_eq!(stored, Some(usage("Decrypt")));
    assert!(store.usage(account(2), id(1)).await.unwrap().is_none());
    // Together with a change of its key, and with its creation.
    let previous = store
        .apply(vec![put(1, "Sign"), update("new", previous)])
        .await
        .unwrap();
    assert_eq!(operation(&store, 1).await.as_deref(), Some("Sign"));
    let create = Change::PutKey {
        record: key(3),
        previous: None,
    };
    store.apply(vec![put(3, "Verify"), create]).await.unwrap();
    assert_eq!(operation(&store, 3).await.as_deref(), Some("Verify"));
    let remove = Change::RemoveKey {
        account: account(1),
        key_id: id(1),
        previous,
    };
    let both = vec![put(1, "Encrypt"), remove.clone()];
    assert!(is_contradiction(&store.apply(both).await));
    store.apply(vec![remove]).await.unwrap();
    // Two keys with their usage records are left.
    assert_eq!(count_entries(&store).await, 4);
    assert!(operation(&store, 1).await.is_none());
}

#[tokio::test]
async fn the_use_of_a_removed_key_is_not_written() {
    let store = store();
    put_new(&store, key(2)).await;
    store
        .apply(vec![put(1, "Encrypt"), put(2, "Encrypt")])
        .await
        .unwrap();
    assert_eq!(count_entries(&store).await, 2);
    assert!(operation(&store, 1).await.is_none());
}

#[tokio::test]
async fn usage_records_get_past_changes_of_their_keys() {
    let inner = MemoryBackend::new();
    let store = Records::new(Arc::new(inner.clone()));
    let previous = put_new(&store, key(1)).await;
    let mut known = Known::default();
    let entry = layout::key_record(account(1), id(1));
    let (_, found) = inner.get(vec![entry.clone()]).await.unwrap();
    known
        .entries
        .insert(entry, found.into_iter().next().unwrap().unwrap());
    let changed = compile(&[update("meanwhile", previous)], &known).unwrap();
    let meddled = Records::new(Arc::new(Meddled::with(inner.clone(), changed)));
    let swept = Change::OutboxDelete {
        event_id: RequestId::from_random([9; 16]),
    };
    let changes = vec![put(1, "Encrypt"), swept];
    meddled.apply(changes).await.unwrap();
    assert_eq!(operation(&store, 1).await.as_deref(), Some("Encrypt"));
    let stored = store.key(account(1), id(1)).await.unwrap().unwrap();
    assert_eq!(stored.value.description, "meanwhile");

    // With other changes, whose decisions may be out of date, the conflict is the caller's.
    let removal = Change::RemoveKey {
        account: account(1),
        key_id: id(1),
        previous: stored.modified,
    };
    let known = store
        .read_for(std::slice::from_ref(&removal))
        .await
        .unwrap();
    let removed = compile(&[removal], &known).unwrap();
    let meddled = Records::new(Arc::new(Meddled::with(inner.clone(), removed.clone())));
    let out = Change::OutboxPut {
        event_id: RequestId::from_random([3; 16]),
        record: vec![],
    };
    let answer = meddled.apply(vec![put(1, "Decrypt"), out]).await;
    assert!(is_conflict(&answer));
    assert_eq!(count_entries(&store).await, 0);

    // Alone, it finds on its second attempt that the key is gone.
    put_new(&store, key(1)).await;
    let entry = layout::key_record(account(1), id(1));
    let gone = Batch {
        conditions: vec![],
        writes: vec![Write::Delete { key: entry }],
    };
    let meddled = Records::new(Arc::new(Meddled::with(inner, gone)));
    meddled.apply(vec![put(1, "Decrypt")]).await.unwrap();
    assert_eq!(count_entries(&store).await, 0);
}
