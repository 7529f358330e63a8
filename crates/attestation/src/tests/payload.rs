//! Members: types, lengths, values, times, the public key.

use super::*;
use crate::limits;
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PublicKeyData};

fn refused(name: &'static str, value: impl Into<Vec<u8>>) {
    let value = value.into();
    let start = value[..value.len().min(16)].to_vec();
    let result = check_member(name, value);
    assert_eq!(result, Err(DocumentError::Member(name)), "{start:02x?}");
}

/// An array or a map of indefinite length.
fn opened(definite: &[u8], head: u8) -> Vec<u8> {
    [&[head], &definite[1..], &[0xff]].concat()
}

#[test]
fn members_that_are_needed() {
    let names = [
        "module_id",
        "digest",
        "timestamp",
        "pcrs",
        "certificate",
        "cabundle",
    ];
    for name in names {
        let result = check_members(|m| m.retain(|(key, _)| *key != encode::text(name)));
        assert_eq!(result, Err(DocumentError::Missing(name)));
        refused(name, encode::null());
        refused(name, encode::array(&[]));
    }
    let nothing = check(&chain().sign(&encode::map(&[])));
    assert_eq!(nothing, Err(DocumentError::Missing("module_id")));
}

#[test]
fn unknown_and_repeated_members() {
    for key in [
        encode::text("extra"),
        encode::text("Module_id"),
        encode::text(""),
    ] {
        let result = check_members(|m| m.push((key, encode::null())));
        assert_eq!(result, Err(DocumentError::UnknownMember));
    }
    for key in [encode::uint(1), encode::bytes(b"nonce"), encode::null()] {
        let result = check_members(|m| m.push((key, encode::null())));
        assert_eq!(result, Err(DocumentError::Encoding));
    }
    for at in 0..9 {
        let result = check_members(|m| m.push(m[at].clone()));
        assert!(matches!(result, Err(DocumentError::Duplicate(_))), "{at}");
        let mut members = document().members(chain());
        members.push(members[at].clone());
        let result = check(&chain().sign(&encode::open_map(&members)));
        assert!(matches!(result, Err(DocumentError::Duplicate(_))), "{at}");
    }
}

#[test]
fn the_payload_is_one_map() {
    let map = encode::map(&document().members(chain()));
    let behind = [map.as_slice(), &[0xf6]].concat();
    for payload in [
        behind,
        map[..map.len() - 1].to_vec(),
        encode::null(),
        vec![0xff],
    ] {
        let result = check(&chain().sign(&payload));
        assert!(
            matches!(
                result,
                Err(DocumentError::Encoding | DocumentError::Member("nonce"))
            ),
            "{result:?}"
        );
    }
    let result = check(&chain().sign(&[]));
    assert_eq!(result, Err(DocumentError::Member("payload")));
    let result = check(&chain().sign(&[0; 16_385]));
    assert_eq!(result, Err(DocumentError::Member("payload")));
}

#[test]
fn module_ids() {
    let long = format!("i-{}-enc0", "1".repeat(limits::MODULE_ID_MAX_BYTES));
    let others = [
        "",
        "i-",
        "-",
        "i-1",
        "i-1-",
        "i-1-vm2",
        "enc1",
        "1-enc2",
        "i-1-enc 2",
        "i-1-enc\n",
        "i-é-enc1",
        &long,
    ];
    for other in others {
        refused("module_id", encode::text(other));
    }
    refused("module_id", encode::bytes(b"i-1-enc2"));
    // Text that is not UTF-8, text of indefinite length.
    refused("module_id", vec![0x62, 0xc3, 0x28]);
    refused("module_id", vec![0x7f, 0x63, b'i', b'-', b'1', 0xff]);
    assert!(check_member("module_id", encode::text("i-1-enc2")).is_ok());
}

#[test]
fn the_digest_is_sha_384() {
    for other in ["SHA256", "SHA512", "sha384", "SHA384 ", ""] {
        refused("digest", encode::text(other));
    }
    refused("digest", encode::bytes(b"SHA384"));
}

#[test]
fn timestamps() {
    refused("timestamp", encode::uint(0));
    refused("timestamp", encode::uint(u64::MAX));
    refused("timestamp", encode::uint(1 << 63));
    refused("timestamp", vec![0x20]);
    refused("timestamp", vec![0xfb, 0x42, 0x79, 0, 0, 0, 0, 0, 0]);
    let at = |millis: i64| {
        let timestamp = u64::try_from(NOW.as_millis() + millis).unwrap();
        check_member("timestamp", encode::uint(timestamp))
    };
    assert!(at(-MAX_AGE).is_ok());
    assert_eq!(at(-MAX_AGE - 1), Err(DocumentError::TooOld));
    assert!(at(limits::AHEAD_MAX_MILLIS).is_ok());
    let ahead = at(limits::AHEAD_MAX_MILLIS + 1);
    assert_eq!(ahead, Err(DocumentError::FromTheFuture));
    let far = check_member("timestamp", encode::uint(i64::MAX as u64));
    assert_eq!(far, Err(DocumentError::FromTheFuture));
    // A negative age lets nothing pass but what lies ahead.
    let result = verify(&document().sign(chain()), &roots_of(chain()), NOW, -1);
    assert_eq!(result, Err(DocumentError::TooOld));
    for now in [i64::MIN, -1, 0] {
        let now = Timestamp::from_millis(now);
        assert!(verify(&document().sign(chain()), &roots_of(chain()), now, i64::MAX).is_err());
    }
}

#[test]
fn pcrs() {
    let pcr = |index: u64, len: usize| (encode::uint(index), encode::bytes(&vec![1; len]));
    let many = |count: u64| encode::map(&(0..count).map(|n| pcr(n, 48)).collect::<Vec<_>>());
    assert!(check_member("pcrs", many(1)).is_ok());
    assert!(check_member("pcrs", many(32)).is_ok());
    refused("pcrs", many(0));
    refused("pcrs", many(33));
    refused("pcrs", encode::map(&[pcr(32, 48)]));
    refused("pcrs", encode::map(&[pcr(256, 48)]));
    refused(
        "pcrs",
        encode::map(&[(vec![0x20], encode::bytes(&[1; 48]))]),
    );
    refused(
        "pcrs",
        encode::map(&[(encode::text("0"), encode::bytes(&[1; 48]))]),
    );
    refused(
        "pcrs",
        encode::map(&[(encode::uint(0), encode::text(&"a".repeat(48)))]),
    );
    refused("pcrs", encode::map(&[pcr(0, 48), pcr(0, 48)]));
    // The same index in a longer encoding is still the same index.
    refused(
        "pcrs",
        encode::map(&[pcr(0, 48), (vec![0x18, 0x00], encode::bytes(&[2; 48]))]),
    );
    for len in [32, 48, 64] {
        assert!(check_member("pcrs", encode::map(&[pcr(31, len)])).is_ok());
    }
    for len in [0, 31, 33, 47, 49, 63, 65] {
        refused("pcrs", encode::map(&[pcr(0, len)]));
    }
    refused("pcrs", opened(&many(1), 0xbf));
}

#[test]
fn certificates_have_their_sizes() {
    refused("certificate", encode::bytes(&[]));
    refused("certificate", encode::bytes(&[0x30; 1025]));
    refused("cabundle", encode::array(&[]));
    refused("cabundle", encode::array(&[encode::bytes(&[])]));
    refused("cabundle", encode::array(&[encode::bytes(&[0x30; 1025])]));
    refused("cabundle", encode::array(&vec![encode::bytes(&[0x30]); 8]));
    refused(
        "cabundle",
        opened(&encode::array(&[encode::bytes(&[0x30])]), 0x9f),
    );
    let garbage = check_member("certificate", encode::bytes(&[0x30; 900]));
    assert_eq!(garbage, Err(DocumentError::Certificate));
    let behind = [chain().certificates[3].as_slice(), &[0]].concat();
    let behind = check_member("certificate", encode::bytes(&behind));
    assert_eq!(behind, Err(DocumentError::Certificate));
}

#[test]
fn the_public_key_is_rsa_of_2048_bits_or_more() {
    refused("public_key", encode::bytes(&[]));
    refused("public_key", encode::bytes(&[0x30; 1025]));
    let of = |spki: &[u8]| check_member("public_key", encode::bytes(spki));
    let unfit = Err(DocumentError::PublicKey);
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    assert_eq!(of(&ec.subject_public_key_info()), unfit);
    assert_eq!(of(&[0x30; 1024]), unfit);
    let behind = [rsa_2048().as_slice(), &[0]].concat();
    assert_eq!(of(&behind), unfit);
    // The key alone (PKCS #1) is no SubjectPublicKeyInfo.
    assert_eq!(of(&rsa_2048()[24..]), unfit);
    for (bits, fits) in [
        (1024, false),
        (2040, false),
        (2048, true),
        (3072, true),
        (4096, true),
    ] {
        assert_eq!(of(&rsa(bits, &[1, 0, 1])).is_ok(), fits, "{bits}");
    }
    assert_eq!(of(&rsa(2048, &[1])), unfit);
    assert_eq!(of(&rsa(2048, &[2])), unfit);
    let mut even = rsa(2048, &[1, 0, 1]);
    let at = even.len() - 6;
    even[at] &= 0xfe;
    assert_eq!(of(&even), unfit);
}

/// A SubjectPublicKeyInfo around an odd modulus of so many bits; nobody has its factors.
fn rsa(bits: usize, exponent: &[u8]) -> Vec<u8> {
    let mut modulus = vec![0];
    modulus.extend(vec![0xc5; bits / 8]);
    let key = [der(0x02, &modulus), der(0x02, exponent)].concat();
    let key = [&[0], der(0x30, &key).as_slice()].concat();
    let oid = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    let algorithm = der(0x30, &[der(0x06, &oid), vec![0x05, 0x00]].concat());
    der(0x30, &[algorithm, der(0x03, &key)].concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap();
    let [high, low] = len.to_be_bytes();
    let head = match len {
        0..128 => vec![tag, low],
        128..256 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head.as_slice(), content].concat()
}
