//! Reads of accounts and their identities.

use super::{Records, Versioned, misplaced};
use crate::layout::{self, IdentityPlace};
use crate::records::IdentityRecord;
use crate::{Entry, StoreError};

impl Records {
    /// An account or an identity.
    pub async fn identity(
        &self,
        place: &IdentityPlace,
    ) -> Result<Option<Versioned<IdentityRecord>>, StoreError> {
        let entry = self.one(layout::identity(place)).await?;
        entry.map(|entry| decode(&entry, place)).transpose()
    }

    /// Accounts and identities in order of their places, at most `limit` (1–10,000), and whether
    /// there are more.
    pub async fn identities_page(
        &self,
        after: Option<&IdentityPlace>,
        limit: usize,
    ) -> Result<(Vec<Versioned<IdentityRecord>>, bool), StoreError> {
        let range = layout::identities_all(after);
        let page = self.backend.scan(range, limit, false).await?;
        let records = page.entries.iter().map(|entry| {
            let place = layout::parse_identity(&entry.key);
            decode(entry, &place.ok_or_else(|| misplaced("identity record"))?)
        });
        Ok((records.collect::<Result<_, _>>()?, page.more))
    }
}

fn decode(entry: &Entry, place: &IdentityPlace) -> Result<Versioned<IdentityRecord>, StoreError> {
    let value = IdentityRecord::decode(place.kind(), &entry.value)?;
    if value.place() != *place {
        return Err(misplaced("identity record"));
    }
    Ok(Versioned {
        value,
        modified: entry.modified,
    })
}
