//! Listeners, worker threads, and their beginning and end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;

use keystead_audit::{Audited, Rejection};
use keystead_identity::Endpoint;
use keystead_types::{Fault, FaultKind};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

use crate::connection::{Ends, Terms};
use crate::limits::{ACCEPT_PAUSE, BACKLOG, WORKERS_MAX};
use crate::tls::{self, Certificates, ReloadHandle, TlsFiles};
use crate::worker::{self, Accepted, Slot};
use crate::{Deadlines, ServerError, Service};

/// An address to listen on.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// The VPC endpoint that it stands for.
    pub endpoint: Option<Arc<Endpoint>>,
}

impl From<SocketAddr> for Listener {
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            endpoint: None,
        }
    }
}

/// Where and how a server listens.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The addresses.
    pub listen: Vec<Listener>,
    /// TLS on all addresses, or plain HTTP on all.
    pub tls: Option<TlsFiles>,
    /// Worker threads, 1 to 1,024; others are brought into that range.
    pub workers: usize,
}

/// What the owner of the server does on the worker threads.
#[derive(Clone)]
pub struct Hooks {
    /// Called on each worker's thread, inside its runtime, before it gets connections; with the
    /// worker's number, from 0.
    pub on_worker_start: Arc<dyn Fn(usize) + Send + Sync>,
    /// Called on each worker's thread whenever it is about to wait.
    pub on_park: Arc<dyn Fn() + Send + Sync>,
}

/// A server that listens and does not serve yet.
pub struct Server {
    listeners: Vec<(TcpListener, Option<Arc<Endpoint>>)>,
    addresses: Vec<SocketAddr>,
    certificates: Option<Arc<Certificates>>,
    acceptor: Option<TlsAcceptor>,
    workers: usize,
    deadlines: Deadlines,
}

impl Server {
    /// Listens on all addresses and reads the certificate.
    ///
    /// Errors: an address is taken or not ours, or the certificate is no good.
    pub fn bind(config: ServerConfig) -> Result<Self, ServerError> {
        if config.listen.is_empty() {
            return Err(ServerError::NoAddress);
        }
        let certificates = config.tls.map(Certificates::open).transpose()?;
        let settings = certificates.as_ref().map(tls::settings).transpose()?;
        let mut listeners = Vec::with_capacity(config.listen.len());
        let mut addresses = Vec::with_capacity(config.listen.len());
        for Listener { address, endpoint } in config.listen {
            let failed = |source| ServerError::Listen { address, source };
            let listener = listen(address).map_err(failed)?;
            addresses.push(listener.local_addr().map_err(failed)?);
            listeners.push((listener, endpoint));
        }
        Ok(Self {
            listeners,
            addresses,
            certificates,
            acceptor: settings.map(TlsAcceptor::from),
            workers: config.workers.clamp(1, WORKERS_MAX),
            deadlines: Deadlines::default(),
        })
    }

    /// Other deadlines than the usual ones.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// The addresses that are listened on, in the order of the configuration, with real ports.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Exchanges the certificate later on.
    pub fn reload_handle(&self) -> ReloadHandle {
        ReloadHandle::new(self.certificates.clone())
    }

    /// Serves until `stop` is true, or its sender gone; then no connection is taken any more, the
    /// running requests get up to [`Deadlines::drain`], and the call returns. It blocks the
    /// calling thread, which accepts the connections, and must not be called inside a runtime.
    ///
    /// Errors: a thread or runtime cannot be started, or a worker ended by a panic.
    pub fn run(
        self,
        service: Service,
        hooks: Hooks,
        stop: watch::Receiver<bool>,
    ) -> Result<(), ServerError> {
        let own = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServerError::Runtime)?;
        let terms = Terms {
            service,
            tls: self.acceptor,
            authorities: self
                .certificates
                .as_ref()
                .and_then(|own| own.authorities().cloned()),
            deadlines: self.deadlines,
        };
        let mut lanes = Vec::with_capacity(self.workers);
        let mut threads = Vec::with_capacity(self.workers);
        for number in 0..self.workers {
            let (sender, receiver) = mpsc::unbounded_channel();
            threads.push(start_worker(number, terms.clone(), &hooks, receiver)?);
            lanes.push(sender);
        }
        drop((terms, hooks));
        let lanes = Lanes {
            open: Arc::new(AtomicUsize::new(0)),
            lanes,
        };
        let interval = self.deadlines.certificate_check;
        let accepted = own.block_on(accept_all(
            self.listeners,
            lanes,
            self.certificates,
            interval,
            stop,
        ));
        drop(own);
        let mut ended = accepted;
        for thread in threads {
            if thread.join().is_err() {
                ended = Err(ServerError::WorkerEnded);
            }
        }
        ended
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn start_worker(
    number: usize,
    terms: Terms,
    hooks: &Hooks,
    incoming: mpsc::UnboundedReceiver<Accepted>,
) -> Result<JoinHandle<()>, ServerError> {
    let park = hooks.on_park.clone();
    let runtime: Runtime = Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || park())
        .build()
        .map_err(ServerError::Runtime)?;
    let start = hooks.on_worker_start.clone();
    std::thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(move || {
            runtime.block_on(async move {
                start(number);
                worker::work(incoming, terms).await;
            });
        })
        .map_err(ServerError::Runtime)
}

/// The ways to the workers.
struct Lanes {
    open: Arc<AtomicUsize>,
    lanes: Vec<mpsc::UnboundedSender<Accepted>>,
}

/// Deals connections to the workers until the order to stop.
async fn accept_all(
    listeners: Vec<(TcpListener, Option<Arc<Endpoint>>)>,
    lanes: Lanes,
    certificates: Option<Arc<Certificates>>,
    check_interval: std::time::Duration,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ServerError> {
    let lanes = Arc::new(lanes);
    let mut acceptors = tokio::task::JoinSet::new();
    for (listener, endpoint) in listeners {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(ServerError::Runtime)?;
        acceptors.spawn(accept(listener, endpoint, lanes.clone()));
    }
    drop(lanes);
    let mut checks = tokio::time::interval(check_interval);
    loop {
        tokio::select! {
            // A sender that is gone cannot ask to stop any more: stop now rather than never.
            _ = stop.wait_for(|stopped| *stopped) => return Ok(()),
            Some(_) = acceptors.join_next() => return Err(ServerError::WorkerEnded),
            _ = checks.tick() => if let Some(own) = &certificates { own.check() },
        }
    }
}

/// Accepts from one listener. Returns when a worker is gone.
async fn accept(
    listener: tokio::net::TcpListener,
    endpoint: Option<Arc<Endpoint>>,
    lanes: Arc<Lanes>,
) {
    for lane in lanes.lanes.iter().cycle() {
        let accepted = loop {
            match next(&listener).await {
                Ok((stream, address)) => {
                    if let Some(slot) = Slot::take(&lanes.open) {
                        let endpoint = endpoint.clone();
                        break Accepted {
                            stream,
                            ends: Ends { address, endpoint },
                            slot,
                        };
                    }
                    let fault = Fault::bare(FaultKind::ServiceUnavailable)
                        .because("too many open connections");
                    // Closed without an answer; this is its entry.
                    drop(Audited::<()>::rejected(Rejection::Overloaded, fault));
                }
                Err(error) if passing(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "connections cannot be accepted; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        };
        if lane.send(accepted).is_err() {
            return;
        }
    }
}

async fn next(listener: &tokio::net::TcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    let (stream, address) = listener.accept().await?;
    stream.set_nodelay(true)?;
    // The worker registers it with its own runtime.
    Ok((stream.into_std()?, address))
}

/// True for the failure of one connection, not of the listener. Source: accept(2), "Error
/// handling".
fn passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::InvalidInput
    )
}
