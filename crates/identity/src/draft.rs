//! A change of identities in the making.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keystead_sigv4::Secret;
use keystead_store::records::IdentityRecord;
use keystead_store::{Change, IdentityKind, IdentityPlace, StoreError};
use keystead_types::{AccessKeyId, AccountId};
use tokio::sync::MutexGuard;

use crate::damage::Damage;
use crate::directory::{FreshSecrets, View, Writer};
use crate::secret::secret_text;
use crate::{BadDocument, Directory, DirectoryError, NewAccessKey, World};

/// A change of identities in the making: the only way to change them. While it lives no other
/// change begins. Dropped, it changes nothing.
pub struct Draft<'d> {
    directory: &'d Directory,
    writer: MutexGuard<'d, Writer>,
    before: Arc<View>,
    world: World,
    touched: BTreeSet<IdentityPlace>,
    unreadable: Option<DirectoryError>,
    fresh: FreshSecrets,
}

impl<'d> Draft<'d> {
    /// After a commit whose end is not known the store is read again first. When that fails too,
    /// the draft shows the state before and its commit fails.
    pub(crate) async fn begin(directory: &'d Directory) -> Self {
        let mut writer = directory.writer.lock().await;
        let mut unreadable = None;
        if writer.stale {
            unreadable = directory.reload(&mut writer).await.err();
        }
        let before = directory.view.load_full();
        Self {
            directory,
            writer,
            world: World::clone(&before.world),
            before,
            touched: BTreeSet::new(),
            unreadable,
            fresh: FreshSecrets::new(),
        }
    }

    /// All identities as they will be after the commit.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Stores a record in the place of the one with its name, if there is one. To rename, remove
    /// the old name too.
    ///
    /// Errors: a policy document in it does not compile; nothing has changed then.
    pub fn put(&mut self, record: IdentityRecord) -> Result<(), BadDocument> {
        let place = record.place();
        self.world.put(record)?;
        self.touched.insert(place);
        Ok(())
    }

    /// Says that an access key will be in a record, so that its secret is known without the HSM
    /// process.
    ///
    /// Errors: the secret is no text, which the HSM process never makes.
    pub fn expect_key(&mut self, key: &NewAccessKey) -> Result<(), DirectoryError> {
        let id = AccessKeyId::from(key.record.id.as_str());
        let secret = Secret::new(secret_text(&id, &key.secret)?);
        self.fresh.insert(id, secret);
        Ok(())
    }

    /// Removes a record, with all that hangs on it. Nothing happens when there is none.
    pub fn remove(&mut self, kind: IdentityKind, account: AccountId, name: &str) {
        let place = IdentityPlace::new(kind, account, name);
        self.world.remove(&place);
        self.touched.insert(place);
    }

    /// Commits: every changed record and `extra` become durable together, or nothing does. When
    /// it returns, every request that starts later sees the change.
    ///
    /// Errors: see [`DirectoryError`]; [`StoreError::Conflict`] when
    /// another server changed the same meanwhile. After another error of the store the
    /// caller does not know whether the change happened; what did counts at once.
    pub async fn commit(mut self, extra: Vec<Change>) -> Result<(), DirectoryError> {
        if let Some(error) = self.unreadable.take() {
            return Err(error);
        }
        let places: Vec<IdentityPlace> = std::mem::take(&mut self.touched).into_iter().collect();
        let touched: Vec<IdentityPlace> = places
            .into_iter()
            .filter(|place| self.differs(place))
            .collect();
        let users: Vec<IdentityPlace> = touched
            .iter()
            .filter(|place| place.kind() == IdentityKind::User)
            .cloned()
            .collect();
        let damage = self.before.damage.clone();
        if let Some(place) = touched.iter().find(|place| damage.forbids(place)) {
            return Err(DirectoryError::DamagedRecord(Damage::shown(place)));
        }
        let keys = self
            .directory
            .keys_after(&self.before, &self.world, &users, &self.fresh)
            .await?;
        let changes = touched.iter().filter_map(|place| self.change(place));
        let changes: Vec<Change> = changes.chain(extra).collect();
        if changes.is_empty() {
            return Ok(());
        }
        // Until the end of the commit is known, also when this future is dropped.
        self.writer.stale = true;
        let mut abandoned = Abandoned(Some(&self.directory.behind));
        let applied = self.directory.records.apply(changes).await;
        abandoned.0 = None;
        let revision = match applied {
            Ok(revision) => revision,
            Err(error) => return Err(self.after(error).await),
        };
        for place in touched {
            match record(&self.world, &place) {
                Some(_) => self.writer.revisions.insert(place, revision),
                None => self.writer.revisions.remove(&place),
            };
        }
        self.directory.view.store(Arc::new(View {
            world: Arc::new(self.world),
            keys,
            damage,
        }));
        self.writer.stale = false;
        Ok(())
    }

    /// What has happened is in the store: it counts from now on, whatever the caller is told.
    async fn after(mut self, error: StoreError) -> DirectoryError {
        self.directory.behind.store(true, Ordering::Relaxed);
        if let Err(unreadable) = self.directory.reload(&mut self.writer).await {
            tracing::error!(error = %unreadable, "identities could not be read again; the next change tries it");
        }
        error.into()
    }

    fn differs(&self, place: &IdentityPlace) -> bool {
        record(&self.before.world, place) != record(&self.world, place)
    }

    fn change(&self, place: &IdentityPlace) -> Option<Change> {
        let previous = self.writer.revisions.get(place).copied();
        match (record(&self.world, place), previous) {
            (Some(record), previous) => Some(Change::PutIdentity { record, previous }),
            (None, Some(previous)) => Some(Change::RemoveIdentity {
                place: place.clone(),
                previous,
            }),
            (None, None) => None,
        }
    }
}

/// Tells of a commit that was dropped before its end was known, before the lock of writers is free:
/// whoever takes it next reads the store again, and until that is done the view is not current.
struct Abandoned<'d>(Option<&'d AtomicBool>);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if let Some(behind) = self.0 {
            behind.store(true, Ordering::Relaxed);
            tracing::warn!(
                "nobody waited for the end of a change of identities; they are read again"
            );
        }
    }
}

fn record(world: &World, place: &IdentityPlace) -> Option<IdentityRecord> {
    world.record(place.kind(), place.account(), place.name())
}
