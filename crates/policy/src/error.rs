//! Why a policy document is refused.

use std::borrow::Cow;
use std::fmt;

use keystead_types::{Fault, FaultKind};

use crate::limits::KEY_POLICY_MAX_BYTES;

/// The classes of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyErrorKind {
    /// More than 32,768 bytes. LimitExceededException.
    TooLarge,
    /// Too many statements, values or wildcards. LimitExceededException.
    TooMany,
    /// Not JSON, nested too deeply, or a member name twice. MalformedPolicyDocumentException.
    Syntax,
    /// JSON, but not the policy grammar. MalformedPolicyDocumentException.
    Grammar,
    /// Correct, but not evaluated by this version, so never stored.
    /// MalformedPolicyDocumentException.
    Unsupported,
    /// A principal that can never be one, such as a group. MalformedPolicyDocumentException.
    InvalidPrincipals,
    /// A principal that is not an ARN, or not an ARN of a principal. InvalidArnException.
    InvalidArn,
}

/// A refused policy document: class, place and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    kind: PolicyErrorKind,
    statement: Option<usize>,
    detail: Cow<'static, str>,
}

impl PolicyError {
    pub(crate) fn new(kind: PolicyErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            statement: None,
            detail: detail.into(),
        }
    }

    pub(crate) fn grammar(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(PolicyErrorKind::Grammar, detail)
    }

    pub(crate) fn too_large() -> Self {
        Self::new(
            PolicyErrorKind::TooLarge,
            format!("The key policy is larger than {KEY_POLICY_MAX_BYTES} bytes."),
        )
    }

    pub(crate) fn too_many(what: &str, limit: usize) -> Self {
        Self::new(
            PolicyErrorKind::TooMany,
            format!("The key policy has more than {limit} {what}."),
        )
    }

    pub(crate) fn in_statement(mut self, index: usize) -> Self {
        self.statement = Some(index);
        self
    }

    /// The class.
    pub fn kind(&self) -> PolicyErrorKind {
        self.kind
    }

    /// The statement at fault, counted from 0; `None` when it is the document as a whole.
    pub fn statement(&self) -> Option<usize> {
        self.statement
    }

    /// The wire error. The texts of invalid principals and invalid ARNs are AWS's own; what AWS
    /// keeps silent about (the place, the reason) goes into the private cause there.
    pub fn fault(&self) -> Fault {
        match self.kind {
            PolicyErrorKind::TooLarge | PolicyErrorKind::TooMany => {
                Fault::new(FaultKind::LimitExceeded, self.to_string())
            }
            PolicyErrorKind::Syntax | PolicyErrorKind::Grammar | PolicyErrorKind::Unsupported => {
                Fault::new(FaultKind::MalformedPolicyDocument, self.to_string())
            }
            PolicyErrorKind::InvalidPrincipals => Fault::new(
                FaultKind::MalformedPolicyDocument,
                "Policy contains a statement with one or more invalid principals.",
            )
            .because(self.to_string()),
            PolicyErrorKind::InvalidArn => Fault::new(
                FaultKind::InvalidArn,
                "An ARN in the specified key policy is invalid.",
            )
            .because(self.to_string()),
        }
    }
}

impl fmt::Display for PolicyError {
    /// The reason; a statement is counted from 1 here, because people read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.statement {
            write!(f, "Statement {}: ", index.saturating_add(1))?;
        }
        f.write_str(&self.detail)
    }
}

impl std::error::Error for PolicyError {}
