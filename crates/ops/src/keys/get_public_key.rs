//! GetPublicKey.

use std::sync::Arc;

use keystead_api::get_public_key::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeyEntry, KeySelector, OneKey, Operation, Part, Ready,
    Spec, States,
};
use keystead_types::{Fault, FaultKind};

use super::metadata;

/// Returns the public key of an asymmetric key.
pub enum GetPublicKey {}

impl Operation for GetPublicKey {
    type Shape = keystead_api::GetPublicKey;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:GetPublicKey",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::PublicKey,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts::use_of_key(input.grant_tokens.as_ref())
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(_input: &Input, key: &Arc<KeyEntry>) -> Result<(), Fault> {
        let spec = key.record().spec;
        if spec.is_asymmetric() {
            return Ok(());
        }
        let arn = key.arn_text();
        Err(Fault::new(
            FaultKind::UnsupportedOperation,
            format!("{arn} key spec is {spec} which is not valid for GetPublicKey."),
        ))
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let arn = ready.key_arn();
        let key = ready.key();
        // A key whose material was never imported has none.
        let public_key = key.public_key.clone().ok_or_else(|| {
            Fault::new(
                FaultKind::KMSInvalidState,
                format!("{arn} is pending import."),
            )
        })?;
        let shown = metadata(key, ready.arn());
        Ok(Output {
            key_id: Some(arn),
            public_key: Some(public_key),
            customer_master_key_spec: shown.customer_master_key_spec,
            key_spec: shown.key_spec,
            key_usage: shown.key_usage,
            encryption_algorithms: shown.encryption_algorithms,
            signing_algorithms: shown.signing_algorithms,
            key_agreement_algorithms: shown.key_agreement_algorithms,
            encapsulation_algorithms: shown.encapsulation_algorithms,
        })
    }
}
