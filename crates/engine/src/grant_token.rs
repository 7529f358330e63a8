//! Grant tokens: opaque, authenticated, a new one each time; all tokens of a grant are alike.

use aws_lc_rs::{constant_time, hmac};
use base64_simd::URL_SAFE_NO_PAD;
use keystead_types::{AccountId, Entropy, Fault, FaultKind, GrantId, Hex32, KeyId};

use crate::limits::GRANT_TOKEN_MAX_CHARS;

const VERSION: u8 = 1;
const LABEL: &[u8] = b"keystead grant token v1";
const NONCE_BYTES: usize = 16;
const TAG_BYTES: usize = 32;
const ACCOUNT_BYTES: usize = 12;
const KEY_ID_BYTES: usize = 36;

/// The grant that a token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamedGrant {
    pub(crate) account: AccountId,
    pub(crate) key_id: KeyId,
    pub(crate) grant_id: GrantId,
}

fn tag(key: &hmac::Key, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(LABEL);
    context.update(body);
    context.sign()
}

/// Makes a token: version, nonce, account, key id, grant id, tag.
pub(crate) fn seal(key: &hmac::Key, entropy: &dyn Entropy, grant: &NamedGrant) -> String {
    let mut nonce = [0; NONCE_BYTES];
    entropy.fill(&mut nonce);
    let account = grant.account;
    let mut body = [
        &[VERSION],
        nonce.as_slice(),
        account.as_str().as_bytes(),
        grant.key_id.as_str().as_bytes(),
        &grant.grant_id.0,
    ]
    .concat();
    let tag = tag(key, &body);
    body.extend_from_slice(tag.as_ref());
    URL_SAFE_NO_PAD.encode_to_string(body)
}

/// The grant of a token.
///
/// Errors: InvalidGrantTokenException for every text that [`seal`] did not make.
pub(crate) fn open(key: &hmac::Key, token: &str) -> Result<NamedGrant, Fault> {
    parse(key, token).ok_or_else(|| {
        Fault::new(
            FaultKind::InvalidGrantToken,
            "The grant token is not valid.",
        )
    })
}

fn parse(key: &hmac::Key, token: &str) -> Option<NamedGrant> {
    if token.len() > GRANT_TOKEN_MAX_CHARS {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode_to_vec(token).ok()?;
    let (body, seal) = bytes.split_last_chunk::<TAG_BYTES>()?;
    constant_time::verify_slices_are_equal(tag(key, body).as_ref(), seal).ok()?;
    let (&version, rest) = body.split_first()?;
    let (_nonce, rest) = rest.split_at_checked(NONCE_BYTES)?;
    let (account, rest) = rest.split_at_checked(ACCOUNT_BYTES)?;
    let (key_id, grant_id) = rest.split_at_checked(KEY_ID_BYTES)?;
    if version != VERSION {
        return None;
    }
    Some(NamedGrant {
        account: AccountId::parse(std::str::from_utf8(account).ok()?).ok()?,
        key_id: KeyId::parse(std::str::from_utf8(key_id).ok()?).ok()?,
        grant_id: Hex32(grant_id.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);
    impl Entropy for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn grant() -> NamedGrant {
        NamedGrant {
            account: AccountId::parse("111122223333").unwrap(),
            key_id: KeyId::from_random([1; 16]),
            grant_id: Hex32([7; 32]),
        }
    }

    #[test]
    fn tokens_open_and_differ() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let entropy = Counting(0.into());
        let (one, two) = (
            seal(&key, &entropy, &grant()),
            seal(&key, &entropy, &grant()),
        );
        assert_ne!(one, two);
        for token in [one, two] {
            assert_eq!(open(&key, &token).unwrap(), grant());
        }
    }

    #[test]
    fn damaged_and_foreign_tokens_are_refused() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let other = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        let token = seal(&key, &Counting(0.into()), &grant());
        assert!(open(&other, &token).is_err());
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(
                open(&key, &String::from_utf8(bytes).unwrap()).is_err(),
                "at {at}"
            );
            assert!(open(&key, &token[..at]).is_err(), "cut at {at}");
        }
        assert!(open(&key, &"A".repeat(GRANT_TOKEN_MAX_CHARS + 1)).is_err());
    }
}
