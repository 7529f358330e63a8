//! The key policies of AWS managed keys.

use keystead_types::{AccountId, Region, partition_of};

use crate::evaluate::{Policy, PolicyKind};

/// What a service may do with its key in an account. Source: KMS Developer Guide, "AWS managed
/// keys"; the policies that GetKeyPolicy shows for them.
const CRYPTOGRAPHIC: &str = r#""kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey""#;
/// What the account itself may do.
const READING: &str = r#""kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant""#;

/// Whose AWS managed key it is: an account's, in a Region, of a service.
#[derive(Debug, Clone, Copy)]
pub struct ManagedKey<'a> {
    /// The service's name, the first label of its principal: `s3`.
    pub service: &'a str,
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: &'a Region,
}

impl ManagedKey<'_> {
    /// The policy as GetKeyPolicy shows it: every principal of the account through the service,
    /// and the account for reading.
    pub fn shown_policy(&self) -> String {
        let Self {
            service,
            account,
            region,
        } = *self;
        let partition = partition_of(region);
        format!(
            r#"{{
  "Version" : "2012-10-17",
  "Id" : "auto-{service}-1",
  "Statement" : [ {{
    "Sid" : "Allow access through {service} for all principals in the account that are authorized to use {service}",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "*"
    }},
    "Action" : [ {CRYPTOGRAPHIC} ],
    "Resource" : "*",
    "Condition" : {{
      "StringEquals" : {{
        "kms:CallerAccount" : "{account}",
        "kms:ViaService" : "{service}.{region}.amazonaws.com"
      }}
    }}
  }}, {{
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : [ {READING} ],
    "Resource" : "*"
  }} ]
}}"#
        )
    }

    /// The same policy as it is evaluated. Requests that a service forwards for a caller do not
    /// exist yet; the service itself, which acts for the account, stands for them.
    pub fn policy(&self) -> Result<Policy, crate::PolicyError> {
        let Self {
            service,
            account,
            region,
        } = *self;
        let partition = partition_of(region);
        Policy::compile(
            PolicyKind::Key,
            &format!(
                r#"{{"Version": "2012-10-17", "Statement": [
                {{"Effect": "Allow", "Principal": {{"Service": "{service}.amazonaws.com"}},
                  "Action": [{CRYPTOGRAPHIC}], "Resource": "*"}},
                {{"Effect": "Allow", "Principal": {{"AWS": "arn:{partition}:iam::{account}:root"}},
                  "Action": [{READING}], "Resource": "*"}}]}}"#
            ),
        )
    }

    /// The service whose key has that policy; `None` for every text that [`Self::shown_policy`]
    /// did not make for this account and Region.
    pub fn service_of<'t>(text: &'t str, account: AccountId, region: &Region) -> Option<&'t str> {
        const BEFORE: &str = "\"Id\" : \"auto-";
        const AFTER: &str = "-1\",";
        let start = text.find(BEFORE)? + BEFORE.len();
        let rest = text.get(start..)?;
        let service = rest.get(..rest.find(AFTER)?)?;
        let key = ManagedKey {
            service,
            account,
            region,
        };
        (key.shown_policy() == text).then_some(service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Named, NoContext, Request, Verdict};
    use keystead_types::Principal;

    fn verdict(policy: &Policy, principal: &Principal, action: &str) -> Verdict {
        policy.evaluate(&Request {
            principal,
            partition: "aws",
            action,
            resource: "arn:aws:kms:eu-west-1:111122223333:key/x",
            resource_account: AccountId::parse("111122223333").unwrap(),
            unique_id: None,
            context: &NoContext,
        })
    }

    #[test]
    fn the_service_uses_it_and_the_account_reads_it() {
        let account = AccountId::parse("111122223333").unwrap();
        let region = Region::parse("eu-west-1").unwrap();
        let key = ManagedKey {
            service: "s3",
            account,
            region: &region,
        };
        let policy = key.policy().unwrap();
        let service = |name: &str| Principal::Service { name: name.into() };
        let root = Principal::Root { account };
        for action in ["kms:Encrypt", "kms:GenerateDataKeyWithoutPlaintext"] {
            let own = verdict(&policy, &service("s3.amazonaws.com"), action);
            assert!(
                matches!(
                    own,
                    Verdict::Allowed {
                        named: Named::Principal,
                        ..
                    }
                ),
                "{action}"
            );
            let other = verdict(&policy, &service("sqs.amazonaws.com"), action);
            assert_eq!(other, Verdict::NotMatched, "{action}");
            assert_eq!(
                verdict(&policy, &root, action),
                Verdict::NotMatched,
                "{action}"
            );
        }
        for action in [
            "kms:PutKeyPolicy",
            "kms:ScheduleKeyDeletion",
            "kms:DisableKey",
        ] {
            for principal in [&root, &service("s3.amazonaws.com")] {
                assert_eq!(verdict(&policy, principal, action), Verdict::NotMatched);
            }
        }
        let reads = verdict(&policy, &root, "kms:GetKeyPolicy");
        assert!(matches!(
            reads,
            Verdict::Allowed {
                named: Named::Principal,
                ..
            }
        ));
    }

    #[test]
    fn a_stored_policy_tells_its_service_and_a_changed_one_does_not() {
        let account = AccountId::parse("111122223333").unwrap();
        let region = Region::parse("eu-west-1").unwrap();
        let text = ManagedKey {
            service: "dynamodb",
            account,
            region: &region,
        }
        .shown_policy();
        let of = |text: &'static str, account| ManagedKey::service_of(text, account, &region);
        let text: &'static str = text.leak();
        assert_eq!(of(text, account), Some("dynamodb"));
        let other = AccountId::parse("444455556666").unwrap();
        assert_eq!(of(text, other), None);
        let changed = text.replace("kms:Encrypt", "kms:*").leak();
        assert_eq!(of(changed, account), None);
        assert_eq!(of("", account), None);
        serde_json::from_str::<serde_json::Value>(text).unwrap();
    }
}
