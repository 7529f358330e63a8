//! RSA keys made ahead, so that nobody waits for the search for primes.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use keystead_types::KeySpec;
use keystead_wall::{Refusal, Supply};

use crate::arena::Arena;
use crate::core::Core;
use crate::limits::{PREPARED_MAX, PREPARING_AFTER, PREPARING_INTERVAL};
use crate::material::{self, Fresh};

/// Keys that are ready, each in the arena until its one use.
pub(crate) struct Prepared {
    keys: Mutex<Keys>,
    /// Some key was taken.
    taken: Condvar,
}

#[derive(Default)]
struct Keys {
    rsa_2048: VecDeque<Fresh>,
    rsa_3072: VecDeque<Fresh>,
    rsa_4096: VecDeque<Fresh>,
}

impl Keys {
    fn of(&mut self, spec: KeySpec) -> Option<&mut VecDeque<Fresh>> {
        match spec {
            KeySpec::Rsa2048 => Some(&mut self.rsa_2048),
            KeySpec::Rsa3072 => Some(&mut self.rsa_3072),
            KeySpec::Rsa4096 => Some(&mut self.rsa_4096),
            _ => None,
        }
    }

    /// The size that is furthest from `count` keys; of equal ones the smaller, which is made
    /// sooner.
    fn wanting(&self, count: usize) -> Option<KeySpec> {
        let ready = [
            (self.rsa_2048.len(), KeySpec::Rsa2048),
            (self.rsa_3072.len(), KeySpec::Rsa3072),
            (self.rsa_4096.len(), KeySpec::Rsa4096),
        ];
        let (fewest, spec) = ready.into_iter().min_by_key(|(ready, _)| *ready)?;
        (fewest < count).then_some(spec)
    }
}

impl Prepared {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            keys: Mutex::default(),
            taken: Condvar::new(),
        }
    }

    /// An RSA key, which is given to nobody else.
    ///
    /// Refusals: `NonePrepared` (only with [`Supply::Prepared`]), `UnsupportedSpec` (not RSA).
    pub(crate) fn take(
        &self,
        spec: KeySpec,
        supply: Supply,
        arena: &Arc<Arena>,
    ) -> Result<Fresh, Refusal> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = keys.of(spec).ok_or(Refusal::UnsupportedSpec)?.pop_front();
        drop(keys);
        match (ready, supply) {
            (Some(key), _) => {
                self.taken.notify_one();
                Ok(key)
            }
            (None, Supply::Prepared) => Err(Refusal::NonePrepared),
            (None, Supply::Made) => material::generate(spec, arena),
        }
    }

    /// Makes one key if fewer than `count` of some size are ready. Says whether it did.
    fn make_one(&self, count: usize, arena: &Arc<Arena>) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let wanting = keys.wanting(count);
        drop(keys);
        let Some(spec) = wanting else {
            return false;
        };
        let Ok(key) = material::generate(spec, arena) else {
            return false;
        };
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = keys.of(spec) {
            ready.push_back(key);
        }
        true
    }

    /// Waits until a key was taken, at most for a while.
    fn wait(&self) {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        // Woken early, late or not at all: the next look tells.
        let _ = self.taken.wait_timeout(keys, PREPARING_INTERVAL);
    }
}

impl Core {
    /// Keeps `count` RSA keys of each size ready (at most 16) and drops parsed keys that have
    /// grown old, until the process ends: for a thread of its own, of low priority. Work begins
    /// two seconds later. It needs no system call that the sandbox forbids.
    pub fn start_preparing(self: &Arc<Self>, count: u16) {
        thread::sleep(PREPARING_AFTER);
        let count = usize::from(count.min(PREPARED_MAX));
        loop {
            self.parsed.drop_old(Instant::now());
            if !self.prepared.make_one(count, &self.arena) {
                self.prepared.wait();
            }
        }
    }
}

#[cfg(test)]
mod tests;
