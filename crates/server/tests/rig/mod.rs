//! A server on loopback with a Region in memory, and a client that writes raw bytes.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking, and each uses a part of the rig"
)]

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

pub use aws_credential_types::Credentials as Identity;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use keystead_audit::{MemoryLog, Trail};
use keystead_engine::{Site, SiteParts};
use keystead_hsm::InProcess;
use keystead_identity::{
    AccessKey, Directory, DirectoryParts, Organizations, RootCredential, ServiceCredential,
};
use keystead_server::{
    CertificateSessions, Deadlines, Health, Hooks, ReloadHandle, Server, ServerConfig, ServerError,
    Service, ServiceParts, Sites, TlsFiles,
};
use keystead_sigv4::{Settings, Verifier};
use keystead_store::Records;
use keystead_store::memory::MemoryBackend;
use keystead_types::{AccountId, Clock, Entropy, Fault, FaultKind, Plaintext, Region, Timestamp};
use keystead_wall::{Command, Hsm, Outcome, WallError};
use tokio::sync::watch;

pub const REGION: &str = "eu-central-1";
pub const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// The access key of a service; its secret is the same.
pub const SERVICE_KEY_ID: &str = "KSERVICE00000001";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub const JSON: &str = "application/x-amz-json-1.1";
pub const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// GenerateRandom of this many bytes takes `SLOW`.
pub const SLOW_BYTES: u16 = 777;
pub const SLOW: Duration = Duration::from_millis(600);
/// GenerateRandom of this many bytes panics.
pub const PANIC_BYTES: u16 = 666;

pub fn region() -> Region {
    Region::parse(REGION).unwrap()
}

struct Now;
impl Clock for Now {
    fn now(&self) -> Timestamp {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }
}

struct Counting(AtomicU64);
impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (place, byte) in out.iter_mut().rev().zip(number.iter().rev().cycle()) {
            *place = *byte;
        }
    }
}

struct OneSite(Arc<Site>);
impl Sites for OneSite {
    fn get(&self, asked: &Region) -> Option<Arc<Site>> {
        (*asked == region()).then(|| self.0.clone())
    }

    fn open<'a>(
        &'a self,
        asked: &'a Region,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<Site>, Fault>> + Send + 'a>> {
        Box::pin(async move {
            // A Region on demand: the same site under another name is enough here.
            if asked.as_str() == "us-east-1" {
                return Ok(self.0.clone());
            }
            Err(Fault::new(FaultKind::ServiceUnavailable, "no such Region here").because("why"))
        })
    }
}

/// An HSM with a slow and a deadly length.
struct TrickHsm(InProcess);
impl Hsm for TrickHsm {
    fn call(
        &self,
        command: Command<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<Outcome, WallError>> + Send>> {
        let length = match command {
            Command::GenerateRandom { length, .. } => length,
            _ => 0,
        };
        assert_ne!(length, PANIC_BYTES, "a test panics");
        let outcome = self.0.execute(&command);
        Box::pin(async move {
            if length == SLOW_BYTES {
                tokio::time::sleep(SLOW).await;
            }
            Ok(outcome)
        })
    }
}

#[derive(Default)]
pub struct Mood(pub Mutex<Option<String>>);
impl Health for Mood {
    fn ready(&self) -> Result<(), String> {
        self.0.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

/// A running server. Dropping it stops it.
pub struct Running {
    pub address: SocketAddr,
    pub log: Arc<MemoryLog>,
    pub mood: Arc<Mood>,
    pub parked: Arc<AtomicUsize>,
    pub started: Arc<Mutex<Vec<usize>>>,
    pub reload: ReloadHandle,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
}

impl Running {
    /// Asks the server to stop, without waiting.
    pub fn ask_to_stop(&self) {
        self.stop.send(true).unwrap();
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Result<(), ServerError> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Accounts and identities in memory: the root user of [`account`] and the service `s3`, which
/// acts for it.
fn directory(hsm: Arc<dyn Hsm>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Directory {
    let opened = Directory::open(DirectoryParts {
        records: Records::new(Arc::new(MemoryBackend::new())),
        hsm,
        region: Region::global(),
        partition: "aws",
        clock,
        entropy,
        organizations: Organizations::default(),
        roots: vec![RootCredential {
            account: account(),
            access_key_id: KEY_ID.into(),
            secret: Plaintext::new(SECRET.into()),
        }],
        services: vec![ServiceCredential {
            key: AccessKey {
                id: SERVICE_KEY_ID.into(),
                secret: Plaintext::new(SECRET.into()),
            },
            principal: "s3.amazonaws.com".into(),
            account: account(),
            more_accounts: Vec::new(),
        }],
        development: false,
    });
    // A thread of its own: the test may be one of a runtime already.
    let open = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(opened).unwrap()
    };
    std::thread::scope(|scope| scope.spawn(open).join().unwrap())
}

pub fn account() -> AccountId {
    AccountId::parse("111122223333").unwrap()
}

fn service(
    log: &Arc<MemoryLog>,
    mood: &Arc<Mood>,
    certificate_sessions: Option<CertificateSessions>,
    hosts: &[&str],
) -> Service {
    let clock: Arc<dyn Clock> = Arc::new(Now);
    let entropy: Arc<dyn Entropy> = Arc::new(Counting(AtomicU64::new(1)));
    let hsm = InProcess::ephemeral().unwrap();
    let region = region();
    for region in [&region, &Region::global()] {
        let made = hsm.execute(&Command::CreateDomain { region });
        assert!(made.result.is_ok());
    }
    let hsm: Arc<dyn Hsm> = Arc::new(TrickHsm(hsm));
    let directory = Arc::new(directory(hsm.clone(), clock.clone(), entropy.clone()));
    let iam = keystead_iam::Service::new(keystead_iam::ServiceParts {
        directory: directory.clone(),
        trail: Trail::new(log.clone(), clock.clone(), entropy.clone(), region.clone()),
        clock: clock.clone(),
        entropy: entropy.clone(),
        sts: keystead_iam::StsParts::default(),
    });
    let site = Site::new(SiteParts {
        region: region.clone(),
        records: Records::new(Arc::new(MemoryBackend::new())),
        hsm,
        trail: Trail::new(log.clone(), clock.clone(), entropy.clone(), region.clone()),
        clock: clock.clone(),
        entropy: entropy.clone(),
        marker_key: [7; 32],
        neighbours: Arc::new(keystead_engine::Alone),
        attestation: keystead_engine::Attestation {
            roots: keystead_engine::TrustedRoots::none(),
            max_age_millis: 300_000,
        },
        quotas: keystead_engine::Quotas::default(),
        sm2: keystead_engine::Sm2::Offered,
        identities: directory.clone(),
    });
    let settings = Settings::new(&["kms", "iam", "sts"], |_, _| true).unwrap();
    let settings = match hosts {
        [] => settings,
        hosts => settings.with_hosts(hosts.iter().map(|host| (*host).to_owned()).collect()),
    };
    Service::new(ServiceParts {
        sites: Arc::new(OneSite(Arc::new(site))),
        iam: Arc::new(iam),
        home: region,
        certificate_sessions,
        verifier: Verifier::new(settings),
        replay_guard: None,
        credentials: directory,
        clock,
        entropy,
        health: mood.clone(),
    })
}

/// Starts a server with two workers.
pub fn start(tls: Option<TlsFiles>, deadlines: Deadlines) -> Running {
    start_with(tls, deadlines, None)
}

/// Starts a server that may give sessions for certificates.
pub fn start_with(
    tls: Option<TlsFiles>,
    deadlines: Deadlines,
    certificate_sessions: Option<CertificateSessions>,
) -> Running {
    start_named(tls, deadlines, certificate_sessions, &[])
}

/// Starts a server that answers to these host names only, or to any when there are none.
pub fn start_named(
    tls: Option<TlsFiles>,
    deadlines: Deadlines,
    certificate_sessions: Option<CertificateSessions>,
    hosts: &[&str],
) -> Running {
    let config = ServerConfig {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
        tls,
        workers: 2,
    };
    let server = Server::bind(config).unwrap().with_deadlines(deadlines);
    let address = server.local_addrs()[0];
    let reload = server.reload_handle();
    let log = Arc::new(MemoryLog::new());
    let mood = Arc::new(Mood::default());
    let parked = Arc::new(AtomicUsize::new(0));
    let started = Arc::new(Mutex::new(Vec::new()));
    let (parks, starts) = (parked.clone(), started.clone());
    let hooks = Hooks {
        on_worker_start: Arc::new(move |number| {
            // Inside the worker's runtime: spawning works.
            tokio::spawn(async {});
            starts.lock().unwrap().push(number);
        }),
        on_park: Arc::new(move || {
            parks.fetch_add(1, Ordering::Relaxed);
        }),
    };
    let (stop, stopped) = watch::channel(false);
    let service = service(&log, &mood, certificate_sessions, hosts);
    let thread = std::thread::spawn(move || server.run(service, hooks, stopped));
    Running {
        address,
        log,
        mood,
        parked,
        started,
        reload,
        stop,
        thread: Some(thread),
    }
}

/// A plain server with the usual deadlines.
pub fn plain() -> Running {
    start(None, Deadlines::default())
}

/// The headers of a signed request, host first.
pub fn signed_headers(host: &str, target: &str, body: &str) -> Vec<(String, String)> {
    signed_for(REGION, "kms", host, JSON, target, body)
}

pub fn signed_for(
    region: &str,
    name: &str,
    host: &str,
    content_type: &str,
    target: &str,
    body: &str,
) -> Vec<(String, String)> {
    let headers = [
        ("host", host),
        ("content-type", content_type),
        ("x-amz-target", target),
    ];
    let identity = Identity::new(KEY_ID, SECRET, None, None, "test");
    signed(&identity, (region, name), ("POST", "/"), &headers, body)
}

/// The headers given, host first, and those of a signature by `identity` for a Region and service
/// over a method and path.
pub fn signed(
    identity: &Identity,
    (region, name): (&str, &str),
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> Vec<(String, String)> {
    let identity = identity.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(name)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut headers: Vec<(String, String)> = headers.iter().map(owned).collect();
    let lines = headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let uri = format!("http://{}{path}", lines.clone().next().unwrap().1);
    let signable = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new(method, uri, lines, signable).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    for (name, value) in instructions.headers() {
        headers.push((name.to_owned(), value.to_owned()));
    }
    headers
}

/// The bytes of a request with these headers.
pub fn request(headers: &[(String, String)], body: &str) -> String {
    let mut text = "POST / HTTP/1.1\r\n".to_owned();
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text + &format!("content-length: {}\r\n\r\n{body}", body.len())
}

/// The bytes of a signed call of the query protocol.
pub fn query(service: &str, form: &str) -> String {
    let identity = Identity::new(KEY_ID, SECRET, None, None, "test");
    let headers = [("host", "kms.local"), ("content-type", FORM)];
    let place = (REGION, service);
    request(
        &signed(&identity, place, ("POST", "/"), &headers, form),
        form,
    )
}

/// The bytes of a signed call.
pub fn call(operation: &str, body: &str) -> String {
    let target = format!("TrentService.{operation}");
    request(&signed_headers("kms.local", &target, body), body)
}

/// GenerateRandom of that many bytes.
pub fn random(bytes: u16) -> String {
    call("GenerateRandom", &format!("{{\"NumberOfBytes\":{bytes}}}"))
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(own, _)| own == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }

    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["__type"].as_str().unwrap().to_owned()
    }

    /// The request id, which every answer of the service has.
    pub fn id(&self) -> &str {
        let id = self.header("x-amzn-requestid").expect("a request id");
        assert_eq!(id.len(), 36);
        id
    }
}

/// A client's end of a connection.
pub struct Wire<S>(pub S, Vec<u8>);

impl Wire<TcpStream> {
    pub fn to(running: &Running) -> Self {
        let stream = TcpStream::connect(running.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self::new(stream)
    }
}

impl<S: Read + Write> Wire<S> {
    pub fn new(stream: S) -> Self {
        Self(stream, Vec::new())
    }

    pub fn send(&mut self, text: &str) -> &mut Self {
        // A server that has already refused may have closed.
        let _closed = self.0.write_all(text.as_bytes());
        self
    }

    pub fn ask(&mut self, text: &str) -> Answer {
        self.send(text).answer().expect("an answer")
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.0.read(&mut buffer) {
            Ok(0) => false,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer"),
            Err(_) => false,
            Ok(read) => {
                self.1.extend_from_slice(&buffer[..read]);
                true
            }
        }
    }

    /// The next answer; `None` when the server closed first.
    pub fn answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.1.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if !self.more() {
                return None;
            }
        };
        let head = String::from_utf8(self.1[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let status = status.parse().unwrap();
        let split = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        let headers: Vec<_> = lines.map(split).collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
        if status == 100 {
            self.1.drain(..end + 4);
            return Some(Answer {
                status,
                headers,
                body: String::new(),
            });
        }
        while self.1.len() < end + 4 + length {
            assert!(self.more(), "the body broke off");
        }
        let body = String::from_utf8(self.1[end + 4..end + 4 + length].to_vec()).unwrap();
        self.1.drain(..end + 4 + length);
        Some(Answer {
            status,
            headers,
            body,
        })
    }

    /// True when the server closes, with nothing more to say.
    pub fn is_closed(&mut self) -> bool {
        while self.more() {}
        self.1.is_empty()
    }
}
