//! Where a worker's sockets come from.

use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::Lane;
use crate::limits::HUNG_AFTER_TIMEOUTS;

/// The front end's ends of one worker's lanes.
#[derive(Debug)]
pub struct LanePair {
    /// For [`Lane::Fast`].
    pub fast: UnixStream,
    /// For [`Lane::Slow`].
    pub slow: UnixStream,
}

/// The worker's side: gives it sockets whenever the HSM process was started anew.
pub struct WorkerPort {
    pub(super) shared: Arc<Shared>,
}

/// The supervisor's side of a [`WorkerPort`].
pub struct Reconnector {
    shared: Arc<Shared>,
}

#[derive(Default)]
pub(super) struct Shared {
    pair: Mutex<Option<LanePair>>,
    pub(super) arrived: Notify,
    missed_fast: AtomicU32,
    missed_slow: AtomicU32,
}

/// Makes the two sides for one worker.
pub fn port() -> (Reconnector, WorkerPort) {
    let shared = Arc::new(Shared::default());
    let reconnector = Reconnector {
        shared: Arc::clone(&shared),
    };
    (reconnector, WorkerPort { shared })
}

impl Reconnector {
    /// Hands new sockets to the worker; the newest replace what it has. What is outstanding on
    /// the old ones fails with [`crate::WallError::Down`].
    pub fn connect(&self, pair: LanePair) {
        self.shared.missed_fast.store(0, Ordering::Relaxed);
        self.shared.missed_slow.store(0, Ordering::Relaxed);
        let mut place = self
            .shared
            .pair
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Some(pair);
        drop(place);
        self.shared.arrived.notify_one();
    }

    /// True if a lane missed [`HUNG_AFTER_TIMEOUTS`] deadlines without one answer in between, or
    /// the process broke the protocol.
    pub fn is_hung(&self) -> bool {
        let shared = &self.shared;
        [&shared.missed_fast, &shared.missed_slow]
            .iter()
            .any(|missed| missed.load(Ordering::Relaxed) >= HUNG_AFTER_TIMEOUTS)
    }
}

impl Shared {
    pub(super) fn take(&self) -> Option<LanePair> {
        self.pair
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn missed(&self, lane: Lane) -> &AtomicU32 {
        match lane {
            Lane::Fast => &self.missed_fast,
            Lane::Slow => &self.missed_slow,
        }
    }

    pub(super) fn count_missed(&self, lane: Lane, count: u32) {
        if count != 0 {
            self.missed(lane).fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(super) fn clear_missed(&self, lane: Lane) {
        let missed = self.missed(lane);
        if missed.load(Ordering::Relaxed) != 0 {
            missed.store(0, Ordering::Relaxed);
        }
    }
}
