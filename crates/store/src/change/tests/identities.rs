//! Records of identities through a backend.

use super::*;
use crate::layout::{IdentityKind, IdentityPlace};
use crate::records::{
    AccountRecord, GroupRecord, IdentityRecord, PolicySet, ProviderRecord, UserRecord,
};

fn user(name: &str) -> UserRecord {
    UserRecord {
        account: account(1),
        name: name.into(),
        path: "/".into(),
        unique_id: "AIDA2222222222222222A".into(),
        created: at(0),
        tags: vec![],
        policies: PolicySet::default(),
        boundary: None,
        groups: vec![],
        access_keys: vec![],
    }
}

fn group(name: &str, owner: u64) -> IdentityRecord {
    IdentityRecord::Group(GroupRecord {
        account: account(owner),
        name: name.into(),
        path: "/".into(),
        unique_id: "AGPA2222222222222222A".into(),
        created: at(0),
        policies: PolicySet::default(),
    })
}

/// Of several kinds and accounts, in no order.
fn records() -> Vec<IdentityRecord> {
    vec![
        IdentityRecord::Provider(ProviderRecord {
            account: account(1),
            url: "a.example/B".into(),
            client_ids: vec![],
            thumbprints: vec![],
            created: at(0),
            tags: vec![],
        }),
        group("b", 1),
        group("A", 2),
        group("a", 1),
        IdentityRecord::User(user("bc")),
        IdentityRecord::User(user("B")),
        IdentityRecord::Account(AccountRecord {
            account: account(2),
            alias: None,
            created: at(0),
        }),
    ]
}

fn is_corrupt<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Corrupt(_)))
}

#[tokio::test]
async fn identities_are_put_found_replaced_and_removed() {
    let store = store();
    let record = IdentityRecord::User(user("Alice"));
    let put = |record: &IdentityRecord, previous| {
        let record = record.clone();
        store.apply(vec![Change::PutIdentity { record, previous }])
    };
    let first = put(&record, None).await.unwrap();
    // Names count without case; other kinds and accounts are others.
    let place = IdentityPlace::new(IdentityKind::User, account(1), "aLICE");
    let found = store.identity(&place).await.unwrap().unwrap();
    assert_eq!((found.value, found.modified), (record.clone(), first));
    for (kind, number) in [
        (IdentityKind::Role, account(1)),
        (IdentityKind::User, account(2)),
    ] {
        let place = IdentityPlace::new(kind, number, "alice");
        assert!(store.identity(&place).await.unwrap().is_none());
    }
    let renamed = IdentityRecord::User(UserRecord {
        path: "/moved/".into(),
        ..user("ALICE")
    });
    assert!(matches!(
        put(&renamed, None).await,
        Err(StoreError::Conflict)
    ));
    let second = put(&renamed, Some(first)).await.unwrap();
    assert!(matches!(
        put(&record, Some(first)).await,
        Err(StoreError::Conflict)
    ));
    assert_eq!(
        store.identity(&place).await.unwrap().unwrap().value,
        renamed
    );
    let remove = |previous| {
        let place = place.clone();
        store.apply(vec![Change::RemoveIdentity { place, previous }])
    };
    assert!(matches!(remove(first).await, Err(StoreError::Conflict)));
    remove(second).await.unwrap();
    assert!(store.identity(&place).await.unwrap().is_none());
}

#[tokio::test]
async fn identities_are_paged_in_order() {
    let store = store();
    let mut expected = records();
    for record in records() {
        let previous = None;
        let change = Change::PutIdentity { record, previous };
        store.apply(vec![change]).await.unwrap();
    }
    expected.sort_by_key(IdentityRecord::place);
    for limit in 1..8 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (page, more) = store.identities_page(after.as_ref(), limit).await.unwrap();
            assert!(page.len() == limit || !more);
            found.extend(page.into_iter().map(|one| one.value));
            after = found.last().map(IdentityRecord::place);
            if !more {
                break;
            }
        }
        assert_eq!(found, expected, "{limit}");
    }
}

#[tokio::test]
async fn a_record_in_the_place_of_another_is_corrupt() {
    let store = store();
    let place = IdentityPlace::new(IdentityKind::User, account(1), "bob");
    let value = IdentityRecord::User(user("Alice")).encode().unwrap();
    let key = layout::identity(&place);
    let (conditions, writes) = (vec![], vec![Write::Put { key, value }]);
    let batch = Batch { conditions, writes };
    store.backend().commit(batch).await.unwrap();
    assert!(is_corrupt(&store.identity(&place).await));
    assert!(is_corrupt(&store.identities_page(None, 10).await));
}
