"""Two accounts, a user, a role, a grant, a condition on the encryption context and a service, all
with the AWS CLI: what is allowed works, what is not is refused with AWS's words."""

import base64
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from harness.caller import fresh_account
from harness.cli import Cli
from harness.server import free_port

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "storage_service.py"


def document(*statements):
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, **more):
    """An Allow statement."""
    return {"Effect": "Allow", "Action": action, **more}


@pytest.fixture(scope="module")
def world(server):
    """Account A with a key, account B with a user `bob` and a role `worker` that bob may assume."""
    return build(server)


def build(server):
    one, two = fresh_account(), fresh_account()
    owner, other = Cli(server, one), Cli(server, two)
    key = owner("kms", "create-key")["KeyMetadata"]["Arn"]
    other("iam", "create-user", "--user-name", "bob", "--path", "/team/")
    bob = other.with_key(other("iam", "create-access-key", "--user-name", "bob")["AccessKey"])
    trust = document(allow("sts:AssumeRole", Principal={"AWS": f"arn:aws:iam::{two}:user/team/bob"}))
    other("iam", "create-role", "--role-name", "worker", "--assume-role-policy-document", trust)
    role = f"arn:aws:iam::{two}:role/worker"
    session = bob("sts", "assume-role", "--role-arn", role, "--role-session-name", "shift")
    worker = other.with_session(session["Credentials"])
    return type("World", (), dict(
        server=server, one=one, two=two, owner=owner, other=other, key=key, bob=bob, role=role,
        worker=worker, session=f"arn:aws:sts::{two}:assumed-role/worker/shift",
    ))


def encrypt(who, key, **context):
    """The arguments of an Encrypt."""
    pairs = ["--encryption-context", json.dumps(context)] if context else []
    return who, ["kms", "encrypt", "--key-id", key, "--plaintext", base64.b64encode(b"x").decode(), *pairs]


def decrypt(who, blob, *more):
    """The arguments of a Decrypt of what an Encrypt printed."""
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(base64.b64decode(blob))
    return who, ["kms", "decrypt", "--ciphertext-blob", f"fileb://{file.name}", *more]


def works(call):
    who, arguments = call
    return who(*arguments)


def fails(call):
    who, arguments = call
    return who.refused(*arguments)


def denied(who, action, resource, why):
    """The refusal of KMS."""
    return (
        "AccessDeniedException",
        f"User: {who} is not authorized to perform: {action} on resource: {resource} {why}",
    )


def test_who_they_are(world):
    me = world.bob("sts", "get-caller-identity")
    assert me["Arn"] == f"arn:aws:iam::{world.two}:user/team/bob" and me["UserId"].startswith("AIDA")
    me = world.worker("sts", "get-caller-identity")
    assert me["Arn"] == world.session and me["Account"] == world.two
    assert me["UserId"].startswith("AROA") and me["UserId"].endswith(":shift")
    me = world.owner("sts", "get-caller-identity")
    assert me["Arn"] == f"arn:aws:iam::{world.one}:root" and me["UserId"] == world.one


def test_across_accounts_both_must_agree(server):
    world = build(server)
    refusal, own_side = (
        denied(world.session, "kms:Encrypt", world.key, f"because no {kind} policy allows the kms:Encrypt action")
        for kind in ("resource-based", "identity-based")
    )
    nothing = world.key[:-12] + "000000000000"
    assert fails(encrypt(world.worker, world.key)) == own_side
    assert fails(encrypt(world.worker, nothing))[1] == own_side[1].replace(world.key, nothing)
    # The key's account agrees, for one team's data only.
    text = document(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{world.one}:root"}, Resource="*"),
        allow(
            ["kms:Encrypt", "kms:Decrypt"], Principal={"AWS": world.role}, Resource="*",
            Condition={"StringEquals": {"kms:EncryptionContext:team": "blue"}},
        ),
    )
    world.owner("kms", "put-key-policy", "--key-id", world.key, "--policy", text)
    assert fails(encrypt(world.worker, world.key, team="blue")) == own_side
    # The role's account agrees.
    world.other(
        "iam", "put-role-policy", "--role-name", "worker", "--policy-name", "use", "--policy-document",
        document(allow("kms:*", Resource=[world.key, nothing])),
    )
    assert fails(encrypt(world.worker, nothing))[1] == refusal[1].replace(world.key, nothing)
    sealed = works(encrypt(world.worker, world.key, team="blue"))["CiphertextBlob"]
    assert fails(encrypt(world.worker, world.key, team="red")) == refusal
    assert fails(encrypt(world.worker, world.key)) == refusal
    works(decrypt(world.worker, sealed, "--encryption-context", "team=blue"))
    # The user who may assume the role may nothing itself.
    assert fails(encrypt(world.bob, world.key, team="blue"))[0] == "AccessDeniedException"
    # A Deny of either account ends it, at once.
    world.other(
        "iam", "put-role-policy", "--role-name", "worker", "--policy-name", "stop", "--policy-document",
        document({"Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*"}),
    )
    assert fails(encrypt(world.worker, world.key, team="blue")) == denied(
        world.session, "kms:Encrypt", world.key, "with an explicit deny in an identity-based policy"
    )
    world.other("iam", "delete-role-policy", "--role-name", "worker", "--policy-name", "stop")
    works(encrypt(world.worker, world.key, team="blue"))
    world.other("iam", "delete-role-policy", "--role-name", "worker", "--policy-name", "use")
    world.other("iam", "delete-role", "--role-name", "worker")
    assert fails(encrypt(world.worker, world.key, team="blue"))[0] in (
        "AccessDeniedException", "UnrecognizedClientException",
    )


def test_a_grant_gives_and_a_deny_takes(server):
    world = build(server)
    granted = world.owner(
        "kms", "create-grant", "--key-id", world.key, "--grantee-principal", world.role,
        "--operations", "Encrypt", "Decrypt",
        "--constraints", '{"EncryptionContextSubset":{"team":"blue"}}',
    )
    sealed = works(encrypt(world.worker, world.key, team="blue", extra="1"))["CiphertextBlob"]
    for context in ({"team": "red"}, {}, {"extra": "1"}):
        assert fails(encrypt(world.worker, world.key, **context))[0] == "AccessDeniedException"
    assert fails((world.worker, ["kms", "describe-key", "--key-id", world.key]))[0] == "AccessDeniedException"
    assert fails(encrypt(world.bob, world.key, team="blue"))[0] == "AccessDeniedException"
    text = document(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{world.one}:root"}, Resource="*"),
        {"Effect": "Deny", "Action": "kms:Decrypt", "Principal": "*", "Resource": "*",
         "Condition": {"StringNotEquals": {"kms:EncryptionContext:extra": "1"}}},
    )
    world.owner("kms", "put-key-policy", "--key-id", world.key, "--policy", text)
    blue = works(encrypt(world.worker, world.key, team="blue"))["CiphertextBlob"]
    refused = fails(
        decrypt(world.worker, blue, "--key-id", world.key, "--encryption-context", "team=blue")
    )
    # What another account's policy says in detail is not told.
    assert refused[0] == "AccessDeniedException" and "explicit" not in refused[1]
    works(decrypt(world.worker, sealed, "--encryption-context", "team=blue,extra=1"))
    world.owner("kms", "revoke-grant", "--key-id", world.key, "--grant-id", granted["GrantId"])
    assert fails(encrypt(world.worker, world.key, team="blue"))[0] == "AccessDeniedException"


def test_a_session_policy_limits(world):
    text = document(allow("kms:ListKeys", Resource="*"))
    world.other(
        "iam", "put-role-policy", "--role-name", "worker", "--policy-name", "all",
        "--policy-document", document(allow("kms:*", Resource="*")),
    )
    session = world.bob(
        "sts", "assume-role", "--role-arn", world.role, "--role-session-name", "small", "--policy", text
    )
    small = world.other.with_session(session["Credentials"])
    small("kms", "list-keys")
    assert small.refused("kms", "create-key") == denied(
        f"arn:aws:sts::{world.two}:assumed-role/worker/small", "kms:CreateKey", "*",
        "because no session policy allows the kms:CreateKey action",
    )
    world.worker("kms", "create-key")


@pytest.fixture
def storage(server, world):
    """The example service, for account B."""
    port = free_port()
    program = [
        sys.executable, EXAMPLE, "--port", str(port), "--keystead", server.endpoint,
        "--access-key-id", f"service_s3_{world.two}",
    ]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("serving on")
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def test_a_service_acts_for_its_users(world, storage, tmp_path):
    letter = tmp_path / "letter"
    letter.write_bytes(b"dear all\n" * 100)

    def put(who, *more):
        return who, ["--endpoint-url", storage, "s3api", "put-object", "--bucket", "post", "--key", "k",
                     "--body", letter, *more]

    def get(who):
        return who, ["--endpoint-url", storage, "s3api", "get-object", "--bucket", "post", "--key", "k",
                     tmp_path / "out"]

    # The AWS managed key of S3 opens to everyone of the account, through S3 only.
    works(put(world.bob))
    works(get(world.bob))
    assert (tmp_path / "out").read_bytes() == letter.read_bytes()
    managed = world.other("kms", "describe-key", "--key-id", "alias/aws/s3")["KeyMetadata"]
    assert managed["KeyManager"] == "AWS"
    assert fails(encrypt(world.other, managed["Arn"]))[0] == "AccessDeniedException"
    # A key that may be used through the service only.
    made = world.other("kms", "create-key", "--policy", document(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{world.two}:root"}, Resource="*"),
        {"Effect": "Deny", "Principal": "*", "Resource": "*",
         "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
         "Condition": {"StringNotEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}},
    ))["KeyMetadata"]["Arn"]
    by_key = ["--server-side-encryption", "aws:kms", "--ssekms-key-id", made]
    code, text = fails(put(world.bob, *by_key))
    assert code == "AccessDeniedException" and "no identity-based policy allows" in text
    world.other(
        "iam", "put-user-policy", "--user-name", "bob", "--policy-name", "store", "--policy-document",
        document(allow(["kms:GenerateDataKey", "kms:Decrypt"], Resource=made)),
    )
    works(put(world.bob, *by_key))
    works(get(world.bob))
    refused = world.bob.refused("kms", "generate-data-key", "--key-id", made, "--key-spec", "AES_256")
    assert "with an explicit deny in a resource-based policy" in refused[1]
    world.other("iam", "delete-user-policy", "--user-name", "bob", "--policy-name", "store")
    assert fails(get(world.bob))[0] == "AccessDeniedException"
    # Another account's users are not its to act for.
    assert fails(put(world.owner))[0] == "AccessDenied"


def test_a_denial_explains_itself(world):
    started = time.time()
    client = __import__("boto3").client(
        "kms", endpoint_url=world.server.endpoint, region_name="us-east-1",
        aws_access_key_id=world.bob.credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=world.bob.credentials["AWS_SECRET_ACCESS_KEY"],
    )
    with pytest.raises(client.exceptions.ClientError) as refused:
        client.encrypt(KeyId=world.key, Plaintext=b"x")
    headers = refused.value.response["ResponseMetadata"]["HTTPHeaders"]
    message = headers["x-keystead-authorization-message"]
    assert time.time() - started < 30
    code, text = world.bob.refused(
        "sts", "decode-authorization-message", "--encoded-message", message
    )
    assert code == "AccessDenied" and "sts:DecodeAuthorizationMessage" in text
    decoded = json.loads(
        world.other("sts", "decode-authorization-message", "--encoded-message", message)["DecodedMessage"]
    )
    assert decoded["allowed"] is False and decoded["explicitDeny"] is False
    assert decoded["context"]["action"] == "kms:Encrypt"
    assert decoded["context"]["resource"] == world.key
    assert decoded["context"]["principal"]["arn"] == f"arn:aws:iam::{world.two}:user/team/bob"
