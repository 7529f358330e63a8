//! GenerateDataKey.

use std::sync::Arc;

use keystead_api::generate_data_key::{Input, Output};
use keystead_engine::{
    CrossAccount, Encrypting, Identifier, KeyEntry, KeySelector, OneKey, Operation, Ready, Spec,
    States,
};
use keystead_types::Fault;

use super::{check_algorithm, check_context, data_key_length, refuse_recipient};
use crate::check_grant_tokens;

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

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        check_context(&input.encryption_context)?;
        check_grant_tokens(input.grant_tokens.as_ref())?;
        refuse_recipient(input.recipient.as_ref())?;
        data_key_length(input.key_spec, input.number_of_bytes)?;
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(_input: &Input, key: &Arc<KeyEntry>) -> Result<(), Fault> {
        check_algorithm(key, None)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let length = data_key_length(input.key_spec, input.number_of_bytes)?;
        let key = ready
            .generate_data_key(&input.encryption_context, length, true)
            .await?;
        let material_id = key.material_id.to_string();
        ready.note("keyMaterialId", material_id.clone());
        Ok(Output {
            ciphertext_blob: Some(key.ciphertext),
            plaintext: key.plaintext,
            key_id: Some(ready.key_arn()),
            key_material_id: Some(material_id),
            ciphertext_for_recipient: None,
        })
    }
}
