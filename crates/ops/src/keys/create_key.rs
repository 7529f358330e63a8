//! CreateKey.

use keystead_api::create_key::{Input, Output};
use keystead_engine::{
    AccountWide, CreatedKey, Creating, CrossAccount, Facts, Identifier, KeyScope, Lockout, NewKey,
    Operation, Part, Ready, Spec, States, Tags,
};
use keystead_types::{Fault, FaultKind, KeyArn, KeySpec, KeyState, KeyUsage, Origin};

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

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        let spec = input.key_spec.or(input.customer_master_key_spec);
        let spec = spec.unwrap_or(KeySpec::SymmetricDefault);
        let default = (spec == KeySpec::SymmetricDefault).then_some(KeyUsage::EncryptDecrypt);
        let tagged = input.tags.as_ref().is_some_and(|tags| !tags.is_empty());
        Facts {
            also: tagged.then_some("kms:TagResource"),
            bypass_lockout: input.bypass_policy_lockout_safety_check,
            created: Some(CreatedKey {
                spec,
                usage: input.key_usage.or(default),
                origin: input.origin.unwrap_or(Origin::AwsKms),
                multi_region: (input.multi_region == Some(true)).then_some("PRIMARY"),
            }),
            tags: Tags::of_new_key(input.tags.as_ref()),
            ..Facts::none()
        }
    }

    fn target(_input: &Input) -> Result<(), Fault> {
        Ok(())
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let (spec, usage) = kind(input)?;
        let origin = origin(input, spec)?;
        ready.check_offered(spec)?;
        let tags = tags::checked(
            input.tags.as_deref().unwrap_or_default(),
            ready.quotas().tags_per_key,
        )?;
        let bypass = input.bypass_policy_lockout_safety_check == Some(true);
        let record = ready
            .create_key(NewKey {
                spec,
                usage,
                origin,
                scope: match input.multi_region {
                    Some(true) => KeyScope::MultiRegion,
                    _ => KeyScope::Region,
                },
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
            r#"{{"keyMetadata":{{"aWSAccountId":"{}","keyId":"{}","arn":"{arn}","enabled":{},"keyUsage":"{usage}","keyState":"{}","origin":"{origin}","keyManager":"CUSTOMER","customerMasterKeySpec":"{spec}","keySpec":"{spec}","multiRegion":{}}}}}"#,
            record.account,
            record.key_id,
            record.state == KeyState::Enabled,
            record.state,
            record.multi_region.is_some()
        ));
        Ok(Output {
            key_metadata: Some(metadata(&record, &arn)),
        })
    }
}

/// Spec and usage that a request asks for.
fn kind(input: &Input) -> Result<(KeySpec, KeyUsage), Fault> {
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
    if !spec.allows(usage) {
        return Err(Fault::validation(format!(
            "KeyUsage {usage} is not compatible with KeySpec {spec}"
        )));
    }
    Ok((spec, usage))
}

/// Where the key's material comes from: custom key stores are not offered yet.
fn origin(input: &Input, spec: KeySpec) -> Result<Origin, Fault> {
    let unsupported = |text: String| Err(Fault::new(FaultKind::UnsupportedOperation, text));
    let origin = input.origin.unwrap_or(Origin::AwsKms);
    let stored_elsewhere = input.custom_key_store_id.is_some() || input.xks_key_id.is_some();
    match origin {
        Origin::AwsKms | Origin::External if stored_elsewhere => Err(Fault::validation(
            "CustomKeyStoreId and XksKeyId are only valid with an Origin of AWS_CLOUDHSM or \
             EXTERNAL_KEY_STORE.",
        )),
        Origin::External if !spec.is_importable() => unsupported(format!(
            "KeySpec {spec} does not support imported key material."
        )),
        Origin::AwsKms | Origin::External => Ok(origin),
        Origin::AwsCloudHsm | Origin::ExternalKeyStore => unsupported(format!(
            "Keystead does not offer keys of origin {origin} yet."
        )),
    }
}
