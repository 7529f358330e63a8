//! The stored form of records: golden files of every version, and refusal of everything else.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use keystead_store::StoreError;
use keystead_store::records::{
    AliasRecord, CredentialRecord, Deletion, KeyRecord, Material, MaterialState, Rotation,
    RotationSetting, WrappedKeyBytes,
};
use keystead_types::{
    AccountId, AliasName, Hex32, KeyId, KeyManager, KeySpec, KeyState, KeyUsage, Origin, Timestamp,
};
use proptest::prelude::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn full_key() -> KeyRecord {
    let material = |n: u8, state| Material {
        state,
        ..Material::first(
            Hex32([n; 32]),
            WrappedKeyBytes(vec![n; 5]),
            at(1000 + i64::from(n)),
        )
    };
    KeyRecord {
        key_id: KeyId::parse("mrk-1234abcd12ab34cd56ef1234567890ab").unwrap(),
        account: AccountId::parse("012345678901").unwrap(),
        spec: KeySpec::EccNistP384,
        usage: KeyUsage::KeyAgreement,
        origin: Origin::External,
        manager: KeyManager::Customer,
        state: KeyState::PendingDeletion,
        description: "für Zürich".into(),
        created: at(1_700_000_000_123),
        deletion: Some(Deletion {
            due: at(1_700_600_000_000),
            window_days: 7,
        }),
        multi_region: true,
        policy: r#"{"Version":"2012-10-17"}"#.into(),
        tags: vec![("z".into(), "1".into()), ("a".into(), String::new())],
        materials: vec![
            material(1, MaterialState::NonCurrent),
            Material {
                rotation: Some(Rotation::Automatic),
                rotated_at: Some(at(2000)),
                ..material(2, MaterialState::Current)
            },
            Material {
                rotation: Some(Rotation::OnDemand),
                rotated_at: Some(at(-1)),
                ..material(3, MaterialState::PendingRotation)
            },
        ],
        rotation: Some(RotationSetting {
            period_days: 2560,
            enabled_at: at(5),
            next: at(6),
        }),
        on_demand_rotations: 25,
    }
}

fn plain_key() -> KeyRecord {
    KeyRecord {
        key_id: KeyId::parse("1234abcd-12ab-34cd-56ef-1234567890ab").unwrap(),
        account: AccountId::parse("999999999999").unwrap(),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        manager: KeyManager::Aws,
        state: KeyState::Enabled,
        description: String::new(),
        created: at(0),
        deletion: None,
        multi_region: false,
        policy: String::new(),
        tags: vec![],
        materials: vec![],
        rotation: None,
        on_demand_rotations: 0,
    }
}

fn alias() -> AliasRecord {
    AliasRecord {
        name: AliasName::parse("alias/team/key_1-x").unwrap(),
        account: AccountId::parse("012345678901").unwrap(),
        target: plain_key().key_id,
        created: at(1_700_000_000_000),
        updated: at(1_700_000_000_001),
    }
}

fn credential() -> CredentialRecord {
    CredentialRecord {
        account: AccountId::parse("000000000000").unwrap(),
        sealed_secret: (0..40).collect(),
        created: at(i64::MIN),
    }
}

/// Compares with the golden file; a missing file is a failure that prints what it should hold.
fn golden(name: &str, encoded: &[u8]) -> Vec<u8> {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let hex: String = encoded.iter().map(|byte| format!("{byte:02x}")).collect();
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored.trim(), hex, "{name}");
    encoded.to_vec()
}

#[test]
fn version_1_is_written_and_read_as_ever() {
    let records = [
        ("key-full.v1.hex", full_key()),
        ("key-plain.v1.hex", plain_key()),
    ];
    for (name, record) in records {
        let bytes = golden(name, &record.encode().unwrap());
        assert_eq!(KeyRecord::decode(&bytes).unwrap(), record);
    }
    let bytes = golden("alias.v1.hex", &alias().encode().unwrap());
    assert_eq!(AliasRecord::decode(&bytes).unwrap(), alias());
    let bytes = golden("credential.v1.hex", &credential().encode().unwrap());
    assert_eq!(CredentialRecord::decode(&bytes).unwrap(), credential());
}

fn is_corrupt<T>(decoded: &Result<T, StoreError>) -> bool {
    matches!(decoded, Err(StoreError::Corrupt(_)))
}

#[test]
fn other_versions_truncations_and_extensions_are_corrupt() {
    let key = full_key().encode().unwrap();
    let (alias, credential) = (alias().encode().unwrap(), credential().encode().unwrap());
    for version in (0..=255).filter(|version| *version != 1) {
        let other = |bytes: &[u8]| [&[version], bytes.get(1..).unwrap()].concat();
        assert!(is_corrupt(&KeyRecord::decode(&other(&key))));
        assert!(is_corrupt(&AliasRecord::decode(&other(&alias))));
        assert!(is_corrupt(&CredentialRecord::decode(&other(&credential))));
    }
    for len in 0..key.len() {
        assert!(
            is_corrupt(&KeyRecord::decode(key.get(..len).unwrap())),
            "{len}"
        );
    }
    let longer = |bytes: &[u8]| [bytes, &[0]].concat();
    assert!(is_corrupt(&KeyRecord::decode(&longer(&key))));
    assert!(is_corrupt(&AliasRecord::decode(&longer(&alias))));
    assert!(is_corrupt(&CredentialRecord::decode(&longer(&credential))));
}

#[test]
fn the_current_material_is_the_last_one_in_that_state() {
    let mut key = full_key();
    assert_eq!(key.current_material().unwrap().id, Hex32([2; 32]));
    let new = Material::rotated(
        Hex32([9; 32]),
        WrappedKeyBytes(vec![]),
        Rotation::OnDemand,
        at(9),
    );
    key.push_current(new);
    assert_eq!(key.current_material().unwrap().id, Hex32([9; 32]));
    let current = key
        .materials
        .iter()
        .filter(|one| one.state == MaterialState::Current);
    assert_eq!(current.count(), 1);
    assert_eq!(
        key.material(&Hex32([2; 32])).unwrap().state,
        MaterialState::NonCurrent
    );
    assert_eq!(
        key.material(&Hex32([3; 32])).unwrap().state,
        MaterialState::PendingRotation
    );
    assert!(plain_key().current_material().is_none());
}

#[test]
fn debug_shows_no_sealed_bytes() {
    let shown = format!("{:?} {:?}", full_key(), credential());
    assert!(shown.contains("5 sealed bytes") && shown.contains("40 sealed bytes"));
    assert!(
        !shown.contains("[1, 1") && !shown.contains("1, 2, 3"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>, version in 0..3_u8) {
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        if let Ok(key) = KeyRecord::decode(&bytes) {
            prop_assert_eq!(KeyRecord::decode(&key.encode().unwrap()).unwrap(), key);
        }
        let _ = AliasRecord::decode(&bytes);
        let _ = CredentialRecord::decode(&bytes);
    }

    /// One changed byte gives an error or another record that is written as it was read.
    #[test]
    fn changed_bytes_are_noticed_or_change_the_record(at: prop::sample::Index, to: u8) {
        let sound = full_key();
        let mut bytes = sound.encode().unwrap();
        let byte = bytes.get_mut(at.index(sound.encode().unwrap().len())).unwrap();
        prop_assume!(*byte != to);
        *byte = to;
        match KeyRecord::decode(&bytes) {
            Ok(other) => {
                prop_assert_ne!(&other, &sound);
                prop_assert_eq!(KeyRecord::decode(&other.encode().unwrap()).unwrap(), other);
            }
            Err(StoreError::Corrupt(_)) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn keys_round_trip(
        text in ".{0,40}", tags in prop::collection::vec((".{0,9}", ".{0,9}"), 0..9),
        millis: i64, wrapped: Vec<u8>, spec in 0..20_usize, state in 0..8_usize, many: u32,
    ) {
        let mut key = full_key();
        key.spec = *KeySpec::ALL.get(spec).unwrap();
        key.state = *KeyState::ALL.get(state).unwrap();
        key.created = at(millis);
        key.description.clone_from(&text);
        key.policy = text;
        key.tags = tags;
        key.on_demand_rotations = many;
        key.push_current(Material::first(Hex32([4; 32]), WrappedKeyBytes(wrapped), at(millis)));
        prop_assert_eq!(KeyRecord::decode(&key.encode().unwrap()).unwrap(), key);
    }
}
