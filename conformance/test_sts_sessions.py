"""STS: who callers are, sessions of roles with all their options, and their ends."""

import re
import time
from datetime import datetime, timedelta, timezone

import pytest

from harness.query import Who, document, may, must_not, refused, trusts

DENIED, INVALID = "AccessDenied", "ValidationError"
SESSION_KEY = re.compile(r"ASIA[A-Z2-7]{16}")
EVERY = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
FULL_NAMES = {"aws:PrincipalTag/team": "blue"}


@pytest.fixture
def root(server):
    return Who(server)


@pytest.fixture
def bob(root):
    """A user who may do all of STS."""
    return root.user("bob", may("sts:*"), Path="/team/")


def denied(who, action, resource, why):
    return (
        f"User: {who} is not authorized to perform: {action} on resource: {resource} {why}".strip()
    )


def test_who_everybody_is(root, bob):
    out = root.sts.get_caller_identity()
    assert (out["Account"], out["UserId"], out["Arn"]) == (
        root.account,
        root.account,
        root.arn("root"),
    )
    out = bob.sts.get_caller_identity()
    assert (out["Account"], out["UserId"], out["Arn"]) == (
        root.account,
        bob.id_,
        root.arn("user/team/bob"),
    )
    made = root.role("r", [trusts(root.arn("root"))], Path="/deep/er/")
    session = bob.assume(made["Arn"], "name=1,x.y@z-_")
    out = session.sts.get_caller_identity()
    # The path of a role is not part of its sessions' names.
    assert out["Arn"] == root.arn("assumed-role/r/name=1,x.y@z-_", "sts")
    assert out["UserId"] == made["RoleId"] + ":name=1,x.y@z-_" and out["Account"] == root.account
    assert session.answer["AssumedRoleUser"] == {"AssumedRoleId": out["UserId"], "Arn": out["Arn"]}
    mine = bob.with_session(bob.sts.get_session_token()["Credentials"]).sts.get_caller_identity()
    assert (mine["Arn"], mine["UserId"]) == (bob.arn_, bob.id_)
    out = bob.sts.get_federation_token(Name="fred", Policy=document(may("*")))
    fred = bob.with_session(out["Credentials"]).sts.get_caller_identity()
    assert out["FederatedUser"] == {
        "Arn": root.arn("federated-user/fred", "sts"),
        "FederatedUserId": f"{root.account}:fred",
    }
    assert (fred["Arn"], fred["UserId"]) == (out["FederatedUser"]["Arn"], f"{root.account}:fred")


def test_everybody_may_ask_who_he_is(root):
    user = root.user("u", must_not("*"))
    assert user.me() == user.arn_


def test_what_an_assumed_role_gets(root, bob):
    made = root.role("r", [trusts(root.arn("root"))], may("iam:ListUsers"))
    before = datetime.now(timezone.utc)
    session = bob.assume(made["Arn"])
    given = session.answer["Credentials"]
    assert SESSION_KEY.fullmatch(given["AccessKeyId"]) and len(given["SecretAccessKey"]) == 40
    assert timedelta(minutes=59) < given["Expiration"] - before < timedelta(minutes=61)
    assert "PackedPolicySize" not in session.answer or session.answer["PackedPolicySize"] == 0
    session.iam.list_users()
    refused(DENIED, session.iam.list_roles, status=403)
    again = bob.assume(made["Arn"])
    assert again.credential.key_id != session.credential.key_id and again.token != session.token


@pytest.mark.parametrize(
    "seconds, bound",
    [
        (899, "greater than or equal to 900"),
        (0, "greater than or equal to 900"),
        (-900, "greater than or equal to 900"),
        (43201, "less than or equal to 43200"),
    ],
)
def test_bounds_of_the_duration(root, bob, seconds, bound):
    made = root.role("r", [trusts(root.arn("root"))], MaxSessionDuration=43200)
    text = (
        f"1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy "
        f"constraint: Member must have value {bound}"
    )
    refused(INVALID, bob.assume, made["Arn"], DurationSeconds=seconds, text=text, status=400)


def test_the_durations_of_the_role(root, bob):
    made = root.role("r", [trusts(root.arn("root"))], MaxSessionDuration=7200)
    for seconds in (900, 7200):
        given = bob.assume(made["Arn"], DurationSeconds=seconds).answer["Credentials"]
        left = (given["Expiration"] - datetime.now(timezone.utc)).total_seconds()
        assert seconds - 30 < left <= seconds + 1
    text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    refused(INVALID, bob.assume, made["Arn"], DurationSeconds=7201, text=text, status=400)


def test_chains_last_an_hour(root, bob):
    first = root.role(
        "a", [trusts(root.arn("root"))], may("sts:AssumeRole"), MaxSessionDuration=43200
    )
    second = root.role("b", [trusts(first["Arn"])], MaxSessionDuration=43200)
    session = bob.assume(first["Arn"], DurationSeconds=43200)
    text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    refused(INVALID, session.assume, second["Arn"], DurationSeconds=3601, text=text, status=400)
    chained = session.assume(second["Arn"], DurationSeconds=3600)
    assert chained.me() == root.arn("assumed-role/b/shift", "sts")
    # Not without the trust of the second role; a role is not in its own trust.
    refused(DENIED, chained.assume, second["Arn"], status=403)
    refused(DENIED, chained.assume, first["Arn"], status=403)


def test_a_loop_of_roles(root, bob):
    roles = [root.role(n, [trusts(root.arn("root"))], may("sts:AssumeRole")) for n in "ab"]
    who = bob
    for n in range(12):
        who = who.assume(roles[n % 2]["Arn"], f"hop{n}")
    assert who.me().endswith("/hop11") and len(who.token) < 4096


def test_both_sides_of_an_account(root, bob, server):
    nobody = root.user("nobody")
    made = root.role("r", [trusts(root.arn("root"))])
    arn = made["Arn"]
    why = "because no identity-based policy allows the sts:AssumeRole action"
    text = refused(DENIED, nobody.assume, arn, status=403)
    assert text in (denied(nobody.arn_, "sts:AssumeRole", arn, w) for w in ("", why)), text
    # Named by the trust policy, a user of the same account needs nothing else.
    root.iam.update_assume_role_policy(RoleName="r", PolicyDocument=document(trusts(nobody.arn_)))
    nobody.assume(arn)
    assert refused(DENIED, bob.assume, arn, status=403).startswith(
        denied(bob.arn_, "sts:AssumeRole", arn, "")
    )
    # Root users never.
    refused(DENIED, root.assume, arn, text="Roles may not be assumed by root accounts.", status=403)
    # Strangers: a role that is missing and one that does not trust them look alike.
    stranger = Who(server).user("s", may("sts:*"))
    for name in ("r", "missing"):
        text = refused(DENIED, stranger.assume, root.arn(f"role/{name}"), status=403)
        assert text == denied(stranger.arn_, "sts:AssumeRole", root.arn(f"role/{name}"), ""), text


def test_across_accounts_both_must_agree(root, server):
    other = Who(server)
    made = root.role("r", [trusts(other.arn("root"))], may("iam:ListUsers"))
    weak, strong = other.user("weak"), other.user("strong", may("sts:AssumeRole", made["Arn"]))
    refused(DENIED, weak.assume, made["Arn"], status=403)
    session = strong.assume(made["Arn"])
    assert session.me() == root.arn("assumed-role/r/shift", "sts")
    # Named directly, a stranger needs his own account's permission all the same.
    root.iam.update_assume_role_policy(
        RoleName="r", PolicyDocument=document(trusts([weak.arn_, strong.arn_]))
    )
    refused(DENIED, weak.assume, made["Arn"], status=403)
    strong.assume(made["Arn"])
    root.iam.update_assume_role_policy(
        RoleName="r",
        PolicyDocument=document(
            trusts(other.arn("root")), {**trusts(strong.arn_), "Effect": "Deny"}
        ),
    )
    refused(DENIED, strong.assume, made["Arn"], status=403)


def test_external_ids(root, bob):
    condition = {"StringEquals": {"sts:ExternalId": "s3cret:1"}}
    arn = root.role("r", [trusts(root.arn("root"), Condition=condition)])["Arn"]
    for more in ({}, {"ExternalId": "S3cret:1"}, {"ExternalId": "s3cret:1*"[:-1] + "2"}):
        refused(DENIED, bob.assume, arn, status=403, **more)
    bob.assume(arn, ExternalId="s3cret:1")
    for bad in ("x", "", "a b", "y" * 1225, "a*b"):
        refused(INVALID, bob.assume, arn, ExternalId=bad, status=400)


@pytest.mark.parametrize("name", ["a", "", "x" * 65, "a b", "a/b", "é!", "a*"])
def test_bad_session_names(root, bob, name):
    arn = root.role("r", [trusts(root.arn("root"))])["Arn"]
    refused(INVALID, bob.assume, arn, name, status=400)


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "x",
        "arn:aws:iam::1:role/r",
        "arn:aws:iam::ACCOUNT:user/bob",
        "arn:aws:iam::ACCOUNT:role/",
        "arn:aws:s3:::bucket/and/more",
        "a" * 3000,
    ],
)
def test_bad_role_arns(root, bob, arn):
    refused((INVALID, DENIED), bob.assume, arn.replace("ACCOUNT", root.account))


def test_session_policies_limit(root, bob):
    arn = root.role("r", [trusts(root.arn("root"))], may(["iam:List*", "iam:Get*"]))["Arn"]
    policy = document(may(["iam:ListUsers", "iam:DeleteUser"]))
    session = bob.assume(arn, Policy=policy)
    assert session.answer["PackedPolicySize"] > 0
    session.iam.list_users()
    text = refused(DENIED, session.iam.list_roles, status=403)
    assert text.endswith("because no session policy allows the iam:ListRoles action"), text
    refused(DENIED, session.iam.delete_user, UserName="bob", status=403)
    narrow = root.iam.create_policy(PolicyName="n", PolicyDocument=document(may("iam:ListRoles")))[
        "Policy"
    ]["Arn"]
    session = bob.assume(arn, PolicyArns=[{"arn": narrow}])
    session.iam.list_roles()
    refused(DENIED, session.iam.list_users, status=403)
    session = bob.assume(arn, Policy=policy, PolicyArns=[{"arn": narrow}])
    session.iam.list_roles(), session.iam.list_users()
    refused(DENIED, session.iam.list_groups, status=403)
    session = bob.assume(arn, Policy=document(may("*"), must_not("iam:ListUsers")))
    text = refused(DENIED, session.iam.list_users, status=403)
    assert text.endswith("with an explicit deny in a session policy"), text


def test_bad_session_policies(root, bob):
    arn = root.role("r", [trusts(root.arn("root"))])["Arn"]
    for bad in (
        "{",
        "x" * 100,
        document({**may("*"), "Principal": "*"}),
        document(may("nonsense")),
    ):
        refused("MalformedPolicyDocument", bob.assume, arn, Policy=bad, status=400)
    long = document(may("kms:*", "arn:aws:kms:::" + "k" * 2048))
    refused((INVALID, "PackedPolicyTooLarge"), bob.assume, arn, Policy=long, status=400)
    many = [{"arn": root.arn(f"policy/p{n}")} for n in range(11)]
    refused(
        (INVALID, "MalformedPolicyDocument", "PackedPolicyTooLarge"),
        bob.assume,
        arn,
        PolicyArns=many,
        status=400,
    )
    refused((INVALID, "MalformedPolicyDocument"), bob.assume, arn, PolicyArns=many[:1], status=400)


def test_session_tags(root, bob):
    trust = trusts(root.arn("root"), EVERY, Condition={"StringLike": {"aws:RequestTag/team": "*"}})
    arn = root.role("r", [trust], may("iam:ListUsers", Condition={"StringEquals": FULL_NAMES}))[
        "Arn"
    ]
    refused(DENIED, bob.assume, arn, status=403)
    blue = bob.assume(arn, Tags=[{"Key": "team", "Value": "blue"}])
    blue.iam.list_users()
    red = bob.assume(arn, Tags=[{"Key": "team", "Value": "red"}])
    refused(DENIED, red.iam.list_users, status=403)
    twice = [{"Key": "team", "Value": "blue"}, {"Key": "TEAM", "Value": "red"}]
    refused(
        ("InvalidParameterValue", INVALID, "InvalidInput"), bob.assume, arn, Tags=twice, status=400
    )
    aws = [{"Key": "team", "Value": "blue"}, {"Key": "aws:x", "Value": "red"}]
    refused((INVALID, "InvalidParameterValue"), bob.assume, arn, Tags=aws, status=400)
    many = [{"Key": f"k{n}", "Value": "v"} for n in range(51)]
    refused(INVALID, bob.assume, arn, Tags=many, status=400)


def test_tagging_needs_its_own_permission(root):
    user = root.user("u", may("sts:AssumeRole"))
    arn = root.role("r", [trusts(root.arn("root"), EVERY)])["Arn"]
    user.assume(arn)
    text = refused(DENIED, user.assume, arn, Tags=[{"Key": "a", "Value": "b"}], status=403)
    assert text.startswith(denied(user.arn_, "sts:TagSession", arn, "")), text
    text = refused(DENIED, user.assume, arn, SourceIdentity="me", status=403)
    assert text.startswith(denied(user.arn_, "sts:SetSourceIdentity", arn, "")), text
    strict = root.role("s", [trusts(root.arn("root"))])["Arn"]
    strong = root.user("v", may("sts:*"))
    refused(DENIED, strong.assume, strict, Tags=[{"Key": "a", "Value": "b"}], status=403)
    refused(DENIED, strong.assume, strict, SourceIdentity="me", status=403)


def test_roles_tags_are_principal_tags_and_sessions_win(root, bob):
    own = may("iam:ListUsers", Condition={"StringEquals": FULL_NAMES})
    arn = root.role(
        "r", [trusts(root.arn("root"), EVERY)], own, Tags=[{"Key": "team", "Value": "blue"}]
    )["Arn"]
    bob.assume(arn).iam.list_users()
    red = bob.assume(arn, Tags=[{"Key": "Team", "Value": "red"}])
    refused(DENIED, red.iam.list_users, status=403)


def test_transitive_tags(root, bob):
    check = may("iam:ListUsers", Condition={"StringEquals": FULL_NAMES})
    first = root.role("a", [trusts(root.arn("root"), EVERY)], may("sts:*"))["Arn"]
    second = root.role("b", [trusts(root.arn("root"), EVERY)], check)["Arn"]
    tags = [{"Key": "team", "Value": "blue"}]
    plain = bob.assume(first, Tags=tags)
    refused(DENIED, plain.assume(second).iam.list_users, status=403)
    kept = bob.assume(first, Tags=tags, TransitiveTagKeys=["team"])
    kept.assume(second).iam.list_users()
    # What is transitive cannot be set anew.
    refused(
        ("InvalidParameterValue", INVALID, DENIED),
        kept.assume,
        second,
        Tags=[{"Key": "Team", "Value": "red"}],
    )
    refused(
        ("InvalidParameterValue", INVALID),
        bob.assume,
        first,
        Tags=tags,
        TransitiveTagKeys=["other"],
        status=400,
    )


def test_source_identity(root, bob):
    check = may("iam:ListUsers", Condition={"StringEquals": {"aws:SourceIdentity": "Zoe"}})
    first = root.role("a", [trusts(root.arn("root"), EVERY)], may("sts:*"))["Arn"]
    second = root.role("b", [trusts(root.arn("root"), EVERY)], check)["Arn"]
    session = bob.assume(first, SourceIdentity="Zoe")
    assert session.answer["SourceIdentity"] == "Zoe"
    chained = session.assume(second)
    assert chained.answer["SourceIdentity"] == "Zoe"
    chained.iam.list_users()
    refused((DENIED, INVALID), session.assume, second, SourceIdentity="Amy")
    refused(DENIED, bob.assume(second).iam.list_users, status=403)
    for bad in ("a", "aws:x", "a b", "x" * 65):
        refused(INVALID, bob.assume, first, SourceIdentity=bad, status=400)


def test_conditions_on_the_session_name(root, bob):
    condition = {"StringLike": {"sts:RoleSessionName": "${aws:username}"}}
    arn = root.role("r", [trusts(root.arn("root"), Condition=condition)])["Arn"]
    bob.assume(arn, "bob")
    refused(DENIED, bob.assume, arn, "alice", status=403)


def over(who):
    bad = "The security token included in the request is invalid."
    refused("InvalidClientTokenId", who.sts.get_caller_identity, text=bad, status=403)
    refused("UnrecognizedClientException", who.kms.list_keys, status=400)


def test_the_session_of_a_deleted_role(root, bob):
    arn = root.role("r", [trusts(root.arn("root"))])["Arn"]
    session = bob.assume(arn)
    session.me()
    root.iam.delete_role(RoleName="r")
    over(session)
    root.role("r", [trusts(root.arn("root"))], may("*"))
    over(session)


def test_revocation_by_issue_time(root, bob):
    arn = root.role("r", [trusts(root.arn("root"))], may("*"))["Arn"]
    old = bob.assume(arn)
    old.iam.list_users(), old.kms.list_keys()
    time.sleep(1.1)
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    root.iam.put_role_policy(
        RoleName="r",
        PolicyName="AWSRevokeOlderSessions",
        PolicyDocument=document(
            must_not("*", Condition={"DateLessThan": {"aws:TokenIssueTime": now}})
        ),
    )
    refused(DENIED, old.iam.list_users, status=403)
    refused("AccessDeniedException", old.kms.list_keys, status=400)
    time.sleep(1.1)
    new = bob.assume(arn)
    new.iam.list_users(), new.kms.list_keys()


def test_the_trust_counts_when_the_role_is_assumed(root, bob):
    arn = root.role("r", [trusts(root.arn("root"))], may("iam:ListUsers"))["Arn"]
    session = bob.assume(arn)
    root.iam.update_assume_role_policy(
        RoleName="r", PolicyDocument=document({**trusts("*"), "Effect": "Deny"})
    )
    refused(DENIED, bob.assume, arn, status=403)
    session.iam.list_users()
    root.iam.delete_role_policy(RoleName="r", PolicyName="own")
    refused(DENIED, session.iam.list_users, status=403)
