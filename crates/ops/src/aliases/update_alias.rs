//! UpdateAlias.

use keystead_api::update_alias::Input;
use keystead_engine::{
    CrossAccount, Facts, Identifier, KeyEntry, KeySelector, MovedAlias, Operation, Part, Ready,
    Spec, States,
};
use keystead_types::{AliasName, Fault, KeyUsage};

use super::{checked_name, refuse_alias_target};

/// Points an alias to another key of the same type and usage.
pub enum UpdateAlias {}

impl Operation for UpdateAlias {
    type Shape = keystead_api::UpdateAlias;
    type Target = MovedAlias;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:UpdateAlias",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::NotPendingDeletion,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdateAlias.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<(AliasName, KeySelector<'_>), Fault> {
        let name = checked_name(&input.alias_name)?;
        refuse_alias_target(&input.target_key_id)?;
        Ok((name, KeySelector::Named(&input.target_key_id)))
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        let (old, new) = (ready.old_key().map(kind), ready.new_key().map(kind));
        if old.is_some() && old != new {
            return Err(Fault::validation(
                "The alias and its new target must have the same key type and key usage.",
            ));
        }
        ready.point_to_new_key().await
    }
}

/// What an alias may not change about its key: whether it is symmetric, asymmetric or for HMACs,
/// and its usage. Source: KMS API reference, UpdateAlias.
fn kind(key: &KeyEntry) -> (bool, KeyUsage) {
    let record = key.record();
    (record.spec.is_asymmetric(), record.usage)
}
