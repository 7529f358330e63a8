//! How typed changes become one batch: records, index entries and conditions.

use std::collections::BTreeMap;

use keystead_types::{AccountId, AliasName, KeyId};

use super::due::dues_of;
use super::{Change, Expect, contradiction};
use crate::layout::{self, GrantPlace};
use crate::records::{AliasRecord, GrantRecord, KeyRecord};
use crate::{Batch, Condition, Entry, Revision, StoreError, Write};

/// What was read before compiling: the entries that [`Change::reads`] named, and the aliases and
/// grants of each key that will be removed.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) entries: BTreeMap<Vec<u8>, Entry>,
    pub(crate) aliases: BTreeMap<(AccountId, KeyId), Vec<AliasRecord>>,
    pub(crate) grants: BTreeMap<(AccountId, KeyId), Vec<GrantRecord>>,
}

impl Known {
    /// The entry if it is still the one that the change was decided on.
    pub(super) fn unchanged(&self, key: &[u8], revision: Revision) -> Result<&Entry, StoreError> {
        let entry = self.entries.get(key);
        entry
            .filter(|entry| entry.modified == revision)
            .ok_or(StoreError::Conflict)
    }
}

/// Compiles changes into one batch.
pub(crate) fn compile(changes: &[Change], known: &Known) -> Result<Batch, StoreError> {
    let mut draft = Draft::default();
    for change in changes {
        draft.add(change, changes, known)?;
    }
    // After the others: what they require of a key is enough for its usage record.
    for change in changes {
        if let Change::PutUsage {
            account,
            key_id,
            record,
        } = change
        {
            draft.put_usage(*account, *key_id, record, known)?;
        }
    }
    Ok(draft.finish())
}

/// A batch in the making. Each key is written once and has one condition.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) conditions: BTreeMap<Vec<u8>, Expect>,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Draft {
    fn add(&mut self, change: &Change, all: &[Change], known: &Known) -> Result<(), StoreError> {
        match change {
            Change::PutKey { record, previous } => self.put_key(record, *previous, known),
            Change::RemoveKey {
                account,
                key_id,
                previous,
            } => self.remove_key(*account, *key_id, *previous, known),
            Change::PutAlias { record, target } => {
                self.require(layout::alias(record.account, &record.name), Expect::Absent)?;
                self.require_target(record, *target, all)?;
                self.write_alias(record)
            }
            Change::MoveAlias {
                record,
                previous,
                target,
            } => {
                self.take_alias(record.account, &record.name, *previous, known)?;
                self.require_target(record, Some(*target), all)?;
                self.write_alias(record)
            }
            Change::RemoveAlias {
                account,
                name,
                previous,
            } => {
                self.take_alias(*account, name, *previous, known)?;
                self.write(layout::alias(*account, name), None)
            }
            Change::PutGrant { record, key } => self.put_grant(record, *key),
            Change::RemoveGrant {
                account,
                key_id,
                grant_id,
                previous,
            } => {
                let place = GrantPlace {
                    account: *account,
                    key_id: *key_id,
                    grant_id: *grant_id,
                };
                self.remove_grant(&place, *previous, known)
            }
            // See `compile`.
            Change::PutUsage { .. } => Ok(()),
            Change::OutboxPut { event_id, record } => {
                let key = layout::outbox(event_id);
                self.require(key.clone(), Expect::Absent)?;
                self.write(key, Some(record.clone()))
            }
            Change::OutboxDelete { event_id } => self.write(layout::outbox(event_id), None),
            Change::PutMeta {
                item,
                value,
                expect,
            } => {
                self.require(layout::meta(*item), *expect)?;
                self.write(layout::meta(*item), Some(value.clone()))
            }
            Change::PutCredential {
                access_key_id,
                record,
                previous,
            } => {
                let key = layout::credential(access_key_id);
                self.require(key.clone(), (*previous).into())?;
                self.write(key, Some(record.encode()?))
            }
            Change::RemoveCredential {
                access_key_id,
                previous,
            } => {
                let key = layout::credential(access_key_id);
                self.require(key.clone(), Expect::Unchanged(*previous))?;
                self.write(key, None)
            }
            Change::PutIdentity { record, previous } => {
                let key = layout::identity(&record.place());
                self.require(key.clone(), (*previous).into())?;
                self.write(key, Some(record.encode()?))
            }
            Change::RemoveIdentity { place, previous } => {
                let key = layout::identity(place);
                self.require(key.clone(), Expect::Unchanged(*previous))?;
                self.write(key, None)
            }
            Change::PutLastUse { id, record } => {
                self.write(layout::last_use(id), Some(record.encode()?))
            }
            Change::RemoveLastUse { id } => self.write(layout::last_use(id), None),
        }
    }

    fn put_key(
        &mut self,
        record: &KeyRecord,
        previous: Option<Revision>,
        known: &Known,
    ) -> Result<(), StoreError> {
        let key = layout::key_record(record.account, record.key_id);
        let dues = dues_of(record);
        if let Some(revision) = previous {
            let old = KeyRecord::decode(&known.unchanged(&key, revision)?.value)?;
            for gone in dues_of(&old).iter().filter(|old| !dues.contains(old)) {
                self.write(layout::due(gone), None)?;
            }
        }
        for due in &dues {
            self.write(layout::due(due), Some(Vec::new()))?;
        }
        self.require(key.clone(), previous.into())?;
        self.write(key, Some(record.encode()?))
    }

    fn remove_key(
        &mut self,
        account: AccountId,
        key_id: KeyId,
        previous: Revision,
        known: &Known,
    ) -> Result<(), StoreError> {
        let key = layout::key_record(account, key_id);
        let old = KeyRecord::decode(&known.unchanged(&key, previous)?.value)?;
        for due in dues_of(&old) {
            self.write(layout::due(&due), None)?;
        }
        // An alias or a grant that came here since they were listed has written its guard;
        // without this condition it would be left behind, on a key that is gone.
        for guard in [
            layout::alias_guard(account, key_id),
            layout::grant_guard(account, key_id),
        ] {
            let guarded = known.entries.get(&guard).map(|entry| entry.modified);
            self.require(guard.clone(), guarded.into())?;
            self.write(guard, None)?;
        }
        let aliases = known.aliases.get(&(account, key_id));
        for alias in aliases.into_iter().flatten() {
            self.write(layout::alias(account, &alias.name), None)?;
            self.write(layout::alias_by_key(account, key_id, &alias.name), None)?;
        }
        let grants = known.grants.get(&(account, key_id));
        for grant in grants.into_iter().flatten() {
            self.erase_grant(grant)?;
        }
        self.write(layout::usage(account, key_id), None)?;
        self.require(key.clone(), Expect::Unchanged(previous))?;
        self.write(key, None)
    }

    /// The target must be what the caller saw, so that no alias points to a removed key.
    fn require_target(
        &mut self,
        record: &AliasRecord,
        target: Option<Revision>,
        all: &[Change],
    ) -> Result<(), StoreError> {
        match target {
            Some(revision) => self.require(
                layout::key_record(record.account, record.target),
                Expect::Unchanged(revision),
            ),
            None => {
                let created_here = |change: &Change| {
                    matches!(change, Change::PutKey { record: key, previous: None }
                        if key.account == record.account && key.key_id == record.target)
                };
                let found = all.iter().any(created_here);
                found.then_some(()).ok_or_else(|| {
                    contradiction("an alias without a target that exists or is created")
                })
            }
        }
    }

    /// Takes a stored alias out of the index of the key that it points to.
    fn take_alias(
        &mut self,
        account: AccountId,
        name: &AliasName,
        previous: Revision,
        known: &Known,
    ) -> Result<(), StoreError> {
        let key = layout::alias(account, name);
        let old = AliasRecord::decode(&known.unchanged(&key, previous)?.value)?;
        self.require(key, Expect::Unchanged(previous))?;
        self.writes
            .insert(layout::alias_by_key(account, old.target, name), None);
        self.write(layout::alias_guard(account, old.target), Some(Vec::new()))
    }

    fn write_alias(&mut self, record: &AliasRecord) -> Result<(), StoreError> {
        let value = record.encode()?;
        let index = layout::alias_by_key(record.account, record.target, &record.name);
        // Replaces the removal that `take_alias` planned when the alias moves to its own target.
        self.writes.insert(index, Some(value.clone()));
        self.write(
            layout::alias_guard(record.account, record.target),
            Some(Vec::new()),
        )?;
        self.write(layout::alias(record.account, &record.name), Some(value))
    }

    pub(super) fn require(&mut self, key: Vec<u8>, expect: Expect) -> Result<(), StoreError> {
        match self.conditions.insert(key, expect) {
            Some(other) if other != expect => Err(contradiction("two conditions on one entry")),
            _ => Ok(()),
        }
    }

    pub(super) fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        match self.writes.get(&key) {
            Some(other) if *other != value => Err(contradiction("two writes of one entry")),
            Some(_) => Ok(()),
            None => {
                self.writes.insert(key, value);
                Ok(())
            }
        }
    }

    fn finish(self) -> Batch {
        let conditions = self.conditions.into_iter();
        let writes = self.writes.into_iter();
        Batch {
            conditions: conditions
                .filter_map(|(key, expect)| match expect {
                    Expect::Absent => Some(Condition::Absent { key }),
                    Expect::Unchanged(modified) => Some(Condition::Unchanged { key, modified }),
                    Expect::Anything => None,
                })
                .collect(),
            writes: writes
                .map(|(key, value)| match value {
                    Some(value) => Write::Put { key, value },
                    None => Write::Delete { key },
                })
                .collect(),
        }
    }
}
