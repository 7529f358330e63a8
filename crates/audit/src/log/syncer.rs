//! The thread that syncs, and that writes what a busy worker left in its buffer for too long.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::shared::{Shared, lock};
use crate::limits::SYNC_INTERVAL;

/// Wakes the syncer.
#[derive(Default)]
pub(super) struct Bell {
    /// Work that may wait for [`SYNC_INTERVAL`].
    soon: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    now: bool,
    closing: bool,
}

enum Call {
    /// Flush the workers' buffers and sync.
    Everything,
    /// Sync.
    Sync,
    /// As `Everything`, for the last time.
    Close,
}

impl Bell {
    /// There is work within the interval. Nearly free when that is known already.
    ///
    /// The syncer clears the flag before it looks at the buffers, each under its lock, and this is
    /// called after such a lock was held: either the syncer sees the work or this sees the flag
    /// cleared.
    pub(super) fn ring_soon(&self) {
        if !self.soon.load(Ordering::SeqCst) {
            let _state = lock(&self.state);
            self.soon.store(true, Ordering::SeqCst);
            self.changed.notify_one();
        }
    }

    /// There is work at once.
    pub(super) fn ring_now(&self) {
        let mut state = lock(&self.state);
        if !state.now {
            state.now = true;
            self.changed.notify_one();
        }
    }

    pub(super) fn close(&self) {
        lock(&self.state).closing = true;
        self.changed.notify_one();
    }

    fn wait(&self, since: &mut Option<Instant>) -> Call {
        let mut state = lock(&self.state);
        loop {
            if state.closing {
                return Call::Close;
            }
            if since.is_none() && self.soon.load(Ordering::SeqCst) {
                *since = Some(Instant::now());
            }
            let left = since.map(|since| SYNC_INTERVAL.saturating_sub(since.elapsed()));
            if left == Some(Duration::ZERO) {
                *since = None;
                state.now = false;
                self.soon.store(false, Ordering::SeqCst);
                return Call::Everything;
            }
            if std::mem::take(&mut state.now) {
                return Call::Sync;
            }
            let waited = match left {
                None => self.changed.wait(state),
                Some(left) => self
                    .changed
                    .wait_timeout(state, left)
                    .map(|(state, _)| state)
                    .map_err(|error| PoisonError::new(error.into_inner().0)),
            };
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Starts the thread; it ends when the bell is closed.
pub(super) fn start(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    Builder::new()
        .name("audit-sync".to_owned())
        .spawn(move || run(&shared))
}

fn run(shared: &Shared) {
    let mut since = None;
    loop {
        match shared.bell.wait(&mut since) {
            Call::Sync => shared.sync(),
            Call::Everything => {
                shared.flush_all();
                shared.sync();
            }
            Call::Close => {
                shared.flush_all();
                shared.sync();
                return;
            }
        }
    }
}
