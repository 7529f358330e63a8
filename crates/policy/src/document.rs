//! The grammar of a policy document. Source: IAM User Guide, "Grammar of the IAM JSON policy
//! language"; KMS Developer Guide, "Key policies in AWS KMS"; Organizations User Guide, "SCP
//! syntax" and "RCP syntax".
//!
//! What the grammar does not name is refused, never skipped: a document that is stored means
//! what it says. Names and values are case-sensitive.

use std::collections::BTreeSet;

use crate::element::{self, Scope, refuse_unknown, take_one_of, take_text};
use crate::error::PolicyError;
use crate::evaluate::PolicyKind;
use crate::json::{self, Json, Members};
use crate::limits::{DOCUMENT_MAX_BYTES, KEY_POLICY_MAX_BYTES, STATEMENTS_MAX};
use crate::principal::NamedPrincipal;
use crate::statement::{Effect, Polarity, Principals, Resources, Statement};
use crate::variable::Version;

/// Characters of a document that count for its size: those that are not white space.
/// Source: IAM User Guide, "IAM and AWS STS quotas".
pub fn counted_chars(document: &str) -> usize {
    let counted = |c: &char| !c.is_ascii_whitespace();
    document.chars().filter(counted).count()
}

/// Reads a policy into its statements, in their order.
pub(crate) fn read_policy(
    kind: PolicyKind,
    document: &str,
) -> Result<(Version, Box<[Statement]>), PolicyError> {
    let too_large = match kind {
        PolicyKind::Key => document.len() > KEY_POLICY_MAX_BYTES,
        _ => document.len() > DOCUMENT_MAX_BYTES || counted_chars(document) > kind.max_size(),
    };
    if too_large {
        return Err(PolicyError::too_large(kind));
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
    let mut scope = Scope::new(kind, version);
    let read = |(index, statement)| {
        read_statement(&mut scope, statement).map_err(|why| why.in_statement(index))
    };
    let statements: Box<[Statement]> = statements
        .into_iter()
        .enumerate()
        .map(read)
        .collect::<Result<_, _>>()?;
    refuse_duplicate_sids(&statements)?;
    Ok((version, statements))
}

fn read_statement(scope: &mut Scope, statement: Json) -> Result<Statement, PolicyError> {
    let Json::Object(mut members) = statement else {
        return Err(PolicyError::grammar("it is not a JSON object."));
    };
    // Tools write an empty Sid into every statement that has none.
    let sid = take_text(&mut members, "Sid")?.filter(|sid| !sid.is_empty());
    if let Some(sid) = &sid
        && scope.kind != PolicyKind::Key
        && !sid.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        return Err(PolicyError::grammar("its Sid is not alphanumeric.").says(
            "Statement IDs (SID) must be alpha-numeric. \
             Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ));
    }
    let effect = match take_text(&mut members, "Effect")?.as_deref() {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        other => {
            let error = PolicyError::grammar("Effect must be Allow or Deny.");
            return Err(match other {
                Some(text) if matches!(text.to_ascii_lowercase().as_str(), "allow" | "deny") => {
                    error.says("The policy failed legacy parsing")
                }
                _ => error,
            });
        }
    };
    let principals = read_principals(scope.kind, effect, &mut members)?;
    let actions = element::read_actions(scope, &mut members)?;
    let resources = if scope.kind == PolicyKind::Trust {
        refuse_resources(&members)?;
        Resources::all()
    } else {
        element::read_resources(scope, &mut members)?
    };
    let conditions = element::read_conditions(scope, members.remove("Condition"))?;
    refuse_unknown(&members)?;
    Ok(Statement {
        sid: sid.map(Into::into),
        effect,
        principals,
        actions,
        resources,
        conditions,
    })
}

/// A trust policy is about the role that it is attached to.
fn refuse_resources(members: &Members) -> Result<(), PolicyError> {
    for (name, text) in [
        ("Resource", "Has prohibited field Resource"),
        ("NotResource", "Has prohibited field NotResource"),
    ] {
        if members.contains_key(name) {
            let why = "a trust policy names no resources.";
            return Err(PolicyError::grammar(why).says(text));
        }
    }
    Ok(())
}

fn read_principals(
    kind: PolicyKind,
    effect: Effect,
    members: &mut Members,
) -> Result<Principals, PolicyError> {
    let principals = take_one_of(members, "Principal", "NotPrincipal")?;
    match kind {
        PolicyKind::Identity | PolicyKind::ServiceControl => match principals {
            None => Ok(everyone()),
            Some(_) => {
                let text = "Policy document should not specify a principal.";
                Err(PolicyError::grammar(text).says(text))
            }
        },
        PolicyKind::ResourceControl => {
            if effect == Effect::Allow {
                let why = "a resource control policy can only deny.";
                return Err(PolicyError::grammar(why));
            }
            let read = match principals {
                Some((Polarity::Only, principal)) => element::read_principals(principal)?,
                _ => Box::default(),
            };
            match &*read {
                [NamedPrincipal::Everyone] => Ok(everyone()),
                _ => Err(PolicyError::grammar("its Principal must be *.")),
            }
        }
        PolicyKind::Key | PolicyKind::Trust | PolicyKind::Endpoint => match principals {
            None => Err(PolicyError::grammar("it has no Principal.")
                .says_unless_key(kind, "Missing required field Principal")),
            Some((Polarity::AllBut, _)) if effect == Effect::Allow => {
                // It would allow everyone else, of every account; IAM does not support it either.
                Err(PolicyError::grammar(
                    "NotPrincipal cannot be used with Allow.",
                ))
            }
            Some((polarity, principal)) => Ok(Principals {
                polarity,
                entries: element::read_principals(principal)?,
            }),
        },
    }
}

fn everyone() -> Principals {
    Principals {
        polarity: Polarity::Only,
        entries: Box::new([NamedPrincipal::Everyone]),
    }
}

fn refuse_duplicate_sids(statements: &[Statement]) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for (index, statement) in statements.iter().enumerate() {
        if let Some(sid) = &statement.sid
            && !seen.insert(sid)
        {
            let why = "its Sid is that of another statement.";
            let text = "Statement IDs (SID) in a single policy must be unique.";
            return Err(PolicyError::grammar(why).says(text).in_statement(index));
        }
    }
    Ok(())
}
