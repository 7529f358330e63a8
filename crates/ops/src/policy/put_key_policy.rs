//! PutKeyPolicy.

use keystead_api::put_key_policy::Input;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, Lockout, OneKey, Operation, Part, Ready,
    Spec, States,
};
use keystead_types::Fault;

use super::{DEFAULT_NAME, RAM_NAME, no_such_policy};

/// Replaces a key's policy.
pub enum PutKeyPolicy {}

impl Operation for PutKeyPolicy {
    type Shape = keystead_api::PutKeyPolicy;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:PutKeyPolicy",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            bypass_lockout: input.bypass_policy_lockout_safety_check,
            policy_name: Some(input.policy_name.as_deref().unwrap_or(DEFAULT_NAME)),
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        match input.policy_name.as_deref() {
            None | Some(DEFAULT_NAME) => {}
            Some(RAM_NAME) => {
                return Err(Fault::validation(
                    "The AWS_RAM policy can only be managed by the RAM service",
                ));
            }
            Some(_) => return Err(no_such_policy()),
        }
        let bypass = input.bypass_policy_lockout_safety_check == Some(true);
        let lockout = if bypass {
            Lockout::Bypass
        } else {
            Lockout::Check
        };
        ready.put_policy(&input.policy, lockout)
    }
}
