//! The grammar: what is accepted, and every refusal. Rows F1, F2 and the Condition refusal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use keystead_policy::{
    NoContext, Policy, PolicyError, PolicyErrorKind, PolicyKind, Request, default_key_policy,
    limits,
};
mod said;

use keystead_types::{AccountId, FaultKind, Principal};
use said::Said;
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn compile(document: &Value) -> Result<Policy, PolicyError> {
    Policy::compile(PolicyKind::Key, &document.to_string())
}

fn statement() -> Value {
    json!({"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"})
}

/// The statement with these members replaced; null removes one.
fn with(changes: &Value) -> Value {
    let mut statement = statement();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            statement.as_object_mut().unwrap().remove(name);
        } else {
            statement[name] = value.clone();
        }
    }
    json!({ "Statement": statement })
}

fn encrypt(policy: &Policy) -> Said {
    let account = AccountId::parse("111122223333").unwrap();
    policy
        .evaluate(&Request {
            principal: &Principal::User {
                account,
                name: "alice".into(),
            },
            partition: "aws",
            action: "kms:Encrypt",
            resource: KEY,
            resource_account: account,
            unique_id: None,
            context: &NoContext,
        })
        .into()
}

fn assert_malformed(document: &str, part: &str) {
    let why = Policy::compile(PolicyKind::Key, document).expect_err(document);
    let fault = why.fault();
    assert_eq!(
        fault.kind(),
        FaultKind::MalformedPolicyDocument,
        "{document}"
    );
    let message = fault.message().unwrap();
    assert!(message.contains(part), "{document}: {message}");
}

#[test]
fn the_grammar_is_accepted() {
    for document in [
        json!({"Statement": statement()}),
        json!({"Statement": [statement(), statement()]}),
        json!({"Version": "2008-10-17", "Id": "", "Statement": [statement()]}),
        json!({"Version": "2012-10-17", "Id": "x y", "Statement": [statement()]}),
        with(&json!({"Sid": "Enable IAM User Permissions"})),
        with(&json!({"Action": ["kms:Encrypt", "kms:De*"]})),
        with(&json!({"Action": null, "NotAction": "kms:Decrypt"})),
        with(&json!({"Resource": null, "NotResource": ["arn:aws:s3:::x"]})),
        with(&json!({"Resource": [KEY, "*"]})),
    ] {
        let policy = compile(&document).unwrap();
        let allowed = Said::AllowedDirectly { statement: 0 };
        assert_eq!(encrypt(&policy), allowed, "{document}");
    }
}

#[test]
fn a_statement_without_action_or_resource_is_accepted_and_dead() {
    for effect in ["Allow", "Deny"] {
        for dead in [
            json!({"Effect": effect, "Action": null}),
            json!({"Effect": effect, "Resource": null}),
            json!({"Effect": effect, "Action": null, "Resource": null}),
            json!({"Effect": effect, "Action": []}),
            json!({"Effect": effect, "Resource": []}),
        ] {
            let policy = compile(&with(&dead)).unwrap();
            assert_eq!(encrypt(&policy), Said::NotMatched, "{dead}");
        }
    }
}

#[test]
fn documents_out_of_the_grammar_are_malformed() {
    for (document, part) in [
        (json!([]), "not a JSON object"),
        (json!("x"), "not a JSON object"),
        (json!({}), "Statement must be"),
        (json!({"Statement": null}), "Statement must be"),
        (json!({"Statement": "x"}), "Statement must be"),
        (json!({"Statement": []}), "no statement"),
        (json!({"Statement": [[]]}), "not a JSON object"),
        (json!({"statement": statement()}), "Statement must be"),
        (
            json!({"Statement": statement(), "Extra": 1}),
            "Unknown element \"Extra\"",
        ),
        (
            json!({"Version": "2030-10-17", "Statement": statement()}),
            "Version",
        ),
        (
            json!({"Version": 2012, "Statement": statement()}),
            "Version",
        ),
        (json!({"Id": 1, "Statement": statement()}), "Id"),
    ] {
        assert_malformed(&document.to_string(), part);
    }
}

#[test]
fn statements_out_of_the_grammar_are_malformed() {
    for (changes, part) in [
        (json!({"Principal": null}), "no Principal"),
        (json!({"Effect": null}), "Effect"),
        (json!({"Effect": "allow"}), "Effect"),
        (json!({"Effect": true}), "Effect"),
        (json!({"Sid": 1}), "Sid"),
        (json!({"NotAction": "kms:X"}), "Action and NotAction"),
        (json!({"NotResource": "x"}), "Resource and NotResource"),
        (
            json!({"Effect": "Deny", "NotPrincipal": "*"}),
            "Principal and NotPrincipal",
        ),
        (
            json!({"Principal": null, "NotPrincipal": {"AWS": "111122223333"}}),
            "NotPrincipal cannot be used with Allow",
        ),
        (json!({"Action": 1}), "Action must be"),
        (json!({"Action": ["kms:*", 1]}), "Action must be"),
        (json!({"Action": [["kms:*"]]}), "Action must be"),
        (json!({"Resource": {"a": "b"}}), "Resource must be"),
        (
            json!({"Action": null, "NotAction": []}),
            "NotAction is empty",
        ),
        (
            json!({"Resource": null, "NotResource": []}),
            "NotResource is empty",
        ),
        (
            json!({"Principal": {"AWS": 111_122_223_333_u64}}),
            "AWS must be",
        ),
        (
            json!({"Principal": {"aws": "*"}}),
            "Unknown element \"aws\"",
        ),
        (json!({"action": "kms:*"}), "Unknown element \"action\""),
        (json!({"Comment": "x"}), "Unknown element \"Comment\""),
    ] {
        assert_malformed(&with(&changes).to_string(), part);
    }
}

#[test]
fn the_place_and_the_class_are_told() {
    let second = json!({"Statement": [statement(), {"Effect": "Maybe"}]});
    let why = compile(&second).unwrap_err();
    assert_eq!(why.statement(), Some(1));
    assert_eq!(why.kind(), PolicyErrorKind::Grammar);
    assert_eq!(
        why.to_string(),
        "Statement 2: Effect must be Allow or Deny."
    );
    // Whoever sent a key policy is told both.
    assert_eq!(why.fault().message(), Some(why.to_string().as_str()));
    // An untrusted name is shortened and escaped.
    let long = json!({"Statement": statement(), "\n\u{1b}[31m".repeat(1000): 1});
    let shown = compile(&long).unwrap_err().to_string();
    assert!(shown.len() < 300 && shown.chars().all(|c| !c.is_control()));
}

#[test]
fn a_member_twice_is_malformed_at_every_level() {
    let good = r#"{"Effect":"Deny","Principal":"*"}"#;
    for document in [
        format!(r#"{{"Statement":{good},"Statement":{good}}}"#),
        format!(r#"{{"Version":"2012-10-17","Version":"2012-10-17","Statement":{good}}}"#),
        r#"{"Statement":{"Effect":"Deny","Effect":"Allow","Principal":"*"}}"#.to_owned(),
        r#"{"Statement":{"Effect":"Deny","\u0045ffect":"Allow","Principal":"*"}}"#.to_owned(),
        r#"{"Statement":[{"Effect":"Deny","Principal":{"AWS":"*","AWS":"*"}}]}"#.to_owned(),
    ] {
        assert_malformed(&document, "duplicate member name");
    }
}

#[test]
fn a_sid_twice_is_malformed_but_an_empty_one_is_none() {
    let named = |sid: &str| {
        let mut statement = statement();
        statement["Sid"] = json!(sid);
        statement
    };
    let document = |one, two| json!({"Statement": [named(one), statement(), named(two)]});
    assert!(compile(&document("a", "A")).is_ok());
    assert!(compile(&document("", "")).is_ok());
    let why = compile(&document("a b", "a b")).unwrap_err();
    assert_eq!(
        (why.statement(), why.kind()),
        (Some(2), PolicyErrorKind::Grammar)
    );
}

#[test]
fn policy_variables_belong_to_the_newer_version() {
    for element in ["Resource", "NotResource"] {
        let mut document = with(&json!({"Resource": null, element: ["a", "x${aws:username}"]}));
        assert!(compile(&document).is_ok());
        let mut unclosed = with(&json!({"Resource": null, element: ["a", "x${aws:username"]}));
        assert!(compile(&unclosed).is_ok());
        for version in ["2008-10-17", "2012-10-17"] {
            document["Version"] = json!(version);
            assert!(compile(&document).is_ok());
            unclosed["Version"] = json!(version);
            assert_eq!(compile(&unclosed).is_ok(), version == "2008-10-17");
        }
        assert_malformed(&unclosed.to_string(), "not closed");
    }
}

#[test]
fn size_is_bounded_to_the_byte() {
    let document = json!({"Statement": statement()}).to_string();
    let padded = |bytes: usize| format!("{document}{}", " ".repeat(bytes - document.len()));
    assert!(Policy::compile(PolicyKind::Key, &padded(32_768)).is_ok());
    for bytes in [32_769, 131_073] {
        let fault = Policy::compile(PolicyKind::Key, &padded(bytes))
            .unwrap_err()
            .fault();
        assert_eq!(fault.kind(), FaultKind::LimitExceeded);
        assert_eq!(
            fault.message(),
            Some("The key policy is larger than 32768 bytes.")
        );
    }
    // Bytes, not characters.
    let wide = format!(r#"{{"Id":"{}"}}"#, "é".repeat(16_380));
    assert!(wide.chars().count() < 32_768);
    let why = Policy::compile(PolicyKind::Key, &wide).unwrap_err();
    assert_eq!(why.kind(), PolicyErrorKind::TooLarge);
}

#[test]
fn counts_and_depth_are_bounded() {
    let many =
        |count| json!({"Statement": vec![json!({"Effect": "Deny", "Principal": "*"}); count]});
    assert!(compile(&many(limits::STATEMENTS_MAX)).is_ok());
    let why = compile(&many(limits::STATEMENTS_MAX + 1)).unwrap_err();
    assert_eq!(why.kind(), PolicyErrorKind::TooMany);
    assert_eq!(why.fault().kind(), FaultKind::LimitExceeded);
    let values = |count| with(&json!({"Action": vec!["a"; count]}));
    assert!(compile(&values(limits::VALUES_PER_LIST_MAX)).is_ok());
    let why = compile(&values(limits::VALUES_PER_LIST_MAX + 1)).unwrap_err();
    assert_eq!(why.kind(), PolicyErrorKind::TooMany);
    let questions = with(&json!({"Action": "a?".repeat(limits::QUESTION_GROUPS_MAX + 1)}));
    assert_eq!(
        compile(&questions).unwrap_err().kind(),
        PolicyErrorKind::TooMany
    );
    for open in [r#"{"a":"#, "["] {
        assert_malformed(&open.repeat(5000), "nested too deeply");
    }
}

#[test]
fn the_default_policy_is_laid_out_as_aws_does() {
    let text = default_key_policy("aws-cn", AccountId::parse("111122223333").unwrap());
    let lines = [
        "{",
        "  \"Version\" : \"2012-10-17\",",
        "  \"Id\" : \"key-default-1\",",
        "  \"Statement\" : [ {",
        "    \"Sid\" : \"Enable IAM User Permissions\",",
        "    \"Effect\" : \"Allow\",",
        "    \"Principal\" : {",
        "      \"AWS\" : \"arn:aws-cn:iam::111122223333:root\"",
        "    },",
        "    \"Action\" : \"kms:*\",",
        "    \"Resource\" : \"*\"",
        "  } ]",
        "}",
    ];
    assert_eq!(text, lines.join("\n"));
    let policy = Policy::compile(PolicyKind::Key, &text).unwrap();
    assert!(policy.require_partition("aws-cn").is_ok());
}
