//! The condition keys that a request has, for those who have to write a policy for it.

use serde_json::{Map, Value as Json};

use crate::context::{ConditionKey, Context, KnownKey, Value};
use crate::limits::{EXPLAINED_VALUE_MAX_CHARS, EXPLAINED_VALUES_MAX, PRESENT_KEYS_MAX};
use crate::variable::with_text;

/// Adds the member `conditions` to an explanation: the condition keys that the request has and their
/// values, `{"aws:SourceIp": ["192.0.2.1"], …}`, as many as fit when the explanation is to have
/// `max_bytes` at most.
///
/// Arguments: `more` are names that a context cannot list, such as `aws:PrincipalTag/team`. Left out
/// are the time, which every request has, and what a caller must prove to know: `sts:ExternalId`.
pub fn add_conditions(
    explanation: &mut Map<String, Json>,
    context: &dyn Context,
    more: impl IntoIterator<Item = String>,
    max_bytes: usize,
) {
    let bytes = |name: &str, value: &Json| name.len() + value.to_string().len() + 4;
    let members = explanation.iter();
    let taken: usize = members.map(|(name, value)| bytes(name, value)).sum();
    let mut left = max_bytes.saturating_sub(taken + 16);
    let mut found = Map::new();
    for name in names(context).into_iter().chain(more) {
        if found.len() >= PRESENT_KEYS_MAX {
            break;
        }
        let Some(values) = values(context, &name) else {
            continue;
        };
        let takes = bytes(&name, &values);
        if takes <= left {
            left -= takes;
            found.insert(name, values);
        }
    }
    explanation.insert("conditions".to_owned(), found.into());
}

/// The names that a context can be asked for; of an encryption context with thousands of pairs no
/// more than could be told, because each question about one looks at all of them.
fn names(context: &dyn Context) -> Vec<String> {
    let told = |key: &&KnownKey| match key {
        KnownKey::StsExternalId | KnownKey::CurrentTime | KnownKey::EpochTime => false,
        key => !key.is_family(),
    };
    let all = KnownKey::ALL.iter().filter(told);
    let mut names: Vec<String> = all.map(|key| key.name().to_owned()).collect();
    for (list, family) in [
        (KnownKey::EncryptionContextKeys, KnownKey::EncryptionContext),
        (KnownKey::TagKeys, KnownKey::RequestTag),
    ] {
        if let Some(list) = ConditionKey::parse(list.name()) {
            let most = names.len() + PRESENT_KEYS_MAX;
            context.values(&list, &mut |value| {
                if names.len() < most {
                    names.push(with_text(value, |tail| format!("{}{tail}", family.name())));
                }
            });
        }
    }
    names
}

/// The values of a key; none if the request has not got it.
fn values(context: &dyn Context, name: &str) -> Option<Json> {
    let key = ConditionKey::parse(name)?;
    let mut values: Vec<String> = Vec::new();
    context.values(&key, &mut |value: Value<'_>| {
        if values.len() < EXPLAINED_VALUES_MAX {
            let short = |text: &str| text.chars().take(EXPLAINED_VALUE_MAX_CHARS).collect();
            values.push(with_text(value, short));
        }
    });
    (!values.is_empty()).then(|| values.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::Presence;

    struct Facts;

    impl Context for Facts {
        fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
            let values: &[&str] = match key.known() {
                Some(KnownKey::EncryptionContextKeys) => &["Team", "Other"],
                Some(KnownKey::EncryptionContext) if key.tail() == "Team" => &["Red"],
                Some(KnownKey::PrincipalTag) if key.tail() == "unit" => &["a", "b"],
                Some(KnownKey::StsExternalId) => &["hunter2"],
                Some(KnownKey::UserAgent) => &["x"],
                _ => &[],
            };
            values.iter().for_each(|value| each(Value::Text(value)));
            match values {
                [] => Presence::Absent,
                _ => Presence::Multi,
            }
        }
    }

    fn told(max_bytes: usize) -> Json {
        let explanation = json!({"action": "kms:Encrypt"});
        let Json::Object(mut explanation) = explanation else {
            panic!("an object");
        };
        let more = ["aws:PrincipalTag/unit", "nothing"].map(str::to_owned);
        add_conditions(&mut explanation, &Facts, more, max_bytes);
        explanation.into()
    }

    #[test]
    fn what_is_present_is_told() {
        let expected = json!({
            "kms:EncryptionContextKeys": ["Team", "Other"],
            "aws:UserAgent": ["x"],
            "kms:EncryptionContext:Team": ["Red"],
            "aws:PrincipalTag/unit": ["a", "b"],
        });
        assert_eq!(told(4096)["conditions"], expected);
    }

    /// Has so many pairs in its encryption context; counts the questions about single ones.
    struct Crowded(usize, std::cell::Cell<usize>);

    impl Context for Crowded {
        fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
            match key.known() {
                Some(KnownKey::EncryptionContextKeys) => {
                    (0..self.0).for_each(|n| each(Value::Text(&n.to_string())));
                    Presence::Multi
                }
                Some(KnownKey::EncryptionContext) => {
                    self.1.set(self.1.get() + 1);
                    each(Value::Text("v"));
                    Presence::Single
                }
                _ => Presence::Absent,
            }
        }
    }

    #[test]
    fn the_questions_about_a_large_encryption_context_are_few() {
        for max_bytes in [100, 1_000_000] {
            let context = Crowded(3_000, std::cell::Cell::new(0));
            let mut told = Map::new();
            add_conditions(&mut told, &context, [], max_bytes);
            assert!((1..=PRESENT_KEYS_MAX).contains(&context.1.get()));
            let found = told["conditions"].as_object().unwrap();
            assert!(found.len() <= PRESENT_KEYS_MAX);
        }
    }

    #[test]
    fn the_room_is_bounded() {
        for max_bytes in 60..250 {
            let told = told(max_bytes).to_string();
            assert!(told.len() <= max_bytes, "{max_bytes} {told}");
        }
        let short = told(80);
        let conditions = short["conditions"].as_object().unwrap();
        assert_eq!(conditions.keys().collect::<Vec<_>>(), ["aws:UserAgent"]);
    }
}
