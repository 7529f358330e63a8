//! GetParametersForImport.

use std::sync::Arc;

use keystead_api::get_parameters_for_import::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeyEntry, KeySelector, OneKey, Operation, Part, Ready,
    Spec, States,
};
use keystead_types::{Fault, FaultKind, KeySpec, Plaintext, WrappingAlgorithm, WrappingKeySpec};

use super::require_external;

/// How long a wrapping key and its token are good, days.
/// Source: KMS API reference, GetParametersForImport (24 hours).
const GOOD_FOR_DAYS: u32 = 1;

/// Makes the wrapping key and the token that an import needs.
pub enum GetParametersForImport {}

impl Operation for GetParametersForImport {
    type Shape = keystead_api::GetParametersForImport;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:GetParametersForImport",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::ImportPreparable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_GetParametersForImport.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            wrapping_algorithm: Some(input.wrapping_algorithm.as_str()),
            wrapping_key_spec: Some(input.wrapping_key_spec.as_str()),
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(input: &Input, held: &Arc<KeyEntry>) -> Result<(), Fault> {
        require_external(held)?;
        let spec = held.record().spec;
        let (algorithm, key) = (input.wrapping_algorithm, input.wrapping_key_spec);
        if spec.imports_with(algorithm, key) {
            return Ok(());
        }
        let text = match algorithm {
            WrappingAlgorithm::RsaesPkcs1V15 => {
                format!("The wrapping algorithm {algorithm} is not supported.")
            }
            _ => format!(
                "The wrapping algorithm {algorithm} with the wrapping key spec {key} is not \
                 supported for key material of KeySpec {spec}."
            ),
        };
        Err(Fault::new(FaultKind::UnsupportedOperation, text))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let (algorithm, key) = (input.wrapping_algorithm, input.wrapping_key_spec);
        if key == WrappingKeySpec::Sm2 {
            ready.check_offered(KeySpec::Sm2)?;
        }
        let valid_to = ready.now().plus_days(GOOD_FOR_DAYS);
        let made = ready.import_parameters(algorithm, key, valid_to).await?;
        Ok(Output {
            key_id: Some(ready.key_arn()),
            import_token: Some(made.token),
            // Public; the model calls it sensitive all the same.
            public_key: Some(Plaintext::new(made.public_key)),
            parameters_valid_to: Some(valid_to),
        })
    }
}
