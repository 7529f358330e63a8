//! The values of the condition keys `iam:…`.
//!
//! Source: Service Authorization Reference, "Condition keys for AWS Identity and Access
//! Management".

use keystead_identity::GlobalContext;
use keystead_policy::{ConditionKey, Context, KnownKey, Presence, Value};

use crate::asks::Ask;

/// What is known of a request to IAM.
pub(crate) struct IamContext<'a> {
    pub(crate) global: GlobalContext<'a>,
    pub(crate) ask: &'a Ask,
}

impl Context for IamContext<'_> {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        let value = match key.known() {
            Some(KnownKey::IamPolicyArn) => self.ask.policy_arn.as_deref(),
            Some(KnownKey::IamPermissionsBoundary) => self.ask.boundary.as_deref(),
            Some(KnownKey::IamResourceTag) => {
                let mut tags = self.ask.resource_tags.iter();
                let found = tags.find(|(own, _)| own.eq_ignore_ascii_case(key.tail()));
                found.map(|(_, value)| &**value)
            }
            _ => return self.global.values(key, each),
        };
        match value {
            Some(value) => {
                each(Value::Text(value));
                Presence::Single
            }
            None => Presence::Absent,
        }
    }
}
