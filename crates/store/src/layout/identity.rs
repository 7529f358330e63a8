//! Where accounts and their identities stand.

use keystead_types::AccountId;

use super::{ACCOUNT_BYTES, Space, key, parse_account, prefix, starting_after, strip};
use crate::Range;

/// The kinds of records about identities. The order is the order of their entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdentityKind {
    /// Accounts.
    Account,
    /// Users.
    User,
    /// Groups.
    Group,
    /// Roles.
    Role,
    /// Managed policies.
    Policy,
    /// OIDC providers.
    Provider,
}

impl IdentityKind {
    /// Every value.
    pub const ALL: &'static [Self] = &[
        Self::Account,
        Self::User,
        Self::Group,
        Self::Role,
        Self::Policy,
        Self::Provider,
    ];

    /// Stored number, stable.
    fn code(self) -> u8 {
        match self {
            Self::Account => 1,
            Self::User => 2,
            Self::Group => 3,
            Self::Role => 4,
            Self::Policy => 5,
            Self::Provider => 6,
        }
    }
}

/// Which record about an identity: its kind, its account, its name. The order is the order of
/// its entries.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityPlace {
    kind: IdentityKind,
    account: AccountId,
    name: String,
}

impl IdentityPlace {
    /// The place of a name, which counts without ASCII case: a user's, group's, role's or
    /// policy's name without path, a provider's URL without scheme, nothing for an account.
    pub fn new(kind: IdentityKind, account: AccountId, name: &str) -> Self {
        Self {
            kind,
            account,
            name: name.to_ascii_lowercase(),
        }
    }

    /// The kind.
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Key of a record about an identity.
pub fn identity(place: &IdentityPlace) -> Vec<u8> {
    let (account, name) = (place.account.as_str(), place.name.as_bytes());
    let parts: [&[u8]; 3] = [&[place.kind.code()], account.as_bytes(), name];
    key(Space::Identity, &parts)
}

/// All records about identities, after one of them if given.
pub fn identities_all(after: Option<&IdentityPlace>) -> Range {
    starting_after(prefix(key(Space::Identity, &[])), after.map(identity))
}

/// The place in the key of a record about an identity.
pub fn parse_identity(bytes: &[u8]) -> Option<IdentityPlace> {
    let rest = strip(Space::Identity, bytes)?;
    let (code, rest) = rest.split_first()?;
    let (account, name) = rest.split_at_checked(ACCOUNT_BYTES)?;
    let mut kinds = IdentityKind::ALL.iter().copied();
    let name = std::str::from_utf8(name).ok()?;
    let place = IdentityPlace::new(
        kinds.find(|kind| kind.code() == *code)?,
        parse_account(account)?,
        name,
    );
    (place.name == name).then_some(place)
}

/// Key of the record of the last use of an access key or a role, named by its id.
pub fn last_use(id: &str) -> Vec<u8> {
    key(Space::LastUse, &[id.as_bytes()])
}

/// All records of last uses of access keys and roles, after one of them if given.
pub fn last_uses_all(after: Option<&str>) -> Range {
    starting_after(prefix(key(Space::LastUse, &[])), after.map(last_use))
}

/// The id in the key of a record of a last use.
pub fn parse_last_use(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(strip(Space::LastUse, bytes)?).ok()
}
