"""Service and resource control policies of an organisation, from `keystead dev --organization`.
reference/authorization.md, "Which policies take part"; AWS Organizations User Guide, "SCPs"."""

import json

import pytest

from dev_server import DevServer
from harness import texts
from harness.caller import fresh_account
from harness.texts import allow, policy
from people import Account, document, may, must_not

USE = {"Plaintext": b"x"}
NO_SCP = "because no service control policy allows the kms:{} action"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A server with an organisation; its accounts by name.

    root: SCP `no-disable`; RCP `perimeter`: Encrypt only for principals of the organisation.
    ou `strict`: SCPs instead of FullAWSAccess: `only-use`.  `plain` and `neighbour` stand at the
    root; `strict` in the unit; `alone` at the root with an SCP of its own.
    """
    folder = tmp_path_factory.mktemp("organization")
    boss, plain, neighbour, strict, alone, outside = (fresh_account() for _ in range(6))
    for name, statements in {
        "no-disable": [must_not("kms:DisableKey")],
        "only-use": [
            may(
                [
                    "kms:Encrypt",
                    "kms:DescribeKey",
                    "kms:CreateKey",
                    "kms:PutKeyPolicy",
                    "kms:TagResource",
                    "kms:CreateGrant",
                    "kms:DisableKey",
                    "iam:*",
                    "sts:*",
                ]
            )
        ],
        "no-list": [must_not("kms:List*")],
        "perimeter": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "kms:Encrypt",
                "Resource": "*",
                "Condition": {
                    "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"},
                    "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
                },
            }
        ],
    }.items():
        (folder / f"{name}.json").write_text(document(*statements))
    file = folder / "organization.toml"
    at = lambda name: json.dumps([str(folder / f"{name}.json")])  # noqa: E731
    file.write_text(f"""
[organization]
id = "o-a1b2c3d4e5"
management_account = "{boss}"
[organization.root]
id = "r-ab12"
accounts = ["{boss}", "{plain}", "{neighbour}"]
service_control = {at("no-disable")}
resource_control = {at("perimeter")}
[[organization.root.account]]
id = "{alone}"
service_control = {at("no-list")}
[[organization.root.unit]]
id = "ou-ab12-11111111"
full_access = false
service_control = {at("only-use")}
accounts = ["{strict}"]
""")
    server = DevServer(folder / "data", "--organization", file).start()
    ids = {
        "boss": boss,
        "plain": plain,
        "neighbour": neighbour,
        "strict": strict,
        "alone": alone,
        "outside": outside,
    }
    yield {name: Account(server, one) for name, one in ids.items()}
    server.stop()


def refusal(who, action, resource, why):
    return texts.denied(who.name, action, resource, why.format(action))


def test_a_deny_at_the_root_reaches_every_member(tree):
    for name in ("plain", "alone", "strict"):
        account = tree[name]
        user = account.user("u", may("*"))
        key = account.root.key()
        for who in (user, account.root):
            answer = who.answer("DisableKey", KeyId=key["KeyId"])
            assert answer.startswith(
                refusal(
                    who,
                    "DisableKey",
                    key["Arn"],
                    "with an explicit deny in a service control policy",
                )
            )
        assert user.can("Encrypt", USE, KeyId=key["KeyId"])
    # But neither the management account nor strangers.
    for name in ("boss", "outside"):
        account = tree[name]
        assert account.user("u", may("*")).can("DisableKey", KeyId=account.root.key_id())


def test_what_no_level_allows(tree):
    strict = tree["strict"]
    user, key = strict.user("limited", may("*")), strict.root.key()
    for who in (user, strict.root):
        assert who.can("Encrypt", USE, KeyId=key["KeyId"])
        assert who.answer("ListGrants", KeyId=key["KeyId"]) == refusal(
            who, "ListGrants", key["Arn"], NO_SCP
        )
        assert who.answer("ListKeys") == refusal(who, "ListKeys", "*", NO_SCP)
    # A grant and a key policy that names the user do not go round it.
    text = policy(allow(strict.root.name), allow([user.name, "*"]))
    named = strict.root.key(Policy=text)
    strict.root.ok(
        "CreateGrant", KeyId=named["KeyId"], GranteePrincipal=user.name, Operations=["Decrypt"]
    )
    blob = strict.root.encrypt(named["KeyId"], b"x")
    assert not user.can("Decrypt", CiphertextBlob=blob, KeyId=named["KeyId"])
    # SCPs give nothing.
    poor = strict.user("poor")
    assert poor.answer("DescribeKey", KeyId=key["KeyId"]) == refusal(
        poor,
        "DescribeKey",
        key["Arn"],
        "because no identity-based policy allows the kms:DescribeKey action",
    )


def test_an_account_of_its_own(tree):
    alone, plain = tree["alone"], tree["plain"]
    assert "explicit deny in a service control policy" in alone.root.answer("ListKeys")
    assert plain.root.can("ListKeys")


def test_scps_follow_the_caller_rcps_the_key(tree):
    """An SCP counts in the caller's account, whosever the key is; an RCP counts at the key."""
    plain, strict, outside = tree["plain"], tree["strict"], tree["outside"]
    open_key = outside.root.key(Policy=policy(allow(outside.root.name), allow("*")))
    guest = strict.user("traveller", may("*"))
    assert guest.can("Encrypt", USE, KeyId=open_key["Arn"])
    blob = outside.root.encrypt(open_key["KeyId"], b"x")
    assert guest.answer("Decrypt", CiphertextBlob=blob, KeyId=open_key["Arn"]) == refusal(
        guest, "Decrypt", open_key["Arn"], NO_SCP
    )
    # A key of a member, opened to the world: the perimeter closes Encrypt to strangers.
    shared = plain.root.key(Policy=policy(allow(plain.root.name), allow("*")))
    stranger, neighbour = outside.user("s", may("*")), tree["neighbour"].user("n", may("*"))
    answer = stranger.answer("Encrypt", USE, KeyId=shared["Arn"])
    assert answer is not None
    assert stranger.can("DescribeKey", KeyId=shared["Arn"])
    for who in (neighbour, plain.root, tree["boss"].user("b", may("*"))):
        assert who.can("Encrypt", USE, KeyId=shared["Arn"])
    # Through a grant as well.
    plain.root.ok(
        "CreateGrant",
        KeyId=shared["KeyId"],
        GranteePrincipal=stranger.name,
        Operations=["Encrypt", "GenerateDataKeyWithoutPlaintext"],
    )
    assert not stranger.can("Encrypt", USE, KeyId=shared["Arn"])
    assert stranger.can("GenerateDataKeyWithoutPlaintext", KeyId=shared["Arn"], KeySpec="AES_256")
    # The management account's keys are not under resource control.
    boss = tree["boss"]
    free = boss.root.key(Policy=policy(allow(boss.root.name), allow("*")))
    assert stranger.can("Encrypt", USE, KeyId=free["Arn"])


def test_organization_keys(tree):
    """aws:PrincipalOrgID, aws:PrincipalOrgPaths, aws:ResourceOrgID, aws:ResourceOrgPaths."""
    plain, strict, outside = tree["plain"], tree["strict"], tree["outside"]
    people = {
        "plain": plain.user("org", may("*")),
        "strict": strict.user("org", may("*")),
        "outside": outside.user("org", may("*")),
    }
    strict_path = "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/"
    for condition, who in [
        ({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}, {"plain", "strict"}),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}, {"outside"}),
        ({"Null": {"aws:PrincipalOrgID": "true"}}, {"outside"}),
        ({"ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": strict_path}}, {"strict"}),
        (
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/r-ab12/*"}},
            {"plain", "strict"},
        ),
    ]:
        text = policy(
            allow(outside.root.name, ["kms:PutKeyPolicy"]),
            allow("*", "kms:DescribeKey", Condition=condition),
        )
        key = outside.root.key(Policy=text)
        got = {name for name, one in people.items() if one.can("DescribeKey", KeyId=key["Arn"])}
        assert got == who, condition
    for condition, where in [
        ({"StringEquals": {"aws:ResourceOrgID": "o-a1b2c3d4e5"}}, {"plain", "strict"}),
        ({"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}, {"plain", "strict"}),
        ({"ForAnyValue:StringEquals": {"aws:ResourceOrgPaths": strict_path}}, {"strict"}),
        ({"Null": {"aws:ResourceOrgID": "true"}}, {"outside"}),
    ]:
        plain.gives("org", may("kms:*", Condition=condition))
        for name in ("plain", "strict", "outside"):
            owner = tree[name]
            key = owner.root.key(Policy=policy(allow(owner.root.name), allow(plain.id)))
            assert people["plain"].can("DescribeKey", KeyId=key["Arn"]) is (name in where), (
                condition,
                name,
            )
