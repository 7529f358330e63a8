//! Organisations: accounts in units, with guardrails on every level.
//!
//! Source: Organizations User Guide, "SCP evaluation", "Resource control policies (RCPs)".

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use keystead_policy::{Level, NamedPolicy, Policy};
use keystead_types::AccountId;
use thiserror::Error;

use crate::Membership;
use crate::limits::UNIT_DEPTH_MAX;

/// The guardrails attached to the root, to a unit or to an account.
#[derive(Debug, Clone)]
pub struct Guardrails {
    /// Service control policies, compiled as such.
    pub service_control: Vec<NamedPolicy>,
    /// Resource control policies, compiled as such. `RCPFullAWSAccess` is always attached too.
    pub resource_control: Vec<NamedPolicy>,
    /// Whether `FullAWSAccess` is attached too, as it is at AWS until somebody detaches it.
    /// Without it only what a service control policy here allows is allowed; without any at all
    /// nothing is.
    pub full_access: bool,
}

impl Default for Guardrails {
    fn default() -> Self {
        Self {
            service_control: Vec::new(),
            resource_control: Vec::new(),
            full_access: true,
        }
    }
}

/// An account in an organisation.
#[derive(Debug, Clone)]
pub struct MemberAccount {
    /// The account.
    pub account: AccountId,
    /// What is attached to it.
    pub guardrails: Guardrails,
}

/// The root or a unit of an organisation.
#[derive(Debug, Clone)]
pub struct Unit {
    /// `r-ab12` for the root, `ou-ab12-11111111` for a unit.
    pub id: String,
    /// What is attached to it.
    pub guardrails: Guardrails,
    /// The accounts directly in it.
    pub accounts: Vec<MemberAccount>,
    /// The units directly in it.
    pub units: Vec<Unit>,
}

/// An organisation.
#[derive(Debug, Clone)]
pub struct Organization {
    /// `o-a1b2c3d4e5`
    pub id: String,
    /// Its management account, which guardrails do not touch. It stands in the tree like others.
    pub management_account: AccountId,
    /// The tree.
    pub root: Unit,
}

/// Why organisations are refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OrganizationError {
    /// An account stands in two places.
    #[error("account {0} stands in two places of the organisations")]
    Twice(AccountId),
    /// The management account does not stand in the tree.
    #[error("the management account {1} of organisation {0} is not in its tree")]
    NoManagement(String, AccountId),
    /// Two organisations or units have the same id.
    #[error("two organisations or units have the id {0}")]
    Id(String),
    /// Units are nested too deeply.
    #[error("the units of organisation {0} are nested deeper than {UNIT_DEPTH_MAX}")]
    Deep(String),
}

/// What organisations say about each account.
#[derive(Debug, Clone, Default)]
pub struct Organizations {
    members: HashMap<AccountId, Membership>,
}

/// What the levels above say.
#[derive(Clone, Default)]
struct Above {
    path: String,
    service_control: Vec<Level>,
    resource_control: Vec<Level>,
    depth: usize,
}

struct Builder<'a> {
    organization: &'a Organization,
    id: Arc<str>,
    full_service: &'a NamedPolicy,
    full_resource: &'a NamedPolicy,
    members: &'a mut HashMap<AccountId, Membership>,
    ids: &'a mut HashSet<String>,
}

impl Organizations {
    /// Works out what is said about each account.
    pub fn new(organizations: &[Organization]) -> Result<Self, OrganizationError> {
        let allow_all = Arc::new(Policy::allow_all());
        let full = |name: &str| NamedPolicy {
            name: name.into(),
            policy: allow_all.clone(),
        };
        let full_service =
            full("arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess");
        let full_resource =
            full("arn:aws:organizations::aws:policy/resource_control_policy/p-RCPFullAWSAccess");
        let (mut members, mut ids) = (HashMap::new(), HashSet::new());
        for organization in organizations {
            if !ids.insert(organization.id.clone()) {
                return Err(OrganizationError::Id(organization.id.clone()));
            }
            let mut builder = Builder {
                organization,
                id: organization.id.as_str().into(),
                full_service: &full_service,
                full_resource: &full_resource,
                members: &mut members,
                ids: &mut ids,
            };
            let above = Above {
                path: format!("{}/", organization.id),
                ..Above::default()
            };
            builder.unit(&organization.root, &above)?;
            let management = organization.management_account;
            let own = members
                .get(&management)
                .and_then(|own| own.organization.as_deref());
            if own != Some(organization.id.as_str()) {
                let id = organization.id.clone();
                return Err(OrganizationError::NoManagement(id, management));
            }
        }
        Ok(Self { members })
    }

    /// What is said about an account; nothing about one outside of every organisation.
    pub fn membership(&self, account: AccountId) -> Membership {
        self.members.get(&account).cloned().unwrap_or_default()
    }
}

impl Builder<'_> {
    fn unit(&mut self, unit: &Unit, above: &Above) -> Result<(), OrganizationError> {
        if above.depth > UNIT_DEPTH_MAX {
            return Err(OrganizationError::Deep(self.organization.id.clone()));
        }
        if !self.ids.insert(unit.id.clone()) {
            return Err(OrganizationError::Id(unit.id.clone()));
        }
        let mut here = self.below(above, &unit.guardrails);
        here.path = format!("{}{}/", above.path, unit.id);
        here.depth = above.depth + 1;
        for MemberAccount {
            account,
            guardrails,
        } in &unit.accounts
        {
            let own = self.below(&here, guardrails);
            let managed = *account != self.organization.management_account;
            let levels = |levels: Vec<Level>| match managed {
                true => levels.into(),
                false => Arc::default(),
            };
            let membership = Membership {
                organization: Some(self.id.clone()),
                path: Some(here.path.as_str().into()),
                service_control: levels(own.service_control),
                resource_control: levels(own.resource_control),
            };
            if self.members.insert(*account, membership).is_some() {
                return Err(OrganizationError::Twice(*account));
            }
        }
        unit.units
            .iter()
            .try_for_each(|unit| self.unit(unit, &here))
    }

    /// A level that allows everything and denies nothing is left out: it takes no part.
    fn below(&self, above: &Above, guardrails: &Guardrails) -> Above {
        let mut below = above.clone();
        let Guardrails {
            service_control,
            resource_control,
            full_access,
        } = guardrails;
        if !service_control.is_empty() || !full_access {
            let full = full_access.then_some(self.full_service);
            let all = full.into_iter().chain(service_control).cloned();
            below.service_control.push(all.collect());
        }
        if !resource_control.is_empty() {
            let all = [self.full_resource].into_iter().chain(resource_control);
            below.resource_control.push(all.cloned().collect());
        }
        below
    }
}

#[cfg(test)]
mod tests;
