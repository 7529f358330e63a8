//! Roots of trust: what seals the domain keys at rest.

mod ephemeral;
mod key_file;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::hmac;
use thiserror::Error;

pub(crate) use ephemeral::Ephemeral;
pub(crate) use key_file::KeyFile;

use crate::aead;
use crate::arena::{Arena, KeyMaterial};
use crate::limits::AES_256_KEY_BYTES;

/// First bytes of a root key's name. Shown to operators, so short.
pub(crate) const ROOT_ID_BYTES: usize = 8;
const ROOT_ID_INPUT: &[u8] = b"keystead root key id v1";

/// The public name of a root key, so that a wrong one is told from a damaged blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootId(pub(crate) [u8; ROOT_ID_BYTES]);

impl std::fmt::Display for RootId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a root of trust cannot be used, or does not open a blob.
#[derive(Debug, Error)]
pub enum RootError {
    /// The file is not there.
    #[error("the root key file {0} does not exist")]
    Missing(PathBuf),
    /// The file is there already, and a root key is never overwritten.
    #[error("the root key file {0} exists already and is not overwritten")]
    Exists(PathBuf),
    /// The file could not be read or written.
    #[error("the root key file {path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        cause: io::Error,
    },
    /// The file is a directory, a link or a device.
    #[error("the root key file {0} is not a regular file (links are not followed)")]
    NotAFile(PathBuf),
    /// Others than the owner may read or write the file.
    #[error("the root key file {path} has mode {mode:03o}; only its owner may have access (600)")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else owns the file.
    #[error("the root key file {path} belongs to user {owner}, but this process runs as {user}")]
    WrongOwner {
        /// The file.
        path: PathBuf,
        /// The file's owner.
        owner: u32,
        /// The user of this process.
        user: u32,
    },
    /// The file is not a root key file.
    #[error("{0} is not a Keystead root key file")]
    NotARootKey(PathBuf),
    /// The file has a version that is not known.
    #[error("the root key file {path} has version {version}; this program reads version 1")]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u8,
    },
    /// The file was cut off, extended or changed.
    #[error("the root key file {path} is damaged ({what}): restore it from its backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The blob was sealed by another root key.
    #[error("sealed by root key {sealed_by}, but this is root key {this}")]
    OtherRoot {
        /// The root key that sealed.
        sealed_by: RootId,
        /// The present root key.
        this: RootId,
    },
    /// The blob is damaged or belongs to another label.
    #[error("the sealed blob is damaged or belongs elsewhere")]
    BlobDamaged,
    /// All key memory is taken, or a primitive failed.
    #[error("no key memory is left, or the cryptographic library failed")]
    Internal,
}

/// Seals small secrets (domain keys) so that they can be stored.
pub(crate) trait RootOfTrust: Send + Sync {
    /// Seals a plaintext under a label; the same label must be given to open it.
    fn seal(&self, label: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, RootError>;

    /// Opens what [`RootOfTrust::seal`] made, into locked memory. `len`: the length that the
    /// plaintext must have, bytes.
    ///
    /// Errors: [`RootError::OtherRoot`], [`RootError::BlobDamaged`].
    fn open(
        &self,
        label: &[u8],
        sealed: &[u8],
        len: usize,
        arena: &Arc<Arena>,
    ) -> Result<KeyMaterial, RootError>;

    /// Derives a key that every process with the same root derives too. The same label and
    /// context always give the same key.
    ///
    /// `label`: without a zero byte; what the key is for. `out`: filled whole.
    fn derive(&self, label: &[u8], context: &[u8], out: &mut KeyMaterial) -> Result<(), RootError>;
}

/// A root key in locked memory, and the sealing that all roots with a local key share: root id,
/// nonce, ciphertext, tag; AES-256-GCM with the label as associated data.
pub(crate) struct LocalRoot {
    key: KeyMaterial,
    id: RootId,
}

impl LocalRoot {
    /// Takes over 32 bytes of key.
    pub(crate) fn new(key: KeyMaterial) -> Result<Self, RootError> {
        if key.expose().len() != AES_256_KEY_BYTES {
            return Err(RootError::Internal);
        }
        let mac = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let tag = hmac::sign(&mac, ROOT_ID_INPUT);
        let id = tag.as_ref().first_chunk().ok_or(RootError::Internal)?;
        Ok(Self {
            id: RootId(*id),
            key,
        })
    }
}

impl RootOfTrust for LocalRoot {
    fn seal(&self, label: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, RootError> {
        let mut out = self.id.0.to_vec();
        aead::seal_box(self.key.expose(), label, plaintext, &mut out)
            .map_err(|_| RootError::Internal)?;
        Ok(out)
    }

    fn open(
        &self,
        label: &[u8],
        sealed: &[u8],
        len: usize,
        arena: &Arc<Arena>,
    ) -> Result<KeyMaterial, RootError> {
        let (sealed_by, sealed) = sealed
            .split_first_chunk::<ROOT_ID_BYTES>()
            .ok_or(RootError::BlobDamaged)?;
        if *sealed_by != self.id.0 {
            return Err(RootError::OtherRoot {
                sealed_by: RootId(*sealed_by),
                this: self.id,
            });
        }
        let mut out = KeyMaterial::zeroed(arena, len).ok_or(RootError::Internal)?;
        aead::open_box(self.key.expose(), label, sealed, out.expose_mut())
            .map_err(|_| RootError::BlobDamaged)?;
        Ok(out)
    }

    fn derive(&self, label: &[u8], context: &[u8], out: &mut KeyMaterial) -> Result<(), RootError> {
        let out = out.expose_mut();
        let bits = u32::try_from(out.len() * 8).map_err(|_| RootError::Internal)?;
        let mut fixed = Vec::with_capacity(128);
        aead::fixed_input(&mut fixed, label, &[context], bits);
        aead::derive(self.key.expose(), &fixed, out).map_err(|_| RootError::Internal)
    }
}
