use proptest::prelude::*;

use super::*;

fn matches(pattern: &str, subject: &str) -> bool {
    Wildcard::compile(pattern).unwrap().matches(subject, &[])
}

/// The definition, word for word; exponential, for short texts only.
fn oracle(pattern: &[char], subject: &[char]) -> bool {
    match (pattern, subject) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            oracle(rest, subject) || (!subject.is_empty() && oracle(pattern, &subject[1..]))
        }
        (['?', rest @ ..], [_, subject @ ..]) => oracle(rest, subject),
        ([letter, rest @ ..], [first, subject @ ..]) => letter == first && oracle(rest, subject),
        _ => false,
    }
}

#[test]
fn examples() {
    for (pattern, subject, expected) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("**", "a:b/c", true),
        ("?", "", false),
        ("?", "é", true),
        ("a*", "a", true),
        ("a*", "ba", false),
        ("*a", "ba", true),
        ("*ab*ab", "ab", false),
        ("ab*ba", "aba", false),
        ("*?b", "bb", true),
        ("*?b?*", "bb", false),
        ("*a?c*", "aabc", true),
        ("arn:*:key/?", "arn:aws:kms:r:1:key/x", true),
        // A star in the subject is a letter.
        ("abc", "a*c", false),
        ("a*c", "a*c", true),
        ("abc", "*", false),
        ("A", "a", false),
    ] {
        assert_eq!(matches(pattern, subject), expected, "{pattern} {subject}");
    }
}

#[test]
fn hostile_patterns_end() {
    // A matcher that tries every place of every star would not end within a lifetime.
    let subject = "a".repeat(8192);
    for pattern in [
        "*a*a*a*a*a*a*a*b".to_owned(),
        format!("{}b", "*a".repeat(4000)),
        format!("*{}b*", "a?".repeat(QUESTION_GROUPS_MAX)),
        format!("{}b", "*?".repeat(QUESTION_GROUPS_MAX)),
    ] {
        assert!(!matches(&pattern, &subject), "{pattern}");
    }
    let variable = [
        Token::Star,
        Token::Variable(0),
        Token::Text("b"),
        Token::Star,
    ];
    let pattern = Wildcard::from_tokens(&variable).unwrap();
    assert!(!pattern.matches(&subject, &["a".repeat(4096).as_str()]));
}

#[test]
fn values_are_letters() {
    let v = Token::Variable;
    for (tokens, values, subject, expected) in [
        (vec![v(0)], vec!["*"], "abc", false),
        (vec![v(0)], vec!["a*"], "a*", true),
        (vec![v(0)], vec!["?"], "a", false),
        (vec![Token::Star, v(0)], vec!["b"], "ab", true),
        (vec![Token::Star, v(0)], vec![""], "ab", true),
        (
            vec![Token::Star, v(0), Token::Question],
            vec![""],
            "",
            false,
        ),
        (vec![Token::Star, v(0), Token::Text("")], vec![""], "", true),
        (
            vec![Token::Star, v(0), v(1), Token::Star],
            vec!["b", "c"],
            "abcd",
            true,
        ),
        // What is left is as long as what is looked for.
        (
            vec![Token::Star, v(0), v(1), Token::Star],
            vec!["b", "c"],
            "bc",
            true,
        ),
        (vec![Token::Star, v(0), Token::Star], vec!["bc"], "bc", true),
        (
            vec![Token::Star, v(0), v(1), Token::Star],
            vec!["c", "b"],
            "abcd",
            false,
        ),
        (
            vec![Token::Star, v(0), Token::Question, v(0), Token::Star],
            vec!["b"],
            "abbcb",
            true,
        ),
        (
            vec![Token::Text("a/"), v(0), Token::Text("/"), Token::Star],
            vec!["*"],
            "a/x/y",
            false,
        ),
        (
            vec![Token::Text("a/"), v(0), Token::Text("/"), Token::Star],
            vec!["x"],
            "a/x/y",
            true,
        ),
        (vec![v(0)], vec![], "", false),
        (vec![Token::Star, v(0), Token::Star], vec![], "", false),
    ] {
        let pattern = Wildcard::from_tokens(&tokens).unwrap();
        assert_eq!(
            pattern.matches(subject, &values),
            expected,
            "{tokens:?} {subject}"
        );
    }
}

#[test]
fn case_is_ignored_in_ascii_letters_only() {
    let pattern = Wildcard::from_tokens(&[Token::Text("Ab"), Token::Variable(0)]).unwrap();
    assert!(pattern.equals_ignoring_case("aBcD", &["Cd"]));
    assert!(!pattern.equals_ignoring_case("aBcD", &["C"]));
    assert!(!pattern.equals_ignoring_case("aB", &["C"]));
    assert!(!pattern.equals_ignoring_case("aB", &[]));
    let kelvin = Wildcard::from_tokens(&[Token::Text("k")]).unwrap();
    assert!(kelvin.equals_ignoring_case("K", &[]));
    assert!(!kelvin.equals_ignoring_case("\u{212a}", &[]));
}

#[test]
fn what_has_neither_wildcard_nor_variable_is_told() {
    let exact = |tokens: &[Token<'_>]| {
        let pattern = Wildcard::from_tokens(tokens).unwrap();
        pattern.exact().map(str::to_owned)
    };
    let text = Token::Text;
    assert_eq!(exact(&[]), Some(String::new()));
    assert_eq!(exact(&[text("")]), Some(String::new()));
    assert_eq!(exact(&[text("a"), text("*")]), Some("a*".into()));
    for other in [
        [text("a"), Token::Star],
        [text("a"), Token::Question],
        [text("a"), Token::Variable(0)],
        [text(""), Token::Star],
    ] {
        assert_eq!(exact(&other), None, "{other:?}");
    }
}

#[test]
fn groups_of_question_marks_are_bounded() {
    assert!(Wildcard::compile(&"a?".repeat(QUESTION_GROUPS_MAX)).is_ok());
    assert!(Wildcard::compile(&"a?".repeat(QUESTION_GROUPS_MAX + 1)).is_err());
    assert!(Wildcard::compile(&"?".repeat(10_000)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]
    #[test]
    fn agrees_with_the_definition(pattern in "[abé*?]{0,9}", subject in "[abé*?]{0,10}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(
            matches(&pattern, &subject),
            oracle(&chars(&pattern), &chars(&subject))
        );
    }
}
