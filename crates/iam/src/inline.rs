//! Inline policies of users, groups and roles.

use keystead_api::iam as api;
use keystead_store::records::InlinePolicy;
use keystead_types::Fault;

use crate::asks::Asks;
use crate::call::Call;
use crate::documents;
use crate::holder::Holder;
use crate::operation::Operation;
use crate::paging::{self, Page, Paging};
use crate::refusals::{self, Entity};
use crate::scene::Scene;

fn put(
    call: &mut Call<'_, '_>,
    (entity, owner): (Entity, &str),
    name: &str,
    document: &str,
) -> Result<(), Fault> {
    let mut holder = Holder::find(&call.scene(), entity, owner)?;
    documents::identity(document)?;
    let policies = &mut holder.policies_mut().inline;
    policies.retain(|policy| !policy.name.eq_ignore_ascii_case(name));
    policies.push(InlinePolicy {
        name: name.to_owned(),
        document: document.to_owned(),
    });
    policies.sort_by(|a, b| a.name.cmp(&b.name));
    let all = policies.iter();
    let chars: usize = all
        .map(|policy| documents::counted_chars(&policy.document))
        .sum();
    let quota = holder.inline_quota();
    if chars > quota {
        return Err(refusals::inline_quota(entity, holder.name(), quota));
    }
    holder.put(call)
}

fn delete(
    call: &mut Call<'_, '_>,
    (entity, owner): (Entity, &str),
    name: &str,
) -> Result<(), Fault> {
    let mut holder = Holder::find(&call.scene(), entity, owner)?;
    holder.inline(name)?;
    let policies = &mut holder.policies_mut().inline;
    policies.retain(|policy| !policy.name.eq_ignore_ascii_case(name));
    holder.put(call)
}

/// Owner's name, policy's name, document as answers show it.
fn get(
    call: &Call<'_, '_>,
    (entity, owner): (Entity, &str),
    name: &str,
) -> Result<(String, String, String), Fault> {
    let holder = Holder::find(&call.scene(), entity, owner)?;
    let policy = holder.inline(name)?;
    let document = documents::encoded(&policy.document);
    Ok((holder.name().to_owned(), policy.name.clone(), document))
}

fn list(
    call: &Call<'_, '_>,
    (entity, owner): (Entity, &str),
    paging: Paging<'_>,
) -> Result<Page<String>, Fault> {
    let holder = Holder::find(&call.scene(), entity, owner)?;
    let names = holder.policies().inline.iter();
    let names = names.map(|policy| policy.name.clone());
    paging::by_name(names, |name| name, paging)
}

macro_rules! inline_policies {
    ($entity:expr, $owner:ident, $put:ident, $delete:ident, $get:ident, $list:ident, $get_output:ident, $list_output:ident) => {
        impl Operation for api::$put {
            fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
                Ok(scene.entity($entity, &input.$owner).into())
            }

            fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
                let owner = ($entity, input.$owner.as_str());
                put(call, owner, &input.policy_name, &input.policy_document)
            }
        }

        impl Operation for api::$delete {
            fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
                Ok(scene.entity($entity, &input.$owner).into())
            }

            fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
                delete(call, ($entity, &input.$owner), &input.policy_name)
            }
        }

        impl Operation for api::$get {
            fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
                Ok(scene.entity($entity, &input.$owner).into())
            }

            fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
                let found = get(call, ($entity, &input.$owner), &input.policy_name)?;
                let ($owner, policy_name, policy_document) = found;
                Ok(api::$get_output::Output {
                    $owner,
                    policy_name,
                    policy_document,
                })
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
                let page = list(call, ($entity, &input.$owner), paging)?;
                Ok(api::$list_output::Output {
                    is_truncated: page.truncated(),
                    policy_names: page.items,
                    marker: page.marker,
                })
            }
        }
    };
}

inline_policies!(
    Entity::User,
    user_name,
    PutUserPolicy,
    DeleteUserPolicy,
    GetUserPolicy,
    ListUserPolicies,
    get_user_policy,
    list_user_policies
);
inline_policies!(
    Entity::Group,
    group_name,
    PutGroupPolicy,
    DeleteGroupPolicy,
    GetGroupPolicy,
    ListGroupPolicies,
    get_group_policy,
    list_group_policies
);
inline_policies!(
    Entity::Role,
    role_name,
    PutRolePolicy,
    DeleteRolePolicy,
    GetRolePolicy,
    ListRolePolicies,
    get_role_policy,
    list_role_policies
);
