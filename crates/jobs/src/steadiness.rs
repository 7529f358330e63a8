//! Whether the wall clock can be believed.
//!
//! A key destroyed early cannot be brought back, so keys are destroyed only while the wall clock has
//! kept pace with the machine's own for a while. The watch goes on over restarts of the server: what
//! was seen so far is noted, and taken up again. After a restart on the running machine its clock
//! tells how long the server was away; after a restart of the machine nothing does, and the time
//! away counts as time by which the wall clock may have jumped.

use std::time::Duration;

use keystead_engine::Destruction;
use keystead_types::Timestamp;

/// The wall clock and the machine's own may drift this far apart, all in all, since the watch began.
const DRIFT: Duration = Duration::from_secs(600);
/// No key is destroyed before the clocks were watched for so long, so that an operator or the time
/// service can set the clock right. AWS takes up to 24 hours more than the waiting period.
const PROBATION: Duration = Duration::from_secs(3600);
/// Time between two notes. Ours: so much of the watch is lost when the server is killed and the
/// machine restarts.
pub(crate) const NOTED_EVERY: Duration = Duration::from_secs(60);
/// First word of a note: what it is and its version.
const NOTE: &str = "keystead-clock-watch-1";
/// Longest note, bytes. Ours: four numbers and the machine's name for its start.
pub const NOTE_MAX_BYTES: usize = 256;

/// The clock of a running machine: it never jumps, and begins anew with each start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uptime {
    /// Which start of the machine; empty if the machine does not tell.
    pub(crate) start: String,
    /// Time since then.
    pub(crate) running: Duration,
}

/// Watches the wall clock against a clock that does not jump.
pub(crate) struct Steadiness {
    /// Which start of the machine.
    start: String,
    /// The wall clock when the watch began.
    began: Timestamp,
    /// Time watched before `resumed`.
    watched: Duration,
    /// The machine's clock when this watch was taken up.
    resumed: Duration,
}

impl Steadiness {
    /// Begins to watch, or goes on where a note says that somebody stopped.
    pub(crate) fn new(wall: Timestamp, now: &Uptime, note: Option<&str>) -> Self {
        let fresh = Self {
            start: now.start.clone(),
            began: wall,
            watched: Duration::ZERO,
            resumed: now.running,
        };
        let Some(noted) = note.and_then(Noted::parse) else {
            return fresh;
        };
        // On the same running machine the time away was measured; else none of it was.
        let same = !now.start.is_empty() && noted.start == now.start;
        let away = now.running.checked_sub(noted.running);
        let away = away.filter(|_| same).unwrap_or_default();
        Self {
            began: noted.began,
            watched: noted.watched.saturating_add(away),
            ..fresh
        }
    }

    /// Time watched so far.
    fn watched(&self, running: Duration) -> Duration {
        self.watched
            .saturating_add(running.saturating_sub(self.resumed))
    }

    /// Looks at both clocks.
    pub(crate) fn look(&mut self, wall: Timestamp, running: Duration) -> Destruction {
        let watched = self.watched(running);
        let by_wall = wall.as_millis().saturating_sub(self.began.as_millis());
        let by_running = i64::try_from(watched.as_millis()).unwrap_or(i64::MAX);
        let apart = Duration::from_millis(by_wall.saturating_sub(by_running).unsigned_abs());
        if apart > DRIFT {
            tracing::warn!(?apart, hold = ?PROBATION, "the clock jumped; no key is destroyed for now");
            (self.began, self.watched, self.resumed) = (wall, Duration::ZERO, running);
            return Destruction::Held;
        }
        if watched >= PROBATION {
            Destruction::Allowed
        } else {
            Destruction::Held
        }
    }

    /// What the next start needs to go on: one line of text, [`NOTE_MAX_BYTES`] at most.
    pub(crate) fn note(&self, running: Duration) -> String {
        format!(
            "{NOTE} {} {} {} {}\n",
            self.began.as_millis(),
            self.watched(running).as_millis(),
            running.as_millis(),
            self.start
        )
    }
}

/// A note, read.
struct Noted {
    began: Timestamp,
    watched: Duration,
    running: Duration,
    start: String,
}

impl Noted {
    /// Nothing of a note that is damaged is believed.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix('\n')?.split(' ');
        let mut word = || words.next();
        if word()? != NOTE {
            return None;
        }
        let began = Timestamp::from_millis(word()?.parse().ok()?);
        let watched = Duration::from_millis(word()?.parse().ok()?);
        let running = Duration::from_millis(word()?.parse().ok()?);
        let start = word()?.to_owned();
        word().is_none().then_some(Self {
            began,
            watched,
            running,
            start,
        })
    }
}

#[cfg(test)]
mod tests;
