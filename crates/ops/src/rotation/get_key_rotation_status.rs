//! GetKeyRotationStatus.

use std::sync::Arc;

use keystead_api::get_key_rotation_status::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeyEntry, KeySelector, MaterialState, OneKey,
    Operation, Part, Ready, Rotation, Spec, States,
};
use keystead_types::{Fault, KeyState};

use super::require_symmetric;

/// Tells whether and when a key rotates by itself. An on-demand rotation is complete when its call
/// returns; only a primary key whose replicas do not have the new material yet shows its start.
pub enum GetKeyRotationStatus {}

impl Operation for GetKeyRotationStatus {
    type Shape = keystead_api::GetKeyRotationStatus;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:GetKeyRotationStatus",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Allowed,
        states: States::RotationShown,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(_input: &Input, held: &Arc<KeyEntry>) -> Result<(), Fault> {
        require_symmetric(held)
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let leaving = [KeyState::PendingDeletion, KeyState::PendingReplicaDeletion];
        let paused = leaving.contains(&ready.key().state);
        let rotation = ready.key().rotation.as_ref().filter(|_| !paused);
        let underway = ready.key().materials.iter().find(|one| {
            one.state == MaterialState::Distributing && one.rotation == Some(Rotation::OnDemand)
        });
        Ok(Output {
            key_id: Some(ready.arn_text().to_owned()),
            key_rotation_enabled: Some(rotation.is_some()),
            rotation_period_in_days: rotation.map(|rotation| rotation.period_days),
            next_rotation_date: rotation.map(|rotation| rotation.next),
            on_demand_rotation_start_date: underway.and_then(|one| one.rotated_at),
        })
    }
}
