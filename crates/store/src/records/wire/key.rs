//! The stored form of key records, version 3. Version 2 is the same without its last field.

use std::borrow::Cow;

use keystead_types::{Hex32, KeyManager, KeySpec, KeyState, KeyUsage, Origin, Region, Timestamp};
use serde::{Deserialize, Serialize};

use super::key_v1::KeyV1;
use super::{
    Pairs, account, corrupt, fields, key_id, pairs_from_wire, pairs_to_wire, split,
    unknown_version, write,
};
use crate::StoreError;
use crate::records::{
    Deletion, Import, KeyRecord, Material, MaterialState, MultiRegion, MultiRegionRole, Replica,
    Rotation, RotationSetting, WrappedKeyBytes,
};

/// The version that is written.
const VERSION: u8 = 3;
const WHAT: &str = "key record";

#[derive(Serialize, Deserialize)]
struct KeyV2<'a> {
    #[serde(borrow)]
    fields: KeyFields<'a>,
    #[serde(borrow)]
    materials: Vec<MaterialV2<'a>>,
    #[serde(borrow)]
    multi_region: Option<MultiRegionV2<'a>>,
    #[serde(borrow)]
    public_key: Option<&'a [u8]>,
}

#[derive(Serialize, Deserialize)]
struct KeyV3<'a> {
    #[serde(borrow)]
    before: KeyV2<'a>,
    #[serde(borrow)]
    bound: Pairs<'a>,
}

/// The fields that every version so far has.
#[derive(Serialize, Deserialize)]
pub(super) struct KeyFields<'a> {
    #[serde(borrow)]
    pub(super) key_id: Cow<'a, str>,
    pub(super) account: u64,
    pub(super) spec: u8,
    pub(super) usage: u8,
    pub(super) origin: u8,
    pub(super) manager: u8,
    pub(super) state: u8,
    #[serde(borrow)]
    pub(super) description: Cow<'a, str>,
    pub(super) created: i64,
    pub(super) deletion: Option<(i64, u32)>,
    #[serde(borrow)]
    pub(super) policy: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) tags: Pairs<'a>,
    pub(super) rotation: Option<RotationFields>,
    pub(super) on_demand_rotations: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RotationFields {
    period_days: u32,
    enabled_at: i64,
    next: i64,
}

#[derive(Serialize, Deserialize)]
struct MaterialV2<'a> {
    id: [u8; 32],
    #[serde(borrow)]
    wrapped: Option<&'a [u8]>,
    created: i64,
    rotation: Option<u8>,
    rotated_at: Option<i64>,
    state: u8,
    #[serde(borrow)]
    import: Option<ImportV2<'a>>,
}

#[derive(Serialize, Deserialize)]
struct ImportV2<'a> {
    valid_to: Option<i64>,
    #[serde(borrow)]
    description: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct MultiRegionV2<'a> {
    role: u8,
    #[serde(borrow)]
    primary: Cow<'a, str>,
    #[serde(borrow)]
    replicas: Vec<(Cow<'a, str>, bool)>,
    #[serde(borrow)]
    handover: Option<Cow<'a, str>>,
    sync_due: Option<i64>,
}

impl MaterialState {
    const ALL: [Self; 5] = [
        Self::Current,
        Self::NonCurrent,
        Self::PendingRotation,
        Self::PendingMultiRegionImportAndRotation,
        Self::Distributing,
    ];

    /// Stored number, stable.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Current => 1,
            Self::NonCurrent => 2,
            Self::PendingRotation => 3,
            Self::PendingMultiRegionImportAndRotation => 4,
            Self::Distributing => 5,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

impl Rotation {
    /// Stored number, stable.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Automatic => 1,
            Self::OnDemand => 2,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        let all = [Self::Automatic, Self::OnDemand];
        all.into_iter().find(|rotation| rotation.code() == code)
    }
}

impl MultiRegionRole {
    /// Stored number, stable.
    fn code(self) -> u8 {
        match self {
            Self::Primary => 1,
            Self::Replica => 2,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        let all = [Self::Primary, Self::Replica];
        all.into_iter().find(|role| role.code() == code)
    }
}

fn material_to_wire(material: &Material) -> MaterialV2<'_> {
    MaterialV2 {
        id: material.id.0,
        wrapped: material.wrapped.as_ref().map(|bytes| bytes.0.as_slice()),
        created: material.created.as_millis(),
        rotation: material.rotation.map(Rotation::code),
        rotated_at: material.rotated_at.map(Timestamp::as_millis),
        state: material.state.code(),
        import: material.import.as_ref().map(|import| ImportV2 {
            valid_to: import.valid_to.map(Timestamp::as_millis),
            description: import.description.as_deref().map(Cow::from),
        }),
    }
}

fn material_from_wire(wire: MaterialV2<'_>) -> Option<Material> {
    Some(Material {
        id: Hex32(wire.id),
        wrapped: wire.wrapped.map(|bytes| WrappedKeyBytes(bytes.to_vec())),
        created: Timestamp::from_millis(wire.created),
        rotation: match wire.rotation {
            Some(code) => Some(Rotation::from_code(code)?),
            None => None,
        },
        rotated_at: wire.rotated_at.map(Timestamp::from_millis),
        state: MaterialState::from_code(wire.state)?,
        import: wire.import.map(|import| Import {
            valid_to: import.valid_to.map(Timestamp::from_millis),
            description: import.description.map(Cow::into_owned),
        }),
    })
}

fn set_to_wire(set: &MultiRegion) -> MultiRegionV2<'_> {
    let replicas = set.replicas.iter();
    MultiRegionV2 {
        role: set.role.code(),
        primary: set.primary.as_str().into(),
        replicas: replicas
            .map(|replica| (replica.region.as_str().into(), replica.established))
            .collect(),
        handover: set.handover.as_ref().map(|region| region.as_str().into()),
        sync_due: set.sync_due.map(Timestamp::as_millis),
    }
}

fn set_from_wire(wire: &MultiRegionV2<'_>) -> Result<MultiRegion, StoreError> {
    let region =
        |text: &str| Region::parse(text).map_err(|_| corrupt(WHAT, "an impossible Region"));
    let replicas = wire.replicas.iter().map(|(name, established)| {
        Ok(Replica {
            region: region(name)?,
            established: *established,
        })
    });
    Ok(MultiRegion {
        role: MultiRegionRole::from_code(wire.role)
            .ok_or_else(|| corrupt(WHAT, "an unknown code"))?,
        primary: region(&wire.primary)?,
        replicas: replicas.collect::<Result<_, StoreError>>()?,
        handover: wire.handover.as_deref().map(region).transpose()?,
        sync_due: wire.sync_due.map(Timestamp::from_millis),
    })
}

impl<'a> KeyFields<'a> {
    fn of(key: &'a KeyRecord) -> Self {
        Self {
            key_id: key.key_id.as_str().into(),
            account: key.account.to_number(),
            spec: key.spec.code(),
            usage: key.usage.code(),
            origin: key.origin.code(),
            manager: key.manager.code(),
            state: key.state.code(),
            description: key.description.as_str().into(),
            created: key.created.as_millis(),
            deletion: key
                .deletion
                .map(|deletion| (deletion.due.as_millis(), deletion.window_days)),
            policy: key.policy.as_str().into(),
            tags: pairs_to_wire(&key.tags),
            rotation: key.rotation.map(|setting| RotationFields {
                period_days: setting.period_days,
                enabled_at: setting.enabled_at.as_millis(),
                next: setting.next.as_millis(),
            }),
            on_demand_rotations: key.on_demand_rotations,
        }
    }

    /// The record of these fields and of those that differ between versions; `materials` is none
    /// when one of them has an unknown code.
    pub(super) fn into_record(
        self,
        what: &str,
        materials: Option<Vec<Material>>,
        multi_region: Option<MultiRegion>,
        public_key: Option<Vec<u8>>,
    ) -> Result<KeyRecord, StoreError> {
        let bad = || corrupt(what, "an unknown code");
        Ok(KeyRecord {
            key_id: key_id(what, &self.key_id)?,
            account: account(what, self.account)?,
            spec: KeySpec::from_code(self.spec).ok_or_else(bad)?,
            usage: KeyUsage::from_code(self.usage).ok_or_else(bad)?,
            origin: Origin::from_code(self.origin).ok_or_else(bad)?,
            manager: KeyManager::from_code(self.manager).ok_or_else(bad)?,
            state: KeyState::from_code(self.state).ok_or_else(bad)?,
            description: self.description.into_owned(),
            created: Timestamp::from_millis(self.created),
            deletion: self.deletion.map(|(due, window_days)| Deletion {
                due: Timestamp::from_millis(due),
                window_days,
            }),
            multi_region,
            policy: self.policy.into_owned(),
            bound: Vec::new(),
            tags: pairs_from_wire(self.tags),
            materials: materials.ok_or_else(bad)?,
            public_key,
            rotation: self.rotation.map(|setting| RotationSetting {
                period_days: setting.period_days,
                enabled_at: Timestamp::from_millis(setting.enabled_at),
                next: Timestamp::from_millis(setting.next),
            }),
            on_demand_rotations: self.on_demand_rotations,
        })
    }
}

impl KeyV2<'_> {
    fn into_record(self) -> Result<KeyRecord, StoreError> {
        let materials = self.materials.into_iter().map(material_from_wire);
        let materials = materials.collect();
        let set = self.multi_region.as_ref().map(set_from_wire).transpose()?;
        let public_key = self.public_key.map(<[u8]>::to_vec);
        self.fields.into_record(WHAT, materials, set, public_key)
    }
}

impl KeyRecord {
    /// The stored form.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let before = KeyV2 {
            fields: KeyFields::of(self),
            materials: self.materials.iter().map(material_to_wire).collect(),
            multi_region: self.multi_region.as_ref().map(set_to_wire),
            public_key: self.public_key.as_deref(),
        };
        let bound = pairs_to_wire(&self.bound);
        write(VERSION, &KeyV3 { before, bound })
    }

    /// Reads the stored form, of versions 1 and 2 too.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an unknown version and for bytes that no record has.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        match split(WHAT, bytes)? {
            (1, body) => fields::<KeyV1<'_>>(WHAT, body)?.into_record(WHAT),
            (2, body) => fields::<KeyV2<'_>>(WHAT, body)?.into_record(),
            (VERSION, body) => {
                let wire: KeyV3<'_> = fields(WHAT, body)?;
                let record = wire.before.into_record()?;
                let bound = pairs_from_wire(wire.bound);
                Ok(Self { bound, ..record })
            }
            (other, _) => Err(unknown_version(WHAT, other, VERSION)),
        }
    }
}
