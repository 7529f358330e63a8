//! A root key that lives and dies with the process: for development without a data directory.

use std::sync::Arc;

use super::{LocalRoot, RootError};
use crate::aead;
use crate::arena::{Arena, KeyMaterial};
use crate::limits::AES_256_KEY_BYTES;

/// Makes a random root key in memory.
pub(crate) struct Ephemeral;

impl Ephemeral {
    /// A fresh root; what it seals is lost with the process.
    pub(crate) fn create(arena: &Arc<Arena>) -> Result<LocalRoot, RootError> {
        let mut key = KeyMaterial::zeroed(arena, AES_256_KEY_BYTES).ok_or(RootError::Internal)?;
        aead::random(key.expose_mut()).map_err(|_| RootError::Internal)?;
        LocalRoot::new(key)
    }
}
