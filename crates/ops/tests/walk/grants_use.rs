//! What grants allow at use: to whom, for which operations, under which constraints, until when.

use std::sync::Arc;

use keystead_identity::Bearer;
use keystead_types::{Caller, FaultKind, Principal};
use serde_json::{Value, json};

use crate::support::identities::identity_policy;
use crate::support::{OTHER, OWN, World, account, allow, base64, policy, root, user};

const SOURCE: &str = "arn:aws:s3:us-east-1:111122223333:bucket";

/// A session of a role with a unique id.
fn session(owner: &str, role: &str, name: &str, id: &str) -> Caller {
    let account = account(owner);
    let principal = Principal::RoleSession {
        account,
        role: role.into(),
        session: name.into(),
    };
    identified(principal, id)
}

fn identified(principal: Principal, id: &str) -> Caller {
    let account = principal.account().unwrap();
    Caller {
        unique_id: Some(Arc::from(id)),
        ..Caller::plain(principal, account, "ASIAIOSFODNN7EXAMPLE".into())
    }
}

/// A user with a unique id, who exists.
fn somebody(world: &World, owner: &str, name: &str, id: &str) -> Caller {
    let caller = identified(user(owner, name).principal, id);
    world.people.identify(&caller.principal, id);
    caller
}

/// A session of a role that exists.
fn worker(world: &World, owner: &str, role: &str, id: &str) -> Caller {
    let caller = session(owner, role, "s", id);
    world.people.identify(&caller.principal, id);
    caller
}

pub(crate) async fn grant(world: &World, key: &str, grantee: &str, more: Value) -> Value {
    let mut body =
        json!({"KeyId": key, "GranteePrincipal": grantee, "Operations": ["Encrypt", "Decrypt"]});
    let members = body.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    world.call("CreateGrant", body).await.ok()
}

/// Whether the caller may encrypt under a context; every refusal must be AccessDenied.
async fn encrypts(world: &World, caller: &Caller, key: &str, context: Value) -> bool {
    let body = json!({"KeyId": key, "Plaintext": base64(b"x"), "EncryptionContext": context});
    let answer = world.call_as(caller.clone(), "Encrypt", body).await;
    match answer.outcome {
        Ok(_) => true,
        Err(_) => {
            assert_eq!(answer.kind(), FaultKind::AccessDenied, "{}", answer.text());
            false
        }
    }
}

#[tokio::test]
async fn a_grant_is_for_its_grantee_and_its_operations() {
    let mut world = World::new();
    let key = world.key().await;
    let alice = somebody(&world, OWN, "team/alice", "AIDAALICE");
    let stranger = somebody(&world, OTHER, "alice", "AIDAOTHER");
    let bob = somebody(&world, OWN, "bob", "AIDABOB");
    let everybody = [&alice, &stranger, &bob];
    for caller in everybody {
        assert!(!encrypts(&world, caller, &key, json!({})).await);
    }
    grant(
        &world,
        &key,
        "arn:aws:iam::111122223333:user/team/alice",
        json!({}),
    )
    .await;
    grant(
        &world,
        &key,
        "arn:aws:iam::444455556666:user/alice",
        json!({"Operations": ["Encrypt"]}),
    )
    .await;
    for restarted in [false, true] {
        for (caller, expected) in everybody.into_iter().zip([true, true, false]) {
            let found = encrypts(&world, caller, &key, json!({})).await;
            assert_eq!(found, expected, "{:?} {restarted}", caller.principal);
        }
        world.restart();
    }
    // An operation that the grant does not list, also one that no grant can.
    for (operation, body) in [
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256"}),
        ),
        ("DescribeKey", json!({"KeyId": key})),
        ("DisableKey", json!({"KeyId": key})),
        ("ListGrants", json!({"KeyId": key})),
    ] {
        let answer = world.call_as(alice.clone(), operation, body).await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied, "{operation}");
    }
    let blob = world.encrypt(&key, "x").await;
    let body = json!({"CiphertextBlob": blob});
    world.call_as(alice, "Decrypt", body.clone()).await.ok();
    let answer = world.call_as(stranger, "Decrypt", body).await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
}

#[tokio::test]
async fn roles_sessions_and_accounts_as_grantees() {
    let world = World::new();
    let role_key = world.key().await;
    let session_key = world.key().await;
    let account_key = world.key().await;
    let one = worker(&world, OWN, "team/worker", "AROAWORKER");
    let other = session(OWN, "team/worker", "t", "AROAWORKER");
    grant(
        &world,
        &role_key,
        "arn:aws:iam::111122223333:role/team/worker",
        json!({}),
    )
    .await;
    assert!(encrypts(&world, &one, &role_key, json!({})).await);
    assert!(encrypts(&world, &other, &role_key, json!({})).await);
    // A session's ARN has no path; these people know roles by their whole names.
    let plain = worker(&world, OWN, "plain", "AROAPLAIN");
    let second = session(OWN, "plain", "t", "AROAPLAIN");
    grant(
        &world,
        &session_key,
        "arn:aws:sts::111122223333:assumed-role/plain/s",
        json!({}),
    )
    .await;
    assert!(encrypts(&world, &plain, &session_key, json!({})).await);
    assert!(!encrypts(&world, &second, &session_key, json!({})).await);
    grant(
        &world,
        &account_key,
        "arn:aws:iam::444455556666:root",
        json!({}),
    )
    .await;
    let carol = somebody(&world, OTHER, "carol", "AIDACAROL");
    assert!(!encrypts(&world, &carol, &account_key, json!({})).await);
    let allow = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*"});
    world.people.allow(&carol.principal, &[allow]);
    assert!(encrypts(&world, &carol, &account_key, json!({})).await);
    assert!(!encrypts(&world, &carol, &role_key, json!({})).await);
    let root = crate::support::root(OTHER);
    assert!(encrypts(&world, &root, &account_key, json!({})).await);
}

#[tokio::test]
async fn a_namesake_gets_nothing_and_the_list_shows_the_id() {
    let world = World::new();
    let key = world.key().await;
    let arn = "arn:aws:iam::111122223333:user/alice";
    let alice = somebody(&world, OWN, "alice", "AIDAFIRST");
    let retiring = json!({"RetiringPrincipal": arn, "Name": "n"});
    let made = grant(&world, &key, arn, retiring.clone()).await;
    assert!(encrypts(&world, &alice, &key, json!({})).await);
    let shown = async || {
        let answer = world.call("ListGrants", json!({"KeyId": key})).await.ok();
        let grants = answer["Grants"].as_array().unwrap().clone();
        let grantee = |grant: &Value| grant["GranteePrincipal"].as_str().unwrap().to_owned();
        let mut all: Vec<_> = grants.iter().map(grantee).collect();
        all.sort();
        all
    };
    assert_eq!(shown().await, [arn]);
    world.people.remove(&alice.principal);
    assert_eq!(shown().await, ["AIDAFIRST"]);
    let second = somebody(&world, OWN, "alice", "AIDASECOND");
    assert_eq!(shown().await, ["AIDAFIRST"]);
    assert!(!encrypts(&world, &second, &key, json!({})).await);
    let body = json!({"KeyId": key, "GrantId": made["GrantId"]});
    let answer = world.call_as(second.clone(), "RetireGrant", body).await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
    let retirable = json!({"RetiringPrincipal": arn});
    let answer = world.call("ListRetirableGrants", retirable).await.ok();
    assert_eq!(answer["Grants"], json!([]));
    // The same request with the same name is about somebody else now.
    let again = grant(&world, &key, arn, retiring).await;
    assert_ne!(again["GrantId"], made["GrantId"]);
    assert_eq!(shown().await, ["AIDAFIRST", arn]);
    assert!(encrypts(&world, &second, &key, json!({})).await);
}

#[tokio::test]
async fn who_does_not_exist_gets_no_grant() {
    let world = World::new();
    let key = world.key().await;
    let ghost = somebody(&world, OWN, "ghost", "AIDAGHOST");
    world.people.remove(&ghost.principal);
    let arn = "arn:aws:iam::111122223333:user/ghost";
    for more in [
        json!({"GranteePrincipal": arn}),
        json!({"GranteePrincipal": "arn:aws:iam::444455556666:root", "RetiringPrincipal": arn}),
    ] {
        let mut body = json!({"KeyId": key, "Operations": ["Encrypt"]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let answer = world.call("CreateGrant", body).await;
        assert_eq!(
            answer.text(),
            format!("InvalidArnException: ARN does not refer to a valid principal: {arn}")
        );
    }
}

#[tokio::test]
async fn constraints_hold_at_use() {
    let world = World::new();
    let key = world.key().await;
    let arn = "arn:aws:iam::111122223333:user/alice";
    let alice = somebody(&world, OWN, "alice", "AIDAALICE");
    let more = json!({
        "Operations": ["Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey"],
        "Constraints": {"EncryptionContextSubset": {"Dept": "IT"}},
    });
    grant(&world, &key, arn, more).await;
    let cases = [
        (json!({"Dept": "IT"}), true),
        (json!({"dept": "IT", "more": "x"}), true),
        (json!({"Dept": "it"}), false),
        (json!({}), false),
    ];
    for (context, expected) in cases {
        assert_eq!(
            encrypts(&world, &alice, &key, context.clone()).await,
            expected,
            "{context}"
        );
        let body = json!({"KeyId": key, "KeySpec": "AES_128", "EncryptionContext": context});
        let answer = world.call_as(alice.clone(), "GenerateDataKey", body).await;
        assert_eq!(answer.outcome.is_ok(), expected, "{context}");
    }
    let body = json!({"KeyId": key});
    world.call_as(alice.clone(), "DescribeKey", body).await.ok();
    let body =
        json!({"KeyId": key, "Plaintext": base64(b"x"), "EncryptionContext": {"Dept": "IT"}});
    let sealed = world.call("Encrypt", body).await.ok();
    let blob = &sealed["CiphertextBlob"];
    // Each side of ReEncrypt with its own context.
    for (from, to, expected) in [("IT", "IT", true), ("IT", "HR", false)] {
        let body = json!({
            "CiphertextBlob": blob, "SourceEncryptionContext": {"Dept": from},
            "DestinationKeyId": key, "DestinationEncryptionContext": {"Dept": to},
        });
        let answer = world.call_as(alice.clone(), "ReEncrypt", body).await;
        assert_eq!(
            answer.outcome.is_ok(),
            expected,
            "{from} {to}: {}",
            answer.text()
        );
    }
    // The context of the request must still be the ciphertext's, byte for byte.
    let body = json!({"CiphertextBlob": blob, "EncryptionContext": {"dept": "IT"}});
    let answer = world.call_as(alice, "Decrypt", body).await;
    assert_eq!(answer.kind(), FaultKind::InvalidCiphertext);
}

#[tokio::test]
async fn the_end_of_a_grant_is_the_end_at_once() {
    let world = World::new();
    let key = world.key().await;
    let arn = "arn:aws:iam::111122223333:user/alice";
    let alice = somebody(&world, OWN, "alice", "AIDAALICE");
    for end in ["RevokeGrant", "RetireGrant", "token"] {
        let operations = json!({"Operations": ["Encrypt", "RetireGrant"]});
        let made = grant(&world, &key, arn, operations).await;
        assert!(encrypts(&world, &alice, &key, json!({})).await, "{end}");
        let named = json!({"KeyId": key, "GrantId": made["GrantId"]});
        match end {
            "RevokeGrant" => world.call(end, named).await.ok(),
            "RetireGrant" => world.call_as(alice.clone(), end, named).await.ok(),
            _ => {
                let body = json!({"GrantToken": made["GrantToken"]});
                world.call_as(alice.clone(), "RetireGrant", body).await.ok()
            }
        };
        assert!(!encrypts(&world, &alice, &key, json!({})).await, "{end}");
    }
}

#[tokio::test]
async fn a_deny_outweighs_a_grant() {
    let world = World::new();
    let all =
        json!({"Effect": "Allow", "Principal": {"AWS": OWN}, "Action": "kms:*", "Resource": "*"});
    let arn = "arn:aws:iam::111122223333:user/alice";
    let alice = somebody(&world, OWN, "alice", "AIDAALICE");
    let deny = json!({"Effect": "Deny", "Principal": {"AWS": arn}, "Action": "kms:Encrypt", "Resource": "*"});
    let key = world.key_under(policy(&[all, deny])).await;
    grant(&world, &key, arn, json!({})).await;
    assert!(!encrypts(&world, &alice, &key, json!({})).await);
    let blob = world.encrypt(&key, "x").await;
    let body = json!({"CiphertextBlob": blob});
    world
        .call_as(alice.clone(), "Decrypt", body.clone())
        .await
        .ok();
    let deny = json!({"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*"});
    world.people.allow(&alice.principal, &[deny]);
    let answer = world.call_as(alice, "Decrypt", body).await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
}

#[tokio::test]
async fn tokens_are_checked_and_not_needed() {
    let world = World::new();
    let key = world.key().await;
    let arn = "arn:aws:iam::111122223333:user/alice";
    let alice = somebody(&world, OWN, "alice", "AIDAALICE");
    let made = grant(&world, &key, arn, json!({})).await;
    let with =
        |tokens: Value| json!({"KeyId": key, "Plaintext": base64(b"x"), "GrantTokens": tokens});
    for tokens in [json!([]), json!([made["GrantToken"]])] {
        world
            .call_as(alice.clone(), "Encrypt", with(tokens))
            .await
            .ok();
    }
    let answer = world.call_as(alice, "Encrypt", with(json!(["x"]))).await;
    assert_eq!(answer.kind(), FaultKind::InvalidGrantToken);
}

#[tokio::test]
async fn a_service_uses_its_grant_for_its_source_only() {
    let world = World::new();
    let key = world.key().await;
    let body = json!({
        "KeyId": key, "GranteeServicePrincipal": "s3.amazonaws.com", "Operations": ["Encrypt"],
        "RetiringServicePrincipal": "s3.amazonaws.com", "Constraints": {"SourceArn": SOURCE},
    });
    world.call("CreateGrant", body).await.ok();
    let service = |name: &str| {
        let principal = Principal::Service { name: name.into() };
        Caller::plain(principal, account(OWN), "AKIAIOSFODNN7EXAMPLE".into())
    };
    for (name, source, expected) in [
        ("s3.amazonaws.com", Some(SOURCE), true),
        (
            "s3.amazonaws.com",
            Some("arn:aws:s3:us-east-1:111122223333:bucket2"),
            false,
        ),
        ("s3.amazonaws.com", None, false),
        ("ec2.amazonaws.com", Some(SOURCE), false),
    ] {
        let body = json!({"KeyId": key, "Plaintext": base64(b"x")}).to_string();
        let mut request = world.request(service(name), body.as_bytes());
        request.peer.origin.source = source.map(|arn| keystead_identity::ServiceSource {
            arn: Some(arn.into()),
            account: None,
        });
        let operation = keystead_api::OperationName::parse("Encrypt").unwrap();
        let answer = crate::support::dispatch(&world.site, operation, request).await;
        match answer.into_outcome() {
            Ok(_) => assert!(expected, "{name} {source:?}"),
            Err(fault) => {
                assert!(!expected, "{name} {source:?} {fault}");
                assert_eq!(fault.kind(), FaultKind::AccessDenied);
            }
        }
    }
}

#[tokio::test]
async fn who_may_retire() {
    let world = World::new();
    let key = world.key().await;
    let alice = somebody(&world, OTHER, "alice", "AIDAALICE");
    let bob = somebody(&world, OTHER, "bob", "AIDABOB");
    let role = worker(&world, OTHER, "retirer", "AROARETIRER");
    let (alice_arn, role_arn, root_arn) = (
        "arn:aws:iam::444455556666:user/alice",
        "arn:aws:iam::444455556666:role/retirer",
        "arn:aws:iam::444455556666:root",
    );
    let may = json!({"Effect": "Allow", "Action": "kms:RetireGrant", "Resource": "*"});
    let retires = async |caller: &Caller, more: Value| {
        let made = grant(&world, &key, alice_arn, more).await;
        let named = json!({"KeyId": key, "GrantId": made["GrantId"]});
        let answer = world
            .call_as(caller.clone(), "RetireGrant", named.clone())
            .await;
        if answer.outcome.is_err() {
            assert_eq!(answer.kind(), FaultKind::AccessDenied);
            world.call("RevokeGrant", named).await.ok();
            return false;
        }
        true
    };
    // The grantee only if the grant says so; constraints do not count.
    assert!(!retires(&alice, json!({})).await);
    let itself = json!({
        "Operations": ["Encrypt", "RetireGrant"],
        "Constraints": {"EncryptionContextEquals": {"a": "b"}},
    });
    assert!(retires(&alice, itself.clone()).await);
    assert!(!retires(&bob, itself).await);
    // The retiring principal: a user, a role for its sessions, an account by its policies.
    let to = |arn: &str| json!({"RetiringPrincipal": arn});
    assert!(retires(&alice, to(alice_arn)).await);
    assert!(retires(&role, to(role_arn)).await);
    assert!(!retires(&bob, to(role_arn)).await);
    assert!(!retires(&bob, to(root_arn)).await);
    world
        .people
        .allow(&bob.principal, std::slice::from_ref(&may));
    assert!(retires(&bob, to(root_arn)).await);
    assert!(
        !retires(&bob, to(alice_arn)).await,
        "another account's grant"
    );
    // The issuing account by its policies; a Deny counts for all.
    let carol = somebody(&world, OWN, "carol", "AIDACAROL");
    assert!(!retires(&carol, json!({})).await);
    world.people.allow(&carol.principal, &[may]);
    assert!(retires(&carol, json!({})).await);
    let deny = json!({"Effect": "Deny", "Action": "kms:RetireGrant", "Resource": "*"});
    world.people.allow(&alice.principal, &[deny]);
    assert!(!retires(&alice, to(alice_arn)).await);
}

/// What the record of the last request says of its decisions; the outcomes of a key policy are not
/// told to those who were refused.
fn told_last(world: &World) -> Vec<bool> {
    let event = world.audit().pop().unwrap();
    let decisions = event["additionalEventData"]["keystead"]["authorization"].clone();
    let decisions = decisions.as_array().unwrap().iter();
    let told = decisions.map(|one| {
        assert!(one.get("outcomes").is_none(), "{event}");
        one["decision"]["allowed"].as_bool().unwrap()
    });
    told.collect()
}

/// A key policy cannot allow retirement, and what is told of a refusal does not say that it did.
#[tokio::test]
async fn an_allow_that_does_not_count_is_not_told_as_a_decision() {
    let world = World::new();
    let all = [allow(OWN, &["kms:*"]), allow(OTHER, &["kms:RetireGrant"])];
    let key = world.key_under(policy(&all)).await;
    somebody(&world, OTHER, "alice", "AIDAALICE");
    let bob = somebody(&world, OTHER, "bob", "AIDABOB");
    let may = json!({"Effect": "Allow", "Action": "kms:RetireGrant", "Resource": "*"});
    world.people.allow(&bob.principal, &[may]);
    let made = grant(
        &world,
        &key,
        "arn:aws:iam::444455556666:user/alice",
        json!({}),
    );
    let named = json!({"KeyId": key, "GrantId": made.await["GrantId"]});
    let answer = world.call_as(bob, "RetireGrant", named).await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
    assert_eq!(told_last(&world), [false]);
}

/// A grant that an account issued on another account's key is its own to take back.
#[tokio::test]
async fn the_issuing_account_retires_across_accounts() {
    let world = World::new();
    let document = policy(&[allow(OWN, &["kms:*"]), allow(OTHER, &["kms:CreateGrant"])]);
    let key = world.key_under(document).await;
    let alice = somebody(&world, OTHER, "alice", "AIDAALICE");
    let carol = somebody(&world, OWN, "carol", "AIDACAROL");
    let may = json!({"Effect": "Allow", "Action": "kms:RetireGrant", "Resource": "*"});
    world
        .people
        .allow(&carol.principal, std::slice::from_ref(&may));
    let body = json!({"KeyId": key, "GranteePrincipal": "arn:aws:iam::444455556666:root",
        "Operations": ["Encrypt"]});
    let issued = async || {
        let made = world
            .call_as(root(OTHER), "CreateGrant", body.clone())
            .await;
        json!({"KeyId": key, "GrantId": made.ok()["GrantId"]})
    };
    let grant = issued().await;
    let retires = async |caller: &Caller| {
        let answer = world.call_as(caller.clone(), "RetireGrant", grant.clone());
        let answer = answer.await;
        assert!(answer.outcome.is_ok() || answer.kind() == FaultKind::AccessDenied);
        answer.outcome.is_ok()
    };
    assert!(!retires(&alice).await, "no policy of hers");
    assert!(
        !retires(&carol).await,
        "of the key's account, which revokes"
    );
    assert_eq!(told_last(&world), [false]);
    let elsewhere = json!({"Effect": "Allow", "Action": "kms:RetireGrant", "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceAccount": OTHER}}});
    world.people.allow(&alice.principal, &[elsewhere]);
    assert!(!retires(&alice).await, "the key is not of her account");
    world.people.allow(&alice.principal, &[may]);
    assert!(retires(&alice).await);
    let grant = issued().await;
    world.call_as(root(OTHER), "RetireGrant", grant).await.ok();
}

/// What a grant gives to a user, the sessions that it federates have within their limits.
#[tokio::test]
async fn federated_sessions_have_their_issuers_grants_within_their_limits() {
    let world = World::new();
    let key = world.key().await;
    somebody(&world, OWN, "alice", "AIDAALICE");
    let more = json!({"RetiringPrincipal": "arn:aws:iam::111122223333:user/alice"});
    let made = grant(&world, &key, "arn:aws:iam::111122223333:user/alice", more).await;
    let principal = Principal::FederatedUser {
        account: account(OWN),
        name: "temp".into(),
    };
    let caller = Caller::plain(principal, account(OWN), "ASIAIOSFODNN7EXAMPLE".into());
    let named = json!({"KeyId": key, "GrantId": made["GrantId"]});
    let ask = async |operation: &str, issuer: Option<&str>, actions: &[&str]| {
        let mut body = named.clone();
        if operation == "Encrypt" {
            body = json!({"KeyId": key, "Plaintext": base64(b"x")});
        }
        let body = body.to_string();
        let mut request = world.request(caller.clone(), body.as_bytes());
        let may = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
        let limit = (!actions.is_empty()).then(|| identity_policy("session", &[may]));
        request.bearer = Arc::new(Bearer {
            issuer: issuer.map(Into::into),
            session_policies: Some(limit.into_iter().collect()),
            ..Bearer::plain(caller.clone())
        });
        let answer = world.send(operation, request).await;
        assert!(answer.outcome.is_ok() || answer.kind() == FaultKind::AccessDenied);
        answer.outcome.is_ok()
    };
    let alice = Some("AIDAALICE");
    assert!(ask("Encrypt", alice, &["kms:*"]).await);
    assert!(!ask("Encrypt", alice, &["kms:Decrypt"]).await);
    assert!(!ask("Encrypt", alice, &[]).await, "no limit that allows");
    assert!(!ask("Encrypt", Some("AIDABOB"), &["kms:*"]).await);
    assert!(!ask("Encrypt", None, &["kms:*"]).await, "the root user's");
    assert!(!ask("RetireGrant", alice, &["kms:Encrypt"]).await);
    assert!(ask("RetireGrant", alice, &["kms:RetireGrant"]).await);
}

/// A refused caller is told of its grants on the key, and what of each did not fit.
#[tokio::test]
async fn a_denial_tells_which_grants_did_not_fit() {
    let world = World::new();
    let key = world.key().await;
    let alice = somebody(&world, OWN, "alice", "AIDAALICE");
    let arn = "arn:aws:iam::111122223333:user/alice";
    let told = async |sent: Value| {
        let answer = world.call_as(alice.clone(), "Encrypt", sent).await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied);
        let record = world.audit_of(answer.request_id);
        let noted = record["additionalEventData"]["keystead"]["authorization"][0].clone();
        let sealed = world.people.sealed.lock().unwrap().last().unwrap().clone();
        let sealed: Value = serde_json::from_str(&sealed).unwrap();
        assert_eq!(sealed["grants"], noted["grants"]);
        assert!(sealed.to_string().len() < 3_000, "{sealed}");
        noted
    };
    let sent = |context: Value| json!({"KeyId": key, "Plaintext": base64(b"x"), "EncryptionContext": context});
    assert_eq!(told(sent(json!({}))).await["grants"], Value::Null);
    let other = json!({"Operations": ["Decrypt"]});
    let other = grant(&world, &key, arn, other).await["GrantId"].clone();
    let red = json!({"Constraints": {"EncryptionContextSubset": {"Team": "Red"}}});
    let red = grant(&world, &key, arn, red).await["GrantId"].clone();
    let noted = told(sent(json!({"team": "Green", "x": "y"}))).await;
    let expected = json!([
        {"grantId": red, "outcome": "constraint not met", "condition": {
            "operator": "EncryptionContextSubset", "key": "kms:EncryptionContext:Team",
            "policyValues": ["Red"], "requestValues": ["Green"]}},
        {"grantId": other, "outcome": "other operation"},
    ]);
    assert_eq!(noted["grants"], expected);
    let noted = told(sent(json!({}))).await;
    assert_eq!(noted["grants"][0]["condition"]["requestValues"], "absent");
    let exact = json!({"Constraints": {"EncryptionContextEquals": {"a": "b"}}});
    for _ in 0..2 {
        grant(&world, &key, arn, exact.clone()).await;
    }
    let noted = told(sent(json!({"a": "b", "c": "d"}))).await;
    assert_eq!(noted["moreGrants"], 1);
    let told = noted["grants"].to_string();
    assert!(
        told.contains("EncryptionContextEquals") && told.contains("kms:EncryptionContext:c"),
        "{told}"
    );
}
