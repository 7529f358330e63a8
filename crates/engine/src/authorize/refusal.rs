//! What a refused caller is told.

use keystead_policy::{Decision, Denial, Granted, Kind};
use keystead_types::{Fault, KeyArn, Principal};

use super::explained;
use super::question::{Asking, Parties, Question, Sides};
use super::words::Refused;
use super::{Answer, Denied};
use crate::context::Late;
use crate::lookup::Stage;

fn refused<'a>(stage: &Stage<'a>, action: &'static str) -> Refused<'a> {
    Refused {
        caller: stage.caller,
        region: stage.site.region(),
        action,
    }
}

/// A refusal with its sealed explanation, if it has one.
fn sealed(stage: &Stage<'_>, fault: Fault, explanation: &[u8]) -> Fault {
    match stage
        .site
        .identities()
        .seal_message(stage.caller.account, explanation)
    {
        Some(message) => fault.with_authorization_message(message),
        None => fault,
    }
}

/// The answer about a resource of the caller's own account.
pub(super) fn own(
    stage: &Stage<'_>,
    action: &'static str,
    resource: &str,
    denied: &Denied,
) -> Fault {
    let fault = refused(stage, action).on_resource(resource, &denied.denial);
    sealed(stage, fault, &denied.sealed)
}

/// The answer about another account's key: the same whether it exists or not, so it is worked out
/// from the caller's side alone.
pub(crate) fn stranger(stage: &Stage<'_>, action: &'static str, resource: &str) -> Fault {
    let Answer {
        decision,
        explanation,
        ..
    } = callers_side(stage, action, resource);
    let denial = match decision {
        Decision::Denied(denial) => denial,
        Decision::Allowed(_) => Denial::Implicit(Kind::Resource),
    };
    let fault = refused(stage, action).on_resource(resource, &denial);
    sealed(stage, fault, &explanation.sealed)
}

/// The answer about a ciphertext whose key is absent, foreign or closed to the caller: from the
/// caller's side alone too.
pub(crate) fn unreachable_ciphertext(
    stage: &Stage<'_>,
    action: &'static str,
    key: &KeyArn,
) -> Fault {
    let Answer {
        decision,
        explanation,
        ..
    } = callers_side(stage, action, &key.to_string());
    let words = refused(stage, action);
    let fault = match decision {
        Decision::Denied(denial) if denial != Denial::Implicit(Kind::Resource) => {
            words.on_ciphertext(&denial)
        }
        _ => words.unreachable_ciphertext(),
    };
    sealed(stage, fault, &explanation.sealed)
}

/// What the caller's own policies say about what they named, whatever it is.
fn callers_side(stage: &Stage<'_>, action: &'static str, resource: &str) -> Answer {
    let question = Question {
        action,
        resource,
        account: stage.caller.account,
        policy: None,
        key: None,
        alias: None,
        facts: stage.facts,
        sides: Sides::Caller,
    };
    let parties = Parties::of(stage, stage.caller.account);
    // A service has no policies of its own that could be silent.
    let service = matches!(stage.caller.principal, Principal::Service { .. });
    let asking = Asking {
        stage,
        question: &question,
        parties: &parties,
    };
    let late = Late::default();
    let decision = match asking.decide(Granted::No, &late).0 {
        Decision::Denied(Denial::Implicit(Kind::Identity)) if service => {
            Decision::Denied(Denial::Implicit(Kind::Resource))
        }
        decision => decision,
    };
    explained::answer(&asking, decision, Granted::No, &late)
}
