//! Private keys as the library has parsed them, kept for a while: parsing an RSA key costs as
//! much as a signature with it.
//!
//! Symmetric keys are never kept, nor those of ML-KEM and of SM2 for other uses than signatures,
//! which are parsed for each use. A parsed key lies in the library's heap, which it wipes when the
//! key is freed: when it is old, when there are too many, when the process ends.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use keystead_types::{KeySpec, KeyUsage};
use keystead_wall::{KeyHandle, Refusal};

use crate::arena::Arena;
use crate::domains::Domains;
use crate::limits::{PARSED_KEPT, PARSED_OTHER_MAX, PARSED_RSA_MAX, PARSED_SHARDS};
use crate::{ec, edwards, halt, ml_dsa, rsa, sm2, wrapping};

/// A private key, ready for the one thing that its usage allows.
pub(crate) enum Parsed {
    RsaSigning(Box<rsa::SigningKey>),
    RsaDecrypting(rsa::DecryptingKey),
    EcSigning(ec::SigningKey),
    EcAgreement(ec::AgreementKey),
    Edwards(edwards::SigningKey),
    MlDsa(ml_dsa::SigningKey),
    Sm2(sm2::SigningKey),
}

impl Parsed {
    /// Parses the wrapped form of a key for its usage.
    ///
    /// Refusals: `WrongUsage` (nothing of that spec and usage is parsed), `WrappedKeyDamaged`.
    fn parse(spec: KeySpec, usage: KeyUsage, bytes: &[u8]) -> Result<Self, Refusal> {
        use KeySpec as S;
        use KeyUsage as U;
        match (spec, usage) {
            (S::Rsa2048 | S::Rsa3072 | S::Rsa4096, U::SignVerify) => {
                let key = rsa::SigningKey::parse(spec, bytes)?;
                Ok(Self::RsaSigning(Box::new(key)))
            }
            (S::Rsa2048 | S::Rsa3072 | S::Rsa4096, U::EncryptDecrypt) => {
                rsa::DecryptingKey::parse(spec, bytes).map(Self::RsaDecrypting)
            }
            (
                S::EccNistP256 | S::EccNistP384 | S::EccNistP521 | S::EccSecgP256k1,
                U::SignVerify,
            ) => ec::SigningKey::parse(spec, bytes).map(Self::EcSigning),
            (S::EccNistP256 | S::EccNistP384 | S::EccNistP521, U::KeyAgreement) => {
                ec::AgreementKey::parse(spec, bytes).map(Self::EcAgreement)
            }
            (S::EccNistEdwards25519, U::SignVerify) => {
                edwards::SigningKey::parse(spec, bytes).map(Self::Edwards)
            }
            (S::MlDsa44 | S::MlDsa65 | S::MlDsa87, U::SignVerify) => {
                ml_dsa::SigningKey::parse(spec, bytes).map(Self::MlDsa)
            }
            (S::Sm2, U::SignVerify) => sm2::SigningKey::parse(spec, bytes).map(Self::Sm2),
            _ => Err(Refusal::WrongUsage),
        }
    }
}

/// SHA-256 over the canonical binding and the wrapped bytes: neither a changed record nor another
/// usage of it ever meets a key that was parsed before.
type Identity = [u8; 32];

struct Kept {
    key: Arc<Parsed>,
    used: Instant,
}

/// A part of the keys under a lock of its own. RSA keys, the large ones, are counted apart.
#[derive(Default)]
struct Shard {
    rsa: HashMap<Identity, Kept>,
    other: HashMap<Identity, Kept>,
}

impl Shard {
    /// The keys that a spec is counted with, and how many there may be.
    fn of(&mut self, spec: KeySpec) -> (&mut HashMap<Identity, Kept>, usize) {
        match spec.is_rsa() {
            true => (&mut self.rsa, PARSED_RSA_MAX / PARSED_SHARDS),
            false => (&mut self.other, PARSED_OTHER_MAX / PARSED_SHARDS),
        }
    }
}

/// The parsed keys of a process.
pub(crate) struct ParsedKeys {
    shards: [Mutex<Shard>; PARSED_SHARDS],
}

impl ParsedKeys {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            shards: Default::default(),
        }
    }

    /// The parsed form of a key: kept, or unwrapped and parsed now.
    ///
    /// Refusals: `WrongUsage`, `WrappedKeyDamaged`, `DomainMissing`.
    pub(crate) fn get(
        &self,
        domains: &Domains,
        arena: &Arc<Arena>,
        key: KeyHandle<'_>,
    ) -> Result<Arc<Parsed>, Refusal> {
        let now = Instant::now();
        let identity = identity(key);
        if let Some(kept) = self.find(&identity, key.binding.spec, now) {
            return Ok(kept);
        }
        let material = wrapping::unwrap_material(domains, arena, key)?;
        let (spec, usage) = (key.binding.spec, key.binding.usage);
        let parsed = Arc::new(Parsed::parse(spec, usage, material.expose())?);
        drop(material);
        let dropped = self.keep(identity, spec, Arc::clone(&parsed), now);
        // Wiping a key takes longer than anyone should wait for the lock.
        drop(dropped);
        Ok(parsed)
    }

    fn find(&self, identity: &Identity, spec: KeySpec, now: Instant) -> Option<Arc<Parsed>> {
        let mut shard = self.shard(identity);
        let (keys, _) = shard.of(spec);
        let kept = keys.get_mut(identity)?;
        if age(kept, now) > PARSED_KEPT {
            return None;
        }
        kept.used = now;
        Some(Arc::clone(&kept.key))
    }

    /// Keeps a key and gives the one that had to go for it.
    fn keep(
        &self,
        identity: Identity,
        spec: KeySpec,
        key: Arc<Parsed>,
        now: Instant,
    ) -> Option<Kept> {
        let mut shard = self.shard(&identity);
        let (keys, most) = shard.of(spec);
        let full = keys.len() >= most && !keys.contains_key(&identity);
        let oldest = match full {
            true => keys.iter().min_by_key(|(_, kept)| kept.used),
            false => None,
        };
        let oldest = oldest.map(|(identity, _)| *identity);
        let gone = oldest.and_then(|identity| keys.remove(&identity));
        let kept = Kept { key, used: now };
        match keys.entry(identity) {
            Entry::Occupied(mut place) => Some(place.insert(kept)),
            Entry::Vacant(place) => {
                place.insert(kept);
                gone
            }
        }
    }

    /// Drops the keys that were not used for a while.
    pub(crate) fn drop_old(&self, now: Instant) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let old = |_: &Identity, kept: &mut Kept| age(kept, now) > PARSED_KEPT;
            let rsa: Vec<_> = shard.rsa.extract_if(old).collect();
            let other: Vec<_> = shard.other.extract_if(old).collect();
            drop(shard);
            drop((rsa, other));
        }
    }

    fn shard(&self, identity: &Identity) -> std::sync::MutexGuard<'_, Shard> {
        let [first, ..] = *identity;
        let shard = self.shards.get(usize::from(first) % PARSED_SHARDS);
        shard
            .unwrap_or_else(|| halt())
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of RSA keys and of others.
    #[cfg(test)]
    pub(crate) fn count(&self) -> (usize, usize) {
        self.shards.iter().fold((0, 0), |(rsa, other), shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            (rsa + shard.rsa.len(), other + shard.other.len())
        })
    }
}

fn age(kept: &Kept, now: Instant) -> Duration {
    now.saturating_duration_since(kept.used)
}

fn identity(key: KeyHandle<'_>) -> Identity {
    // One input in one piece, which is the fastest. The binding says its own length, so no two
    // pairs of binding and wrapped bytes are the same input.
    let mut input = Vec::with_capacity(192 + key.wrapped.0.len());
    key.binding.canonical(&mut input);
    input.extend_from_slice(&key.wrapped.0);
    let hash = digest::digest(&digest::SHA256, &input);
    match hash.as_ref().first_chunk() {
        Some(identity) => *identity,
        None => halt(),
    }
}

#[cfg(test)]
mod tests;
