"""STS: trust policies with conditions, root users' sessions, packed sizes, chains."""

import hashlib
from datetime import datetime, timezone

import pytest

from harness.query import Who, document, may, must_not, refused, trusts

DENIED, INVALID = "AccessDenied", "ValidationError"
EVERY = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


@pytest.fixture
def root(server):
    return Who(server)


def seconds_left(credentials):
    return (credentials["Expiration"] - datetime.now(timezone.utc)).total_seconds()


@pytest.mark.parametrize("asked", [None, 900, 3600, 7200, 43200])
def test_sessions_of_root_users_last_an_hour_at_most(root, asked):
    """API_GetSessionToken: longer durations of root users default to one hour."""
    more = {"DurationSeconds": asked} if asked else {}
    for out in (
        root.sts.get_session_token(**more),
        root.sts.get_federation_token(Name="fed", **more),
    ):
        assert (
            min(asked or 3600, 3600) - 30
            < seconds_left(out["Credentials"])
            <= min(asked or 3600, 3600) + 1
        )
    who = root.with_session(root.sts.get_session_token()["Credentials"])
    assert who.me() == root.arn("root")
    who.kms.list_keys()


def test_everybody_is_still_both_sides(root, server):
    """A trust policy for everybody: own users at once, strangers with their account's leave."""
    arn = root.role("r", [trusts("*")])["Arn"]
    root.user("own").assume(arn)
    other = Who(server)
    refused(DENIED, other.user("weak").assume, arn, status=403)
    other.user("strong", may("sts:AssumeRole")).assume(arn)
    refused(
        DENIED,
        other.user("not", may("sts:*"), must_not("sts:AssumeRole", arn)).assume,
        arn,
        status=403,
    )


def test_conditions_on_who_assumes(root, server):
    other = Who(server)
    conditions = {
        "arn": {"ArnLike": {"aws:PrincipalArn": root.arn("user/team/*")}},
        "tag": {"StringEquals": {"aws:PrincipalTag/team": "blue"}},
        "account": {"StringEquals": {"aws:PrincipalAccount": root.account}},
        "type": {"StringEquals": {"aws:PrincipalType": "User"}},
        "name": {"StringEquals": {"aws:username": "ann"}},
        "mfa": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    }
    for name, condition in conditions.items():
        root.role(name, [trusts("*", EVERY, Condition=condition)], may("sts:*"))
    ann = root.user("ann", may("sts:*"), Path="/team/", Tags=[{"Key": "team", "Value": "blue"}])
    bea = root.user("bea", may("sts:*"), Path="/teams/")
    stranger = other.user(
        "ann", may("sts:*"), Path="/team/", Tags=[{"Key": "team", "Value": "blue"}]
    )
    can = {
        "ann": {"arn", "tag", "account", "type", "name"},
        "bea": {"account", "type"},
        "stranger": {"tag", "type", "name"},
    }
    for who, names in zip((ann, bea, stranger), can.values()):
        for name in conditions:
            if name in names:
                who.assume(root.arn(f"role/{name}"))
            else:
                refused(DENIED, who.assume, root.arn(f"role/{name}"), status=403)
    # Tags of the request are not the caller's.
    refused(
        DENIED,
        bea.assume,
        root.arn("role/tag"),
        Tags=[{"Key": "team", "Value": "blue"}],
        status=403,
    )


@pytest.mark.parametrize(
    "key",
    [
        "aws:ResourceTag/open",
        "iam:ResourceTag/open",
    ],
)
def test_tags_of_the_role(root, key):
    """IAM User Guide, tutorial on permissions by tags: the tags of the role to be assumed."""
    root.role("r", [trusts(root.arn("root"))], Tags=[{"Key": "open", "Value": "yes"}])
    user = root.user("u", may("sts:AssumeRole", Condition={"StringEquals": {key: "yes"}}))
    user.assume(root.arn("role/r"))
    root.iam.tag_role(RoleName="r", Tags=[{"Key": "open", "Value": "no"}])
    refused(DENIED, user.assume, root.arn("role/r"), status=403)


def test_too_much_for_a_token(root):
    arn = root.role("r", [trusts(root.arn("root"), EVERY)])["Arn"]
    user = root.user("u", may("sts:*"))

    # Random-looking values, which do not pack.
    def noise(number, length):
        text = ""
        while len(text) < length:
            text += hashlib.sha512(f"{number}{text}".encode()).hexdigest()
        return text[:length]

    tags = [{"Key": f"{n:02}" + noise(n, 126), "Value": noise(n + 100, 256)} for n in range(50)]
    refused("PackedPolicyTooLarge", user.assume, arn, Tags=tags, status=400)
    few = user.assume(arn, Tags=tags[:2])
    assert 0 < few.answer["PackedPolicySize"] <= 100


def test_temporary_credentials_chain(root):
    """Also a user's session token makes a chain (aws-vault's guide on role chaining)."""
    arn = root.role("r", [trusts(root.arn("root"))], may("sts:*"), MaxSessionDuration=43200)["Arn"]
    user = root.user("u", may("sts:*"))
    assert seconds_left(user.assume(arn, DurationSeconds=43200).answer["Credentials"]) > 43000
    again = root.role("again", [trusts("*")], MaxSessionDuration=43200)["Arn"]
    mine = user.with_session(user.sts.get_session_token()["Credentials"])
    for who in (mine, user.assume(arn)):
        text = (
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining."
        )
        refused(INVALID, who.assume, again, DurationSeconds=3601, text=text, status=400)
        assert seconds_left(who.assume(again).answer["Credentials"]) <= 3601


def test_a_trust_of_one_session(root):
    arn = root.role("a", [trusts(root.arn("root"))])["Arn"]
    user = root.user("u", may("sts:*"))
    session_arn = root.arn("assumed-role/a/one", "sts")
    target = root.role("b", [trusts(session_arn)])["Arn"]
    user.assume(arn, "one").assume(target)
    refused(DENIED, user.assume(arn, "two").assume, target, status=403)
    refused(DENIED, user.assume(arn, "One").assume, target, status=403)


def test_a_namesake_of_a_trusted_role(root):
    """A role deleted and made again is not the role of a trust policy; the policy names its id."""
    first = root.role("a", [trusts(root.arn("root"))], may("sts:*"))
    target = root.role("b", [trusts(first["Arn"])])["Arn"]
    user = root.user("u", may("sts:*"))
    user.assume(first["Arn"]).assume(target)
    root.iam.delete_role_policy(RoleName="a", PolicyName="own")
    root.iam.delete_role(RoleName="a")
    root.role("a", [trusts(root.arn("root"))], may("sts:*"))
    refused(DENIED, user.assume(first["Arn"]).assume, target, status=403)
    shown = root.iam.get_role(RoleName="b")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": first["RoleId"]}
    # Saved again with the ARN, it is trusted again.
    root.iam.update_assume_role_policy(RoleName="b", PolicyDocument=document(trusts(first["Arn"])))
    user.assume(first["Arn"]).assume(target)


def test_times_in_policies(root):
    """A user's own key has no time of issue; sessions have."""
    condition = {"Null": {"aws:TokenIssueTime": "true"}}
    user = root.user("u", may("kms:ListKeys", Condition=condition), may("sts:*"))
    user.kms.list_keys()
    mine = user.with_session(user.sts.get_session_token()["Credentials"])
    refused("AccessDeniedException", mine.kms.list_keys)


def test_user_ids_in_policies(root):
    made = root.role("r", [trusts(root.arn("root"))])
    root.iam.put_role_policy(
        RoleName="r",
        PolicyName="p",
        PolicyDocument=document(
            may(
                "kms:ListKeys", Condition={"StringEquals": {"aws:userid": made["RoleId"] + ":good"}}
            )
        ),
    )
    user = root.user("u", may("sts:*"))
    user.assume(made["Arn"], "good").kms.list_keys()
    refused("AccessDeniedException", user.assume(made["Arn"], "bad").kms.list_keys)


def test_permissions_that_no_policy_gives(root):
    """GetSessionToken and GetCallerIdentity need none; GetFederationToken does."""
    user = root.user("u")
    user.sts.get_session_token()
    user.sts.get_caller_identity()
    refused(DENIED, user.sts.get_federation_token, Name="fed", status=403)
