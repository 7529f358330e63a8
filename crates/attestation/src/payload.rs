//! The signed map of a document.

use crate::cbor::{Malformed, Reader};
use crate::{Attested, DocumentError, DocumentKind, limits};
use keystead_types::Timestamp;
use std::collections::BTreeMap;

const MODULE_ID: &str = "module_id";
const DIGEST: &str = "digest";
const TIMESTAMP: &str = "timestamp";
const PCRS: &str = "pcrs";
/// NitroTPM documents name their PCRs so. Source: EC2 user guide, "NitroTPM Attestation Document
/// contents".
const NITROTPM_PCRS: &str = "nitrotpm_pcrs";
const CERTIFICATE: &str = "certificate";
const CABUNDLE: &str = "cabundle";
const PUBLIC_KEY: &str = "public_key";
const USER_DATA: &str = "user_data";
const NONCE: &str = "nonce";

/// The only digest. Source: attestation_process.md.
const SHA384: &str = "SHA384";

/// A payload whose members have the types, lengths and values that the format allows.
#[derive(Debug)]
pub(crate) struct Payload<'a> {
    module_id: &'a str,
    kind: DocumentKind,
    pub(crate) timestamp: Timestamp,
    pcrs: BTreeMap<u8, &'a [u8]>,
    /// The signer's certificate, DER.
    pub(crate) certificate: &'a [u8],
    /// The certificates above it, DER, the root first; at least one.
    pub(crate) cabundle: Vec<&'a [u8]>,
    pub(crate) public_key: Option<&'a [u8]>,
}

impl Payload<'_> {
    pub(crate) fn into_attested(self) -> Attested {
        let pcrs = self.pcrs.into_iter().map(|(n, value)| (n, value.to_vec()));
        Attested {
            module_id: self.module_id.to_owned(),
            public_key: self.public_key.map(<[u8]>::to_vec),
            pcrs: pcrs.collect(),
            timestamp: self.timestamp,
            kind: self.kind,
        }
    }
}

/// Members as they are found; each is written once.
#[derive(Default)]
struct Found<'a> {
    module_id: Option<(&'a str, DocumentKind)>,
    digest: Option<()>,
    timestamp: Option<Timestamp>,
    pcrs: Option<BTreeMap<u8, &'a [u8]>>,
    nitrotpm_pcrs: Option<BTreeMap<u8, &'a [u8]>>,
    certificate: Option<&'a [u8]>,
    cabundle: Option<Vec<&'a [u8]>>,
    /// `Some(None)` is a member that is `null`; so are the two that follow.
    public_key: Option<Option<&'a [u8]>>,
    user_data: Option<Option<&'a [u8]>>,
    nonce: Option<Option<&'a [u8]>>,
}

/// Reads the payload's map, which may be of indefinite length: the documents of real enclaves are.
///
/// # Errors
/// `Encoding`, `UnknownMember`, `Duplicate`, `Missing`, `Member`.
pub(crate) fn read(payload: &[u8]) -> Result<Payload<'_>, DocumentError> {
    let mut reader = Reader::new(payload);
    let mut found = Found::default();
    let mut pairs = reader.open_map().map_err(|_| DocumentError::Encoding)?;
    // Ends: a key that comes again is refused, so there are at most as many as there are names.
    while reader.another(&mut pairs) {
        let key = reader.text().map_err(|_| DocumentError::Encoding)?;
        found.take(key, &mut reader)?;
    }
    reader.end().map_err(|_| DocumentError::Encoding)?;
    found.complete()
}

impl<'a> Found<'a> {
    fn take(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<(), DocumentError> {
        match key {
            MODULE_ID => once(&mut self.module_id, MODULE_ID, || module_id(reader)),
            DIGEST => once(&mut self.digest, DIGEST, || digest(reader)),
            TIMESTAMP => once(&mut self.timestamp, TIMESTAMP, || timestamp(reader)),
            PCRS => once(&mut self.pcrs, PCRS, || pcrs(reader)),
            NITROTPM_PCRS => once(&mut self.nitrotpm_pcrs, NITROTPM_PCRS, || pcrs(reader)),
            CERTIFICATE => once(&mut self.certificate, CERTIFICATE, || certificate(reader)),
            CABUNDLE => once(&mut self.cabundle, CABUNDLE, || cabundle(reader)),
            PUBLIC_KEY => once(&mut self.public_key, PUBLIC_KEY, || {
                optional(reader, 1, limits::PUBLIC_KEY_MAX_BYTES)
            }),
            USER_DATA => once(&mut self.user_data, USER_DATA, || {
                optional(reader, 0, limits::USER_DATA_MAX_BYTES)
            }),
            NONCE => once(&mut self.nonce, NONCE, || {
                optional(reader, 0, limits::USER_DATA_MAX_BYTES)
            }),
            _ => Err(DocumentError::UnknownMember),
        }
    }

    fn complete(self) -> Result<Payload<'a>, DocumentError> {
        let (module_id, kind) = self.module_id.ok_or(DocumentError::Missing(MODULE_ID))?;
        self.digest.ok_or(DocumentError::Missing(DIGEST))?;
        let (name, pcrs, other) = match kind {
            DocumentKind::Enclave => (PCRS, self.pcrs, self.nitrotpm_pcrs),
            DocumentKind::NitroTpm => (NITROTPM_PCRS, self.nitrotpm_pcrs, self.pcrs),
        };
        // What made the document must not be in doubt: policies treat the two apart.
        if other.is_some() {
            return Err(DocumentError::Member(MODULE_ID));
        }
        Ok(Payload {
            module_id,
            kind,
            timestamp: self.timestamp.ok_or(DocumentError::Missing(TIMESTAMP))?,
            pcrs: pcrs.ok_or(DocumentError::Missing(name))?,
            certificate: self
                .certificate
                .ok_or(DocumentError::Missing(CERTIFICATE))?,
            cabundle: self.cabundle.ok_or(DocumentError::Missing(CABUNDLE))?,
            public_key: self.public_key.flatten(),
        })
    }
}

fn once<T>(
    slot: &mut Option<T>,
    name: &'static str,
    read: impl FnOnce() -> Result<T, Malformed>,
) -> Result<(), DocumentError> {
    if slot.is_some() {
        return Err(DocumentError::Duplicate(name));
    }
    *slot = Some(read().map_err(|_| DocumentError::Member(name))?);
    Ok(())
}

fn module_id<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, DocumentKind), Malformed> {
    let text = reader.text()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if text.len() > limits::MODULE_ID_MAX_BYTES || !text.bytes().all(plain) {
        return Err(Malformed);
    }
    let (instance, module) = text.rsplit_once('-').ok_or(Malformed)?;
    if !instance.starts_with("i-") {
        return Err(Malformed);
    }
    if module.starts_with("enc") {
        Ok((text, DocumentKind::Enclave))
    } else if module.starts_with("tpm") {
        Ok((text, DocumentKind::NitroTpm))
    } else {
        Err(Malformed)
    }
}

fn digest(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    (reader.text()? == SHA384).then_some(()).ok_or(Malformed)
}

fn timestamp(reader: &mut Reader<'_>) -> Result<Timestamp, Malformed> {
    match i64::try_from(reader.uint()?) {
        Ok(millis) if millis > 0 => Ok(Timestamp::from_millis(millis)),
        _ => Err(Malformed),
    }
}

fn pcrs<'a>(reader: &mut Reader<'a>) -> Result<BTreeMap<u8, &'a [u8]>, Malformed> {
    let count = reader.map()?;
    if !(1..=limits::PCRS_MAX).contains(&count) {
        return Err(Malformed);
    }
    let mut pcrs = BTreeMap::new();
    for _ in 0..count {
        let index = u8::try_from(reader.uint()?).map_err(|_| Malformed)?;
        let value = reader.bytes()?;
        let fits = index <= limits::PCR_INDEX_MAX && limits::PCR_BYTES.contains(&value.len());
        if !fits || pcrs.insert(index, value).is_some() {
            return Err(Malformed);
        }
    }
    Ok(pcrs)
}

fn certificate<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    sized(reader, 1, limits::CERTIFICATE_MAX_BYTES)
}

fn cabundle<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, Malformed> {
    let count = reader.array()?;
    if !(1..=limits::CABUNDLE_MAX).contains(&count) {
        return Err(Malformed);
    }
    (0..count).map(|_| certificate(reader)).collect()
}

/// A member that may be `null`, which is what AWS's module writes for one that was not asked for.
fn optional<'a>(
    reader: &mut Reader<'a>,
    min: usize,
    max: usize,
) -> Result<Option<&'a [u8]>, Malformed> {
    if reader.skip_null() {
        return Ok(None);
    }
    sized(reader, min, max).map(Some)
}

fn sized<'a>(reader: &mut Reader<'a>, min: usize, max: usize) -> Result<&'a [u8], Malformed> {
    let bytes = reader.bytes()?;
    (min..=max)
        .contains(&bytes.len())
        .then_some(bytes)
        .ok_or(Malformed)
}
