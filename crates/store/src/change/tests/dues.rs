//! The due index: what is in it for which record.

use keystead_types::{Hex32, Region};

use super::*;
use crate::change::due::dues_of;
use crate::layout::DueKind;
use crate::records::{Import, Material, MultiRegion, MultiRegionRole, WrappedKeyBytes};

fn imported(n: u8, valid_to: Option<i64>) -> Material {
    Material {
        import: Some(Import {
            valid_to: valid_to.map(at),
            description: None,
        }),
        ..Material::first(Hex32([n; 32]), WrappedKeyBytes(vec![n]), at(0))
    }
}

fn with(materials: Vec<Material>) -> KeyRecord {
    KeyRecord {
        origin: Origin::External,
        materials,
        ..key(1)
    }
}

fn in_set(sync_due: Option<i64>) -> KeyRecord {
    KeyRecord {
        multi_region: Some(MultiRegion {
            role: MultiRegionRole::Primary,
            primary: Region::parse("eu-central-1").unwrap(),
            replicas: vec![],
            handover: None,
            sync_due: sync_due.map(at),
        }),
        ..key(1)
    }
}

#[tokio::test]
async fn due_entries_follow_the_record_and_its_state() {
    let store = store();
    let rotating = |next, state| KeyRecord {
        state,
        rotation: Some(RotationSetting {
            period_days: 90,
            enabled_at: at(0),
            next: at(next),
        }),
        ..key(1)
    };
    let mut previous = put_new(&store, rotating(10, KeyState::Enabled)).await;
    let deleting = KeyRecord {
        deletion: Some(Deletion {
            due: at(5),
            window_days: 7,
        }),
        ..rotating(20, KeyState::PendingDeletion)
    };
    let steps = [
        (
            rotating(20, KeyState::Enabled),
            Some((20, DueKind::Rotation)),
        ),
        (rotating(20, KeyState::Disabled), None),
        (
            rotating(20, KeyState::Enabled),
            Some((20, DueKind::Rotation)),
        ),
        (deleting, Some((5, DueKind::Deletion))),
        (rotating(20, KeyState::Disabled), None),
    ];
    for (record, expected) in steps {
        let change = Change::PutKey {
            record,
            previous: Some(previous),
        };
        previous = store.apply(vec![change]).await.unwrap();
        let (dues, _) = store.due_before(at(i64::MAX), 10).await.unwrap();
        let found: Vec<_> = dues
            .iter()
            .map(|due| (due.due.as_millis(), due.kind))
            .collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn due_pages_go_on_where_they_stopped() {
    let store = store();
    for n in 1..=5 {
        let rotation = Some(RotationSetting {
            period_days: 90,
            enabled_at: at(0),
            next: at(i64::from(n / 2)),
        });
        put_new(&store, KeyRecord { rotation, ..key(n) }).await;
    }
    let (first, more) = store.due_before(at(1), 2).await.unwrap();
    assert!(more);
    let (rest, more) = store.due_page(at(1), first.last(), 2).await.unwrap();
    assert!(!more);
    let ids: Vec<_> = first.iter().chain(&rest).map(|due| due.key_id).collect();
    assert_eq!(ids, [id(1), id(2), id(3)]);
}

#[tokio::test]
async fn expiry_and_sync_follow_the_record() {
    let store = store();
    let gone = Material {
        wrapped: None,
        ..imported(1, Some(10))
    };
    let generated = Material::first(Hex32([8; 32]), WrappedKeyBytes(vec![]), at(0));
    let both = KeyRecord {
        materials: vec![imported(1, Some(40))],
        ..in_set(Some(7))
    };
    let steps = [
        (
            with(vec![imported(1, Some(20))]),
            vec![(20, DueKind::Expiry)],
        ),
        // The earliest, wherever it stands.
        (
            with(vec![imported(1, Some(30)), imported(2, Some(25))]),
            vec![(25, DueKind::Expiry)],
        ),
        (
            with(vec![imported(1, Some(25)), imported(2, Some(30))]),
            vec![(25, DueKind::Expiry)],
        ),
        // What is gone does not expire again, and what does not expire is not listed.
        (
            with(vec![gone.clone(), imported(2, Some(30))]),
            vec![(30, DueKind::Expiry)],
        ),
        (with(vec![gone]), vec![]),
        (with(vec![imported(1, None), generated]), vec![]),
        (in_set(Some(7)), vec![(7, DueKind::Sync)]),
        (in_set(Some(9)), vec![(9, DueKind::Sync)]),
        (both, vec![(7, DueKind::Sync), (40, DueKind::Expiry)]),
        (in_set(None), vec![]),
    ];
    let mut previous = put_new(&store, key(1)).await;
    for (record, expected) in steps {
        let change = Change::PutKey {
            record,
            previous: Some(previous),
        };
        previous = store.apply(vec![change]).await.unwrap();
        let (dues, _) = store.due_before(at(i64::MAX), 10).await.unwrap();
        let found: Vec<_> = dues
            .iter()
            .map(|due| (due.due.as_millis(), due.kind))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(count_entries(&store).await, 1 + expected.len());
    }
}

#[test]
fn expiry_and_sync_are_due_in_every_state() {
    for state in KeyState::ALL {
        let record = KeyRecord {
            state: *state,
            materials: vec![imported(1, Some(3))],
            deletion: Some(Deletion {
                due: at(1),
                window_days: 7,
            }),
            rotation: Some(RotationSetting {
                period_days: 90,
                enabled_at: at(0),
                next: at(2),
            }),
            ..in_set(Some(4))
        };
        let dues = dues_of(&record);
        let kinds: Vec<_> = dues.iter().map(|due| due.kind).collect();
        let expected = match state {
            KeyState::PendingDeletion => vec![DueKind::Deletion],
            KeyState::Enabled | KeyState::Updating => vec![DueKind::Rotation],
            _ => vec![],
        };
        let expected = [expected, vec![DueKind::Expiry, DueKind::Sync]].concat();
        assert_eq!(kinds, expected, "{state}");
    }
}

#[tokio::test]
async fn all_that_is_due_goes_with_the_key() {
    let store = store();
    let record = KeyRecord {
        state: KeyState::PendingDeletion,
        materials: vec![imported(1, Some(3))],
        deletion: Some(Deletion {
            due: at(1),
            window_days: 7,
        }),
        ..in_set(Some(4))
    };
    let previous = put_new(&store, record).await;
    let (dues, _) = store.due_before(at(10), 10).await.unwrap();
    let kinds: Vec<_> = dues.iter().map(|due| due.kind).collect();
    assert_eq!(kinds, [DueKind::Deletion, DueKind::Expiry, DueKind::Sync]);
    let remove = Change::RemoveKey {
        account: account(1),
        key_id: id(1),
        previous,
    };
    store.apply(vec![remove]).await.unwrap();
    assert_eq!(count_entries(&store).await, 0);
}
