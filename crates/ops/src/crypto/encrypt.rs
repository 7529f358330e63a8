//! Encrypt.

use keystead_api::encrypt::{Input, Output};
use keystead_engine::{
    CrossAccount, Encrypting, Identifier, KeyEntry, KeySelector, OneKey, Operation, Ready, Spec,
    States,
};
use keystead_types::Fault;
use std::sync::Arc;

use super::{DEFAULT_ALGORITHM, check_algorithm, check_context};
use crate::check_grant_tokens;

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

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        check_context(&input.encryption_context)?;
        check_grant_tokens(input.grant_tokens.as_ref())?;
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(input: &Input, key: &Arc<KeyEntry>) -> Result<(), Fault> {
        check_algorithm(key, input.encryption_algorithm)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let blob = ready
            .encrypt(&input.encryption_context, &input.plaintext)
            .await?;
        Ok(Output {
            ciphertext_blob: Some(blob),
            key_id: Some(ready.key_arn()),
            encryption_algorithm: Some(DEFAULT_ALGORITHM),
        })
    }
}
