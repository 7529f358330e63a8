"""GenerateDataKeyPair and GenerateDataKeyPairWithoutPlaintext. reference/crypto.md, api.md."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mlkem, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from harness import texts
from harness.caller import unb64
from independent import CURVES, ML_KEM, SPKI_HEADER_BYTES, openssl, raw_public
from key_specs import ALL, ENCRYPT, Ring, for_others, in_wrong_states

WITH, WITHOUT = "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"
OPERATIONS = [WITH, WITHOUT]
SYMMETRIC = "SYMMETRIC_DEFAULT"
ED25519 = "ECC_NIST_EDWARDS25519"
SPECS = ["RSA_2048", "RSA_3072", "RSA_4096", *CURVES, ED25519, *ML_KEM]
QUICK = [spec for spec in SPECS if not spec.startswith("RSA")]
SPKI_BYTES = {"RSA_2048": 294, "RSA_3072": 422, "RSA_4096": 550, ED25519: 44}
SPKI_BYTES |= dict(zip(CURVES, (91, 120, 158, 88), strict=True))
SPKI_BYTES |= dict(zip(ML_KEM, (822, 1206, 1590), strict=True))
# RFC 5958 OneAsymmetricKey version 0 with the `seed [0]` of RFC 9935: all but the 64 bytes of seed.
ML_KEM_HEADS = {
    spec: bytes.fromhex(f"3054020100300b06096086480165030404{last:02x}04428040")
    for last, spec in enumerate(ML_KEM, start=1)
}
CONTEXT = {"purpose": "test", "tenant": "42"}
SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PKCS8 = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="module")
def ring(server):
    return Ring.of(server)


def named(ring, spec, **members):
    """The members that ask for a pair."""
    return {"KeyId": ring.id(SYMMETRIC, ENCRYPT), "KeyPairSpec": spec, **members}


def matches(spec, private, public):
    """Asserts that the bytes are a PKCS #8 private key and the SPKI of its public half."""
    assert len(public) == SPKI_BYTES[spec]
    if spec in ML_KEM:
        head = ML_KEM_HEADS[spec]
        assert private.startswith(head) and len(private) == len(head) + 64 == 86
        encapsulation_key, decapsulation_key = ML_KEM[spec].key_derive(private[len(head) :])
        assert public == public[:SPKI_HEADER_BYTES] + encapsulation_key
        secret, blob = ML_KEM[spec].encaps(raw_public(public))
        assert ML_KEM[spec].decaps(decapsulation_key, blob) == secret
        if spec == "ML_KEM_512":  # not known to python-cryptography
            return
    key = load_der_private_key(private, None)
    assert key.public_key().public_bytes(*SPKI) == public
    if spec.startswith("RSA"):
        assert isinstance(key, rsa.RSAPrivateKey) and f"RSA_{key.key_size}" == spec
        numbers = key.private_numbers()
        assert numbers.public_numbers.e == 65537
        assert numbers.p.bit_length() == numbers.q.bit_length() == key.key_size // 2
        assert key.private_bytes(*PKCS8) == private
    elif spec in CURVES:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.curve.name == CURVES[spec].name
        signature = key.sign(b"m", ec.ECDSA(SHA256()))
        load_der_public_key(public).verify(signature, b"m", ec.ECDSA(SHA256()))
    else:
        types = {"ML_KEM_768": mlkem.MLKEM768PrivateKey, "ML_KEM_1024": mlkem.MLKEM1024PrivateKey}
        assert isinstance(key, types.get(spec, ed25519.Ed25519PrivateKey))
        assert key.private_bytes(*PKCS8) == private


def outputs(ring, spec, out):
    """Takes the blobs out of an answer and asserts the rest; returns blob and public key."""
    blob, public = unb64(out.pop("PrivateKeyCiphertextBlob")), unb64(out.pop("PublicKey"))
    meta = ring.meta(SYMMETRIC, ENCRYPT)
    assert out == {
        "KeyId": meta["Arn"],
        "KeyPairSpec": spec,
        "KeyMaterialId": meta["CurrentKeyMaterialId"],
    }
    return blob, public


@pytest.mark.parametrize("spec", SPECS)
def test_a_pair_with_its_private_key(ring, spec):
    out = ring.caller.ok(WITH, named(ring, spec, EncryptionContext=CONTEXT))
    private = unb64(out.pop("PrivateKeyPlaintext"))
    blob, public = outputs(ring, spec, out)
    matches(spec, private, public)
    assert len(private) < len(blob) <= 6144
    assert private not in blob and private[-32:] not in blob
    out = ring.caller.ok("Decrypt", CiphertextBlob=blob, EncryptionContext=CONTEXT)
    assert unb64(out["Plaintext"]) == private
    assert out["KeyId"] == ring.arn(SYMMETRIC, ENCRYPT)
    for context in ({}, {"purpose": "test"}, {**CONTEXT, "tenant": "43"}):
        message = ring.caller.fails(
            "InvalidCiphertextException", "Decrypt", CiphertextBlob=blob, EncryptionContext=context
        )
        assert message is None


@pytest.mark.parametrize("spec", SPECS)
def test_a_pair_without_its_private_key(ring, spec):
    out = ring.caller.ok(WITHOUT, named(ring, spec, EncryptionContext=CONTEXT))
    blob, public = outputs(ring, spec, out)
    matches(spec, ring.caller.decrypt(blob, EncryptionContext=CONTEXT), public)
    ring.caller.fails("InvalidCiphertextException", "Decrypt", CiphertextBlob=blob)


@pytest.mark.parametrize("spec", ["RSA_2048", *QUICK])
def test_pairs_are_new(ring, spec):
    publics = {
        ring.caller.ok(operation, named(ring, spec))["PublicKey"]
        for operation in OPERATIONS
        for _ in range(2)
    }
    assert len(publics) == 4


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P384", "ECC_SECG_P256K1", ED25519])
def test_openssl_reads_the_private_key(ring, spec):
    out = ring.caller.ok(WITH, named(ring, spec))
    private, public = unb64(out["PrivateKeyPlaintext"]), unb64(out["PublicKey"])
    arguments = ["pkey", "-inform", "DER", "-pubout", "-outform", "DER"]
    assert openssl(*arguments, stdin=private) == public
    assert b"valid" in openssl("pkey", "-inform", "DER", "-check", "-noout", stdin=private)


def test_pairs_do_not_come_from_the_key(ring):
    """A pair is no KMS key: nothing about it can be looked up, and other keys do not open it."""
    blob = unb64(ring.caller.ok(WITHOUT, named(ring, ED25519))["PrivateKeyCiphertextBlob"])
    other = ring.id(SYMMETRIC, ENCRYPT, 1)
    message = ring.caller.fails(
        "IncorrectKeyException", "Decrypt", CiphertextBlob=blob, KeyId=other
    )
    assert message == texts.INCORRECT_KEY
    for index in range(0, len(blob), 16):
        bent = blob[:index] + bytes([blob[index] ^ 0x40]) + blob[index + 1 :]
        answer = ring.caller.call("Decrypt", CiphertextBlob=bent)
        assert answer.status == 400 and "Plaintext" not in answer.body, (index, answer.raw)


def test_private_keys_outlive_a_rotation(caller):
    key = caller.key_id()
    old = caller.ok(WITH, KeyId=key, KeyPairSpec=ED25519)
    caller.rotate(key)
    new = caller.ok(WITH, KeyId=key, KeyPairSpec=ED25519)
    assert old["KeyMaterialId"] != new["KeyMaterialId"]
    for out in (old, new):
        blob = unb64(out["PrivateKeyCiphertextBlob"])
        back = caller.ok("Decrypt", CiphertextBlob=blob)
        assert back["Plaintext"] == out["PrivateKeyPlaintext"]
        assert back["KeyMaterialId"] == out["KeyMaterialId"]


def test_a_private_key_moves_by_reencrypt(ring):
    out = ring.caller.ok(WITH, named(ring, "RSA_2048", EncryptionContext=CONTEXT))
    members = {
        "SourceEncryptionContext": CONTEXT,
        "DestinationKeyId": ring.id(SYMMETRIC, ENCRYPT, 1),
    }
    blob = unb64(out["PrivateKeyCiphertextBlob"])
    moved = unb64(ring.caller.ok("ReEncrypt", members, CiphertextBlob=blob)["CiphertextBlob"])
    assert ring.caller.decrypt(moved) == unb64(out["PrivateKeyPlaintext"])


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("spec", ["ML_DSA_44", "HMAC_256", SYMMETRIC, "AES_256", "RSA_1024", ""])
def test_specs_that_pairs_have_not(ring, operation, spec):
    message = ring.caller.fails("ValidationException", operation, named(ring, spec))
    rule = "Member must satisfy enum value set: ["
    assert message.startswith(texts.invalid(texts.constraint("keyPairSpec", rule, spec)))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_sm2_is_for_china(ring, operation):
    # The code is not known (`?`).
    codes = {"UnsupportedOperationException", "ValidationException"}
    ring.caller.fails(codes, operation, named(ring, "SM2"))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_required_members(ring, operation):
    message = ring.caller.fails("ValidationException", operation)
    assert message.startswith("2 validation errors detected: ")
    assert texts.missing("keyId") in message and texts.missing("keyPairSpec") in message


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "kind", [kind for kind in ALL if kind.spec not in (SYMMETRIC, "RSA_3072", "RSA_4096")], ids=str
)
def test_keys_of_other_kinds(ring, operation, kind):
    meta = ring.meta(kind.spec, kind.usage)
    members = {"KeyId": meta["KeyId"], "KeyPairSpec": ED25519}
    if kind.usage == ENCRYPT:  # an RSA key: neither code nor text is documented
        codes = {"InvalidKeyUsageException", "UnsupportedOperationException", "ValidationException"}
        ring.caller.fails(codes, operation, members)
        return
    message = ring.caller.fails("InvalidKeyUsageException", operation, members)
    assert message == f"{meta['Arn']} key usage is {kind.usage} which is not valid for {operation}."


@pytest.mark.parametrize("operation", OPERATIONS)
def test_key_states(caller, operation):
    in_wrong_states(caller, caller.key(), operation, {"KeyPairSpec": ED25519})


@pytest.mark.parametrize("operation", OPERATIONS)
def test_dry_runs(ring, operation):
    for spec in ("RSA_4096", ED25519):
        members = named(ring, spec, DryRun=True)
        message = ring.caller.fails("DryRunOperationException", operation, members)
        assert message == texts.DRY_RUN


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_form_of_key_identifier(caller, operation):
    meta = caller.key()
    caller.ok("CreateAlias", AliasName="alias/pairs", TargetKeyId=meta["KeyId"])
    for form in [meta["KeyId"], meta["Arn"], "alias/pairs", caller.arn("alias/pairs")]:
        assert caller.ok(operation, KeyId=form, KeyPairSpec=ED25519)["KeyId"] == meta["Arn"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_other_accounts(caller, stranger, operation):
    meta = caller.key()
    out = for_others(caller, stranger, meta, operation, {"KeyPairSpec": ED25519})
    blob = unb64(out["PrivateKeyCiphertextBlob"])
    matches(ED25519, caller.decrypt(blob), unb64(out["PublicKey"]))
    stranger.fails("AccessDeniedException", "Decrypt", CiphertextBlob=blob)


def test_boto3_generates_pairs(kms):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for spec in QUICK:
        out = kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec)
        matches(spec, out["PrivateKeyPlaintext"], out["PublicKey"])
        out = kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec=spec)
        assert "PrivateKeyPlaintext" not in out
        private = kms.decrypt(CiphertextBlob=out["PrivateKeyCiphertextBlob"])["Plaintext"]
        matches(spec, private, out["PublicKey"])
