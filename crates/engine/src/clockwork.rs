//! What happens by itself: keys whose waiting period is over are destroyed, keys whose rotation
//! is due get new material. Both are committed and audited like a request, as events of the
//! service itself.

use keystead_audit::Entry;
use keystead_store::records::{KeyRecord, Material, Rotation, WrappedKeyBytes};
use keystead_store::{Change, DueKind, StoreError, Versioned};
use keystead_types::{Fault, KeyArn, KeyState};
use keystead_wall::{Command, KeyBinding, Outcome, Reply};

use crate::limits::DUE_BATCH;
use crate::ready::{noted, refused, unanswered, wrong_reply};
use crate::site::Site;

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// Keys destroyed.
    pub destroyed: usize,
    /// Keys rotated.
    pub rotated: usize,
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
        if !more || run.done.destroyed + run.done.rotated >= DUE_BATCH {
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
            Ok(Step::Done) => self.done.rotated += 1,
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

enum Step {
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
    }
}

/// Removes the key, its material, aliases and tags for good.
async fn destroy(site: &Site, stored: Versioned<KeyRecord>) -> Result<Step, Fault> {
    let Versioned {
        value: record,
        modified: previous,
    } = stored;
    let due = record
        .deletion
        .as_ref()
        .is_some_and(|deletion| deletion.due <= site.now());
    if record.state != KeyState::PendingDeletion || !due {
        return Ok(Step::NotNow);
    }
    let KeyRecord {
        account, key_id, ..
    } = record;
    let changes = vec![Change::RemoveKey {
        account,
        key_id,
        previous,
    }];
    let arn = arn(site, &record);
    let mut entry = site.trail().service_event("DeleteKey", account, None);
    entry.resource(arn);
    commit(site, entry, changes).await
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
    let Some(current) = record.current_material() else {
        return Ok(Step::NotNow);
    };
    let old = current.id;
    let binding = KeyBinding {
        region: site.region().clone(),
        account: record.account,
        key_id: record.key_id,
        spec: record.spec,
        usage: record.usage,
        origin: record.origin,
        material_id: old,
    };
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
    let call = site.hsm().call(Command::GenerateKey { binding: &binding });
    let Outcome { result, receipt } = match call.await {
        Ok(outcome) => outcome,
        Err(error) => return Ok(Step::Silent(unanswered(error))),
    };
    let (material_id, wrapped) = match result.map_err(refused) {
        Ok(Reply::NewKey {
            material_id,
            wrapped,
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
    record.push_current(Material::rotated(
        material_id,
        wrapped,
        Rotation::Automatic,
        now,
    ));
    if let Some(rotation) = &mut record.rotation {
        rotation.next = now.plus_days(rotation.period_days);
    }
    let changes = vec![Change::PutKey {
        record,
        previous: Some(previous),
    }];
    commit(site, entry, changes).await
}

fn arn(site: &Site, record: &KeyRecord) -> KeyArn {
    KeyArn {
        region: site.region().clone(),
        account: record.account,
        key_id: record.key_id,
    }
}

/// Makes the changes and the record of them durable in one batch, then publishes the record.
async fn commit(site: &Site, entry: Entry, mut changes: Vec<Change>) -> Result<Step, Fault> {
    let event_id = entry.event_id();
    let settled = entry.settle(Ok(()));
    let outbox = settled.outbox();
    changes.extend(outbox.map(|(event_id, record)| Change::OutboxPut {
        event_id,
        record: record.to_vec(),
    }));
    match site.commit(changes).await {
        Ok(_) => {
            settled.publish().await.into_outcome()?;
            site.published(event_id);
            Ok(Step::Done)
        }
        Err(StoreError::Conflict) => {
            settled.withdraw();
            Ok(Step::NotNow)
        }
        // Nobody knows whether it happened. If it did, the outbox tells it.
        Err(error) => {
            let failed = settled.revise(Fault::internal(error));
            failed.publish().await.into_outcome().map(|()| Step::NotNow)
        }
    }
}
