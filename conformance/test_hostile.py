"""Names, policies, contexts and ciphertexts: sections E, F and G of hostile-inputs.md."""

import os
import time

import pytest

from harness.caller import Caller, b64, unb64

BAD = "InvalidCiphertextException"
CONTEXT = {"a": "b", "c": "d"}
# A bent byte may hit the part of the header that names the key: then another key is meant.
BENT = {BAD, "IncorrectKeyException", "NotFoundException", "AccessDeniedException"}


@pytest.fixture(scope="module")
def sealed(server):
    """A caller with two keys and one blob of the first."""
    caller = Caller(server)
    caller.first, caller.second = caller.key(), caller.key()
    caller.blob = caller.encrypt(caller.first["KeyId"], b"sealed", EncryptionContext=CONTEXT)
    return caller


def test_g4_every_byte_of_a_blob(sealed):
    """XOR 01, 80, FF in every place: never a plaintext; outside the key's name one error."""
    codes = {}
    for index in range(len(sealed.blob)):
        for mask in (0x01, 0x80, 0xFF):
            bent = bytearray(sealed.blob)
            bent[index] ^= mask
            answer = sealed.call("Decrypt", CiphertextBlob=bytes(bent), EncryptionContext=CONTEXT)
            assert answer.status == 400, f"byte {index} ^ {mask:02x}: {answer.raw[:200]}"
            assert answer.code in BENT, f"byte {index} ^ {mask:02x}: {answer.raw[:200]}"
            codes.setdefault(answer.code, set()).add(index)
    named = set().union(*(places for code, places in codes.items() if code != BAD))
    # The account, the Region and the key id: a part of the header, and never most of the blob.
    assert len(named) <= 64, codes
    tail = set(range(len(sealed.blob) - 34, len(sealed.blob)))
    assert not named & tail, "the last bytes are nonce, text and tag"


def test_g4_bent_blob_with_the_key_named(sealed):
    key = sealed.first["KeyId"]
    for index in range(len(sealed.blob)):
        bent = bytearray(sealed.blob)
        bent[index] ^= 0x01
        answer = sealed.call(
            "Decrypt", KeyId=key, CiphertextBlob=bytes(bent), EncryptionContext=CONTEXT
        )
        assert answer.status == 400 and answer.code in BENT, f"byte {index}: {answer.raw[:200]}"


def test_g4_bent_blob_cannot_be_moved(sealed):
    for index in range(0, len(sealed.blob), 3):
        bent = bytearray(sealed.blob)
        bent[index] ^= 0x80
        answer = sealed.call(
            "ReEncrypt",
            CiphertextBlob=bytes(bent),
            SourceEncryptionContext=CONTEXT,
            DestinationKeyId=sealed.second["KeyId"],
        )
        assert answer.status == 400 and answer.code in BENT, f"byte {index}: {answer.raw[:200]}"


def test_g5_every_truncation(sealed):
    for length in range(1, len(sealed.blob)):
        for part in (sealed.blob[:length], sealed.blob[-length:]):
            answer = sealed.call("Decrypt", CiphertextBlob=part, EncryptionContext=CONTEXT)
            assert (answer.status, answer.body) == (400, {"__type": BAD}), f"{length} bytes"


def test_g5_every_extension_by_one_byte(sealed):
    for byte in range(256):
        for bent in (sealed.blob + bytes([byte]), bytes([byte]) + sealed.blob):
            answer = sealed.call("Decrypt", CiphertextBlob=bent, EncryptionContext=CONTEXT)
            assert (answer.status, answer.body) == (400, {"__type": BAD}), f"byte {byte}"
    doubled = sealed.blob + sealed.blob
    sealed.fails(BAD, "Decrypt", CiphertextBlob=doubled, EncryptionContext=CONTEXT)


def foreign_blobs(blob):
    """Blobs that this installation did not make."""
    size = len(blob)
    yield from (b"\x00", b"\xff", b"\x00" * size, b"\xff" * size, b"\x00" * 6144, b"\xff" * 6144)
    yield bytes.fromhex("0101020078") + os.urandom(150)  # AWS, first layout
    yield bytes.fromhex("0102020078") + os.urandom(179)  # AWS, second layout
    yield blob[:1] + os.urandom(size - 1)
    yield blob[: size // 2] + os.urandom(size - size // 2)
    for _ in range(50):
        yield os.urandom(size)


def test_g5_blobs_of_elsewhere(sealed):
    for blob in foreign_blobs(sealed.blob):
        answer = sealed.call("Decrypt", CiphertextBlob=blob, EncryptionContext=CONTEXT)
        assert (answer.status, answer.code) == (400, BAD), answer.raw


def test_g9_spliced_blobs(sealed):
    key = sealed.first["KeyId"]
    same = sealed.encrypt(key, b"sealed", EncryptionContext=CONTEXT)
    other = sealed.encrypt(sealed.second["KeyId"], b"sealed", EncryptionContext=CONTEXT)
    assert len(same) == len(other) == len(sealed.blob)
    for second in (same, other):
        for cut in range(1, len(sealed.blob)):
            for bent in (sealed.blob[:cut] + second[cut:], second[:cut] + sealed.blob[cut:]):
                if bent in (sealed.blob, second):
                    continue
                answer = sealed.call("Decrypt", CiphertextBlob=bent, EncryptionContext=CONTEXT)
                assert answer.status == 400 and answer.code in BENT, (
                    f"cut {cut}: {answer.raw[:200]}"
                )


def test_g6_the_wrong_key(sealed):
    members = {"CiphertextBlob": sealed.blob, "EncryptionContext": CONTEXT}
    sealed.fails("IncorrectKeyException", "Decrypt", members, KeyId=sealed.second["KeyId"])
    members["EncryptionContext"] = {}
    sealed.fails("IncorrectKeyException", "Decrypt", members, KeyId=sealed.second["KeyId"])


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"a": "b"},
        {"a": "b", "c": "D"},
        {"A": "b", "c": "d"},
        {"a": "b", "c": "d", "e": ""},
        {"b": "a", "d": "c"},
        {"a": "d", "c": "b"},
        {"a": "b,c:d"},
        {"a": 'b","c":"d'},
        {"ab": "cd"},
        {"": "abcd"},
        {"a": "b", "c": "d "},
        {"a": "b\u0000", "c": "d"},
        {"a": "b", "c": "d", "": ""},
    ],
)
def test_g2_other_contexts(sealed, context):
    answer = sealed.call("Decrypt", CiphertextBlob=sealed.blob, EncryptionContext=context)
    assert (answer.status, answer.body) == (400, {"__type": BAD})


def test_g3_unicode_forms_are_different(caller):
    key = caller.key_id()
    composed, decomposed = {"caf\u00e9": "1"}, {"cafe\u0301": "1"}
    blob = caller.encrypt(key, b"x", EncryptionContext=composed)
    caller.fails(BAD, "Decrypt", CiphertextBlob=blob, EncryptionContext=decomposed)
    assert caller.decrypt(blob, EncryptionContext=composed) == b"x"
    for context in ({"k": ""}, {"k": "\u200b"}):
        blob = caller.encrypt(key, b"x", EncryptionContext=context)
        caller.fails(BAD, "Decrypt", CiphertextBlob=blob)


def test_g3_many_pairs_are_bounded(caller):
    key = caller.key_id()
    start = time.monotonic()
    for count in (2_000, 40_000):
        context = {f"k{index}": "v" for index in range(count)}
        answer = caller.call("Encrypt", KeyId=key, Plaintext=b"x", EncryptionContext=context)
        assert answer.status in (400, 413), answer.status
        if answer.status == 400:
            assert answer.code in ("ValidationException", "SerializationException")
    assert time.monotonic() - start < 3


def test_e5_a_moved_alias_and_the_key_of_the_blob(sealed):
    sealed.ok("CreateAlias", AliasName="alias/e5", TargetKeyId=sealed.first["KeyId"])
    blob = sealed.encrypt("alias/e5", b"x")
    sealed.ok("UpdateAlias", AliasName="alias/e5", TargetKeyId=sealed.second["KeyId"])
    assert sealed.ok("Decrypt", CiphertextBlob=blob)["KeyId"] == sealed.first["Arn"]


@pytest.mark.parametrize(
    "name",
    [
        "alias/",
        "alias",
        "alias//",
        "alias/../x",
        "alias/x/",
        "alias/-",
        "alias/a/b",
        "alias/" + "/" * 250,
    ],
)
def test_e4_odd_aliases_never_break(caller, name):
    """Accepted or refused, but then the same name must find it again, and only it."""
    key = caller.key_id()
    answer = caller.call("CreateAlias", AliasName=name, TargetKeyId=key)
    if answer.status == 200:
        assert caller.ok("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"] == key
        assert [entry["AliasName"] for entry in caller.ok("ListAliases")["Aliases"]] == [name]
        caller.ok("DeleteAlias", AliasName=name)
    else:
        codes = ("ValidationException", "InvalidAliasNameException")
        assert answer.status == 400 and answer.code in codes, answer.raw
    assert caller.ok("ListAliases")["Aliases"] == []


@pytest.mark.parametrize(
    "value",
    ["'; DROP TABLE keys; --", "%", "_", "\\", "\u0000", "../../etc/passwd", "${aws:username}", "*"]
    + ["key/*", "arn:aws:kms:*:*:key/*", "\n", "\r\nX-Injected: 1", "\ud7ff\uffff", "\U0010ffff"],
)
def test_e1_odd_key_ids(caller, value):
    caller.key_id()
    answer = caller.call("DescribeKey", KeyId=value)
    assert answer.status == 400, answer.raw
    assert answer.code in ("NotFoundException", "InvalidArnException", "ValidationException")
    assert "x-injected" not in answer.headers
    for word in ("sqlite", "SQL", "panic", ".rs"):
        assert word not in answer.raw.decode()


@pytest.mark.parametrize("number", [0, 1025, -1, 2**31, 2**63, -(2**63)])
def test_i5_number_of_bytes(caller, number):
    caller.fails(
        {"ValidationException", "SerializationException"}, "GenerateRandom", NumberOfBytes=number
    )


def test_many_clients_at_once(server):
    """Eight threads of mixed work: every answer belongs to its question."""
    import threading

    failures = []

    def work(index):
        caller = Caller(server)
        try:
            key = caller.key_id(Description=f"d{index}")
            for turn in range(40):
                plaintext = f"{index}-{turn}".encode()
                assert caller.decrypt(caller.encrypt(key, plaintext)) == plaintext
                meta = caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]
                assert meta["Description"] == f"d{index}"
        except BaseException as error:  # noqa: BLE001 - told to the main thread
            failures.append(error)
        finally:
            caller.close()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert not failures and not any(thread.is_alive() for thread in threads), failures


def test_state_changes_are_seen_by_every_connection(server):
    account = Caller(server)
    other = Caller(server, account.account)
    key = account.key_id()
    for _ in range(30):
        account.ok("DisableKey", KeyId=key)
        other.fails("DisabledException", "Encrypt", KeyId=key, Plaintext=b"x")
        account.ok("EnableKey", KeyId=key)
        assert unb64(other.ok("Encrypt", KeyId=key, Plaintext=b64(b"x"))["CiphertextBlob"])
