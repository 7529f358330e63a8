//! What an alias and its keys can do.

use keystead_store::Change;
use keystead_store::records::AliasRecord;
use keystead_types::{AliasArn, Fault, FaultKind};

use super::Ready;
use crate::entry::KeyEntry;
use crate::target::{MovedAlias, NamedAlias, NewAlias, Target};

impl Ready<'_, NewAlias> {
    /// The key that the alias will point to.
    pub fn key(&self) -> Option<&KeyEntry> {
        self.held.key.as_deref()
    }

    /// Mints the new alias.
    ///
    /// Errors: AlreadyExistsException; LimitExceededException beyond the quota of aliases on the key.
    pub async fn create(&mut self) -> Result<(), Fault> {
        let Some(key) = self.held.key.clone() else {
            return Err(no_key());
        };
        if self.held.existing.is_some() {
            let arn = AliasArn {
                region: self.region().clone(),
                account: self.caller().account,
                name: self.held.name.clone(),
            };
            return Err(Fault::new(
                FaultKind::AlreadyExists,
                format!("An alias with the name {arn} already exists"),
            ));
        }
        room_for_alias(self, &key).await?;
        let now = self.now();
        let record = AliasRecord {
            name: self.held.name.clone(),
            account: key.record().account,
            target: key.record().key_id,
            created: now,
            updated: now,
        };
        self.changes.push(Change::PutAlias {
            record,
            target: Some(key.revision()),
        });
        Ok(())
    }
}

impl Ready<'_, NamedAlias> {
    /// Mints the removal of the alias.
    pub fn remove(&mut self) {
        if let Some(existing) = &self.held.existing {
            let AliasRecord { account, name, .. } = existing.value.clone();
            self.changes.push(Change::RemoveAlias {
                account,
                name,
                previous: existing.modified,
            });
        }
    }
}

impl Ready<'_, MovedAlias> {
    /// The key that the alias points to, unless it is already gone.
    pub fn old_key(&self) -> Option<&KeyEntry> {
        self.held.old_key.as_deref()
    }

    /// The key that the alias will point to.
    pub fn new_key(&self) -> Option<&KeyEntry> {
        self.held.key.as_deref()
    }

    /// Mints the move.
    ///
    /// Errors: LimitExceededException beyond the quota of aliases on the new key.
    pub async fn point_to_new_key(&mut self) -> Result<(), Fault> {
        let (Some(key), Some(existing)) = (self.held.key.clone(), self.held.existing.clone())
        else {
            return Err(no_key());
        };
        let mut record = existing.value;
        if record.target != key.record().key_id {
            room_for_alias(self, &key).await?;
        }
        record.target = key.record().key_id;
        record.updated = self.now();
        let (previous, target) = (existing.modified, key.revision());
        self.changes.push(Change::MoveAlias {
            record,
            previous,
            target,
        });
        Ok(())
    }
}

fn no_key() -> Fault {
    Fault::internal("an alias operation ran without its key")
}

async fn room_for_alias<T: Target>(ready: &Ready<'_, T>, key: &KeyEntry) -> Result<(), Fault> {
    let most = ready.quotas().aliases_per_key;
    let record = key.record();
    let records = ready.stage.site.records();
    let count = records
        .count_aliases_of(record.account, record.key_id, most)
        .await
        .map_err(Fault::internal)?;
    if count < most {
        return Ok(());
    }
    let arn = key.arn_text();
    Err(Fault::new(
        FaultKind::LimitExceeded,
        format!("The key {arn} already has {most} aliases, the most that a key may have."),
    ))
}
