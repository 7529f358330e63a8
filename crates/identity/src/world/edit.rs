//! How a record comes into a world, and what else changes with it.

use std::sync::Arc;

use keystead_store::records::IdentityRecord;
use keystead_store::{IdentityKind, IdentityPlace};
use keystead_types::AccountId;

use super::read::{Damaged, Reader};
use super::{Account, BadDocument, World};

/// What a change of a record makes anew beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ripple {
    /// The standing of the entity alone.
    Own,
    /// The standings of all users and roles of the account.
    Account,
    /// Nothing now: a world that is being loaded settles all accounts at its end.
    Later,
}

impl World {
    /// Puts a record in the place of the one with its name.
    ///
    /// Errors: a document of it does not compile; nothing has changed then.
    pub(crate) fn put(&mut self, record: IdentityRecord) -> Result<(), BadDocument> {
        let ripple = match record {
            IdentityRecord::Group(_) | IdentityRecord::Policy(_) => Ripple::Account,
            _ => Ripple::Own,
        };
        self.put_with(record, ripple)
    }

    /// As [`put`](Self::put), while a world is loaded; [`settle`](Self::settle) ends it. A stored
    /// document that this version does not understand denies everything.
    pub(crate) fn load(&mut self, record: IdentityRecord) -> Result<(), BadDocument> {
        self.put_with(record, Ripple::Later)
    }

    /// Takes the place of another world: what was compiled with its policies is out of date.
    pub(crate) fn follow(&mut self, before: &Self) {
        self.policy_epoch = before.policy_epoch + 1;
    }

    /// Works out all standings.
    pub(crate) fn settle(&mut self) {
        let accounts: Vec<AccountId> = self.accounts.keys().copied().collect();
        accounts
            .into_iter()
            .for_each(|account| self.restand(account));
    }

    fn put_with(&mut self, record: IdentityRecord, ripple: Ripple) -> Result<(), BadDocument> {
        let place = record.place();
        let reader = Reader {
            world: self,
            damaged: match ripple {
                Ripple::Later => Damaged::Denies,
                _ => Damaged::Refused,
            },
        };
        let (account, name) = (place.account(), place.name());
        match record {
            IdentityRecord::Account(record) => {
                self.forget_alias(account);
                if let Some(alias) = &record.alias {
                    self.aliases.insert(alias.clone(), account);
                }
                self.edit(account).record = Some(record);
            }
            IdentityRecord::User(record) => {
                let held = reader.user(record)?;
                self.bind(account, &place, &held.record.unique_id);
                self.edit(account).users.insert(name.into(), Arc::new(held));
                self.stand(account, name, IdentityKind::User, ripple);
            }
            IdentityRecord::Role(record) => {
                let held = reader.role(record)?;
                self.bind(account, &place, &held.record.unique_id);
                self.edit(account).roles.insert(name.into(), Arc::new(held));
                self.stand(account, name, IdentityKind::Role, ripple);
            }
            IdentityRecord::Group(record) => {
                let held = reader.group(record)?;
                self.edit(account)
                    .groups
                    .insert(name.into(), Arc::new(held));
                self.stand(account, name, IdentityKind::Group, ripple);
            }
            IdentityRecord::Policy(record) => {
                let held = reader.policy(record)?;
                self.policy_epoch += 1;
                self.edit(account)
                    .policies
                    .insert(name.into(), Arc::new(held));
                self.stand(account, name, IdentityKind::Policy, ripple);
            }
            IdentityRecord::Provider(record) => {
                let held = reader.provider(record);
                self.edit(account)
                    .providers
                    .insert(name.into(), Arc::new(held));
            }
        }
        Ok(())
    }

    /// Takes a record out.
    pub(crate) fn remove(&mut self, place: &IdentityPlace) {
        let (account, name) = (place.account(), place.name());
        match place.kind() {
            IdentityKind::Account => {
                self.forget_alias(account);
                self.edit(account).record = None;
            }
            IdentityKind::User => {
                if let Some(gone) = self.edit(account).users.remove(name) {
                    self.unbind(&gone.record.unique_id, place);
                }
            }
            IdentityKind::Role => {
                if let Some(gone) = self.edit(account).roles.remove(name) {
                    self.unbind(&gone.record.unique_id, place);
                }
            }
            IdentityKind::Group => {
                self.edit(account).groups.remove(name);
                self.restand(account);
            }
            IdentityKind::Policy => {
                self.edit(account).policies.remove(name);
                self.policy_epoch += 1;
                self.restand(account);
            }
            IdentityKind::Provider => {
                self.edit(account).providers.remove(name);
            }
        }
        if self.account(account).is_empty() {
            self.accounts.remove(&account);
        }
    }

    pub(super) fn edit(&mut self, account: AccountId) -> &mut Account {
        Arc::make_mut(self.accounts.entry(account).or_default())
    }

    fn forget_alias(&mut self, account: AccountId) {
        let old = self.account(account).record.as_ref();
        if let Some(alias) = old.and_then(|record| record.alias.clone()) {
            self.aliases.remove(&alias);
        }
    }

    /// Notes whose a unique id is. A name that had another one before has lost it.
    fn bind(&mut self, account: AccountId, place: &IdentityPlace, unique_id: &str) {
        let held = self.account(account);
        let before = match place.kind() {
            IdentityKind::User => held
                .users
                .get(place.name())
                .map(|held| &held.record.unique_id),
            _ => held
                .roles
                .get(place.name())
                .map(|held| &held.record.unique_id),
        };
        let before = before.filter(|before| *before != unique_id).cloned();
        let holders = Arc::make_mut(&mut self.holders);
        if let Some(before) = before {
            holders.remove(before.as_str());
        }
        holders.insert(unique_id.into(), place.clone());
    }

    /// Who was given another name first keeps its unique id.
    fn unbind(&mut self, unique_id: &str, place: &IdentityPlace) {
        if self.holders.get(unique_id) == Some(place) {
            Arc::make_mut(&mut self.holders).remove(unique_id);
        }
    }
}
