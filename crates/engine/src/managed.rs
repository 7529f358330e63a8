//! AWS managed keys: one for each service in an account and Region, made at its first use.
//!
//! Keys in an account that belongs to a service's operator are what AWS calls AWS owned keys: nobody
//! else sees or counts them, because nobody else is in that account.

use keystead_policy::ManagedKey;
use keystead_store::Change;
use keystead_store::records::{AliasRecord, KeyRecord, Material, RotationSetting, WrappedKeyBytes};
use keystead_types::{
    AliasName, Fault, KeyArn, KeyId, KeyManager, KeySpec, KeyState, KeyUsage, Origin, Principal,
};
use keystead_wall::{Command, Outcome, Reply, Supply};

use crate::authorize;
use crate::entry::{self, NO_MATERIAL};
use crate::limits::MANAGED_ROTATION_DAYS;
use crate::lookup::Stage;
use crate::ready::{KeyScope, noted, refused, unanswered, wrong_reply};
use crate::service;
use crate::site::Freshness;

/// Alias without its prefix, service, what the key protects.
/// Source: the AWS managed keys that services document; descriptions as AWS words them.
const SERVICES: &[(&str, &str, &str)] = &[
    ("acm", "acm", "ACM private keys"),
    ("backup", "backup", "Backup data"),
    ("codecommit", "codecommit", "CodeCommit repositories"),
    ("dms", "dms", "DMS replication instances"),
    ("dynamodb", "dynamodb", "DynamoDB data"),
    ("ebs", "ec2", "EBS volumes"),
    ("elasticfilesystem", "elasticfilesystem", "EFS filesystems"),
    ("es", "es", "Elasticsearch data"),
    ("fsx", "fsx", "FSx resources"),
    ("glue", "glue", "Glue data"),
    ("kinesis", "kinesis", "Kinesis streams"),
    ("kinesisvideo", "kinesisvideo", "Kinesis video streams"),
    ("lambda", "lambda", "Lambda functions"),
    ("rds", "rds", "RDS database volumes"),
    ("redshift", "redshift", "Redshift clusters"),
    ("s3", "s3", "S3 objects"),
    ("secretsmanager", "secretsmanager", "Secrets Manager data"),
    ("sns", "sns", "SNS data"),
    ("sqs", "sqs", "SQS messages"),
    ("ssm", "ssm", "SSM parameters"),
    ("workspaces", "workspaces", "WorkSpaces volumes"),
    ("xray", "xray", "X-Ray data"),
];

/// The service whose key an alias names, and what it protects.
fn predefined(name: &AliasName) -> Option<(&'static str, &'static str)> {
    let alias = name.as_str().strip_prefix(AliasName::RESERVED_PREFIX)?;
    let mut services = SERVICES.iter();
    let (_, service, protects) = services.find(|(known, ..)| *known == alias)?;
    Some((service, protects))
}

/// The key of a predefined alias that does not exist yet, if this request is one that makes it:
/// of the service itself, or DescribeKey. Source: KMS API reference, DescribeKey.
pub(crate) async fn at_first_use(
    stage: &mut Stage<'_>,
    action: &'static str,
    name: &AliasName,
) -> Result<Option<KeyId>, Fault> {
    let Some((service, protects)) = predefined(name) else {
        return Ok(None);
    };
    let session = stage.caller.session.as_deref();
    let through = session.and_then(|session| session.via.last());
    let by_service = match (through, &stage.caller.principal) {
        (Some(name), _) | (None, Principal::Service { name }) => {
            name.strip_suffix(".amazonaws.com") == Some(service)
        }
        (None, _) => false,
    };
    if stage.dry_run || !by_service && action != "kms:DescribeKey" {
        return Ok(None);
    }
    let (site, account) = (stage.site, stage.caller.account);
    let (now, key_id) = (site.now(), site.new_key_id(KeyScope::Region));
    let region = site.region();
    let key = ManagedKey {
        service,
        account,
        region,
    };
    let arn = KeyArn {
        region: region.clone(),
        account,
        key_id,
    };
    let mut record = KeyRecord {
        key_id,
        account,
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        manager: KeyManager::Aws,
        state: KeyState::Enabled,
        description: format!(
            "Default key that protects my {protects} when no other key is defined"
        ),
        created: now,
        deletion: None,
        multi_region: None,
        policy: key.shown_policy(),
        bound: Vec::new(),
        tags: Vec::new(),
        materials: Vec::new(),
        public_key: None,
        rotation: Some(RotationSetting {
            period_days: MANAGED_ROTATION_DAYS,
            enabled_at: now,
            next: now.plus_days(MANAGED_ROTATION_DAYS),
        }),
        on_demand_rotations: 0,
    };
    // Nobody makes a key by asking for what the key would refuse.
    let policy = key.policy().map_err(Fault::internal)?;
    if !authorize::may_use_managed(stage, &policy, action, &record, &arn).await? {
        return Ok(None);
    }
    let binding = entry::binding(region, &record, NO_MATERIAL);
    let command = Command::GenerateKey {
        binding: &binding,
        supply: Supply::Made,
    };
    let Outcome { result, receipt } = site.hsm().call(command).await.map_err(unanswered)?;
    let details = format!(r#"{{"keyId":"{arn}"}}"#).into_bytes();
    let mut event = site
        .trail()
        .service_event("CreateKey", account, Some(details));
    event.resource(arn);
    event.receipt(noted(receipt));
    match result.map_err(refused) {
        Ok(Reply::NewKey {
            material_id,
            wrapped,
            ..
        }) => {
            let wrapped = WrappedKeyBytes(wrapped.0);
            record
                .materials
                .push(Material::first(material_id, wrapped, now));
        }
        other => {
            let fault = other.err().unwrap_or_else(wrong_reply);
            return event
                .settle::<Option<KeyId>>(Err(fault))
                .publish()
                .await
                .into_outcome();
        }
    }
    let alias = AliasRecord {
        name: name.clone(),
        account,
        target: key_id,
        created: now,
        updated: now,
    };
    let changes = vec![
        Change::PutKey {
            record,
            previous: None,
        },
        Change::PutAlias {
            record: alias,
            target: None,
        },
    ];
    if service::commit(site, event, changes).await? {
        return Ok(Some(key_id));
    }
    // Another request has just made it.
    site.alias_target(account, name, Freshness::Stored).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_predefined_alias_is_a_name_and_stands_once() {
        let mut seen = std::collections::HashSet::new();
        for (alias, service, _) in SERVICES {
            let name = format!("{}{alias}", AliasName::RESERVED_PREFIX);
            let name = AliasName::parse(&name).unwrap();
            assert_eq!(predefined(&name).map(|(found, _)| found), Some(*service));
            assert!(seen.insert(alias));
        }
        let unknown = AliasName::parse("alias/aws/nothing").unwrap();
        assert_eq!(predefined(&unknown), None);
    }
}
