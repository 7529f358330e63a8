"""What `keystead explain` tells of requests that were allowed: every policy and grant that took part,
every statement, and whether the policies have changed since.
docs/adr/0020-explanations-of-allowed-requests.md, docs/identities.md."""

import json
import subprocess

import pytest

from dev_server import DevServer
from harness.server import binary, until
from harness.texts import allow, deny, policy
from people import Account, document, may, must_not
from services import Service
from test_endpoints import ONE, Endpoints, through

USE = {"Plaintext": b"x"}
UNCHANGED = "The policies are today as they were then."
CHANGED = "Policies have changed since."


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server whose accounts are in an organisation, but for those that nobody named."""
    folder = tmp_path_factory.mktemp("allowed")
    guard = folder / "guard.json"
    guard.write_text(document(must_not("kms:ScheduleKeyDeletion"), must_not("kms:Sign", Sid="No")))
    bound = folder / "bound.json"
    bound.write_text(
        document(deny("*", "kms:Decrypt", Condition={"Bool": {"aws:ViaAWSService": "true"}}))
    )
    file = folder / "organization.toml"
    file.write_text(
        f"""[organization]
id = "o-a1b2c3d4e5"
management_account = "999900000001"
[organization.root]
id = "r-ab12"
accounts = ["999900000001"]
[[organization.root.account]]
id = "999900000002"
service_control = ["{guard}"]
resource_control = ["{bound}"]
"""
    )
    server = DevServer(folder / "data", "--organization", file).start()
    server.organization = file
    yield server
    server.stop()


@pytest.fixture(scope="module")
def home(place):
    return Account(place)


@pytest.fixture(scope="module")
def away(place):
    return Account(place)


def explain(place, answer, *options):
    """The one decision of an allowed request, and its explanation for people."""
    assert answer.status == 200, answer.raw
    decisions, text = decided(place, answer, *options)
    (decision,) = decisions
    assert decision["decision"]["allowed"] is True
    assert "ALLOWED" in text
    return decision, text


def decided(place, answer, *options):
    """All decisions, and the explanation for people."""
    command = [binary(), "explain", answer.request_id, "--data-dir", str(place.data_dir)]
    command += options or ["--organization", str(place.organization)]

    def run(*more):
        ran = subprocess.run(
            [*command, *more], capture_output=True, text=True, timeout=20, check=False
        )
        return ran.stdout if ran.returncode == 0 else None

    until(run, 5, f"{command} works")
    shown = json.loads(run("--json"))
    assert shown["problems"] == []
    return shown["decisions"], run()


def of(decision, kind, name=""):
    """The statements of the one policy of a kind, of that name."""
    found = [
        one
        for one in decision["policies"]
        if one["kind"] == kind and one.get("policy", "").endswith(name)
    ]
    assert len(found) == 1, decision["policies"]
    return found[0]["statements"]


def outcomes(statements):
    return [one["outcome"] for one in statements]


NOT_RED = must_not(
    "kms:*", Sid="NotRed", Condition={"StringEquals": {"kms:EncryptionContext:Team": "Red"}}
)


def test_by_an_identity_policy_with_others_beside(place, home):
    user = home.user("identity", may("kms:Sign"), NOT_RED, may("kms:Encrypt", Sid="Mine"))
    key = home.root.key()
    answer = user.call("Encrypt", USE, KeyId=key["KeyId"], EncryptionContext={"Team": "Blue"})
    decision, text = explain(place, answer)
    assert decision["action"] == "kms:Encrypt" and decision["resource"] == key["Arn"]
    assert decision["decision"]["by"]["kind"] == "identity-based policy"
    assert decision["decision"]["by"]["statement"] == 2
    assert decision["since"] == "unchanged"
    own = of(decision, "identity-based policy", "#own")
    assert outcomes(own) == ["other action", "condition not met", "applies"]
    assert [one["effect"] for one in own] == ["Allow", "Deny", "Allow"]
    assert own[1]["sid"] == "NotRed" and own[2]["sid"] == "Mine"
    assert own[1]["condition"] == {
        "operator": "StringEquals",
        "key": "kms:EncryptionContext:Team",
        "policyValues": ["Red"],
        "requestValues": ["Blue"],
    }
    (delegates,) = of(decision, "resource-based policy")
    assert delegates["outcome"] == "applies" and delegates["names"] == "account"
    for part in (
        UNCHANGED,
        "statement 2 of the identity-based policy",
        "statement 1 NotRed (Deny): condition not met",
        "wants Red; the request has Blue",
        "naming the account",
        user.name,
        key["Arn"],
    ):
        assert part in text, text


def test_by_a_key_policy(place, home):
    user = home.user("named")
    other = home.user("other")
    late = {"DateLessThan": {"aws:CurrentTime": "2001-01-01T00:00:00Z"}}
    key = home.root.key(
        Policy=policy(
            allow(home.root.name),
            allow(other.name, Sid="Others"),
            deny("*", "kms:*", Sid="Long ago", Condition=late),
            allow(user.name, "kms:Encrypt", Sid="This one"),
        )
    )
    decision, text = explain(place, user.call("Encrypt", USE, KeyId=key["KeyId"]))
    assert decision["decision"]["by"] == {"kind": "resource-based policy", "statement": 3}
    statements = of(decision, "resource-based policy")
    assert outcomes(statements) == ["applies", "other principal", "condition not met", "applies"]
    assert statements[3]["names"] == "principal" and statements[3]["sid"] == "This one"
    # The condition was compared with a moment, and the record has its second.
    assert statements[2]["condition"]["requestValues"] != "what is not on record"
    assert UNCHANGED in text


def test_by_a_grant(place, home):
    user, key = home.user("granted", NOT_RED), home.root.key()
    made = home.root.ok(
        "CreateGrant",
        KeyId=key["KeyId"],
        GranteePrincipal=user.name,
        Operations=["Encrypt", "Decrypt"],
        Constraints={"EncryptionContextSubset": {"Team": "Blue"}},
    )
    answer = user.call("Encrypt", USE, KeyId=key["KeyId"], EncryptionContext={"Team": "Blue"})
    decision, text = explain(place, answer)
    assert decision["decision"]["by"] == "grant"
    assert decision["decision"]["grantId"] == made["GrantId"]
    (grant,) = decision["grants"]
    assert grant["encryptionContextSubset"] == {"Team": "Blue"}
    assert outcomes(of(decision, "identity-based policy")) == ["condition not met"]
    assert outcomes(of(decision, "resource-based policy")) == ["applies"]
    for part in (UNCHANGED, made["GrantId"], "Encrypt, Decrypt", user.name):
        assert part in text
    home.root.ok("RevokeGrant", KeyId=key["KeyId"], GrantId=made["GrantId"])
    decision, text = explain(place, answer)
    assert decision["since"] == "changed"
    assert CHANGED in text and "does not exist any more" in text


def test_a_session_of_a_role_within_its_limits(place, home):
    edge = home.iam.create_policy(PolicyName="edge", PolicyDocument=document(may("kms:*")))
    edge = edge["Policy"]["Arn"]
    home.role("limited", may("kms:Encrypt", Sid="Role"), PermissionsBoundary=edge)
    limits = document(may("kms:Decrypt", Sid="Given"), may("kms:Encrypt"))
    key = home.root.key()
    session = home.session("limited", Policy=limits)
    decision, text = explain(place, session.call("Encrypt", USE, KeyId=key["KeyId"]))
    assert decision["since"] == "unchanged"
    assert outcomes(of(decision, "permissions boundary", edge)) == ["applies"]
    assert of(decision, "identity-based policy")[0]["sid"] == "Role"
    # Its text is in the record of AssumeRole.
    assert outcomes(of(decision, "session policy")) == ["other action", "applies"]
    assert [one.get("sid") for one in of(decision, "session policy")] == ["Given", None]
    assert "given to AssumeRole" in text
    session = home.session("limited", PolicyArns=[{"arn": edge}])
    decision, _ = explain(place, session.call("Encrypt", USE, KeyId=key["KeyId"]))
    assert outcomes(of(decision, "session policy", edge)) == ["applies"]


def test_a_federated_user(place, home):
    user, key = home.user("federates", may(["kms:Encrypt", "sts:*"], Sid="Issuer")), home.root.key()
    federated = home.federated(user, "guest", Policy=document(may("kms:*", Sid="Guest")))
    decision, text = explain(place, federated.call("Encrypt", USE, KeyId=key["KeyId"]))
    assert decision["since"] == "unchanged", text
    assert of(decision, "identity-based policy", "#own")[0]["sid"] == "Issuer"
    assert of(decision, "session policy")[0]["sid"] == "Guest"


def test_the_root_user(place, home):
    never = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    key = home.root.key(
        Policy=policy(deny("*", "*", Sid="Through S3", Condition=never), allow(home.root.name))
    )
    decision, text = explain(place, home.root.call("Encrypt", USE, KeyId=key["KeyId"]))
    assert decision["decision"]["by"] == {"kind": "resource-based policy", "statement": 1}
    assert decision["since"] == "unchanged"
    first, second = of(decision, "resource-based policy")
    assert first["outcome"] == "condition not met" and first["sid"] == "Through S3"
    assert first["condition"]["requestValues"] == "absent"
    assert second["outcome"] == "applies"
    assert "statement 1 of the resource-based policy says Allow" in text
    decision, text = explain(place, home.root.call("ListKeys"))
    assert decision["decision"]["by"] == "root user" and decision["policies"] == []


def test_guardrails_take_part(place):
    member = Account(place, "999900000002")
    key = member.root.key()
    decision, text = explain(place, member.root.call("Encrypt", USE, KeyId=key["KeyId"]))
    assert decision["since"] == "unchanged", decision
    kinds = {one["kind"] for one in decision["policies"] if "level" in one}
    assert kinds == {"resource control policy", "service control policy"}
    for kind in kinds:
        assert ["applies"] in [
            outcomes(one["statements"]) for one in decision["policies"] if one["kind"] == kind
        ]
    assert outcomes(of(decision, "service control policy", "p-guard")) == ["other action"] * 2
    assert of(decision, "service control policy", "p-guard")[1]["sid"] == "No"
    assert outcomes(of(decision, "resource control policy", "p-bound")) == ["other action"]
    assert "p-guard" in text and UNCHANGED in text


def test_the_policy_of_an_endpoint_takes_part(tmp_path):
    place = Endpoints(tmp_path).start()
    try:
        home = place.account(ONE)
        key = home.root.key()
        answer = through(place.guarded, home.root).call("Encrypt", USE, KeyId=key["KeyId"])
        decision, text = explain(place, answer, "--config", str(place.config))
        assert decision["since"] == "unchanged"
        statements = of(decision, "VPC endpoint policy")
        assert outcomes(statements) == ["applies", "other action", "other action"]
        assert "organization" not in decision and UNCHANGED in text
        # Without the configuration nobody knows, and nobody says otherwise.
        decision, text = explain(place, answer, "--audit-dir", str(place.data_dir / "audit"))
        assert decision["since"] == "not known"
        assert outcomes(of(decision, "VPC endpoint policy")) == outcomes(statements)
    finally:
        place.stop()


def test_a_forward_access_session(place, home):
    through = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    not_glue = {"StringEquals": {"kms:ViaService": "glue.us-east-1.amazonaws.com"}}
    user = home.user(
        "forwards",
        must_not("kms:*", Condition=not_glue),
        may("kms:Encrypt", Condition=through),
        may("s3:*"),
    )
    key = home.root.key()
    caller = Service(home).acts_for(user)
    decision, text = explain(place, caller.call("Encrypt", USE, KeyId=key["KeyId"]))
    own = of(decision, "identity-based policy", "#own")
    assert outcomes(own) == ["condition not met", "applies", "other action"]
    assert own[0]["condition"]["requestValues"] == ["s3.us-east-1.amazonaws.com"]
    assert "Through   s3.amazonaws.com" in text


def test_another_accounts_key(place, home, away):
    user = away.user("guest", may("kms:Encrypt"))
    key = home.root.key(Policy=policy(allow(home.root.name), allow(away.id, "kms:Encrypt")))
    decision, _ = explain(place, user.call("Encrypt", USE, KeyId=key["Arn"]))
    assert outcomes(of(decision, "resource-based policy")) == ["other principal", "applies"]
    assert outcomes(of(decision, "identity-based policy")) == ["applies"]


def test_the_retirement_of_a_grant_on_another_accounts_key(place, away):
    """The account that issued it allows it: neither the key policy nor RCPs are asked."""
    member = Account(place, "999900000002")
    key = member.root.key(
        Policy=policy(allow(member.root.name), allow(away.id, ["kms:CreateGrant"]))
    )
    grant = away.root.ok(
        "CreateGrant",
        KeyId=key["Arn"],
        GranteePrincipal=away.root.name,
        Operations=["Encrypt"],
    )
    user = away.user("retires", may("kms:RetireGrant", Sid="Mine"))
    answer = user.call("RetireGrant", KeyId=key["Arn"], GrantId=grant["GrantId"])
    decision, text = explain(place, answer)
    assert {one["kind"] for one in decision["policies"]} == {"identity-based policy"}
    assert of(decision, "identity-based policy")[0]["sid"] == "Mine"
    assert decision["since"] != "changed" and CHANGED not in text


def test_both_keys_of_a_re_encrypt(place, home):
    user = home.user("moves", may("kms:ReEncryptFrom"), may("kms:ReEncryptTo"))
    one, two = home.root.key(), home.root.key()
    blob = home.root.ok("Encrypt", USE, KeyId=one["KeyId"])["CiphertextBlob"]
    answer = user.call("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=two["KeyId"])
    assert answer.status == 200, answer.raw
    decisions, _ = decided(place, answer)
    assert [one["resource"] for one in decisions] == [one["Arn"], two["Arn"]]
    assert [one["decision"]["by"]["statement"] for one in decisions] == [0, 1]
    assert {one["since"] for one in decisions} == {"unchanged"}


def test_a_change_keeps_its_explanation_whole(place, home):
    """PutKeyPolicy replaces the policy that allowed it."""
    user = home.user("changes", may("kms:PutKeyPolicy", Sid="May"))
    key = home.root.key()
    text = policy(allow(home.root.name, Sid="New"))
    answer = user.call("PutKeyPolicy", KeyId=key["KeyId"], PolicyName="default", Policy=text)
    decision, text = explain(place, answer)
    (statement,) = of(decision, "resource-based policy")
    assert statement.get("sid") != "New" and statement["outcome"] == "applies"
    assert of(decision, "identity-based policy")[0]["sid"] == "May"
    assert CHANGED not in text


def test_what_has_changed_since_is_said(place, home):
    user = home.user("then", NOT_RED, may("kms:Encrypt", Sid="Then"))
    key = home.root.key()
    answer = user.call("Encrypt", USE, KeyId=key["KeyId"], EncryptionContext={"Team": "Blue"})
    assert explain(place, answer)[0]["since"] == "unchanged"
    home.gives("then", may("kms:*", Sid="Now"))
    decision, text = explain(place, answer)
    assert decision["since"] == "changed" and CHANGED in text
    # What became of each statement then is still there; its words are not.
    (old,) = [one for one in decision["policies"] if one["kind"] == "identity-based policy"]
    assert outcomes(old["statements"]) == ["condition not met", "applies"]
    assert [one["effect"] for one in old["statements"]] == ["Deny", "Allow"]
    assert "Now" not in text and "Then" not in text
    assert any("#own" in name for name in decision["today"])
    assert outcomes(of(decision, "resource-based policy")) == ["applies"]
    # As it was: unchanged again, since only the text counts.
    home.gives("then", NOT_RED, may("kms:Encrypt", Sid="Then"))
    assert explain(place, answer)[0]["since"] == "unchanged"
    home.root.ok(
        "PutKeyPolicy",
        KeyId=key["KeyId"],
        PolicyName="default",
        Policy=policy(allow(home.root.name, Sid="Other")),
    )
    decision, text = explain(place, answer)
    assert decision["since"] == "changed" and "Other" not in text


def test_an_older_version_of_a_managed_policy(place, home):
    first = document(may("kms:Encrypt", Sid="First"))
    made = home.iam.create_policy(PolicyName="versions", PolicyDocument=first)["Policy"]["Arn"]
    user, key = home.user("versioned"), home.root.key_id()
    home.iam.attach_user_policy(UserName="versioned", PolicyArn=made)
    answer = user.call("Encrypt", USE, KeyId=key)
    home.iam.create_policy_version(
        PolicyArn=made, PolicyDocument=document(may("kms:*", Sid="Second")), SetAsDefault=True
    )
    decision, text = explain(place, answer)
    assert decision["since"] == "changed"
    assert of(decision, "identity-based policy", made)[0]["sid"] == "First"
    assert "still stored" in text


def test_values_that_are_not_on_record(place, home):
    tagged = {"StringEquals": {"aws:PrincipalTag/unit": "x"}}
    home.role("tagged", must_not("kms:*", Condition=tagged), may("kms:*"))
    session = home.session("tagged", Tags=[{"Key": "unit", "Value": "y"}])
    decision, text = explain(place, session.call("Encrypt", USE, KeyId=home.root.key_id()))
    first = of(decision, "identity-based policy")[0]
    assert first["outcome"] == "condition not met"
    assert first["condition"]["requestValues"] == "what is not on record"
    assert "the request has what is not on record" in text


def test_a_call_of_iam_and_of_sts(place, home):
    user = home.user("reads", must_not("iam:Delete*"), may(["iam:ListUsers", "sts:*"]))
    out = user.client("iam").list_users()

    class Answer:
        status, raw = 200, b""
        request_id = out["ResponseMetadata"]["RequestId"]

    decision, _ = explain(place, Answer)
    own = of(decision, "identity-based policy", "#own")
    assert {one["effect"]: one["outcome"] for one in own} == {
        "Deny": "other action",
        "Allow": "applies",
    }
    assert decision["action"] == "iam:ListUsers"
    role = home.role("assumed", trusts=[user.name])
    out = user.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="shift")
    Answer.request_id = out["ResponseMetadata"]["RequestId"]
    decision, _ = explain(place, Answer)
    assert decision["action"] == "sts:AssumeRole"
    assert "applies" in outcomes(of(decision, "resource-based policy"))


def test_the_condition_keys_of_a_denied_request_are_told(home):
    user = home.user("asks")
    home.iam.tag_user(UserName="asks", Tags=[{"Key": "unit", "Value": "x"}])
    key = home.root.key()
    answer = user.call("Encrypt", USE, KeyId=key["KeyId"], EncryptionContext={"Team": "Blue"})
    message = answer.headers["x-keystead-authorization-message"]
    out = home.sts.decode_authorization_message(EncodedMessage=message)
    told = json.loads(out["DecodedMessage"])
    assert "conditions" not in told
    items = told["context"]["conditions"]["items"]
    values = {
        one["key"]: [value["value"] for value in one["values"]["items"]] for one in items
    }
    for name, wanted in (
        ("kms:EncryptionContext:Team", ["Blue"]),
        ("kms:EncryptionContextKeys", ["Team"]),
        ("kms:KeySpec", ["SYMMETRIC_DEFAULT"]),
        ("aws:PrincipalArn", [user.name]),
        ("aws:PrincipalTag/unit", ["x"]),
        ("aws:username", ["asks"]),
        ("aws:SourceIp", ["127.0.0.1"]),
        ("aws:SecureTransport", ["false"]),
    ):
        assert values.get(name) == wanted, (name, values)
    assert len(message) < 4096
