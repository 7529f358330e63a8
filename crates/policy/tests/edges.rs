//! What other tests would not notice: each test here is for a change of the engine that left all
//! of them passing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use keystead_policy::limits::{
    CONTEXT_QUESTIONS_MAX, EXPLAINED_CONDITIONS_MAX, EXPLAINED_VALUE_MAX_CHARS,
    EXPLAINED_VALUES_MAX, PRESENT_KEYS_MAX, QUESTION_GROUPS_PER_POLICY_MAX, STATEMENTS_MAX,
};
use keystead_policy::{
    Case, ConditionKey, Context, KnownKey, NamedPolicy, NoContext, Partition, Policy,
    PolicyErrorKind, PolicyKind, PolicyOutcomes, Presence, Request, Value as Told, Verdict,
    add_conditions, explain,
};
use keystead_types::{AccountId, Principal};
use serde_json::{Map, Value, json};

/// An identity policy that denies everything under a condition.
fn under(condition: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition,
    }})
    .to_string()
}

#[test]
fn groups_of_question_marks_count_in_conditions_too() {
    const GROUPS: usize = 32;
    let costly = format!("?*{}*?", "a?".repeat(GROUPS));
    let fit = QUESTION_GROUPS_PER_POLICY_MAX / GROUPS;
    let likes =
        |count: usize| under(&json!({"StringLike": {"aws:UserAgent": vec![&costly; count]}}));
    let arn = format!("arn:aws:s3:::{costly}");
    let arns = |count: usize| under(&json!({"ArnLike": {"aws:SourceArn": vec![&arn; count]}}));
    let both = under(&json!({
        "StringLike": {"aws:UserAgent": vec![&costly; fit - 1]},
        "ArnLike": {"aws:SourceArn": [&arn, &arn]},
    }));
    for fine in [likes(fit), arns(fit)] {
        Policy::compile(PolicyKind::Identity, &fine).unwrap();
    }
    for refused in [likes(fit + 1), arns(fit + 1), both] {
        let why = Policy::compile(PolicyKind::Identity, &refused).unwrap_err();
        assert_eq!(why.kind(), PolicyErrorKind::TooMany);
    }
}

#[test]
fn a_partition_prints_its_name() {
    for name in ["aws", "aws-cn", "aws-us-gov"] {
        assert_eq!(Partition::parse(name).unwrap().to_string(), name);
    }
    assert!(Partition::parse("aws-nowhere").is_none());
}

#[test]
fn a_named_principal_tells_its_account() {
    let document = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
        "Principal": {
            "AWS": [
                "*",
                "111122223333",
                "arn:aws:iam::111122223333:user/alice",
                "arn:aws:iam::444455556666:role/worker",
                "arn:aws:sts::444455556666:assumed-role/worker/one",
                "arn:aws:sts::111122223333:federated-user/alice",
            ],
            "Service": "s3.amazonaws.com",
        },
    }});
    let policy = Policy::compile(PolicyKind::Key, &document.to_string()).unwrap();
    let accounts: Vec<Option<AccountId>> = policy
        .named_principals()
        .map(|(_, principal)| principal.account())
        .collect();
    let ours = AccountId::parse("111122223333").ok();
    let other = AccountId::parse("444455556666").ok();
    assert_eq!(accounts, [None, ours, ours, other, other, ours, None]);
}

#[test]
fn only_what_looks_like_a_unique_id_is_taken_for_a_principal_that_is_gone() {
    let why = |text: &str| {
        let document = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
            "Principal": {"AWS": text}}});
        let refused = Policy::compile(PolicyKind::Key, &document.to_string());
        refused.unwrap_err().kind()
    };
    for id in ["AIDAQ3EGHXA5WZ7O2BTEK", "AROAQ3EGHXA5WZ7O2BTEK"] {
        assert_eq!(why(id), PolicyErrorKind::InvalidPrincipals, "{id}");
    }
    for other in [
        "AIDA",
        "Q3EGHXA5WZ7O2BTEKQ3EG",
        "AIDAQ3EGHXA5WZ7-2BTEK",
        "somebody-with-a-long-name",
    ] {
        assert_eq!(why(other), PolicyErrorKind::InvalidArn, "{other}");
    }
}

fn ours() -> AccountId {
    AccountId::parse("111122223333").unwrap()
}

fn request<'a>(principal: &'a Principal, context: &'a dyn Context) -> Request<'a> {
    Request {
        principal,
        partition: "aws",
        action: "kms:Encrypt",
        resource: "arn:aws:kms:eu-west-1:111122223333:key/x",
        resource_account: ours(),
        unique_id: None,
        context,
    }
}

fn root() -> Principal {
    Principal::Root { account: ours() }
}

#[test]
fn an_explanation_repeats_so_many_conditions_and_no_more() {
    let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": true}}});
    let policy = |statements: usize| {
        let document = json!({"Version": "2012-10-17", "Statement": vec![&statement; statements]});
        let policy = Policy::compile(PolicyKind::Identity, &document.to_string()).unwrap();
        NamedPolicy {
            name: "some".into(),
            policy: Arc::new(policy),
        }
    };
    let root = root();
    for split in [0, 1, EXPLAINED_CONDITIONS_MAX, EXPLAINED_CONDITIONS_MAX + 1] {
        // What one policy takes is missing for the next.
        let all = EXPLAINED_CONDITIONS_MAX + 2;
        let identity: Vec<NamedPolicy> = [split, all - split]
            .into_iter()
            .filter(|statements| *statements > 0)
            .map(policy)
            .collect();
        let case = Case {
            identity: &identity,
            ..Case::default()
        };
        let told = explain(&case, &request(&root, &NoContext));
        let traces = told.participants.iter().flat_map(|one| &one.traces);
        let repeated: Vec<bool> = traces.map(|trace| trace.condition.is_some()).collect();
        assert_eq!(repeated.len(), all);
        assert!(repeated[..EXPLAINED_CONDITIONS_MAX].iter().all(|it| *it));
        assert!(!repeated[EXPLAINED_CONDITIONS_MAX..].iter().any(|it| *it));
    }
}

#[test]
fn the_json_of_an_explanation_has_the_condition_and_a_short_sid() {
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "a".repeat(EXPLAINED_VALUE_MAX_CHARS + 1), "Effect": "Allow", "Action": "*",
         "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": ["true", "false"]}}},
        {"Sid": "Second", "Effect": "Deny", "Action": "s3:*", "Resource": "*"},
    ]});
    let policy = Policy::compile(PolicyKind::Identity, &document.to_string()).unwrap();
    let name = "some".into();
    let policy = Arc::new(policy);
    let identity = [NamedPolicy { name, policy }];
    let case = Case {
        identity: &identity,
        ..Case::default()
    };
    let root = root();
    let told = explain(&case, &request(&root, &NoContext));
    let first = json!({
        "statement": 0, "sid": "a".repeat(EXPLAINED_VALUE_MAX_CHARS), "effect": "Allow",
        "outcome": "condition not met",
        "condition": {
            "operator": "Bool", "key": "aws:SecureTransport",
            "policyValues": ["true", "false"], "requestValues": "absent",
        },
    });
    let second = json!({
        "statement": 1, "sid": "Second", "effect": "Deny", "outcome": "other action",
    });
    let policies = |statements: &[&Value], more: u64| {
        let mut policy = json!({
            "kind": "identity-based policy", "policy": "some", "statements": statements,
        });
        if more > 0 {
            policy["more"] = json!(more);
        }
        json!([policy])
    };
    // To the byte.
    let (one, other) = (first.to_string().len(), second.to_string().len());
    // The name of the policy takes its part of the whole, not of what is asked of one policy.
    let named = "some".len();
    for (room, expected) in [
        (16_384, policies(&[&first, &second], 0)),
        (one + other, policies(&[&first, &second], 0)),
        (one + other - 1, policies(&[&first], 1)),
        (one, policies(&[&first], 1)),
        (one - 1, policies(&[], 2)),
    ] {
        let decision = json!({"allowed": true, "by": "root user"});
        let expected = json!({"decision": decision, "policies": expected});
        assert_eq!(told.to_json(room + named), expected, "{room}");
        let participant = told.participants[0].to_json(room);
        assert_eq!(participant, expected["policies"][0], "{room}");
    }
}

#[test]
fn long_names_of_policies_take_their_part_of_an_explanation() {
    let document =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
    let policy = Arc::new(Policy::compile(PolicyKind::Identity, document).unwrap());
    let identity = [(); 10].map(|()| NamedPolicy {
        name: "n".repeat(600).into(),
        policy: policy.clone(),
    });
    let case = Case {
        identity: &identity,
        ..Case::default()
    };
    let told = explain(&case, &request(&root(), &NoContext)).to_json(2_048);
    assert!(told.to_string().len() < 2_300, "{told}");
    assert_eq!(told["policies"].as_array().unwrap().len(), 2);
    assert_eq!(told["morePolicies"], 8);
}

#[test]
fn a_resource_of_which_nobody_can_say_never_allows() {
    let applies = |effect: &str, element: &str, values: Value| {
        let document = json!({"Version": "2012-10-17", "Statement": {
            "Effect": effect, "Action": "*", element: values,
        }});
        let policy = Policy::compile(PolicyKind::Identity, &document.to_string()).unwrap();
        policy.evaluate(&request(&root(), &NoContext)) != Verdict::NotMatched
    };
    // The request has no user name.
    let unclear = "arn:aws:kms:*:*:key/${aws:username}*";
    let (fits, other) = ("arn:aws:kms:*", "arn:aws:s3:::x");
    for (element, values, allows, denies) in [
        ("Resource", json!(unclear), false, false),
        ("Resource", json!([other, unclear]), false, false),
        ("Resource", json!([unclear, fits]), true, true),
        ("NotResource", json!(unclear), false, true),
        ("NotResource", json!([other, unclear]), false, true),
        ("NotResource", json!([unclear, fits]), false, false),
        ("NotResource", json!(other), true, true),
    ] {
        let found = applies("Allow", element, values.clone());
        assert_eq!(found, allows, "Allow {element} {values}");
        let found = applies("Deny", element, values.clone());
        assert_eq!(found, denies, "Deny {element} {values}");
    }
}

/// Has many tag keys, none of them a user's name, and counts how often it is asked.
struct Asked(Cell<u32>);

impl Context for Asked {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Told<'_>)) -> Presence {
        self.0.set(self.0.get() + 1);
        if key.name() == "aws:TagKeys" {
            (0..256).for_each(|_| each(Told::Text("a")));
            return Presence::Multi;
        }
        each(Told::Text("b"));
        Presence::Single
    }
}

#[test]
fn a_request_is_asked_so_often_and_no_more() {
    let asked = |variables: usize| {
        let values = vec!["${aws:username}"; variables];
        let policy = under(&json!({"ForAllValues:StringNotEquals": {"aws:TagKeys": values}}));
        let policy = Policy::compile(PolicyKind::Identity, &policy).unwrap();
        let (root, context) = (root(), Asked(Cell::new(0)));
        assert_eq!(
            policy.evaluate(&request(&root, &context)),
            Verdict::Denied { statement: 0 }
        );
        context.0.get()
    };
    assert_eq!(asked(1), 1 + 256);
    assert_eq!(asked(70), 1 + 70 * 256);
    // The question that would be the last is not put.
    assert_eq!(asked(100), CONTEXT_QUESTIONS_MAX - 1);
}

#[test]
fn a_record_fits_its_policy_by_the_number_of_statements() {
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
    ]});
    let policy = Policy::compile(PolicyKind::Identity, &document.to_string()).unwrap();
    for (outcomes, recalled) in [
        ("aAe", Some(3)),
        ("aAe~", Some(3)),
        ("aA~", Some(2)),
        ("~", Some(0)),
        ("aA", None),
        ("", None),
        ("aAee", None),
        ("aAee~", None),
        // Of other effects.
        ("aae", None),
        ("AA~", None),
    ] {
        let text = format!("I={}:{outcomes}", policy.digest().as_str());
        let read = PolicyOutcomes::read(&text).unwrap().remove(0);
        let traces = policy.recall(&read, &NoContext);
        assert_eq!(traces.map(|traces| traces.len()), recalled, "{outcomes}");
    }
}

#[test]
fn a_record_of_the_most_statements_is_read() {
    let statements = |text: &str| {
        let read = PolicyOutcomes::read(&format!("K=abcdefghijkl:{text}"))?;
        read.first().map(|one| one.statements.len())
    };
    let most = Some(STATEMENTS_MAX);
    assert_eq!(statements(&format!("a*{STATEMENTS_MAX}")), most);
    assert_eq!(statements(&format!("aa*{}", STATEMENTS_MAX - 1)), most);
    assert_eq!(statements(&format!("aa*{STATEMENTS_MAX}")), None);
    assert_eq!(statements(&format!("a*{}", STATEMENTS_MAX + 1)), None);
    assert_eq!(statements(&format!("aa*{}", usize::MAX)), None);
}

/// Some keys have these values, the others none.
struct Has<'a, F>(F, &'a [&'a str]);

impl<F: Fn(&str) -> bool> Context for Has<'_, F> {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Told<'_>)) -> Presence {
        if !(self.0)(key.name()) {
            return Presence::Absent;
        }
        self.1.iter().for_each(|value| each(Told::Text(value)));
        Presence::Multi
    }
}

/// The members that an explanation gets, and how many bytes it has with them.
fn added(context: &dyn Context, more: &[String], max_bytes: usize) -> (Map<String, Value>, usize) {
    let mut explanation = Map::new();
    explanation.insert("action".to_owned(), json!("kms:Encrypt"));
    add_conditions(&mut explanation, context, more.iter().cloned(), max_bytes);
    let added = explanation["conditions"].as_object().unwrap().clone();
    (added, Value::from(explanation).to_string().len())
}

#[test]
fn the_keys_of_a_request_are_told_but_for_the_secret_and_the_time() {
    let is_known = |name: &str| name.starts_with("aws:") || name.starts_with("sts:");
    let (told, _) = added(&Has(is_known, &["a"]), &[], 16_384);
    let told: BTreeSet<&str> = told.keys().map(String::as_str).collect();
    let silent = ["sts:ExternalId", "aws:CurrentTime", "aws:EpochTime"];
    let all = KnownKey::ALL.iter().map(|key| key.name());
    let expected = all.filter(|name| is_known(name) && !name.ends_with('/'));
    let expected = expected.filter(|name| !silent.contains(name));
    assert_eq!(told, expected.chain(["aws:RequestTag/a"]).collect());
}

#[test]
fn the_keys_of_a_request_are_told_to_the_byte() {
    let names = ["aws:SourceIp", "aws:UserAgent"];
    let context = Has(|name: &str| names.contains(&name), &["a", "b"][..]);
    let (both, bytes) = added(&context, &[], 16_384);
    assert_eq!(both.len(), 2);
    assert_eq!(added(&context, &[], bytes), (both, bytes));
    let (one, fewer) = added(&context, &[], bytes - 1);
    assert_eq!(
        (one.keys().next().unwrap().as_str(), one.len()),
        (names[0], 1)
    );
    assert_eq!(added(&context, &[], fewer), (one, fewer));
    assert_eq!(added(&context, &[], fewer - 1).0, Map::new());
    assert_eq!(added(&context, &[], 0).0, Map::new());
}

#[test]
fn the_keys_of_a_request_are_bounded_in_number_and_size() {
    let tags = |count: usize| -> Vec<String> {
        let name = |number| format!("aws:PrincipalTag/{number}");
        (0..count).map(name).collect()
    };
    let is_tag = |name: &str| name.starts_with("aws:PrincipalTag/");
    let few = Has(is_tag, &["a"][..]);
    for (asked, told) in [
        (PRESENT_KEYS_MAX, PRESENT_KEYS_MAX),
        (PRESENT_KEYS_MAX + 2, PRESENT_KEYS_MAX),
    ] {
        assert_eq!(added(&few, &tags(asked), 16_384).0.len(), told);
    }
    let long = "é".repeat(EXPLAINED_VALUE_MAX_CHARS + 1);
    let many = vec![long.as_str(); EXPLAINED_VALUES_MAX + 1];
    let (told, _) = added(&Has(is_tag, &many), &tags(1), 16_384);
    let short = "é".repeat(EXPLAINED_VALUE_MAX_CHARS);
    assert_eq!(told[&tags(1)[0]], json!(vec![short; EXPLAINED_VALUES_MAX]));
}
