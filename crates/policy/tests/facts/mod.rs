//! A request's condition keys as a table.

use std::collections::BTreeMap;
use std::net::IpAddr;

use keystead_policy::{ConditionKey, Context, Presence, Value};
use keystead_types::Timestamp;

#[derive(Debug, Clone, PartialEq)]
#[allow(dead_code, reason = "not every test needs every kind")]
pub(crate) enum Fact {
    Text(String),
    Number(i64),
    Flag(bool),
    Moment(Timestamp),
    Address(IpAddr),
}

/// Values by key; names without case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts(BTreeMap<String, Vec<Fact>>);

impl Facts {
    pub(crate) fn set(&mut self, key: &str, values: Vec<Fact>) {
        self.0.insert(key.to_ascii_lowercase(), values);
    }
}

pub(crate) fn facts<const N: usize>(all: [(&str, Vec<Fact>); N]) -> Facts {
    let mut facts = Facts::default();
    for (key, values) in all {
        facts.set(key, values);
    }
    facts
}

impl Context for Facts {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        // No allocation: a test counts them.
        let mut entries = self.0.iter();
        let found = entries.find(|(name, _)| name.eq_ignore_ascii_case(key.name()));
        let Some((_, values)) = found else {
            return Presence::Absent;
        };
        for value in values {
            each(match value {
                Fact::Text(text) => Value::Text(text),
                Fact::Number(number) => Value::Number(*number),
                Fact::Flag(flag) => Value::Flag(*flag),
                Fact::Moment(moment) => Value::Moment(*moment),
                Fact::Address(address) => Value::Address(*address),
            });
        }
        match values.len() {
            1 => Presence::Single,
            _ => Presence::Multi,
        }
    }
}
