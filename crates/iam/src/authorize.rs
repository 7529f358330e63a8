//! Whether the caller may do what an operation asks for.
//!
//! Entities of IAM have no policies of their own: the caller's identity policies decide, within
//! its boundary, its session and its organisation; the root user needs none.
//! Wording of refusals: IAM User Guide, "Troubleshoot access denied error messages".

use keystead_audit::Entry;
use keystead_identity::{Bearer, GlobalContext, Identities, Membership, Pairs, Standing};
use keystead_policy::{Case, Decision, Denial, Explanation, add_conditions, explain};
use keystead_types::{Fault, FaultKind};
use serde_json::{Map, Value};

use crate::asks::{Ask, Asks};
use crate::context::IamContext;
use crate::limits::{AUDITED_EXPLANATION_BYTES, SEALED_EXPLANATION_BYTES};
use crate::service::{Request, Service};
use crate::sts::limits::SEALED_MESSAGE_MAX_BYTES;

/// Allows everything that is asked for, or refuses with AWS's text.
pub(crate) fn allow(
    service: &Service,
    request: &Request<'_>,
    bearer: &Bearer,
    operation: &str,
    asks: &Asks,
    entry: &mut Entry,
) -> Result<(), Fault> {
    let directory = service.directory();
    let account = bearer.caller.account;
    // Whoever is gone may nothing, and is told what a stranger is told.
    let standing = directory.standing(bearer).ok_or_else(|| {
        Fault::new(
            FaultKind::UnrecognizedClient,
            "The security token included in the request is invalid",
        )
    })?;
    let membership = directory.membership(account);
    let asker = Asker {
        service,
        request,
        bearer,
        standing: &standing,
        membership: &membership,
    };
    for ask in asks.iter() {
        let own = format!("iam:{operation}");
        asker.allow(ask.action.unwrap_or(&own), ask, entry)?;
    }
    Ok(())
}

struct Asker<'a> {
    service: &'a Service,
    request: &'a Request<'a>,
    bearer: &'a Bearer,
    standing: &'a Standing,
    membership: &'a Membership,
}

impl Asker<'_> {
    fn allow(&self, action: &str, ask: &Ask, entry: &mut Entry) -> Result<(), Fault> {
        let caller = &self.bearer.caller;
        let account = caller.account;
        let world = self.service.directory().world();
        let partition = world.partition();
        let context = IamContext {
            global: GlobalContext {
                bearer: self.bearer,
                standing: self.standing,
                membership: self.membership,
                origin: &self.request.origin,
                partition,
                region: self.request.region.as_str(),
                now: self.service.now(),
                resource_account: Some(account),
                resource_membership: Some(self.membership),
                source_membership: None,
                resource_tags: pairs(&ask.resource_tags),
                request_tags: pairs(&ask.request_tags),
                tag_keys: ask.tag_keys.as_ref().map(|keys| keys as _),
            },
            ask,
        };
        let question = keystead_policy::Request {
            principal: &caller.principal,
            partition,
            action,
            resource: &ask.resource,
            resource_account: account,
            unique_id: self.bearer.holder_id(),
            context: &context,
        };
        let case = Case {
            identity: &self.standing.policies,
            boundary: self.standing.boundary.as_ref(),
            session: self.bearer.session_policies.as_deref(),
            service_control: &self.membership.service_control,
            endpoint: self
                .request
                .origin
                .endpoint
                .as_ref()
                .and_then(|endpoint| endpoint.policy.as_ref()),
            ..Case::default()
        };
        // What is allowed is told as whole as what is denied: it may be a change of the policies
        // that say why.
        let why = explain(&case, &question);
        let recorded = Value::from(told(&why, &question, AUDITED_EXPLANATION_BYTES));
        entry.authorization(recorded.to_string().into_bytes());
        match &why.decision {
            Decision::Allowed(_) => Ok(()),
            Decision::Denied(denial) => {
                let who = caller.principal.arn(partition).to_string();
                let what = ask.shown.as_deref().unwrap_or(&ask.resource);
                let fault =
                    Fault::new(FaultKind::AccessDenied, refusal(&who, action, what, denial));
                let mut sealed = told(&why, &question, SEALED_EXPLANATION_BYTES);
                let tags = ask.resource_tags.iter();
                let tags = tags.map(|(key, _)| format!("aws:ResourceTag/{key}"));
                let tags = tags.chain(context.global.principal_tag_keys());
                add_conditions(&mut sealed, &context, tags, SEALED_MESSAGE_MAX_BYTES);
                let sealed = Value::from(sealed).to_string().into_bytes();
                let directory = self.service.directory();
                Err(match directory.seal_message(caller.account, &sealed) {
                    Some(message) => fault.with_authorization_message(message),
                    None => fault,
                })
            }
        }
    }
}

/// No tags at all are no key of a condition.
fn pairs(tags: &Vec<(Box<str>, Box<str>)>) -> Option<&dyn Pairs> {
    (!tags.is_empty()).then_some(tags)
}

/// An explanation as JSON: the question, the decision, the policies.
fn told(
    why: &Explanation,
    question: &keystead_policy::Request<'_>,
    max_bytes: usize,
) -> Map<String, Value> {
    let mut members = match why.to_json(max_bytes) {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let principal = question.principal.arn(question.partition).to_string();
    members.insert("principal".to_owned(), principal.into());
    members.insert("action".to_owned(), question.action.into());
    members.insert("resource".to_owned(), question.resource.into());
    members
}

/// AWS's words for a denial.
pub(crate) fn refusal(who: &str, action: &str, what: &str, denial: &Denial) -> String {
    let head = format!("User: {who} is not authorized to perform: {action} on resource: {what}");
    match denial {
        Denial::Implicit(kind) => {
            let kind = kind.as_str();
            format!("{head} because no {kind} allows the {action} action")
        }
        Denial::Explicit(place) => {
            let kind = place.kind.as_str();
            let article = if kind.starts_with(['a', 'e', 'i', 'o']) {
                "an"
            } else {
                "a"
            };
            // A guardrail or managed policy has an ARN of its own; an inline one has not.
            let arn = place.policy.as_deref();
            let arn = arn.filter(|name| name.starts_with("arn:") && !name.contains('#'));
            let arn = arn.map(|arn| format!(": {arn}")).unwrap_or_default();
            format!("{head} with an explicit deny in {article} {kind}{arn}")
        }
    }
}
