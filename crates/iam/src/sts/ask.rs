//! Whether a caller may do what it asks of STS.

use keystead_audit::Entry;
use keystead_identity::{Bearer, GlobalContext, Identities, Membership, Standing};
use keystead_policy::{Case, Decision, Denial, Policy, add_conditions, explain};
use keystead_types::{AccountId, Fault, FaultKind, Principal, Timestamp};
use serde_json::{Map, Value};

use super::context::{Bare, Brought, StsContext};
use super::limits::{
    AUDITED_EXPLANATION_MAX_BYTES, EXPLANATION_MAX_BYTES, SEALED_MESSAGE_MAX_BYTES,
};
use crate::service::{Request, Service};

/// One action on one resource.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// `sts:AssumeRole`
    pub(crate) action: &'a str,
    /// The role's ARN, a federated user's, or `*`.
    pub(crate) resource: &'a str,
    /// The account of the resource.
    pub(crate) account: AccountId,
    /// The role's trust policy; `None` where identity policies decide alone.
    pub(crate) trust: Option<&'a Policy>,
    /// Tags of the role.
    pub(crate) resource_tags: &'a [(Box<str>, Box<str>)],
    /// Tags that the request brings.
    pub(crate) request_tags: &'a [(Box<str>, Box<str>)],
    /// What else it brings.
    pub(crate) brought: Brought<'a>,
}

/// Who asks, with what is known of it at this moment.
pub(crate) struct Asker<'a> {
    service: &'a Service,
    request: &'a Request<'a>,
    bearer: &'a Bearer,
    standing: std::sync::Arc<Standing>,
    membership: Membership,
    partition: &'static str,
    now: Timestamp,
}

impl<'a> Asker<'a> {
    /// Errors: UnrecognizedClient when the user or role behind the credential is gone.
    pub(crate) fn new(
        service: &'a Service,
        request: &'a Request<'a>,
        bearer: &'a Bearer,
    ) -> Result<Self, Fault> {
        let directory = service.directory();
        let standing = directory.standing(bearer).ok_or_else(gone)?;
        Ok(Self {
            service,
            request,
            bearer,
            standing,
            membership: directory.membership(bearer.caller.account),
            partition: directory.partition(),
            now: service.now(),
        })
    }

    /// The caller's ARN, as messages print it.
    pub(crate) fn who(&self) -> String {
        self.bearer.caller.principal.arn(self.partition).to_string()
    }

    /// Decides, notes it in the audit record, and refuses with AWS's text.
    ///
    /// Errors: AccessDenied with the sealed explanation.
    pub(crate) fn allow(&self, ask: &Ask<'_>, entry: &mut Entry) -> Result<(), Fault> {
        let directory = self.service.directory();
        let caller = &self.bearer.caller;
        let of_resource = directory.membership(ask.account);
        let source = self.request.origin.source.as_ref();
        let of_source = source.and_then(|source| source.account);
        let of_source = of_source.map(|account| directory.membership(account));
        let context = StsContext {
            global: Some(GlobalContext {
                bearer: self.bearer,
                standing: &self.standing,
                membership: &self.membership,
                origin: &self.request.origin,
                partition: self.partition,
                region: self.request.region.as_str(),
                now: self.now,
                resource_account: Some(ask.account),
                resource_membership: Some(&of_resource),
                source_membership: of_source.as_ref(),
                resource_tags: Some(&ask.resource_tags),
                request_tags: match ask.request_tags {
                    [] => None,
                    _ => Some(&ask.request_tags),
                },
                tag_keys: None,
            }),
            bare: Bare {
                origin: &self.request.origin,
                region: self.request.region.as_str(),
                now: self.now,
                resource_tags: &[],
                request_tags: &[],
            },
            brought: Brought {
                role_tags: ask.resource_tags,
                ..ask.brought
            },
        };
        let question = keystead_policy::Request {
            principal: &caller.principal,
            partition: self.partition,
            action: ask.action,
            resource: ask.resource,
            resource_account: ask.account,
            unique_id: self.bearer.holder_id(),
            context: &context,
        };
        let endpoint = self.request.origin.endpoint.as_deref();
        // A service is no principal of the account that it acts for.
        let service = matches!(caller.principal, Principal::Service { .. });
        let service_control = match service {
            true => &[][..],
            false => &self.membership.service_control[..],
        };
        let case = Case {
            resource: ask.trust,
            identity: &self.standing.policies,
            boundary: self.standing.boundary.as_ref(),
            session: self.bearer.session_policies.as_deref(),
            service_control,
            resource_control: &of_resource.resource_control,
            endpoint: endpoint.and_then(|endpoint| endpoint.policy.as_ref()),
            ..Case::default()
        };
        // What is allowed is told as whole as what is denied.
        let explanation = explain(&case, &question);
        let told = |max| {
            let mut told = match explanation.to_json(max) {
                Value::Object(told) => told,
                _ => Map::new(),
            };
            told.insert("action".into(), ask.action.into());
            told.insert("resource".into(), ask.resource.into());
            told.insert("principal".into(), self.who().into());
            told
        };
        let bytes = |told| Value::from(told).to_string().into_bytes();
        entry.authorization(bytes(told(AUDITED_EXPLANATION_MAX_BYTES)));
        match &explanation.decision {
            Decision::Allowed(_) => Ok(()),
            Decision::Denied(denial) => {
                let fault = self.refused(ask, denial);
                // A stranger learns nothing of another account's policies.
                if ask.account != caller.account {
                    return Err(fault);
                }
                let mut sealed = told(EXPLANATION_MAX_BYTES);
                let tags = ask.resource_tags.iter();
                let tags = tags.map(|(key, _)| format!("aws:ResourceTag/{key}"));
                let global = context.global.iter();
                let tags = tags.chain(global.flat_map(GlobalContext::principal_tag_keys));
                add_conditions(&mut sealed, &context, tags, SEALED_MESSAGE_MAX_BYTES);
                let sealed = directory.seal_message(caller.account, &bytes(sealed));
                Err(match sealed {
                    Some(message) => fault.with_authorization_message(message),
                    None => fault,
                })
            }
        }
    }

    /// AWS's words. That a role of another account is there, or says Deny, is not told; that no
    /// policy allows is told in the same words for a role that is not there.
    fn refused(&self, ask: &Ask<'_>, denial: &Denial) -> Fault {
        let head = not_authorized(&self.who(), ask.action, ask.resource);
        match denial {
            Denial::Explicit(place) if ask.account == self.bearer.caller.account => {
                let kind = place.kind.as_str();
                let article = match kind.starts_with(['i', 'o', 'e', 'a']) {
                    true => "an",
                    false => "a",
                };
                denied(format!("{head} with an explicit deny in {article} {kind}"))
            }
            _ => denied(head),
        }
    }

    /// What is said of a role that is not there: the same as of one that does not trust.
    pub(crate) fn not_there(&self, action: &str, resource: &str) -> Fault {
        denied(not_authorized(&self.who(), action, resource))
    }
}

fn not_authorized(who: &str, action: &str, resource: &str) -> String {
    match resource {
        "*" => format!("User: {who} is not authorized to perform: {action}"),
        _ => format!("User: {who} is not authorized to perform: {action} on resource: {resource}"),
    }
}

/// AccessDenied with a text.
pub(crate) fn denied(text: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(FaultKind::AccessDenied, text)
}

/// What the holder of a credential is told whose user or role is gone.
pub(crate) fn gone() -> Fault {
    Fault::new(
        FaultKind::UnrecognizedClient,
        "The security token included in the request is invalid.",
    )
}
