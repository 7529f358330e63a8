"""STS: what becomes of a session when that which it hangs on changes or goes."""

import threading

import pytest

from harness.query import Who, document, may, must_not, refused, trusts

DENIED, INVALID = "AccessDenied", "ValidationError"
EVERY = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
BAD = "The security token included in the request is invalid."


@pytest.fixture
def root(server):
    return Who(server)


def over(who):
    """No service knows the credentials any more."""
    refused("InvalidClientTokenId", who.sts.get_caller_identity, text=BAD, status=403)
    refused("UnrecognizedClientException", who.kms.list_keys, text=BAD, status=400)


def ends(root, name):
    """Deletes a user made by `Who.user`."""
    for key in root.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        root.iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    for policy in root.iam.list_user_policies(UserName=name)["PolicyNames"]:
        root.iam.delete_user_policy(UserName=name, PolicyName=policy)
    root.iam.delete_user(UserName=name)


def test_managed_session_policies_change_and_go(root):
    """A session that a managed policy limits is never freed by that policy's change or end."""
    iam = root.iam
    arn = root.role("r", [trusts(root.arn("root"))], may("iam:*"))["Arn"]
    limit = iam.create_policy(PolicyName="limit", PolicyDocument=document(may("iam:ListUsers")))
    limit = limit["Policy"]["Arn"]
    session = root.user("u", may("sts:*")).assume(arn, PolicyArns=[{"arn": limit}])
    session.iam.list_users()
    refused(DENIED, session.iam.list_roles, status=403)
    iam.create_policy_version(
        PolicyArn=limit, PolicyDocument=document(may("iam:ListGroups")), SetAsDefault=True
    )
    # Whether the session keeps the old version or follows the new: no third action is allowed.
    refused(DENIED, session.iam.list_roles, status=403)
    iam.delete_policy_version(PolicyArn=limit, VersionId="v1")
    iam.delete_policy(PolicyArn=limit)
    refused((DENIED, "InvalidClientTokenId"), session.iam.list_roles, status=403)


def test_a_namesake_of_a_managed_session_policy(root):
    """A policy made again under the old name does not widen a session."""
    iam = root.iam
    arn = root.role("r", [trusts(root.arn("root"))], may("iam:*"))["Arn"]
    one, wide = document(may("iam:ListUsers")), document(may("*"))
    limit = iam.create_policy(PolicyName="limit", PolicyDocument=one)["Policy"]["Arn"]
    session = root.user("u", may("sts:*")).assume(arn, PolicyArns=[{"arn": limit}])
    session.iam.list_users()
    iam.delete_policy(PolicyArn=limit)
    assert iam.create_policy(PolicyName="limit", PolicyDocument=wide)["Policy"]["Arn"] == limit
    refused((DENIED, "InvalidClientTokenId"), session.iam.create_user, UserName="x", status=403)


def test_session_policies_of_other_accounts(root, server):
    foreign = Who(server).iam.create_policy(PolicyName="p", PolicyDocument=document(may("*")))
    arn = root.role("r", [trusts(root.arn("root"))], may("*"))["Arn"]
    user = root.user("u", may("sts:*"))
    arns = [{"arn": foreign["Policy"]["Arn"]}]
    refused((INVALID, "MalformedPolicyDocument", DENIED), user.assume, arn, PolicyArns=arns)
    refused(
        (INVALID, "MalformedPolicyDocument", DENIED),
        user.sts.get_federation_token,
        Name="fed",
        PolicyArns=arns,
    )


def test_federated_users_end_with_their_user(root):
    user = root.user("u", may(["kms:*", "sts:*"]))
    fed = user.with_session(
        user.sts.get_federation_token(Name="fed", Policy=document(may("kms:*")))["Credentials"]
    )
    fed.kms.list_keys()
    root.iam.put_user_policy(UserName="u", PolicyName="own", PolicyDocument=document(may("sts:*")))
    refused("AccessDeniedException", fed.kms.list_keys)
    root.iam.put_user_policy(
        UserName="u", PolicyName="own", PolicyDocument=document(may(["kms:*", "sts:*"]))
    )
    fed.kms.list_keys()
    ends(root, "u")
    over(fed)
    root.user("u", may("*"))
    over(fed)


def test_sessions_do_not_end_with_who_began_them(root):
    """A role's session is the role's: the user who assumed it may go."""
    arn = root.role("r", [trusts(root.arn("root"))], may("iam:ListUsers"))["Arn"]
    session = root.user("u", may("sts:*")).assume(arn)
    ends(root, "u")
    session.iam.list_users()


def test_sessions_of_a_user_whose_key_is_off(root):
    """An inactive key begins nothing; what it began goes on (revoked by policy)."""
    user = root.user("u", may("kms:ListKeys"))
    mine = user.with_session(user.sts.get_session_token()["Credentials"])
    root.iam.update_access_key(UserName="u", AccessKeyId=user.key["AccessKeyId"], Status="Inactive")
    over(user)
    refused("InvalidClientTokenId", user.sts.get_session_token, text=BAD, status=403)
    mine.kms.list_keys()
    root.iam.put_user_policy(
        UserName="u", PolicyName="stop", PolicyDocument=document(must_not("*"))
    )
    refused("AccessDeniedException", mine.kms.list_keys)


def test_renamed_users_keep_their_sessions(root):
    user = root.user("u", may("kms:ListKeys"))
    mine = user.with_session(user.sts.get_session_token()["Credentials"])
    root.iam.update_user(UserName="u", NewUserName="v", NewPath="/p/")
    mine.kms.list_keys()
    assert mine.me() == root.arn("user/p/v")
    root.user("u")
    assert mine.me() == root.arn("user/p/v")


def test_boundaries_count_for_running_sessions(root):
    arn = root.role("r", [trusts(root.arn("root"))], may("kms:*"))["Arn"]
    session = root.user("u", may("sts:*")).assume(arn)
    none = root.iam.create_policy(PolicyName="b", PolicyDocument=document(may("s3:*")))
    for _ in range(3):
        session.kms.list_keys()
        root.iam.put_role_permissions_boundary(
            RoleName="r", PermissionsBoundary=none["Policy"]["Arn"]
        )
        refused("AccessDeniedException", session.kms.list_keys)
        root.iam.delete_role_permissions_boundary(RoleName="r")


def test_a_shorter_maximum_is_for_new_sessions(root):
    role = root.role("r", [trusts(root.arn("root"))], may("kms:*"), MaxSessionDuration=43200)
    user = root.user("u", may("sts:*"))
    session = user.assume(role["Arn"], DurationSeconds=43200)
    root.iam.update_role(RoleName="r", MaxSessionDuration=3600)
    refused(INVALID, user.assume, role["Arn"], DurationSeconds=3601, status=400)
    session.kms.list_keys()


def test_tags_of_a_session_are_those_of_its_beginning(root):
    """The role's own tags are looked up when the session is used or begun; the session's win."""
    check = may("kms:ListKeys", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})
    role = root.role("r", [trusts(root.arn("root"), EVERY)], check)
    session = root.user("u", may("sts:*")).assume(
        role["Arn"], Tags=[{"Key": "team", "Value": "blue"}]
    )
    session.kms.list_keys()
    root.iam.tag_role(RoleName="r", Tags=[{"Key": "team", "Value": "red"}])
    session.kms.list_keys()


def test_inherited_tags_count(root):
    """Transitive tags and new ones together stay within fifty."""
    arn = root.role("a", [trusts(root.arn("root"), EVERY)], may("sts:*"))["Arn"]
    second = root.role("b", [trusts(arn, EVERY)])["Arn"]
    tags = [{"Key": f"k{n}", "Value": "v"} for n in range(30)]
    more = [{"Key": f"m{n}", "Value": "v"} for n in range(21)]
    first = root.user("u", may("sts:*")).assume(
        arn, Tags=tags, TransitiveTagKeys=[t["Key"] for t in tags]
    )
    first.assume(second, Tags=more[:20])
    refused((INVALID, "InvalidParameterValue"), first.assume, second, Tags=more, status=400)


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov", "AWS", ""])
def test_roles_of_other_partitions(root, partition):
    root.role("r", [trusts("*")])
    user = root.user("u", may("sts:*"))
    arn = root.arn("role/r").replace("arn:aws:", f"arn:{partition}:")
    refused((INVALID, DENIED), user.assume, arn)


def test_two_tokens(root):
    """A second token header makes a request nobody's."""
    arn = root.role("r", [trusts(root.arn("root"))], may("iam:ListUsers"))["Arn"]
    session = root.user("u", may("sts:*")).assume(arn)
    form = [("Action", "ListUsers"), ("Version", "2010-05-08")]
    assert session.form("iam", form).status == 200
    for second in (session.token, "x"):
        answer = session.form("iam", form, headers=[("X-Amz-Security-Token", second)])
        assert answer.status in (400, 403), answer


def test_changes_count_at_once_under_load(root):
    """While four threads call without end: no stale allow, no stale refusal."""
    iam = root.iam
    arn = root.role("r", [trusts(root.arn("root"))])["Arn"]
    user = root.user("u", may("sts:*"))
    session = user.assume(arn)
    stop, faults = threading.Event(), []

    def load():
        who = root.with_session(session.answer["Credentials"])
        form = [("Action", "ListUsers"), ("Version", "2010-05-08")]
        while not stop.is_set():
            answer = who.form("iam", form)
            if answer.status not in (200, 403):
                faults.append(answer)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        text = document(may("iam:ListUsers"))
        for _ in range(60):
            iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=text)
            session.iam.list_users()
            iam.delete_role_policy(RoleName="r", PolicyName="p")
            refused(DENIED, session.iam.list_users, status=403)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not faults, faults[:3]
