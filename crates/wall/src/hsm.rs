//! The one door to key material.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::{Command, Outcome};

/// The HSM process as the front end sees it. Implementations queue the command before the call
/// returns, so the borrowed command need not outlive it; the future waits for the answer.
pub trait Hsm: Send + Sync {
    /// Queues one command.
    ///
    /// Errors: [`WallError`] when the command did not run or its answer is lost; whether it ran is
    /// then unknown. What the HSM itself refuses is in [`Outcome::result`].
    fn call(
        &self,
        command: Command<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<Outcome, WallError>> + Send>>;
}

/// Why the HSM process would not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The ciphertext does not open: damaged, or another context, key or material.
    InvalidCiphertext,
    /// The wrapped key does not open under its binding: damaged store or a swapped key.
    WrappedKeyDamaged,
    /// The key's usage or spec does not allow the command.
    WrongUsage,
    /// A length or argument is outside its limits.
    InvalidArgument,
    /// No domain key is loaded for the Region.
    DomainMissing,
    /// The sealed domain key or secret does not open: damaged, or another root key.
    SealBroken,
    /// The spec is not supported by this HSM process.
    UnsupportedSpec,
    /// No RSA key of that size is ready: ask again with [`Supply::Made`](crate::Supply::Made).
    NonePrepared,
    /// The signature is not one of the message by the key.
    SignatureInvalid,
    /// The MAC is not one of the message by the key.
    MacInvalid,
    /// The public key is not one on the key's curve, or is damaged.
    PublicKeyInvalid,
    /// The plaintext is too long for the destination key and algorithm.
    PlaintextTooLong,
    /// The attested public key is not an RSA key of 2048 bits or more.
    RecipientInvalid,
    /// The import token is damaged or belongs to another key.
    ImportTokenInvalid,
    /// The import token has ended.
    ImportTokenExpired,
    /// The unwrapped material is not key material of the spec.
    MaterialInvalid,
    /// The transported key does not open here: damaged, or for another Region or key.
    TransportBroken,
}

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WallError {
    /// The HSM process is down and being restarted; a retry will succeed.
    Down,
    /// Too many commands are waiting.
    Overloaded,
    /// No answer within the deadline.
    TimedOut,
    /// The answer broke the protocol.
    Protocol,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidCiphertext => "the ciphertext does not open",
            Self::WrappedKeyDamaged => "a wrapped key does not open under its binding",
            Self::WrongUsage => "the key's usage does not allow the command",
            Self::InvalidArgument => "an argument is outside its limits",
            Self::DomainMissing => "no domain key is loaded for the Region",
            Self::SealBroken => "a sealed secret does not open",
            Self::UnsupportedSpec => "the key spec is not supported",
            Self::NonePrepared => "no key of that size is ready",
            Self::SignatureInvalid => "the signature does not verify",
            Self::MacInvalid => "the MAC does not verify",
            Self::PublicKeyInvalid => "the public key is not one of the key's curve",
            Self::PlaintextTooLong => "the plaintext is too long for the algorithm",
            Self::RecipientInvalid => "the recipient's public key is not usable",
            Self::ImportTokenInvalid => "the import token is not one of the key",
            Self::ImportTokenExpired => "the import token has ended",
            Self::MaterialInvalid => "the material is not of the key's spec",
            Self::TransportBroken => "a transported key does not open",
        })
    }
}

impl fmt::Display for WallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "the HSM process is down",
            Self::Overloaded => "too many commands wait for the HSM process",
            Self::TimedOut => "the HSM process did not answer in time",
            Self::Protocol => "the HSM process broke the protocol",
        })
    }
}

impl std::error::Error for Refusal {}
impl std::error::Error for WallError {}
