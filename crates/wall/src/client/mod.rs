//! The front end's side of the wall: calls of a worker thread are queued in that thread and
//! written in one go when the worker has nothing else to do.
//!
//! Each worker is a current-thread tokio runtime whose `on_thread_park` hook is [`flush`]; it
//! holds a [`Worker`] while it serves. Answers are read by a task of the same runtime, so nothing
//! on the way of a call is shared between threads. Why: `docs/formats/wall.md`.

mod lane;
mod link;
mod port;
mod settings;
mod slots;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::codec::FrameId;
use crate::{Command, Hsm, Lane, WallError};
use lane::{Flushed, LaneState};
use slots::{Answer, Look};

pub use lane::WallStats;
pub use port::{LaneSockets, Reconnector, WorkerPort, port};
pub use settings::{LaneSettings, WorkerSettings};

/// [`Hsm`] over the lanes of the calling thread's [`Worker`]. Copies are the same client.
///
/// A call on a thread without a worker, and an answer awaited on another thread than it was
/// called on, give [`WallError::Protocol`].
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClient;

/// Keeps a thread connected to the HSM process; dropping it fails what is outstanding.
pub struct Worker {
    number: u64,
    tasks: [AbortHandle; 2],
    /// Bound to its thread.
    _thread: PhantomData<*const ()>,
}

/// The lanes of this thread's worker.
struct Lanes {
    worker: u64,
    thread: ThreadId,
    runtime: Handle,
    fast: LaneState,
    slow: LaneState,
    making: LaneState,
    links: u64,
}

thread_local! {
    static LANES: RefCell<Option<Lanes>> = const { RefCell::new(None) };
}

static WORKERS: AtomicU64 = AtomicU64::new(0);

impl Worker {
    /// Connects this thread. Call it inside a current-thread runtime whose `on_thread_park` hook
    /// is [`flush`]: see [`worker_runtime`].
    ///
    /// Errors: no runtime, or the thread has a worker already.
    pub fn enter(port: WorkerPort) -> io::Result<Self> {
        Self::enter_with(port, WorkerSettings::default())
    }

    /// [`Worker::enter`] with other bounds.
    pub fn enter_with(port: WorkerPort, settings: WorkerSettings) -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let number = WORKERS.fetch_add(1, Ordering::Relaxed);
        let shared = port.shared;
        let lanes = Lanes {
            worker: number,
            thread: thread::current().id(),
            runtime: runtime.clone(),
            fast: LaneState::new(Lane::Fast, &settings, Arc::clone(&shared)),
            slow: LaneState::new(Lane::Slow, &settings, Arc::clone(&shared)),
            making: LaneState::new(Lane::Making, &settings, Arc::clone(&shared)),
            links: 0,
        };
        let entered = LANES.with(|place| {
            let mut place = place.borrow_mut();
            let vacant = place.is_none();
            if vacant {
                *place = Some(lanes);
            }
            vacant
        });
        if !entered {
            return Err(io::Error::other("this thread has a worker already"));
        }
        link::connect_arrived(number, &shared);
        let relink = runtime.spawn(link::relink(number, shared));
        let sweep = runtime.spawn(link::sweep(number, settings.sweep_interval()));
        Ok(Self {
            number,
            tasks: [relink.abort_handle(), sweep.abort_handle()],
            _thread: PhantomData,
        })
    }

    /// What the lanes did since this worker entered, all together.
    pub fn stats(&self) -> WallStats {
        with_lanes(Some(self.number), |lanes, _| {
            let mut sum = WallStats::default();
            for kind in Lane::ALL {
                let stats = lanes.lane(kind).stats;
                sum.frames += stats.frames;
                sum.writes += stats.writes;
                sum.answers += stats.answers;
            }
            sum
        })
        .unwrap_or_default()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        with_lanes(Some(self.number), |lanes, wakers| {
            for kind in Lane::ALL {
                lanes.lane(kind).disconnect(wakers);
            }
        });
        // Dropped outside the borrow: a waker may own a task that owns an answer's future.
        let lanes = LANES.try_with(|place| place.try_borrow_mut().ok().and_then(|mut p| p.take()));
        drop(lanes);
    }
}

/// Makes a current-thread runtime that flushes this thread's lanes whenever it has nothing to do.
/// A front end that needs more hooks builds its own with [`flush`] as `on_thread_park`.
pub fn worker_runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(flush)
        .build()
}

/// Writes what this thread has queued. The runtime's `on_thread_park` hook; harmless elsewhere.
/// Tasks that it wakes run before the thread parks.
pub fn flush() {
    with_lanes(None, |lanes, wakers| {
        for kind in Lane::ALL {
            lanes.flush(kind, wakers);
        }
    });
}

impl Lanes {
    fn lane(&mut self, kind: Lane) -> &mut LaneState {
        match kind {
            Lane::Fast => &mut self.fast,
            Lane::Slow => &mut self.slow,
            Lane::Making => &mut self.making,
        }
    }

    fn flush(&mut self, kind: Lane, wakers: &mut Vec<Waker>) {
        if self.lane(kind).flush(wakers) == Flushed::Blocked {
            link::spawn_drain(self, kind, wakers);
        }
    }
}

/// Runs `work` on this thread's lanes (of that worker, if one is named) and then, when they may
/// be used again, wakes whom it collected. `None`: no such lanes here.
fn with_lanes<R>(
    worker: Option<u64>,
    work: impl FnOnce(&mut Lanes, &mut Vec<Waker>) -> R,
) -> Option<R> {
    let mut wakers = Vec::new();
    let result = LANES
        .try_with(|place| {
            let mut place = place.try_borrow_mut().ok()?;
            let lanes = place.as_mut()?;
            if worker.is_some_and(|number| number != lanes.worker) {
                return None;
            }
            Some(work(lanes, &mut wakers))
        })
        .ok()
        .flatten();
    wakers.into_iter().for_each(Waker::wake);
    result
}

impl Hsm for WallClient {
    fn call(&self, command: Command<'_>) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let kind = command.lane();
        let started = with_lanes(None, |lanes, wakers| {
            let (id, flush) = lanes.lane(kind).start(&command)?;
            if flush {
                lanes.flush(kind, wakers);
            }
            Ok(Pending {
                worker: lanes.worker,
                thread: lanes.thread,
                kind,
                id: Some(id),
            })
        });
        match started.unwrap_or(Err(WallError::Protocol)) {
            Ok(pending) => Box::pin(pending),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

/// A call without an answer yet.
struct Pending {
    worker: u64,
    thread: ThreadId,
    kind: Lane,
    /// `None` once the answer was given.
    id: Option<FrameId>,
}

impl Future for Pending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Some(id) = self.id else {
            return Poll::Ready(Err(WallError::Protocol));
        };
        let kind = self.kind;
        let look = with_lanes(Some(self.worker), |lanes, _| {
            lanes.lane(kind).look(id, context.waker())
        });
        let answer = match look {
            Some(Look::Awaited(_replaced)) => return Poll::Pending,
            Some(Look::Answer(answer)) => answer,
            Some(Look::Gone) => Err(WallError::TimedOut),
            None if thread::current().id() == self.thread => Err(WallError::Down),
            None => Err(WallError::Protocol),
        };
        self.id = None;
        Poll::Ready(answer)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let kind = self.kind;
            let held = with_lanes(Some(self.worker), |lanes, _| lanes.lane(kind).abandon(id));
            drop(held);
        }
    }
}
