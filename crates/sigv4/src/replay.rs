//! The optional guard against a captured request that is sent again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use keystead_types::{AccountId, Timestamp};

use crate::limits::{REPLAY_MAX, REPLAY_PER_ACCOUNT_MAX, REPLAY_SHARDS};
use crate::verifier::Verified;

/// What a guard says of a verified request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Not seen before; it is remembered now.
    Fresh,
    /// Seen before within its window.
    Repeated,
    /// There is no room for one more signature of this account, or at all, so a repetition could
    /// not be told later: refuse, let the client try again.
    Full,
}

/// Remembers the signatures of mutating requests for as long as they would verify again.
///
/// A signature identifies its request: HMAC signatures cannot be altered and stay valid. Two
/// identical requests within one second have one signature, whoever sends them and why, so this is
/// an option and not the default.
///
/// It is kept in parts with a lock each, by the first byte of the signature. An account may fill
/// only a share of it, so that it cannot keep others from changing anything. Nothing outlives the
/// process: what was sent before a restart may be repeated after it.
pub struct ReplayGuard {
    shards: Box<[Mutex<Shard>]>,
    max: usize,
    max_per_account: usize,
}

#[derive(Default)]
struct Shard {
    /// The end of a signature's window, the signature and its account: first what ends first.
    seen: BTreeSet<(Timestamp, [u8; 32], AccountId)>,
    of_account: HashMap<AccountId, usize>,
}

impl Default for ReplayGuard {
    fn default() -> Self {
        Self::with_capacity(REPLAY_SHARDS, REPLAY_MAX, REPLAY_PER_ACCOUNT_MAX)
    }
}

impl ReplayGuard {
    /// A guard of so many parts (at least 1) for at most so many signatures at a time, of all
    /// accounts and of each. The parts are equal: one may be full before the whole is.
    pub fn with_capacity(shards: usize, max: usize, max_per_account: usize) -> Self {
        let shards = shards.max(1);
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            max: max.div_ceil(shards),
            max_per_account: max_per_account.div_ceil(shards),
        }
    }

    /// Remembers the signature of a request that counts for `account`, or says that it was there.
    /// Of several that come at once exactly one is fresh.
    ///
    /// Time: logarithmic; each signature is put in once and taken out once.
    pub fn admit<I>(&self, verified: &Verified<I>, account: AccountId, now: Timestamp) -> Replay {
        let signature = *verified.signature();
        let [first, ..] = signature;
        let Some(shard) = self.shards.get(usize::from(first) % self.shards.len()) else {
            return Replay::Full;
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.forget(now);
        // The date is signed too: the same signature has the same window.
        let entry = (verified.until(), signature, account);
        if shard.seen.contains(&entry) {
            return Replay::Repeated;
        }
        let own = shard.of_account.get(&account).copied().unwrap_or_default();
        if shard.seen.len() >= self.max || own >= self.max_per_account {
            return Replay::Full;
        }
        shard.seen.insert(entry);
        shard.of_account.insert(account, own + 1);
        Replay::Fresh
    }

    /// Signatures that are remembered; those whose window ended may still be among them.
    pub fn remembered(&self) -> usize {
        let seen = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.seen.len()
        };
        self.shards.iter().map(seen).sum()
    }
}

impl Shard {
    /// Forgets what would not verify any more.
    fn forget(&mut self, now: Timestamp) {
        while let Some((until, ..)) = self.seen.first()
            && *until <= now
            && let Some((_, _, account)) = self.seen.pop_first()
        {
            if let Some(own) = self.of_account.get_mut(&account) {
                *own = own.saturating_sub(1);
                if *own == 0 {
                    self.of_account.remove(&account);
                }
            }
        }
    }
}
