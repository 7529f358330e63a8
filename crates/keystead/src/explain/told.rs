//! An explanation in words, for a person at a terminal.

use std::fmt::Write;

use serde_json::Value;

use super::{list, text};

/// The record for a person.
pub(super) fn told(record: &Value, decisions: &[Value], problems: &[String]) -> String {
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
    for decision in decisions {
        out.push('\n');
        out.push_str(&told_decision(decision));
    }
    if decisions.is_empty() {
        out.push_str(match text(record, "/errorCode") {
            "" => "\nNothing had to be decided: everybody may call this operation.\n",
            _ => "\nIt failed before or after its authorization, which denied nothing.\n",
        });
    }
    for problem in problems {
        out.push_str(&format!("\nNot read: {}\n", plain(problem)));
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
    out.push_str(match text(decision, "/since") {
        "unchanged" => "  The policies are today as they were then.\n",
        "changed" => {
            "  Policies have changed since. What became of each statement is on record as it was then.\n"
        }
        "not known" => {
            "  Whether the policies are today as they were then is not known. What became of each statement is on record.\n"
        }
        _ => "",
    });
    if !text(decision, "/organization").is_empty() {
        out.push_str("  The organization was not looked at: name the server's configuration with --config.\n");
    }
    for policy in list(decision, "/policies") {
        let level = policy.pointer("/level").and_then(Value::as_u64);
        let level = level.map_or_else(String::new, |level| format!(", level {level}"));
        let name = match text(policy, "/policy") {
            "" => "of the resource itself".to_owned(),
            name => plain(name),
        };
        let note = match text(policy, "/note") {
            "" => String::new(),
            note => format!(": {}", plain(note)),
        };
        out.push_str(&format!(
            "  {} {name}{level}{note}\n",
            text(policy, "/kind")
        ));
        for statement in list(policy, "/statements") {
            out.push_str(&format!("    {}\n", told_statement(statement)));
        }
        if let Some(more) = policy.pointer("/more").and_then(Value::as_u64) {
            out.push_str(&format!("    and {more} statements more, not kept\n"));
        }
        if policy.pointer("/cut").is_some() {
            out.push_str("    and what came after it, not kept\n");
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
        let wants = told_condition(grant);
        let constraints = told_constraints(grant);
        out.push_str(&format!("  grant {id}: {outcome}{wants}{constraints}\n"));
    }
    for other in list(decision, "/today") {
        let other = plain(other.as_str().unwrap_or_default());
        out.push_str(&format!("  today there is also: {other}\n"));
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
    "organization",
    "since",
    "today",
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
    let condition = match statement.pointer("/conditionNumber") {
        Some(number) => format!(": condition {number}"),
        None => told_condition(statement),
    };
    format!("statement {number}{sid} ({effect}): {outcome}{names}{condition}")
}

/// What a grant wants of an encryption context.
fn told_constraints(grant: &Value) -> String {
    let told = |(name, words): (&str, &str)| {
        let pairs = grant.pointer(name)?;
        Some(format!(
            "; the encryption context {words} {}",
            plain(&pairs.to_string())
        ))
    };
    let constraints = [
        ("/encryptionContextSubset", "has"),
        ("/encryptionContextEquals", "is"),
    ];
    constraints.into_iter().filter_map(told).collect()
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
