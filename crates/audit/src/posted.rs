//! Records that stand in a store's outbox and in the log, until the outbox may forget them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use keystead_types::RequestId;

use crate::Trail;

/// Records of one store's outbox that are written to the log. The outbox may forget one only when
/// the log says that its disk has it: until then a power cut could take it, and with the outbox's
/// copy gone a durable change would have no record.
#[derive(Debug, Default)]
pub struct Posted(Mutex<Vec<Settling>>);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settling {
    /// The event's id.
    pub event_id: RequestId,
    /// The log has the record once it has synced so many.
    mark: u64,
}

impl Posted {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a record that `trail`'s log has written: its publication has succeeded.
    pub fn note(&self, trail: &Trail, event_id: RequestId) {
        let (mark, _) = trail.progress();
        self.lock().push(Settling { event_id, mark });
    }

    /// Takes out at most so many of those that the disk has. Those that the outbox does not forget
    /// after all must come back by [`Self::put_back`].
    pub fn take(&self, trail: &Trail, at_most: usize) -> Vec<Settling> {
        let (_, synced) = trail.progress();
        let mut all = self.lock();
        let settled = all.extract_if(.., |one| one.mark <= synced);
        settled.take(at_most).collect()
    }

    /// Takes them back, to be taken out again later.
    pub fn put_back(&self, settling: &mut Vec<Settling>) {
        self.lock().append(settling);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Settling>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn only_what_the_disk_has_is_taken() {
        let (trail, log) = fixture::trail("eu-west-1");
        let posted = Posted::new();
        let publish = || {
            let entry = trail.service_event("RotateKey", fixture::account(), None);
            let event_id = entry.event_id();
            drop(entry.settle(Ok(())).publish());
            posted.note(&trail, event_id);
            event_id
        };
        let first = publish();
        log.hold_sync(true);
        let second = publish();
        let taken = |at_most| {
            let mut taken = posted.take(&trail, at_most);
            let ids: Vec<_> = taken.iter().map(|one| one.event_id).collect();
            posted.put_back(&mut taken);
            ids
        };
        assert_eq!(taken(10), [first]);
        log.hold_sync(false);
        assert_eq!(taken(1).len(), 1);
        let mut both = taken(10);
        both.sort_by_key(|id| *id != first);
        assert_eq!(both, [first, second]);
        assert_eq!(posted.take(&trail, 10).len(), 2);
        assert!(posted.take(&trail, 10).is_empty());
    }
}
