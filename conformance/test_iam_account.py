"""The account's alias, the summary, simulations, and spot checks with the AWS CLI."""

import json

import pytest

from harness.caller import fresh_account
from harness.cli import Cli
from harness.query import Who, document, may, must_not, refused, trusts

INVALID = "ValidationError"


@pytest.fixture
def root(server):
    return Who(server)


def test_the_alias_of_an_account(root, server):
    iam, alias = root.iam, f"a-{root.account}"
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias=alias)
    assert iam.list_account_aliases()["AccountAliases"] == [alias]
    text = f"The account alias {alias} already exists."
    refused(
        "EntityAlreadyExists",
        Who(server).iam.create_account_alias,
        AccountAlias=alias,
        text=text,
        status=409,
    )
    for bad in ("A", "ab", "-abc", "abc-", "a--b", "a_b", "x" * 64, "a b"):
        refused((INVALID, "InvalidInput"), iam.create_account_alias, AccountAlias=bad, status=400)
    assert iam.list_account_aliases()["AccountAliases"] == [alias]
    iam.create_account_alias(AccountAlias=alias + "-new")
    assert iam.list_account_aliases()["AccountAliases"] == [alias + "-new"]
    refused("NoSuchEntity", iam.delete_account_alias, AccountAlias=alias, status=404)
    iam.delete_account_alias(AccountAlias=alias + "-new")
    assert iam.list_account_aliases()["AccountAliases"] == []


def test_the_summary(root):
    root.iam.create_user(UserName="u")
    root.iam.create_group(GroupName="g")
    root.role("r", [trusts(root.arn("root"))])
    root.iam.create_policy(PolicyName="p", PolicyDocument=document(may("*")))
    got = root.iam.get_account_summary()["SummaryMap"]
    assert [got[n] for n in ("Users", "Groups", "Roles", "Policies")] == [1, 1, 1, 1]
    quotas = {
        "AccessKeysPerUserQuota": 2,
        "GroupsPerUserQuota": 10,
        "PolicySizeQuota": 6144,
        "VersionsPerPolicyQuota": 5,
        "UserPolicySizeQuota": 2048,
        "GroupPolicySizeQuota": 5120,
        "AssumeRolePolicySizeQuota": 2048,
        "AttachedPoliciesPerUserQuota": 10,
    }
    assert {n: got[n] for n in quotas} == quotas


def simulated(out):
    return {r["EvalActionName"]: r["EvalDecision"] for r in out["EvaluationResults"]}


def test_simulating_documents(root):
    policies = [document(may("kms:*", "arn:aws:kms:*:*:key/a*"), must_not("kms:Decrypt"))]
    out = root.iam.simulate_custom_policy(
        PolicyInputList=policies,
        ActionNames=["kms:Encrypt", "kms:Decrypt", "s3:GetObject"],
        ResourceArns=[f"arn:aws:kms:us-east-1:{root.account}:key/a"],
    )
    assert simulated(out) == {
        "kms:Encrypt": "allowed",
        "kms:Decrypt": "explicitDeny",
        "s3:GetObject": "implicitDeny",
    }
    assert out["IsTruncated"] is False
    first = out["EvaluationResults"][0]
    assert first["EvalResourceName"].endswith("key/a")
    (statement,) = first["MatchedStatements"]
    assert statement["SourcePolicyId"] == "PolicyInputList.1"
    missing = document(may("kms:Encrypt", Condition={"StringEquals": {"aws:username": "bob"}}))
    out = root.iam.simulate_custom_policy(PolicyInputList=[missing], ActionNames=["kms:Encrypt"])
    (result,) = out["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny" and result["MissingContextValues"] == [
        "aws:username"
    ]
    out = root.iam.simulate_custom_policy(
        PolicyInputList=[missing],
        ActionNames=["kms:Encrypt"],
        ContextEntries=[
            {
                "ContextKeyName": "aws:username",
                "ContextKeyValues": ["bob"],
                "ContextKeyType": "string",
            }
        ],
    )
    assert simulated(out) == {"kms:Encrypt": "allowed"}
    boundary = [document(may("s3:*"))]
    out = root.iam.simulate_custom_policy(
        PolicyInputList=[document(may("*"))],
        ActionNames=["kms:Encrypt"],
        PermissionsBoundaryPolicyInputList=boundary,
    )
    assert simulated(out) == {"kms:Encrypt": "implicitDeny"}
    assert (
        out["EvaluationResults"][0]["PermissionsBoundaryDecisionDetail"][
            "AllowedByPermissionsBoundary"
        ]
        is False
    )


def test_bad_simulations(root):
    call = root.iam.simulate_custom_policy
    good = document(may("*"))
    for bad in (
        {"PolicyInputList": ["{"], "ActionNames": ["kms:Encrypt"]},
        {"PolicyInputList": [good], "ActionNames": ["nonsense"]},
        {"PolicyInputList": [good], "ActionNames": ["kms:*"]},
    ):
        refused(
            ("InvalidInput", "PolicyEvaluation", INVALID, "MalformedPolicyDocument"), call, **bad
        )
    refused(
        "NoSuchEntity",
        root.iam.simulate_principal_policy,
        PolicySourceArn=root.arn("user/none"),
        ActionNames=["kms:Encrypt"],
        status=404,
    )


def test_simulating_principals(root):
    root.user("u", may("kms:Encrypt"), must_not("kms:Decrypt"))
    root.iam.create_group(GroupName="g")
    root.iam.put_group_policy(
        GroupName="g", PolicyName="p", PolicyDocument=document(may("s3:GetObject"))
    )
    root.iam.add_user_to_group(GroupName="g", UserName="u")
    actions = ["kms:Encrypt", "kms:Decrypt", "s3:GetObject", "iam:ListUsers"]
    out = root.iam.simulate_principal_policy(
        PolicySourceArn=root.arn("user/u"), ActionNames=actions
    )
    assert simulated(out) == dict(
        zip(actions, ["allowed", "explicitDeny", "allowed", "implicitDeny"])
    )
    more = root.iam.simulate_principal_policy(
        PolicySourceArn=root.arn("user/u"),
        ActionNames=actions,
        PolicyInputList=[document(may("iam:*"))],
    )
    assert simulated(more)["iam:ListUsers"] == "allowed"
    paged = root.iam.simulate_principal_policy(
        PolicySourceArn=root.arn("user/u"), ActionNames=actions, MaxItems=3
    )
    assert paged["IsTruncated"] and len(paged["EvaluationResults"]) == 3
    rest = root.iam.simulate_principal_policy(
        PolicySourceArn=root.arn("user/u"), ActionNames=actions, MaxItems=3, Marker=paged["Marker"]
    )
    assert [r["EvalActionName"] for r in rest["EvaluationResults"]] == ["iam:ListUsers"]
    root.role("r", [trusts(root.arn("root"))], may("kms:Sign"))
    out = root.iam.simulate_principal_policy(
        PolicySourceArn=root.arn("role/r"), ActionNames=["kms:Sign", "kms:Verify"]
    )
    assert simulated(out) == {"kms:Sign": "allowed", "kms:Verify": "implicitDeny"}


def test_simulating_is_not_for_everybody(root, server):
    user = root.user("u")
    refused(
        "AccessDenied",
        user.iam.simulate_principal_policy,
        PolicySourceArn=user.arn_,
        ActionNames=["kms:Encrypt"],
        status=403,
    )
    other = Who(server)
    refused(
        ("AccessDenied", "NoSuchEntity", "InvalidInput"),
        other.iam.simulate_principal_policy,
        PolicySourceArn=user.arn_,
        ActionNames=["kms:Encrypt"],
    )


def test_condition_keys_of_documents(root):
    text = document(
        may(
            "kms:*",
            Condition={
                "StringEquals": {"aws:username": "x"},
                "Bool": {"aws:SecureTransport": "true"},
            },
        )
    )
    out = root.iam.get_context_keys_for_custom_policy(PolicyInputList=[text])
    assert sorted(k.lower() for k in out["ContextKeyNames"]) == [
        "aws:securetransport",
        "aws:username",
    ]
    root.iam.create_user(UserName="u")
    root.iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=text)
    out = root.iam.get_context_keys_for_principal_policy(PolicySourceArn=root.arn("user/u"))
    assert sorted(k.lower() for k in out["ContextKeyNames"]) == [
        "aws:securetransport",
        "aws:username",
    ]


def test_what_the_resources_of_iam_are(root):
    """Permissions by the ARN of the user, the path and the tags."""
    for name, path in (("a", "/team/"), ("b", "/other/")):
        root.iam.create_user(UserName=name, Path=path, Tags=[{"Key": "own", "Value": name}])
    by_path = root.user("p", may("iam:GetUser", root.arn("user/team/*")))
    assert by_path.iam.get_user(UserName="a")["User"]["UserName"] == "a"
    refused("AccessDenied", by_path.iam.get_user, UserName="b", status=403)
    by_tag = root.user(
        "t", may("iam:GetUser", Condition={"StringEquals": {"aws:ResourceTag/own": "b"}})
    )
    by_tag.iam.get_user(UserName="b")
    refused("AccessDenied", by_tag.iam.get_user, UserName="a", status=403)
    # Who may not, does not learn whether there is such a user.
    refused("AccessDenied", by_path.iam.get_user, UserName="none", status=403)


@pytest.mark.parametrize(
    "operation, members, what",
    [
        ("GetUser", {"UserName": "bob"}, "user bob"),
        ("GetRole", {"RoleName": "r"}, "role r"),
        ("GetGroup", {"GroupName": "g"}, "group g"),
        ("CreateUser", {"UserName": "new"}, "arn:aws:iam::ACCOUNT:user/new"),
        (
            "CreateRole",
            {"RoleName": "new", "AssumeRolePolicyDocument": document(trusts("*"))},
            "arn:aws:iam::ACCOUNT:role/new",
        ),
        ("ListUsers", {}, "arn:aws:iam::ACCOUNT:user/"),
    ],
)
def test_how_resources_are_named(root, operation, members, what):
    """Calls about one that exists name it shortly; the others by ARN."""
    root.iam.create_user(UserName="bob", Path="/x/")
    root.iam.create_group(GroupName="g")
    root.role("r", [trusts(root.arn("root"))])
    user = root.user("u")
    answer = user.ask("iam", operation, **members)
    assert (answer.status, answer.code) == (403, "AccessDenied"), answer
    what = what.replace("ACCOUNT", root.account)
    assert answer.message == (
        f"User: {user.arn_} is not authorized to perform: iam:{operation} on resource: {what} "
        f"because no identity-based policy allows the iam:{operation} action"
    )


def test_tags_in_requests(root):
    want = {
        "StringEquals": {"aws:RequestTag/team": "blue"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
    }
    user = root.user("u", may(["iam:CreateUser", "iam:TagUser"], Condition=want))
    user.iam.create_user(UserName="x", Tags=[{"Key": "team", "Value": "blue"}])
    for tags in (
        [],
        [{"Key": "team", "Value": "red"}],
        [{"Key": "team", "Value": "blue"}, {"Key": "b", "Value": ""}],
    ):
        refused("AccessDenied", user.iam.create_user, UserName="y", Tags=tags, status=403)


def test_boundaries_that_must_be_given(root):
    """The delegation of the user guide: new users only with this boundary."""
    iam = root.iam
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=document(may("kms:*")))["Policy"][
        "Arn"
    ]
    other = iam.create_policy(PolicyName="c", PolicyDocument=document(may("*")))["Policy"]["Arn"]
    user = root.user(
        "admin",
        may(
            [
                "iam:CreateUser",
                "iam:PutUserPermissionsBoundary",
                "iam:AttachUserPolicy",
                "iam:PutUserPolicy",
            ],
            Condition={"StringEquals": {"iam:PermissionsBoundary": boundary}},
        ),
    )
    refused("AccessDenied", user.iam.create_user, UserName="x", status=403)
    refused(
        "AccessDenied", user.iam.create_user, UserName="x", PermissionsBoundary=other, status=403
    )
    user.iam.create_user(UserName="x", PermissionsBoundary=boundary)
    user.iam.attach_user_policy(UserName="x", PolicyArn=other)
    refused(
        "AccessDenied",
        user.iam.put_user_permissions_boundary,
        UserName="x",
        PermissionsBoundary=other,
        status=403,
    )
    refused("AccessDenied", user.iam.delete_user_permissions_boundary, UserName="x", status=403)
    iam.create_user(UserName="free")
    refused(
        "AccessDenied", user.iam.attach_user_policy, UserName="free", PolicyArn=other, status=403
    )
    only = root.user(
        "only", may("iam:AttachUserPolicy", Condition={"ArnEquals": {"iam:PolicyARN": boundary}})
    )
    only.iam.attach_user_policy(UserName="free", PolicyArn=boundary)
    refused(
        "AccessDenied", only.iam.attach_user_policy, UserName="free", PolicyArn=other, status=403
    )


def test_with_the_cli(server, tmp_path):
    root = Cli(server, fresh_account())
    account = root.credentials["AWS_ACCESS_KEY_ID"]
    text = tmp_path / "policy.json"
    text.write_text(json.dumps(json.loads(document(may("kms:*"))), indent=4))
    made = root(
        "iam",
        "create-policy",
        "--policy-name",
        "p",
        "--policy-document",
        f"file://{text}",
        "--tags",
        "Key=a,Value=b c",
    )
    arn = made["Policy"]["Arn"]
    root("iam", "create-user", "--user-name", "u")
    root("iam", "attach-user-policy", "--user-name", "u", "--policy-arn", arn)
    assert root("iam", "list-attached-user-policies", "--user-name", "u")["AttachedPolicies"] == [
        {"PolicyName": "p", "PolicyArn": arn}
    ]
    got = root("iam", "get-policy-version", "--policy-arn", arn, "--version-id", "v1")
    assert got["PolicyVersion"]["Document"] == json.loads(text.read_text())
    assert root.refused("iam", "get-user", "--user-name", "x") == (
        "NoSuchEntity",
        "The user with name x cannot be found.",
    )
    trust = document(trusts(f"arn:aws:iam::{account}:user/u"))
    root("iam", "create-role", "--role-name", "r", "--assume-role-policy-document", trust)
    user = root.with_key(root("iam", "create-access-key", "--user-name", "u")["AccessKey"])
    out = user(
        "sts",
        "assume-role",
        "--role-arn",
        f"arn:aws:iam::{account}:role/r",
        "--role-session-name",
        "cli",
    )
    me = user.with_session(out["Credentials"])("sts", "get-caller-identity")
    assert me["Arn"] == f"arn:aws:sts::{account}:assumed-role/r/cli"
    names = [u["UserName"] for u in root("iam", "list-users", "--max-items", "1")["Users"]]
    assert names == ["u"]
