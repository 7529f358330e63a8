//! `Condition`: compiled, and how a request meets it. Source: IAM User Guide, "IAM JSON policy
//! elements: Condition", "Condition operators", "Multivalued context keys".
//!
//! # Rules
//! - All conditions of a statement must hold. Of the values of one, any may fit; for a negated
//!   operator none may.
//! - A key that the request does not have, or has without any value: a positive operator does not
//!   hold, a negated one holds, `…IfExists` holds, `ForAllValues:` holds, `ForAnyValue:` does not,
//!   `Null` with `true` holds.
//! - A tag or a pair of an encryption context that the request has in several spellings, which
//!   differ in case only, has several values where one is meant: in an Allow all of them must fit,
//!   in a Deny it is enough that one does.
//! - Any other key with several values under an operator without `ForAllValues:` or `ForAnyValue:` is read
//!   as under `ForAnyValue:`; AWS leaves that open.
//! - What cannot be compared (a text that is no number under `NumericLessThan`, a variable
//!   without a value) fits nothing; negated, it holds in a Deny and not in an Allow. See
//!   [`Match::Unclear`].
//! - `…IgnoreCase` ignores the case of ASCII letters. `BinaryEquals` compares canonical base64.

use crate::context::{ConditionKey, Context, KnownKey, Value};
use crate::error::PolicyError;
use crate::limits::{EXPLAINED_VALUE_MAX_CHARS, EXPLAINED_VALUES_MAX};
use crate::literal::{self, Network, Scaled};
use crate::operator::{Family, Operator, Order, Set};
use crate::statement::Effect;
use crate::variable::{ArnPattern, Case, Match, Pattern, Version, Wild, with_text};

/// One key under one operator.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    operator: Operator,
    key: ConditionKey,
    test: Test,
    /// For explanations.
    operator_name: Box<str>,
    written: Box<[Box<str>]>,
}

#[derive(Debug, Clone)]
enum Test {
    Text(Texts, Case),
    Arn(Box<[ArnPattern]>),
    Number(Order, Box<[Scaled]>),
    Date(Order, Box<[Scaled]>),
    Bool(Box<[bool]>),
    Binary(Box<[Box<str>]>),
    Address(Box<[Network]>),
    Null(Box<[bool]>),
}

/// The values of a string operator.
#[derive(Debug, Clone)]
struct Texts {
    /// Those without wildcards and variables, sorted: thousands of them cost as little as a few.
    /// Empty where case is ignored.
    exact: Box<[Box<str>]>,
    others: Box<[Pattern]>,
}

impl Texts {
    fn new(patterns: Vec<Pattern>, case: Case) -> Self {
        let (mut exact, mut others) = (Vec::new(), Vec::new());
        for pattern in patterns {
            match pattern.exact() {
                Some(text) if case == Case::Sensitive => exact.push(text.into()),
                _ => others.push(pattern),
            }
        }
        exact.sort_unstable();
        Self {
            exact: exact.into(),
            others: others.into(),
        }
    }

    fn compare(&self, text: &str, case: Case, context: &dyn Context) -> Match {
        if self.exact.binary_search_by(|one| (**one).cmp(text)).is_ok() {
            return Match::Yes;
        }
        let compare = |pattern: &Pattern| pattern.matches(text, case, context);
        Match::any(self.others.iter().map(compare))
    }
}

/// Why a statement's condition was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionTrace {
    /// The operator as the policy writes it: `StringEquals`.
    pub operator: Box<str>,
    /// The key as the policy writes it: `kms:ViaService`.
    pub key: Box<str>,
    /// The policy's values, as it writes them; of many or long ones the beginning.
    pub policy_values: Vec<Box<str>>,
    /// The request's values, shortened likewise; `None` when it has no such key.
    pub request_values: Option<Vec<Box<str>>>,
}

impl Condition {
    /// Errors: an unknown operator, a name that is no condition key's, a value that is not of the
    /// operator's type.
    pub(crate) fn compile(
        operator_name: &str,
        operator: Operator,
        key: &str,
        values: &[String],
        version: Version,
    ) -> Result<Self, PolicyError> {
        let Some(key) = ConditionKey::parse(key) else {
            let text = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
            return Err(PolicyError::grammar("a condition key has no service prefix.").says(text));
        };
        Ok(Self {
            operator,
            key,
            test: Test::compile(operator.family, values, version)?,
            operator_name: operator_name.into(),
            written: values.iter().map(|value| value.as_str().into()).collect(),
        })
    }

    pub(crate) fn key(&self) -> &ConditionKey {
        &self.key
    }

    pub(crate) fn set(&self) -> Option<Set> {
        self.operator.set
    }

    /// Groups of `?` in its patterns.
    pub(crate) fn question_groups(&self) -> usize {
        match &self.test {
            Test::Text(texts, _) => texts.others.iter().map(Pattern::question_groups).sum(),
            Test::Arn(patterns) => patterns.iter().map(ArnPattern::question_groups).sum(),
            _ => 0,
        }
    }

    /// Whether a request meets it. Allocates nothing.
    pub(crate) fn holds(&self, effect: Effect, context: &dyn Context) -> bool {
        let family = self.key.known().is_some_and(KnownKey::is_family);
        let all = match self.operator.set {
            Some(set) => set == Set::All,
            None => family && effect == Effect::Allow,
        };
        let mut told = false;
        // Of the values so far: whether all fit, or whether any does.
        let mut fits = all;
        context.values(&self.key, &mut |value| {
            told = true;
            if fits == all {
                fits = self.value_fits(value, effect, context);
            }
        });
        match &self.test {
            Test::Null(wanted) => wanted.contains(&!told),
            _ if told => fits,
            _ if self.operator.if_exists => true,
            _ => match self.operator.set {
                Some(Set::All) => true,
                Some(Set::Any) => false,
                None => self.operator.negated,
            },
        }
    }

    fn value_fits(&self, value: Value<'_>, effect: Effect, context: &dyn Context) -> bool {
        match (self.test.compare(value, context), self.operator.negated) {
            (Match::Yes, negated) => !negated,
            (Match::No, negated) => negated,
            (Match::Unclear, negated) => negated && effect == Effect::Deny,
        }
    }

    /// For explanations; allocates.
    pub(crate) fn trace(&self, context: &dyn Context) -> ConditionTrace {
        let mut policy = Excerpt::default();
        self.written.iter().for_each(|value| policy.add(value));
        let mut request = Excerpt::default();
        context.values(&self.key, &mut |value| {
            with_text(value, |text| request.add(text));
        });
        ConditionTrace {
            operator: self.operator_name.clone(),
            key: self.key.name().into(),
            policy_values: policy.finish(),
            request_values: Some(request.finish()).filter(|values| !values.is_empty()),
        }
    }
}

/// The first values of a list, shortened: an explanation must not grow with what callers send.
#[derive(Default)]
struct Excerpt {
    values: Vec<Box<str>>,
    left_out: usize,
}

impl Excerpt {
    fn add(&mut self, value: &str) {
        if self.values.len() < EXPLAINED_VALUES_MAX {
            let shown: String = value.chars().take(EXPLAINED_VALUE_MAX_CHARS).collect();
            self.values.push(shown.into());
        } else {
            self.left_out += 1;
        }
    }

    fn finish(mut self) -> Vec<Box<str>> {
        if self.left_out > 0 {
            let more = format!("… {} more", self.left_out);
            self.values.push(more.into());
        }
        self.values
    }
}

impl Test {
    fn compile(family: Family, values: &[String], version: Version) -> Result<Self, PolicyError> {
        let texts = |wild, case| {
            let compile = |value: &String| Pattern::compile(value, version, wild);
            let patterns = values.iter().map(compile).collect::<Result<_, _>>()?;
            Ok::<_, PolicyError>(Self::Text(Texts::new(patterns, case), case))
        };
        let flag = |value: &str| match value {
            _ if value.eq_ignore_ascii_case("true") => Some(true),
            _ if value.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        };
        let base64 = |value: &str| literal::is_base64(value).then(|| value.into());
        Ok(match family {
            Family::Equal => texts(Wild::No, Case::Sensitive)?,
            Family::EqualIgnoringCase => texts(Wild::No, Case::Ignored)?,
            Family::Like => texts(Wild::Yes, Case::Sensitive)?,
            Family::Arn => {
                let compile = |value: &String| ArnPattern::compile(value, version);
                Self::Arn(values.iter().map(compile).collect::<Result<_, _>>()?)
            }
            Family::Number(order) => Self::Number(order, read(values, "number", literal::number)?),
            Family::Date(order) => Self::Date(order, read(values, "date", literal::date)?),
            Family::Bool => Self::Bool(read(values, "boolean", flag)?),
            Family::Binary => Self::Binary(read(values, "base64", base64)?),
            Family::Address => Self::Address(read(values, "IP address or block", Network::parse)?),
            Family::Null => Self::Null(read(values, "boolean", flag)?),
        })
    }

    /// Whether a value of the request fits any of the policy's.
    fn compare(&self, value: Value<'_>, context: &dyn Context) -> Match {
        match self {
            Self::Text(texts, case) => with_text(value, |text| texts.compare(text, *case, context)),
            Self::Arn(patterns) => match value {
                Value::Text(text) => {
                    let compare = |pattern: &ArnPattern| pattern.matches(text, context);
                    Match::any(patterns.iter().map(compare))
                }
                _ => Match::Unclear,
            },
            Self::Number(order, wanted) => {
                let number = match value {
                    Value::Number(number) => Some(literal::of_number(number)),
                    Value::Moment(moment) => Some(literal::of_moment(moment)),
                    Value::Text(text) => literal::number(text),
                    Value::Flag(_) | Value::Address(_) => None,
                };
                one_of(number, wanted, |number, wanted| order.holds(number, wanted))
            }
            Self::Date(order, wanted) => {
                let moment = match value {
                    Value::Moment(moment) => Some(literal::of_moment(moment)),
                    Value::Number(seconds) => Some(literal::of_number(seconds)),
                    Value::Text(text) => literal::date(text),
                    Value::Flag(_) | Value::Address(_) => None,
                };
                one_of(moment, wanted, |moment, wanted| order.holds(moment, wanted))
            }
            Self::Bool(wanted) => {
                let flag = match value {
                    Value::Flag(flag) => Some(flag),
                    Value::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
                    Value::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
                    _ => None,
                };
                one_of(flag, wanted, |flag, wanted| flag == wanted)
            }
            Self::Binary(wanted) => match value {
                Value::Text(text) => Match::of(wanted.iter().any(|wanted| **wanted == *text)),
                _ => Match::Unclear,
            },
            Self::Address(networks) => {
                let address = match value {
                    Value::Address(address) => Some(address),
                    Value::Text(text) => text.parse().ok(),
                    _ => None,
                };
                one_of(address, networks, |address, network| {
                    network.contains(*address)
                })
            }
            // The presence of the key decides, not its value.
            Self::Null(_) => Match::Unclear,
        }
    }
}

fn one_of<V, W>(value: Option<V>, wanted: &[W], fits: impl Fn(&V, &W) -> bool) -> Match {
    value.map_or(Match::Unclear, |value| {
        Match::of(wanted.iter().any(|wanted| fits(&value, wanted)))
    })
}

/// Values that are no text take no variables, so that all of them are read here.
fn read<T>(
    values: &[String],
    what: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Box<[T]>, PolicyError> {
    let one = |value: &String| {
        read(value).ok_or_else(|| {
            PolicyError::grammar(format!("a value of a condition is no {what}."))
                .says("The policy failed legacy parsing")
        })
    };
    values.iter().map(one).collect()
}
