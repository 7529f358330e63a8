"""Managed policies: versions, attachments, listings, what a document must be."""

import json
import re

import pytest

from harness.query import Who, document, may, refused, trusts

POLICY_ID = re.compile(r"ANPA[A-Z2-7]{17}")
MISSING, CONFLICT, LIMIT, MALFORMED = (
    "NoSuchEntity",
    "DeleteConflict",
    "LimitExceeded",
    "MalformedPolicyDocument",
)
ALL = document(may("*"))
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def root(server):
    return Who(server)


def make(root, name="p", text=ALL, **members):
    return root.iam.create_policy(PolicyName=name, PolicyDocument=text, **members)["Policy"]


def test_a_policy_from_birth_to_death(root):
    iam = root.iam
    tags = [{"Key": "a", "Value": "b"}]
    made = make(root, "Pol", Path="/x/", Description='what <it> & "does"', Tags=tags)
    arn = made["Arn"]
    assert arn == root.arn("policy/x/Pol") and POLICY_ID.fullmatch(made["PolicyId"])
    assert (
        made["DefaultVersionId"] == "v1" and made["AttachmentCount"] == 0 and made["IsAttachable"]
    )
    assert made["PermissionsBoundaryUsageCount"] == 0 and made["Tags"] == tags
    got = iam.get_policy(PolicyArn=arn)["Policy"]
    assert got["Description"] == 'what <it> & "does"' and got["Tags"] == tags
    assert got["PolicyId"] == made["PolicyId"]
    (listed,) = iam.list_policies(Scope="Local")["Policies"]
    assert listed["Arn"] == arn and "Tags" not in listed and "Description" not in listed
    said = "A policy called POL already exists. Duplicate names are not allowed."
    refused(
        "EntityAlreadyExists",
        iam.create_policy,
        PolicyName="POL",
        PolicyDocument=ALL,
        text=said,
        status=409,
    )
    iam.delete_policy(PolicyArn=arn)
    said = f"Policy {arn} was not found."
    refused(MISSING, iam.get_policy, PolicyArn=arn, text=said, status=404)
    refused(MISSING, iam.delete_policy, PolicyArn=arn, status=404)


def test_versions(root):
    iam, arn = root.iam, make(root)["Arn"]
    for n in range(2, 6):
        made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(may(f"kms:v{n}")))
        made = made["PolicyVersion"]
        assert (made["VersionId"], made["IsDefaultVersion"]) == (f"v{n}", False)
        assert "Document" not in made
    said = (
        "A managed policy can have up to 5 versions. Before you create a new version, you must "
        "delete an existing version."
    )
    refused(
        LIMIT, iam.create_policy_version, PolicyArn=arn, PolicyDocument=ALL, text=said, status=409
    )
    listed = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [v["VersionId"] for v in listed] == ["v5", "v4", "v3", "v2", "v1"]
    assert [v["IsDefaultVersion"] for v in listed] == [False] * 4 + [True]
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v3")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v3"
    said = "Cannot delete the default version of a policy."
    refused(
        CONFLICT, iam.delete_policy_version, PolicyArn=arn, VersionId="v3", text=said, status=409
    )
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    # Numbers are never used twice.
    assert (
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALL)["PolicyVersion"]["VersionId"]
        == "v6"
    )
    got = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert got["Document"]["Statement"] == [may("kms:v2")] and not got["IsDefaultVersion"]
    said = f"Policy {arn} version v9 does not exist or is not attachable."
    refused(MISSING, iam.get_policy_version, PolicyArn=arn, VersionId="v9", text=said, status=404)
    refused(MISSING, iam.set_default_policy_version, PolicyArn=arn, VersionId="v5", status=404)
    refused("ValidationError", iam.get_policy_version, PolicyArn=arn, VersionId="x1", status=400)
    said = (
        "This policy has more than one version. Before you delete a policy, you must delete the "
        "policy's versions. The default version is deleted with the policy."
    )
    refused(CONFLICT, iam.delete_policy, PolicyArn=arn, text=said, status=409)


def test_the_default_version_decides_at_once(root):
    iam, user = root.iam, root.user("u")
    arn = make(root, text=document(may("iam:ListUsers")))["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(may("iam:ListRoles")))
    refused("AccessDenied", user.iam.list_users)
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    for _ in range(3):
        user.iam.list_users()
        refused("AccessDenied", user.iam.list_roles)
        iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
        refused("AccessDenied", user.iam.list_users)
        user.iam.list_roles()
        iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    iam.detach_user_policy(UserName="u", PolicyArn=arn)
    refused("AccessDenied", user.iam.list_users)


def test_attachments(root):
    iam, arn = root.iam, make(root)["Arn"]
    iam.create_user(UserName="u")
    iam.create_group(GroupName="g")
    root.role("r", [trusts(root.arn("root"))])
    for attach, listing, member in (
        (iam.attach_user_policy, iam.list_attached_user_policies, {"UserName": "u"}),
        (iam.attach_group_policy, iam.list_attached_group_policies, {"GroupName": "g"}),
        (iam.attach_role_policy, iam.list_attached_role_policies, {"RoleName": "r"}),
    ):
        attach(PolicyArn=arn, **member)
        attach(PolicyArn=arn, **member)
        attach(PolicyArn=ADMIN, **member)
        attached = listing(**member)["AttachedPolicies"]
        assert sorted(p["PolicyName"] for p in attached) == ["AdministratorAccess", "p"]
        assert {p["PolicyArn"] for p in attached} == {ADMIN, arn}
        gone = root.arn("policy/none")
        said = f"Policy {gone} does not exist or is not attachable."
        refused(MISSING, attach, PolicyArn=gone, text=said, status=404, **member)
        refused(
            ("InvalidInput", "ValidationError"), attach, PolicyArn="x" * 20, status=400, **member
        )
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 3
    found = iam.list_entities_for_policy(PolicyArn=arn)
    assert [u["UserName"] for u in found["PolicyUsers"]] == ["u"] and found["PolicyUsers"][0][
        "UserId"
    ]
    assert [g["GroupName"] for g in found["PolicyGroups"]] == ["g"]
    assert [r["RoleName"] for r in found["PolicyRoles"]] == ["r"]
    only = iam.list_entities_for_policy(PolicyArn=arn, EntityFilter="Role")
    assert only["PolicyRoles"] and not only["PolicyUsers"] and not only["PolicyGroups"]
    said = "Cannot delete a policy attached to entities."
    refused(CONFLICT, iam.delete_policy, PolicyArn=arn, text=said, status=409)
    for detach, member in (
        (iam.detach_user_policy, {"UserName": "u"}),
        (iam.detach_group_policy, {"GroupName": "g"}),
        (iam.detach_role_policy, {"RoleName": "r"}),
    ):
        detach(PolicyArn=arn, **member)
        refused(
            MISSING,
            detach,
            PolicyArn=arn,
            text=f"Policy {arn} was not found.",
            status=404,
            **member,
        )
    iam.delete_policy(PolicyArn=arn)


def test_ten_policies_attached(root):
    iam = root.iam
    iam.create_user(UserName="u")
    arns = [make(root, f"p{n}")["Arn"] for n in range(11)]
    for arn in arns[:10]:
        iam.attach_user_policy(UserName="u", PolicyArn=arn)
    said = "Cannot exceed quota for PoliciesPerUser: 10"
    refused(LIMIT, iam.attach_user_policy, UserName="u", PolicyArn=arns[10], text=said, status=409)


def test_other_accounts_policies(root, server):
    other, arn = Who(server), make(root)["Arn"]
    other.iam.create_user(UserName="u")
    refused((MISSING, "AccessDenied"), other.iam.get_policy, PolicyArn=arn)
    refused((MISSING, "AccessDenied"), other.iam.delete_policy, PolicyArn=arn)
    refused(
        (MISSING, "AccessDenied"),
        other.iam.create_policy_version,
        PolicyArn=arn,
        PolicyDocument=ALL,
    )
    refused(
        (MISSING, "AccessDenied", "InvalidInput"),
        other.iam.attach_user_policy,
        UserName="u",
        PolicyArn=arn,
    )
    assert root.iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0
    for call in (root.iam.delete_policy, root.iam.list_policy_versions):
        code = ("AccessDenied",) if call == root.iam.delete_policy else ()
        if code:
            refused(code, call, PolicyArn=ADMIN, status=403)


def test_lists(root):
    iam = root.iam
    for name, path in (("a", "/"), ("b", "/x/"), ("c", "/x/")):
        make(root, name, Path=path)
    iam.create_user(UserName="u")
    iam.attach_user_policy(UserName="u", PolicyArn=root.arn("policy/x/c"))

    def names(**members):
        pages = iam.get_paginator("list_policies").paginate(**members)
        return [p["PolicyName"] for page in pages for p in page["Policies"]]

    assert names(Scope="Local") == ["a", "b", "c"]
    assert names(Scope="Local", PathPrefix="/x/") == ["b", "c"]
    assert names(Scope="Local", OnlyAttached=True) == ["c"]
    assert names(Scope="Local", PolicyUsageFilter="PermissionsBoundary") == []
    assert "AdministratorAccess" in names(Scope="AWS") and "a" not in names(Scope="AWS")
    assert {"AdministratorAccess", "a"} <= set(names())
    paged = names(Scope="Local", PaginationConfig={"PageSize": 1})
    assert paged == ["a", "b", "c"]
    refused("ValidationError", iam.list_policies, Scope="Everything", status=400)


def test_aws_managed_policies(root):
    iam = root.iam
    got = iam.get_policy(PolicyArn=ADMIN)["Policy"]
    assert got["Arn"] == ADMIN and got["PolicyName"] == "AdministratorAccess"
    version = iam.get_policy_version(PolicyArn=ADMIN, VersionId=got["DefaultVersionId"])[
        "PolicyVersion"
    ]
    assert version["Document"]["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    none = "arn:aws:iam::aws:policy/NoSuchThing"
    refused(
        MISSING, iam.get_policy, PolicyArn=none, text=f"Policy {none} was not found.", status=404
    )
    user = root.user("u")
    iam.attach_user_policy(UserName="u", PolicyArn=ADMIN)
    user.iam.list_users()
    iam.detach_user_policy(UserName="u", PolicyArn=ADMIN)
    refused("AccessDenied", user.iam.list_users)


BAD = [
    ("", None),
    ("x", "Syntax errors in policy."),
    ("[]", None),
    ("null", None),
    ("{}", None),
    ('{"Version":"2012-10-17"}', None),
    ('{"Version":"2012-10-17","Statement":[]}', None),
    (document(may("*"), version="2008-10-17").replace('"2008-10-17"', '"2013-10-17"'), None),
    (
        document(may("*"), version="2008-10-17"),
        "Policy document must be version 2012-10-17 or greater.",
    ),
    (
        json.dumps({"Statement": [may("*")]}),
        "Policy document must be version 2012-10-17 or greater.",
    ),
    (document({**may("*"), "Principal": "*"}), "Policy document should not specify a principal."),
    (document({"Effect": "Allow", "Resource": "*"}), "Policy statement must contain actions."),
    (document({"Effect": "Allow", "Action": "kms:*"}), "Policy statement must contain resources."),
    (document({"Action": "kms:*", "Resource": "*"}), None),
    (
        document(may("nonsense")),
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
    ),
    (document(may("kms:*", "nonsense")), 'Resource nonsense must be in ARN format or "*".'),
    (document(may([])), None),
    (document(may("kms:*", [])), None),
    (document({**may("*"), "NotAction": "kms:*"}), None),
    (document({**may("*"), "NotResource": "*"}), None),
    (document({**may("*"), "Effect": "ALLOW"}), None),
    (document({**may("*"), "Nonsense": 1}), "Syntax errors in policy."),
    (document({**may("*"), "action": "kms:*"}), None),
    (document({**may("*"), "Sid": "a b"}), None),
    (document({**may("*"), "Sid": "a"}, {**may("kms:*"), "Sid": "a"}), None),
    (document({**may("*"), "Condition": {"StringEqual": {"aws:username": "x"}}}), None),
    (document({**may("*"), "Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}}), None),
    (document({**may("*"), "Condition": {"IpAddress": {"aws:SourceIp": "1.2.3.4/99"}}}), None),
    (document({**may("*"), "Condition": []}), None),
    (document(may("*")).replace('"Effect"', '"Effect":"Deny","Effect"'), None),
    (document(may("*")) + "x", None),
    ("\ufeff" + document(may("*")), None),
    ('{"a":' * 3000 + "1" + "}" * 3000, None),
    (document(may("*")).replace('"*"', '"\\ud800"'), None),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_documents(root, number):
    text, said = BAD[number]
    codes = (MALFORMED,) if said else (MALFORMED, "ValidationError", LIMIT)
    got = refused(codes, root.iam.create_policy, PolicyName="p", PolicyDocument=text)
    if said:
        assert got == said
    root.iam.create_user(UserName="u")
    if said and "2012-10-17 or greater" in said:
        return  # asked of managed policies only
    refused(codes, root.iam.put_user_policy, UserName="u", PolicyName="p", PolicyDocument=text)
    assert root.iam.list_user_policies(UserName="u")["PolicyNames"] == []
    assert root.iam.list_policies(Scope="Local")["Policies"] == []


def test_the_size_of_a_document(root):
    def text(chars):
        bare = document(may("kms:Encrypt", "arn:aws:kms:us-east-1:111122223333:key/"))
        return bare.replace("key/", "key/" + "k" * (chars - len(bare.replace(" ", ""))))

    make(root, "a", text(6144).replace(":", " : ", 1) + "\n" * 500)
    said = "Cannot exceed quota for PolicySize: 6144"
    refused(
        LIMIT,
        root.iam.create_policy,
        PolicyName="b",
        PolicyDocument=text(6145),
        text=said,
        status=409,
    )


def test_tags_of_a_policy(root):
    iam, arn = root.iam, make(root)["Arn"]
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
    assert iam.get_policy(PolicyArn=arn)["Policy"].get("Tags", []) == []


def test_documents_come_back_as_sent(root):
    text = '{"Version":"2012-10-17",  "Statement":{"Effect":"Allow","Action":"s3:Get+ %2B*","Resource":"arn:aws:s3:::b/a b+c%20é/*"}}'
    text = text.replace("+ %2B", "")
    arn = make(root, text=text)["Arn"]
    answer = root.ask("iam", "GetPolicyVersion", PolicyArn=arn, VersionId="v1")
    from urllib.parse import unquote

    assert unquote(answer.text("Document")) == text
    got = root.iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    assert got == json.loads(text)


def test_the_text_for_a_huge_document(root):
    said = "Cannot exceed quota for PolicySize: 6144"
    text = document(may("kms:Encrypt", "arn:aws:kms:::" + "k" * 11000))
    refused(
        LIMIT, root.iam.create_policy, PolicyName="b", PolicyDocument=text, text=said, status=409
    )
