//! Each form of principal × each kind of caller × effect × account.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use keystead_policy::{NoContext, Policy, PolicyErrorKind, PolicyKind, Request};
mod said;

use keystead_types::{AccountId, FaultKind, Principal};
use said::Said;
use serde_json::{Value, json};

const OURS: &str = "111122223333";
const OTHER: &str = "444455556666";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn id(account: &str) -> AccountId {
    AccountId::parse(account).unwrap()
}

fn root(account: &str) -> Principal {
    Principal::Root {
        account: id(account),
    }
}

fn user(account: &str, name: &str) -> Principal {
    Principal::User {
        account: id(account),
        name: name.into(),
    }
}

fn session(account: &str, role: &str, session: &str) -> Principal {
    Principal::RoleSession {
        account: id(account),
        role: role.into(),
        session: session.into(),
    }
}

fn federated(account: &str, name: &str) -> Principal {
    Principal::FederatedUser {
        account: id(account),
        name: name.into(),
    }
}

fn service(name: &str) -> Principal {
    Principal::Service { name: name.into() }
}

fn policy(effect: &str, element: &str, principal: &Value) -> Result<Policy, PolicyErrorKind> {
    let document = json!({
        "Version": "2012-10-17",
        "Statement": {"Effect": effect, element: principal, "Action": "kms:*", "Resource": "*"},
    });
    Policy::compile(PolicyKind::Key, &document.to_string()).map_err(|why| why.kind())
}

fn ask(policy: &Policy, principal: &Principal, partition: &str) -> Said {
    policy
        .evaluate(&Request {
            principal,
            partition,
            action: "kms:Encrypt",
            resource: KEY,
            resource_account: id(OURS),
            unique_id: None,
            context: &NoContext,
        })
        .into()
}

/// Every caller of the tables below, with a name to print.
fn callers() -> Vec<(&'static str, Principal)> {
    vec![
        ("root", root(OURS)),
        ("alice", user(OURS, "alice")),
        ("team/alice", user(OURS, "team/alice")),
        ("Alice", user(OURS, "Alice")),
        ("alice2", user(OURS, "alice2")),
        ("worker/one", session(OURS, "worker", "one")),
        ("worker/two", session(OURS, "worker", "two")),
        ("svc/worker/one", session(OURS, "svc/worker", "one")),
        ("fed alice", federated(OURS, "alice")),
        ("other root", root(OTHER)),
        ("other alice", user(OTHER, "alice")),
        ("other worker/one", session(OTHER, "worker", "one")),
        ("other fed alice", federated(OTHER, "alice")),
        ("s3", service("s3.amazonaws.com")),
        ("root as a service", service("root")),
    ]
}

const IN_ACCOUNT: &[&str] = &[
    "alice",
    "team/alice",
    "Alice",
    "alice2",
    "worker/one",
    "worker/two",
    "svc/worker/one",
    "fed alice",
];
const ALL: &[&str] = &[
    "root",
    "alice",
    "team/alice",
    "Alice",
    "alice2",
    "worker/one",
    "worker/two",
    "svc/worker/one",
    "fed alice",
    "other root",
    "other alice",
    "other worker/one",
    "other fed alice",
    "s3",
    "root as a service",
];

struct Row {
    principal: Value,
    /// Whom an Allow allows directly.
    direct: &'static [&'static str],
    /// Whom an Allow allows if identity policies do.
    by_account: &'static [&'static str],
}

fn row(
    principal: Value,
    direct: &'static [&'static str],
    by_account: &'static [&'static str],
) -> Row {
    Row {
        principal,
        direct,
        by_account,
    }
}

fn aws(value: &str, direct: &'static [&'static str], by_account: &'static [&'static str]) -> Row {
    row(json!({ "AWS": value }), direct, by_account)
}

fn table() -> Vec<Row> {
    let others = &["other alice", "other worker/one", "other fed alice"];
    vec![
        row(json!("*"), ALL, &[]),
        aws("*", ALL, &[]),
        aws(OURS, &["root"], IN_ACCOUNT),
        aws("arn:aws:iam::111122223333:root", &["root"], IN_ACCOUNT),
        aws(OTHER, &["other root"], others),
        aws("arn:aws:iam::444455556666:root", &["other root"], others),
        aws("arn:aws-cn:iam::111122223333:root", &[], &[]),
        aws("arn:aws:iam::111122223333:user/alice", &["alice"], &[]),
        aws(
            "arn:aws:iam::111122223333:user/team/alice",
            &["team/alice"],
            &[],
        ),
        aws("arn:aws-cn:iam::111122223333:user/alice", &[], &[]),
        aws(
            "arn:aws:iam::444455556666:user/alice",
            &["other alice"],
            &[],
        ),
        aws("arn:aws:iam::111122223333:user/worker", &[], &[]),
        aws("arn:aws:iam::111122223333:role/alice", &[], &[]),
        aws(
            "arn:aws:iam::111122223333:role/worker",
            &["worker/one", "worker/two"],
            &[],
        ),
        aws(
            "arn:aws:iam::111122223333:role/svc/worker",
            &["svc/worker/one"],
            &[],
        ),
        // The ARN of a session does not show the role's path.
        aws(
            "arn:aws:sts::111122223333:assumed-role/worker/one",
            &["worker/one", "svc/worker/one"],
            &[],
        ),
        aws("arn:aws:sts::111122223333:assumed-role/other/one", &[], &[]),
        aws(
            "arn:aws:sts::444455556666:assumed-role/worker/one",
            &["other worker/one"],
            &[],
        ),
        aws(
            "arn:aws:sts::111122223333:federated-user/alice",
            &["fed alice"],
            &[],
        ),
        row(json!({"Service": "s3.amazonaws.com"}), &["s3"], &[]),
        row(json!({"Service": "s3.amazonaws.com.cn"}), &[], &[]),
        row(json!({"Federated": "accounts.google.com"}), &[], &[]),
        row(json!({"Federated": "*"}), &[], &[]),
        row(
            json!({"CanonicalUser": "79a59df900b949e55d96a1e6"}),
            &[],
            &[],
        ),
        row(
            json!({
                "AWS": ["arn:aws:iam::111122223333:user/alice", OTHER],
                "Service": ["sqs.amazonaws.com", "s3.amazonaws.com"],
            }),
            &["alice", "other root", "s3"],
            others,
        ),
        // A direct entry counts even after a delegation.
        row(
            json!({"AWS": [OURS, "arn:aws:iam::111122223333:user/alice"]}),
            &["root", "alice"],
            &[
                "team/alice",
                "Alice",
                "alice2",
                "worker/one",
                "worker/two",
                "svc/worker/one",
                "fed alice",
            ],
        ),
    ]
}

#[test]
fn allow_reaches_whom_it_names() {
    for row in table() {
        let policy = policy("Allow", "Principal", &row.principal).unwrap();
        for (name, caller) in callers() {
            let expected = if row.direct.contains(&name) {
                Said::AllowedDirectly { statement: 0 }
            } else if row.by_account.contains(&name) {
                Said::AllowedByAccount { statement: 0 }
            } else {
                Said::NotMatched
            };
            let verdict = ask(&policy, &caller, "aws");
            assert_eq!(verdict, expected, "{} for {name}", row.principal);
        }
    }
}

#[test]
fn deny_reaches_whom_it_names_and_everyone_of_a_named_account() {
    for row in table() {
        let policy = policy("Deny", "Principal", &row.principal).unwrap();
        for (name, caller) in callers() {
            let expected = if row.direct.contains(&name) || row.by_account.contains(&name) {
                Said::Denied { statement: 0 }
            } else {
                Said::NotMatched
            };
            let verdict = ask(&policy, &caller, "aws");
            assert_eq!(verdict, expected, "{} for {name}", row.principal);
        }
    }
}

#[test]
fn not_principal_denies_all_but_those_named_directly() {
    for row in table() {
        let policy = policy("Deny", "NotPrincipal", &row.principal).unwrap();
        for (name, caller) in callers() {
            let expected = if row.direct.contains(&name) {
                Said::NotMatched
            } else {
                Said::Denied { statement: 0 }
            };
            let verdict = ask(&policy, &caller, "aws");
            assert_eq!(verdict, expected, "{} for {name}", row.principal);
        }
    }
}

#[test]
fn not_principal_never_allows() {
    for row in table() {
        assert_eq!(
            policy("Allow", "NotPrincipal", &row.principal).unwrap_err(),
            PolicyErrorKind::Grammar
        );
    }
}

#[test]
fn the_partition_of_an_arn_must_be_the_requests() {
    let caller = user(OURS, "alice");
    let named = |arn: &str| policy("Allow", "Principal", &json!({ "AWS": arn })).unwrap();
    let china = named("arn:aws-cn:iam::111122223333:user/alice");
    assert_eq!(
        ask(&china, &caller, "aws-cn"),
        Said::AllowedDirectly { statement: 0 }
    );
    assert_eq!(ask(&china, &caller, "aws"), Said::NotMatched);
    assert_eq!(ask(&china, &caller, "aws-c"), Said::NotMatched);
    assert!(china.require_partition("aws-cn").is_ok());
    let why = china.require_partition("aws").unwrap_err();
    assert_eq!(why.kind(), PolicyErrorKind::InvalidPrincipals);
    assert_eq!(why.statement(), Some(0));
    // Twelve digits name the account wherever it is; no partition of that name, no match.
    let digits = named(OURS);
    assert!(digits.require_partition("aws-cn").is_ok());
    assert_eq!(
        ask(&digits, &caller, "aws-cn"),
        Said::AllowedByAccount { statement: 0 }
    );
    assert_eq!(ask(&digits, &caller, "aws-moon"), Said::NotMatched);
    let all = policy("Allow", "Principal", &json!("*")).unwrap();
    assert_eq!(ask(&all, &caller, ""), Said::NotMatched);
}

#[test]
fn what_is_no_arn_of_a_principal_is_an_invalid_arn() {
    for bad in [
        "alice",
        "",
        " *",
        "**",
        "11112222333",
        "1111222233334",
        "１１１１２２２２３３３３",
        "arn",
        "arn:",
        "arn:aws:iam::111122223333",
        "arn:aws:iam::111122223333:",
        "arn:aws:iam::111122223333:user",
        "arn:aws:iam::111122223333:user/",
        "arn:aws:iam::111122223333:user/team/",
        "arn:aws:iam::111122223333:user/al ice",
        "arn:aws:iam::111122223333:user/${aws:username}",
        "arn:aws:iam::111122223333:user/\u{212a}",
        "arn:aws:iam::111122223333:root/x",
        "arn:aws:iam::111122223333:Root",
        "arn:aws:iam::111122223333:policy/x",
        "arn:aws:iam:eu-west-1:111122223333:user/alice",
        "arn:aws:iam::cloudfront:user/x",
        "arn:aws:iam:::root",
        "arn:moon:iam::111122223333:root",
        "ARN:aws:iam::111122223333:root",
        "arn:aws:sts::111122223333:root",
        "arn:aws:sts::111122223333:assumed-role/worker",
        "arn:aws:sts::111122223333:assumed-role/worker/",
        "arn:aws:sts::111122223333:assumed-role//one",
        "arn:aws:sts::111122223333:assumed-role/svc/worker/one",
        "arn:aws:sts::111122223333:federated-user/a/b",
        "arn:aws:iam::111122223333:assumed-role/worker/one",
        "arn:aws:sts::111122223333:user/alice",
        "arn:aws:kms:eu-west-1:111122223333:key/x",
    ] {
        let kind = policy("Allow", "Principal", &json!({ "AWS": bad })).unwrap_err();
        let expected = if bad.is_empty() {
            PolicyErrorKind::InvalidPrincipals
        } else {
            PolicyErrorKind::InvalidArn
        };
        assert_eq!(kind, expected, "{bad:?}");
    }
}

#[test]
fn what_can_never_be_a_principal_is_an_invalid_principal() {
    for bad in [
        json!("alice"),
        json!(OURS),
        json!({}),
        json!([]),
        json!(["*"]),
        json!(null),
        json!({"AWS": []}),
        json!({"Service": ""}),
        json!({"Service": "*"}),
        json!({"Service": "s3"}),
        json!({"Service": "S3.amazonaws.com"}),
        json!({"Service": "s3..com"}),
        json!({"AWS": "arn:aws:iam::111122223333:group/team"}),
        json!({"AWS": "arn:aws:iam::111122223333:user/*"}),
        json!({"AWS": "arn:aws:iam::*:root"}),
        json!({"AWS": "arn:aws:iam::111122223333:role/w?rker"}),
        json!({"AWS": "arn:*"}),
        json!({"AWS": "AIDACKCEVSQ6C2EXAMPLE"}),
        json!({"AWS": ["*", "AROADBQP57FF2AEXAMPLE"]}),
    ] {
        let kind = policy("Allow", "Principal", &bad).unwrap_err();
        assert_eq!(kind, PolicyErrorKind::InvalidPrincipals, "{bad}");
    }
}

#[test]
fn the_wire_errors_carry_the_texts_of_aws() {
    let fault = |principal: Value| {
        let document =
            json!({"Statement": {"Effect": "Allow", "Principal": principal}}).to_string();
        Policy::compile(PolicyKind::Key, &document)
            .unwrap_err()
            .fault()
    };
    let arn = fault(json!({"AWS": "arn:aws:iam::1:root"}));
    assert_eq!(arn.kind(), FaultKind::InvalidArn);
    assert_eq!(
        arn.message(),
        Some("An ARN in the specified key policy is invalid.")
    );
    let group = fault(json!({"AWS": "arn:aws:iam::111122223333:group/team"}));
    assert_eq!(group.kind(), FaultKind::MalformedPolicyDocument);
    assert_eq!(
        group.message(),
        Some("Policy contains a statement with one or more invalid principals.")
    );
    assert!(group.cause().unwrap().to_string().contains("group"));
}

#[test]
fn principals_can_be_listed_for_an_existence_check() {
    let document = json!({"Statement": [
        {"Effect": "Allow", "Principal": {"AWS": [OURS, "arn:aws:iam::111122223333:user/alice"]}},
        {"Effect": "Deny", "NotPrincipal": {"Service": "s3.amazonaws.com"}},
    ]});
    let policy = Policy::compile(PolicyKind::Key, &document.to_string()).unwrap();
    let places: Vec<usize> = policy.named_principals().map(|(at, _)| at).collect();
    assert_eq!(places, [0, 0, 1]);
}
