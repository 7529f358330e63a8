//! Properties: no document makes compilation panic, Deny wins, order does not matter, and the
//! evaluator agrees with a second one that works on printed ARNs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use keystead_policy::{NoContext, Policy, PolicyKind, Request, StatementOutcome};
mod said;

use keystead_types::{AccountId, Principal};
use proptest::prelude::*;
use proptest::sample::select;
use said::Said;
use serde_json::{Map, Value, json};

const KEYS: [&str; 2] = [
    "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
];
const ACTIONS: [&str; 4] = [
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptTo",
    "kms:PutKeyPolicy",
];

fn account() -> impl Strategy<Value = AccountId> {
    select(vec!["111122223333", "444455556666"]).prop_map(|text| AccountId::parse(text).unwrap())
}

fn caller() -> impl Strategy<Value = Principal> {
    let role = select(vec!["worker", "svc/worker"]);
    let session = select(vec!["one", "two"]);
    prop_oneof![
        account().prop_map(|account| Principal::Root { account }),
        (account(), select(vec!["alice", "team/alice"])).prop_map(|(account, name)| {
            let name = name.into();
            Principal::User { account, name }
        }),
        (account(), role, session).prop_map(|(account, role, session)| {
            let (role, session) = (role.into(), session.into());
            Principal::RoleSession {
                account,
                role,
                session,
            }
        }),
        account().prop_map(|account| {
            let name = "alice".into();
            Principal::FederatedUser { account, name }
        }),
        Just(Principal::Service {
            name: "s3.amazonaws.com".into()
        }),
    ]
}

/// A type and a value of the `Principal` element.
fn entry() -> impl Strategy<Value = (&'static str, String)> {
    let aws = |resource: &'static str| {
        let partition = select(vec!["aws", "aws", "aws", "aws-cn"]);
        (partition, account())
            .prop_map(move |(partition, account)| {
                (
                    "AWS",
                    format!(
                        "arn:{partition}:{}",
                        resource.replace('@', account.as_str())
                    ),
                )
            })
            .boxed()
    };
    prop_oneof![
        Just(("AWS", "*".to_owned())),
        account().prop_map(|account| ("AWS", account.to_string())),
        aws("iam::@:root"),
        aws("iam::@:user/alice"),
        aws("iam::@:user/team/alice"),
        aws("iam::@:role/worker"),
        aws("iam::@:role/svc/worker"),
        aws("sts::@:assumed-role/worker/one"),
        aws("sts::@:federated-user/alice"),
        Just(("Service", "s3.amazonaws.com".to_owned())),
        Just(("Federated", "accounts.google.com".to_owned())),
    ]
}

/// A statement before it is written as JSON.
#[derive(Debug, Clone)]
struct Drawn {
    deny: bool,
    not_principal: bool,
    entries: Vec<(&'static str, String)>,
    not_action: bool,
    actions: Vec<&'static str>,
    not_resource: bool,
    resources: Vec<&'static str>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let action = select(vec![
        "kms:*",
        "kms:?ncrypt",
        "KMS:decrypt",
        "kms:Re*To",
        "*",
        "s3:*",
    ]);
    let resource = select(vec![
        "*",
        "arn:aws:kms:*:key/mrk-*",
        KEYS[0],
        "*b",
        "arn:aws:s3:::x",
    ]);
    (
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec(entry(), 1..4),
        prop::bool::weighted(0.2),
        prop::collection::vec(action, 1..3),
        prop::bool::weighted(0.2),
        prop::collection::vec(resource, 1..3),
    )
        .prop_map(
            |(deny, not, entries, not_action, actions, not_resource, resources)| Drawn {
                deny,
                not_principal: deny && not,
                entries,
                not_action,
                actions,
                not_resource,
                resources,
            },
        )
}

fn written(statements: &[Drawn]) -> String {
    let one = |drawn: &Drawn| {
        let mut principal = Map::new();
        for (kind, value) in &drawn.entries {
            let values = principal.entry(*kind).or_insert(json!([]));
            values.as_array_mut().unwrap().push(json!(value));
        }
        let name = |not: bool, name: &str| format!("{}{name}", if not { "Not" } else { "" });
        let mut statement = Map::new();
        statement.insert(
            "Effect".into(),
            json!(if drawn.deny { "Deny" } else { "Allow" }),
        );
        statement.insert(name(drawn.not_principal, "Principal"), principal.into());
        statement.insert(name(drawn.not_action, "Action"), json!(drawn.actions));
        statement.insert(name(drawn.not_resource, "Resource"), json!(drawn.resources));
        Value::Object(statement)
    };
    let statements: Vec<Value> = statements.iter().map(one).collect();
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// The second evaluator: prints the caller in every form that may name it, with how much that
/// form gives (most first), and looks the forms up.
mod naive {
    use super::{Drawn, Principal, Said};

    const EVERYONE: usize = 1;
    const ROLE: usize = 2;
    const ACCOUNT: usize = 3;

    fn names(caller: &Principal) -> Vec<(String, usize)> {
        let mut names = vec![
            (caller.arn("aws").to_string(), 0),
            ("*".to_owned(), EVERYONE),
        ];
        if let Principal::RoleSession { account, role, .. } = caller {
            names.push((format!("arn:aws:iam::{account}:role/{role}"), ROLE));
        }
        if let Some(account) = caller.account() {
            let root = matches!(caller, Principal::Root { .. });
            let rank = if root { 0 } else { ACCOUNT };
            names.push((account.to_string(), rank));
            names.push((format!("arn:aws:iam::{account}:root"), rank));
        }
        names
    }

    fn glob(pattern: &[u8], subject: &[u8]) -> bool {
        match (pattern.first(), subject.first()) {
            (None, None) => true,
            (Some(b'*'), _) => (0..=subject.len()).any(|at| glob(&pattern[1..], &subject[at..])),
            (Some(b'?'), Some(_)) => glob(&pattern[1..], &subject[1..]),
            (Some(one), Some(other)) => one == other && glob(&pattern[1..], &subject[1..]),
            _ => false,
        }
    }

    fn listed(patterns: &[&str], subject: &str) -> bool {
        patterns
            .iter()
            .any(|one| glob(one.as_bytes(), subject.as_bytes()))
    }

    pub(super) fn evaluate(
        statements: &[Drawn],
        caller: &Principal,
        action: &str,
        resource: &str,
    ) -> Said {
        let names = names(caller);
        let mut allowed = Vec::new();
        for (statement, drawn) in statements.iter().enumerate() {
            let ranks = names
                .iter()
                .filter(|(name, _)| drawn.entries.iter().any(|(_, one)| one == name));
            let rank = ranks.map(|(_, rank)| *rank).min();
            let rank = match (drawn.not_principal, rank) {
                (false, rank) => rank,
                (true, None | Some(ACCOUNT)) => Some(EVERYONE),
                (true, Some(_)) => None,
            };
            let lower: Vec<String> = drawn.actions.iter().map(|a| a.to_lowercase()).collect();
            let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
            let fits = listed(&lower, &action.to_lowercase()) != drawn.not_action
                && listed(&drawn.resources, resource) != drawn.not_resource;
            match rank {
                Some(_) if fits && drawn.deny => return Said::Denied { statement },
                Some(rank) if fits => allowed.push((rank, statement)),
                _ => {}
            }
        }
        match allowed.into_iter().min() {
            Some((ACCOUNT, statement)) => Said::AllowedByAccount { statement },
            Some((_, statement)) => Said::AllowedDirectly { statement },
            None => Said::NotMatched,
        }
    }
}

fn ask(document: &str, principal: &Principal, action: &str, resource: &str) -> Said {
    let request = Request {
        principal,
        partition: "aws",
        action,
        resource,
        resource_account: AccountId::parse("111122223333").unwrap(),
        unique_id: None,
        context: &NoContext,
    };
    Policy::compile(PolicyKind::Key, document)
        .unwrap()
        .evaluate(&request)
        .into()
}

/// Any JSON, with the grammar's own names and values often in it.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        select(vec![
            "Version",
            "Id",
            "Statement",
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
            "AWS",
            "Service",
            "Allow",
            "Deny",
            "2012-10-17",
            "*",
            "kms:*",
            "111122223333",
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:user/",
            "arn:aws:sts::111122223333:assumed-role/a/b",
        ])
        .prop_map(str::to_owned),
        ".{0,12}",
        "arn:[:/a-z*?]{0,20}",
    ];
    let leaf = prop_oneof![
        4 => word.clone().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(6, 48, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(word.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_text_makes_compilation_panic(text in ".{0,200}") {
        let _ = Policy::compile(PolicyKind::Key, &text).map_err(|why| why.fault());
    }

    #[test]
    fn no_json_makes_compilation_or_evaluation_panic(tree in any_json(), caller in caller()) {
        for document in [tree.to_string(), json!({ "Statement": tree }).to_string()] {
            match Policy::compile(PolicyKind::Key, &document) {
                Err(why) => prop_assert!(why.fault().message().is_some()),
                Ok(policy) => {
                    let request = Request {
                        principal: &caller,
                        partition: "aws",
                        action: ACTIONS[0],
                        resource: KEYS[0],
                        resource_account: AccountId::parse("111122223333").unwrap(),
                        unique_id: None,
                        context: &NoContext,
                    };
                    policy.evaluate(&request);
                    policy.explain(&request);
                }
            }
        }
    }

    #[test]
    fn damaged_documents_never_panic(
        statements in prop::collection::vec(drawn(), 1..3),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = written(&statements).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = Policy::compile(PolicyKind::Key, text);
        }
        let _ = Policy::compile(PolicyKind::Key, &written(&statements)[..at]);
    }

    #[test]
    fn the_two_evaluators_agree(
        statements in prop::collection::vec(drawn(), 1..6),
        caller in caller(),
        action in select(&ACTIONS[..]),
        resource in select(&KEYS[..]),
    ) {
        let verdict = ask(&written(&statements), &caller, action, resource);
        prop_assert_eq!(verdict, naive::evaluate(&statements, &caller, action, resource));
    }

    #[test]
    fn a_deny_that_applies_wins_among_any_statements(
        before in prop::collection::vec(drawn(), 0..4),
        deny in drawn(),
        after in prop::collection::vec(drawn(), 0..4),
        caller in caller(),
        action in select(&ACTIONS[..]),
        resource in select(&KEYS[..]),
    ) {
        let deny = Drawn { deny: true, ..deny };
        let alone = ask(&written(std::slice::from_ref(&deny)), &caller, action, resource);
        let all: Vec<Drawn> = before.into_iter().chain([deny]).chain(after).collect();
        let together = ask(&written(&all), &caller, action, resource);
        if alone != Said::NotMatched {
            let denied = matches!(together, Said::Denied { .. });
            prop_assert!(denied);
        }
    }

    #[test]
    fn an_explanation_and_its_verdict_agree(
        statements in prop::collection::vec(drawn(), 1..6),
        caller in caller(),
    ) {
        let policy = Policy::compile(PolicyKind::Key, &written(&statements)).unwrap();
        let request = Request {
            principal: &caller,
            partition: "aws",
            action: ACTIONS[0],
            resource: KEYS[0],
            resource_account: AccountId::parse("111122223333").unwrap(),
            unique_id: None,
            context: &NoContext,
        };
        let traces = policy.explain(&request);
        prop_assert_eq!(traces.len(), statements.len());
        let matched = |outcome| matches!(
            outcome,
            StatementOutcome::Matched(_)
        );
        let any = traces.iter().any(|trace| matched(trace.outcome));
        prop_assert_eq!(any, Said::from(policy.evaluate(&request)) != Said::NotMatched);
    }
}
