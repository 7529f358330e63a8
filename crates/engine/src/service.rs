//! Commits of the service itself: recorded as events of its own, not as a caller's.

use keystead_audit::Entry;
use keystead_store::{Change, StoreError};
use keystead_types::Fault;

use crate::site::Site;

/// Makes the changes and the record of them durable in one batch, then publishes the record.
/// False: others changed the same records first, and nothing happened.
///
/// Errors: of storage and log. Whether a failed commit happened, the outbox tells.
pub(crate) async fn commit(
    site: &Site,
    entry: Entry,
    mut changes: Vec<Change>,
) -> Result<bool, Fault> {
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
            Ok(true)
        }
        Err(StoreError::Conflict) => {
            settled.withdraw();
            Ok(false)
        }
        Err(error) => {
            let failed = settled.revise(Fault::internal(error));
            failed.publish().await.into_outcome().map(|()| false)
        }
    }
}

/// Makes changes durable that are only notes of the service to itself. False as above.
pub(crate) async fn commit_quietly(site: &Site, changes: Vec<Change>) -> Result<bool, Fault> {
    match site.commit(changes).await {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(Fault::internal(error)),
    }
}
