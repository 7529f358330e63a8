//! Decapsulate.

use keystead_api::decapsulate::{Input, Output};
use keystead_engine::{
    CrossAccount, Encapsulating, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready,
    Spec, States,
};
use keystead_types::Fault;

/// Opens an encapsulation; one that was changed gives another secret, as FIPS 203 has it.
pub enum Decapsulate {}

impl Operation for Decapsulate {
    type Shape = keystead_api::Decapsulate;
    type Target = OneKey<Encapsulating>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:Decapsulate",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_Decapsulate.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts::use_of_key(input.grant_tokens.as_ref())
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let blob = &input.shared_secret_ciphertext_blob;
        let secret = ready.decapsulate(blob).await?;
        Ok(Output {
            key_id: Some(ready.key_arn()),
            shared_secret: Some(secret),
            encapsulation_algorithm: Some(input.encapsulation_algorithm),
        })
    }
}
