//! AWS Nitro attestation documents: bytes, trusted roots and the time in; what the document
//! attests, or a rejection, out. No I/O, no clock, no randomness.
//!
//! [`verify`] is the only way to an [`Attested`]: whoever holds one knows that a certificate of a
//! trusted root signed exactly these bytes. What is accepted stands in
//! `docs/formats/attestation.md`.
//!
//! Source: aws-nitro-enclaves-nsm-api, `docs/attestation_process.md`; RFC 9052 (COSE); RFC 5280.
#![forbid(unsafe_code)]

mod attested;
mod cbor;
mod certificate;
mod envelope;
mod error;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
pub mod limits;
mod path;
mod payload;
mod public_key;
mod roots;
#[cfg(test)]
mod tests;

pub use attested::{Attested, DocumentKind};
pub use error::{DocumentError, RootsError};
pub use roots::TrustedRoots;

use keystead_types::Timestamp;

/// Verifies an attestation document of a Nitro enclave or of a NitroTPM.
///
/// # Arguments
/// - `document`: a COSE_Sign1 message, with or without tag 18, 1 to 262,144 bytes.
/// - `roots`: the root certificates that may stand at the head of its certificate path.
/// - `now`: every certificate, root included, must be valid at this moment.
/// - `max_age_millis`: the document's own timestamp may lie this far before `now`, and
///   [`limits::AHEAD_MAX_MILLIS`] after it.
///
/// # Errors
/// One [`DocumentError`]; none repeats a byte of the document. A document that was valid can be
/// shown again until it is too old: that is of no use without the private key of
/// [`Attested::public_key`].
///
/// Source: aws-nitro-enclaves-nsm-api, `docs/attestation_process.md`, "Validation flow".
pub fn verify(
    document: &[u8],
    roots: &TrustedRoots,
    now: Timestamp,
    max_age_millis: i64,
) -> Result<Attested, DocumentError> {
    let envelope = envelope::read(document)?;
    let payload = payload::read(envelope.payload)?;
    fresh(payload.timestamp, now, max_age_millis)?;
    let key = path::verify(payload.certificate, &payload.cabundle, roots, now)?;
    envelope.verify_signature(&key)?;
    // After the signature: these bytes go to the cryptographic library.
    if let Some(spki) = payload.public_key {
        public_key::check(spki)?;
    }
    Ok(payload.into_attested())
}

fn fresh(timestamp: Timestamp, now: Timestamp, max_age_millis: i64) -> Result<(), DocumentError> {
    let age = now.as_millis().saturating_sub(timestamp.as_millis());
    if age > max_age_millis {
        return Err(DocumentError::TooOld);
    }
    if age < -limits::AHEAD_MAX_MILLIS {
        return Err(DocumentError::FromTheFuture);
    }
    Ok(())
}
