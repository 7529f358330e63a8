//! The NIST curves and secp256k1: ECDSA (FIPS 186-5, DER signatures) and ECDH (SP 800-56A). A
//! private key is wrapped as its scalar, big endian, as long as the field.

use std::sync::Arc;

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, UnparsedPublicKey, agree};
use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1,
    ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, KeyPair, ParsedPublicKey,
};
use keystead_types::{KeySpec, MessageType, Plaintext, SigningAlgorithm};
use keystead_wall::Refusal;
use zeroize::Zeroizing;

use crate::arena::Arena;
use crate::halt;
use crate::limits::{SCALAR_256_BYTES, SCALAR_384_BYTES, SCALAR_521_BYTES};
use crate::material::Fresh;
use crate::rsa::digest;

/// A curve: what it is called in DER and in the library.
struct Curve {
    /// Length of the scalar and of a coordinate, bytes.
    bytes: usize,
    /// The DER of its object identifier (RFC 5480, SEC 2).
    oid: &'static [u8],
    algorithm: SigningAlgorithm,
    signing: &'static EcdsaSigningAlgorithm,
    verifying: &'static EcdsaVerificationAlgorithm,
    agreement: Option<&'static agreement::Algorithm>,
}

static P256: Curve = Curve {
    bytes: SCALAR_256_BYTES,
    oid: &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
    algorithm: SigningAlgorithm::EcdsaSha256,
    signing: &ECDSA_P256_SHA256_ASN1_SIGNING,
    verifying: &ECDSA_P256_SHA256_ASN1,
    agreement: Some(&ECDH_P256),
};
static P384: Curve = Curve {
    bytes: SCALAR_384_BYTES,
    oid: &[6, 5, 0x2b, 0x81, 4, 0, 0x22],
    algorithm: SigningAlgorithm::EcdsaSha384,
    signing: &ECDSA_P384_SHA384_ASN1_SIGNING,
    verifying: &ECDSA_P384_SHA384_ASN1,
    agreement: Some(&ECDH_P384),
};
static P521: Curve = Curve {
    bytes: SCALAR_521_BYTES,
    oid: &[6, 5, 0x2b, 0x81, 4, 0, 0x23],
    algorithm: SigningAlgorithm::EcdsaSha512,
    signing: &ECDSA_P521_SHA512_ASN1_SIGNING,
    verifying: &ECDSA_P521_SHA512_ASN1,
    agreement: Some(&ECDH_P521),
};
static P256K1: Curve = Curve {
    bytes: SCALAR_256_BYTES,
    oid: &[6, 5, 0x2b, 0x81, 4, 0, 0x0a],
    algorithm: SigningAlgorithm::EcdsaSha256,
    signing: &ECDSA_P256K1_SHA256_ASN1_SIGNING,
    verifying: &ECDSA_P256K1_SHA256_ASN1,
    agreement: None,
};

/// DER of the object identifier id-ecPublicKey (RFC 5480).
const EC_PUBLIC_KEY: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
/// First byte of a point with both coordinates, and of one with x and the sign of y (SEC 1, 2.3.3).
const UNCOMPRESSED: u8 = 0x04;
const COMPRESSED: [u8; 2] = [0x02, 0x03];

fn curve(spec: KeySpec) -> Result<&'static Curve, Refusal> {
    match spec {
        KeySpec::EccNistP256 => Ok(&P256),
        KeySpec::EccNistP384 => Ok(&P384),
        KeySpec::EccNistP521 => Ok(&P521),
        KeySpec::EccSecgP256k1 => Ok(&P256K1),
        _ => Err(Refusal::UnsupportedSpec),
    }
}

/// One element of DER.
fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    // As large as it gets, so that no copy is left behind.
    let mut out = Zeroizing::new(Vec::with_capacity(len + 3));
    out.push(tag);
    match u8::try_from(len) {
        Ok(len) if len < 0x80 => out.push(len),
        // No element here is longer than 255 bytes.
        other => out.extend_from_slice(&[0x81, other.unwrap_or_else(|_| halt())]),
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// PKCS#8 with the scalar alone (RFC 5915 leaves the public key out); the library derives it.
fn scalar_pkcs8(curve: &Curve, scalar: &[u8]) -> Zeroizing<Vec<u8>> {
    let scalar = element(OCTET_STRING, &[scalar]);
    let key = element(SEQUENCE, &[&[INTEGER, 1, 1], &scalar]);
    let algorithm = element(SEQUENCE, &[EC_PUBLIC_KEY, curve.oid]);
    let wrapped = element(OCTET_STRING, &[&key]);
    element(SEQUENCE, &[&[INTEGER, 1, 0], &algorithm, &wrapped])
}

/// Parses a scalar: of the field's length, neither zero nor as large as the order.
fn key_pair(curve: &Curve, scalar: &[u8]) -> Option<EcdsaKeyPair> {
    if scalar.len() != curve.bytes {
        return None;
    }
    EcdsaKeyPair::from_pkcs8(curve.signing, &scalar_pkcs8(curve, scalar)).ok()
}

fn fresh(key: &EcdsaKeyPair, arena: &Arc<Arena>) -> Fresh {
    let scalar: EcPrivateKeyBin<'_> = key.private_key().as_be_bytes().unwrap_or_else(|_| halt());
    let public = key.public_key().as_der().unwrap_or_else(|_| halt());
    Fresh::copied(arena, scalar.as_ref(), public.as_ref().to_vec())
}

/// Makes a key.
///
/// Refusals: `UnsupportedSpec` (not one of the four curves).
pub(crate) fn generate(spec: KeySpec, arena: &Arc<Arena>) -> Result<Fresh, Refusal> {
    let key = EcdsaKeyPair::generate(curve(spec)?.signing).unwrap_or_else(|_| halt());
    Ok(fresh(&key, arena))
}

/// A scalar from outside as key material.
///
/// Refusals: `UnsupportedSpec` (not one of the four curves), `MaterialInvalid` (another length,
/// zero, or not below the curve's order).
pub(crate) fn from_scalar(
    spec: KeySpec,
    scalar: &[u8],
    arena: &Arc<Arena>,
) -> Result<Fresh, Refusal> {
    let key = key_pair(curve(spec)?, scalar).ok_or(Refusal::MaterialInvalid)?;
    Ok(fresh(&key, arena))
}

/// The whole PKCS#8 of a scalar, with its public key.
///
/// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged`.
pub(crate) fn pkcs8(spec: KeySpec, scalar: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let key = key_pair(curve(spec)?, scalar).ok_or(Refusal::WrappedKeyDamaged)?;
    let document = key.to_pkcs8v1().unwrap_or_else(|_| halt());
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

/// A parsed key for `SIGN_VERIFY`.
pub(crate) struct SigningKey {
    curve: &'static Curve,
    key: EcdsaKeyPair,
    public: ParsedPublicKey,
}

impl SigningKey {
    /// Parses the wrapped form.
    ///
    /// Refusals: `UnsupportedSpec`, `WrappedKeyDamaged`.
    pub(crate) fn parse(spec: KeySpec, scalar: &[u8]) -> Result<Self, Refusal> {
        let curve = curve(spec)?;
        let key = key_pair(curve, scalar).ok_or(Refusal::WrappedKeyDamaged)?;
        let public = ParsedPublicKey::new(curve.verifying, key.public_key());
        Ok(Self {
            curve,
            public: public.map_err(|_| Refusal::WrappedKeyDamaged)?,
            key,
        })
    }

    fn check(&self, algorithm: SigningAlgorithm) -> Result<(), Refusal> {
        match algorithm == self.curve.algorithm {
            true => Ok(()),
            false => Err(Refusal::WrongUsage),
        }
    }

    /// Signs a message or its digest; the signature is DER.
    ///
    /// Refusals: `WrongUsage` (not the curve's algorithm), `InvalidArgument` (length of the
    /// digest).
    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        self.check(algorithm)?;
        let signature = match digest(algorithm, message_type, message)? {
            Some(digest) => self.key.sign_digest(&digest),
            None => self.key.sign(&SystemRandom::new(), message),
        };
        let signature = signature.map_err(|_| Refusal::WrappedKeyDamaged)?;
        Ok(signature.as_ref().to_vec())
    }

    /// Verifies a DER signature.
    ///
    /// Refusals: those of [`SigningKey::sign`], `SignatureInvalid`.
    pub(crate) fn verify(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        self.check(algorithm)?;
        match digest(algorithm, message_type, message)? {
            Some(digest) => self.public.verify_digest_sig(&digest, signature),
            None => self.public.verify_sig(message, signature),
        }
        .map_err(|_| Refusal::SignatureInvalid)
    }
}

/// A parsed key for `KEY_AGREEMENT`.
pub(crate) struct AgreementKey {
    curve: &'static Curve,
    key: agreement::PrivateKey,
}

impl AgreementKey {
    /// Parses the wrapped form.
    ///
    /// Refusals: `UnsupportedSpec` (not a NIST curve), `WrappedKeyDamaged`.
    pub(crate) fn parse(spec: KeySpec, scalar: &[u8]) -> Result<Self, Refusal> {
        let curve = curve(spec)?;
        let algorithm = curve.agreement.ok_or(Refusal::UnsupportedSpec)?;
        let key = agreement::PrivateKey::from_private_key(algorithm, scalar);
        Ok(Self {
            curve,
            key: key.map_err(|_| Refusal::WrappedKeyDamaged)?,
        })
    }

    /// The x coordinate of the shared point, as long as the field.
    ///
    /// `spki`: the other side's key as DER SubjectPublicKeyInfo with the named curve and a
    /// compressed or uncompressed point.
    ///
    /// Refusals: `PublicKeyInvalid`: in another form, of another curve, or a point that is not on
    /// the curve.
    pub(crate) fn derive(&self, spki: &[u8]) -> Result<Plaintext, Refusal> {
        const INVALID: Refusal = Refusal::PublicKeyInvalid;
        let point = peer_point(self.curve, spki).ok_or(INVALID)?;
        let algorithm = self.key.algorithm();
        let peer = UnparsedPublicKey::new(algorithm, point);
        agree(&self.key, peer, INVALID, |secret| {
            Ok(Plaintext::new(secret.to_vec()))
        })
    }
}

/// The point of an SPKI that has exactly one of the two forms for the curve. The library's parser
/// also knows curves by their parameters, and must not see them.
fn peer_point<'a>(curve: &Curve, spki: &'a [u8]) -> Option<&'a [u8]> {
    let form = |len: usize| {
        let blank = vec![0; len];
        let algorithm = element(SEQUENCE, &[EC_PUBLIC_KEY, curve.oid]);
        let key = element(BIT_STRING, &[&[0], &blank]);
        let mut whole = element(SEQUENCE, &[&algorithm, &key]);
        let before = whole.len().saturating_sub(len);
        whole.truncate(before);
        whole
    };
    let full = 1 + 2 * curve.bytes;
    let short = 1 + curve.bytes;
    if let Some(point) = spki.strip_prefix(form(full).as_slice()) {
        return (point.len() == full && point.first() == Some(&UNCOMPRESSED)).then_some(point);
    }
    let point = spki.strip_prefix(form(short).as_slice())?;
    let compressed = point.first().is_some_and(|tag| COMPRESSED.contains(tag));
    (point.len() == short && compressed).then_some(point)
}

/// What verifies signatures of a curve, for known answers of others' keys.
#[cfg(test)]
pub(crate) fn verifying(spec: KeySpec) -> Result<&'static EcdsaVerificationAlgorithm, Refusal> {
    Ok(curve(spec)?.verifying)
}
