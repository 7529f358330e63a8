//! The proof that a caller may do this to these resources now, and the only way to do it. Its
//! methods depend on the target: a key held for signing has no `encrypt`.

mod account;
mod alias;
mod encrypting;
mod key;

use keystead_audit::ReceiptNote;
use keystead_store::Change;
use keystead_types::{Caller, Fault, FaultKind, Timestamp};
use keystead_wall::{Command, Outcome, Receipt, Refusal, Reply, WallError};

use crate::lookup::Stage;
use crate::marker::Scope;
use crate::target::Target;

pub use account::NewKey;
pub use encrypting::DataKey;
pub use key::Lockout;

/// Authorized and admitted. Only the pipeline makes one.
pub struct Ready<'s, T: Target> {
    stage: Stage<'s>,
    held: T::Held,
    operation: &'static str,
    changes: Vec<Change>,
    responded: bool,
}

/// Part of a listing.
pub struct Page<I> {
    /// The items, in order.
    pub items: Vec<I>,
    /// The marker of the next page; `None` on the last one.
    pub next: Option<String>,
}

/// The window of a listing that a request asks for.
pub struct Window {
    /// Items at most.
    pub limit: usize,
    /// Where the last page ended.
    pub after: Option<String>,
}

impl<'s, T: Target> Ready<'s, T> {
    pub(crate) fn admitted(stage: Stage<'s>, held: T::Held, operation: &'static str) -> Self {
        Self {
            stage,
            held,
            operation,
            changes: Vec::new(),
            responded: false,
        }
    }

    /// The changes to commit. A mutating call that said nothing of its own is recorded with the
    /// key's ARN as its response element, as CloudTrail has done since 2022-12.
    pub(crate) fn into_changes(mut self, read_only: bool) -> Vec<Change> {
        if !read_only && !self.responded {
            let arn = T::keys(&self.held)
                .first()
                .map(|key| key.arn_text().to_owned());
            if let Some(arn) = arn {
                self.respond(format!(r#"{{"keyId":"{arn}"}}"#));
            }
        }
        self.changes
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.stage.site.now()
    }

    /// Who asks.
    pub fn caller(&self) -> &Caller {
        self.stage.caller
    }

    /// The Region.
    pub fn region(&self) -> &keystead_types::Region {
        self.stage.site.region()
    }

    /// Sets the audit record's `responseElements`, a JSON object.
    pub fn respond(&mut self, json_object: String) {
        self.responded = true;
        self.stage.entry.response_elements(json_object.into_bytes());
    }

    /// Adds to the audit record's `additionalEventData`.
    pub fn note(&mut self, name: &'static str, value: String) {
        self.stage.entry.additional(name, value);
    }

    /// Reads the paging members of a request: `bounds` are the operation's default and largest
    /// limit, `filter` what else the listing depends on.
    ///
    /// Errors: ValidationException for a limit above the operation's, InvalidMarkerException.
    pub fn window(
        &self,
        limit: Option<u32>,
        (default, most): (u32, u32),
        marker: Option<&str>,
        filter: &str,
    ) -> Result<Window, Fault> {
        let limit = page_limit(limit, (default, most))?;
        let after = marker
            .map(|marker| self.scope(filter).open(marker))
            .transpose()?;
        Ok(Window {
            limit: usize::try_from(limit).unwrap_or(1),
            after,
        })
    }

    /// A page of a listing whose items come one by one in order of their position.
    fn page<I>(
        &self,
        items: Vec<I>,
        more: bool,
        filter: &str,
        position: impl Fn(&I) -> String,
    ) -> Page<I> {
        let last = items.last().filter(|_| more);
        let next = last.map(|item| self.scope(filter).seal(&position(item)));
        Page { items, next }
    }

    /// Cuts a page out of a list that is at hand whole; positions are indexes.
    ///
    /// Errors: InvalidMarkerException for a marker beyond the list.
    pub fn slice<I: Clone>(
        &self,
        all: &[I],
        window: &Window,
        filter: &str,
    ) -> Result<Page<I>, Fault> {
        let invalid = || Fault::new(FaultKind::InvalidMarker, "The marker is not valid.");
        let start = match &window.after {
            Some(position) => position.parse().map_err(|_| invalid())?,
            None => 0_usize,
        };
        let rest = all.get(start..).unwrap_or_default();
        let items: Vec<I> = rest.iter().take(window.limit).cloned().collect();
        let end = start + items.len();
        let next = (end < all.len()).then(|| self.scope(filter).seal(&end.to_string()));
        Ok(Page { items, next })
    }

    fn scope<'a>(&'a self, filter: &'a str) -> Scope<'a> {
        let Stage { site, caller, .. } = &self.stage;
        Scope {
            key: site.marker_key(),
            parts: [
                self.operation,
                caller.account.as_str(),
                site.region().as_str(),
                filter,
            ],
        }
    }

    /// Sends one command to the HSM and notes its receipt.
    async fn ask(&mut self, command: Command<'_>) -> Result<Reply, Fault> {
        let call = self.stage.site.hsm().call(command);
        let Outcome { result, receipt } = call.await.map_err(unanswered)?;
        self.stage.entry.receipt(noted(receipt));
        result.map_err(refused)
    }
}

/// The number of items that a page may have: `bounds` are the operation's default and largest.
/// An operation whose largest is below the model's checks it before it looks for a key.
///
/// Errors: ValidationException for a limit above the operation's.
pub fn page_limit(limit: Option<u32>, (default, most): (u32, u32)) -> Result<u32, Fault> {
    let limit = limit.unwrap_or(default);
    if limit <= most {
        return Ok(limit);
    }
    Err(Fault::validation(format!(
        "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: \
         Member must have value less than or equal to {most}"
    )))
}

/// A receipt as the audit trail keeps it.
pub(crate) fn noted(receipt: Receipt) -> ReceiptNote {
    let Receipt {
        epoch,
        lane,
        counter,
        digest,
    } = receipt;
    ReceiptNote {
        epoch,
        lane,
        counter,
        digest,
    }
}

/// The wire error for an answer that did not come. All are retryable for SDKs.
pub(crate) fn unanswered(error: WallError) -> Fault {
    match error {
        WallError::Overloaded => Fault::new(
            FaultKind::Throttling,
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your \
             calls.",
        ),
        WallError::Down | WallError::TimedOut | WallError::Protocol => Fault::internal(error),
    }
}

/// The wire error for what the HSM would not do. Only the ciphertext is the caller's doing.
pub(crate) fn refused(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::InvalidCiphertext => Fault::bare(FaultKind::InvalidCiphertext),
        _ => Fault::internal(refusal),
    }
}

/// The HSM answered something that the command does not call for.
pub(crate) fn wrong_reply() -> Fault {
    Fault::internal("the HSM process answered another kind of reply")
}
