//! Records: the typed view of a backend.

mod apply;
mod grant;
mod identity;

pub use identity::{DamagedIdentity, IdentitiesCursor, IdentitiesPage};

use std::sync::Arc;

use keystead_types::{AccessKeyId, AccountId, AliasName, KeyId, RequestId, Timestamp};

use crate::layout::{self, Due, Meta};
use crate::limits::{ALIAS_READ_ATTEMPTS, SCAN_MAX_ENTRIES};
use crate::records::{AliasRecord, CredentialRecord, KeyRecord, UsageRecord};
use crate::{Backend, Entry, Range, Revision, StoreError};

/// A record and the revision of the commit that last wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The record.
    pub value: T,
    /// When it was last written; a [`Change`](crate::Change) names it as its condition.
    pub modified: Revision,
}

/// An access key of a root user or service: its id and its record, or what is wrong with it.
pub type FoundCredential = (AccessKeyId, Result<CredentialRecord, String>);

/// An audit record that is not in the log yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The event's id.
    pub event_id: RequestId,
    /// The record, in the audit trail's own format.
    pub record: Vec<u8>,
}

/// Reads and changes records in a backend. Cheap to clone. Each call costs as much as the page
/// that it answers, however much is stored.
#[derive(Clone)]
pub struct Records {
    backend: Arc<dyn Backend>,
}

impl Records {
    /// A view of that backend, which [`migrate`](crate::migrate) has checked.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend }
    }

    /// The backend.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// A key.
    pub async fn key(
        &self,
        account: AccountId,
        key_id: KeyId,
    ) -> Result<Option<Versioned<KeyRecord>>, StoreError> {
        let entry = self.one(layout::key_record(account, key_id)).await?;
        entry
            .map(|entry| decode_key(&entry, account, key_id))
            .transpose()
    }

    /// An alias.
    pub async fn alias(
        &self,
        account: AccountId,
        name: &AliasName,
    ) -> Result<Option<Versioned<AliasRecord>>, StoreError> {
        let entry = self.one(layout::alias(account, name)).await?;
        entry
            .map(|entry| decode_alias(&entry, account, name))
            .transpose()
    }

    /// An alias and the key that it points to, both of one state of the store. None when there
    /// is no such alias.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the alias moved again each time that it was read;
    /// [`StoreError::Corrupt`] if it points to no key.
    pub async fn alias_and_key(
        &self,
        account: AccountId,
        name: &AliasName,
    ) -> Result<Option<(Versioned<AliasRecord>, Versioned<KeyRecord>)>, StoreError> {
        let alias_key = layout::alias(account, name);
        for _ in 0..ALIAS_READ_ATTEMPTS {
            let Some(seen) = self.alias(account, name).await? else {
                return Ok(None);
            };
            let target = seen.value.target;
            let keys = vec![alias_key.clone(), layout::key_record(account, target)];
            let (_, entries) = self.backend.get(keys).await?;
            let mut entries = entries.into_iter();
            let (alias, key) = (entries.next().flatten(), entries.next().flatten());
            let Some(alias) = alias else {
                return Ok(None);
            };
            let alias = decode_alias(&alias, account, name)?;
            if alias.value.target != target {
                continue;
            }
            let key = key.ok_or_else(|| {
                StoreError::Corrupt(format!("{name} of {account} points to a missing key"))
            })?;
            return Ok(Some((alias, decode_key(&key, account, target)?)));
        }
        Err(StoreError::Conflict)
    }

    /// The keys of an account in order of their ids, at most `limit` (1–10,000), and whether
    /// there are more.
    pub async fn keys_page(
        &self,
        account: AccountId,
        after: Option<KeyId>,
        limit: usize,
    ) -> Result<(Vec<KeyId>, bool), StoreError> {
        let range = layout::keys_of(account, after);
        let page = self.backend.scan(range, limit, true).await?;
        let keys = page.entries.iter().map(|entry| {
            let parsed = layout::parse_key_record(&entry.key);
            parsed
                .map(|(_, key_id)| key_id)
                .ok_or_else(|| misplaced("key record"))
        });
        Ok((keys.collect::<Result<_, _>>()?, page.more))
    }

    /// The aliases of an account in order of their names, at most `limit` (1–10,000), and
    /// whether there are more.
    pub async fn aliases_page(
        &self,
        account: AccountId,
        after: Option<&AliasName>,
        limit: usize,
    ) -> Result<(Vec<AliasRecord>, bool), StoreError> {
        let range = layout::aliases_of_account(account, after);
        self.alias_records(range, account, limit).await
    }

    /// The aliases of a key in order of their names, at most `limit` (1–10,000), and whether
    /// there are more.
    pub async fn aliases_of(
        &self,
        account: AccountId,
        key_id: KeyId,
        after: Option<&AliasName>,
        limit: usize,
    ) -> Result<(Vec<AliasRecord>, bool), StoreError> {
        let range = layout::aliases_of_key(account, key_id, after);
        self.alias_records(range, account, limit).await
    }

    /// How many aliases a key has, counted up to `at_most`.
    pub async fn count_aliases_of(
        &self,
        account: AccountId,
        key_id: KeyId,
        at_most: usize,
    ) -> Result<usize, StoreError> {
        self.count(layout::aliases_of_key(account, key_id, None), at_most)
            .await
    }

    /// How many keys an account has, counted up to `at_most`; reads that many keys.
    pub async fn count_keys(
        &self,
        account: AccountId,
        at_most: usize,
    ) -> Result<usize, StoreError> {
        self.count(layout::keys_of(account, None), at_most).await
    }

    /// The last use of a key.
    pub async fn usage(
        &self,
        account: AccountId,
        key_id: KeyId,
    ) -> Result<Option<UsageRecord>, StoreError> {
        let entry = self.one(layout::usage(account, key_id)).await?;
        entry
            .map(|entry| UsageRecord::decode(&entry.value))
            .transpose()
    }

    /// What is due at `now` or before, earliest first, at most `limit` (1–10,000), and whether
    /// there is more. Only what the key's state allows is listed.
    pub async fn due_before(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<(Vec<Due>, bool), StoreError> {
        self.due_page(now, None, limit).await
    }

    /// As [`due_before`](Self::due_before), after one entry: to go past what could not be done.
    pub async fn due_page(
        &self,
        now: Timestamp,
        after: Option<&Due>,
        limit: usize,
    ) -> Result<(Vec<Due>, bool), StoreError> {
        let range = layout::due_until(now, after);
        let page = self.backend.scan(range, limit, true).await?;
        let dues = page.entries.iter().map(|entry| {
            layout::parse_due(&entry.key).ok_or_else(|| misplaced("entry of the due index"))
        });
        Ok((dues.collect::<Result<_, _>>()?, page.more))
    }

    /// Audit records on their way to the log, at most `limit` (1–10,000), and whether there are
    /// more. Ordered by event id, which says nothing about time.
    pub async fn outbox(&self, limit: usize) -> Result<(Vec<OutboxEntry>, bool), StoreError> {
        let page = self
            .backend
            .scan(layout::outbox_all(), limit, false)
            .await?;
        let entries = page.entries.into_iter().map(|entry| {
            let event_id =
                layout::parse_outbox(&entry.key).ok_or_else(|| misplaced("outbox entry"))?;
            Ok(OutboxEntry {
                event_id,
                record: entry.value,
            })
        });
        Ok((entries.collect::<Result<_, StoreError>>()?, page.more))
    }

    /// A fact about the store itself.
    pub async fn meta(&self, item: Meta) -> Result<Option<Versioned<Vec<u8>>>, StoreError> {
        let entry = self.one(layout::meta(item)).await?;
        Ok(entry.map(|entry| Versioned {
            value: entry.value,
            modified: entry.modified,
        }))
    }

    /// An access key.
    pub async fn credential(
        &self,
        access_key_id: &str,
    ) -> Result<Option<Versioned<CredentialRecord>>, StoreError> {
        let entry = self.one(layout::credential(access_key_id)).await?;
        let Some(entry) = entry else { return Ok(None) };
        Ok(Some(Versioned {
            value: CredentialRecord::decode(&entry.value)?,
            modified: entry.modified,
        }))
    }

    /// Access keys in order of their ids, at most `limit` (1–10,000), and whether there are more.
    pub async fn credentials_page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(AccessKeyId, CredentialRecord)>, bool), StoreError> {
        let page = self
            .backend
            .scan(layout::credentials_all(after), limit, false)
            .await?;
        let records = page.entries.iter().map(|entry| {
            let id = layout::parse_credential(&entry.key);
            let id = id.ok_or_else(|| misplaced("credential record"))?;
            Ok((
                AccessKeyId::from(id),
                CredentialRecord::decode(&entry.value)?,
            ))
        });
        Ok((records.collect::<Result<_, StoreError>>()?, page.more))
    }

    /// As [`credentials_page`](Self::credentials_page), but a damaged record is told of instead of
    /// failing the page.
    ///
    /// # Errors
    /// The storage fails, or an entry stands where no access key can.
    pub async fn credentials_and_damage(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<FoundCredential>, bool), StoreError> {
        let range = layout::credentials_all(after);
        let page = self.backend.scan(range, limit, false).await?;
        let records = page.entries.iter().map(|entry| {
            let id = layout::parse_credential(&entry.key);
            let id = id.ok_or_else(|| misplaced("credential record"))?;
            let record = CredentialRecord::decode(&entry.value);
            Ok((
                AccessKeyId::from(id),
                record.map_err(|error| error.to_string()),
            ))
        });
        Ok((records.collect::<Result<_, StoreError>>()?, page.more))
    }

    async fn one(&self, key: Vec<u8>) -> Result<Option<Entry>, StoreError> {
        let (_, entries) = self.backend.get(vec![key]).await?;
        Ok(entries.into_iter().next().flatten())
    }

    async fn count(&self, mut range: Range, at_most: usize) -> Result<usize, StoreError> {
        let mut counted = 0;
        while counted < at_most {
            let limit = (at_most - counted).min(SCAN_MAX_ENTRIES);
            let page = self.backend.scan(range.clone(), limit, true).await?;
            counted += page.entries.len();
            match page.entries.into_iter().last() {
                Some(last) if page.more => {
                    range.start = last.key;
                    range.start.push(0);
                }
                _ => break,
            }
        }
        Ok(counted)
    }

    async fn alias_records(
        &self,
        range: Range,
        account: AccountId,
        limit: usize,
    ) -> Result<(Vec<AliasRecord>, bool), StoreError> {
        let page = self.backend.scan(range, limit, false).await?;
        let records = page.entries.iter().map(|entry| {
            let record = AliasRecord::decode(&entry.value)?;
            if record.account == account && entry.key.ends_with(record.name.as_str().as_bytes()) {
                Ok(record)
            } else {
                Err(misplaced("alias record"))
            }
        });
        Ok((records.collect::<Result<_, _>>()?, page.more))
    }
}

fn decode_key(
    entry: &Entry,
    account: AccountId,
    key_id: KeyId,
) -> Result<Versioned<KeyRecord>, StoreError> {
    let value = KeyRecord::decode(&entry.value)?;
    if (value.account, value.key_id) != (account, key_id) {
        return Err(misplaced("key record"));
    }
    Ok(Versioned {
        value,
        modified: entry.modified,
    })
}

fn decode_alias(
    entry: &Entry,
    account: AccountId,
    name: &AliasName,
) -> Result<Versioned<AliasRecord>, StoreError> {
    let value = AliasRecord::decode(&entry.value)?;
    if value.account != account || value.name != *name {
        return Err(misplaced("alias record"));
    }
    Ok(Versioned {
        value,
        modified: entry.modified,
    })
}

/// A record that stands where another belongs, as after a swap of rows.
pub(crate) fn misplaced(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} in a place that is not its own"))
}
