//! ListGrants.

use keystead_api::list_grants::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, GrantPage, GrantParty, Identifier, KeySelector, OneKey, Operation,
    Part, Ready, Spec, States, page_limit,
};
use keystead_types::{Fault, Principal};

use super::{PAGE, entry, parse_grant_id};

/// Lists a key's grants.
pub enum ListGrants {}

impl Operation for ListGrants {
    type Shape = keystead_api::ListGrants;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:ListGrants",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Allowed,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ListGrants.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            about_grants: true,
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        page_limit(input.limit, PAGE)?;
        if input.grantee_principal.is_some() && input.grantee_service_principal.is_some() {
            return Err(Fault::validation(
                "Specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
            ));
        }
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let service = matches!(ready.caller().principal, Principal::Service { .. });
        if input.grantee_service_principal.is_some() && !service {
            return Err(Fault::validation(
                "Only callers in a service principal may use the GranteeServicePrincipal filter.",
            ));
        }
        let grant_id = input.grant_id.as_deref().map(parse_grant_id).transpose()?;
        let principal = input.grantee_principal.clone().map(GrantParty::Principal);
        let of_service = input.grantee_service_principal.clone();
        let shown = GrantPage {
            grant_id,
            grantee: principal.or_else(|| of_service.map(GrantParty::Service)),
        };
        let filter = filter(ready.arn_text(), &shown);
        let window = ready.window(input.limit, PAGE, input.marker.as_deref(), &filter)?;
        let page = ready.grants(&window, &shown, &filter).await?;
        let region = ready.region();
        let grants = page.items.into_iter().map(|grant| entry(grant, region));
        Ok(Output {
            grants: Some(grants.collect()),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        })
    }
}

/// What a marker of this listing is good for. ARNs and ids hold no blanks.
fn filter(key: &str, shown: &GrantPage) -> String {
    let grant_id = shown.grant_id.map(|id| id.to_string()).unwrap_or_default();
    let (kind, grantee) = match &shown.grantee {
        None => ("", ""),
        Some(GrantParty::Principal(arn)) => ("principal", arn.as_str()),
        Some(GrantParty::Service(name)) => ("service", name.as_str()),
    };
    format!("{key} {grant_id} {kind} {grantee}")
}
