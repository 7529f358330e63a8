//! Who a request is from, with what its credentials were limited to.

use std::sync::Arc;

use keystead_policy::NamedPolicy;
use keystead_types::{AccessKeyId, AccountId, Caller, Principal};

use crate::session::SessionLimits;

/// An authenticated identity: what a signature or a token proved. Shared by all requests of one
/// credential.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// Who, for decisions and for the audit record.
    pub caller: Caller,
    /// The policies that the session was limited to when it began; `None` when it was not
    /// limited. An empty list allows nothing by identity policies.
    pub session_policies: Option<Arc<[NamedPolicy]>>,
    /// The texts behind `session_policies`, so that a forward access session can carry them on.
    pub limits: Option<Arc<SessionLimits>>,
    /// Of a federated user: the unique id of the user that federated it; `None` for the root
    /// user's.
    pub issuer: Option<Arc<str>>,
}

impl Bearer {
    /// A caller without limits of a session.
    pub fn plain(caller: Caller) -> Self {
        Self {
            caller,
            session_policies: None,
            limits: None,
            issuer: None,
        }
    }

    /// The root user of an account, with a long-term access key.
    pub fn root(account: AccountId, access_key_id: AccessKeyId) -> Self {
        let principal = Principal::Root { account };
        Self::plain(Caller::plain(principal, account, access_key_id))
    }

    /// A registered service that acts for an account, with its own access key.
    pub fn service(name: Arc<str>, account: AccountId, access_key_id: AccessKeyId) -> Self {
        let principal = Principal::Service { name };
        Self::plain(Caller::plain(principal, account, access_key_id))
    }

    /// The unique id of the user or role whose policies count: the caller's own, or of a
    /// federated user the issuer's.
    pub fn holder_id(&self) -> Option<&str> {
        match self.caller.principal {
            Principal::FederatedUser { .. } => self.issuer.as_deref(),
            _ => self.caller.unique_id.as_deref(),
        }
    }
}
