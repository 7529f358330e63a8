//! The count of what a lane did.

use aws_lc_rs::digest;
use keystead_types::MaterialId;
use keystead_wall::{Command, Receipt, Refusal, Reply};

use crate::halt;

/// The longest input of a digest, that of ReEncrypt.
const INPUT_MAX_BYTES: usize = 16 + 8 + 2 + 8 + 1 + 32 + 32 + 1;

const NO_MATERIAL: MaterialId = keystead_types::Hex32([0; 32]);

/// Counts the commands of one lane.
///
/// The digest of a command is the first 16 bytes of SHA-256 over: the previous digest (16 bytes;
/// zeros before the first), the epoch (8 bytes), the lane (2), the counter (8), the command's
/// kind (1, the number of its frame), its key's material id (32; zeros if it has no key; for
/// ReEncrypt source and destination, 64; for GenerateKey, ImportKey and AdoptKey the new material,
/// zeros if they are refused), and 1 or 0 for success (1). Numbers are big endian.
pub(crate) struct Receipts {
    epoch: u64,
    lane: u16,
    counter: u64,
    digest: [u8; 16],
}

impl Receipts {
    /// A lane that has counted nothing yet.
    pub(crate) fn new(epoch: u64, lane: u16) -> Self {
        Self {
            epoch,
            lane,
            counter: 0,
            digest: [0; 16],
        }
    }

    /// How many commands have been counted.
    pub(crate) fn counter(&self) -> u64 {
        self.counter
    }

    /// Counts one command that has been run.
    pub(crate) fn count(
        &mut self,
        command: &Command<'_>,
        result: &Result<Reply, Refusal>,
    ) -> Receipt {
        self.counter += 1;
        let (kind, material) = subject(command, result);
        let again = match command {
            Command::ReEncrypt { destination, .. } => Some(&destination.key.binding.material_id.0),
            _ => None,
        };
        // In one piece: a fraction of a microsecond counts here.
        let mut input = [0; INPUT_MAX_BYTES];
        let mut rest = input.as_mut_slice();
        let mut len = 0;
        for part in [
            self.digest.as_slice(),
            &self.epoch.to_be_bytes(),
            &self.lane.to_be_bytes(),
            &self.counter.to_be_bytes(),
            &[kind],
            &material.0,
            again.map_or(&[], |id| id.as_slice()),
            &[u8::from(result.is_ok())],
        ] {
            let (place, after) = rest
                .split_at_mut_checked(part.len())
                .unwrap_or_else(|| halt());
            place.copy_from_slice(part);
            len += part.len();
            rest = after;
        }
        let input = input.get(..len).unwrap_or_else(|| halt());
        let hash = digest::digest(&digest::SHA256, input);
        if let Some(head) = hash.as_ref().first_chunk() {
            self.digest = *head;
        }
        Receipt {
            epoch: self.epoch,
            lane: self.lane,
            counter: self.counter,
            digest: self.digest,
        }
    }
}

fn subject(command: &Command<'_>, result: &Result<Reply, Refusal>) -> (u8, MaterialId) {
    let new = match result {
        Ok(Reply::NewKey { material_id, .. }) => *material_id,
        _ => NO_MATERIAL,
    };
    match command {
        Command::Encrypt { cipher, .. } => (1, cipher.key.binding.material_id),
        Command::Decrypt { cipher, .. } => (2, cipher.key.binding.material_id),
        Command::ReEncrypt { source, .. } => (3, source.key.binding.material_id),
        Command::GenerateDataKey { key, .. } => (4, key.binding.material_id),
        Command::GenerateRandom { .. } => (5, NO_MATERIAL),
        Command::GenerateKey { .. } => (6, new),
        Command::SealSecret { .. } => (7, NO_MATERIAL),
        Command::OpenSecret { .. } => (8, NO_MATERIAL),
        Command::CreateDomain { .. } => (9, NO_MATERIAL),
        Command::OpenDomain { .. } => (10, NO_MATERIAL),
        Command::GenerateKeyPair { key, .. } => (18, key.binding.material_id),
        Command::Sign { key, .. } => (11, key.binding.material_id),
        Command::Verify { key, .. } => (12, key.binding.material_id),
        Command::GenerateMac { key, .. } => (13, key.binding.material_id),
        Command::VerifyMac { key, .. } => (14, key.binding.material_id),
        Command::DeriveSharedSecret { key, .. } => (15, key.binding.material_id),
        Command::Encapsulate { key } => (16, key.binding.material_id),
        Command::Decapsulate { key, .. } => (17, key.binding.material_id),
        Command::PrepareImport { .. } => (19, NO_MATERIAL),
        Command::ImportKey { .. } => (20, new),
        Command::ExportKey { key, .. } => (21, key.binding.material_id),
        Command::AdoptKey { .. } => (22, new),
    }
}

#[cfg(test)]
mod tests;
