//! The COSE_Sign1 message around the payload.

use crate::cbor::{Malformed, Reader};
use crate::{DocumentError, limits};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use ciborium_ll::{Encoder, Header};

/// COSE_Sign1. Source: RFC 9052, 2.
const TAG: u64 = 18;
/// The elements of COSE_Sign1. Source: RFC 9052, 4.2.
const ELEMENTS: usize = 4;
/// `{1: -35}`: the algorithm is ES384, and there is nothing else, so nothing critical either.
/// Source: attestation_process.md, "COSE_Sign1"; RFC 9053, 2.1.
const ES384: [u8; 4] = [0xa1, 0x01, 0x38, 0x22];
/// The context of the signature. Source: RFC 9052, 4.4.
const CONTEXT: &str = "Signature1";

/// The parts of a message whose protected header says ES384. Nothing is verified yet.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) payload: &'a [u8],
    signature: &'a [u8],
}

/// Takes a message apart.
///
/// # Errors
/// `Size`, `Encoding` (also: bytes that follow), `Envelope`, `Algorithm`.
pub(crate) fn read(document: &[u8]) -> Result<Envelope<'_>, DocumentError> {
    if document.is_empty() || document.len() > limits::DOCUMENT_MAX_BYTES {
        return Err(DocumentError::Size);
    }
    let envelope = |_: Malformed| DocumentError::Envelope;
    let mut reader = Reader::new(document);
    reader.skip_tag(TAG).map_err(|_| DocumentError::Encoding)?;
    if reader.array().map_err(envelope)? != ELEMENTS {
        return Err(DocumentError::Envelope);
    }
    if reader.bytes().map_err(envelope)? != ES384 {
        return Err(DocumentError::Algorithm);
    }
    // An algorithm that is named here only would not be signed.
    if reader.map().map_err(envelope)? != 0 {
        return Err(DocumentError::Envelope);
    }
    let payload = reader.bytes().map_err(envelope)?;
    let signature = reader.bytes().map_err(envelope)?;
    reader.end().map_err(|_| DocumentError::Encoding)?;
    if payload.is_empty() || payload.len() > limits::PAYLOAD_MAX_BYTES {
        return Err(DocumentError::Member("payload"));
    }
    if signature.len() != limits::SIGNATURE_BYTES {
        return Err(DocumentError::Signature);
    }
    Ok(Envelope { payload, signature })
}

impl Envelope<'_> {
    /// Verifies the signature with a point of P-384, uncompressed (97 bytes).
    pub(crate) fn verify_signature(&self, point: &[u8]) -> Result<(), DocumentError> {
        let signed = signed_bytes(&ES384, self.payload).ok_or(DocumentError::Encoding)?;
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
            .verify(&signed, self.signature)
            .map_err(|_| DocumentError::Signature)
    }
}

/// The `Sig_structure` of a message without external data. Source: RFC 9052, 4.4.
pub(crate) fn signed_bytes(protected: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    let mut signed = Vec::with_capacity(payload.len().saturating_add(32));
    let mut out = Encoder::from(&mut signed);
    out.push(Header::Array(Some(ELEMENTS))).ok()?;
    out.text(CONTEXT, None).ok()?;
    out.bytes(protected, None).ok()?;
    out.bytes(&[], None).ok()?;
    out.bytes(payload, None).ok()?;
    Some(signed)
}
