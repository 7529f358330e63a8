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
