//! GenerateDataKeyPairWithoutPlaintext.

use std::sync::Arc;

use keystead_api::generate_data_key_pair_without_plaintext::{Input, Output};
use keystead_engine::{
    Audience, CrossAccount, Encrypting, Facts, Identifier, KeyEntry, KeySelector, OneKey,
    Operation, Part, Ready, Spec, States,
};
use keystead_types::Fault;

use super::{DEFAULT_ALGORITHM, check_algorithm, check_context};

/// Makes a key pair and returns its private key sealed only; it is not kept.
pub enum GenerateDataKeyPairWithoutPlaintext {}

impl Operation for GenerateDataKeyPairWithoutPlaintext {
    type Shape = keystead_api::GenerateDataKeyPairWithoutPlaintext;
    type Target = OneKey<Encrypting>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:GenerateDataKeyPairWithoutPlaintext",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKeyPairWithoutPlaintext.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            data_key_pair_spec: Some(input.key_pair_spec),
            ..Facts::encryption(
                DEFAULT_ALGORITHM,
                &input.encryption_context,
                input.grant_tokens.as_ref(),
            )
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        check_context(&input.encryption_context)?;
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(_input: &Input, key: &Arc<KeyEntry>) -> Result<(), Fault> {
        check_algorithm(key, DEFAULT_ALGORITHM)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let spec = input.key_pair_spec;
        let mut output = Output {
            key_id: Some(ready.key_arn()),
            key_pair_spec: Some(spec),
            ..Output::default()
        };
        ready.check_offered(spec)?;
        // A pair takes long to make, and nobody would get it.
        if input.dry_run == Some(true) {
            return Ok(output);
        }
        let pair = ready
            .generate_key_pair(&input.encryption_context, spec, Audience::Nobody)
            .await?;
        let material_id = pair.material_id.to_string();
        ready.note("keyMaterialId", material_id.clone());
        output.private_key_ciphertext_blob = Some(pair.ciphertext);
        output.public_key = pair.public_key;
        output.key_material_id = Some(material_id);
        Ok(output)
    }
}
