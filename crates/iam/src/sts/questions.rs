//! GetCallerIdentity, GetAccessKeyInfo and DecodeAuthorizationMessage.

use keystead_api::sts::{
    DecodeAuthorizationMessage, GetAccessKeyInfo, GetCallerIdentity, decode_authorization_message,
    get_access_key_info, get_caller_identity,
};
use keystead_types::{Caller, Fault, FaultKind, Principal};
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::context::Brought;
use super::operation::{Call, Operation, Sessions};

impl Operation for GetCallerIdentity {
    const FOR: Sessions = Sessions::All;

    /// Needs no permission, and no policy can forbid it.
    async fn run(
        _: &get_caller_identity::Input,
        call: &mut Call<'_>,
    ) -> Result<get_caller_identity::Output, Fault> {
        let caller = &call.bearer.caller;
        let partition = call.service.directory().partition();
        Ok(get_caller_identity::Output {
            account: Some(caller.account.to_string()),
            arn: Some(caller.principal.arn(partition).to_string()),
            user_id: Some(user_id(caller)),
        })
    }
}

/// `UserId`: the same as `aws:userid`.
/// Source: IAM User Guide, "IAM policy elements: Variables and tags", principal key values.
fn user_id(caller: &Caller) -> String {
    let unique_id = caller.unique_id.as_deref().unwrap_or_default();
    match &caller.principal {
        Principal::Root { account } => account.to_string(),
        Principal::User { .. } => unique_id.to_owned(),
        Principal::RoleSession { session, .. } => format!("{unique_id}:{session}"),
        Principal::FederatedUser { account, name } => format!("{account}:{name}"),
        Principal::Service { name } => name.to_string(),
    }
}

/// An action that knows no resources.
fn on_anything(action: &'static str, call: &Call<'_>) -> Ask<'static> {
    Ask {
        action,
        resource: "*",
        account: call.bearer.caller.account,
        trust: None,
        resource_tags: &[],
        request_tags: &[],
        brought: Brought::default(),
    }
}

impl Operation for GetAccessKeyInfo {
    const FOR: Sessions = Sessions::Roles;

    async fn run(
        input: &get_access_key_info::Input,
        call: &mut Call<'_>,
    ) -> Result<get_access_key_info::Output, Fault> {
        let ask = on_anything("sts:GetAccessKeyInfo", call);
        call.asker()?.allow(&ask, call.entry)?;
        let directory = call.service.directory();
        let account = directory.account_of_access_key(&input.access_key_id);
        let account = account.ok_or_else(|| {
            Fault::validation(format!(
                "{} is not a valid access key ID",
                input.access_key_id
            ))
        })?;
        Ok(get_access_key_info::Output {
            account: Some(account.to_string()),
        })
    }
}

impl Operation for DecodeAuthorizationMessage {
    const FOR: Sessions = Sessions::Roles;

    /// The message is a JSON object: the members that AWS's has, and ours with more detail.
    async fn run(
        input: &decode_authorization_message::Input,
        call: &mut Call<'_>,
    ) -> Result<decode_authorization_message::Output, Fault> {
        let ask = on_anything("sts:DecodeAuthorizationMessage", call);
        call.asker()?.allow(&ask, call.entry)?;
        let invalid = || {
            Fault::new(
                FaultKind::InvalidAuthorizationMessage,
                "Message is not valid",
            )
        };
        let account = call.bearer.caller.account;
        let directory = call.service.directory();
        let opened = directory.open_message(account, &input.encoded_message);
        let opened = opened.ok_or_else(invalid)?;
        let message = serde_json::from_slice(&opened).map_err(|_| invalid())?;
        Ok(decode_authorization_message::Output {
            decoded_message: Some(as_aws(message).to_string()),
        })
    }
}

/// Adds AWS's members to an explanation: `allowed`, `explicitDeny`, `matchedStatements`,
/// `failures`, `context`. Source: STS API reference, DecodeAuthorizationMessage.
fn as_aws(mut message: Value) -> Value {
    let conditions = message.as_object_mut();
    let conditions = conditions.and_then(|members| members.remove("conditions"));
    let conditions = match conditions {
        Some(Value::Object(conditions)) => conditions,
        _ => Map::new(),
    };
    let conditions = conditions.into_iter().map(|(key, values)| {
        let values = values.as_array().into_iter().flatten();
        let values = values.map(|value| json!({"value": value}));
        json!({"key": key, "values": {"items": values.collect::<Vec<_>>()}})
    });
    let conditions: Vec<Value> = conditions.collect();
    let place = message.pointer("/decision/explicitDeny").cloned();
    let text = |name: &str| message.get(name).cloned().unwrap_or_default();
    let added = json!({
        "allowed": false,
        "explicitDeny": place.is_some(),
        "matchedStatements": {"items": place.into_iter().collect::<Vec<_>>()},
        "failures": {"items": []},
        "context": {
            "principal": {"arn": text("principal")},
            "action": text("action"),
            "resource": text("resource"),
            "conditions": {"items": conditions},
        },
    });
    if let (Some(message), Value::Object(added)) = (message.as_object_mut(), added) {
        message.extend(added);
    }
    message
}
