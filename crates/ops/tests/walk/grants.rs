//! Grants: what they may say, who may make, see and remove them, and what is left of them.

use keystead_engine::{Destruction, run_due};
use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::store::Interleaved;
use crate::support::{OTHER, OWN, World, account, allow, key_id, policy, root, user};

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";
const OTHER_ROOT: &str = "arn:aws:iam::444455556666:root";

fn wanted(key: &str) -> Value {
    json!({"KeyId": key, "GranteePrincipal": ALICE, "Operations": ["Encrypt", "Decrypt"]})
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => body.as_object_mut().unwrap().remove(name),
            _ => body
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    body
}

async fn grant(world: &World, key: &str, more: Value) -> (String, String) {
    let made = world
        .call("CreateGrant", with(wanted(key), &more))
        .await
        .ok();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("GrantId"), text("GrantToken"))
}

async fn listed(world: &World, key: &str) -> Vec<Value> {
    let answer = world.call("ListGrants", json!({"KeyId": key})).await.ok();
    assert_eq!(answer["Truncated"], false);
    answer["Grants"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_grant_is_listed_as_it_was_made() {
    let world = World::new();
    let key = world.key().await;
    let more = json!({
        "Name": "n", "RetiringPrincipal": OTHER_ROOT,
        "Operations": ["Encrypt", "DescribeKey", "Encrypt"],
        "Constraints": {"EncryptionContextSubset": {"b": "2", "a": "1"}},
    });
    let (grant_id, _) = grant(&world, &key, more).await;
    assert!(grant_id.len() == 64 && grant_id.bytes().all(|b| b"0123456789abcdef".contains(&b)));
    let created = world.describe(&key).await["CreationDate"].clone();
    let entry = json!({
        "KeyId": key, "GrantId": grant_id, "Name": "n", "CreationDate": created,
        "GranteePrincipal": ALICE, "RetiringPrincipal": OTHER_ROOT,
        "IssuingAccount": "arn:aws:iam::111122223333:root",
        "Operations": ["Encrypt", "DescribeKey"],
        "Constraints": {"EncryptionContextSubset": {"a": "1", "b": "2"}},
    });
    assert_eq!(listed(&world, &key).await, [entry]);
    let (plain, _) = grant(&world, &key, json!({})).await;
    let entries = listed(&world, &key).await;
    let entry = entries.iter().find(|one| one["GrantId"] == *plain).unwrap();
    for absent in [
        "Name",
        "RetiringPrincipal",
        "Constraints",
        "GranteeServicePrincipal",
    ] {
        assert_eq!(entry.get(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn what_a_grant_may_not_say() {
    let world = World::new();
    let key = world.key().await;
    let pairs: serde_json::Map<_, _> = (0..9).map(|n| (format!("k{n}"), json!("v"))).collect();
    let service = "s3.amazonaws.com";
    let source = json!({"SourceArn": "arn:aws:s3:us-east-1:111122223333:bucket"});
    let rows = [
        json!({"GranteePrincipal": null}),
        json!({"GranteeServicePrincipal": service}),
        json!({"GranteePrincipal": null, "GranteeServicePrincipal": service, "RetiringPrincipal": ALICE}),
        json!({"GranteePrincipal": null, "GranteeServicePrincipal": service, "Constraints": source}),
        json!({"RetiringPrincipal": ALICE, "RetiringServicePrincipal": service}),
        json!({"Operations": []}),
        json!({"Operations": ["CreateGrant"]}),
        json!({"Operations": ["CreateGrant", "CreateGrant"]}),
        json!({"Operations": ["Encrypt", "Sign"]}),
        json!({"Operations": ["GetPublicKey"]}),
        json!({"Operations": ["GenerateMac"]}),
        json!({"Constraints": {}}),
        json!({"Constraints": {"EncryptionContextEquals": {}}}),
        json!({"Constraints": {"EncryptionContextEquals": pairs}}),
        json!({"Constraints": {"EncryptionContextSubset": {"k": "v".repeat(385)}}}),
    ];
    for more in rows {
        let answer = world.call("CreateGrant", with(wanted(&key), &more)).await;
        assert_eq!(answer.kind(), FaultKind::Validation, "{more}");
    }
    let only = json!({"Operations": ["CreateGrant"]});
    assert_eq!(
        world
            .call("CreateGrant", with(wanted(&key), &only))
            .await
            .text(),
        "ValidationException: Grants must not contain only the CreateGrant operation."
    );
    for bad in [
        "alice",
        OWN,
        "s3.amazonaws.com",
        "arn:aws:iam::111122223333:group/g",
        "arn:aws-cn:iam::111122223333:user/alice",
        "arn:aws:s3:::bucket",
    ] {
        for member in ["GranteePrincipal", "RetiringPrincipal"] {
            let answer = world
                .call("CreateGrant", with(wanted(&key), &json!({member: bad})))
                .await;
            assert_eq!(
                answer.text(),
                format!("InvalidArnException: ARN does not refer to a valid principal: {bad}")
            );
        }
    }
    assert!(listed(&world, &key).await.is_empty());
    let good = json!({
        "GranteePrincipal": null, "GranteeServicePrincipal": service, "Constraints": source,
        "RetiringServicePrincipal": "ec2.amazonaws.com",
    });
    grant(&world, &key, good).await;
    let entries = listed(&world, &key).await;
    assert_eq!(entries[0]["GranteeServicePrincipal"], service);
    assert_eq!(entries[0]["Constraints"], source);
    assert_eq!(entries[0]["RetiringServicePrincipal"], "ec2.amazonaws.com");
}

#[tokio::test]
async fn operations_and_constraints_fit_the_key() {
    let world = World::new();
    let made = |spec: &str, usage: &str| json!({"KeySpec": spec, "KeyUsage": usage});
    let rows = [
        ("ECC_NIST_P256", "SIGN_VERIFY", "Sign", "Encrypt"),
        (
            "ECC_NIST_P256",
            "KEY_AGREEMENT",
            "DeriveSharedSecret",
            "Sign",
        ),
        (
            "HMAC_256",
            "GENERATE_VERIFY_MAC",
            "VerifyMac",
            "GetPublicKey",
        ),
    ];
    for (spec, usage, fit, unfit) in rows {
        let key = world.key_with(made(spec, usage)).await;
        let common = json!({"Operations": [fit, "DescribeKey", "RetireGrant", "CreateGrant"]});
        grant(&world, &key, common).await;
        let wrong = with(wanted(&key), &json!({"Operations": [fit, unfit]}));
        let answer = world.call("CreateGrant", wrong).await;
        assert_eq!(answer.kind(), FaultKind::Validation, "{spec} {unfit}");
        let bound =
            json!({"Operations": [fit], "Constraints": {"EncryptionContextEquals": {"a": "b"}}});
        let answer = world.call("CreateGrant", with(wanted(&key), &bound)).await;
        assert_eq!(
            answer.kind(),
            FaultKind::Validation,
            "{spec} with a context"
        );
        let source = json!({"Operations": [fit], "Constraints": {"SourceArn": "arn:aws:s3:us-east-1:111122223333:b"}});
        grant(&world, &key, source).await;
    }
}

#[tokio::test]
async fn a_name_makes_the_same_grant_once() {
    let mut world = World::new();
    let key = world.key().await;
    let named = || json!({"Name": "n", "Constraints": {"EncryptionContextEquals": {"a": "b"}}});
    let (first, token) = grant(&world, &key, named()).await;
    world.restart();
    let (again, other_token) = grant(&world, &key, named()).await;
    assert_eq!(first, again);
    assert_ne!(token, other_token);
    let swapped = with(
        named(),
        &json!({"Operations": ["Decrypt", "Encrypt", "Decrypt"]}),
    );
    assert_eq!(grant(&world, &key, swapped).await.0, first);
    let different = [
        with(named(), &json!({"Name": "m"})),
        with(named(), &json!({"Name": null})),
        with(named(), &json!({"Name": null})),
        with(named(), &json!({"GranteePrincipal": OTHER_ROOT})),
        with(named(), &json!({"RetiringPrincipal": OTHER_ROOT})),
        with(
            named(),
            &json!({"Constraints": {"EncryptionContextSubset": {"a": "b"}}}),
        ),
        with(named(), &json!({"Operations": ["Encrypt"]})),
    ];
    let count = different.len();
    for more in different {
        assert_ne!(grant(&world, &key, more).await.0, first);
    }
    assert_eq!(listed(&world, &key).await.len(), 1 + count);
    let dropped = json!({"KeyId": key, "GrantId": first});
    world.call("RevokeGrant", dropped).await.ok();
    assert_ne!(grant(&world, &key, named()).await.0, first);
}

#[tokio::test]
async fn one_name_at_the_same_time_makes_one_grant() {
    for seed in 0..40 {
        let world = World::over(Interleaved::new(seed));
        let key = world.key().await;
        let calls = (0..4).map(|_| {
            let (world, key) = (world.clone(), key.clone());
            tokio::spawn(async move { grant(&world, &key, json!({"Name": "n"})).await.0 })
        });
        let calls: Vec<_> = calls.collect();
        let mut ids = Vec::new();
        for call in calls {
            ids.push(call.await.unwrap());
        }
        let entries = listed(&world, &key).await;
        assert_eq!(entries.len(), 1, "seed {seed}");
        assert!(ids.iter().all(|id| entries[0]["GrantId"] == **id));
    }
}

#[tokio::test]
async fn dry_runs_change_nothing() {
    let world = World::new();
    let key = world.key().await;
    let (grant_id, token) = grant(&world, &key, json!({})).await;
    let rows = [
        ("CreateGrant", with(wanted(&key), &json!({"DryRun": true}))),
        ("RetireGrant", json!({"GrantToken": token, "DryRun": true})),
        (
            "RevokeGrant",
            json!({"KeyId": key, "GrantId": grant_id, "DryRun": true}),
        ),
    ];
    for (operation, sent) in rows {
        let answer = world.call(operation, sent).await;
        assert_eq!(answer.kind(), FaultKind::DryRunOperation, "{operation}");
    }
    assert_eq!(listed(&world, &key).await.len(), 1);
}

#[tokio::test]
async fn revoking_and_what_is_not_there() {
    let world = World::new();
    let (key, other_key) = (world.key().await, world.key().await);
    let (grant_id, token) = grant(&world, &key, json!({})).await;
    for bad in ["x", &grant_id.to_uppercase(), &grant_id[1..]] {
        let sent = json!({"KeyId": key, "GrantId": bad});
        for operation in ["RevokeGrant", "ListGrants", "RetireGrant"] {
            let answer = world.call(operation, sent.clone()).await;
            assert_eq!(
                answer.kind(),
                FaultKind::InvalidGrantId,
                "{operation} {bad}"
            );
        }
    }
    let missing = format!("NotFoundException: Grant ID {grant_id} not found");
    let elsewhere = json!({"KeyId": other_key, "GrantId": grant_id});
    for operation in ["RevokeGrant", "RetireGrant"] {
        assert_eq!(
            world.call(operation, elsewhere.clone()).await.text(),
            missing
        );
    }
    let sent = json!({"KeyId": key, "GrantId": grant_id});
    let answer = world.call("RevokeGrant", sent.clone()).await;
    let record = world.audit_of(answer.request_id);
    assert_eq!(
        record["requestParameters"],
        json!({"keyId": key, "grantId": grant_id})
    );
    assert_eq!(record["responseElements"], json!({"keyId": key}));
    answer.ok();
    assert!(listed(&world, &key).await.is_empty());
    assert_eq!(world.call("RevokeGrant", sent).await.text(), missing);
    let retired = world
        .call("RetireGrant", json!({"GrantToken": token}))
        .await;
    assert_eq!(retired.text(), missing);
    let alias = json!({"KeyId": "alias/a", "GrantId": grant_id});
    for operation in ["RevokeGrant", "ListGrants", "RetireGrant"] {
        let answer = world.call(operation, alias.clone()).await;
        assert_eq!(answer.kind(), FaultKind::InvalidArn, "{operation}");
    }
    let answer = world.call("CreateGrant", wanted("alias/a")).await;
    assert_eq!(answer.kind(), FaultKind::InvalidArn);
}

#[tokio::test]
async fn who_may_retire() {
    let world = World::new();
    let key = world.key().await;
    let more = json!({"RetiringPrincipal": OTHER_ROOT, "Operations": ["Encrypt"]});
    let (grant_id, token) = grant(&world, &key, more).await;
    let by_token = json!({"GrantToken": token});
    // The grantee may not: its grant does not say so.
    let grantee = world
        .call_as(user(OWN, "alice"), "RetireGrant", by_token.clone())
        .await;
    assert_eq!(grantee.kind(), FaultKind::AccessDenied);
    for bad in [
        json!({}),
        json!({"KeyId": key}),
        json!({"GrantId": grant_id}),
        json!({"GrantToken": token, "KeyId": key, "GrantId": grant_id}),
    ] {
        let answer = world.call("RetireGrant", bad.clone()).await;
        assert_eq!(answer.kind(), FaultKind::Validation, "{bad}");
    }
    let garbled = world
        .call("RetireGrant", json!({"GrantToken": "x".repeat(200)}))
        .await;
    assert_eq!(garbled.kind(), FaultKind::InvalidGrantToken);
    let answer = world
        .call_as(root(OTHER), "RetireGrant", by_token.clone())
        .await;
    let record = world.audit_of(answer.request_id);
    answer.ok();
    assert_eq!(record["requestParameters"], Value::Null);
    assert_eq!(record["additionalEventData"]["grantId"], grant_id);
    assert_eq!(record["resources"][0]["ARN"], key);
    assert!(!record.to_string().contains(&token));
    let gone = world.call_as(root(OTHER), "RetireGrant", by_token).await;
    assert_eq!(gone.kind(), FaultKind::AccessDenied);
    let able = json!({"Operations": ["Encrypt", "RetireGrant"]});
    let (_, token) = grant(&world, &key, able).await;
    let sent = json!({"GrantToken": token});
    world
        .call_as(user(OWN, "alice"), "RetireGrant", sent)
        .await
        .ok();
    let (grant_id, _) = grant(&world, &key, json!({})).await;
    let sent = json!({"KeyId": key, "GrantId": grant_id});
    world.call("RetireGrant", sent).await.ok();
    assert!(listed(&world, &key).await.is_empty());
}

#[tokio::test]
async fn other_accounts() {
    let world = World::new();
    let shared = policy(&[
        allow("arn:aws:iam::111122223333:root", &["kms:*"]),
        allow(
            OTHER_ROOT,
            &["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
        ),
    ]);
    let (key, closed) = (world.key_under(shared).await, world.key().await);
    for operation in ["CreateGrant", "ListGrants", "RevokeGrant"] {
        let sent = with(wanted(&closed), &json!({"GrantId": "0".repeat(64)}));
        let answer = world.call_as(root(OTHER), operation, sent).await;
        assert_eq!(answer.kind(), FaultKind::AccessDenied, "{operation}");
    }
    let answer = world
        .call_as(root(OTHER), "CreateGrant", wanted(&key))
        .await;
    let record = world.audit_of(answer.request_id);
    let made = answer.ok();
    let elements = json!({"grantId": made["GrantId"], "keyId": key});
    assert_eq!(record["responseElements"], elements);
    assert!(
        !record
            .to_string()
            .contains(made["GrantToken"].as_str().unwrap())
    );
    let seen = listed(&world, &key).await;
    assert_eq!(seen[0]["IssuingAccount"], OTHER_ROOT);
    let sent = json!({"KeyId": key, "GrantId": made["GrantId"]});
    world.call_as(root(OTHER), "RevokeGrant", sent).await.ok();
    assert!(listed(&world, &key).await.is_empty());
}

#[tokio::test]
async fn listings_come_in_pages_and_filtered() {
    let world = World::new();
    let key = world.key().await;
    let mut all = Vec::new();
    for number in 0..7 {
        let grantee = if number % 3 == 0 { OTHER_ROOT } else { ALICE };
        let more = json!({"GranteePrincipal": grantee, "RetiringPrincipal": ALICE});
        all.push((grant(&world, &key, more).await.0, grantee));
    }
    all.sort();
    for (operation, body) in [
        ("ListGrants", json!({"KeyId": key})),
        (
            "ListGrants",
            json!({"KeyId": key, "GranteePrincipal": ALICE}),
        ),
        ("ListRetirableGrants", json!({"RetiringPrincipal": ALICE})),
    ] {
        let (mut seen, mut marker) = (Vec::new(), Value::Null);
        loop {
            let sent = with(body.clone(), &json!({"Limit": 2, "Marker": marker}));
            let page = world.call(operation, sent).await.ok();
            let grants = page["Grants"].as_array().unwrap();
            assert!(grants.len() <= 2);
            seen.extend(
                grants
                    .iter()
                    .map(|one| one["GrantId"].as_str().unwrap().to_owned()),
            );
            assert_eq!(page["Truncated"], page.get("NextMarker").is_some());
            let Some(next) = page.get("NextMarker") else {
                break;
            };
            marker = next.clone();
        }
        let shown = all.iter().filter(|(_, grantee)| {
            body.get("GranteePrincipal")
                .is_none_or(|one| one == grantee)
        });
        let shown: Vec<_> = shown.map(|(id, _)| id.clone()).collect();
        assert_eq!(seen, shown, "{operation} {body}");
        for limit in [0, 101] {
            let sent = with(body.clone(), &json!({"Limit": limit}));
            assert_eq!(
                world.call(operation, sent).await.kind(),
                FaultKind::Validation
            );
        }
        let sent = with(body.clone(), &json!({"Marker": "abc"}));
        assert_eq!(
            world.call(operation, sent).await.kind(),
            FaultKind::InvalidMarker
        );
    }
    let one = json!({"KeyId": key, "GrantId": all[3].0});
    let answer = world.call("ListGrants", one).await.ok();
    assert_eq!(answer["Grants"].as_array().unwrap().len(), 1);
    let absent = json!({"KeyId": key, "GrantId": "0".repeat(64)});
    assert_eq!(
        world.call("ListGrants", absent).await.ok()["Grants"],
        json!([])
    );
    for (operation, sent, kind) in [
        (
            "ListGrants",
            json!({"KeyId": key, "GranteePrincipal": ALICE, "GranteeServicePrincipal": "a.b.c"}),
            FaultKind::Validation,
        ),
        (
            "ListGrants",
            json!({"KeyId": key, "GranteeServicePrincipal": "a.b.c"}),
            FaultKind::Validation,
        ),
        ("ListRetirableGrants", json!({}), FaultKind::Validation),
        (
            "ListRetirableGrants",
            json!({"RetiringPrincipal": ALICE, "RetiringServicePrincipal": "a.b.c"}),
            FaultKind::Validation,
        ),
        (
            "ListRetirableGrants",
            json!({"RetiringPrincipal": "bob"}),
            FaultKind::InvalidArn,
        ),
        (
            "ListRetirableGrants",
            json!({"RetiringPrincipal": OTHER_ROOT}),
            FaultKind::AccessDenied,
        ),
        (
            "ListRetirableGrants",
            json!({"RetiringServicePrincipal": "a.b.c"}),
            FaultKind::AccessDenied,
        ),
    ] {
        assert_eq!(
            world.call(operation, sent.clone()).await.kind(),
            kind,
            "{operation} {sent}"
        );
    }
}

#[tokio::test]
async fn key_states() {
    let world = World::new();
    let key = world.key().await;
    let (grant_id, _) = grant(&world, &key, json!({})).await;
    world.call("DisableKey", json!({"KeyId": key})).await.ok();
    let text = format!("DisabledException: {key} is disabled.");
    assert_eq!(world.call("CreateGrant", wanted(&key)).await.text(), text);
    let sent = json!({"KeyId": key, "PendingWindowInDays": 7});
    world.call("ScheduleKeyDeletion", sent).await.ok();
    let refused = world.call("CreateGrant", wanted(&key)).await;
    assert_eq!(refused.kind(), FaultKind::KMSInvalidState);
    assert_eq!(listed(&world, &key).await.len(), 1);
    let sent = json!({"KeyId": key, "GrantId": grant_id});
    world.call("RevokeGrant", sent).await.ok();
}

#[tokio::test]
async fn a_removed_key_takes_its_grants_along() {
    let world = World::new();
    let key = world.key().await;
    let mut tokens = Vec::new();
    // More than are removed in one go.
    for _ in 0..1100 {
        let more = json!({"RetiringPrincipal": ALICE});
        tokens.push(grant(&world, &key, more).await);
    }
    let sent = json!({"KeyId": key, "PendingWindowInDays": 7});
    world.call("ScheduleKeyDeletion", sent).await.ok();
    world.clock.forward_days(7);
    run_due(&world.site, Destruction::Allowed).await.unwrap();
    assert!(world.stored(&key).await.is_none());
    let retirable = json!({"RetiringPrincipal": ALICE});
    let left = world.call("ListRetirableGrants", retirable).await.ok();
    assert_eq!(left["Grants"], json!([]));
    let (grant_id, token) = &tokens[0];
    let sent = json!({"GrantToken": token});
    let gone = world.call("RetireGrant", sent).await;
    assert_eq!(
        gone.text(),
        format!("NotFoundException: Key '{key}' does not exist")
    );
    let id = keystead_types::Hex32::parse(grant_id).unwrap();
    let stored = world.records.grant(account(OWN), key_id(&key), id).await;
    assert!(stored.unwrap().is_none());
}

/// The account that issued a grant may retire it, so one name of two accounts is two grants.
#[tokio::test]
async fn one_name_of_two_accounts_makes_two_grants() {
    let world = World::new();
    let open = policy(&[allow(OWN, &["kms:*"]), allow(OTHER, &["kms:*"])]);
    let key = world.key_under(open).await;
    let sent = json!({
        "KeyId": key, "Name": "n", "GranteePrincipal": OTHER_ROOT, "Operations": ["Decrypt"],
    });
    let own = world.call("CreateGrant", sent.clone()).await.ok();
    let other = world.call_as(root(OTHER), "CreateGrant", sent).await.ok();
    assert_ne!(own["GrantId"], other["GrantId"]);
    let issuers: Vec<_> = listed(&world, &key).await;
    assert_eq!(issuers.len(), 2);
    assert_ne!(issuers[0]["IssuingAccount"], issuers[1]["IssuingAccount"]);
}
