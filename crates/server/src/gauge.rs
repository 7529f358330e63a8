//! What a connection is doing, seen from its worker, and the worker's orders to it.
//!
//! A worker looks at all its connections once per tick instead of arming a timer per request:
//! deadlines are coarse by one tick and cost the requests nothing but plain stores.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::Deadlines;
use crate::limits::DRAIN_QUIET;

/// What the worker wants of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Carry on.
    Go,
    /// Finish what is running, then close.
    Drain,
    /// Close at once.
    Cut,
}

/// Where a connection's reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Inside a head, or before the first one.
    Head,
    /// Between requests.
    Idle,
    /// Inside a body.
    Body,
}

/// Shared by a connection, its requests and its worker. All on one thread; atomics because tasks
/// must be `Send`.
pub(crate) struct Gauge {
    order: AtomicU8,
    phase: AtomicU8,
    heads: AtomicU32,
    running: AtomicU32,
    waker: OnceLock<Waker>,
    /// Held until connection and requests are gone, so that the worker can wait for all.
    _alive: mpsc::Sender<()>,
}

impl Gauge {
    pub(crate) fn new(alive: mpsc::Sender<()>) -> Self {
        Self {
            order: AtomicU8::new(Order::Go as u8),
            phase: AtomicU8::new(Phase::Head as u8),
            heads: AtomicU32::new(0),
            running: AtomicU32::new(0),
            waker: OnceLock::new(),
            _alive: alive,
        }
    }

    /// The connection's reader is now in this phase.
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// A head was read to its end.
    pub(crate) fn count_head(&self) {
        self.heads.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a running request until the guard is dropped.
    pub(crate) fn run(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    /// The standing order. Called in each poll of the connection's task, which never changes its
    /// waker: the first one is kept.
    pub(crate) fn order(&self, context: &Context<'_>) -> Order {
        if self.waker.get().is_none() {
            // A second setter could only store the same waker.
            let _same = self.waker.set(context.waker().clone());
        }
        match self.order.load(Ordering::Relaxed) {
            0 => Order::Go,
            1 => Order::Drain,
            _ => Order::Cut,
        }
    }

    /// Gives an order; a stronger one stands.
    pub(crate) fn command(&self, order: Order) {
        if self.order.fetch_max(order as u8, Ordering::Relaxed) < order as u8
            && let Some(waker) = self.waker.get()
        {
            waker.wake_by_ref();
        }
    }
}

/// A running request.
pub(crate) struct Running(Arc<Gauge>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection in the worker's list.
pub(crate) struct Watched {
    gauge: Weak<Gauge>,
    heads: u32,
    phase: u8,
    since: Instant,
}

impl Watched {
    pub(crate) fn new(gauge: &Arc<Gauge>, now: Instant) -> Self {
        Self {
            gauge: Arc::downgrade(gauge),
            heads: 0,
            phase: Phase::Head as u8,
            since: now,
        }
    }

    /// Gives an order.
    pub(crate) fn command(&self, order: Order) {
        if let Some(gauge) = self.gauge.upgrade() {
            gauge.command(order);
        }
    }

    /// True when the connection and its requests are gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.gauge.strong_count() == 0
    }

    /// Looks at a connection that was told to finish: one that runs nothing and does nothing is cut
    /// soon, so that a silent client does not hold up the end.
    pub(crate) fn tick_draining(&mut self, now: Instant) {
        if self.waited(now) >= DRAIN_QUIET {
            self.command(Order::Cut);
        }
    }

    /// For how long nothing has happened.
    fn waited(&mut self, now: Instant) -> Duration {
        let Some(gauge) = self.gauge.upgrade() else {
            return Duration::ZERO;
        };
        let heads = gauge.heads.load(Ordering::Relaxed);
        let phase = gauge.phase.load(Ordering::Relaxed);
        let running = gauge.running.load(Ordering::Relaxed) > 0;
        if running || heads != self.heads || phase != self.phase {
            self.heads = heads;
            self.phase = phase;
            self.since = now;
        }
        now.duration_since(self.since)
    }

    /// Looks at the connection and orders what its deadlines demand. `true` if it is cut for being
    /// slow.
    pub(crate) fn tick(&mut self, now: Instant, deadlines: &Deadlines) -> bool {
        let waited = self.waited(now);
        let past = |deadline: Duration| waited >= deadline;
        if self.phase == Phase::Head as u8 && past(deadlines.head) {
            self.command(Order::Cut);
            return true;
        }
        // A body that nobody reads any more: the rest of a refused request.
        if self.phase == Phase::Body as u8 && past(deadlines.head) {
            self.command(Order::Cut);
        }
        if past(deadlines.idle.saturating_add(deadlines.head)) {
            self.command(Order::Cut);
        } else if past(deadlines.idle) {
            self.command(Order::Drain);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Deadlines = Deadlines {
        head: Duration::from_secs(10),
        body: Duration::from_secs(30),
        idle: Duration::from_secs(75),
        handshake: Duration::from_secs(10),
        drain: Duration::from_secs(30),
        tick: Duration::from_secs(1),
        certificate_check: Duration::from_secs(10),
    };

    fn watched(now: Instant) -> (Arc<Gauge>, Watched) {
        let gauge = Arc::new(Gauge::new(mpsc::channel(1).0));
        let watched = Watched::new(&gauge, now);
        (gauge, watched)
    }

    fn order(gauge: &Gauge) -> Order {
        gauge.order(&Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_slow_head_is_cut_at_its_deadline() {
        let start = Instant::now();
        let (gauge, mut watched) = watched(start);
        assert!(!watched.tick(start + Duration::from_secs(9), &TIMES));
        assert_eq!(order(&gauge), Order::Go);
        assert!(watched.tick(start + Duration::from_secs(10), &TIMES));
        assert_eq!(order(&gauge), Order::Cut);
    }

    #[test]
    fn an_idle_connection_is_drained_and_a_busy_one_is_left() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (gauge, mut watched) = watched(start);
        gauge.count_head();
        gauge.set_phase(Phase::Body);
        let running = gauge.run();
        assert!(!watched.tick(at(500), &TIMES));
        drop(running);
        gauge.set_phase(Phase::Idle);
        watched.tick(at(501), &TIMES);
        watched.tick(at(575), &TIMES);
        assert_eq!(order(&gauge), Order::Go);
        watched.tick(at(576), &TIMES);
        assert_eq!(order(&gauge), Order::Drain);
        watched.tick(at(586), &TIMES);
        assert_eq!(order(&gauge), Order::Cut);
    }

    #[test]
    fn a_quiet_connection_does_not_hold_up_the_end() {
        let start = Instant::now();
        let (gauge, mut watched) = watched(start);
        let running = gauge.run();
        gauge.command(Order::Drain);
        watched.tick_draining(start + DRAIN_QUIET * 5);
        drop(running);
        watched.tick_draining(start + DRAIN_QUIET * 6 - Duration::from_millis(1));
        assert_eq!(order(&gauge), Order::Drain);
        watched.tick_draining(start + DRAIN_QUIET * 6);
        assert_eq!(order(&gauge), Order::Cut);
    }

    #[test]
    fn orders_only_get_stronger() {
        let (gauge, watched) = watched(Instant::now());
        gauge.command(Order::Cut);
        watched.command(Order::Drain);
        assert_eq!(order(&gauge), Order::Cut);
        assert!(!watched.is_gone());
        drop(gauge);
        assert!(watched.is_gone());
    }
}
