//! The `Principal` and `NotPrincipal` elements.
//!
//! Source: IAM User Guide, "AWS JSON policy elements: Principal", "…: NotPrincipal".

use keystead_policy::{Named, PolicyKind};
use keystead_types::Principal;
use serde_json::Value;

use crate::conditions::many;

/// Who asks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asker {
    pub(crate) principal: Principal,
    pub(crate) unique_id: Option<String>,
    pub(crate) partition: String,
    /// The provider that vouches for it: then it has no credentials, and only a provider can be
    /// its principal.
    pub(crate) provider: Option<String>,
}

/// What gives most first: itself, everyone, its role, its account.
const CLOSEST_FIRST: [Named; 4] = [
    Named::Principal,
    Named::Everyone,
    Named::Role,
    Named::Account,
];

/// How a statement names the caller, most closely; `None` if not at all.
pub(crate) fn named(
    kind: PolicyKind,
    statement: &Value,
    bindings: &[(String, String)],
    asker: &Asker,
) -> Option<Named> {
    if matches!(kind, PolicyKind::Identity | PolicyKind::ServiceControl) {
        // No principals: the statement is about everyone to whom the policy is attached.
        return Some(Named::Everyone);
    }
    if let Some(provider) = &asker.provider {
        return by_provider(statement, provider);
    }
    if let Some(element) = statement.get("NotPrincipal") {
        let exempts = |entry: &(String, String)| {
            let named = by_entry(entry, bindings, asker);
            named.is_some_and(|named| named != Named::Account)
        };
        return (!entries(element).iter().any(exempts)).then_some(Named::Everyone);
    }
    let found: Vec<Named> = entries(statement.get("Principal")?)
        .iter()
        .filter_map(|entry| by_entry(entry, bindings, asker))
        .collect();
    CLOSEST_FIRST
        .into_iter()
        .find(|named| found.contains(named))
}

/// A provider must be named itself; only a Deny for everyone is also about whom it vouches for.
fn by_provider(statement: &Value, provider: &str) -> Option<Named> {
    let entries = entries(statement.get("Principal")?);
    let itself = ("Federated".to_owned(), provider.to_owned());
    let everyone = ("AWS".to_owned(), "*".to_owned());
    if entries.contains(&itself) {
        Some(Named::Principal)
    } else if statement["Effect"] == "Deny" && entries.contains(&everyone) {
        Some(Named::Everyone)
    } else {
        None
    }
}

/// Every entry with its type.
fn entries(element: &Value) -> Vec<(String, String)> {
    let Some(map) = element.as_object() else {
        return vec![("AWS".to_owned(), text(element))];
    };
    let of = |(kind, values): (&String, &Value)| -> Vec<(String, String)> {
        let entry = |value| (kind.clone(), text(value));
        many(values).into_iter().map(entry).collect()
    };
    map.iter().flat_map(of).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a principal is a text").to_owned()
}

fn by_entry(
    (kind, text): &(String, String),
    bindings: &[(String, String)],
    asker: &Asker,
) -> Option<Named> {
    let own = |same: bool| same.then_some(Named::Principal);
    match kind.as_str() {
        "Service" => match &asker.principal {
            Principal::Service { name } => own(**name == **text),
            _ => None,
        },
        "AWS" if text == "*" => Some(Named::Everyone),
        "AWS" if text.len() == 12 && !text.contains(':') => account(text, asker),
        "AWS" => arn(text, bindings, asker),
        _ => None,
    }
}

fn account(account: &str, asker: &Asker) -> Option<Named> {
    let of_caller = asker.principal.account()?;
    (of_caller.as_str() == account).then_some(match asker.principal {
        Principal::Root { .. } => Named::Principal,
        _ => Named::Account,
    })
}

fn arn(text: &str, bindings: &[(String, String)], asker: &Asker) -> Option<Named> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, service, "", owner, resource] = parts[..] else {
        panic!("no ARN of a principal: {text}");
    };
    if partition != asker.partition {
        return None;
    }
    if (service, resource) == ("iam", "root") {
        return account(owner, asker);
    }
    if asker.principal.account()?.as_str() != owner {
        return None;
    }
    let (kind, name) = resource.split_once('/').expect("kind/name");
    let bound = bindings.iter().find(|(arn, _)| arn == text);
    // A bound entry is about one unique id, whatever its holder is called now.
    let fits = |by_name: bool| match bound {
        Some((_, id)) => asker.unique_id.as_deref() == Some(id),
        None => by_name,
    };
    match (service, kind, &asker.principal) {
        ("iam", "user", Principal::User { name: own, .. }) => {
            fits(**own == *name).then_some(Named::Principal)
        }
        ("iam", "role", Principal::RoleSession { role, .. }) => {
            fits(**role == *name).then_some(Named::Role)
        }
        ("sts", "assumed-role", Principal::RoleSession { role, session, .. }) => {
            let role = role.rsplit('/').next().expect("a part");
            (format!("{role}/{session}") == name).then_some(Named::Principal)
        }
        ("sts", "federated-user", Principal::FederatedUser { name: own, .. }) => {
            (**own == *name).then_some(Named::Principal)
        }
        _ => None,
    }
}
