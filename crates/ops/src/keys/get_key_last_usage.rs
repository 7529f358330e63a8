//! GetKeyLastUsage.

use keystead_api::get_key_last_usage::{Input, Output};
use keystead_api::model::KeyLastUsageData;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States, Use,
};
use keystead_types::Fault;

/// Shows the last successful cryptographic call that used a key.
pub enum GetKeyLastUsage {}

impl Operation for GetKeyLastUsage {
    type Shape = keystead_api::GetKeyLastUsage;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:GetKeyLastUsage",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyLastUsage.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let used = ready.last_use().await?;
        let key = ready.key();
        Ok(Output {
            key_id: Some(key.key_id.to_string()),
            key_creation_date: Some(key.created),
            // Every use is tracked from the beginning.
            tracking_start_date: Some(key.created),
            key_last_usage: Some(used.map_or_else(KeyLastUsageData::default, shown)),
        })
    }
}

fn shown(used: Use) -> KeyLastUsageData {
    KeyLastUsageData {
        cloud_trail_event_id: Some(used.event_id.to_string()),
        kms_request_id: Some(used.request_id.to_string()),
        operation: Some(used.operation),
        timestamp: Some(used.at),
    }
}
