//! Temporary credentials.

use std::sync::Arc;

use base64_simd::STANDARD_NO_PAD;
use keystead_policy::{NamedPolicy, PolicyKind};
use keystead_types::{AccessKeyId, Caller};

use super::Directory;
use crate::access_key::secret_of;
use crate::error::IssueError;
use crate::limits::{PACKED_POLICY_MAX_BYTES, SESSION_TOKEN_MAX_CHARS};
use crate::secret::random_counted;
use crate::session::{Contents, FRESH_BYTES, Purpose};
use crate::unique_id::new_access_key_id;
use crate::world::{arn_in, compile};
use crate::{Bearer, DirectoryError, IssuedCredentials, SessionGrant, SessionLimits, World};

/// Random bytes behind a secret.
const SECRET_BYTES: usize = 30;
/// Name of the inline session policy in explanations.
const INLINE: &str = "session-policy";

impl Directory {
    /// Issues temporary credentials. That the session may begin, its length and its tags are the
    /// business of whoever asks.
    ///
    /// Errors: see [`IssueError`].
    pub async fn issue(&self, mut grant: SessionGrant) -> Result<IssuedCredentials, IssueError> {
        let packed_percent = packed_percent(&grant);
        if packed_percent > 100 {
            return Err(IssueError::TooLarge(packed_percent));
        }
        if let Some(limits) = &mut grant.limits {
            let view = self.view.load();
            check_limits(limits, &view.world)?;
            for policy in &mut limits.managed {
                *policy = view.world.bound(policy);
            }
        }
        let length = u16::try_from(SECRET_BYTES + FRESH_BYTES).unwrap_or_default();
        let (random, receipt) = random_counted(&*self.hsm, length).await?;
        let secret = secret_of(&random).ok_or(DirectoryError::Reply)?;
        let fresh = random
            .expose()
            .get(SECRET_BYTES..)
            .and_then(|rest| rest.try_into().ok());
        let fresh: [u8; FRESH_BYTES] = fresh.ok_or(DirectoryError::Reply)?;
        let id = new_access_key_id(&*self.entropy, "ASIA", grant.account);
        let access_key_id: AccessKeyId = id.into();
        let text = std::str::from_utf8(secret.expose()).map_err(|_| DirectoryError::Reply)?;
        let body = Contents::new(&grant, text.to_owned()).encode();
        let sealed = body.and_then(|body| {
            let owner = access_key_id.as_bytes();
            self.vault.seal(Purpose::Session, owner, &fresh, &body)
        });
        let token = STANDARD_NO_PAD.encode_to_string(sealed.ok_or(DirectoryError::Reply)?);
        if token.len() > SESSION_TOKEN_MAX_CHARS {
            return Err(IssueError::TooLarge(101.max(packed_percent)));
        }
        Ok(IssuedCredentials {
            access_key_id,
            secret,
            token,
            expiration: grant.context.expires,
            packed_percent,
            receipt,
        })
    }

    /// Who a session's requests are from.
    pub(super) fn bearer_of(
        access_key_id: AccessKeyId,
        grant: SessionGrant,
        world: &World,
    ) -> Bearer {
        let limits = grant.limits.map(Arc::new);
        let policies = limits.as_deref();
        Bearer {
            session_policies: policies.map(|limits| Self::compiled_limits(limits, world)),
            limits: limits.clone(),
            issuer: grant.issuer,
            caller: Caller {
                principal: grant.principal,
                account: grant.account,
                access_key_id,
                unique_id: grant.unique_id,
                session: Some(Arc::new(grant.context)),
            },
        }
    }

    /// The policies of a session's limits. Where one does not compile any more or is gone,
    /// everything is denied: it may have held a Deny.
    pub(super) fn compiled_limits(limits: &SessionLimits, world: &World) -> Arc<[NamedPolicy]> {
        let inline = limits.inline.as_deref().map(|document| {
            let compiled = compile(PolicyKind::Identity, document, String::new);
            NamedPolicy {
                name: INLINE.into(),
                policy: compiled.map_or_else(|_| world.deny_all(), Arc::new),
            }
        });
        let managed = limits.managed.iter().map(|policy| world.limiting(policy));
        inline.into_iter().chain(managed).collect()
    }
}

fn check_limits(limits: &SessionLimits, world: &World) -> Result<(), IssueError> {
    if let Some(document) = &limits.inline {
        compile(PolicyKind::Identity, document, || INLINE.to_owned())?;
    }
    let mut missing = limits
        .managed
        .iter()
        .filter(|policy| world.managed_policy(arn_in(policy)).is_none());
    match missing.next() {
        Some(arn) => Err(IssueError::NoSuchPolicy(arn.clone())),
        None => Ok(()),
    }
}

/// How much of the room for policies and tags a session takes, in percent, rounded up.
fn packed_percent(grant: &SessionGrant) -> u32 {
    let limits = grant.limits.iter();
    let policies: usize = limits
        .map(|limits| {
            let managed = limits.managed.iter().map(String::len);
            limits.inline.as_ref().map_or(0, String::len) + managed.sum::<usize>()
        })
        .sum();
    let tags = grant.context.tags.iter();
    let tags: usize = tags.map(|(key, value)| key.len() + value.len() + 2).sum();
    let percent = ((policies + tags) * 100).div_ceil(PACKED_POLICY_MAX_BYTES);
    u32::try_from(percent).unwrap_or(u32::MAX)
}
