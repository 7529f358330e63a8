//! DeriveSharedSecret.

use keystead_api::derive_shared_secret::{Input, Output};
use keystead_engine::{
    Agreeing, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States,
};
use keystead_types::Fault;

use super::split;

/// Agrees on a secret with the owner of another key pair on the same curve.
pub enum DeriveSharedSecret {}

impl Operation for DeriveSharedSecret {
    type Shape = keystead_api::DeriveSharedSecret;
    type Target = OneKey<Agreeing>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:DeriveSharedSecret",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_DeriveSharedSecret.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            key_agreement_algorithm: Some(input.key_agreement_algorithm.as_str()),
            recipient: input.recipient.as_ref(),
            ..Facts::use_of_key(input.grant_tokens.as_ref())
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let recipient = ready.recipient()?;
        let delivered = ready
            .derive_shared_secret(&input.public_key, recipient.as_ref())
            .await?;
        let (shared_secret, ciphertext_for_recipient) = split(delivered);
        Ok(Output {
            key_id: Some(ready.key_arn()),
            shared_secret,
            ciphertext_for_recipient,
            key_agreement_algorithm: Some(input.key_agreement_algorithm),
            key_origin: Some(ready.key().origin),
        })
    }
}
