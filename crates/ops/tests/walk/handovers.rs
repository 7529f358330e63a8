//! Handovers of the primary role by many hands, and one after the other.

use keystead_engine::{Deletion, MultiRegionRole};
use keystead_store::Change;
use keystead_types::KeyState;
use serde_json::json;

use crate::support::atlas::{Atlas, PLACES};
use crate::support::store::Interleaved;

/// Several hands bring the same handover forward at the same time: one primary key is left.
#[tokio::test]
async fn a_handover_that_many_carry_out_leaves_one_primary_key() {
    for salt in 0..300 {
        let mut seed = salt * 7;
        let atlas = Atlas::over(|| {
            seed += 1000;
            Interleaved::new(seed)
        });
        let (arn, id) = atlas.set(1).await;
        let home = &atlas.worlds[0];
        let moved = async {
            let sent = json!({"KeyId": arn, "PrimaryRegion": PLACES[1]});
            home.call("UpdatePrimaryRegion", sent).await.ok();
        };
        let tag = |value: &'static str| {
            let sent = json!({"KeyId": arn, "Tags": [{"TagKey": "t", "TagValue": value}]});
            async move { drop(home.call("TagResource", sent).await) }
        };
        tokio::join!(
            moved,
            tag("a"),
            atlas.tick(),
            atlas.tick(),
            tag("b"),
            atlas.tick()
        );
        for _ in 0..8 {
            atlas.tick().await;
            let now = atlas.worlds[0].site.now();
            atlas.clock.set(now.plus_millis(11_000));
        }
        let members = atlas.members(id).await;
        let roles: Vec<_> = members
            .iter()
            .map(|(at, one)| (PLACES[*at], one.multi_region.as_ref().unwrap().role))
            .collect();
        let leads = |(_, role): &&(&str, _)| *role == keystead_engine::MultiRegionRole::Primary;
        assert_eq!(roles.iter().filter(leads).count(), 1, "{salt}: {roles:?}");
        atlas.check_rest(id).await;
    }
}

/// A process that is killed in each of two handovers: the second one counts.
#[tokio::test]
async fn a_former_primary_key_does_not_take_its_role_back() {
    for first in 1..5 {
        for second in 1..6 {
            let mut atlas = Atlas::new();
            let (arn, id) = atlas.set(2).await;
            let [one, two] = [1, 2].map(|at| arn.replace(PLACES[0], PLACES[at]));
            let sent = json!({"KeyId": arn, "PrimaryRegion": PLACES[1]});
            let home = atlas.worlds[0].call("UpdatePrimaryRegion", sent);
            atlas.killed_after(first, home).await;
            atlas.restart();
            let sent = json!({"KeyId": one, "PrimaryRegion": PLACES[2]});
            let on = atlas.worlds[1].call("UpdatePrimaryRegion", sent);
            let moved = atlas.killed_after(second, on).await;
            atlas.restart();
            let shown = atlas.members(id).await;
            let before = shown[2].1.multi_region.clone().unwrap().role;
            for _ in 0..8 {
                atlas.settle().await;
            }
            let members = atlas.check_rest(id).await;
            let after = members[2].1.multi_region.clone().unwrap().role;
            if before == keystead_engine::MultiRegionRole::Primary {
                assert_eq!(before, after, "{two} {first} {second} {}", moved.is_some());
            }
        }
    }
}

/// A handover to a replica whose destruction has been decided, and that still waits to be cleared
/// away: it does not come back, and the role stays.
#[tokio::test]
async fn a_replica_that_has_been_destroyed_is_not_crowned() {
    let mut atlas = Atlas::new();
    let (arn, id) = atlas.set(1).await;
    let sent = json!({"KeyId": arn, "PrimaryRegion": PLACES[1]});
    let moved = atlas.worlds[0].call("UpdatePrimaryRegion", sent);
    assert!(atlas.killed_after(1, moved).await.is_none());
    atlas.restart();
    let before = atlas.members(id).await;
    let handover = |at: usize| before[at].1.multi_region.clone().unwrap().handover;
    assert_eq!(handover(0).unwrap().as_str(), PLACES[1]);
    let there = &atlas.worlds[1];
    let stored = there.stored(&arn).await.unwrap();
    let mut record = stored.value;
    record.state = KeyState::PendingDeletion;
    record.deletion = Some(Deletion {
        due: there.site.now(),
        window_days: 0,
    });
    let change = Change::PutKey {
        record,
        previous: Some(stored.modified),
    };
    there.records.apply(vec![change]).await.unwrap();
    atlas.restart();
    for _ in 0..8 {
        atlas.settle().await;
    }
    let members = atlas.check_rest(id).await;
    let [(0, home)] = members.as_slice() else {
        panic!("{members:?}");
    };
    let role = home.multi_region.clone().unwrap().role;
    assert_eq!(
        (role, home.state),
        (MultiRegionRole::Primary, KeyState::Enabled)
    );
}
