//! Read-through memory of keys and aliases. A change is visible to every later request before
//! the call that made it returns: commits invalidate first and answer then.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{PoisonError, RwLock};

const SHARDS: usize = 16;

/// A bounded map whose inserts lose against invalidations that happened since the value was read.
pub(crate) struct Cache<K, V> {
    shards: [RwLock<Shard<K, V>>; SHARDS],
    hasher: RandomState,
    shard_capacity: usize,
}

struct Shard<K, V> {
    entries: HashMap<K, V>,
    invalidations: u64,
}

/// Taken before a read of the store; stale as soon as anything of its shard is invalidated.
#[derive(Clone, Copy)]
pub(crate) struct Ticket(u64);

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| {
                RwLock::new(Shard {
                    entries: HashMap::new(),
                    invalidations: 0,
                })
            }),
            hasher: RandomState::new(),
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
        if shard.invalidations != ticket.0 {
            return;
        }
        if shard.entries.len() >= self.shard_capacity {
            let victim = shard.entries.keys().next().cloned();
            victim.and_then(|victim| shard.entries.remove(&victim));
        }
        shard.entries.insert(key, value);
    }

    pub(crate) fn invalidate(&self, key: &K) {
        let mut shard = self
            .shard(key)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shard.invalidations += 1;
        shard.entries.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_read_before_an_invalidation_is_not_kept() {
        let cache = Cache::new(64);
        let ticket = cache.ticket(&1);
        cache.invalidate(&1);
        cache.insert(1, "stale", ticket);
        assert_eq!(cache.get(&1), None);
        cache.insert(1, "fresh", cache.ticket(&1));
        assert_eq!(cache.get(&1), Some("fresh"));
        cache.invalidate(&1);
        assert_eq!(cache.get(&1), None);
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
