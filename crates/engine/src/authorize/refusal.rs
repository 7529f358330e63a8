//! What a refused caller is told.

use keystead_policy::{Decision, Denial, Granted, Kind};
use keystead_types::{Fault, KeyArn, Principal};

use super::Denied;
use super::explained::{self, Explanation, Known};
use super::question::{Asking, Parties, Question, Sides};
use super::words::Refused;
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
/// from the caller's side alone, and so is what the caller's audit record tells.
pub(crate) fn stranger(stage: &mut Stage<'_>, action: &'static str, resource: &str) -> Fault {
    let Denied { denial, sealed } = callers_side(stage, action, resource);
    let fault = refused(stage, action).on_resource(resource, &denial);
    self::sealed(stage, fault, &sealed)
}

/// The answer about a ciphertext whose key is absent, foreign or closed to the caller: from the
/// caller's side alone too.
pub(crate) fn unreachable_ciphertext(
    stage: &mut Stage<'_>,
    action: &'static str,
    key: &KeyArn,
) -> Fault {
    let denied = callers_side(stage, action, &key.to_string());
    closed_ciphertext(stage, action, &denied)
}

/// The same answer about a key of the caller's own account, whose denial is on record already.
pub(super) fn own_ciphertext(stage: &Stage<'_>, action: &'static str, key: &KeyArn) -> Fault {
    let (denial, Explanation { sealed, .. }) = weighed(stage, action, &key.to_string());
    closed_ciphertext(stage, action, &Denied { denial, sealed })
}

fn closed_ciphertext(stage: &Stage<'_>, action: &'static str, denied: &Denied) -> Fault {
    let words = refused(stage, action);
    let fault = match &denied.denial {
        Denial::Implicit(Kind::Resource) => words.unreachable_ciphertext(),
        denial => words.on_ciphertext(denial),
    };
    sealed(stage, fault, &denied.sealed)
}

/// What the caller's own policies say about what they named, whatever it is; and where they allow
/// it, that nothing on the resource does. Notes it in the audit record.
fn callers_side(stage: &mut Stage<'_>, action: &'static str, resource: &str) -> Denied {
    let (denial, explanation) = weighed(stage, action, resource);
    let Explanation { recorded, sealed } = explanation;
    stage.entry.authorization(recorded);
    Denied { denial, sealed }
}

fn weighed(stage: &Stage<'_>, action: &'static str, resource: &str) -> (Denial, Explanation) {
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
    let denial = match asking.decide(Granted::No, &late).0 {
        Decision::Denied(Denial::Implicit(Kind::Identity)) if service => {
            Denial::Implicit(Kind::Resource)
        }
        Decision::Denied(denial) => denial,
        Decision::Allowed(_) => Denial::Implicit(Kind::Resource),
    };
    let known = Known {
        denial: Some(denial.clone()),
        ..Known::default()
    };
    let explanation = explained::explanation(&asking, Granted::No, &late, &known);
    (denial, explanation)
}
