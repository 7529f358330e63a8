//! What a KMS key is and the states it passes through.

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal $wire:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $(#[doc = concat!("`", $wire, "` on the wire.")] $variant = $code,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The value's name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire,)* }
            }

            /// The value of that wire name, case-sensitively.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($wire => Some(Self::$variant),)* _ => None }
            }

            /// The stable number that stored and transmitted formats use.
            pub fn code(self) -> u8 {
                self as u8
            }

            /// The value of a stored number.
            pub fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

wire_enum! {
    /// State of a KMS key. Source: KMS Developer Guide, "Key states of AWS KMS keys".
    KeyState {
        Creating = 1 "Creating",
        Enabled = 2 "Enabled",
        Disabled = 3 "Disabled",
        PendingDeletion = 4 "PendingDeletion",
        PendingImport = 5 "PendingImport",
        PendingReplicaDeletion = 6 "PendingReplicaDeletion",
        Unavailable = 7 "Unavailable",
        Updating = 8 "Updating",
    }
}

wire_enum! {
    /// Type of key material. Source: KMS model, `KeySpec`.
    KeySpec {
        Rsa2048 = 1 "RSA_2048",
        Rsa3072 = 2 "RSA_3072",
        Rsa4096 = 3 "RSA_4096",
        EccNistP256 = 4 "ECC_NIST_P256",
        EccNistP384 = 5 "ECC_NIST_P384",
        EccNistP521 = 6 "ECC_NIST_P521",
        EccSecgP256k1 = 7 "ECC_SECG_P256K1",
        SymmetricDefault = 8 "SYMMETRIC_DEFAULT",
        Hmac224 = 9 "HMAC_224",
        Hmac256 = 10 "HMAC_256",
        Hmac384 = 11 "HMAC_384",
        Hmac512 = 12 "HMAC_512",
        Sm2 = 13 "SM2",
        MlDsa44 = 14 "ML_DSA_44",
        MlDsa65 = 15 "ML_DSA_65",
        MlDsa87 = 16 "ML_DSA_87",
        EccNistEdwards25519 = 17 "ECC_NIST_EDWARDS25519",
        MlKem512 = 18 "ML_KEM_512",
        MlKem768 = 19 "ML_KEM_768",
        MlKem1024 = 20 "ML_KEM_1024",
    }
}

wire_enum! {
    /// What a key may be used for. Source: KMS model, `KeyUsageType`.
    KeyUsage {
        SignVerify = 1 "SIGN_VERIFY",
        EncryptDecrypt = 2 "ENCRYPT_DECRYPT",
        GenerateVerifyMac = 3 "GENERATE_VERIFY_MAC",
        KeyAgreement = 4 "KEY_AGREEMENT",
        EncapsulateDecapsulate = 5 "ENCAPSULATE_DECAPSULATE",
    }
}

wire_enum! {
    /// Where key material comes from. Source: KMS model, `OriginType`.
    Origin {
        AwsKms = 1 "AWS_KMS",
        External = 2 "EXTERNAL",
        AwsCloudHsm = 3 "AWS_CLOUDHSM",
        ExternalKeyStore = 4 "EXTERNAL_KEY_STORE",
    }
}

wire_enum! {
    /// Who manages a key. Source: KMS model, `KeyManagerType`.
    KeyManager {
        Aws = 1 "AWS",
        Customer = 2 "CUSTOMER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_round_trip() {
        for spec in KeySpec::ALL {
            assert_eq!(KeySpec::parse(spec.as_str()), Some(*spec));
            assert_eq!(KeySpec::from_code(spec.code()), Some(*spec));
        }
        assert_eq!(KeySpec::ALL.len(), 20);
        assert_eq!(KeyState::parse("enabled"), None);
        assert_eq!(KeyUsage::from_code(0), None);
    }
}
