//! The table of key state × operation, for every built operation that names a key.
//! Source: KMS Developer Guide, "Key states of AWS KMS keys".

use std::collections::BTreeSet;

use keystead_api::OperationName;
use keystead_types::KeyState;
use serde_json::{Value, json};

use crate::support::{World, base64, built};

/// In the order of [`KEY_STATES`]: `o` works, `d` disabled, `p` pending deletion or pending replica
/// deletion, `n` not pending deletion, `i` pending import, `u` unavailable, `c` creating,
/// `x` updating, `e` origin EXTERNAL; `-` cannot occur for keys of origin AWS_KMS.
const TABLE: &[(&str, &str)] = &[
    ("CancelKeyDeletion", "nnoonnnn"),
    ("CreateAlias", "ooppoooo"),
    ("CreateGrant", "odppiuco"),
    ("Decapsulate", "odppi-co"),
    ("Decrypt", "odppiuco"),
    ("DeleteAlias", "oooooooo"),
    ("DeriveSharedSecret", "odppi-co"),
    ("DescribeKey", "oooooooo"),
    ("DisableKey", "ooppiocx"),
    ("DisableKeyRotation", "odppe-co"),
    ("EnableKey", "ooppiocx"),
    ("EnableKeyRotation", "odppe-co"),
    ("Encapsulate", "odppi-co"),
    ("Encrypt", "odppiuco"),
    ("GenerateDataKey", "odppiuco"),
    ("GenerateDataKeyPair", "odppiuco"),
    ("GenerateDataKeyPairWithoutPlaintext", "odppiuco"),
    ("GenerateDataKeyWithoutPlaintext", "odppiuco"),
    ("GenerateMac", "odppi-co"),
    ("GetKeyLastUsage", "oooooooo"),
    ("GetKeyPolicy", "oooooooo"),
    ("GetKeyRotationStatus", "oooo--oo"),
    ("GetParametersForImport", "ooppo-cx"),
    ("GetPublicKey", "ooppo-co"),
    ("ListAliases", "oooooooo"),
    ("ListGrants", "oooooooo"),
    ("ListKeyPolicies", "oooooooo"),
    ("ListKeyRotations", "ooooo-oo"),
    ("ListResourceTags", "oooooooo"),
    ("PutKeyPolicy", "oooooooo"),
    ("ReEncrypt", "odppiuco"),
    ("ReEncrypt to", "odppiuco"),
    ("RetireGrant", "oooooooo"),
    ("RevokeGrant", "oooooooo"),
    ("RotateKeyOnDemand", "odppi-co"),
    ("ScheduleKeyDeletion", "ooppooox"),
    ("Sign", "odppi-co"),
    ("TagResource", "ooppoooo"),
    ("UntagResource", "ooppoooo"),
    ("UpdateAlias", "ooppoooo"),
    ("UpdateAlias from", "oooooooo"),
    ("UpdateKeyDescription", "ooppoooo"),
    ("Verify", "odppi-co"),
    ("VerifyMac", "odppi-co"),
];

/// Operations whose states stand with what else they need: wrapped material (`imports.rs`),
/// several Regions (`multi_region.rs`).
const ELSEWHERE: [&str; 4] = [
    "DeleteImportedKeyMaterial",
    "ImportKeyMaterial",
    "ReplicateKey",
    "UpdatePrimaryRegion",
];

const KEY_STATES: [KeyState; 8] = [
    KeyState::Enabled,
    KeyState::Disabled,
    KeyState::PendingDeletion,
    KeyState::PendingReplicaDeletion,
    KeyState::PendingImport,
    KeyState::Unavailable,
    KeyState::Creating,
    KeyState::Updating,
];

/// Operations that name no key.
const KEYLESS: [&str; 4] = [
    "CreateKey",
    "GenerateRandom",
    "ListKeys",
    "ListRetirableGrants",
];

struct Subject {
    key: String,
    helper: String,
    blob: String,
    helper_blob: String,
    alias: String,
    helper_alias: String,
    policy: String,
    grant: String,
    /// What the key made before: a signature, a MAC, an encapsulation, its public key.
    made: Value,
}

/// What CreateKey is asked for, for keys that are not symmetric ones.
fn kind(operation: &str) -> Value {
    let (spec, usage) = match operation {
        "Sign" | "Verify" | "GetPublicKey" => ("ECC_NIST_P256", "SIGN_VERIFY"),
        "GenerateMac" | "VerifyMac" => ("HMAC_256", "GENERATE_VERIFY_MAC"),
        "DeriveSharedSecret" => ("ECC_NIST_P256", "KEY_AGREEMENT"),
        "Encapsulate" | "Decapsulate" => ("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"),
        "GetParametersForImport" => return json!({"Origin": "EXTERNAL"}),
        _ => return json!({}),
    };
    json!({"KeySpec": spec, "KeyUsage": usage})
}

/// What the operation needs the key to have made.
async fn made(world: &World, operation: &str, key: &str) -> Value {
    let message = base64(b"x");
    let (maker, sent) = match operation {
        "Verify" => (
            "Sign",
            json!({"KeyId": key, "Message": message, "SigningAlgorithm": "ECDSA_SHA_256"}),
        ),
        "VerifyMac" => (
            "GenerateMac",
            json!({"KeyId": key, "Message": message, "MacAlgorithm": "HMAC_SHA_256"}),
        ),
        "Decapsulate" => (
            "Encapsulate",
            json!({"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}),
        ),
        "DeriveSharedSecret" => ("GetPublicKey", json!({"KeyId": key})),
        _ => return Value::Null,
    };
    world.call(maker, sent).await.ok()
}

async fn subject(world: &World, number: usize, operation: &str) -> Subject {
    let (key, helper) = (world.key_with(kind(operation)).await, world.key().await);
    let (alias, helper_alias) = (format!("alias/k{number}"), format!("alias/h{number}"));
    for (name, target) in [(&alias, &key), (&helper_alias, &helper)] {
        let sent = json!({"AliasName": name, "TargetKeyId": target});
        world.call("CreateAlias", sent).await.ok();
    }
    let policy = world.call("GetKeyPolicy", json!({"KeyId": key})).await.ok();
    let symmetric = kind(operation) == json!({});
    let grant = match operation {
        "RetireGrant" | "RevokeGrant" => {
            let sent = body_of_grant(&key);
            world.call("CreateGrant", sent).await.ok()["GrantId"].clone()
        }
        _ => Value::Null,
    };
    Subject {
        blob: match symmetric {
            true => world.encrypt(&key, "x").await,
            false => String::new(),
        },
        made: made(world, operation, &key).await,
        grant: grant.as_str().unwrap_or_default().to_owned(),
        helper_blob: world.encrypt(&helper, "x").await,
        policy: policy["Policy"].as_str().unwrap().to_owned(),
        key,
        helper,
        alias,
        helper_alias,
    }
}

fn body_of_grant(key: &str) -> Value {
    let grantee = "arn:aws:iam::111122223333:user/alice";
    json!({"KeyId": key, "GranteePrincipal": grantee, "Operations": ["DescribeKey"]})
}

fn body(row: &str, subject: &Subject, number: usize) -> Value {
    let Subject {
        key,
        helper,
        blob,
        helper_blob,
        alias,
        helper_alias,
        policy,
        grant,
        made,
    } = subject;
    let message = base64(b"x");
    match row {
        "CreateGrant" => body_of_grant(key),
        "RetireGrant" | "RevokeGrant" => json!({"KeyId": key, "GrantId": grant}),
        "Sign" => json!({"KeyId": key, "Message": message, "SigningAlgorithm": "ECDSA_SHA_256"}),
        "Verify" => json!({
            "KeyId": key, "Message": message, "SigningAlgorithm": "ECDSA_SHA_256",
            "Signature": made["Signature"],
        }),
        "GenerateMac" => {
            json!({"KeyId": key, "Message": message, "MacAlgorithm": "HMAC_SHA_256"})
        }
        "VerifyMac" => json!({
            "KeyId": key, "Message": message, "MacAlgorithm": "HMAC_SHA_256", "Mac": made["Mac"],
        }),
        "DeriveSharedSecret" => json!({
            "KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": made["PublicKey"],
        }),
        "Encapsulate" => json!({"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}),
        "Decapsulate" => json!({
            "KeyId": key, "EncapsulationAlgorithm": "ML_KEM",
            "SharedSecretCiphertextBlob": made["SharedSecretCiphertextBlob"],
        }),
        "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext" => {
            json!({"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"})
        }
        "GetParametersForImport" => json!({
            "KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048",
        }),
        "CreateAlias" => json!({"AliasName": format!("alias/new{number}"), "TargetKeyId": key}),
        "Decrypt" => json!({"CiphertextBlob": blob}),
        "DeleteAlias" => json!({"AliasName": alias}),
        "Encrypt" => json!({"KeyId": key, "Plaintext": base64(b"x")}),
        "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => {
            json!({"KeyId": key, "KeySpec": "AES_256"})
        }
        "PutKeyPolicy" => json!({"KeyId": key, "Policy": policy}),
        "ReEncrypt" => json!({"CiphertextBlob": blob, "DestinationKeyId": helper}),
        "ReEncrypt to" => json!({"CiphertextBlob": helper_blob, "DestinationKeyId": key}),
        "TagResource" => json!({"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        "UntagResource" => json!({"KeyId": key, "TagKeys": ["a"]}),
        "UpdateAlias" => json!({"AliasName": helper_alias, "TargetKeyId": key}),
        "UpdateAlias from" => json!({"AliasName": alias, "TargetKeyId": helper}),
        "UpdateKeyDescription" => json!({"KeyId": key, "Description": "new"}),
        _ => json!({"KeyId": key}),
    }
}

fn expected(cell: char, state: KeyState, key: &str) -> String {
    let invalid = |what: &str| format!("KMSInvalidStateException: {key} is {what}.");
    match (cell, state) {
        ('o', _) => "ok".to_owned(),
        ('d', _) => format!("DisabledException: {key} is disabled."),
        ('p', KeyState::PendingReplicaDeletion) => invalid("pending replica deletion"),
        ('p', _) => invalid("pending deletion"),
        ('n', _) => invalid("not pending deletion"),
        ('i', _) => invalid("pending import"),
        ('u', _) => invalid("unavailable"),
        ('c', _) => invalid("creating"),
        ('x', _) => invalid("updating"),
        ('e', _) => format!(
            "UnsupportedOperationException: {key} origin is EXTERNAL which is not valid for this \
             operation."
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_operation_in_every_state() {
    let mut world = World::new();
    let mut number = 0;
    for (row, cells) in TABLE {
        for (state, cell) in KEY_STATES.into_iter().zip(cells.chars()) {
            if cell == '-' {
                continue;
            }
            number += 1;
            let operation = row.split(' ').next().unwrap();
            let subject = subject(&world, number, operation).await;
            world.edit(&subject.key, |key| key.state = state).await;
            let before = world.stored(&subject.key).await;
            let answer = world.call(operation, body(row, &subject, number)).await;
            let wanted = expected(cell, state, &subject.key);
            assert_eq!(answer.text(), wanted, "{row} in {state}");
            if cell != 'o' {
                assert_eq!(world.stored(&subject.key).await, before, "{row} in {state}");
            }
        }
    }
}

#[test]
fn the_table_has_every_built_operation() {
    let listed = TABLE.iter().map(|(row, _)| row.split(' ').next().unwrap());
    let listed: BTreeSet<&str> = listed.chain(KEYLESS).chain(ELSEWHERE).collect();
    let built = OperationName::ALL.iter().filter(|name| built(**name));
    assert_eq!(listed, built.map(|name| name.as_str()).collect());
    assert!(
        TABLE
            .iter()
            .all(|(_, cells)| cells.len() == KEY_STATES.len())
    );
}

#[tokio::test]
async fn states_that_requests_reach() {
    let world = World::new();
    let key = world.key().await;
    let is = |state: &'static str| {
        let (world, key) = (world.clone(), key.clone());
        async move {
            let seen = world.describe(&key).await;
            assert_eq!(seen["KeyState"], state);
            assert_eq!(seen["Enabled"], state == "Enabled");
            assert_eq!(
                seen.get("DeletionDate").is_some(),
                state == "PendingDeletion"
            );
        }
    };
    let named = || json!({"KeyId": key});
    is("Enabled").await;
    for _ in 0..2 {
        world.call("DisableKey", named()).await.ok();
        is("Disabled").await;
    }
    for _ in 0..2 {
        world.call("EnableKey", named()).await.ok();
        is("Enabled").await;
    }
    world.call("ScheduleKeyDeletion", named()).await.ok();
    is("PendingDeletion").await;
    world.call("CancelKeyDeletion", named()).await.ok();
    is("Disabled").await;
}
