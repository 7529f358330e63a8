use keystead_types::Timestamp;

use super::*;
use crate::context::NoContext;

/// `aws:username` = `al*ce`, `aws:TagKeys` = {a}, `aws:EpochTime` = 5, and so on.
struct Alice;

impl Context for Alice {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        each(match key.name().to_ascii_lowercase().as_str() {
            "aws:username" => Value::Text("al*ce"),
            "aws:userid" => Value::Text(""),
            "aws:principaltag/arn" => Value::Text("arn:aws:s3:::b"),
            "aws:epochtime" => Value::Number(-5),
            "aws:securetransport" => Value::Flag(true),
            "aws:currenttime" => Value::Moment(Timestamp::from_millis(1_777_630_830_999)),
            "aws:sourceip" => Value::Address("2001:db8::1".parse().unwrap()),
            "aws:tagkeys" => {
                each(Value::Text("a"));
                return Presence::Multi;
            }
            _ => return Presence::Absent,
        });
        Presence::Single
    }
}

fn pattern(text: &str) -> Pattern {
    Pattern::compile(text, Version::V2012, Wild::Yes).unwrap()
}

#[test]
fn variables_stand_for_their_values_letter_by_letter() {
    for (text, subject, expected) in [
        ("a/${aws:username}/*", "a/al*ce/x", Match::Yes),
        ("a/${aws:username}/*", "a/alice/x", Match::No),
        ("a/${AWS:UserName}", "a/al*ce", Match::Yes),
        ("${aws:userid}", "", Match::Yes),
        ("${aws:EpochTime}", "-5", Match::Yes),
        ("${aws:SecureTransport}", "true", Match::Yes),
        ("${aws:CurrentTime}", "2026-05-01T10:20:30Z", Match::Yes),
        ("${aws:SourceIp}", "2001:db8::1", Match::Yes),
        ("*${aws:username}${aws:EpochTime}*", "-al*ce-5-", Match::Yes),
        // A set of values is no value, not even a set of one.
        ("${aws:TagKeys}", "a", Match::Unclear),
        ("${aws:TagKeys, 'a'}", "a", Match::Unclear),
        ("${aws:PrincipalTag/x}", "", Match::Unclear),
        ("*${aws:PrincipalTag/x}*", "a", Match::Unclear),
        ("${aws:PrincipalTag/x, 'd}*'}", "d}*", Match::Yes),
        ("${aws:PrincipalTag/x,'d*'}", "dd", Match::No),
        ("${aws:PrincipalTag/x, ''}", "", Match::Yes),
        ("${aws:username, 'd'}", "al*ce", Match::Yes),
        ("a${*}", "a*", Match::Yes),
        ("a${*}", "ab", Match::No),
        ("a${?}*", "a?b", Match::Yes),
        ("a${?}", "ab", Match::No),
        ("${$}{aws:username}", "${aws:username}", Match::Yes),
        ("$x$", "$x$", Match::Yes),
        ("{$}", "{$}", Match::Yes),
    ] {
        let found = pattern(text).matches(subject, Case::Sensitive, &Alice);
        assert_eq!(found, expected, "{text} {subject}");
    }
    let none = pattern("${aws:username}").matches("", Case::Sensitive, &NoContext);
    assert_eq!(none, Match::Unclear);
}

/// Tells more than it says, or less.
struct Liar(Presence, &'static [&'static str]);

impl Context for Liar {
    fn values(&self, _: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        self.1.iter().for_each(|value| each(Value::Text(value)));
        self.0
    }
}

#[test]
fn a_value_that_is_not_the_only_one_is_none() {
    use Presence::{Absent, Multi, Single};
    for (presence, values, plain, with_default) in [
        (Single, &["a"][..], Match::Yes, Match::Yes),
        (Single, &["a", "a"], Match::Unclear, Match::Unclear),
        (Single, &[], Match::Unclear, Match::Unclear),
        (Multi, &["a"], Match::Unclear, Match::Unclear),
        (Multi, &[], Match::Unclear, Match::Unclear),
        (Absent, &[], Match::Unclear, Match::Yes),
        (Absent, &["b"], Match::Unclear, Match::Unclear),
    ] {
        let context = Liar(presence, values);
        let ask = |text: &str| pattern(text).matches("a", Case::Sensitive, &context);
        assert_eq!(ask("${aws:username}"), plain, "{presence:?} {values:?}");
        let asked = ask("${aws:username, 'a'}");
        assert_eq!(asked, with_default, "{presence:?} {values:?}");
    }
}

#[test]
fn exact_texts_are_told() {
    let exact = |text: &str, version, wild| {
        let pattern = Pattern::compile(text, version, wild).unwrap();
        pattern.exact().map(str::to_owned)
    };
    let plain = Some("a*${x".to_owned());
    assert_eq!(exact("a*${x", Version::V2008, Wild::No), plain);
    assert_eq!(exact("a*${x", Version::V2008, Wild::Yes), None);
    assert_eq!(exact("", Version::V2012, Wild::No), Some(String::new()));
    assert_eq!(exact("${aws:x}", Version::V2012, Wild::No), None);
}

#[test]
fn the_older_version_has_no_variables() {
    let old = Pattern::compile("${aws:username}${", Version::V2008, Wild::Yes).unwrap();
    let matches = |subject| old.matches(subject, Case::Sensitive, &Alice);
    assert_eq!(matches("${aws:username}${"), Match::Yes);
    assert_eq!(matches("al*ce"), Match::No);
}

#[test]
fn what_is_no_variable_is_refused() {
    for bad in [
        "${",
        "a${aws:username",
        "${}",
        "${x}",
        "${ aws:x",
        "${aws:x, d}",
        "${aws:x, 'd}",
        "${aws:x, 'd}'",
        "${aws:${aws:username}}",
        "${aws:*}",
        "${**}",
        "${aws:x,}",
        "${:x}",
    ] {
        let result = Pattern::compile(bad, Version::V2012, Wild::Yes);
        assert!(result.is_err(), "{bad}");
    }
    let many = "${aws:username}".repeat(VARIABLES_PER_VALUE_MAX);
    assert!(Pattern::compile(&many, Version::V2012, Wild::Yes).is_ok());
    let more = format!("{many}${{aws:username}}");
    assert!(Pattern::compile(&more, Version::V2012, Wild::Yes).is_err());
}

#[test]
fn arns_are_compared_field_by_field() {
    for (text, subject, expected) in [
        ("arn:aws:s3:::*", "arn:aws:s3:::a:b/c", Match::Yes),
        // The last field has the further colons.
        ("arn:aws:s3:::a:*", "arn:aws:s3:::a:b", Match::Yes),
        ("arn:aws:s3:::a:*", "arn:aws:s3:::b:b", Match::No),
        ("arn:aws:*:b", "arn:aws:s3:::b", Match::No),
        ("arn:*:b", "arn:aws:s3:::b", Match::No),
        ("arn:*:*:*:*:b", "arn:aws:s3:::b", Match::Yes),
        ("arn:aws:s3:*:b", "arn:aws:s3:::b", Match::No),
        ("arn:aws:s?:::b", "arn:aws:s3:::b", Match::Yes),
        ("arn:aws:iam::1*:root", "arn:aws:iam::123:root", Match::Yes),
        ("arn:aws:iam::1*:root", "arn:aws:iam::1:x:root", Match::No),
        ("*", "arn:aws:s3:::b", Match::Yes),
        ("**", "arn:aws:s3:::b", Match::Yes),
        ("*", "b", Match::No),
        ("*", "a:b:c:d:e", Match::No),
        ("b", "b", Match::No),
        ("ARN:aws:s3:::b", "arn:aws:s3:::b", Match::No),
        (
            "arn:aws:s3:::${aws:username}",
            "arn:aws:s3:::al*ce",
            Match::Yes,
        ),
        (
            "arn:aws:s3:::${aws:username}",
            "arn:aws:s3:::alice",
            Match::No,
        ),
        ("arn:aws:s3:::${*}", "arn:aws:s3:::b", Match::No),
        ("${aws:PrincipalTag/arn}", "arn:aws:s3:::b", Match::Yes),
        ("${aws:PrincipalTag/arn}", "arn:aws:s3:::c", Match::No),
        (
            "arn:aws:s3:::${aws:PrincipalTag/x}",
            "arn:aws:s3:::",
            Match::Unclear,
        ),
        (
            "arn:aws:s3:::${aws:PrincipalTag/x, 'b'}",
            "arn:aws:s3:::b",
            Match::Yes,
        ),
    ] {
        let pattern = ArnPattern::compile(text, Version::V2012).unwrap();
        assert_eq!(
            pattern.matches(subject, &Alice),
            expected,
            "{text} {subject}"
        );
    }
    assert!(ArnPattern::compile("*${aws:username}", Version::V2012).is_err());
    assert!(ArnPattern::compile("arn:aws:${aws:username}?", Version::V2012).is_err());
}

#[test]
fn lists_are_any() {
    use Match::{No, Unclear, Yes};
    for (list, expected) in [
        (vec![], No),
        (vec![No, Yes, Unclear], Yes),
        (vec![No, Unclear, No], Unclear),
        (vec![Unclear, Yes], Yes),
        (vec![No, No], No),
    ] {
        assert_eq!(Match::any(list.clone().into_iter()), expected, "{list:?}");
    }
}
