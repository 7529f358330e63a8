//! Keeps one HSM process running and its lanes connected.

mod child;
mod events;
mod watch;

use std::io;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use keystead_types::Region;
use thiserror::Error;

use crate::client::{Reconnector, WorkerPort, port};
use crate::control::{ControlError, RootConfig, SealedDomain};
use crate::limits;

use events::Events;
pub use events::ProcessEvent;

/// What a [`Supervisor`] needs.
pub struct SupervisorConfig {
    /// The program to start and its arguments. Its standard streams are set here: input is the
    /// control channel, output goes nowhere, errors are inherited.
    pub command: Command,
    /// Where the HSM process takes its root of trust from. A key file is created at the first
    /// start only.
    pub root: RootConfig,
    /// Domain keys to open.
    pub domains: Vec<SealedDomain>,
    /// Workers of the front end, 1 to [`limits::WORKERS_MAX`]; each has a lane of each kind.
    pub workers: u16,
    /// RSA keys of each size that the HSM process keeps ready; 0 for none.
    pub prepared_keys: u16,
    /// How long to wait for what.
    pub timing: SupervisorTiming,
}

/// Times of a [`Supervisor`]. The default is [`crate::limits`].
#[derive(Debug, Clone, Copy)]
pub struct SupervisorTiming {
    /// For a new child until it is ready.
    pub start_deadline: Duration,
    /// Between two pings.
    pub ping_interval: Duration,
    /// For the answer to a ping.
    pub ping_deadline: Duration,
    /// Before the second restart in a row; doubles.
    pub backoff_first: Duration,
    /// The longest wait between restarts.
    pub backoff_max: Duration,
    /// For the child to end by itself at shutdown.
    pub shutdown_grace: Duration,
}

impl Default for SupervisorTiming {
    fn default() -> Self {
        Self {
            start_deadline: limits::START_DEADLINE,
            ping_interval: limits::PING_INTERVAL,
            ping_deadline: limits::PING_DEADLINE,
            backoff_first: limits::RESTART_BACKOFF_FIRST,
            backoff_max: limits::RESTART_BACKOFF_MAX,
            shutdown_grace: limits::SHUTDOWN_GRACE,
        }
    }
}

/// What the HSM process does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SupervisorState {
    /// It serves.
    Up = 1,
    /// It ended and is being started again.
    Restarting = 2,
    /// It ended and took an ephemeral root of trust with it: no key can be opened any more.
    Lost = 3,
    /// The supervisor was shut down.
    Stopped = 4,
}

/// Why there is no HSM process.
#[derive(Debug, Error)]
pub enum SupervisorError {
    /// A setting is outside its range.
    #[error("a setting of the HSM process is outside its range: {0}")]
    Invalid(&'static str),
    /// The process could not be started.
    #[error("cannot start the HSM process: {0}")]
    Spawn(#[source] io::Error),
    /// The process says that it cannot work.
    #[error("the HSM process failed to start: {0}")]
    Failed(String),
    /// The process is not ready in time.
    #[error("the HSM process is not ready in time")]
    NotReady,
    /// The process ended or broke the protocol before it was ready.
    #[error("the HSM process ended before it was ready: {0}")]
    Control(#[from] ControlError),
}

/// Owns the HSM process, from a thread of its own. Dropping it is [`Supervisor::shutdown`].
pub struct Supervisor {
    shared: Arc<Shared>,
    /// Closing it tells the thread to stop.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    domains: Mutex<Vec<SealedDomain>>,
    state: AtomicU8,
    restarts: AtomicU64,
    process_id: AtomicU32,
    epoch: AtomicU64,
    events: Events,
}

impl Supervisor {
    /// Starts the HSM process and waits until it is ready. Gives one port for each worker, their
    /// lanes connected already.
    ///
    /// Errors: [`SupervisorError`] if the first start fails; there are no further tries then.
    pub fn start(config: SupervisorConfig) -> Result<(Self, Vec<WorkerPort>), SupervisorError> {
        if !(1..=limits::WORKERS_MAX).contains(&config.workers) {
            return Err(SupervisorError::Invalid("workers"));
        }
        if config.domains.len() > limits::DOMAINS_MAX {
            return Err(SupervisorError::Invalid("domains"));
        }
        let (stop, stopped) = crate::control::pair().map_err(SupervisorError::Spawn)?;
        let shared = Arc::new(Shared {
            domains: Mutex::new(config.domains),
            state: AtomicU8::new(SupervisorState::Restarting as u8),
            restarts: AtomicU64::new(0),
            process_id: AtomicU32::new(0),
            epoch: AtomicU64::new(0),
            events: Events::default(),
        });
        let (reconnectors, ports) = (0..config.workers).map(|_| port()).unzip();
        let launcher = child::Launcher {
            command: config.command,
            root: config.root,
            prepared_keys: config.prepared_keys,
            timing: config.timing,
            reconnectors,
        };
        let (started, first) = mpsc::sync_channel(1);
        let for_thread = Arc::clone(&shared);
        // The thread that spawns lives as long as the child: a parent-death signal is sent when
        // the spawning thread ends, not the process.
        let thread = thread::Builder::new()
            .name("wall-supervisor".to_owned())
            .spawn(move || watch::run(launcher, &for_thread, &stopped, &started))
            .map_err(SupervisorError::Spawn)?;
        let supervisor = Self {
            shared,
            stop: Some(stop),
            thread: Some(thread),
        };
        match first.recv() {
            Ok(Ok(())) => Ok((supervisor, ports)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(SupervisorError::NotReady),
        }
    }

    /// Remembers a domain key, to be opened whenever the HSM process is started again. Replaces
    /// the Region's former one. The running process is told by `OpenDomain` or `CreateDomain`.
    ///
    /// Errors: [`SupervisorError::Invalid`] beyond [`limits::DOMAINS_MAX`] Regions.
    pub fn add_domain(&self, region: Region, sealed: Vec<u8>) -> Result<(), SupervisorError> {
        let mut domains = self.shared.domains();
        let domain = SealedDomain { region, sealed };
        if let Some(present) = domains.iter_mut().find(|d| d.region == domain.region) {
            *present = domain;
        } else if domains.len() < limits::DOMAINS_MAX {
            domains.push(domain);
        } else {
            return Err(SupervisorError::Invalid("domains"));
        }
        Ok(())
    }

    /// Has `observer` told of every start and end of the HSM process, from the first on, in order.
    /// It is called on the calling thread with what has happened so far, then on the supervisor's:
    /// a new process serves nobody before its start has been told.
    pub fn observe(&self, observer: impl Fn(&ProcessEvent) + Send + 'static) {
        self.shared.events.observe(Box::new(observer));
    }

    /// What the HSM process does at present.
    pub fn state(&self) -> SupervisorState {
        self.shared.state()
    }

    /// How often the HSM process was started again.
    pub fn restarts(&self) -> u64 {
        self.shared.restarts.load(Ordering::Relaxed)
    }

    /// The process id of the HSM process, while it serves.
    pub fn process_id(&self) -> Option<u32> {
        let id = self.shared.process_id.load(Ordering::Relaxed);
        (id != 0).then_some(id)
    }

    /// The epoch of the HSM process's receipts, once it has served.
    pub fn epoch(&self) -> u64 {
        self.shared.epoch.load(Ordering::Relaxed)
    }

    /// Closes the control channel and waits for the process to end; kills it after a time of
    /// grace.
    pub fn shutdown(mut self) {
        self.stop_thread();
    }

    fn stop_thread(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the supervisor of the HSM process failed");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop_thread();
    }
}

impl Shared {
    fn domains(&self) -> std::sync::MutexGuard<'_, Vec<SealedDomain>> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_state(&self, state: SupervisorState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    fn state(&self) -> SupervisorState {
        use SupervisorState::{Lost, Restarting, Stopped, Up};
        let code = self.state.load(Ordering::Relaxed);
        let known = [Up, Restarting, Lost, Stopped];
        let found = known.into_iter().find(|state| *state as u8 == code);
        found.unwrap_or(Stopped)
    }
}

#[cfg(test)]
mod tests;
