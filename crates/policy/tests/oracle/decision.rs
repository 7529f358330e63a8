//! All documents together.
//!
//! Source: IAM User Guide, "Policy evaluation logic" with its pages on requests within one
//! account and across accounts; KMS Developer Guide, "Determining access to AWS KMS keys".

use keystead_policy::{Granted, Kind, Named, Verdict};
use keystead_types::Principal;

use crate::document::{Document, Question};

/// One of something for every document that takes part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parts<T> {
    pub(crate) resource: Option<T>,
    pub(crate) identity: Vec<T>,
    pub(crate) boundary: Option<T>,
    pub(crate) session: Option<Vec<T>>,
    pub(crate) service_control: Vec<Vec<T>>,
    pub(crate) resource_control: Vec<Vec<T>>,
    pub(crate) endpoint: Option<T>,
    pub(crate) granted: Granted,
}

/// The documents themselves.
pub(crate) type World = Parts<Document>;

impl<T> Parts<T> {
    /// Something else for each document.
    pub(crate) fn map<U>(&self, of: impl Fn(&T) -> U) -> Parts<U> {
        let list = |all: &Vec<T>| -> Vec<U> { all.iter().map(&of).collect() };
        Parts {
            resource: self.resource.as_ref().map(&of),
            identity: list(&self.identity),
            boundary: self.boundary.as_ref().map(&of),
            session: self.session.as_ref().map(list),
            service_control: self.service_control.iter().map(list).collect(),
            resource_control: self.resource_control.iter().map(list).collect(),
            endpoint: self.endpoint.as_ref().map(&of),
            granted: self.granted,
        }
    }

    /// All of them in a row: kind, place among its kind, what there is of it.
    pub(crate) fn row(&self) -> Vec<(Kind, usize, &T)> {
        fn number<'a, T: 'a>(
            kind: Kind,
            all: impl Iterator<Item = &'a T>,
        ) -> impl Iterator<Item = (Kind, usize, &'a T)> {
            all.enumerate().map(move |(at, one)| (kind, at, one))
        }
        let mut row: Vec<_> = number(Kind::Resource, self.resource.iter()).collect();
        row.extend(number(Kind::Identity, self.identity.iter()));
        row.extend(number(Kind::Boundary, self.boundary.iter()));
        row.extend(number(Kind::Session, self.session.iter().flatten()));
        let levels = self.service_control.iter().flatten();
        row.extend(number(Kind::ServiceControl, levels));
        let levels = self.resource_control.iter().flatten();
        row.extend(number(Kind::ResourceControl, levels));
        row.extend(number(Kind::Endpoint, self.endpoint.iter()));
        row
    }
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

fn ok(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Allowed { .. })
}

/// Decides on what each document says by itself.
pub(crate) fn decide(said: &Parts<Verdict>, question: &Question) -> Answer {
    let denies = |(kind, at, verdict): &(Kind, usize, &Verdict)| match verdict {
        Verdict::Denied { statement } => Some((*kind, *at, *statement)),
        _ => None,
    };
    let explicit: Vec<Seat> = said.row().iter().filter_map(denies).collect();
    if !explicit.is_empty() {
        return Answer::Explicit(explicit);
    }
    let mut missing = Vec::new();
    let all_levels = |levels: &[Vec<Verdict>]| levels.iter().all(|level| level.iter().any(ok));
    if !all_levels(&said.resource_control) {
        missing.push(Kind::ResourceControl);
    }
    if !all_levels(&said.service_control) {
        missing.push(Kind::ServiceControl);
    }
    if said.endpoint.as_ref().is_some_and(|verdict| !ok(verdict)) {
        missing.push(Kind::Endpoint);
    }
    // A guardrail that does not allow is a reason by itself; so is what follows.
    let (permitted, reasons) = permitted(said, question);
    if permitted && missing.is_empty() {
        return Answer::Allowed;
    }
    missing.extend(reasons);
    Answer::Implicit(missing)
}

/// Whether somebody gives the permission, guardrails aside; else which kinds withhold it.
fn permitted(said: &Parts<Verdict>, question: &Question) -> (bool, Vec<Kind>) {
    let root = matches!(question.asker.principal, Principal::Root { .. });
    let account = question.asker.principal.account();
    let home = account.is_none_or(|own| own.as_str() == question.resource_account);
    let boundary = said.boundary.as_ref().is_none_or(ok);
    let session = said.session.as_ref().is_none_or(|list| list.iter().any(ok));
    let identity = root || said.identity.iter().any(ok);
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
    let Some(resource) = &said.resource else {
        // Without a policy on the resource nothing speaks for callers of other accounts.
        if account.is_none() || !home {
            own_side.push(Kind::Resource);
            own_side.push(Kind::Identity);
        }
        return (own_side.is_empty(), own_side);
    };
    let given = match resource {
        Verdict::Allowed { named, .. } => Some(*named),
        _ => None,
    };
    let granted = match said.granted {
        Granted::To(named) => Some(named),
        Granted::No => None,
    };
    // What is still wanted when the caller is named like this.
    let wanted = |named: Named, at_home: bool| match named {
        Named::Principal | Named::Everyone if at_home => Vec::new(),
        Named::Role if at_home => limits.clone(),
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
