//! Long-term access keys.

use base64_simd::STANDARD_NO_PAD;
use keystead_types::{AccessKeyId, Entropy, Plaintext};

/// Prefix of long-term access key ids. Source: IAM User Guide, "Unique identifiers".
const PREFIX: &str = "AKIA";
/// Characters of an id after its prefix. Source: the same.
const ID_CHARS: usize = 16;
/// Bytes of a secret; 40 characters in base64. Source: IAM API reference, AccessKey.
const SECRET_BYTES: usize = 30;

/// A new access key; its secret is shown once and then only kept sealed.
pub struct AccessKey {
    /// `AKIA` and 16 characters of A–Z and 2–7.
    pub id: AccessKeyId,
    /// 40 characters.
    pub secret: Plaintext,
}

/// Makes an access key. `secret` is randomness from the HSM process, at least 30 bytes; the id is
/// not secret and comes of `entropy`.
pub fn new_access_key(entropy: &dyn Entropy, secret: &Plaintext) -> Option<AccessKey> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut random = [0; ID_CHARS];
    entropy.fill(&mut random);
    let letter = |byte: &u8| {
        ALPHABET
            .get(usize::from(byte % 32))
            .map(|letter| char::from(*letter))
    };
    let id: String = PREFIX
        .chars()
        .chain(random.iter().filter_map(letter))
        .collect();
    let secret = secret_of(secret)?;
    Some(AccessKey {
        id: id.into(),
        secret,
    })
}

/// A secret access key of randomness of the HSM process, at least 30 bytes: 40 characters.
pub(crate) fn secret_of(random: &Plaintext) -> Option<Plaintext> {
    let bytes = random.expose().get(..SECRET_BYTES)?;
    let text = STANDARD_NO_PAD.encode_to_string(bytes);
    Some(Plaintext::new(text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.iter_mut()
                .enumerate()
                .for_each(|(at, byte)| *byte = u8::try_from(at * 37 % 251).unwrap());
        }
    }

    #[test]
    fn keys_look_like_those_of_iam() {
        let key = new_access_key(&Fixed, &Plaintext::new(vec![0xfe; 32])).unwrap();
        assert_eq!((key.id.len(), key.secret.len()), (20, 40));
        assert!(key.id.starts_with("AKIA"));
        assert!(new_access_key(&Fixed, &Plaintext::new(vec![0; 29])).is_none());
    }
}
