//! Managed policies, a customer's and AWS's alike.

use std::sync::Arc;

use keystead_identity::{AwsManaged, HeldPolicy, aws_managed};
use keystead_types::Fault;

use crate::scene::Scene;

/// A managed policy that is there.
#[derive(Clone)]
pub(crate) enum Managed {
    /// Of the caller's account.
    Own(Arc<HeldPolicy>),
    /// Of AWS, with its ARN in this partition.
    Aws(&'static AwsManaged, String),
}

impl Managed {
    pub(crate) fn arn(&self) -> &str {
        match self {
            Self::Own(held) => &held.arn,
            Self::Aws(_, arn) => arn,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Own(held) => &held.record.name,
            Self::Aws(policy, _) => policy.name,
        }
    }

    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Own(held) => &held.record.path,
            Self::Aws(policy, _) => policy.path,
        }
    }
}

/// The managed policy of an ARN.
///
/// Errors: InvalidInput for what is no ARN of a policy; NoSuchEntity for another account's.
pub(crate) fn find(scene: &Scene<'_>, arn: &str) -> Result<Option<Managed>, Fault> {
    Ok(match scene.policy_name(arn)? {
        Some(_) => scene
            .world
            .customer_policy(arn)
            .map(|held| Managed::Own(held.clone())),
        None => of_aws(scene).find(|policy| policy.arn() == arn),
    })
}

/// AWS's, as they stand in this partition.
pub(crate) fn of_aws(scene: &Scene<'_>) -> impl Iterator<Item = Managed> {
    let partition = scene.partition;
    aws_managed().map(move |policy| Managed::Aws(policy, policy.arn(partition)))
}
