//! The regular expressions of the model as plain predicates, each linear in the text.
//!
//! A pattern must match the whole text, anchored or not, as in AWS's front end. `\w`, `\d`
//! and `\s` are ASCII, as in Java.

/// A regular expression of the model.
pub(crate) struct Pattern {
    /// Its text in the model, for the message.
    pub(crate) source: &'static str,
    /// Whether a text matches.
    pub(crate) accepts: fn(&str) -> bool,
}

/// True if the text has at least one byte and all are allowed.
fn some(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// `[0-9]{12}`
pub(crate) fn account_id(text: &str) -> bool {
    text.len() == 12 && some(text, |b| b.is_ascii_digit())
}

/// `^[a-zA-Z0-9:/_-]+$`
pub(crate) fn alias_or_grant_name(text: &str) -> bool {
    some(text, |b| is_word(b) || matches!(b, b':' | b'/' | b'-'))
}

/// `^[a-f0-9]+$`
pub(crate) fn lower_hex(text: &str) -> bool {
    some(text, |b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// `cluster-[2-7a-zA-Z]{11,16}`
pub(crate) fn cluster_id(text: &str) -> bool {
    text.strip_prefix("cluster-").is_some_and(|rest| {
        (11..=16).contains(&rest.len())
            && some(rest, |b| {
                matches!(b, b'2'..=b'7') || b.is_ascii_alphabetic()
            })
    })
}

/// `^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$`
pub(crate) fn source_arn(text: &str) -> bool {
    let lower = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let mut fields = text.splitn(6, ':');
    let mut next = || fields.next().unwrap_or_default();
    let (arn, partition, service, region, account, rest) =
        (next(), next(), next(), next(), next(), next());
    arn == "arn"
        && partition
            .strip_prefix("aws")
            .is_some_and(|tail| tail.bytes().all(lower))
        && some(service, lower)
        && region.bytes().all(lower)
        && account_id(account)
        && !rest.is_empty()
        && !rest
            .chars()
            .any(|c| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'))
}

/// `^[a-zA-Z0-9:/_\s.-]+$`
pub(crate) fn material_description(text: &str) -> bool {
    some(text, |b| {
        is_word(b) || matches!(b, b':' | b'/' | b'.' | b'-' | b' ' | 0x09..=0x0d)
    })
}

/// `[\u0020-\u00FF]*`
pub(crate) fn latin1_printable(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\u{20}'..='\u{ff}'))
}

/// `[\w]+`
pub(crate) fn word(text: &str) -> bool {
    some(text, is_word)
}

/// `[\u0009\u000A\u000D\u0020-\u00FF]+`
pub(crate) fn latin1_text(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}'))
}

/// `^[\w+=,.@:/-]+$`
pub(crate) fn principal_id(text: &str) -> bool {
    some(text, |b| {
        is_word(b) || matches!(b, b'+' | b'=' | b',' | b'.' | b'@' | b':' | b'/' | b'-')
    })
}

/// `^([a-z]+-){2,3}\d+$`
pub(crate) fn region(text: &str) -> bool {
    let Some((head, number)) = text.rsplit_once('-') else {
        return false;
    };
    let words = head.split('-');
    some(number, |b| b.is_ascii_digit())
        && (2..=3).contains(&words.clone().count())
        && words
            .into_iter()
            .all(|word| some(word, |b| b.is_ascii_lowercase()))
}

/// `^([A-Za-z0-9\-]+)\.([A-Za-z0-9\-]+)(\.[A-Za-z0-9\-]+)+$`
pub(crate) fn service_principal(text: &str) -> bool {
    let mut labels = text.split('.');
    labels.clone().count() >= 3
        && labels.all(|label| some(label, |b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// `^[a-zA-Z0-9-_.]+$`
pub(crate) fn xks_key_id(text: &str) -> bool {
    some(text, |b| is_word(b) || matches!(b, b'-' | b'.'))
}

/// `^[A-Z2-7]+$`
pub(crate) fn base32(text: &str) -> bool {
    some(text, |b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'))
}

/// `^[a-zA-Z0-9\/+=]+$`
pub(crate) fn base64(text: &str) -> bool {
    some(text, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'/' | b'+' | b'=')
    })
}

/// `^https://[a-zA-Z0-9.-]+$`
pub(crate) fn https_endpoint(text: &str) -> bool {
    text.strip_prefix("https://").is_some_and(|host| {
        some(host, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')
        })
    })
}

/// `^(/[a-zA-Z0-9\/_-]+/kms/xks/v\d{1,2})$|^(/kms/xks/v\d{1,2})$`
pub(crate) fn xks_uri_path(text: &str) -> bool {
    let Some((head, version)) = text.rsplit_once("/kms/xks/v") else {
        return false;
    };
    let prefix_fits = head.is_empty()
        || head
            .strip_prefix('/')
            .is_some_and(|rest| some(rest, |b| is_word(b) || matches!(b, b'/' | b'-')));
    prefix_fits && version.len() <= 2 && some(version, |b| b.is_ascii_digit())
}

/// `^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}\d+\.vpce-svc-[0-9a-z]+$`
pub(crate) fn vpce_service_name(text: &str) -> bool {
    let rest = text
        .strip_prefix("com.amazonaws.vpce.")
        .or_else(|| text.strip_prefix("eu.amazonaws.vpce."));
    rest.and_then(|rest| rest.split_once(".vpce-svc-"))
        .is_some_and(|(area, service)| {
            region(area) && some(service, |b| matches!(b, b'0'..=b'9' | b'a'..=b'z'))
        })
}

/// `[A-Z]+`
pub(crate) fn upper_case(text: &str) -> bool {
    some(text, |b| b.is_ascii_uppercase())
}

/// `[\d]*`
pub(crate) fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// `[\w]*`
pub(crate) fn word_or_nothing(text: &str) -> bool {
    text.bytes().all(is_word)
}

/// `[\w-]*`
pub(crate) fn service_namespace(text: &str) -> bool {
    text.bytes().all(|b| is_word(b) || b == b'-')
}

fn is_in_name(b: u8) -> bool {
    is_word(b) || matches!(b, b'+' | b'=' | b',' | b'.' | b'@' | b'-')
}

/// `[\w+=,.@-]*`
pub(crate) fn names_or_nothing(text: &str) -> bool {
    text.bytes().all(is_in_name)
}

/// `[\w+=,.@-]+`
pub(crate) fn name(text: &str) -> bool {
    some(text, is_in_name)
}

/// `[\w+=,.@:\/-]*`
pub(crate) fn external_id(text: &str) -> bool {
    text.bytes()
        .all(|b| is_in_name(b) || matches!(b, b':' | b'/'))
}

/// `\u002F[\u0021-\u007F]*`
pub(crate) fn path_prefix(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|b| matches!(b, 0x21..=0x7f))
}

/// `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`
pub(crate) fn path(text: &str) -> bool {
    let inner = text
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'));
    text == "/" || inner.is_some_and(|inner| some(inner, |b| matches!(b, 0x21..=0x7e)))
}

/// `((/[A-Za-z0-9\.,\+@=_-]+)*)/`
pub(crate) fn policy_path(text: &str) -> bool {
    let Some(inner) = text.strip_suffix('/') else {
        return false;
    };
    inner.is_empty()
        || inner
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(name))
}

/// `[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`
pub(crate) fn description(text: &str) -> bool {
    text.chars()
        .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}'))
}

/// `[\u0020-\u00FF]+`
pub(crate) fn latin1_printable_some(text: &str) -> bool {
    !text.is_empty() && latin1_printable(text)
}

/// `[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`, whose
/// last range is meant to be U+10000 to U+10FFFF.
pub(crate) fn xml_text(text: &str) -> bool {
    let allowed = |c| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}')
            || c >= '\u{10000}'
    };
    !text.is_empty() && text.chars().all(allowed)
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`
pub(crate) fn tag_value(text: &str) -> bool {
    use unicode_general_category::{GeneralCategory as Is, get_general_category};
    text.chars().all(|c| {
        let listed = |c| matches!(c, '_' | '.' | ':' | '/' | '=' | '+' | '-' | '@' | ' ');
        if c.is_ascii() {
            return c.is_ascii_alphanumeric() || listed(c);
        }
        matches!(
            get_general_category(c),
            Is::UppercaseLetter
                | Is::LowercaseLetter
                | Is::TitlecaseLetter
                | Is::ModifierLetter
                | Is::OtherLetter
                | Is::SpaceSeparator
                | Is::LineSeparator
                | Is::ParagraphSeparator
                | Is::DecimalNumber
                | Is::LetterNumber
                | Is::OtherNumber
        )
    })
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`
pub(crate) fn tag_key(text: &str) -> bool {
    !text.is_empty() && tag_value(text)
}

/// `^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`
pub(crate) fn account_alias(text: &str) -> bool {
    (3..=63).contains(&text.len())
        && text
            .split('-')
            .all(|part| some(part, |b| matches!(b, b'a'..=b'z' | b'0'..=b'9')))
}

/// `v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`
pub(crate) fn policy_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else {
        return false;
    };
    let (number, suffix) = rest.split_once('.').unwrap_or((rest, ""));
    !number.starts_with('0')
        && some(number, |b| b.is_ascii_digit())
        && suffix
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;
    use crate::generated::rules;
    use crate::{iam, sts};

    /// Every pattern once, with the regular expression that it stands for. Left out is what the
    /// oracle cannot say: `\p{…}`, a look ahead, and a range that the model misspells.
    static ALL: LazyLock<Vec<(&'static Pattern, Regex)>> = LazyLock::new(|| {
        let texts = [rules::ALL_TEXT, iam::rules::ALL_TEXT, sts::rules::ALL_TEXT];
        let patterns = texts.into_iter().flatten();
        let mut patterns: Vec<_> = patterns.filter_map(|(_, rule)| rule.pattern).collect();
        patterns.sort_by_key(|pattern| pattern.source);
        patterns.dedup_by_key(|pattern| pattern.source);
        patterns.retain(|pattern| {
            let beyond = [r"\p{", "(?!", r"\u10000"];
            !beyond.iter().any(|mark| pattern.source.contains(mark))
        });
        let compiled = |pattern: &'static Pattern| {
            // Java's dot stops at five line terminators, the oracle's only at one.
            let source = pattern
                .source
                .replace(".+$", "[^\n\r\u{85}\u{2028}\u{2029}]+$");
            // The class `0-9-_` is written unambiguously for the oracle.
            let source = source.replace("0-9-_.]", r"0-9_.\-]");
            let source = source.replace(r"\w-]", r"\w\-]");
            (pattern, Regex::new(&format!("^(?:{source})$")).unwrap())
        };
        patterns.into_iter().map(compiled).collect()
    });

    fn agrees(text: &str) {
        for (pattern, regex) in ALL.iter() {
            assert_eq!(
                (pattern.accepts)(text),
                regex.is_match(text),
                "{} on {text:?}",
                pattern.source
            );
        }
    }

    const GOOD: &[&str] = &[
        "111122223333",
        "alias/a:b_c-9",
        "0123456789abcdef",
        "cluster-234567abcdZ",
        "cluster-234567abcdZzzzzz",
        "arn:aws:s3:::x",
        "arn:aws-cn:s3:cn-north-1:111122223333:x:y/z",
        "a b\tc.d",
        "us-east-1",
        "us-gov-west-12",
        "key-store.kms.amazonaws.com",
        "ABCDEFGHIJ234567ABCD",
        "abc/+=Z",
        "https://xks.example.com",
        "/kms/xks/v1",
        "/pre/fix/kms/xks/v12",
        "/kms/xks/v1/kms/xks/v2",
        "com.amazonaws.vpce.us-east-1.vpce-svc-0123abc",
        "eu.amazonaws.vpce.eusc-de-east-1.vpce-svc-0",
        "/",
        "/team/b.c/",
        "v1",
        "v20.ab-c",
        "POST",
        "a+b=c,d.e@f-g",
    ];

    #[test]
    fn predicates_agree_with_the_regular_expressions() {
        for text in GOOD {
            agrees(text);
            for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let (head, tail) = text.split_at(at);
                agrees(head);
                agrees(tail);
                for piece in [
                    "-", ".", ":", "/", "\n", "A", "1", "8", " ", "é", "\u{2028}",
                ] {
                    agrees(&format!("{head}{piece}{tail}"));
                }
            }
        }
        for (pattern, _) in ALL.iter() {
            assert!(
                GOOD.iter().any(|text| (pattern.accepts)(text)),
                "no example for {}",
                pattern.source
            );
        }
    }

    #[test]
    fn tags_have_letters_numbers_and_separators_of_any_script() {
        for good in [
            "a",
            "Zürich",
            "名前",
            "Ⅷ½",
            "a b\u{a0}c\u{2028}",
            "_.:/=+-@",
            "\u{10400}",
        ] {
            assert!(tag_key(good) && tag_value(good), "{good:?}");
        }
        // Marks, symbols, controls and unassigned characters are none of them.
        for bad in [
            "a\u{301}", "😀", "a\tb", "a\nb", "{", "*", "$", "Ⓐ", "\u{378}", "\u{200b}",
        ] {
            assert!(!tag_key(bad) && !tag_value(bad), "{bad:?}");
        }
        assert!(tag_value("") && !tag_key(""));
    }

    #[test]
    fn account_aliases_and_xml_texts() {
        for good in ["abc", "a-b", "0-1-2", &"a".repeat(63)] {
            assert!(account_alias(good), "{good}");
        }
        for bad in [
            "",
            "ab",
            "-ab",
            "ab-",
            "a--b",
            "aBc",
            "a_b",
            "aéb",
            &"a".repeat(64),
        ] {
            assert!(!account_alias(bad), "{bad}");
        }
        assert!(xml_text("arn:aws:iam::1:user/é\t\u{85}\u{a0}😀"));
        for bad in ["", "\0", "\u{7f}", "\u{84}", "\u{9f}", "\u{fffe}"] {
            assert!(!xml_text(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn predicates_agree_on_random_texts(
            text in prop::collection::vec(
                prop_oneof![
                    "[a-zA-Z0-9:/_.+=,@ -]{1,4}",
                    "\\PC{1,2}",
                    Just("/kms/xks/v".to_owned()),
                    Just("arn:aws:s3:eu-west-1:111122223333:".to_owned()),
                    Just("us-east-".to_owned()),
                    Just("\r\n".to_owned()),
                    Just("/a/".to_owned()),
                    Just("v1".to_owned()),
                ],
                0..6,
            )
        ) {
            agrees(&text.concat());
        }
    }
}
