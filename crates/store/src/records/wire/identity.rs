//! The stored form of records about accounts and their identities, version 1 of each kind.

use std::borrow::Cow;

use keystead_types::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Pairs, account, pairs_from_wire, pairs_to_wire, read, write};
use crate::StoreError;
use crate::layout::IdentityKind;
use crate::records::{
    AccessKeyRecord, AccountRecord, GroupRecord, IdentityRecord, InlinePolicy, PolicyRecord,
    PolicySet, PolicyVersionRecord, ProviderRecord, RoleRecord, UserRecord,
};

const VERSION: u8 = 1;

type Text<'a> = Cow<'a, str>;

#[derive(Serialize, Deserialize)]
struct AccountV1<'a> {
    account: u64,
    #[serde(borrow)]
    alias: Option<Text<'a>>,
    created: i64,
}

/// What users, groups, roles and managed policies have in common.
#[derive(Serialize, Deserialize)]
struct EntityV1<'a> {
    account: u64,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    path: Text<'a>,
    #[serde(borrow)]
    unique_id: Text<'a>,
    created: i64,
}

#[derive(Serialize, Deserialize)]
struct PolicySetV1<'a> {
    #[serde(borrow)]
    inline: Pairs<'a>,
    #[serde(borrow)]
    attached: Vec<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct UserV1<'a> {
    #[serde(borrow)]
    entity: EntityV1<'a>,
    #[serde(borrow)]
    tags: Pairs<'a>,
    #[serde(borrow)]
    policies: PolicySetV1<'a>,
    #[serde(borrow)]
    boundary: Option<Text<'a>>,
    #[serde(borrow)]
    groups: Vec<Text<'a>>,
    #[serde(borrow)]
    access_keys: Vec<AccessKeyV1<'a>>,
}

#[derive(Serialize, Deserialize)]
struct AccessKeyV1<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    active: bool,
    created: i64,
    #[serde(borrow)]
    sealed_secret: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct GroupV1<'a> {
    #[serde(borrow)]
    entity: EntityV1<'a>,
    #[serde(borrow)]
    policies: PolicySetV1<'a>,
}

#[derive(Serialize, Deserialize)]
struct RoleV1<'a> {
    #[serde(borrow)]
    entity: EntityV1<'a>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    trust: Text<'a>,
    #[serde(borrow)]
    trusted_ids: Pairs<'a>,
    max_session_seconds: u32,
    #[serde(borrow)]
    tags: Pairs<'a>,
    #[serde(borrow)]
    policies: PolicySetV1<'a>,
    #[serde(borrow)]
    boundary: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct PolicyV1<'a> {
    #[serde(borrow)]
    entity: EntityV1<'a>,
    updated: i64,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    tags: Pairs<'a>,
    /// Number, document, created.
    #[serde(borrow)]
    versions: Vec<(u32, Text<'a>, i64)>,
    default_version: u32,
    last_version: u32,
}

#[derive(Serialize, Deserialize)]
struct ProviderV1<'a> {
    account: u64,
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    client_ids: Vec<Text<'a>>,
    #[serde(borrow)]
    thumbprints: Vec<Text<'a>>,
    created: i64,
    #[serde(borrow)]
    tags: Pairs<'a>,
}

fn texts(list: &[String]) -> Vec<Text<'_>> {
    list.iter().map(|text| text.as_str().into()).collect()
}

fn owned(list: Vec<Text<'_>>) -> Vec<String> {
    list.into_iter().map(Cow::into_owned).collect()
}

fn maybe(text: Option<&String>) -> Option<Text<'_>> {
    text.map(|text| text.as_str().into())
}

fn entity<'a>(
    account: AccountId,
    name: &'a str,
    path: &'a str,
    unique_id: &'a str,
    created: Timestamp,
) -> EntityV1<'a> {
    EntityV1 {
        account: account.to_number(),
        name: name.into(),
        path: path.into(),
        unique_id: unique_id.into(),
        created: created.as_millis(),
    }
}

fn policies(set: &PolicySet) -> PolicySetV1<'_> {
    let inline = set.inline.iter();
    PolicySetV1 {
        inline: inline
            .map(|one| (one.name.as_str().into(), one.document.as_str().into()))
            .collect(),
        attached: texts(&set.attached),
    }
}

impl PolicySetV1<'_> {
    fn into_set(self) -> PolicySet {
        let inline = self
            .inline
            .into_iter()
            .map(|(name, document)| InlinePolicy {
                name: name.into_owned(),
                document: document.into_owned(),
            });
        PolicySet {
            inline: inline.collect(),
            attached: owned(self.attached),
        }
    }
}

impl AccountRecord {
    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let wire = AccountV1 {
            account: self.account.to_number(),
            alias: maybe(self.alias.as_ref()),
            created: self.created.as_millis(),
        };
        write(VERSION, &wire)
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "account record";
        let wire: AccountV1<'_> = read(WHAT, VERSION, bytes)?;
        Ok(Self {
            account: account(WHAT, wire.account)?,
            alias: wire.alias.map(Cow::into_owned),
            created: Timestamp::from_millis(wire.created),
        })
    }
}

impl UserRecord {
    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let keys = self.access_keys.iter().map(|key| AccessKeyV1 {
            id: key.id.as_str().into(),
            active: key.active,
            created: key.created.as_millis(),
            sealed_secret: &key.sealed_secret,
        });
        let wire = UserV1 {
            entity: entity(
                self.account,
                &self.name,
                &self.path,
                &self.unique_id,
                self.created,
            ),
            tags: pairs_to_wire(&self.tags),
            policies: policies(&self.policies),
            boundary: maybe(self.boundary.as_ref()),
            groups: texts(&self.groups),
            access_keys: keys.collect(),
        };
        write(VERSION, &wire)
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "user record";
        let wire: UserV1<'_> = read(WHAT, VERSION, bytes)?;
        let keys = wire.access_keys.into_iter().map(|key| AccessKeyRecord {
            id: key.id.into_owned(),
            active: key.active,
            created: Timestamp::from_millis(key.created),
            sealed_secret: key.sealed_secret.to_vec(),
        });
        Ok(Self {
            account: account(WHAT, wire.entity.account)?,
            name: wire.entity.name.into_owned(),
            path: wire.entity.path.into_owned(),
            unique_id: wire.entity.unique_id.into_owned(),
            created: Timestamp::from_millis(wire.entity.created),
            tags: pairs_from_wire(wire.tags),
            policies: wire.policies.into_set(),
            boundary: wire.boundary.map(Cow::into_owned),
            groups: owned(wire.groups),
            access_keys: keys.collect(),
        })
    }
}

impl GroupRecord {
    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let wire = GroupV1 {
            entity: entity(
                self.account,
                &self.name,
                &self.path,
                &self.unique_id,
                self.created,
            ),
            policies: policies(&self.policies),
        };
        write(VERSION, &wire)
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "group record";
        let wire: GroupV1<'_> = read(WHAT, VERSION, bytes)?;
        Ok(Self {
            account: account(WHAT, wire.entity.account)?,
            name: wire.entity.name.into_owned(),
            path: wire.entity.path.into_owned(),
            unique_id: wire.entity.unique_id.into_owned(),
            created: Timestamp::from_millis(wire.entity.created),
            policies: wire.policies.into_set(),
        })
    }
}

impl RoleRecord {
    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let wire = RoleV1 {
            entity: entity(
                self.account,
                &self.name,
                &self.path,
                &self.unique_id,
                self.created,
            ),
            description: maybe(self.description.as_ref()),
            trust: self.trust.as_str().into(),
            trusted_ids: pairs_to_wire(&self.trusted_ids),
            max_session_seconds: self.max_session_seconds,
            tags: pairs_to_wire(&self.tags),
            policies: policies(&self.policies),
            boundary: maybe(self.boundary.as_ref()),
        };
        write(VERSION, &wire)
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "role record";
        let wire: RoleV1<'_> = read(WHAT, VERSION, bytes)?;
        Ok(Self {
            account: account(WHAT, wire.entity.account)?,
            name: wire.entity.name.into_owned(),
            path: wire.entity.path.into_owned(),
            unique_id: wire.entity.unique_id.into_owned(),
            created: Timestamp::from_millis(wire.entity.created),
            description: wire.description.map(Cow::into_owned),
            trust: wire.trust.into_owned(),
            trusted_ids: pairs_from_wire(wire.trusted_ids),
            max_session_seconds: wire.max_session_seconds,
            tags: pairs_from_wire(wire.tags),
            policies: wire.policies.into_set(),
            boundary: wire.boundary.map(Cow::into_owned),
        })
    }
}

impl PolicyRecord {
    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let versions = self.versions.iter().map(|one| {
            let document = one.document.as_str().into();
            (one.number, document, one.created.as_millis())
        });
        let wire = PolicyV1 {
            entity: entity(
                self.account,
                &self.name,
                &self.path,
                &self.unique_id,
                self.created,
            ),
            updated: self.updated.as_millis(),
            description: maybe(self.description.as_ref()),
            tags: pairs_to_wire(&self.tags),
            versions: versions.collect(),
            default_version: self.default_version,
            last_version: self.last_version,
        };
        write(VERSION, &wire)
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "policy record";
        let wire: PolicyV1<'_> = read(WHAT, VERSION, bytes)?;
        let versions = wire.versions.into_iter();
        let versions = versions.map(|(number, document, created)| PolicyVersionRecord {
            number,
            document: document.into_owned(),
            created: Timestamp::from_millis(created),
        });
        Ok(Self {
            account: account(WHAT, wire.entity.account)?,
            name: wire.entity.name.into_owned(),
            path: wire.entity.path.into_owned(),
            unique_id: wire.entity.unique_id.into_owned(),
            created: Timestamp::from_millis(wire.entity.created),
            updated: Timestamp::from_millis(wire.updated),
            description: wire.description.map(Cow::into_owned),
            tags: pairs_from_wire(wire.tags),
            versions: versions.collect(),
            default_version: wire.default_version,
            last_version: wire.last_version,
        })
    }
}

impl ProviderRecord {
    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let wire = ProviderV1 {
            account: self.account.to_number(),
            url: self.url.as_str().into(),
            client_ids: texts(&self.client_ids),
            thumbprints: texts(&self.thumbprints),
            created: self.created.as_millis(),
            tags: pairs_to_wire(&self.tags),
        };
        write(VERSION, &wire)
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "identity provider record";
        let wire: ProviderV1<'_> = read(WHAT, VERSION, bytes)?;
        Ok(Self {
            account: account(WHAT, wire.account)?,
            url: wire.url.into_owned(),
            client_ids: owned(wire.client_ids),
            thumbprints: owned(wire.thumbprints),
            created: Timestamp::from_millis(wire.created),
            tags: pairs_from_wire(wire.tags),
        })
    }
}

impl IdentityRecord {
    /// The stored form, which does not say its kind: its place does.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Account(one) => one.encode(),
            Self::User(one) => one.encode(),
            Self::Group(one) => one.encode(),
            Self::Role(one) => one.encode(),
            Self::Policy(one) => one.encode(),
            Self::Provider(one) => one.encode(),
        }
    }

    /// Reads the stored form of a record of that kind.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an unknown version and for bytes that no record has.
    pub fn decode(kind: IdentityKind, bytes: &[u8]) -> Result<Self, StoreError> {
        Ok(match kind {
            IdentityKind::Account => Self::Account(AccountRecord::decode(bytes)?),
            IdentityKind::User => Self::User(UserRecord::decode(bytes)?),
            IdentityKind::Group => Self::Group(GroupRecord::decode(bytes)?),
            IdentityKind::Role => Self::Role(RoleRecord::decode(bytes)?),
            IdentityKind::Policy => Self::Policy(PolicyRecord::decode(bytes)?),
            IdentityKind::Provider => Self::Provider(ProviderRecord::decode(bytes)?),
        })
    }
}
