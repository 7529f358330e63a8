"""GenerateMac and VerifyMac. reference/crypto.md, reference/api.md.

Keys that the server makes never leave it: that a MAC is HMAC itself shows with imported ones.
"""

import hmac
import os

import pytest

from harness import texts
from harness.caller import unb64
from imported_keys import imported
from key_specs import ALL, HMAC, MAC, Ring, for_others, hash_name, in_wrong_states

PAIRS = [(kind.spec, kind.algorithms[0]) for kind in HMAC]
SIZES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
MESSAGE = b"message \x00\xff"


@pytest.fixture(scope="module")
def ring(server):
    return Ring.of(server)


def named(ring, spec, algorithm, number=0):
    """The members that name a key and its algorithm."""
    return {"KeyId": ring.id(spec, MAC, number), "MacAlgorithm": algorithm}


def generate(ring, members, message=MESSAGE):
    """A MAC."""
    return unb64(ring.caller.ok("GenerateMac", members, Message=message)["Mac"])


def refused(ring, members, mac, message=MESSAGE):
    """Asserts that VerifyMac says no, without a text."""
    text = ring.caller.fails(
        "KMSInvalidMacException", "VerifyMac", members, Message=message, Mac=mac
    )
    assert text is None


@pytest.mark.parametrize("spec, algorithm", PAIRS)
def test_outputs(ring, spec, algorithm):
    members, arn = named(ring, spec, algorithm), ring.arn(spec, MAC)
    out = ring.caller.ok("GenerateMac", members, Message=MESSAGE)
    mac = unb64(out.pop("Mac"))
    assert out == {"KeyId": arn, "MacAlgorithm": algorithm}
    assert len(mac) == SIZES[spec]
    out = ring.caller.ok("VerifyMac", members, Message=MESSAGE, Mac=mac)
    assert out == {"KeyId": arn, "MacValid": True, "MacAlgorithm": algorithm}


@pytest.mark.parametrize("spec, algorithm", PAIRS)
def test_a_mac_is_hmac(caller, spec, algorithm):
    for size in {SIZES[spec], 64, 65, 128}:  # material of the spec's length to 1024 bits
        material = os.urandom(size)
        key = imported(caller, spec, MAC, material)
        for message in (b"m", MESSAGE * 30, bytes(4096)):
            expected = hmac.digest(material, message, hash_name(algorithm))
            members = {"KeyId": key, "MacAlgorithm": algorithm, "Message": message}
            assert unb64(caller.ok("GenerateMac", members)["Mac"]) == expected
            assert caller.ok("VerifyMac", members, Mac=expected)["MacValid"] is True


@pytest.mark.parametrize("spec, algorithm", PAIRS)
def test_a_mac_is_of_key_and_message(ring, spec, algorithm):
    first, second = named(ring, spec, algorithm), named(ring, spec, algorithm, 1)
    messages = [MESSAGE, MESSAGE + b"\0", b"\0" + MESSAGE, MESSAGE[:-1], b"\0", bytes(64)]
    macs = {generate(ring, members, message) for message in messages for members in (first, second)}
    assert len(macs) == 2 * len(messages)
    assert generate(ring, first) == generate(ring, first)
    mac = generate(ring, first)
    refused(ring, second, mac)
    for message in messages[1:]:
        refused(ring, first, mac, message)


@pytest.mark.parametrize("spec, algorithm", PAIRS)
def test_changed_macs_are_refused(ring, spec, algorithm):
    members = named(ring, spec, algorithm)
    mac = generate(ring, members)
    for index in range(len(mac)):
        bent = bytearray(mac)
        bent[index] ^= 1 << (index % 8)
        refused(ring, members, bytes(bent))
    for bent in (mac[:-1], mac[1:], mac[:16], mac[: len(mac) // 2], mac[:1]):
        refused(ring, members, bent)
    for bent in (mac + b"\0", mac + mac, b"\0" + mac, bytes(len(mac)), b"\0", bytes(6144)):
        refused(ring, members, bent)
    assert ring.caller.ok("VerifyMac", members, Message=MESSAGE, Mac=mac)["MacValid"] is True


@pytest.mark.parametrize("spec, algorithm", PAIRS)
@pytest.mark.parametrize("size", [1, 63, 64, 65, 127, 128, 129, 4096])
def test_sizes_of_messages(ring, spec, algorithm, size):
    members, message = named(ring, spec, algorithm), bytes(size)
    mac = generate(ring, members, message)
    assert ring.caller.ok("VerifyMac", members, Message=message, Mac=mac)["MacValid"] is True
    if size > 1:
        refused(ring, members, mac, message[:-1])  # zeros at the end count


@pytest.mark.parametrize("operation", ["GenerateMac", "VerifyMac"])
def test_sizes_that_are_refused(ring, operation):
    members = {**named(ring, "HMAC_256", "HMAC_SHA_256"), "Mac": b"x"}
    for size, rule in ((4097, texts.max_length(4096)), (0, texts.min_length(1))):
        message = ring.caller.fails("ValidationException", operation, members, Message=bytes(size))
        assert message == texts.invalid(texts.constraint("message", rule))
    if operation == "VerifyMac":
        members["Message"] = b"x"
        for size, rule in ((6145, texts.max_length(6144)), (0, texts.min_length(1))):
            message = ring.caller.fails("ValidationException", operation, members, Mac=bytes(size))
            assert message == texts.invalid(texts.constraint("mac", rule))


@pytest.mark.parametrize("operation", ["GenerateMac", "VerifyMac"])
@pytest.mark.parametrize("spec, own", PAIRS)
def test_algorithms_of_other_specs(ring, operation, spec, own):
    for _, algorithm in PAIRS:
        if algorithm != own:
            members = {**named(ring, spec, algorithm), "Message": b"x", "Mac": b"x"}
            message = ring.caller.fails("InvalidKeyUsageException", operation, members)
            assert message == f"Algorithm {algorithm} is incompatible with key spec {spec}."


@pytest.mark.parametrize("operation", ["GenerateMac", "VerifyMac"])
@pytest.mark.parametrize(
    "kind",
    [kind for kind in ALL if kind.usage != MAC and kind.spec not in ("RSA_3072", "RSA_4096")],
    ids=str,
)
def test_keys_of_other_usages(ring, operation, kind):
    meta = ring.meta(kind.spec, kind.usage)
    members = {"KeyId": meta["KeyId"], "MacAlgorithm": "HMAC_SHA_256"}
    members |= {"Message": b"x", "Mac": b"x"}
    message = ring.caller.fails("InvalidKeyUsageException", operation, members)
    assert message == f"{meta['Arn']} key usage is {kind.usage} which is not valid for {operation}."


def test_required_and_enumerated_members(ring):
    for operation, names in (
        ("GenerateMac", ["message", "keyId", "macAlgorithm"]),
        ("VerifyMac", ["message", "keyId", "macAlgorithm", "mac"]),
    ):
        message = ring.caller.fails("ValidationException", operation)
        assert message.startswith(f"{len(names)} validation errors detected: ")
        assert all(texts.missing(name) in message for name in names)
    members = {**named(ring, "HMAC_256", "INVALID"), "Message": b"x"}
    message = ring.caller.fails("ValidationException", "GenerateMac", members)
    start, _, values = message.partition("[")
    rule = "Member must satisfy enum value set: "
    assert start == texts.invalid(texts.constraint("macAlgorithm", rule, "INVALID"))
    # AWS's order is arbitrary.
    assert sorted(values.rstrip("]").split(", ")) == sorted(name for _, name in PAIRS)


def test_key_states(caller):
    for operation in ("GenerateMac", "VerifyMac"):
        meta = caller.key(KeySpec="HMAC_256", KeyUsage=MAC)
        members = {"Message": b"x", "Mac": b"x", "MacAlgorithm": "HMAC_SHA_256"}
        in_wrong_states(caller, meta, operation, members)


def test_dry_runs(ring):
    members = named(ring, "HMAC_512", "HMAC_SHA_512")
    mac = generate(ring, members)
    members |= {"Message": MESSAGE, "Mac": mac, "DryRun": True}
    for operation in ("GenerateMac", "VerifyMac"):
        message = ring.caller.fails("DryRunOperationException", operation, members)
        assert message == texts.DRY_RUN


def test_every_form_of_key_identifier(caller):
    meta = caller.key(KeySpec="HMAC_224", KeyUsage=MAC)
    caller.ok("CreateAlias", AliasName="alias/mac", TargetKeyId=meta["KeyId"])
    members = {"Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_224"}
    macs = set()
    for form in [meta["KeyId"], meta["Arn"], "alias/mac", caller.arn("alias/mac")]:
        out = caller.ok("GenerateMac", members, KeyId=form)
        assert out["KeyId"] == meta["Arn"]
        macs.add(out["Mac"])
        out = caller.ok("VerifyMac", members, KeyId=form, Mac=unb64(out["Mac"]))
        assert out["KeyId"] == meta["Arn"]
    assert len(macs) == 1


def test_other_accounts(caller, stranger):
    meta = caller.key(KeySpec="HMAC_256", KeyUsage=MAC)
    members = {"Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
    members["Mac"] = unb64(for_others(caller, stranger, meta, "GenerateMac", members)["Mac"])
    assert for_others(caller, stranger, meta, "VerifyMac", members)["MacValid"] is True


def test_boto3_speaks_the_same(kms):
    key = kms.create_key(KeySpec="HMAC_384", KeyUsage=MAC)["KeyMetadata"]["KeyId"]
    members = {"KeyId": key, "MacAlgorithm": "HMAC_SHA_384", "Message": b"m"}
    mac = kms.generate_mac(**members)["Mac"]
    assert kms.verify_mac(**members, Mac=mac)["MacValid"] is True
    with pytest.raises(kms.exceptions.KMSInvalidMacException):
        kms.verify_mac(**{**members, "Message": b"n"}, Mac=mac)
