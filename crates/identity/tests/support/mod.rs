//! A directory over a store in memory and an HSM in this process.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use keystead_hsm::InProcess;
use keystead_identity::{
    AccessKey, Directory, DirectoryError, DirectoryParts, Organizations, RootCredential,
    ServiceCredential, SessionGrant, SessionLimits, UniqueKind,
};
use keystead_policy::{Case, Decision, NoContext, Request, decide};
use keystead_store::Records;
use keystead_store::memory::MemoryBackend;
use keystead_store::records::{
    GroupRecord, IdentityRecord, InlinePolicy, PolicyRecord, PolicySet, PolicyVersionRecord,
    RoleRecord, UserRecord,
};
use keystead_types::{
    AccountId, Clock, Entropy, Plaintext, Principal, Region, SessionContext, Timestamp,
};
use keystead_wall::{Command, Hsm};

pub const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}"#;
/// 2026-11-22 00:00:00 UTC.
pub const NOW: i64 = 1_795_305_600_000;

#[derive(Default)]
pub struct Ticking(pub AtomicI64);
impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW + self.0.load(Ordering::Relaxed))
    }
}

#[derive(Default)]
pub struct Counting(AtomicU64);
impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            let next = self.0.fetch_add(1, Ordering::Relaxed);
            *byte = next.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0];
        }
    }
}

/// What several directories over one store share.
#[derive(Clone)]
pub struct Rig {
    pub records: Records,
    pub hsm: Arc<dyn Hsm>,
    pub clock: Arc<Ticking>,
    pub entropy: Arc<Counting>,
    pub organizations: Organizations,
}

pub fn account() -> AccountId {
    AccountId::parse("111122223333").unwrap()
}

pub fn service_account() -> AccountId {
    AccountId::parse("444455556666").unwrap()
}

impl Rig {
    pub fn new() -> Self {
        let hsm = InProcess::ephemeral().unwrap();
        let region = Region::global();
        assert!(
            hsm.execute(&Command::CreateDomain { region: &region })
                .result
                .is_ok()
        );
        Self {
            records: Records::new(Arc::new(MemoryBackend::new())),
            hsm: Arc::new(hsm),
            clock: Arc::default(),
            entropy: Arc::default(),
            organizations: Organizations::default(),
        }
    }

    pub async fn try_open(&self, development: bool) -> Result<Directory, DirectoryError> {
        let key = |text: &str| Plaintext::new(text.into());
        Directory::open(DirectoryParts {
            records: self.records.clone(),
            hsm: self.hsm.clone(),
            region: Region::global(),
            partition: "aws",
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            organizations: self.organizations.clone(),
            roots: vec![RootCredential {
                account: account(),
                access_key_id: "AKIAROOT".into(),
                secret: key("root secret"),
            }],
            services: vec![ServiceCredential {
                key: AccessKey {
                    id: "AKIASERVICE".into(),
                    secret: key("service secret"),
                },
                principal: "s3.amazonaws.com".into(),
                account: service_account(),
                more_accounts: vec![AccountId::parse("777788889999").unwrap()],
            }],
            development,
        })
        .await
    }

    pub async fn open(&self) -> Directory {
        self.try_open(false).await.unwrap()
    }
}

/// A policy that allows or denies one action.
pub fn document(effect: &str, action: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"*"}}}}"#
    )
}

pub fn inline(documents: &[(&str, &str)]) -> PolicySet {
    let policies = documents.iter().enumerate();
    let policies = policies.map(|(at, (effect, action))| InlinePolicy {
        name: format!("p{at}"),
        document: document(effect, action),
    });
    PolicySet {
        inline: policies.collect(),
        attached: Vec::new(),
    }
}

pub fn user(directory: &Directory, name: &str) -> UserRecord {
    UserRecord {
        account: account(),
        name: name.to_owned(),
        path: "/team/".to_owned(),
        unique_id: directory.new_unique_id(UniqueKind::User),
        created: Timestamp::from_millis(NOW),
        tags: vec![("Team".to_owned(), "blue".to_owned())],
        policies: PolicySet::default(),
        boundary: None,
        groups: Vec::new(),
        access_keys: Vec::new(),
    }
}

pub fn role(directory: &Directory, name: &str) -> RoleRecord {
    RoleRecord {
        account: account(),
        name: name.to_owned(),
        path: "/".to_owned(),
        unique_id: directory.new_unique_id(UniqueKind::Role),
        created: Timestamp::from_millis(NOW),
        description: None,
        trust: TRUST.to_owned(),
        trusted_ids: Vec::new(),
        max_session_seconds: 3600,
        tags: Vec::new(),
        policies: PolicySet::default(),
        boundary: None,
    }
}

pub fn group(directory: &Directory, name: &str) -> GroupRecord {
    GroupRecord {
        account: account(),
        name: name.to_owned(),
        path: "/".to_owned(),
        unique_id: directory.new_unique_id(UniqueKind::Group),
        created: Timestamp::from_millis(NOW),
        policies: PolicySet::default(),
    }
}

pub fn policy(directory: &Directory, name: &str, effect: &str, action: &str) -> PolicyRecord {
    PolicyRecord {
        account: account(),
        name: name.to_owned(),
        path: "/".to_owned(),
        unique_id: directory.new_unique_id(UniqueKind::Policy),
        created: Timestamp::from_millis(NOW),
        updated: Timestamp::from_millis(NOW),
        description: None,
        tags: Vec::new(),
        versions: vec![PolicyVersionRecord {
            number: 1,
            document: document(effect, action),
            created: Timestamp::from_millis(NOW),
        }],
        default_version: 1,
        last_version: 1,
    }
}

pub fn policy_arn(name: &str) -> String {
    format!("arn:aws:iam::{}:policy/{name}", account())
}

pub async fn put(directory: &Directory, records: impl IntoIterator<Item = IdentityRecord>) {
    let mut draft = directory.draft().await;
    for record in records {
        draft.put(record).unwrap();
    }
    draft.commit(Vec::new()).await.unwrap();
}

/// A session of a role, one hour long, without limits.
pub fn session_of(record: &RoleRecord, limits: Option<SessionLimits>) -> SessionGrant {
    let from = Timestamp::from_millis(NOW);
    SessionGrant {
        principal: Principal::RoleSession {
            account: record.account,
            role: record.name.as_str().into(),
            session: "work".into(),
        },
        account: record.account,
        unique_id: Some(record.unique_id.as_str().into()),
        issuer: None,
        context: SessionContext::plain(from, from.plus_millis(3_600_000)),
        limits,
    }
}

/// What the identity and session policies of a bearer say about an action, on a resource without
/// policy. `None`: its user or role is gone.
pub fn may(
    directory: &Directory,
    bearer: &keystead_identity::Bearer,
    action: &str,
) -> Option<bool> {
    use keystead_identity::Identities;
    let standing = directory.standing(bearer)?;
    let membership = directory.membership(bearer.caller.account);
    let case = Case {
        identity: &standing.policies,
        boundary: standing.boundary.as_ref(),
        session: bearer.session_policies.as_deref(),
        service_control: &membership.service_control,
        ..Case::default()
    };
    let decision = decide(
        &case,
        &Request {
            principal: &bearer.caller.principal,
            partition: "aws",
            action,
            resource: "*",
            resource_account: bearer.caller.account,
            unique_id: bearer.caller.unique_id.as_deref(),
            context: &NoContext,
        },
    );
    Some(matches!(decision, Decision::Allowed(_)))
}
