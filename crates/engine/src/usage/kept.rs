//! Last uses in memory, and how far the log is covered by them.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use foldhash::quality::RandomState;

use super::{KeyName, Use};
use crate::limits::USES_KEPT;

const SHARDS: usize = 16;

#[derive(Default)]
struct Shard {
    uses: HashMap<KeyName, Kept, RandomState>,
    /// Keys whose use is not stored; each once.
    unstored: Vec<KeyName>,
}

struct Kept {
    used: Use,
    stored: bool,
}

/// Last uses that are not stored yet, and others that are.
pub(crate) struct Uses {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    pub(super) kept: AtomicUsize,
    most: usize,
    pub(super) storing: AtomicBool,
    /// Calls whose record may be in the log and whose use is not noted, by parity of the turn in
    /// which they began.
    pub(super) under_way: [AtomicUsize; 2],
    turn: AtomicUsize,
    /// The position of the log when the turn began.
    candidate: Mutex<Option<u64>>,
    pub(super) mark: AtomicU64,
    pub(super) head: OnceLock<Box<dyn Fn() -> u64 + Send + Sync>>,
}

impl Uses {
    pub(crate) fn new() -> Self {
        Self::keeping(USES_KEPT)
    }

    pub(super) fn keeping(most: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::default(),
            kept: AtomicUsize::new(0),
            most,
            storing: AtomicBool::new(false),
            under_way: Default::default(),
            turn: AtomicUsize::new(0),
            candidate: Mutex::new(None),
            mark: AtomicU64::new(0),
            head: OnceLock::new(),
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is taken modulo the array's length"
    )]
    fn shard(&self, key: &KeyName) -> MutexGuard<'_, Shard> {
        let [byte, ..] = self.hasher.hash_one(key).to_be_bytes();
        lock(&self.shards[usize::from(byte) % SHARDS])
    }

    /// Notes a use. The later moment counts; of two of one second the one that is noted later.
    pub(super) fn note(&self, key: KeyName, used: Use) {
        let mut shard = self.shard(&key);
        let Shard { uses, unstored } = &mut *shard;
        match uses.get_mut(&key) {
            Some(kept) if used.at < kept.used.at => {}
            Some(kept) => {
                kept.used = used;
                if kept.stored {
                    kept.stored = false;
                    unstored.push(key);
                }
            }
            None => {
                uses.insert(
                    key,
                    Kept {
                        used,
                        stored: false,
                    },
                );
                unstored.push(key);
                self.kept.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn get(&self, key: &KeyName) -> Option<Use> {
        self.shard(key).uses.get(key).map(|kept| kept.used)
    }

    /// Forgets a key that is removed.
    pub(crate) fn forget(&self, key: &KeyName) {
        let mut shard = self.shard(key);
        if shard.uses.remove(key).is_some() {
            shard.unstored.retain(|one| one != key);
            self.kept.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn crowded(&self) -> bool {
        self.kept.load(Ordering::Relaxed) > self.most
    }

    /// Takes what is not stored, at most so many.
    pub(super) fn take(&self, most: usize) -> Vec<(KeyName, Use)> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            let Shard { uses, unstored } = &mut *shard;
            let room = most.saturating_sub(taken.len()).min(unstored.len());
            let names = unstored.drain(..room);
            taken.extend(names.filter_map(|name| Some((name, uses.get(&name)?.used))));
        }
        taken
    }

    /// The uses are in the store: unless the key was used again, they need not stay.
    pub(super) fn settle(&self, taken: &[(KeyName, Use)]) {
        for (name, used) in taken {
            let mut shard = self.shard(name);
            let Shard { uses, unstored } = &mut *shard;
            let Some(kept) = uses.get_mut(name) else {
                continue;
            };
            if kept.used != *used {
                unstored.push(*name);
            } else if self.crowded() {
                uses.remove(name);
                self.kept.fetch_sub(1, Ordering::Relaxed);
            } else {
                kept.stored = true;
            }
        }
        if self.crowded() {
            self.evict();
        }
    }

    /// The uses could not be stored: they are still to be.
    pub(super) fn restore(&self, taken: &[(KeyName, Use)]) {
        for (name, _) in taken {
            let mut shard = self.shard(name);
            if shard.uses.contains_key(name) {
                shard.unstored.push(*name);
            }
        }
    }

    /// Forgets what the store has: a look at one of these keys reads it there.
    fn evict(&self) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let before = shard.uses.len();
            shard.uses.retain(|_, kept| !kept.stored);
            self.kept
                .fetch_sub(before - shard.uses.len(), Ordering::Relaxed);
        }
    }

    /// Begins a call whose record will be handed to the log.
    pub(super) fn begin(&self) -> usize {
        loop {
            let turn = self.turn.load(Ordering::SeqCst);
            self.counter(turn).fetch_add(1, Ordering::SeqCst);
            if self.turn.load(Ordering::SeqCst) == turn {
                return turn;
            }
            self.end(turn);
        }
    }

    pub(super) fn end(&self, turn: usize) {
        self.counter(turn).fetch_sub(1, Ordering::SeqCst);
    }

    fn counter(&self, turn: usize) -> &AtomicUsize {
        let [even, odd] = &self.under_way;
        if turn.is_multiple_of(2) { even } else { odd }
    }

    /// The position up to which every use has been noted, if there is a newer one.
    pub(super) fn noted_up_to(&self) -> Option<u64> {
        let before = self.turn.load(Ordering::SeqCst).wrapping_sub(1);
        let quiet = self.counter(before).load(Ordering::SeqCst) == 0;
        lock(&self.candidate).filter(|_| quiet)
    }

    /// Begins the next turn, unless calls of the one before the present are still under way.
    pub(super) fn next_turn(&self) {
        let Some(head) = self.head.get() else { return };
        let turn = self.turn.load(Ordering::SeqCst);
        if self.counter(turn.wrapping_sub(1)).load(Ordering::SeqCst) == 0 {
            *lock(&self.candidate) = Some(head());
            self.turn.store(turn.wrapping_add(1), Ordering::SeqCst);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
