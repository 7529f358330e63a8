//! Sign.

use std::sync::Arc;

use keystead_api::sign::{Input, Output};
use keystead_engine::{
    CrossAccount, Facts, Identifier, KeyEntry, KeySelector, OneKey, Operation, Part, Ready,
    Signable, Signing, Spec, States,
};
use keystead_types::Fault;

use super::{check_signable, message_type as kind};

/// Signs a message, or the digest of one.
pub enum Sign {}

impl Operation for Sign {
    type Shape = keystead_api::Sign;
    type Target = OneKey<Signing>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:Sign",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html",
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
        let signature = ready.sign(what).await?;
        Ok(Output {
            key_id: Some(ready.key_arn()),
            signature: Some(signature),
            signing_algorithm: Some(input.signing_algorithm),
        })
    }
}
