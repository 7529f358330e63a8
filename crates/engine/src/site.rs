//! One Region of the deployment: its records, HSM, trail, clock and memory.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use keystead_attestation::TrustedRoots;
use keystead_audit::{Posted, Settling, Trail};
use keystead_identity::Identities;
use keystead_store::records::AliasRecord;
use keystead_store::{Change, Records, Revision, StoreError, Versioned};
use keystead_types::{
    AccountId, AliasName, Clock, Entropy, Fault, KeyId, KeyManager, Region, RequestId, Timestamp,
    limits,
};
use keystead_wall::Hsm;

use crate::cache::Cache;
use crate::destruction;
use crate::entry::KeyEntry;
use crate::grants::GrantMemory;
use crate::limits::{CACHED_ENTRIES, MANAGED_KEYS_MAX, OUTBOX_SWEPT_AT_ONCE};
use crate::ready::KeyScope;
use crate::usage::Uses;

/// What a [`Site`] is made of.
pub struct SiteParts {
    /// The Region's name.
    pub region: Region,
    /// Its store.
    pub records: Records,
    /// Its HSM.
    pub hsm: Arc<dyn Hsm>,
    /// Its audit trail.
    pub trail: Trail,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids.
    pub entropy: Arc<dyn Entropy>,
    /// Authenticates page markers and grant tokens; the same on every node and after a restart.
    pub marker_key: [u8; 32],
    /// The other Regions of the deployment.
    pub neighbours: Arc<dyn Neighbours>,
    /// Which attestation documents are trusted.
    pub attestation: Attestation,
    /// How much an account may have.
    pub quotas: Quotas,
    /// Whether keys of spec SM2 can be made.
    pub sm2: Sm2,
    /// Accounts, users and roles.
    pub identities: Arc<dyn Identities>,
}

/// Whether a Region offers SM2, as AWS does in its Regions in China only.
/// Source: KMS Developer Guide, "SM2 key specs (China Regions only)".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sm2 {
    /// Keys and key pairs of spec SM2 can be made.
    Offered,
    /// They are refused.
    NotOffered,
}

/// The Regions of one deployment, as one of them sees the others: for multi-Region keys only.
pub trait Neighbours: Send + Sync {
    /// A Region of this deployment; `None` if it is not served here.
    fn site<'a>(&'a self, region: &'a Region) -> FoundSite<'a>;
}

/// A Region on its way.
pub type FoundSite<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Arc<Site>>, Fault>> + Send + 'a>>;

/// A deployment of one Region.
pub struct Alone;

impl Neighbours for Alone {
    fn site<'a>(&'a self, _region: &'a Region) -> FoundSite<'a> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// Which attestation documents are trusted.
#[derive(Clone)]
pub struct Attestation {
    /// Whose chains.
    pub roots: TrustedRoots,
    /// How old a document may be, milliseconds.
    pub max_age_millis: i64,
}

/// How much an account may have in a Region. The defaults are AWS's.
/// Source: KMS Developer Guide, "Resource quotas".
#[derive(Debug, Clone)]
pub struct Quotas {
    /// Customer managed keys.
    pub keys_per_account: usize,
    /// Aliases of one key.
    pub aliases_per_key: usize,
    /// Grants on one key.
    pub grants_per_key: usize,
    /// Tags of one key.
    pub tags_per_key: usize,
    /// On-demand rotations in the life of one key.
    pub on_demand_rotations_per_key: usize,
    /// Size of a key policy, bytes; at most the default.
    pub key_policy_bytes: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            keys_per_account: limits::KEYS_PER_ACCOUNT,
            aliases_per_key: limits::ALIASES_PER_KEY,
            grants_per_key: limits::GRANTS_PER_KEY,
            tags_per_key: limits::TAGS_PER_KEY,
            on_demand_rotations_per_key: limits::ON_DEMAND_ROTATIONS_PER_KEY,
            key_policy_bytes: limits::KEY_POLICY_MAX_BYTES,
        }
    }
}

/// One Region at work. Shared by all its requests.
pub struct Site {
    parts: SiteParts,
    marker_key: hmac::Key,
    keys: Cache<(AccountId, KeyId), Arc<KeyEntry>>,
    aliases: Cache<(AccountId, AliasName), KeyId>,
    grants: GrantMemory,
    key_counts: Mutex<HashMap<AccountId, usize>>,
    posted: Posted,
    uses: Uses,
}

/// Whether memory may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Memory or store.
    Cached,
    /// The store only: the last attempt met a conflict.
    Stored,
}

impl Site {
    /// Puts a Region to work.
    pub fn new(parts: SiteParts) -> Self {
        Self {
            marker_key: hmac::Key::new(hmac::HMAC_SHA256, &parts.marker_key),
            keys: Cache::new(CACHED_ENTRIES),
            aliases: Cache::new(CACHED_ENTRIES),
            grants: GrantMemory::new(),
            key_counts: Mutex::new(HashMap::new()),
            posted: Posted::new(),
            uses: Uses::new(),
            parts,
        }
    }

    /// The Region's name.
    pub fn region(&self) -> &Region {
        &self.parts.region
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    pub(crate) fn hsm(&self) -> &dyn Hsm {
        &*self.parts.hsm
    }

    pub(crate) fn uses(&self) -> &Uses {
        &self.uses
    }

    pub(crate) fn grants(&self) -> &GrantMemory {
        &self.grants
    }

    pub(crate) fn trail(&self) -> &Trail {
        &self.parts.trail
    }

    pub(crate) fn records(&self) -> &Records {
        &self.parts.records
    }

    pub(crate) fn marker_key(&self) -> &hmac::Key {
        &self.marker_key
    }

    pub(crate) fn new_key_id(&self, scope: KeyScope) -> KeyId {
        let mut random = [0; 16];
        self.parts.entropy.fill(&mut random);
        match scope {
            KeyScope::Region => KeyId::from_random(random),
            KeyScope::MultiRegion => KeyId::multi_region_from_random(random),
        }
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.parts.entropy
    }

    pub(crate) fn neighbours(&self) -> &dyn Neighbours {
        &*self.parts.neighbours
    }

    pub(crate) fn attestation(&self) -> &Attestation {
        &self.parts.attestation
    }

    pub(crate) fn sm2(&self) -> Sm2 {
        self.parts.sm2
    }

    pub(crate) fn identities(&self) -> &dyn Identities {
        &*self.parts.identities
    }

    pub(crate) fn quotas(&self) -> &Quotas {
        &self.parts.quotas
    }

    /// A key with everything that a request needs of it, in one consistent read.
    pub(crate) async fn key(
        &self,
        account: AccountId,
        key_id: KeyId,
        freshness: Freshness,
    ) -> Result<Option<Arc<KeyEntry>>, Fault> {
        let name = (account, key_id);
        if freshness == Freshness::Cached
            && let Some(entry) = self.keys.get(&name)
        {
            return Ok(Some(entry));
        }
        let ticket = self.keys.ticket(&name);
        let stored = self
            .records()
            .key(account, key_id)
            .await
            .map_err(Fault::internal)?;
        // A key that has been destroyed is gone, whatever is still to be cleared away.
        let Some(stored) = stored.filter(|stored| !destruction::has_begun(&stored.value)) else {
            return Ok(None);
        };
        let entry = Arc::new(KeyEntry::new(self.region(), stored)?);
        self.keys.insert(name, entry.clone(), ticket);
        Ok(Some(entry))
    }

    /// The key that an alias points to.
    pub(crate) async fn alias_target(
        &self,
        account: AccountId,
        name: &AliasName,
        freshness: Freshness,
    ) -> Result<Option<KeyId>, Fault> {
        let place = (account, name.clone());
        if freshness == Freshness::Cached
            && let Some(target) = self.aliases.get(&place)
        {
            return Ok(Some(target));
        }
        let ticket = self.aliases.ticket(&place);
        let stored = self.alias(account, name).await?;
        let target = stored.map(|alias| alias.value.target);
        if let Some(target) = target {
            self.aliases.insert(place, target, ticket);
        }
        Ok(target)
    }

    /// An alias, from the store.
    pub(crate) async fn alias(
        &self,
        account: AccountId,
        name: &AliasName,
    ) -> Result<Option<Versioned<AliasRecord>>, Fault> {
        self.records()
            .alias(account, name)
            .await
            .map_err(Fault::internal)
    }

    /// Makes changes durable together; memory has nothing of what they outdate when it returns.
    /// A commit whose end is unknown (it failed, or nobody waited for it) may still happen later,
    /// so that what it changes is not kept in memory any more.
    pub(crate) async fn commit(&self, mut changes: Vec<Change>) -> Result<Revision, StoreError> {
        let underway = Underway::begin(self, &changes);
        let swept = underway.published.iter();
        changes.extend(swept.map(|one| Change::OutboxDelete {
            event_id: one.event_id,
        }));
        let result = self.records().apply(changes).await;
        underway.end(&result);
        result
    }

    /// How many AWS managed keys an account has: each has its alias.
    async fn count_managed(&self, account: AccountId) -> Result<usize, Fault> {
        let start = AliasName::parse(AliasName::RESERVED_PREFIX).ok();
        let page = self
            .records()
            .aliases_page(account, start.as_ref(), MANAGED_KEYS_MAX);
        let (aliases, _) = page.await.map_err(Fault::internal)?;
        let managed = aliases.iter().filter(|alias| alias.name.is_reserved());
        Ok(managed.count())
    }

    /// How many customer managed keys an account has. Counted in the store once, up to `at_most`, then kept; a key
    /// made in the moment of counting may be missed, which a quota can bear.
    pub(crate) async fn count_keys(
        &self,
        account: AccountId,
        at_most: usize,
    ) -> Result<usize, Fault> {
        if let Some(count) = self.counts().get(&account) {
            return Ok(*count);
        }
        let records = self.records();
        let most = at_most.saturating_add(MANAGED_KEYS_MAX);
        let keys = records.count_keys(account, most).await;
        let managed = self.count_managed(account).await?;
        let count = keys.map_err(Fault::internal)?.saturating_sub(managed);
        self.counts().insert(account, count);
        Ok(count)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<AccountId, usize>> {
        self.key_counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a record of the outbox is in the log, so that a later commit removes it.
    pub(crate) fn published(&self, event_id: RequestId) {
        self.posted.note(self.trail(), event_id);
    }

    /// Takes what the log says that its disk has.
    fn take_settled(&self) -> Vec<Settling> {
        self.posted.take(self.trail(), OUTBOX_SWEPT_AT_ONCE)
    }

    /// Removes from the outbox what the log has. For quiet times and for shutdown.
    pub(crate) async fn sweep_outbox(&self) -> Result<(), StoreError> {
        let mut settled = self.take_settled();
        if settled.is_empty() {
            return Ok(());
        }
        self.posted.put_back(&mut settled);
        self.commit(Vec::new()).await.map(|_| ())
    }
}

/// A commit on its way. Dropped before its end, it leaves its records barred from memory.
struct Underway<'s> {
    site: &'s Site,
    outdated: Vec<Outdated>,
    counted: Vec<(AccountId, isize)>,
    /// How the numbers of grants of keys move.
    granted: Vec<((AccountId, KeyId), isize)>,
    /// Records of the outbox that go with this commit.
    published: Vec<Settling>,
}

impl<'s> Underway<'s> {
    fn begin(site: &'s Site, changes: &[Change]) -> Self {
        let outdated: Vec<_> = changes.iter().filter_map(Outdated::of).collect();
        for one in &outdated {
            match one {
                Outdated::Key(name) => site.keys.bar(name),
                Outdated::Removed(name) => {
                    site.keys.bar(name);
                    site.grants.bar(name);
                }
                Outdated::Grants(name) => site.grants.bar(name),
                Outdated::Alias(name) => site.aliases.bar(name),
            }
        }
        Self {
            site,
            outdated,
            counted: changes.iter().filter_map(key_count_change).collect(),
            granted: changes.iter().filter_map(grant_count_change).collect(),
            published: site.take_settled(),
        }
    }

    fn end(mut self, result: &Result<Revision, StoreError>) {
        let site = self.site;
        if result.is_ok() {
            self.published.clear();
            let mut counts = site.counts();
            for (account, delta) in std::mem::take(&mut self.counted) {
                if let Some(count) = counts.get_mut(&account) {
                    *count = count.saturating_add_signed(delta);
                }
            }
            for (name, delta) in std::mem::take(&mut self.granted) {
                site.grants.counted(&name, delta);
            }
        }
        if !matches!(result, Ok(_) | Err(StoreError::Conflict)) {
            return;
        }
        for one in std::mem::take(&mut self.outdated) {
            match one {
                Outdated::Key(name) => site.keys.admit(&name),
                Outdated::Alias(name) => site.aliases.admit(&name),
                Outdated::Grants(name) => site.grants.admit(&name),
                Outdated::Removed(name) => {
                    site.keys.admit(&name);
                    site.grants.admit(&name);
                    site.grants.uncounted(&name);
                    site.uses.forget(&name);
                    // Its aliases went with it.
                    let (account, key_id) = name;
                    let of_it = |alias: &(AccountId, AliasName), target: &KeyId| {
                        alias.0 == account && *target == key_id
                    };
                    site.aliases.forget(of_it);
                }
            }
        }
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        // To be removed by the next commit; to remove them twice does no harm.
        self.site.posted.put_back(&mut self.published);
        let mut counts = self.site.counts();
        for (account, _) in &self.counted {
            counts.remove(account);
        }
        for (name, _) in &self.granted {
            self.site.grants.uncounted(name);
        }
    }
}

/// How a change moves the number of keys of an account.
fn key_count_change(change: &Change) -> Option<(AccountId, isize)> {
    match change {
        Change::PutKey {
            record,
            previous: None,
        } if record.manager == KeyManager::Customer => Some((record.account, 1)),
        Change::RemoveKey { account, .. } => Some((*account, -1)),
        _ => None,
    }
}

/// How a change moves the number of grants of a key.
fn grant_count_change(change: &Change) -> Option<((AccountId, KeyId), isize)> {
    match change {
        Change::PutGrant { record, .. } => Some(((record.account, record.key_id), 1)),
        Change::RemoveGrant {
            account, key_id, ..
        } => Some(((*account, *key_id), -1)),
        _ => None,
    }
}

/// What a change makes stale.
enum Outdated {
    Key((AccountId, KeyId)),
    Removed((AccountId, KeyId)),
    Alias((AccountId, AliasName)),
    /// Those of a key.
    Grants((AccountId, KeyId)),
}

impl Outdated {
    fn of(change: &Change) -> Option<Self> {
        match change {
            Change::PutKey { record, .. } => Some(Self::Key((record.account, record.key_id))),
            Change::RemoveKey {
                account, key_id, ..
            } => Some(Self::Removed((*account, *key_id))),
            Change::PutAlias { record, .. } | Change::MoveAlias { record, .. } => {
                Some(Self::Alias((record.account, record.name.clone())))
            }
            Change::RemoveAlias { account, name, .. } => {
                Some(Self::Alias((*account, name.clone())))
            }
            Change::PutGrant { record, .. } => Some(Self::Grants((record.account, record.key_id))),
            Change::RemoveGrant {
                account, key_id, ..
            } => Some(Self::Grants((*account, *key_id))),
            _ => None,
        }
    }
}
