//! ImportKeyMaterial.

use std::sync::Arc;

use keystead_api::import_key_material::{Input, Output};
use keystead_api::model::{ExpirationModelType, ImportType};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, Import, Imported, KeyEntry, KeyRecord, KeySelector,
    Material, MaterialState, MultiRegionRole, OneKey, Operation, Part, Ready, Spec, States,
    settle_import_state,
};
use keystead_types::{Fault, FaultKind, KeySpec, MaterialId, Timestamp};

use super::{is_pending, is_replica, require_external, response, shown};
use crate::regions::refuse_handover;

/// How far ahead material may expire, days.
/// Source: KMS API reference, ImportKeyMaterial, ValidTo.
const VALID_DAYS: u32 = 365;

/// Brings material into a key of origin EXTERNAL: its first, new material for the next rotation,
/// or material that it has had before.
pub enum ImportKeyMaterial {}

impl Operation for ImportKeyMaterial {
    type Shape = keystead_api::ImportKeyMaterial;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:ImportKeyMaterial",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Importable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ImportKeyMaterial.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            expiration_model: input.expiration_model.map(ExpirationModelType::as_str),
            valid_to: input.valid_to,
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        match (expires(input), input.valid_to) {
            (true, None) => Err(Fault::validation(
                "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
            )),
            (false, Some(_)) => Err(Fault::validation(
                "A validTo date must not be set if the ExpirationModel is \
                 KEY_MATERIAL_DOES_NOT_EXPIRE",
            )),
            _ if input.import_type == Some(ImportType::NewKeyMaterial)
                && input.key_material_id.is_some() =>
            {
                Err(Fault::validation(
                    "A KeyMaterialId must not be set if the ImportType is NEW_KEY_MATERIAL",
                ))
            }
            _ => Ok(KeySelector::Named(&input.key_id)),
        }
    }

    fn suits(input: &Input, held: &Arc<KeyEntry>) -> Result<(), Fault> {
        require_external(held)?;
        let symmetric_only = input.import_type.is_some()
            || input.key_material_id.is_some()
            || input.key_material_description.is_some();
        if symmetric_only && held.record().spec != KeySpec::SymmetricDefault {
            return Err(Fault::validation(
                "ImportType, KeyMaterialId and KeyMaterialDescription are only valid for \
                 symmetric encryption keys.",
            ));
        }
        Ok(())
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let now = ready.now();
        check_end(input.valid_to, now)?;
        let kind = match (input.import_type, ready.key().materials.is_empty()) {
            (Some(kind), _) => kind,
            (None, true) => ImportType::NewKeyMaterial,
            (None, false) => ImportType::ExistingKeyMaterial,
        };
        if kind == ImportType::NewKeyMaterial {
            check_place(ready.key(), ready.arn_text())?;
        }
        let (token, encrypted) = (&input.import_token, &input.encrypted_key_material);
        let imported = ready.import(token, encrypted).await?;
        let id = imported.id;
        match kind {
            ImportType::NewKeyMaterial => check_new(ready.key(), ready.arn_text(), id)?,
            ImportType::ExistingKeyMaterial => {
                check_known(ready.key(), input.key_material_id.as_deref(), id)?;
            }
        }
        let (valid_to, description) = (input.valid_to, input.key_material_description.clone());
        ready.update(|key| {
            add(key, imported, now);
            if let Some(material) = key.materials.iter_mut().find(|one| one.id == id) {
                let import = material.import.get_or_insert_with(Import::default);
                import.valid_to = valid_to;
                import.description = description.or(import.description.take());
            }
            settle_import_state(key);
        });
        let (arn, material) = (ready.key_arn(), shown(ready.key(), Some(id)));
        ready.respond(response(&arn, material.as_deref()));
        Ok(Output {
            key_id: Some(arn),
            key_material_id: material,
        })
    }
}

fn expires(input: &Input) -> bool {
    let model = input.expiration_model;
    model.unwrap_or(ExpirationModelType::KeyMaterialExpires)
        == ExpirationModelType::KeyMaterialExpires
}

/// Refuses an expiry in the past, and one more than a year ahead.
fn check_end(valid_to: Option<Timestamp>, now: Timestamp) -> Result<(), Fault> {
    let text = match valid_to {
        Some(end) if end <= now => "The validTo date must be in the future",
        Some(end) if end > now.plus_days(VALID_DAYS) => {
            "The validTo date must be at most 365 days in the future"
        }
        _ => return Ok(()),
    };
    Err(Fault::validation(text))
}

/// Refuses new material where it cannot go: a replica takes what its primary key has, and a
/// primary key on the move takes none.
fn check_place(key: &KeyRecord, arn: &str) -> Result<(), Fault> {
    if is_replica(key) {
        return Err(Fault::new(
            FaultKind::UnsupportedOperation,
            format!("{arn} is not a multi-region primary key."),
        ));
    }
    refuse_handover(key, arn)
}

/// New material must be new, and only one may wait for its rotation.
fn check_new(key: &KeyRecord, arn: &str, id: MaterialId) -> Result<(), Fault> {
    if key.material(&id).is_some() {
        return Err(Fault::new(
            FaultKind::IncorrectKeyMaterial,
            format!("Key material (id: {id}) is already associated with KMS key {arn}."),
        ));
    }
    let Some(pending) = key.materials.iter().find(|one| is_pending(one)) else {
        return Ok(());
    };
    Err(Fault::new(
        FaultKind::KMSInvalidState,
        format!(
            "New key material (id: {id}) cannot be imported into KMS key {arn}, because another \
             key material (id: {}) is pending rotation.",
            pending.id
        ),
    ))
}

/// Material that comes back must be material of the key, and the one that was named.
fn check_known(key: &KeyRecord, named: Option<&str>, id: MaterialId) -> Result<(), Fault> {
    let as_named = named.is_none_or(|named| named == id.to_string());
    if as_named && key.material(&id).is_some() {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::IncorrectKeyMaterial,
        "The key material is not the key material that was previously imported.",
    ))
}

/// Puts material in its place: the first one is used at once, new material waits for a rotation.
fn add(key: &mut KeyRecord, imported: Imported, now: Timestamp) {
    let Imported {
        id,
        wrapped,
        public_key,
    } = imported;
    if key.public_key.is_none() {
        key.public_key = public_key;
    }
    if let Some(known) = key.materials.iter_mut().find(|one| one.id == id) {
        known.wrapped = Some(wrapped);
        return;
    }
    let replicated = key
        .multi_region
        .as_ref()
        .is_some_and(|set| set.role == MultiRegionRole::Primary && !set.replicas.is_empty());
    let state = match (key.materials.is_empty(), replicated) {
        (true, _) => MaterialState::Current,
        (false, false) => MaterialState::PendingRotation,
        (false, true) => MaterialState::PendingMultiRegionImportAndRotation,
    };
    key.materials.push(Material {
        state,
        ..Material::first(id, wrapped, now)
    });
}
