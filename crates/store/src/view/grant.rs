//! Reads of grants.

use keystead_types::{AccountId, GrantId, KeyId};

use super::{Records, Versioned, misplaced};
use crate::layout::{self, GrantPlace};
use crate::limits::GRANT_READ_ATTEMPTS;
use crate::records::GrantRecord;
use crate::{Entry, StoreError};

/// Grants and whether there are more.
type Page = (Vec<Versioned<GrantRecord>>, bool);

impl Records {
    /// A grant of a key.
    pub async fn grant(
        &self,
        account: AccountId,
        key_id: KeyId,
        grant_id: GrantId,
    ) -> Result<Option<Versioned<GrantRecord>>, StoreError> {
        let place = GrantPlace {
            account,
            key_id,
            grant_id,
        };
        let entry = self.one(layout::grant(&place)).await?;
        entry.map(|entry| decode(&entry, &place)).transpose()
    }

    /// The grant of that id, whatever key it is on.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if its entry points to no grant.
    pub async fn grant_by_id(
        &self,
        grant_id: GrantId,
    ) -> Result<Option<Versioned<GrantRecord>>, StoreError> {
        let place = |value: &[u8]| {
            let (account, key_id) = layout::parse_grant_by_id(value)?;
            Some(GrantPlace {
                account,
                key_id,
                grant_id,
            })
        };
        self.pointed(layout::grant_by_id(&grant_id), place).await
    }

    /// The grant of a key with that fingerprint: the one that an earlier request of the same
    /// content created.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the grant was replaced each time that it was read;
    /// [`StoreError::Corrupt`] if its entry points to no such grant.
    pub async fn grant_by_fingerprint(
        &self,
        account: AccountId,
        key_id: KeyId,
        fingerprint: &[u8; 32],
    ) -> Result<Option<Versioned<GrantRecord>>, StoreError> {
        let pointer = layout::grant_by_fingerprint(account, key_id, fingerprint);
        let place = |value: &[u8]| {
            let grant_id = layout::parse_grant_fingerprint(value)?;
            Some(GrantPlace {
                account,
                key_id,
                grant_id,
            })
        };
        match self.pointed(pointer, place).await? {
            Some(found) if found.value.fingerprint.as_ref() != Some(fingerprint) => {
                Err(misplaced("entry of the index of grants by fingerprint"))
            }
            found => Ok(found),
        }
    }

    /// The grants of a key in order of their ids, at most `limit` (1–10,000), and whether there
    /// are more.
    pub async fn grants_of(
        &self,
        account: AccountId,
        key_id: KeyId,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let range = layout::grants_of_key(account, key_id, after);
        let page = self.backend.scan(range, limit, false).await?;
        let grants = page.entries.iter().map(|entry| {
            let value = GrantRecord::decode(&entry.value)?;
            if entry.key != layout::grant(&value.place()) {
                return Err(misplaced("grant record"));
            }
            Ok(Versioned {
                value,
                modified: entry.modified,
            })
        });
        Ok((grants.collect::<Result<_, _>>()?, page.more))
    }

    /// How many grants a key has, counted up to `at_most`.
    pub async fn count_grants_of(
        &self,
        account: AccountId,
        key_id: KeyId,
        at_most: usize,
    ) -> Result<usize, StoreError> {
        self.count(layout::grants_of_key(account, key_id, None), at_most)
            .await
    }

    /// The grants that a party may retire, in order of account, key and id, at most `limit`
    /// (1–10,000), and whether there are more. When some are removed meanwhile, there may be fewer
    /// than `limit` although there are more, but at least one.
    ///
    /// `digest` is the party's [`digest`](crate::records::GrantParty::digest).
    pub async fn grants_by_retiring(
        &self,
        digest: &[u8; 32],
        after: Option<(AccountId, KeyId, GrantId)>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let mut after = after.map(|(account, key_id, grant_id)| GrantPlace {
            account,
            key_id,
            grant_id,
        });
        loop {
            let range = layout::grants_by_retiring(digest, after.as_ref());
            let page = self.backend.scan(range, limit, true).await?;
            let places = page.entries.iter().map(|entry| {
                layout::parse_grant_by_retiring(&entry.key)
                    .ok_or_else(|| misplaced("entry of the index of grants by retiring party"))
            });
            let places = places.collect::<Result<Vec<_>, _>>()?;
            let (_, entries) = self
                .backend
                .get(places.iter().map(layout::grant).collect())
                .await?;
            let mut grants = Vec::with_capacity(places.len());
            for (place, entry) in places.iter().zip(entries) {
                // Removed since the index was read.
                let Some(entry) = entry else { continue };
                let grant = decode(&entry, place)?;
                if grant.value.retiring_digest.as_ref() != Some(digest) {
                    return Err(misplaced("entry of the index of grants by retiring party"));
                }
                grants.push(grant);
            }
            if !grants.is_empty() || !page.more {
                return Ok((grants, page.more));
            }
            after = places.last().copied();
        }
    }

    /// The grants of a key that name one grantee, in order of their ids, at most `limit`
    /// (1–10,000), and whether there are more. When some are removed meanwhile, there may be fewer
    /// than `limit` although there are more, but at least one. Costs nothing for grants of others.
    ///
    /// `digest` is their [`grantee_digest`](GrantRecord::grantee_digest).
    pub async fn grants_by_grantee(
        &self,
        account: AccountId,
        key_id: KeyId,
        digest: &[u8; 32],
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let odd = || misplaced("entry of the index of grants by grantee");
        let mut after = after.map(|grant_id| GrantPlace {
            account,
            key_id,
            grant_id,
        });
        loop {
            let range = layout::grants_by_grantee(account, key_id, digest, after.as_ref());
            let page = self.backend.scan(range, limit, true).await?;
            let places = page.entries.iter();
            let places = places
                .map(|entry| layout::parse_grant_by_grantee(&entry.key).ok_or_else(odd))
                .collect::<Result<Vec<_>, _>>()?;
            if places.is_empty() {
                return Ok((Vec::new(), false));
            }
            let keys = places.iter().map(layout::grant).collect();
            let (_, entries) = self.backend.get(keys).await?;
            let mut grants = Vec::with_capacity(places.len());
            for (place, entry) in places.iter().zip(entries) {
                // Removed since the index was read.
                let Some(entry) = entry else { continue };
                let grant = decode(&entry, place)?;
                if grant.value.grantee_digest() != *digest {
                    return Err(odd());
                }
                grants.push(grant);
            }
            if !grants.is_empty() || !page.more {
                return Ok((grants, page.more));
            }
            after = places.last().copied();
        }
    }

    /// The grant that an index entry points to, both of one state of the store.
    async fn pointed(
        &self,
        pointer: Vec<u8>,
        place: impl Fn(&[u8]) -> Option<GrantPlace>,
    ) -> Result<Option<Versioned<GrantRecord>>, StoreError> {
        let place = |entry: &Entry| {
            place(&entry.value).ok_or_else(|| {
                StoreError::Corrupt("an index entry of a grant that names none".into())
            })
        };
        for _ in 0..GRANT_READ_ATTEMPTS {
            let Some(seen) = self.one(pointer.clone()).await? else {
                return Ok(None);
            };
            let target = place(&seen)?;
            let keys = vec![pointer.clone(), layout::grant(&target)];
            let (_, entries) = self.backend.get(keys).await?;
            let mut entries = entries.into_iter();
            let (index, grant) = (entries.next().flatten(), entries.next().flatten());
            let Some(index) = index else {
                return Ok(None);
            };
            if place(&index)? != target {
                continue;
            }
            let grant = grant.ok_or_else(|| {
                StoreError::Corrupt(format!(
                    "an index entry points to a missing grant of key {}",
                    target.key_id
                ))
            })?;
            return decode(&grant, &target).map(Some);
        }
        Err(StoreError::Conflict)
    }
}

fn decode(entry: &Entry, place: &GrantPlace) -> Result<Versioned<GrantRecord>, StoreError> {
    Ok(Versioned {
        value: GrantRecord::decode_at(&entry.value, place)?,
        modified: entry.modified,
    })
}
