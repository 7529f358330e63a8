//! What happens by itself: keys whose waiting period is over are destroyed, keys whose rotation
//! is due get new material, imported material whose time is over is removed, related multi-Region
//! keys are brought in line, and last uses are stored. All is committed and audited like a
//! request, as events of the service itself.

use keystead_audit::Entry;
use keystead_store::records::{
    Import, KeyRecord, Material, MaterialState, MultiRegionRole, Rotation, WrappedKeyBytes,
};
use keystead_store::{Change, DueKind, Versioned};
use keystead_types::{Fault, KeyArn, KeyState};
use keystead_wall::{Command, Outcome, Reply, Supply};

use crate::destruction::destroy;
use crate::entry;
use crate::limits::DUE_BATCH;
use crate::multi_region;
use crate::ready::{noted, refused, settle_import_state, unanswered, wrong_reply};
use crate::service;
use crate::site::Site;
use crate::usage;

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// Keys destroyed.
    pub destroyed: usize,
    /// Keys rotated.
    pub rotated: usize,
    /// Keys whose imported material expired, and sets that were brought in line.
    pub tended: usize,
    /// True when there is more to do at once.
    pub more: bool,
}

/// Whether keys may be destroyed in a run: not while the wall clock is in doubt, for a key
/// destroyed early cannot be brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destruction {
    /// The wall clock has kept pace with the machine's own for a while.
    Allowed,
    /// It has not been watched for long enough, or it has jumped.
    Held,
}

/// Does what is due by now, a bounded part of it. A key that cannot be done stays due and does
/// not hold up those behind it.
///
/// Errors: the first failure of storage or HSM, after all that could be done was done; the rest
/// stays due.
pub async fn run_due(site: &Site, destruction: Destruction) -> Result<Due, Fault> {
    usage::store(site).await;
    site.sweep_outbox().await.map_err(Fault::internal)?;
    let now = site.now();
    let mut run = Run::default();
    let mut after = None;
    loop {
        let page = site.records().due_page(now, after.as_ref(), DUE_BATCH);
        let (found, more) = page.await.map_err(Fault::internal)?;
        for due in &found {
            if due.kind != DueKind::Deletion || destruction == Destruction::Allowed {
                run.one(site, due).await;
            }
        }
        after = found.into_iter().last();
        run.done.more = more;
        if !more || run.done.destroyed + run.done.rotated + run.done.tended >= DUE_BATCH {
            break;
        }
    }
    run.failed.map_or(Ok(run.done), Err)
}

#[derive(Default)]
struct Run {
    done: Due,
    /// The first failure.
    failed: Option<Fault>,
    /// The HSM process gave no answer: no other rotation of this run would get one.
    silent: bool,
}

impl Run {
    async fn one(&mut self, site: &Site, due: &keystead_store::Due) {
        if self.silent && due.kind == DueKind::Rotation {
            return;
        }
        match step(site, due).await {
            Ok(Step::Done) if due.kind == DueKind::Deletion => self.done.destroyed += 1,
            Ok(Step::Done) if due.kind == DueKind::Rotation => self.done.rotated += 1,
            Ok(Step::Done) => self.done.tended += 1,
            Ok(Step::NotNow) => {}
            Ok(Step::Silent(fault)) => {
                self.silent = true;
                self.note(due, fault);
            }
            Err(fault) => self.note(due, fault),
        }
    }

    fn note(&mut self, due: &keystead_store::Due, fault: Fault) {
        let (key_id, kind) = (due.key_id, due.kind);
        tracing::error!(%key_id, ?kind, ?fault, "what is due for a key could not be done");
        self.failed.get_or_insert(fault);
    }
}

pub(crate) enum Step {
    Done,
    /// Not due after all, or changed meanwhile: the next run looks again.
    NotNow,
    /// The HSM process gave no answer.
    Silent(Fault),
}

async fn step(site: &Site, due: &keystead_store::Due) -> Result<Step, Fault> {
    let stored = site.records().key(due.account, due.key_id).await;
    match (stored.map_err(Fault::internal)?, due.kind) {
        (None, _) => Ok(Step::NotNow),
        (Some(stored), DueKind::Deletion) => destroy(site, stored).await,
        (Some(stored), DueKind::Rotation) => rotate(site, stored).await,
        (Some(stored), DueKind::Expiry) => expire(site, stored).await,
        (Some(_), DueKind::Sync) => sync(site, due).await,
    }
}

/// Removes imported material whose time is over. The key waits for it to be imported again, unless
/// it was not in use yet.
async fn expire(site: &Site, stored: Versioned<KeyRecord>) -> Result<Step, Fault> {
    let Versioned {
        value: mut record,
        modified: previous,
    } = stored;
    let now = site.now();
    let held = record.clone();
    let mut expired = false;
    for material in &mut record.materials {
        let over = |import: &Import| import.valid_to.is_some_and(|end| end <= now);
        if material.wrapped.is_some() && material.import.as_ref().is_some_and(over) {
            material.wrapped = None;
            if let Some(import) = &mut material.import {
                import.valid_to = None;
            }
            expired = true;
        }
    }
    if !expired {
        return Ok(Step::NotNow);
    }
    settle_import_state(&mut record);
    multi_region::note_changes(&held, &mut record, now);
    let account = record.account;
    let mut entry = site
        .trail()
        .service_event("DeleteExpiredKeyMaterial", account, None);
    entry.resource(arn(site, &record));
    let change = Change::PutKey {
        record,
        previous: Some(previous),
    };
    commit(site, entry, vec![change]).await
}

/// Goes on with bringing the members of a set in line; what fails is tried again later.
async fn sync(site: &Site, due: &keystead_store::Due) -> Result<Step, Fault> {
    let converged = multi_region::converge(site, due.account, due.key_id).await;
    let stored = site.records().key(due.account, due.key_id).await;
    let Some(stored) = stored.map_err(Fault::internal)? else {
        return converged.map(|()| Step::Done);
    };
    let mut next = stored.value;
    let set = next.multi_region.as_mut();
    if let Some(set) = set.filter(|set| set.sync_due.is_some_and(|at| at <= site.now())) {
        set.sync_due = Some(multi_region::retry_at(site.now()));
        let change = Change::PutKey {
            record: next,
            previous: Some(stored.modified),
        };
        service::commit_quietly(site, vec![change]).await?;
    }
    converged.map(|()| Step::Done)
}

/// Gives the key new material and sets the next date.
async fn rotate(site: &Site, stored: Versioned<KeyRecord>) -> Result<Step, Fault> {
    let Versioned {
        value: mut record,
        modified: previous,
    } = stored;
    let now = site.now();
    let due = record
        .rotation
        .as_ref()
        .is_some_and(|rotation| rotation.next <= now);
    let (KeyState::Enabled, true) = (record.state, due) else {
        return Ok(Step::NotNow);
    };
    // A set rotates at its primary key, and not again before the last rotation is everywhere.
    let set = record.multi_region.as_ref();
    let replica = set.is_some_and(|set| set.role == MultiRegionRole::Replica);
    let mut materials = record.materials.iter();
    if replica || materials.any(|one| one.state == MaterialState::Distributing) {
        return Ok(Step::NotNow);
    }
    let Some(current) = record.current_material() else {
        return Ok(Step::NotNow);
    };
    let old = current.id;
    let binding = entry::binding(site.region(), &record, old);
    let arn = arn(site, &record);
    let event = |receipt, details: Option<String>| {
        let details = details.map(String::into_bytes);
        let mut entry = site
            .trail()
            .service_event("RotateKey", record.account, details);
        entry.resource(arn.clone());
        entry.receipt(noted(receipt));
        entry
    };
    let call = site.hsm().call(Command::GenerateKey {
        binding: &binding,
        supply: Supply::Made,
    });
    let Outcome { result, receipt } = match call.await {
        Ok(outcome) => outcome,
        Err(error) => return Ok(Step::Silent(unanswered(error))),
    };
    let (material_id, wrapped) = match result.map_err(refused) {
        Ok(Reply::NewKey {
            material_id,
            wrapped,
            ..
        }) => (material_id, wrapped),
        other => {
            // The HSM counted the command, so it has its record.
            let fault = other.err().unwrap_or_else(wrong_reply);
            let settled = event(receipt, None).settle::<Step>(Err(fault));
            return settled.publish().await.into_outcome();
        }
    };
    let details = format!(
        r#"{{"keyId":"{arn}","rotationType":"AUTOMATIC","keyOrigin":"{}","previousKeyMaterialId":"{old}","currentKeyMaterialId":"{material_id}"}}"#,
        record.origin
    );
    let entry = event(receipt, Some(details));
    let wrapped = WrappedKeyBytes(wrapped.0);
    let held = record.clone();
    let material = Material::rotated(material_id, wrapped, Rotation::Automatic, now);
    multi_region::add_rotated(&mut record, material);
    if let Some(rotation) = &mut record.rotation {
        rotation.next = now.plus_days(rotation.period_days);
    }
    multi_region::note_changes(&held, &mut record, now);
    let (account, key_id) = (record.account, record.key_id);
    let changes = vec![Change::PutKey {
        record,
        previous: Some(previous),
    }];
    let step = commit(site, entry, changes).await?;
    multi_region::converge(site, account, key_id).await?;
    Ok(step)
}

pub(crate) fn arn(site: &Site, record: &KeyRecord) -> KeyArn {
    KeyArn {
        region: site.region().clone(),
        account: record.account,
        key_id: record.key_id,
    }
}

/// What the service did, made durable with its record.
pub(crate) async fn commit(site: &Site, entry: Entry, changes: Vec<Change>) -> Result<Step, Fault> {
    let done = service::commit(site, entry, changes).await?;
    Ok(if done { Step::Done } else { Step::NotNow })
}
