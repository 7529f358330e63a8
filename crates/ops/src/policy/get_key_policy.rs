//! GetKeyPolicy.

use keystead_api::get_key_policy::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States,
};
use keystead_types::Fault;

use super::{DEFAULT_NAME, no_such_policy};

/// Returns a key's policy, as it was stored; who is gone shows as a unique id.
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

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            policy_name: Some(input.policy_name.as_deref().unwrap_or(DEFAULT_NAME)),
            ..Facts::none()
        }
    }

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
            policy: Some(ready.shown_policy()),
            policy_name: Some(DEFAULT_NAME.to_owned()),
        })
    }
}
