//! GetSessionToken and GetFederationToken.

use keystead_api::sts::model::FederatedUser;
use keystead_api::sts::{
    GetFederationToken, GetSessionToken, get_federation_token, get_session_token,
};
use keystead_identity::{SessionGrant, SessionLimits};
use keystead_types::{Fault, Principal, SessionContext};

use super::ask::{Ask, denied};
use super::assume_role::NO_SECOND_FACTOR;
use super::context::Brought;
use super::limits::{ROOT_SESSION_MAX_SECONDS, TOKEN_SESSION_DEFAULT_SECONDS};
use super::operation::{Call, Operation, Sessions};
use super::session::{self, credentials, not_issued, packed, tags, term};
use crate::receipts;

/// Seconds of a session of a user; a root user's are cut, as AWS cuts them.
fn seconds(asked: Option<u32>, principal: &Principal) -> u32 {
    match principal {
        Principal::Root { .. } => asked
            .unwrap_or(ROOT_SESSION_MAX_SECONDS)
            .min(ROOT_SESSION_MAX_SECONDS),
        _ => asked.unwrap_or(TOKEN_SESSION_DEFAULT_SECONDS),
    }
}

/// Errors: AccessDenied for services, which have no sessions of their own.
fn user_or_root(principal: &Principal, action: &str) -> Result<(), Fault> {
    match principal {
        Principal::Root { .. } | Principal::User { .. } => Ok(()),
        _ => Err(denied(format!("Only users may call {action}."))),
    }
}

impl Operation for GetSessionToken {
    const FOR: Sessions = Sessions::None;

    /// Needs no permission. The session may do what its user may.
    async fn run(
        input: &get_session_token::Input,
        call: &mut Call<'_>,
    ) -> Result<get_session_token::Output, Fault> {
        let caller = &call.bearer.caller;
        // Whoever is gone gets nothing.
        call.asker()?;
        user_or_root(&caller.principal, "GetSessionToken")?;
        if input.serial_number.is_some() || input.token_code.is_some() {
            return Err(denied(NO_SECOND_FACTOR));
        }
        let seconds = seconds(input.duration_seconds, &caller.principal);
        let (issued, expires) = term(call.service.now(), seconds);
        let grant = SessionGrant {
            principal: caller.principal.clone(),
            account: caller.account,
            unique_id: caller.unique_id.clone(),
            issuer: None,
            context: SessionContext::plain(issued, expires),
            limits: None,
        };
        let issued = call.service.directory().issue(grant).await;
        let issued = issued.map_err(not_issued)?;
        receipts::note(call.entry, &[issued.receipt]);
        Ok(get_session_token::Output {
            credentials: Some(credentials(&issued)?),
            ..Default::default()
        })
    }
}

impl Operation for GetFederationToken {
    const FOR: Sessions = Sessions::None;

    /// The federated user may do what both its user and its session policies allow; without
    /// session policies nothing by identity policies.
    async fn run(
        input: &get_federation_token::Input,
        call: &mut Call<'_>,
    ) -> Result<get_federation_token::Output, Fault> {
        let caller = &call.bearer.caller;
        let asker = call.asker()?;
        user_or_root(&caller.principal, "GetFederationToken")?;
        let directory = call.service.directory();
        let principal = Principal::FederatedUser {
            account: caller.account,
            name: input.name.as_str().into(),
        };
        let arn = principal.arn(directory.partition()).to_string();
        let tags = tags(input.tags.as_ref(), None, None)?;
        let mut ask = Ask {
            action: "sts:GetFederationToken",
            resource: &arn,
            account: caller.account,
            trust: None,
            resource_tags: &[],
            request_tags: &tags.brought,
            brought: Brought::default(),
        };
        asker.allow(&ask, call.entry)?;
        if !tags.all.is_empty() {
            ask.action = "sts:TagSession";
            asker.allow(&ask, call.entry)?;
        }
        let world = directory.world();
        let limits = session::limits(
            input.policy.as_ref(),
            input.policy_arns.as_ref(),
            caller.account,
            &world,
        )?;
        let seconds = seconds(input.duration_seconds, &caller.principal);
        let (issued, expires) = term(call.service.now(), seconds);
        let grant = SessionGrant {
            principal,
            account: caller.account,
            unique_id: None,
            issuer: caller.unique_id.clone(),
            context: SessionContext {
                tags: tags.all,
                ..SessionContext::plain(issued, expires)
            },
            limits: Some(limits.unwrap_or_else(SessionLimits::default)),
        };
        let issued = directory.issue(grant).await.map_err(not_issued)?;
        receipts::note(call.entry, &[issued.receipt]);
        Ok(get_federation_token::Output {
            credentials: Some(credentials(&issued)?),
            federated_user: Some(FederatedUser {
                federated_user_id: format!("{}:{}", caller.account, input.name),
                arn,
            }),
            packed_policy_size: packed(&issued),
            ..Default::default()
        })
    }
}
