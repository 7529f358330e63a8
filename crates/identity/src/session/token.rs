//! What stands in a session token.

use std::sync::Arc;

use keystead_types::{AccountId, Principal, SessionContext, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{SessionGrant, SessionLimits};

/// Version 1 of the body. The order of the fields is the format.
#[derive(Serialize, Deserialize)]
pub(crate) struct Contents {
    secret: String,
    kind: u8,
    /// Path and name of the user or role, name of the federated user or service.
    name: String,
    session: String,
    principal_account: Option<String>,
    account: String,
    unique_id: Option<String>,
    issuer: Option<String>,
    issued: i64,
    expires: i64,
    mfa_at: Option<i64>,
    source_identity: Option<String>,
    federated_provider: Option<String>,
    claims: Vec<(String, String)>,
    tags: Vec<(String, String)>,
    transitive_tags: Vec<String>,
    chain_length: u32,
    via: Vec<String>,
    limits: Option<(Option<String>, Vec<String>)>,
}

impl Drop for Contents {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

const ROOT: u8 = 0;
const USER: u8 = 1;
const ROLE_SESSION: u8 = 2;
const FEDERATED_USER: u8 = 3;
const SERVICE: u8 = 4;

fn pairs(of: &[(Box<str>, Box<str>)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

fn boxed(of: &[(String, String)]) -> Vec<(Box<str>, Box<str>)> {
    let pair = |(key, value): &(String, String)| (key.as_str().into(), value.as_str().into());
    of.iter().map(pair).collect()
}

fn shared(text: Option<&str>) -> Option<Arc<str>> {
    text.map(Arc::from)
}

impl Contents {
    pub(crate) fn new(grant: &SessionGrant, secret: String) -> Self {
        let (kind, name, session) = match &grant.principal {
            Principal::Root { .. } => (ROOT, "", ""),
            Principal::User { name, .. } => (USER, &**name, ""),
            Principal::RoleSession { role, session, .. } => (ROLE_SESSION, &**role, &**session),
            Principal::FederatedUser { name, .. } => (FEDERATED_USER, &**name, ""),
            Principal::Service { name } => (SERVICE, &**name, ""),
        };
        let context = &grant.context;
        let text = |of: &Option<Arc<str>>| of.as_deref().map(str::to_owned);
        Self {
            secret,
            kind,
            name: name.to_owned(),
            session: session.to_owned(),
            principal_account: grant.principal.account().map(|account| account.to_string()),
            account: grant.account.to_string(),
            unique_id: text(&grant.unique_id),
            issuer: text(&grant.issuer),
            issued: context.issued.as_millis(),
            expires: context.expires.as_millis(),
            mfa_at: context.mfa_at.map(Timestamp::as_millis),
            source_identity: text(&context.source_identity),
            federated_provider: text(&context.federated_provider),
            claims: pairs(&context.claims),
            tags: pairs(&context.tags),
            transitive_tags: context
                .transitive_tags
                .iter()
                .map(|tag| tag.to_string())
                .collect(),
            chain_length: context.chain_length,
            via: context
                .via
                .iter()
                .map(|service| service.to_string())
                .collect(),
            limits: grant
                .limits
                .as_ref()
                .map(|limits| (limits.inline.clone(), limits.managed.clone())),
        }
    }

    /// The bytes. `None` if they cannot be written.
    pub(crate) fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        postcard::to_allocvec(self).ok().map(Zeroizing::new)
    }

    /// Reads bytes that were authenticated. Trailing bytes are refused.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (contents, rest) = postcard::take_from_bytes(bytes).ok()?;
        rest.is_empty().then_some(contents)
    }

    /// The secret access key.
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// What the session was granted.
    pub(crate) fn grant(&self) -> Option<SessionGrant> {
        let limits = self.limits.as_ref();
        Some(SessionGrant {
            principal: self.principal()?,
            account: AccountId::parse(&self.account).ok()?,
            unique_id: shared(self.unique_id.as_deref()),
            issuer: shared(self.issuer.as_deref()),
            context: SessionContext {
                issued: Timestamp::from_millis(self.issued),
                expires: Timestamp::from_millis(self.expires),
                mfa_at: self.mfa_at.map(Timestamp::from_millis),
                source_identity: shared(self.source_identity.as_deref()),
                federated_provider: shared(self.federated_provider.as_deref()),
                claims: boxed(&self.claims),
                tags: boxed(&self.tags),
                transitive_tags: self
                    .transitive_tags
                    .iter()
                    .map(|tag| tag.as_str().into())
                    .collect(),
                chain_length: self.chain_length,
                via: self
                    .via
                    .iter()
                    .map(|service| service.as_str().into())
                    .collect(),
                // The directory knows what the user is called now.
                federated_by: None,
            },
            limits: limits.map(|(inline, managed)| SessionLimits {
                inline: inline.clone(),
                managed: managed.clone(),
            }),
        })
    }

    fn principal(&self) -> Option<Principal> {
        let account = || AccountId::parse(self.principal_account.as_deref()?).ok();
        let name: Arc<str> = self.name.as_str().into();
        Some(match self.kind {
            ROOT => Principal::Root {
                account: account()?,
            },
            USER => Principal::User {
                account: account()?,
                name,
            },
            ROLE_SESSION => Principal::RoleSession {
                account: account()?,
                role: name,
                session: self.session.as_str().into(),
            },
            FEDERATED_USER => Principal::FederatedUser {
                account: account()?,
                name,
            },
            SERVICE => Principal::Service { name },
            _ => return None,
        })
    }
}
