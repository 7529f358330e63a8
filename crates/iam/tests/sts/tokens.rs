//! GetSessionToken, GetFederationToken and the questions about credentials.

use crate::support::{ACCOUNT, SERVICE_KEY, World, denied, encoded, may, root, text};

#[tokio::test]
async fn session_tokens_are_their_users() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", "").await;
    let xml = world.ok(&alice, "GetSessionToken").await;
    assert_eq!(text(&xml, "Expiration"), "2026-11-22T22:00:00Z");
    let session = world.session(&xml).unwrap();
    let identity = world.ok(&session, "GetCallerIdentity").await;
    assert_eq!(
        text(&identity, "Arn"),
        "arn:aws:iam::111122223333:user/alice"
    );
    assert!(text(&identity, "UserId").starts_with("AIDA"));
    for action in ["GetSessionToken", "GetFederationToken&Name=bob"] {
        let name = action.split('&').next().unwrap();
        let refused = world.refused(&session, action).await;
        assert_eq!(
            refused,
            denied(&format!("Cannot call {name} with session credentials"))
        );
    }
    let record = world.last_record();
    assert_eq!(record["eventName"], "GetFederationToken");
    assert_eq!(record["errorCode"], "AccessDenied");

    let roots = world
        .ok(&root(ACCOUNT), "GetSessionToken&DurationSeconds=129600")
        .await;
    assert_eq!(text(&roots, "Expiration"), "2026-11-22T11:00:00Z");
    let service = world.service_bearer(SERVICE_KEY);
    assert_eq!(
        world.refused(&service, "GetSessionToken").await.0,
        "AccessDenied"
    );
    let mfa = "GetSessionToken&SerialNumber=GAHT12345678&TokenCode=123456";
    assert_eq!(world.refused(&alice, mfa).await.0, "AccessDenied");
}

#[tokio::test]
async fn answers_in_the_audit_log_have_no_secrets() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", "").await;
    let xml = world.ok(&alice, "GetSessionToken").await;
    let record = world.last_record();
    let credentials = &record["responseElements"]["credentials"];
    assert_eq!(credentials["accessKeyId"], text(&xml, "AccessKeyId"));
    assert_eq!(credentials["expiration"], "Nov 22, 2026, 10:00:00 PM");
    let record = record.to_string();
    assert!(!record.contains(text(&xml, "SecretAccessKey")));
    assert!(!record.contains(text(&xml, "SessionToken")));
}

#[tokio::test]
async fn a_federated_user_may_what_its_user_and_its_policies_allow() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:Get*")).await;
    let bob = world.user(ACCOUNT, "bob", "").await;
    let refused = world.refused(&bob, "GetFederationToken&Name=guest").await;
    assert_eq!(
        refused,
        denied(
            "User: arn:aws:iam::111122223333:user/bob is not authorized to perform: \
             sts:GetFederationToken on resource: arn:aws:sts::111122223333:federated-user/guest"
        )
    );
    let policy = encoded(&may("*"));
    let form = format!("GetFederationToken&Name=guest&DurationSeconds=900&Policy={policy}");
    let xml = world.ok(&alice, &form).await;
    assert_eq!(text(&xml, "FederatedUserId"), "111122223333:guest");
    assert_eq!(text(&xml, "Expiration"), "2026-11-22T10:15:00Z");
    let guest = world.session(&xml).unwrap();
    let identity = world.ok(&guest, "GetCallerIdentity").await;
    assert_eq!(
        text(&identity, "Arn"),
        "arn:aws:sts::111122223333:federated-user/guest"
    );
    assert_eq!(text(&identity, "UserId"), "111122223333:guest");
    let info = "GetAccessKeyInfo&AccessKeyId=AKIAIOSFODNN7EXAMPLE";
    assert_eq!(world.refused(&guest, info).await.0, "AccessDenied");
    // Tags need sts:TagSession.
    let tagged = format!("{form}&Tags.member.1.Key=k&Tags.member.1.Value=v");
    let (code, text) = world.refused(&alice, &tagged).await;
    assert_eq!(code, "AccessDenied");
    assert!(text.contains("sts:TagSession"), "{text}");
    // With its user gone it may nothing.
    for name in ["alice"] {
        let held = world.directory.world();
        let held = held
            .account(crate::support::account(ACCOUNT))
            .user(name)
            .unwrap()
            .clone();
        let key = &held.record.access_keys[0].id;
        world
            .iam(
                ACCOUNT,
                &format!("DeleteAccessKey&UserName={name}&AccessKeyId={key}"),
            )
            .await;
        world
            .iam(
                ACCOUNT,
                &format!("DeleteUserPolicy&UserName={name}&PolicyName=own"),
            )
            .await;
        world
            .iam(ACCOUNT, &format!("DeleteUser&UserName={name}"))
            .await;
    }
    assert!(world.session(&xml).is_none());
}

#[tokio::test]
async fn questions_about_keys() {
    let world = World::new().await;
    let (alice, id, _) = world
        .user_key(ACCOUNT, "alice", &may("sts:GetAccessKeyInfo"))
        .await;
    let info = |id: &str| format!("GetAccessKeyInfo&AccessKeyId={id}");
    let xml = world.ok(&alice, &info(&id)).await;
    assert_eq!(text(&xml, "Account"), ACCOUNT);
    let bob = world.user(ACCOUNT, "bob", "").await;
    assert_eq!(
        world.refused(&bob, &info(&id)).await,
        denied(
            "User: arn:aws:iam::111122223333:user/bob is not authorized to perform: \
             sts:GetAccessKeyInfo"
        )
    );
    let (code, _) = world.refused(&alice, &info("AKIAIOSFODNN7EXAMPLE")).await;
    assert_eq!(code, "ValidationError");
}

#[tokio::test]
async fn everyone_may_ask_who_it_is() {
    let world = World::new().await;
    let deny =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    let alice = world.user(ACCOUNT, "alice", deny).await;
    let xml = world.ok(&alice, "GetCallerIdentity").await;
    assert_eq!(text(&xml, "Arn"), "arn:aws:iam::111122223333:user/alice");
    let xml = world.ok(&root(ACCOUNT), "GetCallerIdentity").await;
    assert_eq!(text(&xml, "Arn"), "arn:aws:iam::111122223333:root");
    assert_eq!(text(&xml, "UserId"), ACCOUNT);
}

#[tokio::test]
async fn a_users_session_asks_sts_who_it_is_and_no_more() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:*")).await;
    let xml = world.ok(&alice, "GetSessionToken").await;
    let session = world.session(&xml).unwrap();
    world.ok(&session, "GetCallerIdentity").await;
    for (action, more) in [
        ("GetAccessKeyInfo", "&AccessKeyId=AKIAIOSFODNN7EXAMPLE"),
        ("DecodeAuthorizationMessage", "&EncodedMessage=abcd"),
    ] {
        let refused = world.refused(&session, &format!("{action}{more}")).await;
        let text = format!("Cannot call {action} with session credentials");
        assert_eq!(refused, denied(&text));
    }
}
