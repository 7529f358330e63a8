//! Which commands wait for which.

use keystead_types::{EncryptionAlgorithm, KeySpec, SigningAlgorithm};

use crate::{Cipher, Command, KeyHandle, Supply};

/// Which queue a command waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Commands of a few microseconds.
    Fast,
    /// Commands that would hold up the fast ones: key generation, asymmetric cryptography,
    /// domain and secret handling. Runs at lower priority.
    Slow,
    /// Commands that may make an RSA key or test the primes of one, which can take a second.
    Making,
}

impl Lane {
    /// Every lane of a worker.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Slow, Self::Making];
}

impl Command<'_> {
    /// The queue of this command.
    pub fn lane(&self) -> Lane {
        use SigningAlgorithm as S;
        let by_cipher = |cipher: &Cipher<'_>| match cipher.algorithm {
            EncryptionAlgorithm::SymmetricDefault => Lane::Fast,
            _ => Lane::Slow,
        };
        // The curves with fast code; secp256k1 and the others take ten times as long.
        let quick = |key: &KeyHandle<'_>| {
            matches!(
                key.binding.spec,
                KeySpec::EccNistP256 | KeySpec::EccNistEdwards25519
            )
        };
        let fast_if = |fast| if fast { Lane::Fast } else { Lane::Slow };
        match self {
            Self::Encrypt { cipher, .. } | Self::Decrypt { cipher, .. } => by_cipher(cipher),
            Self::ReEncrypt {
                source,
                destination,
                ..
            } => fast_if([source, destination].map(by_cipher) == [Lane::Fast; 2]),
            Self::GenerateDataKey { .. }
            | Self::GenerateRandom { .. }
            | Self::GenerateMac { .. }
            | Self::VerifyMac { .. }
            | Self::Encapsulate { .. }
            | Self::Decapsulate { .. } => Lane::Fast,
            Self::Sign { key, algorithm, .. } | Self::Verify { key, algorithm, .. } => {
                fast_if(quick(key) && *algorithm != S::Ed25519PhSha512)
            }
            Self::DeriveSharedSecret { key, .. } => fast_if(quick(key)),
            Self::GenerateKey {
                supply: Supply::Made,
                binding,
            } if binding.spec.is_rsa() => Lane::Making,
            Self::GenerateKeyPair {
                supply: Supply::Made,
                spec,
                ..
            } if spec.is_rsa() => Lane::Making,
            Self::PrepareImport {
                supply: Supply::Made,
                ..
            } => Lane::Making,
            // The primes of an imported RSA key are tested, which takes as long as to find some.
            Self::ImportKey { target, .. } if target.spec.is_rsa() => Lane::Making,
            Self::GenerateKey { .. }
            | Self::GenerateKeyPair { .. }
            | Self::PrepareImport { .. }
            | Self::ImportKey { .. }
            | Self::ExportKey { .. }
            | Self::AdoptKey { .. }
            | Self::SealSecret { .. }
            | Self::OpenSecret { .. }
            | Self::CreateDomain { .. }
            | Self::OpenDomain { .. } => Lane::Slow,
        }
    }
}

#[cfg(test)]
mod tests {
    use keystead_types::{AccountId, Hex32, KeyId, KeyUsage, MessageType, Origin, Region};

    use super::*;
    use crate::{KeyBinding, WrappedKey};

    fn binding(spec: KeySpec) -> KeyBinding {
        KeyBinding {
            region: Region::parse("eu-west-1").unwrap(),
            account: AccountId::parse("111122223333").unwrap(),
            key_id: KeyId::from_random([1; 16]),
            spec,
            usage: KeyUsage::SignVerify,
            origin: Origin::AwsKms,
            material_id: Hex32([0; 32]),
        }
    }

    #[test]
    fn only_what_may_make_an_rsa_key_waits_for_makings() {
        for spec in KeySpec::ALL {
            let binding = &binding(*spec);
            let lane = |supply| Command::GenerateKey { binding, supply }.lane();
            assert_eq!(lane(Supply::Prepared), Lane::Slow, "{spec}");
            let made = match spec.is_rsa() {
                true => Lane::Making,
                false => Lane::Slow,
            };
            assert_eq!(lane(Supply::Made), made, "{spec}");
        }
    }

    #[test]
    fn slow_cryptography_does_not_hold_up_the_fast() {
        let wrapped = &WrappedKey(Vec::new());
        let sign = |spec, algorithm| {
            let command = Command::Sign {
                key: KeyHandle {
                    binding: &binding(spec),
                    wrapped,
                },
                algorithm,
                message_type: MessageType::Raw,
                message: b"",
            };
            command.lane()
        };
        use SigningAlgorithm as A;
        assert_eq!(sign(KeySpec::EccNistP256, A::EcdsaSha256), Lane::Fast);
        let edwards = KeySpec::EccNistEdwards25519;
        assert_eq!(sign(edwards, A::Ed25519Sha512), Lane::Fast);
        assert_eq!(sign(edwards, A::Ed25519PhSha512), Lane::Slow);
        assert_eq!(sign(KeySpec::EccSecgP256k1, A::EcdsaSha256), Lane::Slow);
        assert_eq!(sign(KeySpec::Rsa2048, A::RsassaPssSha256), Lane::Slow);
        assert_eq!(sign(KeySpec::MlDsa44, A::MlDsaShake256), Lane::Slow);

        let binding = binding(KeySpec::Rsa2048);
        let encrypt = |algorithm| Cipher {
            key: KeyHandle {
                binding: &binding,
                wrapped,
            },
            algorithm,
            context: b"",
        };
        let fast = encrypt(EncryptionAlgorithm::SymmetricDefault);
        let slow = encrypt(EncryptionAlgorithm::RsaesOaepSha256);
        let lane = |source, destination| {
            let command = Command::ReEncrypt {
                source,
                ciphertext: b"",
                destination,
            };
            command.lane()
        };
        assert_eq!(lane(fast, fast), Lane::Fast);
        assert_eq!(lane(slow, fast), Lane::Slow);
        assert_eq!(lane(fast, slow), Lane::Slow);
    }
}
