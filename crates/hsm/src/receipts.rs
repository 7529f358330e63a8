//! The count of what a lane did.

use aws_lc_rs::digest;
use keystead_types::MaterialId;
use keystead_wall::{Command, Receipt, Refusal, Reply};

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

    /// Counts one command that has been run.
    pub(crate) fn count(
        &mut self,
        command: &Command<'_>,
        result: &Result<Reply, Refusal>,
    ) -> Receipt {
        self.counter += 1;
        let (kind, material) = subject(command, result);
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.digest);
        context.update(&self.epoch.to_be_bytes());
        context.update(&self.lane.to_be_bytes());
        context.update(&self.counter.to_be_bytes());
        context.update(&[kind]);
        context.update(&material.0);
        if let Command::ReEncrypt { destination, .. } = command {
            context.update(&destination.key.binding.material_id.0);
        }
        context.update(&[u8::from(result.is_ok())]);
        if let Some(head) = context.finish().as_ref().first_chunk() {
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
mod tests {
    use super::*;

    #[test]
    fn counters_are_gapless_and_digests_depend_on_everything() {
        let command = Command::GenerateRandom {
            length: 1,
            recipient: None,
        };
        let good = Ok(Reply::Done);
        let bad = Err(Refusal::InvalidArgument);
        let mut one = Receipts::new(7, 3);
        let mut two = Receipts::new(7, 3);
        let first = one.count(&command, &good);
        assert_eq!(first, two.count(&command, &good));
        assert_eq!((first.epoch, first.lane, first.counter), (7, 3, 1));
        let second = one.count(&command, &good);
        assert_eq!(second.counter, 2);
        assert_ne!(second.digest, first.digest);
        assert_ne!(two.count(&command, &bad).digest, second.digest);
        for (epoch, lane) in [(8, 3), (7, 4)] {
            let other = Receipts::new(epoch, lane).count(&command, &good);
            assert_ne!(other.digest, first.digest);
        }
    }

    #[test]
    fn the_first_digest_is_the_documented_one() {
        let command = Command::GenerateRandom {
            length: 1,
            recipient: None,
        };
        let receipt = Receipts::new(1, 2).count(&command, &Ok(Reply::Done));
        let mut input = vec![0; 16];
        input.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 2]);
        input.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 5]);
        input.extend_from_slice(&[0; 32]);
        input.push(1);
        let want = digest::digest(&digest::SHA256, &input);
        assert_eq!(receipt.digest, want.as_ref()[..16]);
    }
}
