"""Sign and Verify, checked by other implementations. reference/crypto.md, reference/api.md."""

import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA384, SHA512
from cryptography.hazmat.primitives.serialization import load_der_public_key

from harness import texts
from harness.caller import unb64
from imported_keys import imported, pkcs8
from independent import CURVES, ORDERS, hash_of, message_of, mu, openssl, verifies
from key_specs import (
    AGREE,
    ALL,
    ASYMMETRIC,
    ED25519,
    ED25519_PH,
    ENCAPSULATE,
    ENCRYPT,
    MAC,
    ML_DSA,
    SIGN,
    Ring,
    for_others,
    hash_name,
    in_wrong_states,
    pairs,
)

MESSAGE = b"Attack at dawn. \x00\xff"
FLIPS = 12
SIZES = {"RSA_2048": 256, "RSA_3072": 384, "RSA_4096": 512, "ECC_NIST_EDWARDS25519": 64}
SIZES |= {"ML_DSA_44": 2420, "ML_DSA_65": 3309, "ML_DSA_87": 4627}
MAX_SIZES = {"ECC_NIST_P256": 72, "ECC_SECG_P256K1": 72, "ECC_NIST_P384": 104, "ECC_NIST_P521": 139}
RANDOMIZED = ("PSS", "ML_DSA")  # ECDSA may be either; PKCS1 and Ed25519 are deterministic


def message_types(algorithm):
    """The message types that an algorithm takes."""
    if algorithm == ML_DSA:
        return ["RAW", "EXTERNAL_MU"]
    return {ED25519: ["RAW"], ED25519_PH: ["DIGEST"]}.get(algorithm, ["RAW", "DIGEST"])


CASES = [
    (spec, algorithm, kind) for spec, algorithm in pairs(SIGN) for kind in message_types(algorithm)
]
# One key of each sort, for what does not depend on the size.
SAMPLES = [
    ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256"),
    ("RSA_2048", "RSASSA_PSS_SHA_256"),
    ("ECC_NIST_P256", "ECDSA_SHA_256"),
    ("ECC_SECG_P256K1", "ECDSA_SHA_256"),
    ("ECC_NIST_EDWARDS25519", ED25519),
    ("ECC_NIST_EDWARDS25519", ED25519_PH),
    ("ML_DSA_44", ML_DSA),
]


class Signer:
    """The shared signing key of a spec, with one algorithm."""

    def __init__(self, ring, spec, algorithm, number=0):
        self.ring, self.caller, self.algorithm = ring, ring.caller, algorithm
        self.arn, self.spki = ring.arn(spec, SIGN, number), ring.public(spec, SIGN, number)
        self.members = {"KeyId": ring.id(spec, SIGN, number), "SigningAlgorithm": algorithm}

    def input(self, message, message_type=None):
        """The members that name a message."""
        kind = message_type or message_types(self.algorithm)[0]
        return {
            "Message": message_of(self.algorithm, kind, message, self.spki),
            "MessageType": kind,
        }

    def sign(self, message=MESSAGE, message_type=None):
        """A signature."""
        members = {**self.members, **self.input(message, message_type)}
        return unb64(self.caller.ok("Sign", members)["Signature"])

    def accepts(self, signature, message=MESSAGE, message_type=None):
        """Asserts that Verify says yes."""
        members = {**self.members, **self.input(message, message_type), "Signature": signature}
        out = self.caller.ok("Verify", members)
        assert out == {
            "KeyId": self.arn,
            "SignatureValid": True,
            "SigningAlgorithm": self.algorithm,
        }

    def refuses(self, signature, message=MESSAGE, message_type=None):
        """Asserts that Verify says no, without a text."""
        members = {**self.members, **self.input(message, message_type), "Signature": signature}
        message = self.caller.fails("KMSInvalidSignatureException", "Verify", members)
        assert message is None


@pytest.fixture(scope="module")
def ring(server):
    return Ring.of(server)


@pytest.mark.parametrize("spec, algorithm, kind", CASES)
def test_others_verify_what_it_signs(ring, spec, algorithm, kind):
    signer = Signer(ring, spec, algorithm)
    members = {**signer.members, **signer.input(MESSAGE, kind)}
    out = ring.caller.ok("Sign", members)
    signature = unb64(out.pop("Signature"))
    assert out == {"KeyId": signer.arn, "SigningAlgorithm": algorithm}
    if spec in SIZES:
        assert len(signature) == SIZES[spec]
    else:
        assert len(signature) <= MAX_SIZES[spec]
    assert verifies(algorithm, signer.spki, signature, MESSAGE)
    assert not verifies(algorithm, signer.spki, signature, MESSAGE + b"x")
    # "MessageType need not equal the one used to sign, as long as the hashing agrees."
    for verified_as in message_types(algorithm):
        signer.accepts(signature, message_type=verified_as)


@pytest.mark.parametrize("spec, algorithm", pairs(SIGN))
def test_changed_signatures_and_messages_are_refused(ring, spec, algorithm):
    signer = Signer(ring, spec, algorithm)
    signature = signer.sign()
    signer.accepts(signature)
    last = len(signature) - 1
    for index in sorted({0, 1, last, *range(0, last, max(1, last // FLIPS))}):
        bent = bytearray(signature)
        bent[index] ^= 1 << (index % 8)
        signer.refuses(bytes(bent))
    for bent in (signature[:-1], signature[1:], signature + b"\0", b"\0" + signature, b"\0"):
        signer.refuses(bent)
    signer.refuses(bytes(len(signature)))
    for message in (b"attack at dawn. \x00\xff", MESSAGE[:-1], MESSAGE + b"\0", b"\0"):
        signer.refuses(signature, message)


@pytest.mark.parametrize("spec, algorithm", SAMPLES)
def test_a_signature_is_of_one_key(ring, spec, algorithm):
    first, second = Signer(ring, spec, algorithm), Signer(ring, spec, algorithm, 1)
    assert first.spki != second.spki
    signature = first.sign()
    first.accepts(signature)
    if algorithm == ML_DSA:  # the same representative: only the key differs
        members = {"Message": mu(first.spki, MESSAGE), "MessageType": "EXTERNAL_MU"}
        members |= {**second.members, "Signature": signature}
        ring.caller.fails("KMSInvalidSignatureException", "Verify", members)
    second.refuses(signature)


@pytest.mark.parametrize("spec", sorted({spec for spec, _ in pairs(SIGN)}))
def test_a_signature_is_of_one_algorithm(ring, spec):
    algorithms = [algorithm for other, algorithm in pairs(SIGN) if other == spec]
    for signed_with in algorithms:
        signature = Signer(ring, spec, signed_with).sign()
        for algorithm in algorithms:
            if algorithm != signed_with:
                Signer(ring, spec, algorithm).refuses(signature)


@pytest.mark.parametrize("spec, algorithm", SAMPLES)
def test_which_algorithms_are_randomized(ring, spec, algorithm):
    signer = Signer(ring, spec, algorithm)
    signatures = {signer.sign() for _ in range(4)}
    if "ECDSA" not in algorithm:
        assert len(signatures) == (4 if any(name in algorithm for name in RANDOMIZED) else 1)
    for signature in signatures:
        assert verifies(algorithm, signer.spki, signature, MESSAGE)


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"])
def test_der_of_many_ecdsa_signatures(ring, spec):
    algorithm = dict(pairs(SIGN))[spec]
    signer = Signer(ring, spec, algorithm)
    for index in range(40):  # some r or s has a leading zero or a high bit
        message = f"message {index}".encode()
        assert verifies(algorithm, signer.spki, signer.sign(message), message)


@pytest.mark.parametrize("spec, algorithm", SAMPLES)
@pytest.mark.parametrize("size", [1, 64, 4095, 4096])
def test_sizes_of_messages(ring, spec, algorithm, size):
    signer = Signer(ring, spec, algorithm)
    message = bytes(index % 251 for index in range(size))
    signature = signer.sign(message)
    assert verifies(algorithm, signer.spki, signature, message)
    signer.accepts(signature, message)


@pytest.mark.parametrize("operation", ["Sign", "Verify"])
@pytest.mark.parametrize("kind", ["RAW", "DIGEST", "EXTERNAL_MU"])
def test_messages_of_no_allowed_size(ring, operation, kind):
    members = Signer(ring, "ECC_NIST_P256", "ECDSA_SHA_256").members
    members = {**members, "MessageType": kind, "Signature": b"x"}
    for size, rule in ((4097, texts.max_length(4096)), (0, texts.min_length(1))):
        message = ring.caller.fails("ValidationException", operation, members, Message=bytes(size))
        assert message == texts.invalid(texts.constraint("message", rule))


def test_sizes_of_signatures(ring):
    signer = Signer(ring, "RSA_2048", "RSASSA_PSS_SHA_256")
    signer.refuses(bytes(6144))
    for size, rule in ((6145, texts.max_length(6144)), (0, texts.min_length(1))):
        members = {**signer.members, "Message": b"x", "Signature": bytes(size)}
        message = ring.caller.fails("ValidationException", "Verify", members)
        assert message == texts.invalid(texts.constraint("signature", rule))


@pytest.mark.parametrize("operation", ["Sign", "Verify"])
@pytest.mark.parametrize(
    "spec, algorithm", [pair for pair in pairs(SIGN) if "DIGEST" in message_types(pair[1])]
)
def test_a_digest_has_the_length_of_its_hash(ring, operation, spec, algorithm):
    signer = Signer(ring, spec, algorithm)
    size = hashlib.new(hash_name(algorithm)).digest_size
    for wrong in {1, 20, 32, 48, 64, size - 1, size + 1, 4096} - {size}:
        members = {**signer.members, "MessageType": "DIGEST", "Message": bytes(wrong)}
        if operation == "Verify":
            members["Signature"] = b"x"
        message = ring.caller.fails("ValidationException", operation, members)
        assert message == f"Digest is invalid length for algorithm {algorithm}."


@pytest.mark.parametrize("operation", ["Sign", "Verify"])
def test_an_external_mu_has_64_bytes(ring, operation):
    signer = Signer(ring, "ML_DSA_65", ML_DSA)
    for size in (1, 32, 63, 65, 4096):
        members = {**signer.members, "MessageType": "EXTERNAL_MU", "Message": bytes(size)}
        if operation == "Verify":
            members["Signature"] = b"x"
        ring.caller.fails("ValidationException", operation, members)  # the text is not known


@pytest.mark.parametrize("operation", ["Sign", "Verify"])
@pytest.mark.parametrize(
    "spec, algorithm, kind",
    [
        ("RSA_2048", "RSASSA_PSS_SHA_512", "EXTERNAL_MU"),
        ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512", "EXTERNAL_MU"),
        ("ECC_NIST_P521", "ECDSA_SHA_512", "EXTERNAL_MU"),
        ("ECC_NIST_EDWARDS25519", ED25519, "EXTERNAL_MU"),
        ("ECC_NIST_EDWARDS25519", ED25519, "DIGEST"),
        ("ECC_NIST_EDWARDS25519", ED25519_PH, "EXTERNAL_MU"),
        ("ECC_NIST_EDWARDS25519", ED25519_PH, "RAW"),
        ("ECC_NIST_EDWARDS25519", ED25519_PH, None),  # absent is RAW
        ("ML_DSA_44", ML_DSA, "DIGEST"),  # `?` in the reference
    ],
)
def test_message_types_that_an_algorithm_has_not(ring, operation, spec, algorithm, kind):
    members = {**Signer(ring, spec, algorithm).members, "Message": bytes(64), "MessageType": kind}
    if kind is None:
        del members["MessageType"]
    if operation == "Verify":
        members["Signature"] = bytes(64)
    # Neither code nor text is documented.
    codes = {"ValidationException", "InvalidKeyUsageException"}
    ring.caller.fails(codes, operation, members)


def test_the_message_type_defaults_to_raw(ring):
    for spec, algorithm in SAMPLES:
        if algorithm == ED25519_PH:
            continue
        signer = Signer(ring, spec, algorithm)
        out = ring.caller.ok("Sign", signer.members, Message=MESSAGE)
        assert verifies(algorithm, signer.spki, unb64(out["Signature"]), MESSAGE)
        members = {**signer.members, "Message": MESSAGE, "Signature": unb64(out["Signature"])}
        assert ring.caller.ok("Verify", members)["SignatureValid"] is True


def test_a_raw_digest_is_hashed_again(ring):
    signer = Signer(ring, "ECC_NIST_P256", "ECDSA_SHA_256")
    digest = hashlib.sha256(MESSAGE).digest()
    signature = signer.sign(digest, "RAW")
    assert verifies(signer.algorithm, signer.spki, signature, digest)
    assert not verifies(signer.algorithm, signer.spki, signature, MESSAGE)
    signer.refuses(signature, MESSAGE)


def test_mu_is_bound_to_its_key(ring):
    signer, other = Signer(ring, "ML_DSA_44", ML_DSA), Signer(ring, "ML_DSA_44", ML_DSA, 1)
    members = {**signer.members, "Message": mu(other.spki, MESSAGE), "MessageType": "EXTERNAL_MU"}
    signature = unb64(ring.caller.ok("Sign", members)["Signature"])
    assert ring.caller.ok("Verify", members, Signature=signature)["SignatureValid"] is True
    signer.refuses(signature)
    other.refuses(signature)


@pytest.mark.parametrize("operation", ["Sign", "Verify"])
@pytest.mark.parametrize("spec", sorted({spec for spec, _ in pairs(SIGN)}))
def test_algorithms_of_other_specs(ring, operation, spec):
    own = {algorithm for other, algorithm in pairs(SIGN) if other == spec}
    for algorithm in sorted({name for _, name in pairs(SIGN)} - own) + ["SM2DSA"]:
        members = {"KeyId": ring.id(spec, SIGN), "SigningAlgorithm": algorithm}
        members |= {"Message": b"x", "Signature": b"x"}
        message = ring.caller.fails("InvalidKeyUsageException", operation, members)
        assert message == f"Algorithm {algorithm} is incompatible with key spec {spec}."


@pytest.mark.parametrize("operation", ["Sign", "Verify"])
@pytest.mark.parametrize(
    "kind",
    [kind for kind in ALL if kind.usage != SIGN and kind.spec not in ("RSA_3072", "RSA_4096")],
    ids=str,
)
def test_keys_of_other_usages(ring, operation, kind):
    assert kind.usage in (ENCRYPT, MAC, AGREE, ENCAPSULATE)
    meta = ring.meta(kind.spec, kind.usage)
    members = {"KeyId": meta["KeyId"], "Message": b"x", "Signature": b"x"}
    for algorithm in ("ECDSA_SHA_256", "RSASSA_PSS_SHA_256"):
        members["SigningAlgorithm"] = algorithm
        message = ring.caller.fails("InvalidKeyUsageException", operation, members)
        assert message == (
            f"{meta['Arn']} key usage is {kind.usage} which is not valid for {operation}."
        )


def test_required_and_enumerated_members(ring):
    paths = {"Sign": ["keyId", "message", "signingAlgorithm"]}
    paths["Verify"] = [*paths["Sign"], "signature"]
    for operation, names in paths.items():
        message = ring.caller.fails("ValidationException", operation)
        assert message.startswith(f"{len(names)} validation errors detected: ")
        assert all(texts.missing(name) in message for name in names)
    members = Signer(ring, "ECC_NIST_P256", "ECDSA_SHA_256").members
    for name, path in (("SigningAlgorithm", "signingAlgorithm"), ("MessageType", "messageType")):
        bad = {**members, "Message": b"x", name: "NONE"}
        message = ring.caller.fails("ValidationException", "Sign", bad)
        start = texts.constraint(path, "Member must satisfy enum value set: [", "NONE")
        assert message.startswith(texts.invalid(start)), message


# Forgeries by encoding.


def test_ecdsa_signatures_that_are_not_strict_der(ring):
    signer = Signer(ring, "ECC_NIST_P256", "ECDSA_SHA_256")
    for index in itertools.count():
        message = f"message {index}".encode()
        signature = signer.sign(message)
        r, s = decode_dss_signature(signature)
        if r >> 255 and not s >> 255:  # the forms below are then all wrong
            break
    order = ORDERS["ECC_NIST_P256"]
    r_bytes, s_bytes = r.to_bytes(32, "big"), s.to_bytes(32, "big")
    r_tlv = b"\x02\x21\x00" + r_bytes
    s_tlv = signature[2 + len(r_tlv) :]
    signer.accepts(b"\x30" + bytes([len(r_tlv + s_tlv)]) + r_tlv + s_tlv, message)

    def sequence(*parts, head=b"\x30"):
        body = b"".join(parts)
        return head + bytes([len(body)]) + body

    padded = b"\x02" + bytes([s_tlv[1] + 1]) + b"\x00" + s_tlv[2:]
    forms = {
        "raw r and s": r_bytes + s_bytes,
        "long form of the length": b"\x30\x81" + signature[1:],
        "indefinite length": b"\x30\x80" + signature[2:] + b"\0\0",
        "trailing byte outside": signature + b"\0",
        "trailing byte inside": sequence(r_tlv, s_tlv, b"\0"),
        "third integer": sequence(r_tlv, s_tlv, b"\x02\x01\x01"),
        "negative r": sequence(b"\x02\x20" + r_bytes, s_tlv),
        "leading zero": sequence(r_tlv, padded),
        "a SET": sequence(r_tlv, s_tlv, head=b"\x31"),
        "only r": sequence(r_tlv),
        "empty": sequence(),
    }
    for what, form in forms.items():
        members = {**signer.members, **signer.input(message), "Signature": form}
        answer = ring.caller.call("Verify", members)
        assert answer.code == "KMSInvalidSignatureException", (what, answer.raw)
    numbers = [(0, s), (r, 0), (0, 0), (r + order, s), (r, s + order), (order, s), (r, order)]
    numbers += [(s, r), (1, 1), (r, 2 * order - s)]
    for pair in numbers:
        signer.refuses(encode_dss_signature(*pair), message)


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_SECG_P256K1"])
def test_both_halves_of_s_are_good_ecdsa(ring, spec):
    # X9.62 knows no low-S rule; that AWS does not enforce one is from memory (`?`).
    signer = Signer(ring, spec, "ECDSA_SHA_256")
    r, s = decode_dss_signature(signer.sign())
    signer.accepts(encode_dss_signature(r, ORDERS[spec] - s))


def test_ed25519_scalars_are_reduced(ring):
    for algorithm in (ED25519, ED25519_PH):
        signer = Signer(ring, "ECC_NIST_EDWARDS25519", algorithm)
        signature = signer.sign()
        scalar = int.from_bytes(signature[32:], "little") + ORDERS["ED25519"]
        signer.refuses(signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("algorithm", ["RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PSS_SHA_256"])
def test_rsa_signatures_are_below_the_modulus(ring, algorithm):
    signer = Signer(ring, "RSA_2048", algorithm)
    modulus = load_der_public_key(signer.spki).public_numbers().n
    for number in (0, 1, modulus - 1, modulus, 2**2048 - 1):
        signer.refuses(number.to_bytes(256, "big"))
    for index in range(30):
        message = f"message {index}".encode()
        raised = int.from_bytes(signer.sign(message), "big") + modulus
        if raised.bit_length() <= 2048:
            signer.refuses(raised.to_bytes(256, "big"), message)
            break


# Signatures that others made, with imported keys.


@pytest.fixture(scope="module")
def rsa_key(ring):
    """An RSA key that is known here, and the id of the KMS key that holds it."""
    key = rsa.generate_private_key(65537, 2048)
    return key, imported(ring.caller, "RSA_2048", SIGN, pkcs8(key))


def verify(ring, key, algorithm, signature, message=MESSAGE):
    """The server's answer."""
    members = {"KeyId": key, "SigningAlgorithm": algorithm, "Message": message}
    return ring.caller.call("Verify", members, Signature=signature)


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_pss_salts_have_the_length_of_the_digest(ring, rsa_key, bits):
    key, key_id = rsa_key
    algorithm, other = f"RSASSA_PSS_SHA_{bits}", {256: 384, 384: 512, 512: 256}[bits]
    digest, size = hash_of(algorithm), bits // 8
    limit = 256 - 2 - size
    for salt in (0, 20, size - 1, size, size + 1, limit):
        scheme = padding.PSS(padding.MGF1(digest), salt_length=salt)
        answer = verify(ring, key_id, algorithm, key.sign(MESSAGE, scheme, digest))
        expected = None if salt == size else "KMSInvalidSignatureException"
        assert answer.code == expected, (salt, answer.raw)
    mask = padding.MGF1(hash_of(f"SHA_{other}"))
    signature = key.sign(MESSAGE, padding.PSS(mask, salt_length=size), digest)
    assert verify(ring, key_id, algorithm, signature).code == "KMSInvalidSignatureException"


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_pkcs1_signatures_are_exact(ring, rsa_key, bits):
    key, key_id = rsa_key
    algorithm = f"RSASSA_PKCS1_V1_5_SHA_{bits}"
    good = key.sign(MESSAGE, padding.PKCS1v15(), hash_of(algorithm))
    members = {"KeyId": key_id, "SigningAlgorithm": algorithm, "Message": MESSAGE}
    assert unb64(ring.caller.ok("Sign", members)["Signature"]) == good
    assert verify(ring, key_id, algorithm, good).code is None
    numbers = key.private_numbers()

    def raw(block):
        number = int.from_bytes(block.rjust(256, b"\0"), "big")
        return pow(number, numbers.d, numbers.public_numbers.n).to_bytes(256, "big")

    digest = hashlib.new(f"sha{bits}", MESSAGE).digest()
    oid = bytes.fromhex("06096086480165030402") + {256: b"\1", 384: b"\2", 512: b"\3"}[bits]

    def info(parameters=b"\x05\0", tail=b"", hashed=digest):
        head = b"\x30" + bytes([len(oid + parameters)]) + oid + parameters
        body = head + b"\x04" + bytes([len(hashed)]) + hashed + tail
        return b"\x30" + bytes([len(body)]) + body

    def block(what, pad=None, kind=b"\1", after=b"", filler=b"\xff"):
        pad = 253 - len(what + after) if pad is None else pad
        return (b"\0" + kind + filler * pad + b"\0" + what + after).ljust(256, b"\x55")

    assert raw(block(info())) == good
    forged = {
        "no NULL": block(info(parameters=b"")),
        "other parameters": block(info(parameters=b"\x04\0")),
        "no DigestInfo": block(digest),
        "something behind it": block(info(), pad=8),
        "something inside it": block(info(tail=b"\x05\0")),
        "short padding": b"\0\1" + b"\xff" * 8 + b"\0" + info(),
        "no padding": b"\0\1\0" + info(),
        "block type 0": block(info(), kind=b"\0", filler=b"\0"),
        "block type 2": block(info(), kind=b"\2"),
        "padding of other bytes": block(info(), filler=b"\xfe"),
        "another digest": block(info(hashed=bytes(len(digest)))),
        "a shorter digest": block(info(hashed=digest[:-1])),
    }
    for what, bad in forged.items():
        answer = verify(ring, key_id, algorithm, raw(bad))
        assert (answer.code, answer.message) == ("KMSInvalidSignatureException", None), what


def test_elliptic_signatures_that_others_made(ring):
    for spec, curve in CURVES.items():
        algorithm, key = dict(pairs(SIGN))[spec], ec.generate_private_key(curve)
        key_id = imported(ring.caller, spec, SIGN, pkcs8(key))
        for index in range(5):
            signature = key.sign(f"{index}".encode(), ec.ECDSA(hash_of(algorithm)))
            assert verify(ring, key_id, algorithm, signature, f"{index}".encode()).code is None
            assert verify(ring, key_id, algorithm, signature).code == "KMSInvalidSignatureException"
        other = ec.ECDSA(SHA384() if algorithm.endswith("512") else SHA512())
        signature = key.sign(MESSAGE, other)
        assert verify(ring, key_id, algorithm, signature).code == "KMSInvalidSignatureException"


def test_ed25519_signatures_are_exact(ring):
    key = ed25519.Ed25519PrivateKey.generate()
    key_id = imported(ring.caller, "ECC_NIST_EDWARDS25519", SIGN, pkcs8(key))
    members = {"KeyId": key_id, "SigningAlgorithm": ED25519, "Message": MESSAGE}
    assert unb64(ring.caller.ok("Sign", members)["Signature"]) == key.sign(MESSAGE)
    assert verify(ring, key_id, ED25519, key.sign(MESSAGE)).code is None


# The `openssl` program, as AWS's guides use it.


@pytest.mark.parametrize(
    "spec, algorithm",
    [
        ("RSA_3072", "RSASSA_PSS_SHA_384"),
        ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512"),
        ("ECC_NIST_P521", "ECDSA_SHA_512"),
        ("ECC_SECG_P256K1", "ECDSA_SHA_256"),
    ],
)
def test_openssl_verifies(ring, tmp_path, spec, algorithm):
    signer = Signer(ring, spec, algorithm)
    names = [tmp_path / name for name in ("key.der", "signature", "message")]
    for path, data in zip(names, (signer.spki, signer.sign(), MESSAGE), strict=True):
        path.write_bytes(data)
    options = []
    if "PSS" in algorithm:
        options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
    options += ["-keyform", "DER", "-verify", names[0], "-signature", names[1], names[2]]
    out = openssl("dgst", f"-{hash_name(algorithm)}", *options)
    assert out == b"Verified OK\n"


# Key states, dry runs, identifiers.


def test_key_states(caller):
    for operation in ("Sign", "Verify"):
        meta = caller.key(KeySpec="ECC_NIST_P256", KeyUsage=SIGN)
        members = {"Message": b"x", "Signature": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
        in_wrong_states(caller, meta, operation, members)


def test_dry_runs(ring):
    signer = Signer(ring, "ECC_NIST_EDWARDS25519", ED25519)
    members = {**signer.members, "Message": MESSAGE, "DryRun": True}
    assert ring.caller.fails("DryRunOperationException", "Sign", members) == texts.DRY_RUN
    members["Signature"] = signer.sign()
    assert ring.caller.fails("DryRunOperationException", "Verify", members) == texts.DRY_RUN
    members["SigningAlgorithm"] = "ECDSA_SHA_256"
    ring.caller.fails("InvalidKeyUsageException", "Sign", members)


def test_every_form_of_key_identifier(caller):
    meta = caller.key(KeySpec="ECC_NIST_P256", KeyUsage=SIGN)
    caller.ok("CreateAlias", AliasName="alias/signer", TargetKeyId=meta["KeyId"])
    members = {"Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    for form in [meta["KeyId"], meta["Arn"], "alias/signer", caller.arn("alias/signer")]:
        out = caller.ok("Sign", members, KeyId=form)
        assert out["KeyId"] == meta["Arn"]
        out = caller.ok("Verify", members, KeyId=form, Signature=unb64(out["Signature"]))
        assert out["KeyId"] == meta["Arn"]


def test_signatures_survive_disabling_and_enabling(caller):
    key = caller.key_id(KeySpec="ML_DSA_44", KeyUsage=SIGN)
    members = {"KeyId": key, "Message": MESSAGE, "SigningAlgorithm": ML_DSA}
    signature = unb64(caller.ok("Sign", members)["Signature"])
    caller.ok("DisableKey", KeyId=key)
    caller.ok("EnableKey", KeyId=key)
    assert caller.ok("Verify", members, Signature=signature)["SignatureValid"] is True


def test_other_accounts(caller, stranger):
    meta = caller.key(KeySpec="ECC_NIST_P256", KeyUsage=SIGN)
    members = {"Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    out = for_others(caller, stranger, meta, "Sign", members)
    members["Signature"] = unb64(out["Signature"])
    assert for_others(caller, stranger, meta, "Verify", members)["SignatureValid"] is True


def test_many_at_the_same_time(ring):
    """Every answer is of the key and the message that its request named."""

    def work(number):
        caller = ring.caller.in_region(ring.caller.region)
        try:
            for index in range(6):
                for spec, algorithm in SAMPLES[number % 2 :: 2]:
                    signer = Signer(ring, spec, algorithm, (number + index) % 2)
                    signer.caller = caller
                    message = f"{number}, {index}".encode()
                    signature = signer.sign(message)
                    assert verifies(algorithm, signer.spki, signature, message)
                    signer.accepts(signature, message)
        finally:
            caller.close()

    for spec, algorithm in SAMPLES:  # the ring itself is for one thread
        for number in (0, 1):
            Signer(ring, spec, algorithm, number)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_boto3_signs_and_verifies(kms):
    for kind in ASYMMETRIC:
        if kind.usage == SIGN and not kind.spec.startswith("RSA"):
            key = kms.create_key(KeySpec=kind.spec, KeyUsage=SIGN)["KeyMetadata"]["KeyId"]
            members = {"KeyId": key, "Message": b"m", "SigningAlgorithm": kind.algorithms[0]}
            signature = kms.sign(**members)["Signature"]
            assert kms.verify(**members, Signature=signature)["SignatureValid"] is True
            with pytest.raises(kms.exceptions.KMSInvalidSignatureException):
                kms.verify(**{**members, "Message": b"n"}, Signature=signature)
