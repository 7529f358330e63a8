//! Encapsulate.

use keystead_api::encapsulate::{Input, Output};
use keystead_engine::{
    CrossAccount, Encapsulating, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready,
    Spec, States,
};
use keystead_types::Fault;

/// Makes a shared secret and its encapsulation.
pub enum Encapsulate {}

impl Operation for Encapsulate {
    type Shape = keystead_api::Encapsulate;
    type Target = OneKey<Encapsulating>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:Encapsulate",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_Encapsulate.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts::use_of_key(input.grant_tokens.as_ref())
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let (ciphertext, secret) = ready.encapsulate().await?;
        Ok(Output {
            key_id: Some(ready.key_arn()),
            shared_secret: Some(secret),
            shared_secret_ciphertext_blob: Some(ciphertext),
            encapsulation_algorithm: Some(input.encapsulation_algorithm),
        })
    }
}
