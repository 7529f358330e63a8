//! The grammar of a policy document. Source: IAM User Guide, "Grammar of the IAM JSON policy
//! language"; KMS Developer Guide, "Key policies in AWS KMS".
//!
//! What the grammar does not name is refused, never skipped: a document that is stored means
//! what it says. Names and values are case-sensitive.

use std::collections::BTreeSet;

use crate::error::{PolicyError, PolicyErrorKind};
use crate::evaluate::PolicyKind;
use crate::json::{self, Json, Members};
use crate::limits::{ECHO_MAX_CHARS, KEY_POLICY_MAX_BYTES, STATEMENTS_MAX, VALUES_PER_LIST_MAX};
use crate::principal::NamedPrincipal;
use crate::statement::{Effect, Polarity, Principals, Selector, Statement};

/// `Version`. Absent means the older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// `2008-10-17`: `${` is plain text.
    V2008,
    /// `2012-10-17`: `${` opens a policy variable.
    V2012,
}

/// Reads a policy into its statements, in their order.
pub(crate) fn read_policy(
    kind: PolicyKind,
    document: &str,
) -> Result<Box<[Statement]>, PolicyError> {
    if document.len() > KEY_POLICY_MAX_BYTES {
        return Err(PolicyError::too_large());
    }
    let Json::Object(mut members) = json::read(document)? else {
        return Err(PolicyError::grammar("The policy is not a JSON object."));
    };
    let version = match take_text(&mut members, "Version")?.as_deref() {
        None | Some("2008-10-17") => Version::V2008,
        Some("2012-10-17") => Version::V2012,
        Some(_) => {
            return Err(PolicyError::grammar(
                "Version must be 2012-10-17 or 2008-10-17.",
            ));
        }
    };
    take_text(&mut members, "Id")?;
    let statements = match members.remove("Statement") {
        Some(Json::List(list)) => list,
        Some(one @ Json::Object(_)) => vec![one],
        _ => {
            return Err(PolicyError::grammar(
                "Statement must be a statement or a list of statements.",
            ));
        }
    };
    refuse_unknown(&members)?;
    if statements.is_empty() {
        return Err(PolicyError::grammar("The policy has no statement."));
    }
    if statements.len() > STATEMENTS_MAX {
        return Err(PolicyError::too_many("statements", STATEMENTS_MAX));
    }
    let read = |(index, statement)| {
        read_statement(kind, statement, version).map_err(|why| why.in_statement(index))
    };
    let statements: Box<[Statement]> = statements
        .into_iter()
        .enumerate()
        .map(read)
        .collect::<Result<_, _>>()?;
    refuse_duplicate_sids(&statements)?;
    Ok(statements)
}

fn read_statement(
    kind: PolicyKind,
    statement: Json,
    version: Version,
) -> Result<Statement, PolicyError> {
    let Json::Object(mut members) = statement else {
        return Err(PolicyError::grammar("it is not a JSON object."));
    };
    if members.contains_key("Condition") {
        return Err(PolicyError::new(
            PolicyErrorKind::Unsupported,
            "Condition is not supported by this version.",
        ));
    }
    // Tools write an empty Sid into every statement that has none.
    let sid = take_text(&mut members, "Sid")?.filter(|sid| !sid.is_empty());
    let effect = match take_text(&mut members, "Effect")?.as_deref() {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err(PolicyError::grammar("Effect must be Allow or Deny.")),
    };
    let principals = take_one_of(&mut members, "Principal", "NotPrincipal")?;
    let principals = match (has_principals(kind), principals) {
        (false, None) => Principals {
            polarity: Polarity::Only,
            entries: Box::new([NamedPrincipal::Everyone]),
        },
        (false, Some(_)) => {
            return Err(PolicyError::grammar(
                "Policy document should not specify a principal.",
            ));
        }
        (true, None) => return Err(PolicyError::grammar("it has no Principal.")),
        (true, Some((Polarity::AllBut, _))) if effect == Effect::Allow => {
            // It would allow everyone else, of every account; IAM does not support it either.
            return Err(PolicyError::grammar(
                "NotPrincipal cannot be used with Allow.",
            ));
        }
        (true, Some((polarity, principal))) => Principals {
            polarity,
            entries: read_principals(principal)?,
        },
    };
    let actions = read_selector(&mut members, "Action", "NotAction", |action| {
        Ok(action.to_ascii_lowercase())
    })?;
    let resources = read_selector(&mut members, "Resource", "NotResource", |resource| {
        if version == Version::V2012 && resource.contains("${") {
            return Err(PolicyError::new(
                PolicyErrorKind::Unsupported,
                "policy variables are not supported by this version.",
            ));
        }
        Ok(resource)
    })?;
    refuse_unknown(&members)?;
    Ok(Statement {
        sid: sid.map(Into::into),
        effect,
        principals,
        actions,
        resources,
    })
}

/// Whether statements of such a document say whom they are about.
fn has_principals(kind: PolicyKind) -> bool {
    match kind {
        PolicyKind::Key
        | PolicyKind::Trust
        | PolicyKind::ResourceControl
        | PolicyKind::Endpoint => true,
        PolicyKind::Identity | PolicyKind::ServiceControl => false,
    }
}

fn read_principals(principal: Json) -> Result<Box<[NamedPrincipal]>, PolicyError> {
    let nobody = || {
        PolicyError::new(
            PolicyErrorKind::InvalidPrincipals,
            "Principal must be * or an object that names a principal",
        )
    };
    let members = match principal {
        Json::Text(text) if text == "*" => return Ok(Box::new([NamedPrincipal::Everyone])),
        Json::Object(members) => members,
        Json::Text(_) | Json::List(_) | Json::Other => return Err(nobody()),
    };
    let mut entries = Vec::new();
    for (kind, values) in members {
        let parse: fn(&str) -> Result<NamedPrincipal, PolicyError> = match kind.as_str() {
            "AWS" => NamedPrincipal::parse_aws,
            "Service" => NamedPrincipal::parse_service,
            "Federated" | "CanonicalUser" => |_| Ok(NamedPrincipal::NoCaller),
            _ => return Err(unknown(&kind)),
        };
        let values = texts(&kind, values)?;
        if values.iter().any(String::is_empty) {
            return Err(nobody());
        }
        for value in &values {
            entries.push(parse(value)?);
        }
    }
    if entries.is_empty() {
        return Err(nobody());
    }
    Ok(entries.into())
}

/// `normal` gives the form of a value in which it is compared.
fn read_selector(
    members: &mut Members,
    only: &'static str,
    all_but: &'static str,
    normal: impl Fn(String) -> Result<String, PolicyError>,
) -> Result<Selector, PolicyError> {
    let Some((polarity, values)) = take_one_of(members, only, all_but)? else {
        return Ok(Selector::nothing());
    };
    let name = match polarity {
        Polarity::Only => only,
        Polarity::AllBut => all_but,
    };
    let values: Vec<String> = texts(name, values)?
        .into_iter()
        .map(normal)
        .collect::<Result<_, _>>()?;
    if values.is_empty() && polarity == Polarity::AllBut {
        // Read literally it would mean everything, which nobody writes on purpose.
        return Err(PolicyError::grammar(format!("{all_but} is empty.")));
    }
    Selector::compile(polarity, values.iter().map(String::as_str))
}

/// Takes whichever of two members is present; both together are refused.
fn take_one_of(
    members: &mut Members,
    only: &'static str,
    all_but: &'static str,
) -> Result<Option<(Polarity, Json)>, PolicyError> {
    match (members.remove(only), members.remove(all_but)) {
        (Some(_), Some(_)) => Err(PolicyError::grammar(format!(
            "{only} and {all_but} exclude each other."
        ))),
        (Some(value), None) => Ok(Some((Polarity::Only, value))),
        (None, Some(value)) => Ok(Some((Polarity::AllBut, value))),
        (None, None) => Ok(None),
    }
}

fn take_text(members: &mut Members, name: &str) -> Result<Option<String>, PolicyError> {
    match members.remove(name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(PolicyError::grammar(format!("{name} must be a string."))),
    }
}

/// One string or a list of strings.
fn texts(name: &str, value: Json) -> Result<Vec<String>, PolicyError> {
    let items = match value {
        Json::List(items) => items,
        one => vec![one],
    };
    if items.len() > VALUES_PER_LIST_MAX {
        return Err(PolicyError::too_many(
            "values in one list",
            VALUES_PER_LIST_MAX,
        ));
    }
    let text = |item| match item {
        Json::Text(text) => Ok(text),
        Json::List(_) | Json::Object(_) | Json::Other => Err(PolicyError::grammar(format!(
            "{name} must be a string or a list of strings."
        ))),
    };
    items.into_iter().map(text).collect()
}

fn refuse_unknown(members: &Members) -> Result<(), PolicyError> {
    members
        .keys()
        .next()
        .map_or(Ok(()), |name| Err(unknown(name)))
}

fn unknown(name: &str) -> PolicyError {
    let shown: String = name.chars().take(ECHO_MAX_CHARS).collect();
    PolicyError::grammar(format!("Unknown element {shown:?}."))
}

fn refuse_duplicate_sids(statements: &[Statement]) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for (index, statement) in statements.iter().enumerate() {
        if let Some(sid) = &statement.sid
            && !seen.insert(sid)
        {
            let why = "its Sid is that of another statement.";
            return Err(PolicyError::grammar(why).in_statement(index));
        }
    }
    Ok(())
}
