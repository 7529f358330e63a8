//! Patterns with `*` (any characters, also none) and `?` (one character), as action, resource
//! and later condition values use them.
//!
//! A pattern is cut at its stars when it is compiled. Matching then walks forwards only: the
//! first part stands at the beginning, the last at the end, and each part between is taken at
//! its leftmost place, which is always right because a star can give way. Parts without `?` are
//! found by the standard library's linear search; a part that mixes letters and `?` costs at most
//! the subject's length times the part's, and its groups of `?` are bounded. No recursion.
//!
//! A `*` or `?` in the *subject* is an ordinary character.

use crate::error::PolicyError;
use crate::limits::QUESTION_GROUPS_MAX;

/// A compiled pattern, matched case-sensitively against the whole subject.
#[derive(Debug, Clone)]
pub(crate) struct Wildcard(Form);

#[derive(Debug, Clone)]
enum Form {
    /// `*`
    Any,
    /// No wildcard.
    Exact(Box<str>),
    /// One `*`, at the end.
    Prefix(Box<str>),
    /// `?` but no `*`.
    Fixed(Part),
    /// Everything else.
    Parts(Box<Parts>),
}

#[derive(Debug, Clone)]
struct Parts {
    first: Part,
    /// None of them empty.
    between: Box<[Part]>,
    last: Part,
}

/// A stretch of pattern without `*`.
#[derive(Debug, Clone)]
struct Part {
    pieces: Box<[Piece]>,
    /// Characters that it matches.
    chars: usize,
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(Box<str>),
    /// That many `?`.
    Skip(usize),
}

impl Wildcard {
    /// Takes any text. Refuses only more than [`QUESTION_GROUPS_MAX`] groups of `?`.
    pub(crate) fn compile(pattern: &str) -> Result<Self, PolicyError> {
        if !pattern.contains(['*', '?']) {
            return Ok(Self(Form::Exact(pattern.into())));
        }
        let parts: Vec<Part> = pattern.split('*').map(Part::compile).collect();
        let groups: usize = parts.iter().map(Part::skips).sum();
        if groups > QUESTION_GROUPS_MAX {
            return Err(PolicyError::too_many(
                "groups of ? in one value",
                QUESTION_GROUPS_MAX,
            ));
        }
        let starless = pattern.trim_end_matches('*');
        if starless.is_empty() {
            return Ok(Self(Form::Any));
        }
        if starless.len() < pattern.len() && !starless.contains(['*', '?']) {
            return Ok(Self(Form::Prefix(starless.into())));
        }
        let mut parts = parts.into_iter();
        let first = parts.next().unwrap_or_else(Part::empty);
        let form = match parts.next_back() {
            None => Form::Fixed(first),
            Some(last) => Form::Parts(Box::new(Parts {
                first,
                between: parts.filter(|part| part.chars > 0).collect(),
                last,
            })),
        };
        Ok(Self(form))
    }

    /// True when the whole subject is an instance of the pattern.
    pub(crate) fn matches(&self, subject: &str) -> bool {
        match &self.0 {
            Form::Any => true,
            Form::Exact(text) => **text == *subject,
            Form::Prefix(text) => subject.starts_with(&**text),
            Form::Fixed(part) => part.strip_prefix(subject) == Some(""),
            Form::Parts(parts) => parts.match_whole(subject).is_some(),
        }
    }
}

impl Parts {
    fn match_whole(&self, subject: &str) -> Option<()> {
        let rest = self.first.strip_prefix(subject)?;
        let mut rest = self.last.strip_suffix(rest)?;
        for part in &self.between {
            rest = part.skip_past(rest)?;
        }
        Some(())
    }
}

impl Part {
    fn empty() -> Self {
        Self {
            pieces: Box::default(),
            chars: 0,
        }
    }

    fn compile(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let literal_end = rest.find('?').unwrap_or(rest.len());
            let (literal, after) = rest.split_at(literal_end);
            let next = after.trim_start_matches('?');
            let skip = after.len() - next.len();
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.into()));
            }
            if skip > 0 {
                pieces.push(Piece::Skip(skip));
            }
            rest = next;
        }
        Self {
            pieces: pieces.into(),
            chars: text.chars().count(),
        }
    }

    fn skips(&self) -> usize {
        let skip = |piece: &&Piece| matches!(piece, Piece::Skip(_));
        self.pieces.iter().filter(skip).count()
    }

    /// What is left of the subject after this part at its beginning.
    fn strip_prefix<'s>(&self, subject: &'s str) -> Option<&'s str> {
        strip_pieces(&self.pieces, subject)
    }

    /// What is left of the subject before this part at its end.
    fn strip_suffix<'s>(&self, subject: &'s str) -> Option<&'s str> {
        match &*self.pieces {
            [] => Some(subject),
            [Piece::Literal(text)] => subject.strip_suffix(&**text),
            _ => {
                let mut places = subject.char_indices().rev();
                let (start, _) = places.nth(self.chars.checked_sub(1)?)?;
                let (before, end) = subject.split_at_checked(start)?;
                (self.strip_prefix(end) == Some("")).then_some(before)
            }
        }
    }

    /// What is left of the subject after the leftmost place of this part.
    fn skip_past<'s>(&self, subject: &'s str) -> Option<&'s str> {
        match &*self.pieces {
            [] => Some(subject),
            // Leading `?` only move the place from which the rest may start.
            [Piece::Skip(count), rest @ ..] => find_pieces(rest, skip_chars(subject, *count)?),
            pieces => find_pieces(pieces, subject),
        }
    }
}

/// The leftmost place of the pieces, the first of which is a literal; gives what follows it.
fn find_pieces<'s>(pieces: &[Piece], mut subject: &'s str) -> Option<&'s str> {
    let Some((Piece::Literal(text), rest)) = pieces.split_first() else {
        return strip_pieces(pieces, subject);
    };
    loop {
        let (_, from) = subject.split_at_checked(subject.find(&**text)?)?;
        let found = from.strip_prefix(&**text)?;
        if let Some(after) = strip_pieces(rest, found) {
            return Some(after);
        }
        subject = skip_chars(from, 1)?;
    }
}

fn strip_pieces<'s>(pieces: &[Piece], mut subject: &'s str) -> Option<&'s str> {
    for piece in pieces {
        subject = match piece {
            Piece::Literal(text) => subject.strip_prefix(&**text)?,
            Piece::Skip(count) => skip_chars(subject, *count)?,
        };
    }
    Some(subject)
}

fn skip_chars(subject: &str, count: usize) -> Option<&str> {
    let mut chars = subject.chars();
    for _ in 0..count {
        chars.next()?;
    }
    Some(chars.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, subject: &str) -> bool {
        Wildcard::compile(pattern).unwrap().matches(subject)
    }

    /// The definition, word for word; exponential, for short texts only.
    fn oracle(pattern: &[char], subject: &[char]) -> bool {
        match (pattern, subject) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                oracle(rest, subject) || (!subject.is_empty() && oracle(pattern, &subject[1..]))
            }
            (['?', rest @ ..], [_, subject @ ..]) => oracle(rest, subject),
            ([letter, rest @ ..], [first, subject @ ..]) => {
                letter == first && oracle(rest, subject)
            }
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
    fn hostile_patterns_take_linear_time() {
        let head = "arn:aws:kms:eu-west-1:111122223333:key/";
        let subject = format!("{head}{}", "a".repeat(2048 - head.len()));
        let questions = format!("{head}*{}b*", "a?".repeat(QUESTION_GROUPS_MAX));
        let stars = format!("{head}{}b", "*a".repeat(900));
        for (pattern, bound) in [
            (format!("{head}*a*a*a*a*a*a*a*b"), 1),
            (format!("{head}{}", "*a".repeat(15_000)), 1),
            (stars, 1),
            (questions, 20),
        ] {
            let compiled = Wildcard::compile(&pattern).unwrap();
            // The best of many runs: the machine may be busy, a bad algorithm is never fast.
            let best = (0..30).map(|_| {
                let start = Instant::now();
                assert!(!compiled.matches(&subject));
                start.elapsed()
            });
            assert!(best.min().unwrap() < Duration::from_millis(bound));
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
}
