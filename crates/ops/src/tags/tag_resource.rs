//! TagResource.

use keystead_api::tag_resource::Input;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States, Tags,
};
use keystead_types::Fault;

use super::{checked, within_limit};

/// Adds tags to a key, or replaces their values.
pub enum TagResource {}

impl Operation for TagResource {
    type Shape = keystead_api::TagResource;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:TagResource",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::NotPendingDeletion,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_TagResource.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            tags: Tags::Set(&input.tags),
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        let most = ready.quotas().tags_per_key;
        let mut tags = ready.key().tags.clone();
        for (key, value) in checked(&input.tags, most)? {
            match tags.iter_mut().find(|(known, _)| *known == key) {
                Some((_, old)) => *old = value,
                None => tags.push((key, value)),
            }
        }
        within_limit(tags.len(), most)?;
        ready.update(|key| key.tags = tags);
        Ok(())
    }
}
