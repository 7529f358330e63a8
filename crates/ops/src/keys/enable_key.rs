//! EnableKey.

use keystead_api::enable_key::Input;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeyRecord, KeySelector, OneKey, Operation, Part,
    Ready, Spec, States, settle_import_state,
};
use keystead_types::{Fault, FaultKind, KeyState, Origin};

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

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        if lacks_material(ready.key()) {
            let arn = ready.arn_text();
            return Err(Fault::new(
                FaultKind::KMSInvalidState,
                format!("{arn} is pending import."),
            ));
        }
        ready.update(|key| key.state = KeyState::Enabled);
        Ok(())
    }
}

/// Whether the key lost imported material while it waited for its deletion: it is disabled when
/// that is cancelled, and cannot work before the material is back.
fn lacks_material(key: &KeyRecord) -> bool {
    let mut whole = key.clone();
    whole.state = KeyState::Enabled;
    settle_import_state(&mut whole);
    key.origin == Origin::External && whole.state == KeyState::PendingImport
}
