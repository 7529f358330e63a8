//! What a grant can allow.

wire_enum! {
    /// An operation that a grant allows. Source: KMS model, `GrantOperation`.
    GrantOperation {
        Decrypt = 1 "Decrypt",
        Encrypt = 2 "Encrypt",
        GenerateDataKey = 3 "GenerateDataKey",
        GenerateDataKeyWithoutPlaintext = 4 "GenerateDataKeyWithoutPlaintext",
        ReEncryptFrom = 5 "ReEncryptFrom",
        ReEncryptTo = 6 "ReEncryptTo",
        Sign = 7 "Sign",
        Verify = 8 "Verify",
        GetPublicKey = 9 "GetPublicKey",
        CreateGrant = 10 "CreateGrant",
        RetireGrant = 11 "RetireGrant",
        DescribeKey = 12 "DescribeKey",
        GenerateDataKeyPair = 13 "GenerateDataKeyPair",
        GenerateDataKeyPairWithoutPlaintext = 14 "GenerateDataKeyPairWithoutPlaintext",
        GenerateMac = 15 "GenerateMac",
        VerifyMac = 16 "VerifyMac",
        DeriveSharedSecret = 17 "DeriveSharedSecret",
        Encapsulate = 18 "Encapsulate",
        Decapsulate = 19 "Decapsulate",
    }
}
