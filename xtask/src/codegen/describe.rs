//! Writes `docs/operations.md`, and says in words what a member may hold.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::model::{Kind, Member, Model, Operation, Shape};

/// The table of operations.
pub(crate) fn table(model: &Model, uncovered: &BTreeSet<&str>) -> Result<String, String> {
    let mut out = String::from(
        "# Operations\n\n\
         Made by `cargo xtask codegen` from the service model and \
         `conformance/uncovered-operations.txt`. Do not edit.\n\n",
    );
    let total = model.operations.len();
    let built = total - uncovered.len();
    let _ = writeln!(
        out,
        "{built} of {total} operations are built in this version.\n"
    );
    out.push_str("| operation | built | required members | optional members |\n");
    out.push_str("| --- | --- | --- | --- |\n");
    for Operation { name, input, .. } in &model.operations {
        let built = if uncovered.contains(name.as_str()) {
            "no"
        } else {
            "yes"
        };
        let members = model.members(input)?;
        let list = |required: bool| {
            let chosen = members.iter().filter(|member| member.required == required);
            let names: Vec<&str> = chosen.map(|member| member.name.as_str()).collect();
            if names.is_empty() {
                "–".to_owned()
            } else {
                names.join(", ")
            }
        };
        let _ = writeln!(
            out,
            "| {name} | {built} | {} | {} |",
            list(true),
            list(false)
        );
    }
    Ok(out)
}

/// A member's documentation line.
pub(crate) fn member(model: &Model, member: &Member) -> Result<String, String> {
    let shape = model.shape(&member.shape)?;
    let range = |unit: &str| match (shape.min, shape.max) {
        (Some(min), Some(max)) => format!(", {min}–{max}{unit}"),
        (Some(min), None) => format!(", at least {min}{unit}"),
        (None, Some(max)) => format!(", at most {max}{unit}"),
        (None, None) => String::new(),
    };
    let sensitive = if shape.sensitive { ", sensitive" } else { "" };
    let what = match &shape.kind {
        Kind::Text => format!("text{}{}", range(" characters"), pattern(shape)),
        Kind::Symbol(_) => "one of its values".to_owned(),
        Kind::Blob => format!("bytes{}", range(" bytes")),
        Kind::Number => format!("integer{}", range("")),
        Kind::Flag => "boolean".to_owned(),
        Kind::Time => "moment".to_owned(),
        Kind::Context => "pairs of text; empty when absent".to_owned(),
        Kind::Map(..) => "pairs".to_owned(),
        Kind::List(_) => format!("list{}", range(" elements")),
        Kind::Structure(_) => "structure".to_owned(),
    };
    Ok(format!("/// `{}`: {what}{sensitive}.", member.name))
}

fn pattern(shape: &Shape) -> String {
    let pattern = shape.pattern.as_deref();
    pattern.map_or(String::new(), |pattern| format!(" of `{pattern}`"))
}
