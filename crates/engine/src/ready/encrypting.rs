//! What a key held for encryption can do.

use keystead_types::{
    EncryptionAlgorithm, EncryptionContext, Fault, FaultKind, KeySpec, MaterialId, Plaintext,
};
use keystead_wall::{
    Cipher, CiphertextHeader, Command, Delivered, Delivery, KeyHandle, Refusal, Reply, Supply,
};

use super::recipient::{Audience, Recipient};
use super::{Ready, refused, wrong_reply};
use crate::entry::KeyEntry;
use crate::target::{Encrypting, OneKey, TwoKeys};

/// A data key or the private key of a pair, sealed and perhaps delivered.
pub struct DataKey {
    /// The sealed key.
    pub ciphertext: Vec<u8>,
    /// What the caller gets of it.
    pub delivered: Delivered,
    /// The public key (DER SPKI) of a pair.
    pub public_key: Option<Vec<u8>>,
    /// The material that sealed it.
    pub material_id: MaterialId,
}

/// One side of a ReEncrypt.
pub struct Side<'a> {
    /// The algorithm.
    pub algorithm: EncryptionAlgorithm,
    /// The encryption context.
    pub context: &'a EncryptionContext,
}

/// What a ReEncrypt made, with the materials of symmetric source and destination keys.
pub struct ReEncrypted {
    /// The new ciphertext.
    pub ciphertext: Vec<u8>,
    /// The material that opened.
    pub source: Option<MaterialId>,
    /// The material that sealed.
    pub destination: Option<MaterialId>,
}

/// The material that opens a ciphertext: the one that it names, or the only one of an asymmetric
/// key. Once it is gone, the ciphertext does not open.
fn opening<'k>(
    key: &'k KeyEntry,
    algorithm: EncryptionAlgorithm,
    ciphertext: &[u8],
) -> Result<KeyHandle<'k>, Fault> {
    if algorithm != EncryptionAlgorithm::SymmetricDefault {
        return key.usable();
    }
    let header = CiphertextHeader::parse(ciphertext);
    header
        .and_then(|(header, _)| key.material(header.material_id))
        .ok_or_else(|| Fault::bare(FaultKind::InvalidCiphertext))
}

/// The material id that answers show: only symmetric keys have one.
fn shown(key: KeyHandle<'_>) -> Option<MaterialId> {
    let KeyHandle { binding, .. } = key;
    (binding.spec == KeySpec::SymmetricDefault).then_some(binding.material_id)
}

impl Ready<'_, OneKey<Encrypting>> {
    /// Seals 1–4096 bytes. The answer is the ciphertext blob.
    pub async fn encrypt(
        &mut self,
        algorithm: EncryptionAlgorithm,
        context: &EncryptionContext,
        plaintext: &Plaintext,
    ) -> Result<Vec<u8>, Fault> {
        let held = self.held.clone();
        let cipher = Cipher {
            key: held.usable()?,
            algorithm,
            context: &canonical(algorithm, context),
        };
        match self.ask(Command::Encrypt { cipher, plaintext }).await? {
            Reply::Ciphertext(ciphertext) => Ok(ciphertext),
            _ => Err(wrong_reply()),
        }
    }

    /// Opens a ciphertext; names the material that did, if the key is symmetric.
    ///
    /// Errors: InvalidCiphertextException without a message.
    pub async fn decrypt(
        &mut self,
        algorithm: EncryptionAlgorithm,
        context: &EncryptionContext,
        ciphertext: &[u8],
        recipient: Option<&Recipient>,
    ) -> Result<(Delivered, Option<MaterialId>), Fault> {
        let held = self.held.clone();
        let key = opening(&held, algorithm, ciphertext)?;
        let cipher = Cipher {
            key,
            algorithm,
            context: &canonical(algorithm, context),
        };
        let command = Command::Decrypt {
            cipher,
            ciphertext,
            recipient: recipient.map(Recipient::public_key),
        };
        let delivered = self.ask_secret(command).await?;
        Ok((delivered, shown(key)))
    }

    /// Makes `length` (1–1024) random bytes and seals them.
    pub async fn generate_data_key(
        &mut self,
        context: &EncryptionContext,
        length: u16,
        audience: Audience<'_>,
    ) -> Result<DataKey, Fault> {
        let held = self.held.clone();
        let key = held.usable()?;
        let command = Command::GenerateDataKey {
            key,
            context: &context.canonical(),
            length,
            delivery: audience.delivery(),
        };
        match self.ask(command).await? {
            Reply::DataKey {
                ciphertext,
                plaintext,
            } => Ok(DataKey {
                ciphertext,
                delivered: plaintext,
                public_key: None,
                material_id: key.binding.material_id,
            }),
            _ => Err(wrong_reply()),
        }
    }

    /// Makes a key pair and seals its private key.
    pub async fn generate_key_pair(
        &mut self,
        context: &EncryptionContext,
        spec: KeySpec,
        audience: Audience<'_>,
    ) -> Result<DataKey, Fault> {
        let held = self.held.clone();
        let key = held.usable()?;
        let context = &context.canonical();
        let delivery: Delivery<'_> = audience.delivery();
        let reply = self
            .ask_for_key(spec, |supply: Supply| Command::GenerateKeyPair {
                key,
                context,
                spec,
                delivery,
                supply,
            })
            .await?;
        match reply {
            Reply::KeyPair {
                ciphertext,
                plaintext,
                public_key,
            } => Ok(DataKey {
                ciphertext,
                delivered: plaintext,
                public_key: Some(public_key),
                material_id: key.binding.material_id,
            }),
            _ => Err(wrong_reply()),
        }
    }
}

/// The canonical bytes of a context; asymmetric algorithms have none.
fn canonical(algorithm: EncryptionAlgorithm, context: &EncryptionContext) -> Vec<u8> {
    match algorithm {
        EncryptionAlgorithm::SymmetricDefault => context.canonical(),
        _ => Vec::new(),
    }
}

impl Ready<'_, TwoKeys<Encrypting>> {
    /// ARNs of the source and the destination key.
    pub fn key_arns(&self) -> (String, String) {
        let arn = |key: &KeyEntry| key.arn_text().to_owned();
        (arn(&self.held.source), arn(&self.held.destination))
    }

    /// Opens under the source and seals under the destination; the plaintext stays in the HSM.
    ///
    /// Errors: InvalidCiphertextException without a message; ValidationException when the
    /// plaintext is too long for the destination.
    pub async fn re_encrypt(
        &mut self,
        from: Side<'_>,
        ciphertext: &[u8],
        to: Side<'_>,
    ) -> Result<ReEncrypted, Fault> {
        let (source, destination) = (self.held.source.clone(), self.held.destination.clone());
        let source = opening(&source, from.algorithm, ciphertext)?;
        let destination = destination.usable()?;
        let command = Command::ReEncrypt {
            source: Cipher {
                key: source,
                algorithm: from.algorithm,
                context: &canonical(from.algorithm, from.context),
            },
            ciphertext,
            destination: Cipher {
                key: destination,
                algorithm: to.algorithm,
                context: &canonical(to.algorithm, to.context),
            },
        };
        match self.ask_raw(command).await? {
            Ok(Reply::Ciphertext(ciphertext)) => Ok(ReEncrypted {
                ciphertext,
                source: shown(source),
                destination: shown(destination),
            }),
            Ok(_) => Err(wrong_reply()),
            Err(Refusal::PlaintextTooLong) => Err(too_long(to.algorithm, destination.binding.spec)),
            Err(refusal) => Err(refused(refusal)),
        }
    }
}

/// Refuses a plaintext that is longer than the algorithm takes under a key of that spec.
pub fn check_plaintext_length(
    algorithm: EncryptionAlgorithm,
    spec: KeySpec,
    length: usize,
) -> Result<(), Fault> {
    match spec.plaintext_max_bytes(algorithm) {
        Some(most) if length > most => Err(too_long(algorithm, spec)),
        _ => Ok(()),
    }
}

fn too_long(algorithm: EncryptionAlgorithm, spec: KeySpec) -> Fault {
    let most = spec.plaintext_max_bytes(algorithm).unwrap_or_default();
    Fault::validation(format!(
        "Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes."
    ))
}
