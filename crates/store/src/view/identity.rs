//! Reads of accounts and their identities.

use super::{Records, Versioned, misplaced};
use crate::layout::{self, IdentityPlace};
use crate::records::{IdentityRecord, LastUseRecord};
use crate::{Entry, Revision, StoreError};

/// A stored record of an identity that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedIdentity {
    /// Where it stands; `None` when its key is damaged too.
    pub place: Option<IdentityPlace>,
    /// When it was last written.
    pub modified: Revision,
    /// What is wrong with it.
    pub why: String,
}

/// A page of identities in which single records may be damaged.
#[derive(Debug, Default)]
pub struct IdentitiesPage {
    /// Those that can be read, in order of their places.
    pub records: Vec<Versioned<IdentityRecord>>,
    /// Those that cannot.
    pub damaged: Vec<DamagedIdentity>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<IdentitiesCursor>,
}

/// Between two pages of identities.
#[derive(Debug, Clone)]
pub struct IdentitiesCursor(Vec<u8>);

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

    /// As [`identities_page`](Self::identities_page), but a damaged record is told of instead of
    /// failing the page.
    ///
    /// # Errors
    /// The storage fails.
    pub async fn identities_and_damage(
        &self,
        from: Option<&IdentitiesCursor>,
        limit: usize,
    ) -> Result<IdentitiesPage, StoreError> {
        let mut range = layout::identities_all(None);
        if let Some(IdentitiesCursor(start)) = from {
            range.start.clone_from(start);
        }
        let read = self.backend.scan(range, limit, false).await?;
        let mut page = IdentitiesPage::default();
        for entry in &read.entries {
            let place = layout::parse_identity(&entry.key);
            let found = match &place {
                Some(place) => decode(entry, place),
                None => Err(misplaced("identity record")),
            };
            match found {
                Ok(record) => page.records.push(record),
                Err(error) => page.damaged.push(DamagedIdentity {
                    place,
                    modified: entry.modified,
                    why: error.to_string(),
                }),
            }
        }
        let last = read.entries.into_iter().last().filter(|_| read.more);
        page.next = last.map(|last| {
            let mut start = last.key;
            start.push(0);
            IdentitiesCursor(start)
        });
        Ok(page)
    }

    /// Last uses of access keys and roles by their ids, in order of these, at most `limit`
    /// (1–10,000), and whether there are more. `None` for a record that cannot be read.
    pub async fn last_uses_page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(String, Option<LastUseRecord>)>, bool), StoreError> {
        let range = layout::last_uses_all(after);
        let page = self.backend.scan(range, limit, false).await?;
        let uses = page.entries.iter().map(|entry| {
            let id = layout::parse_last_use(&entry.key);
            let id = id.ok_or_else(|| misplaced("record of a last use"))?;
            Ok((id.to_owned(), LastUseRecord::decode(&entry.value).ok()))
        });
        Ok((uses.collect::<Result<_, StoreError>>()?, page.more))
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

#[cfg(test)]
mod tests;
