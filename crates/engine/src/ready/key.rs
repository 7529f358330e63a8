//! What a key held for management can do.

use keystead_store::Change;
use keystead_store::records::{KeyRecord, Material, WrappedKeyBytes};
use keystead_types::Fault;
use keystead_wall::{Command, KeyBinding, Reply};

use super::{Ready, wrong_reply};
use crate::entry::NO_MATERIAL;
use crate::multi_region;
use crate::target::{AnyUse, OneKey, Target};

impl Ready<'_, OneKey<AnyUse>> {
    /// Mints the change of this key's record to what `edit` makes of it. Which key it is, and what
    /// it is for, cannot be edited.
    pub fn update(&mut self, edit: impl FnOnce(&mut KeyRecord)) {
        let held = self.held.record();
        let mut record = held.clone();
        edit(&mut record);
        let mut record = KeyRecord {
            key_id: held.key_id,
            account: held.account,
            spec: held.spec,
            usage: held.usage,
            origin: held.origin,
            manager: held.manager,
            created: held.created,
            ..record
        };
        multi_region::note_changes(held, &mut record, self.stage.site.now());
        let previous = Some(self.held.revision());
        self.changes.push(Change::PutKey { record, previous });
    }

    /// Makes new material for this key in the HSM, to be added by [`Self::update`].
    pub async fn new_material(&mut self) -> Result<Material, Fault> {
        let held = self.held.clone();
        let (material, _) = self.generate(&held.binding(NO_MATERIAL)).await?;
        Ok(material)
    }

    /// Adds rotated material: it becomes the current one, in a set once every replica has it.
    pub fn add_rotated(record: &mut KeyRecord, material: Material) {
        multi_region::add_rotated(record, material);
    }
}

/// Whether the lockout safety check runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lockout {
    /// The new policy must let the caller replace it again.
    Check,
    /// `BypassPolicyLockoutSafetyCheck`.
    Bypass,
}

impl<T: Target> Ready<'_, T> {
    /// Makes material for a binding, whose material id is ignored, and the public key if there is
    /// one.
    pub(super) async fn generate(
        &mut self,
        binding: &KeyBinding,
    ) -> Result<(Material, Option<Vec<u8>>), Fault> {
        let reply = self
            .ask_for_key(binding.spec, |supply| Command::GenerateKey {
                binding,
                supply,
            })
            .await?;
        match reply {
            Reply::NewKey {
                material_id,
                wrapped,
                public_key,
            } => {
                let wrapped = WrappedKeyBytes(wrapped.0);
                Ok((
                    Material::first(material_id, wrapped, self.now()),
                    public_key,
                ))
            }
            _ => Err(wrong_reply()),
        }
    }
}
