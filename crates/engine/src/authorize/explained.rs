//! What the audit record and the caller are told of a decision.

use keystead_audit::Entry;
use keystead_policy::{Basis, Decision, Denial, Granted, Kind, Place};

use super::Answer;
use super::question::Asking;
use crate::context::Late;

/// An answer with the explanation of a denial.
pub(super) fn answer(
    asking: &Asking<'_>,
    decision: Decision,
    grant: Granted,
    late: &Late,
) -> Answer {
    let explanation = match &decision {
        Decision::Allowed(_) => Vec::new(),
        Decision::Denied(denial) => explanation(asking, denial, grant, late),
    };
    Answer {
        decision,
        explanation,
    }
}

/// Why, for the audit record of an allowed request: few bytes.
pub(super) fn note_basis(entry: &mut Entry, basis: &Basis) {
    let text = match basis {
        // What needs no word: the root user of its own account, without any policy.
        Basis::Root => return,
        Basis::Grant => r#"{"allowedBy":"grant"}"#.to_owned(),
        Basis::Statement(place) => format!(r#"{{"allowedBy":{}}}"#, described(place)),
    };
    entry.authorization(text.into_bytes());
}

/// A statement as JSON.
fn described(place: &Place) -> String {
    let Place {
        kind,
        policy,
        statement,
    } = place;
    let mut value = serde_json::json!({"policyType": kind.as_str(), "statement": statement});
    if let (Some(policy), Some(members)) = (policy, value.as_object_mut()) {
        members.insert("policy".to_owned(), (**policy).into());
    }
    value.to_string()
}

fn explanation(asking: &Asking<'_>, denial: &Denial, _grant: Granted, _late: &Late) -> Vec<u8> {
    let why = match denial {
        Denial::Explicit(place) => format!(r#""explicitDeny":{}"#, described(place)),
        Denial::Implicit(kind) => format!(r#""noAllowIn":"{}""#, name(*kind)),
    };
    let action = asking.question.action;
    let resource = serde_json::Value::from(asking.question.resource);
    format!(r#"{{"action":"{action}","resource":{resource},{why}}}"#).into_bytes()
}

fn name(kind: Kind) -> &'static str {
    kind.as_str()
}
