//! Every file starts with the same imports; what a file does not name is dropped.

/// Drops imports that the rest of the file does not name.
pub(crate) fn without_unused_imports(text: &str) -> String {
    let uses = |word: &str, mark: &str| {
        text.lines()
            .filter(|line| !line.starts_with("use ") && !line.trim_start().starts_with("//"))
            .any(|line| line.contains(&format!("{word}{mark}")))
    };
    let lines = text.lines().filter_map(|line| match line {
        "use super::model;" => uses("model", "::").then(|| line.to_owned()),
        "use super::rules;" => uses("rules", "::").then(|| line.to_owned()),
        "use crate::audit;" => uses("audit", "::").then(|| line.to_owned()),
        "use crate::read::{self, Bounds};" => match (uses("read", "::"), uses("Bounds", " {")) {
            (true, true) => Some(line.to_owned()),
            (true, false) => Some("use crate::read;".to_owned()),
            _ => None,
        },
        "use crate::shown::{Bytes, Redacted};" => {
            match (uses("Bytes", "::of"), uses("Redacted", ")")) {
                (true, true) => Some(line.to_owned()),
                (true, false) => Some("use crate::shown::Bytes;".to_owned()),
                (false, true) => Some("use crate::shown::Redacted;".to_owned()),
                (false, false) => None,
            }
        }
        "use crate::write::{self, Object};" => Some(match uses("write", "::") {
            true => line.to_owned(),
            false => "use crate::write::Object;".to_owned(),
        }),
        "use crate::{OperationName, Shape, limits};" => Some(match uses("limits", "::") {
            true => line.to_owned(),
            false => "use crate::{OperationName, Shape};".to_owned(),
        }),
        _ => Some(line.to_owned()),
    });
    lines.map(|line| line + "\n").collect()
}
