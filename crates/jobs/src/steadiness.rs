//! Whether the wall clock can be believed.

use std::time::Duration;

use keystead_engine::Destruction;
use keystead_types::Timestamp;

/// The wall clock and the machine's own may drift this far apart between two looks.
const DRIFT: Duration = Duration::from_secs(600);
/// No key is destroyed for this long after the start or after a jump, so that an operator or the
/// time service can set the clock right. AWS takes up to 24 hours more than the waiting period.
const PROBATION: Duration = Duration::from_secs(3600);

/// Watches the wall clock against a clock that does not jump.
pub(crate) struct Steadiness {
    last: (Timestamp, Duration),
    steady_since: Duration,
}

impl Steadiness {
    /// Begins to watch. `running` is the time since the process started, or any other clock that
    /// never jumps.
    pub(crate) fn new(wall: Timestamp, running: Duration) -> Self {
        Self {
            last: (wall, running),
            steady_since: running,
        }
    }

    /// Looks at both clocks.
    pub(crate) fn look(&mut self, wall: Timestamp, running: Duration) -> Destruction {
        let (last_wall, last_running) = std::mem::replace(&mut self.last, (wall, running));
        let by_wall = wall.as_millis().saturating_sub(last_wall.as_millis());
        let by_running = running.saturating_sub(last_running).as_millis();
        let by_running = i64::try_from(by_running).unwrap_or(i64::MAX);
        let apart = Duration::from_millis(by_wall.saturating_sub(by_running).unsigned_abs());
        if apart > DRIFT {
            tracing::warn!(?apart, hold = ?PROBATION, "the clock jumped; no key is destroyed for now");
            self.steady_since = running;
        }
        if running.saturating_sub(self.steady_since) >= PROBATION {
            Destruction::Allowed
        } else {
            Destruction::Held
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn at(seconds: i64) -> Timestamp {
        START.plus_millis(seconds * 1000)
    }

    #[test]
    fn destruction_waits_for_an_hour_of_steadiness() {
        let mut clock = Steadiness::new(START, Duration::ZERO);
        assert_eq!(
            clock.look(at(3599), Duration::from_secs(3599)),
            Destruction::Held
        );
        assert_eq!(
            clock.look(at(3600), Duration::from_secs(3600)),
            Destruction::Allowed
        );
    }

    #[test]
    fn a_jump_either_way_holds_destruction_again() {
        for jump in [-7200, 7200, 40 * 86_400] {
            let mut clock = Steadiness::new(START, Duration::ZERO);
            assert_eq!(
                clock.look(at(7200), Duration::from_secs(7200)),
                Destruction::Allowed
            );
            assert_eq!(
                clock.look(at(7205 + jump), Duration::from_secs(7205)),
                Destruction::Held
            );
            let later = clock.look(at(10_000 + jump), Duration::from_secs(10_000));
            assert_eq!(later, Destruction::Held);
            let later = clock.look(at(10_805 + jump), Duration::from_secs(10_805));
            assert_eq!(later, Destruction::Allowed);
        }
    }
}
