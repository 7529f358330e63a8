//! What a KMS key is and the states it passes through.

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

impl KeySpec {
    /// Whether keys of this spec may have that usage. Source: KMS Developer Guide, "Key spec
    /// reference".
    pub fn allows(self, usage: KeyUsage) -> bool {
        use KeyUsage as U;
        match self {
            Self::SymmetricDefault => usage == U::EncryptDecrypt,
            Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512 => {
                usage == U::GenerateVerifyMac
            }
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => {
                matches!(usage, U::EncryptDecrypt | U::SignVerify)
            }
            Self::EccNistP256 | Self::EccNistP384 | Self::EccNistP521 => {
                matches!(usage, U::SignVerify | U::KeyAgreement)
            }
            Self::Sm2 => matches!(usage, U::EncryptDecrypt | U::SignVerify | U::KeyAgreement),
            Self::EccSecgP256k1
            | Self::EccNistEdwards25519
            | Self::MlDsa44
            | Self::MlDsa65
            | Self::MlDsa87 => usage == U::SignVerify,
            Self::MlKem512 | Self::MlKem768 | Self::MlKem1024 => usage == U::EncapsulateDecapsulate,
        }
    }

    /// True for specs that have a public key.
    pub fn is_asymmetric(self) -> bool {
        !matches!(
            self,
            Self::SymmetricDefault | Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512
        )
    }

    /// True for RSA, of which a key takes so long to make that some are kept ready.
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    /// Whether GenerateDataKeyPair makes such pairs. Source: KMS model, `DataKeyPairSpec`.
    pub fn is_data_key_pair(self) -> bool {
        self.is_asymmetric() && !matches!(self, Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87)
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
