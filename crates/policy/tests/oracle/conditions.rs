//! The `Condition` element.
//!
//! AWS does not say what a negated operator does with values that cannot be compared (a variable
//! without a value, a text that is no number): here they hold in a Deny and not in an Allow, as
//! the engine's documentation promises.
//!
//! Source: IAM User Guide, "Condition operators", "Conditions with multiple context keys or
//! values", "Set operators for multivalued context keys".

use serde_json::Value;

use crate::facts::{Fact, Facts};
use crate::text::{Token, Wildcards, arn_like, expand, like};
use crate::values::{base64, in_range, moment, number};

/// Whether every condition of a block is met.
pub(crate) fn hold(block: &Value, variables: bool, denies: bool, facts: &Facts) -> bool {
    let operators = block.as_object().expect("a block is a map");
    operators.iter().all(|(operator, keys)| {
        let keys = keys.as_object().expect("an operator has a map of keys");
        keys.iter().all(|(key, values)| {
            let values: Vec<String> = many(values).into_iter().map(scalar).collect();
            holds(operator, key, &values, (variables, denies), facts)
        })
    })
}

/// How a value compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    Like,
    Unlike,
    /// They cannot be compared.
    Unknown,
}

impl Likeness {
    pub(crate) fn of(like: Option<bool>) -> Self {
        match like {
            Some(true) => Self::Like,
            Some(false) => Self::Unlike,
            None => Self::Unknown,
        }
    }

    /// Of a list.
    pub(crate) fn any(all: &[Self]) -> Self {
        if all.contains(&Self::Like) {
            Self::Like
        } else if all.contains(&Self::Unknown) {
            Self::Unknown
        } else {
            Self::Unlike
        }
    }

    /// Whether what is asked of it holds in a statement of that effect.
    pub(crate) fn holds(self, negated: bool, denies: bool) -> bool {
        match (self, negated) {
            (Self::Like, negated) => !negated,
            (Self::Unlike, negated) => negated,
            (Self::Unknown, false) => false,
            (Self::Unknown, true) => denies,
        }
    }
}

/// Each condition of a document with how it comes out, for the census: `StringLike true`.
pub(crate) fn each(document: &Value, facts: &Facts) -> Vec<String> {
    let variables = document.get("Version") == Some(&Value::from("2012-10-17"));
    let mut all = Vec::new();
    for statement in many(&document["Statement"]) {
        let block = statement.get("Condition").and_then(Value::as_object);
        for (operator, keys) in block.into_iter().flatten() {
            for (key, values) in keys.as_object().expect("a map") {
                let values: Vec<String> = many(values).into_iter().map(scalar).collect();
                let denies = statement["Effect"] == "Deny";
                let met = holds(operator, key, &values, (variables, denies), facts);
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
pub(crate) fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
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

fn holds(
    operator: &str,
    key: &str,
    values: &[String],
    (variables, denies): (bool, bool),
    facts: &Facts,
) -> bool {
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
        let one = |value: &String| Likeness::of(matches(positive, fact, value, variables, facts));
        let all: Vec<Likeness> = values.iter().map(one).collect();
        Likeness::any(&all).holds(negated, denies)
    };
    // A tag or context pair in several spellings is one value that nobody knows: it must be right
    // in each spelling to allow, and wrong in none to escape a Deny.
    let families = [
        "aws:principaltag/",
        "aws:requesttag/",
        "aws:resourcetag/",
        "iam:resourcetag/",
        "kms:encryptioncontext:",
    ];
    let lower = key.to_ascii_lowercase();
    let one_meant = families.iter().any(|family| lower.starts_with(family));
    match set {
        Set::None if one_meant && !denies => given.iter().all(satisfied),
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

/// Whether a value of the request is what a value of the policy says; `None` when they cannot be
/// compared.
fn matches(
    operator: &str,
    fact: &Fact,
    value: &str,
    variables: bool,
    facts: &Facts,
) -> Option<bool> {
    let tokens = |wildcards| expand(value, variables, wildcards, facts);
    let text = fact.text();
    match operator {
        "StringEquals" => Some(like(&tokens(Wildcards::No)?, &text)),
        "StringEqualsIgnoreCase" => {
            // Lower both sides; the wildcards of the policy are characters here.
            let lower = |token| match token {
                Token::Char(c) => Token::Char(c.to_ascii_lowercase()),
                other => other,
            };
            let tokens: Vec<Token> = tokens(Wildcards::No)?.into_iter().map(lower).collect();
            Some(like(&tokens, &text.to_ascii_lowercase()))
        }
        "StringLike" => Some(like(&tokens(Wildcards::Yes)?, &text)),
        // What is no ARN is unlike every ARN, whatever the pattern turns out to be.
        "ArnLike" if text.split(':').count() < 6 => Some(false),
        "ArnLike" => Some(arn_like(&tokens(Wildcards::Yes)?, &text)),
        "Bool" => match fact {
            Fact::Flag(_) | Fact::Text(_) => Some(text.eq_ignore_ascii_case(value)),
            _ => None,
        },
        "BinaryEquals" => Some(base64(&text)? == base64(value)?),
        "IpAddress" => in_range(text.parse().ok()?, value),
        _ => compared(operator, fact, value),
    }
}

/// Numbers and dates.
fn compared(operator: &str, fact: &Fact, value: &str) -> Option<bool> {
    let (date, how) = match (
        operator.strip_prefix("Date"),
        operator.strip_prefix("Numeric"),
    ) {
        (Some(how), _) => (true, how),
        (_, Some(how)) => (false, how),
        _ => panic!("unknown operator {operator}"),
    };
    // Numbers in millionths, dates in milliseconds.
    let read = |text: &str| {
        if date {
            moment(text).map(i128::from)
        } else {
            number(text)
        }
    };
    let left = match fact {
        Fact::Moment(millis) if date => i128::from(*millis),
        // In seconds, as the guide's example of kms:ValidTo has it.
        Fact::Moment(millis) => i128::from(*millis) * 1000,
        Fact::Number(seconds) if date => i128::from(*seconds) * 1000,
        Fact::Number(_) | Fact::Text(_) => read(&fact.text())?,
        Fact::Flag(_) | Fact::Address(_) => return None,
    };
    let right = read(value)?;
    Some(match how {
        "Equals" => left == right,
        "LessThan" => left < right,
        "LessThanEquals" => left <= right,
        "GreaterThan" => left > right,
        "GreaterThanEquals" => left >= right,
        _ => panic!("unknown operator {operator}"),
    })
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
            false,
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
