//! Key material from outside into its wrapped form, with every check that the material itself
//! allows. The form is unique, so the same key in another encoding is the same material.
//!
//! Source of what is taken: KMS Developer Guide, "Requirements for imported key material".

use std::sync::Arc;

use keystead_types::KeySpec;
use keystead_wall::Refusal;
use zeroize::Zeroizing;

use super::pkcs8::{EcPrivateKey, PrivateKeyInfo};
use super::rsa_check;
use crate::arena::{Arena, KeyMaterial};
use crate::der::{self, Reader};
use crate::limits::{SCALAR_256_BYTES, SCALAR_384_BYTES, SCALAR_521_BYTES};
use crate::material::{self, Fresh};
use crate::{ec, edwards, halt, sm2};

/// 1.2.840.10045.2.1
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.3.101.112
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// First byte of a point with both coordinates. Source: SEC 1, section 2.3.3.
const UNCOMPRESSED: u8 = 0x04;
/// First byte of a point with x and an even y; an odd one is one more.
const COMPRESSED_EVEN: u8 = 0x02;

/// Parses material of a spec: raw bytes for symmetric and HMAC keys, unencrypted DER PKCS#8 for
/// private keys.
///
/// Refusals: `MaterialInvalid`, whatever is wrong with it.
pub(crate) fn parse(spec: KeySpec, plaintext: &[u8], arena: &Arc<Arena>) -> Result<Fresh, Refusal> {
    use KeySpec as S;
    let parsed = match spec {
        S::SymmetricDefault | S::Hmac224 | S::Hmac256 | S::Hmac384 | S::Hmac512 => {
            raw(spec, plaintext, arena)
        }
        S::Rsa2048 | S::Rsa3072 | S::Rsa4096 => rsa_check::parse(spec, plaintext, arena),
        S::EccNistP256 | S::EccNistP384 | S::EccNistP521 | S::EccSecgP256k1 | S::Sm2 => {
            curve(spec, plaintext, arena)
        }
        S::EccNistEdwards25519 => edwards_25519(plaintext, arena),
        S::MlDsa44 | S::MlDsa65 | S::MlDsa87 | S::MlKem512 | S::MlKem768 | S::MlKem1024 => None,
    };
    parsed.ok_or(Refusal::MaterialInvalid)
}

fn raw(spec: KeySpec, bytes: &[u8], arena: &Arc<Arena>) -> Option<Fresh> {
    if !material::lengths(spec).contains(&bytes.len()) {
        return None;
    }
    Some(Fresh {
        bytes: KeyMaterial::copied(arena, bytes).unwrap_or_else(|| halt()),
        public_key: None,
    })
}

/// The object identifier of a spec's curve and the length of its field, bytes. Source: RFC 5480,
/// section 2.1.1.1; SEC 2; GB/T 33560.
fn named(spec: KeySpec) -> Option<(&'static [u8], usize)> {
    let named: (&[u8], usize) = match spec {
        KeySpec::EccNistP256 => (
            &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
            SCALAR_256_BYTES,
        ),
        KeySpec::EccNistP384 => (&[0x2b, 0x81, 0x04, 0x00, 0x22], SCALAR_384_BYTES),
        KeySpec::EccNistP521 => (&[0x2b, 0x81, 0x04, 0x00, 0x23], SCALAR_521_BYTES),
        KeySpec::EccSecgP256k1 => (&[0x2b, 0x81, 0x04, 0x00, 0x0a], SCALAR_256_BYTES),
        KeySpec::Sm2 => (
            &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d],
            SCALAR_256_BYTES,
        ),
        _ => return None,
    };
    Some(named)
}

/// A private key on a named curve. Curves given by their parameters are not looked at: that way a
/// forged generator comes in (CVE-2020-0601).
fn curve(spec: KeySpec, plaintext: &[u8], arena: &Arc<Arena>) -> Option<Fresh> {
    let (name, len) = named(spec)?;
    let mut info = PrivateKeyInfo::parse(plaintext)?;
    let curve = info.parameters.read(der::OID)?;
    info.parameters.end()?;
    let key = EcPrivateKey::parse(info.key)?;
    let names_agree = curve == name && key.curve.is_none_or(|inner| inner == name);
    if info.algorithm != EC_PUBLIC_KEY || !names_agree || key.scalar.is_empty() {
        return None;
    }
    // RFC 5915 fixes the length, but some programs leave leading zeros out.
    let missing = len.checked_sub(key.scalar.len())?;
    let mut scalar = Zeroizing::new(Vec::with_capacity(len));
    scalar.resize(missing, 0);
    scalar.extend_from_slice(key.scalar);

    let fresh = match spec {
        KeySpec::Sm2 => Fresh::copied(arena, &scalar, sm2::public_key(spec, &scalar).ok()?),
        _ => ec::from_scalar(spec, &scalar, arena).ok()?,
    };
    let spki = fresh.public_key.as_deref()?;
    let at = spki.len().checked_sub(1 + 2 * len)?;
    let point = spki.get(at..)?;
    let stated = [key.point, info.public_key];
    let all_match = stated
        .into_iter()
        .flatten()
        .all(|stated| is_point(stated, point));
    all_match.then_some(fresh)
}

/// Whether `stated`, compressed or not, is the point `real`, which is not compressed.
fn is_point(stated: &[u8], real: &[u8]) -> bool {
    match stated.split_first() {
        Some((&UNCOMPRESSED, _)) => stated == real,
        Some((form, x)) => {
            let parity = real.last().map_or(0, |last| last & 1);
            *form == COMPRESSED_EVEN + parity && real.get(1..=real.len() / 2) == Some(x)
        }
        None => false,
    }
}

/// RFC 8410, section 7: the parameters are absent, the key is an OCTET STRING in an OCTET STRING.
fn edwards_25519(plaintext: &[u8], arena: &Arc<Arena>) -> Option<Fresh> {
    const SPEC: KeySpec = KeySpec::EccNistEdwards25519;
    let info = PrivateKeyInfo::parse(plaintext)?;
    info.parameters.end()?;
    let mut inner = Reader::new(info.key);
    let seed = inner.read(der::OCTET_STRING)?;
    inner.end()?;
    if info.algorithm != ED25519 || !material::lengths(SPEC).contains(&seed.len()) {
        return None;
    }
    let public_key = edwards::public_key(SPEC, seed).ok()?;
    // A public key is as long as the seed and stands at the end of its SPKI.
    let real = public_key.get(public_key.len().checked_sub(seed.len())?..)?;
    match info.public_key.is_none_or(|stated| stated == real) {
        true => Some(Fresh::copied(arena, seed, public_key)),
        false => None,
    }
}

#[cfg(test)]
mod tests;
