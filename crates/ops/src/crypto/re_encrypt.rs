//! ReEncrypt.

use keystead_api::re_encrypt::{Input, Output};
use keystead_engine::{
    CrossAccount, Encrypting, Facts, Identifier, KeyPair, KeySelector, Operation, Part, Ready,
    Side, Spec, States, TwoKeys,
};
use keystead_types::{EncryptionAlgorithm, Fault};

use super::{DEFAULT_ALGORITHM, check_algorithm, check_context, check_context_use, ciphertext};

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

/// The algorithms of source and destination.
fn algorithms(input: &Input) -> (EncryptionAlgorithm, EncryptionAlgorithm) {
    let or_default = |sent: Option<EncryptionAlgorithm>| sent.unwrap_or(DEFAULT_ALGORITHM);
    (
        or_default(input.source_encryption_algorithm),
        or_default(input.destination_encryption_algorithm),
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

    fn facts(input: &Input, part: Part) -> Facts<'_> {
        let (from, to) = algorithms(input);
        let (algorithm, context) = match part {
            Part::First => (from, &input.source_encryption_context),
            Part::Second => (to, &input.destination_encryption_context),
        };
        Facts::encryption(algorithm, context, input.grant_tokens.as_ref())
    }

    fn target(input: &Input) -> Result<(KeySelector<'_>, KeySelector<'_>), Fault> {
        check_context(&input.source_encryption_context)?;
        check_context(&input.destination_encryption_context)?;
        let named = input.source_key_id.as_deref();
        let (from, _) = algorithms(input);
        let source = match (blob(input)?, named) {
            (Some(_), Some(key_id)) if from != DEFAULT_ALGORITHM => KeySelector::Named(key_id),
            (Some(_), None) if from != DEFAULT_ALGORITHM => {
                return Err(Fault::validation(
                    "SourceKeyId is required when the ciphertext was made by an asymmetric key.",
                ));
            }
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
        let (from, to) = algorithms(input);
        check_algorithm(&keys.source, from)?;
        check_context_use(from, &input.source_encryption_context)?;
        check_algorithm(&keys.destination, to)?;
        check_context_use(to, &input.destination_encryption_context)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let (from, to) = algorithms(input);
        let (source_arn, destination_arn) = ready.key_arns();
        let mut output = Output {
            source_key_id: Some(source_arn),
            key_id: Some(destination_arn),
            source_encryption_algorithm: Some(from),
            destination_encryption_algorithm: Some(to),
            ..Output::default()
        };
        if let Some(blob) = blob(input)? {
            let from = Side {
                algorithm: from,
                context: &input.source_encryption_context,
            };
            let to = Side {
                algorithm: to,
                context: &input.destination_encryption_context,
            };
            let done = ready.re_encrypt(from, blob, to).await?;
            output.ciphertext_blob = Some(done.ciphertext);
            output.source_key_material_id = done.source.map(|id| id.to_string());
            output.destination_key_material_id = done.destination.map(|id| id.to_string());
            if let Some(source) = output.source_key_material_id.clone() {
                ready.note("sourceKeyMaterialId", source);
            }
            if let Some(destination) = output.destination_key_material_id.clone() {
                ready.note("destinationKeyMaterialId", destination);
            }
        }
        Ok(output)
    }
}
