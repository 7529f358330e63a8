//! Key policies as they are stored: checked, and bound to the users and roles that they name.

use keystead_identity::{Identities, Named};
use keystead_policy::{NamedPrincipal, Policy, PolicyError, PolicyKind, with_unique_ids};
use keystead_store::records::KeyRecord;
use keystead_types::{Fault, FaultKind, KeyArn, Principal, partition_of};

use super::Ready;
use super::key::Lockout;
use crate::authorize;
use crate::lookup::Stage;
use crate::target::{AnyUse, OneKey};

/// Users and roles of a policy and the unique ids that they had when it was stored.
pub(super) type Bound = Vec<(String, String)>;

impl Ready<'_, OneKey<AnyUse>> {
    /// Mints the replacement of the key's policy.
    ///
    /// Errors: those of the document; MalformedPolicyDocumentException when the caller would be
    /// locked out, or a user or role in it does not exist.
    pub fn put_policy(&mut self, policy: &str, lockout: Lockout) -> Result<(), Fault> {
        let held = self.held.clone();
        let bound = checked(&self.stage, policy, (held.record(), held.arn()), lockout)?;
        self.update(|key| {
            key.policy = policy.to_owned();
            key.bound = bound;
        });
        Ok(())
    }

    /// The key's policy as it was stored, but that users and roles which are gone show as their
    /// unique ids. Source: IAM User Guide, "AWS JSON policy elements: Principal".
    pub fn shown_policy(&self) -> String {
        let key = self.held.record();
        let identities = self.stage.site.identities();
        let gone = key
            .bound
            .iter()
            .filter(|(_, id)| identities.holder(id).is_none());
        let gone: Vec<_> = gone.collect();
        match gone.is_empty() {
            true => key.policy.clone(),
            false => with_unique_ids(&key.policy, &gone),
        }
    }
}

/// Compiles a key policy for a key of the caller's account, as `record` says of it, and binds it to
/// the users and roles that it names.
///
/// Errors: MalformedPolicyDocumentException, LimitExceededException, InvalidArnException as the
/// document deserves; MalformedPolicyDocumentException when the caller would be locked out.
pub(super) fn checked(
    stage: &Stage<'_>,
    policy: &str,
    (record, arn): (&KeyRecord, &KeyArn),
    lockout: Lockout,
) -> Result<Bound, Fault> {
    let most = stage.site.quotas().key_policy_bytes;
    if policy.len() > most {
        return Err(Fault::new(
            FaultKind::LimitExceeded,
            format!("The key policy is larger than {most} bytes."),
        ));
    }
    let refused = |error: PolicyError| error.fault();
    let partition = partition_of(&arn.region);
    let compiled = Policy::compile(PolicyKind::Key, policy).map_err(refused)?;
    compiled.require_partition(partition).map_err(refused)?;
    let bound = bound(stage.site.identities(), &compiled)?;
    let compiled = Policy::compile_bound(PolicyKind::Key, policy, &bound).map_err(refused)?;
    let safe = authorize::can_replace_policy(stage, &compiled, record, arn);
    if safe || lockout == Lockout::Bypass {
        return Ok(bound);
    }
    Err(Fault::new(
        FaultKind::MalformedPolicyDocument,
        "The new key policy will not allow you to update the key policy in the future.",
    ))
}

/// The unique ids of the users and roles that a policy names.
///
/// Errors: MalformedPolicyDocumentException for one that does not exist.
fn bound(identities: &dyn Identities, policy: &Policy) -> Result<Bound, Fault> {
    let mut bound = Bound::new();
    for (_, named) in policy.named_principals() {
        let Some((principal, arn)) = principal(named) else {
            continue;
        };
        match identities.find(&principal) {
            Named::Unknown => return Err(nobody()),
            Named::Exists(None) => {}
            Named::Exists(Some(id)) => {
                let Some(arn) = arn.filter(|arn| bound.iter().all(|(known, _)| known != arn))
                else {
                    continue;
                };
                bound.push((arn, id.to_string()));
            }
        }
    }
    Ok(bound)
}

/// The identity that an entry of a policy names, with the ARN to be bound if it is a user or a
/// role. None for whom nobody has to look up.
fn principal(named: &NamedPrincipal) -> Option<(Principal, Option<String>)> {
    let (principal, arn) = match named {
        NamedPrincipal::User {
            partition,
            account,
            name,
            ..
        } => {
            let arn = format!("arn:{partition}:iam::{account}:user/{name}");
            let (account, name) = (*account, (**name).into());
            (Principal::User { account, name }, Some(arn))
        }
        NamedPrincipal::Role {
            partition,
            account,
            name,
            ..
        } => {
            let arn = format!("arn:{partition}:iam::{account}:role/{name}");
            (session(*account, name, ""), Some(arn))
        }
        NamedPrincipal::RoleSession {
            account,
            role,
            session: name,
            ..
        } => (session(*account, role, name), None),
        NamedPrincipal::FederatedUser { account, name, .. } => {
            let (account, name) = (*account, (**name).into());
            (Principal::FederatedUser { account, name }, None)
        }
        NamedPrincipal::Everyone
        | NamedPrincipal::Account { .. }
        | NamedPrincipal::Service { .. }
        | NamedPrincipal::Federated { .. }
        | NamedPrincipal::NoCaller => return None,
    };
    Some((principal, arn))
}

/// A role, as a session of it.
fn session(account: keystead_types::AccountId, role: &str, session: &str) -> Principal {
    Principal::RoleSession {
        account,
        role: role.into(),
        session: session.into(),
    }
}

fn nobody() -> Fault {
    Fault::new(
        FaultKind::MalformedPolicyDocument,
        "Policy contains a statement with one or more invalid principals.",
    )
}
