//! Algorithms by their names on the wire, and which key specs have them.

use crate::{KeySpec, KeyUsage};

wire_enum! {
    /// How a plaintext is sealed. Source: KMS model, `EncryptionAlgorithmSpec`.
    EncryptionAlgorithm {
        SymmetricDefault = 1 "SYMMETRIC_DEFAULT",
        RsaesOaepSha1 = 2 "RSAES_OAEP_SHA_1",
        RsaesOaepSha256 = 3 "RSAES_OAEP_SHA_256",
        Sm2Pke = 4 "SM2PKE",
    }
}

wire_enum! {
    /// How a message is signed. Source: KMS model, `SigningAlgorithmSpec`.
    SigningAlgorithm {
        RsassaPssSha256 = 1 "RSASSA_PSS_SHA_256",
        RsassaPssSha384 = 2 "RSASSA_PSS_SHA_384",
        RsassaPssSha512 = 3 "RSASSA_PSS_SHA_512",
        RsassaPkcs1V15Sha256 = 4 "RSASSA_PKCS1_V1_5_SHA_256",
        RsassaPkcs1V15Sha384 = 5 "RSASSA_PKCS1_V1_5_SHA_384",
        RsassaPkcs1V15Sha512 = 6 "RSASSA_PKCS1_V1_5_SHA_512",
        EcdsaSha256 = 7 "ECDSA_SHA_256",
        EcdsaSha384 = 8 "ECDSA_SHA_384",
        EcdsaSha512 = 9 "ECDSA_SHA_512",
        Sm2Dsa = 10 "SM2DSA",
        MlDsaShake256 = 11 "ML_DSA_SHAKE_256",
        Ed25519Sha512 = 12 "ED25519_SHA_512",
        Ed25519PhSha512 = 13 "ED25519_PH_SHA_512",
    }
}

wire_enum! {
    /// How a message is authenticated. Source: KMS model, `MacAlgorithmSpec`.
    MacAlgorithm {
        HmacSha224 = 1 "HMAC_SHA_224",
        HmacSha256 = 2 "HMAC_SHA_256",
        HmacSha384 = 3 "HMAC_SHA_384",
        HmacSha512 = 4 "HMAC_SHA_512",
    }
}

wire_enum! {
    /// What the message of Sign and Verify is. Source: KMS model, `MessageType`.
    MessageType {
        Raw = 1 "RAW",
        Digest = 2 "DIGEST",
        ExternalMu = 3 "EXTERNAL_MU",
    }
}

wire_enum! {
    /// How imported key material is wrapped. Source: KMS model, `AlgorithmSpec`.
    WrappingAlgorithm {
        RsaesPkcs1V15 = 1 "RSAES_PKCS1_V1_5",
        RsaesOaepSha1 = 2 "RSAES_OAEP_SHA_1",
        RsaesOaepSha256 = 3 "RSAES_OAEP_SHA_256",
        RsaAesKeyWrapSha1 = 4 "RSA_AES_KEY_WRAP_SHA_1",
        RsaAesKeyWrapSha256 = 5 "RSA_AES_KEY_WRAP_SHA_256",
        Sm2Pke = 6 "SM2PKE",
    }
}

wire_enum! {
    /// The key that imported key material is wrapped with. Source: KMS model, `WrappingKeySpec`.
    WrappingKeySpec {
        Rsa2048 = 1 "RSA_2048",
        Rsa3072 = 2 "RSA_3072",
        Rsa4096 = 3 "RSA_4096",
        Sm2 = 4 "SM2",
    }
}

impl KeySpec {
    /// The encryption algorithms of a key, in AWS's order; empty if it is not for encryption.
    pub fn encryption_algorithms(self, usage: KeyUsage) -> &'static [EncryptionAlgorithm] {
        use EncryptionAlgorithm as A;
        if usage != KeyUsage::EncryptDecrypt {
            return &[];
        }
        match self {
            Self::SymmetricDefault => &[A::SymmetricDefault],
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => {
                &[A::RsaesOaepSha1, A::RsaesOaepSha256]
            }
            Self::Sm2 => &[A::Sm2Pke],
            _ => &[],
        }
    }

    /// The signing algorithms of a key, in AWS's order; empty if it is not for signing.
    pub fn signing_algorithms(self, usage: KeyUsage) -> &'static [SigningAlgorithm] {
        use SigningAlgorithm as A;
        if usage != KeyUsage::SignVerify {
            return &[];
        }
        match self {
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[
                A::RsassaPkcs1V15Sha256,
                A::RsassaPkcs1V15Sha384,
                A::RsassaPkcs1V15Sha512,
                A::RsassaPssSha256,
                A::RsassaPssSha384,
                A::RsassaPssSha512,
            ],
            Self::EccNistP256 | Self::EccSecgP256k1 => &[A::EcdsaSha256],
            Self::EccNistP384 => &[A::EcdsaSha384],
            Self::EccNistP521 => &[A::EcdsaSha512],
            Self::EccNistEdwards25519 => &[A::Ed25519Sha512, A::Ed25519PhSha512],
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => &[A::MlDsaShake256],
            Self::Sm2 => &[A::Sm2Dsa],
            _ => &[],
        }
    }

    /// The MAC algorithm of an HMAC key.
    pub fn mac_algorithm(self) -> Option<MacAlgorithm> {
        match self {
            Self::Hmac224 => Some(MacAlgorithm::HmacSha224),
            Self::Hmac256 => Some(MacAlgorithm::HmacSha256),
            Self::Hmac384 => Some(MacAlgorithm::HmacSha384),
            Self::Hmac512 => Some(MacAlgorithm::HmacSha512),
            _ => None,
        }
    }

    /// Whether key material of this spec is imported wrapped in that way. The two-step algorithms
    /// are for asymmetric keys; RSA private keys are too long for one step, and so is P-521 under
    /// `RSA_2048`. Source: KMS Developer Guide, "Select a wrapping algorithm".
    pub fn imports_with(self, algorithm: WrappingAlgorithm, key: WrappingKeySpec) -> bool {
        use WrappingAlgorithm as A;
        match algorithm {
            A::RsaesPkcs1V15 => false,
            A::RsaesOaepSha1 | A::RsaesOaepSha256 => match (self, key) {
                (_, WrappingKeySpec::Sm2) => false,
                (Self::EccNistP521, WrappingKeySpec::Rsa2048) => false,
                _ => self.is_importable() && !self.is_rsa(),
            },
            A::RsaAesKeyWrapSha1 | A::RsaAesKeyWrapSha256 => {
                key != WrappingKeySpec::Sm2
                    && self.is_importable()
                    && self.is_asymmetric()
                    && self != Self::Sm2
            }
            A::Sm2Pke => {
                key == WrappingKeySpec::Sm2 && self.is_importable() && self.is_asymmetric()
            }
        }
    }

    /// Whether keys of this spec may have imported key material. Source: KMS Developer Guide,
    /// "Importing key material"; ML-KEM is not named there.
    pub fn is_importable(self) -> bool {
        !matches!(
            self,
            Self::MlDsa44
                | Self::MlDsa65
                | Self::MlDsa87
                | Self::MlKem512
                | Self::MlKem768
                | Self::MlKem1024
        )
    }

    /// The longest plaintext that the algorithm encrypts under a key of this spec, bytes; `None`
    /// if they do not go together. RSA: modulus less twice the hash and two (RFC 8017, 7.1.1).
    /// Source: KMS API reference, Encrypt.
    pub fn plaintext_max_bytes(self, algorithm: EncryptionAlgorithm) -> Option<usize> {
        use EncryptionAlgorithm as A;
        let modulus: usize = match self {
            Self::SymmetricDefault if algorithm == A::SymmetricDefault => return Some(4096),
            Self::Sm2 if algorithm == A::Sm2Pke => return Some(1024),
            Self::Rsa2048 => 256,
            Self::Rsa3072 => 384,
            Self::Rsa4096 => 512,
            _ => return None,
        };
        match algorithm {
            A::RsaesOaepSha1 => Some(modulus - 42),
            A::RsaesOaepSha256 => Some(modulus - 66),
            _ => None,
        }
    }
}

impl SigningAlgorithm {
    /// The length that a message of that type must have, bytes; `None` if any length will do.
    /// Source: KMS API reference, Sign, MessageType.
    pub fn message_bytes(self, kind: MessageType) -> Option<usize> {
        use MessageType as T;
        match (self, kind) {
            (_, T::Raw) => None,
            (_, T::ExternalMu) => Some(64),
            (
                Self::RsassaPssSha256
                | Self::RsassaPkcs1V15Sha256
                | Self::EcdsaSha256
                | Self::Sm2Dsa,
                T::Digest,
            ) => Some(32),
            (Self::RsassaPssSha384 | Self::RsassaPkcs1V15Sha384 | Self::EcdsaSha384, T::Digest) => {
                Some(48)
            }
            (_, T::Digest) => Some(64),
        }
    }

    /// Whether the algorithm takes messages of that type: `ED25519_SHA_512` raw ones only,
    /// `ED25519_PH_SHA_512` digests only, `EXTERNAL_MU` belongs to ML-DSA, which takes no digest.
    /// Source: KMS API reference, Sign, MessageType.
    pub fn takes(self, kind: MessageType) -> bool {
        use MessageType as T;
        match self {
            Self::Ed25519Sha512 => kind == T::Raw,
            Self::Ed25519PhSha512 => kind == T::Digest,
            Self::MlDsaShake256 => kind != T::Digest,
            _ => kind != T::ExternalMu,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_limits_are_the_documented_ones() {
        use EncryptionAlgorithm as A;
        let limit = |spec: KeySpec, algorithm| spec.plaintext_max_bytes(algorithm);
        for (spec, sha_1, sha_256) in [
            (KeySpec::Rsa2048, 214, 190),
            (KeySpec::Rsa3072, 342, 318),
            (KeySpec::Rsa4096, 470, 446),
        ] {
            assert_eq!(limit(spec, A::RsaesOaepSha1), Some(sha_1));
            assert_eq!(limit(spec, A::RsaesOaepSha256), Some(sha_256));
            assert_eq!(limit(spec, A::SymmetricDefault), None);
        }
        assert_eq!(limit(KeySpec::SymmetricDefault, A::RsaesOaepSha1), None);
    }

    #[test]
    fn wrapping_goes_with_the_documented_specs() {
        use WrappingAlgorithm as A;
        use WrappingKeySpec as W;
        let rsa = [W::Rsa2048, W::Rsa3072, W::Rsa4096];
        for spec in KeySpec::ALL.iter().copied() {
            for algorithm in A::ALL.iter().copied() {
                let by = |key| spec.imports_with(algorithm, key);
                assert!(!by(W::Sm2) || algorithm == A::Sm2Pke);
                assert!(algorithm != A::Sm2Pke || !rsa.iter().copied().any(by));
            }
            let ways = |key| {
                A::ALL
                    .iter()
                    .filter(|a| spec.imports_with(**a, key))
                    .count()
            };
            let expected = match spec {
                KeySpec::SymmetricDefault
                | KeySpec::Hmac224
                | KeySpec::Hmac256
                | KeySpec::Hmac384
                | KeySpec::Hmac512 => [2, 2, 2, 0],
                KeySpec::Sm2 | KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => {
                    [2, 2, 2, 1]
                }
                KeySpec::EccNistP521 => [2, 4, 4, 1],
                _ if spec.is_importable() => [4, 4, 4, 1],
                _ => [0; 4],
            };
            assert_eq!(
                [rsa[0], rsa[1], rsa[2], W::Sm2].map(ways),
                expected,
                "{spec}"
            );
        }
        assert!(!KeySpec::Rsa2048.imports_with(A::RsaesOaepSha256, W::Rsa4096));
        assert!(!KeySpec::SymmetricDefault.imports_with(A::RsaAesKeyWrapSha256, W::Rsa4096));
        assert!(!KeySpec::Sm2.imports_with(A::RsaAesKeyWrapSha256, W::Rsa4096));
    }

    #[test]
    fn every_spec_and_usage_that_go_together_have_an_algorithm_and_no_other() {
        for spec in KeySpec::ALL.iter().copied() {
            for usage in KeyUsage::ALL.iter().copied() {
                let allowed = spec.allows(usage);
                let encrypts = !spec.encryption_algorithms(usage).is_empty();
                let signs = !spec.signing_algorithms(usage).is_empty();
                match usage {
                    KeyUsage::EncryptDecrypt => assert_eq!(encrypts, allowed, "{spec}"),
                    KeyUsage::SignVerify => assert_eq!(signs, allowed, "{spec}"),
                    KeyUsage::GenerateVerifyMac => {
                        assert_eq!(spec.mac_algorithm().is_some(), allowed, "{spec}");
                    }
                    KeyUsage::KeyAgreement | KeyUsage::EncapsulateDecapsulate => {
                        assert!(!encrypts && !signs);
                    }
                }
            }
        }
    }
}
