//! Bounds of a worker's lanes.

use std::time::Duration;

use crate::limits;

/// Bounds of one lane of one worker.
#[derive(Debug, Clone, Copy)]
pub struct LaneSettings {
    /// Most commands sent and not answered.
    pub outstanding: usize,
    /// Most commands that wait to be sent.
    pub waiting: usize,
    /// Most bytes of commands that wait to be sent.
    pub waiting_bytes: usize,
    /// Longest time from call to answer.
    pub deadline: Duration,
}

/// Bounds of a worker. The default is [`crate::limits`].
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// The fast lane.
    pub fast: LaneSettings,
    /// The slow lane.
    pub slow: LaneSettings,
    /// The lane that makes RSA keys.
    pub making: LaneSettings,
    /// Queued frames that are written without waiting for the worker to park.
    pub flush_frames: usize,
    /// Age of queued frames that are written without waiting for the worker to park.
    pub flush_after: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        let lane = |outstanding, deadline| LaneSettings {
            outstanding,
            waiting: limits::WAITING_MAX,
            waiting_bytes: limits::WAITING_MAX_BYTES,
            deadline,
        };
        Self {
            fast: lane(limits::FAST_OUTSTANDING_MAX, limits::FAST_DEADLINE),
            slow: lane(limits::SLOW_OUTSTANDING_MAX, limits::SLOW_DEADLINE),
            making: lane(limits::MAKING_OUTSTANDING_MAX, limits::MAKING_DEADLINE),
            flush_frames: limits::FLUSH_FRAMES,
            flush_after: limits::FLUSH_AFTER,
        }
    }
}

impl WorkerSettings {
    /// How often deadlines are checked: often enough that none is missed by more than a tenth.
    pub(super) fn sweep_interval(&self) -> Duration {
        let lanes = [self.fast, self.slow, self.making];
        let shortest = lanes.iter().map(|lane| lane.deadline).min();
        let shortest = shortest.unwrap_or(limits::FAST_DEADLINE);
        (shortest / 10).clamp(Duration::from_millis(1), Duration::from_secs(1))
    }
}
