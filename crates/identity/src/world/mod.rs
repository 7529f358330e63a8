//! All accounts and identities at one moment: an immutable view, everything compiled.

mod edit;
mod held;
mod read;
mod stand;
mod stored;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use keystead_policy::{NamedPolicy, Policy, PolicyKind};
use keystead_store::records::{AccountRecord, IdentityRecord};
use keystead_store::{IdentityKind, IdentityPlace};
use keystead_types::AccountId;

use crate::Standing;
use crate::aws_managed::{DENY_ALL, aws_managed};

pub use held::{BadDocument, HeldGroup, HeldPolicy, HeldProvider, HeldRole, HeldUser};
pub(crate) use read::compile;
pub(crate) use stand::arn_in;

/// By name in lower case.
type ByName<T> = BTreeMap<Box<str>, Arc<T>>;

/// The identities of one account. One without any record is empty.
#[derive(Debug, Clone, Default)]
pub struct Account {
    record: Option<AccountRecord>,
    users: ByName<HeldUser>,
    groups: ByName<HeldGroup>,
    roles: ByName<HeldRole>,
    policies: ByName<HeldPolicy>,
    providers: ByName<HeldProvider>,
}

macro_rules! kinds {
    ($($one:ident $all:ident $held:ident $what:literal;)*) => {
        impl Account {
            $(
                #[doc = concat!("The ", $what, " of that name, in any case.")]
                pub fn $one(&self, name: &str) -> Option<&Arc<$held>> {
                    self.$all.get(name.to_ascii_lowercase().as_str())
                }

                #[doc = concat!("Every ", $what, ", in order of the names in lower case.")]
                pub fn $all(&self) -> impl DoubleEndedIterator<Item = &Arc<$held>> + ExactSizeIterator {
                    self.$all.values()
                }
            )*
        }
    };
}

kinds! {
    user users HeldUser "user";
    group groups HeldGroup "group";
    role roles HeldRole "role";
    policy policies HeldPolicy "customer managed policy";
    provider providers HeldProvider "OIDC provider (by its URL without scheme)";
}

impl Account {
    /// The account's own record, if anything of it was ever written.
    pub fn record(&self) -> Option<&AccountRecord> {
        self.record.as_ref()
    }

    /// The users in a group.
    pub fn members<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Arc<HeldUser>> {
        let of = move |user: &&Arc<HeldUser>| {
            let mut groups = user.record.groups.iter();
            groups.any(|name| name.eq_ignore_ascii_case(group))
        };
        self.users.values().filter(of)
    }

    /// The users, groups and roles to which a managed policy is attached, as kind and record
    /// names. Permissions boundaries do not count.
    pub fn attachments<'a>(
        &'a self,
        arn: &'a str,
    ) -> impl Iterator<Item = (IdentityKind, &'a str)> + 'a {
        let has = move |attached: &[String]| attached.iter().any(|own| own == arn);
        let users = self.users.values().map(|user| &user.record);
        let groups = self.groups.values().map(|group| &group.record);
        let roles = self.roles.values().map(|role| &role.record);
        let users = users.filter(move |user| has(&user.policies.attached));
        let groups = groups.filter(move |group| has(&group.policies.attached));
        let roles = roles.filter(move |role| has(&role.policies.attached));
        users
            .map(|user| (IdentityKind::User, user.name.as_str()))
            .chain(groups.map(|group| (IdentityKind::Group, group.name.as_str())))
            .chain(roles.map(|role| (IdentityKind::Role, role.name.as_str())))
    }

    /// The users and roles whose permissions boundary a managed policy is.
    pub fn bounded_by<'a>(
        &'a self,
        arn: &'a str,
    ) -> impl Iterator<Item = (IdentityKind, &'a str)> + 'a {
        let users = self.users.values().map(|user| &user.record);
        let roles = self.roles.values().map(|role| &role.record);
        let users = users.filter(move |user| user.boundary.as_deref() == Some(arn));
        let roles = roles.filter(move |role| role.boundary.as_deref() == Some(arn));
        users
            .map(|user| (IdentityKind::User, user.name.as_str()))
            .chain(roles.map(|role| (IdentityKind::Role, role.name.as_str())))
    }

    fn is_empty(&self) -> bool {
        self.record.is_none()
            && self.users.is_empty()
            && self.groups.is_empty()
            && self.roles.is_empty()
            && self.policies.is_empty()
            && self.providers.is_empty()
    }
}

/// The user or role behind a unique id.
#[derive(Debug, Clone)]
pub enum Holder {
    /// A user.
    User(AccountId, Arc<HeldUser>),
    /// A role.
    Role(AccountId, Arc<HeldRole>),
}

enum Seated<'w> {
    User(&'w Arc<HeldUser>),
    Role(&'w Arc<HeldRole>),
}

/// All accounts and identities at one moment. See [`Directory::world`](crate::Directory::world).
#[derive(Debug, Clone)]
pub struct World {
    partition: &'static str,
    accounts: HashMap<AccountId, Arc<Account>>,
    /// By unique id: where the user or role stands.
    holders: Arc<HashMap<Box<str>, IdentityPlace>>,
    aliases: BTreeMap<String, AccountId>,
    empty: Account,
    /// Denies everything: stands in for a policy that is gone.
    deny_all: Arc<Policy>,
    /// Grows whenever a managed policy changes.
    policy_epoch: u64,
}

impl World {
    /// A world without identities. `partition` is the first field of its ARNs: `aws`.
    ///
    /// Errors: our own policy that denies everything does not compile.
    pub(crate) fn new(partition: &'static str) -> Result<Self, BadDocument> {
        let own = || "AWSDenyAll".to_owned();
        let deny_all = compile(PolicyKind::Identity, DENY_ALL, own)?;
        Ok(Self {
            deny_all: Arc::new(deny_all),
            partition,
            accounts: HashMap::new(),
            holders: Arc::default(),
            aliases: BTreeMap::new(),
            empty: Account::default(),
            policy_epoch: 0,
        })
    }

    /// The partition of every ARN: `aws`.
    pub fn partition(&self) -> &'static str {
        self.partition
    }

    /// An account; one without any record is empty.
    pub fn account(&self, account: AccountId) -> &Account {
        let found = self.accounts.get(&account);
        found.map_or(&self.empty, Arc::as_ref)
    }

    /// The accounts that have any record, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = (AccountId, &Account)> {
        let all = self.accounts.iter();
        all.map(|(account, held)| (*account, held.as_ref()))
    }

    /// The account with an alias. Aliases are unique among accounts.
    pub fn account_by_alias(&self, alias: &str) -> Option<AccountId> {
        self.aliases.get(alias).copied()
    }

    /// The user or role with a unique id.
    pub fn holder(&self, unique_id: &str) -> Option<Holder> {
        Some(match self.seated(unique_id)? {
            Seated::User(user) => Holder::User(user.record.account, user.clone()),
            Seated::Role(role) => Holder::Role(role.record.account, role.clone()),
        })
    }

    /// What the user or role with a unique id may do.
    pub fn standing(&self, unique_id: &str) -> Option<Arc<Standing>> {
        Some(match self.seated(unique_id)? {
            Seated::User(user) => user.standing.clone(),
            Seated::Role(role) => role.standing.clone(),
        })
    }

    /// Path and name of the user or role with a unique id.
    pub(crate) fn path_name(&self, unique_id: &str) -> Option<&Arc<str>> {
        Some(match self.seated(unique_id)? {
            Seated::User(user) => &user.path_name,
            Seated::Role(role) => &role.path_name,
        })
    }

    fn seated(&self, unique_id: &str) -> Option<Seated<'_>> {
        let place = self.holders.get(unique_id)?;
        let held = self.account(place.account());
        match place.kind() {
            IdentityKind::User => held.users.get(place.name()).map(Seated::User),
            IdentityKind::Role => held.roles.get(place.name()).map(Seated::Role),
            _ => None,
        }
    }

    /// Whether a user or role has that unique id.
    pub fn is_held(&self, unique_id: &str) -> bool {
        self.holders.contains_key(unique_id)
    }

    /// The managed policy with an ARN, in its default version: one of AWS's or a customer's.
    pub fn managed_policy(&self, arn: &str) -> Option<NamedPolicy> {
        if let Some(own) = self.customer_policy(arn) {
            return Some(own.policy.clone());
        }
        let aws = aws_managed().find(|policy| policy.has_arn(self.partition, arn))?;
        Some(NamedPolicy {
            name: arn.into(),
            policy: aws.policy.clone(),
        })
    }

    /// The customer managed policy with an ARN.
    pub fn customer_policy(&self, arn: &str) -> Option<&Arc<HeldPolicy>> {
        let rest = arn.strip_prefix("arn:")?.strip_prefix(self.partition)?;
        let rest = rest.strip_prefix(":iam::")?;
        let (account, rest) = rest.split_once(":policy/")?;
        let name = rest.rsplit('/').next()?;
        let account = AccountId::parse(account).ok()?;
        let found = self.account(account).policy(name)?;
        (*found.arn == *arn).then_some(found)
    }

    /// The record of a name, in any case.
    pub fn record(
        &self,
        kind: IdentityKind,
        account: AccountId,
        name: &str,
    ) -> Option<IdentityRecord> {
        let held = self.account(account);
        match kind {
            IdentityKind::Account => held.record.clone().map(IdentityRecord::Account),
            IdentityKind::User => held
                .user(name)
                .map(|held| IdentityRecord::User(held.record.clone())),
            IdentityKind::Group => held
                .group(name)
                .map(|held| IdentityRecord::Group(held.record.clone())),
            IdentityKind::Role => held
                .role(name)
                .map(|held| IdentityRecord::Role(held.record.clone())),
            IdentityKind::Policy => held
                .policy(name)
                .map(|held| IdentityRecord::Policy(held.record.clone())),
            IdentityKind::Provider => held
                .provider(name)
                .map(|held| IdentityRecord::Provider(held.record.clone())),
        }
    }

    pub(crate) fn policy_epoch(&self) -> u64 {
        self.policy_epoch
    }
}
