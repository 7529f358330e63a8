//! The key policy that CreateKey and ReplicateKey write when the caller gives none.

use keystead_types::AccountId;

/// The default key policy of an account: one statement that delegates to the account's identity
/// policies. `partition` is `aws`, `aws-cn` …; the text is laid out as AWS returns it.
///
/// Source: KMS Developer Guide, "Default key policy"; a recorded GetKeyPolicy answer of 2025-11.
pub fn default_key_policy(partition: &str, account: AccountId) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}
