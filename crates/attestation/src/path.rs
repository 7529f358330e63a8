//! The certificate path: trusted root, intermediate certificates in their order, signer.

use crate::DocumentError;
use crate::certificate::Facts;
use crate::roots::TrustedRoots;
use keystead_types::Timestamp;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use std::time::Duration;
use webpki::aws_lc_rs::ECDSA_P384_SHA384;
use webpki::{EndEntityCert, Error, KeyUsage};

/// The one algorithm of AWS's attestation certificates. Source: attestation_process.md.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[ECDSA_P384_SHA384];
/// No purpose is defined for attestation, so a certificate that is limited to some purposes does
/// not fit, unless `anyExtendedKeyUsage` (2.5.29.37.0) is among them. Source: RFC 5280, 4.2.1.12.
const ANY_PURPOSE: KeyUsage = KeyUsage::required_if_present(&[0x55, 0x1d, 0x25, 0x00]);

/// Verifies the path from a trusted root to the signer and returns the signer's key, a point of
/// P-384.
///
/// `bundle` must be exactly the path above the signer, the root first: its first certificate must
/// equal a trusted root byte for byte, and the copy that counts is ours.
///
/// # Errors
/// `Untrusted`, `Certificate`, `Validity`, `Path`.
pub(crate) fn verify(
    signer: &[u8],
    bundle: &[&[u8]],
    roots: &TrustedRoots,
    now: Timestamp,
) -> Result<Vec<u8>, DocumentError> {
    let now = u64::try_from(now.as_millis()).map_err(|_| DocumentError::Validity)?;
    let now = Duration::from_millis(now);
    let (first, between) = bundle.split_first().ok_or(DocumentError::Path)?;
    let root = roots.find(first).ok_or(DocumentError::Untrusted)?;
    if !root.is_valid_at(now) {
        return Err(DocumentError::Validity);
    }
    // Path building takes only the name and the key of an anchor.
    if !root.allows(between.len()) {
        return Err(DocumentError::Path);
    }
    for certificate in between {
        let facts = Facts::read(certificate).ok_or(DocumentError::Certificate)?;
        if !facts.is_authority() {
            return Err(DocumentError::Certificate);
        }
    }
    let facts = Facts::read(signer).ok_or(DocumentError::Certificate)?;
    let point = facts.p384_point().filter(|_| facts.is_signer());
    let point = point.ok_or(DocumentError::Certificate)?;

    let signer = CertificateDer::from(signer);
    let intermediates: Vec<_> = between.iter().map(|c| CertificateDer::from(*c)).collect();
    let end = EndEntityCert::try_from(&signer).map_err(|_| DocumentError::Certificate)?;
    let anchors = [root.anchor()];
    let path = end
        .verify_for_usage(
            ALGORITHMS,
            &anchors,
            &intermediates,
            UnixTime::since_unix_epoch(now),
            ANY_PURPOSE,
            None,
            None,
        )
        .map_err(|error| refusal(&error))?;
    let walked = path.intermediate_certificates().map(|cert| cert.der());
    if !walked.eq(intermediates.iter().rev().cloned()) {
        return Err(DocumentError::Path);
    }
    Ok(point.to_vec())
}

fn refusal(error: &Error) -> DocumentError {
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::InvalidCertValidity => {
            DocumentError::Validity
        }
        _ => DocumentError::Path,
    }
}
