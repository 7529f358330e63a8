//! Why a document or a root was refused.

use thiserror::Error;

/// Why an attestation document was refused. The texts are fit for the caller: they name members
/// of the format and never repeat what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// Empty, or longer than 262,144 bytes.
    #[error("The attestation document must have 1 to 262,144 bytes.")]
    Size,
    /// Not CBOR, cut off, followed by more, or of indefinite length where that is not taken.
    #[error("The attestation document is not valid CBOR.")]
    Encoding,
    /// Not a COSE_Sign1 message.
    #[error("The attestation document is not a COSE_Sign1 message.")]
    Envelope,
    /// The protected header says something other than ES384 alone.
    #[error("The attestation document must be signed with ES384.")]
    Algorithm,
    /// The payload has a member that the format does not know.
    #[error("The attestation document has an unknown member.")]
    UnknownMember,
    /// The payload has a member twice.
    #[error("The attestation document has {0} more than once.")]
    Duplicate(&'static str),
    /// The payload lacks a member.
    #[error("The attestation document has no {0}.")]
    Missing(&'static str),
    /// A member has another type, length or value than the format allows.
    #[error("The attestation document has an invalid {0}.")]
    Member(&'static str),
    /// The timestamp lies too far back.
    #[error("The attestation document is too old.")]
    TooOld,
    /// The timestamp lies too far ahead.
    #[error("The attestation document is from the future.")]
    FromTheFuture,
    /// The first certificate of the bundle is none of the trusted roots.
    #[error("The attestation document does not begin at a trusted root certificate.")]
    Untrusted,
    /// A certificate cannot be read, or may not be used in its place.
    #[error("The attestation document has an unsuitable certificate.")]
    Certificate,
    /// A certificate is expired or not yet valid.
    #[error("The attestation document has a certificate that is not valid now.")]
    Validity,
    /// The certificates do not make a path from the root to the signer.
    #[error("The attestation document has no valid certificate path.")]
    Path,
    /// The signature does not verify.
    #[error("The signature of the attestation document is not valid.")]
    Signature,
    /// The public key is not an RSA key of 2048 bits or more.
    #[error("The public key of the attestation document must be an RSA key of 2048 bits or more.")]
    PublicKey,
}

/// Why roots were refused; a text for the operator. Certificates are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RootsError {
    /// The text is too long.
    #[error("the text has more than 65,536 bytes")]
    TooLong,
    /// The text is not PEM.
    #[error("the text is not PEM")]
    Pem,
    /// The text holds something other than certificates, for example a private key.
    #[error("the text holds something other than certificates")]
    NotCertificates,
    /// The text holds no certificate.
    #[error("the text holds no certificate")]
    Empty,
    /// More roots than may be trusted.
    #[error("more than 16 roots")]
    TooMany,
    /// Longer than a document can carry, so that it would never match.
    #[error("certificate {0} has more than 1,024 bytes; no document could carry it")]
    TooLarge(usize),
    /// Not a certificate.
    #[error("certificate {0} cannot be read")]
    Unreadable(usize),
    /// Not a certification authority.
    #[error("certificate {0} may not sign certificates (CA:TRUE and keyCertSign are needed)")]
    NotAuthority(usize),
    /// Its own key did not sign it, or the key is not of P-384.
    #[error("certificate {0} is not self-signed with ECDSA P-384 and SHA-384, or is damaged")]
    NotSelfSigned(usize),
}
