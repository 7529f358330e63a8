"""What a denial tells about itself: the sealed header, the audit record, `keystead explain`.
docs/adr/0019-explanations.md, docs/configuration.md."""

import json
import subprocess

import pytest
from botocore.exceptions import ClientError

from dev_server import DevServer
from harness.server import binary, until
from harness.texts import NO_SUCH_ID, allow, deny, policy
from people import Account, document, may, must_not

USE = {"Plaintext": b"x"}
HEADER = "x-keystead-authorization-message"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    server = DevServer(tmp_path_factory.mktemp("explained") / "data").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def home(place):
    return Account(place)


@pytest.fixture(scope="module")
def away(place):
    return Account(place)


def explain(place, request_id, *options):
    """What `keystead explain` prints."""
    command = [binary(), "explain", request_id, "--data-dir", str(place.data_dir), *options]

    def done():
        ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return ran.stdout if ran.returncode == 0 else None

    return until(done, 5, f"{command} works")


def opened(account, answer):
    """The explanation in an answer's header."""
    message = answer.headers[HEADER]
    out = account.sts.decode_authorization_message(EncodedMessage=message)
    return json.loads(out["DecodedMessage"])


def denied(place, account, answer):
    """The one decision of a denial, the same in the header and in `explain`; and the plain text."""
    assert answer.code == "AccessDeniedException", answer.raw
    # The body is AWS's and nothing else.
    assert set(answer.body) <= {"__type", "message", "Message"}
    shown = json.loads(explain(place, answer.request_id, "--json"))
    (decision,) = shown["decisions"]
    assert decision["decision"]["allowed"] is False
    sealed = opened(account, answer)
    for name in ("decision", "policies", "action", "resource"):
        assert sealed[name] == decision[name]
    return decision, explain(place, answer.request_id)


def policy_of(decision, kind, name=None):
    """The statements of the policy of a kind."""
    found = [
        one
        for one in decision["policies"]
        if one["kind"] == kind and (name is None or one.get("policy", "").endswith(name))
    ]
    assert len(found) == 1, decision["policies"]
    return found[0]["statements"]


def test_a_condition_that_is_not_met(place, home):
    condition = {"StringEquals": {"kms:EncryptionContext:Team": ["Blue", "Green"]}}
    user = home.user("conditional", may("kms:Encrypt", Condition=condition), may("kms:Decrypt"))
    key = home.root.key()
    answer = user.call("Encrypt", USE, KeyId=key["KeyId"], EncryptionContext={"Team": "Red"})
    decision, text = denied(place, home, answer)
    assert decision["action"] == "kms:Encrypt" and decision["resource"] == key["Arn"]
    assert decision["decision"]["noAllowIn"] == "identity-based policy"
    first, second = policy_of(decision, "identity-based policy")
    assert first["outcome"] == "condition not met"
    assert first["condition"] == {
        "operator": "StringEquals",
        "key": "kms:EncryptionContext:Team",
        "policyValues": ["Blue", "Green"],
        "requestValues": ["Red"],
    }
    assert second["outcome"] == "other action"
    for part in (
        user.name,
        "kms:Encrypt",
        key["Arn"],
        "kms:EncryptionContext:Team",
        "Red",
        answer.request_id,
        "DENIED",
    ):
        assert part in text
    answer = user.call("Encrypt", USE, KeyId=key["KeyId"])
    decision, _ = denied(place, home, answer)
    first, _ = policy_of(decision, "identity-based policy")
    assert first["condition"]["requestValues"] == "absent"


def test_an_explicit_deny(place, home):
    user = home.user("stopped", may("kms:*"))
    key = home.root.key(
        Policy=policy(allow(home.root.name), deny(user.name, "kms:Encrypt", Sid="Not this one"))
    )
    answer = user.call("Encrypt", USE, KeyId=key["KeyId"])
    decision, text = denied(place, home, answer)
    assert decision["decision"]["explicitDeny"] == {"kind": "resource-based policy", "statement": 1}
    _, statement = policy_of(decision, "resource-based policy")
    assert statement["sid"] == "Not this one" and statement["outcome"] == "applies"
    assert statement["effect"] == "Deny"
    assert "Not this one" in text
    assert opened(home, answer)["explicitDeny"] is True


def test_a_boundary_and_a_session_policy(place, home):
    text = document(may("kms:DescribeKey"), must_not("kms:DisableKey"))
    edge = home.iam.create_policy(PolicyName="edge", PolicyDocument=text)["Policy"]["Arn"]
    user = home.user("edged", may("kms:*"), PermissionsBoundary=edge)
    key = home.root.key()
    decision, text = denied(place, home, user.call("Encrypt", USE, KeyId=key["KeyId"]))
    assert decision["decision"]["noAllowIn"] == "permissions boundary"
    assert {one["outcome"] for one in policy_of(decision, "permissions boundary")} == {
        "other action"
    }
    assert policy_of(decision, "identity-based policy")[0]["outcome"] == "applies"
    assert edge in text
    home.role("sessioned", may("kms:*"))
    session = home.session(
        "sessioned", Policy=document(may("kms:Encrypt", "arn:aws:kms:*:*:key/x"))
    )
    decision, _ = denied(place, home, session.call("Encrypt", USE, KeyId=key["KeyId"]))
    assert decision["decision"]["noAllowIn"] == "session policy"
    assert policy_of(decision, "session policy")[0]["outcome"] == "other resource"


def test_a_grant_whose_constraint_is_not_met(place, home):
    user, key = home.user("nearly"), home.root.key_id()
    made = home.root.ok(
        "CreateGrant",
        KeyId=key,
        GranteePrincipal=user.name,
        Operations=["Encrypt"],
        Constraints={"EncryptionContextSubset": {"Team": "Red"}},
    )
    answer = user.call("Encrypt", USE, KeyId=key, EncryptionContext={"Team": "Green"})
    decision, text = denied(place, home, answer)
    assert made["GrantId"] in json.dumps(decision), decision
    assert made["GrantId"] in text


def test_allowed_requests(place, home):
    user, key = home.user("fine", may("kms:Encrypt")), home.root.key_id()
    answer = user.call("Encrypt", USE, KeyId=key)
    assert answer.status == 200 and HEADER not in answer.headers
    (decision,) = json.loads(explain(place, answer.request_id, "--json"))["decisions"]
    assert decision["decision"]["allowed"] is True
    assert decision["decision"]["by"]["kind"] == "identity-based policy"
    assert decision["decision"]["by"]["policy"].endswith("#own")


def test_allowed_by_a_grant(place, home):
    user, key = home.user("granted"), home.root.key_id()
    made = home.root.ok(
        "CreateGrant", KeyId=key, GranteePrincipal=user.name, Operations=["Encrypt"]
    )
    answer = user.call("Encrypt", USE, KeyId=key)
    shown = explain(place, answer.request_id, "--json")
    (decision,) = json.loads(shown)["decisions"]
    assert decision["decision"]["allowed"] is True and decision["decision"]["by"] == "grant"
    assert made["GrantId"] in shown
    assert "ALLOWED kms:Encrypt" in explain(place, answer.request_id)


def test_a_stranger_learns_nothing(place, home, away):
    """The sealed explanation of another account's key says nothing of its policy."""
    stranger = away.user("curious", may("kms:*"))
    secret = "Do not tell strangers"
    key = home.root.key(
        Policy=policy(
            allow(home.root.name),
            deny("*", "kms:Sign", Sid=secret),
            allow(
                away.id,
                "kms:Encrypt",
                Sid=secret + " 2",
                Condition={"StringEquals": {"kms:EncryptionContext:password": "hunter2"}},
            ),
        )
    )
    arns = (key["Arn"], home.root.arn(NO_SUCH_ID))
    answers = [stranger.call("Encrypt", USE, KeyId=arn) for arn in arns]
    for answer in answers:
        assert answer.code == "AccessDeniedException"
        assert "hunter2" not in json.dumps(dict(answer.headers)) + answer.raw.decode()
        if HEADER in answer.headers:
            told = json.dumps(opened(away, answer))
            assert secret not in told and "hunter2" not in told
    assert (HEADER in answers[0].headers) == (HEADER in answers[1].headers)
    if HEADER in answers[0].headers:
        told = [
            json.dumps(opened(away, one)).replace(arn, "ARN")
            for one, arn in zip(answers, arns, strict=True)
        ]
        assert told[0] == told[1]


def test_who_may_open_it(home, away):
    user, reader = home.user("asks"), home.user("reads", may("sts:DecodeAuthorizationMessage"))
    answer = user.call("Encrypt", USE, KeyId=home.root.key_id())
    message = answer.headers[HEADER]
    out = reader.client("sts").decode_authorization_message(EncodedMessage=message)
    assert json.loads(out["DecodedMessage"])["allowed"] is False
    for who, text in [
        (user, message),
        (away.root, message),
        (reader, message[:-4]),
        (reader, "x" * 40),
        (reader, message[:60] + ("A" if message[60] != "A" else "B") + message[61:]),
    ]:
        with pytest.raises(ClientError) as refused:
            who.client("sts").decode_authorization_message(EncodedMessage=text)
        assert refused.value.response["Error"]["Code"] in {
            "AccessDenied",
            "InvalidAuthorizationMessageException",
        }
    # It is sealed: no policy shows in it.
    assert "Encrypt" not in message and "kms" not in message


def test_simulate_agrees(place, home):
    """`keystead simulate` and the real request, for the same user."""
    user, key = (
        home.user(
            "simulated",
            may("kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:Team": "Blue"}}),
        ),
        home.root.key(),
    )
    environment = {
        "AWS_ACCESS_KEY_ID": home.id,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    file = place.data_dir.parent / "key-policy.json"
    file.write_text(home.root.ok("GetKeyPolicy", KeyId=key["KeyId"])["Policy"])
    for team in ("Blue", "Red"):
        for action in ("Encrypt", "Decrypt"):
            ran = subprocess.run(
                [
                    binary(),
                    "simulate",
                    "--endpoint",
                    place.endpoint,
                    "--principal",
                    user.name,
                    "--action",
                    f"kms:{action}",
                    "--resource",
                    key["Arn"],
                    "--resource-policy",
                    str(file),
                    "--context",
                    f"kms:EncryptionContext:Team={team}",
                    "--json",
                ],
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
                env=environment,
            )
            allowed = team == "Blue" and action == "Encrypt"
            assert ('"allowed"' in ran.stdout) is allowed, (ran.stdout, ran.stderr)
            if action == "Encrypt":
                real = user.can(
                    "Encrypt", {**USE, "EncryptionContext": {"Team": team}}, KeyId=key["KeyId"]
                )
                assert real is allowed
