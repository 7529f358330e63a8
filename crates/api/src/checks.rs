//! Collects violated constraints into one ValidationException, worded as AWS words them.

use std::fmt::{self, Write};

use keystead_types::Fault;

use crate::limits::{DETAILS_MAX_BYTES, ECHO_MAX_CHARS};

/// Where a value stands in the request; rendered only when it violates something.
#[derive(Clone, Copy)]
pub(crate) enum Path<'p> {
    /// The request itself.
    Root,
    /// A member of a structure, by its name in lowerCamel.
    Member(&'p Path<'p>, &'static str),
    /// An element of a list, by its index from 0.
    Element(&'p Path<'p>, usize),
}

impl Path<'_> {
    /// The path of a member of the structure here.
    pub(crate) fn member(&self, name: &'static str) -> Path<'_> {
        Path::Member(self, name)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Self::Root, name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Element(parent, index) => write!(f, "{parent}.{}.member", index + 1),
        }
    }
}

/// How much of a refused value the message may show.
#[derive(Clone, Copy)]
pub(crate) enum Shown<'v> {
    /// The value, cut after [`ECHO_MAX_CHARS`].
    Text(&'v str),
    /// A number.
    Number(i128),
    /// A list; its elements are left out.
    List,
    /// Nothing: blobs and sensitive strings.
    Nothing,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => match text.char_indices().nth(ECHO_MAX_CHARS) {
                Some((end, _)) => {
                    write!(f, " '{}...'", text.get(..end).unwrap_or_default())
                }
                None => write!(f, " '{text}'"),
            },
            Self::Number(number) => write!(f, " '{number}'"),
            Self::List => f.write_str(" '[...]'"),
            Self::Nothing => Ok(()),
        }
    }
}

/// Violations found so far.
#[derive(Default)]
pub(crate) struct Checks {
    count: usize,
    details: String,
    /// The text when this is the only violation.
    alone: Option<String>,
}

impl Checks {
    /// Notes a violation. `constraint` completes `Member must …`.
    pub(crate) fn violated(
        &mut self,
        shown: Shown<'_>,
        path: &Path<'_>,
        constraint: fmt::Arguments<'_>,
    ) {
        self.note(format_args!(
            "Value{shown} at '{path}' failed to satisfy constraint: Member must {constraint}"
        ));
    }

    /// Notes a text that is no name of an entity of IAM. Source: errors that users of IAM
    /// published.
    pub(crate) fn misnamed(&mut self, shown: Shown<'_>, path: &Path<'_>) {
        self.violated(
            shown,
            path,
            format_args!(r"satisfy regular expression pattern: [\w+=,.@-]+"),
        );
        self.alone = Some(format!(
            "The specified value for {path} is invalid. It must contain only alphanumeric \
             characters and/or the following: +=,.@_-"
        ));
    }

    /// Notes that a required member is missing.
    pub(crate) fn missing(&mut self, path: &Path<'_>) {
        self.note(format_args!(
            "Value null at '{path}' failed to satisfy constraint: Member must not be null"
        ));
    }

    fn note(&mut self, detail: fmt::Arguments<'_>) {
        self.count += 1;
        if self.details.len() >= DETAILS_MAX_BYTES {
            return;
        }
        if !self.details.is_empty() {
            self.details.push_str("; ");
        }
        // Writing to a String cannot fail.
        let _ = self.details.write_fmt(detail);
    }

    /// The value if nothing was violated.
    ///
    /// Errors: ValidationException that lists the violations in the order of the model's members.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Fault> {
        let Self {
            count,
            details,
            alone,
        } = self;
        match (count, value) {
            (0, Some(value)) => Ok(value),
            (1, _) if alone.is_some() => Err(Fault::validation(alone.unwrap_or_default())),
            (0, None) => Err(Fault::internal("a reader gave no value and no violation")),
            (1, _) => Err(Fault::validation(format!(
                "1 validation error detected: {details}"
            ))),
            (_, _) => Err(Fault::validation(format!(
                "{count} validation errors detected: {details}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_nest() {
        let root = Path::Root;
        let tags = root.member("tags");
        let element = Path::Element(&tags, 0);
        assert_eq!(element.member("tagKey").to_string(), "tags.1.member.tagKey");
    }

    #[test]
    fn long_values_and_long_lists_are_cut_and_still_counted() {
        let mut checks = Checks::default();
        let long = "é".repeat(ECHO_MAX_CHARS + 1);
        let path = Path::Root;
        for _ in 0..100 {
            checks.violated(Shown::Text(&long), &path.member("a"), format_args!("fit"));
        }
        let fault = checks.finish::<()>(None).unwrap_err();
        let message = fault.message().unwrap();
        assert!(message.starts_with("100 validation errors detected: Value 'éé"));
        assert!(message.contains("é...' at 'a'"));
        assert!(message.len() < 2 * DETAILS_MAX_BYTES);
    }
}
