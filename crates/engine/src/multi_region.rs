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

use std::sync::Arc;

use keystead_audit::ReceiptNote;
use keystead_store::records::{
    Deletion, KeyRecord, Material, MaterialState, MultiRegion, MultiRegionRole, Replica,
    WrappedKeyBytes,
};
use keystead_store::{Change, Versioned};
use keystead_types::{AccountId, Fault, KeyArn, KeyId, KeyState, MaterialId, Origin, Region};
use keystead_wall::{Command, KeyHandle, Outcome, Reply, WrappedKey};

use crate::entry;
use crate::limits::{
    CONVERGE_ROUNDS, HANDOVERS_MISSED, RECEIPTS_PER_TRANSFER, REPLICA_UNNAMED_MILLIS,
    SYNC_RETRY_MILLIS,
};
use crate::ready::{noted, refused, settle_import_state, unanswered, wrong_reply};
use crate::service;
use crate::site::{FoundSite, Site};

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

/// Whether a record is still the stored one.
async fn is_current(site: &Site, held: &Versioned<KeyRecord>) -> Result<bool, Fault> {
    let KeyRecord {
        account, key_id, ..
    } = held.value;
    let found = site.records().key(account, key_id).await;
    let found = found.map_err(Fault::internal)?;
    Ok(found.is_some_and(|found| found.modified == held.modified))
}

/// What was found of a replica.
enum Attended {
    /// It has no record.
    Missing,
    /// It was not in line: it has been changed, or others changed it.
    Changed,
    /// It is in line.
    InLine(Box<KeyRecord>),
}

/// Brings one replica in line.
async fn attend(
    site: &Site,
    there: &Site,
    leader: &Versioned<KeyRecord>,
) -> Result<Attended, Fault> {
    let primary = &leader.value;
    let stored = there.records().key(primary.account, primary.key_id).await;
    let Some(stored) = stored.map_err(Fault::internal)? else {
        return Ok(Attended::Missing);
    };
    if set_of(primary)?.handover.as_ref() == Some(there.region())
        && set_of(&stored.value)?.role == MultiRegionRole::Primary
    {
        // It has taken the role meanwhile, and does not follow any more.
        return Ok(Attended::Changed);
    }
    let unknown = |theirs: &Material| {
        primary.origin == Origin::AwsKms
            && theirs.wrapped.is_some()
            && primary.material(&theirs.id).is_none()
    };
    if stored.value.materials.iter().any(unknown) {
        // To follow would be to lose it, and what it encrypted with it.
        let lost = "a replica has key material that its primary key does not know";
        return Err(Fault::internal(lost));
    }
    let mut next = aligned(primary, &stored.value);
    let mut receipts = Vec::new();
    for (own, theirs) in primary.materials.iter().zip(&mut next.materials) {
        if let (Origin::AwsKms, None, Some(wrapped)) =
            (primary.origin, &theirs.wrapped, &own.wrapped)
        {
            if receipts.len() >= RECEIPTS_PER_TRANSFER {
                // The rest follows in the next round; until then the key is not ready.
                next.state = stored.value.state;
                break;
            }
            let moved = transfer(site, there, primary, own.id, wrapped, &mut receipts).await;
            match moved {
                Ok(wrapped) => theirs.wrapped = Some(wrapped),
                Err(fault) => return Err(told(there, primary, receipts, fault).await),
            }
        }
    }
    if next == stored.value {
        return Ok(Attended::InLine(Box::new(next)));
    }
    // After the replica was read, so that it cannot be brought in line with what is past.
    if is_current(site, leader).await? {
        put(there, stored, next, SYNCHRONIZE, receipts).await?;
    } else if !receipts.is_empty() {
        let late = Fault::internal("the primary key's record changed meanwhile");
        told(there, primary, receipts, late).await;
    }
    Ok(Attended::Changed)
}

/// Records the commands that the HSM counted although they came to nothing.
async fn told(site: &Site, record: &KeyRecord, receipts: Vec<ReceiptNote>, fault: Fault) -> Fault {
    if receipts.is_empty() {
        return fault;
    }
    let mut entry = site
        .trail()
        .service_event(SYNCHRONIZE, record.account, None);
    entry.resource(arn(site, record));
    receipts.into_iter().for_each(|one| entry.receipt(one));
    let settled = entry.settle::<()>(Err(fault)).publish().await;
    match settled.into_outcome() {
        Err(fault) => fault,
        Ok(()) => Fault::internal("a failed transfer was recorded as done"),
    }
}

/// A replica's record as the primary key's wants it. What is each key's own stays.
/// Source: KMS Developer Guide, "Shared properties of multi-Region keys".
fn aligned(primary: &KeyRecord, replica: &KeyRecord) -> KeyRecord {
    let mut next = replica.clone();
    next.rotation = primary.rotation;
    next.on_demand_rotations = primary.on_demand_rotations;
    next.public_key = primary.public_key.clone();
    let shared = primary.multi_region.as_ref();
    next.multi_region = shared.map(|set| MultiRegion {
        role: MultiRegionRole::Replica,
        primary: set.primary.clone(),
        replicas: shown_alike(&set.replicas),
        handover: None,
        sync_due: match (&replica.multi_region, replica.state) {
            (Some(own), state) if state != KeyState::Creating => own.sync_due,
            _ => None,
        },
    });
    let material = |own: &Material| match replica.material(&own.id) {
        Some(theirs) => Material {
            state: own.state,
            rotation: own.rotation,
            rotated_at: own.rotated_at,
            created: own.created,
            ..theirs.clone()
        },
        None => Material {
            wrapped: None,
            import: own.import.as_ref().map(|_| Default::default()),
            ..own.clone()
        },
    };
    next.materials = primary.materials.iter().map(material).collect();
    next.state = match (replica.state, primary.origin) {
        (KeyState::Creating, Origin::External) => KeyState::PendingImport,
        (KeyState::Creating, _) => KeyState::Enabled,
        // The former primary key, if it was killed before it gave up its role.
        (KeyState::Updating, _) => KeyState::Enabled,
        (other, _) => other,
    };
    if primary.origin == Origin::External {
        settle_import_state(&mut next);
    }
    next
}

/// Replicas keep the list of members only to show it.
fn shown_alike(replicas: &[Replica]) -> Vec<Replica> {
    let alike = replicas.iter().map(|one| Replica {
        region: one.region.clone(),
        established: true,
    });
    alike.collect()
}

/// What the primary key may do now that these replicas are in line, and the others are gone.
fn advance(
    primary: &mut KeyRecord,
    members: &[(Region, Box<KeyRecord>)],
    now: keystead_types::Timestamp,
) {
    let everywhere = |id: &MaterialId| {
        let has = |record: &KeyRecord| record.material(id).is_some_and(|m| m.wrapped.is_some());
        members.iter().all(|(_, record)| has(record))
    };
    let ready = primary
        .materials
        .iter()
        .position(|one| one.state == MaterialState::Distributing && everywhere(&one.id));
    if let Some(at) = ready {
        let mut fresh = primary.materials.remove(at);
        fresh.rotated_at = Some(now);
        primary.push_current(fresh);
    }
    for material in &mut primary.materials {
        if material.state == MaterialState::PendingMultiRegionImportAndRotation
            && material.wrapped.is_some()
            && everywhere(&material.id)
        {
            material.state = MaterialState::PendingRotation;
        }
    }
    let Some(set) = &mut primary.multi_region else {
        return;
    };
    set.replicas
        .retain(|one| members.iter().any(|(region, _)| *region == one.region));
    for replica in &mut set.replicas {
        replica.established = true;
    }
    if primary.state == KeyState::PendingReplicaDeletion && set.replicas.is_empty() {
        let window_days = primary.deletion.map_or(30, |deletion| deletion.window_days);
        primary.state = KeyState::PendingDeletion;
        primary.deletion = Some(Deletion {
            due: now.plus_days(window_days),
            window_days,
        });
    }
}

/// Moves one version of the material to another Region: wall to wall.
async fn transfer(
    site: &Site,
    there: &Site,
    record: &KeyRecord,
    id: MaterialId,
    wrapped: &WrappedKeyBytes,
    receipts: &mut Vec<ReceiptNote>,
) -> Result<WrappedKeyBytes, Fault> {
    let own = entry::binding(site.region(), record, id);
    let command = Command::ExportKey {
        key: KeyHandle {
            binding: &own,
            wrapped: &WrappedKey(wrapped.0.clone()),
        },
        to: there.region(),
    };
    let transport = match ask(site, command, receipts).await? {
        Reply::Sealed(transport) => transport,
        _ => return Err(wrong_reply()),
    };
    let theirs = entry::binding(there.region(), record, id);
    let command = Command::AdoptKey {
        binding: &theirs,
        from: site.region(),
        transport: &transport,
    };
    match ask(there, command, receipts).await? {
        Reply::NewKey {
            material_id,
            wrapped,
            ..
        } if material_id == id => Ok(WrappedKeyBytes(wrapped.0)),
        _ => Err(wrong_reply()),
    }
}

async fn ask(
    site: &Site,
    command: Command<'_>,
    receipts: &mut Vec<ReceiptNote>,
) -> Result<Reply, Fault> {
    let Outcome { result, receipt } = site.hsm().call(command).await.map_err(unanswered)?;
    receipts.push(noted(receipt));
    result.map_err(refused)
}

/// Gives the role of the primary key to a replica: that is brought in line and takes it, then the
/// old one gives it up. Until then the old one refuses what a primary key alone may do.
async fn hand_over(site: &Site, stored: Versioned<KeyRecord>, to: &Region) -> Result<Round, Fault> {
    let record = &stored.value;
    let (account, key_id) = (record.account, record.key_id);
    let there = neighbour(site, to).await?;
    let there = there.ok_or_else(|| Fault::internal("a replica's Region is not served"))?;
    let heir = there.records().key(account, key_id).await;
    let heir = heir.map_err(Fault::internal)?;
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
pub(crate) fn note_changes(
    held: &KeyRecord,
    record: &mut KeyRecord,
    now: keystead_types::Timestamp,
) {
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
pub(crate) fn retry_at(now: keystead_types::Timestamp) -> keystead_types::Timestamp {
    now.plus_millis(SYNC_RETRY_MILLIS)
}
