//! The public key that an answer will be encrypted to.

use crate::{DocumentError, limits};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicEncryptingKey;

/// Checks that `spki` is the DER SubjectPublicKeyInfo of an RSA key of at least 2048 bits. What
/// the library reads is written again and compared, so that there is one encoding of one key and
/// nothing behind it.
pub(crate) fn check(spki: &[u8]) -> Result<(), DocumentError> {
    let key = PublicEncryptingKey::from_der(spki).map_err(|_| DocumentError::PublicKey)?;
    let again: PublicKeyX509Der<'_> = key.as_der().map_err(|_| DocumentError::PublicKey)?;
    if key.key_size_bits() < limits::RSA_MIN_BITS || again.as_ref() != spki {
        return Err(DocumentError::PublicKey);
    }
    Ok(())
}
