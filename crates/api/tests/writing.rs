//! Answers, audit parameters and `Debug`: what is written, and what never is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use keystead_api::model::{KeyListEntry, KeyMetadata, Tag};
use keystead_api::{
    ConnectCustomKeyStore, CreateCustomKeyStore, CreateGrant, CreateKey, Decrypt, DescribeKey,
    EnableKey, Encrypt, GenerateDataKey, GenerateRandom, ImportKeyMaterial, ListKeys,
    ListResourceTags, OperationName, ReEncrypt, ScheduleKeyDeletion, Shape, TagResource,
};
use keystead_api::{create_grant, decrypt, describe_key, encrypt, generate_data_key, list_keys};
use keystead_api::{list_resource_tags, schedule_key_deletion};
use keystead_types::{KeyManager, KeySpec, KeyState, KeyUsage, Origin, Plaintext, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

fn encoded<S: Shape>(output: &S::Output) -> Value {
    serde_json::from_slice(&S::encode(output)).unwrap()
}

fn audited<S: Shape>(body: &Value) -> Value {
    let input = S::decode(body.to_string().as_bytes()).unwrap();
    let mut out = b"before ".to_vec();
    S::audit_parameters(&input, &mut out);
    serde_json::from_slice(out.strip_prefix(b"before ").unwrap()).unwrap()
}

#[test]
fn an_encrypt_answer() {
    let output = encrypt::Output {
        ciphertext_blob: Some(vec![0xff, 0xef, 0xfe, 0x01]),
        encryption_algorithm: Some(keystead_types::EncryptionAlgorithm::SymmetricDefault),
        key_id: Some("arn:aws:kms:eu-west-1:111122223333:key/k".to_owned()),
    };
    assert_eq!(
        String::from_utf8(Encrypt::encode(&output)).unwrap(),
        r#"{"CiphertextBlob":"/+/+AQ==","EncryptionAlgorithm":"SYMMETRIC_DEFAULT","KeyId":"arn:aws:kms:eu-west-1:111122223333:key/k"}"#
    );
}

#[test]
fn answers_without_members_and_without_shape() {
    assert_eq!(ConnectCustomKeyStore::encode(&Default::default()), b"{}");
    assert_eq!(EnableKey::encode(&()), b"");
    assert_eq!(
        encoded::<ListKeys>(&list_keys::Output::default()),
        json!({})
    );
}

#[test]
fn secrets_are_answered_and_leave_room_for_no_reallocation() {
    let output = generate_data_key::Output {
        plaintext: Some(Plaintext::new(vec![0; 1024])),
        ciphertext_blob: Some(vec![1; 1200]),
        key_id: Some("k".repeat(100)),
        ..Default::default()
    };
    let body = GenerateDataKey::encode(&output);
    let room = keystead_api::limits::ANSWER_ROOM_BYTES + 1024 * 4 / 3 + 1200 * 4 / 3;
    assert_eq!(body.capacity(), room);
    let value: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(value["Plaintext"].as_str().unwrap().len(), 1368);
    let answer = decrypt::Output {
        plaintext: Some(Plaintext::new(b"hello".to_vec())),
        ..Default::default()
    };
    assert_eq!(
        encoded::<Decrypt>(&answer),
        json!({"Plaintext": "aGVsbG8="})
    );
}

#[test]
fn nested_structures_and_lists() {
    let output = describe_key::Output {
        key_metadata: Some(KeyMetadata {
            aws_account_id: Some("111122223333".to_owned()),
            key_id: "k".to_owned(),
            creation_date: Some(Timestamp::from_millis(1_568_290_320_120)),
            enabled: Some(true),
            key_state: Some(KeyState::Enabled),
            key_spec: Some(KeySpec::SymmetricDefault),
            key_usage: Some(KeyUsage::EncryptDecrypt),
            key_manager: Some(KeyManager::Customer),
            origin: Some(Origin::AwsKms),
            pending_deletion_window_in_days: Some(7),
            description: Some("line\n\"quoted\" \u{1b}[0m".to_owned()),
            encryption_algorithms: Some(vec![
                keystead_types::EncryptionAlgorithm::SymmetricDefault,
            ]),
            ..Default::default()
        }),
    };
    assert_eq!(
        encoded::<DescribeKey>(&output),
        json!({"KeyMetadata": {
            "AWSAccountId": "111122223333",
            "CreationDate": 1_568_290_320.12,
            "Description": "line\n\"quoted\" \u{1b}[0m",
            "Enabled": true,
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "KeyId": "k",
            "KeyManager": "CUSTOMER",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyState": "Enabled",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "Origin": "AWS_KMS",
            "PendingDeletionWindowInDays": 7,
        }})
    );
    let keys = list_keys::Output {
        keys: Some(vec![
            KeyListEntry::default(),
            KeyListEntry {
                key_id: Some("b".to_owned()),
                key_arn: None,
            },
        ]),
        truncated: Some(false),
        next_marker: None,
    };
    assert_eq!(
        encoded::<ListKeys>(&keys),
        json!({"Keys": [{}, {"KeyId": "b"}], "Truncated": false})
    );
}

#[test]
fn moments_have_up_to_three_decimals() {
    for (millis, text) in [
        (0, "0"),
        (1, "0.001"),
        (1_568_290_320_123, "1568290320.123"),
        (1_568_290_320_100, "1568290320.1"),
        (1_568_290_320_010, "1568290320.01"),
        (1_568_290_320_000, "1568290320"),
        (-1500, "-1.5"),
    ] {
        let output = schedule_key_deletion::Output {
            deletion_date: Some(Timestamp::from_millis(millis)),
            ..Default::default()
        };
        assert_eq!(
            String::from_utf8(ScheduleKeyDeletion::encode(&output)).unwrap(),
            format!("{{\"DeletionDate\":{text}}}")
        );
    }
}

#[test]
fn audit_parameters_keep_what_cloudtrail_keeps() {
    assert_eq!(
        audited::<Encrypt>(&json!({
            "KeyId": "alias/a", "Plaintext": "c2VjcmV0", "GrantTokens": ["token"],
            "EncryptionContext": {"b": "2", "a": "\n{\"eventName\":\"fake\"}"}, "DryRun": true,
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        })),
        json!({
            "keyId": "alias/a", "dryRun": true, "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "encryptionContext": {"a": "\n{\"eventName\":\"fake\"}", "b": "2"},
        })
    );
    assert_eq!(audited::<ListKeys>(&json!({})), Value::Null);
    assert_eq!(
        audited::<ListKeys>(&json!({"Limit": 5})),
        json!({"limit": 5})
    );
    assert_eq!(
        audited::<Decrypt>(&json!({"CiphertextBlob": "QQ=="})),
        json!({"encryptionAlgorithm": "SYMMETRIC_DEFAULT"})
    );
    assert_eq!(
        audited::<GenerateRandom>(&json!({"Recipient": {"AttestationDocument": "QQ=="}})),
        Value::Null
    );
    assert_eq!(
        audited::<ReEncrypt>(&json!({
            "CiphertextBlob": "QQ==", "DestinationKeyId": "d", "SourceEncryptionContext": {"a": "1"},
        })),
        json!({
            "destinationKeyId": "d", "sourceEncryptionContext": {"a": "1"},
            "sourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "destinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        })
    );
    assert_eq!(
        audited::<TagResource>(&json!({"KeyId": "k", "Tags": [{"TagKey": "a", "TagValue": "b"}]})),
        json!({"keyId": "k", "tags": [{"tagKey": "a", "tagValue": "b"}]})
    );
    assert_eq!(
        audited::<CreateKey>(&json!({"CustomerMasterKeySpec": "RSA_2048", "MultiRegion": false})),
        json!({"customerMasterKeySpec": "RSA_2048", "multiRegion": false})
    );
    assert_eq!(
        audited::<ImportKeyMaterial>(&json!({
            "KeyId": "k", "ImportToken": "QQ==", "EncryptedKeyMaterial": "QQ==",
            "ValidTo": 1_747_806_465, "ExpirationModel": "KEY_MATERIAL_EXPIRES",
        })),
        json!({
            "keyId": "k", "validTo": "May 21, 2025, 5:47:45 AM",
            "expirationModel": "KEY_MATERIAL_EXPIRES",
        })
    );
    assert_eq!(
        audited::<CreateGrant>(&json!({
            "KeyId": "k", "Operations": ["Encrypt", "Decrypt"], "GrantTokens": ["t"],
            "Constraints": {"EncryptionContextSubset": {"a": "b"}},
        })),
        json!({
            "keyId": "k", "operations": ["Encrypt", "Decrypt"],
            "constraints": {"encryptionContextSubset": {"a": "b"}},
        })
    );
}

const STORE: &str = r#"{"CustomKeyStoreName":"s","KeyStorePassword":"hunter22",
    "TrustAnchorCertificate":"CERT","XksProxyAuthenticationCredential":{
    "AccessKeyId":"ABCDEFGHIJ234567ABCD","RawSecretAccessKey":"rawsecretrawsecretrawsecretrawsecretrawsecr"}}"#;

#[test]
fn secrets_are_in_no_audit_and_in_no_debug() {
    let input = CreateCustomKeyStore::decode(STORE.as_bytes()).unwrap();
    let mut audit = Vec::new();
    CreateCustomKeyStore::audit_parameters(&input, &mut audit);
    assert_eq!(audit, br#"{"customKeyStoreName":"s"}"#);
    let shown = format!("{input:?}");
    assert!(
        shown.contains("key_store_password: Some((redacted))"),
        "{shown}"
    );
    for secret in ["hunter22", "ABCDEFGHIJ", "rawsecret"] {
        assert!(!shown.contains(secret), "{shown}");
    }

    let body = br#"{"KeyId":"k","Plaintext":"c2VjcmV0","GrantTokens":["token-value"]}"#;
    let shown = format!("{:?}", Encrypt::decode(body).unwrap());
    assert!(shown.contains("plaintext: (redacted)"), "{shown}");
    assert!(
        !shown.contains("token-value") && !shown.contains("115, 101"),
        "{shown}"
    );

    let answer = generate_data_key::Output {
        plaintext: Some(Plaintext::new(vec![99; 32])),
        ciphertext_blob: Some(vec![98; 32]),
        ..Default::default()
    };
    let shown = format!("{answer:?}");
    assert!(shown.contains("(32 bytes)"), "{shown}");
    assert!(!shown.contains("99") && !shown.contains("98"), "{shown}");
    let grant = create_grant::Output {
        grant_id: None,
        grant_token: Some("bearer".to_owned()),
    };
    assert!(!format!("{grant:?}").contains("bearer"));
}

#[test]
fn dry_run_is_asked_of_the_shape() {
    let dry = |flag: &str| {
        let body = format!(r#"{{"KeyId":"k","Plaintext":"QQ=="{flag}}}"#);
        Encrypt::dry_run(&Encrypt::decode(body.as_bytes()).unwrap())
    };
    assert!(dry(r#","DryRun":true"#));
    assert!(!dry(r#","DryRun":false"#));
    assert!(!dry(""));
    assert!(!ListKeys::dry_run(
        &ListKeys::decode(br#"{"DryRun":true}"#).unwrap()
    ));
}

#[test]
fn read_only_as_cloudtrail_says() {
    assert!(OperationName::Encrypt.is_read_only());
    assert!(OperationName::GetParametersForImport.is_read_only());
    assert!(!OperationName::CreateGrant.is_read_only());
    assert!(!OperationName::RotateKeyOnDemand.is_read_only());
    let reads = OperationName::ALL.iter().filter(|name| name.is_read_only());
    assert_eq!(reads.count(), 29);
}

fn built(operation: OperationName) -> Option<OperationName> {
    macro_rules! shape {
        ($name:ident) => {
            Some(keystead_api::$name::OPERATION)
        };
    }
    macro_rules! nothing {
        ($name:ident) => {
            None
        };
    }
    keystead_api::for_each_operation!(operation, shape, nothing)
}

#[test]
fn the_dispatch_names_each_built_operation_once() {
    let listed = include_str!("../../../conformance/uncovered-operations.txt");
    for operation in OperationName::ALL {
        let uncovered = listed.lines().any(|line| line == operation.as_str());
        let expected = (!uncovered).then_some(*operation);
        assert_eq!(built(*operation), expected);
    }
}

proptest! {
    #[test]
    fn texts_come_back_as_they_were(key in "\\PC{1,20}", value in any::<String>(), plain in prop::collection::vec(any::<u8>(), 1..200)) {
        prop_assume!(value.encode_utf16().count() <= 256);
        prop_assume!(key.encode_utf16().count() <= 128);
        let body = json!({"KeyId": "k", "Tags": [{"TagKey": key, "TagValue": value}]});
        let input = TagResource::decode(body.to_string().as_bytes()).unwrap();
        prop_assert_eq!(&input.tags, &[Tag { tag_key: key.clone(), tag_value: value.clone() }]);
        let output = list_resource_tags::Output { tags: Some(input.tags.clone()), ..Default::default() };
        prop_assert_eq!(encoded::<ListResourceTags>(&output), json!({"Tags": [{"TagKey": key, "TagValue": value}]}));

        let sent = base64_simd::STANDARD.encode_to_string(&plain);
        let body = json!({"KeyId": "k", "Plaintext": sent, "EncryptionContext": {&key: &value}});
        let input = Encrypt::decode(body.to_string().as_bytes()).unwrap();
        prop_assert_eq!(input.plaintext.expose(), plain.as_slice());
        prop_assert_eq!(input.encryption_context.pairs().collect::<Vec<_>>(), [(key.as_str(), value.as_str())]);
        let answer = decrypt::Output { plaintext: Some(input.plaintext), ..Default::default() };
        prop_assert_eq!(encoded::<Decrypt>(&answer), json!({"Plaintext": sent}));
    }
}
