//! What is sealed for its bearer: session tokens and explanations.
//!
//! Layout, described in `docs/formats/session-token.md`: version (1 byte), salt (16), nonce (12),
//! AES-256-GCM ciphertext and tag. Each text has a key of its own, expanded by HKDF-SHA-256 from
//! the deployment's key, its purpose and the salt, so that no number of texts wears a key out.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk};
use zeroize::Zeroizing;

/// Bytes of the deployment's key.
pub(crate) const KEY_BYTES: usize = 32;
/// Random bytes that each text needs: salt and nonce.
pub(crate) const FRESH_BYTES: usize = SALT_BYTES + NONCE_LEN;

const SALT_BYTES: usize = 16;
const VERSION: u8 = 1;

/// What a text is for. A text of one purpose is never one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A session token; bound to its access key id.
    Session,
    /// The explanation of a denial.
    Message,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Session => b"keystead session token 1\0",
            Self::Message => b"keystead authorization message 1\0",
        }
    }
}

/// Seals and opens. It has no `Debug`.
pub(crate) struct Vault(Prk);

impl Vault {
    /// Takes the deployment's key.
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(Prk::new_less_safe(HKDF_SHA256, key))
    }

    fn key(&self, purpose: Purpose, salt: &[u8]) -> Option<LessSafeKey> {
        let info = [purpose.label(), salt];
        let okm = self.0.expand(&info, &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(okm)))
    }

    /// Seals a text that belongs to `owner`. `None` if the library fails.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        owner: &[u8],
        fresh: &[u8; FRESH_BYTES],
        text: &[u8],
    ) -> Option<Vec<u8>> {
        let (salt, nonce) = fresh.split_at_checked(SALT_BYTES)?;
        let key = self.key(purpose, salt)?;
        let mut sealed = Vec::with_capacity(1 + FRESH_BYTES + text.len() + AES_256_GCM.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(fresh);
        let mut body = Zeroizing::new(text.to_vec());
        body.reserve_exact(AES_256_GCM.tag_len());
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let aad = Aad::from(associated(purpose, owner));
        key.seal_in_place_append_tag(nonce, aad, &mut *body).ok()?;
        sealed.extend_from_slice(&body);
        Some(sealed)
    }

    /// Opens what was sealed for that purpose and owner. `None` for everything else.
    pub(crate) fn open(
        &self,
        purpose: Purpose,
        owner: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (version, rest) = sealed.split_first()?;
        let (salt, rest) = rest.split_at_checked(SALT_BYTES)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN)?;
        if *version != VERSION {
            return None;
        }
        let key = self.key(purpose, salt)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let aad = Aad::from(associated(purpose, owner));
        let mut body = Zeroizing::new(body.to_vec());
        let length = key.open_in_place(nonce, aad, &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }
}

fn associated(purpose: Purpose, owner: &[u8]) -> Vec<u8> {
    [purpose.label(), &[VERSION], owner].concat()
}
