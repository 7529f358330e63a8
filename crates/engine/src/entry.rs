//! A key as the pipeline holds it: its record with everything parsed that can be parsed once.

use std::sync::Arc;

use keystead_policy::KeyPolicy;
use keystead_store::records::KeyRecord;
use keystead_store::{Revision, Versioned};
use keystead_types::{Fault, FaultKind, KeyArn, KeyUsage, MaterialId, Region};
use keystead_wall::{KeyBinding, KeyHandle, WrappedKey};

/// A key record of one revision, with its policy compiled and its bindings built.
pub struct KeyEntry {
    record: KeyRecord,
    revision: Revision,
    arn: KeyArn,
    arn_text: Arc<str>,
    policy: KeyPolicy,
    materials: Vec<(KeyBinding, WrappedKey)>,
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
        let policy = KeyPolicy::compile(&record.policy).map_err(Fault::internal)?;
        let materials = record.materials.iter().map(|material| {
            let binding = KeyBinding {
                region: region.clone(),
                account: record.account,
                key_id: record.key_id,
                spec: record.spec,
                usage: record.usage,
                origin: record.origin,
                material_id: material.id,
            };
            (binding, WrappedKey(material.wrapped.0.clone()))
        });
        let materials = materials.collect();
        Ok(Self {
            arn_text: arn.to_string().into(),
            revision,
            arn,
            policy,
            materials,
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

    /// The key's ARN.
    pub fn arn(&self) -> &KeyArn {
        &self.arn
    }

    /// The key's ARN as text.
    pub fn arn_text(&self) -> &str {
        &self.arn_text
    }

    /// The compiled key policy.
    pub(crate) fn policy(&self) -> &KeyPolicy {
        &self.policy
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
