//! Places for answers, named by index and generation.

use std::task::Waker;
use std::time::{Duration, Instant};

use crate::codec::FrameId;
use crate::{Outcome, WallError};

/// What a caller gets.
pub(super) type Answer = Result<Outcome, WallError>;

/// Answers that are awaited. A place is used again with the next generation, so that a late
/// answer can never reach the next user of the place: it would hand one tenant's plaintext to
/// another.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

struct Slot {
    generation: u32,
    since: Option<Instant>,
    state: State,
}

enum State {
    Free,
    Awaited(Option<Waker>),
    Answered(Answer),
}

/// What a look at a slot shows.
pub(super) enum Look {
    /// The answer; the slot is free now.
    Answer(Answer),
    /// Not yet; holds the waker that was replaced, to be dropped by the caller.
    Awaited(Option<Waker>),
    /// The slot belongs to someone else: it was given up long ago.
    Gone,
}

fn name(index: u32, generation: u32) -> FrameId {
    FrameId(u64::from(generation) << 32 | u64::from(index))
}

impl Slots {
    /// Takes a place.
    pub(super) fn insert(&mut self, now: Instant) -> Option<FrameId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot {
                    generation: 0,
                    since: None,
                    state: State::Free,
                });
                index
            }
        };
        let slot = self.slots.get_mut(usize::try_from(index).ok()?)?;
        slot.state = State::Awaited(None);
        slot.since = Some(now);
        Some(name(index, slot.generation))
    }

    fn get_mut(&mut self, id: FrameId) -> Option<&mut Slot> {
        let index = usize::try_from(id.0 & u64::from(u32::MAX)).ok()?;
        let slot = self.slots.get_mut(index)?;
        (u64::from(slot.generation) == id.0 >> 32).then_some(slot)
    }

    /// True while nobody has answered or given up.
    pub(super) fn is_awaited(&mut self, id: FrameId) -> bool {
        matches!(self.get_mut(id), Some(slot) if matches!(slot.state, State::Awaited(_)))
    }

    /// Puts an answer into its place, unless that is answered, given up or used again. Gives the
    /// waker of who waits.
    pub(super) fn answer(&mut self, id: FrameId, answer: Answer) -> Option<Waker> {
        let slot = self.get_mut(id)?;
        let State::Awaited(waker) = &mut slot.state else {
            return None;
        };
        let waker = waker.take();
        slot.state = State::Answered(answer);
        waker
    }

    /// Takes the answer, or leaves `waker` to be woken for it.
    pub(super) fn look(&mut self, id: FrameId, waker: &Waker) -> Look {
        let Some(slot) = self.get_mut(id) else {
            return Look::Gone;
        };
        if let State::Awaited(present) = &mut slot.state {
            return match present {
                Some(present) if present.will_wake(waker) => Look::Awaited(None),
                _ => Look::Awaited(present.replace(waker.clone())),
            };
        }
        match self.release(id) {
            Some(State::Answered(answer)) => Look::Answer(answer),
            _ => Look::Gone,
        }
    }

    /// Gives a place up. What it held is handed back to be dropped where that is safe.
    pub(super) fn abandon(&mut self, id: FrameId) -> impl Sized + use<> {
        self.release(id)
    }

    fn release(&mut self, id: FrameId) -> Option<State> {
        let slot = self.get_mut(id)?;
        if matches!(slot.state, State::Free) {
            return None;
        }
        slot.generation = slot.generation.wrapping_add(1);
        slot.since = None;
        let state = std::mem::replace(&mut slot.state, State::Free);
        self.free
            .push(u32::try_from(id.0 & u64::from(u32::MAX)).ok()?);
        Some(state)
    }

    /// Answers everything awaited with an error.
    pub(super) fn fail_all(&mut self, error: WallError, wakers: &mut Vec<Waker>) {
        for slot in &mut self.slots {
            if let State::Awaited(waker) = &mut slot.state {
                wakers.extend(waker.take());
                slot.state = State::Answered(Err(error));
            }
        }
    }

    /// Answers what is older than `deadline` with [`WallError::TimedOut`] and frees answers that
    /// nobody came for. Gives the number of the timed out.
    pub(super) fn expire(
        &mut self,
        now: Instant,
        deadline: Duration,
        wakers: &mut Vec<Waker>,
    ) -> u32 {
        let mut count = 0;
        let mut forgotten = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let Some(age) = slot.since.map(|since| now.saturating_duration_since(since)) else {
                continue;
            };
            if age < deadline {
                continue;
            }
            if let State::Awaited(waker) = &mut slot.state {
                wakers.extend(waker.take());
                slot.state = State::Answered(Err(WallError::TimedOut));
                count += 1;
            } else if age >= deadline.saturating_mul(2) {
                // Its future was dropped on another thread, where it could not free the slot.
                forgotten.extend(u32::try_from(index).ok().map(|i| name(i, slot.generation)));
            }
        }
        for id in forgotten {
            self.release(id);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slots: &mut Slots) -> FrameId {
        slots.insert(Instant::now()).unwrap()
    }

    #[test]
    fn a_late_answer_does_not_reach_the_next_user_of_the_place() {
        let mut slots = Slots::default();
        let first = id(&mut slots);
        drop(slots.abandon(first));
        let second = id(&mut slots);
        assert_eq!(first.0 & 0xffff_ffff, second.0 & 0xffff_ffff, "same place");
        slots.answer(first, Err(WallError::Overloaded));
        assert!(slots.is_awaited(second));
        slots.answer(second, Err(WallError::Down));
        slots.answer(second, Err(WallError::Protocol));
        let look = slots.look(second, Waker::noop());
        assert!(matches!(look, Look::Answer(Err(WallError::Down))));
        assert!(matches!(slots.look(second, Waker::noop()), Look::Gone));
    }

    #[test]
    fn old_places_time_out_and_forgotten_ones_are_freed() {
        let mut slots = Slots::default();
        let old = id(&mut slots);
        let deadline = Duration::from_secs(1);
        let mut wakers = Vec::new();
        let start = Instant::now();
        assert_eq!(slots.expire(start, deadline, &mut wakers), 0);
        assert_eq!(slots.expire(start + deadline * 2, deadline, &mut wakers), 1);
        slots.answer(old, Err(WallError::Down));
        assert_eq!(slots.expire(start + deadline * 3, deadline, &mut wakers), 0);
        assert!(matches!(slots.look(old, Waker::noop()), Look::Gone));
        assert_ne!(id(&mut slots), old);
    }
}
