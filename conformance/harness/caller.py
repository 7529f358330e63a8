"""A client that says what the test says: own signer, own HTTP, bodies unchecked."""

import base64
import itertools
import json
import random
import time

from harness import wire
from harness.sigv4 import Credential, Signing

ROTATION_SECONDS = 10
CONTENT_TYPE = "application/x-amz-json-1.1"
_accounts = itertools.count(random.randrange(100, 900) * 10**9)


def fresh_account():
    """An account id that no other test of this run uses."""
    return f"{next(_accounts):012d}"


def b64(data):
    """Bytes as the wire carries them."""
    return base64.b64encode(data).decode()


def unb64(text):
    """Bytes from the wire; strict."""
    return base64.b64decode(text, validate=True)


class Caller:
    """The root user of one account in one Region, on a kept-alive connection."""

    def __init__(self, server, account=None, region="us-east-1", secret="test", key_id=None):
        self.server = server
        self.account = account or fresh_account()
        self.credential = Credential(key_id or self.account, secret, region)
        self.connection = None
        self.requests = []

    @property
    def region(self):
        """The Region that the requests are signed for."""
        return self.credential.region

    @property
    def root(self):
        """The ARN of this caller."""
        return f"arn:aws:iam::{self.account}:root"

    def arn(self, resource):
        """The ARN of a key (by id) or an alias (by name) of this account and Region."""
        kind = resource if resource.startswith("alias/") else f"key/{resource}"
        return f"arn:aws:kms:{self.region}:{self.account}:{kind}"

    def in_region(self, region):
        """The same caller in another Region."""
        return Caller(self.server, self.account, region, self.credential.secret)

    def headers(self, operation, signing):
        """The headers of a good request, without Authorization."""
        return [
            ("Host", f"127.0.0.1:{self.server.port}"),
            ("Content-Type", CONTENT_TYPE),
            ("X-Amz-Target", f"TrentService.{operation}"),
            ("X-Amz-Date", signing.date),
        ]

    def signed(self, operation, body, **signing):
        """The bytes of a signed request; keywords bend the signing."""
        how = Signing(self.credential, **signing)
        headers = self.headers(operation, how)
        headers.append(("Authorization", how.authorization(headers, body)))
        return wire.request_bytes(headers, body)

    def send(self, data):
        """Sends request bytes on the kept connection; once more on a new one if it was closed."""
        for attempt in (1, 2):
            fresh = self.connection is None
            if fresh:
                self.connection = wire.Connection(self.server.port)
            try:
                self.connection.send(data)
                answer = self.connection.receive()
            except (wire.Closed, ConnectionError):
                self.close()
                if fresh or attempt == 2:
                    raise
                continue
            if answer.headers.get("connection", "").lower() == "close":
                self.close()
            return answer
        raise AssertionError("unreachable")

    def close(self):
        """Drops the kept connection."""
        if self.connection:
            self.connection.close()
            self.connection = None

    def raw(self, operation, body):
        """Sends body bytes as they are, well signed."""
        return self.send(self.signed(operation, body))

    def call(self, operation, members=None, **named):
        """Calls an operation; the answer may be an error. bytes values become base64."""
        members = {**(members or {}), **named}
        body = json.dumps(members, default=b64).encode()
        return self.raw(operation, body)

    def ok(self, operation, members=None, **named):
        """Calls an operation that must succeed; returns its output."""
        answer = self.call(operation, members, **named)
        assert answer.status == 200, f"{operation}: {answer.status} {answer.raw[:500]}"
        return answer.body

    def fails(self, code, operation, members=None, **named):
        """Calls an operation that must fail with HTTP 400 and this code; returns the message."""
        answer = self.call(operation, members, **named)
        expect_error(answer, code)
        return answer.message

    def key(self, **members):
        """A new key; returns its metadata."""
        return self.ok("CreateKey", members)["KeyMetadata"]

    def key_id(self, **members):
        """A new key; returns its bare id."""
        return self.key(**members)["KeyId"]

    def encrypt(self, key_id, plaintext, **named):
        """The blob of a plaintext, as bytes."""
        return unb64(self.ok("Encrypt", named, KeyId=key_id, Plaintext=plaintext)["CiphertextBlob"])

    def decrypt(self, blob, **named):
        """The plaintext of a blob."""
        return unb64(self.ok("Decrypt", named, CiphertextBlob=blob)["Plaintext"])

    def rotate(self, key_id):
        """Rotates on demand and waits for the end; returns the new key material's id."""
        before, deadline = self.material(key_id), time.monotonic() + ROTATION_SECONDS
        while (answer := self.call("RotateKeyOnDemand", KeyId=key_id)).code == "ConflictException":
            assert time.monotonic() < deadline, answer.raw
            time.sleep(0.05)
        assert answer.status == 200, answer.raw
        while (after := self.material(key_id)) == before:
            assert time.monotonic() < deadline, "the rotation does not end"
            time.sleep(0.05)
        return after

    def material(self, key_id):
        """The id of a key's current key material."""
        return self.ok("DescribeKey", KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]

    def pages(self, operation, member, **named):
        """Every page of a listing, as a list of lists."""
        pages, marker = [], None
        while True:
            extra = {"Marker": marker} if marker else {}
            out = self.ok(operation, {**named, **extra})
            pages.append(out[member])
            assert out["Truncated"] is ("NextMarker" in out), out
            if not out["Truncated"]:
                return pages
            marker = out["NextMarker"]
            assert len(pages) < 500, "the listing does not end"


def expect_error(answer, code, message=..., status=400):
    """Asserts an error's form, code and, if given, message (None: no such member)."""
    shown = f"{answer.status} {answer.raw[:600]}"
    assert answer.status == status, shown
    assert answer.code in ({code} if isinstance(code, str) else set(code)), shown
    assert set(answer.body) <= {"__type", "message", "Message"}, shown
    assert answer.request_id and answer.headers.get("date"), answer.headers
    if message is not ...:
        assert answer.message == message, shown
