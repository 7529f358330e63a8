//! The clear beginning of a symmetric ciphertext.

use keystead_types::{AccountId, KeyId, MaterialId, Region};

use crate::codec::ProtocolError;
use crate::codec::wire::{Reader, Sink, put_account, put_key_id, put_region};

/// First byte of every ciphertext blob: `K`.
pub const CIPHERTEXT_MAGIC: u8 = 0x4b;
/// Version of the ciphertext format.
pub const CIPHERTEXT_VERSION: u8 = 0x01;
/// Suite 1: SP 800-108 counter KDF with HMAC-SHA-256, AES-256-GCM, key commitment.
pub const CIPHERTEXT_SUITE: u8 = 0x01;

/// Whose key sealed a ciphertext. Clear to read, authenticated by the seal: it is part of the
/// associated data. Nothing in it may be trusted before the ciphertext opens, other than to find
/// the key to authorize.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiphertextHeader {
    /// Where it was sealed.
    pub region: Region,
    /// The owner of the key.
    pub account: AccountId,
    /// The key.
    pub key_id: KeyId,
    /// Which version of the key's material.
    pub material_id: MaterialId,
}

impl CiphertextHeader {
    /// Reads the header at the beginning of a blob; gives its length too. Accepts exactly what
    /// [`CiphertextHeader::write`] makes, so one header has one form.
    ///
    /// `None`: not a ciphertext of this format and version, or cut off inside the header.
    pub fn parse(blob: &[u8]) -> Option<(Self, usize)> {
        Self::read(blob).ok()
    }

    fn read(blob: &[u8]) -> Result<(Self, usize), ProtocolError> {
        let mut reader = Reader::new(blob);
        if reader.array()? != [CIPHERTEXT_MAGIC, CIPHERTEXT_VERSION, CIPHERTEXT_SUITE] {
            return Err(ProtocolError::WrongVersion);
        }
        let account = reader.account()?;
        let key_id = reader.key_id()?;
        let material_id = reader.hex32()?;
        let region = reader.region()?;
        let header = Self {
            region,
            account,
            key_id,
            material_id,
        };
        Ok((header, blob.len() - reader.remaining()))
    }

    /// Appends the header's bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put(&[CIPHERTEXT_MAGIC, CIPHERTEXT_VERSION, CIPHERTEXT_SUITE]);
        put_account(out, self.account);
        put_key_id(out, &self.key_id);
        out.put(&self.material_id.0);
        put_region(out, &self.region);
    }
}

#[cfg(test)]
mod tests;
