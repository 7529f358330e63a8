//! What each kind of policy takes, and what its API answers to the rest; principals bound to
//! unique ids; web identities.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use keystead_policy::{
    Named, NoContext, Policy, PolicyErrorKind, PolicyKind, Request, StatementOutcome, Verdict,
    Version, counted_chars, limits,
};
use keystead_types::{AccountId, FaultKind, Principal};
use serde_json::{Value, json};

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";
const WORKER: &str = "arn:aws:iam::111122223333:role/worker";
const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/accounts.example.com";

fn account() -> AccountId {
    AccountId::parse("111122223333").unwrap()
}

fn user(name: &str) -> Principal {
    let (account, name) = (account(), name.into());
    Principal::User { account, name }
}

fn session(role: &str) -> Principal {
    Principal::RoleSession {
        account: account(),
        role: role.into(),
        session: "one".into(),
    }
}

fn ask<'a>(principal: &'a Principal, action: &'a str, unique_id: Option<&'a str>) -> Request<'a> {
    Request {
        principal,
        partition: "aws",
        action,
        resource: "arn:aws:kms:eu-west-1:111122223333:key/x",
        resource_account: account(),
        unique_id,
        context: &NoContext,
    }
}

/// The statement with these members replaced; null removes one.
fn document(good: &Value, changes: &Value) -> String {
    let mut statement = good.clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            statement.as_object_mut().unwrap().remove(name);
        } else {
            statement[name] = value.clone();
        }
    }
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn assert_refused(kind: PolicyKind, good: &Value, changes: &Value, text: &str) {
    let document = document(good, changes);
    let fault = Policy::compile(kind, &document)
        .expect_err(&document)
        .fault();
    assert_eq!(
        fault.kind(),
        FaultKind::MalformedPolicyDocument,
        "{document}"
    );
    assert_eq!(fault.message(), Some(text), "{kind:?} {document}");
    assert!(fault.cause().is_some(), "{document}");
}

const VENDOR: &str = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";

const SERVICE: &str = "Resource vendor must be fully qualified and cannot contain regexes.";

#[test]
fn identity_policies_are_checked_as_iam_does() {
    let good = json!({"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"});
    let kinds = [PolicyKind::Identity, PolicyKind::ServiceControl];
    for changes in [
        json!({}),
        json!({"Sid": "Ab1"}),
        json!({"Sid": ""}),
        json!({"Action": "*"}),
        json!({"Action": "*:*"}),
        json!({"Action": null, "NotAction": ["kms:*", "s3:Get*"]}),
        json!({"Resource": null, "NotResource": "arn:aws:s3:::x"}),
        json!({"Resource": ["arn:*:kms:*:*:key/*", "arn:aws-cn:s3:::${aws:username}"]}),
        json!({"Resource": ["arn:*", "arn:aws:*"]}),
        json!({"Condition": {"Bool": {"aws:SecureTransport": true}}}),
    ] {
        for kind in kinds {
            let policy = Policy::compile(kind, &document(&good, &changes));
            assert!(policy.is_ok(), "{changes}: {policy:?}");
        }
    }
    let principal = "Policy document should not specify a principal.";
    for (changes, text) in [
        (json!({"Principal": "*"}), principal),
        (json!({"NotPrincipal": "*"}), principal),
        (
            json!({"Action": null}),
            "Policy statement must contain actions.",
        ),
        (
            json!({"Action": []}),
            "Policy statement must contain actions.",
        ),
        (
            json!({"Action": null, "NotAction": []}),
            "Policy statement must contain actions.",
        ),
        (
            json!({"Resource": null}),
            "Policy statement must contain resources.",
        ),
        (
            json!({"Resource": []}),
            "Policy statement must contain resources.",
        ),
        (json!({"Action": "Encrypt"}), VENDOR),
        (json!({"Action": ""}), VENDOR),
        (
            json!({"Action": "a:b:c"}),
            "Actions/Condition can contain only one colon.",
        ),
        (json!({"Action": "k*s:b"}), "Vendor k*s is not valid"),
        (json!({"Action": ":b"}), "Vendor  is not valid"),
        (
            json!({"Resource": "key/x"}),
            "Resource key/x must be in ARN format or \"*\".",
        ),
        (
            json!({"Resource": ["*", ""]}),
            "Resource  must be in ARN format or \"*\".",
        ),
        (
            json!({"Resource": "arn:moon:s3:::x"}),
            "Partition \"moon\" is not valid for resource \"arn:moon:s3:::x\".",
        ),
        (json!({"Resource": "arn:aws"}), SERVICE),
        (json!({"Resource": "arn:aws:"}), SERVICE),
        (json!({"Resource": "arn:aws:s3"}), SERVICE),
        (json!({"Resource": "arn:aws::x"}), SERVICE),
        (
            json!({"Sid": "a b"}),
            "Statement IDs (SID) must be alpha-numeric. \
             Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ),
        (
            json!({"Effect": "allow"}),
            "The policy failed legacy parsing",
        ),
        (json!({"Effect": "Maybe"}), "Syntax errors in policy."),
        (json!({"Extra": "x"}), "Syntax errors in policy."),
        (
            json!({"Condition": {"Foo": {"aws:x": "y"}}}),
            "Syntax errors in policy.",
        ),
        (json!({"Condition": {"StringEquals": {"x": "y"}}}), VENDOR),
        (
            json!({"Condition": {"DateLessThan": {"aws:x": "y"}}}),
            "The policy failed legacy parsing",
        ),
    ] {
        for kind in kinds {
            assert_refused(kind, &good, &changes, text);
        }
    }
    let twice = json!({"Sid": "a", "Effect": "Allow", "Action": "kms:X", "Resource": "*"});
    let document = json!({"Statement": [twice, twice]}).to_string();
    let fault = Policy::compile(PolicyKind::Identity, &document)
        .unwrap_err()
        .fault();
    let text = "Statement IDs (SID) in a single policy must be unique.";
    assert_eq!(fault.message(), Some(text));
    for broken in [
        "",
        "{",
        "[]",
        "{}",
        "null",
        r#"{"Version":"2012-10-17","Statement":[]}"#,
    ] {
        let fault = Policy::compile(PolicyKind::Identity, broken)
            .unwrap_err()
            .fault();
        assert_eq!(
            fault.message(),
            Some("Syntax errors in policy."),
            "{broken}"
        );
    }
    for (broken, text) in [
        ("", "This policy contains invalid Json"),
        ("{", "This policy contains invalid Json"),
        ("[]", "Syntax errors in policy."),
    ] {
        let fault = Policy::compile(PolicyKind::Trust, broken).unwrap_err();
        assert_eq!(fault.fault().message(), Some(text), "{broken}");
    }
}

#[test]
fn trust_policies_have_principals_sts_actions_and_no_resource() {
    let good = json!({"Effect": "Allow", "Principal": {"AWS": ALICE}, "Action": "sts:AssumeRole"});
    for changes in [
        json!({}),
        json!({"Action": ["STS:AssumeRole", "sts:TagSession"]}),
        json!({"Action": "sts:*"}),
        json!({"Principal": {"Federated": PROVIDER, "Service": "s3.amazonaws.com"}}),
    ] {
        let policy = Policy::compile(PolicyKind::Trust, &document(&good, &changes));
        assert!(policy.is_ok(), "{changes}: {policy:?}");
    }
    let policy = Policy::compile(PolicyKind::Trust, &document(&good, &json!({}))).unwrap();
    let verdict = policy.evaluate(&ask(&user("alice"), "sts:AssumeRole", None));
    let named = Named::Principal;
    assert_eq!(
        verdict,
        Verdict::Allowed {
            statement: 0,
            named
        }
    );
    let other = policy.evaluate(&ask(&user("bob"), "sts:AssumeRole", None));
    assert_eq!(other, Verdict::NotMatched);
    let sts = "AssumeRole policy may only specify STS AssumeRole actions.";
    let invalid =
        |kind: &str, value: &str| format!("Invalid principal in policy: \"{kind}\":\"{value}\"");
    for (changes, text) in [
        (
            json!({"Principal": null}),
            "Missing required field Principal".to_owned(),
        ),
        (
            json!({"Resource": "*"}),
            "Has prohibited field Resource".into(),
        ),
        (
            json!({"NotResource": "*"}),
            "Has prohibited field NotResource".into(),
        ),
        (json!({"Action": "kms:Encrypt"}), sts.into()),
        (json!({"Action": ["sts:AssumeRole", "*"]}), sts.into()),
        (
            json!({"Action": null, "NotAction": "kms:Encrypt"}),
            sts.into(),
        ),
        (
            json!({"Action": null}),
            "Policy statement must contain actions.".into(),
        ),
        (json!({"Principal": {"AWS": "bob"}}), invalid("AWS", "bob")),
        (
            json!({"Principal": {"Service": "s3"}}),
            invalid("SERVICE", "s3"),
        ),
        (json!({"Principal": {}}), "Syntax errors in policy.".into()),
        (
            json!({"Principal": null, "NotPrincipal": {"AWS": ALICE}}),
            "Syntax errors in policy.".into(),
        ),
    ] {
        assert_refused(PolicyKind::Trust, &good, &changes, &text);
    }
}

#[test]
fn resource_control_policies_only_deny_everyone() {
    let good = json!({"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"});
    let compile =
        |changes: Value| Policy::compile(PolicyKind::ResourceControl, &document(&good, &changes));
    assert!(compile(json!({})).is_ok());
    assert!(compile(json!({"Principal": {"AWS": "*"}})).is_ok());
    for bad in [
        json!({"Effect": "Allow"}),
        json!({"Principal": null}),
        json!({"Principal": {"AWS": ALICE}}),
        json!({"Principal": {"AWS": ["*", ALICE]}}),
        json!({"Principal": null, "NotPrincipal": "*"}),
        json!({"Action": null, "NotAction": "kms:*"}),
        json!({"Action": null}),
        json!({"Resource": null}),
    ] {
        assert_eq!(
            compile(bad.clone()).unwrap_err().kind(),
            PolicyErrorKind::Grammar,
            "{bad}"
        );
    }
    let policy = compile(json!({})).unwrap();
    let verdict = policy.evaluate(&ask(&user("alice"), "kms:Encrypt", None));
    assert_eq!(verdict, Verdict::Denied { statement: 0 });
}

#[test]
fn endpoint_policies_are_like_key_policies_but_whole() {
    let good = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    assert!(Policy::compile(PolicyKind::Endpoint, &document(&good, &json!({}))).is_ok());
    for bad in ["Principal", "Action", "Resource"] {
        let document = document(&good, &json!({ bad: null }));
        assert!(Policy::compile(PolicyKind::Endpoint, &document).is_err());
    }
}

#[test]
fn versions_are_told() {
    let good = json!({"Effect": "Allow", "Action": "kms:X", "Resource": "*"});
    let compile = |document: &Value| {
        Policy::compile(PolicyKind::Identity, &document.to_string()).map(|policy| policy.version())
    };
    for (version, expected) in [
        ("2012-10-17", Version::V2012),
        ("2008-10-17", Version::V2008),
    ] {
        let document = json!({"Version": version, "Statement": good});
        assert_eq!(compile(&document), Ok(expected));
    }
    assert_eq!(compile(&json!({"Statement": good})), Ok(Version::V2008));
    assert!(compile(&json!({"Version": "2012-10-18", "Statement": good})).is_err());
}

#[test]
fn sizes_are_bounded_by_kind() {
    let quota = |limit: usize| format!("Cannot exceed quota for PolicySize: {limit}");
    for (kind, limit, text) in [
        (PolicyKind::Identity, 10_240, quota(10_240)),
        (PolicyKind::ServiceControl, 5_120, quota(5_120)),
        (PolicyKind::ResourceControl, 5_120, quota(5_120)),
        (PolicyKind::Endpoint, 20_480, quota(20_480)),
        (
            PolicyKind::Trust,
            8_192,
            "Cannot exceed quota for ACLSizePerRole: 8192".into(),
        ),
    ] {
        assert_eq!(kind.max_size(), limit);
        let mut statement = json!({"Effect": "Deny", "Action": "sts:X"});
        match kind {
            PolicyKind::Trust => statement["Principal"] = json!("*"),
            PolicyKind::Identity | PolicyKind::ServiceControl => statement["Resource"] = json!("*"),
            _ => {
                statement["Principal"] = json!("*");
                statement["Resource"] = json!("*");
            }
        }
        let sized = |chars: usize| {
            let empty = json!({"Id": "", "Statement": statement}).to_string();
            let id = "é".repeat(chars - counted_chars(&empty));
            // White space does not count.
            format!(" \n\t{}", json!({"Id": id, "Statement": statement}))
        };
        let good = Policy::compile(kind, &sized(limit));
        assert!(good.is_ok(), "{kind:?} {good:?}");
        let fault = Policy::compile(kind, &sized(limit + 1))
            .unwrap_err()
            .fault();
        assert_eq!(fault.kind(), FaultKind::LimitExceeded);
        assert_eq!(fault.message(), Some(text.as_str()));
    }
    let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let mut blank = json!({ "Statement": statement }).to_string();
    blank += &" ".repeat(limits::DOCUMENT_MAX_BYTES - blank.len());
    assert!(Policy::compile(PolicyKind::Identity, &blank).is_ok());
    blank += " ";
    let why = Policy::compile(PolicyKind::Identity, &blank).unwrap_err();
    assert_eq!(why.kind(), PolicyErrorKind::TooLarge);
}

#[test]
fn a_bound_principal_is_its_unique_id_and_not_its_name() {
    let bound = [(ALICE, "AIDAALICE"), (WORKER, "AROAWORKER")];
    for kind in [PolicyKind::Key, PolicyKind::Trust] {
        let mut statement = json!({
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": [ALICE, WORKER, "arn:aws:iam::111122223333:user/bob"]},
        });
        if kind == PolicyKind::Key {
            statement["Resource"] = json!("*");
        }
        let document = json!({ "Statement": statement }).to_string();
        let policy = Policy::compile_bound(kind, &document, &bound).unwrap();
        let unbound = Policy::compile(kind, &document).unwrap();
        for (caller, unique_id, with_binding, without) in [
            (user("alice"), Some("AIDAALICE"), true, true),
            (user("alice"), Some("AIDAOTHER"), false, true),
            (user("alice"), None, false, true),
            (user("alice"), Some("AROAWORKER"), false, true),
            // Renamed.
            (user("alicia"), Some("AIDAALICE"), true, false),
            (session("worker"), Some("AROAWORKER"), true, true),
            (session("worker"), Some("AROAOTHER"), false, true),
            (session("worker"), Some("AIDAALICE"), false, true),
            (session("other"), Some("AIDAALICE"), false, false),
            (user("bob"), Some("AIDABOB"), true, true),
            (user("bob"), None, true, true),
        ] {
            let request = ask(&caller, "sts:AssumeRole", unique_id);
            for (policy, expected) in [(&policy, with_binding), (&unbound, without)] {
                let found = policy.evaluate(&request) != Verdict::NotMatched;
                assert_eq!(found, expected, "{caller:?} {unique_id:?}");
            }
        }
        let ids = policy
            .named_principals()
            .map(|(_, entry)| entry.unique_id());
        assert_eq!(
            ids.collect::<Vec<_>>(),
            [Some("AIDAALICE"), Some("AROAWORKER"), None]
        );
    }
    // A namesake of the exempted user is not exempted.
    let document = json!({"Statement": {
        "Effect": "Deny", "NotPrincipal": {"AWS": ALICE}, "Action": "*", "Resource": "*",
    }})
    .to_string();
    let policy = Policy::compile_bound(PolicyKind::Key, &document, &bound).unwrap();
    let alice = user("alice");
    let exempted = |id| policy.evaluate(&ask(&alice, "kms:X", Some(id))) == Verdict::NotMatched;
    assert!(exempted("AIDAALICE") && !exempted("AIDAOTHER"));
}

#[test]
fn web_identities_need_their_provider_by_name() {
    let trust = |effect: &str, element: &str, principal: Value| {
        let statement = json!({
            "Effect": effect, element: principal, "Action": "sts:AssumeRoleWithWebIdentity",
        });
        let document = json!({ "Statement": statement }).to_string();
        Policy::compile(PolicyKind::Trust, &document).unwrap()
    };
    let nobody = user("nobody");
    let action = "sts:AssumeRoleWithWebIdentity";
    let verdict = |policy: &Policy, provider: &str| {
        let request = ask(&nobody, action, None);
        let verdict = policy.evaluate_web_identity(provider, &request);
        let told = policy.explain_web_identity(provider, &request);
        assert_eq!(told.len(), 1);
        let applies = matches!(told[0].outcome, StatementOutcome::Matched(_));
        assert_eq!(applies, verdict != Verdict::NotMatched, "{provider}");
        verdict
    };
    let named = Named::Principal;
    let allowed = Verdict::Allowed {
        statement: 0,
        named,
    };
    let policy = trust("Allow", "Principal", json!({ "Federated": PROVIDER }));
    assert_eq!(verdict(&policy, PROVIDER), allowed);
    for other in [
        "",
        "accounts.example.com",
        &format!("{PROVIDER}.evil.example"),
        &PROVIDER[..PROVIDER.len() - 1],
        &PROVIDER.replace("111122223333", "444455556666"),
        &PROVIDER.to_uppercase(),
    ] {
        assert_eq!(verdict(&policy, other), Verdict::NotMatched, "{other}");
    }
    // The entry is for web identities only, and theirs alone.
    assert_eq!(
        policy.evaluate(&ask(&nobody, action, None)),
        Verdict::NotMatched
    );
    for principal in [
        json!("*"),
        json!({"AWS": "*"}),
        json!({"AWS": "arn:aws:iam::111122223333:user/nobody"}),
        json!({"AWS": "111122223333"}),
        json!({"Federated": "*"}),
    ] {
        let policy = trust("Allow", "Principal", principal);
        assert_eq!(verdict(&policy, PROVIDER), Verdict::NotMatched);
    }
    let denied = Verdict::Denied { statement: 0 };
    let everyone = trust("Deny", "Principal", json!("*"));
    assert_eq!(verdict(&everyone, PROVIDER), denied);
    let others = trust("Deny", "NotPrincipal", json!({ "Federated": PROVIDER }));
    assert_eq!(verdict(&others, PROVIDER), Verdict::NotMatched);
    assert_eq!(verdict(&others, "accounts.google.com"), denied);
    let elsewhere = ask(&nobody, "sts:AssumeRole", None);
    assert_eq!(
        policy.evaluate_web_identity(PROVIDER, &elsewhere),
        Verdict::NotMatched
    );
}

#[test]
fn a_web_identity_is_told_the_condition_that_failed() {
    let audience = json!({"StringEquals": {"accounts.example.com:aud": "app"}});
    let statement = json!({
        "Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Condition": audience,
        "Action": "sts:AssumeRoleWithWebIdentity",
    });
    let document = json!({ "Statement": [statement, statement] }).to_string();
    let policy = Policy::compile(PolicyKind::Trust, &document).unwrap();
    let nobody = user("nobody");
    let request = ask(&nobody, "sts:AssumeRoleWithWebIdentity", None);
    let told = policy.explain_web_identity(PROVIDER, &request);
    assert_eq!(told.len(), 2);
    for (index, trace) in told.iter().enumerate() {
        assert_eq!(trace.statement, index);
        let outcome = StatementOutcome::ConditionNotMet { condition: 0 };
        assert_eq!(trace.outcome, outcome);
        let failed = trace.condition.as_ref().unwrap();
        assert_eq!(&*failed.key, "accounts.example.com:aud");
        assert_eq!(failed.request_values, None);
    }
    let nowhere = Request {
        partition: "aws-nowhere",
        ..request
    };
    assert_eq!(policy.explain_web_identity(PROVIDER, &nowhere), []);
}
