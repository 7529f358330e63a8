"""CreateKey, DescribeKey and GetPublicKey of every key spec. reference/crypto.md, api.md."""

import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

import key_specs
from harness import texts
from harness.caller import Caller, b64, unb64
from independent import CURVES, openssl
from key_specs import (
    AGREE,
    ALL,
    ASYMMETRIC,
    ENCAPSULATE,
    HMAC,
    MAC,
    SIGN,
    SYMMETRIC,
    Ring,
    for_others,
)

DER = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
RSA_EXPONENT = 65537
TYPES = {
    "ECC_NIST_EDWARDS25519": ed25519.Ed25519PublicKey,
    "ML_DSA_44": mldsa.MLDSA44PublicKey,
    "ML_DSA_65": mldsa.MLDSA65PublicKey,
    "ML_DSA_87": mldsa.MLDSA87PublicKey,
    "ML_KEM_768": mlkem.MLKEM768PublicKey,
    "ML_KEM_1024": mlkem.MLKEM1024PublicKey,
}
ML_KEM_512_HEAD = bytes.fromhex("30820332300b06096086480165030404010382032100")
WRONG_USAGE = [
    (kind.spec, usage)
    for kind in key_specs.ALL
    for usage in key_specs.USAGES
    if usage not in {other.usage for other in key_specs.ALL if other.spec == kind.spec}
]


@pytest.fixture(scope="module")
def ring(server):
    return Ring.of(server)


@pytest.mark.parametrize("kind", [*HMAC, *ASYMMETRIC], ids=str)
def test_metadata(ring, kind):
    made = ring.meta(kind.spec, kind.usage)
    meta = ring.caller.ok("DescribeKey", KeyId=made["KeyId"])["KeyMetadata"]
    assert meta == made
    assert abs(meta.pop("CreationDate") - time.time()) < 600
    # The old member's enum has no newer specs; whether AWS repeats them there is not known (`?`).
    assert meta.pop("CustomerMasterKeySpec", kind.spec) == kind.spec
    assert meta == {
        "AWSAccountId": ring.caller.account,
        "KeyId": made["KeyId"],
        "Arn": ring.caller.arn(made["KeyId"]),
        "Enabled": True,
        "Description": "",
        "KeyUsage": kind.usage,
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "KeySpec": kind.spec,
        kind.member: list(kind.algorithms),
        "MultiRegion": False,
    }


@pytest.mark.parametrize("kind", ASYMMETRIC, ids=str)
def test_members_of_a_public_key(ring, kind):
    meta = ring.meta(kind.spec, kind.usage)
    out = ring.caller.ok("GetPublicKey", KeyId=meta["KeyId"])
    assert len(unb64(out.pop("PublicKey"))) == kind.spki_bytes
    assert out.pop("CustomerMasterKeySpec", kind.spec) == kind.spec  # see test_metadata
    assert out == {
        "KeyId": meta["Arn"],
        "KeySpec": kind.spec,
        "KeyUsage": kind.usage,
        kind.member: list(kind.algorithms),
    }


@pytest.mark.parametrize("kind", ASYMMETRIC, ids=str)
def test_a_public_key_is_strict_der(ring, kind):
    spki = ring.public(kind.spec, kind.usage)
    if kind.spec == "ML_KEM_512":  # not known to python-cryptography
        assert spki.startswith(ML_KEM_512_HEAD) and len(spki) == len(ML_KEM_512_HEAD) + 800
        return
    key = load_der_public_key(spki)
    assert key.public_bytes(*DER) == spki
    if kind.spec.startswith("RSA"):
        assert isinstance(key, rsa.RSAPublicKey)
        assert f"RSA_{key.key_size}" == kind.spec
        assert key.public_numbers().e == RSA_EXPONENT
    elif kind.spec in CURVES:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == CURVES[kind.spec].name
    else:
        assert isinstance(key, TYPES[kind.spec])


def test_openssl_reads_the_classical_public_keys(ring):
    for kind in ASYMMETRIC:
        if not kind.spec.startswith("ML_"):
            spki = ring.public(kind.spec, kind.usage)
            arguments = ["pkey", "-pubin", "-inform", "DER", "-pubcheck", "-outform", "DER"]
            if "EDWARDS" in kind.spec:
                arguments.remove("-pubcheck")  # OpenSSL has none for Ed25519 before 3.2
            assert openssl(*arguments, "-pubout", stdin=spki).endswith(spki)


def test_every_key_has_its_own_public_key(caller):
    for kind in ASYMMETRIC:
        if kind.spec.startswith("RSA") and kind.spec != "RSA_2048":
            continue
        keys = [caller.key_id(KeySpec=kind.spec, KeyUsage=kind.usage) for _ in range(2)]
        spki = [caller.ok("GetPublicKey", KeyId=key)["PublicKey"] for key in keys]
        assert spki[0] != spki[1]
        assert spki[0] == caller.ok("GetPublicKey", KeyId=keys[0])["PublicKey"]


def test_every_form_of_key_identifier(caller):
    meta = caller.key(KeySpec="ECC_NIST_P256", KeyUsage=SIGN)
    caller.ok("CreateAlias", AliasName="alias/public", TargetKeyId=meta["KeyId"])
    forms = [meta["KeyId"], meta["Arn"], "alias/public", caller.arn("alias/public")]
    answers = [caller.ok("GetPublicKey", KeyId=form) for form in forms]
    assert answers[0]["KeyId"] == meta["Arn"]
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("kind", [SYMMETRIC, *HMAC], ids=str)
def test_a_symmetric_key_has_no_public_key(ring, kind):
    # The code is from memory (`?`); its text is not known.
    key = ring.id(kind.spec, kind.usage)
    ring.caller.fails("UnsupportedOperationException", "GetPublicKey", KeyId=key)


def test_key_states(caller):
    meta = caller.key(KeySpec="ECC_NIST_P256", KeyUsage=SIGN)
    spki = caller.ok("GetPublicKey", KeyId=meta["KeyId"])["PublicKey"]
    caller.ok("DisableKey", KeyId=meta["KeyId"])
    # As the key-state table of 2025 says; the one of 2023 had DisabledException.
    assert caller.ok("GetPublicKey", KeyId=meta["KeyId"])["PublicKey"] == spki
    caller.ok("ScheduleKeyDeletion", KeyId=meta["KeyId"], PendingWindowInDays=7)
    message = caller.fails("KMSInvalidStateException", "GetPublicKey", KeyId=meta["KeyId"])
    assert message == texts.pending_deletion(meta["Arn"])
    caller.ok("CancelKeyDeletion", KeyId=meta["KeyId"])
    caller.ok("EnableKey", KeyId=meta["KeyId"])
    assert caller.ok("GetPublicKey", KeyId=meta["KeyId"])["PublicKey"] == spki


@pytest.mark.parametrize("spec, usage", WRONG_USAGE)
def test_a_usage_that_the_spec_has_not(caller, spec, usage):
    message = caller.fails("ValidationException", "CreateKey", KeySpec=spec, KeyUsage=usage)
    assert message == f"KeyUsage {usage} is not compatible with KeySpec {spec}"


@pytest.mark.parametrize("spec", sorted({kind.spec for kind in [*HMAC, *ASYMMETRIC]}))
def test_the_usage_must_be_given(caller, spec):
    assert caller.fails("ValidationException", "CreateKey", KeySpec=spec) == (
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
    )


def test_the_old_name_of_the_spec(caller):
    meta = caller.key(CustomerMasterKeySpec="ECC_NIST_P384", KeyUsage=SIGN)
    assert meta["KeySpec"] == meta["CustomerMasterKeySpec"] == "ECC_NIST_P384"
    meta = caller.key(CustomerMasterKeySpec="HMAC_384", KeyUsage=MAC)
    assert meta["KeySpec"] == meta["CustomerMasterKeySpec"] == "HMAC_384"
    # The old enum has none of the newer specs.
    for spec in ("ML_DSA_44", "ECC_NIST_EDWARDS25519", "ML_KEM_512"):
        members = {"CustomerMasterKeySpec": spec, "KeyUsage": SIGN}
        message = caller.fails("ValidationException", "CreateKey", members)
        assert f"Value '{spec}' at 'customerMasterKeySpec' failed to satisfy" in message


def test_sm2_is_for_china(caller):
    # The code is not known (`?`).
    codes = {"UnsupportedOperationException", "ValidationException"}
    caller.fails(codes, "CreateKey", KeySpec="SM2", KeyUsage=SIGN)


def test_other_accounts(caller, stranger):
    meta = caller.key(KeySpec="ECC_NIST_P256", KeyUsage=SIGN)
    out = for_others(caller, stranger, meta, "GetPublicKey", {})
    assert out == caller.ok("GetPublicKey", KeyId=meta["KeyId"])


def uses(caller, kind, meta):
    """Uses a new key once; returns the call that must work as long as the key is the same."""
    named = {"KeyId": meta["KeyId"]}
    if kind.usage == SIGN:
        message = "DIGEST" if kind.algorithms[0].endswith("PH_SHA_512") else "RAW"
        named |= {"SigningAlgorithm": kind.algorithms[0], "MessageType": message, "Message": b"m"}
        signature = unb64(caller.ok("Sign", named)["Signature"])
        return "Verify", {**named, "Signature": signature}, {"SignatureValid": True}
    if kind.usage == MAC:
        named |= {"MacAlgorithm": kind.algorithms[0], "Message": b"m"}
        mac = caller.ok("GenerateMac", named)["Mac"]
        return "GenerateMac", named, {"Mac": mac}
    if kind.usage == AGREE:
        public = unb64(caller.ok("GetPublicKey", named)["PublicKey"])
        named |= {"KeyAgreementAlgorithm": "ECDH", "PublicKey": public}
        secret = caller.ok("DeriveSharedSecret", named)["SharedSecret"]
        return "DeriveSharedSecret", named, {"SharedSecret": secret}
    if kind.usage == ENCAPSULATE:
        named |= {"EncapsulationAlgorithm": "ML_KEM"}
        out = caller.ok("Encapsulate", named)
        named["SharedSecretCiphertextBlob"] = unb64(out["SharedSecretCiphertextBlob"])
        return "Decapsulate", named, {"SharedSecret": out["SharedSecret"]}
    named |= {"EncryptionAlgorithm": kind.algorithms[0]}
    blob = caller.encrypt(meta["KeyId"], b"kept", EncryptionAlgorithm=kind.algorithms[0])
    return "Decrypt", {**named, "CiphertextBlob": blob}, {"Plaintext": b64(b"kept")}


def test_keys_survive_a_restart(own_server):
    caller, kept = Caller(own_server), []
    for kind in ALL:
        if kind.spec not in ("RSA_3072", "RSA_4096"):
            meta = caller.key(KeySpec=kind.spec, KeyUsage=kind.usage)
            public = kind.spki_bytes and caller.ok("GetPublicKey", KeyId=meta["KeyId"])
            kept.append((meta, public, uses(caller, kind, meta)))
    caller.close()
    own_server.stop()
    own_server.start()
    caller = Caller(own_server, caller.account)
    for meta, public, (operation, members, expected) in kept:
        assert caller.ok("DescribeKey", KeyId=meta["KeyId"])["KeyMetadata"] == meta
        if public:
            assert caller.ok("GetPublicKey", KeyId=meta["KeyId"]) == public
        out = caller.ok(operation, members)
        assert {name: out[name] for name in expected} == expected, meta["KeySpec"]
    caller.close()


def test_boto3_reads_a_public_key(kms):
    key = kms.create_key(KeySpec="ML_DSA_44", KeyUsage=SIGN)["KeyMetadata"]["KeyId"]
    out = kms.get_public_key(KeyId=key)
    assert isinstance(load_der_public_key(out["PublicKey"]), mldsa.MLDSA44PublicKey)
    assert out["SigningAlgorithms"] == ["ML_DSA_SHAKE_256"]
