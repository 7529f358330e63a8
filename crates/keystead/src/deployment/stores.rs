//! The stores of the Regions.

use std::sync::Arc;

use keystead_audit::{AuditLog, Record, Sink};
use keystead_store::{Backend, Change, Expect, Meta, Records, SCHEMA_VERSION};
use keystead_store_sqlite::SqliteBackend;
use keystead_types::Region;
use serde_json::json;

use super::register::Register;
use crate::layout::DataDir;

/// Outbox records read in one go.
const OUTBOX_PAGE: usize = 500;

/// Opens the store of a Region, or, for [`Region::global`], of accounts and identities.
pub(super) fn open_store(dir: &DataDir, region: &Region) -> Result<Records, String> {
    let path = match *region == Region::global() {
        true => dir.identities(),
        false => dir.store(region),
    };
    let backend = SqliteBackend::open(path).map_err(|error| error.to_string())?;
    let backend: Arc<dyn Backend> = Arc::new(backend);
    Ok(Records::new(backend))
}

/// Brings a store to the present schema and checks that it belongs to the Region. Gives its
/// sealed domain key.
pub(super) async fn prepare_store(
    region: &Region,
    records: &Records,
    register: &Register,
) -> Result<Option<Vec<u8>>, String> {
    migrate(region, records, register).await?;
    let text = |error: keystead_store::StoreError| error.to_string();
    match records.meta(Meta::RegionName).await.map_err(text)? {
        Some(name) if name.value != region.as_str().as_bytes() => {
            return Err(format!(
                "the store in the directory of Region {region} belongs to Region {}; it was moved or restored to the wrong place",
                String::from_utf8_lossy(&name.value)
            ));
        }
        Some(_) => {}
        None => put_meta(records, Meta::RegionName, region.as_str().into()).await?,
    }
    let sealed = records.meta(Meta::SealedDomainKey).await.map_err(text)?;
    Ok(sealed.map(|sealed| sealed.value))
}

/// Brings a store to the present schema. The record comes first: a step that was interrupted is
/// taken again and told of again.
async fn migrate(region: &Region, records: &Records, register: &Register) -> Result<(), String> {
    let stored = records.meta(Meta::SchemaVersion).await;
    let stored = stored.map_err(|error| error.to_string())?;
    let found = stored.and_then(|stored| <[u8; 4]>::try_from(stored.value).ok());
    let found = found.map(u32::from_be_bytes);
    let older = found.filter(|found| *found < SCHEMA_VERSION);
    let begin = |older| {
        let details = json!({"region": region.as_str(), "from": older, "to": SCHEMA_VERSION});
        register.begin(region, "MigrateStore", None, &details)
    };
    if let Some(older) = older {
        register.tell(begin(older))?;
    }
    match keystead_store::migrate(records.backend()).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match older {
            Some(older) => register.tell_failed(begin(older), error.to_string()),
            None => error.to_string(),
        }),
    }
}

/// Brings records of changes into the log that a killed process left in the outbox.
pub(super) async fn replay_outbox(log: &AuditLog, records: &Records) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| format!("the audit outbox: {error}");
    loop {
        let (entries, more) = records.outbox(OUTBOX_PAGE).await.map_err(|e| text(&e))?;
        let mut done = Vec::with_capacity(entries.len());
        for entry in entries {
            if !log.recent_event_ids().contains(&entry.event_id) {
                let record = Record::from_outbox(&entry.record).map_err(|e| text(&e))?;
                // Handed over at once; the wait is for the sync.
                drop(log.append(record));
            }
            done.push(Change::OutboxDelete {
                event_id: entry.event_id,
            });
        }
        if !done.is_empty() {
            // Until the disk has them the outbox must not forget them.
            log.sync().map_err(|e| text(&e))?;
            records.apply(done).await.map_err(|e| text(&e))?;
        }
        if !more {
            return Ok(());
        }
    }
}

pub(super) async fn put_meta(records: &Records, item: Meta, value: Vec<u8>) -> Result<(), String> {
    let change = Change::PutMeta {
        item,
        value,
        expect: Expect::Absent,
    };
    records
        .apply(vec![change])
        .await
        .map(|_| ())
        .map_err(|error| error.to_string())
}
