//! When an access key or role was last used. In memory only.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwapOption;
use keystead_types::{Region, Timestamp};

use crate::limits::LAST_USE_STEP_MILLIS;

/// The last use of an access key since the server started, to the minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// The signing name of the service: `kms`.
    pub service: Arc<str>,
    /// The Region of the signature.
    pub region: Region,
}

/// Where a last use is kept. Noting takes no lock, and within a minute of the last note nothing
/// but one load.
#[derive(Debug)]
pub(crate) struct LastUseCell {
    at: AtomicI64,
    place: ArcSwapOption<LastUse>,
}

impl Default for LastUseCell {
    fn default() -> Self {
        Self {
            at: AtomicI64::new(i64::MIN),
            place: ArcSwapOption::empty(),
        }
    }
}

impl LastUseCell {
    pub(crate) fn note(&self, service: &str, region: &Region, now: Timestamp) {
        let before = self.at.load(Ordering::Relaxed);
        if now.as_millis().saturating_sub(before) < LAST_USE_STEP_MILLIS {
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
}

/// Where the last uses of roles are kept, by unique id.
#[derive(Default)]
pub(crate) struct LastUses(RwLock<HashMap<Arc<str>, Arc<LastUseCell>>>);

impl LastUses {
    pub(crate) fn find(&self, unique_id: &str) -> Option<Arc<LastUseCell>> {
        let uses = self.0.read().unwrap_or_else(PoisonError::into_inner);
        uses.get(unique_id).cloned()
    }

    /// The place of one, made with its first use. Places of what is gone are dropped whenever
    /// their number has doubled, so that they are at most twice as many as what exists.
    pub(crate) fn of(
        &self,
        unique_id: &Arc<str>,
        exists: impl Fn(&str) -> bool,
    ) -> Arc<LastUseCell> {
        if let Some(known) = self.find(unique_id) {
            return known;
        }
        let mut uses = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if uses.len().is_power_of_two() {
            uses.retain(|id, _| exists(id));
        }
        uses.entry(unique_id.clone()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_what_is_gone_are_dropped() {
        let uses = LastUses::default();
        for number in 0..1000 {
            uses.of(&format!("AROA{number}").into(), |id| id == "AROA0");
        }
        assert!(uses.find("AROA0").is_some());
        assert!(uses.find("AROA1").is_none());
        assert!(uses.0.read().unwrap().len() < 600);
    }
}
