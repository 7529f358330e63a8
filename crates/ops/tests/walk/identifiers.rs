//! The forms in which a request names a key.

use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::{OTHER, OWN, World, base64, key_id};

const ABSENT: &str = "12345678-1234-1234-1234-123456789012";

/// Operations that take a key id or key ARN only.
const KEY_ONLY: [&str; 16] = [
    "CancelKeyDeletion",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListResourceTags",
    "PutKeyPolicy",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "TagResource",
    "UntagResource",
    "UpdateKeyDescription",
];

/// A request for any operation on one key; unknown members are ignored.
pub(crate) fn naming(key: &str) -> Value {
    json!({
        "KeyId": key,
        "Plaintext": base64(b"x"),
        "NumberOfBytes": 16,
        "Policy": "{}",
        "Tags": [],
        "TagKeys": [],
        "Description": "",
    })
}

#[tokio::test]
async fn every_form_of_a_key() {
    let world = World::new();
    let key = world.key().await;
    let sent = json!({"AliasName": "alias/app/one", "TargetKeyId": key});
    world.call("CreateAlias", sent).await.ok();
    let alias_arn = format!("arn:aws:kms:eu-west-1:{OWN}:alias/app/one");
    for name in [&key, key_id(&key).as_str(), "alias/app/one", &alias_arn] {
        let answer = world.call("Encrypt", naming(name)).await.ok();
        assert_eq!(answer["KeyId"], key);
        assert_eq!(world.describe(name).await["Arn"], key);
    }
}

#[tokio::test]
async fn not_found_in_each_of_its_words() {
    let world = World::new();
    let here = format!("arn:aws:kms:eu-west-1:{OWN}");
    let rows = [
        (
            ABSENT.to_owned(),
            format!("Key '{here}:key/{ABSENT}' does not exist"),
        ),
        (
            format!("{here}:key/{ABSENT}"),
            format!("Key '{here}:key/{ABSENT}' does not exist"),
        ),
        (
            "fake-key-id".to_owned(),
            "Invalid keyId 'fake-key-id'".to_owned(),
        ),
        (
            "mrk-fake-key-id".to_owned(),
            "Invalid keyId 'mrk-fake-key-id'".to_owned(),
        ),
        (
            ABSENT.replace('-', ""),
            format!("Invalid keyId '{}'", ABSENT.replace('-', "")),
        ),
        (
            format!("arn:aws:kms:eu-central-1:{OWN}:key/{ABSENT}"),
            "Invalid arn eu-central-1".to_owned(),
        ),
        (
            "alias/none".to_owned(),
            format!("Alias {here}:alias/none is not found."),
        ),
        (
            format!("{here}:alias/none"),
            format!("Alias {here}:alias/none is not found."),
        ),
    ];
    for operation in [
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "DescribeKey",
    ] {
        for (name, message) in &rows {
            let answer = world.call(operation, naming(name)).await;
            assert_eq!(
                answer.text(),
                format!("NotFoundException: {message}"),
                "{operation}"
            );
        }
    }
    for operation in KEY_ONLY {
        for (name, message) in rows.iter().filter(|(name, _)| !name.contains("alias")) {
            let sent = match operation {
                "TagResource" => json!({"KeyId": name, "Tags": []}),
                _ => naming(name),
            };
            let answer = world.call(operation, sent).await;
            assert_eq!(
                answer.text(),
                format!("NotFoundException: {message}"),
                "{operation}"
            );
        }
    }
}

#[tokio::test]
async fn aliases_are_refused_where_only_keys_go() {
    let world = World::new();
    let key = world.key().await;
    let sent = json!({"AliasName": "alias/a", "TargetKeyId": key});
    world.call("CreateAlias", sent).await.ok();
    let arn = |account| format!("arn:aws:kms:eu-west-1:{account}:alias/a");
    for operation in KEY_ONLY.into_iter().chain(["ListAliases"]) {
        for name in ["alias/a", "alias/none", "alias/b!d", &arn(OWN), &arn(OTHER)] {
            let answer = world.call(operation, naming(name)).await;
            assert_eq!(
                answer.text(),
                "InvalidArnException: Key Aliases are not supported for this operation.",
                "{operation} {name}"
            );
        }
    }
    assert_eq!(world.describe(&key).await["KeyState"], "Enabled");
}

#[tokio::test]
async fn another_accounts_or_partitions_arns_are_not_read_as_ones_own() {
    let world = World::new();
    let key = world.key().await;
    let wrong = [
        key.replace("arn:aws:", "arn:aws-cn:"),
        key.replace(":kms:", ":s3:"),
        key.replace("key/", "keys/"),
        format!("{key}/x"),
        format!(" {key}"),
        key.to_uppercase(),
    ];
    for name in wrong {
        let answer = world.call("DescribeKey", naming(&name)).await;
        let refused = [FaultKind::NotFound, FaultKind::InvalidArn];
        assert!(
            refused.contains(&answer.kind()),
            "{name}: {}",
            answer.text()
        );
    }
}
