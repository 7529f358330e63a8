//! Grants in memory: of each key, for those who asked. The rule of [`crate::cache`] holds for all
//! grants of a key together: from before a commit that makes or removes one begins until its end is
//! known, nothing is kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use foldhash::quality::RandomState;
use keystead_store::Records;
use keystead_types::{AccountId, Fault, KeyId};

use super::GrantAsk;
use super::constraints::Held;
use super::grantee::Candidate;
use super::list::List;
use crate::cache::Cache;
use crate::limits::{
    CACHED_ENTRIES, CACHED_GRANT_COUNTS, CACHED_GRANTEES_PER_KEY, CACHED_GRANTS,
    GRANTS_READ_AT_ONCE,
};

/// Owner and id of a key.
type KeyName = (AccountId, KeyId);

/// The grants of a Region that were asked for.
pub(crate) struct GrantMemory {
    keys: Cache<KeyName, Arc<OfKey>>,
    /// Grants in all lists that are kept, and empty lists as one.
    kept: Arc<AtomicUsize>,
    /// How many grants keys have.
    counts: Mutex<HashMap<KeyName, usize>>,
}

/// What is known of the grants of one key. It is dropped as a whole when one comes or goes; a
/// request that still holds it began before.
#[derive(Default)]
pub(super) struct OfKey {
    grantees: RwLock<HashMap<Candidate, Arc<Grants>, RandomState>>,
}

impl OfKey {
    pub(super) fn get(&self, candidate: &Candidate) -> Option<Arc<Grants>> {
        let grantees = self.grantees.read().unwrap_or_else(PoisonError::into_inner);
        grantees.get(candidate).cloned()
    }
}

/// The grants of one key to one grantee; none, if it has none.
pub(super) struct Grants {
    list: List,
    /// Where the list is counted.
    counted: Option<Arc<AtomicUsize>>,
}

impl Grants {
    /// A grant that allows what is asked.
    pub(super) fn allowing(&self, ask: &GrantAsk<'_>) -> Option<&Held> {
        self.list.allowing(ask)
    }

    /// All of them.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Held> {
        self.list.iter()
    }

    fn weight(&self) -> usize {
        self.list.len().max(1)
    }
}

impl Drop for Grants {
    fn drop(&mut self) {
        if let Some(kept) = &self.counted {
            kept.fetch_sub(self.weight(), Ordering::Relaxed);
        }
    }
}

/// Reads the grants of a key to one grantee.
pub(super) async fn load(
    records: &Records,
    account: AccountId,
    key_id: KeyId,
    digest: &[u8; 32],
) -> Result<Vec<Held>, Fault> {
    let (mut list, mut after) = (Vec::new(), None);
    loop {
        let page = records.grants_by_grantee(account, key_id, digest, after, GRANTS_READ_AT_ONCE);
        let (page, more) = page.await.map_err(Fault::internal)?;
        after = page.last().map(|grant| grant.value.grant_id).or(after);
        list.extend(page.into_iter().map(|grant| Held::of(grant.value)));
        if !more {
            return Ok(list);
        }
    }
}

impl GrantMemory {
    pub(crate) fn new() -> Self {
        Self {
            keys: Cache::new(CACHED_ENTRIES),
            kept: Arc::default(),
            counts: Mutex::new(HashMap::new()),
        }
    }

    /// What is known of a key's grants. It is in memory before anything is read for it: whatever a
    /// request then reads and keeps there is dropped by every commit that begins later.
    pub(super) fn of_key(&self, name: KeyName) -> Arc<OfKey> {
        if let Some(known) = self.keys.get(&name) {
            return known;
        }
        let ticket = self.keys.ticket(&name);
        let fresh = Arc::<OfKey>::default();
        // Refused while a commit is on its way; then the request keeps it for itself.
        self.keys.insert(name, fresh.clone(), ticket);
        fresh
    }

    /// Keeps what was read for a grantee, if there is room.
    pub(super) fn keep(
        &self,
        of_key: &OfKey,
        candidate: Candidate,
        list: Vec<Held>,
    ) -> Arc<Grants> {
        let mut grants = Grants {
            list: List::new(list),
            counted: None,
        };
        let weight = grants.weight();
        if self
            .kept
            .fetch_add(weight, Ordering::Relaxed)
            .saturating_add(weight)
            > CACHED_GRANTS
        {
            self.kept.fetch_sub(weight, Ordering::Relaxed);
            // Rather forget all than choose: what is used comes back.
            self.keys.forget(|_, _| true);
            return Arc::new(grants);
        }
        grants.counted = Some(Arc::clone(&self.kept));
        let grants = Arc::new(grants);
        let mut grantees = of_key
            .grantees
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if grantees.len() >= CACHED_GRANTEES_PER_KEY {
            let victim = grantees.keys().next().cloned();
            victim.and_then(|victim| grantees.remove(&victim));
        }
        grantees.insert(candidate, Arc::clone(&grants));
        grants
    }

    /// Forgets a key's grants and keeps none until [`Self::admit`].
    pub(crate) fn bar(&self, name: &KeyName) {
        self.keys.bar(name);
    }

    /// Takes one [`Self::bar`] back.
    pub(crate) fn admit(&self, name: &KeyName) {
        self.keys.admit(name);
    }

    /// How many grants a key has, counted in the store once, up to `at_most`, then kept; a grant
    /// made in the moment of counting may be missed, which a quota can bear.
    pub(crate) async fn count(
        &self,
        records: &Records,
        name: KeyName,
        at_most: usize,
    ) -> Result<usize, Fault> {
        if let Some(count) = self.counts().get(&name) {
            return Ok(*count);
        }
        let (account, key_id) = name;
        let count = records.count_grants_of(account, key_id, at_most).await;
        let count = count.map_err(Fault::internal)?;
        let mut counts = self.counts();
        if counts.len() >= CACHED_GRANT_COUNTS {
            counts.clear();
        }
        counts.insert(name, count);
        Ok(count)
    }

    /// A grant came or went.
    pub(crate) fn counted(&self, name: &KeyName, delta: isize) {
        if let Some(count) = self.counts().get_mut(name) {
            *count = count.saturating_add_signed(delta);
        }
    }

    /// How many grants a key has is not known any more.
    pub(crate) fn uncounted(&self, name: &KeyName) {
        self.counts().remove(name);
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<KeyName, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
