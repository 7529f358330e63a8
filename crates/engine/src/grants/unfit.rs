//! Why the grants to a caller do not allow what it asks: for the explanation of a denial.

use keystead_types::GrantOperation;
use serde_json::{Value, json};

use super::GrantAsk;
use super::constraints::{Held, count, met_source, needs_no_context};
use crate::facts::Pairs;
use crate::limits::{EXPLAINED_CONSTRAINT_MAX_CHARS, EXPLAINED_GRANTS_MAX};

/// Some of the grants that the lists of a caller hold, and what of each does not fit.
#[derive(Default)]
pub(super) struct Unfit {
    told: Vec<Value>,
    all: usize,
}

impl Unfit {
    /// Looks at one more list.
    pub(super) fn add<'h>(
        &mut self,
        grants: impl Iterator<Item = &'h Held> + Clone,
        ask: &GrantAsk<'_>,
    ) {
        let allows_it = |grant: &&Held| grant.operations().contains(ask.operation);
        let near = grants.clone().filter(allows_it);
        let others = grants.clone().filter(|grant| !allows_it(grant));
        let room = EXPLAINED_GRANTS_MAX.saturating_sub(self.told.len());
        let told = near.chain(others).take(room);
        self.told.extend(told.map(|grant| misfit(grant, ask)));
        self.all = self.all.saturating_add(grants.count());
    }

    /// What was found, and how many grants there are besides.
    pub(super) fn told(self) -> (Vec<Value>, usize) {
        let more = self.all.saturating_sub(self.told.len());
        (self.told, more)
    }
}

/// The first thing of a grant that does not fit.
fn misfit(grant: &Held, ask: &GrantAsk<'_>) -> Value {
    let (outcome, condition) = if !grant.operations().contains(ask.operation) {
        ("other operation", None)
    } else if let Some(condition) = unmet(grant, ask) {
        ("constraint not met", Some(condition))
    } else {
        ("what would be made allows more", None)
    };
    let mut told = json!({"grantId": grant.grant_id.to_string(), "outcome": outcome});
    if let (Some(members), Some(condition)) = (told.as_object_mut(), condition) {
        members.insert("condition".to_owned(), condition);
    }
    told
}

/// The constraint that a request does not meet, as conditions of policies are told.
fn unmet(grant: &Held, ask: &GrantAsk<'_>) -> Option<Value> {
    let constraints = grant.constraints()?;
    if !needs_no_context(ask.operation) {
        let subset = constraints.encryption_context_subset.as_deref();
        let subset = Pairs::of_stored(subset);
        if let Some(found) = lacking(subset, ask.context) {
            return Some(pair("EncryptionContextSubset", found, subset, ask.context));
        }
        if let Some(equals) = constraints.encryption_context_equals.as_deref() {
            let equals = Pairs::Stored(equals);
            let differing = lacking(equals, ask.context).or_else(|| lacking(ask.context, equals));
            if let Some(found) = differing {
                return Some(pair("EncryptionContextEquals", found, equals, ask.context));
            }
        }
    }
    let wanted = constraints.source_arn.as_deref()?;
    let told = ask.source_arn.map(shortened);
    (ask.operation != GrantOperation::RetireGrant && !met_source(wanted, ask)).then(|| {
        json!({
            "operator": "SourceArn", "key": "aws:SourceArn",
            "policyValues": [shortened(wanted)],
            "requestValues": told.map_or("absent".into(), |told| json!([told])),
        })
    })
}

/// The key of the first pair that is in the one more often than in the other.
fn lacking<'a>(wanted: Pairs<'a>, pairs: Pairs<'a>) -> Option<&'a str> {
    let mut found = None;
    wanted.each(|key, value| {
        let pair = (key, value);
        if found.is_none() && count(pairs, pair) < count(wanted, pair) {
            found = Some(key);
        }
    });
    found
}

fn pair(operator: &str, key: &str, wanted: Pairs<'_>, pairs: Pairs<'_>) -> Value {
    let values = |pairs: Pairs<'_>| {
        let mut values = Vec::new();
        pairs.each(|name, value| {
            if name.eq_ignore_ascii_case(key) && values.is_empty() {
                values.push(shortened(value));
            }
        });
        values
    };
    let told = values(pairs);
    json!({
        "operator": operator,
        "key": format!("kms:EncryptionContext:{}", shortened(key)),
        "policyValues": values(wanted),
        "requestValues": match told.is_empty() {
            true => "absent".into(),
            false => Value::from(told),
        },
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(EXPLAINED_CONSTRAINT_MAX_CHARS).collect()
}
