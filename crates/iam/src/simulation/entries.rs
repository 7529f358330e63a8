//! The condition keys that a simulation is told.

use std::net::IpAddr;

use keystead_api::iam::model::{ContextEntry, ContextKeyTypeEnum};
use keystead_policy::{ConditionKey, Context, Presence, Value};
use keystead_types::Fault;

use crate::limits::{SIMULATED_VALUE_BYTES, SIMULATED_VALUES};
use crate::refusals;

/// One key, read.
#[derive(Debug, Clone)]
struct Given {
    name: String,
    multi: bool,
    values: Vec<Read>,
}

#[derive(Debug, Clone)]
enum Read {
    Text(String),
    Number(i64),
    Flag(bool),
    Address(IpAddr),
}

/// The entries of a request, and the facts about the simulated principal.
pub(crate) struct Entries {
    given: Vec<Given>,
    bytes: usize,
}

fn read(kind: ContextKeyTypeEnum, value: &str) -> Result<Read, Fault> {
    use ContextKeyTypeEnum as Kind;
    let bad = || refusals::invalid(format!("Invalid Context Key Value '{value}'"));
    Ok(match kind {
        Kind::Numeric | Kind::NumericList => match value.parse() {
            Ok(number) => Read::Number(number),
            // Fractions are compared as text that says a number.
            Err(_) if value.parse::<f64>().is_ok() => Read::Text(value.to_owned()),
            Err(_) => return Err(bad()),
        },
        Kind::Boolean | Kind::BooleanList => match value {
            _ if value.eq_ignore_ascii_case("true") => Read::Flag(true),
            _ if value.eq_ignore_ascii_case("false") => Read::Flag(false),
            _ => return Err(bad()),
        },
        Kind::Ip | Kind::IpList => match value.parse() {
            Ok(address) => Read::Address(address),
            Err(_) => return Err(bad()),
        },
        _ => Read::Text(value.to_owned()),
    })
}

fn is_list(kind: ContextKeyTypeEnum) -> bool {
    kind.as_str().ends_with("List")
}

impl Entries {
    /// Reads the entries of a request. Facts that they do not mention are taken from `facts`.
    ///
    /// Errors: InvalidInput for an entry without name, type or value, or of another type, and for
    /// more values than a simulation takes.
    pub(crate) fn new(
        entries: &[ContextEntry],
        facts: Vec<(String, String)>,
    ) -> Result<Self, Fault> {
        let values = entries.iter().flat_map(|entry| &entry.context_key_values);
        let (count, bytes) = values
            .flatten()
            .fold((0_usize, 0_usize), |(count, bytes), value| {
                (count.saturating_add(1), bytes.saturating_add(value.len()))
            });
        if count > SIMULATED_VALUES || bytes > SIMULATED_VALUE_BYTES {
            return Err(refusals::invalid(format!(
                "The context of a simulation has up to {SIMULATED_VALUES} values of \
                 {SIMULATED_VALUE_BYTES} bytes together."
            )));
        }
        let mut given = Vec::new();
        for entry in entries {
            let name = entry.context_key_name.as_deref();
            let values = entry.context_key_values.as_deref().unwrap_or_default();
            let (Some(name), Some(kind)) = (name, entry.context_key_type) else {
                return Err(refusals::invalid(
                    "A context entry needs ContextKeyName and ContextKeyType.",
                ));
            };
            let multi = is_list(kind);
            if !multi && values.len() != 1 {
                return Err(refusals::invalid(format!(
                    "Context key {name} of type {} takes one value.",
                    kind.as_str()
                )));
            }
            let values: Result<_, Fault> = values.iter().map(|value| read(kind, value)).collect();
            given.push(Given {
                name: name.to_owned(),
                multi,
                values: values?,
            });
        }
        given.extend(facts.into_iter().map(|(name, value)| Given {
            name,
            multi: false,
            values: vec![Read::Text(value)],
        }));
        Ok(Self { given, bytes })
    }

    /// Bytes of the values that the request gave.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a key has a value.
    pub(crate) fn knows(&self, name: &str) -> bool {
        let mut given = self.given.iter();
        given.any(|given| given.name.eq_ignore_ascii_case(name))
    }
}

impl Context for Entries {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        let mut given = self.given.iter();
        let Some(found) = given.find(|given| given.name.eq_ignore_ascii_case(key.name())) else {
            return Presence::Absent;
        };
        for value in &found.values {
            each(match value {
                Read::Text(text) => Value::Text(text),
                Read::Number(number) => Value::Number(*number),
                Read::Flag(flag) => Value::Flag(*flag),
                Read::Address(address) => Value::Address(*address),
            });
        }
        if found.multi {
            Presence::Multi
        } else {
            Presence::Single
        }
    }
}
