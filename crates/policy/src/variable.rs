//! Policy variables and the patterns that hold them.
//!
//! `${key}` stands for the value of a condition key, `${key, 'default'}` for the default when the
//! request has no such key, and `${*}`, `${?}`, `${$}` for these characters. They mean something
//! in documents of version 2012-10-17 only, in `Resource`, `NotResource` and the values of string
//! and ARN conditions. A value is compared letter by letter: no `*` in it is a wildcard.
//!
//! A variable without a value (the key is absent and there is no default), or with a set of
//! values, makes its pattern [`Match::Unclear`]: it matches nothing. Where that nothing is
//! negated (`NotResource`, `StringNotEquals` …) an Allow statement does not apply and a Deny
//! statement does, so that what cannot be known never allows.
//!
//! Source: IAM User Guide, "IAM policy elements: Variables and tags".

use std::fmt::{self, Write as _};

use crate::context::{ConditionKey, Context, KnownKey, Presence, Value};
use crate::error::PolicyError;
use crate::limits::VARIABLES_PER_VALUE_MAX;
use crate::literal;
use crate::wildcard::{Token, Wildcard};

/// `Version`. A document without one is of the older.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `2008-10-17`: `${` is plain text.
    V2008,
    /// `2012-10-17`: `${` opens a policy variable.
    V2012,
}

/// How a value compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    Yes,
    No,
    /// It cannot be said, because a variable has no value or a value is of another type.
    Unclear,
}

impl Match {
    pub(crate) fn of(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }

    /// Of a list: what matches counts for most, then what is unclear.
    pub(crate) fn any(mut each: impl Iterator<Item = Self>) -> Self {
        let all = each.try_fold(Self::No, |so_far, one| match one {
            Self::Yes => Err(Self::Yes),
            Self::Unclear => Ok(Self::Unclear),
            Self::No => Ok(so_far),
        });
        all.unwrap_or_else(|yes| yes)
    }
}

/// One `${…}` that stands for the value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Variable {
    key: ConditionKey,
    default: Option<Box<str>>,
}

/// Whether `*` and `?` of a value are wildcards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wild {
    Yes,
    No,
}

/// Whether letters are compared with their case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Sensitive,
    Ignored,
}

/// A value of a policy: text, wildcards and variables.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    wildcard: Wildcard,
    variables: Box<[Variable]>,
}

impl Pattern {
    /// Errors: a variable that is not closed or names no key; too many variables; too many `?`.
    pub(crate) fn compile(text: &str, version: Version, wild: Wild) -> Result<Self, PolicyError> {
        let (tokens, variables) = read_tokens(text, version, wild)?;
        Ok(Self {
            wildcard: Wildcard::from_tokens(&tokens)?,
            variables,
        })
    }

    pub(crate) fn question_groups(&self) -> usize {
        self.wildcard.question_groups()
    }

    /// The text, when it has neither wildcards nor variables.
    pub(crate) fn exact(&self) -> Option<&str> {
        self.wildcard.exact()
    }

    pub(crate) fn matches(&self, subject: &str, case: Case, context: &dyn Context) -> Match {
        let compare = |values: &[&str]| match case {
            Case::Sensitive => self.wildcard.matches(subject, values),
            Case::Ignored => self.wildcard.equals_ignoring_case(subject, values),
        };
        with_values(&self.variables, context, compare)
    }
}

/// A pattern of an ARN: the six fields are compared one by one, so that no `*` reaches beyond the
/// colon that ends its field; the last field takes the rest.
/// Source: IAM User Guide, "Amazon Resource Name (ARN) condition operators".
#[derive(Debug, Clone)]
pub(crate) struct ArnPattern {
    fields: ArnFields,
    variables: Box<[Variable]>,
}

#[derive(Debug, Clone)]
enum ArnFields {
    /// `*`: every ARN.
    Any,
    /// Wildcards, but fewer than six fields: no ARN.
    Never,
    Six(Box<[Wildcard; 6]>),
    /// Fewer colons and no wildcard: a variable holds the rest, so the text as a whole decides.
    Whole(Wildcard),
}

impl ArnPattern {
    /// Errors: as [`Pattern::compile`]; fewer than six fields with both a variable and a wildcard,
    /// of which nobody can say which field the wildcard belongs to. A text of fewer fields
    /// without variables is accepted and matches nothing.
    pub(crate) fn compile(text: &str, version: Version) -> Result<Self, PolicyError> {
        let (tokens, variables) = read_tokens(text, version, Wild::Yes)?;
        let whole = Wildcard::from_tokens(&tokens)?;
        let fields = match <[Vec<Token<'_>>; 6]>::try_from(split_fields(&tokens)) {
            Ok(fields) => {
                let [a, b, c, d, e, f] = fields.map(|field| Wildcard::from_tokens(&field));
                ArnFields::Six(Box::new([a?, b?, c?, d?, e?, f?]))
            }
            Err(_) if whole.is_any() => ArnFields::Any,
            Err(_) => {
                let is_wild = |token: &Token<'_>| matches!(token, Token::Star | Token::Question);
                match (tokens.iter().any(is_wild), variables.is_empty()) {
                    (true, true) => ArnFields::Never,
                    (true, false) => {
                        let why = "a wildcard beside a variable needs an ARN of six fields.";
                        return Err(PolicyError::grammar(why));
                    }
                    (false, _) => ArnFields::Whole(whole),
                }
            }
        };
        Ok(Self { fields, variables })
    }

    pub(crate) fn question_groups(&self) -> usize {
        match &self.fields {
            ArnFields::Any | ArnFields::Never => 0,
            ArnFields::Six(fields) => fields.iter().map(Wildcard::question_groups).sum(),
            ArnFields::Whole(whole) => whole.question_groups(),
        }
    }

    pub(crate) fn matches(&self, subject: &str, context: &dyn Context) -> Match {
        let mut parts = subject.splitn(6, ':');
        let mut part = || parts.next();
        let (Some(a), Some(b), Some(c), Some(d), Some(e), Some(f)) =
            (part(), part(), part(), part(), part(), part())
        else {
            return Match::No;
        };
        let subjects = [a, b, c, d, e, f];
        let compare = |values: &[&str]| match &self.fields {
            ArnFields::Any => true,
            ArnFields::Never => false,
            ArnFields::Six(fields) => fields
                .iter()
                .zip(subjects)
                .all(|(field, subject)| field.matches(subject, values)),
            ArnFields::Whole(whole) => whole.matches(subject, values),
        };
        with_values(&self.variables, context, compare)
    }
}

/// Cuts at the first five colons outside of variables.
fn split_fields<'t>(tokens: &[Token<'t>]) -> Vec<Vec<Token<'t>>> {
    let mut fields = vec![Vec::new()];
    for token in tokens {
        let Token::Text(mut text) = *token else {
            push_last(&mut fields, *token);
            continue;
        };
        while fields.len() < 6
            && let Some((before, after)) = text.split_once(':')
        {
            push_last(&mut fields, Token::Text(before));
            fields.push(Vec::new());
            text = after;
        }
        push_last(&mut fields, Token::Text(text));
    }
    fields
}

fn push_last<'t>(fields: &mut [Vec<Token<'t>>], token: Token<'t>) {
    if let Some(field) = fields.last_mut() {
        field.push(token);
    }
}

/// Cuts a value into text, wildcards and variables.
fn read_tokens(
    text: &str,
    version: Version,
    wild: Wild,
) -> Result<(Vec<Token<'_>>, Box<[Variable]>), PolicyError> {
    let mut tokens = Vec::new();
    let mut variables = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = split_variable(rest, version) {
        push_plain(&mut tokens, before, wild);
        let Some((inner, behind)) = split_closing(after) else {
            return Err(bad_variable("a policy variable is not closed."));
        };
        rest = behind;
        if matches!(inner, "*" | "?" | "$") {
            tokens.push(Token::Text(inner));
            continue;
        }
        tokens.push(Token::Variable(variables.len()));
        variables.push(read_variable(inner)?);
        if variables.len() > VARIABLES_PER_VALUE_MAX {
            return Err(PolicyError::too_many(
                "policy variables in one value",
                VARIABLES_PER_VALUE_MAX,
            ));
        }
    }
    push_plain(&mut tokens, rest, wild);
    Ok((tokens, variables.into()))
}

fn split_variable(text: &str, version: Version) -> Option<(&str, &str)> {
    match version {
        Version::V2008 => None,
        Version::V2012 => text.split_once("${"),
    }
}

/// The inside of a variable and what follows its brace. A brace within the quotes of a default
/// does not close it.
fn split_closing(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let closing = |c: char| {
        quoted ^= c == '\'';
        c == '}' && !quoted
    };
    let at = text.find(closing)?;
    let (inner, rest) = text.split_at_checked(at)?;
    Some((inner, rest.strip_prefix('}')?))
}

fn push_plain<'t>(tokens: &mut Vec<Token<'t>>, text: &'t str, wild: Wild) {
    match wild {
        Wild::Yes => tokens.extend(crate::wildcard::plain_tokens(text)),
        Wild::No if text.is_empty() => {}
        Wild::No => tokens.push(Token::Text(text)),
    }
}

fn read_variable(inner: &str) -> Result<Variable, PolicyError> {
    let (name, default) = match inner.split_once(',') {
        None => (inner, None),
        Some((name, default)) => {
            let quoted = default.trim_matches(' ').strip_prefix('\'');
            let Some(default) = quoted.and_then(|rest| rest.strip_suffix('\'')) else {
                return Err(bad_variable(
                    "the default of a policy variable has no quotes.",
                ));
            };
            (name.trim_end_matches(' '), Some(default.into()))
        }
    };
    match ConditionKey::parse(name) {
        Some(key) if !name.contains(['*', '?', '$', '{', '\'']) => Ok(Variable { key, default }),
        _ => Err(bad_variable("a policy variable names no condition key.")),
    }
}

fn bad_variable(why: &'static str) -> PolicyError {
    PolicyError::grammar(why).says("The policy failed legacy parsing")
}

/// Calls `compare` with the values of all variables, in their order.
fn with_values(
    variables: &[Variable],
    context: &dyn Context,
    compare: impl Fn(&[&str]) -> bool,
) -> Match {
    if variables.is_empty() {
        return Match::of(compare(&[]));
    }
    resolve(
        variables,
        context,
        [""; VARIABLES_PER_VALUE_MAX],
        0,
        &compare,
    )
}

/// One level for each variable, because a value can be borrowed only while the context tells it.
fn resolve(
    variables: &[Variable],
    context: &dyn Context,
    values: [&str; VARIABLES_PER_VALUE_MAX],
    known: usize,
    compare: &dyn Fn(&[&str]) -> bool,
) -> Match {
    let Some((variable, rest)) = variables.split_first() else {
        return values
            .get(..known)
            .map_or(Match::Unclear, |values| Match::of(compare(values)));
    };
    let next = |text: &str| {
        let mut values: [&str; VARIABLES_PER_VALUE_MAX] = values;
        match values.get_mut(known) {
            Some(place) => *place = text,
            None => return Match::Unclear,
        }
        resolve(rest, context, values, known + 1, compare)
    };
    // Not even asked: thousands of values for each of thousands of patterns would take long.
    if variable.key.known().is_some_and(KnownKey::is_multi_valued) {
        return Match::Unclear;
    }
    let mut told = 0_usize;
    let mut found = Match::Unclear;
    let presence = context.values(&variable.key, &mut |value| {
        told += 1;
        if told == 1 {
            found = with_text(value, next);
        }
    });
    match (presence, &variable.default) {
        (Presence::Single, _) if told == 1 => found,
        (Presence::Absent, Some(default)) if told == 0 => next(default),
        _ => Match::Unclear,
    }
}

/// A value as the text that AWS would compare.
pub(crate) fn with_text<T>(value: Value<'_>, then: impl FnOnce(&str) -> T) -> T {
    let mut text = ShortText {
        bytes: [0; 48],
        length: 0,
    };
    // Each of these fits the buffer.
    let _ = match value {
        Value::Text(text) => return then(text),
        Value::Number(number) => write!(text, "{number}"),
        Value::Flag(flag) => write!(text, "{flag}"),
        Value::Moment(moment) => literal::write_moment(&mut text, moment),
        Value::Address(address) => write!(text, "{address}"),
    };
    then(text.as_str())
}

/// Holds the longest printed number, moment or address: 39 characters.
struct ShortText {
    bytes: [u8; 48],
    length: usize,
}

impl ShortText {
    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Write for ShortText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length.checked_add(text.len()).ok_or(fmt::Error)?;
        let place = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
