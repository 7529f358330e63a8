//! A user, a group or a role, where what is done is the same for all of them.

use keystead_store::records::{
    GroupRecord, IdentityRecord, InlinePolicy, PolicySet, RoleRecord, Tags, UserRecord,
};
use keystead_types::Fault;

use crate::call::Call;
use crate::limits;
use crate::refusals::{self, Entity};
use crate::scene::Scene;

/// A copy of a record, to be changed and put back.
#[derive(Debug, Clone)]
pub(crate) enum Holder {
    User(UserRecord),
    Group(GroupRecord),
    Role(RoleRecord),
}

impl Holder {
    /// Errors: NoSuchEntity.
    pub(crate) fn find(scene: &Scene<'_>, entity: Entity, name: &str) -> Result<Self, Fault> {
        let account = scene.account();
        let found = match entity {
            Entity::User => account
                .user(name)
                .map(|held| Self::User(held.record.clone())),
            Entity::Group => account
                .group(name)
                .map(|held| Self::Group(held.record.clone())),
            Entity::Role => account
                .role(name)
                .map(|held| Self::Role(held.record.clone())),
        };
        found.ok_or_else(|| refusals::not_found(entity, name))
    }

    pub(crate) fn entity(&self) -> Entity {
        match self {
            Self::User(_) => Entity::User,
            Self::Group(_) => Entity::Group,
            Self::Role(_) => Entity::Role,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::User(user) => &user.name,
            Self::Group(group) => &group.name,
            Self::Role(role) => &role.name,
        }
    }

    pub(crate) fn policies(&self) -> &PolicySet {
        match self {
            Self::User(user) => &user.policies,
            Self::Group(group) => &group.policies,
            Self::Role(role) => &role.policies,
        }
    }

    pub(crate) fn policies_mut(&mut self) -> &mut PolicySet {
        match self {
            Self::User(user) => &mut user.policies,
            Self::Group(group) => &mut group.policies,
            Self::Role(role) => &mut role.policies,
        }
    }

    /// Groups have no boundary.
    pub(crate) fn set_boundary(&mut self, boundary: Option<String>) {
        match self {
            Self::User(user) => user.boundary = boundary,
            Self::Role(role) => role.boundary = boundary,
            Self::Group(_) => {}
        }
    }

    /// Groups have no tags.
    pub(crate) fn tags_mut(&mut self) -> Option<&mut Tags> {
        match self {
            Self::User(user) => Some(&mut user.tags),
            Self::Role(role) => Some(&mut role.tags),
            Self::Group(_) => None,
        }
    }

    pub(crate) fn into_record(self) -> IdentityRecord {
        match self {
            Self::User(user) => IdentityRecord::User(user),
            Self::Group(group) => IdentityRecord::Group(group),
            Self::Role(role) => IdentityRecord::Role(role),
        }
    }

    pub(crate) fn put(self, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        call.put(self.into_record())
    }

    /// All its inline policies together, characters that are no white space.
    pub(crate) fn inline_quota(&self) -> usize {
        match self {
            Self::User(_) => limits::USER_POLICY_CHARS,
            Self::Group(_) => limits::GROUP_POLICY_CHARS,
            Self::Role(_) => limits::ROLE_POLICY_CHARS,
        }
    }

    /// An inline policy by its name, without case.
    ///
    /// Errors: NoSuchEntity.
    pub(crate) fn inline(&self, name: &str) -> Result<&InlinePolicy, Fault> {
        let mut inline = self.policies().inline.iter();
        let found = inline.find(|policy| policy.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| refusals::no_inline_policy(self.entity(), name))
    }
}
