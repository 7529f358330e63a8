//! The documents of a deployment as they are today, read beside a server that may be running.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keystead_identity::{Account, Endpoint, Organizations, World, aws_managed};
use keystead_policy::{Kind, ManagedKey, NamedPolicy, Policy, PolicyDigest, PolicyKind};
use keystead_store::Records;
use keystead_store::records::{GrantRecord, KeyRecord};
use keystead_store_sqlite::ReadOnly;
use keystead_types::{AccountId, GrantId, KeyArn, KeyManager, KeyReference, Region, partition_of};
use serde_json::Value;

use super::facts::resources;
use super::text;
use crate::config::{File, organizations_of};
use crate::layout::store_in;

/// Where documents are looked for.
pub(super) struct Places<'a> {
    pub(super) data_dir: &'a Path,
    pub(super) audit_dir: &'a Path,
    pub(super) config: Option<&'a Path>,
    pub(super) organization: Option<&'a Path>,
}

/// A document and where it stands.
#[derive(Clone)]
pub(super) struct Document {
    pub(super) kind: Kind,
    pub(super) level: Option<usize>,
    /// `None` for the policy of the resource itself.
    pub(super) name: Option<Arc<str>>,
    pub(super) policy: Arc<Policy>,
}

impl Document {
    fn of(kind: Kind, level: Option<usize>, named: &NamedPolicy) -> Self {
        Self {
            kind,
            level,
            name: Some(named.name.clone()),
            policy: named.policy.clone(),
        }
    }
}

/// A key of which a record tells.
pub(super) struct Key {
    pub(super) arn: String,
    pub(super) record: KeyRecord,
    policy: Option<Arc<Policy>>,
}

/// What could be found for one record.
#[derive(Default)]
pub(super) struct Documents {
    /// Identity policies and boundary of the caller; `None` when who it was is not on record, or
    /// gone.
    pub(super) callers: Option<Vec<Document>>,
    pub(super) keys: Vec<Key>,
    pub(super) organizations: Option<Organizations>,
    pub(super) endpoints: Option<Vec<Arc<Endpoint>>>,
    /// Identity policies of the caller's account wherever they stand, in all versions.
    pub(super) stored: Vec<Document>,
    pub(super) grants: Vec<GrantRecord>,
    /// What could not be read, and why.
    pub(super) problems: Vec<String>,
}

/// What is in force today for one decision.
pub(super) struct InForce {
    pub(super) documents: Vec<Document>,
    /// The kinds of which it is not known what is in force.
    pub(super) unknown: Vec<Kind>,
}

impl Documents {
    /// Reads what may have taken part in the decisions of a record. What cannot be read is among
    /// the problems.
    pub(super) async fn gather(places: &Places<'_>, record: &Value) -> Self {
        let mut found = Self::default();
        let mut problems = Vec::new();
        if let Err(problem) = found.read_identities(places, record).await {
            problems.push(format!("identities: {problem}"));
        }
        if let Err(problem) = found.read_session(places, record) {
            problems.push(format!("the session's policy: {problem}"));
        }
        if let Err(problem) = found.read_keys(places, record).await {
            problems.push(format!("keys: {problem}"));
        }
        if let Err(problem) = found.read_configuration(places) {
            problems.push(problem);
        }
        found.problems.extend(problems);
        found
    }

    async fn read_identities(&mut self, places: &Places<'_>, record: &Value) -> Result<(), String> {
        let region = Region::parse(text(record, "/awsRegion")).map_err(|e| e.to_string())?;
        let kind = text(record, "/userIdentity/type");
        if matches!(kind, "Root" | "AWSService") {
            // They have no policies of their own.
            self.callers = Some(Vec::new());
            return Ok(());
        }
        let records = read(places.data_dir, &Region::global())?;
        let world = World::stored(&records, partition_of(&region)).await;
        let world = world.map_err(|error| error.to_string())?;
        let account = AccountId::parse(text(record, "/userIdentity/accountId"));
        let account = account.map_err(|error| error.to_string())?;
        self.stored = all_of(world.account(account), world.partition());
        // Of a role's session: the role's, a colon and the session's name.
        let id = match kind {
            "FederatedUser" => text(
                record,
                "/userIdentity/sessionContext/sessionIssuer/principalId",
            ),
            _ => text(record, "/userIdentity/principalId"),
        };
        let id = id.split(':').next().unwrap_or_default();
        match world.standing(id) {
            Some(standing) => {
                let identity = standing.policies.iter();
                let identity = identity.map(|one| Document::of(Kind::Identity, None, one));
                let boundary = standing.boundary.iter();
                let boundary = boundary.map(|one| Document::of(Kind::Boundary, None, one));
                self.callers = Some(identity.chain(boundary).collect());
            }
            // A root user's federated users may what administrators may.
            None if kind == "FederatedUser" && id == account.as_str() => {
                let administrator = aws_managed().find(|one| one.name == "AdministratorAccess");
                let administrator = administrator.map(|one| Document {
                    kind: Kind::Identity,
                    level: None,
                    name: Some("root".into()),
                    policy: one.policy.clone(),
                });
                self.callers = Some(administrator.into_iter().collect());
            }
            None => self
                .problems
                .push(format!("the caller {id} does not exist any more")),
        }
        Ok(())
    }

    /// The policy to which a session was limited when it was issued: the record of that has it.
    fn read_session(&mut self, places: &Places<'_>, record: &Value) -> Result<(), String> {
        let decisions = super::decisions(record).iter();
        let mut outcomes = decisions.map(|decision| text(decision, "/outcomes"));
        let key = text(record, "/userIdentity/accessKeyId");
        if !outcomes.any(|outcomes| outcomes.contains("L=")) || key.is_empty() {
            return Ok(());
        }
        let issues = |event: &str| {
            let event: Value = serde_json::from_str(event).unwrap_or_default();
            text(&event, "/responseElements/credentials/accessKeyId") == key
        };
        let found = keystead_audit::find_record(places.audit_dir, "accessKeyId", key, issues);
        let found = found.map_err(|error| error.to_string())?;
        let issued = found.map(|found| serde_json::from_slice::<Value>(&found));
        let Some(issued) = issued.transpose().map_err(|error| error.to_string())? else {
            return Ok(());
        };
        let document = text(&issued, "/requestParameters/policy");
        if let Ok(policy) = Policy::compile(PolicyKind::Identity, document) {
            self.stored.push(Document {
                kind: Kind::Session,
                level: None,
                name: Some(format!("given to {}", text(&issued, "/eventName")).into()),
                policy: Arc::new(policy),
            });
        }
        Ok(())
    }

    async fn read_keys(&mut self, places: &Places<'_>, record: &Value) -> Result<(), String> {
        let text = |error: keystead_store::StoreError| error.to_string();
        for arn in resources(record) {
            let Ok(KeyReference::Arn(arn)) = KeyReference::parse(arn) else {
                continue;
            };
            let records = read(places.data_dir, &arn.region)?;
            let stored = records.key(arn.account, arn.key_id).await.map_err(text)?;
            match stored {
                Some(stored) => self.keys.push(Key {
                    arn: arn.to_string(),
                    policy: compiled(&arn, &stored.value).map(Arc::new),
                    record: stored.value,
                }),
                None => self.problems.push(format!("{arn} does not exist any more")),
            }
            for id in grants_named(record) {
                let grant = records.grant_by_id(id).await.map_err(text)?;
                self.grants.extend(grant.map(|grant| grant.value));
            }
        }
        Ok(())
    }

    fn read_configuration(&mut self, places: &Places<'_>) -> Result<(), String> {
        if let Some(path) = places.organization {
            self.organizations = Some(organizations_of(path)?);
        }
        let usual = places.data_dir.join("keystead.toml");
        let config = match places.config {
            Some(config) => config.to_owned(),
            None if usual.exists() => usual,
            None => return Ok(()),
        };
        let file = File::read(&config)?;
        if self.organizations.is_none() {
            self.organizations = Some(file.organizations()?);
        }
        let listeners = file.listeners(file.listen.address)?;
        let endpoints = listeners.into_iter().filter_map(|one| one.endpoint);
        self.endpoints = Some(endpoints.collect());
        Ok(())
    }

    /// The key of an ARN, as it is today.
    pub(super) fn key(&self, arn: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.arn == arn)
    }

    /// A grant as it is today.
    pub(super) fn grant(&self, id: &str) -> Option<&GrantRecord> {
        let mut grants = self.grants.iter();
        grants.find(|grant| grant.grant_id.to_string() == id)
    }

    /// An identity policy of that digest, wherever in the account it is stored.
    pub(super) fn stored(&self, digest: PolicyDigest) -> Option<&Document> {
        let mut stored = self.stored.iter();
        stored.find(|document| document.policy.digest() == digest)
    }

    /// What takes part today in a decision about `resource`, an ARN or empty.
    pub(super) fn in_force(&self, record: &Value, resource: &str) -> InForce {
        // What a session was limited to stands in its token.
        let mut unknown = vec![Kind::Session];
        let mut documents = self.callers.clone().unwrap_or_default();
        if self.callers.is_none() {
            unknown.extend([Kind::Identity, Kind::Boundary]);
        }
        let caller = AccountId::parse(text(record, "/recipientAccountId")).ok();
        let owner = resource.split(':').nth(4);
        let owner = owner.and_then(|owner| AccountId::parse(owner).ok());
        // RCPs do not reach the retirement of a grant, nor does the key policy when it is the
        // account that issued the grant which allows it.
        let retires = text(record, "/eventName") == "RetireGrant";
        let key = self.key(resource);
        match key.map(|key| &key.policy) {
            Some(Some(policy)) if !retires || owner == caller => documents.push(Document {
                kind: Kind::Resource,
                level: None,
                name: None,
                policy: policy.clone(),
            }),
            None if resource.is_empty() => {}
            _ => unknown.push(Kind::Resource),
        }
        match &self.organizations {
            Some(organizations) => {
                let service = text(record, "/userIdentity/type") == "AWSService";
                let managed = key.is_some_and(|key| key.record.manager == KeyManager::Aws);
                let own = caller.filter(|_| !service);
                let guarded = owner.or(caller).filter(|_| !managed && !retires);
                let own = own.map(|own| organizations.membership(own).service_control);
                let guarded =
                    guarded.map(|guarded| organizations.membership(guarded).resource_control);
                for (kind, levels) in [
                    (Kind::ServiceControl, own),
                    (Kind::ResourceControl, guarded),
                ] {
                    for (index, level) in levels.iter().flat_map(|levels| levels.iter()).enumerate()
                    {
                        let level = level.iter();
                        documents.extend(level.map(|one| Document::of(kind, Some(index), one)));
                    }
                }
            }
            None => unknown.extend([Kind::ServiceControl, Kind::ResourceControl]),
        }
        let endpoint = text(record, "/vpcEndpointId");
        let mut endpoints = self.endpoints.iter().flatten();
        match endpoints.find(|one| *one.id == *endpoint) {
            Some(found) => {
                let policy = found.policy.iter();
                documents.extend(policy.map(|policy| Document::of(Kind::Endpoint, None, policy)));
            }
            None if endpoint.is_empty() => {}
            // It may stand in another configuration.
            None => unknown.push(Kind::Endpoint),
        }
        InForce { documents, unknown }
    }
}

fn read(data_dir: &Path, region: &Region) -> Result<Records, String> {
    let path: PathBuf = store_in(data_dir, region);
    let backend = ReadOnly::open(path).map_err(|error| error.to_string())?;
    Ok(Records::new(Arc::new(backend)))
}

/// The key policy as the server compiles it.
fn compiled(arn: &KeyArn, record: &KeyRecord) -> Option<Policy> {
    if record.manager == KeyManager::Customer {
        return Policy::compile_bound(PolicyKind::Key, &record.policy, &record.bound).ok();
    }
    let (account, region) = (record.account, &arn.region);
    let service = ManagedKey::service_of(&record.policy, account, region)?;
    let key = ManagedKey {
        service,
        account,
        region,
    };
    key.policy().ok()
}

/// The grants that the decisions of a record name.
fn grants_named(record: &Value) -> impl Iterator<Item = GrantId> {
    let decisions = super::decisions(record).iter();
    let named = decisions.map(|decision| text(decision, "/decision/grantId"));
    named.filter_map(|id| GrantId::parse(id).ok())
}

/// Every identity policy that an account has, and AWS's.
fn all_of(account: &Account, partition: &str) -> Vec<Document> {
    let users = account.users().map(|user| &user.inline);
    let groups = account.groups().map(|group| &group.inline);
    let roles = account.roles().map(|role| &role.inline);
    let inline = users.chain(groups).chain(roles);
    let inline = inline.flat_map(|inline| inline.iter().cloned());
    let versions = account.policies().flat_map(|policy| {
        policy.record.versions.iter().filter_map(|version| {
            let compiled = Policy::compile(PolicyKind::Identity, &version.document).ok()?;
            Some(NamedPolicy {
                name: policy.arn.clone(),
                policy: Arc::new(compiled),
            })
        })
    });
    let aws = aws_managed().map(|policy| NamedPolicy {
        name: policy.arn(partition).into(),
        policy: policy.policy.clone(),
    });
    let all = inline.chain(versions).chain(aws);
    all.map(|named| Document::of(Kind::Identity, None, &named))
        .collect()
}
