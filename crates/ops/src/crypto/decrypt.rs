//! Decrypt.

use std::sync::Arc;

use keystead_api::decrypt::{Input, Output};
use keystead_engine::{
    CrossAccount, Encrypting, Identifier, KeyEntry, KeySelector, OneKey, Operation, Ready, Spec,
    States,
};
use keystead_types::Fault;

use super::{DEFAULT_ALGORITHM, check_algorithm, check_context, ciphertext, refuse_recipient};
use crate::check_grant_tokens;

/// Opens what Encrypt or a data key operation sealed.
pub enum Decrypt {}

fn blob(input: &Input) -> Result<Option<&[u8]>, Fault> {
    let Input {
        ciphertext_blob,
        dry_run_modifiers,
        dry_run,
        ..
    } = input;
    ciphertext(
        ciphertext_blob.as_ref(),
        dry_run_modifiers.as_ref(),
        *dry_run,
    )
}

impl Operation for Decrypt {
    type Shape = keystead_api::Decrypt;
    type Target = OneKey<Encrypting>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:Decrypt",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html",
    };

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        check_context(&input.encryption_context)?;
        check_grant_tokens(input.grant_tokens.as_ref())?;
        refuse_recipient(input.recipient.as_ref())?;
        let named = input.key_id.as_deref();
        match (blob(input)?, named) {
            (Some(blob), named) => Ok(KeySelector::Ciphertext { blob, named }),
            (None, Some(key_id)) => Ok(KeySelector::Named(key_id)),
            (None, None) => Err(Fault::validation(
                "KeyId is required when IGNORE_CIPHERTEXT is used.",
            )),
        }
    }

    fn suits(input: &Input, key: &Arc<KeyEntry>) -> Result<(), Fault> {
        check_algorithm(key, input.encryption_algorithm)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let mut output = Output {
            key_id: Some(ready.key_arn()),
            encryption_algorithm: Some(DEFAULT_ALGORITHM),
            ..Output::default()
        };
        if let Some(blob) = blob(input)? {
            let (plaintext, material_id) = ready.decrypt(&input.encryption_context, blob).await?;
            let material_id = material_id.to_string();
            ready.note("keyMaterialId", material_id.clone());
            output.plaintext = Some(plaintext);
            output.key_material_id = Some(material_id);
        }
        Ok(output)
    }
}
