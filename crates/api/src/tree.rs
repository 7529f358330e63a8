//! A request body as a borrowed tree, built by serde_json's tokenizer under our own bounds.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use keystead_types::{Fault, FaultKind};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::limits::{BODY_MAX_BYTES, DEPTH_MAX, DUPLICATES_BY_PAIRS_MAX, NODES_MAX};

/// Members of an object in the order of the wire; their names are unique.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

/// One JSON value. Strings without escapes are borrowed from the body.
pub(crate) enum Node<'a> {
    Null,
    Flag(bool),
    Negative(i64),
    Positive(u64),
    /// Any other number: with a fraction, an exponent, a minus zero or beyond 64 bits.
    Decimal(f64),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Map(Members<'a>),
}

/// Takes a body apart.
///
/// Errors: SerializationException unless the body is exactly one JSON object (RFC 8259, UTF-8,
/// no byte order mark, no lone surrogate), no object in it names a member twice, and it stays
/// within the limits of [`crate::limits`].
pub(crate) fn parse(body: &[u8]) -> Result<Members<'_>, Fault> {
    if body.len() > BODY_MAX_BYTES {
        return Err(refused("the body is longer than BODY_MAX_BYTES"));
    }
    let nodes = Cell::new(0);
    // Checked once as a whole, not string by string.
    let body = std::str::from_utf8(body).map_err(refused)?;
    let mut tokens = serde_json::Deserializer::from_str(body);
    let seed = Seed {
        depth: 0,
        nodes: &nodes,
    };
    let root = seed.deserialize(&mut tokens).map_err(refused)?;
    tokens.end().map_err(refused)?;
    match root {
        Node::Map(members) => Ok(members),
        _ => Err(refused("the body is not an object")),
    }
}

/// The public answer says nothing about where the body is wrong, as AWS's does not.
fn refused(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::bare(FaultKind::Serialization).because(cause)
}

#[derive(Clone, Copy)]
struct Seed<'c> {
    depth: u32,
    nodes: &'c Cell<u32>,
}

impl Seed<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom("deeper than DEPTH_MAX"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'a> DeserializeSeed<'a> for Seed<'_> {
    type Value = Node<'a>;

    fn deserialize<D: Deserializer<'a>>(self, tokens: D) -> Result<Node<'a>, D::Error> {
        let count = self.nodes.get() + 1;
        if count > NODES_MAX {
            return Err(D::Error::custom("more values than NODES_MAX"));
        }
        self.nodes.set(count);
        tokens.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Seed<'_> {
    type Value = Node<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'a>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'a>, E> {
        Ok(Node::Flag(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'a>, E> {
        Ok(u64::try_from(value).map_or(Node::Negative(value), Node::Positive))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'a>, E> {
        Ok(Node::Positive(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node<'a>, E> {
        Ok(Node::Decimal(value))
    }

    fn visit_borrowed_str<E>(self, value: &'a str) -> Result<Node<'a>, E> {
        Ok(Node::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node<'a>, E> {
        Ok(Node::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Node<'a>, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut entries: A) -> Result<Node<'a>, A::Error> {
        let inner = self.deeper()?;
        let mut members = Members::new();
        while let Some(name) = entries.next_key_seed(Name)? {
            members.push((name, entries.next_value_seed(inner)?));
        }
        if has_duplicate(&members) {
            return Err(A::Error::custom("a member is named twice"));
        }
        Ok(Node::Map(members))
    }
}

fn has_duplicate(members: &Members<'_>) -> bool {
    if members.len() <= DUPLICATES_BY_PAIRS_MAX {
        let mut rest = members.iter();
        return std::iter::from_fn(|| rest.next().map(|(name, _)| (name, rest.clone())))
            .any(|(name, mut later)| later.any(|(other, _)| other == name));
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names
        .iter()
        .zip(names.iter().skip(1))
        .any(|(one, next)| one == next)
}

/// A member name, borrowed where it has no escapes.
struct Name;

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, tokens: D) -> Result<Cow<'a, str>, D::Error> {
        tokens.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Name {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, value: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}
