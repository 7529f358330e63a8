//! The `Condition` element.
//!
//! Source: IAM User Guide, "Condition operators", "Conditions with multiple context keys or
//! values", "Set operators for multivalued context keys".

use serde_json::Value;

use crate::facts::{Fact, Facts};
use crate::text::{Wildcards, arn_like, expand, like};
use crate::values::{base64, in_range, moment, number};

/// Whether every condition of a block is met.
pub(crate) fn hold(block: &Value, variables: bool, facts: &Facts) -> bool {
    let operators = block.as_object().expect("a block is a map");
    operators.iter().all(|(operator, keys)| {
        let keys = keys.as_object().expect("an operator has a map of keys");
        keys.iter().all(|(key, values)| {
            let values: Vec<String> = many(values).iter().map(scalar).collect();
            holds(operator, key, &values, variables, facts)
        })
    })
}

/// Each condition of a document with how it comes out, for the census: `StringLike true`.
pub(crate) fn each(document: &Value, facts: &Facts) -> Vec<String> {
    let variables = document.get("Version") == Some(&Value::from("2012-10-17"));
    let mut all = Vec::new();
    for statement in many(&document["Statement"]) {
        let block = statement.get("Condition").and_then(Value::as_object);
        for (operator, keys) in block.into_iter().flatten() {
            for (key, values) in keys.as_object().expect("a map") {
                let values: Vec<String> = many(values).iter().map(scalar).collect();
                let met = holds(operator, key, &values, variables, facts);
                let (set, rest) = operator.split_once(':').unwrap_or(("one", operator));
                let base = rest.strip_suffix("IfExists").unwrap_or(rest);
                all.push(format!("{base} {met}"));
                all.push(format!("{set} {met}"));
                if base != rest {
                    all.push(format!("IfExists {met}"));
                }
            }
        }
    }
    all
}

/// One value or a list of them.
pub(crate) fn many(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    None,
    All,
    Any,
}

fn holds(operator: &str, key: &str, values: &[String], variables: bool, facts: &Facts) -> bool {
    let (set, operator) = if let Some(rest) = operator.strip_prefix("ForAllValues:") {
        (Set::All, rest)
    } else if let Some(rest) = operator.strip_prefix("ForAnyValue:") {
        (Set::Any, rest)
    } else {
        (Set::None, operator)
    };
    let (if_exists, operator) = match operator.strip_suffix("IfExists") {
        Some(rest) => (true, rest),
        None => (false, operator),
    };
    let given: Vec<Fact> = match facts.entry(key) {
        Some(entry) => entry.values.clone(),
        None => Vec::new(),
    };
    if operator == "Null" {
        let wanted = |value: &String| value.eq_ignore_ascii_case("true") == given.is_empty();
        return values.iter().any(wanted);
    }
    let (positive, negated) = positive(operator);
    if given.is_empty() {
        return if_exists
            || match set {
                Set::None => negated,
                Set::All => true,
                Set::Any => false,
            };
    }
    let satisfied = |fact: &Fact| {
        let mut values = values.iter();
        let matched = values.any(|value| matches(positive, fact, value, variables, facts));
        matched != negated
    };
    match set {
        Set::All => given.iter().all(satisfied),
        // A set without a set operator is outside AWS's documentation; taken as ForAnyValue.
        Set::Any | Set::None => given.iter().any(satisfied),
    }
}

/// The operator without its negation.
fn positive(operator: &str) -> (&str, bool) {
    match operator {
        "StringNotEquals" => ("StringEquals", true),
        "StringNotEqualsIgnoreCase" => ("StringEqualsIgnoreCase", true),
        "StringNotLike" => ("StringLike", true),
        "NumericNotEquals" => ("NumericEquals", true),
        "DateNotEquals" => ("DateEquals", true),
        "NotIpAddress" => ("IpAddress", true),
        "ArnNotEquals" | "ArnNotLike" => ("ArnLike", true),
        "ArnEquals" => ("ArnLike", false),
        other => (other, false),
    }
}

fn matches(operator: &str, fact: &Fact, value: &str, variables: bool, facts: &Facts) -> bool {
    let tokens = |wildcards| expand(value, variables, wildcards, facts);
    let text = fact.text();
    match operator {
        "StringEquals" => tokens(Wildcards::No).is_some_and(|tokens| like(&tokens, &text)),
        "StringEqualsIgnoreCase" => {
            // Lower both sides; the wildcards of the policy are characters here.
            let lower = |token| match token {
                crate::text::Token::Char(c) => crate::text::Token::Char(c.to_ascii_lowercase()),
                other => other,
            };
            let tokens = tokens(Wildcards::No);
            tokens.is_some_and(|tokens| {
                let tokens: Vec<_> = tokens.into_iter().map(lower).collect();
                like(&tokens, &text.to_ascii_lowercase())
            })
        }
        "StringLike" => tokens(Wildcards::Yes).is_some_and(|tokens| like(&tokens, &text)),
        "ArnLike" => tokens(Wildcards::Yes).is_some_and(|tokens| arn_like(&tokens, &text)),
        "Bool" => match fact {
            Fact::Flag(_) | Fact::Text(_) => text.eq_ignore_ascii_case(value),
            _ => false,
        },
        "BinaryEquals" => base64(value).is_some_and(|bytes| base64(&text) == Some(bytes)),
        "IpAddress" => {
            let address = text.parse().ok();
            address.is_some_and(|address| in_range(address, value) == Some(true))
        }
        _ => {
            let (read, how): (fn(&str) -> Option<i128>, &str) =
                if let Some(how) = operator.strip_prefix("Numeric") {
                    (number, how)
                } else if let Some(how) = operator.strip_prefix("Date") {
                    (|text| moment(text).map(i128::from), how)
                } else {
                    panic!("unknown operator {operator}")
                };
            let date = operator.starts_with("Date");
            let left = match fact {
                Fact::Moment(millis) if date => Some(i128::from(*millis)),
                // In seconds, as the guide's example of kms:ValidTo has it; in millionths here.
                Fact::Moment(millis) => Some(i128::from(*millis) * 1000),
                Fact::Number(seconds) if date => Some(i128::from(*seconds) * 1000),
                Fact::Number(_) | Fact::Text(_) => read(&text),
                Fact::Flag(_) | Fact::Address(_) => None,
            };
            let (Some(left), Some(right)) = (left, read(value)) else {
                return false;
            };
            match how {
                "Equals" => left == right,
                "LessThan" => left < right,
                "LessThanEquals" => left <= right,
                "GreaterThan" => left > right,
                "GreaterThanEquals" => left >= right,
                _ => panic!("unknown operator {operator}"),
            }
        }
    }
}

#[test]
fn missing_keys_and_sets() {
    let mut facts = Facts::of(&[("aws:username", "alice")]);
    facts.0.push(crate::facts::Entry {
        name: "aws:TagKeys".to_owned(),
        multi: true,
        values: vec![Fact::Text("a".to_owned()), Fact::Text("b".to_owned())],
    });
    let meets = |operator: &str, key: &str, value: &str| {
        hold(
            &serde_json::json!({ operator: { key: value } }),
            true,
            &facts,
        )
    };
    assert!(meets("StringEquals", "AWS:UserName", "alice"));
    assert!(!meets("StringEquals", "aws:userid", "alice"));
    assert!(meets("StringNotEquals", "aws:userid", "alice"));
    assert!(meets("StringEqualsIfExists", "aws:userid", "alice"));
    assert!(meets("ForAllValues:StringEquals", "aws:userid", "alice"));
    assert!(!meets("ForAnyValue:StringNotEquals", "aws:userid", "alice"));
    assert!(!meets("ForAllValues:StringEquals", "aws:TagKeys", "a"));
    assert!(meets("ForAnyValue:StringEquals", "aws:TagKeys", "a"));
    assert!(meets("ForAnyValue:StringNotEquals", "aws:TagKeys", "a"));
    assert!(!meets("ForAllValues:StringNotEquals", "aws:TagKeys", "a"));
    assert!(meets("Null", "aws:userid", "true") && !meets("Null", "aws:username", "true"));
}
