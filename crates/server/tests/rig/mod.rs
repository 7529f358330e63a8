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

use aws_credential_types::Credentials as Identity;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use keystead_audit::{MemoryLog, Trail};
use keystead_engine::{Site, SiteParts};
use keystead_hsm::InProcess;
use keystead_identity::Bearer;
use keystead_server::{
    Deadlines, Health, Hooks, ReloadHandle, Server, ServerConfig, ServerError, Service,
    ServiceParts, Sites, TlsFiles,
};
use keystead_sigv4::{Credential, Credentials, Settings, Verifier};
use keystead_store::Records;
use keystead_store::memory::MemoryBackend;
use keystead_types::{AccountId, Clock, Entropy, Fault, FaultKind, Region, Timestamp};
use keystead_wall::{Command, Hsm, Outcome, WallError};
use tokio::sync::watch;

pub const REGION: &str = "eu-central-1";
pub const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub const JSON: &str = "application/x-amz-json-1.1";
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

struct OneKey(Arc<Credential<Arc<Bearer>>>);
impl Credentials<Arc<Bearer>> for OneKey {
    fn find(&self, access_key_id: &str, _: Option<&[u8]>) -> Option<Arc<Credential<Arc<Bearer>>>> {
        (access_key_id == KEY_ID).then(|| self.0.clone())
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

fn service(log: &Arc<MemoryLog>, mood: &Arc<Mood>) -> Service {
    let clock: Arc<dyn Clock> = Arc::new(Now);
    let entropy: Arc<dyn Entropy> = Arc::new(Counting(AtomicU64::new(1)));
    let hsm = InProcess::ephemeral().unwrap();
    let region = region();
    let made = hsm.execute(&Command::CreateDomain { region: &region });
    assert!(made.result.is_ok());
    let site = Site::new(SiteParts {
        region: region.clone(),
        records: Records::new(Arc::new(MemoryBackend::new())),
        hsm: Arc::new(TrickHsm(hsm)),
        trail: Trail::new(log.clone(), clock.clone(), entropy.clone(), region),
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
        identities: Arc::new(keystead_identity::RootsOnly),
    });
    let account = AccountId::parse("111122223333").unwrap();
    let credential = Credential {
        identity: Arc::new(Bearer::root(account, KEY_ID.into())),
        secret: SECRET.to_owned().into(),
        session: None,
    };
    Service::new(ServiceParts {
        sites: Arc::new(OneSite(Arc::new(site))),
        verifier: Verifier::new(Settings::new(&["kms", "sts"], |_, _| true).unwrap()),
        credentials: Arc::new(OneKey(Arc::new(credential))),
        clock,
        entropy,
        health: mood.clone(),
    })
}

/// Starts a server with two workers.
pub fn start(tls: Option<TlsFiles>, deadlines: Deadlines) -> Running {
    let config = ServerConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
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
    let service = service(&log, &mood);
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
    let identity = Identity::new(KEY_ID, SECRET, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(name)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let mut headers = vec![
        ("host".to_owned(), host.to_owned()),
        ("content-type".to_owned(), content_type.to_owned()),
        ("x-amz-target".to_owned(), target.to_owned()),
    ];
    let lines = headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let uri = format!("http://{host}/");
    let signable = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new("POST", uri, lines, signable).unwrap();
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
