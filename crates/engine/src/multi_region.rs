//! Multi-Region keys: replicas are brought in line with their primary key.
//!
//! The primary key's record decides. A request changes it and notes that replicas must follow
//! (`sync_due`); [`converge`] then makes them follow, round by round, each step by itself durable
//! and repeatable. Whoever is killed in between leaves the note, and the clockwork goes on.
//! Material crosses only as the HSM process of one Region sealed it for that of the other.

use keystead_audit::ReceiptNote;
use keystead_store::records::{
    Deletion, KeyRecord, Material, MaterialState, MultiRegion, MultiRegionRole, Replica,
    WrappedKeyBytes,
};
use keystead_store::{Change, Versioned};
use keystead_types::{AccountId, Fault, KeyArn, KeyId, KeyState, MaterialId, Origin, Region};
use keystead_wall::{Command, KeyHandle, Outcome, Reply, WrappedKey};

use crate::entry;
use crate::limits::{CONVERGE_ROUNDS, REPLICA_UNNAMED_MILLIS, SYNC_RETRY_MILLIS};
use crate::ready::{noted, refused, unanswered, wrong_reply};
use crate::service;
use crate::site::{FoundSite, Site};

/// The event of a replica that follows its primary key.
/// Source: KMS Developer Guide, "SynchronizeMultiRegionKey" CloudTrail entries.
const SYNCHRONIZE: &str = "SynchronizeMultiRegionKey";

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
    let Versioned {
        value: record,
        modified,
    } = stored;
    let set = set_of(&record)?;
    if set.sync_due.is_none() {
        return Ok(Round::Done);
    }
    let (account, key_id) = (record.account, record.key_id);
    let Some(primary) = neighbour(site, &set.primary).await? else {
        return Ok(Round::Done);
    };
    let leader = primary.records().key(account, key_id).await;
    let leader = leader.map_err(Fault::internal)?;
    let named = leader.as_ref().is_some_and(|leader| {
        let set = leader.value.multi_region.as_ref();
        set.is_some_and(|set| set.replicas.iter().any(|one| one.region == *site.region()))
    });
    if !named && record.state == KeyState::Creating {
        return unnamed(site, record, modified).await;
    }
    converge_boxed(&primary, account, key_id).await?;
    let again = site.records().key(account, key_id).await;
    let Some(again) = again.map_err(Fault::internal)? else {
        return Ok(Round::Done);
    };
    let mut next = again.value.clone();
    if let Some(set) = &mut next.multi_region {
        set.sync_due = None;
    }
    put(site, again, next, "", Vec::new()).await?;
    Ok(Round::Again)
}

/// A replica that its primary key does not name: its request is still on its way, or was killed.
async fn unnamed(
    site: &Site,
    record: KeyRecord,
    previous: keystead_store::Revision,
) -> Result<Round, Fault> {
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
    if let Some(to) = set.handover {
        return hand_over(site, stored, &to).await;
    }
    let mut members = Vec::new();
    for replica in &set.replicas {
        let there = neighbour(site, &replica.region).await?;
        let there = there.ok_or_else(|| Fault::internal("a replica's Region is not served"))?;
        match attend(site, &there, &stored.value).await? {
            // It was deleted: its record was made before any primary key named it.
            Attended::Missing => {}
            Attended::Changed => return Ok(Round::Again),
            Attended::InLine(record) => members.push((replica.region.clone(), record)),
        }
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
async fn attend(site: &Site, there: &Site, primary: &KeyRecord) -> Result<Attended, Fault> {
    let stored = there.records().key(primary.account, primary.key_id).await;
    let Some(stored) = stored.map_err(Fault::internal)? else {
        return Ok(Attended::Missing);
    };
    let mut next = aligned(primary, &stored.value);
    let mut receipts = Vec::new();
    for (own, theirs) in primary.materials.iter().zip(&mut next.materials) {
        if let (Origin::AwsKms, None, Some(wrapped)) =
            (primary.origin, &theirs.wrapped, &own.wrapped)
        {
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
    put(there, stored, next, SYNCHRONIZE, receipts).await?;
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
    if next.state == KeyState::Creating {
        next.state = match primary.origin {
            Origin::External => KeyState::PendingImport,
            _ => KeyState::Enabled,
        };
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

/// Gives the role of the primary key to a replica: first the new one takes it, then the old one
/// gives it up. Until then the old one refuses what a primary key alone may do.
async fn hand_over(site: &Site, stored: Versioned<KeyRecord>, to: &Region) -> Result<Round, Fault> {
    let record = &stored.value;
    let there = neighbour(site, to).await?;
    let there = there.ok_or_else(|| Fault::internal("a replica's Region is not served"))?;
    let heir = there.records().key(record.account, record.key_id).await;
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
    let set = set_of(record)?;
    let mut replicas: Vec<Replica> = set.replicas.clone();
    replicas.retain(|one| one.region != *to);
    replicas.push(Replica {
        region: site.region().clone(),
        established: true,
    });
    replicas.sort_by(|one, other| one.region.cmp(&other.region));
    if set_of(&heir.value)?.role == MultiRegionRole::Replica {
        let mut crowned = heir.value.clone();
        crowned.multi_region = Some(MultiRegion {
            role: MultiRegionRole::Primary,
            primary: to.clone(),
            replicas: replicas.clone(),
            handover: None,
            sync_due: Some(site.now()),
        });
        if !put(&there, heir, crowned, "UpdatePrimaryRegion", Vec::new()).await? {
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
    let (account, key_id) = (record.account, record.key_id);
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
