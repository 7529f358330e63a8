//! Domain keys: one or more for each Region, each under the root of trust at rest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use keystead_types::Region;
use keystead_wall::Refusal;
use thiserror::Error;

use crate::aead;
use crate::arena::{Arena, KeyMaterial};
use crate::halt;
use crate::limits::{AES_256_KEY_BYTES, DOMAIN_KEYS_MAX};
use crate::roots::{RootError, RootOfTrust};

/// Names a domain key inside its Region.
pub(crate) type DomainKeyId = [u8; 4];

const VERSION: u8 = 1;
const LABEL: &[u8] = b"keystead domain key v1\0";

/// The key under which a Region's keys and secrets are wrapped.
pub(crate) struct DomainKey {
    /// Its name in wrapped keys.
    pub(crate) id: DomainKeyId,
    key: KeyMaterial,
}

impl DomainKey {
    /// The 32 bytes. They are expanded for each operation: a cached key schedule would live in
    /// ordinary memory for the life of the process.
    pub(crate) fn expose(&self) -> &[u8] {
        self.key.expose()
    }
}

/// Why a sealed domain key was not loaded.
#[derive(Debug, Error)]
pub enum DomainError {
    /// The root of trust does not open it.
    #[error("the domain key of {region}: {cause}")]
    Root {
        /// Its Region.
        region: Region,
        /// Why.
        cause: RootError,
    },
    /// It is not in a form that this program knows.
    #[error("the domain key of {0} has an unknown form or version")]
    UnknownForm(Region),
    /// Too many are loaded.
    #[error("more than {DOMAIN_KEYS_MAX} domain keys")]
    TooMany,
}

/// The domain keys of one Region.
#[derive(Clone)]
struct Loaded {
    current: Arc<DomainKey>,
    all: Vec<Arc<DomainKey>>,
}

/// All domain keys of the process. Reading takes no lock.
pub(crate) struct Domains {
    table: ArcSwap<HashMap<Region, Loaded>>,
    writing: Mutex<()>,
}

impl Domains {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self {
            table: ArcSwap::from_pointee(HashMap::new()),
            writing: Mutex::new(()),
        }
    }

    /// The key that wraps what is new in a Region.
    pub(crate) fn current(&self, region: &Region) -> Result<Arc<DomainKey>, Refusal> {
        let table = self.table.load();
        let loaded = table.get(region).ok_or(Refusal::DomainMissing)?;
        Ok(Arc::clone(&loaded.current))
    }

    /// The key of that id. `damaged`: the refusal when the Region has domain keys, but not this.
    pub(crate) fn by_id(
        &self,
        region: &Region,
        id: DomainKeyId,
        damaged: Refusal,
    ) -> Result<Arc<DomainKey>, Refusal> {
        let table = self.table.load();
        let loaded = table.get(region).ok_or(Refusal::DomainMissing)?;
        let found = loaded.all.iter().find(|key| key.id == id);
        found.map(Arc::clone).ok_or(damaged)
    }

    /// Makes a domain key, loads it and gives its sealed form. It wraps new keys at once if it is
    /// the Region's first; a later one only after [`Domains::open`], which shows that its sealed
    /// form was stored.
    pub(crate) fn create(
        &self,
        region: &Region,
        root: &dyn RootOfTrust,
        arena: &Arc<Arena>,
    ) -> Result<Vec<u8>, Refusal> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.count() >= DOMAIN_KEYS_MAX {
            return Err(Refusal::InvalidArgument);
        }
        let mut key = KeyMaterial::zeroed(arena, AES_256_KEY_BYTES).unwrap_or_else(|| halt());
        aead::random(key.expose_mut()).unwrap_or_else(|_| halt());
        let mut id = DomainKeyId::default();
        loop {
            aead::random(&mut id).unwrap_or_else(|_| halt());
            if self.by_id(region, id, Refusal::DomainMissing).is_err() {
                break;
            }
        }
        let mut out = vec![VERSION];
        out.extend_from_slice(&id);
        let sealed = root.seal(&label(region, id), key.expose());
        out.extend_from_slice(&sealed.unwrap_or_else(|_| halt()));
        self.insert(region, DomainKey { id, key }, Place::IfFirst);
        Ok(out)
    }

    /// Loads a sealed domain key, which wraps what is new in its Region from now on.
    pub(crate) fn open(
        &self,
        region: &Region,
        sealed: &[u8],
        root: &dyn RootOfTrust,
        arena: &Arc<Arena>,
    ) -> Result<(), DomainError> {
        let unknown = || DomainError::UnknownForm(region.clone());
        let (version, rest) = sealed.split_first().ok_or_else(unknown)?;
        let (id, rest) = rest.split_first_chunk().ok_or_else(unknown)?;
        if *version != VERSION {
            return Err(unknown());
        }
        let key = root
            .open(&label(region, *id), rest, AES_256_KEY_BYTES, arena)
            .map_err(|cause| DomainError::Root {
                region: region.clone(),
                cause,
            })?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.by_id(region, *id, Refusal::DomainMissing).is_ok();
        if !known && self.count() >= DOMAIN_KEYS_MAX {
            return Err(DomainError::TooMany);
        }
        self.insert(region, DomainKey { id: *id, key }, Place::Current);
        Ok(())
    }

    fn count(&self) -> usize {
        self.table.load().values().map(|l| l.all.len()).sum()
    }

    /// Called with `writing` held.
    fn insert(&self, region: &Region, key: DomainKey, place: Place) {
        let mut table = HashMap::clone(&self.table.load());
        let key = Arc::new(key);
        match table.get_mut(region) {
            None => {
                let all = vec![Arc::clone(&key)];
                table.insert(region.clone(), Loaded { current: key, all });
            }
            Some(loaded) => {
                loaded.all.retain(|old| old.id != key.id);
                loaded.all.push(Arc::clone(&key));
                match place {
                    Place::Current => loaded.current = key,
                    Place::IfFirst => {}
                }
            }
        }
        self.table.store(Arc::new(table));
    }
}

/// Whether a new domain key replaces the current one of its Region.
#[derive(Clone, Copy)]
enum Place {
    IfFirst,
    Current,
}

fn label(region: &Region, id: DomainKeyId) -> Vec<u8> {
    [LABEL, id.as_slice(), region.as_str().as_bytes()].concat()
}
