//! Stored records that cannot be read, and what becomes of those that they concern.
//!
//! Nothing that could hold a Deny is skipped: a user whose group is damaged, and whoever a damaged
//! managed policy is attached to, may do nothing. A damaged user, role or provider is not there, so
//! its credentials are refused. An access key whose secret does not open is refused alone.

use std::collections::BTreeMap;
use std::fmt;

use keystead_store::{IdentityKind, IdentityPlace};
use keystead_types::AccessKeyId;

/// What a directory could not read of its store. Empty when all is well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// Records, by where they stand, with what is wrong; none of them is ever overwritten but an
    /// account's, which holds nothing but its alias.
    pub(crate) records: BTreeMap<Option<IdentityPlace>, String>,
    /// Access keys of users, with what is wrong.
    pub(crate) keys: BTreeMap<AccessKeyId, String>,
}

impl Damage {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.keys.is_empty()
    }

    /// One line for the operator about each record and access key.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let records = self.records.iter();
        let records = records.map(|(place, why)| format!("{}: {why}", Shown(place.as_ref())));
        let keys = self.keys.iter();
        records.chain(keys.map(|(id, why)| format!("access key {id}, which is refused: {why}")))
    }

    /// Whether a change may not touch that place.
    pub(crate) fn forbids(&self, place: &IdentityPlace) -> bool {
        place.kind() != IdentityKind::Account && self.records.contains_key(&Some(place.clone()))
    }

    /// What stands at a place, in words.
    pub(crate) fn shown(place: &IdentityPlace) -> String {
        Shown(Some(place)).to_string()
    }

    /// Tells the operator what was not known before.
    pub(crate) fn log_beside(&self, before: &Self) {
        for (place, why) in &self.records {
            if !before.records.contains_key(place) {
                let what = Shown(place.as_ref());
                tracing::error!(%what, why, "a stored record is damaged and left out: {}", consequence(place.as_ref()));
            }
        }
        for (access_key_id, why) in &self.keys {
            if !before.keys.contains_key(access_key_id) {
                tracing::error!(%access_key_id, why, "an access key is damaged: it alone is refused");
            }
        }
    }
}

struct Shown<'a>(Option<&'a IdentityPlace>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(place) = self.0 else {
            return f.write_str("a record whose own key is damaged");
        };
        let kind = match place.kind() {
            IdentityKind::Account => return write!(f, "account {}", place.account()),
            IdentityKind::User => "user",
            IdentityKind::Group => "group",
            IdentityKind::Role => "role",
            IdentityKind::Policy => "policy",
            IdentityKind::Provider => "OIDC provider",
        };
        write!(f, "{kind} {} of account {}", place.name(), place.account())
    }
}

fn consequence(place: Option<&IdentityPlace>) -> &'static str {
    match place.map(IdentityPlace::kind) {
        Some(IdentityKind::Account) => "the account's alias is not known",
        Some(IdentityKind::User) => "its access keys and sessions are refused",
        Some(IdentityKind::Group) => "its members may do nothing",
        Some(IdentityKind::Role) => "nobody can assume it, and its sessions are refused",
        Some(IdentityKind::Policy) => "whoever it is attached to may do nothing",
        Some(IdentityKind::Provider) => "its tokens are refused",
        None => "whatever it was is not there",
    }
}
