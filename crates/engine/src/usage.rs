//! The last use of every key: noted in memory with the record that tells of it, stored by the
//! clockwork a few seconds later, and made good from the audit log after a crash.
//!
//! What is stored is complete up to a record of the log, the mark. A start reads the log from
//! there. A record may be in the log a moment before its use is noted here, so a position of the
//! log becomes the mark only when every call that was under way at that position has been noted.

use std::sync::atomic::{AtomicBool, Ordering};

use keystead_api::OperationName;
use keystead_api::model::KeyLastUsageTrackingOperation;
use keystead_audit::{Audited, Entry};
use keystead_store::records::UsageRecord;
use keystead_store::{Change, Expect, Meta, StoreError};
use keystead_types::{AccountId, Fault, KeyId, RequestId, Timestamp};

use crate::limits::{USAGE_MARK_STRIDE, USES_STORED_AT_ONCE};
use crate::site::Site;

mod kept;

pub(crate) use kept::Uses;

/// A key of this Region.
type KeyName = (AccountId, KeyId);

/// The keys that a call uses: one, two for ReEncrypt.
pub(crate) type UsedKeys = [Option<KeyName>; 2];

/// One successful cryptographic call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Which operation.
    pub operation: KeyLastUsageTrackingOperation,
    /// When: the time in its audit record, whole seconds.
    pub at: Timestamp,
    /// The id of its audit record.
    pub event_id: RequestId,
    /// The id of its request.
    pub request_id: RequestId,
}

impl Use {
    fn record(&self) -> UsageRecord {
        UsageRecord {
            operation: self.operation.as_str().to_owned(),
            at: self.at,
            event_id: self.event_id,
            request_id: self.request_id,
        }
    }

    fn stored(record: &UsageRecord) -> Option<Self> {
        Some(Self {
            operation: KeyLastUsageTrackingOperation::parse(&record.operation)?,
            at: record.at,
            event_id: record.event_id,
            request_id: record.request_id,
        })
    }
}

/// The tracked operation of that name, if it is one.
pub(crate) fn tracked(operation: OperationName) -> Option<KeyLastUsageTrackingOperation> {
    KeyLastUsageTrackingOperation::parse(operation.as_str())
}

/// A call between the handing over of its record and the noting of its use. Dropped on the way,
/// its record is in the log all the same, so its use is noted.
struct Noting<'s> {
    uses: &'s Uses,
    keys: UsedKeys,
    used: Use,
    turn: usize,
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        for key in self.keys.into_iter().flatten() {
            self.uses.note(key, self.used);
        }
        self.uses.end(self.turn);
    }
}

/// Publishes the record of a successful call, and notes that its keys were used.
pub(crate) async fn publish(
    site: &Site,
    entry: Entry,
    answer: Vec<u8>,
    (operation, request_id): (KeyLastUsageTrackingOperation, RequestId),
    keys: UsedKeys,
) -> Audited<Vec<u8>> {
    let uses = site.uses();
    let event_id = entry.event_id();
    let settled = entry.settle(Ok(answer));
    let used = Use {
        operation,
        at: Timestamp::from_millis(settled.event_time().as_seconds().saturating_mul(1000)),
        event_id,
        request_id,
    };
    let mut noting = Noting {
        uses,
        keys,
        used,
        turn: uses.begin(),
    };
    let audited = settled.publish().await;
    if !audited.is_success() {
        noting.keys = [None, None];
    }
    drop(noting);
    if uses.crowded() {
        // Rare and large: in a box, so that not every request carries room for it.
        Box::pin(store_some(site)).await;
    }
    audited
}

/// Room for new keys: one batch, unless another call or the clockwork is at it.
async fn store_some(site: &Site) {
    let Some(_turn) = Storing::begin(site.uses()) else {
        return;
    };
    let taken = Taken::at_most(site.uses(), USES_STORED_AT_ONCE);
    if let Err(error) = taken.store(site).await {
        tracing::warn!(%error, "last uses of keys could not be stored yet");
    }
}

/// The right to store, given back when it is dropped.
struct Storing<'s>(&'s AtomicBool);

impl<'s> Storing<'s> {
    fn begin(uses: &'s Uses) -> Option<Self> {
        let storing = &uses.storing;
        (!storing.swap(true, Ordering::SeqCst)).then_some(Self(storing))
    }
}

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Uses on their way to the store; those that are left when it is dropped are still to be stored.
struct Taken<'s> {
    uses: &'s Uses,
    left: Vec<(KeyName, Use)>,
}

impl<'s> Taken<'s> {
    fn at_most(uses: &'s Uses, most: usize) -> Self {
        let left = uses.take(most);
        Self { uses, left }
    }

    /// Stores them in batches.
    async fn store(mut self, site: &Site) -> Result<(), StoreError> {
        while !self.left.is_empty() {
            let from = self.left.len().saturating_sub(USES_STORED_AT_ONCE);
            let batch = self.left.get(from..).unwrap_or_default();
            let changes = batch
                .iter()
                .map(|((account, key_id), used)| Change::PutUsage {
                    account: *account,
                    key_id: *key_id,
                    record: used.record(),
                });
            site.records().apply(changes.collect()).await?;
            let stored = self.left.split_off(from);
            self.uses.settle(&stored);
        }
        Ok(())
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.uses.restore(&self.left);
    }
}

/// Stores the last uses that are not stored yet, and how far the log is covered by that. What
/// fails is tried again at the next look.
pub(crate) async fn store(site: &Site) {
    if let Err(error) = try_store(site).await {
        tracing::warn!(%error, "last uses of keys could not be stored yet");
    }
}

async fn try_store(site: &Site) -> Result<(), StoreError> {
    let uses = site.uses();
    let Some(_turn) = Storing::begin(uses) else {
        return Ok(());
    };
    // Before the uses are taken: they then hold all that the log has up to there.
    let mark = uses.noted_up_to();
    let taken = Taken::at_most(uses, usize::MAX);
    let any = !taken.left.is_empty();
    taken.store(site).await?;
    let last = uses.mark.load(Ordering::SeqCst);
    if let Some(mark) = mark.filter(|mark| *mark > last) {
        // What was used since the last look but one is stored; without any, the mark may wait.
        if any || mark.saturating_sub(last) >= USAGE_MARK_STRIDE {
            put_mark(site, mark).await?;
        }
    }
    uses.next_turn();
    Ok(())
}

async fn put_mark(site: &Site, mark: u64) -> Result<(), StoreError> {
    let change = Change::PutMeta {
        item: Meta::UsageMark,
        value: mark.to_be_bytes().to_vec(),
        expect: Expect::Anything,
    };
    site.records().apply(vec![change]).await?;
    site.uses().mark.store(mark, Ordering::SeqCst);
    Ok(())
}

impl Site {
    /// Takes up the last uses of keys where the store has them, before the first request.
    ///
    /// Arguments: `head` gives the number of the audit log's newest record, now and later. Gives
    /// the record after which the log must be read again, each successful event of this Region
    /// being told to [`Site::note_use`]; `None` when there is nothing to read.
    ///
    /// Errors: of the store.
    pub async fn follow_uses(
        &self,
        head: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<Option<u64>, Fault> {
        let newest = head();
        let _only_once = self.uses().head.set(Box::new(head));
        let stored = self.records().meta(Meta::UsageMark).await;
        let stored = stored.map_err(Fault::internal)?;
        let mark = stored.and_then(|one| one.value.try_into().ok().map(u64::from_be_bytes));
        // A log that is shorter than it was lost its end, or is another: its numbers begin anew.
        let after = match mark {
            None => Some(0),
            Some(mark) if mark < newest => Some(mark),
            Some(_) => None,
        };
        match after {
            None => put_mark(self, newest).await.map_err(Fault::internal)?,
            Some(mark) => self.uses().mark.store(mark, Ordering::SeqCst),
        }
        Ok(after)
    }

    /// Notes a use that the audit log tells of; nothing happens for an operation that is not
    /// tracked. In the order of the log.
    pub fn note_use(
        &self,
        key: (AccountId, KeyId),
        operation: &str,
        (at, event_id, request_id): (Timestamp, RequestId, RequestId),
    ) {
        if let Some(operation) = KeyLastUsageTrackingOperation::parse(operation) {
            let used = Use {
                operation,
                at,
                event_id,
                request_id,
            };
            self.uses().note(key, used);
        }
    }

    /// A key's last use since `created`: a multi-Region key may have had the same id before.
    pub(crate) async fn last_use(
        &self,
        key: (AccountId, KeyId),
        created: Timestamp,
    ) -> Result<Option<Use>, Fault> {
        let used = match self.uses().get(&key) {
            Some(used) => Some(used),
            None => {
                let (account, key_id) = key;
                let stored = self.records().usage(account, key_id).await;
                stored
                    .map_err(Fault::internal)?
                    .as_ref()
                    .and_then(Use::stored)
            }
        };
        Ok(used.filter(|used| used.at.as_seconds() >= created.as_seconds()))
    }
}

#[cfg(test)]
mod tests;
