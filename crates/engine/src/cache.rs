//! Read-through memory of keys and aliases. A change is visible to every later request before
//! the call that made it returns: from before a commit begins until its end is known, nothing of
//! what it changes is kept.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{PoisonError, RwLock};

// Keyed at random, as callers choose some of what is hashed, and a fraction of SipHash's cost. Only
// what the store has is kept, so what is behind a chosen key was made under a quota.
use foldhash::quality::RandomState;

const SHARDS: usize = 16;

/// A bounded map whose inserts lose against invalidations that happened since the value was read,
/// and that keeps nothing of what is barred.
pub(crate) struct Cache<K, V> {
    shards: [RwLock<Shard<K, V>>; SHARDS],
    hasher: RandomState,
    shard_capacity: usize,
}

struct Shard<K, V> {
    entries: HashMap<K, V, RandomState>,
    invalidations: u64,
    /// What commits on their way may change, and how many commits. One that nobody saw the end of
    /// counts for good: its key is read from the store until a restart.
    barred: HashMap<K, usize, RandomState>,
}

/// Taken before a read of the store; stale as soon as anything of its shard is invalidated.
#[derive(Clone, Copy)]
pub(crate) struct Ticket(u64);

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| {
                RwLock::new(Shard {
                    entries: HashMap::default(),
                    invalidations: 0,
                    barred: HashMap::default(),
                })
            }),
            hasher: RandomState::default(),
            shard_capacity: capacity.div_ceil(SHARDS),
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is taken modulo the array's length"
    )]
    fn shard(&self, key: &K) -> &RwLock<Shard<K, V>> {
        let hash = self.hasher.hash_one(key);
        let [byte, ..] = hash.to_be_bytes();
        &self.shards[usize::from(byte) % SHARDS]
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let shard = self
            .shard(key)
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        shard.entries.get(key).cloned()
    }

    pub(crate) fn ticket(&self, key: &K) -> Ticket {
        Ticket(
            self.shard(key)
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .invalidations,
        )
    }

    /// Keeps what was read after `ticket` was taken, unless something changed since.
    pub(crate) fn insert(&self, key: K, value: V, ticket: Ticket) {
        let mut shard = self
            .shard(&key)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if shard.invalidations != ticket.0 || shard.barred.contains_key(&key) {
            return;
        }
        if shard.entries.len() >= self.shard_capacity {
            let victim = shard.entries.keys().next().cloned();
            victim.and_then(|victim| shard.entries.remove(&victim));
        }
        shard.entries.insert(key, value);
    }

    /// Forgets a value and keeps none until [`Self::admit`].
    pub(crate) fn bar(&self, key: &K) {
        let mut shard = self
            .shard(key)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shard.invalidations += 1;
        shard.entries.remove(key);
        *shard.barred.entry(key.clone()).or_default() += 1;
    }

    /// Takes one [`Self::bar`] back. What was read before is not kept.
    pub(crate) fn admit(&self, key: &K) {
        let mut shard = self
            .shard(key)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shard.invalidations += 1;
        let left = shard.barred.get(key).map_or(0, |count| count - 1);
        if left == 0 {
            shard.barred.remove(key);
        } else {
            shard.barred.insert(key.clone(), left);
        }
    }

    /// Forgets every value that is `gone`; takes as long as there are values.
    pub(crate) fn forget(&self, gone: impl Fn(&K, &V) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.invalidations += 1;
            shard.entries.retain(|key, value| !gone(key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_read_before_an_invalidation_is_not_kept() {
        let cache = Cache::new(64);
        let ticket = cache.ticket(&1);
        cache.bar(&1);
        cache.admit(&1);
        cache.insert(1, "stale", ticket);
        assert_eq!(cache.get(&1), None);
        cache.insert(1, "fresh", cache.ticket(&1));
        assert_eq!(cache.get(&1), Some("fresh"));
        cache.bar(&1);
        cache.admit(&1);
        assert_eq!(cache.get(&1), None);
    }

    #[test]
    fn nothing_is_kept_while_any_commit_is_on_its_way() {
        let cache = Cache::new(64);
        cache.bar(&1);
        cache.bar(&1);
        for commits_left in [2, 1] {
            let ticket = cache.ticket(&1);
            cache.insert(1, "unsure", ticket);
            assert_eq!(cache.get(&1), None, "{commits_left}");
            cache.admit(&1);
            cache.insert(1, "unsure", ticket);
            assert_eq!(cache.get(&1), None, "{commits_left}");
        }
        cache.insert(1, "sure", cache.ticket(&1));
        assert_eq!(cache.get(&1), Some("sure"));
    }

    #[test]
    fn values_are_forgotten_by_what_they_are() {
        let cache = Cache::new(64);
        for key in 0..4 {
            cache.insert(key, key % 2, cache.ticket(&key));
        }
        let tickets = [0, 1].map(|key| (key, cache.ticket(&key)));
        cache.forget(|_, value| *value == 1);
        assert_eq!(
            [0, 1, 2, 3].map(|key| cache.get(&key)),
            [Some(0), None, Some(0), None]
        );
        for (key, ticket) in tickets {
            cache.insert(key, 1, ticket);
            assert_ne!(cache.get(&key), Some(1), "read before");
        }
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let cache = Cache::new(32);
        for key in 0..1000 {
            cache.insert(key, key, cache.ticket(&key));
        }
        assert!((0..1000).filter(|key| cache.get(key).is_some()).count() <= 32);
    }
}
