//! One completion for all records of a write.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::SinkError;

const OPEN: u8 = 0;
const WRITTEN: u8 = 1;
const POISONED: u8 = 2;
const CLOSED: u8 = 3;

/// Records that become durable together.
#[derive(Default)]
pub(super) struct Batch {
    state: AtomicU8,
    wakers: Mutex<Vec<Waker>>,
}

impl Batch {
    /// Tells everyone who waits. Only the first call counts.
    pub(super) fn finish(&self, result: Result<(), SinkError>) {
        let state = match result {
            Ok(()) => WRITTEN,
            Err(SinkError::Poisoned | SinkError::Malformed) => POISONED,
            Err(SinkError::Closed) => CLOSED,
        };
        let wakers = {
            let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
            if self.state.load(Ordering::Acquire) != OPEN {
                return;
            }
            self.state.store(state, Ordering::Release);
            std::mem::take(&mut *wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn result(&self) -> Option<Result<(), SinkError>> {
        match self.state.load(Ordering::Acquire) {
            OPEN => None,
            WRITTEN => Some(Ok(())),
            CLOSED => Some(Err(SinkError::Closed)),
            _ => Some(Err(SinkError::Poisoned)),
        }
    }
}

/// Waits for a batch.
pub(super) struct Ticket {
    batch: Arc<Batch>,
    /// Where the waker stands, once it is there.
    place: Option<usize>,
}

impl Ticket {
    pub(super) fn new(batch: Arc<Batch>) -> Self {
        Self { batch, place: None }
    }
}

impl Future for Ticket {
    type Output = Result<(), SinkError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let batch = Arc::clone(&self.batch);
        if let Some(result) = batch.result() {
            return Poll::Ready(result);
        }
        let mut wakers = batch.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock the state cannot change any more.
        if let Some(result) = batch.result() {
            return Poll::Ready(result);
        }
        match self.place.and_then(|place| wakers.get_mut(place)) {
            Some(waker) => waker.clone_from(context.waker()),
            None => {
                self.place = Some(wakers.len());
                wakers.push(context.waker().clone());
            }
        }
        Poll::Pending
    }
}
