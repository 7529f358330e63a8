//! One document and one request.

use keystead_policy::{Named, PolicyKind, Verdict};
use serde_json::Value;

use crate::conditions::{Likeness, hold, many};
use crate::facts::Facts;
use crate::principals::{Asker, named};
use crate::text::{Wildcards, expand, like, plain};

/// A document as it lies in a store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) kind: PolicyKind,
    pub(crate) json: Value,
    /// ARNs of users and roles, and the unique ids that they had when it was stored.
    pub(crate) bindings: Vec<(String, String)>,
}

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    pub(crate) asker: Asker,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) resource_account: String,
    pub(crate) facts: Facts,
}

/// For each statement whether it denies, and how it names the caller if it applies.
pub(crate) fn applies(document: &Document, question: &Question) -> Vec<(bool, Option<Named>)> {
    let variables = document.json.get("Version") == Some(&Value::from("2012-10-17"));
    let statements = many(&document.json["Statement"]);
    let one = |statement: &&Value| {
        let fits = action_fits(statement, question)
            && resource_fits(document.kind, statement, variables, question)
            && conditions_hold(statement, variables, question);
        let named = || {
            named(
                document.kind,
                statement,
                &document.bindings,
                &question.asker,
            )
        };
        let denies = statement["Effect"] == "Deny";
        (denies, if fits { named() } else { None })
    };
    statements.iter().map(one).collect()
}

/// What the document says.
pub(crate) fn verdict(document: &Document, question: &Question) -> Verdict {
    let statements = applies(document, question);
    let denied = |(denies, named): &(bool, Option<Named>)| *denies && named.is_some();
    if let Some(statement) = statements.iter().position(denied) {
        return Verdict::Denied { statement };
    }
    for closest in [
        Named::Principal,
        Named::Everyone,
        Named::Role,
        Named::Account,
    ] {
        let allows = (false, Some(closest));
        if let Some(statement) = statements.iter().position(|one| *one == allows) {
            let named = closest;
            return Verdict::Allowed { statement, named };
        }
    }
    Verdict::NotMatched
}

/// Whether one of a list fits, or none of the list after `Not`. A statement that has neither is
/// dead.
fn selected(statement: &Value, element: &str, fits: impl Fn(&str) -> Option<bool>) -> bool {
    let any = |values: &Value| {
        let one = |value: &Value| Likeness::of(fits(value.as_str().expect("a text")));
        let all: Vec<Likeness> = many(values).into_iter().map(one).collect();
        Likeness::any(&all)
    };
    let denies = statement["Effect"] == "Deny";
    match (
        statement.get(element),
        statement.get(format!("Not{element}")),
    ) {
        (Some(values), None) => any(values).holds(false, denies),
        (None, Some(values)) => any(values).holds(true, denies),
        (None, None) => false,
        (Some(_), Some(_)) => panic!("{element} twice"),
    }
}

fn action_fits(statement: &Value, question: &Question) -> bool {
    let action = question.action.to_ascii_lowercase();
    selected(statement, "Action", |pattern| {
        let pattern = plain(&pattern.to_ascii_lowercase(), Wildcards::Yes);
        Some(like(&pattern, &action))
    })
}

fn resource_fits(
    kind: PolicyKind,
    statement: &Value,
    variables: bool,
    question: &Question,
) -> bool {
    if kind == PolicyKind::Trust {
        // A trust policy is about its own role.
        return true;
    }
    selected(statement, "Resource", |pattern| {
        let tokens = expand(pattern, variables, Wildcards::Yes, &question.facts)?;
        Some(like(&tokens, &question.resource))
    })
}

fn conditions_hold(statement: &Value, variables: bool, question: &Question) -> bool {
    let denies = statement["Effect"] == "Deny";
    match statement.get("Condition") {
        Some(block) => hold(block, variables, denies, &question.facts),
        None => true,
    }
}
