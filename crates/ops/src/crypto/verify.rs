//! Verify.

use std::sync::Arc;

use keystead_api::verify::{Input, Output};
use keystead_engine::{
    CrossAccount, Facts, Identifier, KeyEntry, KeySelector, OneKey, Operation, Part, Ready,
    Signable, Signing, Spec, States,
};
use keystead_types::Fault;

use super::{check_signable, message_type as kind};

/// Verifies a signature; an answer always says that it is valid.
pub enum Verify {}

impl Operation for Verify {
    type Shape = keystead_api::Verify;
    type Target = OneKey<Signing>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:Verify",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_Verify.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            signing_algorithm: Some(input.signing_algorithm.as_str()),
            message_type: Some(kind(input.message_type).as_str()),
            ..Facts::use_of_key(input.grant_tokens.as_ref())
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(input: &Input, key: &Arc<KeyEntry>) -> Result<(), Fault> {
        check_signable(
            key,
            input.signing_algorithm,
            kind(input.message_type),
            &input.message,
        )
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let what = Signable {
            algorithm: input.signing_algorithm,
            message_type: kind(input.message_type),
            message: input.message.expose(),
        };
        ready.verify(what, &input.signature).await?;
        Ok(Output {
            key_id: Some(ready.key_arn()),
            signature_valid: Some(true),
            signing_algorithm: Some(input.signing_algorithm),
        })
    }
}
