"""Pagination and its markers. reference/api.md, hostile-inputs.md row E8."""

import pytest

from harness import texts
from harness.caller import Caller

INVALID = {"InvalidMarkerException"}


@pytest.fixture(scope="module")
def filled(server):
    """An account with seven keys, seven aliases, seven tags and two rotations on one key."""
    caller = Caller(server)
    keys = [caller.key_id() for _ in range(7)]
    for index in range(7):
        caller.ok("CreateAlias", AliasName=f"alias/p{index}", TargetKeyId=keys[0])
    for index in range(7):
        caller.ok("TagResource", KeyId=keys[0], Tags=[{"TagKey": f"t{index}", "TagValue": "v"}])
    for _ in range(3):
        caller.rotate(keys[0])
    caller.keys = keys
    return caller


def listings(caller):
    """Each paginated operation: members, list member, what names an entry, how many there are."""
    key = caller.keys[0]
    return {
        "ListKeys": ({}, "Keys", "KeyId", 7),
        "ListAliases": ({}, "Aliases", "AliasName", 7),
        "ListResourceTags": ({"KeyId": key}, "Tags", "TagKey", 7),
        "ListKeyRotations": ({"KeyId": key}, "Rotations", "KeyMaterialId", 3),
    }


OPERATIONS = ["ListAliases", "ListKeyRotations", "ListKeys", "ListResourceTags"]


def marker_of(caller, operation, limit=1):
    """A good marker after the first page."""
    members, *_ = listings(caller)[operation]
    out = caller.ok(operation, members, Limit=limit)
    assert out["Truncated"] is True
    return out["NextMarker"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_pages_cover_everything_once(filled, operation):
    members, name, identity, count = listings(filled)[operation]
    for limit in (1, 2, 3, 7, 50):
        pages = filled.pages(operation, name, Limit=limit, **members)
        assert all(len(page) <= limit for page in pages)
        entries = [entry[identity] for page in pages for entry in page]
        assert len(entries) == len(set(entries)) == count
        assert len(pages) == -(-count // limit), "no page is short but the last"


def test_aliases_of_one_key_in_pages(filled):
    pages = filled.pages("ListAliases", "Aliases", Limit=2, KeyId=filled.keys[0])
    assert len([entry for page in pages for entry in page]) == 7


def test_policy_names_are_one_page(filled):
    out = filled.ok("ListKeyPolicies", KeyId=filled.keys[0], Limit=1)
    assert out == {"PolicyNames": ["default"], "Truncated": False}


def test_default_page_sizes(server):
    caller = Caller(server)
    keys = [caller.key_id() for _ in range(101)]
    first = caller.ok("ListKeys")
    assert len(first["Keys"]) == 100 and first["Truncated"] is True
    assert len(caller.ok("ListKeys", Marker=first["NextMarker"])["Keys"]) == 1
    assert len(caller.ok("ListKeys", Limit=1000)["Keys"]) == 101
    for index in range(51):
        caller.ok("CreateAlias", AliasName=f"alias/d{index}", TargetKeyId=keys[index % 2])
    first = caller.ok("ListAliases")
    assert len(first["Aliases"]) == 50 and first["Truncated"] is True
    assert len(caller.ok("ListAliases", Limit=100)["Aliases"]) == 51


def test_a_page_is_stable_while_keys_come(server):
    caller = Caller(server)
    before = {caller.key_id() for _ in range(6)}
    out = caller.ok("ListKeys", Limit=3)
    seen = [key["KeyId"] for key in out["Keys"]]
    for _ in range(5):
        caller.key_id()
    while out["Truncated"]:
        out = caller.ok("ListKeys", Limit=3, Marker=out["NextMarker"])
        seen += [key["KeyId"] for key in out["Keys"]]
    assert len(seen) == len(set(seen)) and before <= set(seen)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_limits(filled, operation):
    members, *_ = listings(filled)[operation]
    top = {"ListAliases": 100, "ListResourceTags": 50}.get(operation, 1000)
    filled.ok(operation, members, Limit=top)
    message = filled.fails("ValidationException", operation, members, Limit=0)
    assert message == texts.invalid(texts.constraint("limit", texts.min_value(1), 0))
    message = filled.fails("ValidationException", operation, members, Limit=1001)
    assert message == texts.invalid(texts.constraint("limit", texts.max_value(1000), 1001))
    filled.fails("ValidationException", operation, members, Limit=-1)
    if top < 1000:
        filled.fails("ValidationException", operation, members, Limit=top + 1)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_made_up_markers(filled, operation):
    members, *_ = listings(filled)[operation]
    for marker in ["x", "AAAA", "e30=", "eyJ2IjoxfQ==", "\u00ff" * 10, "A" * 1024, " "]:
        filled.fails(INVALID, operation, members, Marker=marker)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_character_of_a_marker_counts(filled, operation):
    members, *_ = listings(filled)[operation]
    marker = marker_of(filled, operation)
    filled.ok(operation, members, Marker=marker)
    for index, char in enumerate(marker):
        other = "A" if char != "A" else "B"
        filled.fails(
            INVALID, operation, members, Marker=marker[:index] + other + marker[index + 1 :]
        )
        near = chr(ord(char) ^ 1)
        if near.isprintable():
            bent = marker[:index] + near + marker[index + 1 :]
            filled.fails(INVALID, operation, members, Marker=bent)
    for length in range(1, len(marker)):
        filled.fails(INVALID, operation, members, Marker=marker[:length])
    for extra in ("A", "=", "AAAA", " "):
        filled.fails(INVALID, operation, members, Marker=marker + extra)


def test_marker_lengths(filled):
    filled.fails("ValidationException", "ListKeys", Marker="")
    filled.fails({"ValidationException"}, "ListKeys", Marker="A" * 1025)


def test_a_marker_belongs_to_its_account(server, filled):
    other = Caller(server)
    for _ in range(3):
        other.key_id()
    filled_marker = marker_of(filled, "ListKeys")
    other.fails(INVALID, "ListKeys", Marker=filled_marker)
    elsewhere = filled.in_region("eu-west-1")
    elsewhere.fails(INVALID, "ListKeys", Marker=filled_marker)


def test_a_marker_belongs_to_its_operation(filled):
    for operation in OPERATIONS:
        marker = marker_of(filled, operation)
        for other in OPERATIONS:
            if other != operation:
                members, *_ = listings(filled)[other]
                filled.fails(INVALID, other, members, Marker=marker)


def test_a_marker_belongs_to_its_filter(filled):
    first, second = filled.keys[0], filled.keys[1]
    marker = filled.ok("ListAliases", Limit=1, KeyId=first)["NextMarker"]
    filled.fails(INVALID, "ListAliases", Marker=marker, KeyId=second)
    filled.fails(INVALID, "ListAliases", Marker=marker)
    unfiltered = marker_of(filled, "ListAliases")
    filled.fails(INVALID, "ListAliases", Marker=unfiltered, KeyId=first)
    tags = marker_of(filled, "ListResourceTags")
    filled.fails(INVALID, "ListResourceTags", Marker=tags, KeyId=second)
    rotations = marker_of(filled, "ListKeyRotations")
    filled.fails(INVALID, "ListKeyRotations", Marker=rotations, KeyId=second)
    filled.fails(
        INVALID,
        "ListKeyRotations",
        Marker=rotations,
        KeyId=first,
        IncludeKeyMaterial="ALL_KEY_MATERIAL",
    )


def test_a_marker_goes_with_another_limit(filled):
    marker = marker_of(filled, "ListKeys", 2)
    assert len(filled.ok("ListKeys", Marker=marker, Limit=4)["Keys"]) == 4


def test_boto3_paginators(kms):
    ids = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Keys"]) for page in pages] == [2, 2, 1]
    assert {key["KeyId"] for page in pages for key in page["Keys"]} == ids
