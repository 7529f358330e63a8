//! What more than one service at an endpoint, session tokens and forwarded requests need.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod signing;

use std::sync::Arc;

use keystead_sigv4::{Credential, Credentials, Rejection, Session, Settings};
use keystead_types::{AccountId, Timestamp};
use signing::{Draft, KEY_ID, Keys, NOW, SECRET, Who, verifier};

fn scoped(service: &str, region: &str) -> Draft {
    let scope = ["20150830", region, service, "aws4_request"].map(Into::into);
    Draft {
        scope,
        ..Draft::kms()
    }
    .sign()
}

#[test]
fn each_service_has_its_own_regions() {
    let served = |service: &str, region: &keystead_types::Region| {
        service != "kms" || region.as_str() == "us-east-1"
    };
    let settings = Settings::new(&["kms", "iam"], served).unwrap();
    let (verifier, keys) = (signing::Verifier::new(settings), Keys::example());
    let verify = |service, region| {
        let verified = scoped(service, region).verify_with(&verifier, NOW, &keys);
        verified.map(|verified| {
            let service = verified.service().to_owned();
            (service, verified.region().to_string())
        })
    };
    for _ in 0..2 {
        assert_eq!(
            verify("kms", "us-east-1"),
            Ok(("kms".into(), "us-east-1".into()))
        );
        assert_eq!(
            verify("iam", "eu-west-1"),
            Ok(("iam".into(), "eu-west-1".into()))
        );
        assert_eq!(verify("kms", "eu-west-1"), Err(Rejection::ScopeRegion));
        assert_eq!(verify("s3", "eu-west-1"), Err(Rejection::ScopeRegion));
        assert_eq!(
            verify("s3", "us-east-1"),
            Err(Rejection::ScopeService("kms".into()))
        );
    }
}

#[test]
fn a_service_may_be_known_at_run_time_only() {
    let settings = Settings::of_service("storage".to_owned(), |_, _| true).unwrap();
    let (verifier, keys) = (signing::Verifier::new(settings), Keys::example());
    let verify = |service| scoped(service, "eu-west-1").verify_with(&verifier, NOW, &keys);
    assert_eq!(verify("storage").unwrap().service(), "storage");
    let refused = verify("kms").unwrap_err();
    assert_eq!(refused, Rejection::ScopeService("storage".into()));
    assert!(refused.fault().to_string().contains("'storage'"));
    for bad in ["", "S3", "a.b", "a/b"] {
        assert!(Settings::of_service(bad.to_owned(), |_, _| true).is_err());
    }
}

#[test]
fn a_forwarded_request_is_verified_by_the_digest_of_its_body() {
    let mut good = Draft::kms().sign();
    good.forwarded = true;
    let direct = Draft::kms().sign().verify().unwrap();
    assert_eq!(good.verify().unwrap().signature(), direct.signature());

    let mut other = good.clone();
    other.body.push(b' ');
    assert_eq!(other.verify().unwrap_err(), Rejection::Signature);
    other.body = Vec::new();
    assert_eq!(other.verify().unwrap_err(), Rejection::Signature);

    let claimed = signing::hex(&[7; 32]);
    let mut claimed = Draft::kms().with("x-amz-content-sha256", claimed).sign();
    claimed.forwarded = true;
    assert_eq!(claimed.verify().unwrap_err(), Rejection::Payload);
}

/// Knows no key: everything stands in the token, `<secret>/<expiry in milliseconds>`.
struct Tokens;

impl Credentials<Who> for Tokens {
    fn find(&self, access_key_id: &str, token: Option<&[u8]>) -> Option<Arc<Credential<Who>>> {
        let token = std::str::from_utf8(token?).ok()?;
        let (secret, expires) = token.rsplit_once('/')?;
        let expires = Timestamp::from_millis(expires.parse().ok()?);
        let session = Session {
            token: token.to_owned(),
            expires,
        };
        Some(Arc::new(Credential {
            identity: (
                access_key_id.to_owned(),
                AccountId::parse("111122223333").unwrap(),
            ),
            secret: secret.to_owned().into(),
            session: Some(session),
        }))
    }
}

#[test]
fn a_credential_may_be_found_in_its_token() {
    let verifier = verifier();
    let verify = |token: Option<String>, sign: bool| {
        let draft = Draft::kms();
        let draft = match (&token, sign) {
            (Some(token), true) => draft.with("x-amz-security-token", token).sign(),
            (Some(token), false) => draft.sign().with("x-amz-security-token", token),
            (None, _) => draft.sign(),
        };
        let headers: Vec<(&str, &[u8])> = draft
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let request = keystead_sigv4::Request {
            method: "POST",
            path: "/",
            query: None,
            headers: &headers,
            body: draft.body.as_slice().into(),
        };
        let verified = verifier.verify(&request, NOW, &Tokens);
        verified.map(|verified| verified.identity().0.clone())
    };
    let later = NOW.plus_millis(1).as_millis();
    let good = format!("{SECRET}/{later}");
    for _ in 0..2 {
        assert_eq!(verify(Some(good.clone()), true), Ok(KEY_ID.to_owned()));
    }
    assert_eq!(
        verify(Some(format!("{SECRET}/{}", NOW.as_millis())), true),
        Err(Rejection::ExpiredToken)
    );
    assert_eq!(
        verify(Some(format!("{SECRET}x/{later}")), true),
        Err(Rejection::Signature)
    );
    assert_eq!(
        verify(Some("nonsense".into()), true),
        Err(Rejection::UnknownToken)
    );
    assert_eq!(verify(None, true), Err(Rejection::UnknownToken));
    assert_eq!(
        verify(Some(good), false),
        Err(Rejection::Unsigned("x-amz-security-token".into()))
    );
}
