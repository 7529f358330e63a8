"""IAM users, groups and access keys: their whole life, ids, tags, paths, paging and refusals."""

import re

import pytest

from harness.query import Who, document, may, refused, trusts

USER_ID, GROUP_ID = re.compile(r"AIDA[A-Z2-7]{17}"), re.compile(r"AGPA[A-Z2-7]{17}")
KEY_ID, SECRET = re.compile(r"AKIA[A-Z2-7]{16}"), re.compile(r"[A-Za-z0-9+/]{40}")
MISSING, EXISTS, CONFLICT, LIMIT = (
    "NoSuchEntity",
    "EntityAlreadyExists",
    "DeleteConflict",
    "LimitExceeded",
)
ALL = document(may("*"))


@pytest.fixture
def root(server):
    return Who(server)


def no_user(name):
    return f"The user with name {name} cannot be found."


def no_group(name):
    return f"The group with name {name} cannot be found."


def test_a_user_from_birth_to_death(root):
    iam = root.iam
    tags = [{"Key": "team", "Value": "blue"}, {"Key": "Empty", "Value": ""}]
    made = iam.create_user(UserName="Bob.B", Path="/a/b/", Tags=tags)["User"]
    assert made["Arn"] == root.arn("user/a/b/Bob.B") and made["Path"] == "/a/b/"
    assert USER_ID.fullmatch(made["UserId"]) and made["CreateDate"].tzinfo and made["Tags"] == tags
    assert "PasswordLastUsed" not in made and "PermissionsBoundary" not in made
    got = iam.get_user(UserName="Bob.B")["User"]
    assert got == made
    (listed,) = iam.list_users()["Users"]
    # ListUsers shows neither tags nor the boundary.
    assert listed == {name: value for name, value in made.items() if name != "Tags"}
    iam.update_user(UserName="Bob.B", NewPath="/c/", NewUserName="carol")
    after = iam.get_user(UserName="carol")["User"]
    assert (after["Arn"], after["UserId"]) == (root.arn("user/c/carol"), made["UserId"])
    refused(MISSING, iam.get_user, UserName="Bob.B", text=no_user("Bob.B"), status=404)
    iam.delete_user(UserName="carol")
    refused(MISSING, iam.delete_user, UserName="carol", text=no_user("carol"), status=404)
    assert iam.list_users()["Users"] == []
    again = iam.create_user(UserName="Bob.B", Path="/a/b/")["User"]
    assert again["UserId"] != made["UserId"]


def test_names_have_no_case(root):
    iam = root.iam
    iam.create_user(UserName="Alice")
    for name in ("Alice", "alice", "ALICE"):
        text = f"User with name {name} already exists."
        refused(EXISTS, iam.create_user, UserName=name, text=text, status=409)
        assert iam.get_user(UserName=name)["User"]["UserName"] == "Alice"
    iam.create_group(GroupName="Ops")
    refused(EXISTS, iam.create_group, GroupName="oPS", status=409)
    assert iam.get_group(GroupName="ops")["Group"]["GroupName"] == "Ops"
    iam.put_user_policy(UserName="alice", PolicyName="P", PolicyDocument=ALL)
    iam.add_user_to_group(UserName="ALICE", GroupName="OPS")
    assert [u["UserName"] for u in iam.get_group(GroupName="Ops")["Users"]] == ["Alice"]


def test_the_caller_is_the_user_when_none_is_named(root):
    user = root.user("self", may("iam:*"))
    got = user.iam.get_user()["User"]
    assert (got["UserName"], got["UserId"]) == ("self", user.id_)
    got = root.iam.get_user()["User"]
    assert (got["Arn"], got["UserId"]) == (root.arn("root"), root.account)
    assert [k["AccessKeyId"] for k in user.iam.list_access_keys()["AccessKeyMetadata"]] == [
        user.key["AccessKeyId"]
    ]
    made = user.iam.create_access_key()["AccessKey"]
    assert made["UserName"] == "self"
    user.iam.delete_access_key(AccessKeyId=made["AccessKeyId"])


@pytest.mark.parametrize("name", ["", "a b", "a/b", "é", "a\n", "x" * 65, "a:b", "*", "a\0b"])
def test_bad_names(root, name):
    refused("ValidationError", root.iam.create_user, UserName=name, status=400)
    # Existing names may be longer: 128 characters [M].
    long = name if len(name) < 65 else name * 2
    refused("ValidationError", root.iam.get_user, UserName=long, status=400)
    assert root.iam.list_users()["Users"] == []


def test_the_text_of_bad_names(root):
    charset = (
        "The specified value for userName is invalid. It must contain only alphanumeric characters"
        " and/or the following: +=,.@_-"
    )
    refused("ValidationError", root.iam.create_user, UserName="a b", text=charset)


def test_the_text_of_long_names(root):
    long = "x" * 65
    text = (
        f"1 validation error detected: Value '{long}' at 'userName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64"
    )
    refused("ValidationError", root.iam.create_user, UserName=long, text=text)


@pytest.mark.parametrize("path", ["a/", "/a", "", "/a b/é/", "/" + "x" * 511 + "/", "//a//é"])
def test_bad_paths(root, path):
    refused("ValidationError", root.iam.create_user, UserName="u", Path=path, status=400)
    refused("ValidationError", root.iam.create_group, GroupName="g", Path=path, status=400)


def test_lists_by_path(root):
    iam = root.iam
    for name, path in (("a", "/"), ("b", "/x/"), ("c", "/x/y/"), ("d", "/xy/")):
        iam.create_user(UserName=name, Path=path)
        iam.create_group(GroupName=name, Path=path)
    for prefix, expected in (("/", "abcd"), ("/x/", "bc"), ("/x", "bcd"), ("/none/", "")):
        users = iam.list_users(PathPrefix=prefix)["Users"]
        assert [u["UserName"] for u in users] == list(expected)
        groups = iam.list_groups(PathPrefix=prefix)["Groups"]
        assert [g["GroupName"] for g in groups] == list(expected)


def test_pages(root):
    iam = root.iam
    names = sorted(f"u{n:02}" for n in range(23))
    for name in names:
        iam.create_user(UserName=name)
    seen, marker, pages = [], {}, 0
    while True:
        out = iam.list_users(MaxItems=5, **marker)
        seen += [u["UserName"] for u in out["Users"]]
        pages += 1
        assert out["IsTruncated"] is ("Marker" in out)
        if not out["IsTruncated"]:
            break
        assert len(out["Users"]) == 5
        marker = {"Marker": out["Marker"]}
    assert seen == names and pages == 5
    assert len(iam.list_users(MaxItems=1000)["Users"]) == 23
    found = [u["UserName"] for p in iam.get_paginator("list_users").paginate() for u in p["Users"]]
    assert found == names
    refused("ValidationError", iam.list_users, MaxItems=0, status=400)
    refused("ValidationError", iam.list_users, MaxItems=1001, status=400)
    refused("ValidationError", iam.list_users, Marker="nonsense é", status=400)


def test_a_page_goes_on_after_its_last_name_is_gone(root):
    iam = root.iam
    for name in "abcdef":
        iam.create_user(UserName=name)
    out = iam.list_users(MaxItems=2)
    for name in "bc":
        iam.delete_user(UserName=name)
    rest = iam.list_users(Marker=out["Marker"])["Users"]
    assert [u["UserName"] for u in rest] == list("def")


def test_markers_of_another_account_show_nothing_of_it(root, server):
    other = Who(server)
    for name in "abc":
        root.iam.create_user(UserName=name)
        other.iam.create_user(UserName=f"other-{name}")
    marker = root.iam.list_users(MaxItems=1)["Marker"]
    try:
        users = other.iam.list_users(Marker=marker)["Users"]
    except other.iam.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationError"
    else:
        assert all(u["UserName"].startswith("other-") for u in users)


def test_tags_of_a_user(root):
    iam = root.iam
    iam.create_user(UserName="t", Tags=[{"Key": "a", "Value": "1"}])
    iam.tag_user(UserName="t", Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "x y/z=+"}])
    tags = {t["Key"]: t["Value"] for t in iam.list_user_tags(UserName="t")["Tags"]}
    assert tags == {"a": "2", "b": "x y/z=+"}
    iam.untag_user(UserName="t", TagKeys=["a", "unknown"])
    assert iam.list_user_tags(UserName="t")["Tags"] == [{"Key": "b", "Value": "x y/z=+"}]
    twice = [{"Key": "k", "Value": "1"}, {"Key": "K", "Value": "2"}]
    text = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    refused("InvalidInput", iam.tag_user, UserName="t", Tags=twice, text=text, status=400)
    refused(
        ("InvalidInput", "ValidationError"),
        iam.tag_user,
        UserName="t",
        Tags=[{"Key": "aws:x", "Value": "1"}],
        status=400,
    )
    many = [{"Key": f"k{n}", "Value": ""} for n in range(50)]
    # 50 more would be 51.
    refused("LimitExceeded", iam.tag_user, UserName="t", Tags=many, status=409)
    for bad in (
        {"Key": "", "Value": ""},
        {"Key": "k" * 129, "Value": ""},
        {"Key": "k", "Value": "v" * 257},
    ):
        refused("ValidationError", iam.tag_user, UserName="t", Tags=[bad], status=400)
    iam.untag_user(UserName="t", TagKeys=["b"])
    iam.tag_user(UserName="t", Tags=many)
    seen, marker = [], {}
    while True:
        out = iam.list_user_tags(UserName="t", MaxItems=7, **marker)
        seen += [t["Key"] for t in out["Tags"]]
        if not out["IsTruncated"]:
            break
        marker = {"Marker": out["Marker"]}
    assert sorted(seen) == sorted(t["Key"] for t in many)
    refused(MISSING, iam.tag_user, UserName="none", Tags=[], text=no_user("none"), status=404)
    refused(MISSING, iam.list_user_tags, UserName="none", text=no_user("none"), status=404)


def test_tag_keys_without_case(root):
    iam = root.iam
    iam.create_user(UserName="t", Tags=[{"Key": "Team", "Value": "1"}])
    iam.tag_user(UserName="t", Tags=[{"Key": "team", "Value": "2"}])
    (tag,) = iam.list_user_tags(UserName="t")["Tags"]
    assert tag["Value"] == "2"
    iam.untag_user(UserName="t", TagKeys=["TEAM"])
    assert iam.list_user_tags(UserName="t")["Tags"] == []


def test_a_group_from_birth_to_death(root):
    iam = root.iam
    made = iam.create_group(GroupName="dev", Path="/eng/")["Group"]
    assert made["Arn"] == root.arn("group/eng/dev") and GROUP_ID.fullmatch(made["GroupId"])
    iam.create_user(UserName="u")
    iam.add_user_to_group(GroupName="dev", UserName="u")
    iam.add_user_to_group(GroupName="dev", UserName="u")
    out = iam.get_group(GroupName="dev")
    assert out["Group"] == made and [u["UserName"] for u in out["Users"]] == ["u"]
    assert iam.list_groups_for_user(UserName="u")["Groups"] == [made]
    iam.put_group_policy(GroupName="dev", PolicyName="p", PolicyDocument=ALL)
    assert iam.list_group_policies(GroupName="dev")["PolicyNames"] == ["p"]
    got = iam.get_group_policy(GroupName="dev", PolicyName="p")
    assert got["PolicyDocument"] == {"Version": "2012-10-17", "Statement": [may("*")]}
    refused(CONFLICT, iam.delete_group, GroupName="dev", status=409)
    iam.delete_group_policy(GroupName="dev", PolicyName="p")
    text = "The group policy with name p cannot be found."
    refused(MISSING, iam.get_group_policy, GroupName="dev", PolicyName="p", text=text, status=404)
    text = "Cannot delete entity, must remove users from group first."
    refused(CONFLICT, iam.delete_group, GroupName="dev", text=text, status=409)
    refused(CONFLICT, iam.delete_user, UserName="u", status=409)
    iam.update_group(GroupName="dev", NewGroupName="Dev2", NewPath="/")
    assert iam.get_group(GroupName="dev2")["Group"]["Arn"] == root.arn("group/Dev2")
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName="u")["Groups"]] == ["Dev2"]
    iam.remove_user_from_group(GroupName="Dev2", UserName="u")
    iam.delete_group(GroupName="Dev2")
    refused(MISSING, iam.get_group, GroupName="Dev2", text=no_group("Dev2"), status=404)
    refused(MISSING, iam.add_user_to_group, GroupName="g", UserName="u", text=no_group("g"))
    iam.create_group(GroupName="g")
    refused(MISSING, iam.add_user_to_group, GroupName="g", UserName="x", text=no_user("x"))


def test_ten_groups_a_user(root):
    iam = root.iam
    iam.create_user(UserName="u")
    for n in range(11):
        iam.create_group(GroupName=f"g{n}")
    for n in range(10):
        iam.add_user_to_group(GroupName=f"g{n}", UserName="u")
    text = "Cannot exceed quota for GroupsPerUser: 10"
    refused(LIMIT, iam.add_user_to_group, GroupName="g10", UserName="u", text=text, status=409)


def test_a_group_gives_at_once_and_takes_at_once(root):
    user = root.user("u")
    root.iam.create_group(GroupName="g")
    root.iam.put_group_policy(
        GroupName="g", PolicyName="p", PolicyDocument=document(may("iam:ListUsers"))
    )
    for _ in range(3):
        refused("AccessDenied", user.iam.list_users, status=403)
        root.iam.add_user_to_group(GroupName="g", UserName="u")
        user.iam.list_users()
        root.iam.remove_user_from_group(GroupName="g", UserName="u")
    text = (
        f"User: {user.arn_} is not authorized to perform: iam:ListUsers on resource: "
        f"arn:aws:iam::{root.account}:user/ because no identity-based policy allows the iam:ListUsers action"
    )
    refused("AccessDenied", user.iam.list_users, text=text, status=403)


def test_two_access_keys(root):
    iam = root.iam
    iam.create_user(UserName="u")
    keys = [iam.create_access_key(UserName="u")["AccessKey"] for _ in range(2)]
    for key in keys:
        assert KEY_ID.fullmatch(key["AccessKeyId"]) and SECRET.fullmatch(key["SecretAccessKey"])
        assert key["Status"] == "Active" and key["UserName"] == "u" and key["CreateDate"]
    text = "Cannot exceed quota for AccessKeysPerUser: 2"
    refused(LIMIT, iam.create_access_key, UserName="u", text=text, status=409)
    listed = iam.list_access_keys(UserName="u")["AccessKeyMetadata"]
    assert {k["AccessKeyId"] for k in listed} == {k["AccessKeyId"] for k in keys}
    assert not any("SecretAccessKey" in k for k in listed)
    text = "Cannot delete entity, must delete access keys first."
    refused(CONFLICT, iam.delete_user, UserName="u", text=text, status=409)
    gone = keys[0]["AccessKeyId"]
    iam.delete_access_key(UserName="u", AccessKeyId=gone)
    text = f"The Access Key with id {gone} cannot be found."
    refused(MISSING, iam.delete_access_key, UserName="u", AccessKeyId=gone, text=text, status=404)
    refused(
        MISSING, iam.update_access_key, UserName="u", AccessKeyId=gone, Status="Active", text=text
    )
    refused(MISSING, iam.create_access_key, UserName="v", text=no_user("v"))
    iam.create_user(UserName="v")
    other = keys[1]["AccessKeyId"]
    refused(MISSING, iam.delete_access_key, UserName="v", AccessKeyId=other, status=404)
    refused("ValidationError", iam.update_access_key, UserName="u", AccessKeyId=other, Status="Off")


def signed_out(who):
    """Every service refuses the credentials."""
    bad = "The security token included in the request is invalid."
    refused("InvalidClientTokenId", who.sts.get_caller_identity, text=bad, status=403)
    refused("InvalidClientTokenId", who.iam.list_users, text=bad, status=403)
    refused("UnrecognizedClientException", who.kms.list_keys, text=bad, status=400)


def test_an_inactive_key_is_refused_at_once(root):
    user = root.user("u", may("*"))
    key = user.key["AccessKeyId"]
    for _ in range(3):
        assert user.me() == user.arn_
        user.kms.list_keys()
        root.iam.update_access_key(UserName="u", AccessKeyId=key, Status="Inactive")
        signed_out(user)
        (meta,) = root.iam.list_access_keys(UserName="u")["AccessKeyMetadata"]
        assert meta["Status"] == "Inactive"
        root.iam.update_access_key(UserName="u", AccessKeyId=key, Status="Active")
    root.iam.delete_access_key(UserName="u", AccessKeyId=key)
    signed_out(user)


def test_keys_of_a_deleted_user_are_refused_at_once(root):
    user = root.user("u", may("*"))
    assert user.me() == user.arn_
    root.iam.delete_user_policy(UserName="u", PolicyName="own")
    root.iam.delete_access_key(UserName="u", AccessKeyId=user.key["AccessKeyId"])
    root.iam.delete_user(UserName="u")
    signed_out(user)
    root.user("u", may("*"))
    signed_out(user)


def test_a_renamed_user_keeps_its_key_and_policies(root):
    user = root.user("u", may("iam:*"))
    root.iam.update_user(UserName="u", NewUserName="w", NewPath="/p/")
    assert user.me() == root.arn("user/p/w")
    assert user.iam.get_user()["User"]["UserName"] == "w"
    assert user.iam.list_user_policies(UserName="w")["PolicyNames"] == ["own"]


def test_a_wrong_secret(root):
    user = root.user("u", may("*"))
    wrong = Who(root.server, user.key["AccessKeyId"], user.key["SecretAccessKey"][::-1])
    refused("SignatureDoesNotMatch", wrong.sts.get_caller_identity, status=403)
    refused("SignatureDoesNotMatch", wrong.iam.list_users, status=403)


def test_last_use_of_a_key(root):
    iam = root.iam
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    out = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert out["UserName"] == "u"
    assert (out["AccessKeyLastUsed"]["Region"], out["AccessKeyLastUsed"]["ServiceName"]) == (
        "N/A",
        "N/A",
    )
    assert "LastUsedDate" not in out["AccessKeyLastUsed"]
    root.with_key(key).me()
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
    assert used["ServiceName"] == "sts" and used["Region"] == "us-east-1" and used["LastUsedDate"]


def test_inline_policies_of_a_user(root):
    iam = root.iam
    iam.create_user(UserName="u")
    text = '{ "Version" : "2012-10-17",\n\t"Statement": {"Effect":"Allow","Action":"kms:*","Resource":"*","Sid":"a b+%é&<"}}'
    text = text.replace(" b+%é&<", "Plus1")
    for name in ("b", "a"):
        iam.put_user_policy(UserName="u", PolicyName=name, PolicyDocument=text)
    assert iam.list_user_policies(UserName="u")["PolicyNames"] == ["a", "b"]
    got = iam.get_user_policy(UserName="u", PolicyName="a")
    assert got["UserName"] == "u" and got["PolicyName"] == "a"
    assert got["PolicyDocument"]["Statement"]["Sid"] == "aPlus1"
    iam.put_user_policy(UserName="u", PolicyName="a", PolicyDocument=ALL)
    assert iam.get_user_policy(UserName="u", PolicyName="a")["PolicyDocument"]["Statement"] == [
        may("*")
    ]
    refused(
        CONFLICT,
        iam.delete_user,
        UserName="u",
        text="Cannot delete entity, must delete policies first.",
    )
    missing = "The user policy with name z cannot be found."
    refused(MISSING, iam.get_user_policy, UserName="u", PolicyName="z", text=missing, status=404)
    refused(MISSING, iam.delete_user_policy, UserName="u", PolicyName="z", text=missing, status=404)
    refused(
        MISSING,
        iam.put_user_policy,
        UserName="x",
        PolicyName="z",
        PolicyDocument=ALL,
        text=no_user("x"),
    )


def test_the_size_of_a_users_inline_policies(root):
    iam = root.iam
    iam.create_user(UserName="u")

    def text(chars):
        bare = document(may("kms:Encrypt", "arn:aws:kms:us-east-1:111122223333:key/"))
        fill = chars - len(bare.replace(" ", ""))
        return bare.replace("key/", "key/" + "k" * fill)

    iam.put_user_policy(UserName="u", PolicyName="a", PolicyDocument=text(1024))
    iam.put_user_policy(UserName="u", PolicyName="b", PolicyDocument=text(1024) + " " * 900)
    said = "Maximum policy size of 2048 bytes exceeded for user u"
    refused(
        LIMIT,
        iam.put_user_policy,
        UserName="u",
        PolicyName="c",
        PolicyDocument=ALL,
        text=said,
        status=409,
    )


def test_other_accounts_do_not_see_each_other(root, server):
    other = Who(server)
    root.iam.create_user(UserName="mine")
    refused(MISSING, other.iam.get_user, UserName="mine", text=no_user("mine"))
    assert other.iam.list_users()["Users"] == []
    key = root.iam.create_access_key(UserName="mine")["AccessKey"]["AccessKeyId"]
    refused((MISSING, "AccessDenied"), other.iam.get_access_key_last_used, AccessKeyId=key)
    refused(
        MISSING, other.iam.update_access_key, UserName="mine", AccessKeyId=key, Status="Inactive"
    )
    root.role("r", [trusts(root.arn("root"))])
    refused(MISSING, other.iam.get_role, RoleName="r", text="The role with name r cannot be found.")
