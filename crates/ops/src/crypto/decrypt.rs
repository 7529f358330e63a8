//! Decrypt.

use std::sync::Arc;

use keystead_api::decrypt::{Input, Output};
use keystead_engine::{
    CrossAccount, Encrypting, Facts, Identifier, KeyEntry, KeySelector, OneKey, Operation, Part,
    Ready, Spec, States,
};
use keystead_types::Fault;

use super::{
    DEFAULT_ALGORITHM, check_algorithm, check_context, check_context_use, ciphertext, split,
};

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

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            recipient: input.recipient.as_ref(),
            ..Facts::encryption(
                input.encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM),
                &input.encryption_context,
                input.grant_tokens.as_ref(),
            )
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        check_context(&input.encryption_context)?;
        let named = input.key_id.as_deref();
        let algorithm = input.encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM);
        match (blob(input)?, named) {
            // What an asymmetric key sealed names no key.
            (Some(_), Some(key_id)) if algorithm != DEFAULT_ALGORITHM => {
                Ok(KeySelector::Named(key_id))
            }
            (Some(_), None) if algorithm != DEFAULT_ALGORITHM => Err(Fault::validation(
                "KeyId is required when the ciphertext was made by an asymmetric key.",
            )),
            (Some(blob), named) => Ok(KeySelector::Ciphertext { blob, named }),
            (None, Some(key_id)) => Ok(KeySelector::Named(key_id)),
            (None, None) => Err(Fault::validation(
                "KeyId is required when IGNORE_CIPHERTEXT is used.",
            )),
        }
    }

    fn suits(input: &Input, key: &Arc<KeyEntry>) -> Result<(), Fault> {
        let algorithm = input.encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM);
        check_algorithm(key, algorithm)?;
        check_context_use(algorithm, &input.encryption_context)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let algorithm = input.encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM);
        let mut output = Output {
            key_id: Some(ready.key_arn()),
            encryption_algorithm: Some(algorithm),
            ..Output::default()
        };
        let recipient = ready.recipient()?;
        if let Some(blob) = blob(input)? {
            let context = &input.encryption_context;
            let (delivered, material_id) = ready
                .decrypt(algorithm, context, blob, recipient.as_ref())
                .await?;
            (output.plaintext, output.ciphertext_for_recipient) = split(delivered);
            if let Some(material_id) = material_id {
                let material_id = material_id.to_string();
                ready.note("keyMaterialId", material_id.clone());
                output.key_material_id = Some(material_id).filter(|_| recipient.is_none());
            }
        }
        Ok(output)
    }
}
