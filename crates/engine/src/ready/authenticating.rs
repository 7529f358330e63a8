//! What a key held for MACs can do.

use keystead_types::{Fault, MacAlgorithm};
use keystead_wall::{Command, Reply};

use super::{Ready, wrong_reply};
use crate::target::{Authenticating, OneKey};

impl Ready<'_, OneKey<Authenticating>> {
    /// The MAC of a message of 1–4096 bytes.
    pub async fn generate_mac(
        &mut self,
        algorithm: MacAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let held = self.held.clone();
        let command = Command::GenerateMac {
            key: held.usable()?,
            algorithm,
            message,
        };
        match self.ask(command).await? {
            Reply::Signature(mac) => Ok(mac),
            _ => Err(wrong_reply()),
        }
    }

    /// Compares the whole MAC of a message.
    ///
    /// Errors: KMSInvalidMacException without a message.
    pub async fn verify_mac(
        &mut self,
        algorithm: MacAlgorithm,
        message: &[u8],
        mac: &[u8],
    ) -> Result<(), Fault> {
        let held = self.held.clone();
        let command = Command::VerifyMac {
            key: held.usable()?,
            algorithm,
            message,
            mac,
        };
        match self.ask(command).await? {
            Reply::Done => Ok(()),
            _ => Err(wrong_reply()),
        }
    }
}
