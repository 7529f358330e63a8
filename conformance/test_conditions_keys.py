"""Condition keys of the key, its tags and aliases, of CreateKey and of operations on two keys, in
a key policy and in an identity policy. reference/authorization.md, KMS condition keys, Tag keys."""

import os

import pytest

from harness import texts
from harness.texts import allow, policy
from people import Account, may
from test_conditions import (  # noqa: F401
    AES,
    AGREE,
    CONTEXT,
    EXTERNAL,
    MAC,
    RAW,
    RSA,
    SHARED,
    SIGN,
    equals,
    scene,
)

ABOUT_KEYS = [
    (equals("kms:KeySpec", "SYMMETRIC_DEFAULT"), AES, RSA),
    (equals("kms:KeySpec", "RSA_2048"), RSA, AES),
    (equals("kms:CustomerMasterKeySpec", "RSA_2048"), RSA, AES),
    (equals("kms:KeyUsage", "SIGN_VERIFY"), SIGN, AES),
    (equals("kms:CustomerMasterKeyUsage", "SIGN_VERIFY"), SIGN, AGREE),
    (equals("kms:KeyOrigin", "EXTERNAL"), EXTERNAL, AES),
    (equals("kms:KeyOrigin", "AWS_KMS"), AES, EXTERNAL),
    ({"Bool": {"kms:MultiRegion": "true"}}, SHARED, AES),
    ({"Bool": {"kms:MultiRegion": "false"}}, AES, SHARED),
    (equals("kms:MultiRegionKeyType", "PRIMARY"), SHARED, AES),
    ({"Null": {"kms:MultiRegionKeyType": "true"}}, AES, SHARED),
]


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
@pytest.mark.parametrize("condition, right, wrong", ABOUT_KEYS, ids=lambda value: str(value)[:60])
def test_condition_on_the_key(scene, condition, right, wrong, place):
    actions = ["kms:DescribeKey", "kms:ListGrants", "kms:UpdateKeyDescription"]
    scene.account.gives("u", may("iam:GetUser"))
    for kind in (right, wrong):
        statements = [allow(scene.root.name)]
        if place == "key policy":
            statements.append(allow(scene.user.name, actions, Condition=condition))
        key = scene.key(kind)["KeyId"]
        scene.root.ok("PutKeyPolicy", KeyId=key, Policy=policy(*statements))
    if place == "identity policy":
        scene.account.gives("u", may(actions, Condition=condition))
    for kind, works in ((right, True), (wrong, False)):
        key = scene.key(kind)["KeyId"]
        assert scene.user.can("DescribeKey", KeyId=key) is works
        assert scene.user.can("ListGrants", KeyId=key) is works
        assert scene.user.can("UpdateKeyDescription", KeyId=key, Description="x") is works
    scene.account.gives("u", may("iam:GetUser"))
    assert not scene.user.can("DescribeKey", KeyId=scene.key(wrong)["KeyId"])


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
def test_caller_account(scene, server, place):
    stranger = Account(server)
    them = stranger.user("u", may("kms:*"))
    condition = equals("kms:CallerAccount", scene.account.id)
    key = scene.root.key()
    if place == "key policy":
        text = policy(allow(scene.root.name), allow("*", "kms:Encrypt", Condition=condition))
    else:
        text = policy(allow(scene.root.name), allow(stranger.id))
        stranger.gives("u", may("kms:*", Condition=condition))
    scene.root.ok("PutKeyPolicy", KeyId=key["KeyId"], Policy=text)
    assert not them.can("Encrypt", KeyId=key["Arn"], Plaintext=b"x")
    if place == "identity policy":
        stranger.gives("u", may("kms:*", Condition=equals("kms:CallerAccount", stranger.id)))
        assert them.can("Encrypt", KeyId=key["Arn"], Plaintext=b"x")
    else:
        # Everyone of the account, without any identity policy.
        scene.account.gives("u", may("iam:GetUser"))
        assert scene.user.can("Encrypt", KeyId=key["Arn"], Plaintext=b"x")


def creating(scene, condition, works, members):
    """Asserts which CreateKey a condition in the identity policy lets through."""
    actions = ["kms:CreateKey", "kms:TagResource", "kms:PutKeyPolicy"]
    scene.account.gives("u", may(actions, Condition=condition))
    answer = scene.user.answer("CreateKey", members)
    if works:
        assert answer is None, (condition, members)
    else:
        assert answer == texts.denied(
            scene.user.name,
            "CreateKey",
            "*",
            "because no identity-based policy allows the kms:CreateKey action",
        ), (condition, members)


def test_create_key(scene):
    for condition, members, works in [
        (equals("kms:KeySpec", "SYMMETRIC_DEFAULT"), {}, True),
        (equals("kms:KeySpec", "SYMMETRIC_DEFAULT"), SIGN, False),
        (equals("kms:KeySpec", "ECC_NIST_P256"), SIGN, True),
        (equals("kms:CustomerMasterKeySpec", "ECC_NIST_P256"), SIGN, True),
        (equals("kms:KeyUsage", "ENCRYPT_DECRYPT"), {}, True),
        (equals("kms:KeyUsage", "ENCRYPT_DECRYPT"), MAC, False),
        (equals("kms:KeyUsage", "GENERATE_VERIFY_MAC"), MAC, True),
        (equals("kms:KeyOrigin", "AWS_KMS"), {}, True),
        (equals("kms:KeyOrigin", "AWS_KMS"), EXTERNAL, False),
        ({"Bool": {"kms:MultiRegion": "false"}}, {}, True),
        ({"Bool": {"kms:MultiRegion": "false"}}, SHARED, False),
        ({"Bool": {"kms:MultiRegion": "true"}}, SHARED, True),
        (equals("kms:MultiRegionKeyType", "PRIMARY"), SHARED, True),
        (equals("kms:MultiRegionKeyType", "PRIMARY"), {}, False),
        (equals("kms:CallerAccount", scene.account.id), {}, True),
        ({"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}}, {}, False),
        (
            {"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}},
            {"BypassPolicyLockoutSafetyCheck": True},
            True,
        ),
        ({"Null": {"kms:BypassPolicyLockoutSafetyCheck": "true"}}, {}, True),
    ]:
        if "kms:CallerAccount" in str(condition):
            # Not a key of operations without a key.
            continue
        creating(scene, condition, works, members)


def test_tags_of_requests(scene):
    one = {"Tags": [{"TagKey": "Cost", "TagValue": "7"}]}
    two = {"Tags": [*one["Tags"], {"TagKey": "More", "TagValue": "x"}]}
    asked = equals("aws:RequestTag/cost", "7")
    only = {
        "ForAllValues:StringEquals": {"aws:TagKeys": ["Cost"]},
        "Null": {"aws:TagKeys": "false"},
    }
    for condition, members, works in [
        (asked, one, True),
        (asked, two, True),
        (asked, {}, False),
        (only, one, True),
        (only, two, False),
        (only, {}, False),
    ]:
        creating(scene, condition, works, members)
    key = scene.root.key_id()
    scene.account.gives("u", may(["kms:TagResource", "kms:UntagResource"], Condition=only))
    assert scene.user.can("TagResource", one, KeyId=key)
    assert not scene.user.can("TagResource", two, KeyId=key)
    assert scene.user.can("UntagResource", KeyId=key, TagKeys=["Cost"])
    assert not scene.user.can("UntagResource", KeyId=key, TagKeys=["Cost", "More"])


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
def test_tags_of_keys(scene, place):
    key = scene.root.key_id(Tags=[{"TagKey": "Stage", "TagValue": "test"}])
    condition = equals("aws:ResourceTag/stage", "test")
    scene.account.gives("u", may("iam:GetUser"))
    if place == "key policy":
        text = policy(allow(scene.root.name), allow(scene.user.name, Condition=condition))
        scene.root.ok("PutKeyPolicy", KeyId=key, Policy=text)
    else:
        scene.account.gives("u", may("kms:*", Condition=condition))
    assert scene.user.can("DescribeKey", KeyId=key)
    scene.root.ok("TagResource", KeyId=key, Tags=[{"TagKey": "Stage", "TagValue": "live"}])
    assert not scene.user.can("DescribeKey", KeyId=key)
    scene.root.ok("TagResource", KeyId=key, Tags=[{"TagKey": "Stage", "TagValue": "test"}])
    assert scene.user.can("DescribeKey", KeyId=key)
    scene.root.ok("UntagResource", KeyId=key, TagKeys=["Stage"])
    assert not scene.user.can("DescribeKey", KeyId=key)


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
def test_request_alias(scene, place):
    alias = f"alias/{place.split()[0]}-{os.urandom(4).hex()}"
    keys = {"AES": scene.root.key_id(), "SIGN": scene.root.key_id(**SIGN)}
    condition = equals("kms:RequestAlias", alias)
    scene.account.gives("u", may("iam:GetUser"))
    if place == "key policy":
        text = policy(allow(scene.root.name), allow(scene.user.name, Condition=condition))
        for key in keys.values():
            scene.root.ok("PutKeyPolicy", KeyId=key, Policy=text)
    else:
        scene.account.gives("u", may("kms:*", Condition=condition))
    for name, operation, members in [
        ("AES", "Encrypt", {"Plaintext": b"x"}),
        ("AES", "DescribeKey", {}),
        ("AES", "GenerateDataKey", {"KeySpec": "AES_256"}),
        ("SIGN", "GetPublicKey", {}),
        ("SIGN", "Sign", RAW),
    ]:
        key = keys[name]
        scene.root.ok("CreateAlias", AliasName=alias, TargetKeyId=key)
        scene.root.ok("CreateAlias", AliasName=alias + "-2", TargetKeyId=key)
        assert scene.user.can(operation, members, KeyId=alias)
        assert scene.user.can(operation, members, KeyId=scene.root.arn(alias))
        assert not scene.user.can(operation, members, KeyId=key)
        assert not scene.user.can(operation, members, KeyId=scene.root.arn(key))
        assert not scene.user.can(operation, members, KeyId=alias + "-2")
        scene.root.ok("DeleteAlias", AliasName=alias)
        scene.root.ok("DeleteAlias", AliasName=alias + "-2")


def test_resource_aliases(scene):
    key, name = scene.root.key_id(), f"alias/team-{os.urandom(4).hex()}"
    scene.account.gives(
        "u",
        may("kms:*", Condition={"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/team-*"}}),
    )
    assert not scene.user.can("DescribeKey", KeyId=key)
    scene.root.ok("CreateAlias", AliasName=name, TargetKeyId=key)
    scene.root.ok("CreateAlias", AliasName=name.replace("team", "mate"), TargetKeyId=key)
    assert scene.user.can("DescribeKey", KeyId=key)
    assert scene.user.can("GetKeyPolicy", KeyId=scene.root.arn(key))
    scene.root.ok("UpdateAlias", AliasName=name, TargetKeyId=scene.root.key_id())
    assert not scene.user.can("DescribeKey", KeyId=key)


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
def test_reencrypt(scene, place):
    one, two = scene.root.key_id(), scene.root.key_id()
    blob = scene.root.encrypt(one, b"x", EncryptionContext={"a": "1"})
    base = {"CiphertextBlob": blob, "SourceEncryptionContext": {"a": "1"}}
    same, other = {**base, "DestinationKeyId": one}, {**base, "DestinationKeyId": two}
    elsewhere = {**other, "DestinationEncryptionContext": {"a": "2"}}

    def under(*conditions):
        actions = ("kms:ReEncryptFrom", "kms:ReEncryptTo")
        pairs = list(zip(actions, conditions, strict=True))
        scene.account.gives("u", may("iam:GetUser"))
        if place == "key policy":
            text = policy(
                allow(scene.root.name),
                *[allow(scene.user.name, action, Condition=one) for action, one in pairs],
            )
            for key in (one, two):
                scene.root.ok("PutKeyPolicy", KeyId=key, Policy=text)
        else:
            scene.account.gives("u", *[may(action, Condition=one) for action, one in pairs])

    on_same = {"Bool": {"kms:ReEncryptOnSameKey": "true"}}
    not_same = {"Bool": {"kms:ReEncryptOnSameKey": "false"}}
    under(on_same, on_same)
    assert scene.user.can("ReEncrypt", same) and not scene.user.can("ReEncrypt", other)
    under(not_same, not_same)
    assert not scene.user.can("ReEncrypt", same) and scene.user.can("ReEncrypt", other)
    under({}, on_same)
    assert "kms:ReEncryptTo" in scene.user.answer("ReEncrypt", other)
    under(on_same, {})
    assert "kms:ReEncryptFrom" in scene.user.answer("ReEncrypt", other)
    # Each side sees its own context.
    first, second = (equals("kms:EncryptionContext:a", value) for value in "12")
    under(first, second)
    assert scene.user.can("ReEncrypt", elsewhere)
    assert "kms:ReEncryptTo" in scene.user.answer("ReEncrypt", other)
    under(second, first)
    assert "kms:ReEncryptFrom" in scene.user.answer("ReEncrypt", elsewhere)
    under(*[equals("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT")] * 2)
    assert scene.user.can("ReEncrypt", elsewhere)


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
def test_primary_region(scene, place):
    regions = ("eu-west-1", "eu-west-2")
    key = scene.root.key_id(MultiRegion=True)
    condition = equals("kms:PrimaryRegion", regions[0])
    statement = allow(scene.user.name, "kms:UpdatePrimaryRegion", Condition=condition)
    text = policy(allow(scene.root.name), *([statement] if place == "key policy" else []))
    scene.account.gives("u", may("iam:GetUser"))
    scene.root.ok("PutKeyPolicy", KeyId=key, Policy=text)
    for region in regions:
        scene.root.ok("ReplicateKey", KeyId=key, ReplicaRegion=region, Policy=text)
    if place == "identity policy":
        scene.account.gives("u", may("kms:UpdatePrimaryRegion", Condition=condition))
    assert not scene.user.can("UpdatePrimaryRegion", KeyId=key, PrimaryRegion=regions[1])
    assert scene.user.can("UpdatePrimaryRegion", KeyId=key, PrimaryRegion=regions[0])
    replica = scene.user.again(region=regions[1])
    scene.account.gives(
        "u", may("kms:DescribeKey", Condition=equals("kms:MultiRegionKeyType", "REPLICA"))
    )
    assert replica.can("DescribeKey", KeyId=key) and scene.user.can("DescribeKey", KeyId=key)
    assert not scene.user.again(region=regions[0]).can("DescribeKey", KeyId=key)


def test_retiring_sees_the_constraint(scene):
    """RetireGrant has the encryption context of the grant's constraint: a Deny can use it."""
    key = scene.root.key_id()
    scene.account.gives(
        "u",
        may("kms:*"),
        {
            **may("kms:RetireGrant", Condition=equals("kms:EncryptionContext:Team", "Blue")),
            "Effect": "Deny",
        },
    )
    blue, red = (
        scene.root.ok(
            "CreateGrant", scene.grant(Constraints={"EncryptionContextSubset": pairs}), KeyId=key
        )["GrantId"]
        for pairs in (CONTEXT, {"Team": "Red"})
    )
    assert not scene.user.can("RetireGrant", KeyId=scene.root.arn(key), GrantId=blue)
    assert scene.user.can("RetireGrant", KeyId=scene.root.arn(key), GrantId=red)


def test_overly_permissive_condition(scene):
    """[G], Using IAM policies with AWS KMS: kms:EncryptionContext with ForAllValues."""
    key = scene.root.key_id()
    for operator in ("ForAllValues:StringEquals", "ForAllValues:StringLikeIfExists"):
        statement = allow(
            scene.user.name,
            "kms:Decrypt",
            Condition={operator: {"kms:EncryptionContext:Team": ["Blue"]}},
        )
        text = policy(allow(scene.root.name), statement)
        for operation, members in [("PutKeyPolicy", {"KeyId": key}), ("CreateKey", {})]:
            answer = scene.root.call(operation, members, Policy=text)
            assert answer.code == "MalformedPolicyDocumentException", answer.raw
            assert answer.message == (
                "OverlyPermissiveCondition:EncryptionContext: Using the ForAllValues set operator "
                "with a single-valued condition key matches requests without the specified "
                "encryption context or with an unspecified encryption context. To fix, remove "
                "ForAllValues."
            )
    fine = allow(
        scene.user.name,
        "kms:Decrypt",
        Condition={"ForAnyValue:StringEquals": {"kms:EncryptionContext:Team": ["Blue"]}},
    )
    scene.root.ok("PutKeyPolicy", KeyId=key, Policy=policy(allow(scene.root.name), fine))
    fine["Condition"] = {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["Team"]}}
    scene.root.ok("PutKeyPolicy", KeyId=key, Policy=policy(allow(scene.root.name), fine))
