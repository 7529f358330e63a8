//! ListKeyRotations.

use std::sync::Arc;

use keystead_api::list_key_rotations::{Input, Output};
use keystead_api::model::{
    ExpirationModelType, ImportState, IncludeKeyMaterial, KeyMaterialState, RotationType,
    RotationsListEntry,
};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeyEntry, KeySelector, Material, MaterialState,
    OneKey, Operation, Part, Ready, Rotation, Spec, States,
};
use keystead_types::Fault;

use super::require_symmetric;

/// Default and largest page. Source: KMS API reference, ListKeyRotations.
const PAGE: (u32, u32) = (100, 1000);

/// Lists a key's completed rotations, newest last; with `ALL_KEY_MATERIAL` its first material and
/// what waits for its rotation too.
pub enum ListKeyRotations {}

impl Operation for ListKeyRotations {
    type Shape = keystead_api::ListKeyRotations;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:ListKeyRotations",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ListKeyRotations.html",
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

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let all = input.include_key_material == Some(IncludeKeyMaterial::AllKeyMaterial);
        let key = ready.key();
        let key_id = key.key_id.to_string();
        let shown = key.materials.iter();
        let shown = shown.filter(|one| all || (one.rotation.is_some() && !is_pending(one)));
        let entries: Vec<_> = shown.filter_map(|one| entry(&key_id, one)).collect();
        let filter = format!("{key_id}{}", if all { "+" } else { "" });
        let window = ready.window(input.limit, PAGE, input.marker.as_deref(), &filter)?;
        let page = ready.slice(&entries, &window, &filter)?;
        Ok(Output {
            rotations: Some(page.items),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        })
    }
}

fn is_pending(material: &Material) -> bool {
    matches!(
        material.state,
        MaterialState::PendingRotation | MaterialState::PendingMultiRegionImportAndRotation
    )
}

/// A material as the listing shows it; none for one that a rotation still brings to the replicas.
/// Source: KMS API reference, RotationsListEntry.
fn entry(key_id: &str, material: &Material) -> Option<RotationsListEntry> {
    let state = match material.state {
        MaterialState::Current => KeyMaterialState::Current,
        MaterialState::NonCurrent => KeyMaterialState::NonCurrent,
        MaterialState::PendingRotation => KeyMaterialState::PendingRotation,
        MaterialState::PendingMultiRegionImportAndRotation => {
            KeyMaterialState::PendingMultiRegionImportAndRotation
        }
        MaterialState::Distributing => return None,
    };
    let import = material.import.as_ref();
    let present = import.filter(|_| material.wrapped.is_some());
    Some(RotationsListEntry {
        key_id: Some(key_id.to_owned()),
        key_material_id: Some(material.id.to_string()),
        key_material_state: Some(state),
        rotation_date: material.rotated_at,
        rotation_type: material.rotation.map(|rotation| match rotation {
            Rotation::Automatic => RotationType::Automatic,
            Rotation::OnDemand => RotationType::OnDemand,
        }),
        import_state: import.map(|_| match present {
            Some(_) => ImportState::Imported,
            None => ImportState::PendingImport,
        }),
        expiration_model: present.map(|import| match import.valid_to {
            Some(_) => ExpirationModelType::KeyMaterialExpires,
            None => ExpirationModelType::KeyMaterialDoesNotExpire,
        }),
        valid_to: present.and_then(|import| import.valid_to),
        key_material_description: import.and_then(|import| import.description.clone()),
    })
}
