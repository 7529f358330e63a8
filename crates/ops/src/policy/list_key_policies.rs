//! ListKeyPolicies.

use keystead_api::list_key_policies::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States,
};
use keystead_types::Fault;

use super::DEFAULT_NAME;

/// Default and largest page. Source: KMS API reference, ListKeyPolicies.
const PAGE: (u32, u32) = (100, 1000);

/// Lists the names of a key's policies: only `default`.
pub enum ListKeyPolicies {}

impl Operation for ListKeyPolicies {
    type Shape = keystead_api::ListKeyPolicies;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:ListKeyPolicies",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ListKeyPolicies.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let filter = ready.key().key_id.to_string();
        let window = ready.window(input.limit, PAGE, input.marker.as_deref(), &filter)?;
        let page = ready.slice(&[DEFAULT_NAME.to_owned()], &window, &filter)?;
        Ok(Output {
            policy_names: Some(page.items),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        })
    }
}
