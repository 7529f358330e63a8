//! Several Regions of one deployment, with one clock, and a process that can be killed.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use keystead_audit::{MemoryLog, Trail};
use keystead_engine::{
    Destruction, Due, FoundSite, KeyRecord, MaterialState, MultiRegionRole, Neighbours, Site,
    SiteParts, run_due,
};
use keystead_store::memory::MemoryBackend;
use keystead_store::{
    Backend, Batch, BoxFuture, GetResult, Range, Records, Revision, ScanPage, StoreError,
};
use keystead_types::{KeyId, KeyState, Origin, Region};
use keystead_wall::Command;
use serde_json::json;
use tokio::task::yield_now;

use super::{OWN, People, START, Seeded, TestClock, WatchedHsm, World, account};

/// The Regions that every atlas has, the first being where keys are made.
pub(crate) const PLACES: [&str; 3] = ["eu-west-1", "us-east-1", "ap-south-1"];

/// Goes on for so many commits, of all Regions together, and does nothing more then: as a process
/// that was killed right after one.
pub(crate) struct Lifetime(AtomicI64);

impl Lifetime {
    const FOREVER: i64 = i64::MAX;

    fn is_over(&self) -> bool {
        self.0.load(Ordering::SeqCst) <= 0
    }
}

/// A store of a process that may die.
struct Mortal {
    inner: Arc<dyn Backend>,
    life: Arc<Lifetime>,
}

impl Backend for Mortal {
    fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult> {
        self.inner.get(keys)
    }

    fn scan(
        &self,
        range: Range,
        limit: usize,
        keys_only: bool,
    ) -> BoxFuture<'_, Result<ScanPage, StoreError>> {
        self.inner.scan(range, limit, keys_only)
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(async move {
            if self.life.is_over() {
                return std::future::pending().await;
            }
            let done = self.inner.commit(batch).await;
            self.life.0.fetch_sub(1, Ordering::SeqCst);
            if self.life.is_over() {
                return std::future::pending().await;
            }
            done
        })
    }
}

/// Lets other tasks run before and after every call, now and then for long: so that one that has
/// read something comes back when all has moved on.
pub(crate) struct Dawdling {
    inner: MemoryBackend,
    dice: Seeded,
}

impl Dawdling {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        let (inner, dice) = (MemoryBackend::new(), Seeded::new(seed));
        Arc::new(Self { inner, dice })
    }

    async fn pause(&self) {
        let dice = self.dice.next();
        let turns = match dice % 16 {
            0 => 20 + dice / 16 % 100,
            few => few % 3,
        };
        for _ in 0..turns {
            yield_now().await;
        }
    }
}

impl Backend for Dawdling {
    fn get(&self, keys: Vec<Vec<u8>>) -> BoxFuture<'_, GetResult> {
        Box::pin(async move {
            self.pause().await;
            let got = self.inner.get(keys).await;
            self.pause().await;
            got
        })
    }

    fn scan(
        &self,
        range: Range,
        limit: usize,
        keys_only: bool,
    ) -> BoxFuture<'_, Result<ScanPage, StoreError>> {
        self.inner.scan(range, limit, keys_only)
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(async move {
            self.pause().await;
            let done = self.inner.commit(batch).await;
            self.pause().await;
            done
        })
    }
}

/// The Regions as they see each other.
#[derive(Default)]
struct Map(Mutex<HashMap<Region, Arc<Site>>>);

impl Neighbours for Map {
    fn site<'a>(&'a self, region: &'a Region) -> FoundSite<'a> {
        let found = self.0.lock().unwrap().get(region).cloned();
        Box::pin(std::future::ready(Ok(found)))
    }
}

/// Three Regions.
pub(crate) struct Atlas {
    pub(crate) worlds: Vec<World>,
    pub(crate) clock: Arc<TestClock>,
    life: Arc<Lifetime>,
}

impl Atlas {
    pub(crate) fn new() -> Self {
        Self::over(|| Arc::new(MemoryBackend::new()))
    }

    /// Over stores of its own kind.
    pub(crate) fn over(mut store: impl FnMut() -> Arc<dyn Backend>) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START.as_millis())));
        let life = Arc::new(Lifetime(AtomicI64::new(Lifetime::FOREVER)));
        let regions = PLACES.map(|name| Region::parse(name).unwrap());
        let hsm = Arc::new(WatchedHsm::new(&regions[0]));
        for region in &regions[1..] {
            let made = hsm.run(&Command::CreateDomain { region });
            assert!(made.result.is_ok());
        }
        let parts = regions.map(|region| {
            let inner = store();
            let life = life.clone();
            let records = Records::new(Arc::new(Mortal { inner, life }));
            (region, records, Arc::new(MemoryLog::new()))
        });
        let seed = Arc::new(Seeded(AtomicU64::new(11)));
        let people = Arc::new(People::default());
        let worlds = parts.map(|(region, records, log)| World {
            people: people.clone(),
            roots: keystead_engine::TrustedRoots::none(),
            site: open(
                &region,
                (&records, &people),
                &hsm,
                &log,
                &clock,
                &seed,
                &Arc::default(),
            ),
            clock: clock.clone(),
            log,
            records,
            hsm: hsm.clone(),
            entropy: seed.clone(),
        });
        let mut atlas = Self {
            worlds: worlds.into(),
            clock,
            life,
        };
        atlas.restart();
        atlas
    }

    /// A new process over the same stores.
    pub(crate) fn restart(&mut self) {
        self.life.0.store(Lifetime::FOREVER, Ordering::SeqCst);
        let map = Arc::new(Map::default());
        for world in &mut self.worlds {
            let region = world.site.region().clone();
            world.site = open(
                &region,
                (&world.records, &world.people),
                &world.hsm,
                &world.log,
                &world.clock,
                &world.entropy,
                &map,
            );
            map.0.lock().unwrap().insert(region, world.site.clone());
        }
    }

    /// Runs something in a process that is killed after so many commits; none if it was.
    pub(crate) async fn killed_after<T>(
        &self,
        commits: i64,
        deed: impl Future<Output = T>,
    ) -> Option<T> {
        self.life.0.store(commits, Ordering::SeqCst);
        let mut deed = pin!(deed);
        for _ in 0..10_000 {
            tokio::select! {
                biased;
                done = &mut deed => return Some(done),
                () = yield_now() => {}
            }
            if self.life.is_over() {
                return None;
            }
        }
        panic!("neither done nor killed");
    }

    /// One run of the clockwork in every Region.
    pub(crate) async fn tick(&self) -> Due {
        let mut all = Due::default();
        for world in &self.worlds {
            let due = run_due(&world.site, Destruction::Allowed).await.unwrap();
            all.destroyed += due.destroyed;
            all.rotated += due.rotated;
            all.tended += due.tended;
        }
        all
    }

    /// Runs the clockwork until nothing is left to do, for some minutes at most.
    pub(crate) async fn settle(&self) {
        for _ in 0..20 {
            let due = self.tick().await;
            self.clock
                .set(self.worlds[0].site.now().plus_millis(11_000));
            if due == Due::default() {
                return;
            }
        }
        panic!("the clockwork has something to do for ever");
    }

    /// The members of a set, by their places.
    pub(crate) async fn members(&self, key: KeyId) -> Vec<(usize, KeyRecord)> {
        let mut found = Vec::new();
        for (at, world) in self.worlds.iter().enumerate() {
            let stored = world.records.key(account(OWN), key).await.unwrap();
            found.extend(stored.map(|stored| (at, stored.value)));
        }
        found
    }

    /// What must hold of every set that rests: one primary key, which all name; the same list of
    /// members, which is true; the same material everywhere; nothing left to do.
    pub(crate) async fn check_rest(&self, key: KeyId) -> Vec<(usize, KeyRecord)> {
        let members = self.members(key).await;
        let set = |record: &KeyRecord| record.multi_region.clone().unwrap();
        let leads = |record: &KeyRecord| set(record).role == MultiRegionRole::Primary;
        let leaders: Vec<_> = members.iter().filter(|(_, one)| leads(one)).collect();
        assert_eq!(leaders.len(), 1, "{members:?}");
        let (place, leader) = leaders[0];
        let mut others: Vec<_> = members.iter().filter(|(at, _)| at != place).collect();
        others.sort_by_key(|(at, _)| PLACES[*at]);
        let shown = |record: &KeyRecord| -> Vec<_> {
            let materials = record.materials.iter();
            let shown = materials.map(|m| (m.id, m.state, m.rotation, m.rotated_at, m.created));
            shown.collect()
        };
        for (_, one) in &members {
            let set = set(one);
            assert_eq!(set.primary.as_str(), PLACES[*place]);
            let named: Vec<_> = set.replicas.iter().map(|one| one.region.as_str()).collect();
            let there: Vec<_> = others.iter().map(|(at, _)| PLACES[*at]).collect();
            assert_eq!(named, there);
            assert_eq!((set.sync_due, set.handover), (None, None));
            assert!(!matches!(
                one.state,
                KeyState::Creating | KeyState::Updating
            ));
            assert_eq!(shown(one), shown(leader));
            assert_eq!(one.rotation, leader.rotation);
            assert_eq!(one.on_demand_rotations, leader.on_demand_rotations);
            for material in &one.materials {
                assert_ne!(material.state, MaterialState::Distributing);
                assert!(material.wrapped.is_some() || one.origin == Origin::External);
            }
            assert_eq!((one.spec, one.usage), (leader.spec, leader.usage));
        }
        members
    }

    /// Opens a ciphertext in every Region that has the key.
    pub(crate) async fn opens_everywhere(&self, key: KeyId, blob: &str, text: &str) {
        for (at, record) in self.members(key).await {
            if record.state == KeyState::Enabled {
                let opened = self.worlds[at].decrypt(blob).await;
                assert_eq!(opened.as_deref(), Ok(text), "{}", PLACES[at]);
            }
        }
    }

    /// A multi-Region key of the first Region with replicas in so many others: its ARN and id.
    pub(crate) async fn set(&self, replicas: usize) -> (String, KeyId) {
        let arn = self.worlds[0].key_with(json!({"MultiRegion": true})).await;
        for place in &PLACES[1..=replicas] {
            let sent = json!({"KeyId": arn, "ReplicaRegion": place});
            self.worlds[0].call("ReplicateKey", sent).await.ok();
        }
        let id = super::key_id(&arn);
        (arn, id)
    }
}

fn open(
    region: &Region,
    (records, people): (&Records, &Arc<People>),
    hsm: &Arc<WatchedHsm>,
    log: &Arc<MemoryLog>,
    clock: &Arc<TestClock>,
    seed: &Arc<Seeded>,
    map: &Arc<Map>,
) -> Arc<Site> {
    Arc::new(Site::new(SiteParts {
        region: region.clone(),
        records: records.clone(),
        hsm: hsm.clone(),
        trail: Trail::new(log.clone(), clock.clone(), seed.clone(), region.clone()),
        clock: clock.clone(),
        entropy: seed.clone(),
        marker_key: [9; 32],
        neighbours: map.clone(),
        attestation: keystead_engine::Attestation {
            roots: keystead_engine::TrustedRoots::none(),
            max_age_millis: 300_000,
        },
        quotas: keystead_engine::Quotas::default(),
        sm2: keystead_engine::Sm2::Offered,
        identities: people.clone(),
    }))
}
