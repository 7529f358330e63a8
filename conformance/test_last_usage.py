"""GetKeyLastUsage: exact at once, and the same after a restart and after kill -9."""

import json
import time

from harness.caller import Caller, fresh_account


def used(caller, key):
    """The last use of a key."""
    return caller.ok("GetKeyLastUsage", KeyId=key)["KeyLastUsage"]


def records(server):
    """The events of the audit log, by their id."""
    found = {}
    for path in sorted((server.data_dir / "audit").glob("audit-*.log")):
        for line in path.read_text().splitlines()[1:]:
            event = json.loads(line)["event"]
            found[event["eventID"]] = event
    return found


def test_a_new_key_and_its_uses(caller):
    made = caller.ok("CreateKey")["KeyMetadata"]
    key = made["KeyId"]
    assert caller.ok("GetKeyLastUsage", KeyId=made["Arn"]) == {
        "KeyId": key,
        "KeyLastUsage": {},
        "TrackingStartDate": made["CreationDate"],
        "KeyCreationDate": made["CreationDate"],
    }
    answer = caller.call("Encrypt", KeyId=key, Plaintext=b"x")
    last = used(caller, key)
    assert last["Operation"] == "Encrypt"
    assert last["KmsRequestId"] == answer.headers["x-amzn-requestid"]
    assert abs(last["Timestamp"] - time.time()) < 5
    caller.ok("DescribeKey", KeyId=key)
    caller.fails("DryRunOperationException", "Encrypt", KeyId=key, Plaintext=b"x", DryRun=True)
    caller.fails("InvalidCiphertextException", "Decrypt", KeyId=key, CiphertextBlob=b"x")
    assert used(caller, key) == last
    caller.decrypt(answer.body["CiphertextBlob"])
    assert used(caller, key)["Operation"] == "Decrypt"


def test_errors(caller, stranger):
    key = caller.ok("CreateKey")["KeyMetadata"]["Arn"]
    caller.fails("InvalidArnException", "GetKeyLastUsage", KeyId="alias/x")
    caller.fails("NotFoundException", "GetKeyLastUsage", KeyId=key[:-12] + "0" * 12)
    stranger.fails("AccessDeniedException", "GetKeyLastUsage", KeyId=key)


def test_it_survives(own_server):
    """Killed right after the answer, before anything can have been stored; then stopped."""
    account = fresh_account()
    near = Caller(own_server, account)
    far = near.in_region("eu-west-1")
    keys = {caller: [caller.key_id() for _ in range(3)] for caller in (near, far)}
    seen = {}
    for stop in (own_server.kill, own_server.kill, own_server.stop, own_server.kill):
        for caller, (one, two, idle) in keys.items():
            blob = caller.encrypt(one, b"x")
            caller.ok("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=two)
            caller.ok("GenerateDataKey", KeyId=two, KeySpec="AES_256")
            seen[caller] = [used(caller, key) for key in (one, two, idle)]
            assert [last.get("Operation") for last in seen[caller]] == [
                "ReEncrypt",
                "GenerateDataKey",
                None,
            ]
        stop()
        own_server.start()
        log = records(own_server)
        for caller, names in keys.items():
            assert [used(caller, key) for key in names] == seen[caller]
            for last in seen[caller][:2]:
                event = log[last["CloudTrailEventId"]]
                assert event["eventName"] == last["Operation"]
                assert event["requestID"] == last["KmsRequestId"]
                assert "errorCode" not in event


def test_it_survives_after_it_was_stored(own_server):
    """The clockwork has stored it and moved its mark: the log is not needed any more."""
    caller = Caller(own_server)
    old, new = caller.key_id(), caller.key_id()
    caller.encrypt(old, b"x")
    last = used(caller, old)
    time.sleep(16)  # three looks of the clockwork
    caller.encrypt(new, b"x")
    newer = used(caller, new)
    own_server.kill()
    for segment in (own_server.data_dir / "audit").glob("audit-*.log"):
        assert last["CloudTrailEventId"] in segment.read_text()
    own_server.start()
    assert used(caller, old) == last
    assert used(caller, new) == newer


def test_uses_under_load_are_not_lost(own_server):
    """Many keys, killed while they are used: the log and the answers agree about each."""
    caller = Caller(own_server)
    names = [caller.key_id() for _ in range(40)]
    deadline = time.monotonic() + 7  # the clockwork looks at least once meanwhile
    while time.monotonic() < deadline:
        for key in names:
            caller.encrypt(key, b"x")
    own_server.kill()
    own_server.start()
    newest = {}
    for event in records(own_server).values():
        if event["eventName"] == "Encrypt" and "errorCode" not in event:
            newest[event["resources"][0]["ARN"].rsplit("/", 1)[1]] = event
    for key in names:
        assert used(caller, key)["CloudTrailEventId"] == newest[key]["eventID"]
