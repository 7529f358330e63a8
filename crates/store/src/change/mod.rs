//! Typed changes, and how they become one batch: records, index entries and conditions.

mod draft;
mod due;
mod grant;

use std::fmt;

use keystead_types::{AccessKeyId, AccountId, AliasName, GrantId, KeyId, RequestId};

use crate::layout::{self, GrantPlace, IdentityPlace, Meta};
use crate::limits::GRANTS_PER_REMOVAL;
use crate::records::{
    AliasRecord, CredentialRecord, GrantRecord, IdentityRecord, KeyRecord, LastUseRecord,
    UsageRecord,
};
use crate::{Revision, StoreError};

pub(crate) use draft::{Known, compile};

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
    /// Removes a key, its material, its aliases, its grants, its usage record and its due entries.
    /// [`StoreError::Failed`] with [`TooManyGrants`] as its cause if it has more than 1,000
    /// grants: remove them in pages first.
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
    /// Creates a grant; a conflict if its id is taken or if the key has a grant with its
    /// fingerprint.
    PutGrant {
        /// The grant.
        record: GrantRecord,
        /// The entry of its key.
        key: Revision,
    },
    /// Removes a grant.
    RemoveGrant {
        /// The owner of the key.
        account: AccountId,
        /// The key.
        key_id: KeyId,
        /// The grant.
        grant_id: GrantId,
        /// The entry that is removed.
        previous: Revision,
    },
    /// Stores a key's last use, whatever was stored; nothing happens if there is no such key.
    /// [`Records::apply`](crate::Records::apply) repeats a list of these and of
    /// [`OutboxDelete`](Self::OutboxDelete) alone when a key of it changes meanwhile, so that it
    /// meets no conflicts in practice.
    PutUsage {
        /// The owner of the key.
        account: AccountId,
        /// The key.
        key_id: KeyId,
        /// Its last use.
        record: UsageRecord,
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
    /// Stores an account or an identity.
    PutIdentity {
        /// It as it shall be.
        record: IdentityRecord,
        /// The entry that it replaces; none for a new one.
        previous: Option<Revision>,
    },
    /// Removes an account's record or an identity, with all that hangs on it.
    RemoveIdentity {
        /// Which one.
        place: IdentityPlace,
        /// The entry that is removed.
        previous: Revision,
    },
    /// Stores the last use of an access key or a role, whatever was stored.
    PutLastUse {
        /// The access key's id or the role's unique id.
        id: String,
        /// Its last use.
        record: LastUseRecord,
    },
    /// Removes the last use of an access key or a role that is gone, if there is one.
    RemoveLastUse {
        /// The access key's id or the role's unique id.
        id: String,
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

/// A key cannot be removed in one batch with all its grants. Found as the cause of
/// [`StoreError::Failed`]; nothing has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyGrants;

impl fmt::Display for TooManyGrants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the key has more than {GRANTS_PER_REMOVAL} grants; remove them in pages first"
        )
    }
}

impl std::error::Error for TooManyGrants {}

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
                layout::grant_guard(*account, *key_id),
            ]),
            Self::RemoveGrant {
                account,
                key_id,
                grant_id,
                ..
            } => keys.push(layout::grant(&GrantPlace {
                account: *account,
                key_id: *key_id,
                grant_id: *grant_id,
            })),
            Self::PutUsage {
                account, key_id, ..
            } => keys.push(layout::key_record(*account, *key_id)),
            Self::MoveAlias { record, .. } => {
                keys.push(layout::alias(record.account, &record.name));
            }
            Self::RemoveAlias { account, name, .. } => keys.push(layout::alias(*account, name)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
