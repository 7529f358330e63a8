//! Patterns with `*` (any characters, also none) and `?` (one character), as actions, resources
//! and condition values use them.
//!
//! A pattern is cut at its stars when it is compiled. Matching then walks forwards only: the
//! first part stands at the beginning, the last at the end, and each part between is taken at
//! its leftmost place, which is always right because a star can give way. Parts without `?` are
//! found by a linear search; a part that mixes letters and `?` costs at most
//! the subject's length times its groups of `?`, which are bounded. No recursion.
//!
//! A `*` or `?` in the *subject* or in the value of a policy variable is an ordinary character.

use std::borrow::Cow;

use memchr::memmem;

use crate::error::PolicyError;
use crate::limits::QUESTION_GROUPS_MAX;

/// What a pattern is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'t> {
    /// These characters.
    Text(&'t str),
    /// `*`
    Star,
    /// `?`
    Question,
    /// The value of the policy variable of that place, character by character.
    Variable(usize),
}

/// A compiled pattern, matched case-sensitively against the whole subject.
#[derive(Debug, Clone)]
pub(crate) struct Wildcard {
    form: Form,
    question_groups: usize,
}

#[derive(Debug, Clone)]
enum Form {
    /// `*`
    Any,
    /// No wildcard and no variable.
    Exact(Box<str>),
    /// One text and then `*`.
    Prefix(Box<str>),
    /// No `*`.
    Fixed(Part),
    /// Everything else.
    Parts(Box<Parts>),
}

#[derive(Debug, Clone)]
struct Parts {
    first: Part,
    /// None of them empty.
    between: Box<[Between]>,
    last: Part,
}

/// A part between two stars.
#[derive(Debug, Clone)]
struct Between {
    part: Part,
    /// For the text that is looked for, when the pattern itself tells it.
    finder: Option<memmem::Finder<'static>>,
}

/// A stretch of pattern without `*`.
#[derive(Debug, Clone, Default)]
struct Part {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(Box<str>),
    /// That many `?`.
    Skip(usize),
    Variable(usize),
}

/// The tokens of a text without variables.
pub(crate) fn plain_tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for stretch in text.split_inclusive(['*', '?']) {
        let (letters, wildcard) = match stretch.strip_suffix('*') {
            Some(letters) => (letters, Some(Token::Star)),
            None => match stretch.strip_suffix('?') {
                Some(letters) => (letters, Some(Token::Question)),
                None => (stretch, None),
            },
        };
        if !letters.is_empty() {
            tokens.push(Token::Text(letters));
        }
        tokens.extend(wildcard);
    }
    tokens
}

impl Wildcard {
    /// Takes any text, in which every `*` and `?` is a wildcard.
    pub(crate) fn compile(pattern: &str) -> Result<Self, PolicyError> {
        Self::from_tokens(&plain_tokens(pattern))
    }

    /// Refuses only more than [`QUESTION_GROUPS_MAX`] groups of `?`.
    pub(crate) fn from_tokens(tokens: &[Token<'_>]) -> Result<Self, PolicyError> {
        let mut parts: Vec<Part> = tokens
            .split(|token| *token == Token::Star)
            .map(Part::new)
            .collect();
        if parts.iter().map(Part::skips).sum::<usize>() > QUESTION_GROUPS_MAX {
            return Err(PolicyError::too_many(
                "groups of ? in one value",
                QUESTION_GROUPS_MAX,
            ));
        }
        let last = parts.pop().unwrap_or_default();
        // The first and the last part have one place only.
        let question_groups = parts.iter().skip(1).map(Part::skips).sum();
        let mut parts = parts.into_iter();
        let form = match parts.next() {
            None => match &*last.pieces {
                [] => Form::Exact("".into()),
                [Piece::Literal(text)] => Form::Exact(text.clone()),
                _ => Form::Fixed(last),
            },
            Some(first) => {
                let parts = parts.filter(|part| !part.is_empty());
                let between: Box<[Between]> = parts.map(Between::new).collect();
                match (&*first.pieces, between.is_empty() && last.is_empty()) {
                    ([], true) => Form::Any,
                    ([Piece::Literal(text)], true) => Form::Prefix(text.clone()),
                    _ => Form::Parts(Box::new(Parts {
                        first,
                        between,
                        last,
                    })),
                }
            }
        };
        Ok(Self {
            form,
            question_groups,
        })
    }

    /// Groups of neighbouring `?` between two stars, which are what matching can be slow at.
    pub(crate) fn question_groups(&self) -> usize {
        self.question_groups
    }

    /// Whether it is `*` alone.
    pub(crate) fn is_any(&self) -> bool {
        matches!(self.form, Form::Any)
    }

    /// The text, when the pattern has neither wildcards nor variables.
    pub(crate) fn exact(&self) -> Option<&str> {
        match &self.form {
            Form::Exact(text) => Some(text),
            _ => None,
        }
    }

    /// True when the whole subject is an instance of the pattern. `values` are those of the
    /// pattern's variables; one that is missing matches nothing.
    pub(crate) fn matches(&self, subject: &str, values: &[&str]) -> bool {
        match &self.form {
            Form::Any => true,
            Form::Exact(text) => **text == *subject,
            Form::Prefix(text) => subject.starts_with(&**text),
            Form::Fixed(part) => part.strip_prefix(subject, values) == Some(""),
            Form::Parts(parts) => parts.match_whole(subject, values).is_some(),
        }
    }

    /// The same without ASCII case, for patterns without wildcards; false for others.
    pub(crate) fn equals_ignoring_case(&self, subject: &str, values: &[&str]) -> bool {
        let strip = |subject: &mut &str, text: &str| {
            let halves = subject.split_at_checked(text.len());
            halves.is_some_and(|(head, rest)| {
                *subject = rest;
                head.eq_ignore_ascii_case(text)
            })
        };
        match &self.form {
            Form::Exact(text) => text.eq_ignore_ascii_case(subject),
            Form::Fixed(part) => {
                let mut rest = subject;
                let mut pieces = part.pieces.iter();
                let all = pieces.all(|piece| {
                    let text = piece.text(values);
                    text.is_some_and(|text| strip(&mut rest, text))
                });
                all && rest.is_empty()
            }
            Form::Any | Form::Prefix(_) | Form::Parts(_) => false,
        }
    }
}

impl Parts {
    fn match_whole(&self, subject: &str, values: &[&str]) -> Option<()> {
        let rest = self.first.strip_prefix(subject, values)?;
        let mut rest = self.last.strip_suffix(rest, values)?;
        for part in &self.between {
            rest = part.skip_past(rest, values)?;
        }
        Some(())
    }
}

impl Piece {
    /// The characters that it stands for; `None` for `?`.
    fn text<'a>(&'a self, values: &[&'a str]) -> Option<&'a str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Variable(place) => values.get(*place).copied(),
            Self::Skip(_) => None,
        }
    }

    fn strip<'s>(&self, subject: &'s str, values: &[&str]) -> Option<&'s str> {
        match self {
            Self::Literal(text) => subject.strip_prefix(&**text),
            Self::Skip(count) => skip_chars(subject, *count),
            Self::Variable(place) => subject.strip_prefix(*values.get(*place)?),
        }
    }

    /// Characters that it matches.
    fn chars(&self, values: &[&str]) -> Option<usize> {
        match self {
            Self::Skip(count) => Some(*count),
            _ => Some(self.text(values)?.chars().count()),
        }
    }
}

impl Part {
    /// Of tokens without stars; neighbouring texts become one.
    fn new(tokens: &[Token<'_>]) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        for token in tokens {
            match (token, pieces.last_mut()) {
                (Token::Text(""), _) => {}
                (Token::Text(text), Some(Piece::Literal(before))) => {
                    *before = format!("{before}{text}").into();
                }
                (Token::Question, Some(Piece::Skip(count))) => *count += 1,
                (Token::Text(text), _) => pieces.push(Piece::Literal((*text).into())),
                (Token::Variable(place), _) => pieces.push(Piece::Variable(*place)),
                (Token::Question | Token::Star, _) => pieces.push(Piece::Skip(1)),
            }
        }
        Self { pieces }
    }

    fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    fn skips(&self) -> usize {
        let skip = |piece: &&Piece| matches!(piece, Piece::Skip(_));
        self.pieces.iter().filter(skip).count()
    }

    /// What is left of the subject after this part at its beginning.
    fn strip_prefix<'s>(&self, subject: &'s str, values: &[&str]) -> Option<&'s str> {
        strip_pieces(&self.pieces, subject, values)
    }

    /// What is left of the subject before this part at its end.
    fn strip_suffix<'s>(&self, subject: &'s str, values: &[&str]) -> Option<&'s str> {
        match &*self.pieces {
            [] => Some(subject),
            [one @ (Piece::Literal(_) | Piece::Variable(_))] => {
                subject.strip_suffix(one.text(values)?)
            }
            pieces => {
                let mut chars = 0_usize;
                for piece in pieces {
                    chars = chars.checked_add(piece.chars(values)?)?;
                }
                let start = match chars.checked_sub(1) {
                    None => subject.len(),
                    Some(before) => subject.char_indices().rev().nth(before)?.0,
                };
                let (before, end) = subject.split_at_checked(start)?;
                (self.strip_prefix(end, values) == Some("")).then_some(before)
            }
        }
    }
}

impl Between {
    fn new(part: Part) -> Self {
        let finder = match &*part.pieces {
            [Piece::Literal(text)]
            | [Piece::Literal(text), Piece::Skip(_), ..]
            | [Piece::Skip(_), Piece::Literal(text)]
            | [Piece::Skip(_), Piece::Literal(text), Piece::Skip(_), ..] => {
                Some(memmem::Finder::new(text.as_bytes()).into_owned())
            }
            _ => None,
        };
        Self { part, finder }
    }

    /// What is left of the subject after the leftmost place of this part.
    fn skip_past<'s>(&self, subject: &'s str, values: &[&str]) -> Option<&'s str> {
        // Leading `?` only move the place from which the rest may start.
        let (pieces, subject) = match &*self.part.pieces {
            [Piece::Skip(count), rest @ ..] => (rest, skip_chars(subject, *count)?),
            pieces => (pieces, subject),
        };
        let is_skip = |piece: &Piece| matches!(piece, Piece::Skip(_));
        let end = pieces.iter().position(is_skip).unwrap_or(pieces.len());
        let (head, rest) = pieces.split_at_checked(end)?;
        if head.is_empty() {
            return strip_pieces(rest, subject, values);
        }
        if let Some(finder) = &self.finder {
            return find(finder, rest, subject, values);
        }
        // Neighbouring texts are searched for as one, which keeps the search linear. Only variables
        // between two stars make a new text of it.
        let texts = || head.iter().map(|piece| piece.text(values));
        let lengths = texts().map(|text| text.map(str::len));
        if lengths.sum::<Option<usize>>()? > subject.len() {
            return None;
        }
        let text = match head {
            [one] => Cow::Borrowed(one.text(values)?),
            _ => Cow::Owned(texts().collect::<Option<String>>()?),
        };
        find(&memmem::Finder::new(text.as_bytes()), rest, subject, values)
    }
}

/// The leftmost place of a text that `rest` goes on from; gives what follows both.
fn find<'s>(
    text: &memmem::Finder<'_>,
    rest: &[Piece],
    mut subject: &'s str,
    values: &[&str],
) -> Option<&'s str> {
    loop {
        let at = text.find(subject.as_bytes())?;
        let found = subject.get(at.checked_add(text.needle().len())?..)?;
        if let Some(after) = strip_pieces(rest, found, values) {
            return Some(after);
        }
        subject = skip_chars(subject.get(at..)?, 1)?;
    }
}

fn strip_pieces<'s>(pieces: &[Piece], mut subject: &'s str, values: &[&str]) -> Option<&'s str> {
    for piece in pieces {
        subject = piece.strip(subject, values)?;
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
mod tests;
