//! Emits the table of operations, the dispatch macro and the module list.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::model::Model;
use super::names::snake;
use super::rules;

/// Reads the ratchet file. Errors: a name twice, out of order, or not in the model.
pub(crate) fn uncovered<'t>(
    model: &Model,
    path: &str,
    text: &'t str,
) -> Result<BTreeSet<&'t str>, String> {
    let lines = text.lines().map(str::trim);
    let names: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    if !names.is_sorted_by(|one, next| one < next) {
        return Err(format!("{path} is not sorted or names one twice"));
    }
    let known = |name: &&str| {
        model
            .operations
            .iter()
            .any(|operation| operation.name == **name)
    };
    if let Some(stranger) = names.iter().find(|name| !known(name)) {
        return Err(format!("{path}: no operation {stranger}"));
    }
    Ok(names.into_iter().collect())
}

/// The file of `OperationName` and `for_each_operation!`.
pub(crate) fn table(model: &Model, uncovered: &BTreeSet<&str>) -> Result<String, String> {
    let mut variants = String::new();
    let mut shown = String::new();
    let mut parsed = String::new();
    let mut all = String::new();
    let mut read_only = Vec::new();
    let mut arms = String::new();
    for operation in &model.operations {
        let name = &operation.name;
        let _ = writeln!(variants, "/// `{name}`.\n{name},");
        let _ = writeln!(shown, "Self::{name} => \"{name}\",");
        let _ = writeln!(parsed, "\"{name}\" => Some(Self::{name}),");
        let _ = writeln!(all, "Self::{name},");
        if rules::is_read_only(name)? {
            read_only.push(format!("Self::{name}"));
        }
        let target = if uncovered.contains(name.as_str()) {
            "unbuilt"
        } else {
            "built"
        };
        let _ = writeln!(
            arms,
            "            $crate::OperationName::{name} => ${target}!({name}),"
        );
    }
    let read_only = read_only.join(" | ");
    Ok(format!(
        r#"//! The operations of the model.

/// An operation, as `X-Amz-Target` names it after `TrentService.`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationName {{
{variants}}}

impl OperationName {{
    /// Every operation, in alphabetical order.
    pub const ALL: &'static [Self] = &[{all}];

    /// The operation's name.
    pub const fn as_str(self) -> &'static str {{
        match self {{ {shown} }}
    }}

    /// The operation of that name, case-sensitively.
    pub fn parse(text: &str) -> Option<Self> {{
        match text {{ {parsed} _ => None }}
    }}

    /// CloudTrail's `readOnly`. Source: CloudTrail entries in the KMS Developer Guide.
    pub const fn is_read_only(self) -> bool {{
        matches!(self, {read_only})
    }}
}}

impl std::fmt::Display for OperationName {{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{
        f.write_str(self.as_str())
    }}
}}

/// Expands to a match over all operations of the model that calls `$built!(Name)` for those that
/// this version serves and `$unbuilt!(Name)` for those of
/// `conformance/uncovered-operations.txt`.
#[macro_export]
macro_rules! for_each_operation {{
    ($operation:expr, $built:ident, $unbuilt:ident) => {{
        match $operation {{
{arms}        }}
    }};
}}
"#
    ))
}

/// The file that declares the others.
pub(crate) fn modules(model: &Model) -> String {
    let mut out = String::from("//! Made by `cargo xtask codegen`: one module per operation.\n\n");
    let mut names: Vec<String> = model
        .operations
        .iter()
        .map(|operation| format!("pub mod {};\n", snake(&operation.name)))
        .collect();
    names.push("pub mod model;\n".to_owned());
    names.push("mod operations;\npub(crate) mod rules;\nmod symbols;\n".to_owned());
    out.extend(names);
    out.push('\n');
    for operation in &model.operations {
        let _ = writeln!(
            out,
            "pub use {}::{};",
            snake(&operation.name),
            operation.name
        );
    }
    out.push_str("pub use operations::OperationName;\n");
    out
}

#[cfg(test)]
mod tests {
    use super::super::model::Protocol;
    use super::*;

    #[test]
    fn the_ratchet_file_is_sorted_and_names_operations() {
        let model = r#"{"shapes":{},"operations":{
            "A":{"input":{"shape":"In"}},"B":{"input":{"shape":"In"}}}}"#;
        let model = Model::parse("KMS", Protocol::Json, &[model.as_bytes().to_vec()]).unwrap();
        let names = uncovered(&model, "a.txt", "# why\n\nA\nB\n").unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["A", "B"]);
        assert!(uncovered(&model, "a.txt", "B\nA\n").is_err());
        assert!(uncovered(&model, "a.txt", "A\nA\n").is_err());
        assert!(uncovered(&model, "a.txt", "C\n").is_err());
    }
}
