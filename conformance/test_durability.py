"""What was acknowledged stays: restarts, kill -9 of the server, kill -9 of the HSM process."""

import os
import random
import signal
import threading
import time

import pytest

from harness import wire
from harness.caller import Caller, unb64
from harness.server import alive, until
from harness.texts import allow, policy

ROUNDS = 12
WRITERS = 4
RECOVERY_SECONDS = 5


def picture(caller):
    """Everything that an account shows."""
    keys = {}
    for key in caller.ok("ListKeys", Limit=1000)["Keys"]:
        key_id = key["KeyId"]
        keys[key_id] = {
            "meta": caller.ok("DescribeKey", KeyId=key_id)["KeyMetadata"],
            "policy": caller.ok("GetKeyPolicy", KeyId=key_id),
            "tags": caller.ok("ListResourceTags", KeyId=key_id),
            "rotation": caller.ok("GetKeyRotationStatus", KeyId=key_id),
            "rotations": caller.ok(
                "ListKeyRotations", KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL"
            ),
        }
    return {"keys": keys, "aliases": caller.ok("ListAliases", Limit=100)}


def test_a_restart_keeps_everything(own_server):
    caller = Caller(own_server)
    far = caller.in_region("eu-west-1")
    keys = [caller.key_id(Description=f"k{index}") for index in range(4)]
    caller.ok("TagResource", KeyId=keys[0], Tags=[{"TagKey": "a", "TagValue": "é"}])
    caller.ok("CreateAlias", AliasName="alias/kept", TargetKeyId=keys[0])
    caller.ok("CreateAlias", AliasName="alias/gone", TargetKeyId=keys[0])
    caller.ok("DeleteAlias", AliasName="alias/gone")
    caller.ok("DisableKey", KeyId=keys[1])
    caller.ok("ScheduleKeyDeletion", KeyId=keys[2], PendingWindowInDays=9)
    caller.ok("PutKeyPolicy", KeyId=keys[3], Policy=policy(allow(caller.root), Id="kept"))
    caller.ok("EnableKeyRotation", KeyId=keys[3], RotationPeriodInDays=123)
    blobs = [caller.encrypt(keys[0], b"before")]
    caller.rotate(keys[0])
    blobs.append(caller.encrypt(keys[0], b"before"))
    far_blob = far.encrypt(far.key_id(), b"far")
    marker = caller.ok("ListKeys", Limit=1)["NextMarker"]
    before, far_before = picture(caller), picture(far)
    for stop in (own_server.stop, own_server.kill):
        stop()
        own_server.start()
        assert picture(caller) == before and picture(far) == far_before
        for blob in blobs:
            assert caller.decrypt(blob) == b"before"
        assert far.decrypt(far_blob) == b"far"
    assert len(caller.ok("ListKeys", Marker=marker)["Keys"]) == 3


class Writer(threading.Thread):
    """Creates keys, aliases and tags, and remembers what was acknowledged."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.caller = Caller(server)
        self.keys, self.aliases, self.tags = {}, {}, {}
        self.attempted = 0

    def run(self):
        try:
            for index in range(100_000):
                self.attempted += 1
                description = f"round {index}"
                key = self.caller.key_id(Description=description)
                self.keys[key] = description
                name = f"alias/w{index}"
                self.caller.ok("CreateAlias", AliasName=name, TargetKeyId=key)
                self.aliases[name] = key
                tags = [{"TagKey": f"t{n}", "TagValue": str(index)} for n in range(3)]
                self.caller.ok("TagResource", KeyId=key, Tags=tags)
                self.tags[key] = tags
        except (OSError, wire.Closed):
            pass  # the server was killed

    def verify(self):
        """Asserts that all acknowledged writes are there, and nothing is half there."""
        caller = Caller(self.caller.server, self.caller.account)
        listed = {
            key["KeyId"] for page in caller.pages("ListKeys", "Keys", Limit=1000) for key in page
        }
        assert set(self.keys) <= listed, "acknowledged keys are lost"
        assert len(listed - set(self.keys)) <= 1, "at most the last key was not acknowledged"
        aliases = {
            entry["AliasName"]: entry["TargetKeyId"]
            for page in caller.pages("ListAliases", "Aliases", Limit=100)
            for entry in page
        }
        assert set(self.aliases) <= set(aliases), "acknowledged aliases are lost"
        assert len(aliases) - len(self.aliases) <= 1
        for name, key in aliases.items():
            assert key in listed and self.aliases.get(name, key) == key
        sample = set(random.sample(sorted(listed), min(25, len(listed))))
        for key in sample | (listed - set(self.keys)):
            meta = caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]
            assert meta["Description"] == self.keys.get(key, meta["Description"])
            assert meta["KeyState"] == "Enabled"
            assert caller.ok("GetKeyPolicy", KeyId=key)["Policy"]
            assert caller.decrypt(caller.encrypt(key, b"x")) == b"x"
        for key in sample:
            tags = caller.ok("ListResourceTags", KeyId=key)["Tags"]
            assert tags == self.tags.get(key, tags) and len(tags) in (0, 3)
        caller.close()


@pytest.mark.timeout(120)
def test_kill_nine_loses_nothing_acknowledged(own_server):
    done = []
    for _ in range(ROUNDS):
        writers = [Writer(own_server) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(0.15, 0.5))
        own_server.kill()
        for writer in writers:
            writer.join(10)
            assert not writer.is_alive()
        own_server.start()
        for writer in writers:
            writer.verify()
        done += writers
    for writer in random.sample(done, WRITERS):
        writer.verify()
    assert sum(len(writer.keys) for writer in done) > ROUNDS * WRITERS, "too little was written"


def test_one_round_changes_are_whole(own_server):
    """CreateKey with tags and policy, killed at once after the answer: all of it or nothing."""
    for _ in range(3):
        caller = Caller(own_server)
        tags = [{"TagKey": f"t{index}", "TagValue": "v"} for index in range(20)]
        text = policy(allow(caller.root), Id="whole")
        key = caller.key_id(Tags=tags, Policy=text, Description="whole")
        own_server.kill()
        own_server.start()
        assert caller.ok("ListResourceTags", KeyId=key)["Tags"] == tags
        assert caller.ok("GetKeyPolicy", KeyId=key)["Policy"] == text


def calls_until_recovery(caller, key):
    """Calls Encrypt until it works again; returns the answers that were no success."""
    failures, deadline = [], time.monotonic() + RECOVERY_SECONDS
    while True:
        answer = caller.call("Encrypt", KeyId=key, Plaintext=b"x")
        if answer.status == 200:
            return failures
        failures.append(answer)
        assert time.monotonic() < deadline, f"no recovery: {answer.raw}"
        time.sleep(0.02)


def test_the_hsm_process_comes_back(own_server):
    caller = Caller(own_server)
    key = caller.key_id()
    blob = caller.encrypt(key, b"before")
    for _ in range(3):
        server_pid, hsm_pid = own_server.pid, own_server.hsm_pid()
        os.kill(hsm_pid, signal.SIGKILL)
        for answer in calls_until_recovery(caller, key):
            assert answer.status == 500 and answer.code == "KMSInternalException", answer.raw
        assert own_server.process.poll() is None and own_server.pid == server_pid
        until(lambda pid=hsm_pid: not alive(pid), 2, "the old HSM process is gone")
        assert own_server.hsm_pid() != hsm_pid
        assert caller.decrypt(blob) == b"before"
        assert caller.decrypt(caller.encrypt(caller.key_id(), b"new")) == b"new"


def test_calls_during_the_loss_of_the_hsm_process(own_server):
    """Eight busy connections while the HSM process is killed: each gets an answer, soon good."""
    account = Caller(own_server)
    key = account.key_id()
    stop, odd, good = threading.Event(), [], []

    def work():
        caller = Caller(own_server, account.account)
        while not stop.is_set():
            try:
                answer = caller.call("GenerateDataKey", KeyId=key, KeySpec="AES_256")
            except (OSError, wire.Closed) as error:
                odd.append(error)
                return
            if answer.status == 200:
                good.append(unb64(answer.body["Plaintext"]))
            elif (answer.status, answer.code) != (500, "KMSInternalException"):
                odd.append(answer.raw)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        time.sleep(0.3)
        os.kill(own_server.hsm_pid(), signal.SIGKILL)
        time.sleep(0.7)
    count = len(good)
    until(lambda: len(good) > count, RECOVERY_SECONDS, "answers after the loss")
    stop.set()
    for thread in threads:
        thread.join(10)
    assert not odd, odd[:3]
    assert len(set(good)) == len(good), "a data key was given twice"


def test_a_stopped_hsm_process_does_not_hang_the_server(own_server):
    caller = Caller(own_server)
    key = caller.key_id()
    hsm_pid = own_server.hsm_pid()
    os.kill(hsm_pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        answer = caller.call("Encrypt", KeyId=key, Plaintext=b"x")
        assert time.monotonic() - start < 15
        assert answer.status in (200, 500, 503), answer.raw
        caller.ok("ListKeys")
    finally:
        if alive(hsm_pid):
            os.kill(hsm_pid, signal.SIGCONT)
    calls_until_recovery(caller, key)


def test_the_hsm_process_holds_no_file_of_the_store(own_server):
    Caller(own_server).key_id()
    folder = f"/proc/{own_server.hsm_pid()}/fd"
    targets = [os.readlink(f"{folder}/{entry}") for entry in os.listdir(folder)]
    held = [target for target in targets if f"{own_server.data_dir}/" in target]
    # It counts in one file what it did, for whoever finds out that the server was killed.
    assert set(held) <= {f"{own_server.data_dir}/hsm-tally"}, targets
