"""Key specs as AWS documents them (reference/crypto.md), and keys that the tests of a run share.

RSA keys are slow to make, so a test that only uses a key takes it from the `Ring`; a test that
changes a key's state makes its own.
"""

from dataclasses import dataclass

from harness import texts
from harness.caller import Caller, unb64

ENCRYPT, SIGN, MAC = "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC"
AGREE, ENCAPSULATE = "KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"
LISTS = {
    ENCRYPT: "EncryptionAlgorithms",
    SIGN: "SigningAlgorithms",
    MAC: "MacAlgorithms",
    AGREE: "KeyAgreementAlgorithms",
    ENCAPSULATE: "EncapsulationAlgorithms",
}
OAEP = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
# The order of the lists is from memory, reference/crypto.md marks it `?`.
RSA_SIGNING = [
    f"RSASSA_{scheme}_SHA_{bits}" for scheme in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)
]
ED25519, ED25519_PH, ML_DSA = "ED25519_SHA_512", "ED25519_PH_SHA_512", "ML_DSA_SHAKE_256"


@dataclass(frozen=True)
class Kind:
    """A key spec with one of its usages."""

    spec: str
    usage: str
    algorithms: tuple
    spki_bytes: int = 0

    @property
    def member(self):
        """The member of KeyMetadata and GetPublicKey that lists the algorithms."""
        return LISTS[self.usage]

    def __str__(self):
        return f"{self.spec}-{self.usage}"


def _kinds():
    for bits, size in ((2048, 294), (3072, 422), (4096, 550)):
        yield Kind(f"RSA_{bits}", ENCRYPT, tuple(OAEP), size)
        yield Kind(f"RSA_{bits}", SIGN, tuple(RSA_SIGNING), size)
    for curve, bits, size in (("P256", 256, 91), ("P384", 384, 120), ("P521", 512, 158)):
        yield Kind(f"ECC_NIST_{curve}", SIGN, (f"ECDSA_SHA_{bits}",), size)
        yield Kind(f"ECC_NIST_{curve}", AGREE, ("ECDH",), size)
    yield Kind("ECC_SECG_P256K1", SIGN, ("ECDSA_SHA_256",), 88)
    yield Kind("ECC_NIST_EDWARDS25519", SIGN, (ED25519, ED25519_PH), 44)
    for number, size in ((44, 1312), (65, 1952), (87, 2592)):
        yield Kind(f"ML_DSA_{number}", SIGN, (ML_DSA,), size + 22)
    for number, size in ((512, 800), (768, 1184), (1024, 1568)):
        yield Kind(f"ML_KEM_{number}", ENCAPSULATE, ("ML_KEM",), size + 22)


ASYMMETRIC = tuple(_kinds())
SYMMETRIC = Kind("SYMMETRIC_DEFAULT", ENCRYPT, ("SYMMETRIC_DEFAULT",))
HMAC = tuple(Kind(f"HMAC_{bits}", MAC, (f"HMAC_SHA_{bits}",)) for bits in (224, 256, 384, 512))
ALL = (SYMMETRIC, *HMAC, *ASYMMETRIC)
USAGES = tuple(LISTS)


def pairs(usage):
    """Every (spec, algorithm) of a usage, for parametrized tests."""
    return [(kind.spec, name) for kind in ALL if kind.usage == usage for name in kind.algorithms]


def hash_name(algorithm):
    """hashlib's name of the hash at the end of an algorithm's name."""
    return f"sha{algorithm.rsplit('_', 1)[1]}"


class Ring:
    """A caller's keys by spec, usage and number; each is made when first asked for."""

    def __init__(self, server, region="us-east-1"):
        self.caller = Caller(server, region=region)
        self._keys = {}
        self._public = {}

    @classmethod
    def of(cls, server):
        """The ring that the whole run shares."""
        if not hasattr(server, "ring"):
            server.ring = cls(server)
        return server.ring

    def meta(self, spec, usage, number=0):
        """A key's metadata."""
        name = (spec, usage, number)
        if name not in self._keys:
            self._keys[name] = self.caller.key(KeySpec=spec, KeyUsage=usage)
        return self._keys[name]

    def id(self, spec, usage, number=0):
        """A key's bare id."""
        return self.meta(spec, usage, number)["KeyId"]

    def arn(self, spec, usage, number=0):
        """A key's ARN."""
        return self.meta(spec, usage, number)["Arn"]

    def public(self, spec, usage, number=0):
        """A key's public key, the bytes of its SubjectPublicKeyInfo."""
        key = self.id(spec, usage, number)
        if key not in self._public:
            out = self.caller.ok("GetPublicKey", KeyId=key)
            self._public[key] = unb64(out["PublicKey"])
        return self._public[key]


def for_others(caller, stranger, meta, operation, members):
    """Asserts that another account may use the key by ARN when its policy says so, and only then.

    Returns the stranger's output.
    """
    members = {"KeyId": meta["Arn"], **members}
    stranger.fails("AccessDeniedException", operation, members)
    policy = texts.policy(texts.allow(caller.root), texts.allow(stranger.root, f"kms:{operation}"))
    caller.ok("PutKeyPolicy", KeyId=meta["KeyId"], PolicyName="default", Policy=policy)
    out = stranger.ok(operation, members)
    assert out["KeyId"] == meta["Arn"]
    stranger.fails("NotFoundException", operation, {**members, "KeyId": meta["KeyId"]})
    return out


def in_wrong_states(caller, meta, operation, members):
    """Asserts that the operation refuses the key while it is disabled and pending deletion."""
    arn, members = meta["Arn"], {"KeyId": meta["KeyId"], **members}
    caller.ok("DisableKey", KeyId=meta["KeyId"])
    assert caller.fails("DisabledException", operation, members) == f"{arn} is disabled."
    caller.ok("ScheduleKeyDeletion", KeyId=meta["KeyId"], PendingWindowInDays=7)
    # AWS documents DisabledException as well; reference/key-states.md chooses this one.
    message = caller.fails("KMSInvalidStateException", operation, members)
    assert message == f"{arn} is pending deletion."
