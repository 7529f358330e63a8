//! DisableKeyRotation.

use std::sync::Arc;

use keystead_api::disable_key_rotation::Input;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeyEntry, KeySelector, OneKey, Operation, Part, Ready,
    Spec, States,
};
use keystead_types::Fault;

use super::require_schedule;
use crate::regions::refuse_handover;

/// Stops the automatic rotation of a key; its material stays as it is.
pub enum DisableKeyRotation {}

impl Operation for DisableKeyRotation {
    type Shape = keystead_api::DisableKeyRotation;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:DisableKeyRotation",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Rotatable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_DisableKeyRotation.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(_input: &Input, held: &Arc<KeyEntry>) -> Result<(), Fault> {
        require_schedule(held)
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        refuse_handover(ready.key(), ready.arn_text())?;
        ready.update(|key| key.rotation = None);
        Ok(())
    }
}
