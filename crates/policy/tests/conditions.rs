//! Conditions: every operator, missing keys, sets, variables, and what is refused. Rows F6 to F8.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod facts;

use facts::{Fact, Facts, facts};
use keystead_policy::{
    Policy, PolicyError, PolicyKind, Request, StatementOutcome, Verdict, limits,
};
use keystead_types::{AccountId, FaultKind, Principal, Timestamp};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn alice() -> Principal {
    Principal::User {
        account: AccountId::parse("111122223333").unwrap(),
        name: "alice".into(),
    }
}

fn request<'a>(principal: &'a Principal, context: &'a Facts) -> Request<'a> {
    Request {
        principal,
        partition: "aws",
        action: "kms:Encrypt",
        resource: KEY,
        resource_account: AccountId::parse("111122223333").unwrap(),
        unique_id: None,
        context,
    }
}

fn compile_as(kind: PolicyKind, effect: &str, condition: &Value) -> Result<Policy, PolicyError> {
    let mut statement = json!({"Effect": effect, "Action": "kms:*", "Resource": "*"});
    statement["Condition"] = condition.clone();
    if kind == PolicyKind::Key {
        statement["Principal"] = json!("*");
    }
    let document = json!({"Version": "2012-10-17", "Statement": statement});
    Policy::compile(kind, &document.to_string())
}

/// Whether a statement of that effect applies.
fn holds(effect: &str, condition: &Value, context: &Facts) -> bool {
    let policy = compile_as(PolicyKind::Identity, effect, condition).unwrap();
    let verdict = policy.evaluate(&request(&alice(), context));
    let expected = if effect == "Allow" {
        matches!(verdict, Verdict::Allowed { .. })
    } else {
        matches!(verdict, Verdict::Denied { .. })
    };
    assert_eq!(expected, verdict != Verdict::NotMatched);
    expected
}

/// The same under either effect.
fn assert_holds(operator: &str, key: &str, values: &Value, context: &Facts, expected: bool) {
    let condition = json!({ operator: { key: values } });
    for effect in ["Allow", "Deny"] {
        let found = holds(effect, &condition, context);
        assert_eq!(found, expected, "{effect} {condition} {context:?}");
    }
}

#[test]
fn operators_compare_one_value() {
    let moment = |text: &str| {
        let millis: i64 = text.parse().unwrap();
        Fact::Moment(Timestamp::from_millis(millis))
    };
    let text = |text: &str| Fact::Text(text.to_owned());
    let address = |text: &str| Fact::Address(text.parse().unwrap());
    let number = Fact::Number;
    // Operator, the policy's value, the request's value, whether the positive operator holds.
    for (operator, policy, value, expected) in [
        ("StringEquals", json!("a*"), text("a*"), true),
        ("StringEquals", json!("a*"), text("ab"), false),
        ("StringEquals", json!("a"), text("A"), false),
        ("StringEquals", json!(["x", "a"]), text("a"), true),
        ("StringEquals", json!(5), number(5), true),
        ("StringEquals", json!(true), Fact::Flag(true), true),
        ("StringEquals", json!("10.0.0.1"), address("10.0.0.1"), true),
        (
            "StringEquals",
            json!("1970-01-01T00:00:01Z"),
            moment("1500"),
            true,
        ),
        ("StringEqualsIgnoreCase", json!("aB"), text("Ab"), true),
        ("StringEqualsIgnoreCase", json!("a*"), text("AB"), false),
        ("StringLike", json!("a*"), text("abc"), true),
        ("StringLike", json!("a?c"), text("abc"), true),
        ("StringLike", json!("A*"), text("abc"), false),
        ("StringLike", json!("a"), text("a*"), false),
        ("NumericEquals", json!(10), number(10), true),
        ("NumericEquals", json!("10.0"), text("10"), true),
        ("NumericLessThan", json!("10"), number(9), true),
        ("NumericLessThan", json!("10"), number(10), false),
        ("NumericLessThanEquals", json!(10), number(10), true),
        ("NumericGreaterThan", json!(10), number(11), true),
        ("NumericGreaterThan", json!(10), number(10), false),
        ("NumericGreaterThanEquals", json!(10), number(10), true),
        ("NumericLessThan", json!([1, 20]), number(10), true),
        ("NumericEquals", json!("1.5"), moment("1500"), true),
        (
            "DateEquals",
            json!("1970-01-01T00:00:01.5Z"),
            moment("1500"),
            true,
        ),
        ("DateEquals", json!("1"), moment("1500"), false),
        ("DateLessThan", json!("1970-01-02"), moment("1500"), true),
        ("DateLessThan", json!(1), moment("1000"), false),
        ("DateLessThanEquals", json!(1), moment("1000"), true),
        (
            "DateGreaterThan",
            json!("1969-12-31T23:59:59Z"),
            moment("0"),
            true,
        ),
        (
            "DateGreaterThanEquals",
            json!("1970-01-01T02:00:00+02:00"),
            moment("0"),
            true,
        ),
        (
            "DateEquals",
            json!("1970-01-01"),
            text("1970-01-01T00:00:00Z"),
            true,
        ),
        ("DateEquals", json!("1970-01-01T00:00:05Z"), number(5), true),
        ("Bool", json!("true"), Fact::Flag(true), true),
        ("Bool", json!("TRUE"), text("True"), true),
        ("Bool", json!(false), Fact::Flag(false), true),
        ("Bool", json!("false"), Fact::Flag(true), false),
        ("BinaryEquals", json!("QUI="), text("QUI="), true),
        ("BinaryEquals", json!("QUI="), text("QUJD"), false),
        ("IpAddress", json!("10.0.0.0/8"), address("10.1.2.3"), true),
        ("IpAddress", json!("10.0.0.0/8"), text("10.1.2.3"), true),
        (
            "IpAddress",
            json!(["2001:db8::/32", "1.2.3.4"]),
            address("1.2.3.4"),
            true,
        ),
        (
            "IpAddress",
            json!("2001:db8::/32"),
            address("2001:db9::"),
            false,
        ),
        (
            "ArnLike",
            json!("arn:aws:s3:::b*"),
            text("arn:aws:s3:::bucket"),
            true,
        ),
        (
            "ArnEquals",
            json!("arn:aws:s3:::b*"),
            text("arn:aws:s3:::bucket"),
            true,
        ),
        (
            "ArnLike",
            json!("arn:aws:*:bucket"),
            text("arn:aws:s3:::bucket"),
            false,
        ),
    ] {
        let negated = match operator {
            "StringEquals" => Some("StringNotEquals"),
            "StringEqualsIgnoreCase" => Some("StringNotEqualsIgnoreCase"),
            "StringLike" => Some("StringNotLike"),
            "NumericEquals" => Some("NumericNotEquals"),
            "DateEquals" => Some("DateNotEquals"),
            "IpAddress" => Some("NotIpAddress"),
            "ArnLike" => Some("ArnNotLike"),
            "ArnEquals" => Some("ArnNotEquals"),
            _ => None,
        };
        let context = facts([("aws:x", vec![value])]);
        for (operator, expected) in [(Some(operator), expected), (negated, !expected)] {
            let Some(operator) = operator else { continue };
            assert_holds(operator, "aws:x", &policy, &context, expected);
            let suffixed = format!("{operator}IfExists");
            assert_holds(&suffixed, "AWS:X", &policy, &context, expected);
        }
    }
}

#[test]
fn missing_keys_follow_the_table() {
    let empty_set = facts([("aws:x", vec![])]);
    for context in [Facts::default(), empty_set] {
        for (positive, negated, value) in [
            ("StringEquals", "StringNotEquals", "a"),
            ("StringLike", "StringNotLike", "*"),
            ("NumericEquals", "NumericNotEquals", "1"),
            ("DateEquals", "DateNotEquals", "1"),
            ("IpAddress", "NotIpAddress", "0.0.0.0/0"),
            ("ArnLike", "ArnNotLike", "*"),
        ] {
            let value = &json!(value);
            let check = |operator: &str, expected| {
                assert_holds(operator, "aws:x", value, &context, expected);
            };
            check(positive, false);
            check(negated, true);
            for operator in [positive, negated] {
                check(&format!("{operator}IfExists"), true);
                check(&format!("ForAllValues:{operator}"), true);
                check(&format!("ForAnyValue:{operator}"), false);
                check(&format!("ForAllValues:{operator}IfExists"), true);
                check(&format!("ForAnyValue:{operator}IfExists"), true);
            }
        }
        for (operator, value) in [
            ("Bool", "false"),
            ("BinaryEquals", ""),
            ("NumericLessThan", "9"),
        ] {
            assert_holds(operator, "aws:x", &json!(value), &context, false);
        }
        assert_holds("Null", "aws:x", &json!("true"), &context, true);
        assert_holds("Null", "aws:x", &json!(false), &context, false);
        assert_holds("Null", "aws:x", &json!(["true", "false"]), &context, true);
    }
    let present = facts([("aws:x", vec![Fact::Text(String::new())])]);
    assert_holds("Null", "aws:x", &json!("TRUE"), &present, false);
    assert_holds("Null", "aws:x", &json!("false"), &present, true);
}

#[test]
fn sets_are_any_or_all() {
    let set = |values: &[&str]| {
        let values = values.iter().map(|value| Fact::Text((*value).to_owned()));
        facts([("aws:TagKeys", values.collect())])
    };
    for (values, any, all, any_not, all_not) in [
        (&["a"][..], true, true, false, false),
        (&["a", "b"], true, true, false, false),
        (&["a", "c"], true, false, true, false),
        (&["c", "a"], true, false, true, false),
        (&["c", "d"], false, false, true, true),
    ] {
        let context = set(values);
        for (operator, expected) in [
            ("ForAnyValue:StringEquals", any),
            ("StringEquals", any),
            ("ForAllValues:StringEquals", all),
            ("ForAnyValue:StringNotEquals", any_not),
            ("StringNotEquals", any_not),
            ("ForAllValues:StringNotEquals", all_not),
        ] {
            assert_holds(
                operator,
                "aws:TagKeys",
                &json!(["a", "b"]),
                &context,
                expected,
            );
        }
    }
}

#[test]
fn keys_and_operators_are_all_needed() {
    let context = facts([("aws:x", vec![Fact::Text("a".into())])]);
    for (condition, expected) in [
        (json!({}), true),
        (json!({"StringEquals": {}}), true),
        (json!({"StringEquals": {"aws:x": "a"}}), true),
        (json!({"StringEquals": {"aws:x": "a", "aws:y": "a"}}), false),
        (
            json!({"StringEquals": {"aws:x": "a"}, "Null": {"aws:y": "true"}}),
            true,
        ),
        (
            json!({"StringEquals": {"aws:x": "a"}, "Null": {"aws:x": "true"}}),
            false,
        ),
        (
            json!({"StringEquals": {"aws:x": "a"}, "StringNotEquals": {"aws:x": "a"}}),
            false,
        ),
        (json!({"StringEquals": {"aws:x": "a", "AWS:X": "b"}}), false),
    ] {
        assert_eq!(
            holds("Allow", &condition, &context),
            expected,
            "{condition}"
        );
        assert_eq!(holds("Deny", &condition, &context), expected, "{condition}");
    }
}

#[test]
fn what_cannot_be_compared_never_allows_and_always_lets_a_negated_deny_apply() {
    let text = |text: &str| facts([("aws:x", vec![Fact::Text(text.to_owned())])]);
    for (positive, negated, value, context) in [
        ("NumericEquals", "NumericNotEquals", "1", text("one")),
        ("DateEquals", "DateNotEquals", "1", text("today")),
        (
            "IpAddress",
            "NotIpAddress",
            "10.0.0.0/8",
            text("10.0.0.0/8"),
        ),
        (
            "StringEquals",
            "StringNotEquals",
            "${aws:username}",
            text("a"),
        ),
        (
            "StringLike",
            "StringNotLike",
            "*${aws:username}*",
            text("a"),
        ),
        (
            "ArnLike",
            "ArnNotLike",
            "arn:aws:s3:::${aws:username}",
            text("arn:aws:s3:::"),
        ),
    ] {
        let condition = |operator: &str| json!({ operator: { "aws:x": value } });
        assert!(
            !holds("Allow", &condition(positive), &context),
            "{positive}"
        );
        assert!(!holds("Deny", &condition(positive), &context), "{positive}");
        assert!(!holds("Allow", &condition(negated), &context), "{negated}");
        assert!(holds("Deny", &condition(negated), &context), "{negated}");
    }
    // `Bool` has no negated form.
    for value in [json!(true), json!(false), json!([true, false])] {
        for no_flag in ["", "yes", "1", " true", "truefalse"] {
            assert_holds("Bool", "aws:x", &value, &text(no_flag), false);
        }
    }
    for (flag, other) in [("true", "false"), ("TRUE", "False")] {
        for (asked, expected) in [(flag, true), (other, false)] {
            assert_holds("Bool", "aws:x", &json!(true), &text(asked), expected);
            assert_holds("Bool", "aws:x", &json!(false), &text(asked), !expected);
        }
    }
    // A text that is no ARN is known not to be the one that is meant.
    assert_holds(
        "ArnNotLike",
        "aws:x",
        &json!("arn:aws:s3:::b"),
        &text("b"),
        true,
    );
}

#[test]
fn variables_work_in_texts_and_arns_only() {
    let text = |text: &str| vec![Fact::Text(text.to_owned())];
    let context = facts([
        ("aws:username", text("al*ce")),
        ("aws:x", text("home/al*ce")),
        ("aws:SourceArn", text("arn:aws:s3:::al*ce")),
    ]);
    for (operator, key, value, expected) in [
        ("StringEquals", "aws:x", "home/${aws:username}", true),
        (
            "StringEqualsIgnoreCase",
            "aws:x",
            "HOME/${AWS:USERNAME}",
            true,
        ),
        ("StringLike", "aws:x", "h*/${aws:username}", true),
        ("StringLike", "aws:x", "home/al${*}ce", true),
        ("StringLike", "aws:x", "home/al${?}ce", false),
        (
            "ArnLike",
            "aws:SourceArn",
            "arn:aws:*:*:*:${aws:username}",
            true,
        ),
        (
            "StringEquals",
            "aws:x",
            "home/${aws:PrincipalTag/t, 'al*ce'}",
            true,
        ),
        ("StringEquals", "aws:username", "${aws:username}", true),
        // Not in keys.
        ("StringEquals", "aws:${aws:username}", "a", false),
    ] {
        assert_holds(operator, key, &json!(value), &context, expected);
    }
    let stranger = facts([
        ("aws:username", text("al*ce")),
        ("aws:x", text("home/alice")),
    ]);
    for operator in ["StringEquals", "StringLike"] {
        assert_holds(
            operator,
            "aws:x",
            &json!("home/${aws:username}"),
            &stranger,
            false,
        );
    }
    for (operator, value) in [
        ("NumericEquals", "${aws:username}"),
        ("DateEquals", "${aws:CurrentTime}"),
        ("Bool", "${aws:SecureTransport}"),
        ("IpAddress", "${aws:SourceIp}"),
        ("BinaryEquals", "${aws:x}"),
        ("Null", "${aws:x}"),
    ] {
        let condition = json!({ operator: { "aws:x": value } });
        let why = compile_as(PolicyKind::Identity, "Allow", &condition).unwrap_err();
        assert_eq!(
            why.fault().message(),
            Some("The policy failed legacy parsing")
        );
    }
}

#[test]
fn conditions_out_of_the_grammar_are_refused() {
    for (condition, part) in [
        (json!(""), "must be an object"),
        (json!([]), "must be an object"),
        (json!(null), "must be an object"),
        (json!({"StringEqual": {"aws:x": "a"}}), "Unknown operator"),
        (json!({"stringEquals": {"aws:x": "a"}}), "Unknown operator"),
        (
            json!({"ForAllValues:Null": {"aws:x": "true"}}),
            "Unknown operator",
        ),
        (
            json!({"NullIfExists": {"aws:x": "true"}}),
            "Unknown operator",
        ),
        (json!({"": {}}), "Unknown operator"),
        (json!({"StringEquals": "a"}), "must be an object"),
        (json!({"StringEquals": {"aws:x": []}}), "has no values"),
        (json!({"StringEquals": {"aws:x": null}}), "must be a string"),
        (
            json!({"StringEquals": {"aws:x": [["a"]]}}),
            "must be a string",
        ),
        (
            json!({"StringEquals": {"aws:x": {"a": "b"}}}),
            "must be a string",
        ),
        (json!({"StringEquals": {"x": "a"}}), "service prefix"),
        (json!({"StringEquals": {"": "a"}}), "service prefix"),
        (json!({"StringEquals": {"aws:x": "${aws:y"}}), "not closed"),
        (
            json!({"StringEquals": {"aws:x": "${y}"}}),
            "names no condition key",
        ),
        (json!({"ArnLike": {"aws:x": "arn:*${aws:y}"}}), "six fields"),
        (json!({"NumericEquals": {"aws:x": "1e3"}}), "no number"),
        (json!({"NumericEquals": {"aws:x": true}}), "no number"),
        (json!({"DateEquals": {"aws:x": "2026-02-30"}}), "no date"),
        (json!({"Bool": {"aws:x": "yes"}}), "no boolean"),
        (json!({"Bool": {"aws:x": 1}}), "no boolean"),
        (json!({"Null": {"aws:x": ""}}), "no boolean"),
        (
            json!({"IpAddress": {"aws:x": "10.0.0.0/33"}}),
            "no IP address",
        ),
        (json!({"BinaryEquals": {"aws:x": "QR=="}}), "no base64"),
    ] {
        for kind in [PolicyKind::Key, PolicyKind::Identity] {
            let why = compile_as(kind, "Allow", &condition).expect_err(&condition.to_string());
            assert!(why.to_string().contains(part), "{condition}: {why}");
            assert_eq!(why.fault().kind(), FaultKind::MalformedPolicyDocument);
        }
    }
}

#[test]
fn for_all_values_of_an_encryption_context_is_refused_in_key_policies() {
    let condition = json!({"ForAllValues:StringEquals": {"KMS:encryptionContext:team": "a"}});
    let fault = compile_as(PolicyKind::Key, "Allow", &condition)
        .unwrap_err()
        .fault();
    assert_eq!(fault.kind(), FaultKind::MalformedPolicyDocument);
    assert_eq!(
        fault.message(),
        Some(
            "OverlyPermissiveCondition:EncryptionContext: Using the ForAllValues set operator \
             with a single-valued condition key matches requests without the specified encryption \
             context or with an unspecified encryption context. To fix, remove ForAllValues."
        )
    );
    assert!(compile_as(PolicyKind::Identity, "Allow", &condition).is_ok());
    for fine in [
        json!({"ForAnyValue:StringEquals": {"kms:EncryptionContext:team": "a"}}),
        json!({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "team"}}),
    ] {
        assert!(compile_as(PolicyKind::Key, "Allow", &fine).is_ok());
    }
}

#[test]
fn conditions_and_variables_are_bounded() {
    let keys = |count: usize| {
        let keys = (0..count).map(|at| (format!("aws:k{at}"), json!("a")));
        json!({ "StringEquals": serde_json::Map::from_iter(keys) })
    };
    let most = limits::CONDITIONS_PER_STATEMENT_MAX;
    assert!(compile_as(PolicyKind::Key, "Allow", &keys(most)).is_ok());
    assert!(compile_as(PolicyKind::Key, "Allow", &keys(most + 1)).is_err());
    let values = |count: usize| json!({"StringEquals": {"aws:x": vec!["a"; count]}});
    let most = limits::VALUES_PER_LIST_MAX;
    assert!(compile_as(PolicyKind::Key, "Allow", &values(most)).is_ok());
    let why = compile_as(PolicyKind::Key, "Allow", &values(most + 1)).unwrap_err();
    assert_eq!(why.fault().kind(), FaultKind::LimitExceeded);
    let variables = |count: usize| json!({"StringLike": {"aws:x": "${aws:y}".repeat(count)}});
    let most = limits::VARIABLES_PER_VALUE_MAX;
    assert!(compile_as(PolicyKind::Key, "Allow", &variables(most)).is_ok());
    assert!(compile_as(PolicyKind::Key, "Allow", &variables(most + 1)).is_err());
}

#[test]
fn an_explanation_tells_the_condition_that_failed() {
    let condition = json!({
        "StringEquals": {"aws:x": "a", "aws:y": ["b", "c"]},
        "Bool": {"aws:SecureTransport": true},
    });
    let policy = compile_as(PolicyKind::Identity, "Allow", &condition).unwrap();
    let alice = alice();
    let trace = |context: &Facts| {
        let trace = policy.explain(&request(&alice, context)).remove(0);
        let failed = trace.condition?;
        assert!(matches!(
            trace.outcome,
            StatementOutcome::ConditionNotMet { .. }
        ));
        Some((
            failed.operator.to_string(),
            failed.key.to_string(),
            failed.policy_values.join(","),
            failed.request_values.map(|values| values.join(",")),
        ))
    };
    let told = |operator: &str, key: &str, policy: &str, request: Option<&str>| {
        let own = str::to_owned;
        Some((own(operator), own(key), own(policy), request.map(own)))
    };
    let text = |text: &str| vec![Fact::Text(text.to_owned())];
    let mut context = Facts::default();
    assert_eq!(
        trace(&context),
        told("Bool", "aws:SecureTransport", "true", None)
    );
    context.set("aws:SecureTransport", vec![Fact::Flag(true)]);
    context.set("aws:x", text("a"));
    context.set("aws:y", text("d"));
    assert_eq!(
        trace(&context),
        told("StringEquals", "aws:y", "b,c", Some("d"))
    );
    context.set("aws:y", text("c"));
    assert_eq!(trace(&context), None);
    // An explanation does not grow with what is sent.
    let many = vec![Fact::Text("é".repeat(10_000)); 100];
    context.set("aws:y", many);
    let (_, _, _, values) = trace(&context).unwrap();
    let long = "é".repeat(limits::EXPLAINED_VALUE_MAX_CHARS);
    let mut expected = vec![long.as_str(); limits::EXPLAINED_VALUES_MAX];
    let more = format!("… {} more", 100 - limits::EXPLAINED_VALUES_MAX);
    expected.push(&more);
    assert_eq!(values.unwrap(), expected.join(","));
}

/// Two spellings of one tag: nobody knows which is meant, so that neither opens what the other
/// closes.
#[test]
fn spellings_of_one_tag_must_all_allow_and_any_denies() {
    let spellings = facts([(
        "aws:RequestTag/Project",
        vec![Fact::Text("A".into()), Fact::Text("B".into())],
    )]);
    let is_a = json!({"StringEquals": {"aws:RequestTag/project": "A"}});
    let not_a = json!({"StringNotEquals": {"aws:RequestTag/project": "A"}});
    for condition in [&is_a, &not_a] {
        assert!(!holds("Allow", condition, &spellings), "{condition}");
        assert!(holds("Deny", condition, &spellings), "{condition}");
    }
    let either = json!({"StringEquals": {"aws:RequestTag/project": ["A", "B"]}});
    assert!(holds("Allow", &either, &spellings));
}

/// A set is no variable, not even one of a single value.
#[test]
fn sets_are_no_variables() {
    let context = facts([
        ("kms:EncryptionContextKeys", vec![Fact::Text("k".into())]),
        ("aws:userid", vec![Fact::Text("k".into())]),
    ]);
    let condition = |key: &str| json!({"StringEquals": {"aws:userid": format!("${{{key}}}")}});
    assert!(!holds(
        "Allow",
        &condition("kms:EncryptionContextKeys"),
        &context
    ));
    assert!(holds("Allow", &condition("aws:userid"), &context));
}

/// A policy of few bytes and a request of few bytes ask for their product.
#[test]
fn a_policy_that_asks_too_often_denies() {
    let keys = (0..256).map(|n| Fact::Text(format!("{n:02x}"))).collect();
    let context = facts([
        ("kms:EncryptionContextKeys", keys),
        ("kms:EncryptionContext:k", vec![Fact::Text("ff".into())]),
    ]);
    let evaluated = |variables: usize| {
        let mut values = vec!["${kms:EncryptionContext:j}"; variables];
        values.push("${kms:EncryptionContext:k}");
        let condition = json!({"ForAnyValue:StringLike": {"kms:EncryptionContextKeys": values}});
        let policy = compile_as(PolicyKind::Identity, "Allow", &condition).unwrap();
        policy.evaluate(&request(&alice(), &context))
    };
    assert!(matches!(evaluated(10), Verdict::Allowed { .. }));
    assert!(matches!(evaluated(100), Verdict::Denied { .. }));
}
