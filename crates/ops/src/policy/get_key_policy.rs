//! GetKeyPolicy.

use keystead_api::get_key_policy::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Identifier, KeySelector, OneKey, Operation, Ready, Spec, States,
};
use keystead_types::Fault;

use super::{DEFAULT_NAME, no_such_policy};

/// Returns a key's policy, as it was stored.
pub enum GetKeyPolicy {}

impl Operation for GetKeyPolicy {
    type Shape = keystead_api::GetKeyPolicy;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:GetKeyPolicy",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyPolicy.html",
    };

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        if input
            .policy_name
            .as_deref()
            .is_some_and(|name| name != DEFAULT_NAME)
        {
            return Err(no_such_policy());
        }
        Ok(Output {
            policy: Some(ready.key().policy.clone()),
            policy_name: Some(DEFAULT_NAME.to_owned()),
        })
    }
}
