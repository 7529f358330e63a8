"""Defects seen in similar systems, by their number in the list of traps."""

import base64
import json
import os
import zlib

import pytest

from harness import texts
from harness.caller import Caller, b64, unb64
from harness.texts import allow, deny, policy

BAD = "InvalidCiphertextException"


@pytest.mark.parametrize(
    "sealed, opened",
    [
        ({"a": "bc"}, {"ab": "c"}),
        ({"a": "b", "c": "d"}, {"a": "bcd"}),
        ({"a": "b", "c": "d"}, {"ab": "cd"}),
        ({"a=b": "c"}, {"a": "b=c"}),
        ({"a": "1&b=2"}, {"a": "1", "b": "2"}),
        ({"a": "1\x00b\x002"}, {"a": "1", "b": "2"}),
        ({"": "ab"}, {"ab": ""}),
        ({"": ""}, {}),
    ],
)
def test_1_contexts_are_framed(caller, sealed, opened):
    blob = caller.encrypt(caller.key_id(), b"x", EncryptionContext=sealed)
    answer = caller.call("Decrypt", CiphertextBlob=blob, EncryptionContext=opened)
    assert (answer.status, answer.body) == (400, {"__type": BAD})
    assert caller.decrypt(blob, EncryptionContext=sealed) == b"x"


def test_1_order_does_not_matter_but_bytes_do(caller):
    pairs = [("b", "2"), ("a", "1"), ("é", "3"), ("aa", "4")]
    blob = caller.encrypt(caller.key_id(), b"x", EncryptionContext=dict(pairs))
    assert caller.decrypt(blob, EncryptionContext=dict(sorted(pairs))) == b"x"
    caller.fails(BAD, "Decrypt", CiphertextBlob=blob, EncryptionContext=dict(pairs[:-1], AA="4"))


def test_2_length_fields_of_the_largest_values(caller):
    blob = caller.encrypt(caller.key_id(), b"x" * 64)
    before = caller.server.rss_bytes()
    for width in (2, 4, 8):
        for index in range(len(blob) - width):
            for fill in (b"\xff", b"\x7f"):
                bent = blob[:index] + fill * width + blob[index + width :]
                if bent != blob:
                    answer = caller.call("Decrypt", CiphertextBlob=bent)
                    assert answer.status == 400, answer.raw[:200]
    assert caller.server.rss_bytes() - before < 64 << 20
    assert caller.server.process.poll() is None


def layers(data, depth=3):
    """The data, and what comes of it by decoding base64 or zlib a few times, at any offset."""
    yield data
    if depth == 0:
        return
    for decode in (base64.b64decode, base64.urlsafe_b64decode, zlib.decompress):
        for offset in range(4):
            try:
                inner = decode(data[offset:])
            except (ValueError, zlib.error):
                continue
            if inner:
                yield from layers(inner, depth - 1)


def test_3_no_plaintext_in_the_blob(caller):
    marker = b"MARKER-OF-THE-PLAINTEXT-0123456789"
    key = caller.key_id()
    for plaintext in (marker, marker * 50, base64.b64encode(marker)):
        blob = caller.encrypt(key, plaintext)
        for layer in layers(blob):
            for form in (marker, base64.b64encode(marker), marker[::-1], marker.hex().encode()):
                assert form not in layer
                assert form[:8] not in layer
    zeros = caller.encrypt(key, b"\x00" * 4096)
    assert b"\x00" * 16 not in zeros[-4096:], "a key stream of nothing"


def test_3_equal_blocks_do_not_show(caller):
    blob = caller.encrypt(caller.key_id(), b"A" * 4096)
    blocks = [blob[index : index + 16] for index in range(0, len(blob) - 15)]
    assert len(set(blocks)) == len(blocks)


def test_5_rotation_rotates(caller):
    meta = caller.key()
    key = meta["KeyId"]
    old = caller.encrypt(key, b"old")
    material = caller.rotate(key)
    assert material != meta["CurrentKeyMaterialId"]
    out = caller.ok("Decrypt", CiphertextBlob=old)
    assert out["KeyMaterialId"] == meta["CurrentKeyMaterialId"]
    new = caller.encrypt(key, b"old")
    assert caller.ok("Decrypt", CiphertextBlob=new)["KeyMaterialId"] == material


def test_7_decrypt_without_key_id_asks_the_key_of_the_blob(caller):
    text = policy(allow(caller.root), deny("*", ["kms:Decrypt", "kms:ReEncryptFrom"]))
    closed, plain = caller.key(Policy=text), caller.key_id()
    blob = caller.encrypt(closed["KeyId"], b"x")
    for members in ({}, {"KeyId": closed["KeyId"]}):
        message = caller.fails("AccessDeniedException", "Decrypt", members, CiphertextBlob=blob)
        assert message in (
            texts.ciphertext_denied(caller.root),
            texts.explicit_deny(caller.root, "Decrypt", closed["Arn"]),
        )
    caller.fails("AccessDeniedException", "ReEncrypt", CiphertextBlob=blob, DestinationKeyId=plain)
    caller.fails("AccessDeniedException", "Decrypt", CiphertextBlob=blob, DryRun=True)


def test_7_authorization_comes_before_the_ciphertext(caller):
    """Who may not decrypt learns nothing of a blob's integrity, context or the key's state."""
    text = policy(allow(caller.root), deny("*", "kms:Decrypt"))
    meta = caller.key(Policy=text)
    blob = bytearray(caller.encrypt(meta["KeyId"], b"x", EncryptionContext={"a": "b"}))
    blob[-1] ^= 1
    caller.fails("AccessDeniedException", "Decrypt", CiphertextBlob=bytes(blob))
    caller.ok("DisableKey", KeyId=meta["KeyId"])
    caller.fails("AccessDeniedException", "Decrypt", CiphertextBlob=bytes(blob))


def test_8_unknown_credentials_get_nothing(server):
    for key_id, secret in [("AKIAIOSFODNN7EXAMPLE", "test"), ("12345", "test"), ("root", "test")]:
        for operation in ("ListKeys", "CreateKey", "GenerateRandom", "Nonsense"):
            answer = Caller(server, secret=secret, key_id=key_id).call(operation)
            assert answer.code == "UnrecognizedClientException", answer.raw


def test_10_the_identity_is_the_one_that_signed(server):
    """Account ids placed anywhere but in the signed credential do not count."""
    from harness import wire
    from harness.sigv4 import Signing

    caller, victim = Caller(server), Caller(server)
    victim.key_id()
    body = b"{}"
    for extra in [
        ("X-Amz-Credential", f"{victim.account}/x"),
        ("X-Amzn-Account-Id", victim.account),
        ("X-Forwarded-User", victim.root),
        ("X-Account-Id", victim.account),
    ]:
        signing = Signing(caller.credential)
        headers = [*caller.headers("ListKeys", signing), extra]
        headers.append(("Authorization", signing.authorization(headers, body)))
        answer = caller.send(wire.request_bytes(headers, body))
        assert answer.status == 400 or answer.body["Keys"] == [], answer.raw


def forged_blobs(key_id, arn):
    """Unauthenticated or well-known layouts of other implementations."""
    uuid = bytes.fromhex(key_id.replace("-", ""))
    text = b"forged plaintext"
    yield from (text, b64(text).encode(), key_id.encode() + text, uuid + text)
    yield key_id.encode() + os.urandom(12) + os.urandom(16) + text  # moto's layout
    yield key_id.encode() + os.urandom(16) + text + b"\x10" * 16  # localstack's layout
    yield uuid + os.urandom(12) + text + os.urandom(16)
    yield arn.encode() + b"\x00" + text
    yield json.dumps({"KeyId": arn, "Plaintext": b64(text)}).encode()
    for version in range(256):
        yield bytes([version]) + uuid + os.urandom(28) + text
        yield bytes([version])


def test_12_no_old_format_opens(caller):
    meta = caller.key()
    for blob in forged_blobs(meta["KeyId"], meta["Arn"]):
        answer = caller.call("Decrypt", CiphertextBlob=blob)
        assert (answer.status, answer.body) == (400, {"__type": BAD}), blob[:40]


def test_12_every_first_byte_but_one_is_refused(caller):
    blob = caller.encrypt(caller.key_id(), b"x")
    for first in range(256):
        if first != blob[0]:
            answer = caller.call("Decrypt", CiphertextBlob=bytes([first]) + blob[1:])
            assert answer.body == {"__type": BAD}, first


def test_13_no_cache_outlives_a_change(caller):
    meta = caller.key()
    key, arn = meta["KeyId"], meta["Arn"]
    blob = caller.encrypt(key, b"x")
    for _ in range(100):
        caller.decrypt(blob)
    caller.ok("DisableKey", KeyId=key)
    for operation, members in [
        ("Decrypt", {"CiphertextBlob": blob}),
        ("Encrypt", {"KeyId": key, "Plaintext": b"x"}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}),
    ]:
        assert caller.fails("DisabledException", operation, members) == texts.disabled(arn)
    caller.ok("EnableKey", KeyId=key)
    caller.decrypt(blob)
    caller.ok("ScheduleKeyDeletion", KeyId=key)
    message = caller.fails("KMSInvalidStateException", "Decrypt", CiphertextBlob=blob)
    assert message == texts.pending_deletion(arn)
    caller.ok("CancelKeyDeletion", KeyId=key)
    caller.fails("DisabledException", "Decrypt", CiphertextBlob=blob)
    caller.ok("EnableKey", KeyId=key)
    caller.decrypt(blob)
    caller.ok(
        "PutKeyPolicy", KeyId=key, Policy=policy(allow(caller.root), deny("*", "kms:Decrypt"))
    )
    caller.fails("AccessDeniedException", "Decrypt", CiphertextBlob=blob)


def test_15_one_reading_of_a_body(caller):
    """What one parser sees first and another last must not pass at all."""
    mine, other = caller.key_id(), caller.key_id()
    for body in [
        f'{{"KeyId":"{mine}","KeyId":"{other}"}}',
        f'{{"KeyId":"{mine}","\\u004beyId":"{other}"}}',
        f'{{"KeyId":"{mine}"}}{{"KeyId":"{other}"}}',
        f'{{"KeyId":"{mine}"/*,"KeyId":"{other}"*/}}',
    ]:
        answer = caller.raw("DisableKey", body.encode())
        assert answer.code == "SerializationException", answer.raw
    states = {
        caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"] for key in (mine, other)
    }
    assert states == {"Enabled"}


def test_15_blobs_are_read_once(caller):
    key = caller.key_id()
    out = caller.ok("Encrypt", KeyId=key, Plaintext=b64(b64(b"x").encode()))
    assert caller.decrypt(unb64(out["CiphertextBlob"])) == b64(b"x").encode()
