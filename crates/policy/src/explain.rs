//! Why a decision fell as it did: every policy that took part and what became of each of its
//! statements. For explanations of denials, simulations and `keystead explain`; allocates.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::condition::ConditionTrace;
use crate::context::Context;
use crate::decide::{Basis, Case, Decision, Denial, Granted, Kind, NamedPolicy, Place, decide};
use crate::digest::PolicyDigest;
use crate::evaluate::{Named, Policy, Request, StatementTrace};
use crate::limits::{
    EXPLAINED_CONDITIONS_MAX, EXPLAINED_STATEMENTS_MAX, EXPLAINED_VALUE_MAX_CHARS,
};
use crate::outcomes::PolicyOutcomes;
use crate::statement::{Effect, StatementOutcome};

/// A policy that took part in a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Its kind.
    pub kind: Kind,
    /// Its name; `None` for the policy of the resource itself.
    pub name: Option<Arc<str>>,
    /// For guardrails, the level that it belongs to, from 0 as in [`Case`].
    pub level: Option<usize>,
    /// Its statements, in order.
    pub traces: Vec<StatementTrace>,
}

/// A decision and all that took part in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The same as [`decide`] gives.
    pub decision: Decision,
    /// In this order: guardrails, the endpoint's policy, identity policies, boundary, session
    /// policies, the resource's policy.
    pub participants: Vec<Participant>,
    /// What grants said. Which grant it was, and why others did not fit, the caller knows.
    pub grant: Granted,
}

/// Decides as [`decide`] does and tells why.
pub fn explain(case: &Case<'_>, request: &Request<'_>) -> Explanation {
    let mut participants = Vec::new();
    let mut conditions_left = EXPLAINED_CONDITIONS_MAX;
    let mut add = |kind, name: Option<&Arc<str>>, level, policy: &Policy| {
        participants.push(Participant {
            kind,
            name: name.cloned(),
            level,
            traces: policy.explain_within(request, &mut conditions_left),
        });
    };
    let mut add_all = |kind, level, policies: &[NamedPolicy]| {
        for NamedPolicy { name, policy } in policies {
            add(kind, Some(name), level, policy);
        }
    };
    for (index, level) in case.resource_control.iter().enumerate() {
        add_all(Kind::ResourceControl, Some(index), level);
    }
    for (index, level) in case.service_control.iter().enumerate() {
        add_all(Kind::ServiceControl, Some(index), level);
    }
    add_all(Kind::Endpoint, None, list(case.endpoint));
    add_all(Kind::Identity, None, case.identity);
    add_all(Kind::Boundary, None, list(case.boundary));
    add_all(Kind::Session, None, case.session.unwrap_or_default());
    if let Some(policy) = case.resource {
        add(Kind::Resource, None, None, policy);
    }
    Explanation {
        decision: decide(case, request),
        participants,
        grant: case.grant,
    }
}

impl Policy {
    /// What is on record of a decision in which this policy took part, told with its texts. Values
    /// of failed conditions are read from `context`. `None` when the record is of another policy.
    pub fn recall(
        &self,
        recorded: &PolicyOutcomes,
        context: &dyn Context,
    ) -> Option<Vec<StatementTrace>> {
        if recorded.digest != self.digest() {
            return None;
        }
        let everything = [(Effect::Allow, StatementOutcome::Matched(Named::Everyone))];
        let outcomes = match self.digest() == PolicyDigest::ALLOW_ALL {
            true => &everything[..],
            false => &recorded.statements,
        };
        let statements = self.statements();
        let whole = match recorded.cut {
            true => outcomes.len() <= statements.len(),
            false => outcomes.len() == statements.len(),
        };
        if !whole {
            return None;
        }
        let mut traces = traces_of(outcomes);
        for (trace, statement) in traces.iter_mut().zip(statements) {
            if trace.effect != statement.effect {
                return None;
            }
            trace.sid = statement.sid.clone();
            if let StatementOutcome::ConditionNotMet { condition } = trace.outcome {
                let failed = statement.conditions.get(condition)?;
                trace.condition = Some(failed.trace(context));
            }
        }
        Some(traces)
    }
}

impl PolicyOutcomes {
    /// The same where the policy is not there any more: without its texts.
    pub fn traces(&self) -> Vec<StatementTrace> {
        traces_of(&self.statements)
    }
}

fn traces_of(outcomes: &[(Effect, StatementOutcome)]) -> Vec<StatementTrace> {
    let trace =
        |(statement, (effect, outcome)): (usize, &(Effect, StatementOutcome))| StatementTrace {
            statement,
            sid: None,
            effect: *effect,
            outcome: *outcome,
            condition: None,
        };
    outcomes.iter().enumerate().map(trace).collect()
}

/// A policy that is there or not, as a list.
fn list(policy: Option<&NamedPolicy>) -> &[NamedPolicy] {
    policy.map_or(&[], std::slice::from_ref)
}

impl Explanation {
    /// As JSON, of about `max_bytes` at most: the decision always, then as many statements as
    /// fit; each policy tells how many it has besides (`more`). Statements that applied or failed
    /// by a condition come first.
    pub fn to_json(&self, max_bytes: usize) -> Value {
        let bytes = |name: &Option<Arc<str>>| name.as_ref().map_or(0, |name| name.len());
        let decided_by = self
            .decision
            .place()
            .map_or(0, |place| bytes(&place.policy));
        let mut left = max_bytes.saturating_sub(decided_by);
        let mut policies = Vec::new();
        let mut policies_left_out = 0_u64;
        for participant in &self.participants {
            left = left.saturating_sub(bytes(&participant.name));
            if left == 0 {
                policies_left_out += 1;
            } else {
                policies.push(participant.told(&mut left));
            }
        }
        let mut object = Map::new();
        object.insert("decision".into(), json_of_decision(&self.decision));
        object.insert("policies".into(), policies.into());
        if policies_left_out > 0 {
            object.insert("morePolicies".into(), policies_left_out.into());
        }
        if let Granted::To(named) = self.grant {
            object.insert("grantFor".into(), name_of(named).into());
        }
        object.into()
    }
}

/// `{"allowed": true, "by": …}`, `{"allowed": false, "explicit": …, "kind": …}`.
fn json_of_decision(decision: &Decision) -> Value {
    match decision {
        Decision::Allowed(Basis::Root) => json!({"allowed": true, "by": "root user"}),
        Decision::Allowed(Basis::Grant) => json!({"allowed": true, "by": "grant"}),
        Decision::Allowed(Basis::Statement(place)) => {
            json!({"allowed": true, "by": json_of_place(place)})
        }
        Decision::Denied(Denial::Explicit(place)) => {
            json!({"allowed": false, "explicitDeny": json_of_place(place)})
        }
        Decision::Denied(Denial::Implicit(kind)) => {
            json!({"allowed": false, "noAllowIn": kind.as_str()})
        }
    }
}

fn json_of_place(place: &Place) -> Value {
    let mut object = Map::new();
    object.insert("kind".into(), place.kind.as_str().into());
    if let Some(policy) = &place.policy {
        object.insert("policy".into(), (**policy).into());
    }
    object.insert("statement".into(), place.statement.into());
    object.into()
}

impl Participant {
    /// As a member of `policies` in [`Explanation::to_json`], of about `max_bytes` at most.
    pub fn to_json(&self, max_bytes: usize) -> Value {
        self.told(&mut { max_bytes })
    }

    /// Takes what it uses from `left`.
    fn told(&self, left: &mut usize) -> Value {
        let mut object = Map::new();
        object.insert("kind".into(), self.kind.as_str().into());
        if let Some(name) = &self.name {
            object.insert("policy".into(), (**name).into());
        }
        if let Some(level) = self.level {
            object.insert("level".into(), level.into());
        }
        let is_telling = |trace: &&StatementTrace| {
            matches!(
                trace.outcome,
                StatementOutcome::Matched(_) | StatementOutcome::ConditionNotMet { .. }
            )
        };
        let telling = self.traces.iter().filter(is_telling);
        let others = self.traces.iter().filter(|trace| !is_telling(trace));
        let mut shown = Vec::new();
        for trace in telling.chain(others).take(EXPLAINED_STATEMENTS_MAX) {
            let trace = json_of_trace(trace);
            let bytes = trace.to_string().len();
            if bytes > *left {
                *left = 0;
                break;
            }
            *left -= bytes;
            shown.push(trace);
        }
        let more = self.traces.len().saturating_sub(shown.len());
        object.insert("statements".into(), shown.into());
        if more > 0 {
            object.insert("more".into(), more.into());
        }
        object.into()
    }
}

fn json_of_trace(trace: &StatementTrace) -> Value {
    let mut object = Map::new();
    object.insert("statement".into(), trace.statement.into());
    if let Some(sid) = &trace.sid {
        object.insert("sid".into(), shortened(sid).into());
    }
    let effect = match trace.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    object.insert("effect".into(), effect.into());
    let outcome = match trace.outcome {
        StatementOutcome::Matched(named) => {
            object.insert("names".into(), name_of(named).into());
            "applies"
        }
        StatementOutcome::OtherPrincipal => "other principal",
        StatementOutcome::OtherAction => "other action",
        StatementOutcome::OtherResource => "other resource",
        StatementOutcome::ConditionNotMet { .. } => "condition not met",
    };
    object.insert("outcome".into(), outcome.into());
    if let Some(condition) = &trace.condition {
        object.insert("condition".into(), json_of_condition(condition));
    }
    object.into()
}

fn json_of_condition(condition: &ConditionTrace) -> Value {
    let list = |values: &[Box<str>]| Value::from_iter(values.iter().map(|value| &**value));
    json!({
        "operator": &*condition.operator,
        "key": &*condition.key,
        "policyValues": list(&condition.policy_values),
        "requestValues": condition.request_values.as_deref().map_or("absent".into(), list),
    })
}

fn name_of(named: Named) -> &'static str {
    match named {
        Named::Principal => "principal",
        Named::Role => "role",
        Named::Everyone => "everyone",
        Named::Account => "account",
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(EXPLAINED_VALUE_MAX_CHARS).collect()
}
