//! ReEncrypt.

use keystead_api::re_encrypt::{Input, Output};
use keystead_engine::{
    CrossAccount, Encrypting, Identifier, KeyPair, KeySelector, Operation, Ready, Spec, States,
    TwoKeys,
};
use keystead_types::Fault;

use super::{DEFAULT_ALGORITHM, check_algorithm, check_context, ciphertext};
use crate::check_grant_tokens;

/// Moves a ciphertext from one key to another without showing the plaintext.
pub enum ReEncrypt {}

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

impl Operation for ReEncrypt {
    type Shape = keystead_api::ReEncrypt;
    type Target = TwoKeys<Encrypting>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: ["kms:ReEncryptFrom", "kms:ReEncryptTo"],
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html",
    };

    fn target(input: &Input) -> Result<(KeySelector<'_>, KeySelector<'_>), Fault> {
        check_context(&input.source_encryption_context)?;
        check_context(&input.destination_encryption_context)?;
        check_grant_tokens(input.grant_tokens.as_ref())?;
        let named = input.source_key_id.as_deref();
        let source = match (blob(input)?, named) {
            (Some(blob), named) => KeySelector::Ciphertext { blob, named },
            (None, Some(key_id)) => KeySelector::Named(key_id),
            (None, None) => {
                return Err(Fault::validation(
                    "SourceKeyId is required when IGNORE_CIPHERTEXT is used.",
                ));
            }
        };
        Ok((source, KeySelector::Named(&input.destination_key_id)))
    }

    fn suits(input: &Input, keys: &KeyPair) -> Result<(), Fault> {
        check_algorithm(&keys.source, input.source_encryption_algorithm)?;
        check_algorithm(&keys.destination, input.destination_encryption_algorithm)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let (source_arn, destination_arn) = ready.key_arns();
        let mut output = Output {
            source_key_id: Some(source_arn),
            key_id: Some(destination_arn),
            source_encryption_algorithm: Some(DEFAULT_ALGORITHM),
            destination_encryption_algorithm: Some(DEFAULT_ALGORITHM),
            ..Output::default()
        };
        if let Some(blob) = blob(input)? {
            let (from, to) = (
                &input.source_encryption_context,
                &input.destination_encryption_context,
            );
            let (ciphertext, source, destination) = ready.re_encrypt(from, blob, to).await?;
            let (source, destination) = (source.to_string(), destination.to_string());
            ready.note("sourceKeyMaterialId", source.clone());
            ready.note("destinationKeyMaterialId", destination.clone());
            output.ciphertext_blob = Some(ciphertext);
            output.source_key_material_id = Some(source);
            output.destination_key_material_id = Some(destination);
        }
        Ok(output)
    }
}
