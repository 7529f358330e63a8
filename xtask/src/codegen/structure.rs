//! Emits structures: the shared ones, and each operation's input and output.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::describe;
use super::imports::without_unused_imports;
use super::model::{Kind, Model, Operation, Protocol};
use super::query;
use super::types::{Field, Text, reader, writer};

/// What a structure is used for decides what it can do.
#[derive(Clone, Copy)]
pub(crate) struct Uses {
    /// Read from requests, and shown in their audit records.
    pub(crate) request: bool,
    /// Written to answers.
    pub(crate) answer: bool,
    /// Shown in audit records of answers.
    pub(crate) recorded: bool,
}

/// The file of structures inside requests and answers.
pub(crate) fn shared(model: &Model) -> Result<String, String> {
    let requests = model
        .operations
        .iter()
        .map(|operation| operation.input.as_str());
    let answers = model
        .operations
        .iter()
        .filter_map(|operation| operation.output.as_deref());
    let roots: BTreeSet<&str> = requests.clone().chain(answers.clone()).collect();
    let in_requests = model.reached_from(requests)?;
    let in_answers = model.reached_from(answers)?;
    let recorded = match model.protocol {
        Protocol::Json => BTreeSet::new(),
        Protocol::Query => query::recorded(model)?,
    };
    let mut out = String::from(match model.protocol {
        Protocol::Query => query::MODEL_HEAD,
        Protocol::Json => {
            "//! Structures and enumerations inside requests and answers.\n\n\
         use keystead_types::Fault;\n\n\
         use super::model;\nuse super::rules;\npub use super::symbols::*;\n\
         use crate::audit;\nuse crate::checks::{Checks, Path};\n\
         use crate::read::{self, Bounds};\nuse crate::shown::{Bytes, Redacted};\n\
         use crate::tree::{Members, Node};\nuse crate::write::{self, Object};\n"
        }
    });
    if !model.has_symbols()? {
        out = out.replace("pub use super::symbols::*;\n", "");
    }
    for (name, shape) in model.used()? {
        if !matches!(shape.kind, Kind::Structure(_)) || roots.contains(name) {
            continue;
        }
        let uses = Uses {
            request: in_requests.contains(name),
            answer: in_answers.contains(name),
            recorded: recorded.contains(name),
        };
        let doc = format!("/// Source: {} model, `{name}`.", model.title);
        out.push_str(&structure(model, name, name, &doc, uses)?);
    }
    Ok(match model.protocol {
        Protocol::Json => without_unused_imports(&out),
        Protocol::Query => query::trimmed(&out),
    })
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
        recorded: false,
    };
    let mut body = shape_impl(model, operation)?;
    let doc = format!("/// Request of {name}; made by decoding only.\n#[non_exhaustive]");
    body.push_str(&structure(model, input, "Input", &doc, request)?);
    match output {
        None => {
            let _ = writeln!(
                body,
                "\n/// {name} answers with an empty body.\npub type Output = ();"
            );
        }
        Some(output) => {
            let doc = format!("/// Answer of {name}.");
            body.push_str(&structure(model, output, "Output", &doc, answer)?);
        }
    }
    let text = format!(
        "//! {name}: its request and its answer.\n\n\
         use keystead_types::Fault;\n\n\
         use super::model;\nuse super::rules;\n\
         use crate::audit;\nuse crate::checks::{{Checks, Path}};\n\
         use crate::read::{{self, Bounds}};\nuse crate::shown::{{Bytes, Redacted}};\n\
         use crate::tree::{{Members, Node}};\nuse crate::write::{{self, Object}};\n\
         use crate::{{OperationName, Shape, limits}};\n{body}"
    );
    Ok(without_unused_imports(&text))
}

fn shape_impl(model: &Model, operation: &Operation) -> Result<String, String> {
    let Operation {
        name,
        input,
        output,
        ..
    } = operation;
    let members = model.members(input)?;
    let dry_run = if members.iter().any(|member| member.name == "DryRun") {
        "fn dry_run(input: &Input) -> bool { input.dry_run == Some(true) }"
    } else {
        "fn dry_run(_: &Input) -> bool { false }"
    };
    let encode = match output {
        None => "fn encode((): &Output) -> Vec<u8> { Vec::new() }".to_owned(),
        Some(output) => format!(
            "fn encode(output: &Output) -> Vec<u8> {{\n\
             let mut out = Vec::with_capacity({});\noutput.write(&mut out);\nout\n}}",
            room(model, output)?
        ),
    };
    Ok(format!(
        "\n/// Marker of the operation {name}.\n\
         #[derive(Debug, Clone, Copy)]\npub struct {name};\n\n\
         impl Shape for {name} {{\n\
         type Input = Input;\ntype Output = Output;\n\
         const OPERATION: OperationName = OperationName::{name};\n\n\
         fn decode(body: &[u8]) -> Result<Input, Fault> {{ read::body(body, Input::read) }}\n\n\
         {encode}\n\n{dry_run}\n\n\
         fn audit_parameters(input: &Input, out: &mut Vec<u8>) {{\n\
         audit::parameters(out, |out| input.audit(out));\n}}\n}}\n"
    ))
}

/// An estimate of an answer's length, so that secrets are not left behind by reallocation.
fn room(model: &Model, output: &str) -> Result<String, String> {
    let mut room = "limits::ANSWER_ROOM_BYTES".to_owned();
    for member in model.members(output)? {
        let field = Field::of(model, output, member)?;
        if matches!(field.kind, Kind::Blob) {
            let len = if field.secret {
                "keystead_types::Plaintext::len"
            } else {
                "Vec::len"
            };
            let _ = write!(
                room,
                "+ output.{}.as_ref().map_or(0, {len}) * 4 / 3",
                field.rust
            );
        }
    }
    Ok(room)
}

/// A structure, what it derives, and what it can do.
pub(crate) fn structure(
    model: &Model,
    shape: &str,
    name: &str,
    doc: &str,
    uses: Uses,
) -> Result<String, String> {
    let members = model.members(shape)?;
    let fields: Vec<Field<'_>> = members
        .iter()
        .map(|member| Field::of(model, shape, member))
        .collect::<Result<_, _>>()?;
    let mut out = format!(
        "\n{doc}\n{}pub struct {name} {{\n",
        derives(model, shape, &fields, uses)?
    );
    for (member, field) in members.iter().zip(&fields) {
        let line = describe::member(model, member)?;
        let _ = writeln!(out, "{line}\npub {}: {},", field.rust, field.rust_type());
    }
    let _ = writeln!(out, "}}\n\nimpl {name} {{");
    let mut methods = Vec::new();
    if uses.request {
        methods.push(read_method(model, &fields)?);
    }
    if uses.answer {
        methods.push(match model.protocol {
            Protocol::Json => write_method(model, &fields, Text::Wire)?,
            Protocol::Query => query::write_method(model, &fields)?,
        });
    }
    if uses.request || uses.recorded {
        methods.push(write_method(model, &fields, Text::Audit)?);
    }
    out.push_str(&methods.join("\n"));
    out.push_str("}\n");
    if !derives_debug(&fields) {
        out.push_str(&debug_impl(name, &fields));
    }
    Ok(out)
}

fn derives_debug(fields: &[Field<'_>]) -> bool {
    !fields
        .iter()
        .any(|field| field.hidden || matches!(field.kind, Kind::Blob))
}

fn derives(model: &Model, shape: &str, fields: &[Field<'_>], uses: Uses) -> Result<String, String> {
    let mut names = Vec::new();
    if derives_debug(fields) {
        names.push("Debug");
    }
    // What holds a secret is neither copied nor compared with `==`.
    let mut reached = model.reached_from([shape].into_iter())?.into_iter();
    let secret = |name: &str| model.shape(name).is_ok_and(|shape| shape.sensitive);
    if !reached.any(secret) {
        names.extend(["Clone", "PartialEq", "Eq"]);
    }
    let has_default =
        |field: &Field<'_>| !field.required || matches!(field.kind, Kind::Text | Kind::List(_));
    if uses.answer && !uses.request && fields.iter().all(has_default) {
        names.push("Default");
    }
    Ok(if names.is_empty() {
        String::new()
    } else {
        format!("#[derive({})]\n", names.join(", "))
    })
}

fn read_method(model: &Model, fields: &[Field<'_>]) -> Result<String, String> {
    if fields.is_empty() {
        return Ok(
            "pub(crate) fn read(_: Members<'_>, _: &Path<'_>, _: &mut Checks) \
             -> Result<Option<Self>, Fault> {\nOk(Some(Self {}))\n}\n"
                .to_owned(),
        );
    }
    // A member may have the argument's name.
    let taken = fields.iter().any(|field| field.rust == "path");
    let path = if taken { "place" } else { "path" };
    let mut out = format!(
        "pub(crate) fn read(members: Members<'_>, {path}: &Path<'_>, checks: &mut Checks) \
         -> Result<Option<Self>, Fault> {{\n",
    );
    for field in fields {
        let _ = writeln!(out, "let mut {} = Node::Null;", field.rust);
    }
    out.push_str("for (member, node) in members {\n");
    if let [field] = fields {
        let Field { wire, rust, .. } = field;
        let _ = writeln!(
            out,
            "if member.as_ref() == \"{wire}\" {{ {rust} = node; }}\n}}"
        );
    } else {
        out.push_str("match member.as_ref() {\n");
        for Field { wire, rust, .. } in fields {
            let _ = writeln!(out, "\"{wire}\" => {rust} = node,");
        }
        out.push_str("_ => {}\n}\n}\n");
    }
    for Field {
        rust,
        camel,
        required,
        shape,
        secret,
        ..
    } in fields
    {
        let presence = if *required { "required" } else { "optional" };
        let reader = reader(model, shape, *secret)?;
        let _ = writeln!(
            out,
            "let {rust} = read::{presence}({rust}, &{path}.member(\"{camel}\"), checks, {reader})?;"
        );
    }
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.rust.as_str())
        .collect();
    match required.as_slice() {
        [] => {}
        [one] => {
            let _ = writeln!(out, "let Some({one}) = {one} else {{ return Ok(None); }};");
        }
        several => {
            let some: Vec<String> = several.iter().map(|name| format!("Some({name})")).collect();
            let _ = writeln!(
                out,
                "let ({}) = ({}) else {{ return Ok(None); }};",
                some.join(", "),
                several.join(", ")
            );
        }
    }
    out.push_str("Ok(Some(Self {\n");
    for field in fields {
        if field.is_context() && !field.required {
            let _ = writeln!(out, "{0}: {0}.unwrap_or_default(),", field.rust);
        } else {
            let _ = writeln!(out, "{},", field.rust);
        }
    }
    out.push_str("}))\n}\n");
    Ok(out)
}

fn write_method(model: &Model, fields: &[Field<'_>], text: Text) -> Result<String, String> {
    let chosen: Vec<&Field<'_>> = fields
        .iter()
        .filter(|field| text == Text::Wire || field.is_audited())
        .collect();
    let name = if text == Text::Wire { "write" } else { "audit" };
    let mut out = format!("pub(crate) fn {name}(&self, out: &mut Vec<u8>) {{\n");
    if chosen.is_empty() {
        out.push_str("Object::begin(out).end();\n}\n");
        return Ok(out);
    }
    out.push_str("let mut object = Object::begin(out);\n");
    for field in chosen {
        out.push_str(&member_statement(model, field, text)?);
    }
    out.push_str("object.end();\n}\n");
    Ok(out)
}

fn member_statement(model: &Model, field: &Field<'_>, text: Text) -> Result<String, String> {
    let Field {
        wire,
        camel,
        rust,
        required,
        shape,
        secret,
        ..
    } = field;
    let member = if text == Text::Wire {
        wire
    } else {
        camel.as_str()
    };
    let place = format!("object.member(\"{member}\")");
    let in_audit = text == Text::Audit;
    let statement = |value: &str| -> Result<String, String> {
        if in_audit && matches!(field.kind, Kind::Structure(_)) {
            let inner = writer(model, shape, *secret, text, ("out", value))?;
            return Ok(format!(
                "object.member_unless_empty(\"{member}\", |out| {inner});\n"
            ));
        }
        let call = writer(model, shape, *secret, text, (&place, value))?;
        Ok(call.replace("*&self.", "self.") + ";\n")
    };
    if field.is_context() {
        let inner = statement(&format!("&self.{rust}"))?;
        return Ok(format!("if !self.{rust}.is_empty() {{\n{inner}}}\n"));
    }
    if *required {
        let value = match field.kind {
            Kind::Text | Kind::Blob | Kind::List(_) if !secret => format!("&self.{rust}"),
            Kind::Number | Kind::Flag | Kind::Time => format!("&self.{rust}"),
            _ => format!("self.{rust}"),
        };
        return statement(&value);
    }
    if in_audit && *shape == DEFAULTED {
        return statement(&format!("self.{rust}.unwrap_or({DEFAULT})"));
    }
    let inner = statement("value")?;
    Ok(format!("if let Some(value) = &self.{rust} {{\n{inner}}}\n"))
}

/// CloudTrail records the effective encryption algorithm, also when none was sent.
/// Source: KMS Developer Guide, "Logging AWS KMS API calls", examples of Encrypt and Decrypt.
const DEFAULTED: &str = "EncryptionAlgorithmSpec";
const DEFAULT: &str = "keystead_types::EncryptionAlgorithm::SymmetricDefault";

fn debug_impl(name: &str, fields: &[Field<'_>]) -> String {
    let mut out = format!(
        "\nimpl std::fmt::Debug for {name} {{\n\
         fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{\n\
         f.debug_struct(\"{}\")\n",
        name
    );
    for Field {
        rust,
        required,
        kind,
        hidden,
        ..
    } in fields
    {
        let shown = match (hidden, kind, required) {
            (true, _, true) => "&Redacted".to_owned(),
            (true, _, false) => format!("&self.{rust}.as_ref().map(|_| Redacted)"),
            (false, Kind::Blob, true) => format!("&Bytes::of(Some(&self.{rust}))"),
            (false, Kind::Blob, false) => format!("&Bytes::of(self.{rust}.as_ref())"),
            _ => format!("&self.{rust}"),
        };
        let _ = writeln!(out, ".field(\"{rust}\", {shown})");
    }
    out.push_str(".finish()\n}\n}\n");
    out
}
