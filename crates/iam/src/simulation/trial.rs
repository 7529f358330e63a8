//! One simulation: every action against every resource.

use keystead_api::iam::model::{
    EvaluationResult, OrganizationsDecisionDetail, PermissionsBoundaryDecisionDetail,
    PolicyEvaluationDecisionType, Position, Statement,
};
use keystead_policy::{
    Case, Decision, Denial, Effect, Level, NamedPolicy, Request, StatementOutcome, Verdict, decide,
};
use keystead_types::{AccountId, Fault, Principal};

use crate::limits::{
    SIMULATED_BASE_BYTES, SIMULATED_DOCUMENT_BYTES, SIMULATED_PAGE_COST, SIMULATED_PAIRS,
};
use crate::paging::{self, Page, Paging};
use crate::refusals;
use crate::simulation::entries::Entries;
use crate::simulation::keys::Keys;
use crate::simulation::positions::{self, Place};
use crate::simulation::sources::Source;

/// Everything that a simulation is about.
pub(crate) struct Trial<'a> {
    pub(crate) partition: &'a str,
    pub(crate) principal: Principal,
    pub(crate) unique_id: Option<&'a str>,
    /// Whose the resources are whose ARNs do not tell it.
    pub(crate) owner: AccountId,
    pub(crate) identity: Vec<Source>,
    /// Each of them must allow.
    pub(crate) boundary: Option<Vec<Source>>,
    pub(crate) resource: Option<Source>,
    /// Guardrails given with the request, level by level.
    pub(crate) given_levels: Vec<Vec<Source>>,
    /// Guardrails that are in force, level by level.
    pub(crate) levels: &'a [Level],
    pub(crate) entries: Entries,
}

impl Trial<'_> {
    /// Checks actions and resources and decides the pairs of one page, in order.
    ///
    /// Errors: InvalidInput; ValidationError for a marker that no page gave.
    pub(crate) fn run(
        &self,
        actions: &[String],
        resources: Option<&[String]>,
        paging: Paging<'_>,
    ) -> Result<Page<EvaluationResult>, Fault> {
        let all = ["*".to_owned()];
        let resources = resources.filter(|list| !list.is_empty()).unwrap_or(&all);
        if actions.len().saturating_mul(resources.len()) > SIMULATED_PAIRS {
            return Err(refusals::invalid(format!(
                "A simulation takes up to {SIMULATED_PAIRS} pairs of an action and a resource."
            )));
        }
        let bytes: usize = self.sources().map(|source| source.document.len()).sum();
        if bytes > SIMULATED_DOCUMENT_BYTES {
            return Err(refusals::invalid(format!(
                "The policies of a simulation have up to {SIMULATED_DOCUMENT_BYTES} bytes together."
            )));
        }
        if let Some(action) = actions.iter().find(|action| !is_action(action)) {
            return Err(refusals::invalid(format!(
                "Invalid action name {action}. Action names are a service prefix, a colon and \
                 the name of one action."
            )));
        }
        let pairs = actions.iter().flat_map(|action| {
            let resources = resources.iter();
            resources.map(move |resource| (action.as_str(), resource.as_str()))
        });
        let missing = self.missing();
        let longest = resources.iter().map(String::len).max().unwrap_or_default();
        let compared = longest
            .saturating_add(self.entries.bytes())
            .saturating_add(SIMULATED_BASE_BYTES);
        let affordable = SIMULATED_PAGE_COST / bytes.saturating_mul(compared).max(1);
        let page = paging::by_place(pairs, paging.at_most(affordable.max(1)))?;
        Ok(page.map(|(action, resource)| self.one(action, resource, &missing)))
    }

    /// Every policy with its text.
    fn sources(&self) -> impl Iterator<Item = &Source> {
        let boundary = self.boundary.iter().flatten();
        let sources = self.identity.iter().chain(boundary).chain(&self.resource);
        sources.chain(self.given_levels.iter().flatten())
    }

    /// Keys that policies ask for and nobody gave.
    fn missing(&self) -> Vec<String> {
        let mut keys = Keys::default();
        self.sources().for_each(|source| keys.add(&source.document));
        let mut names = keys.into_names();
        names.retain(|name| !self.entries.knows(name));
        names
    }

    fn one(&self, action: &str, resource: &str, missing: &[String]) -> EvaluationResult {
        let request = Request {
            principal: &self.principal,
            partition: self.partition,
            action,
            resource,
            resource_account: account_of(resource).unwrap_or(self.owner),
            unique_id: self.unique_id,
            context: &self.entries,
        };
        let identity = named(&self.identity);
        let given: Vec<Level> = self
            .given_levels
            .iter()
            .map(|level| named(level).into())
            .collect();
        let levels: Vec<Level> = self.levels.iter().cloned().chain(given).collect();
        let boundaries = self.boundary.as_deref().map(named);
        // The request may give several boundaries, and the case has room for one: the first stands
        // there, the others as levels that must allow too, which is the same.
        let (boundary, more) = match boundaries.as_deref() {
            None => (None, &[][..]),
            Some([]) => (None, &[][..]),
            Some([first, more @ ..]) => (Some(first), more),
        };
        let more = more.iter().map(|policy| Level::from(vec![policy.clone()]));
        let service_control: Vec<Level> = levels.iter().cloned().chain(more).collect();
        let decision = decide(
            &Case {
                resource: self.resource.as_ref().map(|source| &*source.policy.policy),
                identity: &identity,
                boundary,
                service_control: &service_control,
                ..Case::default()
            },
            &request,
        );
        let by_boundary = boundaries
            .as_ref()
            .map(|all| all.iter().all(|policy| allows(policy, &request)));
        let by_organizations = (!levels.is_empty()).then(|| {
            let denies = |policy: &NamedPolicy| {
                matches!(policy.policy.evaluate(&request), Verdict::Denied { .. })
            };
            levels.iter().all(|level| {
                level.iter().any(|policy| allows(policy, &request)) && !level.iter().any(denies)
            })
        });
        EvaluationResult {
            eval_action_name: action.to_owned(),
            eval_decision: match &decision {
                Decision::Allowed(_) => PolicyEvaluationDecisionType::Allowed,
                Decision::Denied(Denial::Explicit(_)) => PolicyEvaluationDecisionType::ExplicitDeny,
                Decision::Denied(Denial::Implicit(_)) => PolicyEvaluationDecisionType::ImplicitDeny,
            },
            eval_decision_details: None,
            eval_resource_name: Some(resource.to_owned()),
            matched_statements: Some(self.matched(&decision, &request)),
            missing_context_values: Some(missing.to_vec()),
            organizations_decision_detail: by_organizations.map(|allowed| {
                OrganizationsDecisionDetail {
                    allowed_by_organizations: Some(allowed),
                }
            }),
            permissions_boundary_decision_detail: by_boundary.map(|allowed| {
                PermissionsBoundaryDecisionDetail {
                    allowed_by_permissions_boundary: Some(allowed),
                }
            }),
            resource_specific_results: None,
        }
    }

    /// The statements that made the decision: those that allow, or those that deny. None when
    /// nothing allows.
    fn matched(&self, decision: &Decision, request: &Request<'_>) -> Vec<Statement> {
        let effect = match decision {
            Decision::Allowed(_) => Effect::Allow,
            Decision::Denied(Denial::Explicit(_)) => Effect::Deny,
            Decision::Denied(Denial::Implicit(_)) => return Vec::new(),
        };
        let boundary = self.boundary.iter().flatten();
        let limits = boundary.chain(self.given_levels.iter().flatten());
        // What a boundary allows is no permission, so only its denials made the decision.
        let limits = limits.filter(|_| effect == Effect::Deny);
        let sources = self.identity.iter().chain(&self.resource).chain(limits);
        let mut matched = Vec::new();
        for source in sources {
            let places = positions::statements(&source.document);
            for trace in source.policy.policy.explain(request) {
                let applies = matches!(trace.outcome, StatementOutcome::Matched(_));
                if !applies || trace.effect != effect {
                    continue;
                }
                let place = places.get(trace.statement);
                matched.push(Statement {
                    source_policy_id: Some(source.id.clone()),
                    source_policy_type: Some(source.kind),
                    start_position: place.map(|(begin, _)| position(*begin)),
                    end_position: place.map(|(_, end)| position(*end)),
                });
            }
        }
        matched
    }
}

fn named(sources: &[Source]) -> Vec<NamedPolicy> {
    sources.iter().map(|source| source.policy.clone()).collect()
}

fn allows(policy: &NamedPolicy, request: &Request<'_>) -> bool {
    matches!(policy.policy.evaluate(request), Verdict::Allowed { .. })
}

fn position(place: Place) -> Position {
    Position {
        line: Some(place.line),
        column: Some(place.column),
    }
}

/// `kms:Encrypt`: a service prefix and the name of one action.
fn is_action(action: &str) -> bool {
    let named = action.split_once(':');
    named.is_some_and(|(service, name)| {
        !service.is_empty() && !name.is_empty() && !action.contains(['*', '?'])
    })
}

/// The account in an ARN.
fn account_of(resource: &str) -> Option<AccountId> {
    let mut fields = resource.splitn(6, ':');
    (fields.next()? == "arn").then_some(())?;
    AccountId::parse(fields.nth(3)?).ok()
}
