//! CreateGrant.

use keystead_api::create_grant::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, GrantFacts, GrantParty, Identifier, KeyEntry, KeySelector,
    NewGrant, OneKey, Operation, Pairs, Part, Ready, Spec, States,
};
use keystead_types::Fault;

use super::fitting;

/// Adds a grant to a key.
pub enum CreateGrant {}

impl Operation for CreateGrant {
    type Shape = keystead_api::CreateGrant;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:CreateGrant",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        let constraints = input.constraints.as_ref();
        Facts {
            about_grants: true,
            grant: Some(GrantFacts {
                operations: &input.operations,
                subset: constraints.map_or(Pairs::Absent, |held| {
                    Pairs::Context(&held.encryption_context_subset)
                }),
                equals: constraints.map_or(Pairs::Absent, |held| {
                    Pairs::Context(&held.encryption_context_equals)
                }),
                source_arn: constraints.and_then(|held| held.source_arn.as_deref()),
                grantee: input.grantee_principal.as_deref(),
                grantee_service: input.grantee_service_principal.as_deref(),
                retiring: input.retiring_principal.as_deref(),
                retiring_service: input.retiring_service_principal.as_deref(),
            }),
            grant_tokens: input.grant_tokens.as_deref().unwrap_or_default(),
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        check_parties(input)?;
        fitting::operations(&input.operations)?;
        if let Some(sent) = &input.constraints {
            fitting::constraints(sent)?;
        }
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(input: &Input, held: &std::sync::Arc<KeyEntry>) -> Result<(), Fault> {
        fitting::check(held.record(), &input.operations, input.constraints.as_ref())
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let party =
            |principal: Option<&String>, service: Option<&String>| match (principal, service) {
                (Some(arn), _) => ready.grant_principal(arn).map(Some),
                (None, service) => Ok(service.cloned().map(GrantParty::Service)),
            };
        let grantee = party(
            input.grantee_principal.as_ref(),
            input.grantee_service_principal.as_ref(),
        )?
        .ok_or_else(one_grantee)?;
        let retiring = party(
            input.retiring_principal.as_ref(),
            input.retiring_service_principal.as_ref(),
        )?;
        let constraints = input.constraints.as_ref();
        let new = NewGrant {
            name: input.name.clone(),
            grantee,
            retiring,
            operations: fitting::operations(&input.operations)?,
            constraints: constraints.map(fitting::constraints).transpose()?,
        };
        let (grant_id, token) = ready.create_grant(new).await?;
        let arn = ready.arn_text();
        // The token is a bearer's hint, not a secret; all the same it is nobody's business.
        ready.respond(format!(r#"{{"grantId":"{grant_id}","keyId":"{arn}"}}"#));
        Ok(Output {
            grant_id: Some(grant_id.to_string()),
            grant_token: Some(token),
        })
    }
}

/// Checks who is named, before any key is looked for.
///
/// Errors: ValidationException.
fn check_parties(input: &Input) -> Result<(), Fault> {
    if input.grantee_principal.is_some() == input.grantee_service_principal.is_some() {
        return Err(one_grantee());
    }
    let retirers = [&input.retiring_principal, &input.retiring_service_principal];
    let retirers = retirers.into_iter().flatten().count();
    if retirers > 1 {
        return Err(Fault::validation(
            "Specify either RetiringPrincipal or RetiringServicePrincipal, but not both.",
        ));
    }
    if input.grantee_service_principal.is_none() {
        return Ok(());
    }
    let source = input.constraints.as_ref();
    if source.is_none_or(|held| held.source_arn.is_none()) {
        return Err(Fault::validation(
            "A grant with a GranteeServicePrincipal must have a SourceArn grant constraint.",
        ));
    }
    if retirers == 0 {
        return Err(Fault::validation(
            "A grant with a GranteeServicePrincipal must have either a RetiringPrincipal or a \
             RetiringServicePrincipal.",
        ));
    }
    Ok(())
}

fn one_grantee() -> Fault {
    Fault::validation("Specify either GranteePrincipal or GranteeServicePrincipal, but not both.")
}
