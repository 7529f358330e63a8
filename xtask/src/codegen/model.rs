//! The parts of a botocore service model that the generator needs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// How requests and answers are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// AWS JSON 1.1: KMS.
    Json,
    /// Forms in, XML out: IAM and STS.
    Query,
}

/// A service model.
pub(crate) struct Model {
    /// The service's name in comments: `KMS`.
    pub(crate) title: &'static str,
    /// How it speaks.
    pub(crate) protocol: Protocol,
    /// The XML namespace of its answers; empty for JSON.
    pub(crate) namespace: String,
    /// `2010-05-08`.
    pub(crate) version: String,
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
    /// The XML element around the answer's members.
    pub(crate) wrapper: Option<String>,
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
    /// A map from one shape to another.
    Map(String, String),
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
    /// Reads a model of several files, of which the later ones add operations and shapes.
    ///
    /// Errors: anything that the generator does not know; a name twice.
    pub(crate) fn parse(
        title: &'static str,
        protocol: Protocol,
        files: &[Vec<u8>],
    ) -> Result<Self, String> {
        let mut shapes = BTreeMap::new();
        let mut operations = BTreeMap::new();
        let (mut namespace, mut version) = (String::new(), String::new());
        for bytes in files {
            let json: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
            let metadata = json.get("metadata").unwrap_or(&Value::Null);
            namespace = text(metadata, "xmlNamespace").unwrap_or_default();
            version = text(metadata, "apiVersion").unwrap_or_default();
            for (name, shape) in entries(&json, "shapes")? {
                let parsed =
                    parse_shape(shape, protocol).map_err(|error| format!("{name}: {error}"))?;
                if shapes.insert(name.clone(), parsed).is_some() {
                    return Err(format!("two shapes {name}"));
                }
            }
            for (name, operation) in entries(&json, "operations")? {
                let parsed = parse_operation(name, operation);
                if operations.insert(name.clone(), parsed).is_some() {
                    return Err(format!("two operations {name}"));
                }
            }
        }
        let operations: Vec<Operation> = operations.into_values().collect();
        for operation in &operations {
            // An operation without an input shape takes no parameters.
            if operation.input == without_input(&operation.name) {
                shapes.insert(operation.input.clone(), empty_structure());
            }
        }
        Ok(Self {
            title,
            protocol,
            namespace,
            version,
            operations,
            shapes,
        })
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

    /// Whether some request or answer has an enumeration.
    pub(crate) fn has_symbols(&self) -> Result<bool, String> {
        let used = self.used()?;
        Ok(used
            .values()
            .any(|shape| matches!(shape.kind, Kind::Symbol(_))))
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
                Kind::Map(key, value) => open.extend([key.as_str(), value.as_str()]),
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

fn parse_operation(name: &str, json: &Value) -> Operation {
    let shape = |key| text(json.get(key)?, "shape");
    Operation {
        name: name.to_owned(),
        input: shape("input").unwrap_or_else(|| without_input(name)),
        output: shape("output"),
        wrapper: json
            .get("output")
            .and_then(|output| text(output, "resultWrapper")),
    }
}

/// The name of an input that the model does not have.
fn without_input(operation: &str) -> String {
    format!("{operation} without input")
}

fn empty_structure() -> Shape {
    Shape {
        kind: Kind::Structure(Vec::new()),
        sensitive: false,
        min: None,
        max: None,
        pattern: None,
    }
}

fn parse_shape(json: &Value, protocol: Protocol) -> Result<Shape, String> {
    if json.get("flattened").is_some() {
        return Err("flattened lists and maps are not built".to_owned());
    }
    let names = |key| -> BTreeSet<String> { strings(json, key).into_iter().collect() };
    let kind = match text(json, "type").as_deref() {
        Some("string") if json.get("enum").is_some() => Kind::Symbol(strings(json, "enum")),
        Some("string") => Kind::Text,
        Some("blob") => Kind::Blob,
        Some("integer") => Kind::Number,
        Some("boolean") => Kind::Flag,
        Some("timestamp") => Kind::Time,
        Some("map") if protocol == Protocol::Json => Kind::Context,
        Some("map") => {
            let shape = |key| json.get(key).and_then(|inner| text(inner, "shape"));
            let (key, value) = shape("key")
                .zip(shape("value"))
                .ok_or("a map without shapes")?;
            Kind::Map(key, value)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(files: &[&str]) -> Result<Model, String> {
        let files: Vec<Vec<u8>> = files.iter().map(|text| text.as_bytes().to_vec()).collect();
        Model::parse("IAM", Protocol::Query, &files)
    }

    const FIRST: &str = r#"{"metadata":{"xmlNamespace":"https://x/","apiVersion":"1"},
        "operations":{"One":{"output":{"shape":"M","resultWrapper":"OneResult"}}},
        "shapes":{"M":{"type":"map","key":{"shape":"T"},"value":{"shape":"T"}},"T":{"type":"string"}}}"#;

    #[test]
    fn later_files_add_and_replace_nothing() {
        let metadata = r#""metadata":{"xmlNamespace":"https://x/","apiVersion":"1"}"#;
        let more = format!(r#"{{{metadata},"operations":{{"Two":{{}}}},"shapes":{{}}}}"#);
        let model = parse(&[FIRST, &more]).unwrap();
        let names: Vec<&str> = model.operations.iter().map(|op| &*op.name).collect();
        assert_eq!(names, ["One", "Two"]);
        assert_eq!(model.operations[0].wrapper.as_deref(), Some("OneResult"));
        assert!(
            model
                .members(&model.operations[1].input)
                .unwrap()
                .is_empty()
        );
        assert_eq!((&*model.namespace, &*model.version), ("https://x/", "1"));
        assert_eq!(parse(&[FIRST, FIRST]).err().unwrap(), "two shapes M");
        let again = format!(r#"{{{metadata},"operations":{{"One":{{}}}},"shapes":{{}}}}"#);
        assert_eq!(parse(&[FIRST, &again]).err().unwrap(), "two operations One");
    }

    #[test]
    fn a_map_is_a_context_in_json_only_and_flattened_shapes_stop_the_generator() {
        let model = parse(&[FIRST]).unwrap();
        assert!(matches!(model.shape("M").unwrap().kind, Kind::Map(..)));
        let json = Model::parse("KMS", Protocol::Json, &[FIRST.as_bytes().to_vec()]).unwrap();
        assert!(matches!(json.shape("M").unwrap().kind, Kind::Context));
        let flat = FIRST.replace(r#""type":"map""#, r#""type":"map","flattened":true"#);
        assert!(parse(&[&flat]).err().unwrap().contains("flattened"));
    }
}
