//! CreateKey.

use keystead_api::create_key::{Input, Output};
use keystead_engine::{
    AccountWide, Creating, CrossAccount, Identifier, Lockout, NewKey, Operation, Ready, Spec,
    States,
};
use keystead_types::{Fault, FaultKind, KeyArn, KeySpec, KeyUsage, Origin};

use super::metadata;
use crate::tags;

/// Makes a KMS key.
pub enum CreateKey {}

impl Operation for CreateKey {
    type Shape = keystead_api::CreateKey;
    type Target = AccountWide<Creating>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:CreateKey",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html",
    };

    fn target(_input: &Input) -> Result<(), Fault> {
        Ok(())
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let (spec, usage) = kind(input)?;
        let tags = tags::checked(input.tags.as_deref().unwrap_or_default())?;
        let bypass = input.bypass_policy_lockout_safety_check == Some(true);
        let record = ready
            .create_key(NewKey {
                spec,
                usage,
                description: input.description.clone().unwrap_or_default(),
                policy: input.policy.clone(),
                lockout: if bypass {
                    Lockout::Bypass
                } else {
                    Lockout::Check
                },
                tags,
            })
            .await?;
        let region = ready.region().clone();
        let arn = KeyArn {
            region,
            account: record.account,
            key_id: record.key_id,
        };
        ready.respond(format!(
            r#"{{"keyMetadata":{{"aWSAccountId":"{}","keyId":"{}","arn":"{arn}","enabled":true,"keyUsage":"{usage}","keyState":"Enabled","origin":"AWS_KMS","keyManager":"CUSTOMER","customerMasterKeySpec":"{spec}","keySpec":"{spec}","multiRegion":false}}}}"#,
            record.account, record.key_id
        ));
        Ok(Output {
            key_metadata: Some(metadata(&record, &arn)),
        })
    }
}

/// Spec and usage, as far as this version makes such keys.
fn kind(input: &Input) -> Result<(KeySpec, KeyUsage), Fault> {
    let unsupported = |what: String| {
        let text = format!("Keystead does not offer {what} yet.");
        Err(Fault::new(FaultKind::UnsupportedOperation, text))
    };
    let spec = match (input.key_spec, input.customer_master_key_spec) {
        (Some(one), Some(other)) if one != other => {
            return Err(Fault::validation(
                "You can't specify both KeySpec and CustomerMasterKeySpec with different values.",
            ));
        }
        (one, other) => one.or(other).unwrap_or(KeySpec::SymmetricDefault),
    };
    let usage = match input.key_usage {
        Some(usage) => usage,
        None if spec == KeySpec::SymmetricDefault => KeyUsage::EncryptDecrypt,
        None => {
            return Err(Fault::validation(
                "You must specify a KeyUsage value for all KMS keys except for symmetric \
                 encryption keys.",
            ));
        }
    };
    if !spec_allows(spec, usage) {
        return Err(Fault::validation(format!(
            "KeyUsage {usage} is not compatible with KeySpec {spec}"
        )));
    }
    if spec != KeySpec::SymmetricDefault {
        return unsupported(format!("keys of spec {spec}"));
    }
    let origin = input.origin.unwrap_or(Origin::AwsKms);
    if origin != Origin::AwsKms || input.custom_key_store_id.is_some() || input.xks_key_id.is_some()
    {
        return unsupported(format!("keys of origin {origin}"));
    }
    if input.multi_region == Some(true) {
        return unsupported("multi-Region keys".to_owned());
    }
    Ok((spec, usage))
}

/// The spec × usage matrix. Source: KMS Developer Guide, "Key spec reference".
fn spec_allows(spec: KeySpec, usage: KeyUsage) -> bool {
    use KeySpec as S;
    use KeyUsage as U;
    match spec {
        S::SymmetricDefault => usage == U::EncryptDecrypt,
        S::Hmac224 | S::Hmac256 | S::Hmac384 | S::Hmac512 => usage == U::GenerateVerifyMac,
        S::Rsa2048 | S::Rsa3072 | S::Rsa4096 => matches!(usage, U::EncryptDecrypt | U::SignVerify),
        S::EccNistP256 | S::EccNistP384 | S::EccNistP521 => {
            matches!(usage, U::SignVerify | U::KeyAgreement)
        }
        S::Sm2 => matches!(usage, U::EncryptDecrypt | U::SignVerify | U::KeyAgreement),
        S::EccSecgP256k1 | S::EccNistEdwards25519 | S::MlDsa44 | S::MlDsa65 | S::MlDsa87 => {
            usage == U::SignVerify
        }
        S::MlKem512 | S::MlKem768 | S::MlKem1024 => usage == U::EncapsulateDecapsulate,
    }
}
