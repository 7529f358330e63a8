//! What other tests would not notice: each test here is for a change of the engine that left all
//! of them passing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use keystead_policy::limits::QUESTION_GROUPS_PER_POLICY_MAX;
use keystead_policy::{Partition, Policy, PolicyErrorKind, PolicyKind};
use keystead_types::AccountId;
use serde_json::{Value, json};

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
