//! Forward access sessions: a service acts for the user whose request it holds.

use std::sync::Arc;

use aws_lc_rs::{digest, hmac};
use keystead_identity::Bearer;

use crate::support::{
    ACCOUNT, OTHER, OTHER_SERVICE_KEY, SERVICE_KEY, START, World, encoded, may, text, told, trust,
};

/// A user's request to a service, with its signature.
struct Signed {
    date: String,
    authorization: String,
    token: Option<String>,
    payload: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

/// Signs `PUT /bucket/key?x=1` at a minute of the hour. Source: IAM User Guide, "Create a signed
/// AWS API request".
fn sign(key: (&str, &str, Option<&str>), service: &str, minute: u32) -> Signed {
    sign_for("us-east-1", key, service, minute)
}

fn sign_for(
    region: &str,
    (id, secret, token): (&str, &str, Option<&str>),
    service: &str,
    minute: u32,
) -> Signed {
    let date = format!("20261122T10{minute:02}00Z");
    let payload = sha256(b"body");
    let token_line = token.map(|token| format!("x-amz-security-token:{token}\n"));
    let names = match token {
        Some(_) => "host;x-amz-date;x-amz-security-token",
        None => "host;x-amz-date",
    };
    let canonical = format!(
        "PUT\n/bucket/key\nx=1\nhost:storage.example.com\nx-amz-date:{date}\n{}\n{names}\n{payload}",
        token_line.unwrap_or_default()
    );
    let scope = format!("20261122/{region}/{service}/aws4_request");
    let text = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        sha256(canonical.as_bytes())
    );
    let mut key = mac(format!("AWS4{secret}").as_bytes(), "20261122");
    for part in [region, service, "aws4_request"] {
        key = mac(&key, part);
    }
    let signature = hex(&mac(&key, &text));
    Signed {
        authorization: format!(
            "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, \
             Signature={signature}"
        ),
        date,
        token: token.map(str::to_owned),
        payload,
    }
}

impl Signed {
    /// The call by which a service forwards the request.
    fn form(&self) -> String {
        let mut headers = vec![
            ("Host", "storage.example.com"),
            ("X-Amz-Date", &self.date),
            ("Authorization", &self.authorization),
            ("Accept", "*/*"),
        ];
        headers.extend(
            self.token
                .as_deref()
                .map(|token| ("X-Amz-Security-Token", token)),
        );
        let headers: String = headers
            .iter()
            .zip(1..)
            .map(|((name, value), n)| {
                let value = encoded(value);
                format!("&Headers.member.{n}.Name={name}&Headers.member.{n}.Value={value}")
            })
            .collect();
        format!(
            "GetForwardAccessSession&Method=PUT&Uri=%2Fbucket%2Fkey&Query=x%3D1\
             &PayloadSha256={}{headers}",
            self.payload
        )
    }
}

async fn refusal(world: &World, bearer: &Arc<Bearer>, form: &str) -> String {
    told(&world.sts(Some(bearer), form).await.unwrap_err()).0
}

#[tokio::test]
async fn a_service_acts_for_its_user() {
    let world = World::new().await;
    let (_, id, secret) = world.user_key(ACCOUNT, "alice", "").await;
    let storage = world.service_bearer(SERVICE_KEY);
    let signed = sign((&id, &secret, None), "storage", 0);
    let xml = world.ok(&storage, &signed.form()).await;
    assert_eq!(
        text(&xml, "Principal"),
        "arn:aws:iam::111122223333:user/alice"
    );
    assert_eq!(text(&xml, "Account"), ACCOUNT);
    assert_eq!(text(&xml, "Expiration"), "2026-11-22T10:15:00Z");
    let record = world.last_record().to_string();
    assert!(!record.contains("Signature="), "{record}");
    let session = world.session(&xml).unwrap();
    let context = session.caller.session.as_deref().unwrap();
    assert_eq!(context.via, ["storage.example.com".into()] as [Arc<str>; 1]);
    assert_eq!(
        session.caller.unique_id.as_deref().map(|id| &id[..4]),
        Some("AIDA")
    );
    let identity = world.ok(&session, "GetCallerIdentity").await;
    assert_eq!(
        text(&identity, "Arn"),
        "arn:aws:iam::111122223333:user/alice"
    );

    // The same request once more gives the same; a shorter session may be asked for.
    world.ok(&storage, &signed.form()).await;
    let short = world
        .ok(&storage, &format!("{}&DurationSeconds=60", signed.form()))
        .await;
    assert_eq!(text(&short, "Expiration"), "2026-11-22T10:01:00Z");
}

#[tokio::test]
async fn nobody_forwards_what_was_signed_for_another() {
    let world = World::new().await;
    let (alice, id, secret) = world.user_key(ACCOUNT, "alice", &may("*")).await;
    let storage = world.service_bearer(SERVICE_KEY);
    let mail = world.service_bearer(OTHER_SERVICE_KEY);
    let signed = sign((&id, &secret, None), "storage", 0);
    assert_eq!(
        refusal(&world, &mail, &signed.form()).await,
        "SignatureDoesNotMatch"
    );
    for service in ["kms", "sts", "iam", "mail", "storage.example.com"] {
        let other = sign((&id, &secret, None), service, 0);
        let code = refusal(&world, &storage, &other.form()).await;
        assert_eq!(code, "SignatureDoesNotMatch", "{service}");
    }
    // A service works where its user called it.
    let elsewhere = sign_for("eu-west-1", (&id, &secret, None), "storage", 0);
    assert_eq!(
        refusal(&world, &storage, &elsewhere.form()).await,
        "AccessDenied"
    );
    // Users, roots and sessions forward nothing.
    assert_eq!(
        refusal(&world, &alice, &signed.form()).await,
        "AccessDenied"
    );
    let root = crate::support::root(ACCOUNT);
    assert_eq!(refusal(&world, &root, &signed.form()).await, "AccessDenied");
    // A user of an account that the service is not for; a service; nobody.
    let (_, theirs, their_secret) = world.user_key(OTHER, "eve", "").await;
    let foreign = sign((&theirs, &their_secret, None), "storage", 0);
    assert_eq!(
        refusal(&world, &storage, &foreign.form()).await,
        "AccessDenied"
    );
    let own = sign((OTHER_SERVICE_KEY, &"s".repeat(40), None), "storage", 0);
    assert_eq!(refusal(&world, &storage, &own.form()).await, "AccessDenied");
    let nobody = sign(("AKIAAAAAAAAAAAAAAAAA", &secret, None), "storage", 0);
    assert_eq!(
        refusal(&world, &storage, &nobody.form()).await,
        "InvalidClientTokenId"
    );
}

#[tokio::test]
async fn changed_and_old_requests_are_refused() {
    let world = World::new().await;
    let (_, id, secret) = world.user_key(ACCOUNT, "alice", "").await;
    let storage = world.service_bearer(SERVICE_KEY);
    let form = sign((&id, &secret, None), "storage", 0).form();
    for (from, to) in [
        ("Method=PUT", "Method=GET"),
        ("Uri=%2Fbucket%2Fkey", "Uri=%2Fbucket%2Fother"),
        ("Query=x%3D1", "Query=x%3D2"),
        ("storage.example.com", "other.example.com"),
    ] {
        let changed = form.replace(from, to);
        assert_ne!(changed, form);
        assert_eq!(
            refusal(&world, &storage, &changed).await,
            "SignatureDoesNotMatch",
            "{to}"
        );
    }
    let payload = sha256(b"body");
    let changed = form.replace(&payload, &sha256(b"other"));
    assert_eq!(
        refusal(&world, &storage, &changed).await,
        "SignatureDoesNotMatch"
    );
    let changed = form.replace(&payload, &"g".repeat(64));
    assert_eq!(refusal(&world, &storage, &changed).await, "ValidationError");
    let unsigned = form.replace("Name=Authorization", "Name=X-Other");
    assert_eq!(
        refusal(&world, &storage, &unsigned).await,
        "MissingAuthenticationToken"
    );
    world.pass(301);
    assert_eq!(
        refusal(&world, &storage, &form).await,
        "SignatureDoesNotMatch"
    );
}

#[tokio::test]
async fn sessions_are_forwarded_with_their_limits_and_end() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:AssumeRole")).await;
    let own = trust(r#"{"AWS":"111122223333"}"#, r#""sts:AssumeRole""#, "{}");
    world.role(ACCOUNT, "r", &own, "").await;
    let policy = encoded(&may("kms:Encrypt"));
    let xml = world
        .ok(
            &alice,
            &format!(
                "AssumeRole&RoleArn=arn:aws:iam::{ACCOUNT}:role/r&RoleSessionName=job\
                 &DurationSeconds=900&Policy={policy}"
            ),
        )
        .await;
    let keys = |xml: &str| {
        ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(|name| text(xml, name).to_owned())
    };
    let [id, secret, token] = keys(&xml);
    world.pass(600);
    let storage = world.service_bearer(SERVICE_KEY);
    let signed = sign((&id, &secret, Some(&token)), "storage", 10);
    let forwarded = world.ok(&storage, &signed.form()).await;
    // Not longer than the role's session.
    assert_eq!(text(&forwarded, "Expiration"), "2026-11-22T10:15:00Z");
    assert_eq!(world.now(), START + 600);
    let session = world.session(&forwarded).unwrap();
    assert_eq!(session.session_policies.as_deref().map(<[_]>::len), Some(1));

    // The next service of the chain: the user's request to it is signed with what the first got.
    let [id, secret, token] = keys(&forwarded);
    let mail = world.service_bearer(OTHER_SERVICE_KEY);
    let signed = sign((&id, &secret, Some(&token)), "mail", 10);
    let chained = world.ok(&mail, &signed.form()).await;
    let second = world.session(&chained).unwrap();
    assert_eq!(
        second.caller.session.as_deref().unwrap().via,
        ["storage.example.com".into(), "mail.example.com".into()] as [Arc<str>; 2]
    );
    // What a service holds for a user gives no other credentials.
    for form in [
        format!("AssumeRole&RoleArn=arn:aws:iam::{ACCOUNT}:role/r&RoleSessionName=escape"),
        "GetSessionToken".to_owned(),
        "GetFederationToken&Name=escape".to_owned(),
        signed.form(),
    ] {
        assert_eq!(
            refusal(&world, &session, &form).await,
            "AccessDenied",
            "{form}"
        );
    }
    // A token of another's, or one that was cut.
    let cut = sign(
        (&id, &secret, Some(&token[..token.len() - 4])),
        "storage",
        10,
    );
    assert_eq!(
        refusal(&world, &storage, &cut.form()).await,
        "InvalidClientTokenId"
    );
    world.pass(301);
    let late = sign((&id, &secret, Some(&token)), "mail", 15);
    assert_eq!(refusal(&world, &mail, &late.form()).await, "ExpiredToken");
}
