//! A request body of the query protocol: parameters by name.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use keystead_types::{Fault, FaultKind};

use crate::limits::{BODY_MAX_BYTES, PARAMETER_DEPTH_MAX, PARAMETERS_MAX};
use crate::tree::{Members, Node};

/// The parameters of a request. `Debug` shows their names only.
pub struct Form {
    /// Sorted by the segments of their names, which are unique; no name leads into another.
    parameters: Vec<Parameter>,
}

struct Parameter {
    name: String,
    value: String,
}

impl Form {
    /// Takes a body apart: `application/x-www-form-urlencoded` in UTF-8.
    ///
    /// Errors: SerializationException (on the wire `MalformedInput`) for a `%` without two hex
    /// digits, for bytes that are not UTF-8, for a name that is empty, has an empty segment or
    /// stands twice, for a name that has both a value and members, and for anything beyond the
    /// limits of [`crate::limits`]. Time: n log n in the number of parameters.
    /// Source: WHATWG URL, section 5; AWS query protocol.
    pub fn parse(body: &[u8]) -> Result<Self, Fault> {
        if body.len() > BODY_MAX_BYTES {
            return Err(malformed("the body is longer than BODY_MAX_BYTES"));
        }
        let mut parameters = Vec::new();
        for pair in body
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            if parameters.len() >= PARAMETERS_MAX {
                return Err(malformed("more parameters than PARAMETERS_MAX"));
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decoded(halves.next().unwrap_or_default())?;
            let value = decoded(halves.next().unwrap_or_default())?;
            if name.split('.').any(str::is_empty) {
                return Err(malformed("a name has an empty segment"));
            }
            if name.split('.').count() > PARAMETER_DEPTH_MAX {
                return Err(malformed("a name is deeper than PARAMETER_DEPTH_MAX"));
            }
            parameters.push(Parameter { name, value });
        }
        parameters.sort_by(|one, other| order(&one.name, &other.name));
        let pairs = parameters.iter().zip(parameters.iter().skip(1));
        // A name stands directly before those that begin with it and a dot.
        if pairs
            .clone()
            .any(|(one, next)| leads_into(&one.name, &next.name))
        {
            return Err(malformed("a name stands twice, or has a value and members"));
        }
        Ok(Self { parameters })
    }

    /// The value of the parameter of that name, case-sensitively.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self
            .parameters
            .binary_search_by(|parameter| order(&parameter.name, name));
        let parameter = self.parameters.get(at.ok()?)?;
        Some(&parameter.value)
    }

    /// The parameter `Action`.
    pub fn action(&self) -> Option<&str> {
        self.get("Action")
    }

    /// The parameter `Version`.
    pub fn version(&self) -> Option<&str> {
        self.get("Version")
    }

    /// The parameters as a tree, by the segments of their names; lists are still maps.
    pub(crate) fn members(&self) -> Members<'_> {
        members(&self.parameters, 0)
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.parameters.iter().map(|parameter| &parameter.name);
        f.debug_list().entries(names).finish()
    }
}

/// The operation that a form asks for; see the generated `Operation::of`.
pub(crate) fn requested<T>(
    form: &Form,
    version: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Fault> {
    let Some(action) = form.action() else {
        return Err(Fault::new(
            FaultKind::MissingAction,
            "The request is missing an action or a required parameter.",
        ));
    };
    let asked = form.version().unwrap_or("NO_VERSION_SPECIFIED");
    let found = parse(action).filter(|_| asked == version);
    found.ok_or_else(|| {
        Fault::new(
            FaultKind::UnknownOperation,
            format!("Could not find operation {action} for version {asked}"),
        )
    })
}

/// The order of names by their segments: what lies under one segment stands together.
fn order(one: &str, other: &str) -> Ordering {
    one.split('.').cmp(other.split('.'))
}

fn leads_into(name: &str, next: &str) -> bool {
    next.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The tree of sorted parameters, whose first `depth` segments agree and are left out.
fn members(parameters: &[Parameter], depth: usize) -> Members<'_> {
    let same = |one: &Parameter, other: &Parameter| segment(one, depth) == segment(other, depth);
    let groups = parameters.chunk_by(same);
    let node = |group: &'_ [Parameter]| match group {
        [one] if one.name.split('.').count() == depth + 1 => None,
        _ => Some(()),
    };
    groups
        .map(|group| {
            let name = group.first().map_or("", |one| segment(one, depth));
            let value = match (node(group), group) {
                (None, [one, ..]) => Node::Text(Cow::Borrowed(&one.value)),
                _ => Node::Map(members(group, depth + 1)),
            };
            (Cow::Borrowed(name), value)
        })
        .collect()
}

fn segment(parameter: &Parameter, depth: usize) -> &str {
    parameter.name.split('.').nth(depth).unwrap_or_default()
}

fn decoded(text: &[u8]) -> Result<String, Fault> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || bytes.next().and_then(|digit| hex(*digit));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => high << 4 | low,
                    _ => return Err(malformed("a % without two hex digits")),
                }
            }
            byte => byte,
        });
    }
    String::from_utf8(out).map_err(|_| malformed("a parameter is not UTF-8"))
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn malformed(cause: &'static str) -> Fault {
    Fault::new(
        FaultKind::Serialization,
        "The request body is not a valid form.",
    )
    .because(cause)
}
