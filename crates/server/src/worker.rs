//! A worker: one thread, one runtime, its share of the connections.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use keystead_audit::{Audited, Rejection};
use keystead_types::{Fault, FaultKind};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::Deadlines;
use crate::connection::{self, Ends, Terms};
use crate::gauge::{Gauge, Order, Watched};
use crate::limits::CONNECTIONS_MAX;

/// A place among the server's connections, given back on drop.
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Slot {
    /// Takes a place, if one is free.
    pub(crate) fn take(open: &Arc<AtomicUsize>) -> Option<Self> {
        let slot = Self(Arc::clone(open));
        // `slot` gives back what was added here, also when there was no room.
        (open.fetch_add(1, Ordering::Relaxed) < CONNECTIONS_MAX).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection on its way to a worker.
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) ends: Ends,
    pub(crate) slot: Slot,
}

/// Serves what comes in until the channel is closed, then drains: returns when all connections and
/// requests are done, or at the drain deadline.
pub(crate) async fn work(mut incoming: mpsc::UnboundedReceiver<Accepted>, terms: Terms) {
    let deadlines = terms.deadlines;
    let (alive, mut all_gone) = mpsc::channel(1);
    let mut connections = Vec::new();
    let mut ticks = tokio::time::interval(deadlines.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = incoming.recv() => match accepted {
                Some(accepted) => connections.extend(begin(accepted, &terms, alive.clone())),
                None => break,
            },
            _ = ticks.tick() => look(&mut connections, &deadlines),
        }
    }
    drop(alive);
    for watched in &connections {
        watched.command(Order::Drain);
    }
    let drained = tokio::time::timeout(deadlines.drain, async {
        loop {
            tokio::select! {
                // Nobody sends: the end of the channel is the end of the last connection.
                _ = all_gone.recv() => break,
                _ = ticks.tick() => {
                    let now = Instant::now();
                    connections.iter_mut().for_each(|each| each.tick_draining(now));
                }
            }
        }
    });
    if drained.await.is_err() {
        let left = connections.iter().filter(|each| !each.is_gone()).count();
        tracing::warn!(
            left,
            "connections were cut at the end of the drain deadline"
        );
    }
}

/// Starts to serve a connection.
fn begin(accepted: Accepted, terms: &Terms, alive: mpsc::Sender<()>) -> Option<Watched> {
    let Accepted { stream, ends, slot } = accepted;
    let stream = match tokio::net::TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(%error, "a connection cannot be watched");
            return None;
        }
    };
    let gauge = Arc::new(Gauge::new(alive));
    let watched = Watched::new(&gauge, Instant::now());
    let served = connection::serve(stream, ends, terms.clone(), gauge);
    tokio::spawn(async move {
        let _slot = slot;
        served.await;
    });
    Some(watched)
}

/// Looks at all connections once.
fn look(connections: &mut Vec<Watched>, deadlines: &Deadlines) {
    let now = Instant::now();
    connections.retain_mut(|watched| {
        if watched.is_gone() {
            return false;
        }
        if watched.tick(now, deadlines) {
            let fault = Fault::bare(FaultKind::Serialization).because("the head came too slowly");
            // Cut without an answer; this is its entry.
            drop(Audited::<()>::rejected(Rejection::TimedOut, fault));
        }
        true
    });
}
