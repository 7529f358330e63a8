//! AssumeRole.

use keystead_types::FaultKind;

use crate::support::{
    ACCOUNT, MORE, OTHER, OTHER_SERVICE_KEY, SERVICE_KEY, World, denied, encoded, may, root, text,
    trust,
};

const EVERY: &str = r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#;

fn assume(arn: &str, more: &str) -> String {
    format!(
        "AssumeRole&RoleArn={}&RoleSessionName=work{more}",
        encoded(arn)
    )
}

fn refusal(who: &str, arn: &str) -> (String, String) {
    denied(&format!(
        "User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}"
    ))
}

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";

#[tokio::test]
async fn a_user_assumes_a_role_that_trusts_its_account() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:AssumeRole")).await;
    let own = trust(r#"{"AWS":"111122223333"}"#, EVERY, "{}");
    let role = world
        .role(ACCOUNT, "worker", &own, "&Path=%2Fteam%2F")
        .await;
    assert_eq!(role, "arn:aws:iam::111122223333:role/team/worker");
    let xml = world.ok(&alice, &assume(&role, "")).await;
    let record = world.last_record();
    let why = record["additionalEventData"]["keystead"]["authorization"][0].to_string();
    assert!(why.contains(r#""allowed":true"#), "{record}");
    assert_eq!(
        record["responseElements"]["assumedRoleUser"]["arn"],
        text(&xml, "Arn")
    );
    assert_eq!(text(&xml, "Expiration"), "2026-11-22T11:00:00Z");
    let arn = "arn:aws:sts::111122223333:assumed-role/worker/work";
    assert_eq!(text(&xml, "Arn"), arn);
    assert!(!xml.contains("PackedPolicySize"));
    let session = world.session(&xml).unwrap();
    let identity = world.ok(&session, "GetCallerIdentity").await;
    assert_eq!(text(&identity, "Arn"), arn);
    assert_eq!(text(&identity, "UserId"), text(&xml, "AssumedRoleId"));
    assert_eq!(text(&identity, "Account"), ACCOUNT);
}

#[tokio::test]
async fn both_sides_must_allow_and_a_missing_role_looks_like_a_foreign_one() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:AssumeRole")).await;
    let bob = world.user(ACCOUNT, "bob", "").await;
    let account = trust(r#"{"AWS":"111122223333"}"#, EVERY, "{}");
    let by_account = world.role(ACCOUNT, "a", &account, "").await;
    let foreign = world.role(OTHER, "b", &account, "").await;
    let named = trust(&format!(r#"{{"AWS":"{ALICE}"}}"#), EVERY, "{}");
    let by_name = world.role(ACCOUNT, "c", &named, "").await;
    world.ok(&alice, &assume(&by_account, "")).await;
    world.ok(&alice, &assume(&foreign, "")).await;
    world.ok(&alice, &assume(&by_name, "")).await;
    let bobs = "arn:aws:iam::111122223333:user/bob";
    for role in [&by_account, &foreign, &by_name] {
        let refused = world.refused(&bob, &assume(role, "")).await;
        assert_eq!(refused, refusal(bobs, role));
    }
    for missing in [
        "arn:aws:iam::111122223333:role/missing",
        "arn:aws:iam::444455556666:role/missing",
        "arn:aws:iam::111122223333:role/other/a",
    ] {
        let refused = world.refused(&alice, &assume(missing, "")).await;
        assert_eq!(refused, refusal(ALICE, missing));
    }
    let (code, text) = world
        .refused(&alice, &assume("arn:aws:iam::1:role/x-y", ""))
        .await;
    assert_eq!(
        (code.as_str(), text.as_str()),
        ("ValidationError", "arn:aws:iam::1:role/x-y is invalid")
    );
    let roots = world
        .refused(&root(ACCOUNT), &assume(&by_account, ""))
        .await;
    assert_eq!(roots, denied("Roles may not be assumed by root accounts."));
}

#[tokio::test]
async fn a_user_of_the_same_name_is_not_the_one_that_was_trusted() {
    let world = World::new().await;
    world.user(ACCOUNT, "alice", "").await;
    let named = trust(&format!(r#"{{"AWS":"{ALICE}"}}"#), EVERY, "{}");
    let role = world.role(ACCOUNT, "c", &named, "").await;
    let old = world.directory.world();
    let key = &old.account(crate::support::account(ACCOUNT));
    let key = key.user("alice").unwrap().record.access_keys[0].id.clone();
    world
        .iam(
            ACCOUNT,
            &format!("DeleteAccessKey&UserName=alice&AccessKeyId={key}"),
        )
        .await;
    world.iam(ACCOUNT, "DeleteUser&UserName=alice").await;
    let again = world.user(ACCOUNT, "alice", "").await;
    assert_eq!(
        world.refused(&again, &assume(&role, "")).await,
        refusal(ALICE, &role)
    );
}

#[tokio::test]
async fn lengths_of_sessions() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:AssumeRole")).await;
    let own = trust(r#"{"AWS":"111122223333"}"#, EVERY, "{}");
    let role = world
        .role(ACCOUNT, "r", &own, "&MaxSessionDuration=7200")
        .await;
    let allow = encoded(&may("sts:*"));
    world
        .iam(
            ACCOUNT,
            &format!("PutRolePolicy&RoleName=r&PolicyName=p&PolicyDocument={allow}"),
        )
        .await;
    let xml = world
        .ok(&alice, &assume(&role, "&DurationSeconds=7200"))
        .await;
    assert_eq!(text(&xml, "Expiration"), "2026-11-22T12:00:00Z");
    let (_, text) = world
        .refused(&alice, &assume(&role, "&DurationSeconds=7201"))
        .await;
    assert!(text.starts_with("The requested DurationSeconds exceeds the MaxSessionDuration"));
    let session = world.session(&xml).unwrap();
    world
        .ok(&session, &assume(&role, "&DurationSeconds=3600"))
        .await;
    let (code, text) = world
        .refused(&session, &assume(&role, "&DurationSeconds=3601"))
        .await;
    assert_eq!(code, "ValidationError");
    assert!(text.contains("role chaining"), "{text}");
}

#[tokio::test]
async fn external_ids_and_session_names_are_conditions() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:AssumeRole")).await;
    let condition =
        r#"{"StringEquals":{"sts:ExternalId":"42"},"StringLike":{"sts:RoleSessionName":"wo*"}}"#;
    let guarded = trust(
        r#"{"AWS":"111122223333"}"#,
        r#""sts:AssumeRole""#,
        condition,
    );
    let role = world.role(ACCOUNT, "r", &guarded, "").await;
    world.ok(&alice, &assume(&role, "&ExternalId=42")).await;
    for wrong in ["", "&ExternalId=43"] {
        assert_eq!(
            world.refused(&alice, &assume(&role, wrong)).await,
            refusal(ALICE, &role)
        );
    }
    let other = format!("AssumeRole&RoleArn={role}&RoleSessionName=play&ExternalId=42");
    assert_eq!(world.refused(&alice, &other).await, refusal(ALICE, &role));
}

#[tokio::test]
async fn tags_and_source_identity_need_their_own_permission_and_go_on() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:*")).await;
    let mean = trust(r#"{"AWS":"111122223333"}"#, r#""sts:AssumeRole""#, "{}");
    let mean = world.role(ACCOUNT, "mean", &mean, "").await;
    let own = trust(r#"{"AWS":"111122223333"}"#, EVERY, "{}");
    let first = world.role(ACCOUNT, "first", &own, "").await;
    let next = trust(
        r#"{"AWS":"111122223333"}"#,
        EVERY,
        r#"{"StringEquals":{"aws:PrincipalTag/team":"red","aws:SourceIdentity":"al"}}"#,
    );
    let next = world.role(ACCOUNT, "next", &next, "").await;
    for role in ["first", "next"] {
        let allow = encoded(&may("sts:*"));
        let form = format!("PutRolePolicy&RoleName={role}&PolicyName=p&PolicyDocument={allow}");
        world.iam(ACCOUNT, &form).await;
    }
    let tag = "&Tags.member.1.Key=team&Tags.member.1.Value=red";
    let (code, text) = world.refused(&alice, &assume(&mean, tag)).await;
    assert_eq!(code, "AccessDenied");
    assert!(
        text.contains("to perform: sts:TagSession on resource"),
        "{text}"
    );
    let (_, text) = world
        .refused(&alice, &assume(&mean, "&SourceIdentity=al"))
        .await;
    assert!(
        text.contains("to perform: sts:SetSourceIdentity on"),
        "{text}"
    );

    let more = format!("{tag}&TransitiveTagKeys.member.1=team&SourceIdentity=al");
    let xml = world.ok(&alice, &assume(&first, &more)).await;
    assert_eq!(crate::support::text(&xml, "SourceIdentity"), "al");
    assert!(xml.contains("<PackedPolicySize>"), "{xml}");
    let one = world.session(&xml).unwrap();
    let xml = world.ok(&one, &assume(&next, "")).await;
    assert_eq!(crate::support::text(&xml, "SourceIdentity"), "al");
    let two = world.session(&xml).unwrap();
    let context = two.caller.session.as_deref().unwrap();
    assert_eq!(context.chain_length, 1);
    assert_eq!(context.tags, [("team".into(), "red".into())]);
    let changed = world
        .refused(&two, &assume(&next, "&SourceIdentity=eve"))
        .await;
    assert_eq!(changed.0, "AccessDenied");
    assert_eq!(
        world.refused(&one, &assume(&next, tag)).await.0,
        "ValidationError"
    );

    // Without the transitive tag the second role does not trust.
    let xml = world
        .ok(&alice, &assume(&first, "&SourceIdentity=al"))
        .await;
    let plain = world.session(&xml).unwrap();
    let who = "arn:aws:sts::111122223333:assumed-role/first/work";
    assert_eq!(
        world.refused(&plain, &assume(&next, "")).await,
        refusal(who, &next)
    );
}

#[tokio::test]
async fn session_policies_are_checked_and_limit() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:*")).await;
    let own = trust(r#"{"AWS":"111122223333"}"#, EVERY, "{}");
    let role = world.role(ACCOUNT, "r", &own, "").await;
    let allow = encoded(&may("sts:*"));
    world
        .iam(
            ACCOUNT,
            &format!("PutRolePolicy&RoleName=r&PolicyName=p&PolicyDocument={allow}"),
        )
        .await;
    let limited = encoded(&may("sts:GetAccessKeyInfo"));
    let xml = world
        .ok(&alice, &assume(&role, &format!("&Policy={limited}")))
        .await;
    let session = world.session(&xml).unwrap();
    let info = &format!("GetAccessKeyInfo&AccessKeyId={SERVICE_KEY}");
    world.ok(&session, info).await;
    let (code, _) = world
        .refused(&session, "DecodeAuthorizationMessage&EncodedMessage=abcd")
        .await;
    assert_eq!(code, "AccessDenied");

    let arns = "&PolicyArns.member.1.arn=arn:aws:iam::aws:policy/AWSDenyAll";
    let xml = world.ok(&alice, &assume(&role, arns)).await;
    let nothing = world.session(&xml).unwrap();
    assert_eq!(world.refused(&nothing, info).await.0, "AccessDenied");
    world.ok(&nothing, "GetCallerIdentity").await;

    let bad = encoded("{\"Version\":\"2012-10-17\"}");
    let (code, _) = world
        .refused(&alice, &assume(&role, &format!("&Policy={bad}")))
        .await;
    assert_eq!(code, "MalformedPolicyDocument");
    let long = encoded(&format!("{}{}", " ".repeat(2_048), may("*")));
    let (code, _) = world
        .refused(&alice, &assume(&role, &format!("&Policy={long}")))
        .await;
    assert_eq!(code, "ValidationError");
    let missing = "&PolicyArns.member.1.arn=arn:aws:iam::aws:policy/NoSuchPolicy";
    assert_eq!(
        world.refused(&alice, &assume(&role, missing)).await.0,
        "ValidationError"
    );
    let foreign = world
        .iam(
            OTHER,
            &format!("CreatePolicy&PolicyName=theirs&PolicyDocument={allow}"),
        )
        .await;
    let foreign = format!("&PolicyArns.member.1.arn={}", text(&foreign, "Arn"));
    assert_eq!(
        world.refused(&alice, &assume(&role, &foreign)).await.0,
        "ValidationError"
    );
}

#[tokio::test]
async fn a_deleted_role_ends_its_sessions_and_denials_are_explained() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:*")).await;
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}]}"#;
    let shut = world.role(ACCOUNT, "shut", deny, "").await;
    let form = assume(&shut, "");
    let fault = world.sts(Some(&alice), &form).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::AccessDenied);
    assert_eq!(
        fault.message().unwrap(),
        format!(
            "{} with an explicit deny in a resource-based policy",
            refusal(ALICE, &shut).1
        )
    );
    let record = world.last_record();
    assert_eq!(record["errorCode"], "AccessDenied");
    assert_eq!(record["eventSource"], "sts.amazonaws.com");
    assert!(
        record["additionalEventData"]
            .to_string()
            .contains("explicitDeny"),
        "{record}"
    );

    let message = fault.authorization_message().unwrap();
    let decode = format!(
        "DecodeAuthorizationMessage&EncodedMessage={}",
        encoded(message)
    );
    let xml = world.ok(&alice, &decode).await;
    let json = text(&xml, "DecodedMessage").replace("&quot;", "\"");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["action"], "sts:AssumeRole");
    assert_eq!(json["resource"], shut);
    assert_eq!(json["decision"]["allowed"], false);
    assert_eq!(json["allowed"], false);
    assert_eq!(json["explicitDeny"], true);
    assert_eq!(json["context"]["principal"]["arn"], ALICE);
    let flipped = format!("{decode}A");
    let (code, _) = world.refused(&alice, &flipped).await;
    assert_eq!(code, "InvalidAuthorizationMessageException");

    let own = trust(r#"{"AWS":"111122223333"}"#, EVERY, "{}");
    let role = world.role(ACCOUNT, "r", &own, "").await;
    let xml = world.ok(&alice, &assume(&role, "")).await;
    assert!(world.session(&xml).is_some());
    world.iam(ACCOUNT, "DeleteRole&RoleName=r").await;
    assert!(world.session(&xml).is_none());
    world.role(ACCOUNT, "r", &own, "").await;
    assert!(world.session(&xml).is_none());
}

#[tokio::test]
async fn what_is_not_offered_is_refused() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:*")).await;
    let own = trust(r#"{"AWS":"111122223333"}"#, EVERY, "{}");
    let role = world.role(ACCOUNT, "r", &own, "").await;
    let mfa = "&SerialNumber=arn:aws:iam::111122223333:mfa/alice&TokenCode=123456";
    let (code, text) = world.refused(&alice, &assume(&role, mfa)).await;
    assert_eq!(code, "AccessDenied");
    assert!(
        text.starts_with("MultiFactorAuthentication failed"),
        "{text}"
    );
    assert!(!world.last_record().to_string().contains("123456"));
    let context = "&ProvidedContexts.member.1.ContextAssertion=abcd";
    assert_eq!(
        world.refused(&alice, &assume(&role, context)).await.0,
        "ValidationError"
    );
    let unsigned = world.sts(None, &assume(&role, "")).await.unwrap_err();
    assert_eq!(unsigned.kind(), FaultKind::MissingAuthenticationToken);
    let unknown = world
        .sts(Some(&alice), "AssumeRoleWithSAML")
        .await
        .unwrap_err();
    assert_eq!(unknown.kind(), FaultKind::UnknownOperation);
}

#[tokio::test]
async fn services_assume_roles_of_their_own_accounts_only() {
    let world = World::new().await;
    let both = r#"{"Service":["storage.example.com","mail.example.com"]}"#;
    let trusting = trust(both, EVERY, "{}");
    let mut roles = Vec::new();
    for of in [ACCOUNT, MORE, OTHER] {
        roles.push(world.role(of, "worker", &trusting, "").await);
    }
    let [own, more, foreign] = &roles[..] else {
        panic!("{roles:?}")
    };
    let storage = world.service_bearer(SERVICE_KEY);
    let mail = world.service_bearer(OTHER_SERVICE_KEY);
    for (service, role) in [(&storage, own), (&mail, own), (&mail, more)] {
        world.ok(service, &assume(role, "")).await;
    }
    let who = |service: &std::sync::Arc<keystead_identity::Bearer>| {
        service.caller.principal.arn("aws").to_string()
    };
    let missing = "arn:aws:iam::444455556666:role/missing";
    for (service, role) in [
        (&storage, more.as_str()),
        (&storage, foreign),
        (&mail, foreign),
        (&mail, missing),
    ] {
        let refused = world.refused(service, &assume(role, "")).await;
        assert_eq!(refused, refusal(&who(service), role));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_tells_nothing_of_a_role() {
    let world = World::new().await;
    let alice = world.user(ACCOUNT, "alice", &may("sts:*")).await;
    let closed = trust(r#"{"AWS":"444455556666"}"#, EVERY, "{}");
    let there = world.role(OTHER, "there", &closed, "").await;
    let missing = "arn:aws:iam::444455556666:role/missing";
    let twice =
        "&Tags.member.1.Key=k&Tags.member.1.Value=v&Tags.member.2.Key=K&Tags.member.2.Value=v";
    for wrong in ["&TransitiveTagKeys.member.1=k", twice] {
        let told = world.refused(&alice, &assume(&there, wrong)).await;
        assert_eq!(told, world.refused(&alice, &assume(missing, wrong)).await);
    }
}

#[tokio::test]
async fn tags_of_the_role_are_tags_of_the_resource() {
    let world = World::new().await;
    let own = trust(r#"{"AWS":"111122223333"}"#, EVERY, "{}");
    let tag = |value: &str| format!("&Tags.member.1.Key=team&Tags.member.1.Value={value}");
    let red = world.role(ACCOUNT, "red", &own, &tag("red")).await;
    let blue = world.role(ACCOUNT, "blue", &own, &tag("blue")).await;
    for (name, key) in [("a", "iam:ResourceTag/team"), ("b", "aws:ResourceTag/team")] {
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*","Condition":{{"StringEquals":{{"{key}":"red"}}}}}}]}}"#
        );
        let user = world.user(ACCOUNT, name, &document).await;
        world.ok(&user, &assume(&red, "")).await;
        assert_eq!(
            world.refused(&user, &assume(&blue, "")).await.0,
            "AccessDenied"
        );
    }
}
