"""Identifiers and errors: who gets which code, its exact text, its form. reference/errors.md.

`error_rows.py` holds the rows of the reference; `cases/` has more of each. What can be met in
neither is in `uncovered-errors.txt`, with the reason.
"""

import json
from pathlib import Path

import botocore.session
import pytest
from error_rows import AUTHENTICATED, ERRORS, INVALID, SIGNED

from harness import texts
from harness.texts import NO_SUCH_ID as ID
from key_specs import ENCRYPT, Ring

FOLDER = Path(__file__).parent
KEY_OPERATIONS = {
    "CancelKeyDeletion": {},
    "CreateGrant": {
        "GranteePrincipal": "arn:aws:iam::111122223333:root",
        "Operations": ["Encrypt"],
    },
    "DeleteImportedKeyMaterial": {},
    "DisableKey": {},
    "DisableKeyRotation": {},
    "EnableKey": {},
    "EnableKeyRotation": {},
    "GetKeyLastUsage": {},
    "GetKeyPolicy": {},
    "GetKeyRotationStatus": {},
    "GetParametersForImport": {
        "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
        "WrappingKeySpec": "RSA_2048",
    },
    "ImportKeyMaterial": {
        "ImportToken": b"x",
        "EncryptedKeyMaterial": b"x",
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    },
    "ListGrants": {},
    "ListKeyPolicies": {},
    "ListKeyRotations": {},
    "ListResourceTags": {},
    "PutKeyPolicy": {"Policy": texts.policy(texts.allow("*"))},
    "ReplicateKey": {"ReplicaRegion": "eu-west-1"},
    "RetireGrant": {"GrantId": "0" * 64},
    "RevokeGrant": {"GrantId": "0" * 64},
    "RotateKeyOnDemand": {},
    "ScheduleKeyDeletion": {},
    "TagResource": {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
    "UntagResource": {"TagKeys": ["a"]},
    "UpdateKeyDescription": {"Description": "d"},
    "UpdatePrimaryRegion": {"PrimaryRegion": "eu-west-1"},
}
ALIAS_OPERATIONS = {
    "Decapsulate": {"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": b"x"},
    "DeriveSharedSecret": {"KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x"},
    "DescribeKey": {},
    "Encapsulate": {"EncapsulationAlgorithm": "ML_KEM"},
    "Encrypt": {"Plaintext": b"x"},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
    "GenerateMac": AUTHENTICATED,
    "GetPublicKey": {},
    "Sign": SIGNED,
    "Verify": {**SIGNED, "Signature": b"x"},
    "VerifyMac": {**AUTHENTICATED, "Mac": b"x"},
}
ALL = {**KEY_OPERATIONS, **ALIAS_OPERATIONS}
BAD_FORMS = [
    "fake-key-id",
    "mrk-fake-key-id",
    ID.replace("-", ""),
    "{" + ID + "}",
    ID + " ",
    "\u202e" + ID,
]



def entries(name):
    """The lines of a list of what is not covered, without comments."""
    lines = (FOLDER / name).read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


UNSERVED = entries("uncovered-operations.txt")
UNCOVERED = dict(line.split(": ", 1) for line in entries("uncovered-errors.txt"))


@pytest.mark.parametrize("operation", sorted(ALL))
def test_unknown_id(caller, operation):
    arn = caller.arn(ID)
    for form in (ID, arn):
        message = caller.fails("NotFoundException", operation, ALL[operation], KeyId=form)
        assert message == texts.no_such_key(arn)


@pytest.mark.parametrize("operation", sorted(ALL))
def test_bad_form_of_id(caller, operation):
    for form in BAD_FORMS:
        message = caller.fails("NotFoundException", operation, ALL[operation], KeyId=form)
        assert message == texts.bad_key_id(form)


def test_ids_are_not_folded_to_lower_case(caller):
    key = caller.key_id()
    for form in (key.upper(), caller.arn(key.upper())):
        caller.fails("NotFoundException", "DescribeKey", KeyId=form)


@pytest.mark.parametrize("operation", sorted(ALL))
def test_arn_of_another_region(caller, operation):
    meta = caller.in_region("eu-west-1").key()
    for form in (meta["Arn"], caller.in_region("eu-west-1").arn(ID)):
        message = caller.fails("NotFoundException", operation, ALL[operation], KeyId=form)
        assert message == "Invalid arn eu-west-1"
    message = caller.fails("NotFoundException", operation, ALL[operation], KeyId=meta["KeyId"])
    assert message == texts.no_such_key(caller.arn(meta["KeyId"]))


@pytest.mark.parametrize("operation", sorted(KEY_OPERATIONS))
def test_aliases_are_refused(caller, operation):
    caller.ok("CreateAlias", AliasName="alias/real", TargetKeyId=caller.key_id())
    for form in ("alias/real", caller.arn("alias/real"), "alias/none"):
        message = caller.fails(
            "InvalidArnException", operation, KEY_OPERATIONS[operation], KeyId=form
        )
        assert message == texts.ALIAS_REFUSED


@pytest.mark.parametrize("operation", sorted(ALIAS_OPERATIONS))
def test_unknown_alias(caller, operation):
    for form in ("alias/none", caller.arn("alias/none")):
        message = caller.fails(
            "NotFoundException", operation, ALIAS_OPERATIONS[operation], KeyId=form
        )
        assert message == texts.no_such_alias(caller.arn("alias/none"))


def test_unknown_keys_of_aliases_and_blobs(caller):
    for operation in ("CreateAlias", "UpdateAlias"):
        caller.ok("CreateAlias", AliasName=f"alias/{operation}", TargetKeyId=caller.key_id())
        name = "alias/new" if operation == "CreateAlias" else f"alias/{operation}"
        message = caller.fails("NotFoundException", operation, AliasName=name, TargetKeyId=ID)
        assert message == texts.no_such_key(caller.arn(ID))
        message = caller.fails("NotFoundException", operation, AliasName=name, TargetKeyId="fake")
        assert message == texts.bad_key_id("fake")
    blob = caller.encrypt(caller.key_id(), b"x")
    message = caller.fails("NotFoundException", "Decrypt", CiphertextBlob=blob, KeyId=ID)
    assert message == texts.no_such_key(caller.arn(ID))
    message = caller.fails(
        "NotFoundException", "ReEncrypt", CiphertextBlob=blob, DestinationKeyId=ID
    )
    assert message == texts.no_such_key(caller.arn(ID))


def bad_arns(caller):
    """ARNs of no good form."""
    account = caller.account
    return [
        f"arn:aws:kms:us-east-1:{account}:key/",
        f"arn:aws:kms:us-east-1:{account}:key:{ID}",
        f"arn:aws:kms:us-east-1:{account}:{ID}",
        f"arn:aws:kms:us-east-1:{account}",
        f"arn:aws:kms::{account}:key/{ID}",
        f"arn:aws:kms:us-east-1:{account[:-1]}:key/{ID}",
        f"arn:aws:kms:us-east-1::key/{ID}",
        f"arn:aws:kms:us-east-1:{account}:key/{ID}:x:y:z:w",
        f"arn:aws:s3:us-east-1:{account}:key/{ID}",
        f"arn:aws-cn:kms:us-east-1:{account}:key/{ID}",
        f"ARN:aws:kms:us-east-1:{account}:key/{ID}",
        f"arn:aws:kms:us-east-1:{account}:grant/{ID}",
        "arn:",
        "arn:aws:kms",
    ]


@pytest.mark.parametrize("operation", ["DescribeKey", "DisableKey", "Encrypt", "TagResource"])
def test_bad_arns(caller, operation):
    for arn in bad_arns(caller):
        caller.fails(
            {"InvalidArnException", "NotFoundException"}, operation, ALL[operation], KeyId=arn
        )


def test_no_message_member_for_a_bad_ciphertext(caller):
    answer = caller.call("Decrypt", CiphertextBlob=b"not a blob of anyone")
    assert answer.status == 400
    assert answer.body == {"__type": "InvalidCiphertextException"}
    answer = caller.call("ReEncrypt", CiphertextBlob=b"x" * 200, DestinationKeyId=caller.key_id())
    assert answer.body == {"__type": "InvalidCiphertextException"}


def test_message_is_spelled_in_lower_case(caller):
    answer = caller.call("DescribeKey", KeyId="fake")
    assert answer.body == {"__type": "NotFoundException", "message": "Invalid keyId 'fake'"}


@pytest.mark.parametrize("operation", UNSERVED)
def test_operations_of_later_versions(caller, operation):
    shape = botocore.session.get_session().get_service_model("kms").operation_model(operation)
    assert shape is not None
    for members in ({}, {"KeyId": caller.key_id()}):
        caller.fails("UnsupportedOperationException", operation, members)


def test_custom_key_stores_do_not_exist(caller):
    codes = {
        "UnsupportedOperationException",
        "ValidationException",
        "CustomKeyStoreNotFoundException",
    }
    for origin in ("AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"):
        caller.fails(codes, "CreateKey", Origin=origin, CustomKeyStoreId="cks-1234567890abcdef0")
    caller.fails(codes, "CreateKey", CustomKeyStoreId="cks-1234567890abcdef0")
    caller.fails(codes, "GenerateRandom", NumberOfBytes=8, CustomKeyStoreId="cks-1234567890abcdef0")
    assert caller.ok("ListKeys")["Keys"] == []


def test_boto3_knows_the_errors(kms):
    with pytest.raises(kms.exceptions.NotFoundException) as caught:
        kms.describe_key(KeyId=ID)
    error = caught.value.response
    assert error["Error"]["Code"] == "NotFoundException"
    assert f"key/{ID}' does not exist" in error["Error"]["Message"]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error["ResponseMetadata"]["RequestId"]
    with pytest.raises(kms.exceptions.InvalidCiphertextException) as caught:
        kms.decrypt(CiphertextBlob=b"x")
    assert caught.value.response["Error"].get("Message", "") in ("", None)


def test_every_answer_has_its_own_request_id(caller):
    ids = [caller.call("ListKeys").request_id for _ in range(5)]
    ids += [caller.call("DescribeKey", KeyId="fake").request_id for _ in range(5)]
    ids += [caller.call("Nonsense").request_id for _ in range(5)]
    assert len(set(ids)) == 15 and all(len(each) == 36 for each in ids)


def test_headers_of_answers(caller):
    for answer in (caller.call("ListKeys"), caller.call("DescribeKey", KeyId="fake")):
        assert answer.headers["content-type"] == "application/x-amz-json-1.1"
        assert answer.headers["date"].endswith("GMT")


def filled(value, names):
    """A value with `$…` replaced, the longer names first."""
    if isinstance(value, str):
        for name in sorted(names, key=len, reverse=True):
            value = value.replace(f"${name}", names[name])
        return value
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    if isinstance(value, dict):
        return {name: filled(each, names) for name, each in value.items()}
    return value


@pytest.mark.parametrize(
    "code, message, operation, members, key, before",
    [pytest.param(*row, id=f"{index:02}-{row[2]}-{row[0]}") for index, row in enumerate(ERRORS)],
)
def test_error_table(caller, code, message, operation, members, key, before):
    names = {"account": caller.account, "root": caller.root}
    if key is not None:
        meta = caller.key(**key)
        names |= {"key": meta["KeyId"], "arn": meta["Arn"]}
    for name, body in before:
        caller.ok(name, filled(body, names))
    told = caller.fails(code, operation, filled(members, names))
    if message is not ...:
        assert told == filled(message, names)


@pytest.mark.parametrize(
    "spec, algorithm, most",
    [
        ("RSA_2048", "RSAES_OAEP_SHA_1", 214),
        ("RSA_2048", "RSAES_OAEP_SHA_256", 190),
        ("RSA_3072", "RSAES_OAEP_SHA_1", 342),
        ("RSA_3072", "RSAES_OAEP_SHA_256", 318),
        ("RSA_4096", "RSAES_OAEP_SHA_1", 470),
        ("RSA_4096", "RSAES_OAEP_SHA_256", 446),
    ],
)
def test_the_longest_plaintext_of_rsa(server, spec, algorithm, most):
    ring = Ring.of(server)
    members = {"KeyId": ring.id(spec, ENCRYPT), "EncryptionAlgorithm": algorithm}
    ring.caller.ok("Encrypt", members, Plaintext=b"x" * most)
    message = ring.caller.fails(INVALID, "Encrypt", members, Plaintext=b"x" * (most + 1))
    assert message == (
        f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes."
    )


def test_every_modelled_error_is_covered_or_explained():
    model = botocore.session.get_session().get_service_model("kms")
    modelled = {shape.name for shape in model.error_shapes}
    covered = {row[0] for row in ERRORS}
    for path in FOLDER.glob("cases/*/*.json"):
        body = json.loads(path.read_text())["response"]["body"]
        if isinstance(body, dict):
            covered.add(body.get("__type"))
    assert list(UNCOVERED) == sorted(UNCOVERED) and all(UNCOVERED.values())
    assert set(UNCOVERED) <= modelled, "a name that the model does not have"
    assert not set(UNCOVERED) & covered, "these are covered: the list may only shrink"
    assert modelled <= covered | set(UNCOVERED), modelled - covered - set(UNCOVERED)
