//! What happens to grants and to the usage records of keys.

use keystead_types::{AccountId, KeyId};

use super::draft::{Draft, Known};
use super::{Expect, contradiction};
use crate::layout::{self, GrantPlace};
use crate::records::{GrantRecord, UsageRecord};
use crate::{Revision, StoreError};

impl Draft {
    pub(super) fn put_grant(
        &mut self,
        record: &GrantRecord,
        key: Revision,
    ) -> Result<(), StoreError> {
        if record.retiring.is_some() != record.retiring_digest.is_some() {
            return Err(contradiction(
                "a retiring party without its digest, or a digest alone",
            ));
        }
        let (account, key_id) = (record.account, record.key_id);
        self.require(layout::key_record(account, key_id), Expect::Unchanged(key))?;
        self.write(layout::grant_guard(account, key_id), Some(Vec::new()))?;
        if let Some(fingerprint) = &record.fingerprint {
            let entry = layout::grant_by_fingerprint(account, key_id, fingerprint);
            self.create(entry, record.grant_id.0.to_vec())?;
        }
        if let Some(digest) = &record.retiring_digest {
            let entry = layout::grant_by_retiring(digest, &record.place());
            self.write(entry, Some(Vec::new()))?;
        }
        let entry = layout::grant_by_grantee(&record.grantee_digest(), &record.place());
        self.write(entry, Some(Vec::new()))?;
        let owner = [account.as_str(), key_id.as_str()].concat();
        self.create(layout::grant_by_id(&record.grant_id), owner.into_bytes())?;
        self.create(layout::grant(&record.place()), record.encode()?)
    }

    pub(super) fn remove_grant(
        &mut self,
        place: &GrantPlace,
        previous: Revision,
        known: &Known,
    ) -> Result<(), StoreError> {
        let key = layout::grant(place);
        let old = GrantRecord::decode_at(&known.unchanged(&key, previous)?.value, place)?;
        self.require(key, Expect::Unchanged(previous))?;
        self.erase_grant(&old)
    }

    /// Removes a grant and all that points to it.
    pub(super) fn erase_grant(&mut self, record: &GrantRecord) -> Result<(), StoreError> {
        let place = record.place();
        if let Some(fingerprint) = &record.fingerprint {
            let entry = layout::grant_by_fingerprint(place.account, place.key_id, fingerprint);
            self.write(entry, None)?;
        }
        if let Some(digest) = &record.retiring_digest {
            self.write(layout::grant_by_retiring(digest, &place), None)?;
        }
        let entry = layout::grant_by_grantee(&record.grantee_digest(), &place);
        self.write(entry, None)?;
        self.write(layout::grant_by_id(&place.grant_id), None)?;
        self.write(layout::grant(&place), None)
    }

    /// Writes the usage record of a key that exists, and requires that it still does: a record
    /// that arrives after its key has been removed would stay for ever.
    pub(super) fn put_usage(
        &mut self,
        account: AccountId,
        key_id: KeyId,
        record: &UsageRecord,
        known: &Known,
    ) -> Result<(), StoreError> {
        let key = layout::key_record(account, key_id);
        if !self.conditions.contains_key(&key) {
            let Some(entry) = known.entries.get(&key) else {
                return Ok(());
            };
            self.require(key, Expect::Unchanged(entry.modified))?;
        }
        self.write(layout::usage(account, key_id), Some(record.encode()?))
    }

    /// Writes an entry that must not exist.
    fn create(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        self.require(key.clone(), Expect::Absent)?;
        self.write(key, Some(value))
    }
}
