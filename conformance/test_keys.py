"""Keys: creation, description, listing, enabling, deletion. reference/api.md."""

import re
import time

from harness import texts

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
DAY = 86400


def test_created_key_has_the_documented_metadata(caller):
    before = time.time()
    meta = caller.key(Description="first")
    assert UUID4.fullmatch(meta["KeyId"])
    assert re.fullmatch(r"[0-9a-f]{64}", meta.pop("CurrentKeyMaterialId"))
    assert before - 2 <= meta.pop("CreationDate") <= time.time() + 2
    assert meta == {
        "AWSAccountId": caller.account,
        "KeyId": meta["KeyId"],
        "Arn": caller.arn(meta["KeyId"]),
        "Enabled": True,
        "Description": "first",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }


def test_explicit_defaults_make_the_same_kind_of_key(caller):
    meta = caller.key(
        KeySpec="SYMMETRIC_DEFAULT",
        KeyUsage="ENCRYPT_DECRYPT",
        Origin="AWS_KMS",
        MultiRegion=False,
    )
    assert meta["KeySpec"] == "SYMMETRIC_DEFAULT" and meta["Description"] == ""
    old = caller.key(CustomerMasterKeySpec="SYMMETRIC_DEFAULT")
    assert old["CustomerMasterKeySpec"] == "SYMMETRIC_DEFAULT"


def test_create_is_not_idempotent(caller):
    first, second = caller.key(), caller.key()
    assert first["KeyId"] != second["KeyId"]
    assert first["CurrentKeyMaterialId"] != second["CurrentKeyMaterialId"]


def test_describe_takes_every_form_of_identifier(caller):
    meta = caller.key()
    caller.ok("CreateAlias", AliasName="alias/known", TargetKeyId=meta["KeyId"])
    forms = [meta["KeyId"], meta["Arn"], "alias/known", caller.arn("alias/known")]
    for form in forms:
        assert caller.ok("DescribeKey", KeyId=form)["KeyMetadata"] == meta


def test_list_shows_all_keys_in_every_state(caller):
    ids = [caller.key_id() for _ in range(3)]
    caller.ok("DisableKey", KeyId=ids[0])
    caller.ok("ScheduleKeyDeletion", KeyId=ids[1], PendingWindowInDays=7)
    out = caller.ok("ListKeys")
    assert out["Truncated"] is False and "NextMarker" not in out
    listed = sorted((key["KeyId"], key["KeyArn"]) for key in out["Keys"])
    assert listed == sorted((key, caller.arn(key)) for key in ids)


def test_list_of_an_empty_account(caller):
    assert caller.ok("ListKeys") == {"Keys": [], "Truncated": False}


def test_disable_and_enable(caller):
    key = caller.key_id()
    for operation, state in [("DisableKey", "Disabled"), ("EnableKey", "Enabled")]:
        for _ in range(2):  # idempotent
            answer = caller.call(operation, KeyId=key)
            assert answer.status == 200 and answer.raw in (b"", b"{}")
        meta = caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]
        assert meta["KeyState"] == state and meta["Enabled"] is (state == "Enabled")


def test_disable_takes_an_arn(caller):
    meta = caller.key()
    caller.ok("DisableKey", KeyId=meta["Arn"])
    assert caller.ok("DescribeKey", KeyId=meta["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"


def test_update_description(caller):
    key = caller.key_id(Description="old")
    for text in ["new", "", "ünï \U0001f511 \n\t\x1b[31m", "x" * 8192]:
        answer = caller.call("UpdateKeyDescription", KeyId=key, Description=text)
        assert answer.status == 200 and answer.raw in (b"", b"{}")
        assert caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]["Description"] == text


def test_schedule_and_cancel_deletion(caller):
    meta = caller.key()
    out = caller.ok("ScheduleKeyDeletion", KeyId=meta["KeyId"], PendingWindowInDays=7)
    assert abs(out.pop("DeletionDate") - time.time() - 7 * DAY) < DAY
    assert out == {"KeyId": meta["Arn"], "KeyState": "PendingDeletion", "PendingWindowInDays": 7}
    now = caller.ok("DescribeKey", KeyId=meta["KeyId"])["KeyMetadata"]
    assert now["KeyState"] == "PendingDeletion" and now["Enabled"] is False
    assert abs(now["DeletionDate"] - time.time() - 7 * DAY) < DAY
    assert "PendingDeletionWindowInDays" not in now
    assert caller.ok("CancelKeyDeletion", KeyId=meta["KeyId"]) == {"KeyId": meta["Arn"]}
    now = caller.ok("DescribeKey", KeyId=meta["KeyId"])["KeyMetadata"]
    assert now["KeyState"] == "Disabled" and "DeletionDate" not in now
    message = caller.fails("KMSInvalidStateException", "CancelKeyDeletion", KeyId=meta["KeyId"])
    assert message == texts.not_pending_deletion(meta["Arn"])


def test_deletion_window_defaults_to_thirty_days(caller):
    out = caller.ok("ScheduleKeyDeletion", KeyId=caller.key_id())
    assert out["PendingWindowInDays"] == 30
    assert abs(out["DeletionDate"] - time.time() - 30 * DAY) < DAY


def test_deletion_window_bounds(caller):
    for days in (7, 30):
        caller.ok("ScheduleKeyDeletion", KeyId=caller.key_id(), PendingWindowInDays=days)
    key = caller.key_id()
    for days in (0, 1, 6, 31, 365, 366):
        caller.fails(
            "ValidationException", "ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=days
        )
    assert caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_boto3_speaks_the_same(kms):
    meta = kms.create_key(Description="boto")["KeyMetadata"]
    assert meta["CreationDate"].tzinfo is not None
    assert kms.describe_key(KeyId=meta["Arn"])["KeyMetadata"] == meta
    kms.disable_key(KeyId=meta["KeyId"])
    kms.enable_key(KeyId=meta["KeyId"])
    kms.update_key_description(KeyId=meta["KeyId"], Description="changed")
    out = kms.schedule_key_deletion(KeyId=meta["KeyId"], PendingWindowInDays=10)
    assert out["KeyState"] == "PendingDeletion" and out["DeletionDate"].tzinfo is not None
    assert kms.cancel_key_deletion(KeyId=meta["KeyId"])["KeyId"] == meta["Arn"]
    assert [key["KeyArn"] for key in kms.list_keys()["Keys"]] == [meta["Arn"]]
