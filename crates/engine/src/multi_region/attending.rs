//! A replica brought in line with its primary key: what they share, and the material itself.

use keystead_audit::ReceiptNote;
use keystead_store::Versioned;
use keystead_store::records::{
    Deletion, KeyRecord, Material, MaterialState, MultiRegion, MultiRegionRole, Replica,
    WrappedKeyBytes,
};
use keystead_types::{Fault, KeyState, MaterialId, Origin, Region, Timestamp};
use keystead_wall::{Command, KeyHandle, Outcome, Reply, WrappedKey};

use super::{SYNCHRONIZE, arn, put, set_of};
use crate::destruction;
use crate::entry;
use crate::limits::RECEIPTS_PER_TRANSFER;
use crate::ready::{noted, refused, settle_import_state, unanswered, wrong_reply};
use crate::site::Site;

/// Whether a record is still the stored one.
pub(super) async fn is_current(site: &Site, held: &Versioned<KeyRecord>) -> Result<bool, Fault> {
    let KeyRecord {
        account, key_id, ..
    } = held.value;
    let found = site.records().key(account, key_id).await;
    let found = found.map_err(Fault::internal)?;
    Ok(found.is_some_and(|found| found.modified == held.modified))
}

/// What was found of a replica.
pub(super) enum Attended {
    /// It has no record.
    Missing,
    /// It was not in line: it has been changed, or others changed it.
    Changed,
    /// It is in line.
    InLine(Box<KeyRecord>),
}

/// Brings one replica in line.
pub(super) async fn attend(
    site: &Site,
    there: &Site,
    leader: &Versioned<KeyRecord>,
) -> Result<Attended, Fault> {
    let primary = &leader.value;
    let stored = there.records().key(primary.account, primary.key_id).await;
    let stored = stored.map_err(Fault::internal)?;
    // One whose destruction has been decided gets no material any more, and holds nothing up.
    let Some(stored) = stored.filter(|stored| !destruction::has_begun(&stored.value)) else {
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
pub(super) fn shown_alike(replicas: &[Replica]) -> Vec<Replica> {
    let alike = replicas.iter().map(|one| Replica {
        region: one.region.clone(),
        established: true,
    });
    alike.collect()
}

/// What the primary key may do now that these replicas are in line, and the others are gone.
pub(super) fn advance(
    primary: &mut KeyRecord,
    members: &[(Region, Box<KeyRecord>)],
    now: Timestamp,
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
