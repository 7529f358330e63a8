//! ReplicateKey.

use std::sync::Arc;

use keystead_api::model::Tag;
use keystead_api::replicate_key::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeyEntry, KeySelector, Lockout, NewReplica, OneKey,
    Operation, Part, Ready, Spec, States,
};
use keystead_types::{Fault, Region};

use super::require_primary;
use crate::keys::metadata;
use crate::tags;

/// Makes a key with the id and the material of a multi-Region primary key in another Region.
pub enum ReplicateKey {}

impl Operation for ReplicateKey {
    type Shape = keystead_api::ReplicateKey;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:ReplicateKey",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Replicable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ReplicateKey.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            bypass_lockout: input.bypass_policy_lockout_safety_check,
            replica_region: Some(&input.replica_region),
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(_input: &Input, held: &Arc<KeyEntry>) -> Result<(), Fault> {
        require_primary(held)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let region = Region::parse(&input.replica_region).map_err(|_| {
            let region = &input.replica_region;
            Fault::validation(format!("{region} is not a Region."))
        })?;
        let bypass = input.bypass_policy_lockout_safety_check == Some(true);
        let new = NewReplica {
            region,
            description: input.description.clone().unwrap_or_default(),
            policy: input.policy.clone(),
            lockout: match bypass {
                true => Lockout::Bypass,
                false => Lockout::Check,
            },
            tags: tags::checked(
                input.tags.as_deref().unwrap_or_default(),
                ready.quotas().tags_per_key,
            )?,
        };
        let (record, arn) = ready.replicate(new).await?;
        ready.respond(format!(
            r#"{{"replicaKeyMetadata":{{"aWSAccountId":"{}","keyId":"{}","arn":"{arn}","enabled":false,"keyUsage":"{}","keyState":"{}","origin":"{}","keyManager":"CUSTOMER","keySpec":"{}","multiRegion":true}}}}"#,
            record.account, record.key_id, record.usage, record.state, record.origin, record.spec,
        ));
        let tag = |(tag_key, tag_value): &(String, String)| Tag {
            tag_key: tag_key.clone(),
            tag_value: tag_value.clone(),
        };
        Ok(Output {
            replica_key_metadata: Some(metadata(&record, &arn)),
            replica_tags: Some(record.tags.iter().map(tag).collect()),
            replica_policy: Some(record.policy),
        })
    }
}
