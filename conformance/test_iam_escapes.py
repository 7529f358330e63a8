"""Ways around a permission: other spellings of one thing, forgotten resources, races, restarts."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from harness.query import Who, document, may, must_not, refused, trusts

DENIED = "AccessDenied"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def root(server):
    return Who(server)


def test_a_deny_covers_every_spelling_of_a_user(root):
    root.iam.create_user(UserName="Boss")
    user = root.user("u", may("iam:*"), must_not("iam:*", root.arn("user/Boss")))
    for name in ("Boss", "boss", "BOSS"):
        refused(DENIED, user.iam.get_user, UserName=name, status=403)
        refused(DENIED, user.iam.create_access_key, UserName=name, status=403)
        refused(DENIED, user.iam.attach_user_policy, UserName=name, PolicyArn=ADMIN, status=403)
    root.role("Chief", [trusts(root.arn("root"))])
    root.iam.put_user_policy(
        UserName="u",
        PolicyName="own",
        PolicyDocument=document(may("iam:*"), must_not("iam:*", root.arn("role/Chief"))),
    )
    for name in ("Chief", "chief"):
        refused(DENIED, user.iam.get_role, RoleName=name, status=403)
        refused(
            DENIED,
            user.iam.update_assume_role_policy,
            RoleName=name,
            PolicyDocument=document(trusts("*")),
            status=403,
        )


def test_a_deny_covers_every_spelling_of_a_policy(root):
    mine = root.iam.create_policy(
        PolicyName="Strong", Path="/x/", PolicyDocument=document(may("*"))
    )["Policy"]["Arn"]
    user = root.user(
        "u",
        may("iam:*"),
        must_not("iam:AttachUserPolicy", Condition={"ArnEquals": {"iam:PolicyARN": [ADMIN, mine]}}),
        must_not(
            "iam:PutUserPermissionsBoundary",
            Condition={"StringEquals": {"iam:PermissionsBoundary": [ADMIN, mine]}},
        ),
    )
    for arn in (
        ADMIN,
        mine,
        ADMIN.replace("A", "a"),
        ADMIN.upper(),
        mine.replace("Strong", "STRONG"),
        mine.replace("/x/", "/"),
        mine.replace("/x/", "/X/"),
        mine.replace("/x/", "//x/"),
        mine + "/",
        ADMIN.replace("policy/", "policy//"),
        ADMIN.replace("policy/", "policy/x/"),
        ADMIN + " ",
    ):
        for call, members in (
            (user.iam.attach_user_policy, {"PolicyArn": arn}),
            (user.iam.put_user_permissions_boundary, {"PermissionsBoundary": arn}),
        ):
            try:
                call(UserName="u", **members)
            except ClientError as error:
                assert error.response["Error"]["Code"] in (
                    DENIED,
                    "NoSuchEntity",
                    "ValidationError",
                    "InvalidInput",
                ), error
            else:
                raise AssertionError(f"{arn} was taken")
    assert root.iam.list_attached_user_policies(UserName="u")["AttachedPolicies"] == []


def test_a_role_is_assumed_by_its_own_arn_only(root):
    root.role("Inner", [trusts(root.arn("root"))], Path="/hidden/")
    user = root.user(
        "u",
        may(
            "sts:AssumeRole",
            [root.arn("role/open/*"), root.arn("role/Inner"), root.arn("role/*nner")],
        ),
        must_not("sts:AssumeRole", root.arn("role/hidden/*")),
    )
    for name in (
        "open/Inner",
        "Inner",
        "inner",
        "hidden/Inner",
        "HIDDEN/Inner",
        "hidden/inner",
        "/Inner",
        "open/../hidden/Inner",
        "Inner/",
    ):
        refused((DENIED, "ValidationError"), user.assume, root.arn(f"role/{name}"))


def test_a_trust_is_for_one_user_only(root, server):
    """Neither a namesake elsewhere, nor a path, nor another case is the user of a trust policy."""
    owner, other = root.user("Owner"), Who(server)
    arn = root.role("r", [trusts(owner.arn_)])["Arn"]
    owner.assume(arn)
    for who in (
        root.user("Owner2", may("*")),
        root.user("wner", may("*")),
        other.user("Owner", may("*")),
    ):
        refused(DENIED, who.assume, arn, status=403)
    refused(
        "MalformedPolicyDocument",
        root.iam.update_assume_role_policy,
        RoleName="r",
        PolicyDocument=document(trusts(root.arn("user/OWNER"))),
        status=400,
    )
    refused(
        "MalformedPolicyDocument",
        root.iam.update_assume_role_policy,
        RoleName="r",
        PolicyDocument=document(trusts(root.arn("user/x/Owner"))),
        status=400,
    )


def test_renaming_needs_both_names(root):
    root.iam.create_user(UserName="a")
    user = root.user("u", may("iam:UpdateUser", root.arn("user/a")))
    refused(DENIED, user.iam.update_user, UserName="a", NewUserName="b", status=403)
    refused(DENIED, user.iam.update_user, UserName="a", NewPath="/admins/", status=403)
    root.iam.create_group(GroupName="a")
    root.iam.put_user_policy(
        UserName="u",
        PolicyName="own",
        PolicyDocument=document(may("iam:UpdateGroup", root.arn("group/a"))),
    )
    refused(DENIED, user.iam.update_group, GroupName="a", NewGroupName="b", status=403)


def test_groups_are_joined_by_right_on_the_group(root):
    root.iam.create_group(GroupName="admins")
    user = root.user("u", may("iam:*", root.arn("user/*")))
    refused(DENIED, user.iam.add_user_to_group, GroupName="admins", UserName="u", status=403)
    root.iam.put_user_policy(
        UserName="u",
        PolicyName="own",
        PolicyDocument=document(may("iam:*"), must_not("iam:*", root.arn("group/admins"))),
    )
    for name in ("admins", "ADMINS"):
        refused(DENIED, user.iam.add_user_to_group, GroupName=name, UserName="u", status=403)
        refused(
            DENIED,
            user.iam.put_group_policy,
            GroupName=name,
            PolicyName="p",
            PolicyDocument=document(may("*")),
            status=403,
        )


def test_tags_of_the_caller_are_not_the_requests(root):
    """Conditions on the caller's tags do not look at tags that the request brings."""
    user = root.user(
        "u", may("iam:*", Condition={"StringEquals": {"aws:PrincipalTag/admin": "yes"}})
    )
    tags = [{"Key": "admin", "Value": "yes"}]
    refused(DENIED, user.iam.create_user, UserName="x", Tags=tags, status=403)
    refused(DENIED, user.iam.tag_user, UserName="u", Tags=tags, status=403)
    root.iam.tag_user(UserName="u", Tags=tags)
    user.iam.list_users()
    root.iam.untag_user(UserName="u", TagKeys=["admin"])
    refused(DENIED, user.iam.list_users, status=403)


def test_variables_are_not_wildcards(root):
    user = root.user(
        "u",
        may("iam:GetUser", root.arn("user/${aws:PrincipalTag/who}")),
        Tags=[{"Key": "who", "Value": "u"}],
    )
    root.iam.create_user(UserName="x")
    assert user.iam.get_user(UserName="u")
    refused(DENIED, user.iam.get_user, UserName="x", status=403)
    # `*` cannot stand in a tag's value; `@` and `/` may, and mean themselves.
    for value in ("@", "/", "x/../u", "=", "X"):
        root.iam.tag_user(UserName="u", Tags=[{"Key": "who", "Value": value}])
        refused(DENIED, user.iam.get_user, UserName="x", status=403)
    refused(
        "ValidationError",
        root.iam.tag_user,
        UserName="u",
        Tags=[{"Key": "who", "Value": "*"}],
        status=400,
    )


def test_a_boundary_does_not_give(root):
    root.iam.create_user(UserName="u", PermissionsBoundary=ADMIN)
    key = root.iam.create_access_key(UserName="u")["AccessKey"]
    refused(DENIED, root.with_key(key).iam.list_users, status=403)


def test_session_policies_do_not_give(root):
    arn = root.role("r", [trusts(root.arn("root"))])["Arn"]
    session = root.user("u", may("sts:*")).assume(
        arn, Policy=document(may("*")), PolicyArns=[{"arn": ADMIN}]
    )
    refused(DENIED, session.iam.list_users, status=403)
    refused("AccessDeniedException", session.kms.list_keys)


def test_a_session_cannot_leave_its_limits(root):
    """A role session with a session policy that assumes its own role again."""
    made = root.role("r", [trusts(root.arn("root"))], may("*"))
    root.iam.update_assume_role_policy(
        RoleName="r", PolicyDocument=document(trusts([root.arn("root"), made["Arn"]]))
    )
    user = root.user("u", may("sts:*"))
    limited = user.assume(made["Arn"], Policy=document(may("iam:ListUsers")))
    # Named by the trust policy as a role: the session policy limits that.
    refused(DENIED, limited.assume, made["Arn"], status=403)
    limited.iam.list_users()
    refused(DENIED, limited.iam.list_roles, status=403)


def test_a_role_session_is_no_user(root):
    arn = root.role("r", [trusts(root.arn("root"))], may("iam:*"))["Arn"]
    session = root.user("u", may("sts:*")).assume(arn)
    text = "Must specify userName when calling with non-User credentials"
    for call in (session.iam.get_user, session.iam.list_access_keys, session.iam.create_access_key):
        refused("ValidationError", call, text=text, status=400)


def test_root_users_policies_are_not_there_to_change(root):
    """The root user is no user of IAM: nothing is attached to it, and it is not deleted."""
    for name in ("root", root.account):
        refused("NoSuchEntity", root.iam.delete_user, UserName=name, status=404)
        refused(
            "NoSuchEntity", root.iam.attach_user_policy, UserName=name, PolicyArn=ADMIN, status=404
        )
    made = root.iam.create_user(UserName="root")["User"]
    key = root.iam.create_access_key(UserName="root")["AccessKey"]
    fake = root.with_key(key)
    assert made["UserId"] != root.account
    # Its ARN says user/root; it is nobody special.
    assert fake.me() == root.arn("user/root")
    refused(DENIED, fake.iam.list_users, status=403)
    refused("AccessDeniedException", fake.kms.list_keys)


def together(count, call):
    """Runs a call from several threads at once; the codes of those refused (None: it worked)."""
    gate = threading.Barrier(count)

    def one(number):
        gate.wait()
        try:
            call(number)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return None

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_races(root):
    iam = root.iam
    codes = together(8, lambda n: iam.create_user(UserName="One" if n % 2 else "one"))
    assert sorted(codes, key=str) == ["EntityAlreadyExists"] * 7 + [None]
    codes = together(8, lambda n: iam.create_access_key(UserName="one"))
    assert codes.count(None) == 2 and codes.count("LimitExceeded") == 6, codes
    arn = iam.create_policy(PolicyName="p", PolicyDocument=document(may("*")))["Policy"]["Arn"]
    codes = together(
        8, lambda n: iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(may("*")))
    )
    assert codes.count(None) == 4 and codes.count("LimitExceeded") == 4, codes
    assert len({v["VersionId"] for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]}) == 5
    codes = together(
        8, lambda n: iam.tag_user(UserName="one", Tags=[{"Key": f"k{n}", "Value": "v"}])
    )
    assert codes == [None] * 8 and len(iam.list_user_tags(UserName="one")["Tags"]) == 8


def test_a_policy_is_not_deleted_while_it_is_attached(root):
    """Whichever comes first, no attachment is left to a policy that is gone."""
    iam = root.iam
    iam.create_user(UserName="u")
    for n in range(10):
        arn = iam.create_policy(PolicyName=f"p{n}", PolicyDocument=document(may("*")))["Policy"][
            "Arn"
        ]
        codes = together(
            2,
            lambda who: (
                iam.delete_policy(PolicyArn=arn)
                if who
                else iam.attach_user_policy(UserName="u", PolicyArn=arn)
            ),
        )
        assert sorted(map(str, codes)) in (
            ["DeleteConflict", "None"],
            ["NoSuchEntity", "None"],
        ), codes
        attached = [
            p["PolicyArn"]
            for p in iam.list_attached_user_policies(UserName="u")["AttachedPolicies"]
        ]
        if codes[0] is None:
            assert attached == [arn]
            iam.detach_user_policy(UserName="u", PolicyArn=arn)
            iam.delete_policy(PolicyArn=arn)
        else:
            assert attached == []


def test_everything_survives_a_restart(own_server):
    root = Who(own_server)
    arn = root.role(
        "r", [trusts(root.arn("root"))], may("kms:ListKeys"), Tags=[{"Key": "a", "Value": "b"}]
    )["Arn"]
    user = root.user("u", may("sts:*"), Path="/p/")
    policy = root.iam.create_policy(PolicyName="p", PolicyDocument=document(may("iam:ListUsers")))[
        "Policy"
    ]["Arn"]
    root.iam.attach_user_policy(UserName="u", PolicyArn=policy)
    session = user.assume(arn)
    off = root.iam.create_access_key(UserName="u")["AccessKey"]
    root.iam.update_access_key(UserName="u", AccessKeyId=off["AccessKeyId"], Status="Inactive")
    before = root.iam.get_role(RoleName="r")["Role"]
    for stop in (own_server.stop, own_server.kill):
        stop()
        own_server.start()
        assert user.me() == root.arn("user/p/u")
        user.iam.list_users()
        session.kms.list_keys()
        assert session.me() == root.arn("assumed-role/r/shift", "sts")
        refused("InvalidClientTokenId", root.with_key(off).sts.get_caller_identity, status=403)
        after = root.iam.get_role(RoleName="r")["Role"]
        assert {**after, "RoleLastUsed": 0} == {**before, "RoleLastUsed": 0}
    root.iam.delete_access_key(UserName="u", AccessKeyId=user.key["AccessKeyId"])
    own_server.kill()
    own_server.start()
    refused("InvalidClientTokenId", user.sts.get_caller_identity, status=403)


def test_secrets_are_not_on_the_disk(own_server):
    root = Who(own_server)
    arn = root.role("r", [trusts(root.arn("root"))])["Arn"]
    user = root.user("u", may("sts:*"))
    session = user.assume(arn)
    session.me()
    refused("AccessDenied", session.iam.list_users, status=403)
    own_server.stop()
    secrets = [
        user.key["SecretAccessKey"],
        session.credential.secret,
        session.token,
        session.token[40:80],
    ]
    files = [own_server.log, *(p for p in own_server.data_dir.rglob("*") if p.is_file())]
    assert any(p.stat().st_size for p in files)
    for path in files:
        data = path.read_bytes()
        for secret in secrets:
            assert secret.encode() not in data, path
    own_server.start()
