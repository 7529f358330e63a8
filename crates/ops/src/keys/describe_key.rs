//! DescribeKey.

use keystead_api::describe_key::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States,
};
use keystead_types::Fault;

use super::metadata;

/// Shows a key's metadata.
pub enum DescribeKey {}

impl Operation for DescribeKey {
    type Shape = keystead_api::DescribeKey;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:DescribeKey",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts::use_of_key(input.grant_tokens.as_ref())
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        Ok(Output {
            key_metadata: Some(metadata(ready.key(), ready.arn())),
        })
    }
}
