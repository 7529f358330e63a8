use super::*;

const GOLDEN: &str = "4b010119df6690e5001234abcd12ab34cd56ef1234567890ab\
000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0965752d776573742d31";

fn golden() -> CiphertextHeader {
    CiphertextHeader {
        region: Region::parse("eu-west-1").unwrap(),
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::parse("1234abcd-12ab-34cd-56ef-1234567890ab").unwrap(),
        material_id: MaterialId::parse(
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        )
        .unwrap(),
    }
}

fn written(header: &CiphertextHeader) -> Vec<u8> {
    let mut out = Vec::new();
    header.write(&mut out);
    out
}

#[test]
fn version_one_has_these_bytes() {
    let bytes = written(&golden());
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, GOLDEN);
    let mut blob = bytes.clone();
    blob.extend_from_slice(&[0xff; 76]);
    assert_eq!(
        CiphertextHeader::parse(&blob),
        Some((golden(), bytes.len()))
    );
}

#[test]
fn all_kinds_of_names_round_trip() {
    for key_id in [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "mrk-00000000000000000000000000000000",
        "mrk-0123456789abcdef0123456789abcdef",
    ] {
        for region in ["us-east-1", "us-gov-west-1", "eusc-de-east-1"] {
            for account in ["000000000000", "999999999999"] {
                let header = CiphertextHeader {
                    region: Region::parse(region).unwrap(),
                    account: AccountId::parse(account).unwrap(),
                    key_id: KeyId::parse(key_id).unwrap(),
                    material_id: MaterialId::parse(&"a5".repeat(32)).unwrap(),
                };
                let bytes = written(&header);
                assert_eq!(CiphertextHeader::parse(&bytes), Some((header, bytes.len())));
            }
        }
    }
}

#[test]
fn truncations_are_refused_at_every_byte() {
    let bytes = written(&golden());
    for cut in 0..bytes.len() {
        assert_eq!(CiphertextHeader::parse(&bytes[..cut]), None, "{cut}");
    }
}

#[test]
fn an_account_beyond_twelve_digits_is_refused() {
    let mut bytes = written(&golden());
    bytes[3..8].copy_from_slice(&1_000_000_000_000_u64.to_be_bytes()[3..]);
    assert_eq!(CiphertextHeader::parse(&bytes), None);
}

#[test]
fn blobs_of_others_are_refused() {
    assert_eq!(CiphertextHeader::parse(&[0; 200]), None);
    assert_eq!(CiphertextHeader::parse(&[1, 2, 2, 0, 0x78, 1, 1]), None);
    assert_eq!(CiphertextHeader::parse(&[0xff; 6144]), None);
    assert_eq!(CiphertextHeader::parse(&[]), None);
}

proptest::proptest! {
    /// One header, one form: whatever is accepted is what would be written.
    #[test]
    fn what_parses_is_canonical(
        flips in proptest::collection::vec((0_usize..67, 1_u8..), 0..3),
        tail in proptest::collection::vec(0_u8.., 0..4),
    ) {
        let mut bytes = written(&golden());
        bytes.extend_from_slice(&tail);
        for (at, flip) in flips {
            bytes[at] ^= flip;
        }
        if let Some((header, len)) = CiphertextHeader::parse(&bytes) {
            proptest::prop_assert_eq!(written(&header), &bytes[..len]);
        }
    }
}
