//! The key policy's part of the decision table, actions and resources. Rows F4 and F5.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, Instant};

use keystead_policy::{
    Effect, NoContext, Policy, PolicyKind, Request, StatementOutcome, Verdict, default_key_policy,
};
use keystead_types::{AccountId, Principal};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ACCOUNT: &str = "arn:aws:iam::111122223333:root";
const ALICE: &str = "arn:aws:iam::111122223333:user/alice";

fn id(account: &str) -> AccountId {
    AccountId::parse(account).unwrap()
}

fn user(account: &str, name: &str) -> Principal {
    Principal::User {
        account: id(account),
        name: name.into(),
    }
}

fn alice() -> Principal {
    user("111122223333", "alice")
}

fn compile(statements: &Value) -> Policy {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    Policy::compile(PolicyKind::Key, &document.to_string()).unwrap()
}

fn request<'a>(principal: &'a Principal, action: &'a str, resource: &'a str) -> Request<'a> {
    Request {
        principal,
        partition: "aws",
        action,
        resource,
        resource_account: id("111122223333"),
        unique_id: None,
        context: &NoContext,
    }
}

fn ask(policy: &Policy, principal: &Principal, action: &str) -> Verdict {
    policy.evaluate(&request(principal, action, KEY))
}

fn allow(principal: &str, action: &str) -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*"})
}

fn deny(principal: &str, action: &str) -> Value {
    json!({"Effect": "Deny", "Principal": {"AWS": principal}, "Action": action, "Resource": "*"})
}

#[test]
fn without_a_matching_statement_nothing_is_allowed() {
    let policy = compile(&json!([allow(ALICE, "kms:Encrypt")]));
    for action in [
        "kms:Decrypt",
        "kms:EncryptX",
        "s3:Encrypt",
        "Encrypt",
        "kms:",
        "",
        "*",
    ] {
        assert_eq!(
            ask(&policy, &alice(), action),
            Verdict::NotMatched,
            "{action}"
        );
    }
    let stranger = user("111122223333", "bob");
    assert_eq!(ask(&policy, &stranger, "kms:Encrypt"), Verdict::NotMatched);
}

#[test]
fn the_default_policy_delegates_and_allows_the_root_user() {
    let policy = Policy::compile(
        PolicyKind::Key,
        &default_key_policy("aws", id("111122223333")),
    )
    .unwrap();
    let root = Principal::Root {
        account: id("111122223333"),
    };
    for action in ["kms:Encrypt", "kms:PutKeyPolicy", "KMS:scheduleKeyDeletion"] {
        let direct = Verdict::AllowedDirectly { statement: 0 };
        assert_eq!(ask(&policy, &root, action), direct);
        let delegated = Verdict::AllowedByAccount { statement: 0 };
        assert_eq!(ask(&policy, &alice(), action), delegated);
        let stranger = user("444455556666", "alice");
        assert_eq!(ask(&policy, &stranger, action), Verdict::NotMatched);
    }
}

#[test]
fn without_an_account_statement_there_is_no_delegation() {
    let policy = compile(&json!([allow(ALICE, "kms:*")]));
    let root = Principal::Root {
        account: id("111122223333"),
    };
    assert_eq!(ask(&policy, &root, "kms:PutKeyPolicy"), Verdict::NotMatched);
    let bob = user("111122223333", "bob");
    assert_eq!(ask(&policy, &bob, "kms:PutKeyPolicy"), Verdict::NotMatched);
}

#[test]
fn an_explicit_deny_wins_wherever_it_stands() {
    for denied in ["*", ACCOUNT, "111122223333", ALICE] {
        for statements in [
            json!([
                deny(denied, "kms:Decrypt"),
                allow(ALICE, "kms:*"),
                allow("*", "*")
            ]),
            json!([
                allow(ALICE, "kms:*"),
                allow("*", "*"),
                deny(denied, "kms:De*")
            ]),
        ] {
            let policy = compile(&statements);
            let verdict = ask(&policy, &alice(), "kms:Decrypt");
            assert!(matches!(verdict, Verdict::Denied { .. }), "{statements}");
            let other = ask(&policy, &alice(), "kms:Encrypt");
            assert!(matches!(
                other,
                Verdict::Allowed {
                    named: Named::Principal,
                    ..
                }
            ));
        }
    }
}

#[test]
fn a_deny_of_one_account_does_not_touch_another() {
    let policy = compile(&json!([deny(ACCOUNT, "*"), allow("*", "kms:*")]));
    let stranger = user("444455556666", "alice");
    assert_eq!(
        ask(&policy, &stranger, "kms:Encrypt"),
        Verdict::AllowedDirectly { statement: 1 }
    );
    assert_eq!(
        ask(&policy, &alice(), "kms:Encrypt"),
        Verdict::Denied { statement: 0 }
    );
}

#[test]
fn a_direct_allow_counts_for_more_than_a_delegation() {
    for (statements, place) in [
        (
            json!([allow(ACCOUNT, "kms:*"), allow(ALICE, "kms:Encrypt")]),
            1,
        ),
        (
            json!([allow(ALICE, "kms:Encrypt"), allow(ACCOUNT, "kms:*")]),
            0,
        ),
    ] {
        let policy = compile(&statements);
        let direct = Verdict::AllowedDirectly { statement: place };
        assert_eq!(ask(&policy, &alice(), "kms:Encrypt"), direct);
        let delegated = Verdict::AllowedByAccount {
            statement: 1 - place,
        };
        assert_eq!(ask(&policy, &alice(), "kms:Sign"), delegated);
    }
}

#[test]
fn actions_match_with_wildcards_and_ascii_case_only() {
    for (pattern, action, expected) in [
        ("kms:*", "kms:Decrypt", true),
        ("KMS:dEcRyPt", "kms:Decrypt", true),
        ("kms:Decrypt", "KMS:DECRYPT", true),
        ("kms:De?rypt", "kms:Decrypt", true),
        ("kms:De?rypt", "kms:Derypt", false),
        ("kms:De?rypt", "kms:Deccrypt", false),
        ("*:*", "kms:Decrypt", true),
        ("*", "kms:Decrypt", true),
        ("*:Decrypt", "kms:Decrypt", true),
        ("kms:*crypt", "kms:Encrypt", true),
        ("kms:GenerateDataKey*", "kms:GenerateDataKeyPair", true),
        ("kms:GenerateDataKey", "kms:GenerateDataKeyPair", false),
        ("kms:ReEncrypt*", "kms:ReEncryptTo", true),
        ("kms:Decrypt\u{0}", "kms:Decrypt", false),
        ("kms:Decrypt ", "kms:Decrypt", false),
        ("k\u{212a}ms:*", "kms:Decrypt", false),
        ("\u{212a}ms:*", "kms:Decrypt", false),
        ("\u{212a}ms:Decrypt", "kms:Decrypt", false),
        ("km\u{17f}:Decrypt", "kms:Decrypt", false),
        ("kms:Decrypt", "\u{212a}ms:Decrypt", false),
        ("Decrypt", "kms:Decrypt", false),
        ("kms", "kms:Decrypt", false),
        ("s3:*", "kms:Decrypt", false),
        ("", "kms:Decrypt", false),
        // No wildcard in what is asked.
        ("kms:Decrypt", "kms:*", false),
        ("kms:Decrypt", "kms:De?rypt", false),
    ] {
        for effect in ["Allow", "Deny"] {
            let statement = |element: &str| {
                compile(&json!({
                    "Effect": effect, "Principal": "*", element: pattern, "Resource": "*",
                }))
            };
            let hit = ask(&statement("Action"), &alice(), action);
            assert_eq!(hit != Verdict::NotMatched, expected, "{pattern} {action}");
            let rest = ask(&statement("NotAction"), &alice(), action);
            assert_eq!(rest == Verdict::NotMatched, expected, "{pattern} {action}");
        }
    }
}

#[test]
fn actions_longer_than_the_buffer_are_compared_all_the_same() {
    let long = format!("kms:{}", "X".repeat(500));
    let policy = compile(&json!([allow(ALICE, &long.to_lowercase())]));
    let direct = Verdict::AllowedDirectly { statement: 0 };
    assert_eq!(ask(&policy, &alice(), &long), direct);
    assert_eq!(ask(&policy, &alice(), &long[1..]), Verdict::NotMatched);
}

#[test]
fn resources_match_with_case_and_across_colons_and_slashes() {
    for (pattern, expected) in [
        ("*", true),
        (KEY, true),
        ("arn:aws:kms:*:111122223333:key/*", true),
        ("arn:*", true),
        ("arn:*:key/*", true),
        ("arn:aws:kms:eu-west-1:111122223333:*", true),
        ("*90ab", true),
        ("arn:aws:kms:eu-west-?:*", true),
        ("arn:aws:kms:eu-west-1:444455556666:key/*", false),
        ("arn:aws:KMS:*:111122223333:key/*", false),
        ("ARN:*", false),
        ("arn:aws:kms:*:111122223333:alias/*", false),
        ("arn:aws:kms:eu-west-1:111122223333:key/", false),
        ("key/*", false),
        ("1234abcd-12ab-34cd-56ef-1234567890ab", false),
        ("", false),
    ] {
        let statement = |element: &str| {
            compile(&json!({
                "Effect": "Allow", "Principal": "*", "Action": "kms:*", element: pattern,
            }))
        };
        let hit = ask(&statement("Resource"), &alice(), "kms:Encrypt");
        assert_eq!(hit != Verdict::NotMatched, expected, "{pattern}");
        let rest = ask(&statement("NotResource"), &alice(), "kms:Encrypt");
        assert_eq!(rest == Verdict::NotMatched, expected, "{pattern}");
    }
}

#[test]
fn a_star_in_the_asked_resource_is_a_letter() {
    let policy = compile(&json!({
        "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": KEY,
    }));
    for resource in ["*", "arn:aws:kms:eu-west-1:111122223333:key/*", "arn:*"] {
        let verdict = policy.evaluate(&request(&alice(), "kms:Encrypt", resource));
        assert_eq!(verdict, Verdict::NotMatched, "{resource}");
    }
}

#[test]
fn hostile_resource_patterns_end_in_time() {
    let head = "arn:aws:kms:eu-west-1:111122223333:key/";
    let subject = format!("{head}{}", "a".repeat(2048 - head.len()));
    let pattern = format!("{head}*a*a*a*a*a*a*a*b");
    let policy = compile(&json!({
        "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": pattern,
    }));
    let alice = alice();
    let best = (0..30).map(|_| {
        let start = Instant::now();
        let verdict = policy.evaluate(&request(&alice, "kms:Encrypt", &subject));
        assert_eq!(verdict, Verdict::NotMatched);
        start.elapsed()
    });
    assert!(best.min().unwrap() < Duration::from_millis(1));
    let reached = format!("{subject}b");
    let verdict = policy.evaluate(&request(&alice, "kms:Encrypt", &reached));
    assert_eq!(verdict, Verdict::Denied { statement: 0 });
}

/// The largest documents that are slow to match: 2,500 short patterns, and 230 long ones.
#[test]
fn hostile_documents_end_in_time() {
    let long = format!("*{}x", "1?".repeat(64));
    for pattern_list in [vec!["*1*a*4*x"; 2500], vec![long.as_str(); 230]] {
        let policy = compile(&json!({
            "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": pattern_list,
        }));
        let alice = alice();
        let best = (0..30).map(|_| {
            let start = Instant::now();
            assert_eq!(ask(&policy, &alice, "kms:Encrypt"), Verdict::NotMatched);
            start.elapsed()
        });
        assert!(best.min().unwrap() < Duration::from_millis(5));
    }
}

#[test]
fn an_explanation_names_the_first_element_that_does_not_fit() {
    let bob = "arn:aws:iam::111122223333:user/bob";
    let mut elsewhere = allow(ALICE, "kms:Encrypt");
    elsewhere["Resource"] = json!("arn:aws:kms:*:*:key/other");
    let mut dead = allow(ALICE, "kms:Encrypt");
    dead.as_object_mut().unwrap().remove("Action");
    let mut named = deny(ALICE, "kms:Encrypt");
    named["Sid"] = json!("no more");
    let policy = compile(&json!([
        allow(bob, "kms:Decrypt"),
        allow(ALICE, "kms:Decrypt"),
        elsewhere,
        dead,
        allow(ACCOUNT, "kms:*"),
        allow("*", "kms:*"),
        named,
    ]));
    let alice = alice();
    let traces = policy.explain(&request(&alice, "kms:Encrypt", KEY));
    let outcomes: Vec<_> = traces.iter().map(|trace| trace.outcome).collect();
    assert_eq!(
        outcomes,
        [
            StatementOutcome::OtherPrincipal,
            StatementOutcome::OtherAction,
            StatementOutcome::OtherResource,
            StatementOutcome::OtherAction,
            StatementOutcome::MatchedByAccount,
            StatementOutcome::MatchedDirectly,
            StatementOutcome::MatchedDirectly,
        ]
    );
    let last = traces.last().unwrap();
    assert_eq!((last.statement, last.effect), (6, Effect::Deny));
    assert_eq!(last.sid.as_deref(), Some("no more"));
    assert_eq!(traces[0].sid, None);
    assert_eq!(
        ask(&policy, &alice, "kms:Encrypt"),
        Verdict::Denied { statement: 6 }
    );
}

#[test]
fn policies_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Policy>();
}
