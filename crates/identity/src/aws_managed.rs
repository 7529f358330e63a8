//! The managed policies of AWS that are known here: only those whose content is certain. Every
//! account has them, and nobody can change them.
//!
//! Source: AWS Managed Policy Reference Guide. The unique ids are ours.

use std::sync::{Arc, LazyLock};

use keystead_policy::{Policy, PolicyKind};
use keystead_types::Timestamp;

/// A managed policy of AWS.
#[derive(Debug)]
pub struct AwsManaged {
    /// Its name: `AdministratorAccess`.
    pub name: &'static str,
    /// Its path.
    pub path: &'static str,
    /// Its unique id: `ANPA…`.
    pub unique_id: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// When AWS created it.
    pub created: Timestamp,
    /// The document of its one version here, `v1`.
    pub document: &'static str,
    /// The document, compiled.
    pub policy: Arc<Policy>,
}

impl AwsManaged {
    /// `arn:aws:iam::aws:policy/AdministratorAccess`
    pub fn arn(&self, partition: &str) -> String {
        format!("arn:{partition}:iam::aws:policy{}{}", self.path, self.name)
    }

    /// Whether that is its ARN.
    pub fn has_arn(&self, partition: &str, arn: &str) -> bool {
        let rest = arn.strip_prefix("arn:");
        let rest = rest.and_then(|rest| rest.strip_prefix(partition));
        let rest = rest.and_then(|rest| rest.strip_prefix(":iam::aws:policy"));
        rest.and_then(|rest| rest.strip_prefix(self.path)) == Some(self.name)
    }
}

/// The document of `AWSDenyAll`.
pub(crate) const DENY_ALL: &str = include_str!("aws_managed/AWSDenyAll.json");

struct Row {
    name: &'static str,
    unique_id: &'static str,
    description: &'static str,
    created_seconds: i64,
    document: &'static str,
}

const ROWS: [Row; 6] = [
    Row {
        name: "AdministratorAccess",
        unique_id: "ANPAKEYSTEADAWS222222",
        description: "Provides full access to AWS services and resources.",
        created_seconds: 1_423_247_940,
        document: include_str!("aws_managed/AdministratorAccess.json"),
    },
    Row {
        name: "AWSDenyAll",
        unique_id: "ANPAKEYSTEADAWS222223",
        description: "Deny all access.",
        created_seconds: 1_556_750_160,
        document: DENY_ALL,
    },
    Row {
        name: "AWSKeyManagementServicePowerUser",
        unique_id: "ANPAKEYSTEADAWS222224",
        description: "Provides access to AWS Key Management Service (KMS).",
        created_seconds: 1_423_248_000,
        document: include_str!("aws_managed/AWSKeyManagementServicePowerUser.json"),
    },
    Row {
        name: "IAMFullAccess",
        unique_id: "ANPAKEYSTEADAWS222225",
        description: "Provides full access to IAM via the AWS Management Console.",
        created_seconds: 1_423_248_000,
        document: include_str!("aws_managed/IAMFullAccess.json"),
    },
    Row {
        name: "IAMReadOnlyAccess",
        unique_id: "ANPAKEYSTEADAWS222226",
        description: "Provides read only access to IAM via the AWS Management Console.",
        created_seconds: 1_423_248_000,
        document: include_str!("aws_managed/IAMReadOnlyAccess.json"),
    },
    Row {
        name: "PowerUserAccess",
        unique_id: "ANPAKEYSTEADAWS222227",
        description: "Provides full access to AWS services and resources, but does not allow management of Users and groups.",
        created_seconds: 1_423_247_940,
        document: include_str!("aws_managed/PowerUserAccess.json"),
    },
];

/// A document of ours that would not compile is left out, and so allows nothing; a test holds
/// that none is.
static ALL: LazyLock<Vec<AwsManaged>> = LazyLock::new(|| {
    let one = |row: Row| {
        let policy = Policy::compile(PolicyKind::Identity, row.document).ok()?;
        Some(AwsManaged {
            name: row.name,
            path: "/",
            unique_id: row.unique_id,
            description: row.description,
            created: Timestamp::from_millis(row.created_seconds * 1000),
            document: row.document,
            policy: Arc::new(policy),
        })
    };
    ROWS.into_iter().filter_map(one).collect()
});

/// Every managed policy of AWS that is known here, in order of the names without case.
pub fn aws_managed() -> impl Iterator<Item = &'static AwsManaged> {
    ALL.iter()
}

/// A policy of ours by its name.
pub(crate) fn named(name: &str) -> Option<Arc<Policy>> {
    let found = ALL.iter().find(|policy| policy.name == name);
    found.map(|found| found.policy.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_compiles_and_is_in_order() {
        assert_eq!(ALL.len(), ROWS.len());
        let names: Vec<String> = ALL
            .iter()
            .map(|own| own.name.to_ascii_lowercase())
            .collect();
        assert!(names.is_sorted());
        for own in aws_managed() {
            assert_eq!(own.unique_id.len(), 21, "{}", own.name);
            assert!(own.has_arn("aws", &own.arn("aws")), "{}", own.name);
            assert!(!own.has_arn("aws-cn", &own.arn("aws")), "{}", own.name);
        }
    }
}
