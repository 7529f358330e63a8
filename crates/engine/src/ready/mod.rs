//! The proof that a caller may do this to these resources now, and the only way to do it. Its
//! methods depend on the target: a key held for signing has no `encrypt`.

mod account;
mod agreeing;
mod alias;
mod authenticating;
mod encrypting;
mod grants;
mod import;
mod key;
mod policy;
mod recipient;
mod regions;
mod signing;
mod usage;

use keystead_audit::ReceiptNote;
use keystead_store::Change;
use keystead_store::records::KeyRecord;
use keystead_types::{Caller, Fault, FaultKind, KeyArn, KeySpec, Timestamp};
use keystead_wall::{Command, Delivered, Outcome, Receipt, Refusal, Reply, Supply, WallError};

use crate::lookup::Stage;
use crate::marker::Scope;
use crate::site::{Quotas, Sm2};
use crate::target::{OneKey, Target, Usage};

pub use account::{KeyScope, NewKey};
pub use encrypting::{DataKey, ReEncrypted, Side, check_plaintext_length};
pub(crate) use grants::no_grant;
pub use grants::{GrantPage, NewGrant};
pub use import::{ImportParameters, Imported, settle_import_state};
pub use key::Lockout;
pub(crate) use recipient::attest;
pub use recipient::{Audience, Recipient};
pub use regions::NewReplica;
pub use signing::Signable;

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
            let [key, _] = T::keys(&self.held);
            let arn = key.map(|key| key.arn_text().to_owned());
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

    /// How much an account may have.
    pub fn quotas(&self) -> &Quotas {
        self.stage.site.quotas()
    }

    /// Refuses a key spec that this Region does not offer: SM2, unless it is configured.
    ///
    /// Errors: UnsupportedOperationException.
    pub fn check_offered(&self, spec: KeySpec) -> Result<(), Fault> {
        if spec != KeySpec::Sm2 || self.stage.site.sm2() == Sm2::Offered {
            return Ok(());
        }
        Err(Fault::new(
            FaultKind::UnsupportedOperation,
            format!("KeySpec {spec} is not supported in this Region."),
        ))
    }

    /// Sends one command to the HSM and notes its receipt.
    async fn ask_raw(&mut self, command: Command<'_>) -> Result<Result<Reply, Refusal>, Fault> {
        let call = self.stage.site.hsm().call(command);
        let Outcome { result, receipt } = call.await.map_err(unanswered)?;
        self.stage.entry.receipt(noted(receipt));
        Ok(result)
    }

    /// As [`Self::ask_raw`]; what the HSM refuses is the request's fault.
    async fn ask(&mut self, command: Command<'_>) -> Result<Reply, Fault> {
        self.ask_raw(command).await?.map_err(refused)
    }

    /// Asks for a secret, for the caller or an attested recipient.
    async fn ask_secret(&mut self, command: Command<'_>) -> Result<Delivered, Fault> {
        match self.ask(command).await? {
            Reply::Plaintext(secret) => Ok(Delivered::Clear(secret)),
            Reply::Enveloped(envelope) => Ok(Delivered::Enveloped(envelope)),
            _ => Err(wrong_reply()),
        }
    }

    /// Asks for a new key. An RSA key is taken from those made ahead; only when there are none
    /// does the command wait for one to be made, in a lane where it holds up no other.
    async fn ask_for_key<'c>(
        &mut self,
        spec: KeySpec,
        command: impl Fn(Supply) -> Command<'c>,
    ) -> Result<Reply, Fault> {
        if spec.is_rsa() {
            match self.ask_raw(command(Supply::Prepared)).await? {
                Err(Refusal::NonePrepared) => {}
                other => return other.map_err(refused),
            }
        }
        self.ask(command(Supply::Made)).await
    }
}

impl<U: Usage> Ready<'_, OneKey<U>> {
    /// The key's ARN.
    pub fn arn(&self) -> &KeyArn {
        self.held.arn()
    }

    /// The key's ARN as text.
    pub fn arn_text(&self) -> &str {
        self.held.arn_text()
    }

    /// The key's ARN, as cryptographic answers name it.
    pub fn key_arn(&self) -> String {
        self.held.arn_text().to_owned()
    }

    /// The key's record.
    pub fn key(&self) -> &KeyRecord {
        self.held.record()
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

/// The wire error for what the HSM would not do. Texts that AWS does not document are short.
/// Source: KMS API reference, errors of the operations.
pub(crate) fn refused(refusal: Refusal) -> Fault {
    use FaultKind as K;
    match refusal {
        Refusal::InvalidCiphertext => Fault::bare(K::InvalidCiphertext),
        Refusal::SignatureInvalid => Fault::bare(K::KMSInvalidSignature),
        Refusal::MacInvalid => Fault::bare(K::KMSInvalidMac),
        // AWS sends an empty text.
        Refusal::PublicKeyInvalid => Fault::validation(""),
        Refusal::RecipientInvalid => Fault::validation(
            "The public key of the attestation document is not an RSA key of 2048 bits or more.",
        ),
        Refusal::ImportTokenInvalid => Fault::new(
            K::InvalidImportToken,
            "The import token is not valid for this key.",
        ),
        Refusal::ImportTokenExpired => {
            Fault::new(K::ExpiredImportToken, "The import token has expired.")
        }
        Refusal::MaterialInvalid => Fault::new(
            K::IncorrectKeyMaterial,
            "The key material is not valid for the key spec of this key.",
        ),
        _ => Fault::internal(refusal),
    }
}

/// The HSM answered something that the command does not call for.
pub(crate) fn wrong_reply() -> Fault {
    Fault::internal("the HSM process answered another kind of reply")
}
