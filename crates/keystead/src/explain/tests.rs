use std::sync::Arc;

use keystead_policy::{Kind, Outcomes, Policy, PolicyKind};
use serde_json::json;

use super::documents::Document;
use super::recall::recall;
use super::*;

/// What is told where no documents can be read.
fn shown(record: &Value) -> String {
    let documents = Documents::default();
    let decisions = decisions(record).iter();
    let decisions: Vec<Value> = decisions
        .map(|one| recall(record, one, &documents))
        .collect();
    told(record, &decisions, &[])
}

fn record(authorization: &Value) -> Value {
    json!({
        "requestID": "6f2b1c5e-0000-4000-8000-000000000000",
        "eventTime": "2026-01-02T03:04:05Z", "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt", "awsRegion": "eu-central-1", "sourceIPAddress": "192.0.2.1",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a"},
        "resources": [{"ARN": "arn:aws:kms:eu-central-1:111122223333:key/k"}],
        "errorCode": "AccessDenied", "errorMessage": "no\u{7}",
        "additionalEventData": {"keystead": {"authorization": authorization}},
    })
}

#[test]
fn a_denial_is_told_with_every_statement() {
    let shown = shown(&record(&json!([{
        "action": "kms:Decrypt", "resource": "arn:aws:kms:eu-central-1:111122223333:key/k",
        "decision": {"allowed": false, "noAllowIn": "identity-based policy"},
        "policies": [{"kind": "identity-based policy", "policy": "arn:x#p", "statements": [
            {"statement": 0, "sid": "A", "effect": "Allow", "outcome": "condition not met",
             "condition": {"operator": "StringEquals", "key": "aws:PrincipalTag/team",
                           "policyValues": ["red", "blue"], "requestValues": "absent"}},
            {"statement": 1, "effect": "Deny", "outcome": "other action"},
            {"statement": 2, "effect": "Allow", "outcome": "applies", "names": "account"},
            {"statement": 3, "effect": "Allow", "outcome": "applies", "names": "everyone"}],
            "more": 3}],
        "grants": [{"grantId": "0a1b", "outcome": "constraint not met", "condition": {
            "operator": "EncryptionContextSubset", "key": "kms:EncryptionContext:Team",
            "policyValues": ["Red"], "requestValues": ["Green"]}}],
        "moreGrants": 4, "new": 2,
    }])));
    for part in [
        "By        arn:aws:iam::111122223333:user/a (IAMUser)",
        "Resource  arn:aws:kms:eu-central-1:111122223333:key/k",
        "Result    AccessDenied: no\u{fffd}",
        "DENIED kms:Decrypt on arn:aws:kms:eu-central-1:111122223333:key/k: no identity-based policy allows it",
        "  identity-based policy arn:x#p\n",
        "    statement 0 A (Allow): condition not met: StringEquals aws:PrincipalTag/team wants red, blue; the request has absent",
        "    statement 1 (Deny): other action\n",
        "    statement 2 (Allow): applies, naming the account\n",
        "    statement 3 (Allow): applies, naming everyone\n",
        "and 3 statements more",
        "  grant 0a1b: constraint not met: EncryptionContextSubset kms:EncryptionContext:Team wants Red; the request has Green\n",
        "  and 4 grants more",
        "  new: 2",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn other_outcomes_have_their_words() {
    let place = json!({"kind": "service control policy", "policy": "arn:p", "statement": 2});
    for (decision, words) in [
        (
            json!({"decision": {"allowed": false, "explicitDeny": place}}),
            "DENIED: statement 2 of the service control policy arn:p says Deny",
        ),
        (
            json!({"allowedBy": {"policyType": "resource-based policy", "statement": 0}}),
            "ALLOWED: statement 0 of the resource-based policy says Allow",
        ),
        (json!({"allowedBy": "grant"}), "ALLOWED: grant"),
        (
            json!({"action": "kms:Encrypt", "decision": {"allowed": true, "by": "grant", "grantId": "0a1b"}}),
            "ALLOWED kms:Encrypt: grant 0a1b",
        ),
        (
            json!({"decision": {"allowed": false, "noAllowIn": "session policy"},
                   "grantFor": "role", "grantId": "0a1b"}),
            "  grant 0a1b allows it, to the caller's role",
        ),
        (
            json!({"decision": {"allowed": true, "by": "root user"}}),
            "ALLOWED: root user",
        ),
    ] {
        let shown = shown(&record(&json!([decision])));
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    assert!(shown(&record(&json!([]))).contains("before or after"));
}

#[test]
fn the_summary_keeps_decisions_as_they_are() {
    let decision = json!({"allowedBy": "grant", "new": 1});
    let record = record(&json!([decision]));
    let decided = recall(
        &record,
        decisions(&record).first().unwrap(),
        &Documents::default(),
    );
    let shown = summary(&record, &[decided], &[]);
    assert_eq!(shown["decisions"][0], decision);
    assert_eq!(shown["eventName"], "Decrypt");
}

/// An identity policy of the caller, with every outcome but the last.
const OWN: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Sid":"Other","Effect":"Allow","Action":"kms:Sign","Resource":"*"},
    {"Sid":"NotRed","Effect":"Deny","Action":"*","Resource":"*","Condition":{
        "StringEquals":{"kms:EncryptionContext:Team":"Red","aws:PrincipalTag/unit":"x"}}},
    {"Sid":"Mine","Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}"#;

fn own(document: &str) -> Document {
    Document {
        kind: Kind::Identity,
        level: None,
        name: Some("arn:own#p".into()),
        policy: Arc::new(Policy::compile(PolicyKind::Identity, document).unwrap()),
    }
}

/// The record of an allowed request with the outcomes of [`OWN`].
fn allowed(outcomes: &str) -> Value {
    let mut record = record(&json!([{"action": "kms:Encrypt", "outcomes": outcomes,
        "decision": {"allowed": true, "by":
            {"kind": "identity-based policy", "policy": "arn:own#p", "statement": 2}}}]));
    record["requestParameters"] = json!({"encryptionContext": {"Team": "Red"}});
    record["recipientAccountId"] = "111122223333".into();
    record["errorCode"] = Value::Null;
    record
}

fn recalled(record: &Value, documents: &Documents) -> (Value, String) {
    let decision = recall(record, decisions(record).first().unwrap(), documents);
    let text = told(record, std::slice::from_ref(&decision), &[]);
    (decision, text)
}

#[test]
fn outcomes_are_told_with_the_texts_of_the_same_documents() {
    let document = own(OWN);
    let outcomes = format!("I={}:aC.1e", document.policy.digest().as_str());
    // The first condition is that on the tag: conditions stand in the order of their keys.
    let first = outcomes.replace("C.1", "C");
    for (outcomes, words) in [
        (
            &outcomes,
            "StringEquals kms:EncryptionContext:Team wants Red; the request has Red",
        ),
        (
            &first,
            "StringEquals aws:PrincipalTag/unit wants x; the request has what is not on record",
        ),
    ] {
        let documents = Documents {
            callers: Some(vec![document.clone()]),
            ..Documents::default()
        };
        let mut record = allowed(outcomes);
        record["resources"] = json!([]);
        let (decision, text) = recalled(&record, &documents);
        assert_eq!(decision["since"], "unchanged", "{decision}");
        for part in [
            "ALLOWED kms:Encrypt: statement 2 of the identity-based policy arn:own#p says Allow",
            "The policies are today as they were then",
            "statement 0 Other (Allow): other action",
            "statement 1 NotRed (Deny): condition not met",
            "statement 2 Mine (Allow): applies, naming everyone",
            words,
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}

#[test]
fn what_has_changed_since_is_said() {
    let (then, today) = (own(OWN), own(&OWN.replace("Mine", "Ours")));
    let outcomes = format!("I={}:aC.1e", then.policy.digest().as_str());
    let mut record = allowed(&outcomes);
    record["resources"] = json!([]);
    let mut documents = Documents {
        callers: Some(vec![today]),
        ..Documents::default()
    };
    let (decision, text) = recalled(&record, &documents);
    assert_eq!(decision["since"], "changed");
    for part in [
        "Policies have changed since",
        "not stored any more",
        "statement 1 (Deny): condition not met: condition 1",
        "statement 2 (Allow): applies",
        "today there is also: identity-based policy arn:own#p",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("Ours"), "{text}");
    // An older version of a managed policy still has the text.
    documents.stored.push(then);
    let (_, text) = recalled(&record, &documents);
    assert!(text.contains("its text is still stored"), "{text}");
    assert!(text.contains("statement 2 Mine (Allow): applies"), "{text}");
    // Who is gone has no policies today; that is no change that is known.
    let (decision, text) = recalled(&record, &Documents::default());
    assert_eq!(decision["since"], "not known");
    assert!(text.contains("is not known"), "{text}");
}

#[test]
fn a_root_user_is_allowed_by_the_key_policy_or_by_being_one() {
    let empty = Outcomes::new().finish();
    for (outcomes, words) in [
        (
            "K=abcdefghijkl:apm",
            "ALLOWED kms:Encrypt on arn:aws:kms:eu-central-1:111122223333:key/k: statement 2 of the resource-based policy says Allow",
        ),
        (
            "K=abcdefghijkl:em",
            "statement 1 of the resource-based policy says Allow",
        ),
        (empty.as_str(), ": root user"),
    ] {
        let mut record = allowed(outcomes);
        let decision = &mut record["additionalEventData"]["keystead"]["authorization"][0];
        decision.as_object_mut().unwrap().remove("decision");
        let text = shown(&record);
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn damaged_outcomes_are_shown_as_they_are() {
    let text = shown(&allowed("K=?"));
    assert!(text.contains("outcomes: \"K=?\""), "{text}");
}
