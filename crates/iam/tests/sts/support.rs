//! A deployment in memory with two accounts, a registered service and a provider's keys.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use keystead_audit::{MemoryLog, Trail};
use keystead_hsm::InProcess;
use keystead_iam::{
    Api, JwksError, JwksSource, KeySetFreshness, KeySetFuture, Request, Service, ServiceParts,
    StsParts,
};
use keystead_identity::{
    AccessKey, Bearer, Directory, DirectoryParts, Organizations, Origin, ServiceCredential,
};
use keystead_sigv4::Credentials;
use keystead_store::Records;
use keystead_store::memory::MemoryBackend;
use keystead_types::{AccountId, Clock, Entropy, Fault, Plaintext, Region, RequestId, Timestamp};
use keystead_wall::Command;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";
/// The second account of `mail.example.com`.
pub(crate) const MORE: &str = "777788889999";
/// The access key of the service `storage.example.com`, for `ACCOUNT`.
pub(crate) const SERVICE_KEY: &str = "AKIASTORAGESERVICE22";
/// That of `mail.example.com`, for `ACCOUNT` and `MORE`.
pub(crate) const OTHER_SERVICE_KEY: &str = "AKIAMAILMAILMAILMAIL";
/// 2026-11-22T10:00:00Z
pub(crate) const START: i64 = 1_795_341_600;

pub(crate) struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

struct Count(AtomicU64);

impl Entropy for Count {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            let next = self.0.fetch_add(1, Ordering::Relaxed);
            let mixed = next.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
            *byte = u8::try_from(mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56).unwrap();
        }
    }
}

/// Key sets by issuer, and how often fresh ones were asked for.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) kept: Mutex<HashMap<String, String>>,
    pub(crate) fresh: Mutex<HashMap<String, String>>,
    pub(crate) fetched: AtomicU64,
}

impl JwksSource for Keys {
    fn key_set<'a>(&'a self, issuer: &'a str, freshness: KeySetFreshness) -> KeySetFuture<'a> {
        let sets = match freshness {
            KeySetFreshness::Kept => &self.kept,
            KeySetFreshness::Fetched => {
                self.fetched.fetch_add(1, Ordering::Relaxed);
                &self.fresh
            }
        };
        let found = sets.lock().unwrap().get(issuer).cloned();
        Box::pin(async move {
            let text = found.ok_or(JwksError::Unknown)?;
            Ok(Arc::from(text.into_bytes()))
        })
    }
}

pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) directory: Arc<Directory>,
    pub(crate) keys: Arc<Keys>,
    log: Arc<MemoryLog>,
    hands: Arc<Hands>,
    ids: AtomicU64,
}

fn service(id: &str, principal: &str, more_accounts: Vec<AccountId>) -> ServiceCredential {
    ServiceCredential {
        key: AccessKey {
            id: id.into(),
            secret: Plaintext::new("s".repeat(40).into_bytes()),
        },
        principal: principal.into(),
        account: account(ACCOUNT),
        more_accounts,
    }
}

pub(crate) fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let region = Region::global();
        let hsm = InProcess::ephemeral().unwrap();
        assert!(
            hsm.execute(&Command::CreateDomain { region: &region })
                .result
                .is_ok()
        );
        let hands = Arc::new(Hands(AtomicI64::new(START * 1000)));
        let entropy = Arc::new(Count(AtomicU64::new(1)));
        let log = Arc::new(MemoryLog::new());
        let directory = Directory::open(DirectoryParts {
            records: Records::new(Arc::new(MemoryBackend::new())),
            hsm: Arc::new(hsm),
            region,
            partition: "aws",
            clock: hands.clone(),
            entropy: entropy.clone(),
            organizations: Organizations::default(),
            roots: Vec::new(),
            services: vec![
                service(SERVICE_KEY, "storage.example.com", Vec::new()),
                service(OTHER_SERVICE_KEY, "mail.example.com", vec![account(MORE)]),
            ],
            development: false,
        });
        let directory = Arc::new(directory.await.unwrap());
        let keys = Arc::new(Keys::default());
        let home = Region::parse("eu-central-1").unwrap();
        let service = Service::new(ServiceParts {
            directory: directory.clone(),
            trail: Trail::new(log.clone(), hands.clone(), entropy.clone(), home),
            clock: hands.clone(),
            entropy,
            sts: StsParts::new(keys.clone()),
        });
        Self {
            service,
            directory,
            keys,
            log,
            hands,
            ids: AtomicU64::new(0),
        }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.hands.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> i64 {
        self.hands.now().as_seconds()
    }

    /// How many records the audit log has.
    pub(crate) fn records(&self) -> usize {
        self.log.records().len()
    }

    /// The last record of the audit log.
    pub(crate) fn last_record(&self) -> serde_json::Value {
        let records = self.log.records();
        serde_json::from_slice(&records.last().unwrap().json).unwrap()
    }

    pub(crate) fn origin() -> Origin {
        Origin {
            source_ip: Some("203.0.113.7".parse().unwrap()),
            secure_transport: true,
            user_agent: "tests".to_owned(),
            ..Origin::default()
        }
    }

    async fn send(
        &self,
        api: Api,
        bearer: Option<&Arc<Bearer>>,
        body: &str,
    ) -> Result<String, Fault> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let request = Request {
            service: api,
            bearer: bearer.cloned(),
            request_id: RequestId::from_random(u128::from(id).to_be_bytes()),
            origin: Self::origin(),
            tls: None,
            region: Region::parse("us-east-1").unwrap(),
            body: body.as_bytes(),
        };
        let answer = self.service.serve(request).await.into_outcome();
        answer.map(|xml| String::from_utf8(xml).unwrap())
    }

    /// A call of IAM by the root user of an account, which must succeed.
    pub(crate) async fn iam(&self, of: &str, form: &str) -> String {
        let body = format!("Version=2010-05-08&Action={form}");
        match self.send(Api::Iam, Some(&root(of)), &body).await {
            Ok(xml) => xml,
            Err(fault) => panic!("{form}: {fault}"),
        }
    }

    /// A call of STS.
    pub(crate) async fn sts(
        &self,
        bearer: Option<&Arc<Bearer>>,
        form: &str,
    ) -> Result<String, Fault> {
        let body = format!("Version=2011-06-15&Action={form}");
        self.send(Api::Sts, bearer, &body).await
    }

    pub(crate) async fn ok(&self, bearer: &Arc<Bearer>, form: &str) -> String {
        match self.sts(Some(bearer), form).await {
            Ok(xml) => xml,
            Err(fault) => panic!("{form}: {fault}"),
        }
    }

    /// Code and text of a refusal.
    pub(crate) async fn refused(&self, bearer: &Arc<Bearer>, form: &str) -> (String, String) {
        match self.sts(Some(bearer), form).await {
            Ok(xml) => panic!("{form}: {xml}"),
            Err(fault) => told(&fault),
        }
    }

    /// A user with an inline policy (none when the document is empty), and an access key.
    pub(crate) async fn user(&self, of: &str, name: &str, document: &str) -> Arc<Bearer> {
        self.user_key(of, name, document).await.0
    }

    /// The same with the access key's id and secret.
    pub(crate) async fn user_key(
        &self,
        of: &str,
        name: &str,
        document: &str,
    ) -> (Arc<Bearer>, String, String) {
        self.iam(of, &format!("CreateUser&UserName={name}")).await;
        if !document.is_empty() {
            let document = encoded(document);
            self.iam(
                of,
                &format!("PutUserPolicy&UserName={name}&PolicyName=own&PolicyDocument={document}"),
            )
            .await;
        }
        let xml = self
            .iam(of, &format!("CreateAccessKey&UserName={name}"))
            .await;
        let id = text(&xml, "AccessKeyId").to_owned();
        let bearer = self.directory.find(&id, None).unwrap().identity.clone();
        (bearer, id, text(&xml, "SecretAccessKey").to_owned())
    }

    /// A role with a trust policy; `more` are further parameters, each with a leading `&`.
    pub(crate) async fn role(&self, of: &str, name: &str, trust: &str, more: &str) -> String {
        let trust = encoded(trust);
        let form = format!("CreateRole&RoleName={name}&AssumeRolePolicyDocument={trust}{more}");
        text(&self.iam(of, &form).await, "Arn").to_owned()
    }

    /// Whom the credentials of an answer belong to.
    pub(crate) fn session(&self, xml: &str) -> Option<Arc<Bearer>> {
        let token = text(xml, "SessionToken").as_bytes();
        let found = self.directory.find(text(xml, "AccessKeyId"), Some(token));
        Some(found?.identity.clone())
    }

    pub(crate) fn service_bearer(&self, access_key_id: &str) -> Arc<Bearer> {
        let found = self.directory.find(access_key_id, None);
        found.unwrap().identity.clone()
    }
}

pub(crate) fn told(fault: &Fault) -> (String, String) {
    let (code, _) = fault.kind().in_query();
    let text = fault.message().unwrap_or_default();
    (code.to_owned(), text.to_owned())
}

pub(crate) fn denied(text: &str) -> (String, String) {
    ("AccessDenied".to_owned(), text.to_owned())
}

pub(crate) fn root(of: &str) -> Arc<Bearer> {
    Arc::new(Bearer::root(account(of), "AKIAROOTROOTROOTROOT".into()))
}

/// A policy that allows one action on everything.
pub(crate) fn may(action: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#
    )
}

/// A trust policy: its principal, actions and condition as JSON.
pub(crate) fn trust(principal: &str, action: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":{action},"Condition":{condition}}}]}}"#
    )
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

/// The text of the first element of a name.
pub(crate) fn text<'t>(xml: &'t str, name: &str) -> &'t str {
    let from = xml.split_once(&format!("<{name}>"));
    let from = from.unwrap_or_else(|| panic!("{name} in {xml}")).1;
    from.split_once(&format!("</{name}>")).unwrap().0
}
