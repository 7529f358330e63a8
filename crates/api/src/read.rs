//! Readers from tree nodes to typed members. A reader returns `Ok(None)` exactly when it noted a
//! violation; a wrong JSON type is a SerializationException at once.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64_simd::{Out, STANDARD};
use keystead_types::{EncryptionContext, Fault, FaultKind, Plaintext, Timestamp};
use zeroize::Zeroizing;

use crate::checks::{Checks, Path, Shown};
use crate::limits::TIMESTAMP_MAX_SECONDS;
use crate::pattern::Pattern;
use crate::symbol::Symbol;
use crate::tree::{self, Members, Node};

/// Inclusive bounds: of a length, a size or a number.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) min: u32,
    pub(crate) max: u32,
}

/// Constraints of a string shape.
pub(crate) struct TextRule {
    /// Length in UTF-16 code units, as AWS's Java front end counts characters.
    pub(crate) length: Bounds,
    pub(crate) pattern: Option<&'static Pattern>,
    pub(crate) sensitive: bool,
}

/// What a reader of one member does: node, path, violations.
pub(crate) type Read<T> = Result<Option<T>, Fault>;

/// Reads a whole body.
pub(crate) fn body<'a, T>(
    body: &'a [u8],
    read: impl FnOnce(Members<'a>, &Path<'_>, &mut Checks) -> Read<T>,
) -> Result<T, Fault> {
    let mut checks = Checks::default();
    let value = read(tree::parse(body)?, &Path::Root, &mut checks)?;
    checks.finish(value)
}

/// Reads a member that must be there; JSON null counts as absent.
pub(crate) fn required<'a, T>(
    node: Node<'a>,
    path: &Path<'_>,
    checks: &mut Checks,
    read: impl FnOnce(Node<'a>, &Path<'_>, &mut Checks) -> Read<T>,
) -> Read<T> {
    if matches!(node, Node::Null) {
        checks.missing(path);
        return Ok(None);
    }
    read(node, path, checks)
}

/// Reads a member that may be absent; JSON null counts as absent.
pub(crate) fn optional<'a, T>(
    node: Node<'a>,
    path: &Path<'_>,
    checks: &mut Checks,
    read: impl FnOnce(Node<'a>, &Path<'_>, &mut Checks) -> Read<T>,
) -> Read<T> {
    if matches!(node, Node::Null) {
        return Ok(None);
    }
    read(node, path, checks)
}

/// The pattern of names in IAM, which has words of its own for others.
const ENTITY_NAME: &str = r"[\w+=,.@-]+";

/// Reads a string.
pub(crate) fn text(
    node: Node<'_>,
    path: &Path<'_>,
    checks: &mut Checks,
    rule: &TextRule,
) -> Read<String> {
    let text = expect_text(node, "a String")?;
    let shown = if rule.sensitive {
        Shown::Nothing
    } else {
        Shown::Text(&text)
    };
    let mut fits = length(utf16_len(&text), rule.length, shown, path, checks);
    if let Some(pattern) = rule.pattern
        && !(pattern.accepts)(&text)
    {
        if pattern.source == ENTITY_NAME && fits {
            checks.misnamed(shown, path);
        } else {
            checks.violated(
                shown,
                path,
                format_args!("satisfy regular expression pattern: {}", pattern.source),
            );
        }
        fits = false;
    }
    Ok(fits.then(|| text.into_owned()))
}

/// Reads a value of an enumeration. `names` are those that the model allows here.
pub(crate) fn symbol<T: Symbol>(
    node: Node<'_>,
    path: &Path<'_>,
    checks: &mut Checks,
    names: &'static [&'static str],
) -> Read<T> {
    let text = expect_text(node, "a String")?;
    let value = if names.contains(&text.as_ref()) {
        T::parse(&text)
    } else {
        None
    };
    if value.is_none() {
        let set = names.join(", ");
        checks.violated(
            Shown::Text(&text),
            path,
            format_args!("satisfy enum value set: [{set}]"),
        );
    }
    Ok(value)
}

/// Reads an integer.
pub(crate) fn number(
    node: Node<'_>,
    path: &Path<'_>,
    checks: &mut Checks,
    bounds: Bounds,
) -> Read<u32> {
    let number = match node {
        Node::Positive(number) => i128::from(number),
        Node::Negative(number) => i128::from(number),
        other => return Err(mismatch(&other, "an Integer")),
    };
    if i32::try_from(number).is_err() {
        return Err(serialization(
            "NUMBER_VALUE can not be converted to an Integer",
        ));
    }
    let shown = Shown::Number(number);
    if number < i128::from(bounds.min) {
        let min = bounds.min;
        checks.violated(
            shown,
            path,
            format_args!("have value greater than or equal to {min}"),
        );
        return Ok(None);
    }
    if number > i128::from(bounds.max) {
        let max = bounds.max;
        checks.violated(
            shown,
            path,
            format_args!("have value less than or equal to {max}"),
        );
        return Ok(None);
    }
    Ok(u32::try_from(number).ok())
}

/// Reads a boolean.
pub(crate) fn flag(node: Node<'_>, _: &Path<'_>, _: &mut Checks) -> Read<bool> {
    match node {
        Node::Flag(value) => Ok(Some(value)),
        other => Err(mismatch(&other, "a Boolean")),
    }
}

/// Reads a public blob.
pub(crate) fn blob(
    node: Node<'_>,
    path: &Path<'_>,
    checks: &mut Checks,
    bounds: Bounds,
) -> Read<Vec<u8>> {
    let text = expect_text(node, "a Blob")?;
    let bytes = STANDARD
        .decode_to_vec(text.as_bytes())
        .map_err(|_| not_base64())?;
    let fits = length(bytes.len(), bounds, Shown::Nothing, path, checks);
    Ok(fits.then_some(bytes))
}

/// Reads a sensitive blob. It is wiped when dropped, also when it is refused or when its base64
/// breaks off half-way.
pub(crate) fn secret(
    node: Node<'_>,
    path: &Path<'_>,
    checks: &mut Checks,
    bounds: Bounds,
) -> Read<Plaintext> {
    let text = expect_text(node, "a Blob")?;
    let len = STANDARD
        .decoded_length(text.as_bytes())
        .map_err(|_| not_base64())?;
    let mut bytes = Zeroizing::new(vec![0; len]);
    let decoded = STANDARD.decode(text.as_bytes(), Out::from_slice(&mut bytes));
    let whole = decoded.is_ok_and(|decoded| decoded.len() == len);
    if let Cow::Owned(unescaped) = text {
        drop(Zeroizing::new(unescaped));
    }
    if !whole {
        return Err(not_base64());
    }
    let fits = length(len, bounds, Shown::Nothing, path, checks);
    Ok(fits.then(|| Plaintext::new(std::mem::take(&mut bytes))))
}

fn not_base64() -> Fault {
    serialization("The value is not valid Base64")
}

/// Reads a moment: a JSON number of seconds since the Unix epoch, kept to the millisecond.
pub(crate) fn time(node: Node<'_>, _: &Path<'_>, _: &mut Checks) -> Read<Timestamp> {
    let millis = match node {
        Node::Positive(seconds) if seconds <= TIMESTAMP_MAX_SECONDS => {
            i64::try_from(seconds * 1000).ok()
        }
        Node::Decimal(seconds) => millis_of(seconds),
        Node::Positive(_) | Node::Negative(_) => None,
        other => return Err(mismatch(&other, "a Timestamp")),
    };
    let refused = || serialization("NUMBER_VALUE can not be converted to a Timestamp");
    Ok(Some(Timestamp::from_millis(millis.ok_or_else(refused)?)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "both numbers stay far below 2^53 thousandths"
)]
fn millis_of(seconds: f64) -> Option<i64> {
    let range = 0.0..(TIMESTAMP_MAX_SECONDS as f64 + 1.0);
    range
        .contains(&seconds)
        .then(|| (seconds * 1000.0).round() as i64)
}

/// Reads an encryption context. Integers of 64 bits and booleans stand for their text; other
/// numbers are refused, because the tokenizer does not keep their text and two different texts
/// must not become one context.
pub(crate) fn context(node: Node<'_>, _: &Path<'_>, _: &mut Checks) -> Read<EncryptionContext> {
    let members = structure(node)?;
    let mut pairs = BTreeMap::new();
    for (name, node) in members {
        let value = match node {
            Node::Text(text) => text.into_owned(),
            Node::Flag(flag) => flag.to_string(),
            Node::Positive(number) => number.to_string(),
            Node::Negative(number) => number.to_string(),
            other => return Err(mismatch(&other, "a String")),
        };
        pairs.insert(name.into_owned(), value);
    }
    Ok(Some(EncryptionContext::new(pairs)))
}

/// Reads a list. Every element is checked; a null element counts as missing.
pub(crate) fn list<'a, T>(
    node: Node<'a>,
    path: &Path<'_>,
    checks: &mut Checks,
    bounds: Bounds,
    mut read: impl FnMut(Node<'a>, &Path<'_>, &mut Checks) -> Read<T>,
) -> Read<Vec<T>> {
    let Node::List(nodes) = node else {
        return Err(match node {
            Node::Map(_) => mismatch(&node, "a List"),
            _ => serialization("Expected list or null"),
        });
    };
    let count = nodes.len();
    let fits = length(count, bounds, Shown::List, path, checks);
    let mut items = Vec::with_capacity(count);
    for (index, node) in nodes.into_iter().enumerate() {
        let path = Path::Element(path, index);
        items.extend(required(node, &path, checks, &mut read)?);
    }
    Ok((fits && items.len() == count).then_some(items))
}

/// The members of a structure or map.
pub(crate) fn structure(node: Node<'_>) -> Result<Members<'_>, Fault> {
    match node {
        Node::Map(members) => Ok(members),
        Node::List(_) => Err(mismatch(&node, "a Map")),
        _ => Err(serialization("Expected map or null")),
    }
}

fn expect_text<'a>(node: Node<'a>, wanted: &str) -> Result<Cow<'a, str>, Fault> {
    match node {
        Node::Text(text) => Ok(text),
        other => Err(mismatch(&other, wanted)),
    }
}

fn length(
    count: usize,
    bounds: Bounds,
    shown: Shown<'_>,
    path: &Path<'_>,
    checks: &mut Checks,
) -> bool {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let Bounds { min, max } = bounds;
    if count < min {
        checks.violated(
            shown,
            path,
            format_args!("have length greater than or equal to {min}"),
        );
    } else if count > max {
        checks.violated(
            shown,
            path,
            format_args!("have length less than or equal to {max}"),
        );
    }
    (min..=max).contains(&count)
}

fn utf16_len(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    }
}

fn mismatch(found: &Node<'_>, wanted: &str) -> Fault {
    let kind = match found {
        Node::Map(_) => {
            return serialization("Start of structure or map found where not expected.");
        }
        Node::List(_) => return serialization("Start of list found where not expected."),
        Node::Null => "NULL_VALUE",
        Node::Flag(true) => "TRUE_VALUE",
        Node::Flag(false) => "FALSE_VALUE",
        Node::Negative(_) | Node::Positive(_) => "NUMBER_VALUE",
        Node::Decimal(_) => "DECIMAL_VALUE",
        Node::Text(_) => "STRING_VALUE",
    };
    serialization(format!("{kind} can not be converted to {wanted}"))
}

fn serialization(message: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(FaultKind::Serialization, message)
}
