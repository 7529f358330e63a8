//! Temporary credentials: what a session is granted, and the token that carries it.

mod cache;
mod token;
mod vault;

use std::sync::Arc;

use keystead_types::{AccessKeyId, AccountId, Plaintext, Principal, SessionContext, Timestamp};
use keystead_wall::Receipt;

pub(crate) use cache::{Opened, Sessions};
pub(crate) use token::Contents;
pub(crate) use vault::{FRESH_BYTES, KEY_BYTES, Purpose, Vault};

/// What a session is limited to, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionLimits {
    /// The inline session policy.
    pub inline: Option<String>,
    /// ARNs of managed session policies. Their content counts as it is at each request; when one
    /// of them is gone, the session may do nothing. In a session that has begun a customer's
    /// policy has a blank and its unique id behind the ARN: a namesake is another policy.
    pub managed: Vec<String>,
}

/// A session to begin. Whoever asks for it has decided that it may, and for how long.
#[derive(Debug, Clone)]
pub struct SessionGrant {
    /// Whose credentials they will be.
    pub principal: Principal,
    /// The account that its requests count for.
    pub account: AccountId,
    /// The unique id of the user or role; none for root users, federated users and services.
    pub unique_id: Option<Arc<str>>,
    /// Of a federated user: the unique id of the user that federates; `None` for the root user.
    pub issuer: Option<Arc<str>>,
    /// What the session says of itself, its end included.
    pub context: SessionContext,
    /// What it is limited to; `None` for no limits. Limits without any policy allow nothing by
    /// identity policies (a federated user without policies).
    pub limits: Option<SessionLimits>,
}

/// Temporary credentials, to be given to their holder.
pub struct IssuedCredentials {
    /// `ASIA…`, 20 characters.
    pub access_key_id: AccessKeyId,
    /// 40 characters.
    pub secret: Plaintext,
    /// The session token.
    pub token: String,
    /// From this moment on they are over.
    pub expiration: Timestamp,
    /// How much of the room for policies and tags the session takes, in percent.
    pub packed_percent: u32,
    /// What the HSM process counted for it, for the audit record.
    pub receipt: Receipt,
}

#[cfg(test)]
mod tests;
