//! GenerateDataKeyWithoutPlaintext.

use std::sync::Arc;

use keystead_api::generate_data_key_without_plaintext::{Input, Output};
use keystead_engine::{
    Audience, CrossAccount, Encrypting, Facts, Identifier, KeyEntry, KeySelector, OneKey,
    Operation, Part, Ready, Spec, States,
};
use keystead_types::Fault;

use super::{DEFAULT_ALGORITHM, check_algorithm, check_context, data_key_length};

/// Makes a data key and returns it sealed only; it is not kept.
pub enum GenerateDataKeyWithoutPlaintext {}

impl Operation for GenerateDataKeyWithoutPlaintext {
    type Shape = keystead_api::GenerateDataKeyWithoutPlaintext;
    type Target = OneKey<Encrypting>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:GenerateDataKeyWithoutPlaintext",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKeyWithoutPlaintext.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts::encryption(
            DEFAULT_ALGORITHM,
            &input.encryption_context,
            input.grant_tokens.as_ref(),
        )
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        check_context(&input.encryption_context)?;
        data_key_length(input.key_spec, input.number_of_bytes)?;
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(_input: &Input, key: &Arc<KeyEntry>) -> Result<(), Fault> {
        check_algorithm(key, DEFAULT_ALGORITHM)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let length = data_key_length(input.key_spec, input.number_of_bytes)?;
        let key = ready
            .generate_data_key(&input.encryption_context, length, Audience::Nobody)
            .await?;
        let material_id = key.material_id.to_string();
        ready.note("keyMaterialId", material_id.clone());
        Ok(Output {
            ciphertext_blob: Some(key.ciphertext),
            key_id: Some(ready.key_arn()),
            key_material_id: Some(material_id),
        })
    }
}
