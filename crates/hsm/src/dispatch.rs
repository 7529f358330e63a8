//! Commands to the modules that run them.

use keystead_types::Origin;
use keystead_wall::{Command, Refusal, Reply};

use crate::core::Core;
use crate::domains::DomainError;
use crate::pairs::{self, PairRequest};
use crate::signing::{self, Message};
use crate::symmetric::Scratch;
use crate::{agreement, encryption, halt, import, secrets, transport, wrapping};

impl Core {
    /// Runs one command, without counting it. `scratch`: the lane's.
    pub(crate) fn run(
        &self,
        scratch: &mut Scratch,
        command: &Command<'_>,
    ) -> Result<Reply, Refusal> {
        match *command {
            Command::Encrypt { cipher, plaintext } => {
                encryption::encrypt(self, scratch, cipher, plaintext.expose())
                    .map(Reply::Ciphertext)
            }
            Command::Decrypt {
                cipher,
                ciphertext,
                recipient,
            } => {
                let plaintext = encryption::decrypt(self, scratch, cipher, ciphertext)?;
                encryption::answer(plaintext, recipient)
            }
            Command::ReEncrypt {
                source,
                ciphertext,
                destination,
            } => encryption::re_encrypt(self, scratch, source, ciphertext, destination)
                .map(Reply::Ciphertext),
            Command::GenerateDataKey {
                key,
                context,
                length,
                delivery,
            } => encryption::data_key(self, scratch, key, context, length, delivery),
            Command::GenerateKeyPair {
                key,
                context,
                spec,
                delivery,
                supply,
            } => {
                let request = PairRequest {
                    key,
                    context,
                    spec,
                    delivery,
                    supply,
                };
                pairs::generate(self, scratch, request)
            }
            Command::GenerateRandom { length, recipient } => encryption::random(length, recipient),
            _ => self.use_key(command),
        }
    }

    /// Commands that need nothing of a lane's own.
    fn use_key(&self, command: &Command<'_>) -> Result<Reply, Refusal> {
        match *command {
            Command::Sign {
                key,
                algorithm,
                message_type,
                message,
            } => {
                let message = Message {
                    algorithm,
                    message_type,
                    bytes: message,
                };
                signing::sign(self, key, message).map(Reply::Signature)
            }
            Command::Verify {
                key,
                algorithm,
                message_type,
                message,
                signature,
            } => {
                let message = Message {
                    algorithm,
                    message_type,
                    bytes: message,
                };
                signing::verify(self, key, message, signature).map(|()| Reply::Done)
            }
            Command::GenerateMac {
                key,
                algorithm,
                message,
            } => signing::generate_mac(self, key, algorithm, message).map(Reply::Signature),
            Command::VerifyMac {
                key,
                algorithm,
                message,
                mac,
            } => signing::verify_mac(self, key, algorithm, message, mac).map(|()| Reply::Done),
            Command::DeriveSharedSecret {
                key,
                public_key,
                recipient,
            } => encryption::answer(agreement::derive(self, key, public_key)?, recipient),
            Command::Encapsulate { key } => agreement::encapsulate(self, key),
            Command::Decapsulate { key, ciphertext } => {
                agreement::decapsulate(self, key, ciphertext).map(Reply::Plaintext)
            }
            _ => self.bring_key(command),
        }
    }

    /// Commands that make, bring and take key material.
    fn bring_key(&self, command: &Command<'_>) -> Result<Reply, Refusal> {
        match *command {
            Command::GenerateKey { binding, supply } => {
                wrapping::check_new(&self.domains, binding, &[Origin::AwsKms])?;
                let fresh = self.fresh(binding.spec, supply)?;
                wrapping::wrap_fresh(&self.domains, binding, &fresh)
            }
            Command::PrepareImport {
                target,
                algorithm,
                wrapping_spec,
                valid_to,
                supply,
            } => {
                import::check(&self.domains, target, algorithm, wrapping_spec)?;
                let key = self.fresh(import::key_spec(wrapping_spec), supply)?;
                import::prepare(
                    &self.domains,
                    target,
                    algorithm,
                    wrapping_spec,
                    valid_to,
                    key,
                )
            }
            Command::ImportKey {
                target,
                token,
                now,
                encrypted,
            } => import::import(&self.domains, &self.arena, target, token, now, encrypted),
            Command::ExportKey { key, to } => {
                transport::export(&self.domains, self.root.as_ref(), &self.arena, key, to)
            }
            Command::AdoptKey {
                binding,
                from,
                transport,
            } => {
                let root = self.root.as_ref();
                transport::adopt(&self.domains, root, &self.arena, binding, from, transport)
            }
            _ => self.administer(command),
        }
    }

    /// Commands for secrets of the server and for domains.
    fn administer(&self, command: &Command<'_>) -> Result<Reply, Refusal> {
        match *command {
            Command::SealSecret {
                region,
                label,
                secret,
            } => secrets::seal(&self.domains, region, label, secret.expose()).map(Reply::Sealed),
            Command::OpenSecret {
                region,
                label,
                sealed,
            } => secrets::open(&self.domains, region, label, sealed).map(Reply::Plaintext),
            Command::CreateDomain { region } => self
                .domains
                .create(region, self.root.as_ref(), &self.arena)
                .map(Reply::Sealed),
            Command::OpenDomain { region, sealed } => self
                .open_domain(region, sealed)
                .map(|()| Reply::Done)
                .map_err(|error| match error {
                    DomainError::TooMany => Refusal::InvalidArgument,
                    DomainError::Root { .. } | DomainError::UnknownForm(_) => Refusal::SealBroken,
                }),
            // Those of the functions above.
            Command::Encrypt { .. }
            | Command::Decrypt { .. }
            | Command::ReEncrypt { .. }
            | Command::GenerateDataKey { .. }
            | Command::GenerateKeyPair { .. }
            | Command::GenerateRandom { .. }
            | Command::Sign { .. }
            | Command::Verify { .. }
            | Command::GenerateMac { .. }
            | Command::VerifyMac { .. }
            | Command::DeriveSharedSecret { .. }
            | Command::Encapsulate { .. }
            | Command::Decapsulate { .. }
            | Command::GenerateKey { .. }
            | Command::PrepareImport { .. }
            | Command::ImportKey { .. }
            | Command::ExportKey { .. }
            | Command::AdoptKey { .. } => halt(),
        }
    }
}
