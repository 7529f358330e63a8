//! ListRetirableGrants.

use keystead_api::list_retirable_grants::{Input, Output};
use keystead_engine::{
    AccountWide, CrossAccount, Facts, GrantParty, Identifier, Listing, Operation, Part, Ready,
    Spec, States, page_limit,
};
use keystead_types::Fault;

use super::{PAGE, entry};

/// Lists the grants, on keys of any account, that a principal of the caller's account may retire.
pub enum ListRetirableGrants {}

impl Operation for ListRetirableGrants {
    type Shape = keystead_api::ListRetirableGrants;
    type Target = AccountWide<Listing>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:ListRetirableGrants",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ListRetirableGrants.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        let principal = input.retiring_principal.as_deref();
        Facts {
            resource: principal.or(input.retiring_service_principal.as_deref()),
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<(), Fault> {
        page_limit(input.limit, PAGE)?;
        if input.retiring_principal.is_some() == input.retiring_service_principal.is_some() {
            return Err(one_retirer());
        }
        Ok(())
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let (kind, retiring) = match (&input.retiring_principal, &input.retiring_service_principal)
        {
            (Some(arn), None) => ("principal", ready.grant_principal(arn)?),
            (None, Some(name)) => ("service", GrantParty::Service(name.clone())),
            _ => return Err(one_retirer()),
        };
        let filter = format!("{kind} {}", retiring.text());
        let window = ready.window(input.limit, PAGE, input.marker.as_deref(), &filter)?;
        let page = ready.retirable_grants(&window, &retiring, &filter).await?;
        let region = ready.region();
        let grants = page.items.into_iter().map(|grant| entry(grant, region));
        Ok(Output {
            grants: Some(grants.collect()),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        })
    }
}

fn one_retirer() -> Fault {
    Fault::validation("Specify either RetiringPrincipal or RetiringServicePrincipal, but not both.")
}
