//! When access keys and roles were last used: noted in memory by each request, stored behind the
//! requests ([`Directory::store_last_uses`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwapOption;
use keystead_store::records::LastUseRecord;
use keystead_store::{Change, Records, StoreError};
use keystead_types::{Region, Timestamp};

use crate::Directory;
use crate::limits::{
    LAST_USE_STEP_MILLIS, LAST_USE_STORE_STEP_MILLIS, LAST_USES_PAGE, LAST_USES_STORED_AT_ONCE,
};

/// The last use of an access key or role, to the minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// The signing name of the service: `kms`.
    pub service: Arc<str>,
    /// The Region of the signature.
    pub region: Region,
}

impl LastUse {
    fn record(&self) -> LastUseRecord {
        LastUseRecord {
            at: self.at,
            service: self.service.to_string(),
            region: self.region.as_str().to_owned(),
        }
    }

    fn stored(record: &LastUseRecord) -> Option<Self> {
        Some(Self {
            at: record.at,
            service: record.service.as_str().into(),
            region: Region::parse(&record.region).ok()?,
        })
    }
}

/// Which last uses to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Those of keys and roles whose last write is some minutes ago.
    Sparing,
    /// All that are not stored yet: the server ends.
    Final,
}

const NEVER: i64 = i64::MIN;

/// Whether two moments are so far apart, in either direction: a clock may have been set back.
fn apart(now: Timestamp, before: i64, millis: i64) -> bool {
    now.as_millis().saturating_sub(before).saturating_abs() >= millis
}

/// Where a last use is kept. Noting takes no lock, and within a minute of the last note nothing
/// but one load.
#[derive(Debug)]
pub(crate) struct LastUseCell {
    at: AtomicI64,
    place: ArcSwapOption<LastUse>,
    /// The moment that the store has.
    stored: AtomicI64,
    /// When that was written.
    written: AtomicI64,
}

impl Default for LastUseCell {
    fn default() -> Self {
        Self {
            at: AtomicI64::new(NEVER),
            place: ArcSwapOption::empty(),
            stored: AtomicI64::new(NEVER),
            written: AtomicI64::new(NEVER),
        }
    }
}

impl LastUseCell {
    fn recalled(used: LastUse) -> Self {
        let at = used.at.as_millis();
        Self {
            at: AtomicI64::new(at),
            place: ArcSwapOption::from_pointee(used),
            stored: AtomicI64::new(at),
            // It was written a little later, which nobody noted.
            written: AtomicI64::new(at),
        }
    }

    pub(crate) fn note(&self, service: &str, region: &Region, now: Timestamp) {
        let before = self.at.load(Ordering::Relaxed);
        if !apart(now, before, LAST_USE_STEP_MILLIS) {
            return;
        }
        let swap = self.at.compare_exchange(
            before,
            now.as_millis(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if swap.is_ok() {
            self.place.store(Some(Arc::new(LastUse {
                at: now,
                service: service.into(),
                region: region.clone(),
            })));
        }
    }

    pub(crate) fn get(&self) -> Option<LastUse> {
        self.place.load().as_deref().cloned()
    }

    /// What is to be stored, if it is time for it.
    fn due(&self, pace: Pace, now: Timestamp) -> Option<LastUse> {
        let used = self.get()?;
        let known = self.stored.load(Ordering::Relaxed) == used.at.as_millis();
        let written = self.written.load(Ordering::Relaxed);
        let rested = pace == Pace::Final || apart(now, written, LAST_USE_STORE_STEP_MILLIS);
        (!known && rested).then_some(used)
    }

    fn note_stored(&self, used: &LastUse, now: Timestamp) {
        self.stored.store(used.at.as_millis(), Ordering::Relaxed);
        self.written.store(now.as_millis(), Ordering::Relaxed);
    }

    fn is_stored(&self) -> bool {
        self.stored.load(Ordering::Relaxed) != NEVER
    }
}

type Cells = HashMap<Arc<str>, Arc<LastUseCell>>;

/// Where the last uses are kept: of users' access keys by their ids, of roles by unique id.
#[derive(Default)]
pub(crate) struct LastUses(RwLock<Cells>);

impl LastUses {
    /// What the store has. A record that cannot be read is forgotten: it is a summary.
    pub(crate) async fn recall(records: &Records) -> Result<Self, StoreError> {
        let mut cells = Cells::new();
        let mut after: Option<String> = None;
        loop {
            let page = records.last_uses_page(after.as_deref(), LAST_USES_PAGE);
            let (uses, more) = page.await?;
            for (id, record) in uses {
                let used = record.as_ref().and_then(LastUse::stored);
                if let Some(used) = used {
                    let cell = Arc::new(LastUseCell::recalled(used));
                    cells.insert(id.as_str().into(), cell);
                } else {
                    tracing::warn!(id, "the stored last use cannot be read and is forgotten");
                }
                after = Some(id);
            }
            if !more {
                return Ok(Self(RwLock::new(cells)));
            }
        }
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<LastUseCell>> {
        let uses = self.0.read().unwrap_or_else(PoisonError::into_inner);
        uses.get(id).cloned()
    }

    /// The place of one, made when it is first asked for.
    pub(crate) fn of(&self, id: &str) -> Arc<LastUseCell> {
        if let Some(known) = self.find(id) {
            return known;
        }
        let mut uses = self.0.write().unwrap_or_else(PoisonError::into_inner);
        uses.entry(id.into()).or_default().clone()
    }

    /// What is to be written by now: uses, and the ids of what is gone and stored.
    fn due(
        &self,
        pace: Pace,
        now: Timestamp,
        exists: impl Fn(&str) -> bool,
    ) -> (Vec<Written>, Vec<Arc<str>>) {
        let uses = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (there, gone): (Vec<_>, Vec<_>) = uses.iter().partition(|(id, _)| exists(id));
        let written = there.into_iter().filter_map(|(id, cell)| {
            Some(Written {
                id: id.clone(),
                cell: cell.clone(),
                used: cell.due(pace, now)?,
            })
        });
        let gone = gone.into_iter().map(|(id, _)| id.clone());
        (written.collect(), gone.collect())
    }

    fn forget(&self, id: &str) {
        let mut uses = self.0.write().unwrap_or_else(PoisonError::into_inner);
        uses.remove(id);
    }
}

/// A use on its way to the store.
struct Written {
    id: Arc<str>,
    cell: Arc<LastUseCell>,
    used: LastUse,
}

impl Directory {
    /// Stores last uses, in batches, and removes those of access keys and roles that are gone. To
    /// be called every few seconds beside the requests, and once at the end: what was noted since
    /// a key's last write is lost when the process is killed.
    ///
    /// Time: a look at each key and role that was ever used; a write only where something is due.
    /// Changes of identities wait meanwhile.
    ///
    /// Errors: of the store; what was not stored is tried again at the next call.
    pub async fn store_last_uses(&self, pace: Pace) -> Result<(), StoreError> {
        // A key that is in the making is not gone.
        let _no_change_meanwhile = self.writer.lock().await;
        let now = self.clock.now();
        let (due, gone) = {
            let view = self.view.load();
            // What a damaged record held is not known, so nothing counts as gone.
            let whole = view.damage.records.is_empty();
            let exists = |id: &str| !whole || view.keys.contains_key(id) || view.world.is_held(id);
            self.uses.due(pace, now, exists)
        };
        for batch in due.chunks(LAST_USES_STORED_AT_ONCE) {
            let changes = batch.iter().map(|written| Change::PutLastUse {
                id: written.id.to_string(),
                record: written.used.record(),
            });
            self.records.apply(changes.collect()).await?;
            for written in batch {
                written.cell.note_stored(&written.used, now);
            }
        }
        for batch in gone.chunks(LAST_USES_STORED_AT_ONCE) {
            let stored = batch.iter().filter(|id| {
                let cell = self.uses.find(id);
                cell.is_some_and(|cell| cell.is_stored())
            });
            let changes: Vec<Change> = stored
                .map(|id| Change::RemoveLastUse { id: id.to_string() })
                .collect();
            if !changes.is_empty() {
                self.records.apply(changes).await?;
            }
            batch.iter().for_each(|id| self.uses.forget(id));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(START + seconds * 1000)
    }

    fn noted(cell: &LastUseCell, seconds: i64) {
        cell.note("kms", &Region::global(), at(seconds));
    }

    #[test]
    fn a_use_is_due_once_and_then_after_a_rest() {
        let cell = LastUseCell::default();
        assert!(cell.due(Pace::Final, at(0)).is_none());
        noted(&cell, 0);
        let first = cell.due(Pace::Sparing, at(1)).unwrap();
        cell.note_stored(&first, at(1));
        assert!(cell.due(Pace::Final, at(1)).is_none());
        noted(&cell, 70);
        assert!(cell.due(Pace::Sparing, at(300)).is_none());
        assert_eq!(cell.due(Pace::Final, at(71)).unwrap().at, at(70));
        let later = cell.due(Pace::Sparing, at(301)).unwrap();
        assert_eq!(later.at, at(70));
    }

    /// A clock that was ahead when a use was noted does not hold back later ones.
    #[test]
    fn a_clock_that_was_set_back() {
        let cell = LastUseCell::default();
        noted(&cell, 86_400);
        let ahead = cell.due(Pace::Sparing, at(86_400)).unwrap();
        cell.note_stored(&ahead, at(86_400));
        noted(&cell, 0);
        assert_eq!(cell.get().unwrap().at, at(0));
        assert_eq!(cell.due(Pace::Sparing, at(0)).unwrap().at, at(0));
    }
}
