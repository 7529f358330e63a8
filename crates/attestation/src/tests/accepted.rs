//! What is taken, and what it says.

use super::*;
use crate::DocumentKind;

#[test]
fn a_document_says_what_was_put_in() {
    let attested = check(&document().sign(chain())).unwrap();
    assert_eq!(attested.module_id, document().module_id);
    assert_eq!(attested.kind, DocumentKind::Enclave);
    assert_eq!(attested.timestamp, NOW);
    assert_eq!(attested.public_key, Some(rsa_2048()));
    assert_eq!(attested.pcrs.len(), 16);
    assert_eq!(attested.image_sha384_hex(), Some("a0".repeat(48)));
    assert_eq!(attested.pcr_hex(15), Some("af".repeat(48)));
    assert_eq!(attested.pcr_hex(16), None);
    assert_eq!(attested.pcr_hex(255), None);
}

#[test]
fn the_tag_may_stand_or_be_left_out() {
    let bare = document().sign(chain());
    let tagged = [&[0xd2], bare.as_slice()].concat();
    assert_eq!(check(&tagged), check(&bare));
    // Tag 98 is COSE_Sign, 17 COSE_Mac0; two tags are one too many.
    for tag in [&[0xd8, 0x62][..], &[0xd1], &[0xd2, 0xd2]] {
        let other = [tag, bare.as_slice()].concat();
        assert_eq!(check(&other), Err(DocumentError::Envelope), "{tag:?}");
    }
}

#[test]
fn the_payload_may_have_an_indefinite_length() {
    let payload = encode::open_map(&document().members(chain()));
    assert!(check(&chain().sign(&payload)).is_ok());
    let without_end = &payload[..payload.len() - 1];
    assert_eq!(
        check(&chain().sign(without_end)),
        Err(DocumentError::Encoding)
    );
}

#[test]
fn members_that_may_be_left_out() {
    for name in ["public_key", "user_data", "nonce"] {
        let result = check_members(|m| m.retain(|(key, _)| *key != encode::text(name)));
        assert!(result.is_ok(), "{name}: {result:?}");
    }
    let attested = check(&Document::new(NOW).sign(chain())).unwrap();
    assert_eq!(attested.public_key, None);
}

#[test]
fn sizes_of_user_data_and_nonce() {
    for name in ["user_data", "nonce"] {
        for len in [0, 512, 1024] {
            assert!(check_member(name, encode::bytes(&vec![7; len])).is_ok());
        }
        let result = check_member(name, encode::bytes(&[7; 1025]));
        assert_eq!(result, Err(DocumentError::Member(name)));
    }
}

#[test]
fn a_nitro_tpm_has_no_image_and_names_its_pcrs() {
    let tpm = Document {
        module_id: "i-0123456789abcdef0-tpm0000000000000000".to_owned(),
        ..document()
    };
    let attested = check(&tpm.sign(chain())).unwrap();
    assert_eq!(attested.kind, DocumentKind::NitroTpm);
    assert_eq!(attested.image_sha384_hex(), None);
    assert_eq!(attested.pcr_hex(0), Some("a0".repeat(48)));

    let mut members = tpm.members(chain());
    for (key, _) in &mut members {
        if *key == encode::text("nitrotpm_pcrs") {
            *key = encode::text("pcrs");
        }
    }
    let renamed = chain().sign(&encode::map(&members));
    assert_eq!(check(&renamed), Err(DocumentError::Member("module_id")));
}

#[test]
fn an_image_digest_has_the_length_of_sha_384() {
    let mut short = document();
    short.pcrs.insert(0, vec![0; 32]);
    let attested = check(&short.sign(chain())).unwrap();
    assert_eq!(attested.image_sha384_hex(), None);
    short.pcrs.remove(&0);
    let attested = check(&short.sign(chain())).unwrap();
    assert_eq!(attested.image_sha384_hex(), None);
    assert_eq!(attested.pcr_hex(0), None);
}

#[test]
fn documents_that_aws_signed() {
    let document = include_bytes!("../../vectors/enclave-2025-01.cbor");
    let then = Timestamp::from_millis(1_736_179_625_472);
    let attested = verify(document, &TrustedRoots::aws(), then, MAX_AGE).unwrap();
    assert_eq!(
        attested.module_id,
        "i-0bee92034f3d60691-enc01943c5eaab3ad6a"
    );
    assert_eq!(
        attested.image_sha384_hex().unwrap(),
        "8bb159f202bb95d6d4d98e0e103918246cea734f1d57cd263e4fd56075ed53f6\
         fa8c68854817a32749a241e11874c26b"
    );
    assert_eq!(attested.public_key.map(|key| key.len()), Some(294));
    assert_eq!(attested.timestamp, then);
    // The signer's certificate was valid for three hours.
    let later = then.plus_millis(4 * 3_600_000);
    let expired = verify(document, &TrustedRoots::aws(), later, i64::MAX);
    assert_eq!(expired, Err(DocumentError::Validity));
    let nobody = verify(document, &TrustedRoots::none(), then, MAX_AGE);
    assert_eq!(nobody, Err(DocumentError::Untrusted));
    let test_root = verify(document, &roots_of(chain()), then, MAX_AGE);
    assert_eq!(test_root, Err(DocumentError::Untrusted));

    let debug = include_bytes!("../../vectors/enclave-debug-2021-03.cbor");
    let then = Timestamp::from_millis(1_614_963_709_526);
    let attested = verify(debug, &TrustedRoots::aws(), then, MAX_AGE).unwrap();
    assert_eq!(attested.image_sha384_hex(), Some("00".repeat(48)));
    assert_eq!(attested.public_key, None);
    assert_eq!(attested.pcr_hex(16), None);
}
