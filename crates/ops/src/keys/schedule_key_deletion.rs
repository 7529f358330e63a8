//! ScheduleKeyDeletion.

use keystead_api::schedule_key_deletion::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Deletion, Facts, Identifier, KeyRecord, KeySelector, MultiRegionRole,
    OneKey, Operation, Part, Ready, Spec, States,
};
use keystead_types::{Fault, KeyState};

/// Waiting period in days: smallest, largest, default.
/// Source: KMS API reference, ScheduleKeyDeletion, PendingWindowInDays.
const WINDOW_DAYS: (u32, u32, u32) = (7, 30, 30);

/// Starts the waiting period at whose end a key is destroyed.
pub enum ScheduleKeyDeletion {}

impl Operation for ScheduleKeyDeletion {
    type Shape = keystead_api::ScheduleKeyDeletion;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:ScheduleKeyDeletion",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Deletable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            pending_window_days: input.pending_window_in_days,
            ends_use: true,
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        let (least, most, _) = WINDOW_DAYS;
        let refuse = |days: u32, bound: String| {
            Err(Fault::validation(format!(
                "1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to \
                 satisfy constraint: Member must have value {bound}"
            )))
        };
        match input.pending_window_in_days {
            Some(days) if days < least => refuse(days, format!("greater than or equal to {least}")),
            Some(days) if days > most => refuse(days, format!("less than or equal to {most}")),
            _ => Ok(KeySelector::Named(&input.key_id)),
        }
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let window_days = input.pending_window_in_days.unwrap_or(WINDOW_DAYS.2);
        let due = ready.now().plus_days(window_days);
        let state = match leads_replicas(ready.key()) {
            true => KeyState::PendingReplicaDeletion,
            false => KeyState::PendingDeletion,
        };
        ready.update(|key| {
            key.state = state;
            key.deletion = Some(Deletion { due, window_days });
        });
        let arn = ready.arn_text().to_owned();
        let date = (state == KeyState::PendingDeletion).then_some(due);
        let shown = date.map(|due| format!(r#""deletionDate":{},"#, due.as_millis()));
        ready.respond(format!(
            r#"{{"keyId":"{arn}","keyState":"{state}",{}"pendingWindowInDays":{window_days}}}"#,
            shown.unwrap_or_default(),
        ));
        Ok(Output {
            key_id: Some(arn),
            deletion_date: date,
            key_state: Some(state),
            pending_window_in_days: Some(window_days),
        })
    }
}

/// Whether the key is a primary key with replicas: its waiting period begins when they are gone.
fn leads_replicas(key: &KeyRecord) -> bool {
    let set = key.multi_region.as_ref();
    set.is_some_and(|set| set.role == MultiRegionRole::Primary && !set.replicas.is_empty())
}
