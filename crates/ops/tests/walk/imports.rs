//! Imported key material: tokens, expiry, new and known material, the states that follow.

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use keystead_engine::{Destruction, run_due};
use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::atlas::{Atlas, PLACES};
use crate::support::{Answer, START, World, base64, key_id, moment, unbase64};

/// A wrapping key and its token.
pub(crate) struct Parameters {
    public_key: Vec<u8>,
    token: String,
}

impl Parameters {
    pub(crate) async fn of(world: &World, key: &str) -> Self {
        let sent = json!({
            "KeyId": key,
            "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
            "WrappingKeySpec": "RSA_2048",
        });
        let answer = world.call("GetParametersForImport", sent).await.ok();
        Self {
            public_key: unbase64(answer["PublicKey"].as_str().unwrap()),
            token: answer["ImportToken"].as_str().unwrap().to_owned(),
        }
    }

    fn wrap(&self, material: &[u8]) -> Vec<u8> {
        let key = PublicEncryptingKey::from_der(&self.public_key).unwrap();
        let key = OaepPublicEncryptingKey::new(key).unwrap();
        let mut out = vec![0; key.ciphertext_size()];
        let sealed = key.encrypt(&OAEP_SHA256_MGF1SHA256, material, &mut out, None);
        let length = sealed.unwrap().len();
        out.truncate(length);
        out
    }

    /// Imports, with further members; without any the material does not expire.
    pub(crate) async fn import(
        &self,
        world: &World,
        key: &str,
        material: &[u8],
        more: Value,
    ) -> Answer {
        let mut sent = json!({
            "KeyId": key,
            "ImportToken": self.token,
            "EncryptedKeyMaterial": base64(&self.wrap(material)),
        });
        let more = more.as_object().unwrap();
        if more.get("ValidTo").is_none() {
            sent["ExpirationModel"] = json!("KEY_MATERIAL_DOES_NOT_EXPIRE");
        }
        for (name, value) in more {
            sent[name] = value.clone();
        }
        world.call("ImportKeyMaterial", sent).await
    }
}

async fn external(world: &World, more: Value) -> String {
    let mut sent = json!({"Origin": "EXTERNAL"});
    for (name, value) in more.as_object().unwrap() {
        sent[name] = value.clone();
    }
    world.key_with(sent).await
}

async fn state(world: &World, key: &str) -> String {
    let shown = world.describe(key).await;
    shown["KeyState"].as_str().unwrap().to_owned()
}

async fn materials(world: &World, key: &str, all: bool) -> Vec<Value> {
    let mut sent = json!({"KeyId": key});
    if all {
        sent["IncludeKeyMaterial"] = json!("ALL_KEY_MATERIAL");
    }
    let answer = world.call("ListKeyRotations", sent).await.ok();
    answer["Rotations"].as_array().unwrap().clone()
}

async fn delete(world: &World, key: &str, material: Option<&str>) -> Answer {
    let mut sent = json!({"KeyId": key});
    if let Some(material) = material {
        sent["KeyMaterialId"] = json!(material);
    }
    world.call("DeleteImportedKeyMaterial", sent).await
}

fn material_of(answer: Answer) -> String {
    let answer = answer.ok();
    answer["KeyMaterialId"].as_str().unwrap().to_owned()
}

const ONE: [u8; 32] = [1; 32];
const TWO: [u8; 32] = [2; 32];
const THREE: [u8; 32] = [3; 32];

#[tokio::test]
async fn a_key_lives_on_its_imported_material() {
    let world = World::new();
    let key = external(&world, json!({})).await;
    let shown = world.describe(&key).await;
    assert_eq!(shown["KeyState"], "PendingImport");
    for absent in ["CurrentKeyMaterialId", "ExpirationModel", "ValidTo"] {
        assert!(shown.get(absent).is_none());
    }
    let parameters = Parameters::of(&world, &key).await;
    let answer = parameters.import(&world, &key, &ONE, json!({})).await;
    let request = answer.request_id;
    let id = material_of(answer);
    let record = world.audit_of(request).to_string();
    for secret in [&parameters.token, &base64(&parameters.wrap(&ONE))] {
        assert!(!record.contains(secret));
    }
    assert!(record.contains(&id) && !record.contains("importToken"));
    let shown = world.describe(&key).await;
    assert_eq!(shown["KeyState"], "Enabled");
    assert_eq!(shown["CurrentKeyMaterialId"], id);
    assert_eq!(shown["ExpirationModel"], "KEY_MATERIAL_DOES_NOT_EXPIRE");
    let blob = world.encrypt(&key, "x").await;
    // Deleted, and brought back.
    let answer = delete(&world, &key, None).await;
    assert_eq!(material_of(answer), id);
    let shown = world.describe(&key).await;
    assert_eq!(shown["KeyState"], "PendingImport");
    assert_eq!(shown["CurrentKeyMaterialId"], id);
    assert!(shown.get("ExpirationModel").is_none());
    let refused = world.decrypt(&blob).await.unwrap_err();
    assert_eq!(
        refused,
        format!("KMSInvalidStateException: {key} is pending import.")
    );
    delete(&world, &key, None).await.ok();
    let other = parameters.import(&world, &key, &TWO, json!({})).await;
    assert_eq!(other.kind(), FaultKind::IncorrectKeyMaterial);
    let named = json!({"KeyMaterialId": "0".repeat(64)});
    let other = parameters.import(&world, &key, &ONE, named).await;
    assert_eq!(other.kind(), FaultKind::IncorrectKeyMaterial);
    let named = json!({"KeyMaterialId": id});
    let again = parameters.import(&world, &key, &ONE, named).await;
    assert_eq!(material_of(again), id);
    assert_eq!(world.decrypt(&blob).await.unwrap(), "x");
}

#[tokio::test]
async fn parameters_are_for_one_key_for_a_day_and_for_fitting_algorithms() {
    let world = World::new();
    let (key, other) = (
        external(&world, json!({})).await,
        external(&world, json!({})).await,
    );
    let parameters = Parameters::of(&world, &key).await;
    let sent = json!({
        "KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_1", "WrappingKeySpec": "RSA_2048",
    });
    let answer = world.call("GetParametersForImport", sent).await.ok();
    assert_eq!(answer["KeyId"], key);
    assert_eq!(moment(&answer["ParametersValidTo"]), START.plus_days(1));
    let refused = parameters.import(&world, &other, &ONE, json!({})).await;
    assert_eq!(refused.kind(), FaultKind::InvalidImportToken);
    let refused = parameters.import(&world, &key, &ONE[1..], json!({})).await;
    assert_eq!(refused.kind(), FaultKind::IncorrectKeyMaterial);
    let sent = json!({
        "KeyId": key, "ImportToken": parameters.token,
        "EncryptedKeyMaterial": base64(&[7; 256]),
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    });
    let refused = world.call("ImportKeyMaterial", sent).await;
    assert_eq!(refused.text(), "InvalidCiphertextException");
    world.clock.set(START.plus_days(1).plus_millis(1));
    let refused = parameters.import(&world, &key, &ONE, json!({})).await;
    assert_eq!(refused.kind(), FaultKind::ExpiredImportToken);
    for (spec, algorithm) in [
        (json!({}), "RSAES_PKCS1_V1_5"),
        (json!({}), "RSA_AES_KEY_WRAP_SHA_256"),
        (
            json!({"KeySpec": "ECC_NIST_P521", "KeyUsage": "SIGN_VERIFY"}),
            "RSAES_OAEP_SHA_256",
        ),
        (
            json!({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}),
            "RSAES_OAEP_SHA_256",
        ),
    ] {
        let key = external(&world, spec).await;
        let sent = json!({
            "KeyId": key, "WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048",
        });
        let refused = world.call("GetParametersForImport", sent).await;
        assert_eq!(
            refused.kind(),
            FaultKind::UnsupportedOperation,
            "{algorithm}"
        );
    }
    let own = world.key().await;
    let sent = json!({
        "KeyId": own, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048",
    });
    let text = format!(
        "UnsupportedOperationException: {own} origin is AWS_KMS which is not valid for this \
         operation."
    );
    assert_eq!(
        world.call("GetParametersForImport", sent).await.text(),
        text
    );
    assert_eq!(delete(&world, &own, None).await.text(), text);
    let refused = parameters.import(&world, &own, &ONE, json!({})).await;
    assert_eq!(refused.text(), text);
}

#[tokio::test]
async fn expiry_and_the_members_that_go_together() {
    let world = World::new();
    let key = external(&world, json!({})).await;
    let parameters = Parameters::of(&world, &key).await;
    let now = START.as_millis() / 1000;
    let day = 86_400;
    let import = |more: Value| {
        let (world, parameters, key) = (&world, &parameters, &key);
        async move { parameters.import(world, key, &ONE, more).await }
    };
    let refused = import(json!({"ExpirationModel": "KEY_MATERIAL_EXPIRES"})).await;
    assert_eq!(
        refused.text(),
        "ValidationException: A validTo date must be set if the ExpirationModel is \
         KEY_MATERIAL_EXPIRES"
    );
    for more in [
        json!({"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE", "ValidTo": now + day}),
        json!({"ValidTo": now}),
        json!({"ValidTo": now - 1}),
        json!({"ValidTo": now + 365 * day + 1}),
        json!({"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialId": "0".repeat(64)}),
    ] {
        assert_eq!(
            import(more.clone()).await.kind(),
            FaultKind::Validation,
            "{more}"
        );
    }
    assert_eq!(state(&world, &key).await, "PendingImport");
    let refused = import(json!({"ImportType": "EXISTING_KEY_MATERIAL"})).await;
    assert_eq!(refused.kind(), FaultKind::IncorrectKeyMaterial);
    import(json!({"ValidTo": now + 365 * day, "KeyMaterialDescription": "mine"}))
        .await
        .ok();
    let shown = world.describe(&key).await;
    assert_eq!(shown["ExpirationModel"], "KEY_MATERIAL_EXPIRES");
    assert_eq!(shown["ValidTo"], now + 365 * day);
    // Imported again: the expiry is new, the description stays.
    import(json!({"ValidTo": now + 10 * day})).await.ok();
    let listed = materials(&world, &key, true).await;
    assert_eq!(listed[0]["ValidTo"], now + 10 * day);
    assert_eq!(listed[0]["KeyMaterialDescription"], "mine");
    assert_eq!(listed[0]["ImportState"], "IMPORTED");
    let blob = world.encrypt(&key, "x").await;
    world.clock.set(START.plus_days(10).plus_millis(-1));
    assert_eq!(
        run_due(&world.site, Destruction::Allowed)
            .await
            .unwrap()
            .tended,
        0
    );
    assert_eq!(world.decrypt(&blob).await.unwrap(), "x");
    world.clock.set(START.plus_days(10));
    // Its time is over, also before the clockwork has removed it.
    let over = world.decrypt(&blob).await.unwrap_err();
    assert!(over.contains("is pending import."), "{over}");
    assert_eq!(
        run_due(&world.site, Destruction::Allowed)
            .await
            .unwrap()
            .tended,
        1
    );
    assert_eq!(state(&world, &key).await, "PendingImport");
    assert!(world.decrypt(&blob).await.is_err());
    let listed = materials(&world, &key, true).await;
    assert_eq!(listed[0]["ImportState"], "PENDING_IMPORT");
    for absent in ["ValidTo", "ExpirationModel", "RotationDate"] {
        assert!(listed[0].get(absent).is_none());
    }
    let fresh = Parameters::of(&world, &key).await;
    fresh.import(&world, &key, &ONE, json!({})).await.ok();
    assert_eq!(world.decrypt(&blob).await.unwrap(), "x");
    world.clock.forward_days(400);
    assert_eq!(
        run_due(&world.site, Destruction::Allowed)
            .await
            .unwrap()
            .tended,
        0
    );
}

#[tokio::test]
async fn new_material_waits_for_its_rotation() {
    let world = World::new();
    let key = external(&world, json!({})).await;
    let parameters = Parameters::of(&world, &key).await;
    let rotate = || world.call("RotateKeyOnDemand", json!({"KeyId": key}));
    assert_eq!(
        rotate().await.text(),
        format!("KMSInvalidStateException: {key} is pending import.")
    );
    let new = || json!({"ImportType": "NEW_KEY_MATERIAL"});
    let one = material_of(parameters.import(&world, &key, &ONE, new()).await);
    let none = format!(
        "KMSInvalidStateException: No available key material pending rotation for the key: {key}."
    );
    assert_eq!(rotate().await.text(), none);
    let again = parameters.import(&world, &key, &ONE, new()).await;
    assert_eq!(again.kind(), FaultKind::IncorrectKeyMaterial);
    let old = world.encrypt(&key, "old").await;
    let two = material_of(parameters.import(&world, &key, &TWO, new()).await);
    let refused = parameters.import(&world, &key, &THREE, new()).await.text();
    let known = format!(
        "cannot be imported into KMS key {key}, because another key material (id: {two}) is \
         pending rotation."
    );
    assert!(
        refused.starts_with("KMSInvalidStateException: New key material (id: "),
        "{refused}"
    );
    assert!(refused.ends_with(&known), "{refused}");
    assert_eq!(world.describe(&key).await["CurrentKeyMaterialId"], one);
    assert!(materials(&world, &key, false).await.is_empty());
    let listed = materials(&world, &key, true).await;
    assert_eq!(listed[1]["KeyMaterialState"], "PENDING_ROTATION");
    assert!(listed[1].get("RotationDate").is_none());
    // It can be replaced, which does not touch the key.
    assert_eq!(material_of(delete(&world, &key, Some(&two)).await), two);
    assert_eq!(state(&world, &key).await, "Enabled");
    assert_eq!(
        delete(&world, &key, Some(&two)).await.kind(),
        FaultKind::NotFound
    );
    let three = material_of(parameters.import(&world, &key, &THREE, new()).await);
    rotate().await.ok();
    assert_eq!(rotate().await.text(), none);
    assert_eq!(world.describe(&key).await["CurrentKeyMaterialId"], three);
    let rotations = materials(&world, &key, false).await;
    assert_eq!(rotations.len(), 1);
    assert_eq!(rotations[0]["RotationType"], "ON_DEMAND");
    let fresh = world.encrypt(&key, "fresh").await;
    assert_eq!(world.decrypt(&old).await.unwrap(), "old");
    // All that came into use must be there.
    delete(&world, &key, Some(&one)).await.ok();
    assert_eq!(state(&world, &key).await, "PendingImport");
    assert!(world.decrypt(&fresh).await.is_err());
    parameters.import(&world, &key, &ONE, json!({})).await.ok();
    for (blob, text) in [(&old, "old"), (&fresh, "fresh")] {
        assert_eq!(world.decrypt(blob).await.unwrap(), text);
    }
    let refused = world.call("EnableKeyRotation", json!({"KeyId": key})).await;
    assert_eq!(
        refused.text(),
        format!(
            "UnsupportedOperationException: {key} origin is EXTERNAL which is not valid for this \
             operation."
        )
    );
}

#[tokio::test]
async fn keys_for_macs_take_only_the_very_same_material_again() {
    let world = World::new();
    let spec = json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"});
    let key = external(&world, spec).await;
    let parameters = Parameters::of(&world, &key).await;
    for more in [
        json!({"ImportType": "NEW_KEY_MATERIAL"}),
        json!({"KeyMaterialDescription": "x"}),
        json!({"KeyMaterialId": "0".repeat(64)}),
    ] {
        let refused = parameters.import(&world, &key, &ONE, more).await;
        assert_eq!(refused.kind(), FaultKind::Validation);
    }
    let answer = parameters.import(&world, &key, &ONE, json!({})).await.ok();
    assert_eq!(answer, json!({"KeyId": key}));
    let refused = parameters.import(&world, &key, &TWO, json!({})).await;
    assert_eq!(refused.kind(), FaultKind::IncorrectKeyMaterial);
    delete(&world, &key, None).await.ok();
    parameters.import(&world, &key, &ONE, json!({})).await.ok();
    assert_eq!(state(&world, &key).await, "Enabled");
    for operation in [
        "RotateKeyOnDemand",
        "ListKeyRotations",
        "GetKeyRotationStatus",
    ] {
        let refused = world.call(operation, json!({"KeyId": key})).await;
        assert_eq!(
            refused.text(),
            "UnsupportedOperationException",
            "{operation}"
        );
    }
}

#[tokio::test]
async fn a_key_without_its_material_is_not_enabled() {
    let world = World::new();
    let key = external(&world, json!({})).await;
    let parameters = Parameters::of(&world, &key).await;
    parameters.import(&world, &key, &ONE, json!({})).await.ok();
    let sent = || json!({"KeyId": key});
    world.call("ScheduleKeyDeletion", sent()).await.ok();
    delete(&world, &key, None).await.ok();
    assert_eq!(state(&world, &key).await, "PendingDeletion");
    let refused = parameters
        .import(&world, &key, &ONE, json!({}))
        .await
        .text();
    assert_eq!(
        refused,
        format!("KMSInvalidStateException: {key} is pending deletion.")
    );
    world.call("CancelKeyDeletion", sent()).await.ok();
    assert_eq!(state(&world, &key).await, "Disabled");
    let refused = world.call("EnableKey", sent()).await.text();
    assert_eq!(
        refused,
        format!("KMSInvalidStateException: {key} is pending import.")
    );
    parameters.import(&world, &key, &ONE, json!({})).await.ok();
    world.call("EnableKey", sent()).await.ok();
    world.encrypt(&key, "x").await;
}

#[tokio::test]
async fn a_set_imports_in_each_region_and_rotates_when_all_have_it() {
    let atlas = Atlas::new();
    let [home, away, third] = &atlas.worlds[..] else {
        panic!()
    };
    let key = external(home, json!({"MultiRegion": true})).await;
    let id = key_id(&key);
    let name = id.as_str();
    let at_home = Parameters::of(home, &key).await;
    at_home.import(home, &key, &ONE, json!({})).await.ok();
    let sent = json!({"KeyId": key, "ReplicaRegion": PLACES[1]});
    home.call("ReplicateKey", sent).await.ok();
    assert_eq!(state(away, name).await, "PendingImport");
    let there = Parameters::of(away, name).await;
    let crossed = at_home.import(away, name, &ONE, json!({})).await;
    assert_eq!(crossed.kind(), FaultKind::InvalidImportToken);
    let new = || json!({"ImportType": "NEW_KEY_MATERIAL"});
    let refused = there.import(away, name, &ONE, new()).await;
    assert_eq!(refused.kind(), FaultKind::UnsupportedOperation);
    let refused = there.import(away, name, &TWO, json!({})).await;
    assert_eq!(refused.kind(), FaultKind::IncorrectKeyMaterial);
    there.import(away, name, &ONE, json!({})).await.ok();
    let blob = home.encrypt(&key, "x").await;
    assert_eq!(away.decrypt(&blob).await.unwrap(), "x");
    // New material: home first, then everywhere, then the rotation.
    let two = material_of(at_home.import(home, &key, &TWO, new()).await);
    let pending = |listed: &[Value]| listed.last().unwrap()["KeyMaterialState"].clone();
    for world in [home, away] {
        let listed = materials(world, name, true).await;
        assert_eq!(pending(&listed), "PENDING_MULTI_REGION_IMPORT_AND_ROTATION");
    }
    let rotate = || home.call("RotateKeyOnDemand", json!({"KeyId": key}));
    let none = format!(
        "KMSInvalidStateException: No available key material pending rotation for the key: {key}."
    );
    assert_eq!(rotate().await.text(), none);
    assert_eq!(
        material_of(there.import(away, name, &TWO, json!({})).await),
        two
    );
    for world in [home, away] {
        assert_eq!(
            pending(&materials(world, name, true).await),
            "PENDING_ROTATION"
        );
    }
    // Forgotten at home, forgotten everywhere; at a replica it is only gone there.
    delete(home, &key, Some(&two)).await.ok();
    assert_eq!(materials(away, name, true).await.len(), 1);
    at_home.import(home, &key, &TWO, new()).await.ok();
    there.import(away, name, &TWO, json!({})).await.ok();
    // A further replica has not imported it yet.
    let sent = json!({"KeyId": key, "ReplicaRegion": PLACES[2]});
    home.call("ReplicateKey", sent).await.ok();
    assert_eq!(rotate().await.text(), none);
    let last = Parameters::of(third, name).await;
    for material in [ONE, TWO] {
        last.import(third, name, &material, json!({})).await.ok();
    }
    rotate().await.ok();
    atlas.check_rest(id).await;
    for world in [home, away, third] {
        let fresh = world.encrypt(name, "y").await;
        atlas.opens_everywhere(id, &fresh, "y").await;
    }
    delete(third, name, None).await.ok();
    assert_eq!(state(third, name).await, "PendingImport");
    assert_eq!(state(home, name).await, "Enabled");
    atlas.settle().await;
    atlas.check_rest(id).await;
}
