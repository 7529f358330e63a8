//! The stored form of records, version 1: the version byte, then a postcard struct.
//!
//! These structs are frozen: postcard writes fields by position, so a changed field is a new
//! version with structs of its own, and the golden files keep this one readable.

use std::borrow::Cow;

use keystead_types::{
    AccountId, AliasName, Hex32, KeyId, KeyManager, KeySpec, KeyState, KeyUsage, Origin, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{
    AliasRecord, CredentialRecord, Deletion, KeyRecord, Material, MaterialState, Rotation,
    RotationSetting, WrappedKeyBytes,
};
use crate::StoreError;

/// The version that is written.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct KeyV1<'a> {
    #[serde(borrow)]
    key_id: Cow<'a, str>,
    account: u64,
    spec: u8,
    usage: u8,
    origin: u8,
    manager: u8,
    state: u8,
    #[serde(borrow)]
    description: Cow<'a, str>,
    created: i64,
    deletion: Option<(i64, u32)>,
    multi_region: bool,
    #[serde(borrow)]
    policy: Cow<'a, str>,
    #[serde(borrow)]
    tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(borrow)]
    materials: Vec<MaterialV1<'a>>,
    rotation: Option<RotationV1>,
    on_demand_rotations: u32,
}

#[derive(Serialize, Deserialize)]
struct MaterialV1<'a> {
    id: [u8; 32],
    #[serde(borrow)]
    wrapped: &'a [u8],
    created: i64,
    rotation: Option<u8>,
    rotated_at: Option<i64>,
    state: u8,
}

#[derive(Serialize, Deserialize)]
struct RotationV1 {
    period_days: u32,
    enabled_at: i64,
    next: i64,
}

#[derive(Serialize, Deserialize)]
struct AliasV1<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    account: u64,
    #[serde(borrow)]
    target: Cow<'a, str>,
    created: i64,
    updated: i64,
}

#[derive(Serialize, Deserialize)]
struct CredentialV1<'a> {
    account: u64,
    #[serde(borrow)]
    sealed_secret: &'a [u8],
    created: i64,
}

fn write<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(record, vec![VERSION]).map_err(|cause| StoreError::Failed(Box::new(cause)))
}

/// Takes the version byte off and reads the fields; bytes after them are damage too.
fn read<'a, T: Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&VERSION, body)) => match postcard::take_from_bytes(body) {
            Ok((record, [])) => Ok(record),
            Ok(_) => Err(corrupt(what, "bytes after its end")),
            Err(_) => Err(corrupt(what, "fields that do not decode")),
        },
        Some((version, _)) => Err(StoreError::Corrupt(format!(
            "{what} of format version {version}; this program reads version {VERSION}"
        ))),
        None => Err(corrupt(what, "no bytes")),
    }
}

fn corrupt(what: &str, why: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} with {why}"))
}

fn account(what: &str, number: u64) -> Result<AccountId, StoreError> {
    AccountId::from_number(number).ok_or_else(|| corrupt(what, "an impossible account"))
}

fn key_id(what: &str, text: &str) -> Result<KeyId, StoreError> {
    KeyId::parse(text).map_err(|_| corrupt(what, "an impossible key id"))
}

impl MaterialState {
    /// Stored number, stable.
    fn code(self) -> u8 {
        match self {
            Self::Current => 1,
            Self::NonCurrent => 2,
            Self::PendingRotation => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        let all = [Self::Current, Self::NonCurrent, Self::PendingRotation];
        all.into_iter().find(|state| state.code() == code)
    }
}

impl Rotation {
    /// Stored number, stable.
    fn code(self) -> u8 {
        match self {
            Self::Automatic => 1,
            Self::OnDemand => 2,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        let all = [Self::Automatic, Self::OnDemand];
        all.into_iter().find(|rotation| rotation.code() == code)
    }
}

fn material_to_wire(material: &Material) -> MaterialV1<'_> {
    MaterialV1 {
        id: material.id.0,
        wrapped: &material.wrapped.0,
        created: material.created.as_millis(),
        rotation: material.rotation.map(Rotation::code),
        rotated_at: material.rotated_at.map(Timestamp::as_millis),
        state: material.state.code(),
    }
}

fn material_from_wire(wire: &MaterialV1<'_>) -> Option<Material> {
    Some(Material {
        id: Hex32(wire.id),
        wrapped: WrappedKeyBytes(wire.wrapped.to_vec()),
        created: Timestamp::from_millis(wire.created),
        rotation: match wire.rotation {
            Some(code) => Some(Rotation::from_code(code)?),
            None => None,
        },
        rotated_at: wire.rotated_at.map(Timestamp::from_millis),
        state: MaterialState::from_code(wire.state)?,
    })
}

impl KeyRecord {
    /// The stored form.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let tags = self.tags.iter();
        write(&KeyV1 {
            key_id: self.key_id.as_str().into(),
            account: self.account.to_number(),
            spec: self.spec.code(),
            usage: self.usage.code(),
            origin: self.origin.code(),
            manager: self.manager.code(),
            state: self.state.code(),
            description: self.description.as_str().into(),
            created: self.created.as_millis(),
            deletion: self
                .deletion
                .map(|deletion| (deletion.due.as_millis(), deletion.window_days)),
            multi_region: self.multi_region,
            policy: self.policy.as_str().into(),
            tags: tags
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            materials: self.materials.iter().map(material_to_wire).collect(),
            rotation: self.rotation.map(|setting| RotationV1 {
                period_days: setting.period_days,
                enabled_at: setting.enabled_at.as_millis(),
                next: setting.next.as_millis(),
            }),
            on_demand_rotations: self.on_demand_rotations,
        })
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an unknown version and for bytes that no record has.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "key record";
        let wire: KeyV1<'_> = read(WHAT, bytes)?;
        let bad = || corrupt(WHAT, "an unknown code");
        let materials = wire.materials.iter().map(material_from_wire);
        Ok(Self {
            key_id: key_id(WHAT, &wire.key_id)?,
            account: account(WHAT, wire.account)?,
            spec: KeySpec::from_code(wire.spec).ok_or_else(bad)?,
            usage: KeyUsage::from_code(wire.usage).ok_or_else(bad)?,
            origin: Origin::from_code(wire.origin).ok_or_else(bad)?,
            manager: KeyManager::from_code(wire.manager).ok_or_else(bad)?,
            state: KeyState::from_code(wire.state).ok_or_else(bad)?,
            description: wire.description.into_owned(),
            created: Timestamp::from_millis(wire.created),
            deletion: wire.deletion.map(|(due, window_days)| Deletion {
                due: Timestamp::from_millis(due),
                window_days,
            }),
            multi_region: wire.multi_region,
            policy: wire.policy.into_owned(),
            materials: materials.collect::<Option<_>>().ok_or_else(bad)?,
            tags: wire
                .tags
                .into_iter()
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect(),
            rotation: wire.rotation.map(|setting| RotationSetting {
                period_days: setting.period_days,
                enabled_at: Timestamp::from_millis(setting.enabled_at),
                next: Timestamp::from_millis(setting.next),
            }),
            on_demand_rotations: wire.on_demand_rotations,
        })
    }
}

impl AliasRecord {
    /// The stored form.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        write(&AliasV1 {
            name: self.name.as_str().into(),
            account: self.account.to_number(),
            target: self.target.as_str().into(),
            created: self.created.as_millis(),
            updated: self.updated.as_millis(),
        })
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an unknown version and for bytes that no record has.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "alias record";
        let wire: AliasV1<'_> = read(WHAT, bytes)?;
        Ok(Self {
            name: AliasName::parse(&wire.name)
                .map_err(|_| corrupt(WHAT, "an impossible alias name"))?,
            account: account(WHAT, wire.account)?,
            target: key_id(WHAT, &wire.target)?,
            created: Timestamp::from_millis(wire.created),
            updated: Timestamp::from_millis(wire.updated),
        })
    }
}

impl CredentialRecord {
    /// The stored form.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        write(&CredentialV1 {
            account: self.account.to_number(),
            sealed_secret: &self.sealed_secret,
            created: self.created.as_millis(),
        })
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an unknown version and for bytes that no record has.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "credential record";
        let wire: CredentialV1<'_> = read(WHAT, bytes)?;
        Ok(Self {
            account: account(WHAT, wire.account)?,
            sealed_secret: wire.sealed_secret.to_vec(),
            created: Timestamp::from_millis(wire.created),
        })
    }
}
