//! A strict reading of JSON: bounded depth, and no member name twice at any level, so that no
//! two readers can understand one document differently.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::error::{PolicyError, PolicyErrorKind};
use crate::limits::DEPTH_MAX;

/// Members of an object by name.
pub(crate) type Members = BTreeMap<String, Json>;

/// What the policy grammar can tell apart.
#[derive(Debug, PartialEq)]
pub(crate) enum Json {
    Text(String),
    List(Vec<Json>),
    Object(Members),
    /// A number or a boolean, printed: values of conditions may be written so.
    Scalar(String),
    /// `null`: no place of the grammar takes it.
    Null,
}

/// Reads one JSON value and nothing after it.
pub(crate) fn read(document: &str) -> Result<Json, PolicyError> {
    let mut reader = serde_json::Deserializer::from_str(document);
    let tree = Node { depth: 0 }.deserialize(&mut reader);
    tree.and_then(|tree| reader.end().map(|()| tree))
        .map_err(|why| {
            PolicyError::new(
                PolicyErrorKind::Syntax,
                format!("The policy is not a valid JSON document: {why}."),
            )
        })
}

/// One value; `depth` objects and lists are open around it.
#[derive(Clone, Copy)]
struct Node {
    depth: usize,
}

impl Node {
    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth < DEPTH_MAX {
            Ok(Self {
                depth: self.depth + 1,
            })
        } else {
            Err(E::custom("nested too deeply"))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        // With an exponent where it is large: 1e300 must not become 300 digits.
        Ok(Json::Scalar(format!("{value:?}")))
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut members = Members::new();
        while let Some(name) = entries.next_key::<String>()? {
            match members.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(entries.next_value_seed(inner)?);
                }
                Entry::Occupied(_) => return Err(A::Error::custom("duplicate member name")),
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn depth_is_bounded_exactly() {
        assert!(read(&nested(DEPTH_MAX)).is_ok());
        assert!(read(&nested(DEPTH_MAX + 1)).is_err());
        assert!(read(&"[".repeat(30_000)).is_err());
    }

    #[test]
    fn duplicates_are_found_at_every_level_and_through_escapes() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"x":[{"a":1,"b":2,"a":3}]}"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            let why = read(bad).unwrap_err();
            assert_eq!(why.kind(), PolicyErrorKind::Syntax);
            assert!(why.to_string().contains("duplicate member name"), "{why}");
        }
        assert!(read(r#"{"a":{"a":1},"A":2}"#).is_ok());
    }

    #[test]
    fn what_is_not_one_json_value_is_refused() {
        for bad in [
            "",
            " ",
            "{",
            "{} {}",
            "{}x",
            "{,}",
            "[1,]",
            "\u{feff}{}",
            r#""\ud800""#,
            "NaN",
            "1e400",
            "'a'",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert_eq!(read(" [null, true, -1, 1.5]\n").unwrap(), {
            let scalar = |text: &str| Json::Scalar(text.to_owned());
            Json::List(vec![
                Json::Null,
                scalar("true"),
                scalar("-1"),
                scalar("1.5"),
            ])
        });
    }
}
