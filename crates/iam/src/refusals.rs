//! IAM's own words when something is missing, there already, in the way or too many.
//!
//! The texts are those of AWS as public records show them. Source of the codes: IAM API
//! reference, errors of each operation.

use keystead_types::{Fault, FaultKind};

/// The kinds of entities that a request names by a plain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entity {
    User,
    Group,
    Role,
}

impl Entity {
    /// `user`, as in ARNs and in the middle of a sentence.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
        }
    }

    /// `User`, as at the beginning of a sentence.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::Role => "Role",
        }
    }
}

fn no_such(text: String) -> Fault {
    Fault::new(FaultKind::NoSuchEntity, text)
}

pub(crate) fn not_found(entity: Entity, name: &str) -> Fault {
    no_such(format!(
        "The {} with name {name} cannot be found.",
        entity.word()
    ))
}

pub(crate) fn no_inline_policy(entity: Entity, name: &str) -> Fault {
    no_such(format!(
        "The {} policy with name {name} cannot be found.",
        entity.word()
    ))
}

pub(crate) fn no_access_key(id: &str) -> Fault {
    no_such(format!("The Access Key with id {id} cannot be found."))
}

/// GetPolicy, DetachUserPolicy and the like.
pub(crate) fn no_policy(arn: &str) -> Fault {
    no_such(format!("Policy {arn} was not found."))
}

/// AttachUserPolicy and the like.
pub(crate) fn not_attachable(arn: &str) -> Fault {
    no_such(format!("Policy {arn} does not exist or is not attachable."))
}

/// A permissions boundary.
pub(crate) fn no_boundary(arn: &str) -> Fault {
    no_such(format!(
        "Scope ARN: {arn} does not exist or is not attachable."
    ))
}

pub(crate) fn no_policy_version(arn: &str, version: &str) -> Fault {
    no_such(format!(
        "Policy {arn} version {version} does not exist or is not attachable."
    ))
}

pub(crate) fn no_provider(arn: &str) -> Fault {
    no_such(format!("OpenIDConnect Provider not found for arn {arn}"))
}

pub(crate) fn no_alias(alias: &str) -> Fault {
    no_such(format!(
        "The account alias with name {alias} cannot be found."
    ))
}

pub(crate) fn exists(entity: Entity, name: &str) -> Fault {
    let title = entity.title();
    Fault::new(
        FaultKind::EntityAlreadyExists,
        format!("{title} with name {name} already exists."),
    )
}

pub(crate) fn policy_exists(name: &str) -> Fault {
    Fault::new(
        FaultKind::EntityAlreadyExists,
        format!("A policy called {name} already exists. Duplicate names are not allowed."),
    )
}

pub(crate) fn provider_exists(url: &str) -> Fault {
    Fault::new(
        FaultKind::EntityAlreadyExists,
        format!("Provider with url https://{url} already exists."),
    )
}

pub(crate) fn alias_exists(alias: &str) -> Fault {
    Fault::new(
        FaultKind::EntityAlreadyExists,
        format!("The account alias {alias} already exists."),
    )
}

/// `what`: `detach all policies`, `delete access keys`.
pub(crate) fn must_first(what: &str) -> Fault {
    Fault::new(
        FaultKind::DeleteConflict,
        format!("Cannot delete entity, must {what} first."),
    )
}

/// `quota`: `AccessKeysPerUser`.
pub(crate) fn quota(quota: &str, limit: usize) -> Fault {
    Fault::new(
        FaultKind::LimitExceeded,
        format!("Cannot exceed quota for {quota}: {limit}"),
    )
}

pub(crate) fn inline_quota(entity: Entity, name: &str, limit: usize) -> Fault {
    let word = entity.word();
    Fault::new(
        FaultKind::LimitExceeded,
        format!("Maximum policy size of {limit} bytes exceeded for {word} {name}"),
    )
}

pub(crate) fn too_many_tags() -> Fault {
    Fault::new(
        FaultKind::LimitExceeded,
        "The number of tags has reached the maximum limit.",
    )
}

pub(crate) fn bad_arn(arn: &str) -> Fault {
    Fault::new(FaultKind::InvalidInput, format!("ARN {arn} is not valid."))
}

pub(crate) fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(FaultKind::InvalidInput, text)
}
