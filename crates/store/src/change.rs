//! Typed changes, and how they become one batch: records, index entries and conditions.

use std::collections::BTreeMap;
use std::fmt;

use keystead_types::{AccessKeyId, AccountId, AliasName, KeyId, KeyState, RequestId};

use crate::layout::{self, Due, DueKind, Meta};
use crate::records::{AliasRecord, CredentialRecord, KeyRecord};
use crate::{Batch, Condition, Entry, Revision, StoreError, Write};

/// One typed change. Changes that are applied together happen together or not at all.
///
/// A revision in a change is the one of the entry that the decision was based on; if the entry
/// was written since, nothing happens and the answer is [`StoreError::Conflict`].
#[derive(Debug, Clone)]
pub enum Change {
    /// Stores a key and keeps its due entries in step.
    PutKey {
        /// The key as it shall be.
        record: KeyRecord,
        /// The entry that it replaces; none for a new key.
        previous: Option<Revision>,
    },
    /// Removes a key, its material, its aliases and its due entries.
    RemoveKey {
        /// The owner.
        account: AccountId,
        /// The key.
        key_id: KeyId,
        /// The entry that is removed.
        previous: Revision,
    },
    /// Creates an alias; a conflict if the name is taken.
    PutAlias {
        /// The alias.
        record: AliasRecord,
        /// The entry of its target; none if the same list of changes creates the target.
        target: Option<Revision>,
    },
    /// Points an alias to another key.
    MoveAlias {
        /// The alias as it shall be.
        record: AliasRecord,
        /// The entry that it replaces.
        previous: Revision,
        /// The entry of its new target.
        target: Revision,
    },
    /// Removes an alias.
    RemoveAlias {
        /// The owner.
        account: AccountId,
        /// Its name.
        name: AliasName,
        /// The entry that is removed.
        previous: Revision,
    },
    /// Puts an audit record on its way to the log.
    OutboxPut {
        /// The event's id.
        event_id: RequestId,
        /// The record, in the audit trail's own format.
        record: Vec<u8>,
    },
    /// Removes an audit record that the log holds now.
    OutboxDelete {
        /// The event's id.
        event_id: RequestId,
    },
    /// Stores a fact about the store itself.
    PutMeta {
        /// Which one.
        item: Meta,
        /// Its bytes.
        value: Vec<u8>,
        /// What must be there now.
        expect: Expect,
    },
    /// Stores an access key.
    PutCredential {
        /// Its id.
        access_key_id: AccessKeyId,
        /// Whose it is and its sealed secret.
        record: CredentialRecord,
        /// The entry that it replaces; none for a new one.
        previous: Option<Revision>,
    },
    /// Removes an access key.
    RemoveCredential {
        /// Its id.
        access_key_id: AccessKeyId,
        /// The entry that is removed.
        previous: Revision,
    },
}

/// What must be stored for a change to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Absent,
    /// The entry written at that revision.
    Unchanged(Revision),
    /// Whatever.
    Anything,
}

impl From<Option<Revision>> for Expect {
    fn from(previous: Option<Revision>) -> Self {
        previous.map_or(Self::Absent, Self::Unchanged)
    }
}

/// Changes that contradict each other.
#[derive(Debug)]
struct Contradiction(&'static str);

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "changes that contradict each other: {}", self.0)
    }
}

impl std::error::Error for Contradiction {}

fn contradiction(what: &'static str) -> StoreError {
    StoreError::Failed(Box::new(Contradiction(what)))
}

impl Change {
    /// The entries that must be known to compile this change.
    pub(crate) fn reads(&self, keys: &mut Vec<Vec<u8>>) {
        match self {
            Self::PutKey {
                record,
                previous: Some(_),
            } => keys.push(layout::key_record(record.account, record.key_id)),
            Self::RemoveKey {
                account, key_id, ..
            } => keys.extend([
                layout::key_record(*account, *key_id),
                layout::alias_guard(*account, *key_id),
            ]),
            Self::MoveAlias { record, .. } => {
                keys.push(layout::alias(record.account, &record.name));
            }
            Self::RemoveAlias { account, name, .. } => keys.push(layout::alias(*account, name)),
            _ => {}
        }
    }
}

/// What was read before compiling: the entries that [`Change::reads`] named, and the aliases of
/// each key that will be removed.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) entries: BTreeMap<Vec<u8>, Entry>,
    pub(crate) aliases: BTreeMap<(AccountId, KeyId), Vec<AliasRecord>>,
}

impl Known {
    /// The entry if it is still the one that the change was decided on.
    fn unchanged(&self, key: &[u8], revision: Revision) -> Result<&Entry, StoreError> {
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
    Ok(draft.finish())
}

/// The due entries of a key: only what its state lets happen, so that a job which takes the
/// earliest entries is never held up by those that must wait.
pub(crate) fn dues_of(record: &KeyRecord) -> Vec<Due> {
    let entry = |due, kind| Due {
        due,
        account: record.account,
        key_id: record.key_id,
        kind,
    };
    let deletion = match (record.state, record.deletion) {
        (KeyState::PendingDeletion, Some(deletion)) => Some(deletion.due),
        _ => None,
    };
    let rotation = match (record.state, record.rotation) {
        (KeyState::Enabled | KeyState::Updating, Some(setting)) => Some(setting.next),
        _ => None,
    };
    let deletion = deletion.map(|due| entry(due, DueKind::Deletion));
    let rotation = rotation.map(|due| entry(due, DueKind::Rotation));
    deletion.into_iter().chain(rotation).collect()
}

/// A batch in the making. Each key is written once and has one condition.
#[derive(Default)]
struct Draft {
    conditions: BTreeMap<Vec<u8>, Expect>,
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
        // An alias that was created or moved here since the aliases were listed has written the
        // guard; without this condition it would be left behind, pointing to nothing.
        let guard = layout::alias_guard(account, key_id);
        let guarded = known.entries.get(&guard).map(|entry| entry.modified);
        self.require(guard.clone(), guarded.into())?;
        self.write(guard, None)?;
        let aliases = known.aliases.get(&(account, key_id));
        for alias in aliases.into_iter().flatten() {
            self.write(layout::alias(account, &alias.name), None)?;
            self.write(layout::alias_by_key(account, key_id, &alias.name), None)?;
        }
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

    fn require(&mut self, key: Vec<u8>, expect: Expect) -> Result<(), StoreError> {
        match self.conditions.insert(key, expect) {
            Some(other) if other != expect => Err(contradiction("two conditions on one entry")),
            _ => Ok(()),
        }
    }

    fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), StoreError> {
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

#[cfg(test)]
mod tests;
