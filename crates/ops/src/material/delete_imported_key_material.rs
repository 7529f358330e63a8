//! DeleteImportedKeyMaterial.

use std::sync::Arc;

use keystead_api::delete_imported_key_material::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeyEntry, KeyRecord, KeySelector, Material, OneKey,
    Operation, Part, Ready, Spec, States, settle_import_state,
};
use keystead_types::{Fault, FaultKind, MaterialId};

use super::{is_pending, is_replica, require_external, response, shown};

/// Deletes imported material at once. Its owner can import the very same material again; material
/// that only waited for its rotation is forgotten.
pub enum DeleteImportedKeyMaterial {}

impl Operation for DeleteImportedKeyMaterial {
    type Shape = keystead_api::DeleteImportedKeyMaterial;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:DeleteImportedKeyMaterial",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::MaterialDeletable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_DeleteImportedKeyMaterial.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(_input: &Input, held: &Arc<KeyEntry>) -> Result<(), Fault> {
        require_external(held)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let found = match input.key_material_id.as_deref() {
            Some(named) => Some(material_of(ready.key(), named, ready.arn_text())?),
            None => ready.key().current_material(),
        };
        let forgotten = |one: &Material| is_pending(one) && !is_replica(ready.key());
        let idle = found.is_none_or(|one| one.wrapped.is_none() && !forgotten(one));
        let id = found.map(|one| one.id);
        if let (Some(id), false) = (id, idle) {
            ready.update(|key| delete(key, id));
        }
        let (arn, material) = (ready.key_arn(), shown(ready.key(), id));
        ready.respond(response(&arn, material.as_deref()));
        Ok(Output {
            key_id: Some(arn),
            key_material_id: material,
        })
    }
}

fn material_of<'k>(key: &'k KeyRecord, named: &str, arn: &str) -> Result<&'k Material, Fault> {
    let mut materials = key.materials.iter();
    let found = materials.find(|one| one.id.to_string() == named);
    found.ok_or_else(|| {
        Fault::new(
            FaultKind::NotFound,
            format!("Key material (id: {named}) of KMS key {arn} does not exist."),
        )
    })
}

fn delete(key: &mut KeyRecord, id: MaterialId) {
    let replica = is_replica(key);
    key.materials
        .retain(|one| one.id != id || replica || !is_pending(one));
    if let Some(material) = key.materials.iter_mut().find(|one| one.id == id) {
        material.wrapped = None;
        if let Some(import) = &mut material.import {
            import.valid_to = None;
        }
    }
    settle_import_state(key);
}
