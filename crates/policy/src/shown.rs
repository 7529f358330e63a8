//! The text of a policy with unique ids in place of principals that are gone.

/// Replaces, within every `Principal` and `NotPrincipal` element, the texts that are one of the
/// ARNs by their ids. Everything else stays as it was stored, byte by byte.
///
/// Arguments: `document` is a policy that [`Policy::compile`](crate::Policy::compile) took; `gone`
/// are ARN and unique id of its users and roles that are no more. Source: IAM User Guide, "AWS
/// JSON policy elements: Principal" (a deleted role or user shows as its unique id).
pub fn with_unique_ids(document: &str, gone: &[&(String, String)]) -> String {
    let mut out = String::with_capacity(document.len());
    let mut rest = document;
    let mut depth = 0_usize;
    // The depth at which the element ends, while one is being read.
    let mut within: Option<usize> = None;
    let mut awaited = false;
    while let Some(next) = rest.chars().next() {
        if next == '"' {
            let (text, after) = quoted(rest);
            let decoded = serde_json::from_str::<String>(text).unwrap_or_default();
            let is_name = after.trim_start().starts_with(':');
            let id = gone.iter().find(|(arn, _)| *arn == decoded);
            match id.filter(|_| within.is_some() && !is_name) {
                Some((_, id)) => {
                    out.push('"');
                    out.push_str(id);
                    out.push('"');
                }
                None => out.push_str(text),
            }
            if awaited && !is_name {
                // A principal that is one text.
                (awaited, within) = (false, within.filter(|end| *end < depth));
            }
            if is_name && matches!(decoded.as_str(), "Principal" | "NotPrincipal") {
                (awaited, within) = (true, within.or(Some(depth)));
            }
            rest = after;
            continue;
        }
        match next {
            '{' | '[' => {
                depth += 1;
                awaited = false;
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                within = within.filter(|end| depth > *end);
            }
            _ => {}
        }
        out.push(next);
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
    }
    out
}

/// A JSON text at the beginning, with its quotes, and what follows.
fn quoted(rest: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, one)| {
        let closing = *one == '"' && !escaped;
        escaped = *one == '\\' && !escaped;
        closing
    });
    let end = end.map_or(rest.len(), |(at, _)| at + 1);
    rest.split_at_checked(end).unwrap_or((rest, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_principals_are_replaced() {
        let arn = "arn:aws:iam::111122223333:user/alice";
        let gone = (arn.to_owned(), "AIDAEXAMPLE".to_owned());
        let other = "arn:aws:iam::111122223333:user/bob";
        let document = format!(
            r#"{{ "Statement" : [ {{"Sid": "{arn}", "Principal" : {{ "AWS" : [ "{arn}", "{other}" ] }},
               "Condition": {{"ArnLike": {{"aws:PrincipalArn": "{arn}"}}}}}},
               {{"NotPrincipal": {{"AWS": "arn:aws:iam::111122223333:user\/alice"}}, "Resource": "{arn}"}},
               {{"Principal": "*", "Sid": "{arn}"}} ] }}"#
        );
        let expected = document
            .replacen(&format!("[ \"{arn}\""), "[ \"AIDAEXAMPLE\"", 1)
            .replacen(r"arn:aws:iam::111122223333:user\/alice", "AIDAEXAMPLE", 1);
        assert_eq!(with_unique_ids(&document, &[&gone]), expected);
        assert_ne!(document, expected);
        assert_eq!(with_unique_ids(&document, &[]), document);
    }

    #[test]
    fn every_place_of_a_principal_is_found() {
        let gone = ["alice", "bob"].map(|name| (name.to_owned(), name.to_ascii_uppercase()));
        let document = r#"{"Statement": {
            "Sid": "6\" and \"Principal\": {\"AWS\": [\"bob\" \\",
            "Principal": {"Service": ["s3.amazonaws.com"], "AWS": ["x", "bob", "alice", "bob"]},
            "Resource": ["bob", "alice"]}, "Id": "alice"}"#;
        let expected = r#"{"Statement": {
            "Sid": "6\" and \"Principal\": {\"AWS\": [\"bob\" \\",
            "Principal": {"Service": ["s3.amazonaws.com"], "AWS": ["x", "BOB", "ALICE", "BOB"]},
            "Resource": ["bob", "alice"]}, "Id": "alice"}"#;
        assert_eq!(with_unique_ids(document, &[&gone[0], &gone[1]]), expected);
    }
}
