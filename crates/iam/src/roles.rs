//! Roles.

use keystead_api::iam::{self as api, model};
use keystead_identity::{Holder, UniqueKind, new_unique_id};
use keystead_policy::with_unique_ids;
use keystead_store::IdentityKind;
use keystead_store::records::{IdentityRecord, PolicySet, RoleRecord};
use keystead_types::Fault;

use crate::asks::{Ask, Asks};
use crate::boundaries;
use crate::call::Call;
use crate::documents;
use crate::limits::{ROLES_PER_ACCOUNT, SESSION_SECONDS};
use crate::names;
use crate::operation::Operation;
use crate::paging::{self, Paging};
use crate::refusals::{self, Entity};
use crate::scene::Scene;
use crate::tags;
use crate::trust;

/// The trust policy with the users and roles in it as they are now: by the ARN that they have, or
/// by their unique id once they are gone.
/// Source: IAM User Guide, "AWS JSON policy elements: Principal".
fn shown_trust(scene: &Scene<'_>, role: &RoleRecord) -> String {
    let mut changed: Vec<(String, String)> = Vec::new();
    for (arn, id) in &role.trusted_ids {
        let now = match scene.world.holder(id) {
            Some(Holder::User(_, held)) => held.arn.to_string(),
            Some(Holder::Role(_, held)) => held.arn.to_string(),
            None => id.clone(),
        };
        if now != *arn {
            changed.push((arn.clone(), now));
        }
    }
    if changed.is_empty() {
        return role.trust.clone();
    }
    let changed: Vec<&(String, String)> = changed.iter().collect();
    with_unique_ids(&role.trust, &changed)
}

/// A role as answers show it. Lists leave out boundary and tags.
fn shown(scene: &Scene<'_>, role: &RoleRecord, whole: bool) -> model::Role {
    let boundary = role.boundary.as_deref().filter(|_| whole);
    model::Role {
        arn: scene.entity_arn(Entity::Role, &role.path, &role.name),
        assume_role_policy_document: Some(documents::encoded(&shown_trust(scene, role))),
        create_date: role.created,
        description: role.description.clone(),
        max_session_duration: Some(role.max_session_seconds),
        path: role.path.clone(),
        permissions_boundary: boundary.map(names::boundary),
        role_id: role.unique_id.clone(),
        role_last_used: None,
        role_name: role.name.clone(),
        source_role_template: None,
        tags: tags::shown(&role.tags).filter(|_| whole),
    }
}

/// Errors: NoSuchEntity.
fn find<'a>(scene: &Scene<'a>, name: &str) -> Result<&'a RoleRecord, Fault> {
    let found = scene.account().role(name).map(|held| &held.record);
    found.ok_or_else(|| refusals::not_found(Entity::Role, name))
}

impl Operation for api::CreateRole {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        let path = input.path.as_deref().unwrap_or("/");
        let tags = input.tags.as_deref().unwrap_or_default();
        let ask = Ask::on(scene.entity_arn(Entity::Role, path, &input.role_name))
            .boundary(input.permissions_boundary.as_deref())
            .bringing(tags::pairs(tags));
        let tagging = ask.clone().action("iam:TagRole");
        let asks = Asks::from(ask);
        Ok(match tags {
            [] => asks,
            _ => asks.and(tagging),
        })
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let path = names::path(input.path.as_deref(), &input.role_name)?;
        let tags = tags::given(input.tags.as_deref())?;
        let scene = call.scene();
        let trusted = trust::checked(&scene, &input.assume_role_policy_document)?;
        let boundary = input.permissions_boundary.as_deref();
        let boundary = boundary
            .map(|arn| boundaries::checked(&scene, arn))
            .transpose()?;
        if scene.account().role(&input.role_name).is_some() {
            return Err(refusals::exists(Entity::Role, &input.role_name));
        }
        if scene.account().roles().len() >= ROLES_PER_ACCOUNT {
            return Err(refusals::quota("RolesPerAccount", ROLES_PER_ACCOUNT));
        }
        let record = RoleRecord {
            account: call.account_id(),
            name: input.role_name.clone(),
            path,
            unique_id: new_unique_id(call.entropy(), UniqueKind::Role),
            created: call.now,
            description: input.description.clone(),
            trust: trusted.document,
            trusted_ids: trusted.bound,
            max_session_seconds: input.max_session_duration.unwrap_or(SESSION_SECONDS),
            tags,
            policies: PolicySet::default(),
            boundary,
        };
        let role = shown(&call.scene(), &record, true);
        call.put(IdentityRecord::Role(record))?;
        Ok(api::create_role::Output { role })
    }
}

impl Operation for api::GetRole {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::Role, &input.role_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let scene = call.scene();
        let record = find(&scene, &input.role_name)?;
        let used = call.service.directory().role_last_use(&record.unique_id);
        let role = model::Role {
            // Always there, empty for a role that was not used.
            role_last_used: Some(model::RoleLastUsed {
                last_used_date: used.as_ref().map(|used| used.at),
                region: used.map(|used| used.region.as_str().to_owned()),
            }),
            ..shown(&scene, record, true)
        };
        Ok(api::get_role::Output { role })
    }
}

impl Operation for api::ListRoles {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        Ok(Ask::on(scene.arn(&format!("role{prefix}"))).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let scene = call.scene();
        let roles = scene.account().roles().map(|held| &held.record);
        let roles = roles.filter(|role| role.path.starts_with(prefix));
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: input.max_items,
        };
        let page = paging::by_name(roles, |role| &role.name, paging)?;
        let page = page.map(|role| shown(&scene, role, false));
        Ok(api::list_roles::Output {
            is_truncated: page.truncated(),
            roles: page.items,
            marker: page.marker,
        })
    }
}

impl Operation for api::UpdateRole {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::Role, &input.role_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let mut role = find(&call.scene(), &input.role_name)?.clone();
        if let Some(description) = &input.description {
            role.description = Some(description.clone());
        }
        if let Some(seconds) = input.max_session_duration {
            role.max_session_seconds = seconds;
        }
        call.put(IdentityRecord::Role(role))?;
        Ok(Self::Output::default())
    }
}

impl Operation for api::UpdateRoleDescription {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::Role, &input.role_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let mut role = find(&call.scene(), &input.role_name)?.clone();
        role.description = Some(input.description.clone());
        let answer = shown(&call.scene(), &role, true);
        call.put(IdentityRecord::Role(role))?;
        Ok(api::update_role_description::Output { role: Some(answer) })
    }
}

impl Operation for api::UpdateAssumeRolePolicy {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::Role, &input.role_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let mut role = find(&call.scene(), &input.role_name)?.clone();
        let trusted = trust::checked(&call.scene(), &input.policy_document)?;
        (role.trust, role.trusted_ids) = (trusted.document, trusted.bound);
        call.put(IdentityRecord::Role(role))
    }
}

impl Operation for api::DeleteRole {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::Role, &input.role_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let role = find(&call.scene(), &input.role_name)?.clone();
        names::must_have_no_policies(&role.policies)?;
        call.remove(IdentityKind::Role, &role.name)
    }
}

/// There are no instance profiles here; Terraform asks before it deletes a role.
impl Operation for api::ListInstanceProfilesForRole {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::Role, &input.role_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        find(&call.scene(), &input.role_name)?;
        Ok(api::list_instance_profiles_for_role::Output {
            instance_profiles: Vec::new(),
            is_truncated: Some(false),
            marker: None,
        })
    }
}
