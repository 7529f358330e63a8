//! Aliases: made, moved, taken away.

use keystead_types::{FaultKind, KeyUsage};
use serde_json::{Value, json};

use crate::support::{OTHER, OWN, World, allow, key_id, policy, root, user};

fn to(name: &str, key: &str) -> Value {
    json!({"AliasName": name, "TargetKeyId": key})
}

#[tokio::test]
async fn an_alias_moves_and_the_next_request_follows() {
    let world = World::new();
    let (one, other) = (world.key().await, world.key().await);
    world.call("CreateAlias", to("alias/a", &one)).await.ok();
    for target in [&other, &one, &one, &other] {
        world.call("UpdateAlias", to("alias/a", target)).await.ok();
        assert_eq!(world.describe("alias/a").await["Arn"], *target);
    }
    let listed = world
        .call("ListAliases", json!({"KeyId": other}))
        .await
        .ok();
    assert_eq!(listed["Aliases"][0]["TargetKeyId"], key_id(&other).as_str());
    world
        .call("DeleteAlias", json!({"AliasName": "alias/a"}))
        .await
        .ok();
    let answer = world.call("DescribeKey", json!({"KeyId": "alias/a"})).await;
    assert_eq!(answer.kind(), FaultKind::NotFound);
    let text =
        format!("NotFoundException: Alias arn:aws:kms:eu-west-1:{OWN}:alias/a is not found.");
    assert_eq!(
        world
            .call("DeleteAlias", json!({"AliasName": "alias/a"}))
            .await
            .text(),
        text
    );
    assert_eq!(
        world.call("UpdateAlias", to("alias/a", &one)).await.text(),
        text
    );
}

#[tokio::test]
async fn names_and_targets_that_are_refused() {
    let world = World::new();
    let key = world.key().await;
    world.call("CreateAlias", to("alias/a", &key)).await.ok();
    let again = format!(
        "AlreadyExistsException: An alias with the name arn:aws:kms:eu-west-1:{OWN}:alias/a \
         already exists"
    );
    let rows = [
        ("alias/a", key.as_str(), again.as_str()),
        (
            "a",
            &key,
            "ValidationException: Alias must start with the prefix \"alias/\". Please see \
             https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ),
        (
            "alias/b:c",
            &key,
            "ValidationException: alias/b:c contains invalid characters for an alias",
        ),
        (
            "alias/b",
            "alias/a",
            "ValidationException: Aliases must refer to keys. Not aliases",
        ),
    ];
    for (name, target, text) in rows {
        assert_eq!(
            world.call("CreateAlias", to(name, target)).await.text(),
            text
        );
    }
    let reserved = world.call("CreateAlias", to("alias/aws/s3", &key)).await;
    assert_eq!(reserved.kind(), FaultKind::InvalidAliasName);
    let absent = "12345678-1234-1234-1234-123456789012";
    for operation in ["CreateAlias", "UpdateAlias"] {
        let name = if operation == "CreateAlias" {
            "alias/b"
        } else {
            "alias/a"
        };
        let answer = world.call(operation, to(name, absent)).await;
        assert_eq!(answer.kind(), FaultKind::NotFound);
    }
}

#[tokio::test]
async fn fifty_aliases_on_a_key_and_no_more() {
    let world = World::new();
    let (full, other) = (world.key().await, world.key().await);
    for number in 0..50 {
        world
            .call("CreateAlias", to(&format!("alias/{number}"), &full))
            .await
            .ok();
    }
    let refused = world.call("CreateAlias", to("alias/more", &full)).await;
    assert_eq!(refused.kind(), FaultKind::LimitExceeded);
    world
        .call("CreateAlias", to("alias/more", &other))
        .await
        .ok();
    let refused = world.call("UpdateAlias", to("alias/more", &full)).await;
    assert_eq!(refused.kind(), FaultKind::LimitExceeded);
    // One of its own may be pointed to it again.
    world.call("UpdateAlias", to("alias/0", &full)).await.ok();
    world.call("UpdateAlias", to("alias/0", &other)).await.ok();
    world
        .call("UpdateAlias", to("alias/more", &full))
        .await
        .ok();
}

#[tokio::test]
async fn an_alias_needs_both_the_alias_and_its_keys() {
    let world = World::new();
    let alice = format!("arn:aws:iam::{OWN}:user/alice");
    let hers = world
        .key_under(policy(&[allow(OWN, &["kms:*"]), allow(&alice, &["kms:*"])]))
        .await;
    // Nobody but the root user has permission on an alias.
    let answer = world
        .call_as(user(OWN, "alice"), "CreateAlias", to("alias/a", &hers))
        .await;
    let text = format!(
        "AccessDeniedException: User: {alice} is not authorized to perform: kms:CreateAlias on \
         resource: arn:aws:kms:eu-west-1:{OWN}:alias/a because no identity-based policy allows \
         the kms:CreateAlias action"
    );
    assert_eq!(answer.text(), text);
    let mut deny = allow(
        "*",
        &["kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"],
    );
    deny["Effect"] = json!("Deny");
    let (closed, open) = (world.key().await, world.key().await);
    world
        .call("CreateAlias", to("alias/closed", &closed))
        .await
        .ok();
    world
        .call("CreateAlias", to("alias/open", &open))
        .await
        .ok();
    let document = policy(&[allow(OWN, &["kms:*"]), deny]).to_string();
    let sent = json!({"KeyId": closed, "Policy": document});
    world.call("PutKeyPolicy", sent).await.ok();
    for (operation, sent) in [
        ("CreateAlias", to("alias/b", &closed)),
        ("UpdateAlias", to("alias/open", &closed)),
        ("UpdateAlias", to("alias/closed", &open)),
        ("DeleteAlias", json!({"AliasName": "alias/closed"})),
    ] {
        let answer = world.call(operation, sent).await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied, "{operation}");
    }
    // A key of another account cannot get an alias, whatever its policy says.
    let shared = world.key_under(policy(&[allow("*", &["kms:*"])])).await;
    let answer = world
        .call_as(root(OTHER), "CreateAlias", to("alias/x", &shared))
        .await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
}

#[tokio::test]
async fn an_alias_keeps_to_its_key_usage() {
    let mut world = World::new();
    let (one, other) = (world.key().await, world.key().await);
    world.call("CreateAlias", to("alias/a", &one)).await.ok();
    world
        .edit(&other, |key| key.usage = KeyUsage::SignVerify)
        .await;
    let answer = world.call("UpdateAlias", to("alias/a", &other)).await;
    assert_eq!(answer.kind(), FaultKind::Validation);
    assert_eq!(world.describe("alias/a").await["Arn"], one);
}
