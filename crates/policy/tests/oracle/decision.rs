//! All documents together.
//!
//! Source: IAM User Guide, "Policy evaluation logic" with its pages on requests within one
//! account and across accounts; KMS Developer Guide, "Determining access to AWS KMS keys".

use keystead_policy::{Granted, Kind, Named, Verdict};
use keystead_types::Principal;

use crate::document::{Document, Question, verdict};

/// Everything that takes part. Names are made of the kind and the place in the list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct World {
    pub(crate) resource: Option<Document>,
    pub(crate) identity: Vec<Document>,
    pub(crate) boundary: Option<Document>,
    pub(crate) session: Option<Vec<Document>>,
    pub(crate) service_control: Vec<Vec<Document>>,
    pub(crate) resource_control: Vec<Vec<Document>>,
    pub(crate) endpoint: Option<Document>,
    pub(crate) granted: Granted,
}

/// A statement that decides: kind, the policy's place among its kind, the statement.
pub(crate) type Seat = (Kind, usize, usize);

/// The answer, with every reason that is true: AWS names one of them and does not say which.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Allowed,
    /// Each policy that denies, with its first Deny.
    Explicit(Vec<Seat>),
    /// Each kind that would have to allow, and does not.
    Implicit(Vec<Kind>),
}

/// Every policy in a row: kind, place among its kind, document.
pub(crate) fn row(world: &World) -> Vec<(Kind, usize, &Document)> {
    fn number<'a>(
        kind: Kind,
        documents: impl Iterator<Item = &'a Document>,
    ) -> Vec<(Kind, usize, &'a Document)> {
        let numbered = documents.enumerate();
        numbered.map(|(at, one)| (kind, at, one)).collect()
    }
    let mut row = number(Kind::Resource, world.resource.iter());
    row.extend(number(Kind::Identity, world.identity.iter()));
    row.extend(number(Kind::Boundary, world.boundary.iter()));
    row.extend(number(Kind::Session, world.session.iter().flatten()));
    row.extend(number(
        Kind::ServiceControl,
        world.service_control.iter().flatten(),
    ));
    row.extend(number(
        Kind::ResourceControl,
        world.resource_control.iter().flatten(),
    ));
    row.extend(number(Kind::Endpoint, world.endpoint.iter()));
    row
}

fn allows(document: &Document, question: &Question) -> Option<Named> {
    match verdict(document, question) {
        Verdict::Allowed { named, .. } => Some(named),
        _ => None,
    }
}

/// Decides.
pub(crate) fn decide(world: &World, question: &Question) -> Answer {
    let denies = |(kind, at, document): &(Kind, usize, &Document)| match verdict(document, question)
    {
        Verdict::Denied { statement } => Some((*kind, *at, statement)),
        _ => None,
    };
    let explicit: Vec<Seat> = row(world).iter().filter_map(denies).collect();
    if !explicit.is_empty() {
        return Answer::Explicit(explicit);
    }
    let mut missing = Vec::new();
    let ok = |document: &Document| allows(document, question).is_some();
    let all_levels = |levels: &[Vec<Document>]| levels.iter().all(|level| level.iter().any(ok));
    if !all_levels(&world.resource_control) {
        missing.push(Kind::ResourceControl);
    }
    if !all_levels(&world.service_control) {
        missing.push(Kind::ServiceControl);
    }
    if world
        .endpoint
        .as_ref()
        .is_some_and(|document| !ok(document))
    {
        missing.push(Kind::Endpoint);
    }
    // A guardrail that does not allow is a reason by itself; so is what follows.
    let (permitted, reasons) = permitted(world, question);
    if permitted && missing.is_empty() {
        return Answer::Allowed;
    }
    missing.extend(reasons);
    Answer::Implicit(missing)
}

/// Whether somebody gives the permission, guardrails aside; else which kinds withhold it.
fn permitted(world: &World, question: &Question) -> (bool, Vec<Kind>) {
    let ok = |document: &Document| allows(document, question).is_some();
    let root = matches!(question.asker.principal, Principal::Root { .. });
    let account = question.asker.principal.account();
    let home = account.is_none_or(|own| own.as_str() == question.resource_account);
    let boundary = world.boundary.as_ref().is_none_or(ok);
    let session = world
        .session
        .as_ref()
        .is_none_or(|list| list.iter().any(ok));
    let identity = root || world.identity.iter().any(ok);
    let mut limits = Vec::new();
    if !boundary {
        limits.push(Kind::Boundary);
    }
    if !session {
        limits.push(Kind::Session);
    }
    let mut own_side = limits.clone();
    if !identity {
        own_side.push(Kind::Identity);
    }
    let Some(resource) = &world.resource else {
        // Without a policy on the resource nothing speaks for callers of other accounts.
        if account.is_none() || !home {
            own_side.push(Kind::Resource);
            own_side.push(Kind::Identity);
        }
        return (own_side.is_empty(), own_side);
    };
    let given = allows(resource, question);
    let granted = match world.granted {
        Granted::To(named) => Some(named),
        Granted::No => None,
    };
    // What is still wanted when the caller is named like this.
    let wanted = |named: Named, at_home: bool| match named {
        Named::Principal if at_home => Vec::new(),
        Named::Role | Named::Everyone if at_home => limits.clone(),
        _ => own_side.clone(),
    };
    let mut reasons = Vec::new();
    if let Some(named) = given {
        let reason = wanted(named, home);
        if reason.is_empty() {
            return (true, reason);
        }
        reasons.extend(reason);
    } else {
        reasons.push(Kind::Resource);
        if !identity {
            reasons.push(Kind::Identity);
        }
    }
    if let Some(named) = granted {
        // A grant suffices across accounts too.
        let reason = wanted(named, true);
        if reason.is_empty() {
            return (true, reason);
        }
        reasons.extend(reason);
    }
    (false, reasons)
}
