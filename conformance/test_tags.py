"""Tags. reference/api.md, reference/errors.md, hostile-inputs.md row E7."""

import pytest

from harness import texts

TAGS_PER_KEY = 50


def tag(key, value=""):
    """One entry of a tag list."""
    return {"TagKey": key, "TagValue": value}


def tags(caller, key):
    """The tags of a key as a map."""
    out = caller.ok("ListResourceTags", KeyId=key)
    assert out["Truncated"] is False
    return {entry["TagKey"]: entry["TagValue"] for entry in out["Tags"]}


def test_tag_list_untag(caller):
    meta = caller.key()
    key = meta["KeyId"]
    assert tags(caller, key) == {}
    answer = caller.call("TagResource", KeyId=key, Tags=[tag("a", "1"), tag("b", "2")])
    assert answer.status == 200 and answer.raw in (b"", b"{}")
    caller.ok("TagResource", KeyId=meta["Arn"], Tags=[tag("b", "3"), tag("c")])
    assert tags(caller, key) == {"a": "1", "b": "3", "c": ""}
    answer = caller.call("UntagResource", KeyId=key, TagKeys=["a", "unknown"])
    assert answer.status == 200 and answer.raw in (b"", b"{}")
    assert tags(caller, meta["Arn"]) == {"b": "3", "c": ""}


def test_tags_of_a_new_key(caller):
    key = caller.key_id(Tags=[tag("Owner", "me"), tag("owner", "you")])
    assert tags(caller, key) == {"Owner": "me", "owner": "you"}


@pytest.mark.parametrize("operation", ["CreateKey", "TagResource"])
def test_tag_faults(caller, operation):
    members = {} if operation == "CreateKey" else {"KeyId": caller.key_id()}
    before = len(caller.ok("ListKeys")["Keys"])
    for bad, text in [
        ([tag("x", "1"), tag("x", "2")], "Duplicate tag keys"),
        ([tag("x", "1"), tag("x", "1")], "Duplicate tag keys"),
        ([tag(f"t{index}") for index in range(TAGS_PER_KEY + 1)], "Too many tags"),
        ([tag("aws:x", "1")], "Tags beginning with aws: are reserved"),
    ]:
        assert caller.fails("TagException", operation, members, Tags=bad) == text
    assert len(caller.ok("ListKeys")["Keys"]) == before
    if "KeyId" in members:
        assert tags(caller, members["KeyId"]) == {}


def test_fifty_tags_in_all(caller):
    key = caller.key_id(Tags=[tag(f"t{index}") for index in range(TAGS_PER_KEY)])
    codes = {"TagException", "LimitExceededException"}
    caller.fails(codes, "TagResource", KeyId=key, Tags=[tag("one more")])
    caller.ok("TagResource", KeyId=key, Tags=[tag("t0", "changed")])
    caller.ok("UntagResource", KeyId=key, TagKeys=["t1"])
    caller.ok("TagResource", KeyId=key, Tags=[tag("one more")])
    assert len(tags(caller, key)) == TAGS_PER_KEY


def test_lengths(caller):
    key = caller.key_id()
    caller.ok("TagResource", KeyId=key, Tags=[tag("k" * 128, "v" * 256)])
    assert tags(caller, key) == {"k" * 128: "v" * 256}
    for bad, detail in [
        (
            tag("k" * 129),
            texts.constraint("tags.1.member.tagKey", texts.max_length(128), "k" * 129),
        ),
        (tag(""), texts.constraint("tags.1.member.tagKey", texts.min_length(1), "")),
        (
            tag("k", "v" * 257),
            texts.constraint("tags.1.member.tagValue", texts.max_length(256), "v" * 257),
        ),
    ]:
        message = caller.fails("ValidationException", "TagResource", KeyId=key, Tags=[bad])
        assert message == texts.invalid(detail)
    second = caller.fails(
        "ValidationException", "TagResource", KeyId=key, Tags=[tag("fine"), tag("k" * 129)]
    )
    detail = texts.constraint("tags.2.member.tagKey", texts.max_length(128), "k" * 129)
    assert second == texts.invalid(detail)


def test_lengths_count_characters_not_bytes(caller):
    key = caller.key_id()
    caller.ok("TagResource", KeyId=key, Tags=[tag("é" * 128, "ü" * 256)])
    assert tags(caller, key) == {"é" * 128: "ü" * 256}


def test_unicode_is_kept_and_never_normalised(caller):
    key = caller.key_id()
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    caller.ok("TagResource", KeyId=key, Tags=[tag(composed, "1"), tag(decomposed, "2")])
    assert tags(caller, key) == {composed: "1", decomposed: "2"}
    caller.ok("UntagResource", KeyId=key, TagKeys=[composed])
    assert tags(caller, key) == {decomposed: "2"}


def test_every_tag_is_listed_once(caller):
    key = caller.key_id()
    names = ["zeta", "alpha", "Mid", "0"]
    for name in names:
        caller.ok("TagResource", KeyId=key, Tags=[tag(name)])
    listed = [entry["TagKey"] for entry in caller.ok("ListResourceTags", KeyId=key)["Tags"]]
    assert sorted(listed) == sorted(names)


def test_keys_have_their_own_tags(caller):
    first, second = caller.key_id(Tags=[tag("a")]), caller.key_id(Tags=[tag("b")])
    assert tags(caller, first) == {"a": ""} and tags(caller, second) == {"b": ""}


def test_boto3_tags(kms):
    key = kms.create_key(Tags=[tag("a", "1")])["KeyMetadata"]["KeyId"]
    kms.tag_resource(KeyId=key, Tags=[tag("b", "2")])
    kms.untag_resource(KeyId=key, TagKeys=["a"])
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [tag("b", "2")]
    with pytest.raises(kms.exceptions.TagException, match="reserved"):
        kms.tag_resource(KeyId=key, Tags=[tag("aws:a", "1")])
