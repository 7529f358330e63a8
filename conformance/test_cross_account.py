"""Other accounts: what a key policy opens to them, and what they must not learn."""

import pytest

from harness import texts
from harness.texts import NO_SUCH_ID as ID
from harness.texts import allow, deny, policy

SHAREABLE = {
    "DescribeKey": {},
    "Encrypt": {"Plaintext": b"x"},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
    "GetKeyRotationStatus": {},
}
OWN_ACCOUNT_ONLY = {
    "CancelKeyDeletion": {},
    "DisableKey": {},
    "DisableKeyRotation": {},
    "EnableKey": {},
    "EnableKeyRotation": {},
    "GetKeyPolicy": {},
    "ListKeyPolicies": {},
    "ListKeyRotations": {},
    "ListResourceTags": {},
    "PutKeyPolicy": {},
    "RotateKeyOnDemand": {},
    "ScheduleKeyDeletion": {},
    "TagResource": {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
    "UntagResource": {"TagKeys": ["a"]},
    "UpdateKeyDescription": {"Description": "stolen"},
}
REFUSED = {"AccessDeniedException", "NotFoundException", "InvalidArnException"}


@pytest.fixture
def shared(caller, stranger):
    """A key of `caller` that its policy opens wholly to `stranger`."""
    text = policy(allow(caller.root), allow(stranger.root))
    return caller.key(Policy=text)


def test_a_named_account_may_use_the_key_by_arn(caller, stranger, shared):
    out = stranger.ok("Encrypt", KeyId=shared["Arn"], Plaintext=b"across")
    assert out["KeyId"] == shared["Arn"]
    for named in ({}, {"KeyId": shared["Arn"]}, {"KeyId": shared["KeyId"]}):
        back = stranger.ok("Decrypt", named, CiphertextBlob=out["CiphertextBlob"])
        assert back["KeyId"] == shared["Arn"] and back["Plaintext"] == "YWNyb3Nz"
    assert caller.ok("Decrypt", CiphertextBlob=out["CiphertextBlob"])["Plaintext"] == "YWNyb3Nz"
    for operation, members in SHAREABLE.items():
        stranger.ok(operation, members, KeyId=shared["Arn"])
    meta = stranger.ok("DescribeKey", KeyId=shared["Arn"])["KeyMetadata"]
    assert meta["AWSAccountId"] == caller.account


def test_a_foreign_alias_by_arn(caller, stranger, shared):
    caller.ok("CreateAlias", AliasName="alias/open", TargetKeyId=shared["KeyId"])
    out = stranger.ok("Encrypt", KeyId=caller.arn("alias/open"), Plaintext=b"x")
    assert out["KeyId"] == shared["Arn"]
    stranger.fails("NotFoundException", "Encrypt", KeyId="alias/open", Plaintext=b"x")


def test_a_bare_id_means_the_own_account(stranger, shared):
    for operation, members in SHAREABLE.items():
        message = stranger.fails("NotFoundException", operation, members, KeyId=shared["KeyId"])
        assert message == texts.no_such_key(stranger.arn(shared["KeyId"]))


@pytest.mark.parametrize("operation", sorted(OWN_ACCOUNT_ONLY))
def test_management_stays_at_home(caller, stranger, shared, operation):
    before = caller.ok("DescribeKey", KeyId=shared["KeyId"])
    members = dict(OWN_ACCOUNT_ONLY[operation])
    if operation == "PutKeyPolicy":
        members["Policy"] = policy(allow(stranger.root), allow(caller.root))
    stranger.fails(REFUSED, operation, members, KeyId=shared["Arn"])
    assert caller.ok("DescribeKey", KeyId=shared["KeyId"]) == before
    assert caller.ok("ListResourceTags", KeyId=shared["KeyId"])["Tags"] == []


def test_aliases_stay_at_home(caller, stranger, shared):
    stranger.fails(REFUSED, "CreateAlias", AliasName="alias/x", TargetKeyId=shared["Arn"])
    stranger.ok("CreateAlias", AliasName="alias/x", TargetKeyId=stranger.key_id())
    stranger.fails(REFUSED, "UpdateAlias", AliasName="alias/x", TargetKeyId=shared["Arn"])
    assert caller.ok("ListAliases")["Aliases"] == []


@pytest.mark.parametrize("operation", sorted(SHAREABLE))
def test_existence_is_hidden(caller, stranger, operation):
    closed = caller.key()
    disabled = caller.key()
    caller.ok("DisableKey", KeyId=disabled["KeyId"])
    answers = set()
    for arn in (closed["Arn"], disabled["Arn"], caller.arn(ID)):
        answer = stranger.call(operation, SHAREABLE[operation], KeyId=arn)
        assert answer.code == "AccessDeniedException", answer.raw
        assert answer.message.startswith(f"User: {stranger.root} is not authorized to perform: ")
        assert f"kms:{operation} on resource: {arn}" in answer.message
        answers.add(answer.message.replace(arn, "ARN"))
    assert len(answers) == 1, answers


def test_existence_of_managed_things_is_hidden(caller, stranger):
    closed = caller.key()
    for operation, members in OWN_ACCOUNT_ONLY.items():
        members = dict(members)
        if operation == "PutKeyPolicy":
            members["Policy"] = policy(allow(stranger.root))
        answers = set()
        for arn in (closed["Arn"], caller.arn(ID)):
            answer = stranger.call(operation, members, KeyId=arn)
            assert answer.status == 400 and answer.code in REFUSED, answer.raw
            answers.add((answer.code, (answer.message or "").replace(arn, "ARN")))
        assert len(answers) == 1, (operation, answers)


def test_foreign_aliases_are_hidden(caller, stranger):
    caller.ok("CreateAlias", AliasName="alias/real", TargetKeyId=caller.key_id())
    answers = set()
    for name in ("alias/real", "alias/none"):
        answer = stranger.call("Encrypt", KeyId=caller.arn(name), Plaintext=b"x")
        assert answer.status == 400 and answer.code in REFUSED, answer.raw
        assert "key/" not in (answer.message or ""), "the message names the key behind the alias"
        answers.add((answer.code, (answer.message or "").replace(name, "NAME")))
    assert len(answers) == 1, answers


def test_a_foreign_blob_gives_its_own_text(caller, stranger):
    blob = caller.encrypt(caller.key_id(), b"x")
    message = stranger.fails("AccessDeniedException", "Decrypt", CiphertextBlob=blob)
    assert message == texts.ciphertext_denied(stranger.root)
    message = stranger.fails(
        "AccessDeniedException",
        "ReEncrypt",
        CiphertextBlob=blob,
        DestinationKeyId=stranger.key_id(),
    )
    assert message == texts.ciphertext_denied(stranger.root, "ReEncryptFrom")


def test_reencrypt_across_accounts(caller, stranger, shared):
    theirs = stranger.key()
    blob = caller.encrypt(shared["KeyId"], b"moving")
    out = stranger.ok("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=theirs["KeyId"])
    assert (out["SourceKeyId"], out["KeyId"]) == (shared["Arn"], theirs["Arn"])
    back = stranger.ok(
        "ReEncrypt", CiphertextBlob=out["CiphertextBlob"], DestinationKeyId=shared["Arn"]
    )
    assert caller.ok("Decrypt", CiphertextBlob=back["CiphertextBlob"])["Plaintext"] == "bW92aW5n"
    message = caller.fails(
        "AccessDeniedException",
        "ReEncrypt",
        CiphertextBlob=back["CiphertextBlob"],
        DestinationKeyId=theirs["Arn"],
    )
    assert message == texts.no_resource_policy(caller.root, "ReEncryptTo", theirs["Arn"])


def test_everyone_means_other_accounts_too(caller, stranger):
    meta = caller.key(Policy=policy(allow(caller.root), allow("*", "kms:Encrypt")))
    stranger.ok("Encrypt", KeyId=meta["Arn"], Plaintext=b"x")
    message = stranger.fails("AccessDeniedException", "DescribeKey", KeyId=meta["Arn"])
    assert message == texts.no_resource_policy(stranger.root, "DescribeKey", meta["Arn"])


def test_a_deny_names_the_stranger(caller, stranger):
    text = policy(allow(caller.root), allow("*"), deny(stranger.account, "kms:Encrypt"))
    meta = caller.key(Policy=text)
    message = stranger.fails("AccessDeniedException", "Encrypt", KeyId=meta["Arn"], Plaintext=b"x")
    # The text of an explicit Deny would tell a stranger that the key exists; both are right.
    assert message in (
        texts.explicit_deny(stranger.root, "Encrypt", meta["Arn"]),
        texts.no_resource_policy(stranger.root, "Encrypt", meta["Arn"]),
    )
    caller.ok("Encrypt", KeyId=meta["Arn"], Plaintext=b"x")


def test_withdrawing_works_at_once(caller, stranger, shared):
    blob = stranger.ok("Encrypt", KeyId=shared["Arn"], Plaintext=b"x")["CiphertextBlob"]
    stranger.ok("Decrypt", CiphertextBlob=blob)
    caller.ok("PutKeyPolicy", KeyId=shared["KeyId"], Policy=policy(allow(caller.root)))
    stranger.fails("AccessDeniedException", "Decrypt", CiphertextBlob=blob)
    stranger.fails("AccessDeniedException", "DescribeKey", KeyId=shared["Arn"])


def test_listings_show_the_own_account_only(caller, stranger, shared):
    assert stranger.ok("ListKeys")["Keys"] == []
    caller.ok("CreateAlias", AliasName="alias/mine", TargetKeyId=shared["KeyId"])
    answer = stranger.call("ListAliases", KeyId=shared["Arn"])
    assert answer.code in REFUSED or answer.body["Aliases"] == [], answer.raw


def test_a_policy_that_only_names_another_account_shuts_the_owner_out(caller, stranger):
    text = policy(allow(stranger.root))
    meta = caller.key(Policy=text, BypassPolicyLockoutSafetyCheck=True)
    stranger.ok("DescribeKey", KeyId=meta["Arn"])
    message = caller.fails("AccessDeniedException", "DescribeKey", KeyId=meta["KeyId"])
    assert message == texts.no_resource_policy(caller.root, "DescribeKey", meta["Arn"])
