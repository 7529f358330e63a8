//! Where a worker's sockets come from.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::limits::HUNG_AFTER_TIMEOUTS;
use crate::{Lane, LaneEnd};

/// The front end's ends of one worker's lanes.
#[derive(Debug)]
pub struct LaneSockets {
    /// For [`Lane::Fast`].
    pub fast: LaneEnd,
    /// For [`Lane::Slow`].
    pub slow: LaneEnd,
    /// For [`Lane::Making`].
    pub making: LaneEnd,
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
    sockets: Mutex<Option<LaneSockets>>,
    pub(super) arrived: Notify,
    missed_fast: AtomicU32,
    missed_slow: AtomicU32,
    missed_making: AtomicU32,
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
    pub fn connect(&self, sockets: LaneSockets) {
        for lane in Lane::ALL {
            self.shared.missed(lane).store(0, Ordering::Relaxed);
        }
        let mut place = self
            .shared
            .sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Some(sockets);
        drop(place);
        self.shared.arrived.notify_one();
    }

    /// True if a lane missed [`HUNG_AFTER_TIMEOUTS`] deadlines without one answer in between, or
    /// the process broke the protocol. Deadlines of [`Lane::Making`] are not counted: making RSA
    /// keys takes as long as luck wants, at the lowest priority.
    pub fn is_hung(&self) -> bool {
        Lane::ALL
            .iter()
            .any(|lane| self.shared.missed(*lane).load(Ordering::Relaxed) >= HUNG_AFTER_TIMEOUTS)
    }
}

impl Shared {
    pub(super) fn take(&self) -> Option<LaneSockets> {
        self.sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn missed(&self, lane: Lane) -> &AtomicU32 {
        match lane {
            Lane::Fast => &self.missed_fast,
            Lane::Slow => &self.missed_slow,
            Lane::Making => &self.missed_making,
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
