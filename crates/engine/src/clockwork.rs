//! What happens by itself: keys whose waiting period is over are destroyed, keys whose rotation
//! is due get new material. Both are committed and audited like a request, as events of the
//! service itself.

use keystead_store::records::{KeyRecord, Material, Rotation, WrappedKeyBytes};
use keystead_store::{Change, DueKind, StoreError, Versioned};
use keystead_types::{Fault, KeyArn, KeyState};
use keystead_wall::{Command, KeyBinding, Reply};

use crate::limits::DUE_BATCH;
use crate::ready::{refused, unanswered, wrong_reply};
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

/// Does what is due by now, a bounded part of it.
///
/// Errors: storage or HSM failures; what was done before stays done, the rest stays due.
pub async fn run_due(site: &Site) -> Result<Due, Fault> {
    site.sweep_outbox().await.map_err(Fault::internal)?;
    let found = site
        .records()
        .due_before(site.now(), DUE_BATCH)
        .await
        .map_err(Fault::internal)?;
    let (found, more) = found;
    let mut done = Due {
        more,
        ..Due::default()
    };
    for due in found {
        let stored = site
            .records()
            .key(due.account, due.key_id)
            .await
            .map_err(Fault::internal)?;
        let Some(stored) = stored else { continue };
        let outcome = match due.kind {
            DueKind::Deletion => destroy(site, stored).await,
            DueKind::Rotation => rotate(site, stored).await,
        };
        match (outcome?, due.kind) {
            (Step::Done, DueKind::Deletion) => done.destroyed += 1,
            (Step::Done, DueKind::Rotation) => done.rotated += 1,
            (Step::NotNow, _) => {}
        }
    }
    Ok(done)
}

enum Step {
    Done,
    /// Not due after all, or changed meanwhile: the next run looks again.
    NotNow,
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
    commit(site, "DeleteKey", arn(site, &record), None, changes).await
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
    let call = site.hsm().call(Command::GenerateKey { binding: &binding });
    let reply = call.await.map_err(unanswered)?.result.map_err(refused)?;
    let Reply::NewKey {
        material_id,
        wrapped,
    } = reply
    else {
        return Err(wrong_reply());
    };
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
    let arn = arn(site, &record);
    let details = format!(
        r#"{{"keyId":"{arn}","rotationType":"AUTOMATIC","keyOrigin":"{}","previousKeyMaterialId":"{old}","currentKeyMaterialId":"{material_id}"}}"#,
        record.origin
    );
    let changes = vec![Change::PutKey {
        record,
        previous: Some(previous),
    }];
    commit(site, "RotateKey", arn, Some(details), changes).await
}

fn arn(site: &Site, record: &KeyRecord) -> KeyArn {
    KeyArn {
        region: site.region().clone(),
        account: record.account,
        key_id: record.key_id,
    }
}

async fn commit(
    site: &Site,
    event: &'static str,
    arn: KeyArn,
    details: Option<String>,
    mut changes: Vec<Change>,
) -> Result<Step, Fault> {
    let details = details.map(String::into_bytes);
    let mut entry = site.trail().service_event(event, arn.account, details);
    entry.resource(arn);
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
        Err(error) => {
            settled.withdraw();
            Err(Fault::internal(error))
        }
    }
}
