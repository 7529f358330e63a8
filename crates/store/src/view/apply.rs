//! Applying changes: read what they need, compile, commit.

use crate::change::{Change, Known, TooManyGrants, compile};
use crate::limits::{GRANTS_PER_REMOVAL, SCAN_MAX_ENTRIES, USAGE_WRITE_ATTEMPTS};
use crate::{Records, Revision, StoreError};

impl Records {
    /// Applies changes together; when it returns `Ok` they are durable and every later read
    /// sees them.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when an entry is not the one that a change was decided on:
    /// nothing has happened; read again and decide anew. [`StoreError::Failed`] also when the
    /// changes contradict each other, and with [`TooManyGrants`] as its cause.
    pub async fn apply(&self, changes: Vec<Change>) -> Result<Revision, StoreError> {
        // Nothing in these was decided on what is stored, so they can be repeated as they are.
        let undecided = |change: &Change| {
            matches!(
                change,
                Change::PutUsage { .. } | Change::OutboxDelete { .. }
            )
        };
        let attempts = if changes.iter().all(undecided) {
            USAGE_WRITE_ATTEMPTS
        } else {
            1
        };
        for _ in 1..attempts {
            match self.attempt(&changes).await {
                Err(StoreError::Conflict) => {}
                answer => return answer,
            }
        }
        self.attempt(&changes).await
    }

    async fn attempt(&self, changes: &[Change]) -> Result<Revision, StoreError> {
        let known = self.read_for(changes).await?;
        let batch = compile(changes, &known)?;
        self.backend.commit(batch).await
    }

    pub(crate) async fn read_for(&self, changes: &[Change]) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let mut keys = Vec::new();
        changes.iter().for_each(|change| change.reads(&mut keys));
        if keys.is_empty() {
            return Ok(known);
        }
        let (_, entries) = self.backend.get(keys).await?;
        let entries = entries.into_iter().flatten();
        known.entries = entries.map(|entry| (entry.key.clone(), entry)).collect();
        // After the guards of these keys have been read, not before: see `Draft::remove_key`.
        for change in changes {
            if let Change::RemoveKey {
                account, key_id, ..
            } = change
            {
                let (aliases, more) = self
                    .aliases_of(*account, *key_id, None, SCAN_MAX_ENTRIES)
                    .await?;
                if more {
                    return Err(StoreError::Corrupt(format!(
                        "key {key_id} has more than {SCAN_MAX_ENTRIES} aliases"
                    )));
                }
                known.aliases.insert((*account, *key_id), aliases);
                let (grants, more) = self
                    .grants_of(*account, *key_id, None, GRANTS_PER_REMOVAL)
                    .await?;
                if more {
                    return Err(StoreError::Failed(Box::new(TooManyGrants)));
                }
                let grants = grants.into_iter().map(|grant| grant.value).collect();
                known.grants.insert((*account, *key_id), grants);
            }
        }
        Ok(known)
    }
}
