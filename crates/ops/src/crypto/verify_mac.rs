//! VerifyMac.

use std::sync::Arc;

use keystead_api::verify_mac::{Input, Output};
use keystead_engine::{
    Authenticating, CrossAccount, Facts, Identifier, KeyEntry, KeySelector, OneKey, Operation,
    Part, Ready, Spec, States,
};
use keystead_types::Fault;

use super::check_mac_algorithm;

/// Verifies the HMAC of a message; an answer always says that it is valid.
pub enum VerifyMac {}

impl Operation for VerifyMac {
    type Shape = keystead_api::VerifyMac;
    type Target = OneKey<Authenticating>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:VerifyMac",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_VerifyMac.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            mac_algorithm: Some(input.mac_algorithm.as_str()),
            ..Facts::use_of_key(input.grant_tokens.as_ref())
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(input: &Input, key: &Arc<KeyEntry>) -> Result<(), Fault> {
        check_mac_algorithm(key, input.mac_algorithm)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let message = input.message.expose();
        ready
            .verify_mac(input.mac_algorithm, message, &input.mac)
            .await?;
        Ok(Output {
            key_id: Some(ready.key_arn()),
            mac_algorithm: Some(input.mac_algorithm),
            mac_valid: Some(true),
        })
    }
}
