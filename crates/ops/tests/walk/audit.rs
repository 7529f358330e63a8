//! One record for each request, with what the request was.

use std::collections::BTreeSet;

use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::hsm::Mode;
use crate::support::{OTHER, OWN, World, base64, root, user};

#[tokio::test]
async fn each_request_has_one_record_that_tells_it() {
    let world = World::new();
    let key = world.key().await;
    let blob = world.encrypt(&key, "x").await;
    let other = world.key().await;
    let rows = [
        (
            "Encrypt",
            json!({"KeyId": key, "Plaintext": base64(b"x"), "EncryptionContext": {"a": "b"}}),
            1,
            1,
        ),
        ("Decrypt", json!({"CiphertextBlob": blob}), 1, 1),
        (
            "ReEncrypt",
            json!({"CiphertextBlob": blob, "DestinationKeyId": other}),
            2,
            1,
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256"}),
            1,
            1,
        ),
        (
            "GenerateDataKeyWithoutPlaintext",
            json!({"KeyId": key, "KeySpec": "AES_256"}),
            1,
            1,
        ),
        ("GenerateRandom", json!({"NumberOfBytes": 8}), 0, 1),
        ("CreateKey", json!({}), 1, 1),
        ("RotateKeyOnDemand", json!({"KeyId": key}), 1, 1),
        ("DescribeKey", json!({"KeyId": key}), 1, 0),
        ("ListKeys", json!({}), 0, 0),
        ("TagResource", json!({"KeyId": key, "Tags": []}), 1, 0),
        ("DisableKey", json!({"KeyId": key}), 1, 0),
    ];
    for (operation, sent, resources, receipts) in rows {
        let before = world.log.records().len();
        let answer = world.call(operation, sent).await;
        assert_eq!(answer.text(), "ok", "{operation}");
        let records = world.log.records();
        assert_eq!(records.len(), before + 1, "{operation}");
        let record = &records[before];
        assert_eq!(record.receipts.len(), receipts, "{operation}");
        let json: Value = serde_json::from_slice(&record.json).unwrap();
        assert_eq!(json["requestID"], answer.request_id.as_str());
        assert_eq!(json["eventName"], operation);
        assert_eq!(json["recipientAccountId"], OWN);
        assert_eq!(json["userIdentity"]["accountId"], OWN);
        assert!(json.get("errorCode").is_none());
        let shown = json["resources"].as_array().map_or(0, Vec::len);
        assert_eq!(shown, resources, "{operation}: {json}");
        if operation == "ReEncrypt" {
            assert_eq!(json["resources"][0]["ARN"], key, "the source comes first");
            assert_eq!(json["resources"][1]["ARN"], other);
        }
        if operation == "Encrypt" {
            assert_eq!(
                json["requestParameters"]["encryptionContext"],
                json!({"a": "b"})
            );
            assert!(json["requestParameters"].get("plaintext").is_none());
        }
    }
}

#[tokio::test]
async fn refusals_are_recorded_with_their_code() {
    let world = World::new();
    let key = world.key().await;
    let rows: [(&str, Vec<u8>, &str); 4] = [
        ("Encrypt", b"not json".to_vec(), "SerializationException"),
        ("Encrypt", b"{}".to_vec(), "ValidationException"),
        (
            "DescribeKey",
            br#"{"KeyId":"alias/none"}"#.to_vec(),
            "NotFoundException",
        ),
        (
            "CancelKeyDeletion",
            json!({"KeyId": key}).to_string().into_bytes(),
            "KMSInvalidStateException",
        ),
    ];
    for (operation, body, code) in rows {
        let answer = world.raw(operation, root(OWN), &body).await;
        assert_eq!(answer.kind().code(), code);
        let record = world.audit_of(answer.request_id);
        assert_eq!(record["errorCode"], code);
        assert_eq!(record["responseElements"], Value::Null);
    }
    for who in [user(OWN, "alice"), root(OTHER)] {
        let answer = world
            .call_as(who, "DescribeKey", json!({"KeyId": key}))
            .await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied);
        assert_eq!(
            world.audit_of(answer.request_id)["errorCode"],
            "AccessDenied"
        );
    }
}

/// Every command that the HSM counted stands in exactly one record.
#[tokio::test]
async fn no_use_of_the_hsm_is_without_a_record() {
    let mut world = World::new();
    let key = world.key().await;
    let blob = world.encrypt(&key, "x").await;
    let wrong = json!({"CiphertextBlob": blob, "EncryptionContext": {"a": "b"}});
    world.call("Decrypt", wrong).await;
    let dry = json!({"CiphertextBlob": blob, "DryRun": true});
    world.call("Decrypt", dry).await;
    world
        .call("EnableKeyRotation", json!({"KeyId": key}))
        .await
        .ok();
    world
        .call("RotateKeyOnDemand", json!({"KeyId": key}))
        .await
        .ok();
    world.clock.forward_days(365);
    keystead_engine::run_due(&world.site, keystead_engine::Destruction::Allowed)
        .await
        .unwrap();
    // A refused rotation.
    world.clock.forward_days(365);
    world
        .edit(&key, |record| {
            record.spec = keystead_types::KeySpec::Hmac256
        })
        .await;
    assert!(
        keystead_engine::run_due(&world.site, keystead_engine::Destruction::Allowed)
            .await
            .is_err()
    );
    let counters = |receipts: &[keystead_audit::ReceiptNote]| {
        receipts.iter().map(|one| one.counter).collect::<Vec<_>>()
    };
    let records = world.log.records();
    let noted: Vec<u64> = records
        .iter()
        .flat_map(|one| counters(&one.receipts))
        .collect();
    let given: BTreeSet<u64> = world.hsm.receipts().iter().map(|one| one.counter).collect();
    assert_eq!(noted.len(), given.len());
    assert_eq!(noted.into_iter().collect::<BTreeSet<_>>(), given);
}

#[tokio::test]
async fn a_request_that_is_dropped_on_the_way_leaves_abandoned() {
    let world = World::new();
    let key = world.key().await;
    world.hsm.set(Mode::Hangs);
    let sent = json!({"KeyId": key, "Plaintext": base64(b"x")});
    let body = serde_json::to_vec(&sent).unwrap();
    let request = world.request(root(OWN), &body);
    let request_id = request.request_id;
    {
        let call = keystead_engine::serve::<keystead_ops::Encrypt>(&world.site, request);
        let timed = tokio::time::timeout(std::time::Duration::from_millis(20), call).await;
        assert!(timed.is_err());
    }
    let record = world.audit_of(request_id);
    assert_eq!(record["errorCode"], "ABANDONED");
    assert_eq!(record["resources"][0]["ARN"], key);
    world.hsm.set(Mode::Answers);
}

#[tokio::test]
async fn mutating_calls_show_the_key_in_their_response_elements() {
    let world = World::new();
    let key = world.key().await;
    for operation in [
        "DisableKey",
        "EnableKey",
        "EnableKeyRotation",
        "DisableKeyRotation",
    ] {
        let answer = world.call(operation, json!({"KeyId": key})).await;
        let record = world.audit_of(answer.request_id);
        assert_eq!(record["responseElements"]["keyId"], key, "{operation}");
        assert_eq!(record["readOnly"], false);
    }
    let answer = world.call("DescribeKey", json!({"KeyId": key})).await;
    let record = world.audit_of(answer.request_id);
    assert_eq!(
        (&record["responseElements"], &record["readOnly"]),
        (&Value::Null, &json!(true))
    );
    let answer = world
        .call("CreateKey", json!({"Description": "\"},{\n"}))
        .await;
    let record = world.audit_of(answer.request_id);
    assert_eq!(
        record["responseElements"]["keyMetadata"]["keyState"],
        "Enabled"
    );
    assert_eq!(record["requestParameters"]["description"], "\"},{\n");
}
