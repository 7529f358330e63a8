//! Tags of users, roles, managed policies and OIDC providers.

use keystead_api::iam::{self as api, model};
use keystead_store::records::{IdentityRecord, Tags};
use keystead_types::Fault;

use crate::asks::Asks;
use crate::call::Call;
use crate::holder::Holder;
use crate::limits::TAGS_PER_RESOURCE;
use crate::operation::Operation;
use crate::paging::{self, Page, Paging};
use crate::refusals::{self, Entity};
use crate::scene::Scene;

/// Keys and values of a request's tags.
pub(crate) fn pairs(tags: &[model::Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter()
        .map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

/// The tags of something new.
///
/// Errors: InvalidInput for a key twice; LimitExceeded for too many.
pub(crate) fn given(tags: Option<&[model::Tag]>) -> Result<Tags, Fault> {
    let mut new = Tags::new();
    add(&mut new, tags.unwrap_or_default())?;
    Ok(new)
}

/// The tags as an answer shows them; absent when there are none.
pub(crate) fn shown(tags: &Tags) -> Option<Vec<model::Tag>> {
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}

fn tag((key, value): &(String, String)) -> model::Tag {
    model::Tag {
        key: key.clone(),
        value: value.clone(),
    }
}

/// Adds tags, or gives those that are there other values. Keys are unique without case.
fn add(tags: &mut Tags, new: &[model::Tag]) -> Result<(), Fault> {
    for (at, (key, value)) in pairs(new).enumerate() {
        let earlier = pairs(new).take(at);
        if earlier
            .into_iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(key))
        {
            return Err(refusals::invalid(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        if is_reserved(key) {
            return Err(refusals::invalid(
                "User-defined tag keys can't start with the system reserved tag prefix aws:.",
            ));
        }
        let pair = (key.to_owned(), value.to_owned());
        let mut present = tags.iter_mut();
        match present.find(|(present, _)| present.eq_ignore_ascii_case(key)) {
            Some(present) => *present = pair,
            None => tags.push(pair),
        }
    }
    if tags.len() > TAGS_PER_RESOURCE {
        return Err(refusals::too_many_tags());
    }
    Ok(())
}

/// Source: IAM User Guide, "Tags for AWS Identity and Access Management resources".
fn is_reserved(key: &str) -> bool {
    key.get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case("aws:"))
}

fn remove(tags: &mut Tags, keys: &[String]) {
    tags.retain(|(present, _)| !keys.iter().any(|key| key.eq_ignore_ascii_case(present)));
}

fn list(tags: &Tags, paging: Paging<'_>) -> Result<Page<model::Tag>, Fault> {
    Ok(paging::by_name(tags, |(key, _)| key, paging)?.map(tag))
}

/// What carries tags, named as requests name it.
#[derive(Clone, Copy)]
enum Tagged<'n> {
    Entity(Entity, &'n str),
    Policy(&'n str),
    Provider(&'n str),
}

impl Tagged<'_> {
    fn ask(self, scene: &Scene<'_>) -> Result<crate::asks::Ask, Fault> {
        match self {
            Self::Entity(entity, name) => Ok(scene.entity(entity, name)),
            Self::Policy(arn) => crate::policies::ask(scene, arn),
            Self::Provider(arn) => crate::providers::ask(scene, arn),
        }
    }

    /// Changes or reads the tags; the record that has them goes back with the answer.
    fn with<T>(
        self,
        scene: &Scene<'_>,
        each: impl FnOnce(&mut Tags) -> Result<T, Fault>,
    ) -> Result<(IdentityRecord, T), Fault> {
        Ok(match self {
            Self::Entity(entity, name) => {
                let mut holder = Holder::find(scene, entity, name)?;
                let tags = holder.tags_mut();
                let tags = tags.ok_or_else(|| refusals::not_found(entity, name))?;
                let answer = each(tags)?;
                (holder.into_record(), answer)
            }
            Self::Policy(arn) => {
                let mut record = crate::policies::find(scene, arn)?.record.clone();
                let answer = each(&mut record.tags)?;
                (IdentityRecord::Policy(record), answer)
            }
            Self::Provider(arn) => {
                let mut record = crate::providers::find(scene, arn)?.record.clone();
                let answer = each(&mut record.tags)?;
                (IdentityRecord::Provider(record), answer)
            }
        })
    }
}

macro_rules! tagged {
    (|$input:ident| $what:expr, $tag:ident, $untag:ident, $list:ident, $list_output:ident) => {
        impl Operation for api::$tag {
            fn asks($input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
                Ok($what.ask(scene)?.bringing(pairs(&$input.tags)).into())
            }

            fn run($input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
                let changed = $what.with(&call.scene(), |tags| add(tags, &$input.tags))?;
                call.put(changed.0)
            }
        }

        impl Operation for api::$untag {
            fn asks($input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
                Ok($what.ask(scene)?.taking(&$input.tag_keys).into())
            }

            fn run($input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
                let changed = $what.with(&call.scene(), |tags| {
                    remove(tags, &$input.tag_keys);
                    Ok(())
                })?;
                call.put(changed.0)
            }
        }

        impl Operation for api::$list {
            fn asks($input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
                Ok($what.ask(scene)?.into())
            }

            fn run($input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
                let paging = Paging {
                    marker: $input.marker.as_deref(),
                    max_items: $input.max_items,
                };
                let (_, page) = $what.with(&call.scene(), |tags| list(tags, paging))?;
                Ok(api::$list_output::Output {
                    is_truncated: page.truncated(),
                    tags: page.items,
                    marker: page.marker,
                })
            }
        }
    };
}

tagged!(
    |input| Tagged::Entity(Entity::User, &input.user_name),
    TagUser,
    UntagUser,
    ListUserTags,
    list_user_tags
);
tagged!(
    |input| Tagged::Entity(Entity::Role, &input.role_name),
    TagRole,
    UntagRole,
    ListRoleTags,
    list_role_tags
);
tagged!(
    |input| Tagged::Policy(&input.policy_arn),
    TagPolicy,
    UntagPolicy,
    ListPolicyTags,
    list_policy_tags
);
tagged!(
    |input| Tagged::Provider(&input.open_id_connect_provider_arn),
    TagOpenIDConnectProvider,
    UntagOpenIDConnectProvider,
    ListOpenIDConnectProviderTags,
    list_open_id_connect_provider_tags
);
