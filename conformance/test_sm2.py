"""Keys of spec SM2, in a Region that offers them. reference/crypto.md, SM2; GB/T 32918.

Checked with the `openssl` program, hashlib's SM3, and plain point arithmetic of our own.
"""

import hashlib
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dev_server import DevServer
from harness import texts
from harness.caller import unb64
from independent import SM2, openssl, openssl_run
from key_specs import AGREE, ENCRYPT, SIGN, Ring

REGION = "cn-north-1"
DEFAULT_ID = b"1234567812345678"
MESSAGE = b"message \x00\xff"
ALGORITHMS = {SIGN: "SM2DSA", ENCRYPT: "SM2PKE", AGREE: "ECDH"}
LISTS = {
    SIGN: "SigningAlgorithms",
    ENCRYPT: "EncryptionAlgorithms",
    AGREE: "KeyAgreementAlgorithms",
}
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    folder = tmp_path_factory.mktemp("china")
    server = DevServer(folder / "data", "--sm2-region", REGION).start()
    ring = Ring(server, REGION)
    yield ring
    ring.caller.close()
    server.stop()


def digest(spki, message, identity=DEFAULT_ID):
    """SM3(Z || M), what is signed; GB/T 32918.2 section 5.5 and 6.1."""
    numbers = [SM2.A, B, *SM2.BASE, *SM2.point(spki)]
    z = (8 * len(identity)).to_bytes(2, "big") + identity
    z += b"".join(number.to_bytes(32, "big") for number in numbers)
    return hashlib.new("sm3", hashlib.new("sm3", z).digest() + message).digest()


def sign(ring, message=MESSAGE, kind="RAW", number=0):
    """The server's signature."""
    members = {"KeyId": ring.id("SM2", SIGN, number), "SigningAlgorithm": "SM2DSA"}
    out = ring.caller.ok("Sign", members, Message=message, MessageType=kind)
    signature = unb64(out.pop("Signature"))
    assert out == {"KeyId": ring.arn("SM2", SIGN, number), "SigningAlgorithm": "SM2DSA"}
    assert encode_dss_signature(*decode_dss_signature(signature)) == signature
    return signature


def verify(ring, signature, message=MESSAGE, kind="RAW", number=0):
    """The server's answer."""
    members = {"KeyId": ring.id("SM2", SIGN, number), "SigningAlgorithm": "SM2DSA"}
    members |= {"Message": message, "MessageType": kind, "Signature": signature}
    return ring.caller.call("Verify", members)


def refused(ring, signature, *arguments):
    """Asserts that Verify says no, without a text."""
    answer = verify(ring, signature, *arguments)
    assert (answer.code, answer.message) == ("KMSInvalidSignatureException", None), answer.raw


def openssl_verifies(tmp_path, spki, signature, message, identity=DEFAULT_ID):
    """Whether OpenSSL takes the signature for a good one."""
    paths = [tmp_path / name for name in ("key", "signature", "message")]
    for path, data in zip(paths, (spki, signature, message), strict=True):
        path.write_bytes(data)
    arguments = ["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[0]]
    arguments += ["-rawin", "-digest", "sm3", "-pkeyopt", f"distid:{identity.decode()}"]
    done = openssl_run(*arguments, "-sigfile", paths[1], "-in", paths[2])
    assert b"Signature Verif" in done.stdout, done
    return done.returncode == 0


@pytest.mark.parametrize("usage", ALGORITHMS)
def test_public_keys(ring, usage):
    meta = ring.meta("SM2", usage)
    assert meta["Arn"].startswith(f"arn:aws-cn:kms:{REGION}:")
    assert meta[LISTS[usage]] == [ALGORITHMS[usage]]
    out = ring.caller.ok("GetPublicKey", KeyId=meta["KeyId"])
    spki = unb64(out.pop("PublicKey"))
    assert out == {
        "KeyId": meta["Arn"],
        "KeySpec": "SM2",
        "CustomerMasterKeySpec": "SM2",
        "KeyUsage": usage,
        LISTS[usage]: [ALGORITHMS[usage]],
    }
    x, y = SM2.point(spki)
    assert (y * y - x * x * x - SM2.A * x - B) % SM2.PRIME == 0
    assert openssl("pkey", "-pubin", "-inform", "DER", "-outform", "DER", stdin=spki) == spki


def test_signatures_of_messages(ring, tmp_path):
    spki = ring.public("SM2", SIGN)
    for message in (MESSAGE, b"\0", bytes(4096)):
        signature = sign(ring, message)
        assert openssl_verifies(tmp_path, spki, signature, message)
        assert not openssl_verifies(tmp_path, spki, signature, message + b"x")
        assert verify(ring, signature, message).body["SignatureValid"] is True
        hashed = digest(spki, message)
        assert verify(ring, signature, hashed, "DIGEST").body["SignatureValid"] is True


@pytest.mark.parametrize("identity", [DEFAULT_ID, b"someone@example.org", b"x"])
def test_signatures_of_digests(ring, tmp_path, identity):
    spki = ring.public("SM2", SIGN)
    hashed = digest(spki, MESSAGE, identity)
    signature = sign(ring, hashed, "DIGEST")
    assert openssl_verifies(tmp_path, spki, signature, MESSAGE, identity)
    assert verify(ring, signature, hashed, "DIGEST").body["SignatureValid"] is True
    if identity == DEFAULT_ID:
        assert verify(ring, signature).body["SignatureValid"] is True
    else:
        refused(ring, signature)


def test_bad_signatures_are_refused(ring):
    signature = sign(ring)
    for index in range(0, len(signature), 5):
        bent = bytearray(signature)
        bent[index] ^= 1
        refused(ring, bytes(bent))
    refused(ring, signature, MESSAGE + b"x")
    refused(ring, signature, MESSAGE, "RAW", 1)
    r, s = decode_dss_signature(signature)
    refused(ring, r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    order = SM2.ORDER
    numbers = [(0, s), (r, 0), (order, s), (r, order), (r + order, s), (r, s + order)]
    for pair in [*numbers, (r, order - s), (r, order - r), (s, r)]:
        refused(ring, encode_dss_signature(*pair))
    for bent in (signature + b"\0", b"\x30\x81" + signature[1:], b"\0"):
        refused(ring, bent)


@pytest.mark.parametrize("operation", ["Sign", "Verify"])
def test_a_digest_has_32_bytes(ring, operation):
    members = {"KeyId": ring.id("SM2", SIGN), "SigningAlgorithm": "SM2DSA", "Signature": b"x"}
    for size in (20, 31, 33, 48, 64):
        members |= {"MessageType": "DIGEST", "Message": bytes(size)}
        message = ring.caller.fails("ValidationException", operation, members)
        assert message == "Digest is invalid length for algorithm SM2DSA."


def test_algorithms_of_other_specs(ring):
    for algorithm in ("ECDSA_SHA_256", "RSASSA_PSS_SHA_256", "ED25519_SHA_512"):
        members = {"KeyId": ring.id("SM2", SIGN), "SigningAlgorithm": algorithm, "Message": b"x"}
        message = ring.caller.fails("InvalidKeyUsageException", "Sign", members)
        assert message == f"Algorithm {algorithm} is incompatible with key spec SM2."
    members = {"KeyId": ring.id("SM2", ENCRYPT), "Plaintext": b"x"}
    for algorithm in ("SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1"):
        members["EncryptionAlgorithm"] = algorithm
        message = ring.caller.fails("InvalidKeyUsageException", "Encrypt", members)
        assert message == f"Algorithm {algorithm} is incompatible with key spec SM2."


def decrypt(ring, blob, number=0):
    """The server's answer."""
    members = {"KeyId": ring.id("SM2", ENCRYPT, number), "EncryptionAlgorithm": "SM2PKE"}
    return ring.caller.call("Decrypt", members, CiphertextBlob=blob)


def test_encryption(ring):
    for size in (1, 32, 128, 1024):
        plaintext = bytes(index % 251 for index in range(size))
        blob = ring.caller.encrypt(ring.id("SM2", ENCRYPT), plaintext, EncryptionAlgorithm="SM2PKE")
        assert blob[0] == 0x30 and (size < 32 or plaintext not in blob)
        assert unb64(decrypt(ring, blob).body["Plaintext"]) == plaintext
        assert decrypt(ring, blob, 1).code == "InvalidCiphertextException"
    members = {"KeyId": ring.id("SM2", ENCRYPT), "EncryptionAlgorithm": "SM2PKE"}
    # The text is the one that is recorded for RSA.
    message = ring.caller.fails("ValidationException", "Encrypt", members, Plaintext=bytes(1025))
    assert (
        message == "Algorithm SM2PKE and key spec SM2 cannot encrypt data larger than 1024 bytes."
    )


def test_it_opens_what_openssl_seals(ring, tmp_path):
    public = tmp_path / "key.der"
    public.write_bytes(ring.public("SM2", ENCRYPT))
    arguments = ["pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", public]
    for plaintext in (b"x", b"from openssl" * 10):
        blob = openssl(*arguments, stdin=plaintext)
        assert unb64(decrypt(ring, blob).body["Plaintext"]) == plaintext


def test_changed_ciphertexts_are_refused(ring):
    blob = ring.caller.encrypt(ring.id("SM2", ENCRYPT), b"secret", EncryptionAlgorithm="SM2PKE")
    bents = [
        blob[:index] + bytes([blob[index] ^ 4]) + blob[index + 1 :]
        for index in range(0, len(blob), 4)
    ]
    for bent in [*bents, blob[:-1], blob + b"\0", blob[1:], b"\x30\x00", bytes(6144)]:
        answer = decrypt(ring, bent)
        assert (answer.code, answer.message) == ("InvalidCiphertextException", None), answer.raw


def test_key_agreement(ring):
    ours = SM2.point(ring.public("SM2", AGREE))
    members = {"KeyId": ring.id("SM2", AGREE), "KeyAgreementAlgorithm": "ECDH"}
    for _ in range(3):
        private = 1 + secrets.randbelow(SM2.ORDER - 1)
        public = SM2.spki(SM2.multiply(private, SM2.BASE))
        out = ring.caller.ok("DeriveSharedSecret", members, PublicKey=public)
        shared = SM2.multiply(private, ours)
        assert unb64(out["SharedSecret"]) == shared[0].to_bytes(32, "big")
    x, y = SM2.multiply(private, SM2.BASE)
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    bad = [
        SM2.spki((x, y ^ 1)),
        SM2.spki((0, 0)),
        SM2.spki((y, x)),
        public + b"\0",
        public[:-1],
        other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        b"junk",
    ]
    for wrong in bad:
        message = ring.caller.fails(
            "ValidationException", "DeriveSharedSecret", members, PublicKey=wrong
        )
        assert message == ""


@pytest.mark.parametrize(
    "operation", ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"]
)
def test_data_key_pairs(ring, operation):
    key = ring.id("SYMMETRIC_DEFAULT", ENCRYPT)
    out = ring.caller.ok(operation, KeyId=key, KeyPairSpec="SM2")
    assert out["KeyPairSpec"] == "SM2"
    private = ring.caller.decrypt(unb64(out["PrivateKeyCiphertextBlob"]))
    assert ("PrivateKeyPlaintext" in out) is (operation == "GenerateDataKeyPair")
    if "PrivateKeyPlaintext" in out:
        assert unb64(out["PrivateKeyPlaintext"]) == private
    arguments = ["pkey", "-inform", "DER", "-pubout", "-outform", "DER"]
    assert openssl(*arguments, stdin=private) == unb64(out["PublicKey"])


def test_reencrypt(ring):
    blob = ring.caller.encrypt(ring.id("SM2", ENCRYPT), b"moved", EncryptionAlgorithm="SM2PKE")
    members = {
        "SourceKeyId": ring.id("SM2", ENCRYPT),
        "SourceEncryptionAlgorithm": "SM2PKE",
        "DestinationKeyId": ring.id("SYMMETRIC_DEFAULT", ENCRYPT),
    }
    moved = unb64(ring.caller.ok("ReEncrypt", members, CiphertextBlob=blob)["CiphertextBlob"])
    assert ring.caller.decrypt(moved) == b"moved"
    members = {
        "DestinationKeyId": ring.id("SM2", ENCRYPT),
        "DestinationEncryptionAlgorithm": "SM2PKE",
    }
    back = unb64(ring.caller.ok("ReEncrypt", members, CiphertextBlob=moved)["CiphertextBlob"])
    assert unb64(decrypt(ring, back).body["Plaintext"]) == b"moved"


def test_other_regions_have_none(ring):
    elsewhere = ring.caller.in_region("us-east-1")
    # The code is not known (`?`).
    codes = {"UnsupportedOperationException", "ValidationException"}
    for usage in ALGORITHMS:
        elsewhere.fails(codes, "CreateKey", KeySpec="SM2", KeyUsage=usage)
    for usage in ("GENERATE_VERIFY_MAC", "ENCAPSULATE_DECAPSULATE"):
        message = ring.caller.fails(
            "ValidationException", "CreateKey", KeySpec="SM2", KeyUsage=usage
        )
        assert message == f"KeyUsage {usage} is not compatible with KeySpec SM2"
    assert texts.DRY_RUN == ring.caller.fails(
        "DryRunOperationException",
        "GenerateDataKeyPair",
        KeyId=ring.id("SYMMETRIC_DEFAULT", ENCRYPT),
        KeyPairSpec="SM2",
        DryRun=True,
    )
    elsewhere.close()
