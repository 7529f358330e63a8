//! ScheduleKeyDeletion.

use keystead_api::schedule_key_deletion::{Input, Output};
use keystead_engine::{
    AnyUse, CrossAccount, Deletion, Identifier, KeySelector, OneKey, Operation, Ready, Spec, States,
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
        ready.update(|key| {
            key.state = KeyState::PendingDeletion;
            key.deletion = Some(Deletion { due, window_days });
        });
        let arn = ready.arn_text().to_owned();
        let millis = due.as_millis();
        ready.respond(format!(
            r#"{{"keyId":"{arn}","keyState":"PendingDeletion","deletionDate":{millis},"pendingWindowInDays":{window_days}}}"#
        ));
        Ok(Output {
            key_id: Some(arn),
            deletion_date: Some(due),
            key_state: Some(KeyState::PendingDeletion),
            pending_window_in_days: Some(window_days),
        })
    }
}
