"""What is done to a deployment as a whole is in the audit log: made, started, given an account, and
what becomes of its HSM process. Each once, and without it nothing goes on."""

import json
import os
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

from harness import server, wire
from harness.caller import Caller

ONE, TWO = "123456789012", "210987654321"


def run(*arguments):
    """Runs a command; gives its status and all that it printed."""
    command = [server.binary(), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    return done.returncode, done.stdout + done.stderr


class Made(server.Server):
    """`keystead serve` on a directory that `keystead init` made."""

    def start(self):
        """Starts the server and waits until it is healthy; returns self."""
        config = self.data_dir / "keystead.toml"
        command = [server.binary(), "serve", "--config", str(config)]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        server.until(self._ready, server.READY_SECONDS, f"healthy; its log is {self.log}")
        return self


@pytest.fixture
def made(tmp_path):
    """A directory that `init` made, with its server, which is not started."""
    place = tmp_path / "data"
    options = ["--data-dir", place, "--account", ONE]
    status, text = run("init", *options, "--region", "eu-west-1", "--region", "us-east-1")
    assert status == 0, text
    one = Made(place)
    yield one
    if one.process is not None:
        one.kill()


def lines(place):
    """The log's lines, but for the segments' first."""
    found = []
    for path in sorted((place / "audit").glob("audit-*.log")):
        found += [json.loads(line) for line in path.read_bytes().splitlines()[1:]]
    return found


def administrative(place):
    """The lines of what nobody asked for over the network."""
    return [line for line in lines(place) if line["event"]["eventType"] == "AwsServiceEvent"]


def names(place):
    """The names of these events, in order."""
    return [line["event"]["eventName"] for line in administrative(place)]


def verified(place):
    """What `keystead audit verify` says of a whole log."""
    status, text = run("audit", "verify", "--data-dir", place)
    assert status == 0 and "the chain is whole" in text, text
    return text


def test_a_life(made):
    place = made.data_dir
    domains = ["CreateDomainKey", "OpenDomainKey"] * 3
    init = ["CreateRootKey", "StartHsmProcess", *domains, "CreateRootAccessKey"]
    init += ["InitializeDeployment", "EndHsmProcess"]
    assert names(place) == init
    assert "no record" not in verified(place)

    status, text = run("account", "add", "--data-dir", place, "--account", TWO)
    assert status == 0, text
    added = [*init, "StartHsmProcess", "CreateRootAccessKey", "EndHsmProcess"]
    assert names(place) == added

    made.start()
    first = ["StartHsmProcess", "OpenAccessKeys", "CreateSessionTokenKey", "StartServer"]
    assert names(place) == [*added, *first]
    old = made.hsm_pid()
    os.kill(old, signal.SIGKILL)

    def replaced():
        return server.children(made.pid) not in ([], [old]) and made.healthy()

    server.until(replaced, 10, "another HSM process")
    made.stop()
    crash = ["EndHsmProcess", "StartHsmProcess", "EndHsmProcess", "StopServer"]
    assert names(place) == [*added, *first, *crash]
    ended = [line["event"] for line in administrative(place)][-4]["serviceEventDetails"]
    assert ended["processId"] == old and "9" in ended["status"], ended

    made.start()
    made.stop()
    again = ["StartHsmProcess", "OpenAccessKeys", "OpenIdentities", "StartServer"]
    again += ["EndHsmProcess", "StopServer"]
    assert names(place) == [*added, *first, *crash, *again]
    assert "no record" not in verified(place)


def test_who_did_it(made):
    record = [line for line in administrative(made.data_dir)][-2]["event"]
    assert record["eventName"] == "InitializeDeployment"
    assert record["recipientAccountId"] == ONE and "errorCode" not in record
    identity = record["userIdentity"]
    assert identity["type"] == "Unknown" and identity["principalId"] == f"uid:{os.getuid()}"
    assert identity["accountId"] == ONE
    assert identity["sessionContext"]["attributes"]["processId"].isdigit()
    assert record["userAgent"].startswith("keystead/") and record["userAgent"].endswith(" init")
    assert record["serviceEventDetails"]["regions"] == ["eu-west-1", "us-east-1"]


def test_uses_of_the_hsm_have_their_receipts(made):
    for line in administrative(made.data_dir):
        name, receipts = line["event"]["eventName"], line["receipts"]
        uses = {"CreateDomainKey": 1, "OpenDomainKey": 1, "CreateRootAccessKey": 2}
        assert len(receipts) == uses.get(name, 0), line
    counted = [note for line in lines(made.data_dir) for note in line["receipts"]]
    epochs = {note["epoch"] for note in counted}
    events = [line["event"] for line in administrative(made.data_dir)]
    (start,) = [event for event in events if event["eventName"] == "StartHsmProcess"]
    assert epochs == {start["serviceEventDetails"]["epoch"]}
    for lane in {note["lane"] for note in counted}:
        counters = sorted(note["counter"] for note in counted if note["lane"] == lane)
        assert counters == list(range(1, len(counters) + 1))


def test_no_secret_is_in_a_record(made):
    text = json.dumps(lines(made.data_dir))
    root_key = (made.data_dir / "root.key").read_bytes()
    assert root_key.hex() not in text and "SECRET" not in text


def test_init_without_its_record_fails(tmp_path):
    """No file can grow beyond some kilobytes: neither log nor stores. Nothing can be used then."""
    place = tmp_path / "data"
    limited = ["prlimit", "--fsize=4000", server.binary(), "init"]
    arguments = ["--data-dir", str(place), "--region", "eu-west-1"]
    done = subprocess.run([*limited, *arguments], capture_output=True, text=True, timeout=50)
    assert done.returncode != 0
    assert not (place / "keystead.toml").exists()
    assert "AWS_SECRET_ACCESS_KEY" not in done.stdout


def test_a_started_development_server_is_on_record(tmp_path):
    one = server.Server(tmp_path / "data").start()
    caller = Caller(one)
    caller.key_id()
    caller.in_region("eu-west-1").key_id()
    one.stop()
    found = names(one.data_dir)
    assert found.count("StartServer") == found.count("StopServer") == 1
    assert found.count("CreateRootKey") == found.count("StartHsmProcess") == 1
    assert found.count("CreateDomainKey") == 3
    assert "no record" not in verified(one.data_dir)


def halt(process):
    """Stops a process, and waits until none of its threads runs any more."""
    os.kill(process, signal.SIGSTOP)

    def halted():
        states = Path(f"/proc/{process}/task").glob("*/stat")
        return all(state.read_text().rpartition(") ")[2][0] == "T" for state in states)

    server.until(halted, 5, "it has stopped")


def counted(data_dir):
    """How many commands the HSM process has counted, on all lanes (docs/formats/audit-log.md)."""
    tally = (data_dir / "hsm-tally").read_bytes()
    return sum(count for (count,) in struct.iter_unpack(">Q", tally[16:]))


def test_uses_without_a_record_show_as_a_gap(tmp_path):
    """The server is killed after the HSM process has done its work and before there is a record."""
    one = server.Server(tmp_path / "data").start()
    caller = Caller(one)
    key = caller.key_id()
    body = b'{"KeyId":"%s","Plaintext":"AA=="}' % key.encode()
    hsm = one.hsm_pid()
    connections = [wire.Connection(one.port) for _ in range(2)]
    halt(hsm)
    before = counted(one.data_dir)
    for connection in connections:
        connection.send(caller.signed("Encrypt", body))
    # The server has handed both on; from here on it does nothing.
    time.sleep(1)
    halt(one.pid)
    os.kill(hsm, signal.SIGCONT)
    server.until(lambda: counted(one.data_dir) >= before + 2, 5, "both are done")
    one.kill()
    assert "Encrypt" not in [line["event"]["eventName"] for line in lines(one.data_dir)]
    one.start()
    one.stop()
    ended = [line["event"] for line in administrative(one.data_dir)]
    (told,) = [
        event["serviceEventDetails"]
        for event in ended
        if "unrecorded" in (event["serviceEventDetails"] or {})
    ]
    assert told["unrecorded"] == 2 and told["why"] == "its server was killed", told
    assert "the HSM process did more before its server was killed" in one.log_text()
    text = verified(one.data_dir)
    gaps = [line for line in text.splitlines() if "have no record" in line]
    assert sum(int(line.split(": ")[1].split()[0]) for line in gaps) == 2, text
