//! ListPoliciesGrantingServiceAccess: which policies of an identity let it use a service at all.
//!
//! A policy counts when an Allow of it reaches an action of the service, whatever resources and
//! conditions it names. Boundaries, guardrails and policies of resources play no part.
//! Source: IAM API reference, the operation.

use keystead_api::iam::{self as api, model};
use keystead_store::records::PolicySet;
use keystead_types::Fault;
use serde_json::Value;

use crate::asks::Asks;
use crate::call::Call;
use crate::holder::Holder;
use crate::limits::SERVICE_NAMESPACES;
use crate::operation::Operation;
use crate::paging::{self, Paging};
use crate::refusals::{self, Entity};
use crate::scene::Scene;
use crate::simulation::principal::entity;
use crate::simulation::{keys::many, sources::Source};

/// Whether a document has an Allow that reaches an action of a service.
fn grants(document: &str, service: &str) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(document) else {
        return false;
    };
    let texts = |statement: &Value, element: &str| -> Option<Vec<String>> {
        let values = many(statement.get(element)).filter_map(Value::as_str);
        statement.get(element)?;
        Some(values.map(str::to_ascii_lowercase).collect())
    };
    many(document.get("Statement")).any(|statement| {
        let allows = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
        let all = format!("{service}:*");
        let reached = match (texts(statement, "Action"), texts(statement, "NotAction")) {
            (Some(actions), _) => actions.iter().any(|action| reaches(action, service)),
            (None, Some(spared)) => !spared.iter().any(|spared| *spared == all || spared == "*"),
            (None, None) => false,
        };
        allows && reached
    })
}

/// Whether an action pattern can name an action of a service. Both are lower case.
fn reaches(action: &str, service: &str) -> bool {
    match action.split_once(':') {
        Some((prefix, name)) => fits(prefix, service) && !name.is_empty(),
        // Without a colon only `*` stands for something: everything.
        None => action.chars().all(|c| c == '*') && !action.is_empty(),
    }
}

/// `*` and `?` in a service's prefix. Both texts are short: 64 characters at most reach here.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(c) if text.get(t) == Some(c) => (p, t) = (p + 1, t + 1),
            _ => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    (p, t) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == b'*')
}

/// A policy with its text and how an answer shows it.
type Listed = (String, model::PolicyGrantingServiceAccess);

fn listed(
    scene: &Scene<'_>,
    (entity, name): (Entity, &str),
    policies: &PolicySet,
) -> Result<Vec<Listed>, Fault> {
    let owner = match entity {
        Entity::User => model::PolicyOwnerEntityType::User,
        Entity::Group => model::PolicyOwnerEntityType::Group,
        Entity::Role => model::PolicyOwnerEntityType::Role,
    };
    let inline = policies.inline.iter().map(|policy| {
        let shown = model::PolicyGrantingServiceAccess {
            entity_name: Some(name.to_owned()),
            entity_type: Some(owner),
            policy_arn: None,
            policy_name: policy.name.clone(),
            policy_type: model::PolicyType::Inline,
        };
        (policy.document.clone(), shown)
    });
    let mut all: Vec<Listed> = inline.collect();
    for arn in &policies.attached {
        let Some(source) = Source::managed(scene, arn)? else {
            continue;
        };
        let shown = model::PolicyGrantingServiceAccess {
            entity_name: None,
            entity_type: None,
            policy_arn: Some(arn.clone()),
            policy_name: source.id,
            policy_type: model::PolicyType::Managed,
        };
        all.push((source.document, shown));
    }
    Ok(all)
}

impl Operation for api::ListPoliciesGrantingServiceAccess {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        let (entity, name) = entity(scene, &input.arn)?;
        Ok(scene.entity(entity, name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let scene = call.scene();
        let (entity, name) = entity(&scene, &input.arn)?;
        if input.service_namespaces.len() > SERVICE_NAMESPACES {
            return Err(refusals::invalid(format!(
                "ServiceNamespaces takes up to {SERVICE_NAMESPACES} names."
            )));
        }
        let holder = Holder::find(&scene, entity, name)?;
        let own = (entity, holder.name());
        let mut policies = listed(&scene, own, holder.policies())?;
        if let Holder::User(user) = &holder {
            let account = scene.account();
            for group in user.groups.iter().filter_map(|group| account.group(group)) {
                let of = (Entity::Group, group.record.name.as_str());
                policies.extend(listed(&scene, of, &group.record.policies)?);
            }
        }
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: None,
        };
        // Documents are read for the services of one page only.
        let page = paging::by_place(&input.service_namespaces, paging)?.map(|service| {
            let service = service.to_ascii_lowercase();
            let granting = policies.iter();
            let granting = granting.filter(|(document, _)| grants(document, &service));
            model::ListPoliciesGrantingServiceAccessEntry {
                policies: Some(granting.map(|(_, shown)| shown.clone()).collect()),
                service_namespace: Some(service),
            }
        });
        Ok(api::list_policies_granting_service_access::Output {
            is_truncated: page.truncated(),
            policies_granting_service_access: page.items,
            marker: page.marker,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allow_that_reaches_the_service_grants() {
        let document = |effect: &str, element: &str, value: &str| {
            format!(r#"{{"Statement":{{"Effect":"{effect}","{element}":{value},"Resource":"*"}}}}"#)
        };
        for (effect, element, value, expected) in [
            ("Allow", "Action", r#""kms:Encrypt""#, true),
            ("Allow", "Action", r#"["s3:*","KM?:*"]"#, true),
            ("Allow", "Action", r#""*""#, true),
            ("Allow", "Action", r#""k*:Decrypt""#, true),
            ("Allow", "Action", r#""kmsx:*""#, false),
            ("Deny", "Action", r#""kms:*""#, false),
            ("Allow", "NotAction", r#""iam:*""#, true),
            ("Allow", "NotAction", r#""kms:*""#, false),
            ("Allow", "NotAction", r#""kms:Encrypt""#, true),
        ] {
            let document = document(effect, element, value);
            assert_eq!(grants(&document, "kms"), expected, "{document}");
        }
    }
}
