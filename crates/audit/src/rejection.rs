//! Requests that were refused before their caller was known.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
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

struct Window {
    began: Option<Instant>,
    written: u32,
    left_out: u64,
}

static WINDOW: Mutex<Window> = Mutex::new(Window {
    began: None,
    written: 0,
    left_out: 0,
});

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
        if let Some(left_out) = admit(Instant::now()) {
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

/// `Some(lines left out before)` when one more line may be written.
fn admit(now: Instant) -> Option<u64> {
    let mut window = WINDOW
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let fresh = window
        .began
        .is_none_or(|began| now.duration_since(began) >= REJECTION_WINDOW);
    if fresh {
        window.began = Some(now);
        window.written = 0;
    }
    if window.written >= REJECTION_LINES_PER_SECOND {
        window.left_out += 1;
        return None;
    }
    window.written += 1;
    Some(std::mem::take(&mut window.left_out))
}
