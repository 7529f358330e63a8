"""ValidationException: the templates of reference/errors.md, and the order of checks."""

import re

import pytest

from harness import texts
from harness.caller import b64

ID = texts.NO_SUCH_ID

REQUIRED = {
    "CancelKeyDeletion": ["keyId"],
    "CreateAlias": ["aliasName", "targetKeyId"],
    "CreateGrant": ["keyId", "operations"],
    "Decapsulate": ["encapsulationAlgorithm", "keyId", "sharedSecretCiphertextBlob"],
    "DeleteAlias": ["aliasName"],
    "DeleteImportedKeyMaterial": ["keyId"],
    "DeriveSharedSecret": ["keyAgreementAlgorithm", "keyId", "publicKey"],
    "DescribeKey": ["keyId"],
    "DisableKey": ["keyId"],
    "DisableKeyRotation": ["keyId"],
    "EnableKey": ["keyId"],
    "EnableKeyRotation": ["keyId"],
    "Encapsulate": ["encapsulationAlgorithm", "keyId"],
    "Encrypt": ["keyId", "plaintext"],
    "GenerateDataKey": ["keyId"],
    "GenerateDataKeyPair": ["keyId", "keyPairSpec"],
    "GenerateDataKeyPairWithoutPlaintext": ["keyId", "keyPairSpec"],
    "GenerateDataKeyWithoutPlaintext": ["keyId"],
    "GenerateMac": ["keyId", "macAlgorithm", "message"],
    "GetKeyLastUsage": ["keyId"],
    "GetKeyPolicy": ["keyId"],
    "GetKeyRotationStatus": ["keyId"],
    "GetParametersForImport": ["keyId", "wrappingAlgorithm", "wrappingKeySpec"],
    "GetPublicKey": ["keyId"],
    "ImportKeyMaterial": ["encryptedKeyMaterial", "importToken", "keyId"],
    "ListGrants": ["keyId"],
    "ListKeyPolicies": ["keyId"],
    "ListKeyRotations": ["keyId"],
    "ListResourceTags": ["keyId"],
    "PutKeyPolicy": ["keyId", "policy"],
    "ReEncrypt": ["destinationKeyId"],
    "ReplicateKey": ["keyId", "replicaRegion"],
    "RevokeGrant": ["grantId", "keyId"],
    "RotateKeyOnDemand": ["keyId"],
    "ScheduleKeyDeletion": ["keyId"],
    "Sign": ["keyId", "message", "signingAlgorithm"],
    "TagResource": ["keyId", "tags"],
    "UntagResource": ["keyId", "tagKeys"],
    "UpdateAlias": ["aliasName", "targetKeyId"],
    "UpdateKeyDescription": ["keyId", "description"],
    "UpdatePrimaryRegion": ["keyId", "primaryRegion"],
    "Verify": ["keyId", "message", "signature", "signingAlgorithm"],
    "VerifyMac": ["keyId", "mac", "macAlgorithm", "message"],
}
GOOD = {
    "keyId": ("KeyId", ID),
    "aliasName": ("AliasName", "alias/x"),
    "targetKeyId": ("TargetKeyId", ID),
    "destinationKeyId": ("DestinationKeyId", ID),
    "plaintext": ("Plaintext", "AAAA"),
    "policy": ("Policy", "{}"),
    "tags": ("Tags", []),
    "tagKeys": ("TagKeys", []),
    "description": ("Description", ""),
    "operations": ("Operations", ["Encrypt"]),
    "encapsulationAlgorithm": ("EncapsulationAlgorithm", "ML_KEM"),
    "sharedSecretCiphertextBlob": ("SharedSecretCiphertextBlob", "AAAA"),
    "keyAgreementAlgorithm": ("KeyAgreementAlgorithm", "ECDH"),
    "publicKey": ("PublicKey", "AAAA"),
    "keyPairSpec": ("KeyPairSpec", "ECC_NIST_P256"),
    "macAlgorithm": ("MacAlgorithm", "HMAC_SHA_256"),
    "message": ("Message", "AAAA"),
    "mac": ("Mac", "AAAA"),
    "signingAlgorithm": ("SigningAlgorithm", "ECDSA_SHA_256"),
    "signature": ("Signature", "AAAA"),
    "wrappingAlgorithm": ("WrappingAlgorithm", "RSAES_OAEP_SHA_256"),
    "wrappingKeySpec": ("WrappingKeySpec", "RSA_2048"),
    "encryptedKeyMaterial": ("EncryptedKeyMaterial", "AAAA"),
    "importToken": ("ImportToken", "AAAA"),
    "replicaRegion": ("ReplicaRegion", "eu-west-1"),
    "primaryRegion": ("PrimaryRegion", "eu-west-1"),
    "grantId": ("GrantId", "0" * 64),
}


def test_required_is_the_models():
    """The table above is written by hand: it must say what botocore's model says."""
    from test_errors import UNSERVED

    model = caller_model()
    served = set(model.operation_names) - set(UNSERVED)
    shapes = {name: model.operation_model(name).input_shape for name in served}
    required = {
        name: sorted(member[0].lower() + member[1:] for member in shape.required_members)
        for name, shape in shapes.items()
        if shape is not None and shape.required_members
    }
    assert {name: sorted(paths) for name, paths in REQUIRED.items()} == required


def details(message):
    """The details of a message, checked against their count."""
    match = re.fullmatch(r"(\d+) validation (errors?) detected: (.*)", message, re.DOTALL)
    assert match, message
    found = re.split(r"; (?=Value)", match[3])
    assert len(found) == int(match[1]) and (match[2] == "error") == (len(found) == 1), message
    return sorted(found)


@pytest.mark.parametrize("operation", sorted(REQUIRED))
def test_required_members(caller, operation):
    paths = REQUIRED[operation]
    message = caller.fails("ValidationException", operation)
    assert details(message) == sorted(texts.missing(path) for path in paths)
    for absent in paths:
        members = dict(GOOD[path] for path in paths if path != absent)
        message = caller.fails("ValidationException", operation, members)
        assert message == texts.invalid(texts.missing(absent))


@pytest.mark.parametrize("operation", sorted(REQUIRED))
def test_null_is_absent(caller, operation):
    members = {GOOD[path][0]: None for path in REQUIRED[operation]}
    answer = caller.call(operation, members)
    assert answer.status == 400
    assert answer.code in ("ValidationException", "SerializationException"), answer.raw


KEY_ID_PATHS = sorted(
    (operation, path)
    for operation, paths in REQUIRED.items()
    for path in paths
    if path.lower().endswith("keyid")
)


@pytest.mark.parametrize("operation, path", KEY_ID_PATHS)
@pytest.mark.parametrize(
    "value, rule", [("", texts.min_length(1)), ("k" * 2049, texts.max_length(2048))]
)
def test_length_of_key_ids(caller, operation, path, value, rule):
    members = dict(GOOD[name] for name in REQUIRED[operation])
    members[GOOD[path][0]] = value
    if "Policy" in members:
        members["Policy"] = texts.policy(texts.allow(caller.root))
    if "Tags" in members:
        members["Tags"] = [{"TagKey": "a", "TagValue": "b"}]
    message = caller.fails("ValidationException", operation, members)
    assert message == texts.invalid(texts.constraint(path, rule, value))


def size(path, value, rule):
    """A detail of a number."""
    return texts.invalid(texts.constraint(path, rule, value))


@pytest.mark.parametrize("number", [0, -1])
@pytest.mark.parametrize(
    "operation", ["GenerateRandom", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"]
)
def test_number_of_bytes(caller, operation, number):
    members = {} if operation == "GenerateRandom" else {"KeyId": ID}
    message = caller.fails("ValidationException", operation, members, NumberOfBytes=number)
    assert message == size("numberOfBytes", number, texts.min_value(1))
    message = caller.fails("ValidationException", operation, members, NumberOfBytes=1025)
    assert message == size("numberOfBytes", 1025, texts.max_value(1024))


def test_pending_window_of_the_wire(caller):
    for days, rule in [(0, texts.min_value(1)), (366, texts.max_value(365))]:
        message = caller.fails(
            "ValidationException", "ScheduleKeyDeletion", KeyId=ID, PendingWindowInDays=days
        )
        assert message == size("pendingWindowInDays", days, rule)


@pytest.mark.parametrize(
    "operation, member, path, members",
    [
        ("CreateKey", "KeySpec", "keySpec", {}),
        ("CreateKey", "CustomerMasterKeySpec", "customerMasterKeySpec", {}),
        ("CreateKey", "KeyUsage", "keyUsage", {}),
        ("CreateKey", "Origin", "origin", {}),
        (
            "Encrypt",
            "EncryptionAlgorithm",
            "encryptionAlgorithm",
            {"KeyId": ID, "Plaintext": "AA=="},
        ),
        ("Decrypt", "EncryptionAlgorithm", "encryptionAlgorithm", {"CiphertextBlob": "AA=="}),
        ("GenerateDataKey", "KeySpec", "keySpec", {"KeyId": ID}),
        ("ListKeyRotations", "IncludeKeyMaterial", "includeKeyMaterial", {"KeyId": ID}),
        ("Sign", "SigningAlgorithm", "signingAlgorithm", {"KeyId": ID, "Message": "AA=="}),
        (
            "Sign",
            "MessageType",
            "messageType",
            {"KeyId": ID, "Message": "AA==", "SigningAlgorithm": "ECDSA_SHA_256"},
        ),
        ("GenerateMac", "MacAlgorithm", "macAlgorithm", {"KeyId": ID, "Message": "AA=="}),
        (
            "DeriveSharedSecret",
            "KeyAgreementAlgorithm",
            "keyAgreementAlgorithm",
            {"KeyId": ID, "PublicKey": "AA=="},
        ),
        ("Encapsulate", "EncapsulationAlgorithm", "encapsulationAlgorithm", {"KeyId": ID}),
        ("GenerateDataKeyPair", "KeyPairSpec", "keyPairSpec", {"KeyId": ID}),
        (
            "GetParametersForImport",
            "WrappingAlgorithm",
            "wrappingAlgorithm",
            {"KeyId": ID, "WrappingKeySpec": "RSA_2048"},
        ),
        (
            "GetParametersForImport",
            "WrappingKeySpec",
            "wrappingKeySpec",
            {"KeyId": ID, "WrappingAlgorithm": "RSAES_OAEP_SHA_256"},
        ),
        (
            "ImportKeyMaterial",
            "ExpirationModel",
            "expirationModel",
            {"KeyId": ID, "ImportToken": "AA==", "EncryptedKeyMaterial": "AA=="},
        ),
        (
            "ImportKeyMaterial",
            "ImportType",
            "importType",
            {"KeyId": ID, "ImportToken": "AA==", "EncryptedKeyMaterial": "AA=="},
        ),
        (
            "ReEncrypt",
            "SourceEncryptionAlgorithm",
            "sourceEncryptionAlgorithm",
            {"CiphertextBlob": "AA==", "DestinationKeyId": ID},
        ),
        (
            "ReEncrypt",
            "DestinationEncryptionAlgorithm",
            "destinationEncryptionAlgorithm",
            {"CiphertextBlob": "AA==", "DestinationKeyId": ID},
        ),
    ],
)
def test_enumerations(caller, operation, member, path, members):
    model = caller_model().operation_model(operation).input_shape.members[member]
    for value in ("INVALID", "symmetric_default", "AES_256 "):
        message = caller.fails("ValidationException", operation, members, **{member: value})
        start = f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy "
        start += "constraint: Member must satisfy enum value set: ["
        assert message.startswith(start) and message.endswith("]"), message
        listed = set(message[len(start) : -1].split(", "))
        assert listed and listed <= set(model.enum), "only values of the model are listed"


def caller_model():
    """botocore's model of the service."""
    import botocore.session

    return botocore.session.get_session().get_service_model("kms")


def test_blobs_do_not_show_their_value(caller):
    key = caller.key_id()
    message = caller.fails("ValidationException", "Encrypt", KeyId=key, Plaintext=b"p" * 4097)
    assert message == texts.invalid(texts.constraint("plaintext", texts.max_length(4096)))
    message = caller.fails("ValidationException", "Encrypt", KeyId=key, Plaintext=b"")
    assert message == texts.invalid(texts.constraint("plaintext", texts.min_length(1)))
    for operation, members in [("Decrypt", {}), ("ReEncrypt", {"DestinationKeyId": key})]:
        message = caller.fails(
            "ValidationException", operation, members, CiphertextBlob=b"c" * 6145
        )
        assert message == texts.invalid(texts.constraint("ciphertextBlob", texts.max_length(6144)))
        message = caller.fails("ValidationException", operation, members, CiphertextBlob=b"")
        assert message == texts.invalid(texts.constraint("ciphertextBlob", texts.min_length(1)))


def test_largest_blob_is_only_a_bad_blob(caller):
    message = caller.fails("InvalidCiphertextException", "Decrypt", CiphertextBlob=b"\x00" * 6144)
    assert message is None


def test_description_length(caller):
    for operation, members in [("CreateKey", {}), ("UpdateKeyDescription", {"KeyId": ID})]:
        text = "d" * 8193
        message = caller.fails("ValidationException", operation, members, Description=text)
        assert message == texts.invalid(
            texts.constraint("description", texts.max_length(8192), text)
        )


def test_grant_token_list(caller):
    key = caller.key_id()
    members = {"KeyId": key, "Plaintext": b64(b"x")}
    message = caller.fails("ValidationException", "Encrypt", members, GrantTokens=["t"] * 11)
    assert "'grantTokens' failed to satisfy constraint: " + texts.max_length(10) in message
    message = caller.fails("ValidationException", "Encrypt", members, GrantTokens=["t" * 8193])
    assert texts.max_length(8192) in message and "grantTokens.1.member" in message
    message = caller.fails("ValidationException", "Encrypt", members, GrantTokens=[""])
    assert message == texts.invalid(
        texts.constraint("grantTokens.1.member", texts.min_length(1), "")
    )


def test_policy_name(caller):
    rule = texts.pattern(r"[\w]+")
    message = caller.fails("ValidationException", "GetKeyPolicy", KeyId=ID, PolicyName="a b")
    assert message == texts.invalid(texts.constraint("policyName", rule, "a b"))
    message = caller.fails("ValidationException", "GetKeyPolicy", KeyId=ID, PolicyName="n" * 129)
    assert message == texts.invalid(
        texts.constraint("policyName", texts.max_length(128), "n" * 129)
    )


def test_dry_run_modifiers(caller):
    members = {"CiphertextBlob": b64(b"x"), "DryRun": True}
    message = caller.fails("ValidationException", "Decrypt", members, DryRunModifiers=["INVALID"])
    assert "Value 'INVALID' at 'dryRunModifiers.1.member' failed to satisfy" in message
    modifiers = ["IGNORE_CIPHERTEXT"]
    caller.fails("ValidationException", "Decrypt", CiphertextBlob=b"x", DryRunModifiers=modifiers)
    key = caller.key_id()
    for named in ({}, {"CiphertextBlob": b64(b"nonsense")}):
        message = caller.fails(
            "DryRunOperationException",
            "Decrypt",
            named,
            KeyId=key,
            DryRun=True,
            DryRunModifiers=modifiers,
        )
        assert message == texts.DRY_RUN
    caller.fails("ValidationException", "Decrypt", KeyId=key, DryRun=True)
    caller.fails("ValidationException", "Decrypt", DryRun=True, DryRunModifiers=modifiers)


def test_members_of_constraints(caller):
    grant = {"KeyId": ID, "GranteePrincipal": caller.root, "Operations": ["Encrypt"]}
    for operations, path in [(["Encrypt", "Fly"], "operations.2.member"), (["Fly"], "operations")]:
        members = {**grant, "Operations": operations}
        message = caller.fails("ValidationException", "CreateGrant", members)
        assert f"Value 'Fly' at '{path}" in message and "enum value set: [" in message
    source = {"SourceArn": "arn:aws:s3:::bucket"}
    message = caller.fails("ValidationException", "CreateGrant", grant, Constraints=source)
    details(message)
    assert "at 'constraints.sourceArn' failed to satisfy constraint" in message


def test_a_recipient_has_both_members(caller):
    key = caller.key_id()
    for recipient in (
        {},
        {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
        {"AttestationDocument": "AAAA"},
    ):
        # AWS's text is not known, and neither is what it makes of an empty structure.
        members = {"KeyId": key, "KeySpec": "AES_256", "Recipient": recipient}
        caller.fails("ValidationException", "GenerateDataKey", members)


def test_several_errors_are_counted(caller):
    message = caller.fails(
        "ValidationException", "GenerateDataKey", KeyId="", NumberOfBytes=0, KeySpec="X"
    )
    found = details(message)
    assert len(found) == 3
    assert texts.constraint("keyId", texts.min_length(1), "") in found
    assert texts.constraint("numberOfBytes", texts.min_value(1), 0) in found


def test_key_usage_of_specs(caller):
    message = caller.fails("ValidationException", "CreateKey", KeySpec="RSA_2048")
    assert message == (
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
    )
    message = caller.fails(
        "ValidationException", "CreateKey", KeySpec="SYMMETRIC_DEFAULT", KeyUsage="SIGN_VERIFY"
    )
    assert message == "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT"


def test_syntax_wins_over_the_key(caller):
    caller.fails("ValidationException", "Encrypt", KeyId="nope", Plaintext=b"")
    caller.fails("ValidationException", "EnableKeyRotation", KeyId=ID, RotationPeriodInDays=1)
    caller.fails("ValidationException", "DescribeKey", KeyId=ID, GrantTokens=[""])


def test_context_size(caller):
    key = caller.key_id()
    fits = {"k": "v" * 8000}
    assert (
        caller.decrypt(caller.encrypt(key, b"x", EncryptionContext=fits), EncryptionContext=fits)
        == b"x"
    )
    caller.fails(
        "ValidationException",
        "Encrypt",
        KeyId=key,
        Plaintext=b"x",
        EncryptionContext={"k": "v" * 10000},
    )
