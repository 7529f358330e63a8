//! The format of tokens, and what becomes of damaged ones.

use std::sync::Arc;

use base64_simd::STANDARD_NO_PAD;
use keystead_types::{AccountId, Principal, SessionContext, Timestamp};

use super::{Contents, FRESH_BYTES, KEY_BYTES, Purpose, SessionGrant, SessionLimits, Vault};

const KEY: [u8; KEY_BYTES] = [0x42; KEY_BYTES];
const FRESH: [u8; FRESH_BYTES] = [0x17; FRESH_BYTES];
const OWNER: &[u8] = b"ASIAQ5CVLBYTQABCDEFG";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const GOLDEN: &str = include_str!("../../tests/golden/session-token-1.txt");

fn pair(key: &str, value: &str) -> (Box<str>, Box<str>) {
    (key.into(), value.into())
}

/// A session with everything.
fn full() -> SessionGrant {
    let account = AccountId::parse("111122223333").unwrap();
    SessionGrant {
        principal: Principal::RoleSession {
            account,
            role: "service/worker".into(),
            session: "pod-1".into(),
        },
        account,
        unique_id: Some("AROAABCDEFGHIJKLMNOPQ".into()),
        issuer: Some("AIDAABCDEFGHIJKLMNOPQ".into()),
        context: SessionContext {
            issued: Timestamp::from_millis(1_795_305_600_000),
            expires: Timestamp::from_millis(1_795_309_200_000),
            mfa_at: Some(Timestamp::from_millis(1_795_305_599_000)),
            source_identity: Some("alice".into()),
            federated_provider: Some("id.example.com".into()),
            claims: vec![pair("id.example.com:aud", "keystead")],
            tags: vec![pair("Team", "blue"), pair("Ünit", "é")],
            transitive_tags: vec!["Team".into()],
            chain_length: 2,
            via: vec!["s3.amazonaws.com".into()],
            federated_by: None,
        },
        limits: Some(SessionLimits {
            inline: Some(r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned()),
            managed: vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
        }),
    }
}

fn every_kind() -> Vec<SessionGrant> {
    let account = AccountId::parse("444455556666").unwrap();
    let name: Arc<str> = "team/alice".into();
    let principals = [
        Principal::Root { account },
        Principal::User {
            account,
            name: name.clone(),
        },
        Principal::FederatedUser { account, name },
        Principal::Service {
            name: "s3.amazonaws.com".into(),
        },
    ];
    let plain = |principal| SessionGrant {
        principal,
        account,
        unique_id: None,
        issuer: None,
        context: SessionContext::plain(Timestamp::from_millis(0), Timestamp::from_millis(1)),
        limits: None,
    };
    principals.map(plain).into_iter().chain([full()]).collect()
}

fn same(a: &SessionGrant, b: &SessionGrant) -> bool {
    (
        &a.principal,
        a.account,
        &a.unique_id,
        &a.issuer,
        &a.context,
        &a.limits,
    ) == (
        &b.principal,
        b.account,
        &b.unique_id,
        &b.issuer,
        &b.context,
        &b.limits,
    )
}

fn sealed(vault: &Vault) -> Vec<u8> {
    let body = Contents::new(&full(), SECRET.to_owned()).encode().unwrap();
    vault.seal(Purpose::Session, OWNER, &FRESH, &body).unwrap()
}

#[test]
fn what_was_granted_comes_back() {
    for grant in every_kind() {
        let body = Contents::new(&grant, SECRET.to_owned()).encode().unwrap();
        let read = Contents::decode(&body).unwrap();
        assert_eq!(read.secret(), SECRET);
        assert!(same(&read.grant().unwrap(), &grant), "{grant:?}");
    }
}

/// Version 1 stays readable, and is written as ever.
#[test]
fn the_golden_token_of_version_1() {
    let vault = Vault::new(&KEY);
    let token = STANDARD_NO_PAD.encode_to_string(sealed(&vault));
    assert_eq!(token, GOLDEN.trim_end());
    let bytes = STANDARD_NO_PAD.decode_to_vec(GOLDEN.trim_end()).unwrap();
    let body = vault.open(Purpose::Session, OWNER, &bytes).unwrap();
    let read = Contents::decode(&body).unwrap();
    assert_eq!(read.secret(), SECRET);
    assert!(same(&read.grant().unwrap(), &full()));
}

#[test]
fn nothing_but_the_very_token_opens() {
    let vault = Vault::new(&KEY);
    let good = sealed(&vault);
    let opens = |bytes: &[u8]| vault.open(Purpose::Session, OWNER, bytes).is_some();
    assert!(opens(&good));
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(!opens(&bad), "byte {at}, bit {bit}");
        }
        assert!(!opens(&good[..at]), "cut to {at}");
        assert!(!opens(&good[at + 1..]), "without the first {at}");
    }
    for more in [&b"\0"[..], b"x", &good] {
        assert!(!opens(&[&good, more].concat()));
    }
    assert!(!opens(b""));
    // Another access key, another purpose, another deployment.
    assert!(
        vault
            .open(Purpose::Session, b"ASIAQ5CVLBYTQABCDEFH", &good)
            .is_none()
    );
    assert!(vault.open(Purpose::Session, b"", &good).is_none());
    assert!(vault.open(Purpose::Message, OWNER, &good).is_none());
    let mut key = KEY;
    key[31] ^= 1;
    assert!(
        Vault::new(&key)
            .open(Purpose::Session, OWNER, &good)
            .is_none()
    );
}

/// What authenticates and is no body of this version is refused too.
#[test]
fn bodies_that_are_none() {
    let body = Contents::new(&full(), SECRET.to_owned()).encode().unwrap();
    for cut in 0..body.len() {
        assert!(Contents::decode(&body[..cut]).is_none(), "{cut}");
    }
    assert!(Contents::decode(&[&body[..], b"\0"].concat()).is_none());
    // A length that promises more than there is allocates nothing of it.
    assert!(Contents::decode(&[0xff; 9]).is_none());
    // The kind of principal stands after the secret.
    let mut unknown = body.to_vec();
    unknown[1 + SECRET.len()] = 9;
    assert!(Contents::decode(&unknown).unwrap().grant().is_none());
}
