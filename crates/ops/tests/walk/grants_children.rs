//! Grants that are made by the right of a grant: they allow no more than it.

use std::sync::Arc;

use keystead_types::{Caller, FaultKind};
use serde_json::{Value, json};

use crate::grants_use::grant;
use crate::support::{OTHER, World, base64, user};

const ALICE: &str = "arn:aws:iam::444455556666:user/alice";
const BOB: &str = "arn:aws:iam::444455556666:user/bob";

fn person(name: &str) -> Caller {
    Caller {
        unique_id: Some(Arc::from(format!("AIDA{name}"))),
        ..user(OTHER, name)
    }
}

async fn world() -> (World, String) {
    let world = World::new();
    for name in ["alice", "bob"] {
        let caller = person(name);
        let id = caller.unique_id.clone().unwrap();
        world.people.identify(&caller.principal, &id);
    }
    let key = world.key().await;
    (world, key)
}

/// Whether alice may make a grant for bob.
async fn makes(world: &World, key: &str, operations: Value, constraints: Value) -> bool {
    let mut body = json!({"KeyId": key, "GranteePrincipal": BOB, "Operations": operations});
    if constraints != json!({}) {
        body["Constraints"] = constraints;
    }
    let answer = world.call_as(person("alice"), "CreateGrant", body).await;
    if answer.outcome.is_err() {
        assert_eq!(answer.kind(), FaultKind::AccessDenied, "{}", answer.text());
    }
    answer.outcome.is_ok()
}

#[tokio::test]
async fn children_have_a_part_of_the_operations() {
    let (world, key) = world().await;
    assert!(!makes(&world, &key, json!(["Encrypt"]), json!({})).await);
    let parent = json!({"Operations": ["Encrypt", "DescribeKey"]});
    grant(&world, &key, ALICE, parent).await;
    assert!(
        !makes(&world, &key, json!(["Encrypt"]), json!({})).await,
        "not CreateGrant"
    );
    let parent = json!({"Operations": ["Encrypt", "DescribeKey", "CreateGrant"]});
    grant(&world, &key, ALICE, parent).await;
    assert!(!makes(&world, &key, json!(["Encrypt", "Decrypt"]), json!({})).await);
    let sent = json!({"KeyId": key, "Plaintext": base64(b"x")});
    let answer = world.call_as(person("bob"), "Encrypt", sent.clone()).await;
    assert_eq!(answer.kind(), FaultKind::AccessDenied);
    assert!(makes(&world, &key, json!(["Encrypt", "CreateGrant"]), json!({})).await);
    world.call_as(person("bob"), "Encrypt", sent).await.ok();
    // What another grant of hers allows does not add up.
    let other = json!({"Operations": ["Decrypt", "RetireGrant"]});
    grant(&world, &key, ALICE, other).await;
    assert!(!makes(&world, &key, json!(["Encrypt", "Decrypt"]), json!({})).await);
}

#[tokio::test]
async fn children_are_as_strict_as_their_parent() {
    let subset = json!({"EncryptionContextSubset": {"a": "1"}});
    let equals = json!({"EncryptionContextEquals": {"a": "1"}});
    let wider = json!({"EncryptionContextSubset": {"a": "1", "b": "2"}});
    let other = json!({"EncryptionContextSubset": {"b": "2"}});
    let exact = json!({"EncryptionContextEquals": {"a": "1", "b": "2"}});
    let rows = [
        (
            &subset,
            [
                (&subset, true),
                (&equals, true),
                (&wider, true),
                (&other, false),
                (&exact, true),
            ],
        ),
        (
            &equals,
            [
                (&subset, false),
                (&equals, true),
                (&wider, false),
                (&other, false),
                (&exact, false),
            ],
        ),
    ];
    for (parent, children) in rows {
        let (world, key) = world().await;
        let more = json!({"Operations": ["Encrypt", "CreateGrant"], "Constraints": parent});
        grant(&world, &key, ALICE, more).await;
        assert!(
            !makes(&world, &key, json!(["Encrypt"]), json!({})).await,
            "{parent}"
        );
        for (child, expected) in children {
            let made = makes(&world, &key, json!(["Encrypt"]), child.clone()).await;
            assert_eq!(made, expected, "{parent} {child}");
        }
    }
}
