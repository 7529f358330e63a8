//! Answers for attested recipients: CMS EnvelopedData (RFC 5652) in the one byte shape that the
//! C SDK of Nitro enclaves reads. Layout in `docs/formats/enveloped-data.md`.

use aws_lc_rs::cipher::{AES_256, DecryptionContext, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::digest;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use keystead_wall::Refusal;
use zeroize::Zeroizing;

use crate::der::{self, Reader};
use crate::limits::{
    AES_256_KEY_BYTES, AES_BLOCK_BYTES, RECIPIENT_MODULUS_MAX_BITS, RECIPIENT_MODULUS_MIN_BITS,
};
use crate::{aead, halt};

/// A constructed element of indefinite length.
const INDEFINITE: u8 = 0x80;
const END_OF_CONTENTS: [u8; 2] = [0, 0];
/// EnvelopedData and KeyTransRecipientInfo, whose recipient is named by a key identifier.
/// Source: RFC 5652, sections 6.1 and 6.2.1.
const VERSION: [u8; 3] = [der::INTEGER, 1, 2];

/// 1.2.840.113549.1.7.3
const ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
/// 1.2.840.113549.1.7.1
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.113549.1.1.7
const RSAES_OAEP: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07];
/// 1.2.840.113549.1.1.8
const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
/// 2.16.840.1.101.3.4.2.1
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// 2.16.840.1.101.3.4.1.42
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];

/// Encrypts a secret so that only the holder of the RSA private key reads it.
///
/// `recipient_spki`: DER SubjectPublicKeyInfo, rsaEncryption, a modulus of 2048 to 4096 bits.
///
/// Refusals: `RecipientInvalid` (any other public key).
pub(crate) fn seal(recipient_spki: &[u8], secret: &[u8]) -> Result<Vec<u8>, Refusal> {
    let recipient = recipient(recipient_spki).ok_or(Refusal::RecipientInvalid)?;
    let mut key = Zeroizing::new([0; AES_256_KEY_BYTES]);
    aead::random(key.as_mut_slice()).unwrap_or_else(|_| halt());
    let mut encrypted_key = vec![0; recipient.ciphertext_size()];
    // The public key comes from outside, so a failure is its own fault and not the library's.
    let encrypted_key = recipient
        .encrypt(
            &OAEP_SHA256_MGF1SHA256,
            key.as_slice(),
            &mut encrypted_key,
            None,
        )
        .map_err(|_| Refusal::RecipientInvalid)?;
    let (iv, content) = encrypt(&key, secret).unwrap_or_else(|_| halt());
    let identifier = digest::digest(&digest::SHA256, recipient_spki);
    Ok(write(identifier.as_ref(), encrypted_key, &iv, &content))
}

/// The public key, if it is one that is served.
fn recipient(spki: &[u8]) -> Option<OaepPublicEncryptingKey> {
    // The library also takes RSASSA-PSS keys and ignores what follows the element.
    let mut outer = Reader::new(spki);
    let mut inner = outer.nested(der::SEQUENCE)?;
    outer.end()?;
    let mut algorithm = inner.nested(der::SEQUENCE)?;
    let named = algorithm.read(der::OID)? == RSA_ENCRYPTION;
    let parameters = algorithm.optional(der::NULL)?.unwrap_or_default();
    algorithm.end()?;
    let key = PublicEncryptingKey::from_der(spki).ok()?;
    let served = RECIPIENT_MODULUS_MIN_BITS..=RECIPIENT_MODULUS_MAX_BITS;
    if !named || !parameters.is_empty() || !served.contains(&key.key_size_bits()) {
        return None;
    }
    OaepPublicEncryptingKey::new(key).ok()
}

/// AES-256-CBC with a random IV and the padding of RFC 5652, section 6.3.
fn encrypt(
    key: &[u8; AES_256_KEY_BYTES],
    secret: &[u8],
) -> Result<([u8; AES_BLOCK_BYTES], Vec<u8>), Unspecified> {
    let padding = AES_BLOCK_BYTES - secret.len() % AES_BLOCK_BYTES;
    let fill = u8::try_from(padding).map_err(|_| Unspecified)?;
    // Of its final size from the start: a growing vector would leave copies of the secret behind.
    let mut content = Zeroizing::new(Vec::with_capacity(secret.len() + padding));
    content.extend_from_slice(secret);
    content.resize(secret.len() + padding, fill);
    let cipher = EncryptingKey::cbc(UnboundCipherKey::new(&AES_256, key)?)?;
    let context = cipher.encrypt(&mut content)?;
    let DecryptionContext::Iv128(iv) = context else {
        return Err(Unspecified);
    };
    Ok((iv.try_into()?, std::mem::take(&mut *content)))
}

fn write(identifier: &[u8], encrypted_key: &[u8], iv: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + encrypted_key.len() + content.len());
    // ContentInfo, its content, EnvelopedData: all of indefinite length.
    out.extend_from_slice(&[der::SEQUENCE, INDEFINITE]);
    der::put(&mut out, der::OID, &[ENVELOPED_DATA]);
    out.extend_from_slice(&[der::CONSTRUCTED_0, INDEFINITE]);
    out.extend_from_slice(&[der::SEQUENCE, INDEFINITE]);
    out.extend_from_slice(&VERSION);
    let recipient = recipient_info(identifier, encrypted_key);
    der::put(&mut out, der::SET, &[&recipient]);
    // EncryptedContentInfo
    out.extend_from_slice(&[der::SEQUENCE, INDEFINITE]);
    der::put(&mut out, der::OID, &[DATA]);
    let mut cipher = Vec::new();
    der::put(&mut cipher, der::OID, &[AES_256_CBC]);
    der::put(&mut cipher, der::OCTET_STRING, &[iv]);
    der::put(&mut out, der::SEQUENCE, &[&cipher]);
    der::put(&mut out, der::CONTEXT_0, &[content]);
    for _ in 0..4 {
        out.extend_from_slice(&END_OF_CONTENTS);
    }
    out
}

/// KeyTransRecipientInfo.
fn recipient_info(identifier: &[u8], encrypted_key: &[u8]) -> Vec<u8> {
    let mut sha_256 = Vec::new();
    der::put(&mut sha_256, der::OID, &[SHA_256]);
    der::put(&mut sha_256, der::NULL, &[]);
    let mut hash = Vec::new();
    der::put(&mut hash, der::SEQUENCE, &[&sha_256]);
    let mut mask = Vec::new();
    der::put(&mut mask, der::OID, &[MGF1]);
    mask.extend_from_slice(&hash);
    let mut generation = Vec::new();
    der::put(&mut generation, der::SEQUENCE, &[&mask]);
    let mut parameters = Vec::new();
    der::put(&mut parameters, der::CONSTRUCTED_0, &[&hash]);
    der::put(&mut parameters, der::CONSTRUCTED_1, &[&generation]);
    let mut algorithm = Vec::new();
    der::put(&mut algorithm, der::OID, &[RSAES_OAEP]);
    der::put(&mut algorithm, der::SEQUENCE, &[&parameters]);

    let mut content = VERSION.to_vec();
    der::put(&mut content, der::CONTEXT_0, &[identifier]);
    der::put(&mut content, der::SEQUENCE, &[&algorithm]);
    der::put(&mut content, der::OCTET_STRING, &[encrypted_key]);
    let mut out = Vec::new();
    der::put(&mut out, der::SEQUENCE, &[&content]);
    out
}

#[cfg(test)]
mod tests;
