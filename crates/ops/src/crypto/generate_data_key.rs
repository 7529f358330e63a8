//! GenerateDataKey.

use std::sync::Arc;

use keystead_api::generate_data_key::{Input, Output};
use keystead_engine::{
    Audience, CrossAccount, Encrypting, Facts, Identifier, KeyEntry, KeySelector, OneKey,
    Operation, Part, Ready, Spec, States,
};
use keystead_types::Fault;

use super::{DEFAULT_ALGORITHM, check_algorithm, check_context, data_key_length, split};

/// Makes a data key and returns it sealed and in clear; it is not kept.
pub enum GenerateDataKey {}

impl Operation for GenerateDataKey {
    type Shape = keystead_api::GenerateDataKey;
    type Target = OneKey<Encrypting>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:GenerateDataKey",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            recipient: input.recipient.as_ref(),
            ..Facts::encryption(
                DEFAULT_ALGORITHM,
                &input.encryption_context,
                input.grant_tokens.as_ref(),
            )
        }
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
        let recipient = ready.recipient()?;
        let audience = Audience::of(recipient.as_ref());
        let key = ready
            .generate_data_key(&input.encryption_context, length, audience)
            .await?;
        let (plaintext, ciphertext_for_recipient) = split(key.delivered);
        let material_id = key.material_id.to_string();
        ready.note("keyMaterialId", material_id.clone());
        Ok(Output {
            ciphertext_blob: Some(key.ciphertext),
            plaintext,
            key_id: Some(ready.key_arn()),
            key_material_id: Some(material_id).filter(|_| recipient.is_none()),
            ciphertext_for_recipient,
        })
    }
}
