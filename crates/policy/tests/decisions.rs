//! The key policy's part of the decision table, actions and resources. Rows F4 and F5.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use keystead_policy::{
    Effect, Named, NoContext, Policy, PolicyErrorKind, PolicyKind, Request, StatementOutcome,
    default_key_policy,
};
mod said;

use keystead_types::{AccountId, Principal};
use said::Said;
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

fn ask(policy: &Policy, principal: &Principal, action: &str) -> Said {
    policy.evaluate(&request(principal, action, KEY)).into()
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
        assert_eq!(ask(&policy, &alice(), action), Said::NotMatched, "{action}");
    }
    let stranger = user("111122223333", "bob");
    assert_eq!(ask(&policy, &stranger, "kms:Encrypt"), Said::NotMatched);
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
        let direct = Said::AllowedDirectly { statement: 0 };
        assert_eq!(ask(&policy, &root, action), direct);
        let delegated = Said::AllowedByAccount { statement: 0 };
        assert_eq!(ask(&policy, &alice(), action), delegated);
        let stranger = user("444455556666", "alice");
        assert_eq!(ask(&policy, &stranger, action), Said::NotMatched);
    }
}

#[test]
fn without_an_account_statement_there_is_no_delegation() {
    let policy = compile(&json!([allow(ALICE, "kms:*")]));
    let root = Principal::Root {
        account: id("111122223333"),
    };
    assert_eq!(ask(&policy, &root, "kms:PutKeyPolicy"), Said::NotMatched);
    let bob = user("111122223333", "bob");
    assert_eq!(ask(&policy, &bob, "kms:PutKeyPolicy"), Said::NotMatched);
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
            assert!(matches!(verdict, Said::Denied { .. }), "{statements}");
            let other = ask(&policy, &alice(), "kms:Encrypt");
            assert!(matches!(other, Said::AllowedDirectly { .. }));
        }
    }
}

#[test]
fn a_deny_of_one_account_does_not_touch_another() {
    let policy = compile(&json!([deny(ACCOUNT, "*"), allow("*", "kms:*")]));
    let stranger = user("444455556666", "alice");
    assert_eq!(
        ask(&policy, &stranger, "kms:Encrypt"),
        Said::AllowedDirectly { statement: 1 }
    );
    assert_eq!(
        ask(&policy, &alice(), "kms:Encrypt"),
        Said::Denied { statement: 0 }
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
        let direct = Said::AllowedDirectly { statement: place };
        assert_eq!(ask(&policy, &alice(), "kms:Encrypt"), direct);
        let delegated = Said::AllowedByAccount {
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
            assert_eq!(hit != Said::NotMatched, expected, "{pattern} {action}");
            let rest = ask(&statement("NotAction"), &alice(), action);
            assert_eq!(rest == Said::NotMatched, expected, "{pattern} {action}");
        }
    }
}

#[test]
fn actions_longer_than_the_buffer_are_compared_all_the_same() {
    let long = format!("kms:{}", "X".repeat(500));
    let policy = compile(&json!([allow(ALICE, &long.to_lowercase())]));
    let direct = Said::AllowedDirectly { statement: 0 };
    assert_eq!(ask(&policy, &alice(), &long), direct);
    assert_eq!(ask(&policy, &alice(), &long[1..]), Said::NotMatched);
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
        assert_eq!(hit != Said::NotMatched, expected, "{pattern}");
        let rest = ask(&statement("NotResource"), &alice(), "kms:Encrypt");
        assert_eq!(rest == Said::NotMatched, expected, "{pattern}");
    }
}

#[test]
fn a_star_in_the_asked_resource_is_a_letter() {
    let policy = compile(&json!({
        "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": KEY,
    }));
    for resource in ["*", "arn:aws:kms:eu-west-1:111122223333:key/*", "arn:*"] {
        let verdict = Said::from(policy.evaluate(&request(&alice(), "kms:Encrypt", resource)));
        assert_eq!(verdict, Said::NotMatched, "{resource}");
    }
}

/// With a matcher that backtracks, neither of these would end.
#[test]
fn hostile_resource_patterns_end() {
    let head = "arn:aws:kms:eu-west-1:111122223333:key/";
    let subject = format!("{head}{}", "a".repeat(8192));
    let stars = format!("{head}{}b", "*a".repeat(1000));
    let questions = format!("*{}b*", "a?".repeat(64));
    for patterns in [vec![stars.as_str(); 14], vec![questions.as_str(); 2]] {
        let policy = compile(&json!({
            "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": patterns,
        }));
        let alice = alice();
        let verdict = Said::from(policy.evaluate(&request(&alice, "kms:Encrypt", &subject)));
        assert_eq!(verdict, Said::NotMatched);
        let reached = format!("{subject}b");
        let verdict = Said::from(policy.evaluate(&request(&alice, "kms:Encrypt", &reached)));
        assert_eq!(verdict, Said::Denied { statement: 0 });
    }
}

#[test]
fn groups_of_question_marks_are_bounded_in_the_whole_document() {
    let document = |count: usize| {
        let pattern = format!("?*{}*?", "a?".repeat(32));
        json!({"Statement": {
            "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": vec![pattern; count],
        }})
        .to_string()
    };
    assert!(Policy::compile(PolicyKind::Key, &document(4)).is_ok());
    // Where a group has one place only it costs nothing.
    let fixed = json!({"Statement": {
        "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": vec!["a?b?*c?d"; 500],
    }});
    assert!(Policy::compile(PolicyKind::Key, &fixed.to_string()).is_ok());
    let why = Policy::compile(PolicyKind::Key, &document(5)).unwrap_err();
    assert_eq!(why.kind(), PolicyErrorKind::TooMany);
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
            StatementOutcome::Matched(Named::Account),
            StatementOutcome::Matched(Named::Everyone),
            StatementOutcome::Matched(Named::Principal),
        ]
    );
    let last = traces.last().unwrap();
    assert_eq!((last.statement, last.effect), (6, Effect::Deny));
    assert_eq!(last.sid.as_deref(), Some("no more"));
    assert_eq!(traces[0].sid, None);
    assert_eq!(
        ask(&policy, &alice, "kms:Encrypt"),
        Said::Denied { statement: 6 }
    );
}

#[test]
fn policies_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Policy>();
}
