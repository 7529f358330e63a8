"""Requests that are sent twice: row B12 of reference/formats/hostile-inputs.md, under `keystead
serve` with `listen.refuse_replays` on and off. docs/configuration.md says what it costs.
"""

import json
import re
import subprocess
import threading
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timedelta, timezone

import pytest

from harness import server, wire
from harness.caller import Caller, expect_error
from harness.query import FORM
from harness.sigv4 import Signing, stamp

ACCOUNT = "123456789012"
REPEATED = (
    "Signature not valid: a request with this signature was received before. "
    "Sign the request again."
)


class ServeServer(server.Server):
    """`keystead serve` with the option on or off."""

    def __init__(self, folder, refuse):
        super().__init__(folder / "data", folder / "serve.log")
        self.config = folder / "keystead.toml"
        lines = [f'data_dir = "{self.data_dir}"', 'regions = ["us-east-1"]']
        lines += ["[listen]", "refuse_replays = true"] if refuse else []
        self.config.write_text("\n".join(lines) + "\n")
        command = [server.binary(), "init", "--data-dir", self.data_dir, "--account", ACCOUNT]
        command += ["--region", "us-east-1"]
        made = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        named = dict(re.findall(r"export (AWS_\w+)=(\S+)", made.stdout))
        self.root = named["AWS_ACCESS_KEY_ID"], named["AWS_SECRET_ACCESS_KEY"]

    def start(self):
        """Starts the server and waits until it is healthy; returns self."""
        command = [server.binary(), "serve", "--config", str(self.config)]
        command += ["--listen", f"127.0.0.1:{self.port}", "--workers", "2"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        server.until(self._ready, server.READY_SECONDS, f"healthy; its log is {self.log}")
        return self

    def caller(self):
        """The account's root user."""
        return Caller(self, ACCOUNT, secret=self.root[1], key_id=self.root[0])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """With the option on."""
    serving = ServeServer(tmp_path_factory.mktemp("on"), refuse=True).start()
    yield serving
    serving.stop()


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory):
    """With the option off, as it is when nobody sets it."""
    serving = ServeServer(tmp_path_factory.mktemp("off"), refuse=False).start()
    yield serving
    serving.stop()


def create(caller, mark):
    """The bytes of a signed CreateKey, different for each mark."""
    return caller.signed("CreateKey", json.dumps({"Description": mark}).encode())


def keys(caller, mark):
    """How many keys have that description."""
    listed = [key["KeyId"] for page in caller.pages("ListKeys", "Keys") for key in page]
    found = [caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]["Description"] for key in listed]
    return found.count(mark)


def at_once(port, data, count):
    """Sends the same bytes on so many connections at the same time; the answers."""
    barrier, answers = threading.Barrier(count), []

    def send():
        with wire.Connection(port) as connection:
            connection.send(data[:-1])
            barrier.wait()
            connection.send(data[-1:])
            answers.append(connection.receive())

    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == count
    return answers


def test_b12_off_a_repeated_change_is_another_change(unguarded):
    caller = unguarded.caller()
    data = create(caller, "off")
    assert [caller.send(data).status for _ in range(3)] == [200] * 3
    assert {answer.status for answer in at_once(unguarded.port, data, 4)} == {200}
    assert keys(caller, "off") == 7


def test_b12_on_the_second_is_refused(guarded):
    caller = guarded.caller()
    data = create(caller, "on")
    assert caller.send(data).status == 200
    for _ in range(3):
        expect_error(caller.send(data), "InvalidSignatureException", REPEATED)
    # Another connection, another order of header lines: still the same request.
    head, body = data.split(b"\r\n\r\n", 1)
    first, *lines = head.split(b"\r\n")
    turned = b"\r\n".join([first, *reversed(lines)]) + b"\r\n\r\n" + body
    answer = wire.exchange(guarded.port, turned)
    expect_error(answer, "InvalidSignatureException", REPEATED)
    assert keys(caller, "on") == 1


def test_b12_on_of_equal_changes_at_once_exactly_one_passes(guarded):
    caller = guarded.caller()
    for round_ in range(10):
        mark = f"together {round_}"
        count = 2 if round_ < 8 else 8
        answers = at_once(guarded.port, create(caller, mark), count)
        good = [answer for answer in answers if answer.status == 200]
        assert len(good) == 1, [answer.raw for answer in answers]
        for answer in answers:
            if answer is not good[0]:
                expect_error(answer, "InvalidSignatureException", REPEATED)
        assert keys(caller, mark) == 1


def test_b12_on_a_cancelled_deletion_stays_cancelled(guarded):
    """The case for which the option is there."""
    caller = guarded.caller()
    key = caller.key_id(Description="deleted")
    schedule = caller.signed("ScheduleKeyDeletion", json.dumps({"KeyId": key}).encode())
    assert caller.send(schedule).status == 200
    caller.ok("CancelKeyDeletion", KeyId=key)
    expect_error(caller.send(schedule), "InvalidSignatureException", REPEATED)
    assert caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"


def test_b12_on_reading_and_using_keys_may_be_repeated(guarded):
    caller = guarded.caller()
    key = caller.key_id(Description="used")
    for operation, members in [
        ("ListKeys", {}),
        ("DescribeKey", {"KeyId": key}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}),
        ("Encrypt", {"KeyId": key, "Plaintext": "AAAA"}),
        ("GenerateRandom", {"NumberOfBytes": 8}),
    ]:
        data = caller.signed(operation, json.dumps(members).encode())
        statuses = [caller.send(data).status for _ in range(3)]
        assert statuses == [200] * 3, operation


def test_b12_on_a_wrong_signature_is_not_remembered(guarded):
    """Who sends a captured signature with another body, or date, cannot spend it."""
    caller = guarded.caller()
    data = create(caller, "spent")
    forged = data.replace(b'"spent"', b'"SPENT"')
    for _ in range(3):
        answer = caller.send(forged)
        expect_error(answer, "InvalidSignatureException")
        assert answer.message != REPEATED
    assert caller.send(data).status == 200
    # What was refused for another reason is remembered all the same: it was signed.
    missing = json.dumps({"KeyId": "0" * 8 + "-0000-0000-0000-" + "0" * 12}).encode()
    missing = caller.signed("EnableKey", missing)
    expect_error(caller.send(missing), "NotFoundException")
    expect_error(caller.send(missing), "InvalidSignatureException", REPEATED)


def test_b12_on_equal_changes_must_be_signed_in_different_seconds(guarded):
    """The price of the option, as docs/configuration.md has it."""
    caller, now = guarded.caller(), datetime.now(timezone.utc)
    signed = [
        caller.signed("CreateKey", b'{"Description": "equal"}', date=stamp(now - timedelta(0, back)))
        for back in (0, 0, 1, 2)
    ]
    statuses = [caller.send(data).status for data in signed]
    assert statuses == [200, 400, 200, 200]
    assert keys(caller, "equal") == 3


def iam(caller, form):
    """The bytes of a signed call of IAM."""
    signing = Signing(caller.credential, service="iam")
    headers = [
        ("Host", f"127.0.0.1:{caller.server.port}"),
        ("Content-Type", FORM),
        ("X-Amz-Date", signing.date),
    ]
    headers.append(("Authorization", signing.authorization(headers, form)))
    return wire.request_bytes(headers, form)


def code(answer):
    """The code of an XML fault."""
    document = ElementTree.fromstring(answer.raw)
    return next(one.text for one in document.iter() if one.tag.endswith("}Code"))


@pytest.mark.parametrize("refuse", [True, False])
def test_b12_of_iam(guarded, unguarded, refuse):
    caller = (guarded if refuse else unguarded).caller()
    data = iam(caller, b"Action=CreateAccessKey&Version=2010-05-08&UserName=twice")
    make = iam(caller, b"Action=CreateUser&Version=2010-05-08&UserName=twice")
    assert caller.send(make).status == 200
    answer = caller.send(make)
    assert code(answer) == ("SignatureDoesNotMatch" if refuse else "EntityAlreadyExists")
    assert caller.send(data).status == 200
    assert caller.send(data).status == (403 if refuse else 200)
    reads = iam(caller, b"Action=ListAccessKeys&Version=2010-05-08&UserName=twice")
    answers = [caller.send(reads) for _ in range(2)]
    assert [answer.status for answer in answers] == [200] * 2
    assert answers[0].raw.count(b"<AccessKeyId>") == (1 if refuse else 2)
