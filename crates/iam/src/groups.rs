//! Groups and their members.

use keystead_api::iam::{self as api, model};
use keystead_store::IdentityKind;
use keystead_store::records::{GroupRecord, IdentityRecord, PolicySet, UserRecord};
use keystead_types::Fault;

use crate::asks::{Ask, Asks};
use crate::call::Call;
use crate::limits::{GROUPS_PER_ACCOUNT, GROUPS_PER_USER};
use crate::names;
use crate::operation::Operation;
use crate::paging::{self, Paging};
use crate::refusals::{self, Entity};
use crate::scene::Scene;
use crate::users;
use keystead_identity::{UniqueKind, new_unique_id};

fn shown(scene: &Scene<'_>, group: &GroupRecord) -> model::Group {
    model::Group {
        arn: scene.entity_arn(Entity::Group, &group.path, &group.name),
        create_date: group.created,
        group_id: group.unique_id.clone(),
        group_name: group.name.clone(),
        path: group.path.clone(),
    }
}

/// Errors: NoSuchEntity.
fn find<'a>(scene: &Scene<'a>, name: &str) -> Result<&'a GroupRecord, Fault> {
    let found = scene.account().group(name).map(|held| &held.record);
    found.ok_or_else(|| refusals::not_found(Entity::Group, name))
}

fn is_in(user: &UserRecord, group: &str) -> bool {
    user.groups
        .iter()
        .any(|name| name.eq_ignore_ascii_case(group))
}

impl Operation for api::CreateGroup {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        let path = input.path.as_deref().unwrap_or("/");
        Ok(Ask::on(scene.entity_arn(Entity::Group, path, &input.group_name)).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let path = names::path(input.path.as_deref(), &input.group_name)?;
        let account = call.account();
        if account.group(&input.group_name).is_some() {
            return Err(refusals::exists(Entity::Group, &input.group_name));
        }
        if account.groups().len() >= GROUPS_PER_ACCOUNT {
            return Err(refusals::quota("GroupsPerAccount", GROUPS_PER_ACCOUNT));
        }
        let record = GroupRecord {
            account: call.account_id(),
            name: input.group_name.clone(),
            path,
            unique_id: new_unique_id(call.entropy(), UniqueKind::Group),
            created: call.now,
            policies: PolicySet::default(),
        };
        let group = shown(&call.scene(), &record);
        call.put(IdentityRecord::Group(record))?;
        Ok(api::create_group::Output { group })
    }
}

impl Operation for api::GetGroup {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::Group, &input.group_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let scene = call.scene();
        let group = find(&scene, &input.group_name)?;
        let members = scene
            .account()
            .members(&group.name)
            .map(|held| &held.record);
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: input.max_items,
        };
        let page = paging::by_name(members, |user| &user.name, paging)?;
        let page = page.map(|user| users::shown(&scene, user, false));
        Ok(api::get_group::Output {
            group: shown(&scene, group),
            is_truncated: page.truncated(),
            users: page.items,
            marker: page.marker,
        })
    }
}

impl Operation for api::ListGroups {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        Ok(Ask::on(scene.arn(&format!("group{prefix}"))).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let scene = call.scene();
        let groups = scene.account().groups().map(|held| &held.record);
        let groups = groups.filter(|group| group.path.starts_with(prefix));
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: input.max_items,
        };
        let page = paging::by_name(groups, |group| &group.name, paging)?;
        let page = page.map(|group| shown(&scene, group));
        Ok(api::list_groups::Output {
            is_truncated: page.truncated(),
            groups: page.items,
            marker: page.marker,
        })
    }
}

impl Operation for api::UpdateGroup {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        let asks = Asks::from(scene.entity(Entity::Group, &input.group_name));
        if input.new_path.is_none() && input.new_group_name.is_none() {
            return Ok(asks);
        }
        // What it becomes must be allowed as well, as for users.
        let old = scene.account().group(&input.group_name);
        let old_path = old.map_or("/", |held| held.record.path.as_str());
        let path = input.new_path.as_deref().unwrap_or(old_path);
        let name = input.new_group_name.as_ref().unwrap_or(&input.group_name);
        Ok(asks.and(Ask::on(scene.entity_arn(Entity::Group, path, name))))
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let mut group = find(&call.scene(), &input.group_name)?.clone();
        let old_name = group.name.clone();
        let new_name = input
            .new_group_name
            .clone()
            .unwrap_or_else(|| old_name.clone());
        let path = input.new_path.as_deref().or(Some(group.path.as_str()));
        let path = names::path(path, &new_name)?;
        let moves = !new_name.eq_ignore_ascii_case(&old_name);
        if moves && call.account().group(&new_name).is_some() {
            return Err(refusals::exists(Entity::Group, &new_name));
        }
        group.path = path;
        group.name.clone_from(&new_name);
        call.put(IdentityRecord::Group(group))?;
        if new_name == old_name {
            return Ok(());
        }
        // Users name their groups, so they change with it.
        let members = call.account().members(&old_name);
        let members: Vec<UserRecord> = members.map(|held| held.record.clone()).collect();
        for mut user in members {
            let names = user.groups.iter_mut();
            names
                .filter(|name| name.eq_ignore_ascii_case(&old_name))
                .for_each(|name| name.clone_from(&new_name));
            call.put(IdentityRecord::User(user))?;
        }
        if moves {
            call.remove(IdentityKind::Group, &old_name)?;
        }
        Ok(())
    }
}

impl Operation for api::DeleteGroup {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::Group, &input.group_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let group = find(&call.scene(), &input.group_name)?.clone();
        names::must_have_no_policies(&group.policies)?;
        if call.account().members(&group.name).next().is_some() {
            return Err(refusals::must_first("remove users from group"));
        }
        call.remove(IdentityKind::Group, &group.name)
    }
}

impl Operation for api::AddUserToGroup {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::Group, &input.group_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let scene = call.scene();
        let group = find(&scene, &input.group_name)?.name.clone();
        let mut user = users::find(&scene, &input.user_name)?.clone();
        if is_in(&user, &group) {
            return Ok(());
        }
        if user.groups.len() >= GROUPS_PER_USER {
            return Err(refusals::quota("GroupsPerUser", GROUPS_PER_USER));
        }
        user.groups.push(group);
        call.put(IdentityRecord::User(user))
    }
}

impl Operation for api::RemoveUserFromGroup {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::Group, &input.group_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let scene = call.scene();
        let group = find(&scene, &input.group_name)?.name.clone();
        let mut user = users::find(&scene, &input.user_name)?.clone();
        user.groups
            .retain(|name| !name.eq_ignore_ascii_case(&group));
        call.put(IdentityRecord::User(user))
    }
}

impl Operation for api::ListGroupsForUser {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::User, &input.user_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let scene = call.scene();
        let user = users::find(&scene, &input.user_name)?;
        let groups = scene.account().groups().map(|held| &held.record);
        let groups = groups.filter(|group| is_in(user, &group.name));
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: input.max_items,
        };
        let page = paging::by_name(groups, |group| &group.name, paging)?;
        let page = page.map(|group| shown(&scene, group));
        Ok(api::list_groups_for_user::Output {
            is_truncated: page.truncated(),
            groups: page.items,
            marker: page.marker,
        })
    }
}
