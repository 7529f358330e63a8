//! Who a request is from, with what its credentials were limited to.

use std::sync::Arc;

use keystead_policy::NamedPolicy;
use keystead_types::{AccessKeyId, AccountId, Caller, Principal};

/// An authenticated identity: what a signature or a token proved. Shared by all requests of one
/// credential.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// Who, for decisions and for the audit record.
    pub caller: Caller,
    /// The policies that the session was limited to when it began; `None` when it was not
    /// limited. An empty list allows nothing by identity policies.
    pub session_policies: Option<Arc<[NamedPolicy]>>,
}

impl Bearer {
    /// The root user of an account, with a long-term access key.
    pub fn root(account: AccountId, access_key_id: AccessKeyId) -> Self {
        Self {
            caller: Caller::plain(Principal::Root { account }, account, access_key_id),
            session_policies: None,
        }
    }

    /// A registered service that acts for an account, with its own access key.
    pub fn service(name: Arc<str>, account: AccountId, access_key_id: AccessKeyId) -> Self {
        Self {
            caller: Caller::plain(Principal::Service { name }, account, access_key_id),
            session_policies: None,
        }
    }
}
