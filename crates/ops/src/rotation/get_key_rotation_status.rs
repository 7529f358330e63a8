//! GetKeyRotationStatus.

use keystead_api::get_key_rotation_status::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Identifier, KeySelector, OneKey, Operation, Ready, Spec, States,
};
use keystead_types::{Fault, KeyState};

/// Tells whether and when a key rotates by itself. On-demand rotations are complete when their
/// call returns, so `OnDemandRotationStartDate` never shows.
pub enum GetKeyRotationStatus {}

impl Operation for GetKeyRotationStatus {
    type Shape = keystead_api::GetKeyRotationStatus;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:GetKeyRotationStatus",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Allowed,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html",
    };

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let leaving = [KeyState::PendingDeletion, KeyState::PendingReplicaDeletion];
        let paused = leaving.contains(&ready.key().state);
        let rotation = ready.key().rotation.as_ref().filter(|_| !paused);
        Ok(Output {
            key_id: Some(ready.arn_text().to_owned()),
            key_rotation_enabled: Some(rotation.is_some()),
            rotation_period_in_days: rotation.map(|rotation| rotation.period_days),
            next_rotation_date: rotation.map(|rotation| rotation.next),
            on_demand_rotation_start_date: None,
        })
    }
}
