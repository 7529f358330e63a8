//! Which condition keys a document asks for.

use std::collections::BTreeMap;

use serde_json::Value;

/// Names of condition keys, each once (without case), in order of their names.
#[derive(Debug, Default, Clone)]
pub(crate) struct Keys(BTreeMap<String, String>);

impl Keys {
    /// Adds those of a document, which must be one that compiles: the keys of its conditions, and
    /// the variables in its values.
    pub(crate) fn add(&mut self, document: &str) {
        let Ok(document) = serde_json::from_str::<Value>(document) else {
            return;
        };
        let variables = document.get("Version").and_then(Value::as_str) == Some("2012-10-17");
        let statements = document.get("Statement");
        for statement in many(statements) {
            if let Some(Value::Object(operators)) = statement.get("Condition") {
                for keys in operators.values().filter_map(Value::as_object) {
                    keys.keys().for_each(|key| self.note(key));
                    if variables {
                        keys.values().for_each(|values| self.variables(values));
                    }
                }
            }
            for element in ["Resource", "NotResource"] {
                if let Some(values) = statement.get(element).filter(|_| variables) {
                    self.variables(values);
                }
            }
        }
    }

    fn note(&mut self, key: &str) {
        let place = self.0.entry(key.to_ascii_lowercase());
        place.or_insert_with(|| key.to_owned());
    }

    /// The names in `${name}` and `${name, 'default'}`.
    fn variables(&mut self, values: &Value) {
        for text in many(Some(values)).filter_map(Value::as_str) {
            let mut rest = text;
            while let Some((_, tail)) = rest.split_once("${") {
                let Some((inside, after)) = tail.split_once('}') else {
                    return;
                };
                let name = inside.split(',').next().unwrap_or_default().trim();
                if name.contains(':') {
                    self.note(name);
                }
                rest = after;
            }
        }
    }

    pub(crate) fn into_names(self) -> Vec<String> {
        self.0.into_values().collect()
    }
}

/// The elements of a list, or the one value that stands for itself.
pub(super) fn many(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (one, list) = match value {
        Some(Value::Array(list)) => (None, Some(list)),
        other => (other, None),
    };
    one.into_iter().chain(list.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(document: &str) -> Vec<String> {
        let mut keys = Keys::default();
        keys.add(document);
        keys.into_names()
    }

    #[test]
    fn conditions_and_variables_are_found() {
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*",
            "Resource":["arn:x:${aws:username}/*","${*}"],
            "Condition":{"StringEquals":{"aws:PrincipalTag/a":"${aws:SourceIp, 'x'}"},
                         "StringLike":{"AWS:principaltag/A":"true"}}}]}"#;
        assert_eq!(
            keys(document),
            ["aws:PrincipalTag/a", "aws:SourceIp", "aws:username"]
        );
    }

    #[test]
    fn old_documents_have_no_variables() {
        let document =
            r#"{"Statement":{"Resource":"${aws:username}","Condition":{"Null":{"a:b":"true"}}}}"#;
        assert_eq!(keys(document), ["a:b"]);
    }
}
