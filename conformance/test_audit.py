"""The audit log: one CloudTrail event per request, on disk before the answer, free of secrets."""

import json
import re
import time
from datetime import datetime, timezone
from pathlib import Path

import botocore.session
import pytest
from cryptography.hazmat.primitives import serialization

from harness import wire
from harness.caller import Caller, b64, unb64
from harness.golden import OAEP
from harness.server import until
from harness.sigv4 import Signing
from harness.texts import NO_SUCH_ID, allow, deny, policy

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SETTLE_SECONDS = 5
IMPORTED = b"IMPORTED-MATERIAL-1f7d0c52e84a9b"[:32]


def lines(server):
    """Every line of every audit file."""
    found = []
    for path in sorted(server.data_dir.glob("**/audit-*.log")):
        text = path.read_bytes()
        assert text == b"" or text.endswith(b"\n"), f"{path.name} ends in the middle of a line"
        found += text.splitlines()
    return found


def event_in(value):
    """The CloudTrail event somewhere in a value, or None."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if isinstance(value, dict):
        if "eventSource" in value:
            return value
        value = list(value.values())
    if isinstance(value, list):
        return next((event for event in map(event_in, value) if event), None)
    return None


def events(server):
    """Every CloudTrail event of the log."""
    found = [event_in(json.loads(line)) for line in lines(server)]
    return [event for event in found if event]


def events_of(server, request_id, count=1):
    """The events of a request, once there are as many as expected."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        found = [event for event in events(server) if event.get("requestID") == request_id]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, f"{len(found)} events of {request_id}, not {count}"
        time.sleep(0.05)


def event_of(server, answer):
    """The one event of an answer."""
    found = events_of(server, answer.request_id)
    assert len(found) == 1, found
    return found[0]


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A server of this module, whose log only these tests write."""
    from harness.server import Server

    server = Server(tmp_path_factory.mktemp("audited") / "data").start()
    yield server
    server.stop()


@pytest.fixture
def own(audited):
    """A fresh account of that server."""
    caller = Caller(audited)
    yield caller
    caller.close()


def test_fields_of_an_event(audited, own):
    key = own.key()
    before = datetime.now(timezone.utc)
    answer = own.call("Encrypt", KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"a": "b"})
    event = event_of(audited, answer)
    assert UUID.fullmatch(event["eventID"]) and event["requestID"] == answer.request_id
    when = datetime.strptime(event["eventTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert abs((when - before).total_seconds()) < 5
    assert event["eventSource"] == "kms.amazonaws.com" and event["eventName"] == "Encrypt"
    assert event["awsRegion"] == "us-east-1" and event["sourceIPAddress"] == "127.0.0.1"
    assert event["eventType"] == "AwsApiCall" and event["eventCategory"] == "Management"
    assert event["managementEvent"] is True and event["readOnly"] is True
    assert event["recipientAccountId"] == own.account
    assert re.fullmatch(r"1\.\d+", event["eventVersion"])
    identity = event["userIdentity"]
    assert identity["type"] == "Root" and identity["accountId"] == own.account
    assert identity["arn"] == own.root and identity["accessKeyId"] == own.account
    assert event["requestParameters"] == {
        "keyId": key["KeyId"],
        "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "encryptionContext": {"a": "b"},
    }
    assert event["responseElements"] is None
    resource = {"accountId": own.account, "type": "AWS::KMS::Key", "ARN": key["Arn"]}
    assert event["resources"] == [resource]
    assert "errorCode" not in event or event["errorCode"] is None


def test_decrypt_always_tells_its_algorithm(audited, own):
    meta = own.key()
    blob = own.encrypt(meta["KeyId"], b"x", EncryptionContext={"a": "b"})
    answer = own.call("Decrypt", CiphertextBlob=blob, EncryptionContext={"a": "b"})
    event = event_of(audited, answer)
    assert event["requestParameters"]["encryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert event["requestParameters"]["encryptionContext"] == {"a": "b"}
    assert event["resources"][0]["ARN"] == meta["Arn"]


def imported(key, parameters):
    """A request that imports key material with the answer of GetParametersForImport."""
    public = serialization.load_der_public_key(unb64(parameters["PublicKey"]))
    return {
        "KeyId": key,
        "ImportToken": parameters["ImportToken"],
        "EncryptedKeyMaterial": public.encrypt(IMPORTED, OAEP),
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }


def requests(own):
    """One request of every operation in scope that succeeds, in an order that works."""
    key, other = own.key_id(), own.key_id()
    blob = own.encrypt(key, b"x")
    signing = own.key_id(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    signed = {"KeyId": signing, "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = own.ok("Sign", signed)["Signature"]
    mac = own.key_id(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    authenticated = {"KeyId": mac, "Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
    code = own.ok("GenerateMac", authenticated)["Mac"]
    agreement = own.key_id(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    public = own.ok("GetPublicKey", KeyId=agreement)["PublicKey"]
    kem = own.key_id(KeySpec="ML_KEM_512", KeyUsage="ENCAPSULATE_DECAPSULATE")
    encapsulated = {"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM"}
    capsule = own.ok("Encapsulate", encapsulated)["SharedSecretCiphertextBlob"]
    grant = {"KeyId": key, "GranteePrincipal": own.root, "Operations": ["Encrypt"]}
    revoked, retired = (own.ok("CreateGrant", grant) for _ in range(2))
    external, primary = own.key_id(Origin="EXTERNAL"), own.key_id(MultiRegion=True)
    wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    parameters = own.ok("GetParametersForImport", wrapping, KeyId=external)
    return [
        ("Sign", signed),
        ("Verify", {**signed, "Signature": signature}),
        ("GenerateMac", authenticated),
        ("VerifyMac", {**authenticated, "Mac": code}),
        (
            "DeriveSharedSecret",
            {"KeyId": agreement, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public},
        ),
        ("Encapsulate", encapsulated),
        ("Decapsulate", {**encapsulated, "SharedSecretCiphertextBlob": capsule}),
        ("GenerateDataKeyPair", {"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"}),
        ("GenerateDataKeyPairWithoutPlaintext", {"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"}),
        ("GetPublicKey", {"KeyId": signing}),
        ("GetKeyLastUsage", {"KeyId": signing}),
        ("CreateGrant", grant),
        ("ListGrants", {"KeyId": key}),
        ("ListRetirableGrants", {"RetiringPrincipal": own.root}),
        ("RevokeGrant", {"KeyId": key, "GrantId": revoked["GrantId"]}),
        ("RetireGrant", {"GrantToken": retired["GrantToken"]}),
        ("GetParametersForImport", {"KeyId": external, **wrapping}),
        ("ImportKeyMaterial", imported(external, parameters)),
        ("DeleteImportedKeyMaterial", {"KeyId": external}),
        ("ReplicateKey", {"KeyId": primary, "ReplicaRegion": "eu-west-1"}),
        ("UpdatePrimaryRegion", {"KeyId": primary, "PrimaryRegion": "eu-west-1"}),
        ("CreateKey", {"Description": "d"}),
        ("DescribeKey", {"KeyId": key}),
        ("ListKeys", {}),
        ("UpdateKeyDescription", {"KeyId": key, "Description": "d"}),
        ("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key}),
        ("UpdateAlias", {"AliasName": "alias/a", "TargetKeyId": other}),
        ("ListAliases", {}),
        ("DeleteAlias", {"AliasName": "alias/a"}),
        ("TagResource", {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        ("ListResourceTags", {"KeyId": key}),
        ("UntagResource", {"KeyId": key, "TagKeys": ["a"]}),
        ("GetKeyPolicy", {"KeyId": key}),
        ("PutKeyPolicy", {"KeyId": key, "Policy": policy(allow(own.root))}),
        ("ListKeyPolicies", {"KeyId": key}),
        ("Encrypt", {"KeyId": key, "Plaintext": b"x"}),
        ("Decrypt", {"CiphertextBlob": blob}),
        ("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": other}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}),
        ("GenerateDataKeyWithoutPlaintext", {"KeyId": key, "KeySpec": "AES_256"}),
        ("GenerateRandom", {"NumberOfBytes": 8}),
        ("EnableKeyRotation", {"KeyId": key}),
        ("GetKeyRotationStatus", {"KeyId": key}),
        ("RotateKeyOnDemand", {"KeyId": key}),
        ("ListKeyRotations", {"KeyId": key}),
        ("DisableKeyRotation", {"KeyId": key}),
        ("DisableKey", {"KeyId": key}),
        ("EnableKey", {"KeyId": key}),
        ("ScheduleKeyDeletion", {"KeyId": key}),
        ("CancelKeyDeletion", {"KeyId": key}),
    ]


READ_ONLY = re.compile(
    r"^(Describe|Get|List|Encrypt|Decrypt|ReEncrypt|GenerateDataKey|GenerateRandom)"
    r"|^(Sign|Verify|GenerateMac|DeriveSharedSecret|Encapsulate|Decapsulate)"
)
# No key, or a principal, is what they are about.
WITHOUT_RESOURCE = {"ListKeys", "ListAliases", "GenerateRandom", "ListRetirableGrants"}


def test_every_served_operation_is_requested(own):
    model = botocore.session.get_session().get_service_model("kms")
    lines = (Path(__file__).parent / "uncovered-operations.txt").read_text().splitlines()
    unserved = {line for line in lines if line and not line.startswith("#")}
    assert {name for name, _ in requests(own)} == set(model.operation_names) - unserved


def test_every_operation_is_recorded_once(audited, own):
    answers = [(name, own.call(name, members)) for name, members in requests(own)]
    for name, answer in answers:
        assert answer.status == 200, (name, answer.raw)
        event, *others = events_of(audited, answer.request_id)
        # A replica is recorded in its own Region too: `test_a_replica_is_recorded_in_both_regions`.
        assert not others or name == "ReplicateKey", others
        if others:
            event = next(each for each in [event, *others] if each["eventName"] == name)
        assert event["eventName"] == name and not event.get("errorCode")
        assert event["readOnly"] is bool(READ_ONLY.match(name)), name
        if name in WITHOUT_RESOURCE:
            assert not event.get("resources")
        elif name != "CreateKey":
            arns = [entry["ARN"] for entry in event["resources"]]
            assert arns and (name != "ReEncrypt" or len(arns) == 2), name
        if event["readOnly"]:
            assert event["responseElements"] is None, name


def test_a_replica_is_recorded_in_both_regions(audited, own):
    key = own.key_id(MultiRegion=True)
    answer = own.call("ReplicateKey", KeyId=key, ReplicaRegion="eu-west-1")
    found = events_of(audited, answer.request_id, 2)
    where = {event["eventName"]: event for event in found}
    assert len(found) == 2 and set(where) == {"ReplicateKey", "CreateKey"}
    assert where["ReplicateKey"]["awsRegion"] == "us-east-1"
    assert where["CreateKey"]["awsRegion"] == "eu-west-1"
    for event in found:
        assert event["userIdentity"]["arn"] == own.root and event["readOnly"] is False
        assert not event.get("errorCode")
    arns = [entry["ARN"] for entry in where["CreateKey"]["resources"]]
    assert arns == [own.in_region("eu-west-1").arn(key)]


def test_changes_tell_their_key(audited, own):
    meta = own.key()
    for name, members in [
        ("DisableKey", {}),
        ("EnableKey", {}),
        ("UpdateKeyDescription", {"Description": "d"}),
        ("TagResource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        ("EnableKeyRotation", {"RotationPeriodInDays": 100}),
        ("ScheduleKeyDeletion", {"PendingWindowInDays": 7}),
    ]:
        event = event_of(audited, own.call(name, members, KeyId=meta["KeyId"]))
        assert event["requestParameters"]["keyId"] == meta["KeyId"]
        assert event["responseElements"]["keyId"] == meta["Arn"], name
    answer = own.call("CreateKey", Description="seen")
    created = event_of(audited, answer)["responseElements"]["keyMetadata"]
    assert created["arn"] == answer.body["KeyMetadata"]["Arn"]


def test_failures_are_recorded_with_their_code(audited, own):
    meta = own.key(Policy=policy(allow(own.root), deny("*", "kms:Encrypt")))
    key = meta["KeyId"]
    off = own.key_id()
    own.ok("DisableKey", KeyId=off)
    for code, name, members in [
        ("AccessDenied", "Encrypt", {"KeyId": key, "Plaintext": b"x"}),
        ("NotFoundException", "DescribeKey", {"KeyId": NO_SUCH_ID}),
        ("DisabledException", "Encrypt", {"KeyId": off, "Plaintext": b"x"}),
        ("ValidationException", "GenerateRandom", {"NumberOfBytes": 0}),
        ("ValidationException", "Encrypt", {"KeyId": key, "Plaintext": b""}),
        ("InvalidCiphertextException", "Decrypt", {"CiphertextBlob": b"nonsense"}),
        (
            "DryRunOperationException",
            "GenerateDataKey",
            {"KeyId": key, "KeySpec": "AES_256", "DryRun": True},
        ),
        ("ValidationException", "Sign", {"KeyId": key}),
        ("UnsupportedOperationException", "GetPublicKey", {"KeyId": off}),
        ("UnsupportedOperationException", "ConnectCustomKeyStore", {"CustomKeyStoreId": "cks-1"}),
    ]:
        answer = own.call(name, members)
        assert answer.status == 400
        event = event_of(audited, answer)
        assert event["errorCode"] == code and event["eventName"] == name, event
        if answer.message:
            assert event["errorMessage"] == answer.message


def test_bodies_that_cannot_be_read_are_recorded(audited, own):
    for name, body in [("Encrypt", b"{"), ("CreateKey", b'{"a":1,"a":2}')]:
        event = event_of(audited, own.raw(name, body))
        assert event["errorCode"] == "SerializationException" and event["eventName"] == name


def refuse_some(server):
    """Three requests that are refused before authentication; returns their answers."""
    caller = Caller(server, secret="wrong")
    answers = [caller.call("ListKeys"), caller.raw("Encrypt", b"{")]
    return [*answers, Caller(server, key_id="AKIDUNKNOWN").call("ListKeys")]


def test_refused_signatures_leave_a_line(audited):
    time.sleep(1.1)  # the operator's log takes a bounded number of such lines a second
    before = audited.log_text()
    codes = [answer.code for answer in refuse_some(audited)]
    until(
        lambda: all(
            audited.log_text().count(code) - before.count(code) >= codes.count(code)
            for code in codes
        ),
        SETTLE_SECONDS,
        "a line of each refusal",
    )


@pytest.mark.xfail(strict=True, reason="divergences, audit records: before authentication")
def test_refused_signatures_are_audited(audited):
    answers = refuse_some(audited)
    time.sleep(0.5)
    for answer in answers:
        assert any(answer.request_id.encode() in line for line in lines(audited))


def test_cryptographic_calls_are_on_disk_before_the_answer(audited, own):
    key = own.key_id()
    blob = own.encrypt(key, b"x")
    for _ in range(20):
        for name, members in [
            ("Decrypt", {"CiphertextBlob": blob}),
            ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}),
            ("DescribeKey", {"KeyId": key}),
        ]:
            answer = own.call(name, members)
            mark = answer.request_id.encode()
            assert any(mark in line for line in lines(audited)), f"{name} answered unrecorded"


def test_events_survive_a_kill(own_server):
    caller = Caller(own_server)
    key = caller.key_id()
    answers = [caller.call("Encrypt", KeyId=key, Plaintext=b"x") for _ in range(20)]
    answers += [caller.call("TagResource", KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}])]
    answers += [caller.call("CreateKey") for _ in range(3)]
    own_server.kill()
    own_server.start()
    for answer in answers:
        assert answer.status == 200
        assert len(events_of(own_server, answer.request_id)) == 1
    ids = [event["eventID"] for event in events(own_server)]
    assert len(ids) == len(set(ids))


def test_no_forged_lines(audited, own):
    text = '\n{"eventName":"fake","eventSource":"x","requestID":"fake"}\n\u001b[31m\r\u2028'
    answer = own.call(
        "CreateKey", Description=text, Tags=[{"TagKey": text[:100], "TagValue": text}]
    )
    assert answer.status == 200
    assert event_of(audited, answer)["requestParameters"]["description"] == text
    own.call("DescribeKey", KeyId=text)
    own.call("Encrypt", KeyId=text, Plaintext=b"x", EncryptionContext={text: text})
    assert not [event for event in events(audited) if event.get("requestID") == "fake"]
    assert all(b"\x1b" not in line for line in lines(audited))


def test_a_forged_user_agent_stays_one_field(audited, own):
    signing = Signing(own.credential)
    headers = own.headers("ListKeys", signing)
    agent = 'x", "errorCode": "y' + "\\" + "u" * 2000
    headers.append(("Authorization", signing.authorization(headers, b"{}")))
    headers.append(("User-Agent", agent))
    answer = own.send(wire.request_bytes(headers, b"{}"))
    assert answer.status == 200
    event = event_of(audited, answer)
    assert not event.get("errorCode") and agent.startswith(event["userAgent"][:500].rstrip("."))


def test_a_call_across_accounts_is_recorded_for_the_caller(audited, own):
    guest = Caller(audited)
    opened, closed = own.key(Policy=policy(allow(own.root), allow(guest.root))), own.key()
    for meta, code in [(opened, None), (closed, "AccessDenied")]:
        answer = guest.call("Encrypt", KeyId=meta["Arn"], Plaintext=b"x")
        found = events_of(audited, answer.request_id)
        assert guest.account in {event["recipientAccountId"] for event in found}
        assert all(event["userIdentity"]["accountId"] == guest.account for event in found)
        assert found[0].get("errorCode") == code
        if code is None:
            assert found[0]["resources"][0]["accountId"] == own.account


@pytest.mark.xfail(strict=True, reason="divergences, audit records: one record per call")
def test_both_accounts_of_a_shared_key_get_an_event(audited, own):
    guest = Caller(audited)
    meta = own.key(Policy=policy(allow(own.root), allow(guest.root)))
    answer = guest.call("Encrypt", KeyId=meta["Arn"], Plaintext=b"x")
    found = [event for event in events(audited) if event.get("requestID") == answer.request_id]
    assert {event["recipientAccountId"] for event in found} == {own.account, guest.account}
    assert len({event["sharedEventID"] for event in found}) == 1


def test_no_secret_on_disk_or_in_the_log(audited, own):
    plaintext = b"PLAINTEXT-MARKER-5c1f02f4d7e9"
    key = own.key_id()
    blob = own.ok("Encrypt", KeyId=key, Plaintext=plaintext)["CiphertextBlob"]
    own.ok("Decrypt", CiphertextBlob=blob)
    own.ok("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=key)
    own.call("Encrypt", KeyId=key, Plaintext=plaintext * 200)
    own.call("Encrypt", KeyId=NO_SUCH_ID, Plaintext=plaintext)
    own.raw("Encrypt", json.dumps({"KeyId": key, "Plaintext": plaintext.decode()}).encode())
    data_key = own.ok("GenerateDataKey", KeyId=key, KeySpec="AES_256")["Plaintext"]
    random = own.ok("GenerateRandom", NumberOfBytes=32)["Plaintext"]
    pair = own.ok("GenerateDataKeyPair", KeyId=key, KeyPairSpec="ECC_NIST_P256")
    kem = {"KeySpec": "ML_KEM_512", "KeyUsage": "ENCAPSULATE_DECAPSULATE"}
    shared = own.ok("Encapsulate", KeyId=own.key_id(**kem), EncapsulationAlgorithm="ML_KEM")
    signing = own.key_id(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    signed = {"KeyId": signing, "Message": plaintext, "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = own.ok("Sign", signed)["Signature"]
    own.ok("Verify", signed, Signature=signature)
    external = own.key_id(Origin="EXTERNAL")
    wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    parameters = own.ok("GetParametersForImport", wrapping, KeyId=external)
    own.ok("ImportKeyMaterial", imported(external, parameters))
    time.sleep(0.3)
    secrets = [plaintext, b64(plaintext).encode()[:36], plaintext.hex().encode()]
    secrets += [IMPORTED, IMPORTED.hex().encode(), b64(IMPORTED).encode()[:40]]
    # The first 36 bytes of a PKCS #8 key say only what it is; the private scalar follows.
    private = pair["PrivateKeyPlaintext"]
    secrets += [private[48:88].encode(), unb64(private)[36:68]]
    for text in (data_key, random, shared["SharedSecret"]):
        secrets += [text.encode().rstrip(b"=")[:40]]
    files = [path for path in audited.data_dir.rglob("*") if path.is_file()] + [audited.log]
    for path in files:
        content = path.read_bytes()
        for secret in secrets:
            assert secret not in content, f"{path.name} holds {secret[:12]}…"
    for line in lines(audited):
        assert blob.encode()[:60] not in line, "ciphertext in the audit log"
        assert parameters["ImportToken"].encode()[:60] not in line, "import token in the audit log"


def test_every_line_is_one_object(audited, own):
    own.ok("ListKeys")
    for line in lines(audited):
        assert isinstance(json.loads(line), dict)
    assert len(lines(audited)) > 1
