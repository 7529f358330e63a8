//! AssumeRole.

use keystead_api::sts::{
    AssumeRole,
    assume_role::{Input, Output},
};
use keystead_types::{Fault, Principal, SessionContext};

use super::ask::{Ask, denied};
use super::context::Brought;
use super::operation::{Call, Operation, Sessions};
use super::roles::{Named, begin};
use super::session::{self, credentials, packed, role_seconds, tags, term};

/// What somebody with a second factor would be told whose device is not known: there is none.
pub(crate) const NO_SECOND_FACTOR: &str = "MultiFactorAuthentication failed, unable to validate \
     MFA code.  Please verify your MFA serial number is valid and associated with this user.";

impl Operation for AssumeRole {
    const FOR: Sessions = Sessions::Own;

    async fn run(input: &Input, call: &mut Call<'_>) -> Result<Output, Fault> {
        let caller = &call.bearer.caller;
        let directory = call.service.directory();
        let asker = call.asker()?;
        let named = Named::parse(&input.role_arn, directory.partition())?;
        call.entry.role_resource(named.account, named.name);
        if matches!(caller.principal, Principal::Root { .. }) {
            return Err(denied("Roles may not be assumed by root accounts."));
        }
        if input.serial_number.is_some() || input.token_code.is_some() {
            return Err(denied(NO_SECOND_FACTOR));
        }
        if input.provided_contexts.is_some() {
            return Err(Fault::validation(
                "Keystead does not offer ProvidedContexts.",
            ));
        }
        // Before the role is looked for, so that what is wrong with the request tells nothing of it.
        let before = caller.session.as_deref();
        let tags = tags(
            input.tags.as_ref(),
            input.transitive_tag_keys.as_ref(),
            before,
        )?;
        let inherited = before.and_then(|session| session.source_identity.clone());
        let source_identity = match (inherited, input.source_identity.as_deref()) {
            (Some(set), Some(wanted)) if *set != *wanted => {
                return Err(denied(
                    "The source identity of a session cannot be changed once it is set.",
                ));
            }
            (Some(set), _) => Some(set),
            (None, wanted) => wanted.map(Into::into),
        };
        let world = directory.world();
        // A service works for the accounts of its credential only, whoever else trusts it.
        let within = !matches!(caller.principal, Principal::Service { .. })
            || directory.service_covers(call.bearer, named.account);
        let Some(role) = named.find(&world).filter(|_| within) else {
            return Err(asker.not_there("sts:AssumeRole", named.arn));
        };
        let mut ask = Ask {
            action: "sts:AssumeRole",
            resource: named.arn,
            account: named.account,
            trust: Some(&role.trust),
            resource_tags: &role.standing.tags,
            request_tags: &tags.brought,
            brought: Brought {
                external_id: input.external_id.as_deref(),
                session_name: Some(&input.role_session_name),
                source_identity: source_identity.as_deref(),
                transitive: &tags.transitive,
                ..Brought::default()
            },
        };
        asker.allow(&ask, call.entry)?;
        if !tags.all.is_empty() {
            ask.action = "sts:TagSession";
            asker.allow(&ask, call.entry)?;
        }
        if source_identity.is_some() {
            ask.action = "sts:SetSourceIdentity";
            asker.allow(&ask, call.entry)?;
        }
        let chained = before.is_some();
        let max = role.record.max_session_seconds;
        let seconds = role_seconds(input.duration_seconds, max, chained)?;
        let limits = session::limits(
            input.policy.as_ref(),
            input.policy_arns.as_ref(),
            named.account,
            &world,
        )?;
        let (issued, expires) = term(call.service.now(), seconds);
        let is_role = matches!(caller.principal, Principal::RoleSession { .. });
        let length = before.map_or(0, |session| session.chain_length);
        let context = SessionContext {
            source_identity: source_identity.clone(),
            tags: tags.all,
            transitive_tags: tags.transitive,
            chain_length: length.saturating_add(u32::from(is_role)),
            ..SessionContext::plain(issued, expires)
        };
        let name = &input.role_session_name;
        let begun = begin(
            call.service,
            call.entry,
            (&named, &role),
            name,
            context,
            limits,
        )
        .await?;
        Ok(Output {
            assumed_role_user: Some(begun.user),
            credentials: Some(credentials(&begun.issued)?),
            packed_policy_size: packed(&begun.issued),
            source_identity: source_identity.as_deref().map(str::to_owned),
            ..Output::default()
        })
    }
}
