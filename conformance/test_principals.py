"""Principals of key policies: they exist, are bound to unique ids, and are not locked out.
reference/authorization.md, "Policy document rules", "Lockout safety check", "Principal forms"."""

import json
import re

import pytest

from harness import texts
from harness.texts import allow, deny, policy
from people import Account, may, must_not

USE = {"Plaintext": b"x"}
MALFORMED = "MalformedPolicyDocumentException"


@pytest.fixture(scope="module")
def home(server):
    return Account(server)


@pytest.fixture(scope="module")
def away(server):
    return Account(server)


def put(account, key, *statements, **more):
    """The answer of a PutKeyPolicy by the root user."""
    text = policy(allow(account.root.name), *statements)
    return account.root.call("PutKeyPolicy", more, KeyId=key, Policy=text)


def shown(account, key):
    """The statements of a key's policy as GetKeyPolicy shows them."""
    return json.loads(account.root.ok("GetKeyPolicy", KeyId=key)["Policy"])["Statement"]


def test_principals_must_exist(home, away):
    key = home.root.key_id()
    home.role("real", Path="/r/")
    home.user("person")
    there = away.user("person-there")
    session = "assumed-role/real/any"
    for principal in [
        home.arn("role/r/real"),
        home.arn("user/person"),
        there.name,
        home.arn(session, "sts"),
        home.arn("federated-user/anyone", "sts"),
        "999999999999",
        "*",
        {"Service": "s3.amazonaws.com"},
        {"Service": ["logs.us-east-1.amazonaws.com"]},
    ]:
        assert put(home, key, allow(principal)).status == 200, principal
    for principal in [
        home.arn("role/real"),
        home.arn("role/none"),
        home.arn("user/none"),
        away.arn("user/none"),
        home.arn("user/r/person"),
        home.arn("group/team"),
        home.arn("user/*"),
        [home.arn("user/person"), home.arn("user/none")],
        "AIDAAAAAAAAAAAAAAAAAA",
    ]:
        for effect in (allow, deny):
            answer = put(home, key, effect(principal, "kms:Encrypt"))
            assert (answer.code, answer.message) in (
                (MALFORMED, texts.BAD_PRINCIPAL),
                ("InvalidArnException", texts.BAD_PRINCIPAL_ARN),
            ), (principal, answer.raw)
    for member in ("Principal", "NotPrincipal"):
        statement = {**deny("x", "kms:Encrypt"), member: {"AWS": home.arn("user/none")}}
        if member == "NotPrincipal":
            del statement["Principal"]
        assert put(home, key, statement).code == MALFORMED
    answer = home.root.call(
        "CreateKey", Policy=policy(allow(home.root.name), allow(home.arn("user/none")))
    )
    assert (answer.code, answer.message) == (MALFORMED, texts.BAD_PRINCIPAL)


@pytest.mark.parametrize("kind", ["user", "role"])
def test_a_namesake_is_somebody_else(home, kind):
    name = f"gone-{kind}"
    prefix = "AIDA" if kind == "user" else "AROA"

    def made():
        if kind == "user":
            return home.user(name)
        home.role(name)
        return home.session(name)

    def deleted():
        home.deletes(name) if kind == "user" else home.iam.delete_role(RoleName=name)

    first, arn = made(), home.arn(f"{kind}/{name}")
    key = home.root.key_id()
    assert put(home, key, allow(arn, "kms:Encrypt"), deny(arn, "kms:DescribeKey")).status == 200
    assert first.can("Encrypt", USE, KeyId=key)
    assert shown(home, key)[1]["Principal"] == {"AWS": arn}
    deleted()
    answer = first.call("Encrypt", USE, KeyId=key)
    assert answer.code in {
        "UnrecognizedClientException",
        "AccessDeniedException",
        "InvalidClientTokenId",
    }, answer.raw
    principals = [one["Principal"]["AWS"] for one in shown(home, key)[1:]]
    assert all(re.fullmatch(prefix + "[A-Z2-7]{17}", one) for one in principals), principals
    second = made()
    assert second.answer("Encrypt", USE, KeyId=key) == texts.denied(
        second.name,
        "Encrypt",
        home.root.arn(key),
        "because no identity-based policy allows the kms:Encrypt action",
    )
    # Neither does the Deny on the one that is gone reach the namesake.
    give = home.gives if kind == "user" else home.role_gives
    give(name, may("kms:DescribeKey"))
    assert second.can("DescribeKey", KeyId=key)
    # The first one's credentials stay dead.
    answer = first.call("Encrypt", USE, KeyId=key)
    assert answer.status != 200
    # Named again, it is the new one.
    assert put(home, key, allow(arn, "kms:Encrypt")).status == 200
    assert shown(home, key)[1]["Principal"] == {"AWS": arn}
    assert second.can("Encrypt", USE, KeyId=key)
    # A shown policy with the id of one that is gone cannot be put back.
    give(name)
    deleted()
    text = home.root.ok("GetKeyPolicy", KeyId=key)["Policy"]
    assert prefix in text
    answer = home.root.call("PutKeyPolicy", KeyId=key, Policy=text)
    assert (answer.code, answer.message) == (MALFORMED, texts.BAD_PRINCIPAL), answer.raw


def test_a_renamed_user_stays_the_same(home):
    user = home.user("before")
    key = home.root.key_id()
    assert put(home, key, allow(user.name, "kms:Encrypt")).status == 200
    home.iam.update_user(UserName="before", NewUserName="after", NewPath="/new/")
    assert user.can("Encrypt", USE, KeyId=key)
    user.arn_of_caller = home.arn("user/new/after")
    assert user.answer("DescribeKey", KeyId=key) == texts.denied(
        user.name,
        "DescribeKey",
        home.root.arn(key),
        "because no identity-based policy allows the kms:DescribeKey action",
    )
    namesake = home.user("before")
    assert not namesake.can("Encrypt", USE, KeyId=key)


def test_lockout_of_users(home):
    user, fresh = home.user("locksmith"), home.root.key_id
    home.gives("locksmith", may(["kms:PutKeyPolicy", "kms:CreateKey", "kms:TagResource"]))
    delegating = policy(allow(home.root.name))
    naming = policy(allow(user.name, "kms:PutKeyPolicy"))
    other = policy(allow(home.root.name, ["kms:Encrypt"]))
    denied = policy(allow(home.root.name), deny(user.name, "kms:PutKeyPolicy"))
    conditional = policy(
        allow(home.root.name, Condition={"StringEquals": {"kms:PolicyName": "default"}})
    )
    for text, works in [
        (delegating, True),
        (naming, True),
        (other, False),
        (denied, False),
        (conditional, True),
        (policy(allow("*")), True),
        (policy(deny("*", "kms:*")), False),
    ]:
        for operation, members in [("PutKeyPolicy", {"KeyId": fresh()}), ("CreateKey", {})]:
            answer = user.call(operation, members, Policy=text)
            if works:
                assert answer.status == 200, (text, answer.raw)
            else:
                assert (answer.code, answer.message) == (MALFORMED, texts.LOCKOUT), (
                    text,
                    operation,
                )
        answer = user.call("CreateKey", Policy=text, BypassPolicyLockoutSafetyCheck=True)
        assert answer.status == 200, answer.raw
    # The account's statement helps only users whose own policies let them put the policy.
    home.gives("locksmith", may("kms:CreateKey"))
    answer = user.call("CreateKey", Policy=delegating)
    assert answer.code in {MALFORMED, "AccessDeniedException"}, answer.raw
    named = home.root.key_id(Policy=policy(allow(home.root.name), allow(user.name)))
    answer = user.call("PutKeyPolicy", KeyId=named, Policy=delegating)
    assert (answer.code, answer.message) == (MALFORMED, texts.LOCKOUT), answer.raw
    home.gives("locksmith", may("kms:*"), must_not("kms:PutKeyPolicy", home.root.arn(named)))
    assert "explicit deny" in user.answer("PutKeyPolicy", KeyId=named, Policy=naming)


def test_dead_credentials(home):
    user, key = home.user("leaver", may("kms:*")), home.root.key_id()
    assert user.can("DescribeKey", KeyId=key)
    key_id = user.credential.key_id
    home.iam.update_access_key(UserName="leaver", AccessKeyId=key_id, Status="Inactive")
    user_fails = {"UnrecognizedClientException"}
    user.fails(user_fails, "DescribeKey", KeyId=key)
    home.iam.update_access_key(UserName="leaver", AccessKeyId=key_id, Status="Active")
    assert user.can("DescribeKey", KeyId=key)
    session = user.client("sts").get_session_token()["Credentials"]
    session = home.person(session, user.name)
    assert session.can("DescribeKey", KeyId=key)
    home.iam.delete_access_key(UserName="leaver", AccessKeyId=key_id)
    user.fails(user_fails, "DescribeKey", KeyId=key)
    home.gives("leaver", must_not("kms:DescribeKey"), may("kms:*"))
    assert not session.can("DescribeKey", KeyId=key)
    home.deletes("leaver")
    answer = session.call("DescribeKey", KeyId=key)
    assert answer.status == 400 and answer.code in {
        "UnrecognizedClientException",
        "AccessDeniedException",
    }, answer.raw


def test_sessions_end_with_a_policy_on_their_issue(home):
    """IAM User Guide, "Revoke IAM role temporary security credentials"."""
    home.role("revoked", may("kms:*"))
    session, key = home.session("revoked"), home.root.key_id()
    assert session.can("DescribeKey", KeyId=key)
    revoke = must_not(
        "*", Condition={"DateLessThan": {"aws:TokenIssueTime": "2099-01-01T00:00:00Z"}}
    )
    home.role_gives("revoked", revoke, policy="AWSRevokeOlderSessions")
    assert "explicit deny in an identity-based policy" in session.answer("DescribeKey", KeyId=key)
    early = must_not(
        "*", Condition={"DateLessThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}}
    )
    home.role_gives("revoked", early, policy="AWSRevokeOlderSessions")
    assert session.can("DescribeKey", KeyId=key)
    # A deleted and re-created role does not bring its sessions back.
    for name in ("own", "AWSRevokeOlderSessions"):
        home.iam.delete_role_policy(RoleName="revoked", PolicyName=name)
    home.iam.delete_role(RoleName="revoked")
    home.role("revoked", may("kms:*"))
    answer = session.call("DescribeKey", KeyId=key)
    assert answer.status == 400 and answer.code in {
        "UnrecognizedClientException",
        "AccessDeniedException",
    }, answer.raw
    assert home.session("revoked").can("DescribeKey", KeyId=key)


def test_a_token_belongs_to_its_key(home):
    home.role("tokens", may("kms:*"))
    one, two, key = home.session("tokens", "one"), home.session("tokens", "two"), home.root.key_id()
    for bent in (two.token, one.token[:-1], "Q" + one.token[1:], one.token + "A", "x", None):
        mixed = one.again()
        mixed.token = bent
        answer = mixed.call("DescribeKey", KeyId=key)
        assert answer.status in (400, 403) and answer.code in {
            "UnrecognizedClientException",
            "InvalidClientTokenId",
        }, (bent, answer.raw)
    assert one.can("DescribeKey", KeyId=key) and two.can("DescribeKey", KeyId=key)
