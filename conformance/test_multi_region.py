"""Multi-Region keys with boto3: `keystead dev` serves every Region. reference/regions.md."""

import re
import time

import pytest
from botocore.exceptions import ClientError
from harness.caller import fresh_account

HOME, AWAY, THIRD = "us-east-1", "eu-west-1", "ap-southeast-2"


@pytest.fixture
def regions(kms_client):
    """Clients of one fresh account in three Regions."""
    account = fresh_account()
    return [kms_client(account, region) for region in (HOME, AWAY, THIRD)]


def until_enabled(kms, key):
    """Waits for the end of Creating or Updating, as the guide advises."""
    for _ in range(100):
        meta = kms.describe_key(KeyId=key)["KeyMetadata"]
        if meta["KeyState"] not in ("Creating", "Updating"):
            return meta
        time.sleep(0.1)
    raise AssertionError(meta)


def code(call, **members):
    """The error code of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]


def a_set(regions, **members):
    """A primary key in the first Region and a replica in the second."""
    home, away, _ = regions
    meta = home.create_key(MultiRegion=True, **members)["KeyMetadata"]
    home.replicate_key(KeyId=meta["KeyId"], ReplicaRegion=AWAY)
    until_enabled(away, meta["KeyId"])
    return meta["KeyId"], meta["Arn"]


def test_a_lone_primary_key(regions):
    meta = regions[0].create_key(MultiRegion=True)["KeyMetadata"]
    assert re.fullmatch(r"mrk-[0-9a-f]{32}", meta["KeyId"]) and meta["MultiRegion"] is True
    assert meta["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": {"Arn": meta["Arn"], "Region": HOME},
        "ReplicaKeys": [],
    }


def test_replicate(regions):
    home, away, third = regions
    meta = home.create_key(MultiRegion=True, Description="first")["KeyMetadata"]
    key = meta["KeyId"]
    blob = home.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]
    tags = [{"TagKey": "place", "TagValue": "away"}]
    out = home.replicate_key(KeyId=key, ReplicaRegion=AWAY, Description="second", Tags=tags)
    replica = out["ReplicaKeyMetadata"]
    assert replica["Arn"] == meta["Arn"].replace(HOME, AWAY)
    assert replica["KeyState"] == "Creating" and replica["Enabled"] is False
    assert "CurrentKeyMaterialId" not in replica and out["ReplicaTags"] == tags
    shown = until_enabled(away, key)
    assert shown["KeyState"] == "Enabled" and shown["Description"] == "second"
    assert shown["CurrentKeyMaterialId"] == meta["CurrentKeyMaterialId"]
    opened = away.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})
    assert opened["Plaintext"] == b"x" and opened["KeyId"] == replica["Arn"]
    for kms in (home, away):
        shown = kms.describe_key(KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]
        assert shown["PrimaryKey"]["Region"] == HOME
        assert [one["Region"] for one in shown["ReplicaKeys"]] == [AWAY]
    assert code(third.describe_key, KeyId=key) == "NotFoundException"
    assert code(home.replicate_key, KeyId=key, ReplicaRegion=AWAY) == "AlreadyExistsException"
    assert code(away.replicate_key, KeyId=key, ReplicaRegion=THIRD) == (
        "UnsupportedOperationException"
    )


def test_keys_of_one_region_stay_there(regions):
    home, away, _ = regions
    key = home.create_key()["KeyMetadata"]["KeyId"]
    blob = home.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert code(home.replicate_key, KeyId=key, ReplicaRegion=AWAY) == "UnsupportedOperationException"
    assert code(away.decrypt, CiphertextBlob=blob) == "AccessDeniedException"


@pytest.mark.parametrize(
    "spec, usage",
    [
        ("ECC_NIST_P256", "SIGN_VERIFY"),
        ("RSA_2048", "SIGN_VERIFY"),
        ("HMAC_256", "GENERATE_VERIFY_MAC"),
    ],
)
def test_keys_of_every_sort(regions, spec, usage):
    home, away, _ = regions
    key, _ = a_set(regions, KeySpec=spec, KeyUsage=usage)
    if usage == "GENERATE_VERIFY_MAC":
        how = {"KeyId": key, "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}
        mac = home.generate_mac(**how)["Mac"]
        assert away.verify_mac(**how, Mac=mac)["MacValid"] is True
        return
    algorithm = "ECDSA_SHA_256" if spec.startswith("ECC") else "RSASSA_PSS_SHA_256"
    how = {"KeyId": key, "Message": b"m", "SigningAlgorithm": algorithm}
    signature = away.sign(**how)["Signature"]
    assert home.verify(**how, Signature=signature)["SignatureValid"] is True
    public = [kms.get_public_key(KeyId=key)["PublicKey"] for kms in (home, away)]
    assert public[0] == public[1]


def test_rotation_is_the_primary_keys(regions):
    home, away, third = regions
    key, _ = a_set(regions)
    home.enable_key_rotation(KeyId=key, RotationPeriodInDays=120)
    assert away.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 120
    for call in (away.enable_key_rotation, away.disable_key_rotation, away.rotate_key_on_demand):
        assert code(call, KeyId=key) == "UnsupportedOperationException"
    old = away.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    home.rotate_key_on_demand(KeyId=key)
    fresh = home.encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
    assert away.decrypt(CiphertextBlob=fresh)["Plaintext"] == b"new"
    listed = [kms.list_key_rotations(KeyId=key)["Rotations"] for kms in (home, away)]
    assert listed[0] == listed[1] and len(listed[0]) == 1
    # A new replica has every version.
    home.replicate_key(KeyId=key, ReplicaRegion=THIRD)
    until_enabled(third, key)
    assert third.decrypt(CiphertextBlob=old)["Plaintext"] == b"old"
    assert third.decrypt(CiphertextBlob=fresh)["Plaintext"] == b"new"


def test_the_primary_region_moves(regions):
    home, away, third = regions
    key, _ = a_set(regions)
    blob = home.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert code(home.update_primary_region, KeyId=key, PrimaryRegion=THIRD) == "NotFoundException"
    home.update_primary_region(KeyId=key, PrimaryRegion=AWAY)
    for kms, kind in ((home, "REPLICA"), (away, "PRIMARY")):
        meta = until_enabled(kms, key)
        assert meta["KeyState"] == "Enabled"
        shown = meta["MultiRegionConfiguration"]
        assert shown["MultiRegionKeyType"] == kind and shown["PrimaryKey"]["Region"] == AWAY
        assert [one["Region"] for one in shown["ReplicaKeys"]] == [HOME]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    away.replicate_key(KeyId=key, ReplicaRegion=THIRD)
    away.rotate_key_on_demand(KeyId=key)
    fresh = away.encrypt(KeyId=key, Plaintext=b"y")["CiphertextBlob"]
    for kms in regions:
        until_enabled(kms, key)
        assert kms.decrypt(CiphertextBlob=fresh)["Plaintext"] == b"y"


def test_deletion_of_a_primary_key_waits_for_its_replicas(regions):
    home, away, _ = regions
    key, arn = a_set(regions)
    out = home.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    out.pop("ResponseMetadata")
    assert out == {"KeyId": arn, "KeyState": "PendingReplicaDeletion", "PendingWindowInDays": 7}
    meta = home.describe_key(KeyId=key)["KeyMetadata"]
    assert meta["PendingDeletionWindowInDays"] == 7 and "DeletionDate" not in meta
    assert code(home.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
    assert away.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    out = away.schedule_key_deletion(KeyId=key)
    assert out["KeyState"] == "PendingDeletion" and out["DeletionDate"]
    for kms in (home, away):
        kms.cancel_key_deletion(KeyId=key)
        kms.enable_key(KeyId=key)
    assert home.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
