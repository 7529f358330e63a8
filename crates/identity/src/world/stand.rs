//! What users and roles may do, put together of their own policies, their groups' and the managed
//! ones.

use std::sync::Arc;

use keystead_policy::{NamedPolicy, Policy};
use keystead_store::IdentityKind;
use keystead_store::records::PolicySet;
use keystead_types::AccountId;

use super::World;
use super::edit::Ripple;
use super::held::{HeldRole, HeldUser};
use crate::Standing;

impl World {
    /// Works out what a changed record says about standings.
    pub(super) fn stand(
        &mut self,
        account: AccountId,
        name: &str,
        kind: IdentityKind,
        ripple: Ripple,
    ) {
        match ripple {
            Ripple::Later => {}
            Ripple::Account => self.restand(account),
            Ripple::Own => self.stand_one(account, name, kind),
        }
    }

    /// Works out the standings of all users and roles of an account.
    pub(super) fn restand(&mut self, account: AccountId) {
        let held = self.account(account);
        let users = held.users.keys().map(|name| (IdentityKind::User, name));
        let roles = held.roles.keys().map(|name| (IdentityKind::Role, name));
        let all: Vec<_> = users
            .chain(roles)
            .map(|(kind, name)| (kind, name.clone()))
            .collect();
        for (kind, name) in all {
            self.stand_one(account, &name, kind);
        }
    }

    fn stand_one(&mut self, account: AccountId, name: &str, kind: IdentityKind) {
        let held = self.account(account);
        match kind {
            IdentityKind::User => {
                let Some(standing) = held.users.get(name).map(|user| self.standing_of_user(user))
                else {
                    return;
                };
                if let Some(user) = self.edit(account).users.get_mut(name) {
                    Arc::make_mut(user).standing = Arc::new(standing);
                }
            }
            IdentityKind::Role => {
                let Some(standing) = held.roles.get(name).map(|role| self.standing_of_role(role))
                else {
                    return;
                };
                if let Some(role) = self.edit(account).roles.get_mut(name) {
                    Arc::make_mut(role).standing = Arc::new(standing);
                }
            }
            _ => {}
        }
    }

    fn standing_of_user(&self, user: &HeldUser) -> Standing {
        let mut policies = user.inline.to_vec();
        self.add_attached(&user.record.policies, &mut policies);
        let account = self.account(user.record.account);
        for name in &user.record.groups {
            let Some(group) = account.group(name) else {
                // A group with members is never deleted. What is not there is damaged in the
                // store, and may have denied something.
                policies.push(self.missing_group(user.record.account, name));
                continue;
            };
            policies.extend(group.inline.iter().cloned());
            self.add_attached(&group.record.policies, &mut policies);
        }
        Standing {
            policies: policies.into(),
            boundary: self.boundary(user.record.boundary.as_deref()),
            tags: tags(&user.record.tags),
        }
    }

    fn standing_of_role(&self, role: &HeldRole) -> Standing {
        let mut policies = role.inline.to_vec();
        self.add_attached(&role.record.policies, &mut policies);
        Standing {
            policies: policies.into(),
            boundary: self.boundary(role.record.boundary.as_deref()),
            tags: tags(&role.record.tags),
        }
    }

    /// A policy cannot be deleted while it is attached. Should one be gone all the same, what it
    /// denied would be allowed: then everything is denied.
    fn add_attached(&self, set: &PolicySet, to: &mut Vec<NamedPolicy>) {
        let found = set.attached.iter().map(|arn| self.managed_or_deny(arn));
        to.extend(found);
    }

    fn missing_group(&self, account: AccountId, name: &str) -> NamedPolicy {
        let partition = self.partition;
        NamedPolicy {
            name: format!("arn:{partition}:iam::{account}:group/{name}").into(),
            policy: self.deny_all.clone(),
        }
    }

    /// A policy that denies everything.
    pub(crate) fn deny_all(&self) -> Arc<Policy> {
        self.deny_all.clone()
    }

    /// The managed policy with an ARN; one that is gone denies everything.
    pub(crate) fn managed_or_deny(&self, arn: &str) -> NamedPolicy {
        let gone = || NamedPolicy {
            name: arn.into(),
            policy: self.deny_all.clone(),
        };
        self.managed_policy(arn).unwrap_or_else(gone)
    }

    /// A managed policy as sessions are limited to it: a customer's with its unique id behind a
    /// blank, which no ARN has.
    pub(crate) fn bound(&self, policy: &str) -> String {
        match self.customer_policy(policy) {
            Some(held) => format!("{policy} {}", held.record.unique_id),
            None => policy.to_owned(),
        }
    }

    /// The policy of [`Self::bound`]; one that is gone, or whose ARN is another's now, denies
    /// everything.
    pub(crate) fn limiting(&self, bound: &str) -> NamedPolicy {
        let arn = arn_in(bound);
        let same = bound == arn || self.bound(arn) == bound;
        match same {
            true => self.managed_or_deny(arn),
            false => NamedPolicy {
                name: arn.into(),
                policy: self.deny_all.clone(),
            },
        }
    }

    fn boundary(&self, arn: Option<&str>) -> Option<NamedPolicy> {
        arn.map(|arn| self.managed_or_deny(arn))
    }
}

/// The ARN in [`World::bound`].
pub(crate) fn arn_in(bound: &str) -> &str {
    bound.split_once(' ').map_or(bound, |(arn, _)| arn)
}

fn tags(of: &[(String, String)]) -> Arc<[(Box<str>, Box<str>)]> {
    let pairs = of.iter();
    pairs
        .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect()
}
