//! The stored form of records: golden files of every version, and refusal of everything else.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use keystead_store::StoreError;
use keystead_store::records::{
    AliasRecord, CredentialRecord, Deletion, GrantConstraints, GrantParty, GrantRecord, Import,
    KeyRecord, Material, MaterialState, MultiRegion, MultiRegionRole, Replica, Rotation,
    RotationSetting, UsageRecord, WrappedKeyBytes,
};
use keystead_types::{
    AccountId, AliasName, GrantOperation, Hex32, KeyId, KeyManager, KeySpec, KeyState, KeyUsage,
    Origin, Region, RequestId, Timestamp,
};
use proptest::prelude::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A key with all that version 1 had.
fn full_key_v1() -> KeyRecord {
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
        multi_region: None,
        policy: r#"{"Version":"2012-10-17"}"#.into(),
        bound: vec![],
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
        public_key: None,
        rotation: Some(RotationSetting {
            period_days: 2560,
            enabled_at: at(5),
            next: at(6),
        }),
        on_demand_rotations: 25,
    }
}

fn region(name: &str) -> Region {
    Region::parse(name).unwrap()
}

/// A key with all that the present version has.
fn full_key() -> KeyRecord {
    let user = "arn:aws:iam::012345678901:user/team/zoë";
    KeyRecord {
        bound: vec![(user.into(), "AIDA2222222222222222A".into())],
        ..full_key_v2()
    }
}

/// A key with all that version 2 had.
fn full_key_v2() -> KeyRecord {
    let mut key = full_key_v1();
    let gone = Material {
        wrapped: None,
        state: MaterialState::PendingMultiRegionImportAndRotation,
        import: Some(Import::default()),
        ..Material::first(Hex32([4; 32]), WrappedKeyBytes(vec![]), at(4))
    };
    let imported = Material {
        wrapped: Some(WrappedKeyBytes(vec![5; 5])),
        state: MaterialState::Distributing,
        import: Some(Import {
            valid_to: Some(at(1_800_000_000_000)),
            description: Some("from the safe in Zürich".into()),
        }),
        ..gone.clone()
    };
    key.materials.extend([gone, imported]);
    key.public_key = Some(vec![0x30; 30]);
    key.multi_region = Some(MultiRegion {
        role: MultiRegionRole::Primary,
        primary: region("eu-central-1"),
        replicas: vec![
            Replica {
                region: region("eu-west-1"),
                established: true,
            },
            Replica {
                region: region("us-gov-west-1"),
                established: false,
            },
        ],
        handover: Some(region("eu-west-1")),
        sync_due: Some(at(7)),
    });
    key
}

/// A replica, with the fields of its set that can be empty empty.
fn replica_key() -> KeyRecord {
    KeyRecord {
        multi_region: Some(MultiRegion {
            role: MultiRegionRole::Replica,
            primary: region("us-east-1"),
            replicas: vec![],
            handover: None,
            sync_due: None,
        }),
        ..plain_key()
    }
}

fn full_grant() -> GrantRecord {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    GrantRecord {
        grant_id: Hex32([0xab; 32]),
        account: AccountId::parse("012345678901").unwrap(),
        key_id: plain_key().key_id,
        name: Some("night shift".into()),
        grantee: GrantParty::Principal("arn:aws:iam::012345678901:user/zoë".into()),
        grantee_id: Some("AIDA2222222222222222A".into()),
        retiring: Some(GrantParty::Service("backup.amazonaws.com".into())),
        retiring_id: Some("AROA2222222222222222B".into()),
        operations: GrantOperation::ALL.to_vec(),
        constraints: Some(GrantConstraints {
            encryption_context_subset: Some(vec![pair("a", "1"), pair("b", "")]),
            encryption_context_equals: Some(vec![]),
            source_arn: Some("arn:aws:s3:::bucket".into()),
        }),
        issuing_account: AccountId::parse("999999999999").unwrap(),
        created: at(1_700_000_000_123),
        fingerprint: Some([1; 32]),
        retiring_digest: Some([2; 32]),
    }
}

fn plain_grant() -> GrantRecord {
    GrantRecord {
        grant_id: Hex32([0; 32]),
        name: None,
        grantee: GrantParty::Service("x".into()),
        grantee_id: None,
        retiring: None,
        retiring_id: None,
        operations: vec![],
        constraints: None,
        fingerprint: None,
        retiring_digest: None,
        ..full_grant()
    }
}

fn usage() -> UsageRecord {
    UsageRecord {
        operation: "GenerateDataKeyWithoutPlaintext".into(),
        at: at(1_700_000_000_123),
        event_id: RequestId::from_random([7; 16]),
        request_id: RequestId::from_random([8; 16]),
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
        multi_region: None,
        policy: String::new(),
        bound: vec![],
        tags: vec![],
        materials: vec![],
        public_key: None,
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

/// The bytes of a golden file of a version that is no longer written.
fn old(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let hex = std::fs::read_to_string(path).unwrap();
    let digits = hex.trim().as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

#[test]
fn records_are_written_and_read_as_ever() {
    let records = [
        ("key-full.v3.hex", full_key()),
        ("key-replica.v3.hex", replica_key()),
        ("key-plain.v3.hex", plain_key()),
    ];
    for (name, record) in records {
        let bytes = golden(name, &record.encode().unwrap());
        assert_eq!(KeyRecord::decode(&bytes).unwrap(), record);
    }
    let records = [
        ("grant-full.v2.hex", full_grant()),
        ("grant-plain.v2.hex", plain_grant()),
    ];
    for (name, record) in records {
        let bytes = golden(name, &record.encode().unwrap());
        assert_eq!(GrantRecord::decode(&bytes).unwrap(), record);
    }
    let bytes = golden("usage.v1.hex", &usage().encode().unwrap());
    assert_eq!(UsageRecord::decode(&bytes).unwrap(), usage());
    let bytes = golden("alias.v1.hex", &alias().encode().unwrap());
    assert_eq!(AliasRecord::decode(&bytes).unwrap(), alias());
    let bytes = golden("credential.v1.hex", &credential().encode().unwrap());
    assert_eq!(CredentialRecord::decode(&bytes).unwrap(), credential());
}

#[test]
fn key_records_of_version_1_are_read() {
    let plain = KeyRecord::decode(&old("key-plain.v1.hex")).unwrap();
    assert_eq!(plain, plain_key());
    let full = KeyRecord::decode(&old("key-full-single-region.v1.hex")).unwrap();
    assert_eq!(full, full_key_v1());
    // Written anew, they are of the present version.
    assert_eq!(full.encode().unwrap().first(), Some(&3));
    assert_eq!(KeyRecord::decode(&full.encode().unwrap()).unwrap(), full);
}

#[test]
fn key_and_grant_records_of_older_versions_have_nothing_bound() {
    let records = [
        ("key-full.v2.hex", full_key_v2()),
        ("key-replica.v2.hex", replica_key()),
        ("key-plain.v2.hex", plain_key()),
    ];
    for (name, record) in records {
        let bytes = old(name);
        assert_eq!(KeyRecord::decode(&bytes).unwrap(), record);
        // Version 3 has one more field.
        let renamed = [&[3], bytes.get(1..).unwrap()].concat();
        assert!(is_corrupt(&KeyRecord::decode(&renamed)));
        let bound = [&renamed[..], &[0]].concat();
        assert_eq!(KeyRecord::decode(&bound).unwrap(), record);
    }
    let unbound = GrantRecord {
        grantee_id: None,
        retiring_id: None,
        ..full_grant()
    };
    for (name, record) in [
        ("grant-full.v1.hex", unbound),
        ("grant-plain.v1.hex", plain_grant()),
    ] {
        assert_eq!(GrantRecord::decode(&old(name)).unwrap(), record);
    }
}

#[test]
fn what_version_1_never_had_is_corrupt_in_it() {
    // A multi-Region key, of which that version did not say where its replicas are.
    let set = old("key-full.v1.hex");
    assert!(is_corrupt(&KeyRecord::decode(&set)));
    let sound = old("key-full-single-region.v1.hex");
    let differences: Vec<_> = set.iter().zip(&sound).filter(|(a, b)| a != b).collect();
    assert_eq!(differences, [(&1, &0)]);
    // The states that came later: the last material ends with its state, and after it come the
    // rotation (5 bytes and its mark) and the count.
    let place = sound.len() - 7;
    assert_eq!(sound.get(place), Some(&3));
    for (state, known) in [(2, true), (3, true), (4, false), (5, false), (6, false)] {
        let mut other = sound.clone();
        *other.get_mut(place).unwrap() = state;
        let decoded = KeyRecord::decode(&other);
        assert_eq!(decoded.is_ok(), known, "{state}");
        assert_eq!(is_corrupt(&decoded), !known, "{state}");
    }
    for len in 0..sound.len() {
        assert!(is_corrupt(&KeyRecord::decode(sound.get(..len).unwrap())));
    }
    assert!(is_corrupt(&KeyRecord::decode(&[&sound[..], &[0]].concat())));
}

fn is_corrupt<T>(decoded: &Result<T, StoreError>) -> bool {
    matches!(decoded, Err(StoreError::Corrupt(_)))
}

/// A record's bytes, the versions that are read, and whether bytes are refused as damage.
type Form = (Vec<u8>, &'static [u8], fn(&[u8]) -> bool);

fn forms() -> [Form; 5] {
    [
        (full_key().encode().unwrap(), &[1, 2, 3], |bytes| {
            is_corrupt(&KeyRecord::decode(bytes))
        }),
        (full_grant().encode().unwrap(), &[1, 2], |bytes| {
            is_corrupt(&GrantRecord::decode(bytes))
        }),
        (usage().encode().unwrap(), &[1], |bytes| {
            is_corrupt(&UsageRecord::decode(bytes))
        }),
        (alias().encode().unwrap(), &[1], |bytes| {
            is_corrupt(&AliasRecord::decode(bytes))
        }),
        (credential().encode().unwrap(), &[1], |bytes| {
            is_corrupt(&CredentialRecord::decode(bytes))
        }),
    ]
}

#[test]
fn other_versions_truncations_and_extensions_are_corrupt() {
    for (sound, versions, refused) in forms() {
        assert!(!refused(&sound));
        for version in (0..=255).filter(|version| !versions.contains(version)) {
            assert!(refused(&[&[version], &sound[1..]].concat()), "{version}");
        }
        for len in 0..sound.len() {
            assert!(refused(&sound[..len]), "{len}");
        }
        assert!(refused(&[&sound[..], &[0]].concat()));
    }
    // The fields of later versions are not those of earlier ones.
    let (key, grant) = (full_key().encode().unwrap(), full_grant().encode().unwrap());
    for version in [1, 2] {
        let renamed = [&[version], &key[1..]].concat();
        assert!(is_corrupt(&KeyRecord::decode(&renamed)), "{version}");
    }
    assert!(is_corrupt(&GrantRecord::decode(
        &[&[1], &grant[1..]].concat()
    )));
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

fn text() -> impl Strategy<Value = String> {
    ".{0,12}"
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((text(), text()), 0..4)
}

fn moment() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(at)
}

fn any_region() -> impl Strategy<Value = Region> {
    "[a-z]{1,4}-[a-z]{1,4}-[0-9]{1,2}".prop_map(|name| region(&name))
}

fn material() -> impl Strategy<Value = Material> {
    let state = prop::sample::select(vec![
        MaterialState::Current,
        MaterialState::NonCurrent,
        MaterialState::PendingRotation,
        MaterialState::PendingMultiRegionImportAndRotation,
        MaterialState::Distributing,
    ]);
    let rotation = prop::sample::select(vec![Rotation::Automatic, Rotation::OnDemand]);
    let import = (prop::option::of(moment()), prop::option::of(text()));
    let import = import.prop_map(|(valid_to, description)| Import {
        valid_to,
        description,
    });
    (
        any::<[u8; 32]>(),
        prop::option::of(any::<Vec<u8>>()),
        moment(),
        prop::option::of((rotation, moment())),
        state,
        prop::option::of(import),
    )
        .prop_map(|(id, wrapped, created, rotated, state, import)| Material {
            id: Hex32(id),
            wrapped: wrapped.map(WrappedKeyBytes),
            created,
            rotation: rotated.map(|(rotation, _)| rotation),
            rotated_at: rotated.map(|(_, at)| at),
            state,
            import,
        })
}

fn set() -> impl Strategy<Value = MultiRegion> {
    let role = prop::sample::select(vec![MultiRegionRole::Primary, MultiRegionRole::Replica]);
    let replica = (any_region(), any::<bool>()).prop_map(|(region, established)| Replica {
        region,
        established,
    });
    (
        role,
        any_region(),
        prop::collection::vec(replica, 0..4),
        prop::option::of(any_region()),
        prop::option::of(moment()),
    )
        .prop_map(
            |(role, primary, replicas, handover, sync_due)| MultiRegion {
                role,
                primary,
                replicas,
                handover,
                sync_due,
            },
        )
}

fn party() -> impl Strategy<Value = GrantParty> {
    prop_oneof![
        text().prop_map(GrantParty::Principal),
        text().prop_map(GrantParty::Service)
    ]
}

fn constraints() -> impl Strategy<Value = GrantConstraints> {
    (
        prop::option::of(pairs()),
        prop::option::of(pairs()),
        prop::option::of(text()),
    )
        .prop_map(|(subset, equals, source_arn)| GrantConstraints {
            encryption_context_subset: subset,
            encryption_context_equals: equals,
            source_arn,
        })
}

fn grant() -> impl Strategy<Value = GrantRecord> {
    (
        any::<[u8; 32]>(),
        prop::option::of(text()),
        party(),
        (prop::option::of(text()), prop::option::of(text())),
        prop::option::of((party(), any::<[u8; 32]>())),
        prop::collection::vec(prop::sample::select(GrantOperation::ALL), 0..20),
        prop::option::of(constraints()),
        0..1_000_000_000_000_u64,
        moment(),
        prop::option::of(any::<[u8; 32]>()),
    )
        .prop_map(
            |(
                id,
                name,
                grantee,
                ids,
                retiring,
                operations,
                constraints,
                account,
                created,
                print,
            )| {
                let (retiring, digest) = retiring.unzip();
                GrantRecord {
                    grant_id: Hex32(id),
                    name,
                    grantee,
                    grantee_id: ids.0,
                    retiring_id: ids.1,
                    retiring,
                    operations,
                    constraints,
                    issuing_account: AccountId::from_number(account).unwrap(),
                    created,
                    fingerprint: print,
                    retiring_digest: digest,
                    ..full_grant()
                }
            },
        )
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>, version in 0..4_u8) {
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        if let Ok(key) = KeyRecord::decode(&bytes) {
            prop_assert_eq!(KeyRecord::decode(&key.encode().unwrap()).unwrap(), key);
        }
        if let Ok(grant) = GrantRecord::decode(&bytes) {
            prop_assert_eq!(GrantRecord::decode(&grant.encode().unwrap()).unwrap(), grant);
        }
        if let Ok(usage) = UsageRecord::decode(&bytes) {
            prop_assert_eq!(UsageRecord::decode(&usage.encode().unwrap()).unwrap(), usage);
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
    fn changed_bytes_of_a_grant_are_noticed_or_change_it(at: prop::sample::Index, to: u8) {
        let sound = full_grant();
        let mut bytes = sound.encode().unwrap();
        let len = bytes.len();
        let byte = bytes.get_mut(at.index(len)).unwrap();
        prop_assume!(*byte != to);
        *byte = to;
        match GrantRecord::decode(&bytes) {
            Ok(other) => {
                prop_assert_ne!(&other, &sound);
                prop_assert_eq!(GrantRecord::decode(&other.encode().unwrap()).unwrap(), other);
            }
            Err(StoreError::Corrupt(_)) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn keys_round_trip(
        text in ".{0,40}", tags in pairs(), millis: i64, spec in 0..20_usize, state in 0..8_usize,
        many: u32, materials in prop::collection::vec(material(), 0..5),
        set in prop::option::of(set()), public_key in prop::option::of(any::<Vec<u8>>()),
    ) {
        let key = KeyRecord {
            spec: *KeySpec::ALL.get(spec).unwrap(),
            state: *KeyState::ALL.get(state).unwrap(),
            created: at(millis),
            description: text.clone(),
            policy: text,
            tags,
            on_demand_rotations: many,
            materials,
            multi_region: set,
            public_key,
            ..full_key()
        };
        prop_assert_eq!(KeyRecord::decode(&key.encode().unwrap()).unwrap(), key);
    }

    #[test]
    fn grants_round_trip(grant in grant()) {
        prop_assert_eq!(GrantRecord::decode(&grant.encode().unwrap()).unwrap(), grant);
    }

    #[test]
    fn usages_round_trip(operation in text(), at in moment(), one: [u8; 16], other: [u8; 16]) {
        let usage = UsageRecord {
            operation,
            at,
            event_id: RequestId::from_random(one),
            request_id: RequestId::from_random(other),
        };
        prop_assert_eq!(UsageRecord::decode(&usage.encode().unwrap()).unwrap(), usage);
    }
}
