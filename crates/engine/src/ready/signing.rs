//! What a key held for signing can do.

use keystead_types::{Fault, MessageType, SigningAlgorithm};
use keystead_wall::{Command, Reply};

use super::{Ready, wrong_reply};
use crate::target::{OneKey, Signing};

/// A message and how it is signed.
#[derive(Clone, Copy)]
pub struct Signable<'a> {
    /// The algorithm.
    pub algorithm: SigningAlgorithm,
    /// What the message is.
    pub message_type: MessageType,
    /// The message, its digest, or mu.
    pub message: &'a [u8],
}

impl Ready<'_, OneKey<Signing>> {
    /// Signs.
    pub async fn sign(&mut self, what: Signable<'_>) -> Result<Vec<u8>, Fault> {
        let held = self.held.clone();
        let Signable {
            algorithm,
            message_type,
            message,
        } = what;
        let command = Command::Sign {
            key: held.usable()?,
            algorithm,
            message_type,
            message,
        };
        match self.ask(command).await? {
            Reply::Signature(signature) => Ok(signature),
            _ => Err(wrong_reply()),
        }
    }

    /// Verifies a signature.
    ///
    /// Errors: KMSInvalidSignatureException without a message.
    pub async fn verify(&mut self, what: Signable<'_>, signature: &[u8]) -> Result<(), Fault> {
        let held = self.held.clone();
        let Signable {
            algorithm,
            message_type,
            message,
        } = what;
        let command = Command::Verify {
            key: held.usable()?,
            algorithm,
            message_type,
            message,
            signature,
        };
        match self.ask(command).await? {
            Reply::Done => Ok(()),
            _ => Err(wrong_reply()),
        }
    }
}
