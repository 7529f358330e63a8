"""What other implementations say: python-cryptography, PyCryptodome, kyber-py and `openssl`."""

import hashlib
import subprocess

from Crypto.Hash import SHA512
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import load_der_public_key
from kyber_py.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024

from key_specs import ED25519, ED25519_PH, hash_name

CURVES = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}
ORDERS = {
    "ECC_NIST_P256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ECC_SECG_P256K1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    "ED25519": 2**252 + 27742317777372353535851937790883648493,
}
ML_KEM = {"ML_KEM_512": ML_KEM_512, "ML_KEM_768": ML_KEM_768, "ML_KEM_1024": ML_KEM_1024}
HASHES = {"1": hashes.SHA1, "256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
SPKI_HEADER_BYTES = 22  # of ML-DSA and ML-KEM: two SEQUENCEs, the OID, the BIT STRING's head


def hash_of(algorithm):
    """python-cryptography's hash at the end of an algorithm's name."""
    return HASHES[algorithm.rsplit("_", 1)[1]]()


def raw_public(spki):
    """The bare public key of ML-DSA and ML-KEM."""
    return spki[SPKI_HEADER_BYTES:]


def mu(spki, message):
    """ML-DSA's message representative, FIPS 204 algorithm 7 line 6, with an empty context."""
    key_hash = hashlib.shake_256(raw_public(spki)).digest(64)
    return hashlib.shake_256(key_hash + b"\x00\x00" + message).digest(64)


def message_of(algorithm, message_type, message, spki):
    """What goes into `Message` so that the signature is one over `message`."""
    if message_type == "DIGEST":
        return hashlib.new(hash_name(algorithm), message).digest()
    return mu(spki, message) if message_type == "EXTERNAL_MU" else message


def verifies(algorithm, spki, signature, message):
    """Whether another implementation takes the signature over the message for a good one."""
    try:
        _verify(algorithm, load_der_public_key(spki), spki, signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _verify(algorithm, key, spki, signature, message):
    if algorithm == ED25519_PH:
        # Hashed by the caller, and again by the server; reference/crypto.md, Encodings.
        digest = hashlib.sha512(message).digest()
        eddsa.new(ECC.import_key(spki), "rfc8032").verify(SHA512.new(digest), signature)
    elif isinstance(key, rsa.RSAPublicKey):
        digest = hash_of(algorithm)
        scheme = padding.PKCS1v15()
        if "PSS" in algorithm:
            scheme = padding.PSS(padding.MGF1(digest), salt_length=digest.digest_size)
        key.verify(signature, message, scheme, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        numbers = decode_dss_signature(signature)
        assert encode_dss_signature(*numbers) == signature, "the signature is not strict DER"
        digest = hashlib.new(hash_name(algorithm), message).digest()
        key.verify(signature, digest, ec.ECDSA(Prehashed(hash_of(algorithm))))
    else:  # Ed25519 and ML-DSA hash by themselves
        assert algorithm == ED25519 or algorithm.startswith("ML_DSA")
        key.verify(signature, message)


class SM2:
    """Point arithmetic on sm2p256v1 (GB/T 32918.5), as slow and plain as it is written there."""

    PRIME = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
    ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
    A = PRIME - 3
    BASE = (
        0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
        0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
    )
    SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")

    @classmethod
    def add(cls, first, second):
        """The sum of two points; None is the point at infinity."""
        if first is None or second is None:
            return first or second
        (x1, y1), (x2, y2), prime = first, second, cls.PRIME
        if x1 == x2:
            if (y1 + y2) % prime == 0:
                return None
            slope = (3 * x1 * x1 + cls.A) * pow(2 * y1, -1, prime)
        else:
            slope = (y2 - y1) * pow(x2 - x1, -1, prime)
        x3 = (slope * slope - x1 - x2) % prime
        return x3, (slope * (x1 - x3) - y1) % prime

    @classmethod
    def multiply(cls, scalar, point):
        """A multiple of a point."""
        total = None
        while scalar:
            if scalar & 1:
                total = cls.add(total, point)
            point, scalar = cls.add(point, point), scalar >> 1
        return total

    @classmethod
    def spki(cls, point):
        """The DER SubjectPublicKeyInfo of a point."""
        return cls.SPKI_HEAD + b"\x04" + b"".join(part.to_bytes(32, "big") for part in point)

    @classmethod
    def point(cls, spki):
        """The point of a SubjectPublicKeyInfo."""
        assert spki.startswith(cls.SPKI_HEAD + b"\x04") and len(spki) == 91
        return int.from_bytes(spki[27:59], "big"), int.from_bytes(spki[59:], "big")


def openssl_run(*arguments, stdin=b""):
    """Runs the `openssl` program; returns its end."""
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=30)


def openssl(*arguments, stdin=b""):
    """Runs the `openssl` program; returns what it wrote, raises when it failed."""
    done = openssl_run(*arguments, stdin=stdin)
    assert done.returncode == 0, f"openssl {arguments}: {done.stderr.decode()}"
    return done.stdout
