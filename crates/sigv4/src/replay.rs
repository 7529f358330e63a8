//! The optional guard against a captured request that is sent again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};

use keystead_types::Timestamp;

use crate::limits::REPLAY_MAX;
use crate::verifier::Verified;

/// What a guard says of a verified request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Not seen before; it is remembered now.
    Fresh,
    /// Seen before within its window.
    Repeated,
    /// The guard is full of signatures that still count, and cannot tell: refuse, let retry.
    Full,
}

/// Remembers the signatures of mutating requests for as long as they would verify again.
///
/// A signature identifies its request: HMAC signatures cannot be altered and stay valid. SDKs
/// sign each retry anew, but two identical requests within one second have one signature, so
/// this is an option and not the default.
pub struct ReplayGuard {
    seen: Mutex<Seen>,
    max: usize,
}

#[derive(Default)]
struct Seen {
    until: BTreeMap<[u8; 32], Timestamp>,
    /// No signature is forgotten before this moment, so looking for one is useless.
    next_sweep: Option<Timestamp>,
}

impl Default for ReplayGuard {
    fn default() -> Self {
        Self::with_capacity(REPLAY_MAX)
    }
}

impl ReplayGuard {
    /// A guard for at most so many signatures at a time.
    pub fn with_capacity(max: usize) -> Self {
        Self {
            seen: Mutex::default(),
            max,
        }
    }

    /// Remembers a request's signature, or says that it was there.
    pub fn admit<I>(&self, verified: &Verified<I>, now: Timestamp) -> Replay {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.until.len() >= self.max {
            seen.sweep(now);
        }
        let full = seen.until.len() >= self.max;
        match seen.until.entry(*verified.signature()) {
            Entry::Occupied(_) => Replay::Repeated,
            Entry::Vacant(_) if full => Replay::Full,
            Entry::Vacant(place) => {
                place.insert(verified.until());
                Replay::Fresh
            }
        }
    }
}

impl Seen {
    fn sweep(&mut self, now: Timestamp) {
        if self.next_sweep.is_some_and(|next| now < next) {
            return;
        }
        self.until.retain(|_, until| *until > now);
        self.next_sweep = self.until.values().min().copied();
    }
}
