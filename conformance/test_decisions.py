"""The order of a decision, in one account and across two, and the exact texts of refusals.
reference/authorization.md, "Decision", "AccessDeniedException messages"."""

import pytest

from harness import texts
from harness.texts import NO_SUCH_ID, allow, deny, policy
from people import Account, document, may, must_not

USE = {"Plaintext": b"x"}
IDENTITY = "because no identity-based policy allows the kms:{} action"
RESOURCE = "because no resource-based policy allows the kms:{} action"
BOUNDARY = "because no permissions boundary allows the kms:{} action"
SESSION = "because no session policy allows the kms:{} action"
DENY = "with an explicit deny in {}"


@pytest.fixture(scope="module")
def home(server):
    return Account(server)


@pytest.fixture(scope="module")
def away(server):
    return Account(server)


def refusal(who, action, resource, why):
    """The text of a refusal."""
    return texts.denied(who.name, action, resource, why.format(action))


def key_of(account, *statements, root="kms:*"):
    """A key whose policy gives the account this, and has these statements besides."""
    text = policy(*([allow(account.root.name, root)] if root else []), *statements)
    return account.root.key(Policy=text, BypassPolicyLockoutSafetyCheck=True)


def managed(account, name, *statements):
    """The ARN of a new managed policy."""
    out = account.iam.create_policy(PolicyName=name, PolicyDocument=document(*statements))
    return out["Policy"]["Arn"]


ONLY_LIST = may("kms:List*")


# One account


def test_identity_policies_and_the_key_policy_together(home):
    user = home.user("both")
    open_key, shut = key_of(home), key_of(home, root=["kms:PutKeyPolicy", "kms:DescribeKey"])
    for key in (open_key, shut):
        assert user.answer("Encrypt", USE, KeyId=key["KeyId"]) in (
            refusal(user, "Encrypt", key["Arn"], IDENTITY),
            # Where neither allows, AWS reports one of the two.
            refusal(user, "Encrypt", key["Arn"], RESOURCE if key is shut else IDENTITY),
        )
    home.gives("both", may("kms:Encrypt", open_key["Arn"]), may("kms:Encrypt", shut["Arn"]))
    assert user.can("Encrypt", USE, KeyId=open_key["KeyId"])
    assert user.answer("Encrypt", USE, KeyId=shut["KeyId"]) == refusal(
        user, "Encrypt", shut["Arn"], RESOURCE
    )
    # The policy of the user names one key, not all of them.
    other = home.root.key()
    assert user.answer("Encrypt", USE, KeyId=other["KeyId"]) == refusal(
        user, "Encrypt", other["Arn"], IDENTITY
    )
    # A Deny of the user's works although the key policy delegates nothing.
    home.gives("both", must_not("kms:DescribeKey"))
    named = key_of(home, allow(user.name, "kms:DescribeKey"), root=["kms:PutKeyPolicy"])
    assert user.answer("DescribeKey", KeyId=named["KeyId"]) == refusal(
        user, "DescribeKey", named["Arn"], DENY.format("an identity-based policy")
    )


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "arn:aws:kms:*:*:key/*",
        "arn:aws:kms:us-*:{}:key/*",
        "arn:aws:kms:us-east-1:{}:key/????????-*",
    ],
)
def test_resources_that_cover_a_key(home, resource):
    user = home.user("covers")
    home.gives("covers", may("kms:Encrypt", resource.format(home.id)))
    assert user.can("Encrypt", USE, KeyId=home.root.key_id())
    home.deletes("covers")


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:kms:us-east-1:{}:alias/*",
        "arn:aws:kms:eu-west-1:{}:key/*",
        "arn:aws:kms:us-east-1:000000000000:key/*",
        "arn:aws:s3:us-east-1:{}:key/*",
        "arn:aws-cn:kms:us-east-1:{}:key/*",
        "arn:aws:kms:us-east-1:{}:key",
    ],
)
def test_resources_that_do_not_cover_a_key(home, resource):
    user = home.user("misses")
    home.gives("misses", may("kms:Encrypt", resource.format(home.id)))
    assert not user.can("Encrypt", USE, KeyId=home.root.key_id())
    home.deletes("misses")


def test_not_action_not_resource(home):
    user, key, other = home.user("nots"), home.root.key(), home.root.key()
    home.gives("nots", {"Effect": "Allow", "NotAction": "kms:Encrypt", "Resource": "*"})
    assert not user.can("Encrypt", USE, KeyId=key["KeyId"])
    assert user.can("DescribeKey", KeyId=key["KeyId"])
    home.gives("nots", {"Effect": "Allow", "Action": "kms:*", "NotResource": key["Arn"]})
    assert not user.can("Encrypt", USE, KeyId=key["KeyId"])
    assert user.can("Encrypt", USE, KeyId=other["KeyId"])
    # NotPrincipal with Deny: everyone but these.
    home.gives("nots", may("kms:*"))
    spared = home.user("spared", may("kms:*"))
    statement = {
        "Effect": "Deny",
        "Action": "kms:Encrypt",
        "Resource": "*",
        "NotPrincipal": {"AWS": [spared.name, home.root.name]},
    }
    shut = key_of(home, statement)
    assert not user.can("Encrypt", USE, KeyId=shut["KeyId"])
    assert spared.can("Encrypt", USE, KeyId=shut["KeyId"])


def test_groups_and_managed_policies(home):
    user, key = home.user("member"), home.root.key()
    iam, use = home.iam, {"KeyId": key["KeyId"], **USE}
    iam.create_group(GroupName="team")
    iam.put_group_policy(GroupName="team", PolicyName="p", PolicyDocument=document(may("kms:*")))
    assert not user.can("Encrypt", use)
    iam.add_user_to_group(GroupName="team", UserName="member")
    assert user.can("Encrypt", use)
    iam.remove_user_from_group(GroupName="team", UserName="member")
    assert not user.can("Encrypt", use)
    arn = managed(home, "use", may("kms:Encrypt"))
    iam.attach_user_policy(UserName="member", PolicyArn=arn)
    assert user.can("Encrypt", use)
    out = iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=document(must_not("kms:Encrypt")), SetAsDefault=True
    )
    home.gives("member", may("kms:*"))
    assert user.answer("Encrypt", use).startswith(
        refusal(user, "Encrypt", key["Arn"], DENY.format("an identity-based policy"))
    )
    assert out["PolicyVersion"]["VersionId"] == "v2"
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert user.can("Encrypt", use)
    iam.detach_user_policy(UserName="member", PolicyArn=arn)
    home.gives("member")
    assert not user.can("Encrypt", use)
    # Named by AWS, with AWS's own managed policies.
    iam.attach_user_policy(
        UserName="member", PolicyArn="arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser"
    )
    assert user.can("DescribeKey", KeyId=key["KeyId"]) and user.can("CreateKey")
    assert not user.can("Encrypt", use)


def test_who_a_key_policy_names(home):
    one, two = home.user("one", Path="/a/b/"), home.user("two")
    home.role("worker", Path="/r/")
    home.role("idle")
    day, night = home.session("r/worker", "day"), home.session("r/worker", "night")
    idle = home.session("idle", "day")
    callers = [one, two, day, night, idle]
    day_arn = home.arn("assumed-role/worker/day", "sts")
    assert day.name == day_arn
    for principal, named in [
        (one.name, {one}),
        (home.arn("role/r/worker"), {day, night}),
        (day_arn, {day}),
        ("*", set(callers)),
        ([two.name, day_arn], {two, day}),
        (home.root.name, set()),
        (home.id, set()),
    ]:
        key = key_of(home, allow(principal, "kms:Encrypt"), root=["kms:PutKeyPolicy"])
        got = {who for who in callers if who.can("Encrypt", USE, KeyId=key["KeyId"])}
        assert got == named, principal
        # A Deny of the same principal reaches the same callers; the account's reaches all.
        key = key_of(
            home,
            allow("*", "kms:Encrypt"),
            deny(principal, "kms:Encrypt"),
            root=["kms:PutKeyPolicy"],
        )
        got = {who for who in callers if not who.can("Encrypt", USE, KeyId=key["KeyId"])}
        assert got == (named or set(callers)), principal


def test_boundaries(home):
    text = managed(
        home, "edge", may("kms:DescribeKey"), may(["sts:*", "iam:*"]), must_not("kms:DisableKey")
    )
    user = home.user("bound", may("kms:*"), PermissionsBoundary=text)
    home.role("bound", may("kms:*"), PermissionsBoundary=text)
    session = home.session("bound")
    key = home.root.key()
    for who in (user, session):
        assert who.can("DescribeKey", KeyId=key["KeyId"])
        assert who.answer("Encrypt", USE, KeyId=key["KeyId"]) == refusal(
            who, "Encrypt", key["Arn"], BOUNDARY
        )
        assert who.answer("DisableKey", KeyId=key["KeyId"]).startswith(
            refusal(who, "DisableKey", key["Arn"], DENY.format("a permissions boundary"))
        )
    # Who the key policy names directly is not limited by what a boundary lacks; a role is.
    # IAM User Guide, "Permissions boundaries", evaluation with resource-based policies.
    for who, principal, works in [
        (user, user.name, True),
        (session, session.name, True),
        (session, home.arn("role/bound"), False),
        (user, "*", True),
        (session, "*", True),
    ]:
        key = key_of(home, allow(principal, ["kms:Encrypt", "kms:DisableKey"]))
        assert who.can("Encrypt", USE, KeyId=key["KeyId"]) is works, (who.name, principal)
        assert not who.can("DisableKey", KeyId=key["KeyId"])
        if not works:
            assert who.answer("Encrypt", USE, KeyId=key["KeyId"]) == refusal(
                who, "Encrypt", key["Arn"], BOUNDARY
            )
    # A boundary gives nothing.
    home.gives("bound")
    key = home.root.key()
    assert user.answer("DescribeKey", KeyId=key["KeyId"]) == refusal(
        user, "DescribeKey", key["Arn"], IDENTITY
    )
    home.iam.delete_user_permissions_boundary(UserName="bound")
    home.gives("bound", may("kms:*"))
    assert user.can("Encrypt", USE, KeyId=key["KeyId"])


def test_session_policies(home):
    text = document(may("kms:DescribeKey"), must_not("kms:DisableKey"))
    home.role("limited", may("kms:*"))
    session = home.session("limited", "small", Policy=text)
    whole = home.session("limited", "large")
    key = home.root.key()
    assert session.can("DescribeKey", KeyId=key["KeyId"])
    assert whole.can("Encrypt", USE, KeyId=key["KeyId"])
    assert session.answer("Encrypt", USE, KeyId=key["KeyId"]) == refusal(
        session, "Encrypt", key["Arn"], SESSION
    )
    assert session.answer("DisableKey", KeyId=key["KeyId"]) == refusal(
        session, "DisableKey", key["Arn"], DENY.format("a session policy")
    )
    for principal, works in [(session.name, True), (home.arn("role/limited"), False), ("*", True)]:
        key = key_of(home, allow(principal, ["kms:Encrypt", "kms:DisableKey"]))
        assert session.can("Encrypt", USE, KeyId=key["KeyId"]) is works, principal
        assert not session.can("DisableKey", KeyId=key["KeyId"])
    # By ARN of a managed policy.
    arn = managed(home, "sessions", may("kms:DescribeKey"))
    session = home.session("limited", "listed", PolicyArns=[{"arn": arn}])
    key = home.root.key()
    assert session.can("DescribeKey", KeyId=key["KeyId"])
    assert not session.can("Encrypt", USE, KeyId=key["KeyId"])
    # A session policy gives nothing that the role lacks.
    home.role("poor")
    session = home.session("poor", Policy=document(may("kms:*")))
    assert session.answer("DescribeKey", KeyId=key["KeyId"]) == refusal(
        session, "DescribeKey", key["Arn"], IDENTITY
    )


def test_federated_users(home):
    maker = home.user("maker", may("sts:GetFederationToken"), may("kms:Encrypt"))
    key = home.root.key()
    guest = home.federated(maker, "guest", Policy=document(may("kms:*")))
    assert guest.name == home.arn("federated-user/guest", "sts")
    assert guest.can("Encrypt", USE, KeyId=key["KeyId"])
    assert guest.answer("DescribeKey", KeyId=key["KeyId"]) == refusal(
        guest, "DescribeKey", key["Arn"], IDENTITY
    )
    lesser = home.federated(maker, "lesser", Policy=document(may("kms:DescribeKey")))
    assert not lesser.can("Encrypt", USE, KeyId=key["KeyId"])
    nothing = home.federated(maker, "nothing")
    assert not nothing.can("Encrypt", USE, KeyId=key["KeyId"])
    # Without a session policy, what a resource gives to it by name.
    named = key_of(home, allow(nothing.name, "kms:Encrypt"))
    assert nothing.can("Encrypt", USE, KeyId=named["KeyId"])
    assert not guest.can("Decrypt", CiphertextBlob=home.root.encrypt(named["KeyId"], b"x"))


def test_what_a_user_is_given_its_federated_users_have_within_limits(home):
    """IAM User Guide, "Session policies": what a resource gives to the user by name is added
    before the session is made; the session policy limits the total."""
    maker = home.user("giver", may("sts:GetFederationToken"))
    wide = home.federated(maker, "wide", Policy=document(may("kms:*")))
    small = home.federated(maker, "small", Policy=document(may("kms:DescribeKey")))
    bare = home.federated(maker, "bare")
    named, granted = key_of(home, allow(maker.name, "kms:Encrypt")), home.root.key()
    home.root.ok(
        "CreateGrant", KeyId=granted["KeyId"], GranteePrincipal=maker.name, Operations=["Encrypt"]
    )
    for key in (named["KeyId"], granted["KeyId"]):
        assert maker.can("Encrypt", USE, KeyId=key)
        assert wide.can("Encrypt", USE, KeyId=key)
        assert not small.can("Encrypt", USE, KeyId=key)
        assert not bare.can("Encrypt", USE, KeyId=key)


@pytest.mark.parametrize(
    "kind",
    [
        "a resource-based policy",
        "an identity-based policy",
        "a permissions boundary",
        "a session policy",
    ],
)
def test_one_deny_ends_it(home, kind):
    """Everything allows, one policy denies."""
    name = "d" + kind.replace(" ", "-")
    no, everything = must_not("kms:Encrypt"), may("*")
    edge = managed(home, name, everything, *([no] if "boundary" in kind else []))
    home.role(name, everything, *([no] if "identity" in kind else []), PermissionsBoundary=edge)
    more = [everything, *([no] if "session" in kind else [])]
    who = home.session(name, Policy=document(*more))
    statements = [allow(who.name), allow("*")]
    if "resource" in kind:
        statements.append(deny("*", "kms:Encrypt"))
    key = key_of(home, *statements)
    made = home.root.ok(
        "CreateGrant",
        KeyId=key["KeyId"],
        GranteePrincipal=home.arn(f"role/{name}"),
        Operations=["Encrypt"],
    )
    for members in ({}, {"GrantTokens": [made["GrantToken"]]}):
        answer = who.answer("Encrypt", {**USE, **members}, KeyId=key["KeyId"])
        assert answer.startswith(refusal(who, "Encrypt", key["Arn"], DENY.format(kind)))
    assert who.can("DescribeKey", KeyId=key["KeyId"])


def test_the_root_user_needs_no_identity_policy(home):
    shut = key_of(home, allow("*", "kms:Encrypt"), root=["kms:PutKeyPolicy"])
    assert home.root.can("Encrypt", USE, KeyId=shut["KeyId"])
    assert home.root.answer("DescribeKey", KeyId=shut["KeyId"]) == refusal(
        home.root, "DescribeKey", shut["Arn"], RESOURCE
    )
    shut = key_of(home, deny(home.root.name, "kms:Encrypt"))
    assert home.root.answer("Encrypt", USE, KeyId=shut["KeyId"]) == refusal(
        home.root, "Encrypt", shut["Arn"], DENY.format("a resource-based policy")
    )


# Operations without a key, and those with more than one resource


def test_operations_without_a_key(home):
    user = home.user("keyless")
    calls = {
        "CreateKey": {},
        "ListKeys": {},
        "ListAliases": {},
        "GenerateRandom": {"NumberOfBytes": 8},
        "DescribeCustomKeyStores": {},
    }
    for operation, members in calls.items():
        answer = user.call(operation, members)
        if answer.code == "UnsupportedOperationException":
            continue
        assert answer.message == refusal(user, operation, "*", IDENTITY)
    for operation, members in calls.items():
        home.gives("keyless", may(f"kms:{operation}", "arn:aws:kms:us-east-1:*:key/*"))
        assert user.call(operation, members).status == 400
        home.gives("keyless", may(f"kms:{operation}"))
        answer = user.call(operation, members)
        assert answer.status == 200 or answer.code == "UnsupportedOperationException"


def test_create_key_needs_more_for_tags(home):
    user = home.user("creator", may("kms:CreateKey"))
    tags = {"Tags": [{"TagKey": "a", "TagValue": "b"}]}
    assert user.can("CreateKey")
    assert "kms:TagResource" in user.answer("CreateKey", tags)
    home.gives("creator", may(["kms:CreateKey", "kms:TagResource"]))
    assert user.can("CreateKey", tags)


def test_aliases_need_alias_and_key(home):
    user, one, two = home.user("namer"), home.root.key(), home.root.key()
    name = home.root.arn("alias/named")
    made = {"AliasName": "alias/named", "TargetKeyId": one["KeyId"]}
    moved = {"AliasName": "alias/named", "TargetKeyId": two["KeyId"]}
    for resources, denied in [([one["Arn"]], name), ([name], one["Arn"])]:
        home.gives("namer", *[may("kms:CreateAlias", at) for at in resources])
        assert user.answer("CreateAlias", made) == refusal(user, "CreateAlias", denied, IDENTITY)
    home.gives("namer", may("kms:CreateAlias", [name, one["Arn"]]))
    assert user.can("CreateAlias", made)
    everything = [name, one["Arn"], two["Arn"]]
    for without in everything:
        home.gives("namer", may("kms:UpdateAlias", [at for at in everything if at != without]))
        assert user.answer("UpdateAlias", moved) == refusal(user, "UpdateAlias", without, IDENTITY)
    home.gives("namer", may("kms:UpdateAlias", everything))
    assert user.can("UpdateAlias", moved)
    for without in (name, two["Arn"]):
        home.gives("namer", may("kms:DeleteAlias", [at for at in everything if at != without]))
        answer = user.answer("DeleteAlias", AliasName="alias/named")
        assert answer == refusal(user, "DeleteAlias", without, IDENTITY)
    home.gives("namer", may("kms:DeleteAlias", [name, two["Arn"]]))
    assert user.can("DeleteAlias", AliasName="alias/named")


def test_an_alias_as_resource_does_not_select_its_key(home):
    user, key = home.user("aliased"), home.root.key()
    home.root.ok("CreateAlias", AliasName="alias/open", TargetKeyId=key["KeyId"])
    home.gives("aliased", may("kms:*", home.root.arn("alias/open")))
    for key_id in (key["KeyId"], "alias/open", home.root.arn("alias/open")):
        assert user.answer("Encrypt", USE, KeyId=key_id) == refusal(
            user, "Encrypt", key["Arn"], IDENTITY
        )


def test_replicas_need_both_permissions(home):
    user, key = home.user("copier"), home.root.key(MultiRegion=True)
    members = {"KeyId": key["KeyId"], "ReplicaRegion": "eu-west-1"}
    home.gives("copier", may("kms:ReplicateKey"))
    assert "kms:CreateKey" in user.answer("ReplicateKey", members)
    home.gives("copier", may("kms:CreateKey"))
    assert "kms:ReplicateKey" in user.answer("ReplicateKey", members)
    home.gives("copier", may(["kms:ReplicateKey", "kms:CreateKey"]))
    tags = {"Tags": [{"TagKey": "a", "TagValue": "b"}]}
    assert "kms:TagResource" in user.answer("ReplicateKey", {**members, **tags})
    assert user.can("ReplicateKey", members)
    # The replica has a policy of its own, and the user only its identity policies there too.
    there = user.again(region="eu-west-1")
    assert not there.can("Encrypt", USE, KeyId=key["KeyId"])


# Two accounts


def test_across_accounts(home, away):
    user = away.user("guest")
    away.role("guest")
    session = away.session("guest")
    for who, own in [(user, user.name), (session, away.arn("role/guest"))]:
        for principal in (away.root.name, away.id, own, "*", who.name):
            for there in (False, True):
                for here in (False, True):
                    key = key_of(home, *([allow(principal, "kms:Encrypt")] if there else []))
                    give = away.gives if who is user else away.role_gives
                    give("guest", may("kms:Encrypt" if here else "kms:List*", key["Arn"]))
                    answer = who.answer("Encrypt", USE, KeyId=key["Arn"])
                    if there and here:
                        assert answer is None, principal
                        continue
                    # Where both lack, AWS does not say which of the two it names.
                    whys = ([] if there else [RESOURCE]) + ([] if here else [IDENTITY])
                    assert answer in [refusal(who, "Encrypt", key["Arn"], why) for why in whys]


def test_denies_across_accounts(home, away):
    user = away.user("denied", may("kms:*"))
    key = key_of(home, allow(away.id), deny(user.name, "kms:Encrypt"))
    assert user.can("DescribeKey", KeyId=key["Arn"])
    answer = user.answer("Encrypt", USE, KeyId=key["Arn"])
    assert answer in (
        refusal(user, "Encrypt", key["Arn"], DENY.format("a resource-based policy")),
        refusal(user, "Encrypt", key["Arn"], RESOURCE),
    )
    away.gives("denied", may("kms:*"), must_not("kms:DescribeKey", key["Arn"]))
    assert user.answer("DescribeKey", KeyId=key["Arn"]) == refusal(
        user, "DescribeKey", key["Arn"], DENY.format("an identity-based policy")
    )
    # Boundaries and session policies limit there too, however the key policy names the caller.
    edge = managed(away, "far-edge", may("kms:DescribeKey"))
    bound = away.user("far-bound", may("kms:*"), PermissionsBoundary=edge)
    key = key_of(home, allow([bound.name, away.id]))
    assert bound.can("DescribeKey", KeyId=key["Arn"])
    assert bound.answer("Encrypt", USE, KeyId=key["Arn"]) == refusal(
        bound, "Encrypt", key["Arn"], BOUNDARY
    )


def test_existence_is_hidden_from_users(home, away):
    user = away.user("curious", may("kms:*"))
    closed, off = home.root.key(), home.root.key()
    home.root.ok("DisableKey", KeyId=off["KeyId"])
    for operation, members in [
        ("Encrypt", USE),
        ("DescribeKey", {}),
        ("GetPublicKey", {}),
        ("CreateGrant", {"GranteePrincipal": user.name, "Operations": ["Encrypt"]}),
        ("ListGrants", {}),
        ("Sign", {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}),
    ]:
        answers = {
            user.answer(operation, members, KeyId=arn).replace(arn, "ARN")
            for arn in (closed["Arn"], off["Arn"], home.root.arn(NO_SUCH_ID))
        }
        assert answers == {refusal(user, operation, "ARN", RESOURCE)}
    # Ciphertext has a text of its own.
    blob = home.root.encrypt(closed["KeyId"], b"x")
    assert user.answer("Decrypt", CiphertextBlob=blob) == texts.ciphertext_denied(user.name)
    assert user.answer("Decrypt", CiphertextBlob=blob, KeyId=closed["Arn"]) in (
        texts.ciphertext_denied(user.name),
        refusal(user, "Decrypt", closed["Arn"], RESOURCE),
    )


def test_ciphertext_of_the_own_account(home):
    user, key = home.user("opener"), home.root.key()
    blob = home.root.encrypt(key["KeyId"], b"x")
    assert user.answer("Decrypt", CiphertextBlob=blob) == (
        f"User: {user.name} is not authorized to perform: kms:Decrypt on the resource associated "
        "with this ciphertext because no identity-based policy allows the kms:Decrypt action"
    )
    home.gives("opener", may("kms:Decrypt", key["Arn"]))
    assert user.can("Decrypt", CiphertextBlob=blob)
    home.gives("opener", must_not("kms:Decrypt"), may("kms:*"))
    assert "explicit deny" in user.answer("Decrypt", CiphertextBlob=blob)


def test_permission_comes_before_everything_about_the_key(home):
    """reference/api.md, common behaviour, check order: who may not, learns no state of the key."""
    user = home.user("early")
    off, going, sign = (
        home.root.key(),
        home.root.key(),
        home.root.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"),
    )
    home.root.ok("DisableKey", KeyId=off["KeyId"])
    home.root.ok("ScheduleKeyDeletion", KeyId=going["KeyId"])
    for key, operation, members in [
        (off, "Encrypt", USE),
        (going, "Encrypt", USE),
        (off, "EnableKeyRotation", {}),
        (going, "CancelKeyDeletion", {}),
        (sign, "Encrypt", USE),
        (off, "Encrypt", {**USE, "DryRun": True}),
        (sign, "GetKeyRotationStatus", {}),
        (off, "EnableKey", {}),
    ]:
        assert user.answer(operation, members, KeyId=key["KeyId"]) == refusal(
            user, operation, key["Arn"], IDENTITY
        )
    home.gives("early", may("kms:*"))
    user.fails("DisabledException", "Encrypt", USE, KeyId=off["KeyId"])
    user.fails("InvalidKeyUsageException", "Encrypt", USE, KeyId=sign["KeyId"])
    user.fails(
        "DryRunOperationException", "Encrypt", {**USE, "DryRun": True}, KeyId=home.root.key_id()
    )


def test_listing_of_retirable_grants(home, away):
    user, key = home.user("lister"), home.root.key_id()
    made = home.root.ok(
        "CreateGrant",
        KeyId=key,
        GranteePrincipal=user.name,
        Operations=["Encrypt"],
        RetiringPrincipal=user.name,
    )
    members = {"RetiringPrincipal": user.name}
    assert "kms:ListRetirableGrants" in user.answer("ListRetirableGrants", members)
    home.gives("lister", may("kms:ListRetirableGrants"))
    (entry,) = user.ok("ListRetirableGrants", members)["Grants"]
    assert entry["GrantId"] == made["GrantId"]
    far = away.user("lister", may("kms:*"))
    assert not far.can("ListRetirableGrants", members)


def test_a_new_primary_needs_both_keys(home):
    user, key = home.user("mover"), home.root.key(MultiRegion=True)
    text = policy(allow(home.root.name))
    home.root.ok("ReplicateKey", KeyId=key["KeyId"], ReplicaRegion="eu-west-1", Policy=text)
    there = key["Arn"].replace("us-east-1", "eu-west-1")
    members = {"KeyId": key["KeyId"], "PrimaryRegion": "eu-west-1"}
    for resources in ([key["Arn"]], [there]):
        home.gives("mover", may("kms:UpdatePrimaryRegion", resources))
        assert not user.can("UpdatePrimaryRegion", members), resources
    home.gives("mover", may("kms:UpdatePrimaryRegion", [key["Arn"], there]))
    assert user.can("UpdatePrimaryRegion", members)
