//! The condition keys that a request has, for those who have to write a policy for it.

use serde_json::{Value as Json, json};

use crate::context::{ConditionKey, Context, KnownKey, Value};
use crate::limits::{EXPLAINED_VALUE_MAX_CHARS, EXPLAINED_VALUES_MAX, PRESENT_KEYS_MAX};
use crate::variable::with_text;

/// The keys of a request with their values: `[{"key": …, "values": {"items": [{"value": …}]}}]`, as
/// STS's DecodeAuthorizationMessage lists them.
///
/// Arguments: `more` are names that a context cannot list, such as `aws:PrincipalTag/team`; the
/// list takes about `max_bytes` at most. What a caller must prove to know is left out:
/// `sts:ExternalId`.
pub fn present_conditions(
    context: &dyn Context,
    more: impl IntoIterator<Item = String>,
    max_bytes: usize,
) -> Json {
    let plain = KnownKey::ALL.iter().filter(|key| !key.is_family());
    let plain = plain.filter(|key| **key != KnownKey::StsExternalId);
    let names = plain.map(|key| key.name().to_owned());
    let listed = [
        (KnownKey::EncryptionContextKeys, KnownKey::EncryptionContext),
        (KnownKey::TagKeys, KnownKey::RequestTag),
    ];
    let listed = listed.iter().flat_map(|(list, family)| {
        let mut names = Vec::new();
        if let Some(list) = ConditionKey::parse(list.name()) {
            context.values(&list, &mut |value| {
                names.push(with_text(value, |tail| format!("{}{tail}", family.name())));
            });
        }
        names
    });
    let mut left = max_bytes;
    let mut items = Vec::new();
    for name in names.chain(listed).chain(more) {
        let Some(item) = present(context, &name) else {
            continue;
        };
        let bytes = item.to_string().len();
        if bytes > left || items.len() == PRESENT_KEYS_MAX {
            continue;
        }
        left -= bytes;
        items.push(item);
    }
    items.into()
}

/// A key with its values; none if the request has not got it.
fn present(context: &dyn Context, name: &str) -> Option<Json> {
    let key = ConditionKey::parse(name)?;
    let mut values = Vec::new();
    context.values(&key, &mut |value: Value<'_>| {
        if values.len() < EXPLAINED_VALUES_MAX {
            let short = |text: &str| text.chars().take(EXPLAINED_VALUE_MAX_CHARS).collect();
            let text: String = with_text(value, short);
            values.push(json!({"value": text}));
        }
    });
    (!values.is_empty()).then(|| json!({"key": name, "values": {"items": values}}))
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_is_present_is_told_within_bounds() {
        let more = || ["aws:PrincipalTag/unit".to_owned(), "nothing".to_owned()];
        let told = present_conditions(&Facts, more(), 4096);
        let pairs = |told: &Json| -> Vec<(String, usize)> {
            let of = |item: &Json| {
                let values = item["values"]["items"].as_array().map_or(0, Vec::len);
                (item["key"].as_str().unwrap_or("").to_owned(), values)
            };
            told.as_array().unwrap().iter().map(of).collect()
        };
        assert_eq!(
            pairs(&told),
            [
                ("kms:EncryptionContextKeys".to_owned(), 2),
                ("aws:UserAgent".to_owned(), 1),
                ("kms:EncryptionContext:Team".to_owned(), 1),
                ("aws:PrincipalTag/unit".to_owned(), 2),
            ]
        );
        assert!(!told.to_string().contains("hunter2"));
        let short = present_conditions(&Facts, more(), 100);
        assert!(
            short.to_string().len() <= 102 && pairs(&short).len() == 1,
            "{short}"
        );
    }
}
