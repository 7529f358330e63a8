//! The engine, asked the same.

use std::sync::Arc;

use keystead_policy::{
    Basis, Case, Decision, Denial, Granted, Kind, Level, NamedPolicy, Policy, PolicyKind, Request,
    StatementOutcome, decide,
};
use keystead_types::AccountId;

use crate::decision::{self, Answer, Seat, World};
use crate::document::{Document, Question, applies, verdict};
use crate::vocabulary::PROVIDERS;

/// The documents of a world, compiled, in the order of [`World::row`].
pub(crate) struct Engine {
    resource: Option<Policy>,
    identity: Vec<NamedPolicy>,
    boundary: Option<NamedPolicy>,
    session: Option<Vec<NamedPolicy>>,
    service_control: Vec<Level>,
    resource_control: Vec<Level>,
    endpoint: Option<NamedPolicy>,
    granted: Granted,
}

fn compile(document: &Document) -> Result<Policy, String> {
    let text = document.json.to_string();
    Policy::compile_bound(document.kind, &text, &document.bindings)
        .map_err(|error| format!("{:?} refused: {error}\n{text}", document.kind))
}

/// Names every policy by its place.
fn name(at: usize, document: &Document) -> Result<NamedPolicy, String> {
    let name = at.to_string().into();
    let policy = Arc::new(compile(document)?);
    Ok(NamedPolicy { name, policy })
}

fn list(from: usize, documents: &[Document]) -> Result<Vec<NamedPolicy>, String> {
    let numbered = documents.iter().enumerate();
    numbered
        .map(|(at, document)| name(from + at, document))
        .collect()
}

fn levels(levels: &[Vec<Document>]) -> Result<Vec<Level>, String> {
    let mut from = 0;
    let mut level = |documents: &Vec<Document>| {
        let made = list(from, documents)?;
        from += documents.len();
        Ok(made.into())
    };
    levels.iter().map(&mut level).collect()
}

impl Engine {
    /// Compiles every document. What the engine refuses, the generator should not have made.
    pub(crate) fn of(world: &World) -> Result<Self, String> {
        Ok(Self {
            resource: world.resource.as_ref().map(compile).transpose()?,
            identity: list(0, &world.identity)?,
            boundary: world
                .boundary
                .as_ref()
                .map(|one| name(0, one))
                .transpose()?,
            session: world.session.as_ref().map(|all| list(0, all)).transpose()?,
            service_control: levels(&world.service_control)?,
            resource_control: levels(&world.resource_control)?,
            endpoint: world
                .endpoint
                .as_ref()
                .map(|one| name(0, one))
                .transpose()?,
            granted: world.granted,
        })
    }

    fn policies(&self) -> Vec<&Policy> {
        let mut all: Vec<&Policy> = self.resource.iter().collect();
        let levels = self.service_control.iter().chain(&self.resource_control);
        let named = self.identity.iter().chain(&self.boundary);
        let named = named.chain(self.session.iter().flatten());
        let named = named
            .chain(levels.flat_map(|level| level.iter()))
            .chain(&self.endpoint);
        all.extend(named.map(|one| &*one.policy));
        all
    }

    fn case(&self) -> Case<'_> {
        Case {
            resource: self.resource.as_ref(),
            identity: &self.identity,
            boundary: self.boundary.as_ref(),
            session: self.session.as_deref(),
            service_control: &self.service_control,
            resource_control: &self.resource_control,
            endpoint: self.endpoint.as_ref(),
            grant: self.granted,
        }
    }
}

fn request(question: &Question) -> Request<'_> {
    Request {
        principal: &question.asker.principal,
        partition: &question.asker.partition,
        action: &question.action,
        resource: &question.resource,
        resource_account: AccountId::parse(&question.resource_account).unwrap(),
        unique_id: question.asker.unique_id.as_deref(),
        context: &question.facts,
    }
}

/// Compares one request: each document's verdict, each statement of some, and the decision.
/// Returns the oracle's answer, or what differs.
pub(crate) fn compare(
    engine: &Engine,
    world: &World,
    question: &Question,
    statements_too: bool,
) -> Result<Answer, String> {
    let request = request(question);
    let said = world.map(|document| verdict(document, question));
    let rows = said.row().into_iter().zip(world.row());
    for (((kind, at, ours), (_, _, document)), policy) in rows.zip(engine.policies()) {
        let theirs = policy.evaluate(&request);
        if *ours != theirs {
            return Err(format!("{kind:?} {at}: oracle {ours:?}, engine {theirs:?}"));
        }
        if document.kind == PolicyKind::Trust {
            vouched_for(document, policy, question)?;
        }
        if statements_too {
            statements(document, policy, question)
                .map_err(|error| format!("{kind:?} {at}: {error}"))?;
        }
    }
    let ours = decision::decide(&said, question);
    let theirs = decide(&engine.case(), &request);
    if theirs.is_allowed() != (ours == Answer::Allowed) {
        return Err(format!("decision: oracle {ours:?}, engine {theirs:?}"));
    }
    let same = match (&theirs, &ours) {
        (Decision::Allowed(basis), Answer::Allowed) => well_founded(basis, world, question),
        (Decision::Denied(Denial::Explicit(place)), Answer::Explicit(seats)) => {
            let at = place
                .policy
                .as_ref()
                .map_or(0, |name| name.parse().unwrap());
            let seat: Seat = (place.kind, at, place.statement);
            seats.contains(&seat)
        }
        (Decision::Denied(Denial::Implicit(kind)), Answer::Implicit(kinds)) => kinds.contains(kind),
        _ => false,
    };
    if same {
        Ok(ours)
    } else {
        Err(format!("decision: oracle {ours:?}, engine {theirs:?}"))
    }
}

/// The same question of an identity that each provider vouches for.
fn vouched_for(document: &Document, policy: &Policy, question: &Question) -> Result<(), String> {
    for provider in PROVIDERS {
        let mut asked = question.clone();
        asked.asker.provider = Some(provider.to_owned());
        let ours = verdict(document, &asked);
        let theirs = policy.evaluate_web_identity(provider, &request(question));
        if ours != theirs {
            return Err(format!("{provider}: oracle {ours:?}, engine {theirs:?}"));
        }
    }
    Ok(())
}

/// Each statement by itself, as explanations tell it.
fn statements(document: &Document, policy: &Policy, question: &Question) -> Result<(), String> {
    let ours = applies(document, question);
    let traces = policy.explain(&request(question));
    if ours.len() != traces.len() {
        return Err(format!(
            "{} statements, {} traces",
            ours.len(),
            traces.len()
        ));
    }
    for (at, ((_, ours), trace)) in ours.iter().zip(&traces).enumerate() {
        let theirs = match trace.outcome {
            StatementOutcome::Matched(named) => Some(named),
            _ => None,
        };
        if *ours != theirs || trace.statement != at {
            return Err(format!("statement {at}: oracle {ours:?}, engine {trace:?}"));
        }
    }
    Ok(())
}

/// Whether what the engine names as the reason for an allowance is one.
fn well_founded(basis: &Basis, world: &World, question: &Question) -> bool {
    match basis {
        Basis::Root => {
            let account = question.asker.principal.account();
            matches!(
                question.asker.principal,
                keystead_types::Principal::Root { .. }
            ) && account.is_some_and(|own| own.as_str() == question.resource_account)
        }
        Basis::Grant => world.granted != Granted::No,
        Basis::Statement(place) => {
            let at = place
                .policy
                .as_ref()
                .map_or(0, |name| name.parse().unwrap());
            let given = [Kind::Resource, Kind::Identity].contains(&place.kind);
            let row = world.row();
            let mut found = row
                .iter()
                .filter(|(kind, seat, _)| (*kind, *seat) == (place.kind, at));
            let allows = found.next().and_then(|(_, _, document)| {
                applies(document, question).get(place.statement).copied()
            });
            given && matches!(allows, Some((false, Some(_))))
        }
    }
}
