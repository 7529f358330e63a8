//! The stores of the Regions.

use std::sync::Arc;

use keystead_store::{Backend, Change, Expect, Meta, Records};
use keystead_store_sqlite::SqliteBackend;
use keystead_types::Region;

use crate::layout::DataDir;

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
) -> Result<Option<Vec<u8>>, String> {
    keystead_store::migrate(records.backend())
        .await
        .map_err(|error| error.to_string())?;
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
