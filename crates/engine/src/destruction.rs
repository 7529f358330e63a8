//! The end of a key: its material, aliases, tags and grants go for good.
//!
//! A key whose grants do not go with it in one batch of the store goes in steps. The first decides:
//! with the record that the key was destroyed, its own record is marked, and from then on nobody
//! finds the key. CancelKeyDeletion replaces the same record, so that one of the two comes first
//! and the other finds nothing to do: a deletion that was cancelled has taken no grant away.

use std::sync::Arc;

use keystead_store::records::{KeyRecord, MultiRegionRole};
use keystead_store::{Change, Revision, Versioned};
use keystead_types::{AccountId, Fault, KeyId, KeyState};

use crate::clockwork::{Step, arn, commit};
use crate::limits::{DESTROYED_WINDOW_DAYS, GRANTS_REMOVED_AT_ONCE};
use crate::multi_region;
use crate::service;
use crate::site::Site;

/// Whether the destruction of a key has been decided: what is left of it is only to be cleared
/// away.
pub(crate) fn has_begun(record: &KeyRecord) -> bool {
    let deletion = record.deletion.as_ref();
    record.state == KeyState::PendingDeletion
        && deletion.is_some_and(|deletion| deletion.window_days == DESTROYED_WINDOW_DAYS)
}

/// Destroys a key whose waiting period is over, or goes on where it was interrupted.
pub(crate) async fn destroy(site: &Site, stored: Versioned<KeyRecord>) -> Result<Step, Fault> {
    let record = &stored.value;
    let due = record.deletion.is_some_and(|one| one.due <= site.now());
    if record.state != KeyState::PendingDeletion || !due {
        return Ok(Step::NotNow);
    }
    let (account, key_id) = (record.account, record.key_id);
    let primary = primary_of(site, record).await?;
    let step = if has_begun(record) {
        clear(site, account, key_id, stored.modified).await?
    } else if few_grants(site, account, key_id).await? {
        let changes = vec![removal(account, key_id, stored.modified)];
        told(site, record, changes).await?
    } else {
        decide(site, stored).await?
    };
    if let Some(primary) = primary {
        multi_region::converge(&primary, account, key_id).await?;
    }
    Ok(step)
}

/// Decides, and clears away what is left.
async fn decide(site: &Site, stored: Versioned<KeyRecord>) -> Result<Step, Fault> {
    let mut next = stored.value.clone();
    if let Some(deletion) = &mut next.deletion {
        deletion.window_days = DESTROYED_WINDOW_DAYS;
    }
    let (account, key_id) = (next.account, next.key_id);
    let change = Change::PutKey {
        record: next,
        previous: Some(stored.modified),
    };
    match told(site, &stored.value, vec![change]).await? {
        Step::Done => {}
        other => return Ok(other),
    }
    let stored = site.records().key(account, key_id).await;
    match stored.map_err(Fault::internal)? {
        Some(stored) if has_begun(&stored.value) => {
            clear(site, account, key_id, stored.modified).await
        }
        _ => Ok(Step::NotNow),
    }
}

/// Removes grants, then the key itself. The record of it has been written.
async fn clear(
    site: &Site,
    account: AccountId,
    key_id: KeyId,
    modified: Revision,
) -> Result<Step, Fault> {
    remove_grants(site, account, key_id).await?;
    let gone = service::commit_quietly(site, vec![removal(account, key_id, modified)]).await?;
    Ok(if gone { Step::Done } else { Step::NotNow })
}

fn removal(account: AccountId, key_id: KeyId, previous: Revision) -> Change {
    Change::RemoveKey {
        account,
        key_id,
        previous,
    }
}

/// Makes changes durable with the record that the key was destroyed.
async fn told(site: &Site, record: &KeyRecord, changes: Vec<Change>) -> Result<Step, Fault> {
    let mut entry = site
        .trail()
        .service_event("DeleteKey", record.account, None);
    entry.resource(arn(site, record));
    commit(site, entry, changes).await
}

/// Whether a key's grants go with it in one batch.
async fn few_grants(site: &Site, account: AccountId, key_id: KeyId) -> Result<bool, Fault> {
    let records = site.records();
    let page = records.grants_of(account, key_id, None, GRANTS_REMOVED_AT_ONCE);
    let (_, more) = page.await.map_err(Fault::internal)?;
    Ok(!more)
}

/// Where the primary key of a replica is that goes now. It is told to look for its replicas soon:
/// if this process is killed in between, it finds out by itself.
async fn primary_of(site: &Site, record: &KeyRecord) -> Result<Option<Arc<Site>>, Fault> {
    let set = record.multi_region.as_ref();
    let Some(set) = set.filter(|set| set.role == MultiRegionRole::Replica) else {
        return Ok(None);
    };
    let Some(there) = site.neighbours().site(&set.primary).await? else {
        return Ok(None);
    };
    let stored = there.records().key(record.account, record.key_id).await;
    let Some(stored) = stored.map_err(Fault::internal)? else {
        return Ok(None);
    };
    let mut next = stored.value;
    if let Some(set) = &mut next.multi_region {
        set.sync_due = Some(multi_region::retry_at(site.now()));
    }
    let change = Change::PutKey {
        record: next,
        previous: Some(stored.modified),
    };
    match service::commit_quietly(&there, vec![change]).await? {
        true => Ok(Some(there)),
        false => Err(Fault::internal(
            "the primary key's record changed meanwhile",
        )),
    }
}

/// Removes a key's grants, a batch at a time. The last ones go with the key.
async fn remove_grants(site: &Site, account: AccountId, key_id: KeyId) -> Result<(), Fault> {
    loop {
        let records = site.records();
        let page = records.grants_of(account, key_id, None, GRANTS_REMOVED_AT_ONCE);
        let (grants, more) = page.await.map_err(Fault::internal)?;
        if !more {
            return Ok(());
        }
        let removals = grants.into_iter().map(|grant| Change::RemoveGrant {
            account,
            key_id,
            grant_id: grant.value.grant_id,
            previous: grant.modified,
        });
        service::commit_quietly(site, removals.collect()).await?;
    }
}
