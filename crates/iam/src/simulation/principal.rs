//! Simulations of a user, a group or a role as it is.

use keystead_api::iam::{self as api, model::PolicyIdentifier};
use keystead_identity::Identities;
use keystead_policy::PolicyKind;
use keystead_types::{Fault, Principal};

use crate::asks::Asks;
use crate::call::Call;
use crate::operation::Operation;
use crate::paging::Paging;
use crate::refusals::{self, Entity};
use crate::scene::Scene;
use crate::simulation::entries::Entries;
use crate::simulation::keys::Keys;
use crate::simulation::sources::{self, Source};
use crate::simulation::trial::Trial;
use crate::simulation::{caller, facts, owner, resource_policy};

/// Name of the session of a simulated role: no real one can have it.
const NOBODY: &str = "";

/// The user, group or role that an ARN of the caller's account names.
///
/// Errors: InvalidInput for what is no such ARN; NoSuchEntity for another account's.
pub(super) fn entity<'n>(scene: &Scene<'_>, arn: &'n str) -> Result<(Entity, &'n str), Fault> {
    let own = scene.arn("");
    let resource = match arn.strip_prefix(own.as_str()) {
        Some(resource) => resource,
        None => return Err(refusals::invalid(format!("Invalid Entity Arn: {arn}"))),
    };
    let (kind, path) = resource.split_once('/').unwrap_or((resource, ""));
    let entity = match kind {
        "user" => Entity::User,
        "group" => Entity::Group,
        "role" => Entity::Role,
        _ => return Err(refusals::invalid(format!("Invalid Entity Arn: {arn}"))),
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    Ok((entity, name))
}

/// An entity with the policies that count for it.
struct Subject<'a> {
    principal: Principal,
    unique_id: Option<&'a str>,
    tags: &'a [(String, String)],
    identity: Vec<Source>,
    boundary: Option<&'a str>,
}

fn subject<'a>(
    scene: &Scene<'a>,
    arn: &str,
    left_out: &[PolicyIdentifier],
) -> Result<Subject<'a>, Fault> {
    let (entity, name) = entity(scene, arn)?;
    let account = scene.account();
    let account_id = scene.account_id();
    let not_found = || refusals::not_found(entity, name);
    match entity {
        Entity::User => {
            let held = account.user(name).ok_or_else(not_found)?;
            let user = &held.record;
            let own = (Entity::User, user.name.as_str());
            let mut identity = sources::of_entity(scene, own, &user.policies, left_out)?;
            for group in user.groups.iter().filter_map(|group| account.group(group)) {
                let (policies, name) = (&group.record.policies, group.record.name.as_str());
                let of = (Entity::Group, name);
                identity.extend(sources::of_entity(scene, of, policies, left_out)?);
            }
            Ok(Subject {
                principal: Principal::User {
                    account: account_id,
                    name: held.path_name.clone(),
                },
                unique_id: Some(&user.unique_id),
                tags: &user.tags,
                identity,
                boundary: user.boundary.as_deref(),
            })
        }
        Entity::Role => {
            let held = account.role(name).ok_or_else(not_found)?;
            let role = &held.record;
            let own = (Entity::Role, role.name.as_str());
            Ok(Subject {
                principal: Principal::RoleSession {
                    account: account_id,
                    role: held.path_name.clone(),
                    session: NOBODY.into(),
                },
                unique_id: Some(&role.unique_id),
                tags: &role.tags,
                identity: sources::of_entity(scene, own, &role.policies, left_out)?,
                boundary: role.boundary.as_deref(),
            })
        }
        Entity::Group => {
            let held = account.group(name).ok_or_else(not_found)?;
            let group = &held.record;
            let own = (Entity::Group, group.name.as_str());
            Ok(Subject {
                principal: Principal::User {
                    account: account_id,
                    name: NOBODY.into(),
                },
                unique_id: None,
                tags: &[],
                identity: sources::of_entity(scene, own, &group.policies, left_out)?,
                boundary: None,
            })
        }
    }
}

fn asks(scene: &Scene<'_>, arn: &str) -> Result<Asks, Fault> {
    let (entity, name) = entity(scene, arn)?;
    Ok(scene.entity(entity, name).into())
}

impl Operation for api::SimulatePrincipalPolicy {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        asks(scene, &input.policy_source_arn)
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let scene = call.scene();
        let left_out = input.policy_exclusion_list.as_deref().unwrap_or_default();
        let mut subject = subject(&scene, &input.policy_source_arn, left_out)?;
        let given = input.policy_input_list.as_deref().unwrap_or_default();
        let given = Source::given("PolicyInputList", PolicyKind::Identity, given)?;
        subject.identity.extend(given);
        let known =
            !matches!(&subject.principal, Principal::User { name, .. } if **name == *NOBODY);
        let mut facts = match known {
            true => facts(&scene, &subject.principal, subject.unique_id),
            false => Vec::new(),
        };
        let tags = subject.tags.iter();
        facts.extend(tags.map(|(key, value)| (format!("aws:PrincipalTag/{key}"), value.clone())));
        if let Some(arn) = &input.caller_arn {
            let (principal, unique_id) = caller(&scene, arn)?;
            facts = self::facts(&scene, &principal, unique_id);
            (subject.principal, subject.unique_id) = (principal, unique_id);
        } else if input.resource_policy.is_some() && !known {
            return Err(refusals::invalid(
                "CallerArn is required when a ResourcePolicy is given for a group.",
            ));
        }
        let boundary = match &input.permissions_boundary_policy_input_list {
            Some(list) => {
                let name = "PermissionsBoundaryPolicyInputList";
                Some(Source::given(name, PolicyKind::Identity, list)?)
            }
            None => {
                let own = subject
                    .boundary
                    .filter(|arn| !sources::leaves_out(left_out, arn));
                own.map(|arn| boundary(&scene, arn)).transpose()?
            }
        };
        let membership = call.service.directory().membership(call.account_id());
        let trial = Trial {
            partition: scene.partition,
            unique_id: subject.unique_id,
            owner: owner(input.resource_owner.as_deref(), call.account_id())?,
            identity: subject.identity,
            boundary,
            resource: resource_policy(input.resource_policy.as_deref(), &input.action_names)?,
            given_levels: Vec::new(),
            levels: &membership.service_control,
            entries: Entries::new(input.context_entries.as_deref().unwrap_or_default(), facts)?,
            principal: subject.principal,
        };
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: input.max_items,
        };
        let resources = input.resource_arns.as_deref();
        let page = trial.run(&input.action_names, resources, paging)?;
        Ok(api::simulate_principal_policy::Output {
            is_truncated: page.truncated(),
            evaluation_results: Some(page.items),
            marker: page.marker,
        })
    }
}

/// A boundary whose policy is gone denies everything, as it does for real requests.
fn boundary(scene: &Scene<'_>, arn: &str) -> Result<Vec<Source>, Fault> {
    const NOTHING: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    Ok(vec![match Source::managed(scene, arn)? {
        Some(source) => source,
        None => {
            let of = api::model::PolicySourceType::None;
            Source::new(arn.to_owned(), of, PolicyKind::Identity, NOTHING)?
        }
    }])
}

impl Operation for api::GetContextKeysForPrincipalPolicy {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        asks(scene, &input.policy_source_arn)
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let scene = call.scene();
        let mut sources = subject(&scene, &input.policy_source_arn, &[])?.identity;
        let given = input.policy_input_list.as_deref().unwrap_or_default();
        sources.extend(Source::given(
            "PolicyInputList",
            PolicyKind::Identity,
            given,
        )?);
        let mut keys = Keys::default();
        sources.iter().for_each(|source| keys.add(&source.document));
        Ok(api::get_context_keys_for_principal_policy::Output {
            context_key_names: Some(keys.into_names()),
        })
    }
}
