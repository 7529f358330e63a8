//! Users.

use keystead_api::iam::{self as api, model};
use keystead_store::IdentityKind;
use keystead_store::records::{IdentityRecord, PolicySet, UserRecord};
use keystead_types::{Fault, Principal};

use crate::asks::{Ask, Asks};
use crate::boundaries;
use crate::call::Call;
use crate::limits::USERS_PER_ACCOUNT;
use crate::names;
use crate::operation::Operation;
use crate::paging::{self, Paging};
use crate::refusals::{self, Entity};
use crate::scene::Scene;
use crate::tags;
use keystead_identity::{UniqueKind, new_unique_id};

/// A user as answers show it. Lists leave out boundary and tags.
pub(crate) fn shown(scene: &Scene<'_>, user: &UserRecord, whole: bool) -> model::User {
    let boundary = user.boundary.as_deref().filter(|_| whole);
    model::User {
        arn: scene.entity_arn(Entity::User, &user.path, &user.name),
        create_date: user.created,
        password_last_used: None,
        path: user.path.clone(),
        permissions_boundary: boundary.map(names::boundary),
        tags: tags::shown(&user.tags).filter(|_| whole),
        user_id: user.unique_id.clone(),
        user_name: user.name.clone(),
    }
}

/// Errors: NoSuchEntity.
pub(crate) fn find<'a>(scene: &Scene<'a>, name: &str) -> Result<&'a UserRecord, Fault> {
    let found = scene.account().user(name).map(|held| &held.record);
    found.ok_or_else(|| refusals::not_found(Entity::User, name))
}

impl Operation for api::CreateUser {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        let path = input.path.as_deref().unwrap_or("/");
        let tags = input.tags.as_deref().unwrap_or_default();
        let ask = Ask::on(scene.entity_arn(Entity::User, path, &input.user_name))
            .boundary(input.permissions_boundary.as_deref())
            .bringing(tags::pairs(tags));
        let tagging = ask.clone().action("iam:TagUser");
        let asks = Asks::from(ask);
        Ok(match tags {
            [] => asks,
            _ => asks.and(tagging),
        })
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let path = names::path(input.path.as_deref(), &input.user_name)?;
        let tags = tags::given(input.tags.as_deref())?;
        let scene = call.scene();
        let boundary = input.permissions_boundary.as_deref();
        let boundary = boundary
            .map(|arn| boundaries::checked(&scene, arn))
            .transpose()?;
        if scene.account().user(&input.user_name).is_some() {
            return Err(refusals::exists(Entity::User, &input.user_name));
        }
        if scene.account().users().len() >= USERS_PER_ACCOUNT {
            return Err(refusals::quota("UsersPerAccount", USERS_PER_ACCOUNT));
        }
        let record = UserRecord {
            account: call.account_id(),
            name: input.user_name.clone(),
            path,
            unique_id: new_unique_id(call.entropy(), UniqueKind::User),
            created: call.now,
            tags,
            policies: PolicySet::default(),
            boundary,
            groups: Vec::new(),
            access_keys: Vec::new(),
        };
        let user = shown(&call.scene(), &record, true);
        call.put(IdentityRecord::User(record))?;
        Ok(api::create_user::Output { user: Some(user) })
    }
}

impl Operation for api::GetUser {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        if let (None, Principal::Root { .. }) = (&input.user_name, &scene.caller.principal) {
            return Ok(Ask::on(scene.arn("root")).into());
        }
        let name = scene.user_or_caller(input.user_name.as_deref())?;
        Ok(scene.entity(Entity::User, name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let scene = call.scene();
        let user = match (&input.user_name, &scene.caller.principal) {
            (None, Principal::Root { account }) => {
                let record = scene.account().record();
                let alias = record.and_then(|record| record.alias.clone());
                model::User {
                    arn: scene.arn("root"),
                    create_date: record.map_or(call.now, |record| record.created),
                    password_last_used: None,
                    path: "/".to_owned(),
                    permissions_boundary: None,
                    tags: None,
                    user_id: account.to_string(),
                    user_name: alias.unwrap_or_else(|| account.to_string()),
                }
            }
            (name, _) => {
                let name = scene.user_or_caller(name.as_deref())?;
                shown(&scene, find(&scene, name)?, true)
            }
        };
        Ok(api::get_user::Output { user })
    }
}

impl Operation for api::ListUsers {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        Ok(Ask::on(scene.arn(&format!("user{prefix}"))).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let scene = call.scene();
        let users = scene.account().users().map(|held| &held.record);
        let users = users.filter(|user| user.path.starts_with(prefix));
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: input.max_items,
        };
        let page = paging::by_name(users, |user| &user.name, paging)?;
        let page = page.map(|user| shown(&scene, user, false));
        Ok(api::list_users::Output {
            is_truncated: page.truncated(),
            users: page.items,
            marker: page.marker,
        })
    }
}

impl Operation for api::UpdateUser {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        let asks = Asks::from(scene.entity(Entity::User, &input.user_name));
        // What it becomes must be allowed as well, or a path that policies speak of could be
        // entered by renaming.
        if input.new_path.is_none() && input.new_user_name.is_none() {
            return Ok(asks);
        }
        let old = scene.account().user(&input.user_name);
        let old_path = old.map_or("/", |held| held.record.path.as_str());
        let path = input.new_path.as_deref().unwrap_or(old_path);
        let name = input.new_user_name.as_ref().unwrap_or(&input.user_name);
        let new = Ask::on(scene.entity_arn(Entity::User, path, name));
        Ok(asks.and(new.user(old.map(|held| &held.record))))
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let mut user = find(&call.scene(), &input.user_name)?.clone();
        let old_name = user.name.clone();
        let new_name = input
            .new_user_name
            .clone()
            .unwrap_or_else(|| old_name.clone());
        let path = input.new_path.as_deref().or(Some(user.path.as_str()));
        let path = names::path(path, &new_name)?;
        let moves = !new_name.eq_ignore_ascii_case(&old_name);
        if moves && call.account().user(&new_name).is_some() {
            return Err(refusals::exists(Entity::User, &new_name));
        }
        user.path = path;
        user.name = new_name;
        if moves {
            call.remove(IdentityKind::User, &old_name)?;
        }
        call.put(IdentityRecord::User(user))
    }
}

impl Operation for api::DeleteUser {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(scene.entity(Entity::User, &input.user_name).into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let user = find(&call.scene(), &input.user_name)?.clone();
        names::must_have_no_policies(&user.policies)?;
        if !user.access_keys.is_empty() {
            return Err(refusals::must_first("delete access keys"));
        }
        if !user.groups.is_empty() {
            return Err(refusals::must_first("remove users from group"));
        }
        call.remove(IdentityKind::User, &user.name)
    }
}
