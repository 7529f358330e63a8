//! CancelKeyDeletion.

use keystead_api::cancel_key_deletion::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States,
};
use keystead_types::{Fault, KeyState};

/// Takes a key out of its waiting period; it is disabled afterwards, whatever it was before.
pub enum CancelKeyDeletion {}

impl Operation for CancelKeyDeletion {
    type Shape = keystead_api::CancelKeyDeletion;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:CancelKeyDeletion",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::PendingDeletion,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_CancelKeyDeletion.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        ready.update(|key| {
            key.state = KeyState::Disabled;
            key.deletion = None;
        });
        Ok(Output {
            key_id: Some(ready.arn_text().to_owned()),
        })
    }
}
