//! The real clock and the real randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use keystead_types::{Clock, Entropy, Timestamp};

/// The wall clock of the machine.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Randomness for ids, from the cryptographic library's generator.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        // The generator seeds itself from the kernel and does not fail once the process runs;
        // were it to, an id of zeros would collide and the request be refused, not weakened.
        if aws_lc_rs::rand::fill(out).is_err() {
            out.fill(0);
        }
    }
}
