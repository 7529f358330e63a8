//! ListKeyRotations.

use keystead_api::list_key_rotations::{Input, Output};
use keystead_api::model::{IncludeKeyMaterial, KeyMaterialState, RotationType, RotationsListEntry};
use keystead_engine::{
    AnyUse, CrossAccount, Identifier, KeySelector, Material, OneKey, Operation, Ready, Rotation,
    Spec, States,
};
use keystead_types::Fault;

/// Default and largest page. Source: KMS API reference, ListKeyRotations.
const PAGE: (u32, u32) = (100, 1000);

/// Lists a key's completed rotations, newest last; with `ALL_KEY_MATERIAL` its first material too.
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

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let all = input.include_key_material == Some(IncludeKeyMaterial::AllKeyMaterial);
        let key = ready.key();
        let current = key.current_material().map(|material| material.id);
        let key_id = key.key_id.to_string();
        let entry = |material: &Material| RotationsListEntry {
            key_id: Some(key_id.clone()),
            key_material_id: Some(material.id.to_string()),
            key_material_state: Some(if current == Some(material.id) {
                KeyMaterialState::Current
            } else {
                KeyMaterialState::NonCurrent
            }),
            rotation_date: material.rotated_at,
            rotation_type: material.rotation.map(|rotation| match rotation {
                Rotation::Automatic => RotationType::Automatic,
                Rotation::OnDemand => RotationType::OnDemand,
            }),
            ..RotationsListEntry::default()
        };
        let shown = key
            .materials
            .iter()
            .filter(|material| all || material.rotation.is_some());
        let entries: Vec<_> = shown.map(entry).collect();
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
