//! Keys as such: making, describing, listing, switching, destroying.

mod cancel_key_deletion;
mod create_key;
mod describe_key;
mod disable_key;
mod enable_key;
mod list_keys;
mod schedule_key_deletion;
mod update_key_description;

pub use cancel_key_deletion::CancelKeyDeletion;
pub use create_key::CreateKey;
pub use describe_key::DescribeKey;
pub use disable_key::DisableKey;
pub use enable_key::EnableKey;
pub use list_keys::ListKeys;
pub use schedule_key_deletion::ScheduleKeyDeletion;
pub use update_key_description::UpdateKeyDescription;

use keystead_api::model::{EncryptionAlgorithmSpec, KeyMetadata};
use keystead_engine::KeyRecord;
use keystead_types::{KeyArn, KeyState};

/// A key as DescribeKey and CreateKey show it. Source: KMS API reference, KeyMetadata.
fn metadata(record: &KeyRecord, arn: &KeyArn) -> KeyMetadata {
    KeyMetadata {
        aws_account_id: Some(record.account.to_string()),
        key_id: record.key_id.to_string(),
        arn: Some(arn.to_string()),
        creation_date: Some(record.created),
        enabled: Some(record.state == KeyState::Enabled),
        description: Some(record.description.clone()),
        key_usage: Some(record.usage),
        key_state: Some(record.state),
        deletion_date: record.deletion.as_ref().map(|deletion| deletion.due),
        origin: Some(record.origin),
        key_manager: Some(record.manager),
        customer_master_key_spec: Some(record.spec),
        key_spec: Some(record.spec),
        encryption_algorithms: Some(vec![EncryptionAlgorithmSpec::SymmetricDefault]),
        multi_region: Some(record.multi_region),
        current_key_material_id: record
            .current_material()
            .map(|material| material.id.to_string()),
        ..KeyMetadata::default()
    }
}
