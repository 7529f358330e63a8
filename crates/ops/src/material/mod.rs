//! Key material that its owner brings along: wrapped for its import, imported, deleted again.

mod delete_imported_key_material;
mod get_parameters_for_import;
mod import_key_material;

pub use delete_imported_key_material::DeleteImportedKeyMaterial;
pub use get_parameters_for_import::GetParametersForImport;
pub use import_key_material::ImportKeyMaterial;

use keystead_engine::{KeyEntry, KeyRecord, Material, MaterialState, MultiRegion, MultiRegionRole};
use keystead_types::{Fault, FaultKind, KeySpec, MaterialId, Origin};

/// Refuses keys whose material is made here.
///
/// Errors: UnsupportedOperationException.
fn require_external(key: &KeyEntry) -> Result<(), Fault> {
    let (arn, origin) = (key.arn_text(), key.record().origin);
    if origin == Origin::External {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::UnsupportedOperation,
        format!("{arn} origin is {origin} which is not valid for this operation."),
    ))
}

/// Whether material waits for its rotation: it does not belong to the key for good yet.
fn is_pending(material: &Material) -> bool {
    matches!(
        material.state,
        MaterialState::PendingRotation | MaterialState::PendingMultiRegionImportAndRotation
    )
}

/// Whether the key follows the primary key of its set.
fn is_replica(record: &KeyRecord) -> bool {
    let set: Option<&MultiRegion> = record.multi_region.as_ref();
    set.is_some_and(|set| set.role == MultiRegionRole::Replica)
}

/// The id of material as answers show it: only symmetric keys have ids.
/// Source: KMS API reference, ImportKeyMaterial, KeyMaterialId.
fn shown(record: &KeyRecord, id: Option<MaterialId>) -> Option<String> {
    let id = id.filter(|_| record.spec == KeySpec::SymmetricDefault);
    id.map(|id| id.to_string())
}

/// The `responseElements` of a change of material.
fn response(arn: &str, material: Option<&str>) -> String {
    match material {
        Some(id) => format!(r#"{{"keyId":"{arn}","keyMaterialId":"{id}"}}"#),
        None => format!(r#"{{"keyId":"{arn}"}}"#),
    }
}
