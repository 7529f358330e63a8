"""Key rotation: the schedule, rotation on demand, key material ids. reference/api.md."""

import re
import time

import pytest

from harness import texts
from harness.caller import unb64

DAY = 86400
ON_DEMAND_MAX = 25
MATERIAL = re.compile(r"[0-9a-f]{64}")


def status(caller, key):
    """GetKeyRotationStatus without KeyId, whose form is not documented."""
    out = caller.ok("GetKeyRotationStatus", KeyId=key)
    assert out.pop("KeyId").endswith(key.rsplit("/", 1)[-1])
    return out


def test_rotation_is_off_at_first(caller):
    meta = caller.key()
    assert status(caller, meta["KeyId"]) == {"KeyRotationEnabled": False}
    assert status(caller, meta["Arn"]) == {"KeyRotationEnabled": False}


def test_enable_change_disable(caller):
    key = caller.key_id()
    for period, named in [
        (365, {}),
        (90, {"RotationPeriodInDays": 90}),
        (2560, {"RotationPeriodInDays": 2560}),
    ]:
        answer = caller.call("EnableKeyRotation", named, KeyId=key)
        assert answer.status == 200 and answer.raw in (b"", b"{}")
        out = status(caller, key)
        assert abs(out.pop("NextRotationDate") - time.time() - period * DAY) < DAY
        assert out == {"KeyRotationEnabled": True, "RotationPeriodInDays": period}
    for _ in range(2):
        answer = caller.call("DisableKeyRotation", KeyId=key)
        assert answer.status == 200 and answer.raw in (b"", b"{}")
        assert status(caller, key) == {"KeyRotationEnabled": False}


@pytest.mark.parametrize("days, rule", [(89, texts.min_value(90)), (2561, texts.max_value(2560))])
def test_period_bounds(caller, days, rule):
    key = caller.key_id()
    message = caller.fails(
        "ValidationException", "EnableKeyRotation", KeyId=key, RotationPeriodInDays=days
    )
    assert message == texts.invalid(texts.constraint("rotationPeriodInDays", rule, days))
    assert status(caller, key) == {"KeyRotationEnabled": False}


def test_rotation_changes_the_material_and_keeps_old_blobs(caller):
    meta = caller.key()
    key = meta["KeyId"]
    materials, blobs = [meta["CurrentKeyMaterialId"]], [caller.encrypt(key, b"0")]
    for index in range(1, 4):
        materials.append(caller.rotate(key))
        assert MATERIAL.fullmatch(materials[-1])
        blobs.append(caller.encrypt(key, str(index).encode()))
    assert len(set(materials)) == 4
    for index, (material, blob) in enumerate(zip(materials, blobs, strict=True)):
        out = caller.ok("Decrypt", CiphertextBlob=blob)
        assert unb64(out["Plaintext"]) == str(index).encode()
        assert out["KeyMaterialId"] == material
    out = caller.ok("GenerateDataKey", KeyId=key, KeySpec="AES_256")
    assert out["KeyMaterialId"] == materials[-1]
    out = caller.ok("ReEncrypt", CiphertextBlob=blobs[0], DestinationKeyId=key)
    assert out["SourceKeyMaterialId"] == materials[0]
    assert out["DestinationKeyMaterialId"] == materials[-1]


def test_output_is_the_arn(caller):
    meta = caller.key()
    assert caller.ok("RotateKeyOnDemand", KeyId=meta["KeyId"]) == {"KeyId": meta["Arn"]}


def test_on_demand_does_not_move_the_schedule(caller):
    key = caller.key_id()
    caller.ok("EnableKeyRotation", KeyId=key, RotationPeriodInDays=100)
    before = status(caller, key)["NextRotationDate"]
    caller.rotate(key)
    assert status(caller, key)["NextRotationDate"] == before


def test_list_of_rotations(caller):
    meta = caller.key()
    key = meta["KeyId"]
    assert caller.ok("ListKeyRotations", KeyId=key) == {"Rotations": [], "Truncated": False}
    first = meta["CurrentKeyMaterialId"]
    second, start = caller.rotate(key), time.time()
    third = caller.rotate(key)
    out = caller.ok("ListKeyRotations", KeyId=meta["Arn"])
    assert out["Truncated"] is False
    assert {entry["KeyMaterialId"] for entry in out["Rotations"]} == {second, third}
    for entry in out["Rotations"]:
        assert entry["RotationType"] == "ON_DEMAND"
        assert abs(entry["RotationDate"] - start) < 60
        assert entry["KeyId"].endswith(key)
        assert not {"ImportState", "ExpirationModel", "ValidTo"} & set(entry)
    out = caller.ok("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    by_material = {entry["KeyMaterialId"]: entry for entry in out["Rotations"]}
    assert set(by_material) == {first, second, third}
    assert "RotationDate" not in by_material[first] and "RotationType" not in by_material[first]
    states = {material: entry["KeyMaterialState"] for material, entry in by_material.items()}
    assert states == {first: "NON_CURRENT", second: "NON_CURRENT", third: "CURRENT"}
    same = caller.ok("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ROTATIONS_ONLY")
    assert {entry["KeyMaterialId"] for entry in same["Rotations"]} == {second, third}


def test_twenty_five_rotations_on_demand(caller):
    meta = caller.key()
    for _ in range(ON_DEMAND_MAX):
        caller.rotate(meta["KeyId"])
    message = caller.fails("LimitExceededException", "RotateKeyOnDemand", KeyId=meta["KeyId"])
    assert message == (
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
        f"rotations can be performed for this key: {meta['Arn']}"
    )
    assert len(caller.ok("ListKeyRotations", KeyId=meta["KeyId"])["Rotations"]) == ON_DEMAND_MAX


@pytest.mark.parametrize(
    "members",
    [
        {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
        {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "ML_KEM_512", "KeyUsage": "ENCAPSULATE_DECAPSULATE"},
    ],
)
def test_only_symmetric_encryption_keys_rotate(caller, members):
    key = caller.key_id(**members)
    for operation in (
        "EnableKeyRotation",
        "DisableKeyRotation",
        "RotateKeyOnDemand",
        "GetKeyRotationStatus",
        "ListKeyRotations",
    ):
        assert caller.fails("UnsupportedOperationException", operation, KeyId=key) is None


def test_imported_keys_rotate_on_demand_only(caller):
    meta = caller.key(Origin="EXTERNAL")
    refused = f"{meta['Arn']} origin is EXTERNAL which is not valid for this operation."
    for operation in ("EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus"):
        message = caller.fails("UnsupportedOperationException", operation, KeyId=meta["KeyId"])
        assert message == refused
    # Recorded of AWS: the state is told before that nothing is pending.
    message = caller.fails("KMSInvalidStateException", "RotateKeyOnDemand", KeyId=meta["KeyId"])
    assert message == f"{meta['Arn']} is pending import."
    for shown in ("ROTATIONS_ONLY", "ALL_KEY_MATERIAL"):
        out = caller.ok("ListKeyRotations", KeyId=meta["KeyId"], IncludeKeyMaterial=shown)
        assert out == {"Rotations": [], "Truncated": False}


def test_the_schedule_of_a_set_is_its_primarys(caller):
    key = caller.key_id(MultiRegion=True)
    caller.ok("EnableKeyRotation", KeyId=key, RotationPeriodInDays=120)
    caller.ok("ReplicateKey", KeyId=key, ReplicaRegion="eu-west-1")
    away = caller.in_region("eu-west-1")
    for days in (120, 300):
        caller.ok("EnableKeyRotation", KeyId=key, RotationPeriodInDays=days)
        assert status(away, key) == status(caller, key)
        assert status(away, key)["RotationPeriodInDays"] == days
    # The code is certain to nobody (`?` in reference/regions.md).
    for operation in ("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"):
        away.fails("UnsupportedOperationException", operation, KeyId=key)
    caller.ok("DisableKeyRotation", KeyId=key)
    assert status(away, key) == {"KeyRotationEnabled": False}
    away.close()


def test_deletion_hides_and_cancel_restores_the_schedule(caller):
    key = caller.key_id()
    caller.ok("EnableKeyRotation", KeyId=key, RotationPeriodInDays=200)
    caller.ok("ScheduleKeyDeletion", KeyId=key)
    assert status(caller, key)["KeyRotationEnabled"] is False
    caller.ok("CancelKeyDeletion", KeyId=key)
    out = status(caller, key)
    assert out["KeyRotationEnabled"] is True and out["RotationPeriodInDays"] == 200


def test_a_disabled_key_keeps_its_schedule(caller):
    key = caller.key_id()
    caller.ok("EnableKeyRotation", KeyId=key)
    caller.ok("DisableKey", KeyId=key)
    assert status(caller, key)["KeyRotationEnabled"] is True


def test_boto3_rotation(kms):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    out = kms.get_key_rotation_status(KeyId=key)
    assert out["KeyRotationEnabled"] and out["NextRotationDate"].tzinfo is not None
    kms.rotate_key_on_demand(KeyId=key)
    kms.disable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
