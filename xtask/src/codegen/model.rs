//! The parts of a botocore service model that the generator needs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A service model.
pub(crate) struct Model {
    /// Operations by name.
    pub(crate) operations: Vec<Operation>,
    shapes: BTreeMap<String, Shape>,
}

/// One operation and its structures.
pub(crate) struct Operation {
    /// Its name on the wire.
    pub(crate) name: String,
    /// Its request structure.
    pub(crate) input: String,
    /// Its answer structure; `None` where the answer is empty.
    pub(crate) output: Option<String>,
}

/// A named type.
pub(crate) struct Shape {
    /// What it is.
    pub(crate) kind: Kind,
    /// Marked as sensitive.
    pub(crate) sensitive: bool,
    /// Least length or value.
    pub(crate) min: Option<u32>,
    /// Greatest length or value.
    pub(crate) max: Option<u32>,
    /// Regular expression of a string.
    pub(crate) pattern: Option<String>,
}

/// The kinds of types that KMS uses.
pub(crate) enum Kind {
    /// Text without a fixed set of values.
    Text,
    /// One of these values, in the order of the model.
    Symbol(Vec<String>),
    /// Bytes.
    Blob,
    /// An integer.
    Number,
    /// A boolean.
    Flag,
    /// A moment.
    Time,
    /// A map from text to text: an encryption context.
    Context,
    /// A list of that shape.
    List(String),
    /// Members by name.
    Structure(Vec<Member>),
}

/// A member of a structure.
pub(crate) struct Member {
    /// Its name on the wire.
    pub(crate) name: String,
    /// Its shape.
    pub(crate) shape: String,
    /// Whether it must be present.
    pub(crate) required: bool,
}

impl Model {
    /// Reads a model. Errors: anything that the generator does not know.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let shapes = entries(&json, "shapes")?
            .map(|(name, shape)| {
                let parsed = parse_shape(shape).map_err(|error| format!("{name}: {error}"))?;
                Ok((name.clone(), parsed))
            })
            .collect::<Result<_, String>>()?;
        let operations = entries(&json, "operations")?
            .map(|(name, operation)| {
                let shape = |key| text(operation.get(key)?, "shape");
                Ok(Operation {
                    name: name.clone(),
                    input: shape("input").ok_or(format!("{name} has no input"))?,
                    output: shape("output"),
                })
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { operations, shapes })
    }

    /// The shape of that name.
    pub(crate) fn shape(&self, name: &str) -> Result<&Shape, String> {
        self.shapes.get(name).ok_or(format!("no shape {name}"))
    }

    /// The members of the structure of that name.
    pub(crate) fn members(&self, name: &str) -> Result<&[Member], String> {
        match &self.shape(name)?.kind {
            Kind::Structure(members) => Ok(members),
            _ => Err(format!("{name} is not a structure")),
        }
    }

    /// Shapes by name that some operation's request or answer reaches.
    pub(crate) fn used(&self) -> Result<BTreeMap<&str, &Shape>, String> {
        let requests = self.reached_from(self.operations.iter().map(|op| op.input.as_str()))?;
        let answers = self.operations.iter().filter_map(|op| op.output.as_deref());
        let names = requests.into_iter().chain(self.reached_from(answers)?);
        names.map(|name| Ok((name, self.shape(name)?))).collect()
    }

    /// Names of the shapes that the given ones lead to, themselves included.
    pub(crate) fn reached_from<'m>(
        &'m self,
        roots: impl Iterator<Item = &'m str>,
    ) -> Result<BTreeSet<&'m str>, String> {
        let mut open: Vec<&str> = roots.collect();
        let mut reached = BTreeSet::new();
        while let Some(name) = open.pop() {
            if !reached.insert(name) {
                continue;
            }
            match &self.shape(name)?.kind {
                Kind::List(element) => open.push(element),
                Kind::Structure(members) => {
                    open.extend(members.iter().map(|member| member.shape.as_str()));
                }
                _ => {}
            }
        }
        Ok(reached)
    }
}

fn entries<'j>(
    json: &'j Value,
    key: &str,
) -> Result<impl Iterator<Item = (&'j String, &'j Value)> + use<'j>, String> {
    let object = json.get(key).and_then(Value::as_object);
    Ok(object.ok_or(format!("{key} is missing"))?.iter())
}

fn text(json: &Value, key: &str) -> Option<String> {
    Some(json.get(key)?.as_str()?.to_owned())
}

fn parse_shape(json: &Value) -> Result<Shape, String> {
    let names = |key| -> BTreeSet<String> { strings(json, key).into_iter().collect() };
    let kind = match text(json, "type").as_deref() {
        Some("string") if json.get("enum").is_some() => Kind::Symbol(strings(json, "enum")),
        Some("string") => Kind::Text,
        Some("blob") => Kind::Blob,
        Some("integer") => Kind::Number,
        Some("boolean") => Kind::Flag,
        Some("timestamp") => Kind::Time,
        Some("map") => Kind::Context,
        Some("list") => {
            let element = json.get("member").and_then(|member| text(member, "shape"));
            Kind::List(element.ok_or("a list without an element shape")?)
        }
        Some("structure") => {
            let required = names("required");
            let members = entries(json, "members")?
                .map(|(name, member)| {
                    Ok(Member {
                        name: name.clone(),
                        shape: text(member, "shape").ok_or(format!("{name} has no shape"))?,
                        required: required.contains(name),
                    })
                })
                .collect::<Result<_, String>>()?;
            Kind::Structure(members)
        }
        other => return Err(format!("unknown type {other:?}")),
    };
    let bound = |key: &str| match json.get(key) {
        None => Ok(None),
        Some(value) => {
            let bound = value.as_u64().and_then(|bound| u32::try_from(bound).ok());
            bound.map(Some).ok_or(format!("{key} is not a u32"))
        }
    };
    Ok(Shape {
        kind,
        sensitive: json.get("sensitive").is_some_and(|flag| flag == true),
        min: bound("min")?,
        max: bound("max")?,
        pattern: text(json, "pattern"),
    })
}

fn strings(json: &Value, key: &str) -> Vec<String> {
    let items = json.get(key).and_then(Value::as_array);
    let items = items.into_iter().flatten();
    items
        .filter_map(|item| Some(item.as_str()?.to_owned()))
        .collect()
}
