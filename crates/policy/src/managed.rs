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

    /// The same policy, compiled.
    pub fn policy(&self) -> Result<Policy, crate::PolicyError> {
        Policy::compile(PolicyKind::Key, &self.shown_policy())
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
    use crate::{ConditionKey, Context, KnownKey, Named, Presence, Request, Value, Verdict};
    use keystead_types::Principal;

    /// A request of that account through that service.
    struct Facts {
        account: &'static str,
        via: Option<&'static str>,
    }

    impl Context for Facts {
        fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
            let value = match key.known() {
                Some(KnownKey::CallerAccount) => Some(self.account),
                Some(KnownKey::ViaService) => self.via,
                _ => None,
            };
            value.map_or(Presence::Absent, |value| {
                each(Value::Text(value));
                Presence::Single
            })
        }
    }

    fn verdict(policy: &Policy, principal: &Principal, action: &str, context: &Facts) -> Verdict {
        policy.evaluate(&Request {
            principal,
            partition: "aws",
            action,
            resource: "arn:aws:kms:eu-west-1:111122223333:key/x",
            resource_account: AccountId::parse("111122223333").unwrap(),
            unique_id: None,
            context,
        })
    }

    #[test]
    fn the_account_uses_it_through_the_service_and_reads_it_directly() {
        let account = AccountId::parse("111122223333").unwrap();
        let region = Region::parse("eu-west-1").unwrap();
        let key = ManagedKey {
            service: "s3",
            account,
            region: &region,
        };
        let policy = key.policy().unwrap();
        let root = Principal::Root { account };
        let name = "alice".into();
        let alice = Principal::User { account, name };
        let (ours, other) = ("111122223333", "444455556666");
        let s3 = Some("s3.eu-west-1.amazonaws.com");
        for (account, via, expected) in [
            (ours, s3, true),
            (ours, None, false),
            (ours, Some("s3.eu-west-2.amazonaws.com"), false),
            (ours, Some("sqs.eu-west-1.amazonaws.com"), false),
            (ours, Some("s3.eu-west-1.amazonaws.com.evil.example"), false),
            (other, s3, false),
        ] {
            let context = Facts { account, via };
            for action in ["kms:Encrypt", "kms:GenerateDataKeyWithoutPlaintext"] {
                for principal in [&root, &alice] {
                    let verdict = verdict(&policy, principal, action, &context);
                    let named = Named::Everyone;
                    let allowed = Verdict::Allowed {
                        statement: 0,
                        named,
                    };
                    let expected = if expected {
                        allowed
                    } else {
                        Verdict::NotMatched
                    };
                    assert_eq!(verdict, expected, "{action} {account} {via:?}");
                }
            }
            for action in [
                "kms:PutKeyPolicy",
                "kms:ScheduleKeyDeletion",
                "kms:DisableKey",
            ] {
                let verdict = verdict(&policy, &root, action, &context);
                assert_eq!(verdict, Verdict::NotMatched);
            }
        }
        let direct = Facts {
            account: ours,
            via: None,
        };
        for (principal, named) in [(&root, Named::Principal), (&alice, Named::Account)] {
            let reads = verdict(&policy, principal, "kms:GetKeyPolicy", &direct);
            assert_eq!(
                reads,
                Verdict::Allowed {
                    statement: 1,
                    named
                }
            );
        }
        let stranger = Principal::Root {
            account: AccountId::parse(other).unwrap(),
        };
        let reads = verdict(&policy, &stranger, "kms:GetKeyPolicy", &direct);
        assert_eq!(reads, Verdict::NotMatched);
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
