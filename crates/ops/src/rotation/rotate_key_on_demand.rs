//! RotateKeyOnDemand.

use std::sync::Arc;

use keystead_api::rotate_key_on_demand::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeyEntry, KeyRecord, KeySelector, Material,
    MaterialState, OneKey, Operation, Part, Ready, Rotation, Spec, States,
    limits::ROTATION_CONFLICT_MILLIS,
};
use keystead_types::{Fault, FaultKind, MaterialId, Origin, Timestamp};

use super::require_symmetric;
use crate::regions::{refuse_handover, refuse_replica};

/// Gives a key new material at once, an EXTERNAL one the material that waits for it. The schedule
/// of automatic rotation does not move.
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

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(_input: &Input, held: &Arc<KeyEntry>) -> Result<(), Fault> {
        require_symmetric(held)?;
        refuse_replica(held)
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let (now, arn) = (ready.now(), ready.arn_text().to_owned());
        let key = ready.key();
        refuse_handover(key, &arn)?;
        let most = ready.quotas().on_demand_rotations_per_key;
        if usize::try_from(key.on_demand_rotations).is_ok_and(|n| n >= most) {
            return Err(Fault::new(
                FaultKind::LimitExceeded,
                format!(
                    "The on-demand rotations limit has been reached for the given keyId. No more \
                     on-demand rotations can be performed for this key: {arn}"
                ),
            ));
        }
        if is_rotating(key, now) {
            let text = format!("A rotation of {arn} is in progress or about to begin.");
            return Err(Fault::new(FaultKind::Conflict, text));
        }
        if key.origin == Origin::External {
            let pending = pending(key, &arn)?;
            ready.update(|key| adopt(key, pending, now));
        } else {
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
        }
        Ok(Output { key_id: Some(arn) })
    }
}

/// Whether a rotation is under way, or one by itself is due within 20 minutes.
fn is_rotating(key: &KeyRecord, now: Timestamp) -> bool {
    let soon = now.plus_millis(ROTATION_CONFLICT_MILLIS);
    let due = key.rotation.as_ref().is_some_and(|one| one.next <= soon);
    let underway = |one: &Material| one.state == MaterialState::Distributing;
    due || key.materials.iter().any(underway)
}

/// The imported material that waits for this rotation.
fn pending(key: &KeyRecord, arn: &str) -> Result<MaterialId, Fault> {
    let waits =
        |one: &&Material| one.state == MaterialState::PendingRotation && one.wrapped.is_some();
    let found = key.materials.iter().find(waits);
    found.map(|one| one.id).ok_or_else(|| {
        Fault::new(
            FaultKind::KMSInvalidState,
            format!("No available key material pending rotation for the key: {arn}."),
        )
    })
}

/// Makes imported material the current one.
fn adopt(key: &mut KeyRecord, id: MaterialId, now: Timestamp) {
    let mut waiting = key.materials.extract_if(.., |one| one.id == id);
    let found = waiting.next();
    drop(waiting);
    if let Some(material) = found {
        key.push_current(Material {
            rotation: Some(Rotation::OnDemand),
            rotated_at: Some(now),
            ..material
        });
        key.on_demand_rotations += 1;
    }
}
