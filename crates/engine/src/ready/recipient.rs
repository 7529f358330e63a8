//! Attested recipients of answers: who alone may read them.

use keystead_attestation::{Attested, DocumentKind, verify};
use keystead_types::Fault;
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
        let mut attested = verify(document, roots, self.now(), age)
            .map_err(|error| Fault::validation(error.to_string()))?;
        let public_key = attested.public_key.take().ok_or_else(|| {
            Fault::validation("The attestation document has no public key for the recipient.")
        })?;
        self.stage
            .entry
            .additional_object("recipient", told(&attested));
        Ok(Recipient {
            public_key,
            attested,
        })
    }
}

/// The PCRs of a NitroTPM that the audit record tells.
/// Source: KMS Developer Guide, "Monitoring attested requests".
const NITRO_TPM_PCRS: [u8; 6] = [4, 7, 8, 9, 16, 23];

/// What the audit record tells of a document.
fn told(attested: &Attested) -> Vec<(String, String)> {
    let module = attested.module_id.clone();
    let mut members = vec![("attestationDocumentModuleId".to_owned(), module)];
    match attested.kind {
        DocumentKind::Enclave => {
            let name = "attestationDocumentEnclaveImageDigest".to_owned();
            members.extend(attested.image_sha384_hex().map(|digest| (name, digest)));
        }
        DocumentKind::NitroTpm => {
            let pcr = |n: u8| {
                let value = attested.pcr_hex(n)?;
                Some((format!("attestationDocumentNitroTPMPCR{n}"), value))
            };
            members.extend(NITRO_TPM_PCRS.into_iter().filter_map(pcr));
        }
    }
    members
}
