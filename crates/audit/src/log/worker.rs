//! Buffers of worker threads.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use super::batch::Batch;
use super::shared::{Shared, lock};
use crate::Record;

/// The buffer of one worker. Others than the worker touch it only when it did not flush in time.
#[derive(Default)]
pub(super) struct Slot(Mutex<Queue>);

/// Records that wait for the next write, and the batch that they become.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) records: Vec<Record>,
    pub(super) batch: Arc<Batch>,
}

impl Slot {
    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0)
    }
}

/// A thread's membership in one log; ends with the thread.
struct Membership {
    log: Weak<Shared>,
    slot: Arc<Slot>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(log) = self.log.upgrade() {
            log.flush(&self.slot);
            log.remove_slot(&self.slot);
        }
    }
}

thread_local! {
    static MEMBERSHIPS: RefCell<Vec<Membership>> = const { RefCell::new(Vec::new()) };
}

/// Gives the thread a buffer unless it has one.
pub(super) fn register(log: &Arc<Shared>) {
    if slot(log).is_some() {
        return;
    }
    let slot = Arc::new(Slot::default());
    let membership = Membership {
        log: Arc::downgrade(log),
        slot: Arc::clone(&slot),
    };
    // While the thread is being torn down it stays unregistered and writes directly.
    let added = MEMBERSHIPS.try_with(|all| {
        all.try_borrow_mut()
            .map(|mut all| {
                all.retain(|membership| membership.log.strong_count() > 0);
                all.push(membership);
            })
            .is_ok()
    });
    if added == Ok(true) {
        log.add_slot(slot);
    }
}

/// The calling thread's buffer for this log.
pub(super) fn slot(log: &Arc<Shared>) -> Option<Arc<Slot>> {
    let find = |all: &RefCell<Vec<Membership>>| {
        let all = all.try_borrow().ok()?;
        // The weak reference keeps the address from being given to another log.
        let mine = all
            .iter()
            .find(|m| Weak::as_ptr(&m.log) == Arc::as_ptr(log))?;
        Some(Arc::clone(&mine.slot))
    };
    MEMBERSHIPS.try_with(find).ok().flatten()
}
