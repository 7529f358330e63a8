//! What a key held for encryption can do.

use keystead_types::{EncryptionContext, Fault, FaultKind, MaterialId, Plaintext};
use keystead_wall::{CiphertextHeader, Command, KeyHandle, Reply};

use super::{Ready, wrong_reply};
use crate::entry::KeyEntry;
use crate::target::{Encrypting, OneKey, TwoKeys};

/// A data key, sealed and perhaps in clear.
pub struct DataKey {
    /// The sealed data key.
    pub ciphertext: Vec<u8>,
    /// The data key in clear, if it was asked for.
    pub plaintext: Option<Plaintext>,
    /// The material that sealed it.
    pub material_id: MaterialId,
}

fn current(key: &KeyEntry) -> Result<KeyHandle<'_>, Fault> {
    key.current()
        .ok_or_else(|| Fault::internal("an enabled key has no current material"))
}

/// The material that a ciphertext names. Once it is gone, the ciphertext does not open.
fn named<'k>(key: &'k KeyEntry, ciphertext: &[u8]) -> Result<KeyHandle<'k>, Fault> {
    let header = CiphertextHeader::parse(ciphertext);
    header
        .and_then(|(header, _)| key.material(header.material_id))
        .ok_or_else(|| Fault::bare(FaultKind::InvalidCiphertext))
}

impl Ready<'_, OneKey<Encrypting>> {
    /// The key's ARN, as cryptographic answers name it.
    pub fn key_arn(&self) -> String {
        self.held.arn_text().to_owned()
    }

    /// Seals 1–4096 bytes. The answer is the ciphertext blob.
    pub async fn encrypt(
        &mut self,
        context: &EncryptionContext,
        plaintext: &Plaintext,
    ) -> Result<Vec<u8>, Fault> {
        let held = self.held.clone();
        let key = current(&held)?;
        let context = &context.canonical();
        match self
            .ask(Command::Encrypt {
                key,
                context,
                plaintext,
            })
            .await?
        {
            Reply::Ciphertext(ciphertext) => Ok(ciphertext),
            _ => Err(wrong_reply()),
        }
    }

    /// Opens a ciphertext; names the material that did.
    ///
    /// Errors: InvalidCiphertextException without a message.
    pub async fn decrypt(
        &mut self,
        context: &EncryptionContext,
        ciphertext: &[u8],
    ) -> Result<(Plaintext, MaterialId), Fault> {
        let held = self.held.clone();
        let key = named(&held, ciphertext)?;
        let material_id = key.binding.material_id;
        let context = &context.canonical();
        match self
            .ask(Command::Decrypt {
                key,
                context,
                ciphertext,
            })
            .await?
        {
            Reply::Plaintext(plaintext) => Ok((plaintext, material_id)),
            _ => Err(wrong_reply()),
        }
    }

    /// Makes `length` (1–1024) random bytes and seals them.
    pub async fn generate_data_key(
        &mut self,
        context: &EncryptionContext,
        length: u16,
        with_plaintext: bool,
    ) -> Result<DataKey, Fault> {
        let held = self.held.clone();
        let key = current(&held)?;
        let material_id = key.binding.material_id;
        let context = &context.canonical();
        let command = Command::GenerateDataKey {
            key,
            context,
            length,
            with_plaintext,
        };
        match self.ask(command).await? {
            Reply::DataKey {
                ciphertext,
                plaintext,
            } => Ok(DataKey {
                ciphertext,
                plaintext,
                material_id,
            }),
            _ => Err(wrong_reply()),
        }
    }
}

impl Ready<'_, TwoKeys<Encrypting>> {
    /// ARNs of the source and the destination key.
    pub fn key_arns(&self) -> (String, String) {
        let arn = |key: &KeyEntry| key.arn_text().to_owned();
        (arn(&self.held.source), arn(&self.held.destination))
    }

    /// Opens under the source and seals under the destination; the plaintext stays in the HSM.
    /// Names the materials of source and destination.
    ///
    /// Errors: InvalidCiphertextException without a message.
    pub async fn re_encrypt(
        &mut self,
        source_context: &EncryptionContext,
        ciphertext: &[u8],
        destination_context: &EncryptionContext,
    ) -> Result<(Vec<u8>, MaterialId, MaterialId), Fault> {
        let (source, destination) = (self.held.source.clone(), self.held.destination.clone());
        let source = named(&source, ciphertext)?;
        let destination = current(&destination)?;
        let ids = (source.binding.material_id, destination.binding.material_id);
        let command = Command::ReEncrypt {
            source,
            source_context: &source_context.canonical(),
            ciphertext,
            destination,
            destination_context: &destination_context.canonical(),
        };
        match self.ask(command).await? {
            Reply::Ciphertext(ciphertext) => Ok((ciphertext, ids.0, ids.1)),
            _ => Err(wrong_reply()),
        }
    }
}
