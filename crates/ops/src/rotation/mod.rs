//! Rotation: new material for a key, while the old stays for decryption.

mod disable_key_rotation;
mod enable_key_rotation;
mod get_key_rotation_status;
mod list_key_rotations;
mod rotate_key_on_demand;

pub use disable_key_rotation::DisableKeyRotation;
pub use enable_key_rotation::EnableKeyRotation;
pub use get_key_rotation_status::GetKeyRotationStatus;
pub use list_key_rotations::ListKeyRotations;
pub use rotate_key_on_demand::RotateKeyOnDemand;

use keystead_engine::KeyEntry;
use keystead_types::{Fault, FaultKind, KeySpec, Origin};

use crate::regions::refuse_replica;

/// Refuses keys that have no versions of their material.
///
/// Errors: UnsupportedOperationException without a message, as AWS answers RotateKeyOnDemand.
fn require_symmetric(key: &KeyEntry) -> Result<(), Fault> {
    match key.record().spec {
        KeySpec::SymmetricDefault => Ok(()),
        _ => Err(Fault::bare(FaultKind::UnsupportedOperation)),
    }
}

/// Refuses keys whose automatic rotation cannot be set: only material that is made here rotates
/// by itself, and a set's primary key decides for all.
///
/// Errors: UnsupportedOperationException.
fn require_schedule(key: &KeyEntry) -> Result<(), Fault> {
    require_symmetric(key)?;
    let (arn, origin) = (key.arn_text(), key.record().origin);
    if origin != Origin::AwsKms {
        return Err(Fault::new(
            FaultKind::UnsupportedOperation,
            format!("{arn} origin is {origin} which is not valid for this operation."),
        ));
    }
    refuse_replica(key)
}
