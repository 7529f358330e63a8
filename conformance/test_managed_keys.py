"""AWS managed keys: one a service, account and Region, made at its first use, read-only to people.

`keystead dev` knows services by the access key ids `service_<name>_<account>`. reference/api.md,
identifier rules; reference/authorization.md, default key policies.
"""

import json
import re
import time

import pytest

from harness import texts
from harness.caller import Caller, unb64
from harness.golden import UUID

YEAR_SECONDS = 365 * 86400
ALIAS = "alias/aws/s3"
SERVICES = [
    "acm",
    "backup",
    "codecommit",
    "dms",
    "dynamodb",
    "ebs",
    "elasticfilesystem",
    "es",
    "fsx",
    "glue",
    "kinesis",
    "kinesisvideo",
    "lambda",
    "rds",
    "redshift",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "workspaces",
    "xray",
]
# Management that the key's fixed policy does not name.
REFUSED = {
    "CancelKeyDeletion": {},
    "CreateGrant": {
        "GranteePrincipal": "arn:aws:iam::111122223333:root",
        "Operations": ["Decrypt"],
    },
    "DeleteImportedKeyMaterial": {},
    "DisableKey": {},
    "DisableKeyRotation": {},
    "EnableKey": {},
    "EnableKeyRotation": {},
    "ImportKeyMaterial": {
        "ImportToken": b"x",
        "EncryptedKeyMaterial": b"x",
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    },
    "PutKeyPolicy": {"Policy": texts.policy(texts.allow("*"))},
    "ReplicateKey": {"ReplicaRegion": "eu-west-1"},
    "RotateKeyOnDemand": {},
    "ScheduleKeyDeletion": {},
    "TagResource": {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
    "UntagResource": {"TagKeys": ["a"]},
    "UpdateKeyDescription": {"Description": "mine"},
    "UpdatePrimaryRegion": {"PrimaryRegion": "eu-west-1"},
}
CRYPTOGRAPHY = {
    "Encrypt": {"Plaintext": b"x"},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
}


def service_of(caller, name, region=None):
    """A service that acts for the caller's account."""
    key_id = f"service_{name}_{caller.account}"
    return Caller(caller.server, caller.account, region or caller.region, key_id=key_id)


@pytest.fixture
def s3(caller):
    """S3 acting for the caller's account."""
    service = service_of(caller, "s3")
    yield service
    service.close()


@pytest.fixture
def managed(caller, s3):
    """The metadata of S3's key in the caller's account, made by its first use."""
    s3.ok("Encrypt", KeyId=ALIAS, Plaintext=b"x")
    return caller.ok("DescribeKey", KeyId=ALIAS)["KeyMetadata"]


def by_policy(caller, action, arn):
    """The refusal of a key policy that does not name the action."""
    return texts.no_resource_policy(caller.root, action, arn)


def test_the_first_use_by_the_service_makes_it(caller, s3):
    assert caller.ok("ListKeys")["Keys"] == [] and caller.ok("ListAliases")["Aliases"] == []
    out = s3.ok("GenerateDataKey", KeyId=ALIAS, KeySpec="AES_256")
    keys = caller.ok("ListKeys")["Keys"]
    assert [key["KeyArn"] for key in keys] == [out["KeyId"]]
    back = s3.ok("Decrypt", CiphertextBlob=out["CiphertextBlob"])
    assert back["Plaintext"] == out["Plaintext"] and back["KeyId"] == out["KeyId"]
    assert s3.ok("Encrypt", KeyId=ALIAS, Plaintext=b"x")["KeyId"] == out["KeyId"]
    assert len(caller.ok("ListKeys")["Keys"]) == 1


def test_metadata(caller, managed):
    meta = dict(managed)
    assert abs(meta.pop("CreationDate") - time.time()) < 30
    assert len(meta.pop("CurrentKeyMaterialId")) == 64
    assert meta.pop("Description")
    assert meta == {
        "AWSAccountId": caller.account,
        "KeyId": meta["KeyId"],
        "Arn": caller.arn(meta["KeyId"]),
        "Enabled": True,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "AWS",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }
    for form in (meta["KeyId"], meta["Arn"], ALIAS, caller.arn(ALIAS)):
        assert caller.ok("DescribeKey", KeyId=form)["KeyMetadata"] == managed


@pytest.mark.parametrize("service", SERVICES)
def test_describing_a_predefined_alias_makes_it(caller, service):
    name = f"alias/aws/{service}"
    meta = caller.ok("DescribeKey", KeyId=name)["KeyMetadata"]
    assert meta["KeyManager"] == "AWS" and meta["Enabled"] is True
    assert caller.ok("DescribeKey", KeyId=caller.arn(name))["KeyMetadata"] == meta
    aliases = caller.ok("ListAliases", KeyId=meta["KeyId"])["Aliases"]
    assert [(entry["AliasName"], entry["TargetKeyId"]) for entry in aliases] == [
        (name, meta["KeyId"])
    ]


def test_nothing_else_makes_one(caller):
    ebs = service_of(caller, "ec2")
    for who, name, operation, members in [
        (caller, ALIAS, "Encrypt", {"Plaintext": b"x"}),
        (caller, ALIAS, "GenerateDataKey", {"KeySpec": "AES_256"}),
        (caller, ALIAS, "GetPublicKey", {}),
        (ebs, ALIAS, "Encrypt", {"Plaintext": b"x"}),
        (caller, "alias/aws/nothing", "DescribeKey", {}),
        (caller, "alias/aws/s3/x", "DescribeKey", {}),
        (caller, "alias/aws/", "DescribeKey", {}),
    ]:
        message = who.fails("NotFoundException", operation, members, KeyId=name)
        assert message == texts.no_such_alias(caller.arn(name))
    assert caller.ok("ListKeys")["Keys"] == []


def test_a_dry_run_makes_none(caller, s3):
    s3.call("Encrypt", KeyId=ALIAS, Plaintext=b"x", DryRun=True)
    assert caller.ok("ListKeys")["Keys"] == []


def test_another_account_makes_none_here(caller, stranger):
    stranger.fails("AccessDeniedException", "DescribeKey", KeyId=caller.arn(ALIAS))
    theirs = service_of(stranger, "s3")
    theirs.fails("AccessDeniedException", "Encrypt", KeyId=caller.arn(ALIAS), Plaintext=b"x")
    assert caller.ok("ListKeys")["Keys"] == [] and stranger.ok("ListKeys")["Keys"] == []


def test_each_account_and_region_has_its_own(caller, stranger, managed):
    other = stranger.ok("DescribeKey", KeyId=ALIAS)["KeyMetadata"]
    west = caller.in_region("eu-west-1").ok("DescribeKey", KeyId=ALIAS)["KeyMetadata"]
    assert len({managed["KeyId"], other["KeyId"], west["KeyId"]}) == 3
    assert other["AWSAccountId"] == stranger.account
    assert west["Arn"] == caller.in_region("eu-west-1").arn(west["KeyId"])


def test_it_is_listed(caller, managed):
    own = caller.key_id()
    listed = {key["KeyId"] for key in caller.ok("ListKeys")["Keys"]}
    assert listed == {own, managed["KeyId"]}
    entry = caller.ok("ListAliases")["Aliases"][0]
    assert entry["AliasName"] == ALIAS and entry["AliasArn"] == caller.arn(ALIAS)
    assert entry["TargetKeyId"] == managed["KeyId"]


def test_it_rotates_every_year(caller, managed):
    out = caller.ok("GetKeyRotationStatus", KeyId=managed["KeyId"])
    assert out["KeyRotationEnabled"] is True and out["RotationPeriodInDays"] == 365
    assert abs(out["NextRotationDate"] - time.time() - YEAR_SECONDS) < 86400
    assert caller.ok("ListKeyRotations", KeyId=managed["KeyId"])["Rotations"] == []


def test_its_policy_is_shown(caller, managed):
    assert caller.ok("ListKeyPolicies", KeyId=managed["KeyId"])["PolicyNames"] == ["default"]
    out = caller.ok("GetKeyPolicy", KeyId=managed["KeyId"])
    document = json.loads(out["Policy"])
    assert out["PolicyName"] == "default" and document["Version"] == "2012-10-17"
    through, direct = document["Statement"]
    assert through["Effect"] == "Allow" and through["Principal"] == {"AWS": "*"}
    assert through["Condition"] == {
        "StringEquals": {
            "kms:CallerAccount": caller.account,
            "kms:ViaService": "s3.us-east-1.amazonaws.com",
        }
    }
    assert {"kms:Encrypt", "kms:Decrypt"} <= set(through["Action"])
    assert direct["Principal"] == {"AWS": caller.root} and "Condition" not in direct
    reading = {"kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"}
    assert set(direct["Action"]) == reading


def test_what_the_account_may_read(caller, managed):
    key = managed["KeyId"]
    for operation in ("GetKeyLastUsage", "ListGrants", "ListResourceTags", "ListKeyPolicies"):
        caller.ok(operation, KeyId=key)
    assert caller.ok("ListResourceTags", KeyId=key)["Tags"] == []


@pytest.mark.parametrize("operation", sorted(REFUSED))
def test_management_is_refused(caller, managed, operation):
    members = REFUSED[operation]
    for form in (managed["KeyId"], managed["Arn"]):
        message = caller.fails("AccessDeniedException", operation, members, KeyId=form)
        assert message == by_policy(caller, operation, managed["Arn"])
    assert caller.ok("DescribeKey", KeyId=ALIAS)["KeyMetadata"] == managed


@pytest.mark.parametrize("operation", sorted(REFUSED))
def test_the_service_does_not_manage_it_either(caller, s3, managed, operation):
    if operation == "CreateGrant":
        return  # its policy lets the service make grants
    message = s3.fails("AccessDeniedException", operation, REFUSED[operation], KeyId=managed["Arn"])
    assert f"not authorized to perform: kms:{operation} on resource: {managed['Arn']}" in message
    assert caller.ok("DescribeKey", KeyId=ALIAS)["KeyMetadata"] == managed


@pytest.mark.parametrize("operation", sorted(CRYPTOGRAPHY))
def test_the_account_cannot_use_it(caller, managed, operation):
    for form in (managed["KeyId"], managed["Arn"], ALIAS, caller.arn(ALIAS)):
        message = caller.fails(
            "AccessDeniedException", operation, CRYPTOGRAPHY[operation], KeyId=form
        )
        assert message == by_policy(caller, operation, managed["Arn"])


@pytest.mark.parametrize("operation", sorted(CRYPTOGRAPHY))
def test_another_service_cannot_use_it(caller, managed, operation):
    members = CRYPTOGRAPHY[operation]
    for name in ("ec2", "sqs", "s3x", "s"):
        other = service_of(caller, name)
        for form in (managed["KeyId"], ALIAS):
            other.fails("AccessDeniedException", operation, members, KeyId=form)
        other.close()


def test_the_service_for_another_account_cannot_use_it(caller, stranger, managed):
    theirs = service_of(stranger, "s3")
    for operation, members in CRYPTOGRAPHY.items():
        theirs.fails("AccessDeniedException", operation, members, KeyId=managed["Arn"])
    theirs.close()


def test_only_the_service_opens_its_blobs(caller, s3, managed):
    blob = s3.encrypt(ALIAS, b"object", EncryptionContext={"aws:s3:arn": "x"})
    context = {"aws:s3:arn": "x"}
    for who in (caller, service_of(caller, "sqs")):
        for named in ({}, {"KeyId": managed["Arn"]}):
            members = {"CiphertextBlob": blob, "EncryptionContext": context, **named}
            who.fails("AccessDeniedException", "Decrypt", members)
        members = {"CiphertextBlob": blob, "DestinationKeyId": caller.key_id()}
        who.fails(
            {"AccessDeniedException", "NotFoundException"},
            "ReEncrypt",
            members,
            SourceEncryptionContext=context,
        )
    assert s3.decrypt(blob, EncryptionContext=context) == b"object"


def test_a_service_needs_the_policy_of_a_customer_key(caller, s3):
    closed = caller.key()
    s3.fails("AccessDeniedException", "Encrypt", KeyId=closed["Arn"], Plaintext=b"x")
    principal = {"Service": "s3.amazonaws.com"}
    opened = caller.key(
        Policy=texts.policy(texts.allow(caller.root), texts.allow(principal, "kms:Encrypt"))
    )
    blob = unb64(s3.ok("Encrypt", KeyId=opened["Arn"], Plaintext=b"x")["CiphertextBlob"])
    s3.fails("AccessDeniedException", "Decrypt", CiphertextBlob=blob)
    assert caller.decrypt(blob) == b"x"


@pytest.mark.parametrize("name", [ALIAS, "alias/aws/mine", "alias/aws/"])
def test_reserved_aliases(caller, managed, name):
    key = caller.key_id()
    # The code is not certain (`?` in reference/errors.md); what the name is good for stays.
    codes = {"InvalidAliasNameException", "NotFoundException", "AccessDeniedException"}
    codes |= {"ValidationException"}
    caller.fails(codes, "CreateAlias", AliasName=name, TargetKeyId=key)
    caller.fails(codes, "UpdateAlias", AliasName=name, TargetKeyId=key)
    caller.fails(codes, "DeleteAlias", AliasName=name)
    assert caller.ok("DescribeKey", KeyId=ALIAS)["KeyMetadata"] == managed


def test_no_alias_of_ones_own_for_it(caller, managed):
    codes = {"AccessDeniedException", "ValidationException", "UnsupportedOperationException"}
    caller.fails(codes, "CreateAlias", AliasName="alias/own", TargetKeyId=managed["KeyId"])
    caller.ok("CreateAlias", AliasName="alias/own", TargetKeyId=caller.key_id())
    caller.fails(codes, "UpdateAlias", AliasName="alias/own", TargetKeyId=managed["KeyId"])
    assert len(caller.ok("ListAliases", KeyId=managed["KeyId"])["Aliases"]) == 1


def test_many_at_once_make_one(caller, server):
    from concurrent.futures import ThreadPoolExecutor

    def describe(_):
        with_own_connection = Caller(server, caller.account)
        return with_own_connection.ok("DescribeKey", KeyId=ALIAS)["KeyMetadata"]["KeyId"]

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(describe, range(16)))
    assert len(found) == 1 and len(caller.ok("ListKeys")["Keys"]) == 1


def test_it_survives_a_restart(own_server):
    caller = Caller(own_server)
    s3 = service_of(caller, "s3")
    blob = s3.encrypt(ALIAS, b"kept")
    meta = caller.ok("DescribeKey", KeyId=ALIAS)["KeyMetadata"]
    own_server.stop()
    own_server.start()
    caller, s3 = Caller(own_server, caller.account), service_of(caller, "s3")
    assert caller.ok("DescribeKey", KeyId=ALIAS)["KeyMetadata"] == meta
    assert s3.decrypt(blob) == b"kept"
    message = caller.fails("AccessDeniedException", "DisableKey", KeyId=meta["KeyId"])
    assert message == by_policy(caller, "DisableKey", meta["Arn"])


@pytest.mark.parametrize(
    "key_id",
    ["service_", "service_S3", "service_s3_", "service_s3_1", "service_s3_111122223333_1", "s3"],
)
def test_access_key_ids_that_are_no_service(server, key_id):
    answer = Caller(server, key_id=key_id).call("ListKeys")
    assert answer.status == 400 and answer.code == "UnrecognizedClientException"


def test_a_service_without_an_account_acts_for_the_well_known_one(server):
    service, root = Caller(server, key_id="service_ssm"), Caller(server, key_id="test")
    out = service.ok("Encrypt", KeyId="alias/aws/ssm", Plaintext=b"x")
    assert ":000000000000:" in out["KeyId"]
    meta = root.ok("DescribeKey", KeyId="alias/aws/ssm")["KeyMetadata"]
    assert meta["Arn"] == out["KeyId"] and meta["KeyManager"] == "AWS"
    assert re.fullmatch(UUID, meta["KeyId"])
