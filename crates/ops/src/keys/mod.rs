//! Keys as such: making, describing, listing, switching, destroying.

mod cancel_key_deletion;
mod create_key;
mod describe_key;
mod disable_key;
mod enable_key;
mod get_key_last_usage;
mod get_public_key;
mod list_keys;
mod schedule_key_deletion;
mod update_key_description;

pub use cancel_key_deletion::CancelKeyDeletion;
pub use create_key::CreateKey;
pub use describe_key::DescribeKey;
pub use disable_key::DisableKey;
pub use enable_key::EnableKey;
pub use get_key_last_usage::GetKeyLastUsage;
pub use get_public_key::GetPublicKey;
pub use list_keys::ListKeys;
pub use schedule_key_deletion::ScheduleKeyDeletion;
pub use update_key_description::UpdateKeyDescription;

use keystead_api::model::{
    EncapsulationAlgorithmSpec, ExpirationModelType, KeyAgreementAlgorithmSpec, KeyMetadata,
    MultiRegionConfiguration, MultiRegionKey, MultiRegionKeyType,
};
use keystead_engine::{KeyRecord, MultiRegion, MultiRegionRole};
use keystead_types::{KeyArn, KeySpec, KeyState, KeyUsage, Origin, Region, Timestamp};

/// A key as DescribeKey and CreateKey show it. Source: KMS API reference, KeyMetadata.
pub(crate) fn metadata(record: &KeyRecord, arn: &KeyArn) -> KeyMetadata {
    let KeyRecord { spec, usage, .. } = *record;
    let deletion = record.deletion.as_ref();
    let in_state = |state| deletion.filter(|_| record.state == state);
    let some = |list: bool| list.then_some(());
    let import = expiration(record);
    KeyMetadata {
        aws_account_id: Some(record.account.to_string()),
        key_id: record.key_id.to_string(),
        arn: Some(arn.to_string()),
        creation_date: Some(record.created),
        enabled: Some(record.state == KeyState::Enabled),
        description: Some(record.description.clone()),
        key_usage: Some(usage),
        key_state: Some(record.state),
        deletion_date: in_state(KeyState::PendingDeletion).map(|deletion| deletion.due),
        pending_deletion_window_in_days: in_state(KeyState::PendingReplicaDeletion)
            .map(|deletion| deletion.window_days),
        origin: Some(record.origin),
        expiration_model: import.map(|valid_to| match valid_to {
            Some(_) => ExpirationModelType::KeyMaterialExpires,
            None => ExpirationModelType::KeyMaterialDoesNotExpire,
        }),
        valid_to: import.flatten(),
        key_manager: Some(record.manager),
        customer_master_key_spec: Some(spec),
        key_spec: Some(spec),
        encryption_algorithms: listed(spec.encryption_algorithms(usage)),
        signing_algorithms: listed(spec.signing_algorithms(usage)),
        mac_algorithms: spec.mac_algorithm().map(|algorithm| vec![algorithm]),
        key_agreement_algorithms: some(usage == KeyUsage::KeyAgreement)
            .map(|()| vec![KeyAgreementAlgorithmSpec::Ecdh]),
        encapsulation_algorithms: some(usage == KeyUsage::EncapsulateDecapsulate)
            .map(|()| vec![EncapsulationAlgorithmSpec::MlKem]),
        multi_region: Some(record.multi_region.is_some()),
        multi_region_configuration: record
            .multi_region
            .as_ref()
            .map(|set| configuration(set, arn)),
        current_key_material_id: current_material_id(record),
        ..KeyMetadata::default()
    }
}

/// A list of the answer; absent when it is empty.
fn listed<A: Copy>(list: &[A]) -> Option<Vec<A>> {
    (!list.is_empty()).then(|| list.to_vec())
}

/// The id of the material that encrypts; only symmetric keys show it, and not before their
/// creation or state Creating is over. Source: KMS API reference, KeyMetadata.
fn current_material_id(record: &KeyRecord) -> Option<String> {
    let shown = record.spec == KeySpec::SymmetricDefault && record.state != KeyState::Creating;
    let current = record.current_material().filter(|_| shown);
    current.map(|material| material.id.to_string())
}

/// For imported material that is there: its earliest expiry, if any expires.
/// Source: KMS API reference, KeyMetadata, ValidTo.
fn expiration(record: &KeyRecord) -> Option<Option<Timestamp>> {
    let missing = record.current_material()?.wrapped.is_none();
    if record.origin != Origin::External || record.state == KeyState::PendingImport || missing {
        return None;
    }
    Some(record.first_expiry())
}

/// The set of a multi-Region key.
fn configuration(set: &MultiRegion, arn: &KeyArn) -> MultiRegionConfiguration {
    let member = |region: &Region| {
        let arn = KeyArn {
            region: region.clone(),
            ..arn.clone()
        };
        MultiRegionKey {
            arn: Some(arn.to_string()),
            region: Some(region.to_string()),
        }
    };
    MultiRegionConfiguration {
        multi_region_key_type: Some(match set.role {
            MultiRegionRole::Primary => MultiRegionKeyType::Primary,
            MultiRegionRole::Replica => MultiRegionKeyType::Replica,
        }),
        primary_key: Some(member(&set.primary)),
        replica_keys: Some(set.replicas.iter().map(|one| member(&one.region)).collect()),
    }
}
