//! What the model does not say and a person has decided. Each list must be complete: the generator
//! fails on a member, pattern or operation that is in none or in two.

use std::collections::BTreeSet;

use super::model::{Kind, Model};

/// Blob members that hold secrets: read into `Plaintext`, never shown.
const SENSITIVE_BLOBS: &[(&str, &str)] = &[
    ("DecapsulateResponse", "SharedSecret"),
    ("DecryptResponse", "Plaintext"),
    ("DeriveSharedSecretResponse", "SharedSecret"),
    ("EncapsulateResponse", "SharedSecret"),
    ("EncryptRequest", "Plaintext"),
    ("GenerateDataKeyPairResponse", "PrivateKeyPlaintext"),
    ("GenerateDataKeyResponse", "Plaintext"),
    ("GenerateMacRequest", "Message"),
    ("GenerateRandomResponse", "Plaintext"),
    // A public key, but of the model's sensitive shape.
    ("GetParametersForImportResponse", "PublicKey"),
    ("SignRequest", "Message"),
    ("VerifyMacRequest", "Message"),
    ("VerifyRequest", "Message"),
];

/// Blob members that may be seen: ciphertexts, signatures, public keys, attestation.
const PUBLIC_BLOBS: &[(&str, &str)] = &[
    ("DecapsulateRequest", "SharedSecretCiphertextBlob"),
    ("DecryptRequest", "CiphertextBlob"),
    ("DecryptResponse", "CiphertextForRecipient"),
    ("DeriveSharedSecretRequest", "PublicKey"),
    ("DeriveSharedSecretResponse", "CiphertextForRecipient"),
    ("EncapsulateResponse", "SharedSecretCiphertextBlob"),
    ("EncryptResponse", "CiphertextBlob"),
    ("GenerateDataKeyPairResponse", "CiphertextForRecipient"),
    ("GenerateDataKeyPairResponse", "PrivateKeyCiphertextBlob"),
    ("GenerateDataKeyPairResponse", "PublicKey"),
    (
        "GenerateDataKeyPairWithoutPlaintextResponse",
        "PrivateKeyCiphertextBlob",
    ),
    ("GenerateDataKeyPairWithoutPlaintextResponse", "PublicKey"),
    ("GenerateDataKeyResponse", "CiphertextBlob"),
    ("GenerateDataKeyResponse", "CiphertextForRecipient"),
    ("GenerateDataKeyWithoutPlaintextResponse", "CiphertextBlob"),
    ("GenerateMacResponse", "Mac"),
    ("GenerateRandomResponse", "CiphertextForRecipient"),
    ("GetParametersForImportResponse", "ImportToken"),
    ("GetPublicKeyResponse", "PublicKey"),
    ("ImportKeyMaterialRequest", "EncryptedKeyMaterial"),
    ("ImportKeyMaterialRequest", "ImportToken"),
    ("ReEncryptRequest", "CiphertextBlob"),
    ("ReEncryptResponse", "CiphertextBlob"),
    ("RecipientInfo", "AttestationDocument"),
    ("SignResponse", "Signature"),
    ("VerifyMacRequest", "Mac"),
    ("VerifyRequest", "Signature"),
];

/// Members that are not sensitive in the model and still stay out of logs: they give access.
const TOKENS: &[&str] = &[
    "GrantToken",
    "GrantTokens",
    "ImportToken",
    "SessionToken",
    "TokenCode",
];

/// Members that CloudTrail leaves out besides blobs, sensitive members and tokens.
/// Source: CloudTrail entries in the KMS Developer Guide, CreateCustomKeyStore.
/// Encoded messages are long and of use to nobody else.
const UNAUDITED: &[&str] = &["DecodedMessage", "EncodedMessage", "TrustAnchorCertificate"];

/// Regular expressions of the model and their predicates in `keystead_api::pattern`.
const PATTERNS: &[(&str, &str)] = &[
    (r"[0-9]{12}", "account_id"),
    (r"[\u0009\u000A\u000D\u0020-\u00FF]+", "latin1_text"),
    (r"[\u0020-\u00FF]*", "latin1_printable"),
    (r"[\w]+", "word"),
    (
        r"^(/[a-zA-Z0-9\/_-]+/kms/xks/v\d{1,2})$|^(/kms/xks/v\d{1,2})$",
        "xks_uri_path",
    ),
    (
        r"^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}\d+\.vpce-svc-[0-9a-z]+$",
        "vpce_service_name",
    ),
    (
        r"^([A-Za-z0-9\-]+)\.([A-Za-z0-9\-]+)(\.[A-Za-z0-9\-]+)+$",
        "service_principal",
    ),
    (r"^([a-z]+-){2,3}\d+$", "region"),
    (r"^[A-Z2-7]+$", "base32"),
    (r"^[\w+=,.@:/-]+$", "principal_id"),
    (r"^[a-f0-9]+$", "lower_hex"),
    (r"^[a-zA-Z0-9-_.]+$", "xks_key_id"),
    (r"^[a-zA-Z0-9:/_-]+$", "alias_or_grant_name"),
    (r"^[a-zA-Z0-9:/_\s.-]+$", "material_description"),
    (r"^[a-zA-Z0-9\/+=]+$", "base64"),
    (
        r"^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$",
        "source_arn",
    ),
    (r"^https://[a-zA-Z0-9.-]+$", "https_endpoint"),
    (r"cluster-[2-7a-zA-Z]{11,16}", "cluster_id"),
    // IAM and STS.
    (r"((/[A-Za-z0-9\.,\+@=_-]+)*)/", "policy_path"),
    (r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", "path"),
    (r"[A-Z]+", "upper_case"),
    (
        r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
        "xml_text",
    ),
    (
        r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*",
        "description",
    ),
    (r"[\u0020-\u00FF]+", "latin1_printable_some"),
    (r"[\d]*", "digits"),
    (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "tag_value"),
    (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", "tag_key"),
    (r"[\w+=,.@-]*", "names_or_nothing"),
    (r"[\w+=,.@-]+", "name"),
    (r"[\w+=,.@:\/-]*", "external_id"),
    (r"[\w+=/:,.@-]*", "external_id"),
    (r"[\w-]*", "service_namespace"),
    (r"[\w]*", "word_or_nothing"),
    (r"\u002F[\u0021-\u007F]*", "path_prefix"),
    (
        r"^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$",
        "account_alias",
    ),
    (r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?", "policy_version"),
];

/// Operations whose CloudTrail record says `readOnly: true`.
/// Source: CloudTrail entries in the KMS Developer Guide.
const READ_ONLY: &[&str] = &[
    "Decapsulate",
    "Decrypt",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DescribeKey",
    "Encapsulate",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "GetKeyLastUsage",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetParametersForImport",
    "GetPublicKey",
    "ListAliases",
    "ListGrants",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListKeys",
    "ListResourceTags",
    "ListRetirableGrants",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
];

/// Operations whose CloudTrail record says `readOnly: false`.
const WRITING: &[&str] = &[
    "CancelKeyDeletion",
    "ConnectCustomKeyStore",
    "CreateAlias",
    "CreateCustomKeyStore",
    "CreateGrant",
    "CreateKey",
    "DeleteAlias",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DisableKey",
    "DisableKeyRotation",
    "DisconnectCustomKeyStore",
    "EnableKey",
    "EnableKeyRotation",
    "ImportKeyMaterial",
    "PutKeyPolicy",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateCustomKeyStore",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
];

/// Enumerations that `keystead_types` has, with their names there.
const SHARED_SYMBOLS: &[(&str, &str)] = &[
    ("AlgorithmSpec", "WrappingAlgorithm"),
    ("CustomerMasterKeySpec", "KeySpec"),
    ("DataKeyPairSpec", "KeySpec"),
    ("EncryptionAlgorithmSpec", "EncryptionAlgorithm"),
    ("GrantOperation", "GrantOperation"),
    ("KeyManagerType", "KeyManager"),
    ("KeySpec", "KeySpec"),
    ("KeyState", "KeyState"),
    ("KeyUsageType", "KeyUsage"),
    ("MacAlgorithmSpec", "MacAlgorithm"),
    ("MessageType", "MessageType"),
    ("OriginType", "Origin"),
    ("SigningAlgorithmSpec", "SigningAlgorithm"),
    ("WrappingKeySpec", "WrappingKeySpec"),
];

/// Whether a blob member holds a secret. Errors: it is in neither list or in both.
pub(crate) fn is_sensitive_blob(structure: &str, member: &str) -> Result<bool, String> {
    let listed = |list: &[(&str, &str)]| list.contains(&(structure, member));
    match (listed(SENSITIVE_BLOBS), listed(PUBLIC_BLOBS)) {
        (true, false) => Ok(true),
        (false, true) => Ok(false),
        (false, false) => Err(format!(
            "{structure}.{member}: blob neither sensitive nor public"
        )),
        (true, true) => Err(format!(
            "{structure}.{member}: blob both sensitive and public"
        )),
    }
}

/// Whether `Debug` must not show a member although the model has no objection.
pub(crate) fn is_token(member: &str) -> bool {
    TOKENS.contains(&member)
}

/// Whether CloudTrail leaves a member out for another reason than its shape.
pub(crate) fn is_unaudited(member: &str) -> bool {
    is_token(member) || UNAUDITED.contains(&member)
}

/// The predicate of a regular expression.
pub(crate) fn predicate(pattern: &str) -> Result<&'static str, String> {
    let found = PATTERNS.iter().find(|(source, _)| *source == pattern);
    let (_, name) = found.ok_or(format!("no predicate for the pattern {pattern}"))?;
    Ok(name)
}

/// Whether an operation is read-only for CloudTrail. Errors: it is in neither list or in both.
pub(crate) fn is_read_only(operation: &str) -> Result<bool, String> {
    match (READ_ONLY.contains(&operation), WRITING.contains(&operation)) {
        (true, false) => Ok(true),
        (false, true) => Ok(false),
        _ => Err(format!(
            "{operation} must be in one of READ_ONLY and WRITING"
        )),
    }
}

/// CloudTrail's `readOnly` for IAM and STS: what gets, lists or simulates, and all of STS.
pub(crate) fn is_read_only_query(model: &Model, operation: &str) -> bool {
    let reading = ["Get", "List", "Simulate"];
    model.title == "STS" || reading.iter().any(|verb| operation.starts_with(verb))
}

/// Whether the audit record has the answer: that of what changes something or gives credentials.
/// Source: CloudTrail, examples of IAM and STS events.
pub(crate) fn records_answer(model: &Model, operation: &str) -> bool {
    let gives_credentials = operation.starts_with("AssumeRole")
        || operation.ends_with("Token")
        || operation.ends_with("Session");
    match model.title {
        "STS" => gives_credentials,
        _ => !is_read_only_query(model, operation),
    }
}

/// The name that `keystead_types` has for an enumeration.
pub(crate) fn shared_symbol(shape: &str) -> Option<&'static str> {
    let found = SHARED_SYMBOLS.iter().find(|(name, _)| *name == shape);
    found.map(|(_, shared)| *shared)
}

/// Compares the lists here with the model. Errors: an entry is missing or names nothing.
pub(crate) fn check(model: &Model) -> Result<(), String> {
    let mut blobs = BTreeSet::new();
    for (name, shape) in model.used()? {
        let Kind::Structure(members) = &shape.kind else {
            continue;
        };
        for member in members {
            let inner = model.shape(&member.shape)?;
            if !matches!(inner.kind, Kind::Blob) {
                continue;
            }
            if inner.sensitive && !is_sensitive_blob(name, &member.name)? {
                return Err(format!("{name}.{}: sensitive in the model", member.name));
            }
            is_sensitive_blob(name, &member.name)?;
            blobs.insert((name, member.name.as_str()));
        }
    }
    let listed = SENSITIVE_BLOBS.iter().chain(PUBLIC_BLOBS);
    for (structure, member) in listed {
        if !blobs.contains(&(*structure, *member)) {
            return Err(format!(
                "{structure}.{member} is listed and not in the model"
            ));
        }
    }
    for operation in READ_ONLY.iter().chain(WRITING) {
        if !model
            .operations
            .iter()
            .any(|known| known.name == *operation)
        {
            return Err(format!("{operation} is listed and not in the model"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::model::Protocol;
    use super::*;

    #[test]
    fn what_nobody_has_decided_is_an_error() {
        assert_eq!(is_sensitive_blob("EncryptRequest", "Plaintext"), Ok(true));
        assert_eq!(
            is_sensitive_blob("EncryptResponse", "CiphertextBlob"),
            Ok(false)
        );
        assert!(is_sensitive_blob("EncryptRequest", "Other").is_err());
        assert!(predicate("^(a+)+$").is_err());
        assert!(is_read_only("NewOperation").is_err());
    }

    #[test]
    fn a_new_blob_stops_the_generator() {
        let model = r#"{"operations":{"Op":{"input":{"shape":"In"}}},"shapes":{
            "In":{"type":"structure","members":{"Blob":{"shape":"B"}}},"B":{"type":"blob"}}}"#;
        let model = Model::parse("KMS", Protocol::Json, &[model.as_bytes().to_vec()]).unwrap();
        let error = check(&model).unwrap_err();
        assert_eq!(error, "In.Blob: blob neither sensitive nor public");
    }
}
