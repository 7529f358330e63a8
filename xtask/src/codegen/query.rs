//! Emits what only services of the query protocol have: form in, XML out.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::model::{Kind, Model, Operation};
use super::names::snake;
use super::rules;
use super::structure::{Uses, structure};
use super::types::Field;

/// How the file of shared structures begins.
pub(crate) const MODEL_HEAD: &str = "//! Structures and enumerations inside requests and answers.\n\n\
     use keystead_types::Fault;\n\n\
     use super::model;\nuse super::rules;\npub use super::symbols::*;\n\
     use crate::audit;\nuse crate::checks::{Checks, Path};\n\
     use crate::query::read::{self, Bounds};\nuse crate::query::xml;\n\
     use crate::shown::Redacted;\n\
     use crate::tree::{Members, Node};\nuse crate::write::{self, Object};\n";

/// Names of the shapes that audit records of answers show.
pub(crate) fn recorded(model: &Model) -> Result<BTreeSet<&str>, String> {
    let operations = model.operations.iter();
    let roots = operations
        .filter(|operation| rules::records_answer(model, &operation.name))
        .filter_map(|operation| operation.output.as_deref());
    model.reached_from(roots)
}

/// The file of one operation.
pub(crate) fn operation(model: &Model, operation: &Operation) -> Result<String, String> {
    let Operation {
        name,
        input,
        output,
        ..
    } = operation;
    let request = Uses {
        request: true,
        answer: false,
        recorded: false,
    };
    let answer = Uses {
        request: false,
        answer: true,
        recorded: rules::records_answer(model, name),
    };
    let mut body = shape_impl(model, operation);
    let doc = format!("/// Request of {name}; made by decoding only.\n#[non_exhaustive]");
    body.push_str(&structure(model, input, "Input", &doc, request)?);
    match output {
        None => {
            let _ = writeln!(
                body,
                "\n/// {name} answers with nothing but the request's id.\npub type Output = ();"
            );
        }
        Some(output) => {
            let doc = format!("/// Answer of {name}.");
            body.push_str(&structure(model, output, "Output", &doc, answer)?);
        }
    }
    Ok(trimmed(&format!(
        "//! {name}: its request and its answer.\n\n\
         use keystead_types::{{Fault, RequestId}};\n\n\
         use super::model;\nuse super::rules;\nuse super::{{NAMESPACE, Operation}};\n\
         use crate::audit;\nuse crate::checks::{{Checks, Path}};\n\
         use crate::query::read::{{self, Bounds}};\nuse crate::query::xml;\n\
         use crate::query::{{Form, QueryShape}};\nuse crate::shown::Redacted;\n\
         use crate::tree::{{Members, Node}};\nuse crate::write::{{self, Object}};\n{body}"
    )))
}

fn shape_impl(model: &Model, operation: &Operation) -> String {
    let Operation {
        name,
        output,
        wrapper,
        ..
    } = operation;
    let (encode, pattern) = match (output, wrapper) {
        (None, _) => (
            format!("xml::answer(NAMESPACE, \"{name}\", None, request_id, |_| {{}})"),
            "(): &Output",
        ),
        (Some(_), wrapper) => (
            format!(
                "xml::answer(NAMESPACE, \"{name}\", {wrapper:?}, request_id, |out| output.write(out))"
            ),
            "output: &Output",
        ),
    };
    let (recorded, shown) = if output.is_some() && rules::records_answer(model, name) {
        (
            "audit::parameters(out, |out| output.audit(out));",
            "output: &Output",
        )
    } else {
        ("out.extend_from_slice(b\"null\");", "_: &Output")
    };
    let read_only = rules::is_read_only_query(model, name);
    format!(
        "\n/// Marker of the operation {name}.\n\
         #[derive(Debug, Clone, Copy)]\npub struct {name};\n\n\
         impl QueryShape for {name} {{\n\
         type Input = Input;\ntype Output = Output;\n\
         const ACTION: &'static str = Operation::{name}.as_str();\n\
         const READ_ONLY: bool = {read_only};\n\n\
         fn decode(form: &Form) -> Result<Input, Fault> {{ read::form(form, Input::read) }}\n\n\
         fn encode({pattern}, request_id: &RequestId) -> Vec<u8> {{ {encode} }}\n\n\
         fn audit_parameters(input: &Input, out: &mut Vec<u8>) {{\n\
         audit::parameters(out, |out| input.audit(out));\n}}\n\n\
         fn audit_response({shown}, out: &mut Vec<u8>) {{\n{recorded}\n}}\n}}\n"
    )
}

/// A method that writes a structure's members as XML elements.
pub(crate) fn write_method(model: &Model, fields: &[Field<'_>]) -> Result<String, String> {
    if fields.is_empty() {
        return Ok(
            "pub(crate) fn write(&self, _: &mut Vec<u8>) { let Self {} = self; }\n".to_owned(),
        );
    }
    let mut out = String::from("pub(crate) fn write(&self, out: &mut Vec<u8>) {\n");
    for Field {
        wire,
        rust,
        required,
        shape,
        kind,
        ..
    } in fields
    {
        if *required {
            let by_value = matches!(kind, Kind::Symbol(_) | Kind::Structure(_));
            let borrow = if by_value { "" } else { "&" };
            let statement = element(model, shape, wire, &format!("{borrow}self.{rust}"))?;
            let _ = writeln!(out, "{};", statement.replace("*&self.", "self."));
        } else {
            let statement = element(model, shape, wire, "value")?;
            let _ = writeln!(
                out,
                "if let Some(value) = &self.{rust} {{\n{statement};\n}}"
            );
        }
    }
    out.push_str("}\n");
    Ok(out)
}

/// An expression that writes `value`, of reference type, as an element to `out`.
fn element(model: &Model, shape: &str, name: &str, value: &str) -> Result<String, String> {
    Ok(match &model.shape(shape)?.kind {
        Kind::Text => format!("xml::text(out, \"{name}\", {value})"),
        Kind::Symbol(_) => format!("xml::text(out, \"{name}\", {value}.as_str())"),
        Kind::Number => format!("xml::number(out, \"{name}\", *{value})"),
        Kind::Flag => format!("xml::flag(out, \"{name}\", *{value})"),
        Kind::Time => format!("xml::time(out, \"{name}\", *{value})"),
        Kind::Structure(_) => {
            format!("xml::within(out, \"{name}\", |out| {value}.write(out))")
        }
        Kind::List(inner) => {
            let inner = element(model, inner, "member", "item")?;
            format!("xml::list(out, \"{name}\", {value}, |out, item| {inner})")
        }
        Kind::Map(key, inner) => {
            let key = element(model, key, "key", "key")?;
            let inner = element(model, inner, "value", "value")?;
            format!("xml::map(out, \"{name}\", {value}, |out, (key, value)| {{ {key}; {inner}; }})")
        }
        Kind::Blob | Kind::Context => {
            return Err(format!(
                "{shape}: not built in answers of the query protocol"
            ));
        }
    })
}

/// The file of the enumeration of operations and its macro.
pub(crate) fn table(model: &Model, uncovered: &BTreeSet<&str>) -> String {
    let title = model.title;
    let module = title.to_ascii_lowercase();
    let (mut variants, mut shown, mut parsed, mut all, mut arms) = (
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    );
    for Operation { name, .. } in &model.operations {
        let _ = writeln!(variants, "/// `{name}`.\n{name},");
        let _ = writeln!(shown, "Self::{name} => \"{name}\",");
        let _ = writeln!(parsed, "\"{name}\" => Some(Self::{name}),");
        let _ = writeln!(all, "Self::{name},");
        let target = if uncovered.contains(name.as_str()) {
            "unbuilt"
        } else {
            "built"
        };
        let _ = writeln!(
            arms,
            "            $crate::{module}::Operation::{name} => ${target}!({name}),"
        );
    }
    let version = &model.version;
    format!(
        r#"//! The operations of the model.

use keystead_types::Fault;

use super::VERSION;
use crate::query::{{Form, requested}};

/// An operation of {title}, as the parameter `Action` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {{
{variants}}}

impl Operation {{
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

    /// The operation that a form asks for.
    ///
    /// Errors: MissingAction without the parameter `Action`; InvalidAction if the model has no
    /// such operation, or `Version` is another than {version}.
    pub fn of(form: &Form) -> Result<Self, Fault> {{
        requested(form, VERSION, Self::parse)
    }}
}}

impl std::fmt::Display for Operation {{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{
        f.write_str(self.as_str())
    }}
}}

/// Expands to a match over all operations of {title} that calls `$built!(Name)` for those that
/// this version serves and `$unbuilt!(Name)` for those of
/// `conformance/uncovered-{module}-operations.txt`.
#[macro_export]
macro_rules! for_each_{module}_operation {{
    ($operation:expr, $built:ident, $unbuilt:ident) => {{
        match $operation {{
{arms}        }}
    }};
}}
"#
    )
}

/// The file that declares the others.
pub(crate) fn modules(model: &Model) -> Result<String, String> {
    let title = model.title;
    let mut out =
        format!("//! {title}: one module per operation, made by `cargo xtask codegen`.\n\n");
    for Operation { name, .. } in &model.operations {
        let _ = writeln!(out, "pub mod {};", snake(name));
    }
    out.push_str("pub mod model;\nmod operations;\npub(crate) mod rules;\n");
    if model.has_symbols()? {
        out.push_str("mod symbols;\n");
    }
    out.push('\n');
    for Operation { name, .. } in &model.operations {
        let _ = writeln!(out, "pub use {}::{name};", snake(name));
    }
    let _ = write!(
        out,
        "pub use operations::Operation;\n\n\
         /// The XML namespace of the answers of {title}.\n\
         pub const NAMESPACE: &str = \"{}\";\n\
         /// The parameter `Version` of requests.\n\
         pub const VERSION: &str = \"{}\";\n",
        model.namespace, model.version
    );
    Ok(out)
}

/// Drops imported names that the rest of the file does not use.
pub(crate) fn trimmed(text: &str) -> String {
    let is_code = |line: &&str| !line.starts_with("use ") && !line.trim_start().starts_with("//");
    let code: Vec<&str> = text.lines().filter(is_code).collect();
    let uses = |name: &str| {
        code.iter().any(|line| {
            line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .any(|word| word == name)
        })
    };
    let mut out = String::new();
    for line in text.lines() {
        if let Some(import) = line
            .strip_prefix("use ")
            .and_then(|rest| rest.strip_suffix(';'))
        {
            out.push_str(&kept(import, uses, |module| {
                code.iter()
                    .any(|line| line.contains(&format!("{module}::")))
            }));
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn kept(import: &str, uses: impl Fn(&str) -> bool, names_module: impl Fn(&str) -> bool) -> String {
    let Some((path, name)) = import.rsplit_once("::") else {
        return format!("use {import};\n");
    };
    let Some((path, names)) = import
        .strip_suffix('}')
        .and_then(|import| import.split_once("::{"))
    else {
        let line = format!("use {path}::{name};\n");
        return if uses(name) { line } else { String::new() };
    };
    let last = path.rsplit("::").next().unwrap_or_default();
    let used: Vec<&str> = names
        .split(", ")
        .filter(|name| match *name {
            "self" => names_module(last),
            name => uses(name),
        })
        .collect();
    match used.as_slice() {
        [] => String::new(),
        ["self"] => format!("use {path};\n"),
        [one] => format!("use {path}::{one};\n"),
        several => format!("use {path}::{{{}}};\n", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_that_nothing_names_are_dropped() {
        let text = "use a::b;\nuse a::read::{self, Bounds};\nuse a::{One, Two};\nread::x(One)\n";
        assert_eq!(trimmed(text), "use a::read;\nuse a::One;\nread::x(One)\n");
    }
}
