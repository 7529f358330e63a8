//! A data directory at work: its Regions, its HSM process, its audit log.

mod identities;
mod register;
mod stores;

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command as Program;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use arc_swap::ArcSwap;
use keystead_audit::{AuditLog, Durability, Entry, Sink, Trail};
use keystead_engine::{Attestation, FoundSite, Neighbours, Quotas, Site, SiteParts, Sm2};
use keystead_identity::Directory;
use keystead_server::{Health, Sites};
use keystead_store::{Change, Expect, Meta, Records, Versioned};
use keystead_types::{Clock, Entropy, Fault, Region};
use keystead_wall::supervisor::SupervisorState;
use keystead_wall::{
    Command, Hsm, Outcome, Reply, RootConfig, SealedDomain, Supervisor, SupervisorConfig,
    SupervisorTiming, WallClient, WallError, WorkerPort,
};
use serde_json::json;

use crate::clock::{SystemClock, SystemEntropy};
use crate::layout::DataDir;
pub(crate) use identities::Known;
pub(crate) use register::Witness;
use register::{Register, noted};
use stores::{open_store, prepare_store, put_meta, replay_outbox};

/// Which Regions are served.
#[derive(Debug, Clone)]
pub(crate) enum Served {
    /// Every Region, made at its first use.
    Any,
    /// These.
    Only(Vec<Region>),
}

impl Served {
    pub(crate) fn accepts(&self, region: &Region) -> bool {
        match self {
            Self::Any => *region != Region::global(),
            Self::Only(regions) => regions.contains(region),
        }
    }
}

/// How a data directory is opened.
pub(crate) struct Opening {
    pub(crate) dir: DataDir,
    pub(crate) root_key: PathBuf,
    pub(crate) create_root: bool,
    pub(crate) served: Served,
    /// Threads that will call the HSM process.
    pub(crate) ports: u16,
    pub(crate) durability: Durability,
    pub(crate) settings: SiteSettings,
}

/// What all Regions have in common.
#[derive(Clone)]
pub(crate) struct SiteSettings {
    pub(crate) quotas: Quotas,
    pub(crate) attestation: Attestation,
    /// The Regions that offer SM2.
    pub(crate) sm2_regions: Vec<Region>,
    /// RSA keys of each size that the HSM process keeps ready.
    pub(crate) prepared_keys: u16,
}

impl SiteSettings {
    fn sm2(&self, region: &Region) -> Sm2 {
        match self.sm2_regions.contains(region) {
            true => Sm2::Offered,
            false => Sm2::NotOffered,
        }
    }
}

/// A data directory at work.
pub(crate) struct Deployment {
    itself: Weak<Deployment>,
    settings: SiteSettings,
    dir: DataDir,
    served: Served,
    log: Arc<AuditLog>,
    register: Register,
    hsm: Witness,
    serving: AtomicBool,
    supervisor: Mutex<Option<Supervisor>>,
    sites: ArcSwap<HashMap<Region, Arc<Site>>>,
    directory: OnceLock<Arc<Directory>>,
    iam: OnceLock<Arc<keystead_iam::Service>>,
    stores: Mutex<HashMap<Region, Records>>,
    opening: tokio::sync::Mutex<()>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Deployment {
    /// Opens stores and log and starts the HSM process. The error says what to do. Blocks; not
    /// for use inside a runtime.
    pub(crate) fn open(opening: Opening) -> Result<(Arc<Self>, Vec<WorkerPort>), String> {
        let Opening {
            dir,
            root_key,
            create_root,
            served,
            ports,
            durability,
            settings,
        } = opening;
        let log = AuditLog::open(&dir.audit(), durability).map_err(|error| error.to_string())?;
        let log = Arc::new(log);
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let register = Register::new(&dir, log.clone(), clock.clone(), entropy.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| format!("cannot start a runtime: {error}"))?;
        let mut domains = Vec::new();
        let mut stores = HashMap::new();
        let known = dir
            .regions()
            .map_err(|error| format!("cannot list the Regions: {error}"))?;
        let known = known.into_iter().filter(|region| served.accepts(region));
        let identities = dir.identities().exists().then(Region::global);
        for region in known.chain(identities) {
            let records = open_store(&dir, &region)?;
            let sealed = runtime.block_on(prepare_store(&region, &records, &register))?;
            domains.extend(sealed.map(|sealed| SealedDomain {
                region: region.clone(),
                sealed,
            }));
            runtime.block_on(replay_outbox(&log, &records))?;
            stores.insert(region, records);
        }
        // With the records of all changes in the log: what is missing then has no record.
        register.find_out()?;
        let program = std::env::current_exe()
            .map_err(|error| format!("cannot find the program of the HSM process: {error}"))?;
        let mut command = Program::new(program);
        command.arg("hsm");
        command.env(keystead_hsm::TALLY_VARIABLE, dir.tally());
        let made = (create_root && !root_key.exists()).then(|| root_key.clone());
        let (supervisor, ports) = Supervisor::start(SupervisorConfig {
            command,
            root: RootConfig::KeyFile {
                path: root_key,
                create: create_root,
            },
            domains,
            workers: ports,
            prepared_keys: settings.prepared_keys,
            timing: SupervisorTiming::default(),
        })
        .map_err(|error| error.to_string())?;
        if let Some(path) = made {
            let details = json!({"file": path.display().to_string()});
            register.tell(register.begin(&Region::global(), "CreateRootKey", None, &details))?;
        }
        let told = register.clone();
        supervisor.observe(move |event| told.process(event));
        log.health().map_err(|error| error.to_string())?;
        let deployment = Arc::new_cyclic(|itself: &Weak<Self>| Self {
            itself: itself.clone(),
            settings,
            dir,
            served,
            log,
            hsm: Witness::new(register.clone()),
            register,
            serving: AtomicBool::new(false),
            supervisor: Mutex::new(Some(supervisor)),
            sites: ArcSwap::default(),
            directory: OnceLock::new(),
            iam: OnceLock::new(),
            stores: Mutex::new(stores),
            opening: tokio::sync::Mutex::new(()),
            clock,
            entropy,
        });
        Ok((deployment, ports))
    }

    /// Writes records of what is done to the deployment.
    pub(crate) fn register(&self) -> &Register {
        &self.register
    }

    /// The HSM process, for what is done before there are requests and for identities.
    pub(crate) fn hsm(&self) -> &Witness {
        &self.hsm
    }

    /// Records that requests are served from now on.
    pub(crate) fn begin_serving(&self, addresses: &[SocketAddr]) -> Result<(), String> {
        self.hsm.tell("OpenAccessKeys")?;
        self.hsm.leave_to_requests();
        let served = match &self.served {
            Served::Any => json!("any"),
            Served::Only(regions) => regions.iter().map(Region::as_str).collect(),
        };
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        let details = json!({"addresses": addresses, "regions": served});
        let (region, register) = (Region::global(), &self.register);
        register.tell(register.begin(&region, "StartServer", None, &details))?;
        self.serving.store(true, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn log(&self) -> &Arc<AuditLog> {
        &self.log
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.entropy
    }

    pub(crate) fn served(&self) -> &Served {
        &self.served
    }

    /// The store of a Region that has been opened.
    pub(crate) fn records(&self, region: &Region) -> Option<Records> {
        self.stores
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(region)
            .cloned()
    }

    /// Opens every Region that has a store already. On a thread with a worker.
    pub(crate) async fn open_known(&self) -> Result<(), String> {
        let known: Vec<Region> = {
            let stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
            let known = stores.keys().filter(|region| self.served.accepts(region));
            known.cloned().collect()
        };
        for region in known {
            self.open_region(&region)
                .await
                .map_err(|problem| format!("Region {region}: {problem}"))?;
        }
        Ok(())
    }

    /// Opens the store of a Region; makes it, and its domain key, when there is none yet. On a
    /// thread with a worker.
    pub(crate) async fn open_records(&self, region: &Region) -> Result<Records, String> {
        let _one_at_a_time = self.opening.lock().await;
        self.open_records_alone(region).await
    }

    /// The same for a caller that keeps all others from opening anything.
    async fn open_records_alone(&self, region: &Region) -> Result<Records, String> {
        let records = match self.records(region) {
            Some(records) => records,
            None => {
                let records = open_store(&self.dir, region)?;
                prepare_store(region, &records, &self.register).await?;
                self.begin_uses(&records).await?;
                let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
                stores.insert(region.clone(), records.clone());
                records
            }
        };
        self.ensure_domain(region, &records).await?;
        Ok(records)
    }

    /// Opens a Region for requests; makes its store and domain key when it has none yet. On a
    /// thread with a worker, after [`Self::open_identities`].
    pub(crate) async fn open_region(&self, region: &Region) -> Result<Arc<Site>, String> {
        let directory = self.directory()?.clone();
        let _one_at_a_time = self.opening.lock().await;
        if let Some(site) = self.sites.load().get(region) {
            return Ok(site.clone());
        }
        let records = self.open_records_alone(region).await?;
        let marker_key = self.marker_key(&records).await?;
        let sink: Arc<dyn Sink> = self.log.clone();
        let site = Arc::new(Site::new(SiteParts {
            region: region.clone(),
            records,
            hsm: Arc::new(WallClient),
            trail: Trail::new(
                sink,
                self.clock.clone(),
                self.entropy.clone(),
                region.clone(),
            ),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            marker_key,
            neighbours: Arc::new(Elsewhere(self.itself.clone())),
            attestation: self.settings.attestation.clone(),
            quotas: self.settings.quotas.clone(),
            sm2: self.settings.sm2(region),
            identities: directory,
        }));
        self.recall_uses(region, &site).await?;
        let mut sites = HashMap::clone(&self.sites.load());
        sites.insert(region.clone(), site.clone());
        self.sites.store(Arc::new(sites));
        Ok(site)
    }

    /// The store of a new Region has no key that the log could tell of.
    async fn begin_uses(&self, records: &Records) -> Result<(), String> {
        let mark = Change::PutMeta {
            item: Meta::UsageMark,
            value: self.log.head().seq.to_be_bytes().to_vec(),
            expect: Expect::Anything,
        };
        let stored = records.apply(vec![mark]).await;
        stored.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Tells a Region the uses of its keys that a killed process left in the log only.
    async fn recall_uses(&self, region: &Region, site: &Site) -> Result<(), String> {
        let log = self.log.clone();
        let after = site.follow_uses(move || log.head().seq).await;
        let Some(after) = after.map_err(|fault| fault.to_string())? else {
            return Ok(());
        };
        let dir = self.dir.audit();
        keystead_audit::read_since(&dir, after, |event| {
            let Some(request_id) = event.request_id.filter(|_| event.succeeded) else {
                return;
            };
            if event.region != region.as_str() {
                return;
            }
            for key in event.keys.iter().filter(|key| key.region == *region) {
                let when = (event.at, event.event_id, request_id);
                site.note_use((key.account, key.key_id), event.name, when);
            }
        })
        .map_err(|error| format!("the audit log, for the last uses of keys: {error}"))
    }

    async fn ensure_domain(&self, region: &Region, records: &Records) -> Result<(), String> {
        let stored = records
            .meta(Meta::SealedDomainKey)
            .await
            .map_err(|error| error.to_string())?;
        if stored.is_some() {
            return Ok(());
        }
        let named = json!({"region": region.as_str()});
        let register = &self.register;
        let mut entry = register.begin(region, "CreateDomainKey", None, &named);
        let outcome = WallClient.call(Command::CreateDomain { region }).await;
        let sealed = match sealed_of(outcome, &mut entry) {
            Ok(sealed) => sealed,
            Err(problem) => return Err(register.tell_failed(entry, problem)),
        };
        let change = Change::PutMeta {
            item: Meta::SealedDomainKey,
            value: sealed.clone(),
            expect: Expect::Absent,
        };
        register.commit(records, entry, vec![change]).await?;
        {
            let supervisor = self
                .supervisor
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let supervisor = supervisor.as_ref().ok_or("the server is stopping")?;
            supervisor
                .add_domain(region.clone(), sealed.clone())
                .map_err(|error| error.to_string())?;
        }
        // The process that made the key may have been replaced before the supervisor knew it, and
        // it must wrap under the key that was stored, no other.
        let mut entry = register.begin(region, "OpenDomainKey", None, &named);
        let sealed = &sealed;
        let outcome = WallClient.call(Command::OpenDomain { region, sealed });
        match answered(outcome.await, &mut entry) {
            Ok(Reply::Done) => register.tell(entry),
            Ok(_) => Err(register.tell_failed(entry, OTHER_REPLY.to_owned())),
            Err(problem) => Err(register.tell_failed(entry, problem)),
        }
    }

    async fn marker_key(&self, records: &Records) -> Result<[u8; 32], String> {
        let stored = records
            .meta(Meta::MarkerKey)
            .await
            .map_err(|error| error.to_string())?;
        if let Some(Versioned { value, .. }) = stored {
            return value
                .try_into()
                .map_err(|_| "the key of page markers is damaged".to_owned());
        }
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| "no randomness for page markers".to_owned())?;
        put_meta(records, Meta::MarkerKey, key.to_vec()).await?;
        Ok(key)
    }

    /// Stores what waits for it and ends the HSM process. Afterwards no key can be used.
    pub(crate) fn shutdown(&self) {
        self.store_all_last_uses();
        let supervisor = self
            .supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        supervisor.into_iter().for_each(Supervisor::shutdown);
        if self.serving.swap(false, Ordering::Relaxed) {
            let (region, register) = (Region::global(), &self.register);
            let entry = register.begin(&region, "StopServer", None, &json!({}));
            if let Err(problem) = register.tell(entry) {
                tracing::error!(%problem, "the server has stopped");
            }
        }
    }
}

const OTHER_REPLY: &str = "the HSM process answered another kind of reply";

/// What the HSM process answered; the entry has its receipt.
fn answered(outcome: Result<Outcome, WallError>, entry: &mut Entry) -> Result<Reply, String> {
    let Outcome { result, receipt } = outcome.map_err(|error| error.to_string())?;
    entry.receipt(noted(receipt));
    result.map_err(|refusal| refusal.to_string())
}

fn sealed_of(outcome: Result<Outcome, WallError>, entry: &mut Entry) -> Result<Vec<u8>, String> {
    match answered(outcome, entry)? {
        Reply::Sealed(sealed) => Ok(sealed),
        _ => Err(OTHER_REPLY.to_owned()),
    }
}

/// The Regions of a deployment as its own Regions see it.
struct Elsewhere(Weak<Deployment>);

impl Neighbours for Elsewhere {
    fn site<'a>(&'a self, region: &'a Region) -> FoundSite<'a> {
        Box::pin(async move {
            let deployment = self.0.upgrade();
            let deployment = deployment.ok_or_else(|| Fault::internal("the server is stopping"))?;
            if !deployment.served.accepts(region) {
                return Ok(None);
            }
            if let Some(site) = deployment.sites.load().get(region) {
                return Ok(Some(site.clone()));
            }
            let opened = deployment.open_region(region).await;
            opened.map(Some).map_err(Fault::internal)
        })
    }
}

impl Sites for Deployment {
    fn get(&self, region: &Region) -> Option<Arc<Site>> {
        self.sites.load().get(region).cloned()
    }

    fn open<'a>(
        &'a self,
        region: &'a Region,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<Site>, Fault>> + Send + 'a>> {
        Box::pin(async move { self.open_region(region).await.map_err(Fault::internal) })
    }
}

impl keystead_jobs::Regions for Deployment {
    fn open(&self) -> Vec<Arc<Site>> {
        self.sites.load().values().cloned().collect()
    }

    fn noted_clocks(&self) -> Option<String> {
        let file = File::open(self.dir.clock_watch()).ok()?;
        let mut text = String::new();
        let most = keystead_jobs::NOTE_MAX_BYTES as u64;
        file.take(most).read_to_string(&mut text).ok()?;
        Some(text)
    }

    fn note_clocks(&self, note: &str) {
        let path = self.dir.clock_watch();
        let new = path.with_extension("new");
        let write = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&new)?.write_all(note.as_bytes())?;
            fs::rename(&new, &path)
        };
        let written = write();
        if let Err(error) = written {
            tracing::warn!(%error, "the next start will wait longer before it destroys keys");
        }
    }
}

impl Health for Deployment {
    fn ready(&self) -> Result<(), String> {
        self.log.health().map_err(|error| error.to_string())?;
        if !self.directory()?.is_current() {
            return Err("the identities could not be read after a change".to_owned());
        }
        let supervisor = self
            .supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match supervisor.as_ref().map(Supervisor::state) {
            Some(SupervisorState::Up) => Ok(()),
            _ => Err("the HSM process is not up".to_owned()),
        }
    }
}
