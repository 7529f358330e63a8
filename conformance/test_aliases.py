"""Aliases. reference/api.md, reference/formats/hostile-inputs.md section E."""

import time

import pytest

from harness import texts
from harness.caller import Caller, unb64

ALIASES_PER_KEY = 50


def aliases(caller, **named):
    """The aliases as a map from name to entry."""
    return {entry["AliasName"]: entry for entry in caller.ok("ListAliases", named)["Aliases"]}


def test_create_list_delete(caller):
    key, before = caller.key_id(), time.time()
    answer = caller.call("CreateAlias", AliasName="alias/one", TargetKeyId=key)
    assert answer.status == 200 and answer.raw in (b"", b"{}")
    entry = aliases(caller)["alias/one"]
    for member in ("CreationDate", "LastUpdatedDate"):
        assert before - 2 <= entry.pop(member) <= time.time() + 2
    assert entry == {
        "AliasName": "alias/one",
        "AliasArn": caller.arn("alias/one"),
        "TargetKeyId": key,
    }
    answer = caller.call("DeleteAlias", AliasName="alias/one")
    assert answer.status == 200 and answer.raw in (b"", b"{}")
    assert aliases(caller) == {}
    message = caller.fails("NotFoundException", "DeleteAlias", AliasName="alias/one")
    assert message == texts.no_such_alias(caller.arn("alias/one"))


def test_target_by_arn(caller):
    meta = caller.key()
    caller.ok("CreateAlias", AliasName="alias/by-arn", TargetKeyId=meta["Arn"])
    assert aliases(caller)["alias/by-arn"]["TargetKeyId"] == meta["KeyId"]


def test_a_name_exists_once_even_for_the_same_key(caller):
    key = caller.key_id()
    caller.ok("CreateAlias", AliasName="alias/taken", TargetKeyId=key)
    for target in (key, caller.key_id()):
        message = caller.fails(
            "AlreadyExistsException", "CreateAlias", AliasName="alias/taken", TargetKeyId=target
        )
        arn = caller.arn("alias/taken")
        assert message == f"An alias with the name {arn} already exists"


def test_names_are_case_sensitive(caller):
    first, second = caller.key_id(), caller.key_id()
    caller.ok("CreateAlias", AliasName="alias/Name", TargetKeyId=first)
    caller.ok("CreateAlias", AliasName="alias/name", TargetKeyId=second)
    assert caller.ok("DescribeKey", KeyId="alias/Name")["KeyMetadata"]["KeyId"] == first
    assert caller.ok("DescribeKey", KeyId="alias/name")["KeyMetadata"]["KeyId"] == second


def test_update_points_to_another_key(caller):
    first, second = caller.key_id(), caller.key_id()
    caller.ok("CreateAlias", AliasName="alias/moving", TargetKeyId=first)
    created = aliases(caller)["alias/moving"]
    time.sleep(0.05)
    for target in (second, second):  # idempotent
        answer = caller.call("UpdateAlias", AliasName="alias/moving", TargetKeyId=target)
        assert answer.status == 200 and answer.raw in (b"", b"{}")
    entry = aliases(caller)["alias/moving"]
    assert entry["TargetKeyId"] == second
    assert entry["CreationDate"] == created["CreationDate"]
    assert entry["LastUpdatedDate"] >= created["LastUpdatedDate"]


def test_a_moved_alias_does_not_move_old_blobs(caller):
    first, second = caller.key(), caller.key()
    caller.ok("CreateAlias", AliasName="alias/blob", TargetKeyId=first["KeyId"])
    blob = caller.encrypt("alias/blob", b"old")
    caller.ok("UpdateAlias", AliasName="alias/blob", TargetKeyId=second["KeyId"])
    out = caller.ok("Decrypt", CiphertextBlob=blob)
    assert out["KeyId"] == first["Arn"] and unb64(out["Plaintext"]) == b"old"
    caller.fails("IncorrectKeyException", "Decrypt", CiphertextBlob=blob, KeyId="alias/blob")
    assert caller.ok("Encrypt", KeyId="alias/blob", Plaintext=b"x")["KeyId"] == second["Arn"]


def test_update_of_an_unknown_alias(caller):
    key = caller.key_id()
    message = caller.fails(
        "NotFoundException", "UpdateAlias", AliasName="alias/none", TargetKeyId=key
    )
    assert message == texts.no_such_alias(caller.arn("alias/none"))


def test_an_unknown_alias_in_use(caller):
    for form in ("alias/none", caller.arn("alias/none")):
        message = caller.fails("NotFoundException", "Encrypt", KeyId=form, Plaintext=b"x")
        assert message == texts.no_such_alias(caller.arn("alias/none"))


def test_an_alias_is_no_target(caller):
    key = caller.key_id()
    caller.ok("CreateAlias", AliasName="alias/real", TargetKeyId=key)
    for target in ("alias/real", caller.arn("alias/real")):
        message = caller.fails(
            "ValidationException", "CreateAlias", AliasName="alias/second", TargetKeyId=target
        )
        assert message == "Aliases must refer to keys. Not aliases"
        caller.fails(
            {"ValidationException", "InvalidArnException"},
            "UpdateAlias",
            AliasName="alias/real",
            TargetKeyId=target,
        )


@pytest.mark.parametrize("name", ["aliasx", "Alias/x", "ALIAS/x", "x", "key/x"])
def test_the_prefix_is_needed(caller, name):
    message = caller.fails(
        "ValidationException", "CreateAlias", AliasName=name, TargetKeyId=caller.key_id()
    )
    assert message == texts.ALIAS_PREFIX


def test_a_colon_passes_the_pattern_but_not_the_rule(caller):
    message = caller.fails(
        "ValidationException",
        "CreateAlias",
        AliasName="alias/Service:Test",
        TargetKeyId=caller.key_id(),
    )
    assert message == "alias/Service:Test contains invalid characters for an alias"


@pytest.mark.parametrize(
    "name",
    ["alias/a b", "alias/é", "alias/a%2fb", "alias/a\u0000b", "alias/\u202etxt", "alias/a.b"],
)
def test_bad_characters(caller, name):
    message = caller.fails(
        "ValidationException", "CreateAlias", AliasName=name, TargetKeyId=caller.key_id()
    )
    rule = texts.pattern("^[a-zA-Z0-9:/_-]+$")
    assert message == texts.invalid(texts.constraint("aliasName", rule, name))


def test_bare_prefix(caller):
    caller.fails(
        {"ValidationException", "InvalidAliasNameException"},
        "CreateAlias",
        AliasName="alias/",
        TargetKeyId=caller.key_id(),
    )
    assert aliases(caller) == {}


def test_length_of_names(caller):
    key = caller.key_id()
    longest = "alias/" + "n" * 250
    caller.ok("CreateAlias", AliasName=longest, TargetKeyId=key)
    assert caller.ok("DescribeKey", KeyId=longest)["KeyMetadata"]["KeyId"] == key
    message = caller.fails(
        "ValidationException", "CreateAlias", AliasName=longest + "n", TargetKeyId=key
    )
    detail = texts.constraint("aliasName", texts.max_length(256), longest + "n")
    assert message == texts.invalid(detail)


@pytest.mark.parametrize("name", ["alias/aws/x", "alias/aws/s3", "alias/aws/"])
def test_names_of_aws_are_reserved(caller, name):
    key = caller.key_id()
    reserved = {"InvalidAliasNameException", "ValidationException", "NotAuthorizedException"}
    caller.fails(reserved, "CreateAlias", AliasName=name, TargetKeyId=key)
    answer = caller.call("DeleteAlias", AliasName=name)
    assert answer.status == 400, answer.raw
    answer = caller.call("UpdateAlias", AliasName=name, TargetKeyId=key)
    assert answer.status == 400, answer.raw
    assert aliases(caller) == {}


def test_filter_by_key(caller):
    first, second = caller.key(), caller.key()
    for name, key in [("alias/a", first), ("alias/b", second), ("alias/c", first)]:
        caller.ok("CreateAlias", AliasName=name, TargetKeyId=key["KeyId"])
    for form in (first["KeyId"], first["Arn"]):
        assert set(aliases(caller, KeyId=form)) == {"alias/a", "alias/c"}
    assert set(aliases(caller)) == {"alias/a", "alias/b", "alias/c"}
    assert aliases(caller, KeyId=caller.key_id()) == {}
    message = caller.fails("NotFoundException", "ListAliases", KeyId=texts.NO_SUCH_ID)
    assert message == texts.no_such_key(caller.arn(texts.NO_SUCH_ID))
    message = caller.fails("InvalidArnException", "ListAliases", KeyId="alias/a")
    assert message == texts.ALIAS_REFUSED


def test_fifty_aliases_per_key(caller):
    key, other = caller.key_id(), caller.key_id()
    for index in range(ALIASES_PER_KEY):
        caller.ok("CreateAlias", AliasName=f"alias/q{index}", TargetKeyId=key)
    caller.fails("LimitExceededException", "CreateAlias", AliasName="alias/more", TargetKeyId=key)
    caller.ok("CreateAlias", AliasName="alias/more", TargetKeyId=other)
    caller.fails("LimitExceededException", "UpdateAlias", AliasName="alias/more", TargetKeyId=key)
    caller.ok("UpdateAlias", AliasName="alias/q0", TargetKeyId=other)
    caller.ok("UpdateAlias", AliasName="alias/more", TargetKeyId=key)


def test_accounts_have_their_own_names(server, caller, stranger):
    mine, theirs = caller.key_id(), stranger.key_id()
    caller.ok("CreateAlias", AliasName="alias/shared", TargetKeyId=mine)
    stranger.ok("CreateAlias", AliasName="alias/shared", TargetKeyId=theirs)
    assert aliases(caller)["alias/shared"]["TargetKeyId"] == mine
    message = Caller(server).fails("NotFoundException", "DescribeKey", KeyId="alias/shared")
    assert "alias/shared" in message


def test_boto3_paginator(kms):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    names = {f"alias/p{index}" for index in range(7)}
    for name in names:
        kms.create_alias(AliasName=name, TargetKeyId=key)
    pages = kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 3})
    listed = [entry["AliasName"] for page in pages for entry in page["Aliases"]]
    assert sorted(listed) == sorted(names)
