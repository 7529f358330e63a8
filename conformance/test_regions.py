"""Regions are islands. reference/regions.md."""

import pytest

from harness import texts
from harness.caller import Caller

FAR = "eu-west-1"


def test_keys_and_aliases_live_in_one_region(caller):
    far = caller.in_region(FAR)
    here, there = caller.key(), far.key()
    assert f":{FAR}:" in there["Arn"] and ":us-east-1:" in here["Arn"]
    assert [key["KeyId"] for key in caller.ok("ListKeys")["Keys"]] == [here["KeyId"]]
    assert [key["KeyId"] for key in far.ok("ListKeys")["Keys"]] == [there["KeyId"]]
    caller.ok("CreateAlias", AliasName="alias/same", TargetKeyId=here["KeyId"])
    far.ok("CreateAlias", AliasName="alias/same", TargetKeyId=there["KeyId"])
    assert caller.ok("DescribeKey", KeyId="alias/same")["KeyMetadata"] == here
    assert far.ok("DescribeKey", KeyId="alias/same")["KeyMetadata"] == there


def test_an_arn_of_another_region_names_that_region(caller):
    far = caller.in_region(FAR)
    meta = far.key()
    far.ok("CreateAlias", AliasName="alias/far", TargetKeyId=meta["KeyId"])
    for operation, members in [
        ("Encrypt", {"KeyId": meta["Arn"], "Plaintext": b"x"}),
        ("DescribeKey", {"KeyId": meta["Arn"]}),
        ("CreateAlias", {"AliasName": "alias/x", "TargetKeyId": meta["Arn"]}),
        ("DescribeKey", {"KeyId": far.arn("alias/far")}),
    ]:
        message = caller.fails("NotFoundException", operation, members)
        assert message == f"Invalid arn {FAR}"


def test_a_blob_of_another_region(caller):
    far = caller.in_region(FAR)
    blob = far.encrypt(far.key_id(), b"x")
    message = caller.fails("AccessDeniedException", "Decrypt", CiphertextBlob=blob)
    assert message == texts.ciphertext_denied(caller.root)
    message = caller.fails(
        "AccessDeniedException", "ReEncrypt", CiphertextBlob=blob, DestinationKeyId=caller.key_id()
    )
    assert message == texts.ciphertext_denied(caller.root, "ReEncryptFrom")
    assert far.decrypt(blob) == b"x"


def test_a_target_of_another_region(caller):
    far = caller.in_region(FAR)
    blob = caller.encrypt(caller.key_id(), b"x")
    message = caller.fails(
        "NotFoundException", "ReEncrypt", CiphertextBlob=blob, DestinationKeyId=far.key()["Arn"]
    )
    assert message == f"Invalid arn {FAR}"


@pytest.mark.parametrize("region", ["ap-southeast-7", "sa-east-1", "us-west-2", "me-central-1"])
def test_regions_of_the_aws_partition(server, region):
    caller = Caller(server, region=region)
    meta = caller.key()
    assert meta["Arn"] == f"arn:aws:kms:{region}:{caller.account}:key/{meta['KeyId']}"
    assert caller.decrypt(caller.encrypt(meta["Arn"], b"x")) == b"x"


@pytest.mark.parametrize(
    "region, partition",
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eusc-de-east-1", "aws-eusc")],
)
def test_partitions_follow_the_region(server, region, partition):
    caller = Caller(server, region=region)
    meta = caller.key()
    assert meta["Arn"] == f"arn:{partition}:kms:{region}:{caller.account}:key/{meta['KeyId']}"
    principal = caller.ok("GetKeyPolicy", KeyId=meta["KeyId"])["Policy"]
    assert f"arn:{partition}:iam::{caller.account}:root" in principal
    assert caller.decrypt(caller.encrypt(meta["Arn"], b"x")) == b"x"


@pytest.mark.parametrize(
    "region", ["", "nowhere", "US-EAST-1", "us-east", "us-east-1 ", "a" * 40 + "-1"]
)
def test_no_region(server, region):
    answer = Caller(server, region=region).call("ListKeys")
    assert answer.status == 400, answer.raw
    assert answer.code in ("InvalidSignatureException", "IncompleteSignatureException")
