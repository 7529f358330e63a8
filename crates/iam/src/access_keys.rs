//! Access keys of users.

use keystead_api::iam::{self as api, model};
use keystead_store::records::{AccessKeyRecord, IdentityRecord, UserRecord};
use keystead_types::Fault;

use crate::asks::{Ask, Asks};
use crate::call::Call;
use crate::limits::ACCESS_KEYS_PER_USER;
use crate::operation::Operation;
use crate::paging::{self, Paging};
use crate::refusals::{self, Entity};
use crate::scene::Scene;
use crate::users;

fn status(key: &AccessKeyRecord) -> model::StatusType {
    if key.active {
        model::StatusType::Active
    } else {
        model::StatusType::Inactive
    }
}

fn asks(scene: &Scene<'_>, name: Option<&str>) -> Result<Asks, Fault> {
    let name = scene.user_or_caller(name)?;
    Ok(scene.entity(Entity::User, name).into())
}

/// The user of a request, copied.
fn user(scene: &Scene<'_>, name: Option<&str>) -> Result<UserRecord, Fault> {
    let name = scene.user_or_caller(name)?;
    users::find(scene, name).cloned()
}

fn place(user: &UserRecord, id: &str) -> Result<usize, Fault> {
    let mut keys = user.access_keys.iter();
    let found = keys.position(|key| key.id == id);
    found.ok_or_else(|| refusals::no_access_key(id))
}

impl Operation for api::CreateAccessKey {
    const MAKES_ACCESS_KEY: bool = true;

    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        asks(scene, input.user_name.as_deref())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let mut user = user(&call.scene(), input.user_name.as_deref())?;
        if user.access_keys.len() >= ACCESS_KEYS_PER_USER {
            return Err(refusals::quota("AccessKeysPerUser", ACCESS_KEYS_PER_USER));
        }
        let made = call.made_key.take();
        let made = made.ok_or_else(|| Fault::internal("no access key was made beforehand"))?;
        let secret = String::from_utf8(made.secret.expose().to_vec()).map_err(|_| {
            // The error would carry the secret.
            Fault::internal("the secret of an access key is no text")
        })?;
        let access_key = model::AccessKey {
            access_key_id: made.record.id.clone(),
            create_date: Some(made.record.created),
            secret_access_key: secret,
            status: status(&made.record),
            user_name: user.name.clone(),
        };
        user.access_keys.push(made.record);
        call.put(IdentityRecord::User(user))?;
        Ok(api::create_access_key::Output { access_key })
    }
}

impl Operation for api::ListAccessKeys {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        asks(scene, input.user_name.as_deref())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let user = user(&call.scene(), input.user_name.as_deref())?;
        let keys = user.access_keys.iter().map(|key| model::AccessKeyMetadata {
            access_key_id: Some(key.id.clone()),
            create_date: Some(key.created),
            status: Some(status(key)),
            user_name: Some(user.name.clone()),
        });
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: input.max_items,
        };
        let page = paging::by_place(keys, paging)?;
        Ok(api::list_access_keys::Output {
            is_truncated: page.truncated(),
            access_key_metadata: page.items,
            marker: page.marker,
        })
    }
}

impl Operation for api::UpdateAccessKey {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        asks(scene, input.user_name.as_deref())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let active = match input.status {
            model::StatusType::Active => true,
            model::StatusType::Inactive => false,
            model::StatusType::Expired => {
                return Err(refusals::invalid("An access key cannot be made Expired."));
            }
        };
        let mut user = user(&call.scene(), input.user_name.as_deref())?;
        let at = place(&user, &input.access_key_id)?;
        if let Some(key) = user.access_keys.get_mut(at) {
            key.active = active;
        }
        call.put(IdentityRecord::User(user))
    }
}

impl Operation for api::DeleteAccessKey {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        asks(scene, input.user_name.as_deref())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let mut user = user(&call.scene(), input.user_name.as_deref())?;
        let at = place(&user, &input.access_key_id)?;
        user.access_keys.remove(at);
        call.put(IdentityRecord::User(user))
    }
}

/// The user of the account that has an access key.
fn owner<'a>(scene: &Scene<'a>, id: &str) -> Option<&'a UserRecord> {
    let mut users = scene.account().users().map(|held| &held.record);
    users.find(|user| user.access_keys.iter().any(|key| key.id == id))
}

impl Operation for api::GetAccessKeyLastUsed {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(match owner(scene, &input.access_key_id) {
            Some(user) => scene.entity(Entity::User, &user.name).into(),
            None => Ask::on(scene.arn("user/*")).into(),
        })
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let id = &input.access_key_id;
        let scene = call.scene();
        let user = owner(&scene, id).ok_or_else(|| refusals::no_access_key(id))?;
        let used = call.service.directory().last_use(id);
        // Source: IAM API reference, AccessKeyLastUsed: `N/A` when it was never used.
        let none = || "N/A".to_owned();
        let (date, service, region) = match used {
            Some(used) => (
                Some(used.at),
                used.service.to_string(),
                used.region.as_str().to_owned(),
            ),
            None => (None, none(), none()),
        };
        Ok(api::get_access_key_last_used::Output {
            user_name: Some(user.name.clone()),
            access_key_last_used: Some(model::AccessKeyLastUsed {
                last_used_date: date,
                region,
                service_name: service,
            }),
        })
    }
}
