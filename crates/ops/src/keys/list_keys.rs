//! ListKeys.

use keystead_api::list_keys::{Input, Output};
use keystead_api::model::{KeyListEntry, ResourceOwnerType};
use keystead_engine::{
    AccountWide, CrossAccount, Facts, Identifier, Listing, Operation, Part, Ready, Spec, States,
};
use keystead_types::{Fault, KeyArn};

/// Default and largest page. Source: KMS API reference, ListKeys.
const PAGE: (u32, u32) = (100, 1000);

/// Lists the account's keys.
pub enum ListKeys {}

impl Operation for ListKeys {
    type Shape = keystead_api::ListKeys;
    type Target = AccountWide<Listing>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:ListKeys",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ListKeys.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(_input: &Input) -> Result<(), Fault> {
        Ok(())
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        // Nothing is shared between accounts through RAM, so only SELF has keys.
        let owners = input.resource_owners.as_deref();
        let own = owners.is_none_or(|owners| owners.contains(&ResourceOwnerType::Own));
        let window = ready.window(input.limit, PAGE, input.marker.as_deref(), "")?;
        if !own {
            return Ok(Output {
                keys: Some(Vec::new()),
                next_marker: None,
                truncated: Some(false),
            });
        }
        let page = ready.keys(&window).await?;
        let (region, account) = (ready.region(), ready.caller().account);
        let entry = |key_id| KeyListEntry {
            key_arn: Some(
                KeyArn {
                    region: region.clone(),
                    account,
                    key_id,
                }
                .to_string(),
            ),
            key_id: Some(key_id.to_string()),
        };
        Ok(Output {
            keys: Some(page.items.into_iter().map(entry).collect()),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        })
    }
}
