//! What `Debug` shows of members that it must not or need not show.

use std::fmt;

/// Stands for a value that nobody may read in a log.
pub(crate) struct Redacted;

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// Stands for a public blob by its length.
pub(crate) struct Bytes(pub(crate) Option<usize>);

impl Bytes {
    /// The blob, if there is one.
    pub(crate) fn of(blob: Option<&Vec<u8>>) -> Self {
        Self(blob.map(Vec::len))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(len) => write!(f, "({len} bytes)"),
            None => f.write_str("None"),
        }
    }
}
