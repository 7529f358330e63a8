//! What every backend refuses before it looks at its data.

use std::collections::BTreeSet;
use std::fmt;

use crate::limits::{BATCH_MAX_ITEMS, KEY_MAX_BYTES, SCAN_MAX_ENTRIES, VALUE_MAX_BYTES};
use crate::{Batch, Condition, StoreError, Write};

/// A call that breaks the contract of [`Backend`](crate::Backend): an error of the program, not
/// of the storage. Found as the cause of [`StoreError::Failed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(&'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Refused {}

fn refused(why: &'static str) -> StoreError {
    StoreError::Failed(Box::new(Refused(why)))
}

impl Write {
    /// The key that is written.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

impl Condition {
    /// The key that is looked at.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Unchanged { key, .. } | Self::Absent { key } => key,
        }
    }
}

impl Batch {
    /// Checks sizes and that no key is written twice.
    ///
    /// # Errors
    /// [`StoreError::Failed`] with [`Refused`] as its cause.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.writes.len() > BATCH_MAX_ITEMS || self.conditions.len() > BATCH_MAX_ITEMS {
            return Err(refused("a batch with too many writes or conditions"));
        }
        let written = self.writes.iter().map(Write::key);
        let looked_at = self.conditions.iter().map(Condition::key);
        if written
            .chain(looked_at)
            .any(|key| key.len() > KEY_MAX_BYTES)
        {
            return Err(refused("a batch with a key that is too long"));
        }
        let too_long = |write: &Write| match write {
            Write::Put { value, .. } => value.len() > VALUE_MAX_BYTES,
            Write::Delete { .. } => false,
        };
        if self.writes.iter().any(too_long) {
            return Err(refused("a batch with a value that is too long"));
        }
        let mut seen = BTreeSet::new();
        if self.writes.iter().all(|write| seen.insert(write.key())) {
            Ok(())
        } else {
            Err(refused("a batch that writes a key twice"))
        }
    }
}

/// Checks the limit of a scan.
///
/// # Errors
/// [`StoreError::Failed`] with [`Refused`] as its cause unless it is 1–10,000.
pub fn check_scan(limit: usize) -> Result<(), StoreError> {
    if (1..=SCAN_MAX_ENTRIES).contains(&limit) {
        Ok(())
    } else {
        Err(refused("a scan limit outside 1-10,000"))
    }
}
