//! Why a policy document is refused.

use std::borrow::Cow;
use std::fmt;

use keystead_types::{Fault, FaultKind};

use crate::evaluate::PolicyKind;

/// The classes of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyErrorKind {
    /// Larger than its kind may be. LimitExceededException.
    TooLarge,
    /// Too many statements, values or wildcards. LimitExceededException.
    TooMany,
    /// Not JSON, nested too deeply, or a member name twice. MalformedPolicyDocumentException.
    Syntax,
    /// JSON, but not the policy grammar. MalformedPolicyDocumentException.
    Grammar,
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
    /// What AWS says to it, where that is known.
    text: Option<Cow<'static, str>>,
    policy: PolicyKind,
}

impl PolicyError {
    pub(crate) fn new(kind: PolicyErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            statement: None,
            detail: detail.into(),
            text: None,
            policy: PolicyKind::Key,
        }
    }

    /// With the text that AWS answers with.
    pub(crate) fn says(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The same, in policies whose API is IAM; KMS's shows the reason itself.
    pub(crate) fn says_unless_key(
        self,
        policy: PolicyKind,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        match policy {
            PolicyKind::Key => self,
            _ => self.says(text),
        }
    }

    pub(crate) fn of(mut self, policy: PolicyKind) -> Self {
        self.policy = policy;
        self
    }

    pub(crate) fn grammar(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(PolicyErrorKind::Grammar, detail)
    }

    pub(crate) fn too_large(policy: PolicyKind) -> Self {
        let limit = policy.max_size();
        let (detail, text) = match policy {
            PolicyKind::Key => (
                format!("The key policy is larger than {limit} bytes."),
                None,
            ),
            PolicyKind::Trust => (
                format!("The trust policy has more than {limit} characters."),
                Some(format!("Cannot exceed quota for ACLSizePerRole: {limit}")),
            ),
            _ => (
                format!("The policy has more than {limit} characters."),
                Some(format!("Cannot exceed quota for PolicySize: {limit}")),
            ),
        };
        let error = Self::new(PolicyErrorKind::TooLarge, detail);
        match text {
            Some(text) => error.says(text),
            None => error,
        }
    }

    pub(crate) fn too_many(what: &str, limit: usize) -> Self {
        Self::new(
            PolicyErrorKind::TooMany,
            format!("The policy has more than {limit} {what}."),
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

    /// The wire error of the API that takes such documents: KMS's for key policies, IAM's for the
    /// others. Where AWS's text is known it is the message, and the place and the reason, about
    /// which AWS keeps silent, go into the private cause. Texts of IAM that stand for many
    /// reasons are `Syntax errors in policy.` (for a trust policy that is no JSON `This policy
    /// contains invalid Json`) and `The policy failed legacy parsing`.
    ///
    /// Sources: errors that users of IAM and KMS published; which reason gives which of the two
    /// general texts is not certain.
    pub fn fault(&self) -> Fault {
        let detail = self.to_string();
        if matches!(
            self.kind,
            PolicyErrorKind::TooLarge | PolicyErrorKind::TooMany
        ) {
            return match &self.text {
                Some(text) => Fault::new(FaultKind::LimitExceeded, text.clone()).because(detail),
                None => Fault::new(FaultKind::LimitExceeded, detail),
            };
        }
        let malformed = FaultKind::MalformedPolicyDocument;
        if self.policy != PolicyKind::Key {
            let general = match (self.policy, self.kind) {
                (PolicyKind::Trust, PolicyErrorKind::Syntax) => "This policy contains invalid Json",
                _ => "Syntax errors in policy.",
            };
            let general = Cow::Borrowed(general);
            return Fault::new(malformed, self.text.clone().unwrap_or(general)).because(detail);
        }
        match self.kind {
            PolicyErrorKind::InvalidPrincipals => Fault::new(
                malformed,
                "Policy contains a statement with one or more invalid principals.",
            )
            .because(detail),
            PolicyErrorKind::InvalidArn => Fault::new(
                FaultKind::InvalidArn,
                "An ARN in the specified key policy is invalid.",
            )
            .because(detail),
            // Where the reason is AWS's text, the place stays private.
            _ if self.text.as_ref() == Some(&self.detail) => {
                Fault::new(malformed, self.detail.clone()).because(detail)
            }
            _ => Fault::new(malformed, detail),
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
