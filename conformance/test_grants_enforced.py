"""What a grant allows, to whom, and when it ends. reference/authorization.md, Grants."""

import threading
import time

import pytest

from harness import texts
from harness.caller import unb64
from harness.texts import allow, deny, policy
from people import Account, document, may, must_not
from test_conditions import AGREE, MAC, RAW, RSA, SIGN, deriving

USE = {"Plaintext": b"x"}
BLUE = {"Team": "Blue"}
MORE = {"Team": "Blue", "tier": "1"}
IDENTITY = "because no identity-based policy allows the kms:{} action"
MANY = 300


@pytest.fixture(scope="module")
def home(server):
    return Account(server)


@pytest.fixture(scope="module")
def away(server):
    return Account(server)


def grants(account, key, grantee, *operations, **more):
    """A new grant; its id and token."""
    return account.root.ok(
        "CreateGrant", more, KeyId=key, GranteePrincipal=grantee, Operations=list(operations)
    )


def subset(**pairs):
    return {"EncryptionContextSubset": pairs}


def exactly(**pairs):
    return {"EncryptionContextEquals": pairs}


# Every operation that can be granted


def calls(account, key, kind, user):
    """A request that works for each grantable operation on a kind of key."""
    root, key_id = account.root, key["KeyId"]
    blob = lambda: root.encrypt(key_id, b"x")  # noqa: E731
    if kind == "AES":
        return {
            "Encrypt": USE,
            "Decrypt": {"CiphertextBlob": blob()},
            "GenerateDataKey": {"KeySpec": "AES_256"},
            "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
            "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
            "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
            "DescribeKey": {},
            "CreateGrant": {"GranteePrincipal": user, "Operations": ["DescribeKey"]},
        }
    if kind == "RSA":
        oaep = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
        return {
            "Encrypt": {**USE, **oaep},
            "GetPublicKey": {},
            "DescribeKey": {},
            "Decrypt": {"CiphertextBlob": root.encrypt(key_id, b"x", **oaep), **oaep},
        }
    if kind == "SIGN":
        signature = unb64(root.ok("Sign", RAW, KeyId=key_id)["Signature"])
        return {"Sign": RAW, "Verify": {**RAW, "Signature": signature}, "GetPublicKey": {}}
    if kind == "MAC":
        what = {"Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}
        mac = unb64(root.ok("GenerateMac", what, KeyId=key_id)["Mac"])
        return {"GenerateMac": what, "VerifyMac": {**what, "Mac": mac}}
    return {"DeriveSharedSecret": deriving(None, key), "GetPublicKey": {}}


KINDS = {"AES": {}, "RSA": RSA, "SIGN": SIGN, "MAC": MAC, "AGREE": AGREE}


@pytest.mark.parametrize("kind", KINDS)
def test_each_operation(home, kind):
    name = f"each-{kind}"
    user, key = home.user(name), home.root.key(**KINDS[kind])
    requests = calls(home, key, kind, user.name)
    for operation in requests:
        # CreateGrant is never granted alone.
        given = [operation] + (["DescribeKey"] if operation == "CreateGrant" else [])
        made = grants(home, key["KeyId"], user.name, *given)
        for other, members in requests.items():
            answer = user.answer(other, members, KeyId=key["KeyId"])
            if other in given:
                assert answer is None, (operation, other)
            else:
                assert answer == texts.denied(user.name, other, key["Arn"], IDENTITY.format(other))
        home.root.ok("RevokeGrant", KeyId=key["KeyId"], GrantId=made["GrantId"])
        for one in home.root.ok("ListGrants", KeyId=key["KeyId"])["Grants"]:
            home.root.ok("RevokeGrant", KeyId=key["KeyId"], GrantId=one["GrantId"])
        assert not user.can(operation, requests[operation], KeyId=key["KeyId"])


def test_what_a_grant_never_gives(home):
    user, key = home.user("never"), home.root.key_id()
    made = grants(
        home, key, user.name, "Encrypt", "Decrypt", "CreateGrant", "DescribeKey", "RetireGrant"
    )
    for operation, members in [
        ("ListGrants", {}),
        ("GetKeyPolicy", {}),
        ("DisableKey", {}),
        ("ListResourceTags", {}),
        ("PutKeyPolicy", {"Policy": policy(allow(user.name))}),
        ("ScheduleKeyDeletion", {}),
        ("RevokeGrant", {"GrantId": made["GrantId"]}),
        ("EnableKeyRotation", {}),
    ]:
        assert not user.can(operation, members, KeyId=key), operation
    assert home.root.ok("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_reencrypt_needs_a_grant_on_both_keys(home):
    user, one, two = home.user("mover"), home.root.key(), home.root.key()
    blob = home.root.encrypt(one["KeyId"], b"x", EncryptionContext=BLUE)
    members = {
        "CiphertextBlob": blob,
        "SourceEncryptionContext": BLUE,
        "DestinationKeyId": two["KeyId"],
    }
    made = grants(home, one["KeyId"], user.name, "ReEncryptFrom")
    assert user.answer("ReEncrypt", members) == texts.denied(
        user.name, "ReEncryptTo", two["Arn"], IDENTITY.format("ReEncryptTo")
    )
    grants(home, two["KeyId"], user.name, "ReEncryptTo", Constraints=subset(Team="Red"))
    assert not user.can("ReEncrypt", members)
    assert user.can("ReEncrypt", members, DestinationEncryptionContext={"Team": "Red"})
    home.root.ok("RevokeGrant", KeyId=one["KeyId"], GrantId=made["GrantId"])
    grants(home, one["KeyId"], user.name, "ReEncryptTo", "Decrypt", "Encrypt")
    answer = user.answer("ReEncrypt", members, DestinationEncryptionContext={"Team": "Red"})
    assert "kms:ReEncryptFrom" in answer
    grants(home, one["KeyId"], user.name, "ReEncryptFrom", Constraints=exactly(Team="Red"))
    assert not user.can("ReEncrypt", members, DestinationEncryptionContext={"Team": "Red"})
    grants(home, one["KeyId"], user.name, "ReEncryptFrom", Constraints=exactly(Team="Blue"))
    assert user.can("ReEncrypt", members, DestinationEncryptionContext={"Team": "Red"})


# Constraints

CONTEXTS = [BLUE, MORE, {"Team": "blue"}, {"Team": "Red", "tier": "1"}, {"tier": "1"}, None]


@pytest.mark.parametrize(
    "constraint, good",
    [
        (subset(**BLUE), [BLUE, MORE]),
        (exactly(**BLUE), [BLUE]),
        (exactly(**MORE), [MORE]),
        (subset(**MORE), [MORE]),
        ({**subset(tier="1"), **exactly(**MORE)}, [MORE]),
        ({**subset(**BLUE), **exactly(tier="1")}, []),
    ],
    ids=str,
)
def test_constraints(home, constraint, good):
    user, key = home.user("constrained"), home.root.key_id()
    grants(
        home,
        key,
        user.name,
        "Encrypt",
        "Decrypt",
        "GenerateDataKey",
        "DescribeKey",
        Constraints=constraint,
    )
    for context in CONTEXTS:
        more = {"EncryptionContext": context} if context else {}
        works = context in good
        assert user.can("Encrypt", {**USE, **more}, KeyId=key) is works, context
        assert user.can("GenerateDataKey", more, KeyId=key, KeySpec="AES_256") is works, context
        blob = home.root.encrypt(key, b"x", **more)
        assert user.can("Decrypt", more, CiphertextBlob=blob) is works, context
        # The context of the request must be the ciphertext's, whatever the grant says.
        other = {"EncryptionContext": {**MORE, "extra": "2"}}
        answer = user.call("Decrypt", other, CiphertextBlob=blob)
        assert answer.code in {"AccessDeniedException", "InvalidCiphertextException"}
    assert user.can("DescribeKey", KeyId=key)
    home.deletes("constrained")


def test_several_grants_add_up(home):
    user, key = home.user("several"), home.root.key_id()
    grants(home, key, user.name, "Encrypt", Constraints=subset(Team="Blue"))
    grants(home, key, user.name, "Encrypt", Constraints=subset(Team="Red"))
    grants(home, key, user.name, "DescribeKey")
    for team, works in [("Blue", True), ("Red", True), ("Green", False)]:
        assert user.can("Encrypt", {**USE, "EncryptionContext": {"Team": team}}, KeyId=key) is works


# Who


def test_grantees(home, away):
    one, two, far = home.user("g1", Path="/p/"), home.user("g2"), away.user("g1")
    home.role("gr", Path="/q/")
    day, night = home.session("q/gr", "day"), home.session("q/gr", "night")
    maker = home.user("g-maker", may("sts:GetFederationToken"))
    guest = home.federated(maker, "guest", Policy=document(may("kms:*")))
    callers = {
        "one": one,
        "two": two,
        "far": far,
        "day": day,
        "night": night,
        "guest": guest,
        "root": home.root,
        "far root": away.root,
    }
    lean = policy(allow(home.root.name, ["kms:PutKeyPolicy", "kms:CreateGrant"]))
    for grantee, who in [
        (one.name, {"one"}),
        (far.name, {"far"}),
        (home.arn("role/q/gr"), {"day", "night"}),
        (day.name, {"day"}),
        (guest.name, {"guest"}),
        (home.root.name, {"root"}),
        (away.root.name, {"far root"}),
    ]:
        key = home.root.key(Policy=lean)
        grants(home, key["KeyId"], grantee, "Encrypt")
        got = {name for name, one in callers.items() if one.can("Encrypt", USE, KeyId=key["Arn"])}
        assert got == who, grantee
        if grantee == away.root.name:
            # The account that got it delegates with its own policies.
            away.gives("g1", may("kms:Encrypt", key["Arn"]))
            assert far.can("Encrypt", USE, KeyId=key["Arn"])
            away.gives("g1")
            assert not far.can("Encrypt", USE, KeyId=key["Arn"])


def test_principals_of_grants_must_exist(home):
    key = home.root.key_id()
    user = home.user("exists")
    for member in ("GranteePrincipal", "RetiringPrincipal"):
        for arn in (
            home.arn("user/none"),
            home.arn("role/none"),
            home.arn("group/g"),
            "arn:aws:iam::999999999999:user/x",
            "s3.amazonaws.com",
        ):
            members = {"GranteePrincipal": user.name, "Operations": ["Encrypt"], member: arn}
            answer = home.root.call("CreateGrant", members, KeyId=key)
            assert answer.code == "InvalidArnException", (arn, answer.raw)
    assert home.root.ok("ListGrants", KeyId=key)["Grants"] == []


@pytest.mark.parametrize("kind", ["user", "role"])
def test_a_namesake_gets_nothing(home, kind):
    name, key = f"g-gone-{kind}", home.root.key_id()

    def made():
        if kind == "user":
            return home.user(name)
        home.role(name)
        return home.session(name)

    first, arn = made(), home.arn(f"{kind}/{name}")
    made_grant = grants(home, key, arn, "Encrypt", "DescribeKey", RetiringPrincipal=arn)
    assert first.can("Encrypt", USE, KeyId=key)
    home.deletes(name) if kind == "user" else home.iam.delete_role(RoleName=name)
    second = made()
    assert not second.can("Encrypt", USE, KeyId=key)
    assert not second.can("Encrypt", {**USE, "GrantTokens": [made_grant["GrantToken"]]}, KeyId=key)
    assert not second.can("RetireGrant", GrantToken=made_grant["GrantToken"])
    (entry,) = home.root.ok("ListGrants", KeyId=key)["Grants"]
    assert entry["GrantId"] == made_grant["GrantId"]
    grants(home, key, arn, "Encrypt")
    assert second.can("Encrypt", USE, KeyId=key)


# Against policies


def test_denies_beat_grants(home):
    user = home.user("denied")
    key = home.root.key(
        Policy=policy(
            allow(home.root.name),
            deny(
                "*",
                "kms:Decrypt",
                Condition={"StringEquals": {"aws:PrincipalArn": home.arn("user/denied")}},
            ),
        )
    )
    grants(home, key["KeyId"], user.name, "Encrypt", "Decrypt")
    blob = unb64(user.ok("Encrypt", USE, KeyId=key["KeyId"])["CiphertextBlob"])
    assert user.answer("Decrypt", CiphertextBlob=blob, KeyId=key["KeyId"]) == texts.denied(
        user.name, "Decrypt", key["Arn"], "with an explicit deny in a resource-based policy"
    )
    home.gives("denied", must_not("kms:Encrypt"))
    assert user.answer("Encrypt", USE, KeyId=key["KeyId"]) == texts.denied(
        user.name, "Encrypt", key["Arn"], "with an explicit deny in an identity-based policy"
    )


def test_a_session_policy_limits_the_role_s_grant(home):
    home.role("g-small")
    small = home.session("g-small", Policy=document(may("kms:DescribeKey")))
    whole, key = home.session("g-small"), home.root.key_id()
    grants(home, key, home.arn("role/g-small"), "Encrypt", "DescribeKey")
    assert whole.can("Encrypt", USE, KeyId=key) and small.can("DescribeKey", KeyId=key)
    assert not small.can("Encrypt", USE, KeyId=key)


def test_conditions_on_the_use_of_create_grant(home):
    """Who may make grants through a policy may give what it lacks itself."""
    maker, user, key = home.user("g-policy"), home.user("g-policy-2"), home.root.key()
    members = {"KeyId": key["KeyId"], "GranteePrincipal": user.name, "Operations": ["Encrypt"]}
    assert maker.answer("CreateGrant", members) == texts.denied(
        maker.name, "CreateGrant", key["Arn"], IDENTITY.format("CreateGrant")
    )
    home.gives("g-policy", may("kms:CreateGrant"))
    assert maker.can("CreateGrant", members)
    assert user.can("Encrypt", USE, KeyId=key["KeyId"])
    assert not maker.can("Encrypt", USE, KeyId=key["KeyId"])


# Children


def test_children_are_at_most_their_parent(home):
    parent, child, key = home.user("parent"), home.user("child"), home.root.key_id()
    grants(home, key, parent.name, "Encrypt", "Decrypt", "CreateGrant", Constraints=subset(**BLUE))

    def gives(operations, constraints):
        more = {"Constraints": constraints} if constraints else {}
        return parent.can(
            "CreateGrant", more, KeyId=key, GranteePrincipal=child.name, Operations=operations
        )

    for operations, constraints, works in [
        (["Encrypt"], subset(**BLUE), True),
        (["Encrypt", "Decrypt"], subset(**MORE), True),
        (["Encrypt"], exactly(**BLUE), True),
        (["Decrypt"], exactly(**MORE), True),
        (["Encrypt", "CreateGrant"], subset(**BLUE), True),
        (["Encrypt"], None, False),
        (["Encrypt"], subset(tier="1"), False),
        (["Encrypt"], subset(Team="Red"), False),
        (["Encrypt"], exactly(tier="1"), False),
        (["Encrypt"], subset(Team="blue"), False),
        (["GenerateDataKey"], subset(**BLUE), False),
        (["Encrypt", "DescribeKey"], subset(**BLUE), False),
        (["Encrypt", "RetireGrant"], subset(**BLUE), False),
    ]:
        assert gives(operations, constraints) is works, (operations, constraints)
    assert child.can("Encrypt", {**USE, "EncryptionContext": BLUE}, KeyId=key)
    assert not child.can("Encrypt", USE, KeyId=key)
    # A parent with Equals: its children have the same pairs, or more strictly nothing else.
    other = home.root.key_id()
    grants(home, other, parent.name, "Encrypt", "CreateGrant", Constraints=exactly(**BLUE))
    for constraints, works in [
        (exactly(**BLUE), True),
        (subset(**BLUE), False),
        (exactly(**MORE), False),
        (None, False),
    ]:
        more = {"Constraints": constraints} if constraints else {}
        got = parent.can(
            "CreateGrant", more, KeyId=other, GranteePrincipal=child.name, Operations=["Encrypt"]
        )
        assert got is works, constraints


def test_children_outlive_nothing_they_need(home):
    """A child stands on its own: revoking the parent does not revoke it. [G]"""
    parent, child, key = home.user("parent-2"), home.user("child-2"), home.root.key_id()
    made = grants(home, key, parent.name, "Encrypt", "CreateGrant")
    parent.ok("CreateGrant", KeyId=key, GranteePrincipal=child.name, Operations=["Encrypt"])
    home.root.ok("RevokeGrant", KeyId=key, GrantId=made["GrantId"])
    assert not parent.can("Encrypt", USE, KeyId=key)
    assert child.can("Encrypt", USE, KeyId=key)
    assert not parent.can(
        "CreateGrant", KeyId=key, GranteePrincipal=child.name, Operations=["Encrypt"]
    )


# Retiring


def test_who_may_retire(home, away):
    grantee, retiring = home.user("r-grantee"), away.user("r-retiring")
    plain, bearer = home.user("r-plain"), home.user("r-iam", may("kms:RetireGrant"))
    key = home.root.key()

    def made(*more_operations, **more):
        return grants(home, key["KeyId"], grantee.name, "Encrypt", *more_operations, **more)

    def retires(who, grant):
        return who.can("RetireGrant", KeyId=key["Arn"], GrantId=grant["GrantId"])

    assert retires(retiring, made(RetiringPrincipal=retiring.name))
    assert retires(home.root, made(RetiringPrincipal=retiring.name))
    assert retires(grantee, made("RetireGrant"))
    assert retires(bearer, made())
    for who in (grantee, retiring, plain, away.root):
        assert not retires(who, made()), who.name
    for who in (plain, grantee, away.root):
        assert not retires(who, made(RetiringPrincipal=retiring.name)), who.name
    # By token, with nothing else said.
    assert retiring.can(
        "RetireGrant", GrantToken=made(RetiringPrincipal=retiring.name)["GrantToken"]
    )
    assert not plain.can("RetireGrant", GrantToken=made()["GrantToken"])
    # An account as the retiring principal delegates.
    grant = made(RetiringPrincipal=away.root.name)
    assert not retires(retiring, grant)
    away.gives("r-retiring", may("kms:RetireGrant"))
    assert retires(retiring, grant)
    # A Deny works in an identity policy; an Allow in a key policy gives nothing.
    away.gives("r-retiring", must_not("kms:RetireGrant"))
    assert not retires(retiring, made(RetiringPrincipal=retiring.name))
    text = policy(allow(home.root.name), allow(plain.name, "kms:RetireGrant"))
    home.root.ok("PutKeyPolicy", KeyId=key["KeyId"], Policy=text)
    assert not retires(plain, made())


def test_revoking(home, away):
    user, key = home.user("revoker"), home.root.key()
    far = away.user("revoker", may("kms:*"))
    made = grants(home, key["KeyId"], user.name, "Encrypt")
    members = {"KeyId": key["Arn"], "GrantId": made["GrantId"]}
    assert not user.can("RevokeGrant", members) and not far.can("RevokeGrant", members)
    home.gives("revoker", may("kms:RevokeGrant"))
    assert user.can("RevokeGrant", members)
    assert not user.can("Encrypt", USE, KeyId=key["KeyId"])
    # Another account that the key policy lets revoke.
    made = grants(home, key["KeyId"], user.name, "Encrypt")
    text = policy(allow(home.root.name), allow(away.id, ["kms:RevokeGrant", "kms:ListGrants"]))
    home.root.ok("PutKeyPolicy", KeyId=key["KeyId"], Policy=text)
    (entry,) = far.ok("ListGrants", KeyId=key["Arn"])["Grants"]
    assert entry["GrantId"] == made["GrantId"]
    assert far.can("RevokeGrant", KeyId=key["Arn"], GrantId=made["GrantId"])


def test_the_issuing_account_retires(home, away):
    """The account that made a grant on another account's key retires it. [G]"""
    maker = away.user("issuer", may("kms:*"))
    text = policy(allow(home.root.name), allow(away.id, "kms:CreateGrant"))
    key = home.root.key(Policy=text)["Arn"]

    def made():
        return maker.ok(
            "CreateGrant", KeyId=key, GranteePrincipal=maker.name, Operations=["Encrypt"]
        )["GrantId"]

    for who in (maker, away.root):
        grant = made()
        assert maker.can("Encrypt", USE, KeyId=key)
        assert who.can("RetireGrant", KeyId=key, GrantId=grant), who.name
    assert made()
    (entry,) = home.root.ok("ListGrants", KeyId=key)["Grants"]
    assert entry["IssuingAccount"] == away.root.name
    # The key's owner revokes.
    home.root.ok("RevokeGrant", KeyId=key, GrantId=entry["GrantId"])


# Tokens


def test_tokens(home):
    user, key, other = home.user("tokens"), home.root.key_id(), home.root.key_id()
    made = grants(home, key, user.name, "Encrypt")
    token = {"GrantTokens": [made["GrantToken"]]}
    assert user.can("Encrypt", {**USE, **token}, KeyId=key)
    # A token is no ticket for others, other operations or other keys.
    stranger = home.user("tokens-2")
    assert not stranger.can("Encrypt", {**USE, **token}, KeyId=key)
    assert not user.can("DescribeKey", token, KeyId=key)
    assert not user.can("Encrypt", {**USE, **token}, KeyId=other)
    eleven = {"GrantTokens": [made["GrantToken"]] * 11}
    assert user.call("Encrypt", {**USE, **eleven}, KeyId=key).code == "ValidationException"
    bent = {"GrantTokens": [made["GrantToken"][:-2] + "AA"]}
    assert user.call("Encrypt", {**USE, **bent}, KeyId=key).code == "InvalidGrantTokenException"
    home.root.ok("RevokeGrant", KeyId=key, GrantId=made["GrantId"])
    assert user.call("Encrypt", {**USE, **token}, KeyId=key).code in {
        "AccessDeniedException",
        "InvalidGrantTokenException",
    }


# Many, and at once


def test_many_grants(home):
    key = home.root.key_id()
    users = [home.iam.create_user(UserName=f"many-{n}")["User"]["Arn"] for n in range(3)]
    last = home.user("many-last")
    for number in range(MANY):
        grants(home, key, users[number % 3], "Encrypt", Constraints=subset(n=str(number)))
    assert not last.can("Encrypt", USE, KeyId=key)
    made = grants(home, key, last.name, "Encrypt", Constraints=subset(n="x"))
    assert last.can("Encrypt", {**USE, "EncryptionContext": {"n": "x"}}, KeyId=key)
    assert not last.can("Encrypt", {**USE, "EncryptionContext": {"n": "1"}}, KeyId=key)
    start = time.monotonic()
    for _ in range(20):
        last.ok("Encrypt", {**USE, "EncryptionContext": {"n": "x"}}, KeyId=key)
    assert time.monotonic() - start < 5
    pages = home.root.pages("ListGrants", "Grants", KeyId=key, Limit=100)
    assert sum(map(len, pages)) == MANY + 1
    home.root.ok("RevokeGrant", KeyId=key, GrantId=made["GrantId"])
    assert not last.can("Encrypt", {**USE, "EncryptionContext": {"n": "x"}}, KeyId=key)


@pytest.mark.parametrize("how", ["revoke", "retire", "detach", "key policy", "inactive key"])
def test_an_end_is_at_once_under_load(home, how):
    """No request that begins after the end was answered succeeds, while others run."""
    name = "load-" + how.replace(" ", "-")
    user, key = home.user(name), home.root.key_id()
    made = None
    if how in ("revoke", "retire"):
        made = grants(home, key, user.name, "Encrypt", RetiringPrincipal=home.root.name)
    elif how in ("detach", "inactive key"):
        home.gives(name, may("kms:Encrypt"))
    else:
        text = policy(allow(home.root.name), allow(user.name, "kms:Encrypt"))
        home.root.ok("PutKeyPolicy", KeyId=key, Policy=text)
    ended, stop, late, before, faults = [], threading.Event(), [], [], []

    def hammer(person):
        try:
            while not stop.is_set():
                since = time.monotonic()
                answer = person.call("Encrypt", USE, KeyId=key)
                if answer.status == 200:
                    (late if ended and since > ended[0] else before).append(since)
                elif not answer.code.startswith(("AccessDenied", "UnrecognizedClient")):
                    faults.append(answer.raw)
        except Exception as error:  # noqa: BLE001
            faults.append(error)
        finally:
            person.close()

    threads = [threading.Thread(target=hammer, args=(user.again(),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    if how == "revoke":
        home.root.ok("RevokeGrant", KeyId=key, GrantId=made["GrantId"])
    elif how == "retire":
        home.root.ok("RetireGrant", GrantToken=made["GrantToken"])
    elif how == "detach":
        home.gives(name)
    elif how == "inactive key":
        home.iam.update_access_key(
            UserName=name, AccessKeyId=user.credential.key_id, Status="Inactive"
        )
    else:
        home.root.ok("PutKeyPolicy", KeyId=key, Policy=policy(allow(home.root.name)))
    ended.append(time.monotonic())
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not faults, faults[:3]
    assert len(before) > 20 and not late, (len(before), len(late))


def test_grants_of_users_survive_a_kill(own_server):
    account = Account(own_server)
    user, key = account.user("survivor"), account.root.key_id()
    made = grants(account, key, user.name, "Encrypt")
    gone = grants(account, key, user.name, "DescribeKey")
    account.root.ok("RevokeGrant", KeyId=key, GrantId=gone["GrantId"])
    own_server.kill()
    own_server.start()
    for one in (user, account.root):
        one.close()
    assert user.can("Encrypt", USE, KeyId=key) and not user.can("DescribeKey", KeyId=key)
    account.root.ok("RevokeGrant", KeyId=key, GrantId=made["GrantId"])
    own_server.kill()
    own_server.start()
    user.close()
    assert not user.can("Encrypt", USE, KeyId=key)
