//! What a request says of itself.

use std::net::IpAddr;

use keystead_policy::{ConditionKey, Context, Presence, Value};
use keystead_types::Timestamp;

use crate::values::moment_text;

/// A value of a condition key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    Text(String),
    Number(i64),
    Flag(bool),
    /// Milliseconds since the epoch.
    Moment(i64),
    Address(IpAddr),
}

impl Fact {
    /// As operators on texts and variables see it.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Moment(millis) => moment_text(*millis),
            Self::Address(address) => address.to_string(),
        }
    }
}

/// A condition key of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// A set of values, or one.
    pub(crate) multi: bool,
    pub(crate) values: Vec<Fact>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Facts(pub(crate) Vec<Entry>);

impl Facts {
    /// Single texts, for unit tests.
    pub(crate) fn of(texts: &[(&str, &str)]) -> Self {
        let entry = |(name, text): &(&str, &str)| Entry {
            name: (*name).to_owned(),
            multi: false,
            values: vec![Fact::Text((*text).to_owned())],
        };
        Self(texts.iter().map(entry).collect())
    }

    /// The entry of a key, whose name has no case.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        let mut entries = self.0.iter();
        entries.find(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    /// The value of a key that can only have one.
    pub(crate) fn single(&self, name: &str) -> Option<&Fact> {
        let entry = self.entry(name).filter(|entry| !entry.multi)?;
        entry.values.first()
    }
}

/// How the engine asks.
impl Context for Facts {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        let Some(entry) = self.entry(key.name()) else {
            return Presence::Absent;
        };
        for fact in &entry.values {
            each(match fact {
                Fact::Text(text) => Value::Text(text),
                Fact::Number(number) => Value::Number(*number),
                Fact::Flag(flag) => Value::Flag(*flag),
                Fact::Moment(millis) => Value::Moment(Timestamp::from_millis(*millis)),
                Fact::Address(address) => Value::Address(*address),
            });
        }
        if entry.multi {
            Presence::Multi
        } else {
            Presence::Single
        }
    }
}
