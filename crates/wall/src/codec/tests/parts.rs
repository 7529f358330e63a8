//! Every command and every answer, made of arbitrary parts.

use keystead_types::{
    AccountId, EncryptionAlgorithm, Hex32, KeyId, KeySpec, KeyUsage, MacAlgorithm, MaterialId,
    MessageType, Origin, Plaintext, Region, SigningAlgorithm, Timestamp, WrappingAlgorithm,
    WrappingKeySpec,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::{
    Cipher, Command, Delivered, Delivery, KeyBinding, KeyHandle, Outcome, Receipt, Refusal, Reply,
    Supply, WrappedKey,
};

pub(super) fn region() -> impl Strategy<Value = Region> {
    "[a-z]{2,5}-[a-z]{2,6}-[0-9]{1,2}".prop_map(|text| Region::parse(&text).unwrap())
}

pub(super) fn binding() -> impl Strategy<Value = KeyBinding> {
    (
        region(),
        0..1_000_000_000_000_u64,
        any::<([u8; 16], bool)>(),
        select(KeySpec::ALL),
        select(KeyUsage::ALL),
        select(Origin::ALL),
        any::<[u8; 32]>(),
    )
        .prop_map(
            |(region, account, (id, mrk), spec, usage, origin, material)| {
                let hex: String = id.iter().map(|b| format!("{b:02x}")).collect();
                let key_id = match mrk {
                    true => KeyId::parse(&format!("mrk-{hex}")).unwrap(),
                    false => KeyId::from_random(id),
                };
                KeyBinding {
                    region,
                    account: AccountId::from_number(account).unwrap(),
                    key_id,
                    spec,
                    usage,
                    origin,
                    material_id: Hex32(material),
                }
            },
        )
}

pub(super) fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..max)
}

/// Owned parts from which every command can be made.
#[derive(Debug)]
pub(super) struct Parts {
    bindings: [KeyBinding; 2],
    wrapped: [WrappedKey; 2],
    contexts: [Vec<u8>; 2],
    blob: Vec<u8>,
    plaintext: Plaintext,
    region: Region,
    length: u16,
    flag: bool,
    moment: Timestamp,
    encryption: EncryptionAlgorithm,
    signing: SigningAlgorithm,
    mac: MacAlgorithm,
    message_type: MessageType,
    wrapping: WrappingAlgorithm,
    wrapping_spec: WrappingKeySpec,
}

pub(super) fn parts() -> impl Strategy<Value = Parts> {
    (
        [binding(), binding()],
        [bytes(200), bytes(200)],
        [bytes(300), bytes(300)],
        bytes(500),
        bytes(500),
        region(),
        any::<(u16, bool, i64)>(),
        (
            select(EncryptionAlgorithm::ALL),
            select(SigningAlgorithm::ALL),
            select(MacAlgorithm::ALL),
            select(MessageType::ALL),
            select(WrappingAlgorithm::ALL),
            select(WrappingKeySpec::ALL),
        ),
    )
        .prop_map(
            |(bindings, wrapped, contexts, blob, plaintext, region, numbers, words)| Parts {
                bindings,
                wrapped: wrapped.map(WrappedKey),
                contexts,
                blob,
                plaintext: Plaintext::new(plaintext),
                region,
                length: numbers.0,
                flag: numbers.1,
                moment: Timestamp::from_millis(numbers.2),
                encryption: words.0,
                signing: words.1,
                mac: words.2,
                message_type: words.3,
                wrapping: words.4,
                wrapping_spec: words.5,
            },
        )
}

impl Parts {
    fn key(&self, at: usize) -> KeyHandle<'_> {
        KeyHandle {
            binding: &self.bindings[at],
            wrapped: &self.wrapped[at],
        }
    }

    fn cipher(&self, at: usize) -> Cipher<'_> {
        Cipher {
            key: self.key(at),
            algorithm: self.encryption,
            context: &self.contexts[at],
        }
    }

    fn deliveries(&self) -> [Delivery<'_>; 3] {
        let recipient = &self.contexts[1];
        [
            Delivery::Withheld,
            Delivery::Clear,
            Delivery::Enveloped(recipient),
        ]
    }

    fn recipient(&self) -> Option<&[u8]> {
        self.flag.then_some(&self.contexts[1])
    }

    fn supply(&self) -> Supply {
        match self.flag {
            true => Supply::Made,
            false => Supply::Prepared,
        }
    }

    /// At least one of each kind.
    pub(super) fn commands(&self) -> Vec<Command<'_>> {
        let mut commands = self.sealing_commands();
        commands.extend(self.using_commands());
        commands.extend(self.making_commands());
        commands.extend(self.server_commands());
        commands
    }

    fn sealing_commands(&self) -> Vec<Command<'_>> {
        let ciphertext = &self.blob[..];
        let mut commands = vec![
            Command::Encrypt {
                cipher: self.cipher(0),
                plaintext: &self.plaintext,
            },
            Command::Decrypt {
                cipher: self.cipher(0),
                ciphertext,
                recipient: self.recipient(),
            },
            Command::ReEncrypt {
                source: self.cipher(0),
                ciphertext,
                destination: self.cipher(1),
            },
            Command::GenerateRandom {
                length: self.length,
                recipient: self.recipient(),
            },
        ];
        for delivery in self.deliveries() {
            commands.push(Command::GenerateDataKey {
                key: self.key(0),
                context: &self.contexts[0],
                length: self.length,
                delivery,
            });
            commands.push(Command::GenerateKeyPair {
                key: self.key(0),
                context: &self.contexts[0],
                spec: self.bindings[1].spec,
                delivery,
                supply: self.supply(),
            });
        }
        commands
    }

    fn using_commands(&self) -> Vec<Command<'_>> {
        let (key, message) = (self.key(0), &self.blob[..]);
        vec![
            Command::Sign {
                key,
                algorithm: self.signing,
                message_type: self.message_type,
                message,
            },
            Command::Verify {
                key,
                algorithm: self.signing,
                message_type: self.message_type,
                message,
                signature: &self.contexts[0],
            },
            Command::GenerateMac {
                key,
                algorithm: self.mac,
                message,
            },
            Command::VerifyMac {
                key,
                algorithm: self.mac,
                message,
                mac: &self.contexts[0],
            },
            Command::DeriveSharedSecret {
                key,
                public_key: &self.blob,
                recipient: self.recipient(),
            },
            Command::Encapsulate { key },
            Command::Decapsulate {
                key,
                ciphertext: &self.blob,
            },
        ]
    }

    fn making_commands(&self) -> Vec<Command<'_>> {
        let binding = &self.bindings[0];
        vec![
            Command::GenerateKey {
                binding,
                supply: self.supply(),
            },
            Command::PrepareImport {
                target: binding,
                algorithm: self.wrapping,
                wrapping_spec: self.wrapping_spec,
                valid_to: self.moment,
                supply: self.supply(),
            },
            Command::ImportKey {
                target: binding,
                token: &self.blob,
                now: self.moment,
                encrypted: &self.contexts[0],
            },
            Command::ExportKey {
                key: self.key(0),
                to: &self.region,
            },
            Command::AdoptKey {
                binding,
                from: &self.region,
                transport: &self.blob,
            },
        ]
    }

    fn server_commands(&self) -> Vec<Command<'_>> {
        let (region, label, sealed) = (&self.region, &self.contexts[0][..], &self.blob[..]);
        vec![
            Command::SealSecret {
                region,
                label,
                secret: &self.plaintext,
            },
            Command::OpenSecret {
                region,
                label,
                sealed,
            },
            Command::CreateDomain { region },
            Command::OpenDomain { region, sealed },
        ]
    }

    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let receipt = Receipt {
            epoch: 0x0102_0304_0506_0708,
            lane: self.length,
            counter: u64::MAX,
            digest: [0x5a; 16],
        };
        let again = || Plaintext::new(self.plaintext.expose().to_vec());
        let blob = || self.blob.clone();
        let mut replies = vec![
            Ok(Reply::Ciphertext(blob())),
            Ok(Reply::Plaintext(again())),
            Ok(Reply::Enveloped(blob())),
            Ok(Reply::Signature(blob())),
            Ok(Reply::Encapsulated {
                ciphertext: blob(),
                secret: again(),
            }),
            Ok(Reply::ImportParameters {
                public_key: self.contexts[0].clone(),
                token: blob(),
            }),
            Ok(Reply::Sealed(blob())),
            Ok(Reply::Done),
        ];
        for public_key in [None, Some(self.contexts[0].clone())] {
            replies.push(Ok(Reply::NewKey {
                material_id: MaterialId::parse(&"0f".repeat(32)).unwrap(),
                wrapped: self.wrapped[0].clone(),
                public_key,
            }));
        }
        for delivered in 0..3 {
            let plaintext = || match delivered {
                0 => Delivered::Withheld,
                1 => Delivered::Clear(again()),
                _ => Delivered::Enveloped(self.contexts[1].clone()),
            };
            replies.push(Ok(Reply::DataKey {
                ciphertext: blob(),
                plaintext: plaintext(),
            }));
            replies.push(Ok(Reply::KeyPair {
                ciphertext: blob(),
                plaintext: plaintext(),
                public_key: self.contexts[0].clone(),
            }));
        }
        replies.extend(REFUSALS.map(Err));
        let outcome = |result| Outcome { result, receipt };
        replies.into_iter().map(outcome).collect()
    }
}

/// In the order of their codes, which begin with 1.
pub(super) const REFUSALS: [Refusal; 17] = [
    Refusal::InvalidCiphertext,
    Refusal::WrappedKeyDamaged,
    Refusal::WrongUsage,
    Refusal::InvalidArgument,
    Refusal::DomainMissing,
    Refusal::SealBroken,
    Refusal::UnsupportedSpec,
    Refusal::NonePrepared,
    Refusal::SignatureInvalid,
    Refusal::MacInvalid,
    Refusal::PublicKeyInvalid,
    Refusal::PlaintextTooLong,
    Refusal::RecipientInvalid,
    Refusal::ImportTokenInvalid,
    Refusal::ImportTokenExpired,
    Refusal::MaterialInvalid,
    Refusal::TransportBroken,
];

/// The command, with its plaintext shown: equal texts, equal commands.
pub(super) fn shown(command: &Command<'_>) -> String {
    let secret = match command {
        Command::Encrypt { plaintext, .. } => plaintext.expose(),
        Command::SealSecret { secret, .. } => secret.expose(),
        _ => &[],
    };
    format!("{command:?} {secret:?}")
}

pub(super) fn shown_outcome(outcome: &Outcome) -> String {
    let secret = match &outcome.result {
        Ok(Reply::Plaintext(plaintext)) => Some(plaintext.expose()),
        Ok(Reply::Encapsulated { secret, .. }) => Some(secret.expose()),
        Ok(Reply::DataKey { plaintext, .. } | Reply::KeyPair { plaintext, .. }) => {
            match plaintext {
                Delivered::Clear(plaintext) => Some(plaintext.expose()),
                _ => None,
            }
        }
        _ => None,
    };
    format!("{outcome:?} {secret:?}")
}
