//! The record of a KMS key.

use std::fmt;

use keystead_types::{
    AccountId, KeyId, KeyManager, KeySpec, KeyState, KeyUsage, MaterialId, Origin, Region,
    Timestamp,
};

use super::Sealed;

/// Everything that is stored about one KMS key, its wrapped key material included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key id.
    pub key_id: KeyId,
    /// The owner.
    pub account: AccountId,
    /// Type of the key material.
    pub spec: KeySpec,
    /// What the key may be used for.
    pub usage: KeyUsage,
    /// Where its material comes from.
    pub origin: Origin,
    /// Who manages it.
    pub manager: KeyManager,
    /// Its state.
    pub state: KeyState,
    /// Free text of its owner.
    pub description: String,
    /// When it was created.
    pub created: Timestamp,
    /// Set while it waits for its deletion.
    pub deletion: Option<Deletion>,
    /// The set that a multi-Region key belongs to.
    pub multi_region: Option<MultiRegion>,
    /// The key policy, as the document that was stored.
    pub policy: String,
    /// Unique ids to which the users and roles in the key policy were bound when it was stored:
    /// ARN and id.
    pub bound: Vec<(String, String)>,
    /// Tags in the order in which they were first set; each key once.
    pub tags: Vec<(String, String)>,
    /// Versions of the key material, oldest first.
    pub materials: Vec<Material>,
    /// The public key (DER SPKI) of an asymmetric key that has had material.
    pub public_key: Option<Vec<u8>>,
    /// Automatic rotation, when it is switched on.
    pub rotation: Option<RotationSetting>,
    /// On-demand rotations so far.
    pub on_demand_rotations: u32,
}

impl KeyRecord {
    /// The material that encrypts and signs: the last one in state
    /// [`Current`](MaterialState::Current). None before the first import.
    pub fn current_material(&self) -> Option<&Material> {
        let mut newest_first = self.materials.iter().rev();
        newest_first.find(|material| material.state == MaterialState::Current)
    }

    /// When the first material expires of those that the key needs: the current one and those
    /// that were. None if none of them does.
    pub fn first_expiry(&self) -> Option<Timestamp> {
        let needed = |one: &&Material| {
            let used = matches!(
                one.state,
                MaterialState::Current | MaterialState::NonCurrent
            );
            used && one.wrapped.is_some()
        };
        let needed = self.materials.iter().filter(needed);
        needed.filter_map(|one| one.import.as_ref()?.valid_to).min()
    }

    /// The material of that id.
    pub fn material(&self, id: &MaterialId) -> Option<&Material> {
        self.materials.iter().find(|material| material.id == *id)
    }

    /// Appends material and makes it the current one; the one that was current keeps decrypting.
    pub fn push_current(&mut self, mut material: Material) {
        for older in &mut self.materials {
            if older.state == MaterialState::Current {
                older.state = MaterialState::NonCurrent;
            }
        }
        material.state = MaterialState::Current;
        self.materials.push(material);
    }

    /// The value of a tag.
    pub fn tag(&self, name: &str) -> Option<&str> {
        let mut tags = self.tags.iter();
        tags.find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The waiting period of a key that will be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// The key is deleted at this moment or later, never before.
    pub due: Timestamp,
    /// Length of the waiting period, days (7–30).
    pub window_days: u32,
}

/// One version of a key's material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Its id, bound into every ciphertext that it made.
    pub id: MaterialId,
    /// The material, encrypted under a domain key. None for imported material that was deleted
    /// or has expired: it can be imported again.
    pub wrapped: Option<WrappedKeyBytes>,
    /// When it was generated or first imported.
    pub created: Timestamp,
    /// The rotation that made it current; none for the first material.
    pub rotation: Option<Rotation>,
    /// When that rotation happened.
    pub rotated_at: Option<Timestamp>,
    /// What it may be used for now.
    pub state: MaterialState,
    /// What its import said; none for material that was generated here.
    pub import: Option<Import>,
}

/// What an import of material said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Import {
    /// When the material expires; none for `KEY_MATERIAL_DOES_NOT_EXPIRE`, and once it is gone.
    pub valid_to: Option<Timestamp>,
    /// Free text of its owner.
    pub description: Option<String>,
}

impl Material {
    /// The first material of a new key: current, and made by no rotation.
    pub fn first(id: MaterialId, wrapped: WrappedKeyBytes, created: Timestamp) -> Self {
        Self {
            id,
            wrapped: Some(wrapped),
            created,
            rotation: None,
            rotated_at: None,
            state: MaterialState::Current,
            import: None,
        }
    }

    /// Material that a rotation at `at` generated and made current.
    pub fn rotated(
        id: MaterialId,
        wrapped: WrappedKeyBytes,
        rotation: Rotation,
        at: Timestamp,
    ) -> Self {
        Self {
            rotation: Some(rotation),
            rotated_at: Some(at),
            ..Self::first(id, wrapped, at)
        }
    }
}

/// State of key material. Source: KMS model, `KeyMaterialState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaterialState {
    /// Encrypts and decrypts.
    Current,
    /// Decrypts only.
    NonCurrent,
    /// Imported for the next on-demand rotation; not used yet.
    PendingRotation,
    /// Imported into the primary key of a set, and not yet into all of its replicas.
    PendingMultiRegionImportAndRotation,
    /// Made by a rotation of a set's primary key and not yet in all of its replicas; on the wire
    /// it does not show.
    Distributing,
}

/// The set of related keys that a multi-Region key belongs to. The primary key's record decides;
/// what replicas hold is brought in line with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiRegion {
    /// What this key is in the set.
    pub role: MultiRegionRole,
    /// The Region of the primary key.
    pub primary: Region,
    /// The replicas, in order of their Regions.
    pub replicas: Vec<Replica>,
    /// On a primary key: the Region that it hands its role to.
    pub handover: Option<Region>,
    /// When replicas must be brought in line with this primary key; none when they are.
    pub sync_due: Option<Timestamp>,
}

/// A replica in a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Its Region.
    pub region: Region,
    /// True once its record has been made: if it is missing afterwards, it was deleted.
    pub established: bool,
}

/// What a key is in its set. Source: KMS model, `MultiRegionKeyType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MultiRegionRole {
    /// Its shared properties are the set's.
    Primary,
    /// It follows the primary key.
    Replica,
}

/// What caused a rotation. Source: KMS model, `RotationType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// The rotation period had passed.
    Automatic,
    /// RotateKeyOnDemand was called.
    OnDemand,
}

/// Automatic rotation of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationSetting {
    /// Days between rotations (90–2,560).
    pub period_days: u32,
    /// When automatic rotation was switched on or its period last changed.
    pub enabled_at: Timestamp,
    /// The next rotation happens at this moment or later.
    pub next: Timestamp,
}

/// Key material encrypted under a domain key, as the HSM process returned it. Opaque here.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKeyBytes(pub Vec<u8>);

impl fmt::Debug for WrappedKeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Sealed(self.0.len()).fmt(f)
    }
}
