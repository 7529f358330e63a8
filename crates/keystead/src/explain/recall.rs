//! From the few bytes that the record of an allowed request has to the whole explanation.
//!
//! The outcomes of all statements are on record. Which statements these were is looked up among
//! the documents of today, each of which is the one of then exactly if it has the same digest.

use keystead_policy::{Kind, Named, Participant, PolicyDigest, PolicyOutcomes, StatementOutcome};
use keystead_store::records::{GrantParty, GrantRecord};
use serde_json::{Map, Value, json};

use super::documents::{Document, Documents};
use super::facts::{Facts, resources};
use super::text;

/// Bytes of one policy that are told; a policy in full is far below.
const TOLD_MAX_BYTES: usize = 1024 * 1024;

/// Whether the documents of a decision are those of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// All of them, and no others.
    Unchanged,
    /// Some have changed, or others have come.
    Changed,
    /// None is known to have changed, but of some it is not known what they are today.
    Unknown,
}

impl Since {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Unknown => "not known",
        }
    }
}

/// A decision with everything that can be told of it. One without outcomes is whole already.
pub(super) fn recall(record: &Value, decision: &Value, documents: &Documents) -> Value {
    let Some(outcomes) = PolicyOutcomes::read(text(decision, "/outcomes")) else {
        return decision.clone();
    };
    if decision.pointer("/outcomes").is_none() {
        return decision.clone();
    }
    let action = text(decision, "/action");
    let resource = resource_of(record, action);
    let facts = Facts {
        record,
        action,
        resource,
        key: documents.key(resource).map(|key| &key.record),
    };
    let in_force = documents.in_force(record, resource);
    let mut left: Vec<Document> = in_force.documents;
    let mut since = Since::Unchanged;
    let mut policies = Vec::new();
    for one in &outcomes {
        let at = left.iter().position(|document| {
            let place = (document.kind, document.level) == (one.kind, one.level);
            place && document.policy.digest() == one.digest
        });
        let (found, note) = match at {
            Some(at) => (Some(left.remove(at)), None),
            None => {
                let (found, note, change) = elsewhere(one, documents, &in_force.unknown);
                since = worse(since, change);
                (found, note)
            }
        };
        policies.push(told(one, found.as_ref(), note, &facts));
    }
    let mut told = decision.as_object().cloned().unwrap_or_default();
    told.remove("outcomes");
    if !left.is_empty() {
        since = worse(since, Since::Changed);
        let name = |document: &Document| match &document.name {
            Some(name) => format!("{} {name}", document.kind.as_str()),
            None => document.kind.as_str().to_owned(),
        };
        told.insert("today".into(), left.iter().map(name).collect());
    }
    if !told.contains_key("decision") {
        told.insert("decision".into(), of_root(&outcomes));
    }
    if !resource.is_empty() {
        told.insert("resource".into(), resource.into());
    }
    let grant = text(decision, "/decision/grantId");
    if !grant.is_empty() {
        let (shown, change) = told_grant(documents.grant(grant), grant);
        since = worse(since, change);
        told.insert("grants".into(), json!([shown]));
    }
    if in_force.unknown.contains(&Kind::ServiceControl) {
        told.insert("organization".into(), "not read".into());
    }
    told.insert("policies".into(), policies.into());
    told.insert("since".into(), since.as_str().into());
    told.into()
}

/// A change that is known outweighs one that is not known.
fn worse(one: Since, other: Since) -> Since {
    match (one, other) {
        (Since::Changed, _) | (_, Since::Changed) => Since::Changed,
        (Since::Unknown, _) | (_, Since::Unknown) => Since::Unknown,
        _ => Since::Unchanged,
    }
}

/// The resource of a decision: ReEncrypt's source is the first, its destination the last.
fn resource_of<'r>(record: &'r Value, action: &str) -> &'r str {
    let mut all = resources(record);
    match action {
        "kms:ReEncryptTo" => all.last(),
        _ => all.next(),
    }
    .unwrap_or_default()
}

/// A document that is not in force where it was, with a word on it.
fn elsewhere(
    one: &PolicyOutcomes,
    documents: &Documents,
    unknown: &[Kind],
) -> (Option<Document>, Option<&'static str>, Since) {
    let known = !unknown.contains(&one.kind);
    if one.digest == PolicyDigest::ALLOW_ALL {
        let everything = Document {
            kind: one.kind,
            level: one.level,
            name: Some("that allows everything".into()),
            policy: keystead_policy::Policy::allow_all().into(),
        };
        return match known {
            true => (Some(everything), Some("not in force today"), Since::Changed),
            false => (Some(everything), None, Since::Unknown),
        };
    }
    let found = documents.stored(one.digest).cloned();
    match (found, one.kind) {
        // That it is one of the session is nothing that could have changed.
        (Some(found), Kind::Session) => (Some(found), None, Since::Unchanged),
        (None, Kind::Session) => (
            None,
            Some("its text is in the session's token only"),
            Since::Unchanged,
        ),
        (Some(found), _) if known => (
            Some(found),
            Some("not in force today; its text is still stored"),
            Since::Changed,
        ),
        (Some(found), _) => (Some(found), None, Since::Unknown),
        (None, _) if known => (
            None,
            Some("not in force today; its text is not stored any more"),
            Since::Changed,
        ),
        (None, _) => (None, Some("its text was not found"), Since::Unknown),
    }
}

/// One policy: its statements with their texts if these are known, else what is on record of them.
fn told(
    one: &PolicyOutcomes,
    found: Option<&Document>,
    note: Option<&str>,
    facts: &Facts<'_>,
) -> Value {
    let traces = found.and_then(|document| document.policy.recall(one, facts));
    let participant = Participant {
        kind: one.kind,
        name: found.and_then(|document| document.name.clone()),
        level: one.level,
        traces: traces.unwrap_or_else(|| one.traces()),
    };
    let mut told = participant.to_json(TOLD_MAX_BYTES);
    let statements = told.get_mut("statements").and_then(Value::as_array_mut);
    if let Some(statements) = statements {
        statements.sort_by_key(|one| one.pointer("/statement").and_then(Value::as_u64));
        for statement in statements {
            complete(statement, one, facts);
        }
    }
    if let Some(members) = told.as_object_mut() {
        members.insert("digest".into(), one.digest.as_str().into());
        if found.is_none() && one.kind != Kind::Resource {
            members.insert(
                "policy".into(),
                format!("(digest {})", one.digest.as_str()).into(),
            );
        }
        if let Some(note) = note {
            members.insert("note".into(), note.into());
        }
        if one.cut {
            members.insert("cut".into(), true.into());
        }
    }
    told
}

/// Adds to a statement which of its conditions failed, if its text does not say, and marks values
/// that the record does not hold.
fn complete(statement: &mut Value, one: &PolicyOutcomes, facts: &Facts<'_>) {
    let number = statement.pointer("/statement").and_then(Value::as_u64);
    let number = number.and_then(|number| usize::try_from(number).ok());
    let outcome = number.and_then(|number| one.statements.get(number));
    let Some(members) = statement.as_object_mut() else {
        return;
    };
    match members.get_mut("condition").and_then(Value::as_object_mut) {
        Some(condition) => {
            let key = condition.get("key").and_then(Value::as_str);
            if !key.is_some_and(|key| facts.holds(key)) {
                condition.insert("requestValues".into(), "what is not on record".into());
            }
        }
        None => {
            if let Some((_, StatementOutcome::ConditionNotMet { condition })) = outcome {
                members.insert("conditionNumber".into(), (*condition).into());
            }
        }
    }
}

/// What allowed a root user: a statement of the key policy, or that it is the root user.
fn of_root(outcomes: &[PolicyOutcomes]) -> Value {
    let resource = outcomes.iter().find(|one| one.kind == Kind::Resource);
    let statements = resource.map(|one| one.statements.as_slice());
    let statements = statements.unwrap_or_default();
    // Of several, the one that names the account itself.
    let matched = |exactly: bool| {
        statements.iter().position(|(_, outcome)| match outcome {
            StatementOutcome::Matched(Named::Principal) => true,
            StatementOutcome::Matched(_) => !exactly,
            _ => false,
        })
    };
    let matched = matched(true).or_else(|| matched(false));
    let by = match matched {
        Some(statement) => json!({"kind": Kind::Resource.as_str(), "statement": statement}),
        None => "root user".into(),
    };
    json!({"allowed": true, "by": by})
}

/// The grant that allowed it.
fn told_grant(grant: Option<&GrantRecord>, id: &str) -> (Value, Since) {
    let Some(grant) = grant else {
        let outcome = "allowed it, and does not exist any more";
        return (json!({"grantId": id, "outcome": outcome}), Since::Changed);
    };
    let grantee = match &grant.grantee {
        GrantParty::Principal(name) | GrantParty::Service(name) => name,
    };
    let operations: Vec<&str> = grant.operations.iter().map(|one| one.as_str()).collect();
    let outcome = format!("allows {} to {grantee}", operations.join(", "));
    let mut shown = Map::new();
    shown.insert("grantId".into(), id.into());
    shown.insert("outcome".into(), outcome.into());
    let constraints = grant.constraints.as_ref();
    let pairs = |pairs: &Option<Vec<(String, String)>>| -> Option<Value> {
        let pairs = pairs.as_ref()?.iter();
        let pairs = pairs.map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        Some(Value::Object(pairs.collect()))
    };
    let subset = constraints.and_then(|one| pairs(&one.encryption_context_subset));
    let equals = constraints.and_then(|one| pairs(&one.encryption_context_equals));
    for (name, value) in [
        ("encryptionContextSubset", subset),
        ("encryptionContextEquals", equals),
    ] {
        shown.extend(value.map(|value| (name.to_owned(), value)));
    }
    (shown.into(), Since::Unchanged)
}
