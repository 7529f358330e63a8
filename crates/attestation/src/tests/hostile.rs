//! Bytes that nobody meant well: no panic, no big allocation, always an error.

use super::*;
use crate::limits;
use proptest::prelude::*;

#[test]
fn nothing_and_too_much() {
    assert_eq!(check(&[]), Err(DocumentError::Size));
    let most = vec![0xff; limits::DOCUMENT_MAX_BYTES];
    assert_eq!(check(&most), Err(DocumentError::Envelope));
    let more = vec![0x00; limits::DOCUMENT_MAX_BYTES + 1];
    assert_eq!(check(&more), Err(DocumentError::Size));
    for byte in 0..=255 {
        assert!(check(&[byte]).is_err());
        assert!(check(&vec![byte; limits::DOCUMENT_MAX_BYTES]).is_err());
    }
}

#[test]
fn every_beginning_of_a_document_is_refused() {
    let whole = document().sign(chain());
    for len in 0..whole.len() {
        assert!(check(&whole[..len]).is_err(), "{len}");
    }
}

#[test]
fn deep_nesting() {
    for nest in [0x81, 0x9f, 0xa1, 0xbf, 0xd2, 0xc0, 0x5f, 0x7f] {
        let deep = vec![nest; 100_000];
        assert!(check(&deep).is_err(), "{nest:#x}");
        let inside = check(&chain().sign(&deep[..16_000]));
        assert!(inside.is_err(), "{nest:#x}");
        for name in ["module_id", "timestamp", "pcrs", "cabundle", "nonce"] {
            let result = check_member(name, deep[..4000].to_vec());
            assert_eq!(result, Err(DocumentError::Member(name)), "{nest:#x}");
        }
    }
}

/// The head of an item of this major type and length.
fn huge(major: u8, length: u64) -> Vec<u8> {
    [&[major << 5 | 27], length.to_be_bytes().as_slice()].concat()
}

#[test]
fn lengths_beyond_all_bytes() {
    for length in [1 << 20, 1 << 31, 1 << 32, 1 << 63, u64::MAX - 8, u64::MAX] {
        for major in 0..8 {
            let head = huge(major, length);
            assert!(check(&head).is_err());
            // In the place of each element of the message.
            for elements in 0..4 {
                let good = [
                    encode::bytes(&[0xa1, 0x01, 0x38, 0x22]),
                    encode::map(&[]),
                    encode::bytes(&[0xa0]),
                ];
                let before = good.get(..elements).unwrap_or(&good).concat();
                let message = [&[0x84], before.as_slice(), head.as_slice(), &[0; 64]].concat();
                assert!(check(&message).is_err());
            }
            assert!(check(&chain().sign(&head)).is_err());
            let members = [
                "module_id",
                "digest",
                "pcrs",
                "certificate",
                "cabundle",
                "nonce",
            ];
            for name in members {
                let result = check_member(name, head.clone());
                assert_eq!(result, Err(DocumentError::Member(name)));
            }
            let pcr = [&[0xa1, 0x00], head.as_slice()].concat();
            assert!(check_member("pcrs", pcr).is_err());
            let certificate = [&[0x81], head.as_slice()].concat();
            assert!(check_member("cabundle", certificate).is_err());
        }
    }
}

#[test]
fn heads_that_cbor_reserves() {
    for minor in 28..31 {
        for major in 0..8u8 {
            let head = vec![major << 5 | minor; 9];
            assert!(check(&head).is_err());
            assert!(check_member("nonce", head).is_err());
        }
    }
}

#[test]
fn texts_of_errors_repeat_nothing() {
    let shown = check_member("module_id", encode::text("i-1-secret")).unwrap_err();
    assert_eq!(
        shown.to_string(),
        "The attestation document has an invalid module_id."
    );
    let unknown = check_members(|m| m.push((encode::text("secret"), encode::null())));
    assert!(!unknown.unwrap_err().to_string().contains("secret"));
}

proptest! {
    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(check(&bytes).is_err());
        prop_assert!(check(&chain().sign(&bytes)).is_err());
    }

    /// Random bytes where a certificate or a key is expected, signed well.
    #[test]
    fn random_members(
        name in prop::sample::select(vec!["certificate", "cabundle", "public_key"]),
        bytes in proptest::collection::vec(any::<u8>(), 1..300),
    ) {
        let item = encode::bytes(&bytes);
        let value = if name == "cabundle" { encode::array(&[item]) } else { item };
        prop_assert!(check_member(name, value).is_err());
    }

    /// A document in which a few bytes changed never verifies.
    #[test]
    fn mutated_documents(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 1..6),
    ) {
        let whole = document().sign(chain());
        let mut altered = whole.clone();
        for (at, change) in &changes {
            let at = at.index(altered.len());
            altered[at] ^= change;
        }
        prop_assume!(altered != whole);
        prop_assert!(check(&altered).is_err());
    }

    /// The same for the payload and its certificates, signed again: whatever comes out is no panic.
    #[test]
    fn mutated_payloads(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 1..4),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut payload = encode::map(&document().members(chain()));
        for (at, change) in &changes {
            let at = at.index(payload.len());
            payload[at] ^= change;
        }
        if is_cut {
            payload.truncate(cut.index(payload.len()).max(1));
        }
        let result = check(&chain().sign(&payload));
        prop_assert!(!is_cut || result.is_err());
        if let Ok(attested) = result {
            prop_assert!(attested.pcrs.len() <= limits::PCRS_MAX);
            prop_assert!(attested.module_id.starts_with("i-"));
        }
    }
}
