//! Every template of a ValidationException, and constraints at their bounds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use base64_simd::STANDARD;
use keystead_api::{
    CreateAlias, CreateCustomKeyStore, CreateGrant, CreateKey, Decrypt, EnableKeyRotation, Encrypt,
    GenerateMac, GenerateRandom, ListKeys, ScheduleKeyDeletion, Shape, Sign, TagResource,
    UntagResource,
};
use keystead_types::{FaultKind, KeySpec};

fn violation<S: Shape>(body: &str) -> String {
    let Err(fault) = S::decode(body.as_bytes()) else {
        panic!("accepted: {body}");
    };
    assert_eq!(fault.kind(), FaultKind::Validation, "{fault}");
    fault.message().unwrap().to_owned()
}

fn one(detail: &str) -> String {
    format!("1 validation error detected: {detail}")
}

#[test]
fn required() {
    assert_eq!(
        violation::<Encrypt>(r#"{"Plaintext":"QQ=="}"#),
        one("Value null at 'keyId' failed to satisfy constraint: Member must not be null")
    );
    assert_eq!(
        violation::<Encrypt>(r#"{"KeyId":null}"#),
        "2 validation errors detected: \
         Value null at 'keyId' failed to satisfy constraint: Member must not be null; \
         Value null at 'plaintext' failed to satisfy constraint: Member must not be null"
    );
    assert_eq!(
        violation::<TagResource>(
            r#"{"KeyId":"k","Tags":[{"TagKey":"a","TagValue":"b"},{"TagKey":"c"}]}"#
        ),
        one(
            "Value null at 'tags.2.member.tagValue' failed to satisfy constraint: Member must not be null"
        )
    );
    assert_eq!(
        violation::<UntagResource>(r#"{"KeyId":"k","TagKeys":[null]}"#),
        one(
            "Value null at 'tagKeys.1.member' failed to satisfy constraint: Member must not be null"
        )
    );
}

#[test]
fn enumerations() {
    assert_eq!(
        violation::<GenerateMac>(r#"{"KeyId":"k","Message":"QQ==","MacAlgorithm":"INVALID"}"#),
        one(
            "Value 'INVALID' at 'macAlgorithm' failed to satisfy constraint: Member must satisfy \
             enum value set: [HMAC_SHA_224, HMAC_SHA_256, HMAC_SHA_384, HMAC_SHA_512]"
        )
    );
    assert_eq!(
        violation::<CreateKey>(r#"{"KeyUsage":"sign_verify"}"#),
        one(
            "Value 'sign_verify' at 'keyUsage' failed to satisfy constraint: Member must satisfy \
             enum value set: [SIGN_VERIFY, ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, KEY_AGREEMENT, \
             ENCAPSULATE_DECAPSULATE]"
        )
    );
    // The older member knows fewer specs than the type that both are read into.
    let input = CreateKey::decode(br#"{"KeySpec":"ML_DSA_44"}"#).unwrap();
    assert_eq!(input.key_spec, Some(KeySpec::MlDsa44));
    assert!(
        violation::<CreateKey>(r#"{"CustomerMasterKeySpec":"ML_DSA_44"}"#)
            .contains("'ML_DSA_44' at 'customerMasterKeySpec'")
    );
    assert!(violation::<CreateGrant>(r#"{"KeyId":"k","Operations":["Encrypt","X"]}"#)
        .contains("Value 'X' at 'operations.2.member' failed to satisfy constraint: Member must satisfy enum value set: [Decrypt, Encrypt, "));
}

#[test]
fn numbers_at_their_bounds() {
    assert_eq!(
        violation::<GenerateRandom>(r#"{"NumberOfBytes":0}"#),
        one(
            "Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1"
        )
    );
    assert_eq!(
        violation::<GenerateRandom>(r#"{"NumberOfBytes":1025}"#),
        one(
            "Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"
        )
    );
    assert!(violation::<GenerateRandom>(r#"{"NumberOfBytes":-1}"#).contains("Value '-1' at"));
    for bytes in [1, 1024] {
        assert!(
            GenerateRandom::decode(format!(r#"{{"NumberOfBytes":{bytes}}}"#).as_bytes()).is_ok()
        );
    }
    for (days, fits) in [(0, false), (1, true), (365, true), (366, false)] {
        let body = format!(r#"{{"KeyId":"k","PendingWindowInDays":{days}}}"#);
        assert_eq!(
            ScheduleKeyDeletion::decode(body.as_bytes()).is_ok(),
            fits,
            "{days}"
        );
    }
    for (days, fits) in [(89, false), (90, true), (2560, true), (2561, false)] {
        let body = format!(r#"{{"KeyId":"k","RotationPeriodInDays":{days}}}"#);
        assert_eq!(
            EnableKeyRotation::decode(body.as_bytes()).is_ok(),
            fits,
            "{days}"
        );
    }
    for (limit, fits) in [(0, false), (1, true), (1000, true), (1001, false)] {
        let body = format!(r#"{{"Limit":{limit}}}"#);
        assert_eq!(ListKeys::decode(body.as_bytes()).is_ok(), fits, "{limit}");
    }
}

#[test]
fn lengths_of_text() {
    let tag = |key: &str| format!(r#"{{"KeyId":"k","Tags":[{{"TagKey":"{key}","TagValue":""}}]}}"#);
    let long = "a".repeat(129);
    assert_eq!(
        violation::<TagResource>(&tag(&long)),
        one(&format!(
            "Value '{long}' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length less than or equal to 128"
        ))
    );
    assert_eq!(
        violation::<TagResource>(&tag("")),
        one(
            "Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length greater than or equal to 1"
        )
    );
    assert!(TagResource::decode(tag(&long[1..]).as_bytes()).is_ok());
    // Characters count as UTF-16 code units: 128 of two bytes fit, 65 outside the BMP do not.
    assert!(TagResource::decode(tag(&"é".repeat(128)).as_bytes()).is_ok());
    assert!(TagResource::decode(tag(&"😀".repeat(64)).as_bytes()).is_ok());
    assert!(TagResource::decode(tag(&"😀".repeat(65)).as_bytes()).is_err());
    let key = |len: usize| format!(r#"{{"KeyId":"{}","Plaintext":"QQ=="}}"#, "k".repeat(len));
    assert!(Encrypt::decode(key(2048).as_bytes()).is_ok());
    assert!(violation::<Encrypt>(&key(2049)).ends_with("less than or equal to 2048"));
}

#[test]
fn patterns_and_several_violations() {
    assert_eq!(
        violation::<CreateAlias>(r#"{"AliasName":"alias/a b","TargetKeyId":""}"#),
        "2 validation errors detected: Value 'alias/a b' at 'aliasName' failed to satisfy \
         constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$; \
         Value '' at 'targetKeyId' failed to satisfy constraint: Member must have length greater \
         than or equal to 1"
    );
    for name in [
        "alias/é",
        "alias/a%2fb",
        "alias/\\u0000",
        "alias/\\u202e",
        "alias/a\\n",
    ] {
        let body = format!(r#"{{"AliasName":"{name}","TargetKeyId":"k"}}"#);
        assert!(
            violation::<CreateAlias>(&body).contains("regular expression pattern"),
            "{name}"
        );
    }
}

fn of_bytes(len: usize) -> String {
    STANDARD.encode_to_string(vec![7; len])
}

#[test]
fn blobs_at_their_bounds_and_without_their_value() {
    for (len, fits) in [(0, false), (1, true), (4096, true), (4097, false)] {
        let body = format!(r#"{{"KeyId":"k","Plaintext":"{}"}}"#, of_bytes(len));
        assert_eq!(Encrypt::decode(body.as_bytes()).is_ok(), fits, "{len}");
    }
    for (len, fits) in [(0, false), (1, true), (6144, true), (6145, false)] {
        let body = format!(r#"{{"CiphertextBlob":"{}"}}"#, of_bytes(len));
        assert_eq!(Decrypt::decode(body.as_bytes()).is_ok(), fits, "{len}");
    }
    let body = format!(r#"{{"KeyId":"k","Plaintext":"{}"}}"#, of_bytes(4097));
    assert_eq!(
        violation::<Encrypt>(&body),
        one(
            "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"
        )
    );
    assert_eq!(
        violation::<Decrypt>(r#"{"CiphertextBlob":""}"#),
        one(
            "Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length greater than or equal to 1"
        )
    );
    let raw = format!(
        r#"{{"KeyId":"k","SigningAlgorithm":"ECDSA_SHA_256","Message":"{}"}}"#,
        of_bytes(4097)
    );
    assert!(violation::<Sign>(&raw).starts_with("1 validation error detected: Value at 'message'"));
}

#[test]
fn sensitive_text_without_its_value() {
    let body = r#"{"CustomKeyStoreName":"s","KeyStorePassword":"hunter",
        "XksProxyAuthenticationCredential":{"AccessKeyId":"lower","RawSecretAccessKey":"s e"}}"#;
    let message = violation::<CreateCustomKeyStore>(body);
    assert!(message.starts_with("5 validation errors detected: "));
    assert!(message.contains(
        "Value at 'keyStorePassword' failed to satisfy constraint: Member must have length greater than or equal to 7"
    ));
    assert!(message.contains(
        "Value at 'xksProxyAuthenticationCredential.accessKeyId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[A-Z2-7]+$"
    ));
    for secret in ["hunter", "lower", "s e"] {
        assert!(!message.contains(secret), "{message}");
    }
}

#[test]
fn sizes_of_lists() {
    let tokens = |count: usize| {
        let list = vec!["\"token\""; count].join(",");
        format!(r#"{{"KeyId":"k","Plaintext":"QQ==","GrantTokens":[{list}]}}"#)
    };
    assert!(Encrypt::decode(tokens(0).as_bytes()).is_ok());
    assert!(Encrypt::decode(tokens(10).as_bytes()).is_ok());
    assert_eq!(
        violation::<Encrypt>(&tokens(11)),
        one(
            "Value '[...]' at 'grantTokens' failed to satisfy constraint: Member must have length less than or equal to 10"
        )
    );
    assert_eq!(
        violation::<ListKeys>(r#"{"ResourceOwners":[]}"#),
        one(
            "Value '[...]' at 'resourceOwners' failed to satisfy constraint: Member must have length greater than or equal to 1"
        )
    );
}
