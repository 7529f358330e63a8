//! Encrypt.

use keystead_api::encrypt::{Input, Output};
use keystead_engine::{
    CrossAccount, Encrypting, Facts, Identifier, KeyEntry, KeySelector, OneKey, Operation, Part,
    Ready, Spec, States, check_plaintext_length,
};
use keystead_types::Fault;
use std::sync::Arc;

use super::{DEFAULT_ALGORITHM, check_algorithm, check_context, check_context_use};

/// Seals up to 4096 bytes under a key.
pub enum Encrypt {}

impl Operation for Encrypt {
    type Shape = keystead_api::Encrypt;
    type Target = OneKey<Encrypting>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:Encrypt",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts::encryption(
            input.encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM),
            &input.encryption_context,
            input.grant_tokens.as_ref(),
        )
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        check_context(&input.encryption_context)?;
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(input: &Input, key: &Arc<KeyEntry>) -> Result<(), Fault> {
        let algorithm = input.encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM);
        check_algorithm(key, algorithm)?;
        check_context_use(algorithm, &input.encryption_context)?;
        check_plaintext_length(algorithm, key.record().spec, input.plaintext.len())
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let algorithm = input.encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM);
        let blob = ready
            .encrypt(algorithm, &input.encryption_context, &input.plaintext)
            .await?;
        Ok(Output {
            ciphertext_blob: Some(blob),
            key_id: Some(ready.key_arn()),
            encryption_algorithm: Some(algorithm),
        })
    }
}
