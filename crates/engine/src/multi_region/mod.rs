//! Multi-Region keys: replicas are brought in line with their primary key.
//!
//! The primary key's record decides. A request changes it and notes that replicas must follow
//! (`sync_due`); [`converge`] then makes them follow, round by round, each step by itself durable
//! and repeatable. Whoever is killed in between leaves the note, and the clockwork goes on.
//! A replica that changed what its primary key waits for (its part of an import) puts the note
//! there first and drops its own then.
//!
//! No step may undo a later one. A record is only replaced as it was read, and a replica only
//! while the primary key's record that it is brought in line with is still the stored one: whoever
//! changed that later finds the replica as it was left. While a primary key hands its role over,
//! nothing that the set shares changes (state Updating), so the new one begins where it ended.
//! Material crosses only as the HSM process of one Region sealed it for that of the other.

mod attending;
mod handover;

use std::sync::Arc;

use keystead_audit::ReceiptNote;
use keystead_store::records::{
    KeyRecord, Material, MaterialState, MultiRegion, MultiRegionRole, Replica,
};
use keystead_store::{Change, Versioned};
use keystead_types::{AccountId, Fault, KeyArn, KeyId, KeyState, Region, Timestamp};

use crate::limits::{CONVERGE_ROUNDS, HANDOVERS_MISSED, REPLICA_UNNAMED_MILLIS, SYNC_RETRY_MILLIS};
use crate::service;
use crate::site::{FoundSite, Site};
use attending::{Attended, advance, attend};
use handover::hand_over;

/// The event of a replica that follows its primary key.
/// Source: KMS Developer Guide, "SynchronizeMultiRegionKey" CloudTrail entries.
const SYNCHRONIZE: &str = "SynchronizeMultiRegionKey";

/// The event of a replica that becomes the primary key.
/// Source: KMS Developer Guide, "UpdatePrimaryRegion" CloudTrail entries.
const CROWN: &str = "UpdatePrimaryRegion";

/// What a round came to.
enum Round {
    /// All is in line.
    Done,
    /// Something was changed, by this round or by others meanwhile: look again.
    Again,
}

/// Brings the members of a set in line with their primary key, as far as it goes now.
///
/// Errors: the first failure of storage or HSM; the rest stays due.
pub(crate) async fn converge(site: &Site, account: AccountId, key_id: KeyId) -> Result<(), Fault> {
    for _ in 0..CONVERGE_ROUNDS {
        let stored = site.records().key(account, key_id).await;
        let Some(stored) = stored.map_err(Fault::internal)? else {
            return Ok(());
        };
        let role = stored.value.multi_region.as_ref().map(|set| set.role);
        let round = match role {
            None => return Ok(()),
            Some(MultiRegionRole::Primary) => lead(site, stored).await?,
            Some(MultiRegionRole::Replica) => follow(site, stored).await?,
        };
        if matches!(round, Round::Done) {
            return Ok(());
        }
    }
    Ok(())
}

/// The same, boxed: a replica asks its primary key, which asks its replicas.
fn converge_boxed<'a>(
    site: &'a Site,
    account: AccountId,
    key_id: KeyId,
) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>> {
    Box::pin(converge(site, account, key_id))
}

/// The set that a record's key belongs to. Only called for keys that have one.
fn set_of(record: &KeyRecord) -> Result<&MultiRegion, Fault> {
    let set = record.multi_region.as_ref();
    set.ok_or_else(|| Fault::internal("a multi-Region key without a set"))
}

fn neighbour<'a>(site: &'a Site, region: &'a Region) -> FoundSite<'a> {
    site.neighbours().site(region)
}

/// A replica's part: it has its primary key look at it.
async fn follow(site: &Site, stored: Versioned<KeyRecord>) -> Result<Round, Fault> {
    let record = &stored.value;
    let set = set_of(record)?;
    if set.sync_due.is_none() {
        return Ok(Round::Done);
    }
    let (account, key_id) = (record.account, record.key_id);
    let Some((primary, leader)) = leader(site, record).await? else {
        return Ok(Round::Done);
    };
    let led = set_of(&leader.value)?;
    let named = led.replicas.iter().any(|one| one.region == *site.region());
    if !named && record.materials.is_empty() {
        return unnamed(site, stored).await;
    }
    if led.sync_due.is_none() {
        let mut told = leader.value.clone();
        if let Some(set) = &mut told.multi_region {
            set.sync_due = Some(site.now());
        }
        if !put(&primary, leader, told, "", Vec::new()).await? {
            return Ok(Round::Again);
        }
    }
    let mut next = record.clone();
    if let Some(set) = &mut next.multi_region {
        set.sync_due = None;
    }
    if !put(site, stored, next, "", Vec::new()).await? {
        return Ok(Round::Again);
    }
    converge_boxed(&primary, account, key_id).await?;
    Ok(Round::Again)
}

/// The primary key of a replica's set. A replica that has missed a handover names an earlier one,
/// which names the next.
async fn leader(
    site: &Site,
    record: &KeyRecord,
) -> Result<Option<(Arc<Site>, Versioned<KeyRecord>)>, Fault> {
    let mut region = set_of(record)?.primary.clone();
    for _ in 0..HANDOVERS_MISSED {
        let Some(there) = neighbour(site, &region).await? else {
            return Ok(None);
        };
        let found = there.records().key(record.account, record.key_id).await;
        let Some(found) = found.map_err(Fault::internal)? else {
            return Ok(None);
        };
        let set = set_of(&found.value)?;
        if set.role == MultiRegionRole::Primary {
            return Ok(Some((there, found)));
        }
        region = set.primary.clone();
    }
    Ok(None)
}

/// A replica that its primary key does not name: its request is still on its way, or was killed.
async fn unnamed(site: &Site, stored: Versioned<KeyRecord>) -> Result<Round, Fault> {
    let Versioned {
        value: record,
        modified: previous,
    } = stored;
    let age = site.now().as_millis() - record.created.as_millis();
    if age < REPLICA_UNNAMED_MILLIS {
        return Ok(Round::Done);
    }
    let mut entry = site
        .trail()
        .service_event("DeleteKey", record.account, None);
    entry.resource(arn(site, &record));
    let change = Change::RemoveKey {
        account: record.account,
        key_id: record.key_id,
        previous,
    };
    service::commit(site, entry, vec![change]).await?;
    Ok(Round::Done)
}

/// A primary key's part: its replicas follow it, and what waited for them goes on.
async fn lead(site: &Site, stored: Versioned<KeyRecord>) -> Result<Round, Fault> {
    let set = set_of(&stored.value)?.clone();
    if set.sync_due.is_none() {
        return Ok(Round::Done);
    }
    let heir = set.handover.as_ref();
    let (mut members, mut changed, mut failed) = (Vec::new(), false, None);
    // The heir comes after all others: who led before must have given the role up before it moves
    // on, or would take it back.
    let others = |one: &&Replica| heir != Some(&one.region);
    for replica in set.replicas.iter().filter(others) {
        match attend_at(site, &replica.region, &stored).await {
            // It was deleted: its record was made before any primary key named it.
            Ok(Attended::Missing) => {}
            Ok(Attended::Changed) => changed = true,
            Ok(Attended::InLine(record)) => members.push((replica.region.clone(), record)),
            // One Region that cannot be reached does not hold up the others.
            Err(fault) => failed = failed.or(Some(fault)),
        }
    }
    if let Some(fault) = failed {
        return Err(fault);
    }
    if changed {
        return Ok(Round::Again);
    }
    if let Some(to) = heir {
        return hand_over(site, stored, to).await;
    }
    let mut next = stored.value.clone();
    advance(&mut next, &members, site.now());
    let in_line = next == stored.value;
    if in_line && let Some(set) = &mut next.multi_region {
        set.sync_due = None;
    }
    let name = if in_line { "" } else { SYNCHRONIZE };
    put(site, stored, next, name, Vec::new()).await?;
    Ok(Round::Again)
}

async fn attend_at(
    site: &Site,
    region: &Region,
    primary: &Versioned<KeyRecord>,
) -> Result<Attended, Fault> {
    let there = neighbour(site, region).await?;
    let there = there.ok_or_else(|| Fault::internal("a replica's Region is not served"))?;
    attend(site, &there, primary).await
}

/// Stores a record as it shall be; with an event if it is worth one. False: others were faster.
async fn put(
    site: &Site,
    stored: Versioned<KeyRecord>,
    next: KeyRecord,
    event: &'static str,
    receipts: Vec<ReceiptNote>,
) -> Result<bool, Fault> {
    let place = arn(site, &next);
    let account = next.account;
    let change = Change::PutKey {
        record: next,
        previous: Some(stored.modified),
    };
    if event.is_empty() && receipts.is_empty() {
        return service::commit_quietly(site, vec![change]).await;
    }
    let details = format!(r#"{{"keyId":"{place}"}}"#).into_bytes();
    let mut entry = site.trail().service_event(event, account, Some(details));
    entry.resource(place);
    receipts.into_iter().for_each(|one| entry.receipt(one));
    service::commit(site, entry, vec![change]).await
}

fn arn(site: &Site, record: &KeyRecord) -> KeyArn {
    KeyArn {
        region: site.region().clone(),
        account: record.account,
        key_id: record.key_id,
    }
}

/// Notes in a changed record that the other members must follow, if it changed what they share.
pub(crate) fn note_changes(held: &KeyRecord, record: &mut KeyRecord, now: Timestamp) {
    let shared = |record: &KeyRecord| {
        let set = record.multi_region.as_ref();
        (
            record.rotation,
            record.materials.clone(),
            record.on_demand_rotations,
            set.map(|set| (set.replicas.clone(), set.handover.clone())),
            record.state == KeyState::PendingReplicaDeletion,
        )
    };
    let changed = shared(held) != shared(record);
    if let Some(set) = &mut record.multi_region
        && changed
        && !(set.role == MultiRegionRole::Primary && set.replicas.is_empty())
    {
        set.sync_due = Some(now);
    }
}

/// Makes rotated material the current one: at once, or for the primary key of a set once every
/// replica has it.
pub(crate) fn add_rotated(record: &mut KeyRecord, mut material: Material) {
    let replicas = record.multi_region.as_ref().map(|set| &set.replicas);
    if replicas.is_some_and(|replicas| !replicas.is_empty()) {
        material.state = MaterialState::Distributing;
        record.materials.push(material);
    } else {
        record.push_current(material);
    }
}

/// When the clockwork looks again at a set that could not be brought in line.
pub(crate) fn retry_at(now: Timestamp) -> Timestamp {
    now.plus_millis(SYNC_RETRY_MILLIS)
}
