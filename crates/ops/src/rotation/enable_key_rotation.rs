//! EnableKeyRotation.

use std::sync::Arc;

use keystead_api::enable_key_rotation::Input;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeyEntry, KeySelector, OneKey, Operation, Part, Ready,
    RotationSetting, Spec, States,
};
use keystead_types::Fault;

use super::require_schedule;
use crate::regions::refuse_handover;

/// Period when none is sent, days. Source: KMS API reference, EnableKeyRotation.
const DEFAULT_PERIOD_DAYS: u32 = 365;

/// Has a key rotated every so many days, counted from now.
pub enum EnableKeyRotation {}

impl Operation for EnableKeyRotation {
    type Shape = keystead_api::EnableKeyRotation;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:EnableKeyRotation",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Rotatable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            rotation_period_days: input.rotation_period_in_days,
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(_input: &Input, held: &Arc<KeyEntry>) -> Result<(), Fault> {
        require_schedule(held)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        refuse_handover(ready.key(), ready.arn_text())?;
        let period_days = input.rotation_period_in_days.unwrap_or(DEFAULT_PERIOD_DAYS);
        let enabled_at = ready.now();
        let next = enabled_at.plus_days(period_days);
        ready.update(|key| {
            key.rotation = Some(RotationSetting {
                period_days,
                enabled_at,
                next,
            })
        });
        Ok(())
    }
}
