//! What a key held for management can do.

use keystead_policy::{Policy, PolicyKind};
use keystead_store::Change;
use keystead_store::records::{KeyRecord, Material, WrappedKeyBytes};
use keystead_types::{Fault, FaultKind, KeyArn, partition_of};
use keystead_wall::{Command, KeyBinding, Reply};

use super::{Ready, wrong_reply};
use crate::authorize;
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

    /// Compiles a new key policy and checks that the caller could replace it again, unless told
    /// not to.
    pub fn check_policy(&self, policy: &str, lockout: Lockout) -> Result<(), Fault> {
        let arn = self.held.arn().clone();
        checked_policy(self, policy, &arn, lockout)
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

/// Compiles a key policy for a key of the caller's account.
///
/// Errors: MalformedPolicyDocumentException, LimitExceededException, InvalidArnException as the
/// document deserves; MalformedPolicyDocumentException when the caller would be locked out.
pub(super) fn checked_policy<T: Target>(
    ready: &Ready<'_, T>,
    policy: &str,
    arn: &KeyArn,
    lockout: Lockout,
) -> Result<(), Fault> {
    let most = ready.quotas().key_policy_bytes;
    if policy.len() > most {
        return Err(Fault::new(
            FaultKind::LimitExceeded,
            format!("The key policy is larger than {most} bytes."),
        ));
    }
    let partition = partition_of(&arn.region);
    let compiled = Policy::compile(PolicyKind::Key, policy).map_err(|error| error.fault())?;
    compiled
        .require_partition(partition)
        .map_err(|error| error.fault())?;
    let principal = &ready.caller().principal;
    let safe = authorize::can_replace_policy(principal, partition, &compiled, arn);
    if safe || lockout == Lockout::Bypass {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::MalformedPolicyDocument,
        "The new key policy will not allow you to update the key policy in the future.",
    ))
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
