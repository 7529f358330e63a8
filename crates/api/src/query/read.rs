//! Readers from a form's tree to typed members; see [`crate::read`] for what a reader does.

use keystead_types::{Fault, FaultKind};

use super::Form;
use crate::checks::{Checks, Path};
use crate::read::{self, Read};
pub(crate) use crate::read::{Bounds, optional, required, symbol, text};
use crate::tree::{Members, Node};

/// Reads a whole form.
pub(crate) fn form<'a, T>(
    form: &'a Form,
    read: impl FnOnce(Members<'a>, &Path<'_>, &mut Checks) -> Read<T>,
) -> Result<T, Fault> {
    let mut checks = Checks::default();
    let value = read(form.members(), &Path::Root, &mut checks)?;
    checks.finish(value)
}

/// Reads an integer: decimal digits, with a sign before them or not.
pub(crate) fn number(
    node: Node<'_>,
    path: &Path<'_>,
    checks: &mut Checks,
    bounds: Bounds,
) -> Read<u32> {
    let node = match node {
        Node::Text(text) => match text.parse() {
            Ok(number) => u64::try_from(number).map_or(Node::Negative(number), Node::Positive),
            Err(_) => return Err(malformed("Unexpected content: not an integer")),
        },
        other => other,
    };
    read::number(node, path, checks, bounds)
}

/// Reads a boolean: `true` or `false`, in any case, as AWS's front end takes them.
pub(crate) fn flag(node: Node<'_>, path: &Path<'_>, checks: &mut Checks) -> Read<bool> {
    let node = match node {
        Node::Text(text) if text.eq_ignore_ascii_case("true") => Node::Flag(true),
        Node::Text(text) if text.eq_ignore_ascii_case("false") => Node::Flag(false),
        Node::Text(_) => return Err(malformed("Unexpected content: not a boolean")),
        other => other,
    };
    read::flag(node, path, checks)
}

/// Reads a list: `Name.member.1`, `Name.member.2` and so on without a gap, in any order. `Name=`
/// is the empty list, as SDKs write it.
pub(crate) fn list<'a, T>(
    node: Node<'a>,
    path: &Path<'_>,
    checks: &mut Checks,
    bounds: Bounds,
    read: impl FnMut(Node<'a>, &Path<'_>, &mut Checks) -> Read<T>,
) -> Read<Vec<T>> {
    let elements = match node {
        Node::Text(text) if text.is_empty() => Members::new(),
        Node::Map(members) => elements(members)?,
        _ => return Err(malformed("Expected a list")),
    };
    let mut numbered = elements
        .into_iter()
        .map(|(name, node)| Ok((index(&name)?, node)))
        .collect::<Result<Vec<_>, Fault>>()?;
    numbered.sort_by_key(|(index, _)| *index);
    if numbered
        .iter()
        .zip(1..)
        .any(|((index, _), place)| *index != place)
    {
        return Err(malformed(
            "The elements of a list are numbered from 1, without gaps",
        ));
    }
    let nodes = numbered.into_iter().map(|(_, node)| node).collect();
    read::list(Node::List(nodes), path, checks, bounds, read)
}

/// What lies under `member`, the only name that a list has.
fn elements(members: Members<'_>) -> Result<Members<'_>, Fault> {
    let mut members = members.into_iter();
    match (members.next(), members.next()) {
        (Some((name, Node::Map(elements))), None) if name == "member" => Ok(elements),
        _ => Err(malformed(
            "Expected the elements of a list as member.1, member.2",
        )),
    }
}

/// The number of an element: digits without a leading zero.
fn index(text: &str) -> Result<u32, Fault> {
    let canonical = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    let number = canonical.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| malformed("An element of a list has no number"))
}

/// The members of a structure.
pub(crate) fn structure(node: Node<'_>) -> Result<Members<'_>, Fault> {
    match node {
        Node::Text(text) if text.is_empty() => Ok(Members::new()),
        other => read::structure(other),
    }
}

fn malformed(message: &'static str) -> Fault {
    Fault::new(FaultKind::Serialization, message)
}
