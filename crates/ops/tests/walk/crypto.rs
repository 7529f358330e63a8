//! Ciphertexts: what opens, what does not, and how it is refused.

use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::{World, base64, unbase64};

async fn sealed(world: &World, key: &str, context: Value) -> String {
    let sent = json!({"KeyId": key, "Plaintext": base64(b"secret"), "EncryptionContext": context});
    let answer = world.call("Encrypt", sent).await.ok();
    answer["CiphertextBlob"].as_str().unwrap().to_owned()
}

async fn opened(world: &World, blob: &str, context: Value) -> String {
    let sent = json!({"CiphertextBlob": blob, "EncryptionContext": context});
    let answer = world.call("Decrypt", sent).await;
    match &answer.outcome {
        Ok(body) => String::from_utf8(unbase64(body["Plaintext"].as_str().unwrap())).unwrap(),
        Err(_) => answer.text(),
    }
}

#[tokio::test]
async fn the_encryption_context_is_bound_pair_by_pair() {
    let world = World::new();
    let key = world.key().await;
    let blob = sealed(&world, &key, json!({"a": "bc", "d": "e"})).await;
    assert_eq!(
        opened(&world, &blob, json!({"d": "e", "a": "bc"})).await,
        "secret"
    );
    for other in [
        json!({"ab": "c", "d": "e"}),
        json!({"a": "bcd", "": "e"}),
        json!({"a": "bc"}),
        json!({"A": "bc", "d": "e"}),
        json!({"a": "bc", "d": "e", "f": ""}),
        json!({}),
    ] {
        assert_eq!(
            opened(&world, &blob, other).await,
            "InvalidCiphertextException"
        );
    }
    let blob = sealed(&world, &key, json!({})).await;
    assert_eq!(opened(&world, &blob, json!({})).await, "secret");
}

#[tokio::test]
async fn every_damaged_byte_and_every_cut_is_refused() {
    let world = World::new();
    let key = world.key().await;
    let blob = unbase64(&world.encrypt(&key, "secret").await);
    for at in 0..blob.len() {
        let mut damaged = blob.clone();
        damaged[at] ^= 1;
        for keyed in [false, true] {
            let mut sent = json!({"CiphertextBlob": base64(&damaged)});
            if keyed {
                sent["KeyId"] = json!(key);
            }
            let answer = world.call("Decrypt", sent).await;
            // A blob that names another key is that key's matter.
            let refused = match keyed {
                true => [FaultKind::InvalidCiphertext, FaultKind::IncorrectKey],
                false => [FaultKind::InvalidCiphertext, FaultKind::AccessDenied],
            };
            assert!(
                refused.contains(&answer.kind()),
                "byte {at}: {}",
                answer.text()
            );
        }
    }
    let longer = [blob.clone(), vec![0]].concat();
    let cuts = (1..blob.len()).map(|len| blob[..len].to_vec());
    for cut in cuts.chain([longer, vec![0xff; 6144], vec![b'K'], b"K\x01\x01".to_vec()]) {
        let answer = world.decrypt(&base64(&cut)).await;
        assert_eq!(answer.unwrap_err(), "InvalidCiphertextException");
    }
}

#[tokio::test]
async fn a_ciphertext_of_another_key_is_an_incorrect_key() {
    let world = World::new();
    let (one, other) = (world.key().await, world.key().await);
    let blob = world.encrypt(&one, "x").await;
    let text = "IncorrectKeyException: The key ID in the request does not identify a CMK that can \
                perform this operation.";
    let sent = json!({"CiphertextBlob": blob, "KeyId": other});
    assert_eq!(world.call("Decrypt", sent).await.text(), text);
    let sent = json!({"CiphertextBlob": blob, "SourceKeyId": other, "DestinationKeyId": one});
    assert_eq!(world.call("ReEncrypt", sent).await.text(), text);
    let sent = json!({"CiphertextBlob": blob, "KeyId": one});
    world.call("Decrypt", sent).await.ok();
}

#[tokio::test]
async fn re_encrypt_moves_key_and_context() {
    let world = World::new();
    let (one, other) = (world.key().await, world.key().await);
    let blob = sealed(&world, &one, json!({"old": "1"})).await;
    let sent = json!({
        "CiphertextBlob": blob, "SourceEncryptionContext": {"old": "1"},
        "DestinationKeyId": other, "DestinationEncryptionContext": {"new": "2"},
    });
    let answer = world.call("ReEncrypt", sent.clone()).await.ok();
    assert_eq!(
        (&answer["SourceKeyId"], &answer["KeyId"]),
        (&json!(one), &json!(other))
    );
    let moved = answer["CiphertextBlob"].as_str().unwrap();
    assert_eq!(opened(&world, moved, json!({"new": "2"})).await, "secret");
    assert_eq!(
        opened(&world, moved, json!({"old": "1"})).await,
        "InvalidCiphertextException"
    );
    let mut wrong = sent;
    wrong["SourceEncryptionContext"] = json!({"old": "2"});
    assert_eq!(
        world.call("ReEncrypt", wrong).await.text(),
        "InvalidCiphertextException"
    );
}

#[tokio::test]
async fn data_keys_open_to_what_was_shown() {
    let world = World::new();
    let key = world.key().await;
    for (size, length) in [
        (json!({"KeySpec": "AES_256"}), 32),
        (json!({"KeySpec": "AES_128"}), 16),
        (json!({"NumberOfBytes": 1}), 1),
        (json!({"NumberOfBytes": 1024}), 1024),
    ] {
        let mut sent = size;
        sent["KeyId"] = json!(key);
        let shown = world.call("GenerateDataKey", sent.clone()).await.ok();
        let plaintext = shown["Plaintext"].as_str().unwrap();
        assert_eq!(unbase64(plaintext).len(), length);
        let again = json!({"CiphertextBlob": shown["CiphertextBlob"]});
        let again = world.call("Decrypt", again).await.ok();
        assert_eq!(again["Plaintext"], plaintext);
        assert_eq!(again["KeyMaterialId"], shown["KeyMaterialId"]);
        let hidden = world
            .call("GenerateDataKeyWithoutPlaintext", sent)
            .await
            .ok();
        assert!(hidden.get("Plaintext").is_none());
        let again = json!({"CiphertextBlob": hidden["CiphertextBlob"]});
        let again = world.call("Decrypt", again).await.ok();
        assert_eq!(unbase64(again["Plaintext"].as_str().unwrap()).len(), length);
    }
    for neither in [
        json!({}),
        json!({"KeySpec": "AES_256", "NumberOfBytes": 32}),
    ] {
        for operation in ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext"] {
            let mut sent = neither.clone();
            sent["KeyId"] = json!(key);
            assert_eq!(
                world.call(operation, sent).await.kind(),
                FaultKind::Validation
            );
        }
    }
}

#[tokio::test]
async fn a_forged_attestation_is_refused_and_never_answered_in_clear() {
    let world = World::new();
    let key = world.key().await;
    let recipient = json!({
        "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": base64(b"forged"),
    });
    let blob = world.encrypt(&key, "x").await;
    let before = world.hsm.receipts().len();
    for (operation, mut sent) in [
        ("Decrypt", json!({"CiphertextBlob": blob})),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256"}),
        ),
        ("GenerateRandom", json!({"NumberOfBytes": 32})),
    ] {
        sent["Recipient"] = recipient.clone();
        let answer = world.call(operation, sent).await;
        assert_eq!(answer.kind(), FaultKind::Validation, "{operation}");
    }
    assert_eq!(world.hsm.receipts().len(), before);
}

#[tokio::test]
async fn a_blob_shows_nothing_of_its_plaintext() {
    let world = World::new();
    let key = world.key().await;
    let text = "a plaintext long enough to be found again";
    let blob = unbase64(&world.encrypt(&key, text).await);
    let layers = [
        text.as_bytes().to_vec(),
        base64(text.as_bytes()).into_bytes(),
    ];
    for layer in layers {
        let core = &layer[..layer.len() - 4];
        assert!(!blob.windows(core.len()).any(|window| window == core));
    }
    assert!(!world.log.records().iter().any(|record| {
        let json = String::from_utf8_lossy(&record.json);
        json.contains(text) || json.contains(&base64(text.as_bytes()))
    }));
}

#[tokio::test]
async fn a_ciphertext_that_claims_another_region_or_account_is_out_of_reach() {
    let world = World::new();
    let key = world.key().await;
    let blob = unbase64(&world.encrypt(&key, "x").await);
    let replaced = |from: &[u8], to: &[u8]| {
        let at = blob.windows(from.len()).position(|window| window == from);
        let at = at.unwrap();
        [&blob[..at], to, &blob[at + from.len()..]].concat()
    };
    let elsewhere = replaced(b"eu-west-1", b"eu-west-2");
    let sent = json!({"CiphertextBlob": base64(&elsewhere)});
    assert_eq!(
        world.call("Decrypt", sent).await.kind(),
        FaultKind::AccessDenied
    );
    // With the key named, the header is only data that does not verify.
    let sent = json!({"CiphertextBlob": base64(&elsewhere), "KeyId": key});
    assert_eq!(
        world.call("Decrypt", sent).await.text(),
        "InvalidCiphertextException"
    );
}

#[tokio::test]
async fn a_ciphertext_of_one_key_does_not_open_under_the_name_of_another() {
    let world = World::new();
    let (one, other) = (world.key().await, world.key().await);
    let blob = unbase64(&world.encrypt(&one, "x").await);
    let donor = unbase64(&world.encrypt(&other, "y").await);
    // Account, key id and material of the other key in front of the first key's body.
    let (_, header) = keystead_wall::CiphertextHeader::parse(&donor).unwrap();
    let spliced = [&donor[..header], &blob[header..]].concat();
    let answer = world.decrypt(&base64(&spliced)).await;
    assert_eq!(answer.unwrap_err(), "InvalidCiphertextException");
}
