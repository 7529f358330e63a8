"""Attestation documents as a Nitro enclave's hypervisor makes them, and what opens the answers.

From AWS's description of the attestation process and RFC 8152, RFC 5652; the facts stand in
reference/formats/nitro-attestation-cms.md. Bent documents are made by bending a good one's parts.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

ES384 = -35
COSE_SIGN1 = 18
HOUR = timedelta(hours=1)
KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def spki(key):
    """The DER SubjectPublicKeyInfo of a private key's public half."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Certificate:
    """A certificate to be, with its private key; the defaults are a good CA's."""

    name: str
    issuer: "Certificate" = None
    ca: bool = True
    path_length: int = None
    usage: str = "key_cert_sign"
    not_before: timedelta = -HOUR
    not_after: timedelta = HOUR
    curve: ec.EllipticCurve = field(default_factory=ec.SECP384R1)
    hash: hashes.HashAlgorithm = field(default_factory=hashes.SHA384)

    def __post_init__(self):
        self.key = ec.generate_private_key(self.curve)
        issuer, now = self.issuer or self, datetime.now(timezone.utc)
        usages = {name: name == self.usage for name in KEY_USAGES}
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(issuer.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + self.not_before)
            .not_valid_after(now + self.not_after)
            .add_extension(x509.BasicConstraints(self.ca, self.path_length), critical=True)
            .add_extension(x509.KeyUsage(**usages), critical=True)
        )
        self.certificate = builder.sign(issuer.key, self.hash)

    @property
    def subject(self):
        """Its name, in the form of AWS's."""
        parts = ((NameOID.COMMON_NAME, self.name), (NameOID.ORGANIZATION_NAME, "Test"))
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])

    @property
    def der(self):
        """Its bytes."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self):
        """Its text."""
        return self.certificate.public_bytes(Encoding.PEM)


def leaf(issuer, **bent):
    """The certificate that signs documents."""
    members = {"ca": False, "usage": "digital_signature", **bent}
    return Certificate("i-0123456789abcdef0-enc0123456789abcdef", issuer, **members)


class Chain:
    """A root, two authorities below it and a leaf."""

    def __init__(self, root=None):
        self.root = root or Certificate("root", not_after=24 * HOUR)
        self.region = Certificate("region", self.root)
        self.instance = Certificate("instance", self.region, path_length=0)
        self.leaf = leaf(self.instance)

    def bundle(self):
        """`cabundle`: from the root down to the issuer of the leaf."""
        return [self.root.der, self.region.der, self.instance.der]

    def payload(self, public, **bent):
        """A payload for the public key; keywords bend it, None takes a member out."""
        members = {
            "module_id": self.leaf.name,
            "digest": "SHA384",
            "timestamp": int(time.time() * 1000),
            "pcrs": {index: bytes([index + 1]) * 48 for index in range(16)},
            "certificate": self.leaf.der,
            "cabundle": self.bundle(),
            "public_key": public,
        }
        members |= bent
        return {name: value for name, value in members.items() if value is not None}

    def document(self, public, **bent):
        """A signed document."""
        return self.sign(cbor2.dumps(self.payload(public, **bent)))

    def sign(self, payload, algorithm=ES384, tag=False, unprotected=None, signer=None):
        """COSE_Sign1 over payload bytes."""
        protected = cbor2.dumps({1: algorithm})
        signed = cbor2.dumps(["Signature1", protected, b"", payload])
        key = (signer or self.leaf).key
        numbers = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA384())))
        signature = b"".join(number.to_bytes(48, "big") for number in numbers)
        parts = [protected, unprotected or {}, payload, signature]
        return cbor2.dumps(cbor2.CBORTag(COSE_SIGN1, parts) if tag else parts)


# The answer


class Walk:
    """Reads BER in the order of AWS's own parser, aws-nitro-enclaves-sdk-c/source/cms.c."""

    def __init__(self, data):
        self.rest = data

    def take(self, tag, definite=True):
        """The contents of the next element; of an indefinite one, its reader steps inside."""
        assert self.rest[0] == tag, f"tag {self.rest[0]:#x}, expected {tag:#x}"
        first = self.rest[1]
        if first == 0x80:
            assert not definite, "a definite length was expected"
            self.rest = self.rest[2:]
            return None
        assert definite, "an indefinite length was expected"
        extra = first & 0x7F if first & 0x80 else 0
        size = int.from_bytes(self.rest[2 : 2 + extra], "big") if extra else first
        start = 2 + extra
        body, self.rest = self.rest[start : start + size], self.rest[start + size :]
        assert len(body) == size, "the element is cut off"
        return body

    def into(self, tag):
        """A walk through the contents of a definite element."""
        return Walk(self.take(tag))

    def end(self):
        """Asserts that all was read."""
        assert not self.rest, f"left over: {self.rest.hex()}"


SEQUENCE, SET, INTEGER, OCTETS, OID, NULL = 0x30, 0x31, 0x02, 0x04, 0x06, 0x05
ENVELOPED_DATA = bytes.fromhex("2a864886f70d010703")
DATA = bytes.fromhex("2a864886f70d010701")
RSAES_OAEP = bytes.fromhex("2a864886f70d010107")
MGF1 = bytes.fromhex("2a864886f70d010108")
SHA_256 = bytes.fromhex("608648016503040201")
AES_256_CBC = bytes.fromhex("60864801650304012a")
END = bytes(2)


def open_envelope(envelope, key):
    """The plaintext for an enclave that holds `key`; asserts the shape that AWS's C SDK parses."""
    walk = Walk(envelope)
    walk.take(SEQUENCE, definite=False)
    assert walk.take(OID) == ENVELOPED_DATA
    walk.take(0xA0, definite=False)
    walk.take(SEQUENCE, definite=False)
    assert walk.take(INTEGER) == b"\x02"
    recipients = walk.into(SET)
    recipient = recipients.into(SEQUENCE)
    recipients.end()
    wrapped = _recipient(recipient)
    walk.take(SEQUENCE, definite=False)
    assert walk.take(OID) == DATA
    cipher = walk.into(SEQUENCE)
    assert cipher.take(OID) == AES_256_CBC
    vector = cipher.take(OCTETS)
    cipher.end()
    assert len(vector) == 16
    sealed = b""
    if walk.rest[0] == 0xA0:  # pieces
        walk.take(0xA0, definite=False)
        while walk.rest[0] == OCTETS:
            sealed += walk.take(OCTETS)
        walk.rest = walk.rest.removeprefix(END)
    else:
        sealed = walk.take(0x80)
    assert walk.rest == 4 * END
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    content_key = key.decrypt(wrapped, oaep)
    assert len(content_key) == 32 and len(wrapped) == key.key_size // 8
    decryptor = Cipher(algorithms.AES256(content_key), modes.CBC(vector)).decryptor()
    unpadder = PKCS7(128).unpadder()
    padded = decryptor.update(sealed) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()


def _recipient(walk):
    """The wrapped content key of a KeyTransRecipientInfo."""
    assert walk.take(INTEGER) == b"\x02"
    assert len(walk.take(0x80)) == 32  # subjectKeyIdentifier
    scheme = walk.into(SEQUENCE)
    assert scheme.take(OID) == RSAES_OAEP
    parameters = scheme.into(SEQUENCE)
    scheme.end()
    digest = parameters.into(0xA0).into(SEQUENCE)
    assert digest.take(OID) == SHA_256 and digest.take(NULL) == b""
    digest.end()
    mask = parameters.into(0xA1).into(SEQUENCE)
    assert mask.take(OID) == MGF1
    digest = mask.into(SEQUENCE)
    assert digest.take(OID) == SHA_256 and digest.take(NULL) == b""
    parameters.end()
    wrapped = walk.take(OCTETS)
    walk.end()
    return wrapped


def enclave_key(bits=2048):
    """A key pair as an enclave makes it."""
    return rsa.generate_private_key(65537, bits)
