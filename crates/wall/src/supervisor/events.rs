//! What happens to the HSM process, for whoever wants to be told.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keystead_types::Region;

use crate::limits::EVENTS_WAITING;

/// What happened to the HSM process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessEvent {
    /// One is ready.
    Started {
        /// Its process id.
        process_id: u32,
        /// The epoch of its receipts.
        epoch: u64,
        /// The Regions whose domain keys it has opened.
        domains: Vec<Region>,
    },
    /// It has ended; on its own, because it had to, or because the supervisor is to stop.
    Ended {
        /// Its process id.
        process_id: u32,
        /// The epoch of its receipts.
        epoch: u64,
        /// Why, in words.
        why: &'static str,
        /// Its exit status or the signal that killed it, as text.
        status: Option<String>,
        /// How long it served.
        served: Duration,
    },
}

type Observer = Box<dyn Fn(&ProcessEvent) + Send>;

/// Tells one observer, or keeps what happened until there is one.
#[derive(Default)]
pub(super) struct Events(Mutex<State>);

#[derive(Default)]
struct State {
    observer: Option<Observer>,
    waiting: Vec<ProcessEvent>,
}

impl Events {
    pub(super) fn tell(&self, event: ProcessEvent) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.observer {
            Some(observer) => observer(&event),
            None if state.waiting.len() < EVENTS_WAITING => state.waiting.push(event),
            None => {}
        }
    }

    pub(super) fn observe(&self, observer: Observer) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for event in std::mem::take(&mut state.waiting) {
            observer(&event);
        }
        state.observer = Some(observer);
    }
}
