//! The last use of every key: noted in memory with the record that tells of it, stored by the
//! clockwork a few seconds later, and made good from the audit log after a crash.
//!
//! What is stored is complete up to a record of the log, the mark. A start reads the log from
//! there. A record may be in the log a moment before its use is noted here, so a position of the
//! log becomes the mark only when every call that was under way at that position has been noted.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use keystead_api::OperationName;
use keystead_api::model::KeyLastUsageTrackingOperation;
use keystead_audit::{Audited, Entry};
use keystead_store::records::UsageRecord;
use keystead_store::{Change, Expect, Meta, StoreError};
use keystead_types::{AccountId, Fault, KeyId, RequestId, Timestamp};

use crate::limits::{USAGE_MARK_STRIDE, USES_KEPT, USES_STORED_AT_ONCE};
use crate::site::Site;

const SHARDS: usize = 16;

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

#[derive(Default)]
struct Shard {
    uses: HashMap<KeyName, Kept>,
    /// Keys whose use is not stored; each once.
    unstored: Vec<KeyName>,
}

struct Kept {
    used: Use,
    stored: bool,
}

/// Last uses that are not stored yet, and others that are.
pub(crate) struct Uses {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    kept: AtomicUsize,
    most: usize,
    storing: AtomicBool,
    /// Calls whose record may be in the log and whose use is not noted, by parity of the turn in
    /// which they began.
    under_way: [AtomicUsize; 2],
    turn: AtomicUsize,
    /// The position of the log when the turn began.
    candidate: Mutex<Option<u64>>,
    mark: AtomicU64,
    head: OnceLock<Box<dyn Fn() -> u64 + Send + Sync>>,
}

impl Uses {
    pub(crate) fn new() -> Self {
        Self::keeping(USES_KEPT)
    }

    fn keeping(most: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            kept: AtomicUsize::new(0),
            most,
            storing: AtomicBool::new(false),
            under_way: Default::default(),
            turn: AtomicUsize::new(0),
            candidate: Mutex::new(None),
            mark: AtomicU64::new(0),
            head: OnceLock::new(),
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is taken modulo the array's length"
    )]
    fn shard(&self, key: &KeyName) -> MutexGuard<'_, Shard> {
        let [byte, ..] = self.hasher.hash_one(key).to_be_bytes();
        lock(&self.shards[usize::from(byte) % SHARDS])
    }

    /// Notes a use. The later moment counts; of two of one second the one that is noted later.
    fn note(&self, key: KeyName, used: Use) {
        let mut shard = self.shard(&key);
        let Shard { uses, unstored } = &mut *shard;
        match uses.get_mut(&key) {
            Some(kept) if used.at < kept.used.at => {}
            Some(kept) => {
                kept.used = used;
                if kept.stored {
                    kept.stored = false;
                    unstored.push(key);
                }
            }
            None => {
                uses.insert(
                    key,
                    Kept {
                        used,
                        stored: false,
                    },
                );
                unstored.push(key);
                self.kept.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn get(&self, key: &KeyName) -> Option<Use> {
        self.shard(key).uses.get(key).map(|kept| kept.used)
    }

    /// Forgets a key that is removed.
    pub(crate) fn forget(&self, key: &KeyName) {
        let mut shard = self.shard(key);
        if shard.uses.remove(key).is_some() {
            shard.unstored.retain(|one| one != key);
            self.kept.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn crowded(&self) -> bool {
        self.kept.load(Ordering::Relaxed) > self.most
    }

    /// Takes what is not stored, at most so many.
    fn take(&self, most: usize) -> Vec<(KeyName, Use)> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            let Shard { uses, unstored } = &mut *shard;
            let room = most.saturating_sub(taken.len()).min(unstored.len());
            let names = unstored.drain(..room);
            taken.extend(names.filter_map(|name| Some((name, uses.get(&name)?.used))));
        }
        taken
    }

    /// The uses are in the store: unless the key was used again, they need not stay.
    fn settle(&self, taken: &[(KeyName, Use)]) {
        for (name, used) in taken {
            let mut shard = self.shard(name);
            let Shard { uses, unstored } = &mut *shard;
            let Some(kept) = uses.get_mut(name) else {
                continue;
            };
            if kept.used != *used {
                unstored.push(*name);
            } else if self.crowded() {
                uses.remove(name);
                self.kept.fetch_sub(1, Ordering::Relaxed);
            } else {
                kept.stored = true;
            }
        }
        if self.crowded() {
            self.evict();
        }
    }

    /// The uses could not be stored: they are still to be.
    fn restore(&self, taken: &[(KeyName, Use)]) {
        for (name, _) in taken {
            let mut shard = self.shard(name);
            if shard.uses.contains_key(name) {
                shard.unstored.push(*name);
            }
        }
    }

    /// Forgets what the store has: a look at one of these keys reads it there.
    fn evict(&self) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let before = shard.uses.len();
            shard.uses.retain(|_, kept| !kept.stored);
            self.kept
                .fetch_sub(before - shard.uses.len(), Ordering::Relaxed);
        }
    }

    /// Begins a call whose record will be handed to the log.
    fn begin(&self) -> usize {
        loop {
            let turn = self.turn.load(Ordering::SeqCst);
            self.counter(turn).fetch_add(1, Ordering::SeqCst);
            if self.turn.load(Ordering::SeqCst) == turn {
                return turn;
            }
            self.end(turn);
        }
    }

    fn end(&self, turn: usize) {
        self.counter(turn).fetch_sub(1, Ordering::SeqCst);
    }

    fn counter(&self, turn: usize) -> &AtomicUsize {
        let [even, odd] = &self.under_way;
        if turn.is_multiple_of(2) { even } else { odd }
    }

    /// The position up to which every use has been noted, if there is a newer one.
    fn noted_up_to(&self) -> Option<u64> {
        let before = self.turn.load(Ordering::SeqCst).wrapping_sub(1);
        let quiet = self.counter(before).load(Ordering::SeqCst) == 0;
        lock(&self.candidate).filter(|_| quiet)
    }

    /// Begins the next turn, unless calls of the one before the present are still under way.
    fn next_turn(&self) {
        let Some(head) = self.head.get() else { return };
        let turn = self.turn.load(Ordering::SeqCst);
        if self.counter(turn.wrapping_sub(1)).load(Ordering::SeqCst) == 0 {
            *lock(&self.candidate) = Some(head());
            self.turn.store(turn.wrapping_add(1), Ordering::SeqCst);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        store_some(site).await;
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
