//! Version 1 of the key record: read, no longer written. It knew no multi-Region keys, no
//! imported material and no public keys.

use std::borrow::Cow;

use keystead_types::{Hex32, Timestamp};
use serde::Deserialize;

use super::key::{KeyFields, RotationFields};
use super::{Pairs, corrupt};
use crate::StoreError;
use crate::records::{KeyRecord, Material, MaterialState, Rotation, WrappedKeyBytes};

/// The largest code of a material's state in this version.
const LAST_STATE: u8 = 3;

#[derive(Deserialize)]
pub(super) struct KeyV1<'a> {
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
    tags: Pairs<'a>,
    #[serde(borrow)]
    materials: Vec<MaterialV1<'a>>,
    rotation: Option<RotationFields>,
    on_demand_rotations: u32,
}

#[derive(Deserialize)]
struct MaterialV1<'a> {
    id: [u8; 32],
    #[serde(borrow)]
    wrapped: &'a [u8],
    created: i64,
    rotation: Option<u8>,
    rotated_at: Option<i64>,
    state: u8,
}

impl KeyV1<'_> {
    /// The record that these fields are.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for what no record of this version had, a set of Regions too: no
    /// program that wrote version 1 made multi-Region keys, so there is none to be told.
    pub(super) fn into_record(self, what: &str) -> Result<KeyRecord, StoreError> {
        if self.multi_region {
            return Err(corrupt(what, "a set of Regions in version 1"));
        }
        let materials = self.materials.iter().map(material);
        let materials = materials.collect::<Option<_>>();
        KeyFields {
            key_id: self.key_id,
            account: self.account,
            spec: self.spec,
            usage: self.usage,
            origin: self.origin,
            manager: self.manager,
            state: self.state,
            description: self.description,
            created: self.created,
            deletion: self.deletion,
            policy: self.policy,
            tags: self.tags,
            rotation: self.rotation,
            on_demand_rotations: self.on_demand_rotations,
        }
        .into_record(what, materials, None, None)
    }
}

fn material(wire: &MaterialV1<'_>) -> Option<Material> {
    Some(Material {
        id: Hex32(wire.id),
        wrapped: Some(WrappedKeyBytes(wire.wrapped.to_vec())),
        created: Timestamp::from_millis(wire.created),
        rotation: match wire.rotation {
            Some(code) => Some(Rotation::from_code(code)?),
            None => None,
        },
        rotated_at: wire.rotated_at.map(Timestamp::from_millis),
        state: MaterialState::from_code(wire.state).filter(|state| state.code() <= LAST_STATE)?,
        import: None,
    })
}
