//! What a certificate says about its use: the checks that path building leaves out.

use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

/// `id-ecPublicKey`. Source: RFC 5480, 2.1.1.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// `secp384r1`. Source: RFC 5480, 2.1.1.1.
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// A certificate's own words; nobody has vouched for them yet.
#[derive(Debug)]
pub(crate) struct Facts {
    certificate: Certificate,
    constraints: Option<BasicConstraints>,
    usage: KeyUsage,
}

impl Facts {
    /// Reads a DER certificate. `None` if it is malformed, followed by more bytes, has an
    /// extension twice, or has no key usage.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let tbs = certificate.tbs_certificate();
        let constraints = tbs.get_extension::<BasicConstraints>().ok()?;
        let (_, usage) = tbs.get_extension::<KeyUsage>().ok()??;
        Some(Self {
            constraints: constraints.map(|(_, constraints)| constraints),
            usage,
            certificate,
        })
    }

    /// May sign certificates. Source: RFC 5280, 4.2.1.3 and 4.2.1.9.
    pub(crate) fn is_authority(&self) -> bool {
        self.usage.key_cert_sign() && self.constraints.as_ref().is_some_and(|c| c.ca)
    }

    /// May sign documents, and is no authority. Source: attestation_process.md, "target".
    pub(crate) fn is_signer(&self) -> bool {
        let plain = |c: &BasicConstraints| !c.ca && c.path_len_constraint.is_none();
        self.usage.digital_signature()
            && !self.usage.key_cert_sign()
            && self.constraints.as_ref().is_none_or(plain)
    }

    /// The most certificates that may stand between this one and the signer's.
    pub(crate) fn path_len(&self) -> Option<u8> {
        self.constraints.as_ref()?.path_len_constraint
    }

    /// The first and the last moment of validity, since the Unix epoch.
    pub(crate) fn validity(&self) -> (Duration, Duration) {
        let validity = self.certificate.tbs_certificate().validity();
        (
            validity.not_before.to_unix_duration(),
            validity.not_after.to_unix_duration(),
        )
    }

    /// The key as a point of P-384; `None` if it is another kind of key.
    pub(crate) fn p384_point(&self) -> Option<&[u8]> {
        let tbs = self.certificate.tbs_certificate();
        let spki = tbs.subject_public_key_info();
        let curve = spki.algorithm.parameters.as_ref()?.decode_as().ok();
        let is_p384 = spki.algorithm.oid == EC_PUBLIC_KEY && curve == Some(P384);
        spki.subject_public_key.as_bytes().filter(|_| is_p384)
    }

    /// The bytes that the issuer signed, and its signature (ASN.1).
    pub(crate) fn signed(&self) -> Option<(Vec<u8>, &[u8])> {
        let signed = self.certificate.tbs_certificate().to_der().ok()?;
        Some((signed, self.certificate.signature().as_bytes()?))
    }
}
