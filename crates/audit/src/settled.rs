//! Entries with an outcome, and answers that may leave.

use std::future::Future;

use keystead_types::{Fault, RequestId, Timestamp};

use crate::entry::{Origin, Pending};
use crate::record::{self, Ending};
use crate::{Entry, Record, Rejection, outbox};

/// An entry whose outcome is known and whose record is final. Dropping it leaves an `ABANDONED`
/// record.
#[must_use = "dropping a settled entry records ABANDONED"]
pub struct Settled<T> {
    pending: Pending,
    json: Vec<u8>,
    event_time: Timestamp,
    outcome: Result<T, Fault>,
}

/// An answer whose record is in the log. The door accepts nothing else.
#[must_use = "an audited answer is there to be sent"]
pub struct Audited<T> {
    request_id: Option<RequestId>,
    outcome: Result<T, Fault>,
}

impl<T> Settled<T> {
    pub(crate) fn new(pending: Pending, outcome: Result<T, Fault>) -> Self {
        let mut event_time = Timestamp::from_millis(0);
        let json = pending.parts().map_or_else(Vec::new, |parts| {
            let ending = match &outcome {
                Ok(_) => Ending::Success,
                Err(fault) => Ending::Failure(fault),
            };
            event_time = parts.trail.now();
            record::render(parts, event_time, ending)
        });
        Self {
            pending,
            json,
            event_time,
            outcome,
        }
    }

    /// What to store in the same batch as the change, so that the record survives with it: the
    /// event's id and the bytes that [`Record::from_outbox`] reads. `None` for a failure, which
    /// changes nothing.
    pub fn outbox(&self) -> Option<(RequestId, &[u8])> {
        self.outcome.as_ref().ok()?;
        let parts = self.pending.parts()?;
        let bytes = self
            .pending
            .outbox
            .get_or_init(|| outbox::encode(parts.event_id, &self.json, &parts.receipts));
        Some((parts.event_id, bytes))
    }

    /// The record's `eventTime`, to the millisecond; the record has whole seconds.
    pub fn event_time(&self) -> Timestamp {
        self.event_time
    }

    #[cfg(test)]
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    #[cfg(test)]
    pub(crate) fn parts(&self) -> Option<&crate::entry::Parts> {
        self.pending.parts()
    }

    /// The change was not committed, or nobody knows: the record and the answer now tell the
    /// failure. Where the outbox form was taken, the store may hold it all the same; the failure
    /// then gets an event id of its own, so that a replay of the outbox is not mistaken for it.
    pub fn revise(mut self, fault: Fault) -> Self {
        self.pending.renew_id();
        Self::new(self.pending, Err(fault))
    }

    /// Nothing was committed because others changed the same records meanwhile: the entry is open
    /// again for another attempt.
    pub fn reopen(mut self) -> Entry {
        self.pending.renew_id();
        Entry::again(self.pending)
    }

    /// A service event that did not happen after all leaves no record. The entry of a request
    /// cannot be withdrawn, nor one that tells of a use of a key: they leave `ABANDONED`, as when
    /// they are dropped.
    pub fn withdraw(self) {
        let nothing_happened = self.pending.parts().is_some_and(|parts| {
            matches!(parts.origin, Origin::Service { .. }) && parts.receipts.is_empty()
        });
        if nothing_happened {
            drop(self.pending.release());
        }
    }

    /// Hands the record to the log, at once and even if the future is dropped, and resolves when
    /// it is there. If the log fails the answer becomes KMSInternalException, whatever it was.
    pub fn publish(self) -> impl Future<Output = Audited<T>> + Send
    where
        T: Send,
    {
        let Self {
            pending,
            json,
            outcome,
            ..
        } = self;
        let handed = pending.release().map(|parts| {
            let request_id = match &parts.origin {
                Origin::Request(opening) => Some(opening.request_id),
                Origin::Service { .. } | Origin::Administration { .. } => None,
            };
            let record = Record {
                event_id: parts.event_id,
                json,
                receipts: parts.receipts,
            };
            (request_id, parts.trail.log().append(record))
        });
        async move {
            let Some((request_id, appended)) = handed else {
                let fault = Fault::internal("the audit entry was published before");
                return Audited {
                    request_id: None,
                    outcome: Err(fault),
                };
            };
            let outcome = match appended.await {
                Ok(()) => outcome,
                Err(error) => Err(Fault::internal(error)),
            };
            Audited {
                request_id,
                outcome,
            }
        }
    }
}

impl<T> Audited<T> {
    /// The answer to a request that was refused before its caller was known. The refusal is
    /// counted, and logged at a bounded rate; the durable log is for authenticated callers.
    pub fn rejected(rejection: Rejection, fault: Fault) -> Self {
        rejection.note(&fault);
        Self {
            request_id: None,
            outcome: Err(fault),
        }
    }

    /// True for a success, which also means that its record is in the log.
    pub fn is_success(&self) -> bool {
        self.outcome.is_ok()
    }

    /// The answer.
    pub fn into_outcome(self) -> Result<T, Fault> {
        self.outcome
    }

    /// The request's id; `None` for a rejection (the door made that id) and a service event.
    pub fn request_id(&self) -> Option<RequestId> {
        self.request_id
    }
}

#[cfg(test)]
mod tests;
