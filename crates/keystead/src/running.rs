//! What `dev` and `serve` have in common: threads, signals, an orderly end.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use keystead_iam::StsParts;
use keystead_server::{CertificateSessions, Hooks, Server, ServerConfig, Service, ServiceParts};
use keystead_sigv4::{ReplayGuard, Settings, Verifier};
use keystead_types::{Region, partition_of};
use keystead_wall::{Worker, WorkerPort};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::deployment::Deployment;

thread_local! {
    /// Keeps the thread connected to the HSM process.
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// The signing names served here.
const SERVICES: &[&str] = &["kms", "iam", "sts"];

/// How to serve a deployment.
pub(crate) struct Plan {
    /// The deployment; its Regions are opened by `prepare`.
    pub(crate) deployment: Arc<Deployment>,
    /// One port for each front-end worker and one more for the clockwork.
    pub(crate) ports: Vec<WorkerPort>,
    /// Listening sockets, bound.
    pub(crate) server: Server,
    /// Host names that clients may sign for; any when empty.
    pub(crate) host_names: Vec<String>,
    /// How far clients' clocks may be off, minutes.
    pub(crate) clock_skew_minutes: u8,
    /// Whether a signed change that comes a second time is refused.
    pub(crate) refuse_replays: bool,
    /// The Region of what has none.
    pub(crate) home: Region,
    /// What STS needs.
    pub(crate) sts: StsParts,
    /// Sessions for client certificates.
    pub(crate) certificate_sessions: Option<CertificateSessions>,
}

/// The part of a plan that becomes the service.
struct Wishes {
    host_names: Vec<String>,
    clock_skew_minutes: u8,
    refuse_replays: bool,
    home: Region,
    sts: StsParts,
    certificate_sessions: Option<CertificateSessions>,
}

/// Front-end threads when not told: they share the cores with the HSM process's fast lanes.
pub(crate) fn default_workers() -> u16 {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u16::try_from(cores.div_ceil(2)).unwrap_or(1).clamp(1, 64)
}

/// Binds the listening sockets.
pub(crate) fn bind(config: ServerConfig) -> Result<Server, String> {
    Server::bind(config).map_err(|error| error.to_string())
}

/// Serves until SIGTERM or SIGINT. `prepare` runs before the first request, on a thread that may
/// call the HSM process; it opens identities and Regions. `announce` is told the addresses.
pub(crate) fn run<P>(
    plan: Plan,
    prepare: P,
    announce: impl FnOnce(&[SocketAddr]),
) -> Result<(), String>
where
    P: AsyncFnOnce(&Deployment) -> Result<(), String> + Send + 'static,
{
    let Plan {
        deployment,
        mut ports,
        server,
        host_names,
        clock_skew_minutes,
        refuse_replays,
        home,
        sts,
        certificate_sessions,
    } = plan;
    let wishes = Wishes {
        host_names,
        clock_skew_minutes,
        refuse_replays,
        home,
        sts,
        certificate_sessions,
    };
    let (stop, stopping) = watch::channel(false);
    let over = stop.clone();
    let own_port = ports.pop().ok_or("no connection to the HSM process")?;
    let (ready, is_ready) = mpsc::sync_channel(1);
    let certificates = server.reload_handle();
    // The server logs what came of it.
    let reload = move || drop(certificates.reload());
    let clockwork = {
        let (deployment, stopping) = (deployment.clone(), stopping.clone());
        thread::Builder::new()
            .name("clockwork".to_owned())
            .spawn(move || {
                let runtime = match keystead_wall::client::worker_runtime() {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(ready.send(Err(error.to_string()))),
                };
                runtime.block_on(async move {
                    let worker = match Worker::enter(own_port) {
                        Ok(worker) => worker,
                        Err(error) => return drop(ready.send(Err(error.to_string()))),
                    };
                    let signals = match tokio::spawn(signals(stop, reload)).await {
                        Ok(Ok(signals)) => signals,
                        Ok(Err(error)) => return drop(ready.send(Err(error.to_string()))),
                        Err(error) => return drop(ready.send(Err(error.to_string()))),
                    };
                    let prepared = prepare(&deployment).await;
                    let go = prepared.is_ok();
                    drop(ready.send(prepared));
                    if go {
                        let mut stopping = stopping;
                        let stop = async move { drop(stopping.wait_for(|stop| *stop).await) };
                        let clock = deployment.clock().clone();
                        tokio::select! {
                            () = keystead_jobs::run(deployment.clone(), clock, stop) => {}
                            never = deployment.keep_identities_current() => match never {},
                        }
                    }
                    signals.abort();
                    drop(worker);
                });
            })
    };
    let clockwork = clockwork.map_err(|error| format!("cannot start a thread: {error}"))?;
    let prepared = is_ready
        .recv()
        .unwrap_or_else(|_| Err("the start was interrupted".to_owned()));
    let served = prepared.and_then(|()| {
        let service = service(&deployment, wishes)?;
        deployment.begin_serving(server.local_addrs())?;
        announce(server.local_addrs());
        let hooks = hooks(&deployment, ports);
        server
            .run(service, hooks, stopping)
            .map_err(|error| error.to_string())
    });
    // What could not be served needs no clockwork either: it would wait for a signal.
    over.send_replace(true);
    let ended = clockwork
        .join()
        .map_err(|_| "the clockwork thread panicked".to_owned());
    deployment.shutdown();
    served.and(ended)
}

/// The Region for which clients sign calls of IAM. Source: botocore `endpoints.json`,
/// `credentialScope` of the partitions' `iam`.
fn global_region(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

fn service(deployment: &Arc<Deployment>, wishes: Wishes) -> Result<Service, String> {
    let Wishes {
        host_names,
        clock_skew_minutes,
        refuse_replays,
        home,
        sts,
        certificate_sessions,
    } = wishes;
    let served = deployment.served().clone();
    // IAM and STS are there in every Region that is served, and in the one for which clients sign
    // what has none. No other: the scope's Region is what policies and the audit record see.
    let global = global_region(partition_of(&home));
    let accepts = move |service: &str, region: &Region| {
        served.accepts(region) || service != "kms" && region.as_str() == global
    };
    let settings = Settings::new(SERVICES, accepts)
        .and_then(|settings| settings.with_skew_millis(i64::from(clock_skew_minutes) * 60_000))
        .map_err(|error| error.to_string())?;
    let settings = if host_names.is_empty() {
        settings
    } else {
        settings.with_hosts(host_names)
    };
    Ok(Service::new(ServiceParts {
        sites: deployment.clone(),
        iam: deployment.iam(home.clone(), sts)?,
        home,
        certificate_sessions,
        verifier: Verifier::new(settings),
        replay_guard: refuse_replays.then(ReplayGuard::default),
        credentials: deployment.directory()?.clone(),
        clock: deployment.clock().clone(),
        entropy: deployment.entropy().clone(),
        health: deployment.clone(),
    }))
}

/// Connects each worker thread to the HSM process and the audit log, and flushes both whenever
/// the thread has nothing else to do.
fn hooks(deployment: &Arc<Deployment>, ports: Vec<WorkerPort>) -> Hooks {
    let ports = Mutex::new(ports);
    let (log, flushed) = (deployment.log().clone(), deployment.log().clone());
    Hooks {
        on_worker_start: Arc::new(move |_| {
            let port = ports.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match port.map(Worker::enter) {
                Some(Ok(worker)) => WORKER.set(Some(worker)),
                Some(Err(error)) => {
                    tracing::error!(%error, "a worker cannot reach the HSM process")
                }
                None => tracing::error!("more workers than connections to the HSM process"),
            }
            log.register_worker();
        }),
        on_park: Arc::new(move || {
            keystead_wall::client::flush();
            flushed.flush();
        }),
    }
}

/// Turns SIGTERM and SIGINT into a stop and SIGHUP into a reload of certificates.
async fn signals(
    stop: watch::Sender<bool>,
    reload: impl Fn() + Send + 'static,
) -> std::io::Result<tokio::task::AbortHandle> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let task = tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => reload(),
            }
        }
        tracing::info!("stopping");
        stop.send_replace(true);
        // Kept until the server has seen it: a dropped sender is no stop.
        std::future::pending::<()>().await;
    });
    Ok(task.abort_handle())
}
