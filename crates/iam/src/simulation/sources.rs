//! The policies that take part in a simulation, with their texts.

use keystead_api::iam::model::{PolicyIdentifier, PolicySourceType};
use keystead_policy::{NamedPolicy, PolicyKind};
use keystead_store::records::PolicySet;
use keystead_types::Fault;

use crate::documents;
use crate::managed::{self, Managed};
use crate::refusals::{self, Entity};
use crate::scene::Scene;

/// A policy of a simulation.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// What answers call it: `PolicyInputList.1`, `user_alice_read`, `AdministratorAccess`.
    pub(crate) id: String,
    pub(crate) kind: PolicySourceType,
    pub(crate) document: String,
    pub(crate) policy: NamedPolicy,
}

impl Source {
    /// Errors: InvalidInput for a document that does not compile.
    pub(crate) fn new(
        id: String,
        kind: PolicySourceType,
        policy_kind: PolicyKind,
        document: &str,
    ) -> Result<Self, Fault> {
        let policy = documents::compile(policy_kind, document)
            .map_err(|fault| refusals::invalid(fault.message().unwrap_or_default().to_owned()))?;
        Ok(Self {
            policy: NamedPolicy {
                name: id.as_str().into(),
                policy: std::sync::Arc::new(policy),
            },
            id,
            kind,
            document: document.to_owned(),
        })
    }

    /// Documents of the request, named by their list: `PolicyInputList.1`.
    pub(crate) fn given(
        list: &str,
        policy_kind: PolicyKind,
        documents: &[String],
    ) -> Result<Vec<Self>, Fault> {
        let numbered = documents.iter().zip(1_usize..);
        numbered
            .map(|(document, number)| {
                let id = format!("{list}.{number}");
                Self::new(id, PolicySourceType::None, policy_kind, document)
            })
            .collect()
    }

    /// A managed policy, by its ARN. `None` when it is gone.
    pub(crate) fn managed(scene: &Scene<'_>, arn: &str) -> Result<Option<Self>, Fault> {
        let Some(found) = managed::find(scene, arn)? else {
            return Ok(None);
        };
        let (kind, document) = match &found {
            Managed::Own(held) => {
                let version = held.default_version();
                let document = version.map(|version| version.document.clone());
                (PolicySourceType::UserManaged, document.unwrap_or_default())
            }
            Managed::Aws(policy, _) => (PolicySourceType::AwsManaged, policy.document.to_owned()),
        };
        let id = found.name().to_owned();
        Self::new(id, kind, PolicyKind::Identity, &document).map(Some)
    }
}

/// The policies of a user, group or role itself, but for those that the request leaves out.
pub(crate) fn of_entity(
    scene: &Scene<'_>,
    (entity, name): (Entity, &str),
    policies: &PolicySet,
    left_out: &[PolicyIdentifier],
) -> Result<Vec<Source>, Fault> {
    let kind = match entity {
        Entity::User => PolicySourceType::User,
        Entity::Group => PolicySourceType::Group,
        Entity::Role => PolicySourceType::Role,
    };
    let mut sources = Vec::new();
    for inline in &policies.inline {
        let is_left_out = left_out.iter().any(|identifier| {
            let of = identifier.inline_policy_identifier.as_ref();
            of.is_some_and(|of| {
                of.attachment_type.as_str() == entity.word()
                    && of.attachment_name.eq_ignore_ascii_case(name)
                    && of.policy_name.eq_ignore_ascii_case(&inline.name)
            })
        });
        if !is_left_out {
            let id = format!("{}_{name}_{}", entity.word(), inline.name);
            let document = &inline.document;
            sources.push(Source::new(id, kind, PolicyKind::Identity, document)?);
        }
    }
    for arn in &policies.attached {
        if !leaves_out(left_out, arn) {
            sources.extend(Source::managed(scene, arn)?);
        }
    }
    Ok(sources)
}

/// Whether the request leaves a managed policy out.
pub(crate) fn leaves_out(left_out: &[PolicyIdentifier], arn: &str) -> bool {
    let mut arns = left_out.iter().filter_map(|of| of.policy_arn.as_deref());
    arns.any(|left_out| left_out == arn)
}
