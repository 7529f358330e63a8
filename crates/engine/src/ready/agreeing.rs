//! What keys held for key agreement and encapsulation can do.

use keystead_types::{Fault, Plaintext};
use keystead_wall::{Command, Delivered, Reply};

use super::recipient::Recipient;
use super::{Ready, wrong_reply};
use crate::target::{Agreeing, Encapsulating, OneKey};

impl Ready<'_, OneKey<Agreeing>> {
    /// ECDH with the other side's public key (DER SPKI). The secret is the x coordinate.
    ///
    /// Errors: ValidationException with an empty message for an unusable public key.
    pub async fn derive_shared_secret(
        &mut self,
        public_key: &[u8],
        recipient: Option<&Recipient>,
    ) -> Result<Delivered, Fault> {
        let held = self.held.clone();
        self.ask_secret(Command::DeriveSharedSecret {
            key: held.usable()?,
            public_key,
            recipient: recipient.map(Recipient::public_key),
        })
        .await
    }
}

impl Ready<'_, OneKey<Encapsulating>> {
    /// A fresh shared secret of 32 bytes and its encapsulation.
    pub async fn encapsulate(&mut self) -> Result<(Vec<u8>, Plaintext), Fault> {
        let held = self.held.clone();
        let key = held.usable()?;
        match self.ask(Command::Encapsulate { key }).await? {
            Reply::Encapsulated { ciphertext, secret } => Ok((ciphertext, secret)),
            _ => Err(wrong_reply()),
        }
    }

    /// The shared secret of an encapsulation; a wrong one gives another secret (FIPS 203, 6.3).
    ///
    /// Errors: InvalidCiphertextException for a wrong length.
    pub async fn decapsulate(&mut self, ciphertext: &[u8]) -> Result<Plaintext, Fault> {
        let held = self.held.clone();
        let key = held.usable()?;
        match self.ask(Command::Decapsulate { key, ciphertext }).await? {
            Reply::Plaintext(secret) => Ok(secret),
            _ => Err(wrong_reply()),
        }
    }
}
