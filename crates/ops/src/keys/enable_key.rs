//! EnableKey.

use keystead_api::enable_key::Input;
use keystead_engine::{
    AnyUse, CrossAccount, Identifier, KeySelector, OneKey, Operation, Ready, Spec, States,
};
use keystead_types::{Fault, KeyState};

/// Makes a disabled key usable again; a rotation that it missed follows at once.
pub enum EnableKey {}

impl Operation for EnableKey {
    type Shape = keystead_api::EnableKey;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:EnableKey",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Switchable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKey.html",
    };

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        ready.update(|key| key.state = KeyState::Enabled);
        Ok(())
    }
}
