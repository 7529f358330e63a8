//! GenerateRandom.

use keystead_api::generate_random::{Input, Output};
use keystead_engine::{
    AccountWide, CrossAccount, Facts, Identifier, Operation, Part, Randomness, Ready, Spec, States,
};
use keystead_types::{Fault, FaultKind};

use super::split;

/// Random bytes from the HSM process.
pub enum GenerateRandom {}

impl Operation for GenerateRandom {
    type Shape = keystead_api::GenerateRandom;
    type Target = AccountWide<Randomness>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:GenerateRandom",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateRandom.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            recipient: input.recipient.as_ref(),
            ..Facts::none()
        }
    }

    fn target(_input: &Input) -> Result<(), Fault> {
        Ok(())
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        if let Some(store) = &input.custom_key_store_id {
            let text = format!("Custom key store {store} does not exist.");
            return Err(Fault::new(FaultKind::CustomKeyStoreNotFound, text));
        }
        let length = input
            .number_of_bytes
            .and_then(|length| u16::try_from(length).ok());
        let length = length.ok_or_else(|| Fault::validation("NumberOfBytes is required."))?;
        let recipient = ready.recipient()?;
        let (plaintext, ciphertext_for_recipient) =
            split(ready.random(length, recipient.as_ref()).await?);
        Ok(Output {
            plaintext,
            ciphertext_for_recipient,
        })
    }
}
