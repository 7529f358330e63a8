//! The clock of the running machine.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::steadiness::Uptime;

/// Where Linux tells one start of the machine from the next.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How long the machine has been running, sleep not counted: a clock that a wrong real-time clock
/// cannot set ahead.
pub(crate) fn now() -> Uptime {
    let at = clock_gettime(ClockId::Monotonic);
    let seconds = Duration::from_secs(u64::try_from(at.tv_sec).unwrap_or_default());
    let nanos = Duration::from_nanos(u64::try_from(at.tv_nsec).unwrap_or_default());
    let start = std::fs::read_to_string(BOOT_ID).unwrap_or_default();
    Uptime {
        start: start.split_whitespace().collect(),
        running: seconds.saturating_add(nanos),
    }
}
