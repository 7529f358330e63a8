"""Every error that these operations can give: code, exact text, form. reference/errors.md."""

import botocore.session
import pytest

from harness import texts
from harness.texts import NO_SUCH_ID as ID

KEY_OPERATIONS = {
    "CancelKeyDeletion": {},
    "DisableKey": {},
    "DisableKeyRotation": {},
    "EnableKey": {},
    "EnableKeyRotation": {},
    "GetKeyPolicy": {},
    "GetKeyRotationStatus": {},
    "ListKeyPolicies": {},
    "ListKeyRotations": {},
    "ListResourceTags": {},
    "PutKeyPolicy": {"Policy": texts.policy(texts.allow("*"))},
    "RotateKeyOnDemand": {},
    "ScheduleKeyDeletion": {},
    "TagResource": {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
    "UntagResource": {"TagKeys": ["a"]},
    "UpdateKeyDescription": {"Description": "d"},
}
ALIAS_OPERATIONS = {
    "DescribeKey": {},
    "Encrypt": {"Plaintext": b"x"},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
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
UNSERVED = [
    line.strip()
    for line in open(__file__.replace("test_errors.py", "uncovered-operations.txt"))
    if line.strip() and not line.startswith("#")
]


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
