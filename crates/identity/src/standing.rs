//! What the account of an identity says about it at this moment, compiled.

use std::sync::Arc;

use keystead_policy::{Level, NamedPolicy};
use keystead_types::{AccountId, Principal};

use crate::Bearer;

/// The policies and facts of a user or a role. Made when something of it changes, not for each
/// request.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Its identity policies: its own, managed and inline, and those of its groups.
    pub policies: Arc<[NamedPolicy]>,
    /// Its permissions boundary.
    pub boundary: Option<NamedPolicy>,
    /// Its own tags: keys (unique without case) and values. Session tags come on top of them.
    pub tags: Arc<[(Box<str>, Box<str>)]>,
}

/// What an organisation says about an account.
#[derive(Debug, Clone, Default)]
pub struct Membership {
    /// The organisation's id, `o-…`; `None` for an account outside of every organisation.
    pub organization: Option<Arc<str>>,
    /// The account's path in it: `o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/`.
    pub path: Option<Arc<str>>,
    /// Service control policies for callers of the account, from the root down. Empty for the
    /// management account.
    pub service_control: Arc<[Level]>,
    /// Resource control policies for resources of the account, from the root down.
    pub resource_control: Arc<[Level]>,
}

/// What a policy, a grant or a trust policy may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// It exists. Users and roles have a unique id, to which the name is bound.
    Exists(Option<Arc<str>>),
    /// It does not exist.
    Unknown,
}

/// The accounts and identities of the deployment, as decisions need them. Every method sees all
/// changes whose calls had returned before it was called, and neither blocks nor does I/O.
pub trait Identities: Send + Sync {
    /// What an identity may do by its account's policies. `None` when the user or role behind a
    /// credential is gone, or is another one of the same name: it may nothing.
    ///
    /// Root users and services have a standing without policies.
    fn standing(&self, bearer: &Bearer) -> Option<Arc<Standing>>;

    /// The organisation's word on an account.
    fn membership(&self, account: AccountId) -> Membership;

    /// Whether a principal that somebody names exists. Accounts and services always do; a session
    /// of a role and a federated user do if their role and account do.
    fn find(&self, principal: &Principal) -> Named;

    /// The ARN without partition prefix of the user or role with a unique id:
    /// `(account, "user/team/alice")`. `None` when it is gone.
    fn holder(&self, unique_id: &str) -> Option<(AccountId, Arc<str>)>;

    /// Seals the explanation of a denial for a caller of `account`; readers of that account get
    /// it back from DecodeAuthorizationMessage. `None` when it is too large, or nothing can be sealed here.
    fn seal_message(&self, account: AccountId, explanation: &[u8]) -> Option<String>;
}

/// A deployment whose only identities are root users and services.
#[derive(Debug, Clone, Copy, Default)]
pub struct RootsOnly;

impl Identities for RootsOnly {
    fn standing(&self, bearer: &Bearer) -> Option<Arc<Standing>> {
        match bearer.caller.principal {
            Principal::Root { .. } | Principal::Service { .. } => Some(Arc::default()),
            _ => None,
        }
    }

    fn membership(&self, _: AccountId) -> Membership {
        Membership::default()
    }

    fn find(&self, principal: &Principal) -> Named {
        match principal {
            Principal::Root { .. } | Principal::Service { .. } => Named::Exists(None),
            _ => Named::Unknown,
        }
    }

    fn holder(&self, _: &str) -> Option<(AccountId, Arc<str>)> {
        None
    }

    fn seal_message(&self, _: AccountId, _: &[u8]) -> Option<String> {
        None
    }
}
