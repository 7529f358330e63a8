//! Storing key policies.

use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::{OTHER, OWN, World, allow, policy, user};

const LOCKOUT: &str = "MalformedPolicyDocumentException: The new key policy will not allow you to \
                       update the key policy in the future.";

async fn put(world: &World, key: &str, document: &Value, bypass: bool) -> String {
    let sent = json!({
        "KeyId": key, "Policy": document.to_string(), "BypassPolicyLockoutSafetyCheck": bypass,
    });
    world.call("PutKeyPolicy", sent).await.text()
}

fn locking() -> Vec<Value> {
    let mut deny = allow("*", &["kms:PutKeyPolicy"]);
    deny["Effect"] = json!("Deny");
    let mut elsewhere = allow(OWN, &["kms:*"]);
    elsewhere["Resource"] = json!(format!("arn:aws:kms:eu-west-1:{OWN}:key/other"));
    let mut dead = allow(OWN, &["kms:*"]);
    dead.as_object_mut().unwrap().remove("Action");
    vec![
        policy(&[allow(OTHER, &["kms:*"])]),
        policy(&[allow(OWN, &["kms:Encrypt"])]),
        policy(&[allow(&format!("arn:aws:iam::{OWN}:user/alice"), &["kms:*"])]),
        policy(&[allow(OWN, &["kms:*"]), deny]),
        policy(&[elsewhere]),
        policy(&[dead]),
    ]
}

#[tokio::test]
async fn a_policy_that_locks_its_writer_out_is_refused_unless_told() {
    let world = World::new();
    let key = world.key().await;
    for document in locking() {
        let before = world.stored(&key).await;
        assert_eq!(
            put(&world, &key, &document, false).await,
            LOCKOUT,
            "{document}"
        );
        assert_eq!(world.stored(&key).await, before);
        let sent = json!({"Policy": document.to_string()});
        assert_eq!(world.call("CreateKey", sent).await.text(), LOCKOUT);
        let locked = world.key().await;
        assert_eq!(put(&world, &locked, &document, true).await, "ok");
        let open = policy(&[allow(OWN, &["kms:*"])]);
        let text = put(&world, &locked, &open, true).await;
        assert!(text.starts_with("AccessDeniedException"), "{text}");
    }
}

#[tokio::test]
async fn a_user_who_is_named_may_replace_the_policy_and_is_checked_himself() {
    let world = World::new();
    let alice = format!("arn:aws:iam::{OWN}:user/alice");
    let key = world.key_under(policy(&[allow(&alice, &["kms:*"])])).await;
    let sent = |document: Value| json!({"KeyId": key, "Policy": document.to_string()});
    let who = || user(OWN, "alice");
    // Delegation to the account gives a user without identity policies nothing.
    let delegated = policy(&[allow(OWN, &["kms:*"])]);
    let answer = world.call_as(who(), "PutKeyPolicy", sent(delegated)).await;
    assert_eq!(answer.text(), LOCKOUT);
    let narrower = policy(&[allow(&alice, &["kms:PutKeyPolicy"])]);
    world
        .call_as(who(), "PutKeyPolicy", sent(narrower))
        .await
        .ok();
    let answer = world
        .call_as(who(), "GetKeyPolicy", json!({"KeyId": key}))
        .await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
}

#[tokio::test]
async fn bad_documents_are_refused_and_never_stored() {
    let world = World::new();
    let key = world.key().await;
    let before = world.stored(&key).await;
    let mut conditional = allow(OWN, &["kms:*"]);
    conditional["Condition"] = json!({"Boolean": {"aws:SecureTransport": "true"}});
    let rows = [
        (json!({}), FaultKind::MalformedPolicyDocument),
        (policy(&[conditional]), FaultKind::MalformedPolicyDocument),
        (
            policy(&[allow("nobody", &["kms:*"])]),
            FaultKind::InvalidArn,
        ),
        (
            policy(&[
                allow(OWN, &["kms:*"]),
                allow("arn:aws-cn:iam::111122223333:root", &["kms:*"]),
            ]),
            FaultKind::MalformedPolicyDocument,
        ),
    ];
    for (document, kind) in rows {
        for bypass in [false, true] {
            let text = put(&world, &key, &document, bypass).await;
            assert!(text.starts_with(kind.code()), "{text}");
        }
    }
    let sent = json!({"KeyId": key, "Policy": "x".repeat(40_000)});
    let answer = world.call("PutKeyPolicy", sent).await;
    let refused = [FaultKind::LimitExceeded, FaultKind::MalformedPolicyDocument];
    assert!(refused.contains(&answer.kind()), "{}", answer.text());
    assert_eq!(world.stored(&key).await, before);
}

#[tokio::test]
async fn only_the_default_policy_exists() {
    let world = World::new();
    let key = world.key().await;
    let document = policy(&[allow(OWN, &["kms:*"])]).to_string();
    let put = |name: &str| json!({"KeyId": key, "Policy": document, "PolicyName": name});
    world.call("PutKeyPolicy", put("default")).await.ok();
    let answer = world.call("PutKeyPolicy", put("AWS_RAM")).await;
    let text = "ValidationException: The AWS_RAM policy can only be managed by the RAM service";
    assert_eq!(answer.text(), text);
    let text = "NotFoundException: No such policy exists";
    assert_eq!(world.call("PutKeyPolicy", put("other")).await.text(), text);
    let get = json!({"KeyId": key, "PolicyName": "other"});
    assert_eq!(world.call("GetKeyPolicy", get).await.text(), text);
    let got = world.call("GetKeyPolicy", json!({"KeyId": key})).await.ok();
    assert_eq!(got, json!({"Policy": document, "PolicyName": "default"}));
    let listed = world
        .call("ListKeyPolicies", json!({"KeyId": key}))
        .await
        .ok();
    assert_eq!(
        listed,
        json!({"PolicyNames": ["default"], "Truncated": false})
    );
}
