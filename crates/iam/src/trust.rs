//! Trust policies: who may assume a role.

use keystead_policy::{NamedPrincipal, PolicyKind, with_unique_ids};
use keystead_types::{AccountId, Fault, FaultKind};

use crate::documents;
use crate::limits::TRUST_POLICY_CHARS;
use crate::refusals;
use crate::scene::Scene;

/// A trust policy as it is stored.
pub(crate) struct Trusted {
    /// The document as it was sent, but with the ARN of its root user for an account that is named
    /// by its number alone.
    ///
    /// Source: IAM User Guide, "AWS JSON policy elements: Principal", account principals: what is
    /// saved with the shortened form may be shown with the ARN, and means the same.
    pub(crate) document: String,
    /// The unique ids of the users and roles in it: ARN and id.
    pub(crate) bound: Vec<(String, String)>,
}

/// Checks a trust policy and binds the users and roles that it names to their unique ids. A
/// namesake that is made later is not trusted.
///
/// Errors: MalformedPolicyDocument, also for a user or role that does not exist; LimitExceeded.
pub(crate) fn checked(scene: &Scene<'_>, document: &str) -> Result<Trusted, Fault> {
    let policy = documents::compile(PolicyKind::Trust, document)?;
    if documents::counted_chars(document) > TRUST_POLICY_CHARS {
        return Err(refusals::quota("ACLSizePerRole", TRUST_POLICY_CHARS));
    }
    let foreign = policy.require_partition(scene.partition);
    foreign.map_err(|error| Fault::new(FaultKind::MalformedPolicyDocument, error.to_string()))?;
    let mut bound: Vec<(String, String)> = Vec::new();
    let mut numbers: Vec<(String, String)> = Vec::new();
    for (_, entry) in policy.named_principals() {
        match resolved(scene, entry) {
            Resolved::Always => {}
            Resolved::Number(account) => {
                let partition = scene.partition;
                let root = format!("arn:{partition}:iam::{account}:root");
                numbers.push((account.to_string(), root));
            }
            Resolved::Bound(arn, id) => {
                if !bound.iter().any(|(known, _)| *known == arn) {
                    bound.push((arn, id));
                }
            }
            Resolved::Missing(arn) => {
                return Err(Fault::new(
                    FaultKind::MalformedPolicyDocument,
                    format!("Invalid principal in policy: \"AWS\":\"{arn}\""),
                ));
            }
        }
    }
    let document = match numbers.is_empty() {
        true => document.to_owned(),
        false => with_unique_ids(document, &numbers.iter().collect::<Vec<_>>()),
    };
    Ok(Trusted { document, bound })
}

/// What an entry of a Principal element names.
enum Resolved {
    /// Something that needs no looking up: an account, a service, a provider, everyone.
    Always,
    /// An account, by its number alone.
    Number(AccountId),
    /// A user or role: its ARN and unique id.
    Bound(String, String),
    /// A user or role that does not exist.
    Missing(String),
}

fn resolved(scene: &Scene<'_>, entry: &NamedPrincipal) -> Resolved {
    let partition = scene.partition;
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let (arn, id) = match entry {
        NamedPrincipal::User { account, name, .. } => {
            let user = scene.world.account(*account).user(&last(name));
            let user = user.filter(|user| *user.path_name == **name);
            (
                format!("arn:{partition}:iam::{account}:user/{name}"),
                user.map(|user| user.record.unique_id.clone()),
            )
        }
        NamedPrincipal::Role { account, name, .. } => {
            let role = scene.world.account(*account).role(&last(name));
            let role = role.filter(|role| *role.path_name == **name);
            (
                format!("arn:{partition}:iam::{account}:role/{name}"),
                role.map(|role| role.record.unique_id.clone()),
            )
        }
        NamedPrincipal::Account {
            partition: None,
            account,
        } => return Resolved::Number(*account),
        // The role has to be there; its sessions are named by name, as at AWS.
        NamedPrincipal::RoleSession {
            account,
            role,
            session,
            ..
        } => {
            if scene.world.account(*account).role(role).is_some() {
                return Resolved::Always;
            }
            let arn = format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}");
            return Resolved::Missing(arn);
        }
        _ => return Resolved::Always,
    };
    match id {
        Some(id) => Resolved::Bound(arn, id),
        None => Resolved::Missing(arn),
    }
}
