//! Records of accounts and identities: golden files of every version, refusal of everything else.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use keystead_store::StoreError;
use keystead_store::records::{
    AccessKeyRecord, AccountRecord, GroupRecord, IdentityRecord, InlinePolicy, LastUseRecord,
    PolicyRecord, PolicySet, PolicyVersionRecord, ProviderRecord, RoleRecord, UserRecord,
};
use keystead_types::{AccountId, Timestamp};

fn account() -> AccountId {
    AccountId::parse("012345678901").unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn policies() -> PolicySet {
    let inline = |name: &str| InlinePolicy {
        name: text(name),
        document: text(r#"{"Version":"2012-10-17"}"#),
    };
    PolicySet {
        inline: vec![inline("a"), inline("b")],
        attached: vec![text("arn:aws:iam::012345678901:policy/p")],
    }
}

fn user() -> UserRecord {
    let key = |id: &str, active| AccessKeyRecord {
        id: text(id),
        active,
        created: at(2),
        sealed_secret: vec![7; 9],
    };
    UserRecord {
        account: account(),
        name: text("Alice"),
        path: text("/team/"),
        unique_id: text("AIDA2222222222222222A"),
        created: at(1_700_000_000_123),
        tags: vec![(text("k"), text("für"))],
        policies: policies(),
        boundary: Some(text("arn:aws:iam::012345678901:policy/b")),
        groups: vec![text("g"), text("h")],
        access_keys: vec![
            key("AKIA222222222222222A", true),
            key("AKIA222222222222222B", false),
        ],
    }
}

fn role() -> RoleRecord {
    RoleRecord {
        account: account(),
        name: text("Worker"),
        path: text("/"),
        unique_id: text("AROA2222222222222222A"),
        created: at(3),
        description: Some(text("works")),
        trust: text("{}"),
        trusted_ids: vec![(
            text("arn:aws:iam::012345678901:user/team/Alice"),
            text("AIDA2222222222222222A"),
        )],
        max_session_seconds: 43_200,
        tags: vec![(text("k"), text("v"))],
        policies: policies(),
        boundary: Some(text("b")),
    }
}

fn policy() -> PolicyRecord {
    let version = |number| PolicyVersionRecord {
        number,
        document: text("{}"),
        created: at(i64::from(number)),
    };
    PolicyRecord {
        account: account(),
        name: text("P"),
        path: text("/x/"),
        unique_id: text("ANPA2222222222222222A"),
        created: at(4),
        updated: at(5),
        description: Some(text("d")),
        tags: vec![(text("k"), text("v"))],
        versions: vec![version(2), version(7)],
        default_version: 2,
        last_version: 8,
    }
}

/// Each kind with everything it can have; the smallest of each kind.
fn records() -> Vec<(&'static str, IdentityRecord)> {
    let group = GroupRecord {
        account: account(),
        name: text("Admins"),
        path: text("/"),
        unique_id: text("AGPA2222222222222222A"),
        created: at(-1),
        policies: policies(),
    };
    let provider = ProviderRecord {
        account: account(),
        url: text("accounts.example.com/Path"),
        client_ids: vec![text("sts.amazonaws.com")],
        thumbprints: vec!["0".repeat(40)],
        created: at(6),
        tags: vec![(text("k"), text("v"))],
    };
    let known = AccountRecord {
        account: account(),
        alias: Some(text("alias")),
        created: at(7),
    };
    let bare_user = UserRecord {
        tags: vec![],
        policies: PolicySet::default(),
        boundary: None,
        groups: vec![],
        access_keys: vec![],
        ..user()
    };
    let bare_role = RoleRecord {
        description: None,
        trusted_ids: vec![],
        tags: vec![],
        policies: PolicySet::default(),
        boundary: None,
        ..role()
    };
    vec![
        ("account-full", IdentityRecord::Account(known.clone())),
        (
            "account-plain",
            IdentityRecord::Account(AccountRecord {
                alias: None,
                ..known
            }),
        ),
        ("user-full", IdentityRecord::User(user())),
        ("user-plain", IdentityRecord::User(bare_user)),
        ("group-full", IdentityRecord::Group(group)),
        ("role-full", IdentityRecord::Role(role())),
        ("role-plain", IdentityRecord::Role(bare_role)),
        ("policy-full", IdentityRecord::Policy(policy())),
        ("provider-full", IdentityRecord::Provider(provider)),
    ]
}

fn is_corrupt<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Corrupt(_)))
}

#[test]
fn records_are_written_and_read_as_ever() {
    for (name, record) in records() {
        let bytes = record.encode().unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = format!("{}/tests/golden/{name}.v1.hex", env!("CARGO_MANIFEST_DIR"));
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(stored.trim(), hex, "{name}");
        let kind = record.place().kind();
        assert_eq!(IdentityRecord::decode(kind, &bytes).unwrap(), record);
    }
}

#[test]
fn other_versions_truncations_and_extensions_are_corrupt() {
    for (name, record) in records() {
        let sound = record.encode().unwrap();
        let refused =
            |bytes: &[u8]| is_corrupt(&IdentityRecord::decode(record.place().kind(), bytes));
        for version in (0..=255).filter(|version| *version != 1) {
            assert!(refused(&[&[version], &sound[1..]].concat()), "{name}");
        }
        for len in 0..sound.len() {
            assert!(refused(&sound[..len]), "{name} {len}");
        }
        assert!(refused(&[&sound[..], &[0]].concat()), "{name}");
    }
}

#[test]
fn debug_shows_no_sealed_secret() {
    let shown = format!("{:?}", user());
    assert!(
        shown.contains("9 sealed bytes") && !shown.contains("7, 7"),
        "{shown}"
    );
}

fn last_use(service: &str) -> LastUseRecord {
    LastUseRecord {
        at: at(1_700_000_000_123),
        service: text(service),
        region: text("eu-central-1"),
    }
}

#[test]
fn last_uses_are_written_and_read_as_ever() {
    let sound = last_use("kms").encode().unwrap();
    let hex: String = sound.iter().map(|byte| format!("{byte:02x}")).collect();
    let stored = include_str!("golden/last-use.v1.hex");
    assert_eq!(stored.trim(), hex);
    assert_eq!(LastUseRecord::decode(&sound).unwrap(), last_use("kms"));
    for len in 0..sound.len() {
        assert!(is_corrupt(&LastUseRecord::decode(&sound[..len])), "{len}");
    }
    assert!(is_corrupt(&LastUseRecord::decode(
        &[&[2], &sound[1..]].concat()
    )));
    assert!(is_corrupt(&LastUseRecord::decode(
        &[&sound[..], &[0]].concat()
    )));
}
