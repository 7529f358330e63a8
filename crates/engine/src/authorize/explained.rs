//! What the audit record and the caller are told of a decision.

use keystead_policy::{Basis, Decision, Denial, Granted, Outcomes, Place, add_conditions, explain};
use keystead_types::{GrantId, Principal, partition_of};
use serde_json::{Map, Value};

use super::Answer;
use super::question::Asking;
use crate::context::Late;
use crate::limits::{EXPLAINED_MAX_BYTES, SEALED_EXPLANATION_MAX_BYTES, SEALED_MESSAGE_MAX_BYTES};

/// The explanation of a denial: as the audit record has it, and shorter for the caller.
#[derive(Default)]
pub(super) struct Explanation {
    pub(super) recorded: Vec<u8>,
    pub(super) sealed: Vec<u8>,
}

/// An answer with what is told of it.
///
/// Denied: the whole explanation. A denial about what is another account's is not explained: the
/// record is the caller's, and the policies are not; what a stranger is told, and how long that
/// takes, is the same whether it exists or not ([`super::refusal`]).
///
/// Allowed: the whole explanation too, of what changes something of the caller's own account: it
/// may change the policies that say why. Of the many others what allowed it, and what became of
/// every statement in few bytes.
pub(super) fn answer(
    asking: &Asking<'_>,
    decision: Decision,
    told: (Granted, &Late, &Known),
    outcomes: Outcomes,
) -> Answer {
    let stage = asking.stage;
    let own = asking.question.account == stage.caller.account;
    let (grant, late, known) = told;
    let explanation = match &decision {
        Decision::Denied(_) if own => explanation(asking, grant, late, known),
        Decision::Denied(_) => Explanation::default(),
        Decision::Allowed(_) if own && !stage.entry.is_read_only() => {
            explanation(asking, grant, late, known)
        }
        Decision::Allowed(basis) => Explanation {
            recorded: brief(asking, basis, known.grant_id, outcomes),
            sealed: Vec::new(),
        },
    };
    Answer {
        decision,
        explanation,
    }
}

/// What is known besides what policies say.
#[derive(Default)]
pub(super) struct Known {
    /// The grant that took part.
    pub(super) grant_id: Option<GrantId>,
    /// Grants to the caller that do not allow it, and how many there are besides.
    pub(super) unfit: Option<(Vec<Value>, usize)>,
    /// Why it is denied, if that is more than the policies that were asked tell.
    pub(super) denial: Option<Denial>,
}

impl Known {
    /// The members that it adds to an explanation.
    fn members(&self) -> Vec<(&'static str, Value)> {
        let mut members = Vec::new();
        if let Some(Denial::Implicit(kind)) = &self.denial {
            let decision = serde_json::json!({"allowed": false, "noAllowIn": kind.as_str()});
            members.push(("decision", decision));
        }
        if let Some(id) = self.grant_id {
            members.push(("grantId", id.to_string().into()));
        }
        let (unfit, more) = self
            .unfit
            .as_ref()
            .map_or((&[][..], 0), |(u, more)| (u, *more));
        if !unfit.is_empty() {
            members.push(("grants", unfit.into()));
        }
        if more > 0 {
            members.push(("moreGrants", more.into()));
        }
        members
    }
}

/// Why something is allowed or denied.
pub(super) fn explanation(
    asking: &Asking<'_>,
    grant: Granted,
    late: &Late,
    known: &Known,
) -> Explanation {
    let question = asking.question;
    let stage = asking.stage;
    let who = stage
        .caller
        .principal
        .arn(partition_of(stage.site.region()));
    let who = who.to_string();
    let told = asking.with_policies(grant, late, |case, request| {
        let explained = explain(case, request);
        let told = |most: usize| {
            let members = known.members();
            let bytes = |(_, value): &(_, Value)| value.to_string().len();
            let taken: usize = members.iter().map(bytes).sum();
            let mut told = match explained.to_json(most.saturating_sub(taken)) {
                Value::Object(told) => told,
                _ => Map::new(),
            };
            told.insert("principal".to_owned(), who.as_str().into());
            told.insert("action".to_owned(), question.action.into());
            told.insert("resource".to_owned(), question.resource.into());
            told.extend(
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value)),
            );
            told
        };
        let recorded = Value::from(told(EXPLAINED_MAX_BYTES));
        if explained.decision.is_allowed() && known.denial.is_none() {
            return (recorded, None);
        }
        let mut sealed = told(SEALED_EXPLANATION_MAX_BYTES);
        let more = asking.tag_names();
        add_conditions(&mut sealed, request.context, more, SEALED_MESSAGE_MAX_BYTES);
        (recorded, Some(Value::from(sealed)))
    });
    let bytes = |value: Value| value.to_string().into_bytes();
    match told {
        Some((recorded, sealed)) => Explanation {
            recorded: bytes(recorded),
            sealed: sealed.map(bytes).unwrap_or_default(),
        },
        // Who is gone has no policies that could be told.
        None => {
            let why = serde_json::json!({"allowed": false, "noAllowIn": "identity-based policy"});
            let told = serde_json::json!({"action": question.action, "decision": why, "principal": "gone"});
            let told = bytes(told);
            Explanation {
                recorded: told.clone(),
                sealed: told,
            }
        }
    }
}

/// Why, for the audit record of an allowed request: few bytes. What allows a root user follows from
/// the outcomes.
fn brief(
    asking: &Asking<'_>,
    basis: &Basis,
    grant_id: Option<GrantId>,
    outcomes: Outcomes,
) -> Vec<u8> {
    let root = matches!(asking.stage.caller.principal, Principal::Root { .. });
    let by = match basis {
        Basis::Root => None,
        Basis::Statement(_) if root => None,
        Basis::Grant => Some(match grant_id {
            Some(grant_id) => format!(r#""grant","grantId":"{grant_id}""#),
            None => r#""grant""#.to_owned(),
        }),
        Basis::Statement(place) => Some(described(place)),
    };
    let outcomes = outcomes.finish();
    let by = by.as_deref();
    let bytes = outcomes.len() + asking.question.action.len() + by.map_or(0, str::len) + 80;
    let mut text = String::with_capacity(bytes);
    text.push_str(r#"{"action":""#);
    text.push_str(asking.question.action);
    if let Some(by) = by {
        text.push_str(r#"","decision":{"allowed":true,"by":"#);
        text.push_str(by);
        text.push_str(r#"},"outcomes":""#);
    } else {
        text.push_str(r#"","outcomes":""#);
    }
    text.push_str(&outcomes);
    text.push_str(r#""}"#);
    text.into_bytes()
}

/// A statement as JSON.
fn described(place: &Place) -> String {
    let Place {
        kind,
        policy,
        statement,
    } = place;
    let kind = kind.as_str();
    match policy {
        None => format!(r#"{{"kind":"{kind}","statement":{statement}}}"#),
        Some(policy) => {
            let policy = Value::from(&**policy);
            format!(r#"{{"kind":"{kind}","policy":{policy},"statement":{statement}}}"#)
        }
    }
}
