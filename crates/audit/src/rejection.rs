//! Requests that were refused before their caller was known.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use keystead_types::Fault;

use crate::limits::{REJECTION_LINES_PER_SECOND, REJECTION_WINDOW};

macro_rules! rejections {
    ($($(#[$doc:meta])* $variant:ident $name:literal),* $(,)?) => {
        /// Why a request was refused before authentication. Closed: an answer without an entry
        /// exists for these reasons only.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rejection {
            $($(#[$doc])* $variant,)*
        }

        impl Rejection {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// A short name for metrics, snake case.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn count(self) -> &'static AtomicU64 {
                match self {
                    $(Self::$variant => {
                        static COUNT: AtomicU64 = AtomicU64::new(0);
                        &COUNT
                    })*
                }
            }
        }
    };
}

rejections! {
    /// Not the HTTP that the service speaks: method, path, header or body encoding.
    Malformed "malformed",
    /// No signature at all.
    MissingAuthentication "missing_authentication",
    /// A signature of which parts are missing or unreadable.
    IncompleteSignature "incomplete_signature",
    /// A signature that does not match.
    InvalidSignature "invalid_signature",
    /// An access key that does not exist or is not active.
    UnknownKey "unknown_key",
    /// A session token that is missing, wrong or of another key.
    InvalidToken "invalid_token",
    /// A signature or session outside its time.
    Expired "expired",
    /// A credential scope of another Region or service.
    WrongScope "wrong_scope",
    /// Larger than the door allows.
    TooLarge "too_large",
    /// The client was too slow.
    TimedOut "timed_out",
    /// No operation of this name.
    UnknownOperation "unknown_operation",
    /// Too many requests or connections at once.
    Overloaded "overloaded",
    /// The server is sealed, starting or stopping.
    Unavailable "unavailable",
    /// The server failed before it knew the caller.
    Internal "internal",
}

/// Bounds the lines per time.
struct Window {
    began: Option<Instant>,
    written: u32,
    left_out: u64,
}

static WINDOW: Mutex<Window> = Mutex::new(Window::NEW);

/// How many requests were refused since the program started, for each reason.
pub fn rejection_counts() -> impl Iterator<Item = (Rejection, u64)> {
    Rejection::ALL
        .iter()
        .map(|rejection| (*rejection, rejection.count().load(Ordering::Relaxed)))
}

impl Rejection {
    /// Counts the refusal, and writes it to the operator's log unless there are too many.
    pub(crate) fn note(self, fault: &Fault) {
        self.count().fetch_add(1, Ordering::Relaxed);
        let admitted = WINDOW
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit(Instant::now());
        if let Some(left_out) = admitted {
            let cause = fault.cause().map(tracing::field::display);
            tracing::warn!(
                rejection = self.name(),
                code = fault.kind().code(),
                cause,
                left_out,
                "request refused before authentication"
            );
        }
    }
}

impl Window {
    const NEW: Self = Self {
        began: None,
        written: 0,
        left_out: 0,
    };

    /// `Some(lines left out before)` when one more line may be written.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let fresh = self
            .began
            .is_none_or(|began| now.duration_since(began) >= REJECTION_WINDOW);
        if fresh {
            self.began = Some(now);
            self.written = 0;
        }
        if self.written >= REJECTION_LINES_PER_SECOND {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use keystead_types::FaultKind;

    use super::*;
    use crate::Audited;

    #[test]
    fn a_flood_writes_few_lines_and_says_how_many_it_left_out() {
        let mut window = Window::NEW;
        let start = Instant::now();
        let written = (0..1000).filter_map(|_| window.admit(start)).count();
        assert_eq!(written, REJECTION_LINES_PER_SECOND as usize);
        let left_out = 1000 - u64::from(REJECTION_LINES_PER_SECOND);
        assert_eq!(window.admit(start + REJECTION_WINDOW), Some(left_out));
        assert_eq!(window.admit(start + REJECTION_WINDOW), Some(0));
    }

    #[test]
    fn a_rejection_is_counted_and_answers_its_fault() {
        let count = || {
            rejection_counts()
                .find(|(rejection, _)| *rejection == Rejection::UnknownKey)
                .map(|(_, count)| count)
        };
        let before = count().unwrap();
        let fault = Fault::bare(FaultKind::UnrecognizedClient);
        let answer = Audited::<()>::rejected(Rejection::UnknownKey, fault);
        assert_eq!(answer.request_id(), None);
        let fault = answer.into_outcome().unwrap_err();
        assert_eq!(fault.kind(), FaultKind::UnrecognizedClient);
        assert_eq!(count(), Some(before + 1));
    }

    #[test]
    fn names_are_unique() {
        let names: HashSet<_> = Rejection::ALL.iter().map(|each| each.name()).collect();
        assert_eq!(names.len(), Rejection::ALL.len());
    }
}
