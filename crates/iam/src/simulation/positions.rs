//! Where the statements of a document stand, as IAM tells it: line and column right after the
//! opening and the closing brace, both from 1.
//!
//! Source: the examples of SimulateCustomPolicy and SimulatePrincipalPolicy in the AWS CLI.

/// A place in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Beginning and end of each statement, in order. The document must be one that compiles; of any
/// other text something is returned that means nothing.
pub(crate) fn statements(document: &str) -> Vec<(Place, Place)> {
    let mut walk = Walk::default();
    document.chars().for_each(|c| walk.take(c));
    walk.found
}

#[derive(Default)]
struct Walk {
    line: u32,
    column: u32,
    /// The braces and brackets that are open.
    open: Vec<char>,
    text: Option<Text>,
    /// The last member name of the outermost object.
    member: String,
    begin: Option<Place>,
    found: Vec<(Place, Place)>,
}

/// A text that is being read.
#[derive(Default)]
struct Text {
    value: String,
    escaped: bool,
}

impl Walk {
    fn take(&mut self, c: char) {
        if c == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 0;
        } else {
            self.column = self.column.saturating_add(1);
        }
        if let Some(text) = &mut self.text {
            match (text.escaped, c) {
                (true, _) => text.escaped = false,
                (false, '\\') => text.escaped = true,
                (false, '"') => {
                    let text = self.text.take().unwrap_or_default();
                    if self.open == ['{'] {
                        self.member = text.value;
                    }
                }
                (false, c) => text.value.push(c),
            }
            return;
        }
        match c {
            '"' => self.text = Some(Text::default()),
            '{' => {
                self.open.push(c);
                if self.is_statement() {
                    self.begin = Some(self.here());
                }
            }
            '[' => self.open.push(c),
            '}' | ']' => {
                if c == '}' && self.is_statement() {
                    let end = self.here();
                    self.found
                        .extend(self.begin.take().map(|begin| (begin, end)));
                }
                self.open.pop();
            }
            _ => {}
        }
    }

    /// Whether the innermost open brace is a statement's.
    fn is_statement(&self) -> bool {
        let single = self.open == ['{', '{'];
        self.member == "Statement" && (single || self.open == ['{', '[', '{'])
    }

    /// Right after the character that was read.
    fn here(&self) -> Place {
        Place {
            line: self.line.saturating_add(1),
            column: self.column.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(document: &str) -> Vec<(u32, u32, u32, u32)> {
        let places = statements(document).into_iter();
        places
            .map(|(a, b)| (a.line, a.column, b.line, b.column))
            .collect()
    }

    #[test]
    fn the_example_of_the_cli() {
        let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}"#;
        assert_eq!(told(document), [(1, 38, 1, 167)]);
    }

    #[test]
    fn lists_of_statements_over_lines() {
        let document = "{\n \"Statement\": [\n  {\"Sid\": \"}{\\\"\", \"Condition\": {\"Bool\": {}}},\n  {\n  }\n ], \"Id\": \"Statement\"}";
        assert_eq!(told(document), [(3, 4, 3, 45), (4, 4, 5, 4)]);
    }
}
