//! Tags of a key.

use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::World;

fn tags(pairs: &[(&str, &str)]) -> Value {
    let tag = |(key, value): &(&str, &str)| json!({"TagKey": key, "TagValue": value});
    pairs.iter().map(tag).collect()
}

#[tokio::test]
async fn tags_are_added_replaced_and_taken_off() {
    let world = World::new();
    let key = world
        .key_with(json!({"Tags": tags(&[("a", "1"), ("b", "2")])}))
        .await;
    let listed = || async {
        let answer = world.call("ListResourceTags", json!({"KeyId": key})).await;
        answer.ok()["Tags"].clone()
    };
    let sent = json!({"KeyId": key, "Tags": tags(&[("c", "3"), ("a", "4")])});
    world.call("TagResource", sent).await.ok();
    assert_eq!(listed().await, tags(&[("a", "4"), ("b", "2"), ("c", "3")]));
    let sent = json!({"KeyId": key, "TagKeys": ["b", "none", "A"]});
    world.call("UntagResource", sent).await.ok();
    assert_eq!(listed().await, tags(&[("a", "4"), ("c", "3")]));
}

#[tokio::test]
async fn refused_tags_change_nothing() {
    let world = World::new();
    let key = world.key().await;
    let many: Vec<(String, &str)> = (0..51).map(|n| (n.to_string(), "")).collect();
    let many: Vec<(&str, &str)> = many
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let half = json!({"KeyId": key, "Tags": tags(&many[..30])});
    world.call("TagResource", half).await.ok();
    let before = world.stored(&key).await;
    let rows = [
        (
            tags(&[("aws:x", "")]),
            "TagException: Tags beginning with aws: are reserved",
        ),
        (
            tags(&[("n", "1"), ("n", "2")]),
            "TagException: Duplicate tag keys",
        ),
        (tags(&many), "TagException: Too many tags"),
        (tags(&many[25..]).clone(), "TagException: Too many tags"),
    ];
    for (tags, text) in rows {
        let sent = json!({"KeyId": key, "Tags": tags});
        assert_eq!(world.call("TagResource", sent).await.text(), text);
    }
    let sent = json!({"KeyId": key, "TagKeys": ["aws:x"]});
    assert_eq!(
        world.call("UntagResource", sent).await.kind(),
        FaultKind::Tag
    );
    assert_eq!(world.stored(&key).await, before);
    let sent = json!({"KeyId": key, "Tags": tags(&many[..50])});
    world.call("TagResource", sent).await.ok();
}
