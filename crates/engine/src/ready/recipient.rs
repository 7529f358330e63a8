//! Attested recipients of answers: who alone may read them.

use keystead_api::model::RecipientInfo;
use keystead_attestation::{Attested, DocumentKind, verify};
use keystead_audit::Entry;
use keystead_types::Fault;
use keystead_wall::Delivery;

use super::Ready;
use crate::site::Site;
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
    /// Who alone may read the answer, if the request says so. Its attestation document was verified
    /// once, before the request was authorized, so that policies could ask what it attests.
    ///
    /// Errors: ValidationException for a document that is not valid or has no usable public key.
    pub fn recipient(&mut self) -> Result<Option<Recipient>, Fault> {
        self.stage.recipient.take().transpose()
    }
}

/// Verifies the attestation document of a request, now, and notes in its audit record what it
/// says. An error waits until the request has been authorized.
pub(crate) fn attest(
    site: &Site,
    entry: &mut Entry,
    recipient: &RecipientInfo,
) -> Result<Recipient, Fault> {
    let document = recipient.attestation_document.as_deref();
    let (Some(document), Some(_)) = (document, recipient.key_encryption_algorithm) else {
        return Err(Fault::validation(
            "Recipient needs both AttestationDocument and KeyEncryptionAlgorithm.",
        ));
    };
    let settings = site.attestation();
    let (roots, age) = (&settings.roots, settings.max_age_millis);
    let mut attested = verify(document, roots, site.now(), age)
        .map_err(|error| Fault::validation(error.to_string()))?;
    let public_key = attested.public_key.take().ok_or_else(|| {
        Fault::validation("The attestation document has no public key for the recipient.")
    })?;
    entry.additional_object("recipient", told(&attested));
    Ok(Recipient {
        public_key,
        attested,
    })
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
