//! Generated `Condition` elements.

use keystead_policy::PolicyKind;
use serde_json::{Map, Value, json};

use crate::document::Question;
use crate::facts::Fact;
use crate::generate::one_or_many;
use crate::vocabulary::{
    ARN_PATTERNS, ARNS, BYTES, Dice, KEYS, MOMENT_TEXTS, NUMBER_TEXTS, RANGES, TEXT_PATTERNS,
    TEXTS, Type,
};

pub(crate) const STRINGS: [&str; 6] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
];
pub(crate) const ARN_OPERATORS: [&str; 4] = ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"];
pub(crate) const NUMERICS: [&str; 6] = [
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
];
pub(crate) const DATES: [&str; 6] = [
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
];
pub(crate) const ADDRESSES: [&str; 2] = ["IpAddress", "NotIpAddress"];

/// A block of one to three conditions.
pub(crate) fn condition(dice: &mut Dice, kind: PolicyKind, target: &Question) -> Value {
    let mut block = Map::new();
    for _ in 0..1 + dice.below(2) + dice.below(2) {
        let (operator, key, values) = clause(dice, kind, target);
        let keys = block.entry(operator).or_insert_with(|| json!({}));
        keys[key] = values;
    }
    Value::Object(block)
}

fn clause(dice: &mut Dice, policy: PolicyKind, target: &Question) -> (String, String, Value) {
    let (name, kind, multi) = *dice.pick(&KEYS);
    let key = if dice.chance(12) {
        name.to_ascii_uppercase()
    } else {
        name.to_owned()
    };
    if dice.chance(8) {
        let value = match dice.below(4) {
            0 => json!("true"),
            1 => json!("false"),
            2 => json!(true),
            _ => json!("False"),
        };
        return ("Null".to_owned(), key, value);
    }
    let base = operator(dice, kind);
    // KMS refuses ForAllValues on encryption contexts in key policies.
    let refused = policy == PolicyKind::Key && name.starts_with("kms:EncryptionContext:");
    let set = match dice.below(100) {
        0..40 if multi => "ForAnyValue:",
        40..80 if multi => "ForAllValues:",
        0..6 => "ForAnyValue:",
        6..12 if !refused => "ForAllValues:",
        _ => "",
    };
    let suffix = if dice.chance(20) { "IfExists" } else { "" };
    let count = 1 + dice.below(2) + dice.below(2);
    let values = (0..count)
        .map(|_| value(dice, base, name, kind, target))
        .collect();
    let values = one_or_many(dice, values, |number| match base {
        _ if base.starts_with("String") => format!("f{number}"),
        _ if base.starts_with("Arn") => format!("arn:aws:s3:::f{number}"),
        _ if base.starts_with("Numeric") => format!("1{number:03}"),
        _ if base.starts_with("Date") => format!("20{number:02}-07-01"),
        "Bool" => "true".to_owned(),
        "BinaryEquals" => "YWJj".to_owned(),
        _ => format!("172.16.{number}.0/24"),
    });
    (format!("{set}{base}{suffix}"), key, values)
}

fn operator(dice: &mut Dice, kind: Type) -> &'static str {
    // Operators on texts are allowed on every key.
    if dice.chance(8) && kind != Type::Moment {
        return dice.name(&STRINGS);
    }
    match kind {
        Type::Text => dice.name(&STRINGS),
        Type::Arn if dice.chance(25) => dice.name(&STRINGS),
        Type::Arn => dice.name(&ARN_OPERATORS),
        Type::Number => dice.name(&NUMERICS),
        Type::Flag => "Bool",
        Type::Moment if dice.chance(15) => dice.name(&NUMERICS),
        Type::Moment => dice.name(&DATES),
        Type::Seconds if dice.chance(50) => dice.name(&NUMERICS),
        Type::Seconds => dice.name(&DATES),
        Type::Address => dice.name(&ADDRESSES),
        Type::Bytes => "BinaryEquals",
    }
}

/// A policy's value for an operator: often what the request has, often something close.
fn value(dice: &mut Dice, base: &str, name: &str, kind: Type, target: &Question) -> Value {
    let given: Vec<Fact> = match target.facts.entry(name) {
        Some(entry) => entry.values.clone(),
        None => Vec::new(),
    };
    if !given.is_empty() && dice.chance(45) {
        let fact = dice.pick(&given).clone();
        if let Some(value) = own(dice, base, &fact) {
            return value;
        }
    }
    if base.starts_with("String") {
        let patterns: &[&str] = match (kind, dice.chance(50)) {
            (Type::Arn, true) => &ARN_PATTERNS,
            (Type::Arn, false) => &ARNS,
            (Type::Address, _) => &["10.0.0.1", "10.*", "2001:db8::1", "*"],
            (Type::Flag, _) => &["true", "false", "t*", "TRUE"],
            (Type::Number | Type::Seconds, _) => &NUMBER_TEXTS,
            (_, true) => &TEXT_PATTERNS,
            (_, false) => &TEXTS[..12],
        };
        return dice.text(patterns).into();
    }
    match base {
        _ if base.starts_with("Arn") && dice.chance(65) => dice.text(&ARN_PATTERNS).into(),
        _ if base.starts_with("Arn") => dice.text(&ARNS[..5]).into(),
        _ if base.starts_with("Numeric") && matches!(kind, Type::Moment | Type::Seconds) => dice
            .text(&["1767225600", "1767225600.5", "1767225599.0", "1767225601"])
            .into(),
        _ if base.starts_with("Numeric") && dice.chance(30) => {
            json!(*dice.pick(&[-1, 0, 7, 8, 90]))
        }
        _ if base.starts_with("Numeric") => dice.text(&NUMBER_TEXTS).into(),
        _ if base.starts_with("Date") && dice.chance(15) => json!(1_767_225_600),
        _ if base.starts_with("Date") => dice.text(&MOMENT_TEXTS).into(),
        "Bool" => match dice.below(4) {
            0 => json!(true),
            1 => json!(false),
            2 => "TRUE".into(),
            _ => "false".into(),
        },
        "BinaryEquals" => dice.text(&BYTES).into(),
        _ => dice.text(&RANGES).into(),
    }
}

/// The request's own value, as a policy writes it.
fn own(dice: &mut Dice, base: &str, fact: &Fact) -> Option<Value> {
    let text = fact.text();
    let valid = match base {
        "Bool" => ["true", "false"].contains(&text.to_ascii_lowercase().as_str()),
        _ if base.starts_with("Arn") => text.split(':').count() >= 6,
        _ if base.starts_with("Numeric") => crate::values::number(&text).is_some(),
        _ if base.starts_with("Date") => crate::values::moment(&text).is_some(),
        _ if base.ends_with("IpAddress") => text.parse::<std::net::IpAddr>().is_ok(),
        // Not to be read as variables.
        _ => !text.contains("${"),
    };
    if !valid {
        return None;
    }
    let half: String = text.chars().take(text.chars().count() / 2).collect();
    Some(match base {
        "StringLike" | "StringNotLike" if dice.chance(40) => format!("{half}*").into(),
        "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" if dice.chance(50) => {
            text.to_ascii_uppercase().into()
        }
        _ => text.into(),
    })
}
