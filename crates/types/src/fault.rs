//! The closed set of errors that leave on the wire.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

macro_rules! fault_kinds {
    ($($variant:ident $status:literal),* $(,)? ; $($named:ident $code:literal $named_status:literal),* $(,)?) => {
        /// The code of a wire error. Its name on the wire is the variant's name with `Exception`
        /// appended, but for the few of [`FaultKind::code`]. Source: KMS model and
        /// "Common errors" of the KMS API reference; below them those of IAM and STS, of their
        /// models and common errors.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FaultKind {
            $(#[doc = concat!("HTTP ", stringify!($status), ".")] $variant,)*
            $(#[doc = concat!("IAM, STS: `", $code, "`, HTTP ", stringify!($named_status), ".")] $named,)*
        }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)* $(Self::$named,)*];

            /// The name on the wire: `__type` and `x-amzn-ErrorType`.
            pub fn code(self) -> &'static str {
                let code = match self {
                    $(Self::$variant => concat!(stringify!($variant), "Exception"),)*
                    $(Self::$named => $code,)*
                };
                match self {
                    Self::InternalFailure | Self::RequestEntityTooLarge => {
                        code.strip_suffix("Exception").unwrap_or(code)
                    }
                    _ => code,
                }
            }

            /// Name and HTTP status in answers of the query protocol, which IAM and STS speak.
            /// Source: "Common errors" of the IAM and STS API references.
            pub fn in_query(self) -> (&'static str, u16) {
                match self {
                    Self::AccessDenied => ("AccessDenied", 403),
                    Self::Validation => ("ValidationError", 400),
                    Self::LimitExceeded => ("LimitExceeded", 409),
                    Self::MalformedPolicyDocument => ("MalformedPolicyDocument", 400),
                    Self::InvalidSignature => ("SignatureDoesNotMatch", 403),
                    Self::UnrecognizedClient => ("InvalidClientTokenId", 403),
                    Self::IncompleteSignature => ("IncompleteSignature", 400),
                    Self::MissingAuthenticationToken => ("MissingAuthenticationToken", 403),
                    Self::ExpiredToken => ("ExpiredToken", 403),
                    Self::UnknownOperation => ("InvalidAction", 400),
                    Self::Serialization => ("MalformedInput", 400),
                    Self::Throttling => ("Throttling", 400),
                    Self::ServiceUnavailable => ("ServiceUnavailable", 503),
                    Self::InternalFailure | Self::KMSInternal => ("InternalFailure", 500),
                    other => (other.code(), other.status()),
                }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* $(Self::$named => $named_status,)* }
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
    ;
    ConcurrentModification "ConcurrentModification" 409,
    DeleteConflict "DeleteConflict" 409,
    EntityAlreadyExists "EntityAlreadyExists" 409,
    IdpCommunication "IDPCommunicationError" 400,
    IdpRejectedClaim "IDPRejectedClaim" 403,
    InvalidAuthorizationMessage "InvalidAuthorizationMessageException" 400,
    InvalidIdentityToken "InvalidIdentityToken" 400,
    InvalidInput "InvalidInput" 400,
    MissingAction "MissingAction" 400,
    NoSuchEntity "NoSuchEntity" 404,
    PackedPolicyTooLarge "PackedPolicyTooLarge" 400,
    PolicyEvaluation "PolicyEvaluation" 500,
    PolicyNotAttachable "PolicyNotAttachable" 400,
    UnmodifiableEntity "UnmodifiableEntity" 400,
    WebTokenExpired "ExpiredTokenException" 400,
}

/// An error answer: a public code and message, and a private cause for the operator's log.
pub struct Fault {
    kind: FaultKind,
    message: Option<Cow<'static, str>>,
    cause: Option<Box<dyn Error + Send + Sync>>,
    authorization_message: Option<Box<str>>,
}

impl Fault {
    /// An answer with a message.
    pub fn new(kind: FaultKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: Some(message.into()),
            cause: None,
            authorization_message: None,
        }
    }

    /// An answer without any message member, as AWS sends for InvalidCiphertextException.
    pub fn bare(kind: FaultKind) -> Self {
        Self {
            kind,
            message: None,
            cause: None,
            authorization_message: None,
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

    /// Adds the encoded explanation of a denial, which DecodeAuthorizationMessage opens. It
    /// leaves in a header of its own, so that the answer's body is AWS's.
    #[must_use]
    pub fn with_authorization_message(mut self, message: impl Into<Box<str>>) -> Self {
        self.authorization_message = Some(message.into());
        self
    }

    /// The encoded explanation of a denial.
    pub fn authorization_message(&self) -> Option<&str> {
        self.authorization_message.as_deref()
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
        assert_eq!(FaultKind::NoSuchEntity.code(), "NoSuchEntity");
        assert_eq!(FaultKind::NoSuchEntity.in_query(), ("NoSuchEntity", 404));
        assert_eq!(FaultKind::AccessDenied.in_query(), ("AccessDenied", 403));
        for kind in FaultKind::ALL {
            for status in [kind.status(), kind.in_query().1] {
                assert!(
                    [400, 403, 404, 409, 413, 500, 503].contains(&status),
                    "{kind:?}"
                );
            }
        }
    }

    #[test]
    fn the_cause_is_not_public() {
        let fault = Fault::internal("disk full");
        assert!(!fault.to_string().contains("disk"));
        assert_eq!(fault.cause().unwrap().to_string(), "disk full");
    }
}
