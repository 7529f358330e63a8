"""Key state by operation: the table of reference/key-states.md."""

import pytest

from harness import texts

OK = "ok"
DISABLED = ("DisabledException", texts.disabled)
PENDING = ("KMSInvalidStateException", texts.pending_deletion)
NOT_PENDING = ("KMSInvalidStateException", texts.not_pending_deletion)

# operation: (Enabled, Disabled, PendingDeletion)
TABLE = {
    "CancelKeyDeletion": (NOT_PENDING, NOT_PENDING, OK),
    "CreateAlias": (OK, OK, PENDING),
    "Decrypt": (OK, DISABLED, PENDING),
    "DeleteAlias": (OK, OK, OK),
    "DescribeKey": (OK, OK, OK),
    "DisableKey": (OK, OK, PENDING),
    "DisableKeyRotation": (OK, DISABLED, PENDING),
    "EnableKey": (OK, OK, PENDING),
    "EnableKeyRotation": (OK, DISABLED, PENDING),
    "Encrypt": (OK, DISABLED, PENDING),
    "GenerateDataKey": (OK, DISABLED, PENDING),
    "GenerateDataKeyWithoutPlaintext": (OK, DISABLED, PENDING),
    "GetKeyPolicy": (OK, OK, OK),
    "GetKeyRotationStatus": (OK, OK, OK),
    "ListAliases": (OK, OK, OK),
    "ListKeyPolicies": (OK, OK, OK),
    "ListKeyRotations": (OK, OK, OK),
    "ListResourceTags": (OK, OK, OK),
    "PutKeyPolicy": (OK, OK, OK),
    "ReEncrypt from": (OK, DISABLED, PENDING),
    "ReEncrypt to": (OK, DISABLED, PENDING),
    "RotateKeyOnDemand": (OK, DISABLED, PENDING),
    "ScheduleKeyDeletion": (OK, OK, PENDING),
    "TagResource": (OK, OK, PENDING),
    "UntagResource": (OK, OK, PENDING),
    "UpdateAlias": (OK, OK, PENDING),
    "UpdateAlias away": (OK, OK, OK),
    "UpdateKeyDescription": (OK, OK, PENDING),
}
STATES = ("Enabled", "Disabled", "PendingDeletion")


class Scene:
    """A key in some state, another that is enabled, blobs of both, and an alias on each."""

    def __init__(self, caller, state):
        self.caller = caller
        self.meta, self.other = caller.key(), caller.key()
        self.key = self.meta["KeyId"]
        self.blob = caller.encrypt(self.key, b"x")
        self.other_blob = caller.encrypt(self.other["KeyId"], b"x")
        caller.ok("CreateAlias", AliasName="alias/own", TargetKeyId=self.key)
        caller.ok("CreateAlias", AliasName="alias/other", TargetKeyId=self.other["KeyId"])
        if state == "Disabled":
            caller.ok("DisableKey", KeyId=self.key)
        elif state == "PendingDeletion":
            caller.ok("ScheduleKeyDeletion", KeyId=self.key)

    def members(self, operation):
        """A good request of the operation on the key."""
        key, other = self.key, self.other["KeyId"]
        special = {
            "CreateAlias": {"AliasName": "alias/new", "TargetKeyId": key},
            "Decrypt": {"CiphertextBlob": self.blob},
            "DeleteAlias": {"AliasName": "alias/own"},
            "Encrypt": {"KeyId": key, "Plaintext": b"x"},
            "GenerateDataKey": {"KeyId": key, "KeySpec": "AES_256"},
            "GenerateDataKeyWithoutPlaintext": {"KeyId": key, "KeySpec": "AES_128"},
            "PutKeyPolicy": {"KeyId": key, "Policy": texts.policy(texts.allow(self.caller.root))},
            "ReEncrypt from": {"CiphertextBlob": self.blob, "DestinationKeyId": other},
            "ReEncrypt to": {"CiphertextBlob": self.other_blob, "DestinationKeyId": key},
            "TagResource": {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]},
            "UntagResource": {"KeyId": key, "TagKeys": ["a"]},
            "UpdateAlias": {"AliasName": "alias/other", "TargetKeyId": key},
            "UpdateAlias away": {"AliasName": "alias/own", "TargetKeyId": other},
            "UpdateKeyDescription": {"KeyId": key, "Description": "d"},
        }
        return special.get(operation, {"KeyId": key})


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("row", sorted(TABLE))
def test_table(caller, row, state):
    scene = Scene(caller, state)
    expected = TABLE[row][STATES.index(state)]
    operation, members = row.split(" ")[0], scene.members(row)
    if expected == OK:
        caller.ok(operation, members)
    else:
        code, text = expected
        assert caller.fails(code, operation, members) == text(scene.meta["Arn"])


@pytest.mark.parametrize("state", STATES)
def test_a_refused_call_changes_nothing(caller, state):
    scene = Scene(caller, state)
    before = caller.ok("DescribeKey", KeyId=scene.key)
    for row, results in TABLE.items():
        if results[STATES.index(state)] != OK:
            caller.call(row.split(" ")[0], scene.members(row))
    assert caller.ok("DescribeKey", KeyId=scene.key) == before


def test_named_key_of_decrypt_follows_the_table(caller):
    for state, (code, text) in {"Disabled": DISABLED, "PendingDeletion": PENDING}.items():
        scene = Scene(caller, state) if state == "Disabled" else None
        if scene is None:
            caller.ok("DeleteAlias", AliasName="alias/own")
            caller.ok("DeleteAlias", AliasName="alias/other")
            scene = Scene(caller, state)
        members = {"CiphertextBlob": scene.blob, "KeyId": scene.key}
        assert caller.fails(code, "Decrypt", members) == text(scene.meta["Arn"])


def test_cancelled_key_works_again_after_enabling(caller):
    scene = Scene(caller, "PendingDeletion")
    caller.ok("CancelKeyDeletion", KeyId=scene.key)
    caller.fails("DisabledException", "Decrypt", CiphertextBlob=scene.blob)
    caller.ok("EnableKey", KeyId=scene.key)
    assert caller.decrypt(scene.blob) == b"x"


def test_second_schedule_is_refused_and_keeps_the_date(caller):
    key = caller.key_id()
    date = caller.ok("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=20)["DeletionDate"]
    caller.fails(
        "KMSInvalidStateException", "ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7
    )
    assert caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]["DeletionDate"] == date
