//! When an access key was last used. In memory only.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

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
