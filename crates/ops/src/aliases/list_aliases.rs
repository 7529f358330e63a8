//! ListAliases.

use keystead_api::list_aliases::{Input, Output};
use keystead_api::model::AliasListEntry;
use keystead_engine::{
    AccountWide, CrossAccount, Facts, Identifier, Listing, Operation, Part, Ready, Spec, States,
    page_limit,
};
use keystead_types::{AliasArn, Fault};

/// Default and largest page. Source: KMS API reference, ListAliases.
const PAGE: (u32, u32) = (50, 100);

/// Lists the account's aliases, or those of one key.
pub enum ListAliases {}

impl Operation for ListAliases {
    type Shape = keystead_api::ListAliases;
    type Target = AccountWide<Listing>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:ListAliases",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ListAliases.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<(), Fault> {
        page_limit(input.limit, PAGE).map(|_| ())
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let key = match &input.key_id {
            Some(text) => Some(ready.own_key(text).await?),
            None => None,
        };
        let filter = key.map(|key| key.to_string()).unwrap_or_default();
        let window = ready.window(input.limit, PAGE, input.marker.as_deref(), &filter)?;
        let page = ready.aliases(&window, &filter, key).await?;
        let region = ready.region();
        let aliases = page.items.into_iter().map(|alias| {
            let name = alias.name.clone();
            let arn = AliasArn {
                region: region.clone(),
                account: alias.account,
                name,
            };
            AliasListEntry {
                alias_name: Some(alias.name.to_string()),
                alias_arn: Some(arn.to_string()),
                target_key_id: Some(alias.target.to_string()),
                creation_date: Some(alias.created),
                last_updated_date: Some(alias.updated),
            }
        });
        Ok(Output {
            aliases: Some(aliases.collect()),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        })
    }
}
