"""IAM roles: life, trust policies, boundaries, tags, and the calls of a Terraform provider."""

import json
import re

import pytest

from harness.query import Who, document, may, must_not, refused, trusts

ROLE_ID = re.compile(r"AROA[A-Z2-7]{17}")
MISSING, EXISTS, CONFLICT = "NoSuchEntity", "EntityAlreadyExists", "DeleteConflict"
MALFORMED = "MalformedPolicyDocument"


@pytest.fixture
def root(server):
    return Who(server)


def no_role(name):
    return f"The role with name {name} cannot be found."


def trust_of(root):
    return document(trusts(root.arn("root")))


def test_a_role_from_birth_to_death(root):
    iam, text = root.iam, trust_of(root)
    members = dict(
        Path="/svc/",
        Description="runs things",
        MaxSessionDuration=7200,
        Tags=[{"Key": "team", "Value": "blue"}],
    )
    made = iam.create_role(RoleName="Runner", AssumeRolePolicyDocument=text, **members)["Role"]
    assert made["Arn"] == root.arn("role/svc/Runner") and ROLE_ID.fullmatch(made["RoleId"])
    assert made["AssumeRolePolicyDocument"] == json.loads(text)
    got = iam.get_role(RoleName="runner")["Role"]
    for name in ("Arn", "RoleId", "RoleName", "Path", "CreateDate", "AssumeRolePolicyDocument"):
        assert got[name] == made[name], name
    assert (got["Description"], got["MaxSessionDuration"]) == ("runs things", 7200)
    assert got["Tags"] == members["Tags"]
    (listed,) = iam.list_roles()["Roles"]
    assert (
        listed["RoleId"] == made["RoleId"] and "Tags" not in listed and "RoleLastUsed" not in listed
    )
    assert listed["AssumeRolePolicyDocument"] == json.loads(text)
    said = "Role with name RUNNER already exists."
    refused(
        EXISTS,
        iam.create_role,
        RoleName="RUNNER",
        AssumeRolePolicyDocument=text,
        text=said,
        status=409,
    )
    iam.update_role(RoleName="Runner", Description="", MaxSessionDuration=3600)
    got = iam.get_role(RoleName="Runner")["Role"]
    assert not got.get("Description") and got["MaxSessionDuration"] == 3600
    out = iam.update_role_description(RoleName="Runner", Description="new")["Role"]
    assert out["Description"] == "new"
    iam.delete_role(RoleName="Runner")
    for call in (
        iam.get_role,
        iam.delete_role,
        iam.list_role_policies,
        iam.list_attached_role_policies,
    ):
        refused(MISSING, call, RoleName="Runner", text=no_role("Runner"), status=404)
    again = iam.create_role(RoleName="Runner", AssumeRolePolicyDocument=text)["Role"]
    assert again["RoleId"] != made["RoleId"]
    assert iam.get_role(RoleName="Runner")["Role"]["MaxSessionDuration"] == 3600


@pytest.mark.parametrize("seconds", [0, 3599, 43201, -1])
def test_bounds_of_the_sessions_duration(root, seconds):
    text = trust_of(root)
    said = refused(
        "ValidationError",
        root.iam.create_role,
        RoleName="r",
        AssumeRolePolicyDocument=text,
        MaxSessionDuration=seconds,
        status=400,
    )
    bound = "greater than or equal to 3600" if seconds < 3600 else "less than or equal to 43200"
    assert said == (
        f"1 validation error detected: Value '{seconds}' at 'maxSessionDuration' failed to satisfy "
        f"constraint: Member must have value {bound}"
    )


def test_what_terraform_calls(root):
    """aws_iam_role, aws_iam_policy, an attachment, an inline policy: create, read, update, delete."""
    iam = root.iam
    assume = document(trusts({"Service": "ec2.amazonaws.com"}))
    iam.create_role(
        RoleName="tf",
        Path="/",
        AssumeRolePolicyDocument=assume,
        MaxSessionDuration=3600,
        Tags=[{"Key": "Name", "Value": "tf"}],
    )
    policy = iam.create_policy(
        PolicyName="tf", Path="/", PolicyDocument=document(may("kms:Decrypt")), Tags=[]
    )["Policy"]
    iam.attach_role_policy(RoleName="tf", PolicyArn=policy["Arn"])
    iam.put_role_policy(RoleName="tf", PolicyName="in", PolicyDocument=document(may("kms:Encrypt")))
    for _ in range(2):  # plan after apply: what is read must not differ
        got = iam.get_role(RoleName="tf")["Role"]
        assert got["AssumeRolePolicyDocument"] == json.loads(assume)
        assert got["Tags"] == [{"Key": "Name", "Value": "tf"}]
        assert iam.list_role_policies(RoleName="tf")["PolicyNames"] == ["in"]
        assert iam.list_attached_role_policies(RoleName="tf")["AttachedPolicies"] == [
            {"PolicyName": "tf", "PolicyArn": policy["Arn"]}
        ]
        read = iam.get_policy(PolicyArn=policy["Arn"])["Policy"]
        assert (read["AttachmentCount"], read["DefaultVersionId"]) == (1, "v1")
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId="v1")["PolicyVersion"]
        assert version["Document"] == json.loads(document(may("kms:Decrypt")))
        assert iam.list_role_tags(RoleName="tf")["Tags"] == got["Tags"]
        assert iam.list_instance_profiles_for_role(RoleName="tf")["InstanceProfiles"] == []
    trust = document(trusts({"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}))
    iam.update_assume_role_policy(RoleName="tf", PolicyDocument=trust)
    assert iam.get_role(RoleName="tf")["Role"]["AssumeRolePolicyDocument"] == json.loads(trust)
    iam.tag_role(RoleName="tf", Tags=[{"Key": "env", "Value": "prod"}])
    iam.untag_role(RoleName="tf", TagKeys=["Name"])
    new = document(may(["kms:Decrypt", "kms:DescribeKey"]))
    made = iam.create_policy_version(PolicyArn=policy["Arn"], PolicyDocument=new, SetAsDefault=True)
    assert made["PolicyVersion"]["VersionId"] == "v2" and made["PolicyVersion"]["IsDefaultVersion"]
    iam.delete_policy_version(PolicyArn=policy["Arn"], VersionId="v1")
    said = "Cannot delete entity, must delete policies first."
    iam.detach_role_policy(RoleName="tf", PolicyArn=policy["Arn"])
    refused(CONFLICT, iam.delete_role, RoleName="tf", text=said, status=409)
    iam.delete_role_policy(RoleName="tf", PolicyName="in")
    iam.attach_role_policy(RoleName="tf", PolicyArn=policy["Arn"])
    said = "Cannot delete entity, must detach all policies first."
    refused(CONFLICT, iam.delete_role, RoleName="tf", text=said, status=409)
    iam.detach_role_policy(RoleName="tf", PolicyArn=policy["Arn"])
    iam.delete_role(RoleName="tf")
    iam.delete_policy(PolicyArn=policy["Arn"])
    assert iam.list_roles()["Roles"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == []


NO_STRANGERS = [
    ({"Version": "2012-10-17", "Statement": []}, None),
    ("{", None),
    ("[]", None),
    ("", None),
    ('{"Version":"2012-10-17"}', None),
    (document({"Effect": "Allow", "Action": "sts:AssumeRole"}), None),
    (document(trusts("*", Resource="*")), "Has prohibited field Resource"),
    (
        document(trusts("*", "kms:Encrypt")),
        "AssumeRole policy may only specify STS AssumeRole actions.",
    ),
    (
        document(trusts("arn:aws:iam::ACCOUNT:user/none")),
        'Invalid principal in policy: "AWS":"arn:aws:iam::ACCOUNT:user/none"',
    ),
    (
        document(trusts("arn:aws:iam::ACCOUNT:role/none")),
        'Invalid principal in policy: "AWS":"arn:aws:iam::ACCOUNT:role/none"',
    ),
    (document(trusts("arn:aws:iam::ACCOUNT:group/g")), None),
    (document(trusts("arn:aws:iam::ACCOUNT:user/*")), None),
    (document(trusts("nonsense")), 'Invalid principal in policy: "AWS":"nonsense"'),
    (document(trusts({"Nobody": "*"})), None),
    (document(trusts("*"), version="2020-01-01"), None),
    (document({**trusts("*"), "Effect": "allow"}), None),
    (document({**trusts("*"), "Effect": "Maybe"}), None),
    (document({**trusts("*"), "Condition": {"Nonsense": {"aws:x": "y"}}}), None),
    (
        '{"Version":"2012-10-17","Version":"2012-10-17","Statement":%s}' % json.dumps(trusts("*")),
        None,
    ),
    ('{"Version":"2012-10-17","Statement":%s}' % ("[" * 5000), None),
]


@pytest.mark.parametrize("number", range(len(NO_STRANGERS)))
def test_bad_trust_policies(root, number):
    text, said = NO_STRANGERS[number]
    text = (text if isinstance(text, str) else json.dumps(text)).replace("ACCOUNT", root.account)
    got = refused(
        (MALFORMED, "ValidationError"),
        root.iam.create_role,
        RoleName="r",
        AssumeRolePolicyDocument=text,
        status=400,
    )
    if said:
        assert got == said.replace("ACCOUNT", root.account)
    root.role("ok", [trusts(root.arn("root"))])
    refused(
        (MALFORMED, "ValidationError"),
        root.iam.update_assume_role_policy,
        RoleName="ok",
        PolicyDocument=text,
        status=400,
    )
    assert root.iam.get_role(RoleName="ok")["Role"]["AssumeRolePolicyDocument"] == json.loads(
        trust_of(root)
    )
    assert [r["RoleName"] for r in root.iam.list_roles()["Roles"]] == ["ok"]


def test_the_size_of_a_trust_policy(root):
    def text(chars):
        bare = document(
            trusts(root.arn("root"), Condition={"StringEquals": {"sts:ExternalId": ""}})
        )
        return bare.replace('""', '"' + "x" * (chars - len(bare.replace(" ", ""))) + '"')

    root.iam.create_role(RoleName="r", AssumeRolePolicyDocument=text(2048) + "  ")
    said = "Cannot exceed quota for ACLSizePerRole: 2048"
    refused(
        "LimitExceeded",
        root.iam.create_role,
        RoleName="s",
        AssumeRolePolicyDocument=text(2049),
        text=said,
        status=409,
    )


def test_a_trust_policy_shows_the_id_of_who_is_gone(root):
    user = root.user("u")
    root.role("r", [trusts(user.arn_)])
    root.iam.delete_access_key(UserName="u", AccessKeyId=user.key["AccessKeyId"])
    root.iam.delete_user(UserName="u")
    shown = root.iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": user.id_}
    # A namesake is somebody else.
    namesake = root.user("u", may("sts:AssumeRole", root.arn("role/other")))
    refused("AccessDenied", namesake.assume, root.arn("role/r"), status=403)


def test_a_boundary_limits_at_once(root):
    iam = root.iam
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=document(may("iam:Get*")))["Policy"]
    user = root.user("u", may("iam:*"))
    user.iam.list_users()
    iam.put_user_permissions_boundary(UserName="u", PermissionsBoundary=boundary["Arn"])
    shown = iam.get_user(UserName="u")["User"]["PermissionsBoundary"]
    assert shown["PermissionsBoundaryArn"] == boundary["Arn"]
    user.iam.get_user()
    said = refused("AccessDenied", user.iam.list_users, status=403)
    assert said.endswith("because no permissions boundary allows the iam:ListUsers action"), said
    assert iam.get_policy(PolicyArn=boundary["Arn"])["Policy"]["PermissionsBoundaryUsageCount"] == 1
    refused(CONFLICT, iam.delete_policy, PolicyArn=boundary["Arn"], status=409)
    iam.create_policy_version(
        PolicyArn=boundary["Arn"],
        PolicyDocument=document(may("iam:*"), must_not("iam:GetUser")),
        SetAsDefault=True,
    )
    user.iam.list_users()
    said = refused("AccessDenied", user.iam.get_user, status=403)
    assert "with an explicit deny in a permissions boundary" in said, said
    iam.delete_user_permissions_boundary(UserName="u")
    user.iam.get_user()
    assert "PermissionsBoundary" not in iam.get_user(UserName="u")["User"]
    gone = root.arn("policy/none")
    refused(
        MISSING,
        iam.put_user_permissions_boundary,
        UserName="u",
        PermissionsBoundary=gone,
        status=404,
    )


def test_a_boundary_of_a_role(root):
    iam = root.iam
    boundary = "arn:aws:iam::aws:policy/AdministratorAccess"
    made = root.role("r", [trusts(root.arn("root"))], may("iam:*"), PermissionsBoundary=boundary)
    assert made["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    session = root.user("u", may("sts:AssumeRole")).assume(made["Arn"])
    session.iam.list_users()
    none = iam.create_policy(PolicyName="b", PolicyDocument=document(may("kms:*")))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=none)
    refused("AccessDenied", session.iam.list_users, status=403)
    iam.delete_role_permissions_boundary(RoleName="r")
    session.iam.list_users()


def test_tags_of_a_role(root):
    iam = root.iam
    root.role("r", [trusts(root.arn("root"))])
    iam.tag_role(RoleName="R", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    assert {t["Key"]: t["Value"] for t in iam.list_role_tags(RoleName="r")["Tags"]} == {
        "a": "1",
        "b": "",
    }
    iam.untag_role(RoleName="r", TagKeys=["a"])
    assert iam.get_role(RoleName="r")["Role"]["Tags"] == [{"Key": "b", "Value": ""}]
    refused(
        MISSING, iam.tag_role, RoleName="x", Tags=[{"Key": "a", "Value": ""}], text=no_role("x")
    )


def test_pages_of_roles(root):
    names = sorted(f"r{n}" for n in range(12))
    for name in names:
        root.role(name, [trusts(root.arn("root"))])
    pages = list(root.iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(p["Roles"]) for p in pages] == [5, 5, 2]
    assert [r["RoleName"] for p in pages for r in p["Roles"]] == names


@pytest.mark.parametrize("call", ["put_role_policy", "get_role_policy", "delete_role_policy"])
def test_inline_policies_that_are_missing(root, call):
    more = {"PolicyDocument": document(may("*"))} if call.startswith("put") else {}
    call = getattr(root.iam, call)
    refused(MISSING, call, RoleName="x", PolicyName="p", text=no_role("x"), status=404, **more)
    root.role("r", [trusts(root.arn("root"))])
    if not more:
        said = "The role policy with name p cannot be found."
        refused(MISSING, call, RoleName="r", PolicyName="p", text=said, status=404)


def test_last_use_of_a_role(root):
    made = root.role("r", [trusts(root.arn("root"))], may("iam:ListUsers"))
    assert root.iam.get_role(RoleName="r")["Role"]["RoleLastUsed"] == {}
    session = root.user("u", may("sts:AssumeRole")).assume(made["Arn"])
    session.iam.list_users()
    used = root.iam.get_role(RoleName="r")["Role"]["RoleLastUsed"]
    assert used["LastUsedDate"] and used["Region"] == "us-east-1"


def test_the_type_of_a_boundary(root):
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    root.iam.create_user(UserName="u", PermissionsBoundary=arn)
    assert root.iam.get_user(UserName="u")["User"]["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": arn,
    }


def test_the_text_of_a_trust_policy_that_is_no_json(root):
    text = "This policy contains invalid Json"
    refused(MALFORMED, root.iam.create_role, RoleName="r", AssumeRolePolicyDocument="{", text=text)
