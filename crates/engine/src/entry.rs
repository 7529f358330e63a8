//! A key as the pipeline holds it: its record with everything parsed that can be parsed once.

use std::sync::Arc;

use keystead_policy::{ManagedKey, Policy, PolicyKind};
use keystead_store::records::KeyRecord;
use keystead_store::{Revision, Versioned};
use keystead_types::{
    Fault, FaultKind, KeyArn, KeyManager, KeyState, KeyUsage, MaterialId, Region, Timestamp,
};
use keystead_wall::{KeyBinding, KeyHandle, WrappedKey};

/// Stands in a binding until the HSM has made or opened the material.
pub(crate) const NO_MATERIAL: MaterialId = keystead_types::Hex32([0; 32]);

/// The binding of a key's material in a Region.
pub(crate) fn binding(region: &Region, record: &KeyRecord, material_id: MaterialId) -> KeyBinding {
    KeyBinding {
        region: region.clone(),
        account: record.account,
        key_id: record.key_id,
        spec: record.spec,
        usage: record.usage,
        origin: record.origin,
        material_id,
    }
}

/// A key record of one revision, with its policy compiled and its bindings built.
pub struct KeyEntry {
    record: KeyRecord,
    revision: Revision,
    arn: KeyArn,
    arn_text: Arc<str>,
    policy: Policy,
    materials: Vec<(KeyBinding, WrappedKey)>,
    /// When the first of the imported material that it needs expires.
    expires: Option<Timestamp>,
}

/// The policy that decides. That of an AWS managed key is fixed.
fn compiled_policy(region: &Region, record: &KeyRecord) -> Result<Policy, Fault> {
    if record.manager == KeyManager::Customer {
        let policy = Policy::compile_bound(PolicyKind::Key, &record.policy, &record.bound);
        return policy.map_err(Fault::internal);
    }
    let account = record.account;
    let service = ManagedKey::service_of(&record.policy, account, region);
    let service = service.ok_or_else(|| Fault::internal("an AWS managed key's policy changed"))?;
    let key = ManagedKey {
        service,
        account,
        region,
    };
    key.policy().map_err(Fault::internal)
}

impl KeyEntry {
    /// Prepares a record.
    ///
    /// Errors: KMSInternalException when the stored policy does not compile.
    pub(crate) fn new(region: &Region, stored: Versioned<KeyRecord>) -> Result<Self, Fault> {
        let Versioned {
            value: record,
            modified: revision,
        } = stored;
        let arn = KeyArn {
            region: region.clone(),
            account: record.account,
            key_id: record.key_id,
        };
        let policy = compiled_policy(region, &record)?;
        let materials = record.materials.iter().filter_map(|material| {
            let wrapped = material.wrapped.as_ref()?;
            let binding = binding(region, &record, material.id);
            Some((binding, WrappedKey(wrapped.0.clone())))
        });
        let materials = materials.collect();
        Ok(Self {
            arn_text: arn.to_string().into(),
            revision,
            arn,
            policy,
            materials,
            expires: record.first_expiry(),
            record,
        })
    }

    /// The stored record.
    pub fn record(&self) -> &KeyRecord {
        &self.record
    }

    /// The revision of the record.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// The key's state at a moment. Imported material is over when its time is, whether or not the
    /// clockwork has been there to remove it.
    pub(crate) fn state_at(&self, now: Timestamp) -> KeyState {
        let over = self.expires.is_some_and(|end| end <= now);
        match self.record.state {
            KeyState::Enabled | KeyState::Disabled | KeyState::Updating if over => {
                KeyState::PendingImport
            }
            state => state,
        }
    }

    /// The key's ARN.
    pub fn arn(&self) -> &KeyArn {
        &self.arn
    }

    /// The key's ARN as text.
    pub fn arn_text(&self) -> &str {
        &self.arn_text
    }

    /// The compiled key policy.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The binding of material of this key.
    pub(crate) fn binding(&self, material_id: MaterialId) -> KeyBinding {
        binding(&self.arn.region, &self.record, material_id)
    }

    /// The material that a usable key works with.
    ///
    /// Errors: KMSInternalException if there is none, which the key's state should not allow.
    pub(crate) fn usable(&self) -> Result<KeyHandle<'_>, Fault> {
        self.current()
            .ok_or_else(|| Fault::internal("an enabled key has no current material"))
    }

    /// The material that encrypts.
    pub(crate) fn current(&self) -> Option<KeyHandle<'_>> {
        let id = self.record.current_material()?.id;
        self.material(id)
    }

    /// The material of that id.
    pub(crate) fn material(&self, id: MaterialId) -> Option<KeyHandle<'_>> {
        let found = self
            .materials
            .iter()
            .find(|(binding, _)| binding.material_id == id);
        found.map(|(binding, wrapped)| KeyHandle { binding, wrapped })
    }

    /// Refuses a key of another usage, with KMS's text.
    pub(crate) fn check_usage(&self, needed: KeyUsage, operation: &str) -> Result<(), Fault> {
        let Self {
            record, arn_text, ..
        } = self;
        if record.usage == needed {
            return Ok(());
        }
        let usage = record.usage;
        Err(Fault::new(
            FaultKind::InvalidKeyUsage,
            format!("{arn_text} key usage is {usage} which is not valid for {operation}."),
        ))
    }
}
