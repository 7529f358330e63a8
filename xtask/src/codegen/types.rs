//! How a shape looks in Rust: its type, and the expressions that read, write and show it.

use super::model::{Kind, Member, Model, Protocol};
use super::names::{field, lower_camel, type_name, upper};
use super::rules;
use super::symbols::bounds;

/// A member of a structure with everything that the emitters ask about it.
pub(crate) struct Field<'m> {
    /// Name on the wire.
    pub(crate) wire: &'m str,
    /// Name in messages and in CloudTrail.
    pub(crate) camel: String,
    /// Name in Rust.
    pub(crate) rust: String,
    /// Whether it must be present.
    pub(crate) required: bool,
    /// Its kind.
    pub(crate) kind: &'m Kind,
    /// Its shape's name.
    pub(crate) shape: &'m str,
    /// Its type without `Option`.
    pub(crate) plain_type: String,
    /// Never shown by `Debug`.
    pub(crate) hidden: bool,
    /// A blob that is a secret.
    pub(crate) secret: bool,
}

impl<'m> Field<'m> {
    /// Looks at a member of a structure.
    pub(crate) fn of(
        model: &'m Model,
        structure: &str,
        member: &'m Member,
    ) -> Result<Self, String> {
        let shape = model.shape(&member.shape)?;
        let secret =
            matches!(shape.kind, Kind::Blob) && rules::is_sensitive_blob(structure, &member.name)?;
        Ok(Self {
            wire: &member.name,
            camel: lower_camel(&member.name),
            rust: field(&member.name),
            required: member.required,
            kind: &shape.kind,
            shape: &member.shape,
            plain_type: plain_type(model, &member.shape, secret)?,
            hidden: secret || shape.sensitive || rules::is_token(&member.name),
            secret,
        })
    }

    /// An encryption context has no `Option`: absent is empty.
    pub(crate) fn is_context(&self) -> bool {
        matches!(self.kind, Kind::Context)
    }

    /// Its type.
    pub(crate) fn rust_type(&self) -> String {
        if self.required || self.is_context() {
            self.plain_type.clone()
        } else {
            format!("Option<{}>", self.plain_type)
        }
    }

    /// Whether CloudTrail has it.
    pub(crate) fn is_audited(&self) -> bool {
        !self.hidden && !matches!(self.kind, Kind::Blob) && !rules::is_unaudited(self.wire)
    }
}

fn plain_type(model: &Model, name: &str, secret: bool) -> Result<String, String> {
    Ok(match &model.shape(name)?.kind {
        Kind::Text => "String".to_owned(),
        Kind::Symbol(_) => match rules::shared_symbol(name) {
            Some(shared) => format!("keystead_types::{shared}"),
            None => format!("model::{}", type_name(name)),
        },
        Kind::Map(key, value) => format!(
            "Vec<({}, {})>",
            plain_type(model, key, false)?,
            plain_type(model, value, false)?
        ),
        Kind::Blob if secret => "keystead_types::Plaintext".to_owned(),
        Kind::Blob => "Vec<u8>".to_owned(),
        Kind::Number => "u32".to_owned(),
        Kind::Flag => "bool".to_owned(),
        Kind::Time => "keystead_types::Timestamp".to_owned(),
        Kind::Context => "keystead_types::EncryptionContext".to_owned(),
        Kind::List(element) => format!("Vec<{}>", plain_type(model, element, false)?),
        Kind::Structure(_) => format!("model::{name}"),
    })
}

/// A closure `|node, path, checks| …` that reads the shape.
pub(crate) fn reader(model: &Model, name: &str, secret: bool) -> Result<String, String> {
    let shape = model.shape(name)?;
    let limits = bounds(shape);
    if model.protocol == Protocol::Query && matches!(shape.kind, Kind::Blob | Kind::Time) {
        return Err(format!(
            "{name}: not built in requests of the query protocol"
        ));
    }
    let call = match &shape.kind {
        Kind::Text => format!("read::text(node, path, checks, &rules::{})", upper(name)),
        Kind::Symbol(_) => format!("read::symbol(node, path, checks, rules::{})", upper(name)),
        Kind::Blob if secret => format!("read::secret(node, path, checks, {limits})"),
        Kind::Blob => format!("read::blob(node, path, checks, {limits})"),
        Kind::Number => format!("read::number(node, path, checks, {limits})"),
        Kind::Flag => return Ok("read::flag".to_owned()),
        Kind::Time => return Ok("read::time".to_owned()),
        Kind::Context => return Ok("read::context".to_owned()),
        Kind::Map(..) => return Err(format!("{name}: maps in requests are not built")),
        Kind::List(element) => {
            let element = reader(model, element, false)?;
            format!("read::list(node, path, checks, {limits}, {element})")
        }
        Kind::Structure(_) => {
            format!("model::{name}::read(read::structure(node)?, path, checks)")
        }
    };
    Ok(format!("|node, path, checks| {call}"))
}

/// Which text a writer makes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// An answer.
    Wire,
    /// CloudTrail parameters.
    Audit,
}

/// A statement that writes `value`, an expression of reference type, to `out`.
pub(crate) fn writer(
    model: &Model,
    name: &str,
    secret: bool,
    text: Text,
    (out, value): (&str, &str),
) -> Result<String, String> {
    Ok(match &model.shape(name)?.kind {
        Kind::Text => format!("write::text({out}, {value})"),
        Kind::Symbol(_) => format!("write::text({out}, {value}.as_str())"),
        Kind::Blob if secret => format!("write::blob({out}, {value}.expose())"),
        Kind::Blob => format!("write::blob({out}, {value})"),
        Kind::Number => format!("write::number({out}, *{value})"),
        Kind::Flag => format!("write::flag({out}, *{value})"),
        Kind::Time if text == Text::Audit => format!("audit::time({out}, *{value})"),
        Kind::Time => format!("write::time({out}, *{value})"),
        Kind::Context => format!("write::context({out}, {value})"),
        Kind::Map(..) => return Err(format!("{name}: maps in audit records are not built")),
        Kind::List(element) => {
            let inner = writer(model, element, false, text, ("out", "item"))?;
            format!("write::list({out}, {value}, |out, item| {inner})")
        }
        Kind::Structure(_) if text == Text::Audit => format!("{value}.audit({out})"),
        Kind::Structure(_) => format!("{value}.write({out})"),
    })
}
