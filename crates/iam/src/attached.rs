//! Managed policies attached to users, groups and roles.

use keystead_api::iam as api;
use keystead_types::Fault;

use crate::asks::Asks;
use crate::call::Call;
use crate::holder::Holder;
use crate::limits::ATTACHED_POLICIES;
use crate::managed;
use crate::operation::Operation;
use crate::paging::{self, Page, Paging};
use crate::refusals::{self, Entity};
use crate::scene::Scene;

fn asks(scene: &Scene<'_>, entity: Entity, owner: &str, arn: &str) -> Result<Asks, Fault> {
    scene.policy_name(arn)?;
    Ok(scene.entity(entity, owner).policy(arn).into())
}

fn attach(
    call: &mut Call<'_, '_>,
    (entity, owner): (Entity, &str),
    arn: &str,
) -> Result<(), Fault> {
    let mut holder = Holder::find(&call.scene(), entity, owner)?;
    // The spelling of the policy itself: names are compared without case.
    let arn = match managed::find(&call.scene(), arn)? {
        Some(policy) => policy.arn().to_owned(),
        None => return Err(refusals::not_attachable(arn)),
    };
    let attached = &mut holder.policies_mut().attached;
    if attached.contains(&arn) {
        return Ok(());
    }
    if attached.len() >= ATTACHED_POLICIES {
        let per = format!("PoliciesPer{}", entity.title());
        return Err(refusals::quota(&per, ATTACHED_POLICIES));
    }
    attached.push(arn);
    holder.put(call)
}

fn detach(
    call: &mut Call<'_, '_>,
    (entity, owner): (Entity, &str),
    arn: &str,
) -> Result<(), Fault> {
    let mut holder = Holder::find(&call.scene(), entity, owner)?;
    let found = managed::find(&call.scene(), arn)?.map(|policy| policy.arn().to_owned());
    let spelled = found.unwrap_or_else(|| arn.to_owned());
    let attached = &mut holder.policies_mut().attached;
    let before = attached.len();
    attached.retain(|present| *present != spelled);
    if attached.len() == before {
        return Err(refusals::no_policy(arn));
    }
    holder.put(call)
}

fn list(
    call: &Call<'_, '_>,
    (entity, owner): (Entity, &str),
    path_prefix: Option<&str>,
    paging: Paging<'_>,
) -> Result<Page<api::model::AttachedPolicy>, Fault> {
    let scene = call.scene();
    let holder = Holder::find(&scene, entity, owner)?;
    let mut policies = Vec::new();
    for arn in &holder.policies().attached {
        if let Some(policy) = managed::find(&scene, arn)?
            && policy.path().starts_with(path_prefix.unwrap_or("/"))
        {
            policies.push((policy.name().to_owned(), arn.clone()));
        }
    }
    let page = paging::by_name(policies, |(_, arn)| arn, paging)?;
    Ok(page.map(|(name, arn)| api::model::AttachedPolicy {
        policy_arn: Some(arn),
        policy_name: Some(name),
    }))
}

macro_rules! attached_policies {
    ($entity:expr, $owner:ident, $attach:ident, $detach:ident, $list:ident, $list_output:ident) => {
        impl Operation for api::$attach {
            fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
                asks(scene, $entity, &input.$owner, &input.policy_arn)
            }

            fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
                attach(call, ($entity, &input.$owner), &input.policy_arn)
            }
        }

        impl Operation for api::$detach {
            fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
                asks(scene, $entity, &input.$owner, &input.policy_arn)
            }

            fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
                detach(call, ($entity, &input.$owner), &input.policy_arn)
            }
        }

        impl Operation for api::$list {
            fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
                Ok(scene.entity($entity, &input.$owner).into())
            }

            fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
                let paging = Paging {
                    marker: input.marker.as_deref(),
                    max_items: input.max_items,
                };
                let prefix = input.path_prefix.as_deref();
                let page = list(call, ($entity, &input.$owner), prefix, paging)?;
                Ok(api::$list_output::Output {
                    is_truncated: page.truncated(),
                    attached_policies: Some(page.items),
                    marker: page.marker,
                })
            }
        }
    };
}

attached_policies!(
    Entity::User,
    user_name,
    AttachUserPolicy,
    DetachUserPolicy,
    ListAttachedUserPolicies,
    list_attached_user_policies
);
attached_policies!(
    Entity::Group,
    group_name,
    AttachGroupPolicy,
    DetachGroupPolicy,
    ListAttachedGroupPolicies,
    list_attached_group_policies
);
attached_policies!(
    Entity::Role,
    role_name,
    AttachRolePolicy,
    DetachRolePolicy,
    ListAttachedRolePolicies,
    list_attached_role_policies
);
