//! Permissions boundaries of users and roles.

use keystead_api::iam as api;
use keystead_types::Fault;

use crate::asks::Asks;
use crate::call::Call;
use crate::holder::Holder;
use crate::managed;
use crate::operation::Operation;
use crate::refusals::{self, Entity};
use crate::scene::Scene;

/// The boundary's ARN as the policy spells it.
///
/// Errors: InvalidInput for what is no ARN of a policy; NoSuchEntity when there is none.
pub(crate) fn checked(scene: &Scene<'_>, arn: &str) -> Result<String, Fault> {
    match managed::find(scene, arn)? {
        Some(policy) => Ok(policy.arn().to_owned()),
        None => Err(refusals::no_boundary(arn)),
    }
}

fn set(
    call: &mut Call<'_, '_>,
    (entity, owner): (Entity, &str),
    arn: Option<&str>,
) -> Result<(), Fault> {
    let mut holder = Holder::find(&call.scene(), entity, owner)?;
    let arn = arn.map(|arn| checked(&call.scene(), arn)).transpose()?;
    holder.set_boundary(arn);
    holder.put(call)
}

macro_rules! boundary {
    ($entity:expr, $owner:ident, $put:ident, $delete:ident) => {
        impl Operation for api::$put {
            fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
                scene.policy_name(&input.permissions_boundary)?;
                let ask = scene.entity($entity, &input.$owner);
                Ok(ask.boundary(Some(&input.permissions_boundary)).into())
            }

            fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
                let arn = Some(input.permissions_boundary.as_str());
                set(call, ($entity, &input.$owner), arn)
            }
        }

        impl Operation for api::$delete {
            fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
                Ok(scene.entity($entity, &input.$owner).into())
            }

            fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
                set(call, ($entity, &input.$owner), None)
            }
        }
    };
}

boundary!(
    Entity::User,
    user_name,
    PutUserPermissionsBoundary,
    DeleteUserPermissionsBoundary
);
boundary!(
    Entity::Role,
    role_name,
    PutRolePermissionsBoundary,
    DeleteRolePermissionsBoundary
);
