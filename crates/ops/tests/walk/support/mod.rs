//! A Region in memory, and calls to it as a client makes them.

pub(crate) mod atlas;
pub(crate) mod hsm;
pub(crate) mod identities;
pub(crate) mod store;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use keystead_api::{OperationName, for_each_operation};
use keystead_audit::{Audited, MemoryLog, Record, SourceAddress, Trail};
use keystead_engine::{
    KeyRecord, Peer, Request, Site, SiteParts, TrustedRoots, serve, serve_unbuilt,
};
use keystead_identity::{Bearer, Origin};
use keystead_store::memory::MemoryBackend;
use keystead_store::{Backend, Change, Records, Versioned};
use keystead_types::{
    AccountId, Caller, Clock, Entropy, Fault, FaultKind, KeyId, Principal, Region, RequestId,
    Timestamp,
};
use serde_json::{Value, json};

pub(crate) use hsm::WatchedHsm;
pub(crate) use identities::People;

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const OWN: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";
/// 2026-01-01T00:00:00Z.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);
pub(crate) const DAY_MILLIS: i64 = 86_400_000;

/// A clock that moves only when told.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.as_millis(), Ordering::SeqCst);
    }

    pub(crate) fn forward_days(&self, days: i64) {
        self.0.fetch_add(days * DAY_MILLIS, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The same numbers in every run (SplitMix64).
pub(crate) struct Seeded(AtomicU64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Entropy for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes()[..chunk.len()]);
        }
    }
}

pub(crate) fn region() -> Region {
    Region::parse(REGION).unwrap()
}

pub(crate) fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

fn caller(principal: Principal) -> Caller {
    let account = principal.account().unwrap();
    Caller::plain(principal, account, "AKIAIOSFODNN7EXAMPLE".into())
}

/// The root user of an account.
pub(crate) fn root(text: &str) -> Caller {
    let account = account(text);
    caller(Principal::Root { account })
}

/// A user of an account, without identity policies until a test gives it some.
pub(crate) fn user(text: &str, name: &str) -> Caller {
    let account = account(text);
    let name = name.into();
    caller(Principal::User { account, name })
}

/// An answer as a client sees it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) request_id: RequestId,
    pub(crate) outcome: Result<Value, (FaultKind, Option<String>)>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        match self.outcome {
            Ok(body) => body,
            Err(fault) => panic!("{fault:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn kind(&self) -> FaultKind {
        match &self.outcome {
            Ok(body) => panic!("succeeded with {body}"),
            Err((kind, _)) => *kind,
        }
    }

    /// `ok`, or the code and the message if there is one.
    pub(crate) fn text(&self) -> String {
        match &self.outcome {
            Ok(_) => "ok".to_owned(),
            Err((kind, Some(message))) => format!("{}: {message}", kind.code()),
            Err((kind, None)) => kind.code().to_owned(),
        }
    }
}

pub(crate) async fn dispatch(
    site: &Site,
    operation: OperationName,
    request: Request<'_>,
) -> Audited<Vec<u8>> {
    macro_rules! built {
        ($name:ident) => {
            serve::<keystead_ops::$name>(site, request).await
        };
    }
    macro_rules! unbuilt {
        ($name:ident) => {
            serve_unbuilt(site, operation, request).await
        };
    }
    for_each_operation!(operation, built, unbuilt)
}

/// Which operations this version serves.
pub(crate) fn built(operation: OperationName) -> bool {
    macro_rules! yes {
        ($name:ident) => {
            true
        };
    }
    macro_rules! no {
        ($name:ident) => {
            false
        };
    }
    for_each_operation!(operation, yes, no)
}

/// A Region and all that can be done to it from outside.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) site: Arc<Site>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) records: Records,
    pub(crate) hsm: Arc<WatchedHsm>,
    pub(crate) people: Arc<People>,
    pub(crate) roots: TrustedRoots,
    entropy: Arc<Seeded>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(MemoryBackend::new()))
    }

    pub(crate) fn over(backend: Arc<dyn Backend>) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START.as_millis())));
        let log = Arc::new(MemoryLog::new());
        let records = Records::new(backend);
        let hsm = Arc::new(WatchedHsm::new(&region()));
        let entropy = Arc::new(Seeded::new(7));
        let people = Arc::new(People::default());
        let roots = TrustedRoots::none();
        Self {
            site: site((&records, &people, &roots), &hsm, &log, &clock, &entropy),
            people,
            roots,
            clock,
            log,
            records,
            hsm,
            entropy,
        }
    }

    /// A new process over the same data: nothing cached.
    pub(crate) fn restart(&mut self) {
        self.site = site(
            (&self.records, &self.people, &self.roots),
            &self.hsm,
            &self.log,
            &self.clock,
            &self.entropy,
        );
    }

    /// A new process that trusts the chains of these roots.
    pub(crate) fn trust(&mut self, roots: TrustedRoots) {
        self.roots = roots;
        self.restart();
    }

    /// A restart over another handle of the store.
    pub(crate) fn restart_over(&mut self, backend: Arc<dyn Backend>) {
        self.records = Records::new(backend);
        self.restart();
    }

    pub(crate) fn request<'a>(&self, caller: Caller, body: &'a [u8]) -> Request<'a> {
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        Request {
            bearer: Arc::new(Bearer::plain(caller)),
            request_id: RequestId::from_random(random),
            peer: Peer {
                source_ip: SourceAddress::Ip([192, 0, 2, 1].into()),
                tls: None,
                origin: Origin {
                    source_ip: Some([192, 0, 2, 1].into()),
                    user_agent: "walk".to_owned(),
                    ..Origin::default()
                },
            },
            body,
        }
    }

    pub(crate) async fn raw(&self, operation: &str, caller: Caller, body: &[u8]) -> Answer {
        self.send(operation, self.request(caller, body)).await
    }

    pub(crate) async fn send(&self, operation: &str, request: Request<'_>) -> Answer {
        let operation = OperationName::parse(operation).unwrap();
        let request_id = request.request_id;
        let audited = dispatch(&self.site, operation, request).await;
        assert_eq!(audited.request_id(), Some(request_id));
        let outcome = audited.into_outcome().map(|body| {
            if body.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(&body).unwrap()
            }
        });
        let shown = |fault: Fault| (fault.kind(), fault.message().map(str::to_owned));
        Answer {
            request_id,
            outcome: outcome.map_err(shown),
        }
    }

    pub(crate) async fn call_as(&self, caller: Caller, operation: &str, body: Value) -> Answer {
        let body = serde_json::to_vec(&body).unwrap();
        self.raw(operation, caller, &body).await
    }

    /// A call of the root user of [`OWN`].
    pub(crate) async fn call(&self, operation: &str, body: Value) -> Answer {
        self.call_as(root(OWN), operation, body).await
    }

    /// A new key of [`OWN`] with the default policy; its ARN.
    pub(crate) async fn key(&self) -> String {
        self.key_with(json!({})).await
    }

    pub(crate) async fn key_with(&self, body: Value) -> String {
        let made = self.call("CreateKey", body).await.ok();
        made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }

    /// A key with a policy that may lock its owner out.
    pub(crate) async fn key_under(&self, policy: Value) -> String {
        let policy = policy.to_string();
        self.key_with(json!({"Policy": policy, "BypassPolicyLockoutSafetyCheck": true}))
            .await
    }

    pub(crate) async fn encrypt(&self, key: &str, text: &str) -> String {
        let sent = json!({"KeyId": key, "Plaintext": base64(text.as_bytes())});
        let answer = self.call("Encrypt", sent).await.ok();
        answer["CiphertextBlob"].as_str().unwrap().to_owned()
    }

    /// The plaintext behind a blob, or the error.
    pub(crate) async fn decrypt(&self, blob: &str) -> Result<String, String> {
        let answer = self.call("Decrypt", json!({"CiphertextBlob": blob})).await;
        match answer.outcome {
            Ok(body) => {
                let bytes = unbase64(body["Plaintext"].as_str().unwrap());
                Ok(String::from_utf8(bytes).unwrap())
            }
            Err(_) => Err(answer.text()),
        }
    }

    pub(crate) async fn describe(&self, key: &str) -> Value {
        let mut answer = self.call("DescribeKey", json!({"KeyId": key})).await.ok();
        answer["KeyMetadata"].take()
    }

    pub(crate) async fn stored(&self, key: &str) -> Option<Versioned<KeyRecord>> {
        self.records.key(account(OWN), key_id(key)).await.unwrap()
    }

    /// Changes a stored key behind the server's back, and restarts it.
    pub(crate) async fn edit(&mut self, key: &str, edit: impl FnOnce(&mut KeyRecord)) {
        let stored = self.stored(key).await.unwrap();
        let mut record = stored.value;
        edit(&mut record);
        let previous = Some(stored.modified);
        let change = Change::PutKey { record, previous };
        self.records.apply(vec![change]).await.unwrap();
        self.restart();
    }

    /// What the log holds, parsed.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let parse = |record: &Record| serde_json::from_slice(&record.json).unwrap();
        self.log.records().iter().map(parse).collect()
    }

    /// The one record of a request.
    #[track_caller]
    pub(crate) fn audit_of(&self, request_id: RequestId) -> Value {
        let mut found = self.audit();
        found.retain(|record| record["requestID"] == request_id.as_str());
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

fn site(
    (records, people, roots): (&Records, &Arc<People>, &TrustedRoots),
    hsm: &Arc<WatchedHsm>,
    log: &Arc<MemoryLog>,
    clock: &Arc<TestClock>,
    entropy: &Arc<Seeded>,
) -> Arc<Site> {
    Arc::new(Site::new(SiteParts {
        region: region(),
        records: records.clone(),
        hsm: hsm.clone(),
        trail: Trail::new(log.clone(), clock.clone(), entropy.clone(), region()),
        clock: clock.clone(),
        entropy: entropy.clone(),
        marker_key: [9; 32],
        neighbours: Arc::new(keystead_engine::Alone),
        attestation: keystead_engine::Attestation {
            roots: roots.clone(),
            max_age_millis: 300_000,
        },
        quotas: keystead_engine::Quotas::default(),
        sm2: keystead_engine::Sm2::Offered,
        identities: people.clone(),
    }))
}

/// The key id of a key ARN.
pub(crate) fn key_id(arn: &str) -> KeyId {
    KeyId::parse(arn.rsplit('/').next().unwrap()).unwrap()
}

/// A moment on the wire: whole seconds in these tests.
#[expect(
    clippy::cast_possible_truncation,
    reason = "seconds of this century fit a double exactly"
)]
pub(crate) fn moment(seconds: &Value) -> Timestamp {
    Timestamp::from_millis(seconds.as_f64().unwrap() as i64 * 1000)
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

pub(crate) fn unbase64(text: &str) -> Vec<u8> {
    base64_simd::STANDARD.decode_to_vec(text).unwrap()
}

/// A policy of one Allow statement for one principal.
pub(crate) fn allow(principal: &str, actions: &[&str]) -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions, "Resource": "*"})
}

pub(crate) fn policy(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// A list that tasks of a test share.
pub(crate) type Shared<T> = Arc<Mutex<Vec<T>>>;
