//! What a valid document says.

use crate::limits;
use keystead_types::Timestamp;
use std::collections::BTreeMap;

/// What made the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// A Nitro enclave: `module_id` is `i-…-enc…`, the PCRs are the enclave's.
    Enclave,
    /// The NitroTPM of an instance: `module_id` is `i-…-tpm…`, the PCRs are the TPM's.
    NitroTpm,
}

/// What a valid document says. Made only by [`crate::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attested {
    /// The module that made the document: `i-…-enc…` or `i-…-tpm…`; at most 128 letters, digits
    /// and hyphens.
    pub module_id: String,
    /// DER SubjectPublicKeyInfo of an RSA key of at least 2048 bits, if the document has one.
    pub public_key: Option<Vec<u8>>,
    /// The platform configuration registers by number (0–31), 32, 48 or 64 bytes each. An enclave
    /// in debug mode has only zeros.
    pub pcrs: BTreeMap<u8, Vec<u8>>,
    /// When the document was made.
    pub timestamp: Timestamp,
    /// What made the document.
    pub kind: DocumentKind,
}

impl Attested {
    /// The digest of the enclave's image (PCR0), 96 lower-case hex digits: the value of
    /// `kms:RecipientAttestation:ImageSha384`. `None` for a NitroTPM, whose PCR0 is the firmware.
    pub fn image_sha384_hex(&self) -> Option<String> {
        let image = match self.kind {
            DocumentKind::Enclave => self.pcrs.get(&0)?,
            DocumentKind::NitroTpm => return None,
        };
        (image.len() == limits::SHA384_BYTES).then(|| hex(image))
    }

    /// PCR `n` as lower-case hex; `None` if the document does not have it, never zeros instead.
    pub fn pcr_hex(&self, n: u8) -> Option<String> {
        self.pcrs.get(&n).map(|value| hex(value))
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    let pair = |byte: &u8| [digit(byte >> 4), digit(byte & 0x0f)];
    bytes.iter().flat_map(pair).collect()
}
