//! The closed set of errors that leave on the wire.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

macro_rules! fault_kinds {
    ($($variant:ident $status:literal),* $(,)?) => {
        /// The code of a wire error. Its name on the wire is the variant's name with `Exception`
        /// appended, but for the few of [`FaultKind::code`]. Source: KMS model and
        /// "Common errors" of the KMS API reference.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FaultKind {
            $(#[doc = concat!("HTTP ", stringify!($status), ".")] $variant,)*
        }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire: `__type` and `x-amzn-ErrorType`.
            pub fn code(self) -> &'static str {
                let code = match self {
                    $(Self::$variant => concat!(stringify!($variant), "Exception"),)*
                };
                match self {
                    Self::InternalFailure | Self::RequestEntityTooLarge => {
                        code.strip_suffix("Exception").unwrap_or(code)
                    }
                    _ => code,
                }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
        }
    };
}

fault_kinds! {
    AccessDenied 400,
    AlreadyExists 400,
    Conflict 400,
    CustomKeyStoreNotFound 400,
    CustomKeyStoreInvalidState 400,
    DependencyTimeout 503,
    Disabled 400,
    DryRunOperation 400,
    ExpiredImportToken 400,
    ExpiredToken 400,
    IncompleteSignature 400,
    IncorrectKey 400,
    IncorrectKeyMaterial 400,
    InternalFailure 500,
    InvalidAliasName 400,
    InvalidArn 400,
    InvalidCiphertext 400,
    InvalidGrantId 400,
    InvalidGrantToken 400,
    InvalidImportToken 400,
    InvalidKeyUsage 400,
    InvalidMarker 400,
    InvalidSignature 400,
    KMSInternal 500,
    KMSInvalidMac 400,
    KMSInvalidSignature 400,
    KMSInvalidState 400,
    KeyUnavailable 500,
    LimitExceeded 400,
    MalformedPolicyDocument 400,
    MissingAuthenticationToken 400,
    NotFound 400,
    RequestEntityTooLarge 413,
    Serialization 400,
    ServiceUnavailable 503,
    Tag 400,
    Throttling 400,
    UnknownOperation 400,
    UnrecognizedClient 400,
    UnsupportedOperation 400,
    Validation 400,
}

/// An error answer: a public code and message, and a private cause for the operator's log.
pub struct Fault {
    kind: FaultKind,
    message: Option<Cow<'static, str>>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// An answer with a message.
    pub fn new(kind: FaultKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: Some(message.into()),
            cause: None,
        }
    }

    /// An answer without any message member, as AWS sends for InvalidCiphertextException.
    pub fn bare(kind: FaultKind) -> Self {
        Self {
            kind,
            message: None,
            cause: None,
        }
    }

    /// KMSInternalException for a reason that the caller must not learn. SDKs retry it.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(FaultKind::KMSInternal, "The request was rejected because an internal exception occurred. The request can be retried.")
            .because(cause)
    }

    /// A ValidationException with its text.
    pub fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FaultKind::Validation, message)
    }

    /// Adds the private cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The code.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The public message; `None` means that the answer has no message member.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The private cause, for the operator's log only.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("code", &self.kind.code())
            .field("message", &self.message)
            .field("cause", &self.cause)
            .finish()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.code())?;
        self.message
            .as_deref()
            .map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

impl Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses() {
        assert_eq!(FaultKind::NotFound.code(), "NotFoundException");
        assert_eq!(FaultKind::InternalFailure.code(), "InternalFailure");
        assert_eq!(FaultKind::KMSInternal.status(), 500);
        assert!(
            FaultKind::ALL
                .iter()
                .all(|kind| [400, 413, 500, 503].contains(&kind.status()))
        );
    }

    #[test]
    fn the_cause_is_not_public() {
        let fault = Fault::internal("disk full");
        assert!(!fault.to_string().contains("disk"));
        assert_eq!(fault.cause().unwrap().to_string(), "disk full");
    }
}
