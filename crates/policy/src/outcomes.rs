//! What became of every statement that took part in a decision, in few bytes: for the audit records
//! of allowed requests. It is written while the decision is made, so that it costs no second
//! evaluation, and read when somebody asks.
//!
//! ```text
//! K=0kX1b2uGqM3x:tA*2c.1 I=Zk3v9w_aaB1q:a*7 S0=* S1=*
//! ```
//! One word for each policy, in the order in which they were asked: its kind (see [`letter_of`]), for
//! guardrails its level, its digest, and its statements in their order. A statement that applies is
//! `m` (names the caller itself), `h` (its role), `e` (everyone) or `t` (its account); another one
//! `p` (other principal), `a` (other action), `r` (other resource) or `c` (a condition is not met:
//! the first, or the one after `.`); in capitals if it is a Deny. `*2`: two in a row. `~` stands for
//! what had no room. A policy that allows everything has no statements to tell of.

use crate::decide::Kind;
use crate::digest::PolicyDigest;
use crate::evaluate::{Named, Policy};
use crate::limits::{OUTCOMES_MAX_BYTES, STATEMENTS_MAX};
use crate::statement::{Effect, StatementOutcome};

/// Sees how a decision is made.
pub(crate) trait Witness {
    /// A policy is asked; the outcomes of its statements follow.
    fn consulted(&mut self, kind: Kind, level: Option<usize>, policy: &Policy);

    /// What became of the next statement.
    fn outcome(&mut self, effect: Effect, outcome: StatementOutcome);
}

/// Nobody looks.
impl Witness for () {
    fn consulted(&mut self, _: Kind, _: Option<usize>, _: &Policy) {}

    fn outcome(&mut self, _: Effect, _: StatementOutcome) {}
}

/// The policies that were asked and what became of their statements, as text.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    text: String,
    /// The statements that are not written yet: how many of which form.
    run: Option<(Effect, StatementOutcome, usize)>,
    /// Whether the outcomes of the present policy go without saying, or have no room.
    silent: bool,
    full: bool,
}

impl Outcomes {
    /// With room for what is usual.
    pub fn new() -> Self {
        Self {
            text: String::with_capacity(192),
            ..Self::default()
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.run = None;
        (self.silent, self.full) = (false, false);
    }

    /// The text: ASCII that needs no escapes in JSON.
    pub fn finish(mut self) -> String {
        self.write_run();
        self.text
    }

    fn write_run(&mut self) {
        let Some((effect, outcome, count)) = self.run.take() else {
            return;
        };
        if self.is_full() {
            return;
        }
        self.text.push(letter(effect, outcome));
        if let StatementOutcome::ConditionNotMet { condition } = outcome
            && condition > 0
        {
            self.text.push('.');
            push_number(&mut self.text, condition);
        }
        if count > 1 {
            self.text.push('*');
            push_number(&mut self.text, count);
        }
    }

    /// Marks the end when there is no more room.
    fn is_full(&mut self) -> bool {
        if !self.full && self.text.len() >= OUTCOMES_MAX_BYTES {
            self.full = true;
            self.text.push('~');
        }
        self.full
    }
}

impl Witness for Outcomes {
    fn consulted(&mut self, kind: Kind, level: Option<usize>, policy: &Policy) {
        self.write_run();
        if self.is_full() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push(letter_of(kind));
        if let Some(level) = level {
            push_number(&mut self.text, level);
        }
        let digest = policy.digest();
        self.silent = digest == PolicyDigest::ALLOW_ALL;
        self.text.push('=');
        self.text.push_str(digest.as_str());
        if !self.silent {
            self.text.push(':');
        }
    }

    fn outcome(&mut self, effect: Effect, outcome: StatementOutcome) {
        if self.silent || self.full {
            return;
        }
        match &mut self.run {
            Some((same, before, count)) if *before == outcome && *same == effect => *count += 1,
            _ => {
                self.write_run();
                self.run = Some((effect, outcome, 1));
            }
        }
    }
}

fn push_number(text: &mut String, number: usize) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    let digit = u8::try_from(number % 10).unwrap_or_default();
    text.push(char::from(b'0' + digit));
}

/// The letter of a kind of policy.
fn letter_of(kind: Kind) -> char {
    match kind {
        Kind::ResourceControl => 'O',
        Kind::ServiceControl => 'S',
        Kind::Endpoint => 'E',
        Kind::Resource => 'K',
        Kind::Identity => 'I',
        Kind::Boundary => 'B',
        Kind::Session => 'L',
    }
}

fn kind_of(letter: char) -> Option<Kind> {
    let kinds = [
        Kind::ResourceControl,
        Kind::ServiceControl,
        Kind::Endpoint,
        Kind::Resource,
        Kind::Identity,
        Kind::Boundary,
        Kind::Session,
    ];
    kinds.into_iter().find(|kind| letter_of(*kind) == letter)
}

fn letter(effect: Effect, outcome: StatementOutcome) -> char {
    let letter = match outcome {
        StatementOutcome::Matched(Named::Principal) => 'm',
        StatementOutcome::Matched(Named::Role) => 'h',
        StatementOutcome::Matched(Named::Everyone) => 'e',
        StatementOutcome::Matched(Named::Account) => 't',
        StatementOutcome::OtherPrincipal => 'p',
        StatementOutcome::OtherAction => 'a',
        StatementOutcome::OtherResource => 'r',
        StatementOutcome::ConditionNotMet { .. } => 'c',
    };
    match effect {
        Effect::Allow => letter,
        Effect::Deny => letter.to_ascii_uppercase(),
    }
}

fn outcome_of(letter: char, condition: usize) -> Option<(Effect, StatementOutcome)> {
    let effect = match letter.is_ascii_uppercase() {
        true => Effect::Deny,
        false => Effect::Allow,
    };
    let outcome = match letter.to_ascii_lowercase() {
        'm' => StatementOutcome::Matched(Named::Principal),
        'h' => StatementOutcome::Matched(Named::Role),
        'e' => StatementOutcome::Matched(Named::Everyone),
        't' => StatementOutcome::Matched(Named::Account),
        'p' => StatementOutcome::OtherPrincipal,
        'a' => StatementOutcome::OtherAction,
        'r' => StatementOutcome::OtherResource,
        'c' => StatementOutcome::ConditionNotMet { condition },
        _ => return None,
    };
    Some((effect, outcome))
}

/// One policy of [`Outcomes`], read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyOutcomes {
    /// Its kind.
    pub kind: Kind,
    /// For guardrails, the level that it belongs to, from 0.
    pub level: Option<usize>,
    /// Which document it was.
    pub digest: PolicyDigest,
    /// Effect and outcome of its statements, in order; of one that allows everything, none.
    pub statements: Vec<(Effect, StatementOutcome)>,
    /// Whether it had more statements, and there may have been more policies, than had room.
    pub cut: bool,
}

impl PolicyOutcomes {
    /// Reads what [`Outcomes::finish`] gave. `None` for anything else.
    pub fn read(text: &str) -> Option<Vec<Self>> {
        text.split(' ')
            .filter(|word| !word.is_empty())
            .map(Self::read_one)
            .collect()
    }

    fn read_one(word: &str) -> Option<Self> {
        let (cut, word) = match word.strip_suffix('~') {
            Some(word) => (true, word),
            None => (false, word),
        };
        let (head, rest) = word.split_once('=')?;
        let mut letters = head.chars();
        let kind = kind_of(letters.next()?)?;
        let level = match letters.as_str() {
            "" => None,
            level => Some(level.parse().ok()?),
        };
        let (digest, statements) = rest.split_once(':').unwrap_or((rest, ""));
        Some(Self {
            kind,
            level,
            digest: PolicyDigest::parse(digest)?,
            statements: read_statements(statements)?,
            cut,
        })
    }
}

fn read_statements(text: &str) -> Option<Vec<(Effect, StatementOutcome)>> {
    let mut statements = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        rest = rest.get(letter.len_utf8()..)?;
        let condition = number_after(&mut rest, '.')?.unwrap_or(0);
        let count = number_after(&mut rest, '*')?.unwrap_or(1);
        if count > STATEMENTS_MAX || statements.len() + count > STATEMENTS_MAX {
            return None;
        }
        let outcome = outcome_of(letter, condition)?;
        statements.extend(std::iter::repeat_n(outcome, count));
    }
    Some(statements)
}

/// The number after a mark, if the mark is there; `None` for a mark without a number.
fn number_after(rest: &mut &str, mark: char) -> Option<Option<usize>> {
    let Some(after) = rest.strip_prefix(mark) else {
        return Some(None);
    };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = after.split_at_checked(digits)?;
    *rest = after;
    number.parse().ok().map(Some)
}

#[cfg(test)]
mod tests;
