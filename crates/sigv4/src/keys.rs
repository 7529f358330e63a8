//! Signing keys: their derivation, and the bounded store of derived ones.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign_to_buffer};
use keystead_types::{AccessKeyId, Region};
use zeroize::Zeroizing;

use crate::authorization::{Scope, TERMINATOR};
use crate::credential::Credential;
use crate::limits::SIGNING_KEYS_MAX;
use crate::rejection::Rejection;

/// Derives the key of a scope: four HMACs, about 2 µs. The library wipes its key states when
/// they drop; the values between them are wiped here.
///
/// Source: AWS IAM User Guide, "Create a signed AWS API request", step 4.
pub(crate) fn derive(secret: &str, scope: &Scope<'_>) -> Result<Key, Unspecified> {
    let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
    first.extend_from_slice(b"AWS4");
    first.extend_from_slice(secret.as_bytes());
    let mut key = Key::new(HMAC_SHA256, &first);
    for element in [scope.date, scope.region, scope.service, TERMINATOR] {
        let mut next = Zeroizing::new([0u8; 32]);
        sign_to_buffer(&key, element.as_bytes(), &mut *next)?;
        key = Key::new(HMAC_SHA256, &*next);
    }
    Ok(key)
}

/// A derived key that has verified a request, and what was parsed for it.
pub(crate) struct SigningKey<I> {
    /// The credential it was derived of. While a `Weak` lives, its address is not used again, so
    /// equal addresses mean the same, unchanged credential; the secret itself can still be
    /// dropped and wiped.
    owner: Weak<Credential<I>>,
    key: Key,
    access_key_id: AccessKeyId,
    region: Region,
}

impl<I> SigningKey<I> {
    /// The key of a credential for a scope whose Region has been parsed.
    pub(crate) fn derive(
        owner: &Arc<Credential<I>>,
        scope: &Scope<'_>,
        region: &Region,
    ) -> Result<Self, Rejection> {
        let key = derive(owner.secret.expose(), scope).map_err(|_| Rejection::Internal)?;
        Ok(Self {
            owner: Arc::downgrade(owner),
            key,
            access_key_id: scope.access_key_id.into(),
            region: region.clone(),
        })
    }

    pub(crate) fn hmac(&self) -> &Key {
        &self.key
    }

    pub(crate) fn access_key_id(&self) -> AccessKeyId {
        Arc::clone(&self.access_key_id)
    }

    pub(crate) fn region(&self) -> Region {
        self.region.clone()
    }

    /// True if the key was derived of this very credential.
    pub(crate) fn belongs_to(&self, credential: &Arc<Credential<I>>) -> bool {
        std::ptr::eq(self.owner.as_ptr(), Arc::as_ptr(credential))
    }
}

/// By whole credential text. The hasher needs no random seed: only texts under which a request
/// was verified get in, so nobody can choose colliding ones without holding the keys.
type Half<I> = HashMap<Box<str>, Arc<SigningKey<I>>, BuildHasherDefault<DefaultHasher>>;

/// The signing keys used last, at most `SIGNING_KEYS_MAX`. It is two halves: when the young one
/// is full it becomes the old one, and the old one is dropped. The key of yesterday's date is
/// gone as soon as it is not used any more.
pub(crate) struct SigningKeys<I> {
    halves: RwLock<Halves<I>>,
}

struct Halves<I> {
    young: Half<I>,
    old: Half<I>,
}

impl<I> Default for SigningKeys<I> {
    fn default() -> Self {
        Self {
            halves: RwLock::new(Halves {
                young: Half::default(),
                old: Half::default(),
            }),
        }
    }
}

/// A key that was found.
pub(crate) struct Kept<I> {
    pub(crate) key: Arc<SigningKey<I>>,
    /// In the young half; from the old half it should be put again.
    pub(crate) young: bool,
}

impl<I> SigningKeys<I> {
    /// The key last kept under a whole credential text, whosever it is now: ask
    /// [`SigningKey::belongs_to`] before using it.
    pub(crate) fn find(&self, credential: &str) -> Option<Kept<I>> {
        let halves = self.halves.read().unwrap_or_else(PoisonError::into_inner);
        let young = halves.young.get(credential);
        let key = young.or_else(|| halves.old.get(credential))?;
        Some(Kept {
            key: Arc::clone(key),
            young: young.is_some(),
        })
    }

    /// Keeps a key that has verified a request.
    pub(crate) fn put(&self, credential: &str, key: Arc<SigningKey<I>>) {
        let mut halves = self.halves.write().unwrap_or_else(PoisonError::into_inner);
        if halves.young.len() >= SIGNING_KEYS_MAX / 2 && !halves.young.contains_key(credential) {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.old.remove(credential);
        halves.young.insert(credential.into(), key);
    }

    /// Number of keys kept.
    pub(crate) fn len(&self) -> usize {
        let halves = self.halves.read().unwrap_or_else(PoisonError::into_inner);
        halves.young.len() + halves.old.len()
    }
}
