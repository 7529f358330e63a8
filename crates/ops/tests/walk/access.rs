//! Who may do what: key policies, accounts, and what a stranger can learn.

use keystead_api::OperationName;
use keystead_types::{AccountId, Caller, FaultKind, Principal};
use serde_json::{Value, json};

use crate::identifiers::naming;
use crate::support::{OTHER, OWN, World, account, allow, built, key_id, policy, root, user};

/// Operations on one key for which another account's key may be named.
const ACROSS: [&str; 5] = [
    "DescribeKey",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GetKeyRotationStatus",
];

/// Operations on one key of the caller's own account only.
const NOT_ACROSS: [&str; 15] = [
    "CancelKeyDeletion",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "GetKeyPolicy",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListResourceTags",
    "PutKeyPolicy",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "TagResource",
    "UntagResource",
    "UpdateKeyDescription",
];

fn absent_like(arn: &str) -> String {
    arn.replace(key_id(arn).as_str(), "12345678-1234-1234-1234-123456789012")
}

fn role(account_text: &str) -> Caller {
    let account = account(account_text);
    let principal = Principal::RoleSession {
        account,
        role: "worker".into(),
        session: "one".into(),
    };
    Caller::plain(principal, account, "ASIAIOSFODNN7EXAMPLE".into())
}

fn sent(operation: &str, key: &str) -> Value {
    match operation {
        "TagResource" => json!({"KeyId": key, "Tags": []}),
        _ => naming(key),
    }
}

#[tokio::test]
async fn the_default_policy_gives_the_root_user_everything_and_nobody_else_anything() {
    let world = World::new();
    let key = world.key().await;
    world.call("Encrypt", naming(&key)).await.ok();
    for who in [user(OWN, "alice"), role(OWN)] {
        let arn = who.principal.arn("aws").to_string();
        for operation in ACROSS.into_iter().chain(NOT_ACROSS) {
            let answer = world
                .call_as(who.clone(), operation, sent(operation, &key))
                .await;
            let text = format!(
                "AccessDeniedException: User: {arn} is not authorized to perform: \
                 kms:{operation} on resource: {key} because no identity-based policy allows the \
                 kms:{operation} action"
            );
            assert_eq!(answer.text(), text);
        }
        for operation in ["CreateKey", "ListKeys", "ListAliases", "GenerateRandom"] {
            let answer = world
                .call_as(who.clone(), operation, json!({"NumberOfBytes": 8}))
                .await;
            let text = format!(
                "AccessDeniedException: User: {arn} is not authorized to perform: \
                 kms:{operation} on resource: * because no identity-based policy allows the \
                 kms:{operation} action"
            );
            assert_eq!(answer.text(), text);
        }
    }
}

#[tokio::test]
async fn a_statement_that_names_a_principal_is_enough() {
    let world = World::new();
    let alice = format!("arn:aws:iam::{OWN}:user/alice");
    let worker = format!("arn:aws:iam::{OWN}:role/worker");
    let key = world
        .key_under(policy(&[
            allow(&alice, &["kms:Encrypt"]),
            allow(&worker, &["kms:Decrypt"]),
        ]))
        .await;
    let encrypted = world
        .call_as(user(OWN, "alice"), "Encrypt", naming(&key))
        .await
        .ok();
    let open = json!({"CiphertextBlob": encrypted["CiphertextBlob"]});
    world.call_as(role(OWN), "Decrypt", open.clone()).await.ok();
    for who in [
        user(OWN, "alice"),
        user(OWN, "alic"),
        user(OWN, "alice2"),
        root(OWN),
    ] {
        let answer = world.call_as(who, "Decrypt", open.clone()).await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied);
    }
    let answer = world.call("DescribeKey", naming(&key)).await;
    assert!(
        answer
            .text()
            .ends_with("because no resource-based policy allows the kms:DescribeKey action")
    );
}

#[tokio::test]
async fn deny_wins_over_every_allow_also_for_the_root_user() {
    let world = World::new();
    let mut deny = allow(&format!("arn:aws:iam::{OWN}:root"), &["kms:Encrypt"]);
    deny["Effect"] = json!("Deny");
    let everyone = allow("*", &["kms:*"]);
    let key = world.key_under(policy(&[everyone, deny])).await;
    for who in [root(OWN), user(OWN, "alice")] {
        let arn = who.principal.arn("aws").to_string();
        let answer = world.call_as(who.clone(), "Encrypt", naming(&key)).await;
        let text = format!(
            "AccessDeniedException: User: {arn} is not authorized to perform: kms:Encrypt on \
             resource: {key} with an explicit deny in a resource-based policy"
        );
        assert_eq!(answer.text(), text);
        world
            .call_as(who, "GenerateDataKey", naming(&key))
            .await
            .ok();
    }
}

#[tokio::test]
async fn a_changed_policy_counts_at_once() {
    let world = World::new();
    let key = world.key().await;
    let mut deny = allow("*", &["kms:Encrypt"]);
    deny["Effect"] = json!("Deny");
    let delegate = allow(OWN, &["kms:*"]);
    let (open, closed) = (
        policy(std::slice::from_ref(&delegate)),
        policy(&[delegate, deny]),
    );
    for _ in 0..3 {
        for (document, works) in [(&closed, false), (&open, true)] {
            let sent = json!({"KeyId": key, "Policy": document.to_string()});
            world.call("PutKeyPolicy", sent).await.ok();
            let answer = world.call("Encrypt", naming(&key)).await;
            assert_eq!(answer.outcome.is_ok(), works);
        }
    }
}

#[tokio::test]
async fn another_account_needs_the_key_policy_and_the_operation() {
    let world = World::new();
    let closed = world.key().await;
    let open = world
        .key_under(policy(&[allow(OWN, &["kms:*"]), allow(OTHER, &["kms:*"])]))
        .await;
    for operation in ACROSS {
        let answer = world
            .call_as(root(OTHER), operation, sent(operation, &open))
            .await;
        assert_eq!(answer.text(), "ok", "{operation}");
        let answer = world
            .call_as(root(OTHER), operation, sent(operation, &closed))
            .await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied, "{operation}");
        // The other account delegates nothing to its users yet.
        let answer = world
            .call_as(user(OTHER, "bob"), operation, sent(operation, &open))
            .await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied, "{operation}");
    }
    for operation in NOT_ACROSS {
        let answer = world
            .call_as(root(OTHER), operation, sent(operation, &open))
            .await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied, "{operation}");
    }
    let blob = world.encrypt(&open, "x").await;
    let sent = json!({"CiphertextBlob": blob, "DestinationKeyId": open});
    world.call_as(root(OTHER), "ReEncrypt", sent).await.ok();
    let sent = json!({"CiphertextBlob": blob, "DestinationKeyId": closed});
    let answer = world.call_as(root(OTHER), "ReEncrypt", sent).await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
    assert!(answer.text().contains("kms:ReEncryptTo"));
    // A bare key id is one of the caller's own account.
    let bare = key_id(&open).as_str().to_owned();
    let answer = world
        .call_as(root(OTHER), "DescribeKey", json!({"KeyId": bare}))
        .await;
    assert_eq!(answer.kind(), FaultKind::NotFound);
}

#[tokio::test]
async fn a_stranger_cannot_tell_a_key_that_exists_from_one_that_does_not() {
    let world = World::new();
    let closed = world.key().await;
    let mut denial = allow(OTHER, &["kms:*"]);
    denial["Effect"] = json!("Deny");
    let denied = world.key_under(policy(&[denial])).await;
    for who in [root(OTHER), user(OTHER, "bob")] {
        for operation in ACROSS.into_iter().chain(NOT_ACROSS) {
            for key in [&closed, &denied] {
                let there = world
                    .call_as(who.clone(), operation, sent(operation, key))
                    .await;
                let absent = absent_like(key);
                let not = world
                    .call_as(who.clone(), operation, sent(operation, &absent))
                    .await;
                assert_eq!(there.kind(), FaultKind::AccessDenied, "{operation}");
                assert_eq!(
                    there.text().replace(key, "K"),
                    not.text().replace(&absent, "K")
                );
            }
        }
        let listed = |key: &str| json!({"KeyId": key});
        let there = world
            .call_as(who.clone(), "ListAliases", listed(&closed))
            .await;
        let absent = absent_like(&closed);
        let not = world
            .call_as(who.clone(), "ListAliases", listed(&absent))
            .await;
        assert_eq!(
            there.text().replace(&closed, "K"),
            not.text().replace(&absent, "K")
        );
    }
}

#[tokio::test]
async fn a_stranger_cannot_tell_an_alias_that_exists_nor_see_its_key() {
    let world = World::new();
    let key = world.key().await;
    let made = json!({"AliasName": "alias/there", "TargetKeyId": key});
    world.call("CreateAlias", made).await.ok();
    let arn = |name: &str| format!("arn:aws:kms:eu-west-1:{OWN}:alias/{name}");
    for operation in ["DescribeKey", "Encrypt", "GenerateDataKey"] {
        let there = world
            .call_as(root(OTHER), operation, naming(&arn("there")))
            .await;
        let not = world
            .call_as(root(OTHER), operation, naming(&arn("absent")))
            .await;
        assert_eq!(there.kind(), FaultKind::AccessDenied);
        assert!(
            !there.text().contains(key_id(&key).as_str()),
            "{}",
            there.text()
        );
        assert_eq!(
            there.text().replace("alias/there", "A"),
            not.text().replace("alias/absent", "A")
        );
    }
}

#[tokio::test]
async fn decrypt_is_authorized_on_the_key_that_the_ciphertext_names() {
    let world = World::new();
    let alice = format!("arn:aws:iam::{OWN}:user/alice");
    let hers = world
        .key_under(policy(&[allow(OWN, &["kms:*"]), allow(&alice, &["kms:*"])]))
        .await;
    let closed = world.key().await;
    let (her_blob, closed_blob) = (
        world.encrypt(&hers, "a").await,
        world.encrypt(&closed, "b").await,
    );
    let who = || user(OWN, "alice");
    let open = |blob: &str| json!({"CiphertextBlob": blob});
    world.call_as(who(), "Decrypt", open(&her_blob)).await.ok();
    let refused = world.call_as(who(), "Decrypt", open(&closed_blob)).await;
    let text = format!(
        "AccessDeniedException: User: {alice} is not authorized to perform: kms:Decrypt on the \
         resource associated with this ciphertext because no identity-based policy allows the \
         kms:Decrypt action"
    );
    assert_eq!(refused.text(), text);
    // Naming a key of hers does not lend its policy to the other key's ciphertext.
    let sent = json!({"CiphertextBlob": closed_blob, "KeyId": hers});
    assert_eq!(
        world.call_as(who(), "Decrypt", sent).await.kind(),
        FaultKind::IncorrectKey
    );
    let sent = json!({"CiphertextBlob": closed_blob, "DestinationKeyId": hers});
    let refused = world.call_as(who(), "ReEncrypt", sent).await;
    assert_eq!(
        refused.text(),
        text.replace("kms:Decrypt", "kms:ReEncryptFrom")
    );
    let sent =
        json!({"CiphertextBlob": closed_blob, "DestinationKeyId": hers, "SourceKeyId": hers});
    assert_eq!(
        world.call_as(who(), "ReEncrypt", sent).await.kind(),
        FaultKind::IncorrectKey
    );
    let sent = json!({"CiphertextBlob": her_blob, "DestinationKeyId": closed});
    assert_eq!(
        world.call_as(who(), "ReEncrypt", sent).await.kind(),
        FaultKind::AccessDenied
    );
}

#[tokio::test]
async fn a_ciphertext_of_another_account_answers_the_same_with_and_without_its_key() {
    let mut world = World::new();
    let (there, gone) = (world.key().await, world.key().await);
    let (there_blob, gone_blob) = (
        world.encrypt(&there, "a").await,
        world.encrypt(&gone, "b").await,
    );
    let sent = json!({"KeyId": gone, "PendingWindowInDays": 7});
    world.call("ScheduleKeyDeletion", sent).await.ok();
    world.clock.forward_days(8);
    keystead_engine::run_due(&world.site, keystead_engine::Destruction::Allowed)
        .await
        .unwrap();
    world.restart();
    for who in [root(OTHER), user(OTHER, "bob"), user(OWN, "alice")] {
        for operation in ["Decrypt", "ReEncrypt"] {
            let sent = |blob: &str| json!({"CiphertextBlob": blob, "DestinationKeyId": there});
            let one = world
                .call_as(who.clone(), operation, sent(&there_blob))
                .await;
            let other = world
                .call_as(who.clone(), operation, sent(&gone_blob))
                .await;
            assert_eq!(one.kind(), FaultKind::AccessDenied);
            assert_eq!(one.text(), other.text());
        }
    }
}

/// A service that acts for an account.
fn service(name: &str, account: &str) -> Caller {
    let principal = Principal::Service { name: name.into() };
    Caller::plain(
        principal,
        AccountId::parse(account).unwrap(),
        "service".into(),
    )
}

#[tokio::test]
async fn a_service_uses_only_keys_of_the_account_that_it_acts_for() {
    let world = World::new();
    let key = world.key_under(policy(&[allow("*", &["kms:*"])])).await;
    let own = service("s3.amazonaws.com", OWN);
    let answer = world.call_as(own, "DescribeKey", naming(&key)).await;
    answer.ok();
    let other = service("s3.amazonaws.com", OTHER);
    let answer = world.call_as(other, "DescribeKey", naming(&key)).await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
}

/// Not even what a grant lets it do: grants name a service, not the account that it acts for.
#[tokio::test]
async fn a_service_of_another_account_retires_nothing() {
    let world = World::new();
    let key = world.key().await;
    let grant = json!({"KeyId": key, "GranteeServicePrincipal": "s3.amazonaws.com",
        "RetiringServicePrincipal": "s3.amazonaws.com", "Operations": ["Encrypt", "RetireGrant"],
        "Constraints": {"SourceArn": format!("arn:aws:s3:eu-west-1:{OWN}:bucket")}});
    let made = world.call("CreateGrant", grant).await.ok();
    let there = json!({"KeyId": key, "GrantId": made["GrantId"]});
    let not = json!({"KeyId": key, "GrantId": "0".repeat(64)});
    let token = json!({"GrantToken": made["GrantToken"]});
    let mut texts = Vec::new();
    for body in [&there, &not, &token] {
        let other = service("s3.amazonaws.com", OTHER);
        let answer = world.call_as(other, "RetireGrant", body.clone()).await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied);
        texts.push(answer.text());
    }
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
    let own = service("s3.amazonaws.com", OWN);
    world.call_as(own, "RetireGrant", there).await.ok();
}

#[tokio::test]
async fn unbuilt_operations_say_so_and_are_audited() {
    let world = World::new();
    for operation in OperationName::ALL.iter().filter(|name| !built(**name)) {
        let answer = world.call(operation.as_str(), json!({})).await;
        assert_eq!(answer.kind(), FaultKind::UnsupportedOperation);
        let record = world.audit_of(answer.request_id);
        assert_eq!(record["errorCode"], "UnsupportedOperationException");
        assert_eq!(record["eventName"], operation.as_str());
    }
}
