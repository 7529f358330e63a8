//! The role of the primary key moves to a replica.

use keystead_store::Versioned;
use keystead_store::records::{KeyRecord, MultiRegion, MultiRegionRole, Replica};
use keystead_types::{Fault, KeyState, Region};

use super::attending::{Attended, attend, is_current, shown_alike};
use super::{CROWN, Round, SYNCHRONIZE, converge_boxed, neighbour, put, set_of};
use crate::destruction;
use crate::site::Site;

/// Gives the role of the primary key to a replica: that is brought in line and takes it, then the
/// old one gives it up. Until then the old one refuses what a primary key alone may do.
pub(super) async fn hand_over(
    site: &Site,
    stored: Versioned<KeyRecord>,
    to: &Region,
) -> Result<Round, Fault> {
    let record = &stored.value;
    let (account, key_id) = (record.account, record.key_id);
    let there = neighbour(site, to).await?;
    let there = there.ok_or_else(|| Fault::internal("a replica's Region is not served"))?;
    let heir = there.records().key(account, key_id).await;
    // One whose destruction has been decided must not come back as the primary key.
    let heir = heir.map_err(Fault::internal)?;
    let heir = heir.filter(|heir| !destruction::has_begun(&heir.value));
    let mut next = record.clone();
    if next.state == KeyState::Updating {
        next.state = KeyState::Enabled;
    }
    let Some(heir) = heir else {
        // It is gone: the role stays here.
        if let Some(set) = &mut next.multi_region {
            set.handover = None;
        }
        put(site, stored, next, SYNCHRONIZE, Vec::new()).await?;
        return Ok(Round::Again);
    };
    let mut replicas: Vec<Replica> = set_of(record)?.replicas.clone();
    replicas.retain(|one| one.region != *to);
    replicas.push(Replica {
        region: site.region().clone(),
        established: true,
    });
    replicas.sort_by(|one, other| one.region.cmp(&other.region));
    if set_of(&heir.value)?.role == MultiRegionRole::Replica {
        match attend(site, &there, &stored).await? {
            Attended::InLine(record) if *record == heir.value => {}
            _ => return Ok(Round::Again),
        }
        let mut crowned = heir.value.clone();
        crowned.multi_region = Some(MultiRegion {
            role: MultiRegionRole::Primary,
            primary: to.clone(),
            replicas: replicas.clone(),
            handover: None,
            sync_due: Some(site.now()),
        });
        if crowned.state == KeyState::PendingDeletion {
            // Scheduled meanwhile: as a primary key it goes after its replicas.
            crowned.state = KeyState::PendingReplicaDeletion;
        }
        let current = is_current(site, &stored).await?;
        if !current || !put(&there, heir, crowned, CROWN, Vec::new()).await? {
            return Ok(Round::Again);
        }
    }
    next.multi_region = Some(MultiRegion {
        role: MultiRegionRole::Replica,
        primary: to.clone(),
        replicas: shown_alike(&replicas),
        handover: None,
        sync_due: None,
    });
    if put(site, stored, next, "", Vec::new()).await? {
        converge_boxed(&there, account, key_id).await?;
    }
    Ok(Round::Again)
}
