//! RotateKeyOnDemand.

use keystead_api::rotate_key_on_demand::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Identifier, KeySelector, Material, OneKey, Operation, Ready, Rotation,
    Spec, States, limits::ROTATION_CONFLICT_MILLIS,
};
use keystead_types::{Fault, FaultKind, limits::ON_DEMAND_ROTATIONS_PER_KEY};

/// Gives a key new material at once. The schedule of automatic rotation does not move.
pub enum RotateKeyOnDemand {}

impl Operation for RotateKeyOnDemand {
    type Shape = keystead_api::RotateKeyOnDemand;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:RotateKeyOnDemand",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::RotatableNow,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_RotateKeyOnDemand.html",
    };

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let (now, arn) = (ready.now(), ready.arn_text().to_owned());
        let key = ready.key();
        if usize::try_from(key.on_demand_rotations).is_ok_and(|n| n >= ON_DEMAND_ROTATIONS_PER_KEY)
        {
            return Err(Fault::new(
                FaultKind::LimitExceeded,
                format!(
                    "The on-demand rotations limit has been reached for the given keyId. No more \
                     on-demand rotations can be performed for this key: {arn}"
                ),
            ));
        }
        let soon = now.plus_millis(ROTATION_CONFLICT_MILLIS);
        if key
            .rotation
            .as_ref()
            .is_some_and(|rotation| rotation.next <= soon)
        {
            let text = format!("An automatic rotation of {arn} is in progress or about to begin.");
            return Err(Fault::new(FaultKind::Conflict, text));
        }
        let fresh = ready.new_material().await?;
        let material = Material {
            rotation: Some(Rotation::OnDemand),
            rotated_at: Some(now),
            ..fresh
        };
        ready.update(|key| {
            Ready::add_rotated(key, material);
            key.on_demand_rotations += 1;
        });
        Ok(Output { key_id: Some(arn) })
    }
}
