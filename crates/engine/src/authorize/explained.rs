//! What the audit record and the caller are told of a decision.

use keystead_policy::{Basis, Decision, Denial, Granted, Place, explain};
use keystead_types::{GrantId, Principal, partition_of};
use serde_json::Value;

use super::Answer;
use super::question::Asking;
use crate::context::Late;
use crate::limits::{EXPLAINED_MAX_BYTES, SEALED_EXPLANATION_MAX_BYTES};
use crate::lookup::Stage;

/// The explanation of a denial: as the audit record has it, and shorter for the caller.
#[derive(Default)]
pub(super) struct Explanation {
    pub(super) recorded: Vec<u8>,
    pub(super) sealed: Vec<u8>,
}

/// An answer with the explanation of a denial. A denial about what is another account's is not
/// explained: the record is the caller's, and the policies are not; what a stranger is told, and
/// how long that takes, is the same whether it exists or not ([`super::refusal`]).
pub(super) fn answer(
    asking: &Asking<'_>,
    decision: Decision,
    grant: Granted,
    late: &Late,
    known: &Known,
) -> Answer {
    let own = asking.question.account == asking.stage.caller.account;
    let explanation = match &decision {
        Decision::Denied(_) if own => explanation(asking, grant, late, known),
        _ => Explanation::default(),
    };
    Answer {
        decision,
        explanation,
        grant_id: known.grant_id,
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

/// Why something is denied.
pub(super) fn explanation(
    asking: &Asking<'_>,
    grant: Granted,
    late: &Late,
    known: &Known,
) -> Explanation {
    let question = asking.question;
    let Some(explained) = asking.with_policies(grant, late, explain) else {
        // Who is gone has no policies that could be told.
        let why = serde_json::json!({"allowed": false, "noAllowIn": "identity-based policy"});
        let told = format!(
            r#"{{"action":"{}","decision":{why},"principal":"gone"}}"#,
            question.action
        );
        let told = told.into_bytes();
        return Explanation {
            recorded: told.clone(),
            sealed: told,
        };
    };
    let stage = asking.stage;
    let partition = partition_of(stage.site.region());
    let who = stage.caller.principal.arn(partition).to_string();
    let told = |most: usize| {
        let members = known.members();
        let bytes = |(_, value): &(_, Value)| value.to_string().len();
        let taken: usize = members.iter().map(bytes).sum();
        let mut value = explained.to_json(most.saturating_sub(taken));
        if let Some(object) = value.as_object_mut() {
            object.insert("principal".to_owned(), who.as_str().into());
            object.insert("action".to_owned(), question.action.into());
            object.insert("resource".to_owned(), question.resource.into());
            let members = members.into_iter();
            object.extend(members.map(|(name, value)| (name.to_owned(), value)));
        }
        value.to_string().into_bytes()
    };
    Explanation {
        recorded: told(EXPLAINED_MAX_BYTES),
        sealed: told(SEALED_EXPLANATION_MAX_BYTES),
    }
}

/// Why, for the audit record of an allowed request: few bytes. The root user needs no word on what
/// is its own account's.
pub(super) fn note_basis(
    stage: &mut Stage<'_>,
    action: &str,
    basis: &Basis,
    grant_id: Option<GrantId>,
) {
    let root = matches!(stage.caller.principal, Principal::Root { .. });
    let by = match basis {
        Basis::Root => return,
        Basis::Statement(_) if root => return,
        Basis::Grant => match grant_id {
            Some(grant_id) => format!(r#""grant","grantId":"{grant_id}""#),
            None => r#""grant""#.to_owned(),
        },
        Basis::Statement(place) => described(place),
    };
    let text = format!(r#"{{"action":"{action}","decision":{{"allowed":true,"by":{by}}}}}"#);
    stage.entry.authorization(text.into_bytes());
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
