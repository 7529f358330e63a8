//! All policies together: order of the decision, both accounts, limits, guardrails, and what a
//! denial tells.

use std::sync::Arc;

use keystead_identity::{Bearer, Endpoint, Membership};
use keystead_policy::{NamedPolicy, PolicyKind};
use keystead_types::{Caller, FaultKind, Principal, SessionContext, Timestamp};
use serde_json::{Value, json};

use crate::support::identities::{full_access, identity_policy, level, named_policy, standing};
use crate::support::{OTHER, OWN, START, World, account, allow, base64, policy, root, user};

const SCP: &str = "arn:aws:organizations::999988887777:policy/o-1/service_control_policy/p-1";
const RCP: &str = "arn:aws:organizations::999988887777:policy/o-1/resource_control_policy/p-2";
const BOUNDARY: &str = "arn:aws:iam::111122223333:policy/boundary";

fn may(actions: &[&str]) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": "*"})
}

fn never(actions: &[&str]) -> Value {
    json!({"Effect": "Deny", "Action": actions, "Resource": "*"})
}

fn worker(account_text: &str) -> Caller {
    let principal = Principal::RoleSession {
        account: account(account_text),
        role: "worker".into(),
        session: "one".into(),
    };
    Caller::plain(
        principal,
        account(account_text),
        "ASIAIOSFODNN7EXAMPLE".into(),
    )
}

fn encrypt(key: &str) -> Value {
    json!({"KeyId": key, "Plaintext": base64(b"x")})
}

fn denied(who: &str, resource: &str, why: &str) -> String {
    format!(
        "AccessDeniedException: User: {who} is not authorized to perform: kms:Encrypt on \
         resource: {resource} {why}"
    )
}

fn no(kind: &str) -> String {
    format!("because no {kind} allows the kms:Encrypt action")
}

/// The answer to an Encrypt of a limited session.
async fn limited(world: &World, key: &str, who: Caller, session: Vec<NamedPolicy>) -> String {
    let body = serde_json::to_vec(&encrypt(key)).unwrap();
    let mut request = world.request(who.clone(), &body);
    request.bearer = Arc::new(Bearer {
        session_policies: Some(session.into()),
        ..Bearer::plain(who)
    });
    world.send("Encrypt", request).await.text()
}

#[tokio::test]
async fn each_kind_of_policy_has_its_words() {
    let world = World::new();
    let key = world.key().await;
    let who = worker(OWN);
    let arn = format!("arn:aws:sts::{OWN}:assumed-role/worker/one");
    let ask = async || {
        world
            .call_as(who.clone(), "Encrypt", encrypt(&key))
            .await
            .text()
    };
    let people = &world.people;
    let own = |name: &str, statement: Value| identity_policy(name, &[statement]);
    let silent = no("identity-based policy");
    assert_eq!(ask().await, denied(&arn, &key, &silent));
    people.allow(&who.principal, &[may(&["kms:Encrypt"])]);
    assert_eq!(ask().await, "ok");
    // An inline policy has no ARN of its own to be told.
    people.allow(&who.principal, &[may(&["kms:*"]), never(&["kms:Encrypt"])]);
    let why = "with an explicit deny in an identity-based policy";
    assert_eq!(ask().await, denied(&arn, &key, why));
    let all = || own("arn:aws:iam::aws:policy/all", may(&["kms:*"]));
    let managed = own("arn:aws:iam::aws:policy/AWSDenyAll", never(&["*"]));
    people.set(&who.principal, standing(vec![all(), managed], None));
    let why = format!("{why}: arn:aws:iam::aws:policy/AWSDenyAll");
    assert_eq!(ask().await, denied(&arn, &key, &why));
    for (statement, why) in [
        (may(&["s3:*"]), no("permissions boundary")),
        (
            never(&["kms:Encrypt"]),
            format!("with an explicit deny in a permissions boundary: {BOUNDARY}"),
        ),
    ] {
        let boundary = own(BOUNDARY, statement);
        people.set(&who.principal, standing(vec![all()], Some(boundary)));
        assert_eq!(ask().await, denied(&arn, &key, &why));
    }
    people.set(&who.principal, standing(vec![all()], None));
    let session = "arn:aws:iam::111122223333:policy/session";
    for (policies, why) in [
        (vec![], no("session policy")),
        (
            vec![own(session, may(&["kms:Decrypt"]))],
            no("session policy"),
        ),
        (
            vec![all(), own(session, never(&["kms:Enc*"]))],
            format!("with an explicit deny in a session policy: {session}"),
        ),
    ] {
        let text = limited(&world, &key, who.clone(), policies).await;
        assert_eq!(text, denied(&arn, &key, &why));
    }
    assert_eq!(limited(&world, &key, who.clone(), vec![all()]).await, "ok");
}

#[tokio::test]
async fn guardrails_and_endpoints_limit_everybody_also_root_users() {
    let world = World::new();
    let key = world.key().await;
    let root = crate::support::root(OWN);
    let arn = format!("arn:aws:iam::{OWN}:root");
    let ask = async || {
        world
            .call_as(root.clone(), "Encrypt", encrypt(&key))
            .await
            .text()
    };
    let scp = |statement: Value| named_policy(PolicyKind::ServiceControl, SCP, &[statement]);
    let full = || full_access(PolicyKind::ServiceControl);
    for (levels, why) in [
        (vec![level(vec![])], no("service control policy")),
        (
            vec![level(vec![full()]), level(vec![scp(may(&["kms:Decrypt"]))])],
            no("service control policy"),
        ),
        (
            vec![level(vec![full(), scp(never(&["kms:Encrypt"]))])],
            format!("with an explicit deny in a service control policy: {SCP}"),
        ),
    ] {
        let membership = Membership {
            service_control: levels.into(),
            ..Membership::default()
        };
        world.people.join(account(OWN), membership);
        assert_eq!(ask().await, denied(&arn, &key, &why));
    }
    let statement =
        json!({"Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"});
    let rcp = named_policy(PolicyKind::ResourceControl, RCP, &[statement]);
    let membership = Membership {
        resource_control: vec![level(vec![full_access(PolicyKind::ResourceControl), rcp])].into(),
        ..Membership::default()
    };
    world.people.join(account(OWN), membership);
    let why = format!("with an explicit deny in a resource control policy: {RCP}");
    assert_eq!(ask().await, denied(&arn, &key, &why));
    world.people.join(account(OWN), Membership::default());
    assert_eq!(ask().await, "ok");
    let through = |statements: &[Value]| {
        Arc::new(Endpoint {
            id: "vpce-1".into(),
            vpc: "vpc-1".into(),
            policy: Some(named_policy(PolicyKind::Endpoint, "vpce-1", statements)),
        })
    };
    let decrypt = allow("*", &["kms:Decrypt"]);
    let mut deny = allow("*", &["kms:Encrypt"]);
    deny["Effect"] = json!("Deny");
    for (statements, text) in [
        (vec![allow("*", &["kms:*"])], "ok".to_owned()),
        (
            vec![decrypt],
            denied(&arn, &key, &no("VPC endpoint policy")),
        ),
        (
            vec![allow("*", &["*"]), deny],
            denied(&arn, &key, "with an explicit deny in a VPC endpoint policy"),
        ),
    ] {
        let body = serde_json::to_vec(&encrypt(&key)).unwrap();
        let mut request = world.request(root.clone(), &body);
        request.peer.origin.endpoint = Some(through(&statements));
        assert_eq!(world.send("Encrypt", request).await.text(), text);
    }
}

#[tokio::test]
async fn another_account_needs_both_halves() {
    let world = World::new();
    let bob = user(OTHER, "bob");
    let arn = format!("arn:aws:iam::{OTHER}:user/bob");
    let open = allow(OWN, &["kms:*"]);
    let named = world
        .key_under(policy(&[open.clone(), allow(&arn, &["kms:*"])]))
        .await;
    let delegated = world
        .key_under(policy(&[open.clone(), allow(OTHER, &["kms:*"])]))
        .await;
    let closed = world.key_under(policy(&[open])).await;
    let ask = async |key: &str| {
        world
            .call_as(bob.clone(), "Encrypt", encrypt(key))
            .await
            .text()
    };
    for key in [&named, &delegated, &closed] {
        let why = no("identity-based policy");
        assert_eq!(ask(key).await, denied(&arn, key, &why));
    }
    world.people.allow(&bob.principal, &[may(&["kms:*"])]);
    assert_eq!(ask(&named).await, "ok");
    assert_eq!(ask(&delegated).await, "ok");
    assert_eq!(
        ask(&closed).await,
        denied(&arn, &closed, &no("resource-based policy"))
    );
    // What an account's guardrails say of its resources holds for strangers too, and is not told.
    let statement = json!({"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"});
    let rcp = named_policy(PolicyKind::ResourceControl, RCP, &[statement]);
    let membership = Membership {
        resource_control: vec![level(vec![full_access(PolicyKind::ResourceControl), rcp])].into(),
        ..Membership::default()
    };
    world.people.join(account(OWN), membership);
    assert_eq!(
        ask(&named).await,
        denied(&arn, &named, &no("resource-based policy"))
    );
}

#[tokio::test]
async fn a_stranger_learns_nothing_whatever_its_own_policies_say() {
    let world = World::new();
    let hidden = json!({"Sid": "Hidden", "Effect": "Deny", "Principal": {"AWS": OTHER},
        "Action": "kms:*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}});
    let key = world
        .key_under(policy(&[allow(OWN, &["kms:*"]), hidden]))
        .await;
    let named = json!({"AliasName": "alias/x", "TargetKeyId": key});
    world.call("CreateAlias", named).await.ok();
    let alias = format!("arn:aws:kms:eu-west-1:{OWN}:alias/x");
    let absent = format!("arn:aws:kms:eu-west-1:{OWN}:key/12345678-1234-1234-1234-123456789012");
    let bob = user(OTHER, "bob");
    let on_spec = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": {"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT"}}});
    for statements in [
        vec![],
        vec![may(&["kms:*"])],
        vec![never(&["kms:*"])],
        vec![on_spec],
    ] {
        world.people.allow(&bob.principal, &statements);
        let mut told = Vec::new();
        for name in [&key, &absent, &alias] {
            let answer = world.call_as(bob.clone(), "Encrypt", encrypt(name)).await;
            let record = world.audit_of(answer.request_id);
            let noted = &record["additionalEventData"]["keystead"]["authorization"];
            assert_eq!(noted.as_array().unwrap().len(), 1, "{noted}");
            assert_eq!(noted[0]["resource"], **name);
            assert_eq!(noted[0]["decision"]["allowed"], false);
            // The record is the stranger's too.
            let record = record.to_string();
            assert!(!record.contains("Hidden"), "{record}");
            assert!(*name != alias || !record.contains(&key), "{record}");
            let sealed = world.people.sealed.lock().unwrap().last().unwrap().clone();
            assert!(sealed.contains(name.as_str()), "{sealed}");
            told.push([answer.text(), noted.to_string(), sealed].map(|t| t.replace(name, "K")));
        }
        assert_eq!(told[0], told[1]);
        assert_eq!(told[0], told[2]);
    }
}

#[tokio::test]
async fn a_deny_beats_a_grant_and_a_grant_beats_silence() {
    let world = World::new();
    let key = world.key().await;
    let alice = user(OWN, "alice");
    let arn = format!("arn:aws:iam::{OWN}:user/alice");
    let body = json!({"KeyId": key, "GranteePrincipal": arn, "Operations": ["Encrypt"]});
    let ask = async || {
        world
            .call_as(alice.clone(), "Encrypt", encrypt(&key))
            .await
            .text()
    };
    assert_eq!(
        ask().await,
        denied(&arn, &key, &no("identity-based policy"))
    );
    let made = world.call("CreateGrant", body).await.ok();
    assert_eq!(ask().await, "ok");
    world
        .people
        .allow(&alice.principal, &[never(&["kms:Encrypt"])]);
    let why = "with an explicit deny in an identity-based policy";
    assert_eq!(ask().await, denied(&arn, &key, why));
    world.people.allow(&alice.principal, &[]);
    let revoke = json!({"KeyId": key, "GrantId": made["GrantId"]});
    world.call("RevokeGrant", revoke).await.ok();
    assert_eq!(
        ask().await,
        denied(&arn, &key, &no("identity-based policy"))
    );
}

#[tokio::test]
async fn who_is_gone_may_nothing_and_a_namesake_neither() {
    let world = World::new();
    let arn = format!("arn:aws:iam::{OWN}:user/alice");
    let alice = |id: &str| Caller {
        unique_id: Some(id.into()),
        ..user(OWN, "alice")
    };
    world.people.identify(&alice("AIDA1").principal, "AIDA1");
    let document = policy(&[allow(OWN, &["kms:*"]), allow(&arn, &["kms:*"])]);
    let key = world.key_under(document.clone()).await;
    let ask = async |id: &str| {
        world
            .call_as(alice(id), "Encrypt", encrypt(&key))
            .await
            .text()
    };
    let shown = async || {
        let answer = world.call("GetKeyPolicy", json!({"KeyId": key})).await.ok();
        answer["Policy"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask("AIDA1").await, "ok");
    assert_eq!(shown().await, document.to_string());
    world.people.remove(&alice("AIDA1").principal);
    let why = no("identity-based policy");
    assert_eq!(ask("AIDA1").await, denied(&arn, &key, &why));
    assert_eq!(shown().await, document.to_string().replace(&arn, "AIDA1"));
    let put = json!({"KeyId": key, "Policy": document.to_string()});
    let answer = world.call("PutKeyPolicy", put.clone()).await;
    let text = "MalformedPolicyDocumentException: Policy contains a statement with one or more \
                invalid principals.";
    assert_eq!(answer.text(), text);
    world.people.identify(&alice("AIDA2").principal, "AIDA2");
    assert_eq!(ask("AIDA1").await, denied(&arn, &key, &why));
    assert_eq!(ask("AIDA2").await, denied(&arn, &key, &why));
    world.call("PutKeyPolicy", put).await.ok();
    assert_eq!(ask("AIDA2").await, "ok");
}

#[tokio::test]
async fn the_lockout_check_asks_the_callers_own_policies() {
    let world = World::new();
    let alice = user(OWN, "alice");
    let delegated = policy(&[allow(OWN, &["kms:*"])]).to_string();
    let create = json!({"Policy": delegated});
    let lockout = "MalformedPolicyDocumentException: The new key policy will not allow you to \
                   update the key policy in the future.";
    let named = |name: &str| {
        json!({"Effect": "Allow", "Action": "kms:PutKeyPolicy", "Resource": "*",
            "Condition": {"StringEquals": {"kms:PolicyName": name}}})
    };
    for (statement, text) in [
        (may(&["kms:DescribeKey"]), lockout),
        (named("other"), lockout),
        (named("default"), "ok"),
        (may(&["kms:*"]), "ok"),
    ] {
        let statements = [may(&["kms:CreateKey"]), statement];
        world.people.allow(&alice.principal, &statements);
        let answer = world
            .call_as(alice.clone(), "CreateKey", create.clone())
            .await;
        assert_eq!(answer.text(), text, "{statements:?}");
    }
}

#[tokio::test]
async fn what_else_a_request_needs() {
    let world = World::new();
    let alice = user(OWN, "alice");
    let arn = format!("arn:aws:iam::{OWN}:user/alice");
    let tags = json!({"Tags": [{"TagKey": "a", "TagValue": "b"}]});
    world
        .people
        .allow(&alice.principal, &[may(&["kms:CreateKey"])]);
    world
        .call_as(alice.clone(), "CreateKey", json!({}))
        .await
        .ok();
    let answer = world
        .call_as(alice.clone(), "CreateKey", tags.clone())
        .await;
    let text = format!(
        "AccessDeniedException: User: {arn} is not authorized to perform: kms:TagResource on \
         resource: * because no identity-based policy allows the kms:TagResource action"
    );
    assert_eq!(answer.text(), text);
    let both = may(&["kms:CreateKey", "kms:TagResource"]);
    world.people.allow(&alice.principal, &[both]);
    world.call_as(alice.clone(), "CreateKey", tags).await.ok();
    // The resource of ListRetirableGrants is the principal that is asked about.
    let mut listing = may(&["kms:ListRetirableGrants"]);
    listing["Resource"] = json!(arn);
    world.people.allow(&alice.principal, &[listing]);
    let list = |principal: &str| json!({"RetiringPrincipal": principal});
    let answer = world
        .call_as(alice.clone(), "ListRetirableGrants", list(&arn))
        .await;
    assert_eq!(answer.text(), "ok");
    let root = format!("arn:aws:iam::{OWN}:root");
    let answer = world
        .call_as(alice, "ListRetirableGrants", list(&root))
        .await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
}

#[tokio::test]
async fn an_aws_managed_key_comes_into_being_for_a_user_of_the_service() {
    let world = World::new();
    let end = Timestamp::from_millis(START.as_millis() + 900_000);
    let through = |service: &str| Caller {
        session: Some(Arc::new(SessionContext {
            via: vec![service.into()],
            ..SessionContext::plain(START, end)
        })),
        ..user(OWN, "alice")
    };
    let sent = json!({"KeyId": "alias/aws/s3", "Plaintext": base64(b"x")});
    let ask = async |who: Caller| world.call_as(who, "Encrypt", sent.clone()).await;
    assert_eq!(ask(user(OWN, "alice")).await.kind(), FaultKind::NotFound);
    assert_eq!(
        ask(through("sqs.amazonaws.com")).await.kind(),
        FaultKind::NotFound
    );
    // Whoever is authorized to use the service may use its key through it.
    assert_eq!(ask(through("s3.amazonaws.com")).await.text(), "ok");
    for who in [
        user(OWN, "alice"),
        through("sqs.amazonaws.com"),
        crate::support::root(OWN),
    ] {
        assert_eq!(ask(who).await.kind(), FaultKind::AccessDenied);
    }
    world
        .people
        .allow(&user(OWN, "alice").principal, &[never(&["kms:Encrypt"])]);
    assert_eq!(
        ask(through("s3.amazonaws.com")).await.kind(),
        FaultKind::AccessDenied
    );
}

#[tokio::test]
async fn a_denial_is_explained_in_its_record_and_to_its_caller() {
    let world = World::new();
    let key = world.key().await;
    let alice = user(OWN, "alice");
    let condition = json!({"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*",
        "Condition": {"StringEquals": {"kms:EncryptionContext:Team": "red"}}});
    world.people.allow(&alice.principal, &[condition]);
    let mut sent = encrypt(&key);
    sent["EncryptionContext"] = json!({"Team": "blue"});
    let body = serde_json::to_vec(&sent).unwrap();
    let request = world.request(alice.clone(), &body);
    let request_id = request.request_id;
    let operation = keystead_api::OperationName::parse("Encrypt").unwrap();
    let answer = crate::support::dispatch(&world.site, operation, request).await;
    let fault = answer.into_outcome().unwrap_err();
    assert_eq!(fault.authorization_message(), Some("sealed-1"));
    let sealed: Value = serde_json::from_str(&world.people.sealed.lock().unwrap()[0]).unwrap();
    let record = world.audit_of(request_id);
    let recorded = &record["additionalEventData"]["keystead"]["authorization"][0];
    for told in [&sealed, recorded] {
        assert_eq!(told["action"], "kms:Encrypt");
        assert_eq!(told["resource"], key);
        assert_eq!(told["decision"]["noAllowIn"], "identity-based policy");
        let text = told.to_string();
        assert!(text.contains("kms:EncryptionContext:Team"), "{text}");
        assert!(text.contains("red") && text.contains("blue"), "{text}");
    }
    sent["EncryptionContext"] = json!({"Team": "red"});
    let answer = world.call_as(alice, "Encrypt", sent).await;
    assert_eq!(answer.text(), "ok");
    let record = world.audit_of(answer.request_id);
    let decision = &record["additionalEventData"]["keystead"]["authorization"][0]["decision"];
    assert_eq!(decision["allowed"], true);
}

/// What became of every statement, of root users too: few bytes.
#[tokio::test]
async fn an_allowed_request_keeps_the_outcome_of_every_statement() {
    let world = World::new();
    let key = world.key().await;
    let alice = user(OWN, "alice");
    let red = json!({"Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*",
        "Condition": {"StringEquals": {"kms:EncryptionContext:Team": "red"}}});
    let statements = [may(&["kms:Sign"]), red, may(&["kms:Encrypt"])];
    world.people.allow(&alice.principal, &statements);
    let noted = async |caller: Caller, name: &str, body: Value| {
        let answer = world.call_as(caller, name, body).await;
        assert_eq!(answer.text(), "ok");
        let record = world.audit_of(answer.request_id);
        record["additionalEventData"]["keystead"]["authorization"][0].clone()
    };
    let read = |noted: &Value| {
        let outcomes = noted["outcomes"].as_str().unwrap();
        let bare = |word: &str| {
            let (kind, rest) = word.split_once('=').unwrap();
            let (digest, statements) = rest.split_once(':').unwrap();
            assert_eq!(digest.len(), 12);
            format!("{kind}:{statements}")
        };
        outcomes.split(' ').map(bare).collect::<Vec<_>>()
    };
    let decision = noted(alice.clone(), "Encrypt", encrypt(&key)).await;
    assert_eq!(read(&decision), ["K:t", "I:aCe"]);
    assert_eq!(decision["decision"]["by"]["statement"], 2);
    let decision = noted(root(OWN), "Encrypt", encrypt(&key)).await;
    assert_eq!(read(&decision), ["K:m"]);
    assert!(decision.to_string().len() < 80, "{decision}");
    // What changes something keeps its explanation whole: it may change the policies.
    let own = json!({"KeyId": key, "Description": "x"});
    let decision = noted(root(OWN), "UpdateKeyDescription", own).await;
    assert_eq!(decision["outcomes"], Value::Null);
    let statement = &decision["policies"][0]["statements"][0];
    assert_eq!(statement["outcome"], "applies");
}

/// Whether source and destination are one key is what was found, and tells a stranger nothing.
#[tokio::test]
async fn re_encrypt_on_the_same_key() {
    let world = World::new();
    let alice = user(OWN, "alice");
    let (key, other) = (world.key().await, world.key().await);
    let blob = world.encrypt(&key, "x").await;
    let same = json!({"Effect": "Allow", "Action": "kms:ReEncrypt*", "Resource": "*",
        "Condition": {"Bool": {"kms:ReEncryptOnSameKey": "true"}}});
    world.people.allow(&alice.principal, &[same]);
    for (name, target) in [("alias/same", &key), ("alias/other", &other)] {
        let sent = json!({"AliasName": name, "TargetKeyId": target});
        world.call("CreateAlias", sent).await.ok();
    }
    for (destination, works) in [
        (key.as_str(), true),
        ("alias/same", true),
        (other.as_str(), false),
        ("alias/other", false),
    ] {
        for source in [json!(null), json!(key), json!("alias/same")] {
            let sent = json!({"CiphertextBlob": blob, "DestinationKeyId": destination,
                "SourceKeyId": source});
            let answer = world.call_as(alice.clone(), "ReEncrypt", sent).await;
            assert_eq!(
                answer.outcome.is_ok(),
                works,
                "{destination}: {}",
                answer.text()
            );
        }
    }
    let bob = user(OTHER, "bob");
    let mut never = never(&["kms:*"]);
    never["Condition"] = json!({"Bool": {"kms:ReEncryptOnSameKey": "true"}});
    world
        .people
        .allow(&bob.principal, &[may(&["kms:*"]), never]);
    let ask = async |name: &str| {
        let arn = format!("arn:aws:kms:eu-west-1:{OWN}:alias/{name}");
        let sent = json!({"SourceKeyId": arn, "DestinationKeyId": arn, "DryRun": true,
            "DryRunModifiers": ["IGNORE_CIPHERTEXT"]});
        let text = world.call_as(bob.clone(), "ReEncrypt", sent).await.text();
        text.replace(name, "A")
    };
    assert_eq!(ask("same").await, ask("absent").await);
}

#[tokio::test]
async fn an_encryption_context_has_at_most_256_pairs() {
    let world = World::new();
    let key = world.key().await;
    for (pairs, works) in [(256, true), (257, false)] {
        let context = (0..pairs).map(|n| (n.to_string(), json!("")));
        let context: serde_json::Map<_, _> = context.collect();
        let mut sent = encrypt(&key);
        sent["EncryptionContext"] = context.into();
        let answer = world.call("Encrypt", sent).await;
        assert_eq!(answer.outcome.is_ok(), works, "{}", answer.text());
    }
}

/// What another account's alias means is found late; the record has the decisions that counted.
#[tokio::test]
async fn each_key_of_a_re_encrypt_has_one_decision_on_record() {
    let world = World::new();
    let bob = user(OTHER, "bob");
    let arn = format!("arn:aws:iam::{OTHER}:user/bob");
    let document = policy(&[allow(OWN, &["kms:*"]), allow(&arn, &["kms:*"])]);
    let key = world.key_under(document).await;
    let named = json!({"AliasName": "alias/x", "TargetKeyId": key});
    world.call("CreateAlias", named).await.ok();
    world.people.allow(&bob.principal, &[may(&["kms:*"])]);
    let blob = world.encrypt(&key, "x").await;
    let alias = format!("arn:aws:kms:eu-west-1:{OWN}:alias/x");
    let body = json!({"CiphertextBlob": blob, "DestinationKeyId": alias});
    let answer = world.call_as(bob, "ReEncrypt", body).await;
    assert_eq!(answer.text(), "ok");
    let record = world.audit_of(answer.request_id);
    let noted = &record["additionalEventData"]["keystead"]["authorization"];
    let decisions = noted.as_array().unwrap().iter();
    let actions: Vec<_> = decisions.map(|one| &one["action"]).collect();
    assert_eq!(actions, ["kms:ReEncryptFrom", "kms:ReEncryptTo"], "{noted}");
}

/// What a ciphertext's key says no to is told once, as for a key that is named.
#[tokio::test]
async fn a_closed_ciphertext_has_one_decision_on_record() {
    let world = World::new();
    let key = world.key().await;
    let blob = world.encrypt(&key, "x").await;
    let alice = user(OWN, "alice");
    world
        .people
        .allow(&alice.principal, &[never(&["kms:Decrypt"])]);
    let body = json!({"CiphertextBlob": blob});
    let answer = world.call_as(alice, "Decrypt", body).await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
    let record = world.audit_of(answer.request_id);
    let noted = &record["additionalEventData"]["keystead"]["authorization"];
    let decisions = noted.as_array().unwrap();
    assert_eq!(decisions.len(), 1, "{noted}");
    let policies = decisions[0]["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 2, "the user's and the key's: {noted}");
}
