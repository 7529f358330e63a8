//! `keystead explain`: why a request was allowed or denied, from its audit record.

use std::fmt::Write;
use std::path::PathBuf;

use keystead_types::RequestId;
use serde_json::Value;

use crate::logging::say;

/// Options of `keystead explain`.
#[derive(clap::Args)]
#[command(
    after_help = "Every answer carries the id in its header x-amzn-RequestId; the server may go on meanwhile."
)]
pub(crate) struct Options {
    /// The id of the request.
    #[arg(value_name = "REQUEST-ID", value_parser = request_id)]
    request_id: RequestId,
    /// The data directory.
    #[arg(
        long,
        value_name = "DIR",
        env = "KEYSTEAD_DATA_DIR",
        required_unless_present = "audit_dir"
    )]
    data_dir: Option<PathBuf>,
    /// A directory with an audit log, instead of the one in the data directory.
    #[arg(long, value_name = "DIR")]
    audit_dir: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn request_id(text: &str) -> Result<RequestId, String> {
    RequestId::parse(text).map_err(|error| error.to_string())
}

/// Finds the record and prints what it says.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let within = options.data_dir.as_ref().map(|dir| dir.join("audit"));
    let dir = options.audit_dir.clone().or(within);
    let dir = dir.ok_or("name a directory with --data-dir")?;
    let id = &options.request_id;
    let record = keystead_audit::find_request(&dir, id)
        .map_err(|error| format!("cannot read the audit log in {}: {error}", dir.display()))?
        .ok_or_else(|| {
            format!(
                "the audit log in {} has no record of request {id}. Requests that were refused before their caller was known (a wrong signature, for one) stand in the server's own log only.",
                dir.display()
            )
        })?;
    let record: Value = serde_json::from_slice(&record)
        .map_err(|error| format!("the record of request {id} is damaged: {error}"))?;
    if options.json {
        let shown = summary(&record);
        say(serde_json::to_string_pretty(&shown).map_err(|error| error.to_string())?);
    } else {
        say(told(&record).trim_end());
    }
    Ok(())
}

/// A text at a path of members; empty when it is not there.
fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    let found = value.pointer(path).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

fn decisions(record: &Value) -> &[Value] {
    list(record, "/additionalEventData/keystead/authorization")
}

/// What concerns the decision, of the whole record.
fn summary(record: &Value) -> Value {
    let part = |path: &str| record.pointer(path).cloned().unwrap_or(Value::Null);
    serde_json::json!({
        "requestId": part("/requestID"),
        "eventTime": part("/eventTime"),
        "eventSource": part("/eventSource"),
        "eventName": part("/eventName"),
        "awsRegion": part("/awsRegion"),
        "userIdentity": part("/userIdentity"),
        "sourceIPAddress": part("/sourceIPAddress"),
        "vpcEndpointId": part("/vpcEndpointId"),
        "resources": part("/resources"),
        "requestParameters": part("/requestParameters"),
        "errorCode": part("/errorCode"),
        "errorMessage": part("/errorMessage"),
        "decisions": decisions(record),
    })
}

/// The record for a person.
fn told(record: &Value) -> String {
    let mut out = String::new();
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a String does not fail.
            let _written = writeln!(out, "{label:<10}{}", plain(value));
        }
    };
    line("Request", text(record, "/requestID"));
    let (source, name) = (text(record, "/eventSource"), text(record, "/eventName"));
    let (time, region) = (text(record, "/eventTime"), text(record, "/awsRegion"));
    line("Asked", &format!("{source} {name} in {region} at {time}"));
    line("By", &caller(record));
    line("Through", text(record, "/userIdentity/invokedBy"));
    line("From", text(record, "/sourceIPAddress"));
    line("Endpoint", text(record, "/vpcEndpointId"));
    for resource in list(record, "/resources") {
        line("Resource", text(resource, "/ARN"));
    }
    match text(record, "/errorCode") {
        "" => line("Result", "success"),
        code => line(
            "Result",
            &format!("{code}: {}", text(record, "/errorMessage")),
        ),
    }
    for decision in decisions(record) {
        out.push('\n');
        out.push_str(&told_decision(decision));
    }
    if decisions(record).is_empty() {
        out.push_str(match text(record, "/errorCode") {
            "" => {
                "\nNo policy had to be asked: the root user of the account, or an operation that everybody may call.\n"
            }
            _ => "\nIt failed before or after its authorization, which denied nothing.\n",
        });
    }
    out
}

fn caller(record: &Value) -> String {
    let identity = record.pointer("/userIdentity").unwrap_or(&Value::Null);
    let names = ["/arn", "/principalId", "/invokedBy", "/userName"];
    let name = names.iter().map(|path| text(identity, path));
    let name = name.into_iter().find(|name| !name.is_empty());
    let kind = text(identity, "/type");
    format!("{} ({kind})", name.unwrap_or("somebody unknown"))
}

/// One decision: its outcome, the deciding statement, and every policy that took part.
fn told_decision(decision: &Value) -> String {
    let mut out = format!("{}\n", outcome(decision));
    for policy in list(decision, "/policies") {
        let level = policy.pointer("/level").and_then(Value::as_u64);
        let level = level.map_or_else(String::new, |level| format!(", level {level}"));
        let name = match text(policy, "/policy") {
            "" => "of the resource itself".to_owned(),
            name => plain(name),
        };
        out.push_str(&format!("  {} {name}{level}\n", text(policy, "/kind")));
        for statement in list(policy, "/statements") {
            out.push_str(&format!("    {}\n", told_statement(statement)));
        }
        if let Some(more) = policy.pointer("/more").and_then(Value::as_u64) {
            out.push_str(&format!("    and {more} statements more, not kept\n"));
        }
    }
    if let Some(more) = decision.pointer("/morePolicies").and_then(Value::as_u64) {
        out.push_str(&format!("  and {more} policies more, not kept\n"));
    }
    let grant = text(decision, "/grantFor");
    if !grant.is_empty() {
        let id = plain(text(decision, "/grantId"));
        let to = match grant {
            "everyone" => "everyone".to_owned(),
            part => format!("the caller's {}", plain(part)),
        };
        out.push_str(&format!("  grant {id} allows it, to {to}\n"));
    }
    for grant in list(decision, "/grants") {
        let id = plain(text(grant, "/grantId"));
        let outcome = plain(text(grant, "/outcome"));
        out.push_str(&format!(
            "  grant {id}: {outcome}{}\n",
            told_condition(grant)
        ));
    }
    if let Some(more) = decision.pointer("/moreGrants").and_then(Value::as_u64) {
        out.push_str(&format!("  and {more} grants more, not kept\n"));
    }
    let known = KNOWN_MEMBERS;
    let others = decision.as_object().into_iter().flatten();
    for (name, value) in others.filter(|(name, _)| !known.contains(&name.as_str())) {
        out.push_str(&format!("  {name}: {}\n", plain(&value.to_string())));
    }
    out
}

/// The members of a decision that are told in words; all others are told as they are.
const KNOWN_MEMBERS: &[&str] = &[
    "principal",
    "action",
    "resource",
    "decision",
    "allowedBy",
    "explicitDeny",
    "noAllowIn",
    "policies",
    "morePolicies",
    "grantFor",
    "grantId",
    "grants",
    "moreGrants",
];

/// The first line: allowed or denied, what, and by what.
fn outcome(decision: &Value) -> String {
    let asked = match (text(decision, "/action"), text(decision, "/resource")) {
        ("", _) => String::new(),
        (action, "") => format!(" {}", plain(action)),
        (action, resource) => format!(" {} on {}", plain(action), plain(resource)),
    };
    // Allowed requests keep only their basis, denied ones the whole decision.
    let own = decision.pointer("/decision").unwrap_or(decision);
    if let Some(place) = own.pointer("/explicitDeny") {
        return format!("DENIED{asked}: {} says Deny", told_place(place));
    }
    let missing = text(own, "/noAllowIn");
    if !missing.is_empty() {
        return format!("DENIED{asked}: no {missing} allows it");
    }
    let by = own.pointer("/allowedBy").or_else(|| own.pointer("/by"));
    match by {
        Some(Value::String(basis)) => match text(own, "/grantId") {
            "" => format!("ALLOWED{asked}: {}", plain(basis)),
            id => format!("ALLOWED{asked}: {} {}", plain(basis), plain(id)),
        },
        Some(place) => format!("ALLOWED{asked}: {} says Allow", told_place(place)),
        None => format!("DECIDED{asked}"),
    }
}

fn told_place(place: &Value) -> String {
    let kind = match text(place, "/kind") {
        "" => text(place, "/policyType"),
        kind => kind,
    };
    let number = place.pointer("/statement").and_then(Value::as_u64);
    let number = number.map_or_else(String::new, |number| format!("statement {number} of "));
    match text(place, "/policy") {
        "" => format!("{number}the {kind}"),
        name => format!("{number}the {kind} {}", plain(name)),
    }
}

/// One statement: which, and why it did or did not apply.
fn told_statement(statement: &Value) -> String {
    let number = statement.pointer("/statement").and_then(Value::as_u64);
    let number = number.map_or_else(String::new, |number| number.to_string());
    let sid = match text(statement, "/sid") {
        "" => String::new(),
        sid => format!(" {}", plain(sid)),
    };
    let (effect, outcome) = (text(statement, "/effect"), text(statement, "/outcome"));
    // Naming the account allows its identity policies to decide, and no more.
    let names = match text(statement, "/names") {
        "" => String::new(),
        "everyone" => ", naming everyone".to_owned(),
        names => format!(", naming the {names}"),
    };
    let condition = told_condition(statement);
    format!("statement {number}{sid} ({effect}): {outcome}{names}{condition}")
}

/// What a statement or a grant wants of the request, and what the request has.
fn told_condition(of: &Value) -> String {
    let Some(condition) = of.pointer("/condition") else {
        return String::new();
    };
    let values = |path: &str| match condition.pointer(path) {
        Some(Value::String(text)) => plain(text),
        Some(Value::Array(values)) if values.is_empty() => "no value".to_owned(),
        Some(Value::Array(values)) => {
            let values = values.iter().filter_map(Value::as_str).map(plain);
            values.collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    };
    format!(
        ": {} {} wants {}; the request has {}",
        plain(text(condition, "/operator")),
        plain(text(condition, "/key")),
        values("/policyValues"),
        values("/requestValues")
    )
}

/// Control characters do not reach the terminal.
fn plain(text: &str) -> String {
    let shown = |letter: char| {
        if letter.is_control() {
            '\u{fffd}'
        } else {
            letter
        }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(authorization: &Value) -> Value {
        json!({
            "requestID": "6f2b1c5e-0000-4000-8000-000000000000",
            "eventTime": "2026-01-02T03:04:05Z", "eventSource": "kms.amazonaws.com",
            "eventName": "Decrypt", "awsRegion": "eu-central-1", "sourceIPAddress": "192.0.2.1",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a"},
            "resources": [{"ARN": "arn:aws:kms:eu-central-1:111122223333:key/k"}],
            "errorCode": "AccessDenied", "errorMessage": "no\u{7}",
            "additionalEventData": {"keystead": {"authorization": authorization}},
        })
    }

    #[test]
    fn a_denial_is_told_with_every_statement() {
        let shown = told(&record(&json!([{
            "action": "kms:Decrypt", "resource": "arn:aws:kms:eu-central-1:111122223333:key/k",
            "decision": {"allowed": false, "noAllowIn": "identity-based policy"},
            "policies": [{"kind": "identity-based policy", "policy": "arn:x#p", "statements": [
                {"statement": 0, "sid": "A", "effect": "Allow", "outcome": "condition not met",
                 "condition": {"operator": "StringEquals", "key": "aws:PrincipalTag/team",
                               "policyValues": ["red", "blue"], "requestValues": "absent"}},
                {"statement": 1, "effect": "Deny", "outcome": "other action"},
                {"statement": 2, "effect": "Allow", "outcome": "applies", "names": "account"},
                {"statement": 3, "effect": "Allow", "outcome": "applies", "names": "everyone"}],
                "more": 3}],
            "grants": [{"grantId": "0a1b", "outcome": "constraint not met", "condition": {
                "operator": "EncryptionContextSubset", "key": "kms:EncryptionContext:Team",
                "policyValues": ["Red"], "requestValues": ["Green"]}}],
            "moreGrants": 4, "new": 2,
        }])));
        for part in [
            "By        arn:aws:iam::111122223333:user/a (IAMUser)",
            "Resource  arn:aws:kms:eu-central-1:111122223333:key/k",
            "Result    AccessDenied: no\u{fffd}",
            "DENIED kms:Decrypt on arn:aws:kms:eu-central-1:111122223333:key/k: no identity-based policy allows it",
            "  identity-based policy arn:x#p\n",
            "    statement 0 A (Allow): condition not met: StringEquals aws:PrincipalTag/team wants red, blue; the request has absent",
            "    statement 1 (Deny): other action\n",
            "    statement 2 (Allow): applies, naming the account\n",
            "    statement 3 (Allow): applies, naming everyone\n",
            "and 3 statements more",
            "  grant 0a1b: constraint not met: EncryptionContextSubset kms:EncryptionContext:Team wants Red; the request has Green\n",
            "  and 4 grants more",
            "  new: 2",
        ] {
            assert!(shown.contains(part), "{part}\n{shown}");
        }
    }

    #[test]
    fn other_outcomes_have_their_words() {
        let place = json!({"kind": "service control policy", "policy": "arn:p", "statement": 2});
        for (decision, words) in [
            (
                json!({"decision": {"allowed": false, "explicitDeny": place}}),
                "DENIED: statement 2 of the service control policy arn:p says Deny",
            ),
            (
                json!({"allowedBy": {"policyType": "resource-based policy", "statement": 0}}),
                "ALLOWED: statement 0 of the resource-based policy says Allow",
            ),
            (json!({"allowedBy": "grant"}), "ALLOWED: grant"),
            (
                json!({"action": "kms:Encrypt", "decision": {"allowed": true, "by": "grant", "grantId": "0a1b"}}),
                "ALLOWED kms:Encrypt: grant 0a1b",
            ),
            (
                json!({"decision": {"allowed": false, "noAllowIn": "session policy"},
                       "grantFor": "role", "grantId": "0a1b"}),
                "  grant 0a1b allows it, to the caller's role",
            ),
            (
                json!({"decision": {"allowed": true, "by": "root user"}}),
                "ALLOWED: root user",
            ),
        ] {
            let shown = told(&record(&json!([decision])));
            assert!(shown.contains(words), "{words}\n{shown}");
        }
        assert!(told(&record(&json!([]))).contains("before or after"));
    }

    #[test]
    fn the_summary_keeps_decisions_as_they_are() {
        let decision = json!({"allowedBy": "grant", "new": 1});
        let shown = summary(&record(&json!([decision])));
        assert_eq!(shown["decisions"][0], decision);
        assert_eq!(shown["eventName"], "Decrypt");
    }
}
