//! UntagResource.

use keystead_api::untag_resource::Input;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States, Tags,
};
use keystead_types::Fault;

use super::{RESERVED_PREFIX, refuse};

/// Takes tags off a key; keys that it does not have are ignored.
pub enum UntagResource {}

impl Operation for UntagResource {
    type Shape = keystead_api::UntagResource;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:UntagResource",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::NotPendingDeletion,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_UntagResource.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            tags: Tags::Removed(&input.tag_keys),
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        if input
            .tag_keys
            .iter()
            .any(|key| key.starts_with(RESERVED_PREFIX))
        {
            return refuse("Tags beginning with aws: are reserved");
        }
        ready.update(|key| {
            key.tags
                .retain(|(known, _)| !input.tag_keys.contains(known))
        });
        Ok(())
    }
}
