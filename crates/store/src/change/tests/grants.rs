//! Grants: what finds them, what refuses them, what is left of them.

use keystead_types::{GrantId, GrantOperation, Hex32};

use super::*;
use crate::layout::GrantPlace;
use crate::records::GrantParty;

/// A grant on key `on` that none of the indexes but the one by id lists.
pub(super) fn grant(n: u16, on: u8) -> GrantRecord {
    let [high, low] = n.to_be_bytes();
    let mut grant_id = [7; 32];
    grant_id[0] = high;
    grant_id[1] = low;
    GrantRecord {
        grant_id: Hex32(grant_id),
        account: account(1),
        key_id: id(on),
        name: None,
        grantee: GrantParty::Principal("arn:aws:iam::111122223333:role/app".into()),
        grantee_id: None,
        retiring: None,
        retiring_id: None,
        operations: vec![GrantOperation::Decrypt],
        constraints: None,
        issuing_account: account(1),
        created: at(0),
        fingerprint: None,
        retiring_digest: None,
    }
}

/// A grant that every index lists.
pub(super) fn listed(n: u16, on: u8) -> GrantRecord {
    let plain = grant(n, on);
    GrantRecord {
        name: Some("named".into()),
        retiring: Some(GrantParty::Service("retirer".into())),
        fingerprint: Some(plain.grant_id.0),
        retiring_digest: Some([0xd1; 32]),
        ..plain
    }
}

pub(super) async fn put(store: &Records, record: GrantRecord) -> Revision {
    let key = store.key(record.account, record.key_id).await.unwrap();
    let key = key.unwrap().modified;
    let change = Change::PutGrant { record, key };
    store.apply(vec![change]).await.unwrap()
}

fn remove(record: &GrantRecord, previous: Revision) -> Change {
    Change::RemoveGrant {
        account: record.account,
        key_id: record.key_id,
        grant_id: record.grant_id,
        previous,
    }
}

fn remove_key(n: u8, previous: Revision) -> Change {
    Change::RemoveKey {
        account: account(1),
        key_id: id(n),
        previous,
    }
}

fn is_corrupt<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Corrupt(_)))
}

fn ids(page: &(Vec<crate::Versioned<GrantRecord>>, bool)) -> Vec<GrantId> {
    page.0.iter().map(|grant| grant.value.grant_id).collect()
}

#[tokio::test]
async fn a_grant_is_found_every_way_until_it_goes() {
    let store = store();
    put_new(&store, key(1)).await;
    put(&store, grant(1, 1)).await;
    let before = count_entries(&store).await;
    let record = listed(2, 1);
    let modified = put(&store, record.clone()).await;
    let (print, digest) = (record.grant_id.0, [0xd1; 32]);
    let expected = crate::Versioned {
        value: record.clone(),
        modified,
    };
    let found = store.grant(account(1), id(1), record.grant_id).await;
    assert_eq!(found.unwrap().as_ref(), Some(&expected));
    let found = store.grant_by_id(record.grant_id).await;
    assert_eq!(found.unwrap().as_ref(), Some(&expected));
    let found = store.grant_by_fingerprint(account(1), id(1), &print).await;
    assert_eq!(found.unwrap().as_ref(), Some(&expected));
    let found = store.grants_by_retiring(&digest, None, 10).await.unwrap();
    assert_eq!(found, (vec![expected.clone()], false));
    let found = store.grants_of(account(1), id(1), None, 10).await.unwrap();
    assert_eq!(found.0.last(), Some(&expected));
    // Not on another key, in another account, for another party.
    for (owner, on) in [(account(1), id(2)), (account(2), id(1))] {
        let found = store.grant(owner, on, record.grant_id).await.unwrap();
        assert!(found.is_none());
        let found = store.grant_by_fingerprint(owner, on, &print).await.unwrap();
        assert!(found.is_none());
        let found = store.grants_of(owner, on, None, 10).await.unwrap();
        assert_eq!(found, (vec![], false));
    }
    let found = store.grants_by_retiring(&[0; 32], None, 10).await.unwrap();
    assert_eq!(found, (vec![], false));

    let stale = remove(&record, Revision(modified.0 - 1));
    assert!(is_conflict(&store.apply(vec![stale]).await));
    assert_eq!(count_entries(&store).await, before + 5);
    let removal = remove(&record, modified);
    store.apply(vec![removal.clone()]).await.unwrap();
    assert_eq!(count_entries(&store).await, before);
    assert!(is_conflict(&store.apply(vec![removal]).await));
    assert!(store.grant_by_id(record.grant_id).await.unwrap().is_none());
    let found = store.grants_of(account(1), id(1), None, 10).await.unwrap();
    assert_eq!(ids(&found), [grant(1, 1).grant_id]);
}

#[tokio::test]
async fn a_grant_needs_its_key_as_it_was_seen() {
    let store = store();
    let put = |key| Change::PutGrant {
        record: listed(1, 1),
        key,
    };
    assert!(is_conflict(&store.apply(vec![put(Revision(1))]).await));
    let first = put_new(&store, key(1)).await;
    let disabled = KeyRecord {
        state: KeyState::Disabled,
        ..key(1)
    };
    let change = Change::PutKey {
        record: disabled,
        previous: Some(first),
    };
    let second = store.apply(vec![change]).await.unwrap();
    assert!(is_conflict(&store.apply(vec![put(first)]).await));
    assert_eq!(count_entries(&store).await, 1);
    store.apply(vec![put(second)]).await.unwrap();
    // Grants do not stand in each other's way: the key itself has not changed.
    let other = Change::PutGrant {
        record: listed(2, 1),
        key: second,
    };
    store.apply(vec![other]).await.unwrap();
}

#[tokio::test]
async fn ids_and_fingerprints_are_used_once() {
    let store = store();
    put_new(&store, key(1)).await;
    let two = put_new(&store, key(2)).await;
    let first = put(&store, listed(1, 1)).await;
    let again = |record, key| Change::PutGrant { record, key };
    let one = store
        .key(account(1), id(1))
        .await
        .unwrap()
        .unwrap()
        .modified;
    assert!(is_conflict(
        &store.apply(vec![again(listed(1, 1), one)]).await
    ));
    // The same id on another key.
    assert!(is_conflict(
        &store.apply(vec![again(grant(1, 2), two)]).await
    ));
    // The same fingerprint under another id; on another key it is free.
    let same_print = |on| GrantRecord {
        fingerprint: listed(1, 1).fingerprint,
        ..listed(2, on)
    };
    assert!(is_conflict(
        &store.apply(vec![again(same_print(1), one)]).await
    ));
    let on_two = store.apply(vec![again(same_print(2), two)]).await.unwrap();
    store
        .apply(vec![remove(&same_print(2), on_two)])
        .await
        .unwrap();
    // Free again once the grant that had it is gone.
    store
        .apply(vec![remove(&listed(1, 1), first)])
        .await
        .unwrap();
    store.apply(vec![again(same_print(1), one)]).await.unwrap();
    let print = same_print(1).fingerprint.unwrap();
    let found = store.grant_by_fingerprint(account(1), id(1), &print).await;
    assert_eq!(found.unwrap().unwrap().value, same_print(1));
}

#[tokio::test]
async fn a_retiring_party_comes_with_its_digest() {
    let store = store();
    let key = put_new(&store, key(1)).await;
    let wrong = [
        GrantRecord {
            retiring_digest: None,
            ..listed(1, 1)
        },
        GrantRecord {
            retiring: None,
            ..listed(1, 1)
        },
    ];
    for record in wrong {
        let change = Change::PutGrant { record, key };
        assert!(is_contradiction(&store.apply(vec![change]).await));
    }
}

/// Stored in indexes: it must never change.
#[test]
fn the_digest_of_a_party_is_sha_256_of_its_kind_and_text() {
    let hex = |party: GrantParty| Hex32(party.digest()).to_string();
    // printf '\002retirer' | sha256sum
    let service = "641b0ef7243ccb842413795d0726ae6de96ee1776985641c649785cf4d0d6f48";
    assert_eq!(hex(GrantParty::Service("retirer".into())), service);
    let principal = "74d44c0abd3d09edbc69bcd275a4d8d41e8d07b565988a3b9885d1838c74a077";
    assert_eq!(hex(GrantParty::Principal("arn".into())), principal);
}

/// The grants of a page, and whether there are more.
fn ids_of((page, more): (Vec<crate::Versioned<GrantRecord>>, bool)) -> (Vec<GrantId>, bool) {
    let ids = page.iter().map(|one| one.value.grant_id);
    (ids.collect(), more)
}

#[tokio::test]
async fn a_grant_that_is_bound_to_a_unique_id_is_found_by_it_alone() {
    let store = store();
    put_new(&store, key(1)).await;
    let bound = GrantRecord {
        grantee_id: Some("AIDA1".into()),
        ..listed(1, 1)
    };
    let other = GrantRecord {
        grantee_id: Some("AIDA2".into()),
        ..listed(2, 1)
    };
    for record in [bound.clone(), other, listed(3, 1)] {
        put(&store, record).await;
    }
    let (one, named) = (crate::records::id_digest("AIDA1"), bound.grantee.digest());
    for (digest, expected) in [(one, 1), (named, 3)] {
        let page = store.grants_by_grantee(account(1), id(1), &digest, None, 10);
        let expected = vec![grant(expected, 1).grant_id];
        assert_eq!(ids_of(page.await.unwrap()), (expected, false));
    }
    let found = store
        .grant(account(1), id(1), bound.grant_id)
        .await
        .unwrap();
    let change = remove(&bound, found.unwrap().modified);
    store.apply(vec![change]).await.unwrap();
    let page = store.grants_by_grantee(account(1), id(1), &one, None, 10);
    assert_eq!(ids_of(page.await.unwrap()), (vec![], false));
}

#[tokio::test]
async fn the_grants_of_a_grantee_are_found_among_those_of_others() {
    let store = store();
    put_new(&store, key(1)).await;
    put_new(&store, key(2)).await;
    let of = |who: &str, n, on| GrantRecord {
        grantee: GrantParty::Principal(who.into()),
        ..listed(n, on)
    };
    for record in [
        of("a", 1, 1),
        of("b", 2, 1),
        of("a", 3, 1),
        of("a", 4, 2),
        of("ab", 5, 1),
    ] {
        put(&store, record).await;
    }
    let find = async |who: &str, on, limit| {
        let digest = GrantParty::Principal(who.into()).digest();
        let page = store.grants_by_grantee(account(1), id(on), &digest, None, limit);
        ids_of(page.await.unwrap())
    };
    let ids = |all: &[u16]| {
        all.iter()
            .map(|n| grant(*n, 1).grant_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(find("a", 1, 10).await, (ids(&[1, 3]), false));
    assert_eq!(find("a", 1, 1).await, (ids(&[1]), true));
    assert_eq!(find("b", 1, 10).await, (ids(&[2]), false));
    assert_eq!(find("a", 2, 10).await, (ids(&[4]), false));
    assert_eq!(find("b", 2, 10).await, (ids(&[]), false));
    // A service of the same name is another party.
    let digest = GrantParty::Service("a".into()).digest();
    let page = store
        .grants_by_grantee(account(1), id(1), &digest, None, 10)
        .await;
    assert!(page.unwrap().0.is_empty());
    let digest = GrantParty::Principal("a".into()).digest();
    let after = Some(grant(1, 1).grant_id);
    let page = store.grants_by_grantee(account(1), id(1), &digest, after, 10);
    assert_eq!(ids_of(page.await.unwrap()), (ids(&[3]), false));
    let gone = of("a", 1, 1);
    let found = store.grant(account(1), id(1), gone.grant_id).await.unwrap();
    let change = remove(&gone, found.unwrap().modified);
    store.apply(vec![change]).await.unwrap();
    assert_eq!(find("a", 1, 10).await, (ids(&[3]), false));
}

#[tokio::test]
async fn grants_are_paged_by_key_and_by_retiring_party() {
    let store = store();
    for (owner, n) in [(1, 1), (1, 2), (2, 1)] {
        let record = KeyRecord {
            account: account(owner),
            ..key(n)
        };
        put_new(&store, record).await;
    }
    let mut expected = Vec::new();
    for (owner, on, n) in [(1, 1, 1), (1, 1, 2), (1, 1, 300), (1, 2, 4), (2, 1, 5)] {
        let record = GrantRecord {
            account: account(owner),
            ..listed(n, on)
        };
        expected.push(record.place());
        put(&store, record).await;
    }
    // Another party's, in the middle of the ids.
    let other = GrantRecord {
        retiring_digest: Some([0xd0; 32]),
        ..listed(3, 1)
    };
    put(&store, other).await;
    for limit in 1..7 {
        let (mut places, mut after) = (Vec::new(), None);
        loop {
            let page = store.grants_by_retiring(&[0xd1; 32], after, limit);
            let (page, more) = page.await.unwrap();
            assert!(page.len() == limit || !more);
            places.extend(page.iter().map(|grant| grant.value.place()));
            after = places
                .last()
                .map(|last: &GrantPlace| (last.account, last.key_id, last.grant_id));
            if !more {
                break;
            }
        }
        assert_eq!(places, expected, "{limit}");
    }
    let first = store.grants_of(account(1), id(1), None, 3).await.unwrap();
    assert_eq!(ids(&first), [1, 2, 3].map(|n| grant(n, 1).grant_id));
    assert!(first.1);
    let after = ids(&first).last().copied();
    let rest = store.grants_of(account(1), id(1), after, 3).await.unwrap();
    assert_eq!(ids(&rest), [grant(300, 1).grant_id]);
    assert!(!rest.1);
    for (at_most, counted) in [(0, 0), (2, 2), (4, 4), (50_000, 4)] {
        let count = store.count_grants_of(account(1), id(1), at_most).await;
        assert_eq!(count.unwrap(), counted);
    }
}

#[tokio::test]
async fn a_page_goes_past_grants_that_are_removed_meanwhile() {
    let store = store();
    put_new(&store, key(1)).await;
    for n in 1..=4 {
        put(&store, listed(n, 1)).await;
    }
    // As between the read of the index and that of the records.
    for n in [1, 2, 4] {
        let key = layout::grant(&listed(n, 1).place());
        let writes = vec![Write::Delete { key }];
        let conditions = vec![];
        let backend = store.backend();
        backend.commit(Batch { conditions, writes }).await.unwrap();
    }
    for (limit, more) in [(1, true), (2, false), (3, true), (4, false)] {
        let page = store.grants_by_retiring(&[0xd1; 32], None, limit).await;
        let page = page.unwrap();
        assert_eq!(ids(&page), [listed(3, 1).grant_id], "{limit}");
        assert_eq!(page.1, more, "{limit}");
    }
    let place = listed(3, 1).place();
    let after = Some((place.account, place.key_id, place.grant_id));
    let rest = store.grants_by_retiring(&[0xd1; 32], after, 1).await;
    assert_eq!(rest.unwrap(), (vec![], false));
}

#[tokio::test]
async fn a_key_takes_its_grants_with_it() {
    let store = store();
    put_new(&store, key(2)).await;
    put(&store, listed(50, 2)).await;
    let before = count_entries(&store).await;
    let previous = put_new(&store, key(1)).await;
    for n in 1..=3 {
        put(&store, grant(n, 1)).await;
        put(&store, listed(n + 10, 1)).await;
    }
    let gone = put(&store, listed(20, 1)).await;
    // One of them in the same batch by its own change.
    let changes = vec![remove(&listed(20, 1), gone), remove_key(1, previous)];
    store.apply(changes).await.unwrap();
    assert_eq!(count_entries(&store).await, before);
    let kept = store.grants_by_retiring(&[0xd1; 32], None, 10).await;
    assert_eq!(ids(&kept.unwrap()), [listed(50, 2).grant_id]);
}

#[tokio::test]
async fn a_key_with_too_many_grants_waits_until_they_are_removed_in_pages() {
    let store = store();
    let previous = put_new(&store, key(1)).await;
    for n in 0..50 {
        put_alias(&store, alias(&format!("alias/{n}"), 1)).await;
    }
    let most = u16::try_from(GRANTS_PER_REMOVAL).unwrap();
    let puts = (0..=most).map(|n| Change::PutGrant {
        record: listed(n, 1),
        key: previous,
    });
    store.apply(puts.collect()).await.unwrap();
    let answer = store.apply(vec![remove_key(1, previous)]).await;
    assert!(matches!(answer, Err(StoreError::Failed(cause)) if cause.is::<TooManyGrants>()));
    assert!(store.key(account(1), id(1)).await.unwrap().is_some());
    let (page, more) = store.grants_of(account(1), id(1), None, 1).await.unwrap();
    assert!(more);
    let removals = page
        .iter()
        .map(|grant| remove(&grant.value, grant.modified));
    store.apply(removals.collect()).await.unwrap();
    // All that one batch may have to hold.
    store.apply(vec![remove_key(1, previous)]).await.unwrap();
    assert_eq!(count_entries(&store).await, 0);
}

#[tokio::test]
async fn a_grant_that_arrives_while_its_key_is_removed_is_never_orphaned() {
    for grants_before in [0, 1] {
        let inner = MemoryBackend::new();
        let store = Records::new(Arc::new(inner.clone()));
        let previous = put_new(&store, key(1)).await;
        if grants_before == 1 {
            put(&store, listed(1, 1)).await;
        }
        let late = Change::PutGrant {
            record: listed(2, 1),
            key: previous,
        };
        let batch = compile(&[late], &Known::default()).unwrap();
        let meddled = Records::new(Arc::new(Meddled::with(inner, batch)));
        let removal = remove_key(1, previous);
        assert!(is_conflict(&meddled.apply(vec![removal.clone()]).await));
        let late = store.grant_by_id(listed(2, 1).grant_id).await.unwrap();
        assert!(late.is_some());
        meddled.apply(vec![removal]).await.unwrap();
        assert_eq!(count_entries(&store).await, 0);
    }
}

#[tokio::test]
async fn a_grant_on_a_key_that_is_removed_meanwhile_is_refused() {
    let inner = MemoryBackend::new();
    let store = Records::new(Arc::new(inner.clone()));
    let previous = put_new(&store, key(1)).await;
    let entry = layout::key_record(account(1), id(1));
    let batch = Batch {
        conditions: vec![],
        writes: vec![Write::Delete { key: entry }],
    };
    let meddled = Records::new(Arc::new(Meddled::with(inner, batch)));
    let late = Change::PutGrant {
        record: listed(1, 1),
        key: previous,
    };
    assert!(is_conflict(&meddled.apply(vec![late]).await));
    assert_eq!(count_entries(&store).await, 0);
}

#[tokio::test]
async fn swapped_grants_and_broken_pointers_are_damage() {
    let store = store();
    put_new(&store, key(1)).await;
    let (one, two) = (listed(1, 1), listed(2, 1));
    let modified = put(&store, one.clone()).await;
    put(&store, two.clone()).await;
    let write = async |key: Vec<u8>, value: Option<Vec<u8>>| {
        let write = match value {
            Some(value) => Write::Put { key, value },
            None => Write::Delete { key },
        };
        let (conditions, writes) = (vec![], vec![write]);
        let backend = store.backend();
        backend.commit(Batch { conditions, writes }).await.unwrap()
    };
    let (owner, on) = (account(1), id(1));
    let print = one.fingerprint.unwrap();

    // An entry that points to another grant, to none, and one that is no pointer.
    let by_print = layout::grant_by_fingerprint(owner, on, &print);
    let missing = grant(9, 1).grant_id.0.to_vec();
    for value in [two.grant_id.0.to_vec(), missing, vec![1; 31], vec![]] {
        write(by_print.clone(), Some(value)).await;
        let answer = store.grant_by_fingerprint(owner, on, &print).await;
        assert!(is_corrupt(&answer));
    }
    let by_id = layout::grant_by_id(&one.grant_id);
    let place = |on: KeyId| [owner.as_str(), on.as_str()].concat().into_bytes();
    for value in [place(id(2)), place(on).split_off(1), vec![]] {
        write(by_id.clone(), Some(value)).await;
        assert!(is_corrupt(&store.grant_by_id(one.grant_id).await));
    }
    write(by_id, Some(place(on))).await;
    assert!(store.grant_by_id(one.grant_id).await.unwrap().is_some());

    // An entry of the index that does not belong to the party.
    let stray = layout::grant_by_retiring(&[1; 32], &one.place());
    write(stray, Some(vec![])).await;
    assert!(is_corrupt(
        &store.grants_by_retiring(&[1; 32], None, 9).await
    ));

    // A record in the place of another.
    let entry = layout::grant(&one.place());
    let swapped = write(entry, Some(two.encode().unwrap())).await;
    assert!(is_corrupt(&store.grant(owner, on, one.grant_id).await));
    assert!(is_corrupt(&store.grant_by_id(one.grant_id).await));
    assert!(is_corrupt(&store.grants_of(owner, on, None, 9).await));
    let answer = store.grants_by_retiring(&[0xd1; 32], None, 9).await;
    assert!(is_corrupt(&answer));
    assert!(is_corrupt(&store.apply(vec![remove(&one, swapped)]).await));
    assert!(is_conflict(
        &store.apply(vec![remove(&one, modified)]).await
    ));
}
