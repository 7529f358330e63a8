//! HMAC with SHA-2 (RFC 2104, FIPS 198-1).

use aws_lc_rs::hmac;
use keystead_types::{KeySpec, MacAlgorithm};
use keystead_wall::Refusal;

/// The bytes of a MAC under a key of the spec, and of a key that is made here.
///
/// Refusals: `UnsupportedSpec`.
pub(crate) fn tag_bytes(spec: KeySpec) -> Result<usize, Refusal> {
    let algorithm = spec.mac_algorithm().ok_or(Refusal::UnsupportedSpec)?;
    Ok(primitive(algorithm).tag_len())
}

/// The MAC of a message.
pub(crate) fn generate(algorithm: MacAlgorithm, key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(primitive(algorithm), key);
    hmac::sign(&key, message).as_ref().to_vec()
}

/// Compares a MAC with the right one, whole and in constant time.
///
/// Refusals: `MacInvalid`.
pub(crate) fn verify(
    algorithm: MacAlgorithm,
    key: &[u8],
    message: &[u8],
    mac: &[u8],
) -> Result<(), Refusal> {
    let key = hmac::Key::new(primitive(algorithm), key);
    hmac::verify(&key, message, mac).map_err(|_| Refusal::MacInvalid)
}

fn primitive(algorithm: MacAlgorithm) -> hmac::Algorithm {
    match algorithm {
        MacAlgorithm::HmacSha224 => hmac::HMAC_SHA224,
        MacAlgorithm::HmacSha256 => hmac::HMAC_SHA256,
        MacAlgorithm::HmacSha384 => hmac::HMAC_SHA384,
        MacAlgorithm::HmacSha512 => hmac::HMAC_SHA512,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_compared_whole() {
        for algorithm in MacAlgorithm::ALL.iter().copied() {
            let mac = generate(algorithm, &[7; 128], b"message");
            let check = |mac: &[u8]| verify(algorithm, &[7; 128], b"message", mac);
            assert_eq!(check(&mac), Ok(()));
            for len in 0..mac.len() {
                assert_eq!(check(&mac[..len]), Err(Refusal::MacInvalid));
            }
            assert_eq!(
                check(&[mac.as_slice(), &[0]].concat()),
                Err(Refusal::MacInvalid)
            );
            for at in 0..mac.len() {
                let mut other = mac.clone();
                other[at] ^= 0x10;
                assert_eq!(check(&other), Err(Refusal::MacInvalid));
            }
        }
    }
}
