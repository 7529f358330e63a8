//! What a key held for management can do.

use keystead_policy::KeyPolicy;
use keystead_store::Change;
use keystead_store::records::{KeyRecord, Material, WrappedKeyBytes};
use keystead_types::{Fault, FaultKind, KeyArn, partition_of};
use keystead_wall::{Command, KeyBinding, Reply};

use super::{Ready, wrong_reply};
use crate::authorize;
use crate::target::{AnyUse, OneKey, Target};

impl Ready<'_, OneKey<AnyUse>> {
    /// The key's record.
    pub fn key(&self) -> &KeyRecord {
        self.held.record()
    }

    /// The key's ARN.
    pub fn arn(&self) -> &KeyArn {
        self.held.arn()
    }

    /// The key's ARN as text.
    pub fn arn_text(&self) -> &str {
        self.held.arn_text()
    }

    /// Mints the change of this key's record to what `edit` makes of it. Which key it is, and what
    /// it is for, cannot be edited.
    pub fn update(&mut self, edit: impl FnOnce(&mut KeyRecord)) {
        let held = self.held.record();
        let mut record = held.clone();
        edit(&mut record);
        let record = KeyRecord {
            key_id: held.key_id,
            account: held.account,
            spec: held.spec,
            usage: held.usage,
            origin: held.origin,
            manager: held.manager,
            created: held.created,
            ..record
        };
        let previous = Some(self.held.revision());
        self.changes.push(Change::PutKey { record, previous });
    }

    /// Makes new material for this key in the HSM, to be added by [`Self::update`].
    pub async fn new_material(&mut self) -> Result<Material, Fault> {
        let held = self.held.clone();
        let binding = held
            .current()
            .map(|current| current.binding.clone())
            .ok_or_else(|| Fault::internal("a key of origin AWS_KMS has no material"))?;
        self.generate(&binding).await
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
    let partition = partition_of(&arn.region);
    let compiled = KeyPolicy::compile(policy).map_err(|error| error.fault())?;
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
    /// Makes material for a binding, whose material id is ignored.
    pub(super) async fn generate(&mut self, binding: &KeyBinding) -> Result<Material, Fault> {
        match self.ask(Command::GenerateKey { binding }).await? {
            Reply::NewKey {
                material_id,
                wrapped,
            } => Ok(Material::first(
                material_id,
                WrappedKeyBytes(wrapped.0),
                self.now(),
            )),
            _ => Err(wrong_reply()),
        }
    }
}
