//! The root certificates that are trusted.

use crate::certificate::Facts;
use crate::{RootsError, limits};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1, UnparsedPublicKey};
use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use std::sync::Arc;
use std::time::Duration;

/// AWS's root of Nitro attestation, G1. Source:
/// <https://aws-nitro-enclaves.amazonaws.com/AWS_NitroEnclaves_Root-G1.zip>; a test compares the
/// fingerprint that AWS states.
const AWS_G1: &[u8] = include_bytes!("../roots/aws-nitro-root-g1.pem");

/// The root certificates that are trusted. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct TrustedRoots {
    roots: Vec<Arc<Root>>,
}

/// A self-signed authority that somebody decided to trust.
#[derive(Debug)]
pub(crate) struct Root {
    der: Vec<u8>,
    anchor: TrustAnchor<'static>,
    validity: (Duration, Duration),
    path_len: Option<u8>,
}

impl TrustedRoots {
    /// No root: every document is refused.
    pub fn none() -> Self {
        Self::default()
    }

    /// AWS's root of Nitro attestation, G1 (`CN=aws.nitro-enclaves`, valid until 2049).
    pub fn aws() -> Self {
        // The certificate is part of the program and a test reads it; without it nothing is trusted.
        Self::none().with_pem(AWS_G1).unwrap_or_default()
    }

    /// Adds roots from PEM text with one or more certificates. One that is trusted already is not
    /// added again. Validity is checked when a document is.
    ///
    /// # Errors
    /// [`RootsError`], if the text holds anything but self-signed certificates of authorities with
    /// ECDSA P-384 and SHA-384, or too much of them.
    pub fn with_pem(mut self, pem: &[u8]) -> Result<Self, RootsError> {
        if pem.len() > limits::ROOTS_PEM_MAX_BYTES {
            return Err(RootsError::TooLong);
        }
        let mut number = 0;
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
            let (kind, der) = section.map_err(|_| RootsError::Pem)?;
            if kind != SectionKind::Certificate {
                return Err(RootsError::NotCertificates);
            }
            number += 1;
            let root = Root::read(der, number)?;
            if self.find(&root.der).is_none() {
                self.roots.push(Arc::new(root));
            }
            if self.roots.len() > limits::ROOTS_MAX {
                return Err(RootsError::TooMany);
            }
        }
        if number == 0 {
            return Err(RootsError::Empty);
        }
        Ok(self)
    }

    /// Whether there is no root.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// The trusted root with exactly these bytes.
    pub(crate) fn find(&self, der: &[u8]) -> Option<&Root> {
        let found = self.roots.iter().find(|root| root.der == der);
        found.map(Arc::as_ref)
    }
}

impl Root {
    fn read(der: Vec<u8>, number: usize) -> Result<Self, RootsError> {
        if der.len() > limits::CERTIFICATE_MAX_BYTES {
            return Err(RootsError::TooLarge(number));
        }
        let facts = Facts::read(&der).ok_or(RootsError::Unreadable(number))?;
        if !facts.is_authority() {
            return Err(RootsError::NotAuthority(number));
        }
        // Copies of AWS's root with altered key bytes go round; this finds such damage.
        if !is_self_signed(&facts) {
            return Err(RootsError::NotSelfSigned(number));
        }
        let anchor = webpki::anchor_from_trusted_cert(&CertificateDer::from(der.as_slice()))
            .map_err(|_| RootsError::Unreadable(number))?
            .to_owned();
        Ok(Self {
            anchor,
            validity: facts.validity(),
            path_len: facts.path_len(),
            der,
        })
    }

    pub(crate) fn anchor(&self) -> TrustAnchor<'static> {
        self.anchor.clone()
    }

    /// Within the validity, both ends included. Source: RFC 5280, 4.1.2.5.
    pub(crate) fn is_valid_at(&self, now: Duration) -> bool {
        let (first, last) = self.validity;
        // Certificates count whole seconds.
        (first.as_secs()..=last.as_secs()).contains(&now.as_secs())
    }

    /// Whether this many authorities may stand between this root and a signer. Source: RFC 5280,
    /// 4.2.1.9.
    pub(crate) fn allows(&self, between: usize) -> bool {
        self.path_len.is_none_or(|max| between <= usize::from(max))
    }
}

fn is_self_signed(facts: &Facts) -> bool {
    let Some((signed, signature)) = facts.signed() else {
        return false;
    };
    facts.p384_point().is_some_and(|point| {
        let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, point);
        key.verify(&signed, signature).is_ok()
    })
}
