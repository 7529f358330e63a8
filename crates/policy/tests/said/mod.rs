//! Verdicts in the words of the tables: directly (by name, role or as everyone) or by account.

use keystead_policy::{Named, Verdict};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Denied { statement: usize },
    AllowedDirectly { statement: usize },
    AllowedByAccount { statement: usize },
    NotMatched,
}

impl From<Verdict> for Said {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Denied { statement } => Self::Denied { statement },
            Verdict::Allowed {
                statement,
                named: Named::Account,
            } => Self::AllowedByAccount { statement },
            Verdict::Allowed { statement, .. } => Self::AllowedDirectly { statement },
            Verdict::NotMatched => Self::NotMatched,
        }
    }
}
