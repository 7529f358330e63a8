//! Sessions for the holders of client certificates.

use keystead_iam::{CertificateCredentials, CertificateSession};
use keystead_types::{Fault, Region, RequestId};

use crate::support::{ACCOUNT, OTHER, World, account, told, trust};

const ANCHOR: &str = "arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/hosts";
const ACTIONS: &str = r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#;

fn shown(credentials: &CertificateCredentials) -> Vec<u8> {
    format!(
        "{} {} {}",
        credentials.assumed_role_arn, credentials.access_key_id, credentials.token
    )
    .into_bytes()
}

async fn begin(world: &World, role: &str, name: &str) -> Result<String, Fault> {
    begin_as(world, role, name, name).await
}

async fn begin_as(world: &World, role: &str, name: &str, subject: &str) -> Result<String, Fault> {
    let session = CertificateSession {
        request_id: RequestId::from_random([9; 16]),
        origin: World::origin(),
        tls: None,
        region: Region::parse("eu-central-1").unwrap(),
        role_arn: role.to_owned(),
        trust_anchor_arn: ANCHOR.to_owned(),
        source_account: account(ACCOUNT),
        session_name: name.to_owned(),
        source_identity: Some(subject.to_owned()),
        principal_tags: vec![
            ("x509Subject/CN".to_owned(), subject.to_owned()),
            ("x509Issuer/O".to_owned(), "Example, Inc.".to_owned()),
        ],
        serial: "1234".to_owned(),
        duration_seconds: 43_200,
        refused: None,
        encode: shown,
    };
    let answer = world.service.create_session_for_certificate(session).await;
    answer
        .into_outcome()
        .map(|bytes| String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn the_trust_policy_decides_by_subject_and_anchor() {
    let world = World::new().await;
    let condition = format!(
        r#"{{"ArnEquals":{{"aws:SourceArn":"{ANCHOR}"}},"StringEquals":{{"aws:PrincipalTag/x509Subject/CN":"host-1","aws:RequestTag/x509Subject/CN":"host-1","sts:SourceIdentity":"host-1"}}}}"#
    );
    let principal = r#"{"Service":"rolesanywhere.amazonaws.com"}"#;
    let role = world
        .role(ACCOUNT, "host", &trust(principal, ACTIONS, &condition), "")
        .await;
    let shown = begin(&world, &role, "host-1").await.unwrap();
    let mut parts = shown.split(' ');
    assert_eq!(
        parts.next().unwrap(),
        "arn:aws:sts::111122223333:assumed-role/host/host-1"
    );
    let record = world.last_record();
    assert_eq!(record["eventName"], "AssumeRole");
    assert_eq!(record["requestParameters"]["trustAnchorArn"], ANCHOR);
    assert_eq!(record["requestParameters"]["serialNumber"], "1234");
    let subject = &record["requestParameters"]["subject"];
    assert_eq!(*subject, serde_json::json!({"CN": "host-1"}));
    let (id, token) = (parts.next().unwrap(), parts.next().unwrap());
    let found = keystead_sigv4::Credentials::find(&*world.directory, id, Some(token.as_bytes()));
    let bearer = found.unwrap().identity.clone();
    let context = bearer.caller.session.as_deref().unwrap();
    assert_eq!(context.tags, [("x509Subject/CN".into(), "host-1".into())]);
    // The role's own maximum bounds the session.
    let seconds = context.expires.as_seconds() - context.issued.as_seconds();
    assert_eq!(seconds, 3_600);

    let refused = told(&begin(&world, &role, "host-2").await.unwrap_err());
    assert_eq!(
        refused.1,
        format!(
            "User: rolesanywhere.amazonaws.com is not authorized to perform: sts:AssumeRole on \
             resource: {role}"
        )
    );
    let own = world
        .role(
            ACCOUNT,
            "own",
            &trust(r#"{"AWS":"111122223333"}"#, ACTIONS, "{}"),
            "",
        )
        .await;
    assert_eq!(
        told(&begin(&world, &own, "host-1").await.unwrap_err()).0,
        "AccessDenied"
    );
    let missing = begin(&world, "arn:aws:iam::111122223333:role/no", "host-1").await;
    assert_eq!(told(&missing.unwrap_err()).0, "AccessDenied");
}

#[tokio::test]
async fn names_and_subjects_are_those_that_sessions_may_have() {
    let world = World::new().await;
    let trusting = trust(
        r#"{"Service":"rolesanywhere.amazonaws.com"}"#,
        ACTIONS,
        "{}",
    );
    let role = world.role(ACCOUNT, "host", &trusting, "").await;
    for bad in ["", "a", "a/b:c\n*", "a b", &"x".repeat(65), "naïve"] {
        let fault = begin_as(&world, &role, bad, "host-1").await.unwrap_err();
        assert_eq!(told(&fault).0, "ValidationError", "{bad}");
    }
    for bad in ["*", "a\u{202e}b", &"x".repeat(257)] {
        let fault = begin_as(&world, &role, "host-1", bad).await.unwrap_err();
        assert_eq!(told(&fault).0, "ValidationError", "{bad}");
    }
    // A name with a blank is a tag, and no source identity.
    let shown = begin_as(&world, &role, "host-1", "Host One").await.unwrap();
    let mut parts = shown.split(' ').skip(1);
    let (id, token) = (parts.next().unwrap(), parts.next().unwrap());
    let found = keystead_sigv4::Credentials::find(&*world.directory, id, Some(token.as_bytes()));
    let bearer = found.unwrap().identity.clone();
    let context = bearer.caller.session.as_deref().unwrap();
    assert_eq!(context.tags, [("x509Subject/CN".into(), "Host One".into())]);
    assert_eq!(context.source_identity, None);
    // The trust anchor's account is the role's.
    let foreign = world.role(OTHER, "host", &trusting, "").await;
    let fault = begin(&world, &foreign, "host-1").await.unwrap_err();
    assert_eq!(told(&fault).0, "AccessDenied");
}
