"""Services that act for users: forward access sessions, what policies see of them, AWS managed
keys, and what a service or a user must not be able to forge. docs/services.md,
reference/integrations.md, reference/authorization.md."""

from datetime import datetime, timedelta, timezone

import pytest

from dev_server import DevServer
from harness import texts
from harness.caller import unb64
from harness.sigv4 import stamp
from harness.texts import allow, deny, policy
from people import Account, document, may, must_not
from services import Refused, Service, asks

USE = {"Plaintext": b"x"}
DATA_KEY = {"KeySpec": "AES_256"}
VIA = "s3.us-east-1.amazonaws.com"

DENIED = {"AccessDenied", "AccessDeniedException"}
UNKNOWN = {"UnrecognizedClientException", "InvalidClientTokenId"}
FORGED = (
    DENIED
    | UNKNOWN
    | {
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "MissingAuthenticationToken",
        "ValidationError",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "ExpiredTokenException",
        "InvalidParameterValue",
        "ExpiredToken",
        "RequestExpiredException",
        "MalformedInput",
    }
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server whose audit log only these tests write."""
    server = DevServer(tmp_path_factory.mktemp("services") / "data").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def home(place):
    return Account(place)


@pytest.fixture(scope="module")
def away(place):
    return Account(place)


@pytest.fixture(scope="module")
def s3(home):
    return Service(home)


@pytest.fixture(scope="module")
def user(home):
    return home.user("customer", may(["kms:GenerateDataKey*", "kms:Decrypt"]))


def shut_but(account, condition, *actions):
    """A key that denies these actions where the condition (of a Deny) holds."""
    text = policy(
        allow(account.root.name), deny("*", [f"kms:{one}" for one in actions], Condition=condition)
    )
    return account.root.key(Policy=text)


# Forward access sessions


def test_the_service_is_its_user(home, s3, user):
    key = home.root.key()
    through = s3.acts_for(user)
    out = through.ok("GenerateDataKey", DATA_KEY, KeyId=key["KeyId"])
    assert through.can("Decrypt", CiphertextBlob=unb64(out["CiphertextBlob"]))
    assert through.answer("DescribeKey", KeyId=key["KeyId"]) == texts.denied(
        user.name,
        "DescribeKey",
        key["Arn"],
        "because no identity-based policy allows the kms:DescribeKey action",
    )
    # The service itself has no permission.
    assert not s3.can("GenerateDataKey", DATA_KEY, KeyId=key["Arn"])
    # A Deny on the user is a Deny through the service.
    poor = home.user("poor", may("kms:*"), must_not("kms:GenerateDataKey"))
    assert "explicit deny in an identity-based policy" in s3.acts_for(poor).answer(
        "GenerateDataKey", DATA_KEY, KeyId=key["KeyId"]
    )
    me = s3.acts_for(user).client("sts").get_caller_identity()
    assert me["Arn"] == user.name and me["Account"] == home.id


@pytest.mark.parametrize("kind", ["root", "user", "role", "federated", "user session"])
def test_every_kind_of_user(home, s3, kind):
    if kind == "root":
        person = home.root
    elif kind == "role":
        home.role("fas", may("kms:GenerateDataKey"))
        person = home.session("fas", Policy=document(may("kms:GenerateDataKey")))
    else:
        made = home.user("fas-" + kind.replace(" ", "-"), may("kms:GenerateDataKey"), may("sts:*"))
        person = made
        if kind == "federated":
            person = home.federated(made, "fas", Policy=document(may("kms:GenerateDataKey")))
        elif kind == "user session":
            out = made.client("sts").get_session_token()["Credentials"]
            person = home.person(out, made.name)
    key = shut_but(home, {"StringNotEquals": {"kms:ViaService": VIA}}, "GenerateDataKey")
    through = s3.acts_for(person)
    assert through.can("GenerateDataKey", DATA_KEY, KeyId=key["KeyId"])
    assert not person.can("GenerateDataKey", DATA_KEY, KeyId=key["KeyId"])
    if kind == "role":
        # The session policy travels along.
        limited = home.session("fas", "less", Policy=document(may("kms:Decrypt")))
        assert texts.denied(
            limited.name,
            "GenerateDataKey",
            key["Arn"],
            "because no session policy allows the kms:GenerateDataKey action",
        ) == s3.acts_for(limited).answer("GenerateDataKey", DATA_KEY, KeyId=key["KeyId"])


def test_what_policies_see(home, s3, user):
    """Each condition, alone in a Deny on the key: through the service, and directly."""
    direct, through = user, s3.acts_for(user)
    for condition, seen_through, seen_directly in [
        ({"StringEquals": {"kms:ViaService": VIA}}, True, False),
        ({"StringEquals": {"kms:ViaService": "s3.amazonaws.com"}}, False, False),
        ({"StringEquals": {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}}, False, False),
        ({"Bool": {"aws:ViaAWSService": "true"}}, True, False),
        ({"Bool": {"aws:ViaAWSService": "false"}}, False, True),
        ({"ForAnyValue:StringEquals": {"aws:CalledVia": "s3.amazonaws.com"}}, True, False),
        ({"StringEquals": {"aws:CalledViaFirst": "s3.amazonaws.com"}}, True, False),
        ({"StringEquals": {"aws:CalledViaLast": "s3.amazonaws.com"}}, True, False),
        ({"Null": {"aws:CalledVia": "true"}}, False, True),
        ({"Null": {"aws:SourceIp": "true"}}, True, False),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, False, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, True, True),
        ({"Null": {"aws:SourceVpce": "true"}}, True, True),
        ({"StringEquals": {"kms:CallerAccount": home.id}}, True, True),
        ({"StringEquals": {"aws:PrincipalAccount": home.id}}, True, True),
        ({"ArnEquals": {"aws:PrincipalArn": user.name}}, True, True),
        ({"StringEquals": {"aws:username": "customer"}}, True, True),
        ({"StringEquals": {"aws:userid": user.unique_id}}, True, True),
        ({"StringEquals": {"aws:PrincipalType": "User"}}, True, True),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, False, False),
        ({"Null": {"aws:SourceArn": "false"}}, False, False),
        ({"Null": {"aws:PrincipalServiceName": "false"}}, False, False),
    ]:
        key = shut_but(home, condition, "GenerateDataKey")["KeyId"]
        got = tuple(
            not who.can("GenerateDataKey", DATA_KEY, KeyId=key) for who in (through, direct)
        )
        assert got == (seen_through, seen_directly), condition


@pytest.mark.parametrize("place_of", ["key policy", "identity policy"])
def test_via_service_opens(home, s3, place_of):
    condition = {"StringEquals": {"kms:ViaService": [VIA, "ec2.us-east-1.amazonaws.com"]}}
    name = "via-" + place_of.split()[0]
    user, key = home.user(name), home.root.key()
    if place_of == "key policy":
        text = policy(allow(home.root.name), allow(user.name, "kms:Encrypt", Condition=condition))
        home.root.ok("PutKeyPolicy", KeyId=key["KeyId"], Policy=text)
    else:
        home.gives(name, may("kms:Encrypt", Condition=condition))
    assert not user.can("Encrypt", USE, KeyId=key["KeyId"])
    assert s3.acts_for(user).can("Encrypt", USE, KeyId=key["KeyId"])
    assert Service(home, "ec2").acts_for(user).can("Encrypt", USE, KeyId=key["KeyId"])
    assert not Service(home, "sqs").acts_for(user).can("Encrypt", USE, KeyId=key["KeyId"])


@pytest.mark.parametrize("operation", ["CreateGrant", "ListGrants", "RevokeGrant"])
def test_grants_for_resources_of_services(home, s3, operation):
    """kms:GrantIsForAWSResource, the condition of the console's third statement."""
    name = f"res-{operation}"
    user, key = home.user(name), home.root.key_id()
    condition = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    home.gives(name, may(f"kms:{operation}", Condition=condition))
    grant = {"GranteePrincipal": user.name, "Operations": ["Decrypt"]}
    members = {
        "CreateGrant": grant,
        "ListGrants": {},
        "RevokeGrant": {"GrantId": home.root.ok("CreateGrant", grant, KeyId=key)["GrantId"]},
    }[operation]
    assert not user.can(operation, members, KeyId=key)
    assert s3.acts_for(user).can(operation, members, KeyId=key)


def test_a_key_in_another_account(home, away, s3, user):
    condition = {"StringEquals": {"kms:ViaService": VIA, "kms:CallerAccount": home.id}}
    text = policy(allow(away.root.name), allow("*", "kms:GenerateDataKey", Condition=condition))
    key = away.root.key(Policy=text)
    assert s3.acts_for(user).can("GenerateDataKey", DATA_KEY, KeyId=key["Arn"])
    assert not user.can("GenerateDataKey", DATA_KEY, KeyId=key["Arn"])


def test_services_in_a_row(home, user):
    """A forwarded request is forwarded: the last service is the one that calls KMS."""
    first, last = Service(home, "athena"), Service(home, "s3")
    middle = first.acts_for(user)
    through = last.acts_for(middle)
    for condition, seen in [
        ({"StringEquals": {"kms:ViaService": VIA}}, True),
        ({"StringEquals": {"aws:CalledViaFirst": "athena.amazonaws.com"}}, True),
        ({"StringEquals": {"aws:CalledViaLast": "s3.amazonaws.com"}}, True),
        (
            {
                "ForAllValues:StringEquals": {
                    "aws:CalledVia": ["athena.amazonaws.com", "s3.amazonaws.com"]
                }
            },
            True,
        ),
        ({"StringEquals": {"kms:ViaService": "athena.us-east-1.amazonaws.com"}}, False),
    ]:
        key = shut_but(home, condition, "GenerateDataKey")["KeyId"]
        assert through.can("GenerateDataKey", DATA_KEY, KeyId=key) is not seen, condition
    key = shut_but(home, {"StringEquals": {"kms:ViaService": VIA}}, "GenerateDataKey")["KeyId"]
    assert middle.can("GenerateDataKey", DATA_KEY, KeyId=key)


def test_other_regions(home, user):
    text = policy(allow(home.root.name))
    key = home.root.key_id(MultiRegion=True)
    home.root.ok("ReplicateKey", KeyId=key, ReplicaRegion="eu-west-1", Policy=text)
    there = Service(home, region="eu-west-1").acts_for(user.again(region="eu-west-1"))
    home.gives(
        "customer",
        may(
            "kms:GenerateDataKey",
            Condition={"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}},
        ),
    )
    assert there.can("GenerateDataKey", DATA_KEY, KeyId=key)
    here = Service(home).acts_for(user)
    assert not here.can("GenerateDataKey", DATA_KEY, KeyId=key)
    home.gives("customer", may(["kms:GenerateDataKey*", "kms:Decrypt"]))


def test_sessions_end(home, s3, user):
    parts = s3.forwards(asks(user))
    end = datetime.fromisoformat(parts["Expiration"].replace("Z", "+00:00"))
    assert timedelta(0) < end - datetime.now(timezone.utc) <= timedelta(minutes=15, seconds=5)
    through, key = s3.being(parts, user), home.root.key_id()
    assert through.can("GenerateDataKey", DATA_KEY, KeyId=key)
    # With the user's permission gone, the session's is.
    home.gives("customer", may("kms:Decrypt"))
    assert not through.can("GenerateDataKey", DATA_KEY, KeyId=key)
    home.gives("customer", may(["kms:GenerateDataKey*", "kms:Decrypt"]))
    gone = home.user("fas-gone", may("kms:*"))
    through = s3.acts_for(gone)
    assert through.can("GenerateDataKey", DATA_KEY, KeyId=key)
    home.deletes("fas-gone")
    answer = through.call("GenerateDataKey", DATA_KEY, KeyId=key)
    assert answer.code in DENIED | UNKNOWN, answer.raw
    # No session of the service's for the user lets anybody call IAM.
    through = s3.acts_for(home.root)
    with pytest.raises(Exception, match="AccessDenied|InvalidClientTokenId"):
        through.client("iam").create_user(UserName="by-a-service")


def test_sessions_as_short_as_asked(s3, user):
    parts = s3.forwards(asks(user), DurationSeconds="60")
    end = datetime.fromisoformat(parts["Expiration"].replace("Z", "+00:00"))
    assert end - datetime.now(timezone.utc) <= timedelta(seconds=65)
    for seconds in ("59", "901", "x", "-1"):
        with pytest.raises(Refused) as refused:
            s3.forwards(asks(user), DurationSeconds=seconds)
        assert refused.value.status == 400, refused.value


def test_ten_services_in_a_row(home, user):
    """docs/services.md, Limits."""
    caller = user
    for number in range(10):
        caller = Service(home, f"svc{number}").acts_for(caller)
    assert caller.can("GenerateDataKey", DATA_KEY, KeyId=home.root.key_id())
    with pytest.raises(Refused) as refused:
        Service(home, "svc10").acts_for(caller)
    assert 400 <= refused.value.status < 500, refused.value


# What must not be possible


def bent(received, **changes):
    for name, value in changes.items():
        setattr(received, name, value)
    return received


def without(received, name):
    received.headers = [one for one in received.headers if one[0].lower() != name]
    return received


def instead(received, name, value):
    received.headers = [(n, value if n.lower() == name else v) for n, v in received.headers]
    return received


def old(**ago):
    return stamp(datetime.now(timezone.utc) - timedelta(**ago))


FORGERIES = {
    "another method": lambda user: bent(asks(user), method="GET"),
    "another path": lambda user: bent(asks(user), uri="/post/other"),
    "another query": lambda user: bent(asks(user), query="acl="),
    "another body": lambda user: bent(asks(user), digest="0" * 64),
    "another host": lambda user: instead(asks(user), "host", "evil.example.com"),
    "another date": lambda user: instead(asks(user), "x-amz-date", old(minutes=1)),
    "no date": lambda user: without(asks(user), "x-amz-date"),
    "no authorization": lambda user: without(asks(user), "authorization"),
    "a signed header left out": lambda user: without(asks(user), "x-amz-content-sha256"),
    "a header twice": lambda user: bent(
        received := asks(user), headers=[*received.headers, ("Host", "s3.example.com")]
    ),
    "two authorizations": lambda user: bent(
        received := asks(user), headers=[*received.headers, received.headers[-1]]
    ),
    "an hour old": lambda user: asks(user, date=old(hours=1)),
    "an hour early": lambda user: asks(user, date=old(hours=-1)),
    "for another service": lambda user: asks(user, label="ec2"),
    "for kms": lambda user: asks(user, label="kms"),
    "for sts": lambda user: asks(user, label="sts"),
    "for another Region": lambda user: asks(user.again(region="eu-west-1")),
    "with another day's scope": lambda user: asks(user, scope_date="20200101"),
    "with a wrong secret": lambda user: asks(wrong_secret(user)),
    "by a user that is not there": lambda user: asks(nobody(user)),
    "an empty signature": lambda user: instead(
        received := asks(user),
        "authorization",
        dict(received.headers)["Authorization"].rsplit("=", 1)[0] + "=",
    ),
}


def wrong_secret(user):
    user = user.again()
    user.credential.secret = "x" * 40
    return user


def nobody(user):
    user = user.again()
    user.credential.key_id = "AKIA" + "Q" * 16
    return user


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_requests(s3, user, name):
    with pytest.raises(Refused) as refused:
        s3.forwards(FORGERIES[name](user))
    assert 400 <= refused.value.status < 500, refused.value
    assert refused.value.code in FORGED, refused.value
    s3.acts_for(user)


def test_another_service_cannot_use_it(home, away, s3, user):
    """A request that a user signed for one service is worth nothing to another."""
    received = asks(user)
    for other in (Service(home, "ec2"), Service(home, "s3x"), Service(away, "s3")):
        with pytest.raises(Refused) as refused:
            other.forwards(received)
        assert refused.value.code in FORGED, refused.value
    s3.forwards(received)


def test_only_services_forward(home, away, s3, user):
    received = asks(user)
    home.role("forwarder", may("*"))
    admin = home.user("admin", may("*"))
    for who in (home.root, admin, home.session("forwarder"), away.root):
        as_service = Service(home)
        as_service.credential, as_service.token = who.credential, who.token
        with pytest.raises(Refused) as refused:
            as_service.forwards(received)
        assert refused.value.code in FORGED, refused.value
    # A forwarded session is no service.
    through = s3.acts_for(user)
    as_service = Service(home)
    as_service.credential, as_service.token = through.credential, through.token
    with pytest.raises(Refused):
        as_service.forwards(asks(user))


def test_users_of_other_accounts(home, away, s3):
    them = away.user("them", may("*"))
    with pytest.raises(Refused) as refused:
        s3.forwards(asks(them))
    assert refused.value.code in FORGED, refused.value


def test_a_forwarded_session_cannot_become_more(home, s3):
    """Not a longer session, not a role, not an access key, not a direct call."""
    admin = home.user("admin-2", may("*"))
    home.role("target", may("*"), trusts=[admin.name])
    through = s3.acts_for(admin)
    sts = through.client("sts")
    for call in (
        lambda: sts.get_session_token(),
        lambda: sts.get_federation_token(Name="ab"),
    ):
        with pytest.raises(Exception, match="AccessDenied|InvalidClientTokenId|cannot"):
            call()
    key = shut_but(home, {"Bool": {"aws:ViaAWSService": "true"}}, "Encrypt")
    assert not through.can("Encrypt", USE, KeyId=key["KeyId"])
    stripped = through.again()
    stripped.token = None
    assert stripped.call("Encrypt", USE, KeyId=key["KeyId"]).code in UNKNOWN
