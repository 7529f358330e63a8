//! Attested recipients of answers: who alone may read them.

use keystead_attestation::{Attested, verify};
use keystead_types::{Fault, FaultKind};
use keystead_wall::Delivery;

use super::Ready;
use crate::target::Target;

/// The public key of an attestation document that was verified, and what it attests.
pub struct Recipient {
    public_key: Vec<u8>,
    attested: Attested,
}

impl Recipient {
    /// DER SPKI of an RSA key.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// What the document says.
    pub fn attested(&self) -> &Attested {
        &self.attested
    }
}

/// For whom a fresh key is.
#[derive(Clone, Copy)]
pub enum Audience<'a> {
    /// Nobody: it is answered sealed only.
    Nobody,
    /// The caller, in clear.
    Caller,
    /// The attested recipient.
    Recipient(&'a Recipient),
}

impl<'a> Audience<'a> {
    /// The recipient if there is one, else the caller.
    pub fn of(recipient: Option<&'a Recipient>) -> Self {
        recipient.map_or(Self::Caller, Self::Recipient)
    }

    pub(crate) fn delivery(self) -> Delivery<'a> {
        match self {
            Self::Nobody => Delivery::Withheld,
            Self::Caller => Delivery::Clear,
            Self::Recipient(recipient) => Delivery::Enveloped(&recipient.public_key),
        }
    }
}

impl<T: Target> Ready<'_, T> {
    /// Verifies an attestation document, now.
    ///
    /// Errors: ValidationException for a document that is not valid or has no usable public key.
    pub fn attest(&mut self, document: &[u8]) -> Result<Recipient, Fault> {
        let settings = self.stage.site.attestation();
        let (roots, age) = (&settings.roots, settings.max_age_millis);
        let mut attested = verify(document, roots, self.now(), age).map_err(|error| {
            Fault::new(
                FaultKind::Validation,
                format!("The attestation document is not valid: {error}."),
            )
        })?;
        let public_key = attested.public_key.take().ok_or_else(|| {
            Fault::validation("The attestation document has no public key for the recipient.")
        })?;
        self.note("attestationDocumentModuleId", attested.module_id.clone());
        if let Some(digest) = attested.image_sha384_hex() {
            self.note("attestationDocumentEnclaveImageDigest", digest);
        }
        Ok(Recipient {
            public_key,
            attested,
        })
    }
}
