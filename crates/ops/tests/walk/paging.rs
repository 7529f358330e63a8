//! Listings in pages, and markers that open only where they were made.

use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::{OTHER, OWN, World, allow, base64, policy, root};

/// All items of a listing, page by page.
async fn pages(world: &World, operation: &str, list: &str, limit: u32, body: Value) -> Vec<Value> {
    let mut items = Vec::new();
    let mut sent = body;
    sent["Limit"] = json!(limit);
    loop {
        let answer = world.call(operation, sent.clone()).await.ok();
        let page = answer[list].as_array().unwrap();
        assert!(page.len() <= limit as usize);
        items.extend(page.iter().cloned());
        let more = answer["Truncated"].as_bool().unwrap();
        assert_eq!(answer.get("NextMarker").is_some(), more);
        if !more {
            return items;
        }
        assert_eq!(page.len(), limit as usize);
        sent["Marker"] = answer["NextMarker"].clone();
    }
}

/// A Region with seven keys; the first has seven aliases, seven tags and seven rotations.
async fn full() -> (World, String) {
    let world = World::new();
    let tags: Vec<Value> = (0..7)
        .map(|n| json!({"TagKey": format!("t{n}"), "TagValue": ""}))
        .collect();
    let key = world.key_with(json!({"Tags": tags})).await;
    for number in 0..7 {
        let sent = json!({"AliasName": format!("alias/{number}"), "TargetKeyId": key});
        world.call("CreateAlias", sent).await.ok();
        world
            .call("RotateKeyOnDemand", json!({"KeyId": key}))
            .await
            .ok();
        if number > 0 {
            world.key().await;
        }
    }
    (world, key)
}

#[tokio::test]
async fn pages_of_every_size_give_every_item_once() {
    let (world, key) = full().await;
    let rows = [
        ("ListKeys", "Keys", json!({})),
        ("ListAliases", "Aliases", json!({})),
        ("ListAliases", "Aliases", json!({"KeyId": key})),
        ("ListResourceTags", "Tags", json!({"KeyId": key})),
        ("ListKeyRotations", "Rotations", json!({"KeyId": key})),
    ];
    for (operation, list, body) in rows {
        let whole = pages(&world, operation, list, 50, body.clone()).await;
        assert_eq!(whole.len(), 7, "{operation}");
        for limit in [1, 2, 3, 6, 7, 8] {
            let parts = pages(&world, operation, list, limit, body.clone()).await;
            assert_eq!(parts, whole, "{operation} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_marker_opens_only_for_its_account_operation_and_filter() {
    let (world, key) = full().await;
    let other = world.key().await;
    let open = world
        .key_under(policy(&[allow(OWN, &["kms:*"]), allow(OTHER, &["kms:*"])]))
        .await;
    assert_ne!(open, other);
    let marker = |operation: &'static str, mut body: Value| {
        body["Limit"] = json!(1);
        let world = world.clone();
        async move { world.call(operation, body).await.ok()["NextMarker"].clone() }
    };
    let keys = marker("ListKeys", json!({})).await;
    let aliases = marker("ListAliases", json!({})).await;
    let of_key = marker("ListAliases", json!({"KeyId": key})).await;
    let tags = marker("ListResourceTags", json!({"KeyId": key})).await;
    let rotations = marker("ListKeyRotations", json!({"KeyId": key})).await;
    let good = [
        ("ListKeys", json!({"Marker": keys})),
        ("ListAliases", json!({"Marker": aliases})),
        ("ListAliases", json!({"Marker": of_key, "KeyId": key})),
        ("ListResourceTags", json!({"Marker": tags, "KeyId": key})),
        (
            "ListKeyRotations",
            json!({"Marker": rotations, "KeyId": key}),
        ),
    ];
    for (operation, sent) in good {
        world.call(operation, sent).await.ok();
    }
    let bad = [
        ("ListKeys", json!({"Marker": aliases})),
        ("ListAliases", json!({"Marker": keys})),
        ("ListAliases", json!({"Marker": of_key})),
        ("ListAliases", json!({"Marker": aliases, "KeyId": key})),
        ("ListAliases", json!({"Marker": of_key, "KeyId": other})),
        ("ListResourceTags", json!({"Marker": tags, "KeyId": other})),
        ("ListKeyRotations", json!({"Marker": tags, "KeyId": key})),
        (
            "ListKeyRotations",
            json!({"Marker": rotations, "KeyId": other}),
        ),
        (
            "ListKeyRotations",
            json!({"Marker": rotations, "KeyId": key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}),
        ),
        ("ListKeyPolicies", json!({"Marker": tags, "KeyId": key})),
    ];
    for (operation, sent) in bad {
        let answer = world.call(operation, sent.clone()).await;
        assert_eq!(
            answer.kind(),
            FaultKind::InvalidMarker,
            "{operation} {sent}"
        );
    }
    for (operation, marker) in [("ListKeys", keys), ("ListAliases", aliases)] {
        let answer = world
            .call_as(root(OTHER), operation, json!({"Marker": marker}))
            .await;
        assert_eq!(
            answer.kind(),
            FaultKind::InvalidMarker,
            "{operation} of another account"
        );
    }
}

#[tokio::test]
async fn a_changed_or_invented_marker_is_refused() {
    let (world, _) = full().await;
    let answer = world.call("ListKeys", json!({"Limit": 1})).await.ok();
    let marker = answer["NextMarker"].as_str().unwrap().to_owned();
    let mut bad: Vec<String> = (0..marker.len())
        .map(|at| {
            let mut changed = marker.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(changed).unwrap()
        })
        .collect();
    bad.extend([
        format!("{marker}A"),
        marker[1..].to_owned(),
        " ".to_owned(),
        "x".repeat(1024),
    ]);
    bad.push(base64(br#"{"position":"0"}"#));
    for marker in bad {
        let answer = world.call("ListKeys", json!({"Marker": marker})).await;
        assert_eq!(answer.kind(), FaultKind::InvalidMarker, "{marker}");
    }
}

#[tokio::test]
async fn keys_of_other_owners_are_none() {
    let (world, _) = full().await;
    let sent = json!({"ResourceOwners": ["OTHER_ACCOUNTS_VIA_RAM"]});
    let answer = world.call("ListKeys", sent).await.ok();
    assert_eq!(answer["Keys"], json!([]));
    let answer = world.call_as(root(OTHER), "ListKeys", json!({})).await.ok();
    assert_eq!(answer["Keys"], json!([]));
    let answer = world
        .call_as(root(OTHER), "ListAliases", json!({}))
        .await
        .ok();
    assert_eq!(answer["Aliases"], json!([]));
}
