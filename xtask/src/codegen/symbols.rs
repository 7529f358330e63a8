//! Emits enumerations, and the constraints of strings as constants.

use std::fmt::Write;

use super::model::{Kind, Model, Shape};
use super::names::{type_name, upper, variant};
use super::rules;

/// Values that the service answers otherwise than its model spells them: shape, value, value on
/// the wire.
const MISSPELLED: &[(&str, &str, &str)] = &[
    // Source: IAM API reference, AttachedPermissionsBoundary: "can only have a value of Policy";
    // so do published answers of AWS, and the examples of its command line.
    (
        "PermissionsBoundaryAttachmentType",
        "PermissionsBoundaryPolicy",
        "Policy",
    ),
];

fn on_the_wire<'v>(shape: &str, value: &'v str) -> &'v str {
    let mut known = MISSPELLED.iter();
    let known = known.find(|(of, model, _)| *of == shape && *model == value);
    known.map_or(value, |(_, _, wire)| wire)
}

/// The file of enumerations.
pub(crate) fn symbols(model: &Model) -> Result<String, String> {
    let mut out = String::from("//! Enumerations of the model.\n\nuse crate::symbol::symbols;\n");
    for (name, shape) in model.used()? {
        let Kind::Symbol(values) = &shape.kind else {
            continue;
        };
        if rules::shared_symbol(name).is_some() {
            continue;
        }
        let _ = write!(
            out,
            "\nsymbols! {{\n    /// Source: {} model, `{name}`.\n    {} {{\n",
            model.title,
            type_name(name)
        );
        for value in values {
            let wire = on_the_wire(name, value);
            let _ = writeln!(out, "        {} \"{wire}\",", variant(value));
        }
        out.push_str("    }\n}\n");
    }
    Ok(out)
}

/// The file of constraints that requests meet: one constant per string shape, one list of names
/// per enumeration.
pub(crate) fn rules(model: &Model) -> Result<String, String> {
    let mut out = String::from(
        "//! Constraints of the string shapes that requests use.\n\n\
         use crate::pattern::{self, Pattern};\nuse crate::read::{Bounds, TextRule};\n",
    );
    let mut all = String::new();
    let requests = model
        .operations
        .iter()
        .map(|operation| operation.input.as_str());
    for name in model.reached_from(requests)? {
        let shape = model.shape(name)?;
        match &shape.kind {
            Kind::Text => {
                text_rule(&mut out, name, shape)?;
                let _ = writeln!(all, "(\"{name}\", &{}),", upper(name));
            }
            Kind::Symbol(values) => {
                let _ = writeln!(
                    out,
                    "\n/// Values of `{name}`.\npub(crate) const {}: &[&str] = &{values:?};",
                    upper(name)
                );
            }
            _ => {}
        }
    }
    let _ = writeln!(
        out,
        "\n/// Every string shape above, for the tests.\n#[cfg(test)]\n\
         pub(crate) const ALL_TEXT: &[(&str, &TextRule)] = &[{all}];"
    );
    Ok(out)
}

fn text_rule(out: &mut String, name: &str, shape: &Shape) -> Result<(), String> {
    let pattern = match &shape.pattern {
        None => "None".to_owned(),
        Some(source) => format!(
            "Some(&Pattern {{ source: r\"{source}\", accepts: pattern::{} }})",
            rules::predicate(source)?
        ),
    };
    let _ = writeln!(
        out,
        "\n/// `{name}`.\npub(crate) const {}: TextRule = TextRule {{ length: {}, \
         pattern: {pattern}, sensitive: {} }};",
        upper(name),
        bounds(shape),
        shape.sensitive
    );
    Ok(())
}

/// A `Bounds` expression; a missing bound is one that nothing violates.
pub(crate) fn bounds(shape: &Shape) -> String {
    let min = shape.min.unwrap_or(0);
    let max = shape
        .max
        .map_or("u32::MAX".to_owned(), |max| max.to_string());
    format!("Bounds {{ min: {min}, max: {max} }}")
}
