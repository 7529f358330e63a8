//! ListResourceTags.

use keystead_api::list_resource_tags::{Input, Output};
use keystead_api::model::Tag;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States, page_limit,
};
use keystead_types::Fault;

/// Default and largest page. Source: KMS API reference, ListResourceTags.
const PAGE: (u32, u32) = (50, 50);

/// Lists a key's tags in the order in which they were added.
pub enum ListResourceTags {}

impl Operation for ListResourceTags {
    type Shape = keystead_api::ListResourceTags;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:ListResourceTags",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ListResourceTags.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        page_limit(input.limit, PAGE)?;
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let filter = ready.key().key_id.to_string();
        let window = ready.window(input.limit, PAGE, input.marker.as_deref(), &filter)?;
        let page = ready.slice(&ready.key().tags, &window, &filter)?;
        let tag = |(tag_key, tag_value)| Tag { tag_key, tag_value };
        Ok(Output {
            tags: Some(page.items.into_iter().map(tag).collect()),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        })
    }
}
