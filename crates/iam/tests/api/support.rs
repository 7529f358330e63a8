//! One deployment in memory: a store, an HSM in this process, an audit log, and people.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use keystead_audit::{MemoryLog, Trail};
use keystead_hsm::InProcess;
use keystead_iam::{Api, Request, Service, ServiceParts, StsParts};
use keystead_identity::{Bearer, Directory, DirectoryParts, Organizations, Origin};
use keystead_sigv4::Credentials;
use keystead_store::Records;
use keystead_store::memory::MemoryBackend;
use keystead_types::{AccountId, Clock, Entropy, Fault, Region, RequestId, Timestamp};
use keystead_wall::Command;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";

/// Allows everything.
pub(crate) const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// 2026-11-22T10:00:00Z
const START: i64 = 1_795_341_600_000;

struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Different each time, the same each run.
struct Count(AtomicU64);

impl Entropy for Count {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            let next = self.0.fetch_add(1, Ordering::Relaxed);
            let mixed = next.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
            *byte = (mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56) as u8;
        }
    }
}

pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) directory: Arc<Directory>,
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) records: Records,
    hands: Arc<Hands>,
    ids: AtomicU64,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(Organizations::default()).await
    }

    pub(crate) async fn of(organizations: Organizations) -> Self {
        let region = Region::global();
        let hsm = InProcess::ephemeral().unwrap();
        let made = hsm.execute(&Command::CreateDomain { region: &region });
        assert!(made.result.is_ok());
        let records = Records::new(Arc::new(MemoryBackend::new()));
        let hands = Arc::new(Hands(AtomicI64::new(START)));
        let entropy = Arc::new(Count(AtomicU64::new(1)));
        let log = Arc::new(MemoryLog::new());
        let directory = Directory::open(DirectoryParts {
            records: records.clone(),
            hsm: Arc::new(hsm),
            region,
            partition: "aws",
            clock: hands.clone(),
            entropy: entropy.clone(),
            organizations,
            roots: Vec::new(),
            services: Vec::new(),
            development: false,
        })
        .await
        .unwrap();
        let directory = Arc::new(directory);
        let home = Region::parse("eu-central-1").unwrap();
        let service = Service::new(ServiceParts {
            directory: directory.clone(),
            trail: Trail::new(log.clone(), hands.clone(), entropy.clone(), home),
            clock: hands.clone(),
            entropy,
            sts: StsParts::default(),
        });
        Self {
            service,
            directory,
            log,
            records,
            hands,
            ids: AtomicU64::new(0),
        }
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.hands.0.fetch_add(millis, Ordering::Relaxed);
    }

    pub(crate) fn root(&self) -> Arc<Bearer> {
        root_of(ACCOUNT)
    }

    /// The last record of the audit log.
    pub(crate) fn last_record(&self) -> String {
        let records = self.log.records();
        String::from_utf8(records.last().unwrap().json.clone()).unwrap()
    }

    /// Asks as the root user and expects an answer.
    pub(crate) async fn ok(&self, form: &str) -> String {
        match self.ask(&self.root(), form).await {
            Ok(xml) => xml,
            Err(fault) => panic!("{form}: {fault}"),
        }
    }

    /// Asks as the root user and expects a refusal: its code and text.
    pub(crate) async fn refused(&self, form: &str) -> (String, String) {
        self.refused_to(&self.root(), form).await
    }

    pub(crate) async fn refused_to(&self, bearer: &Arc<Bearer>, form: &str) -> (String, String) {
        match self.ask(bearer, form).await {
            Ok(xml) => panic!("{form}: {xml}"),
            Err(fault) => {
                let (code, _) = fault.kind().in_query();
                (
                    code.to_owned(),
                    fault.message().unwrap_or_default().to_owned(),
                )
            }
        }
    }

    /// Asks; the version is added to the form.
    pub(crate) async fn ask(&self, bearer: &Arc<Bearer>, form: &str) -> Result<String, Fault> {
        let body = format!("Version=2010-05-08&Action={form}");
        self.send(Some(bearer), &body).await
    }

    pub(crate) async fn send(
        &self,
        bearer: Option<&Arc<Bearer>>,
        body: &str,
    ) -> Result<String, Fault> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let request = Request {
            service: Api::Iam,
            bearer: bearer.cloned(),
            request_id: RequestId::from_random(u128::from(id).to_be_bytes()),
            origin: Origin {
                source_ip: Some("203.0.113.7".parse().unwrap()),
                secure_transport: true,
                user_agent: "tests".to_owned(),
                ..Origin::default()
            },
            tls: None,
            // Not the Region of IAM: what clients sign for does not count.
            region: Region::parse("eu-central-1").unwrap(),
            body: body.as_bytes(),
        };
        let answer = self.service.serve(request).await.into_outcome();
        answer.map(|xml| String::from_utf8(xml).unwrap())
    }

    /// A user with one inline policy (none when the document is empty) and its bearer.
    pub(crate) async fn user(&self, name: &str, document: &str) -> Arc<Bearer> {
        self.ok(&format!("CreateUser&UserName={name}")).await;
        if !document.is_empty() {
            let document = encoded(document);
            self.ok(&format!(
                "PutUserPolicy&UserName={name}&PolicyName=own&PolicyDocument={document}"
            ))
            .await;
        }
        self.bearer_of(name).await
    }

    /// A new access key of a user, as its signature would prove it.
    pub(crate) async fn bearer_of(&self, name: &str) -> Arc<Bearer> {
        let xml = self.ok(&format!("CreateAccessKey&UserName={name}")).await;
        let id = between(&xml, "<AccessKeyId>", "</AccessKeyId>");
        self.found(id).unwrap()
    }

    /// Whom an access key belongs to, if it may sign.
    pub(crate) fn found(&self, access_key_id: &str) -> Option<Arc<Bearer>> {
        let credential = self.directory.find(access_key_id, None)?;
        Some(credential.identity.clone())
    }
}

pub(crate) fn root_of(account: &str) -> Arc<Bearer> {
    let account = AccountId::parse(account).unwrap();
    Arc::new(Bearer::root(account, "AKIAROOTROOTROOTROOT".into()))
}

/// A form's value.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes()
        .map(|b| match plain(b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect()
}

pub(crate) fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let from = text
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} in {text}"))
        .1;
    from.split_once(after)
        .unwrap_or_else(|| panic!("{after} in {text}"))
        .0
}

/// The texts of every element of a name.
pub(crate) fn all<'t>(xml: &'t str, name: &str) -> Vec<&'t str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(&*open).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(&*close)?.0))
        .collect()
}
