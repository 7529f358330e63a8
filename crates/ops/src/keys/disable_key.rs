//! DisableKey.

use keystead_api::disable_key::Input;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States,
};
use keystead_types::{Fault, KeyState};

/// Stops all cryptography with a key, reversibly.
pub enum DisableKey {}

impl Operation for DisableKey {
    type Shape = keystead_api::DisableKey;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:DisableKey",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Switchable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_DisableKey.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            ends_use: true,
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        ready.update(|key| key.state = KeyState::Disabled);
        Ok(())
    }
}
