//! One document and one request.

use keystead_policy::{Named, PolicyKind, Verdict};
use serde_json::Value;

use crate::conditions::{hold, many};
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
    let one = |statement: &Value| {
        let denies = statement["Effect"] == "Deny";
        let fits = action_fits(statement, question)
            && resource_fits(document.kind, statement, variables, question)
            && conditions_hold(statement, variables, question);
        let named = named(
            document.kind,
            statement,
            &document.bindings,
            &question.asker,
        );
        (denies, named.filter(|_| fits))
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
        Named::Role,
        Named::Everyone,
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
fn selected(statement: &Value, element: &str, fits: impl Fn(&str) -> bool) -> bool {
    let any = |values: &Value| {
        let values = many(values);
        values
            .iter()
            .any(|value| fits(value.as_str().expect("a text")))
    };
    match (
        statement.get(element),
        statement.get(format!("Not{element}")),
    ) {
        (Some(values), None) => any(values),
        (None, Some(values)) => !any(values),
        (None, None) => false,
        (Some(_), Some(_)) => panic!("{element} twice"),
    }
}

fn action_fits(statement: &Value, question: &Question) -> bool {
    let action = question.action.to_ascii_lowercase();
    selected(statement, "Action", |pattern| {
        like(
            &plain(&pattern.to_ascii_lowercase(), Wildcards::Yes),
            &action,
        )
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
        let tokens = expand(pattern, variables, Wildcards::Yes, &question.facts);
        tokens.is_some_and(|tokens| like(&tokens, &question.resource))
    })
}

fn conditions_hold(statement: &Value, variables: bool, question: &Question) -> bool {
    match statement.get("Condition") {
        Some(block) => hold(block, variables, &question.facts),
        None => true,
    }
}
