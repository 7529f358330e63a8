//! UpdateKeyDescription.

use keystead_api::update_key_description::Input;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States,
};
use keystead_types::Fault;

/// Replaces the free text of a key.
pub enum UpdateKeyDescription {}

impl Operation for UpdateKeyDescription {
    type Shape = keystead_api::UpdateKeyDescription;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:UpdateKeyDescription",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::NotPendingDeletion,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdateKeyDescription.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        ready.update(|key| key.description.clone_from(&input.description));
        Ok(())
    }
}
