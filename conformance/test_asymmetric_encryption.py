"""RSA encryption and ReEncrypt between kinds of keys. reference/crypto.md, reference/api.md."""

import aws_encryption_sdk
import pytest
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders, models
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_encryption_sdk.identifiers import AlgorithmSuite
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from harness import texts
from harness.caller import expect_error, unb64
from independent import hash_of, openssl
from key_specs import ALL, ENCRYPT, MAC, OAEP, SIGN, Ring, in_wrong_states

SHA_1, SHA_256 = OAEP
SYMMETRIC = "SYMMETRIC_DEFAULT"
LIMITS = {
    ("RSA_2048", SHA_1): 214,
    ("RSA_2048", SHA_256): 190,
    ("RSA_3072", SHA_1): 342,
    ("RSA_3072", SHA_256): 318,
    ("RSA_4096", SHA_1): 470,
    ("RSA_4096", SHA_256): 446,
}
PAIRS = list(LIMITS)
MODULUS_BYTES = {"RSA_2048": 256, "RSA_3072": 384, "RSA_4096": 512}
CONTEXT = {"purpose": "test"}


@pytest.fixture(scope="module")
def ring(server):
    return Ring.of(server)


def oaep(algorithm, label=None):
    """OAEP as AWS means it: MGF1 with the same hash, no label."""
    digest = hash_of(algorithm)
    return padding.OAEP(padding.MGF1(digest), digest, label)


def seal(spki, algorithm, plaintext, **bent):
    """What a client makes that has only the public key."""
    return load_der_public_key(spki).encrypt(plaintext, oaep(algorithm, **bent))


def too_long(spec, algorithm):
    """ValidationException of a plaintext above the limit."""
    return (
        f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than "
        f"{LIMITS[spec, algorithm]} bytes."
    )


def encrypt(ring, spec, algorithm, plaintext, number=0):
    """The server's ciphertext."""
    key = ring.id(spec, ENCRYPT, number)
    return ring.caller.encrypt(key, plaintext, EncryptionAlgorithm=algorithm)


def decrypt(ring, spec, algorithm, blob, number=0):
    """The server's plaintext."""
    key = ring.id(spec, ENCRYPT, number)
    return ring.caller.decrypt(blob, KeyId=key, EncryptionAlgorithm=algorithm)


def refused(ring, spec, algorithm, blob, number=0):
    """Asserts that the server does not open a blob, without a text."""
    members = {"KeyId": ring.id(spec, ENCRYPT, number), "EncryptionAlgorithm": algorithm}
    message = ring.caller.fails(
        "InvalidCiphertextException", "Decrypt", members, CiphertextBlob=blob
    )
    assert message is None


@pytest.mark.parametrize("spec, algorithm", PAIRS)
def test_round_trip(ring, spec, algorithm):
    meta = ring.meta(spec, ENCRYPT)
    for size in (1, 16, 32, LIMITS[spec, algorithm]):
        plaintext = bytes(255 - index % 256 for index in range(size))
        members = {"KeyId": meta["KeyId"], "EncryptionAlgorithm": algorithm}
        out = ring.caller.ok("Encrypt", members, Plaintext=plaintext)
        blob = unb64(out.pop("CiphertextBlob"))
        assert out == {"KeyId": meta["Arn"], "EncryptionAlgorithm": algorithm}
        assert len(blob) == MODULUS_BYTES[spec]
        out = ring.caller.ok("Decrypt", members, CiphertextBlob=blob)
        assert unb64(out.pop("Plaintext")) == plaintext
        assert out == {"KeyId": meta["Arn"], "EncryptionAlgorithm": algorithm}


@pytest.mark.parametrize("spec, algorithm", PAIRS)
def test_it_opens_what_others_seal(ring, spec, algorithm):
    spki = ring.public(spec, ENCRYPT)
    for size in (1, 32, LIMITS[spec, algorithm]):
        plaintext = b"\x00" * size
        assert decrypt(ring, spec, algorithm, seal(spki, algorithm, plaintext)) == plaintext


def test_an_empty_plaintext_that_others_sealed(ring):
    # It is good OAEP, but the model's Plaintext has at least one byte; what AWS does is not known.
    members = {"KeyId": ring.id("RSA_2048", ENCRYPT), "EncryptionAlgorithm": SHA_256}
    blob = seal(ring.public("RSA_2048", ENCRYPT), SHA_256, b"")
    answer = ring.caller.call("Decrypt", members, CiphertextBlob=blob)
    if answer.status == 200:
        assert answer.body["Plaintext"] == ""
    else:
        expect_error(answer, "InvalidCiphertextException", None)


@pytest.mark.parametrize("spec, algorithm", [("RSA_2048", SHA_1), ("RSA_3072", SHA_256)])
def test_it_opens_what_openssl_seals(ring, tmp_path, spec, algorithm):
    public, digest = tmp_path / "key.der", hash_of(algorithm).name
    public.write_bytes(ring.public(spec, ENCRYPT))
    arguments = ["pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", public]
    arguments += ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", f"rsa_oaep_md:{digest}"]
    arguments += ["-pkeyopt", f"rsa_mgf1_md:{digest}"]
    blob = openssl(*arguments, stdin=b"from openssl")
    assert decrypt(ring, spec, algorithm, blob) == b"from openssl"


@pytest.mark.parametrize("spec, algorithm", PAIRS)
def test_longer_plaintexts_are_refused(ring, spec, algorithm):
    members = {"KeyId": ring.id(spec, ENCRYPT), "EncryptionAlgorithm": algorithm}
    for size in (LIMITS[spec, algorithm] + 1, 512, 4096):
        message = ring.caller.fails(
            "ValidationException", "Encrypt", members, Plaintext=bytes(size)
        )
        assert message == too_long(spec, algorithm)
    for size, rule in ((4097, texts.max_length(4096)), (0, texts.min_length(1))):
        message = ring.caller.fails(
            "ValidationException", "Encrypt", members, Plaintext=bytes(size)
        )
        assert message == texts.invalid(texts.constraint("plaintext", rule))


@pytest.mark.parametrize("algorithm", OAEP)
def test_ciphertexts_are_randomized(ring, algorithm):
    blobs = {encrypt(ring, "RSA_2048", algorithm, b"same") for _ in range(10)}
    assert len(blobs) == 10
    assert not any(b"same" in blob for blob in blobs)


@pytest.mark.parametrize("spec, algorithm", PAIRS)
def test_changed_ciphertexts_are_refused(ring, spec, algorithm):
    blob = encrypt(ring, spec, algorithm, b"secret")
    for index in [*range(0, len(blob), 16), len(blob) - 1]:
        bent = bytearray(blob)
        bent[index] ^= 0x10
        refused(ring, spec, algorithm, bytes(bent))
    for bent in (blob[:-1], blob[1:], blob + b"\0", b"\0" + blob, b"\0", bytes(6144)):
        refused(ring, spec, algorithm, bent)
    for number in (0, 1, 2, 2 ** (8 * len(blob)) - 1):
        refused(ring, spec, algorithm, number.to_bytes(len(blob), "big"))
    assert decrypt(ring, spec, algorithm, blob) == b"secret"


def test_a_ciphertext_above_the_modulus_is_refused(ring):
    spki = ring.public("RSA_2048", ENCRYPT)
    modulus = load_der_public_key(spki).public_numbers().n
    for _ in range(40):
        raised = int.from_bytes(seal(spki, SHA_256, b"x"), "big") + modulus
        if raised.bit_length() <= 2048:
            refused(ring, "RSA_2048", SHA_256, raised.to_bytes(256, "big"))
            break


def test_padding_is_the_one_that_is_named(ring):
    spki = ring.public("RSA_2048", ENCRYPT)
    for mine, other in ((SHA_1, SHA_256), (SHA_256, SHA_1)):
        refused(ring, "RSA_2048", mine, seal(spki, other, b"x"))
        refused(ring, "RSA_2048", mine, encrypt(ring, "RSA_2048", other, b"x"))
        refused(ring, "RSA_2048", mine, seal(spki, mine, b"x", label=b"label"))
        mixed = padding.OAEP(padding.MGF1(hash_of(other)), hash_of(mine), None)
        key = load_der_public_key(spki)
        refused(ring, "RSA_2048", mine, key.encrypt(b"x", mixed))
        refused(ring, "RSA_2048", mine, key.encrypt(b"x", padding.PKCS1v15()))


def test_a_ciphertext_is_of_one_key(ring):
    assert ring.public("RSA_2048", ENCRYPT) != ring.public("RSA_2048", ENCRYPT, 1)
    for algorithm in OAEP:
        blob = encrypt(ring, "RSA_2048", algorithm, b"x")
        refused(ring, "RSA_2048", algorithm, blob, 1)
        refused(ring, "RSA_3072", algorithm, blob)


@pytest.mark.parametrize("algorithm", OAEP)
def test_an_encryption_context_is_for_symmetric_keys(ring, algorithm):
    # That it is refused is from memory (`?`), as is the code.
    codes = {"ValidationException", "InvalidKeyUsageException", "InvalidCiphertextException"}
    members = {"KeyId": ring.id("RSA_2048", ENCRYPT), "EncryptionAlgorithm": algorithm}
    blob = encrypt(ring, "RSA_2048", algorithm, b"x")
    ring.caller.fails(codes, "Encrypt", members, Plaintext=b"x", EncryptionContext=CONTEXT)
    ring.caller.fails(codes, "Decrypt", members, CiphertextBlob=blob, EncryptionContext=CONTEXT)


def test_decrypt_needs_the_key(ring):
    blob = encrypt(ring, "RSA_2048", SHA_256, b"x")
    # The code is not documented; an RSA ciphertext names no key.
    codes = {"ValidationException", "InvalidCiphertextException"}
    ring.caller.fails(codes, "Decrypt", CiphertextBlob=blob, EncryptionAlgorithm=SHA_256)
    message = ring.caller.fails("InvalidCiphertextException", "Decrypt", CiphertextBlob=blob)
    assert message is None


def test_the_algorithm_must_be_given(ring):
    # The default is SYMMETRIC_DEFAULT, which is no algorithm of an RSA key.
    expected = f"Algorithm {SYMMETRIC} is incompatible with key spec RSA_2048."
    key, blob = ring.id("RSA_2048", ENCRYPT), encrypt(ring, "RSA_2048", SHA_1, b"x")
    for extra in ({}, {"EncryptionAlgorithm": SYMMETRIC}):
        message = ring.caller.fails(
            "InvalidKeyUsageException", "Encrypt", KeyId=key, Plaintext=b"x", **extra
        )
        assert message == expected
        # For Decrypt the order of the checks is not documented: the blob is no symmetric one.
        codes = {"InvalidKeyUsageException", "InvalidCiphertextException", "IncorrectKeyException"}
        ring.caller.fails(codes, "Decrypt", KeyId=key, CiphertextBlob=blob, **extra)


@pytest.mark.parametrize("algorithm", [*OAEP, "SM2PKE"])
def test_algorithms_of_other_specs(ring, algorithm):
    specs = [SYMMETRIC] if algorithm in OAEP else [SYMMETRIC, "RSA_2048"]
    for spec in specs:
        members = {"KeyId": ring.id(spec, ENCRYPT), "EncryptionAlgorithm": algorithm}
        message = ring.caller.fails("InvalidKeyUsageException", "Encrypt", members, Plaintext=b"x")
        assert message == f"Algorithm {algorithm} is incompatible with key spec {spec}."


@pytest.mark.parametrize(
    "kind",
    [kind for kind in ALL if kind.usage != ENCRYPT and kind.spec not in ("RSA_3072", "RSA_4096")],
    ids=str,
)
def test_keys_of_other_usages(ring, kind):
    meta = ring.meta(kind.spec, kind.usage)
    for algorithm in (SYMMETRIC, *OAEP):
        members = {"KeyId": meta["KeyId"], "EncryptionAlgorithm": algorithm, "Plaintext": b"x"}
        message = ring.caller.fails("InvalidKeyUsageException", "Encrypt", members)
        assert message == (
            f"{meta['Arn']} key usage is {kind.usage} which is not valid for Encrypt."
        )
    # A symmetric blob under a key that never encrypts: IncorrectKeyException, as recorded.
    blob = ring.caller.encrypt(ring.id(SYMMETRIC, ENCRYPT), b"x")
    message = ring.caller.fails(
        "IncorrectKeyException", "Decrypt", KeyId=meta["KeyId"], CiphertextBlob=blob
    )
    assert message == texts.INCORRECT_KEY


# ReEncrypt


def source(ring, spec, algorithm, number=0):
    """The members of ReEncrypt that name a source key; of a symmetric one, none are needed."""
    if algorithm == SYMMETRIC:
        return {}
    return {"SourceKeyId": ring.id(spec, ENCRYPT, number), "SourceEncryptionAlgorithm": algorithm}


def destination(ring, spec, algorithm, number=0):
    """The members of ReEncrypt that name a destination key."""
    key = {"DestinationKeyId": ring.id(spec, ENCRYPT, number)}
    return key if algorithm == SYMMETRIC else {**key, "DestinationEncryptionAlgorithm": algorithm}


MOVES = [
    ((SYMMETRIC, SYMMETRIC), ("RSA_2048", SHA_1)),
    ((SYMMETRIC, SYMMETRIC), ("RSA_3072", SHA_256)),
    (("RSA_2048", SHA_256), (SYMMETRIC, SYMMETRIC)),
    (("RSA_4096", SHA_1), (SYMMETRIC, SYMMETRIC)),
    (("RSA_2048", SHA_1), ("RSA_2048", SHA_256)),
    (("RSA_3072", SHA_256), ("RSA_2048", SHA_1)),
]


@pytest.mark.parametrize("old, new", MOVES, ids=lambda pair: "-".join(pair))
def test_reencrypt(ring, old, new):
    blob = encrypt(ring, *old, b"moved")
    members = {**source(ring, *old), **destination(ring, *new)}
    out = ring.caller.ok("ReEncrypt", members, CiphertextBlob=blob)
    moved = unb64(out.pop("CiphertextBlob"))
    expected = {
        "SourceKeyId": ring.arn(old[0], ENCRYPT),
        "KeyId": ring.arn(new[0], ENCRYPT),
        "SourceEncryptionAlgorithm": old[1],
        "DestinationEncryptionAlgorithm": new[1],
    }
    # The ids of key material are for symmetric keys, each on its side.
    for side, (spec, algorithm) in (("Source", old), ("Destination", new)):
        if algorithm == SYMMETRIC:
            material = ring.meta(spec, ENCRYPT)["CurrentKeyMaterialId"]
            expected[f"{side}KeyMaterialId"] = material
    assert out == expected
    assert decrypt(ring, *new, moved) == b"moved"
    assert decrypt(ring, *old, blob) == b"moved"


def test_reencrypt_of_what_others_sealed(ring):
    blob = seal(ring.public("RSA_2048", ENCRYPT), SHA_256, b"outside")
    members = source(ring, "RSA_2048", SHA_256) | destination(ring, SYMMETRIC, SYMMETRIC)
    members["DestinationEncryptionContext"] = CONTEXT
    out = ring.caller.ok("ReEncrypt", members, CiphertextBlob=blob)
    moved = unb64(out["CiphertextBlob"])
    assert ring.caller.decrypt(moved, EncryptionContext=CONTEXT) == b"outside"
    ring.caller.fails("InvalidCiphertextException", "Decrypt", CiphertextBlob=moved)


@pytest.mark.parametrize("spec, algorithm", PAIRS)
def test_reencrypt_of_what_does_not_fit(ring, spec, algorithm):
    limit = LIMITS[spec, algorithm]
    members = destination(ring, spec, algorithm)
    for size in (limit, limit + 1, 4096):
        blob = encrypt(ring, SYMMETRIC, SYMMETRIC, bytes(size))
        if size == limit:
            out = ring.caller.ok("ReEncrypt", members, CiphertextBlob=blob)
            moved = unb64(out["CiphertextBlob"])
            assert decrypt(ring, spec, algorithm, moved) == bytes(size)
        else:
            # That the text is the one of Encrypt is not recorded.
            message = ring.caller.fails(
                "ValidationException", "ReEncrypt", members, CiphertextBlob=blob
            )
            assert message == too_long(spec, algorithm)
    if (spec, algorithm) == ("RSA_2048", SHA_256):
        blob = encrypt(ring, "RSA_2048", SHA_1, bytes(limit + 1))
        members |= source(ring, "RSA_2048", SHA_1)
        ring.caller.fails("ValidationException", "ReEncrypt", members, CiphertextBlob=blob)


def test_reencrypt_refuses_bad_sources(ring):
    blob = encrypt(ring, "RSA_2048", SHA_256, b"x")
    to_symmetric = destination(ring, SYMMETRIC, SYMMETRIC)

    def refused(code, members, data):
        return ring.caller.fails(
            code, "ReEncrypt", {**to_symmetric, **members}, CiphertextBlob=data
        )

    good = source(ring, "RSA_2048", SHA_256)
    bent = blob[:-1] + bytes([blob[-1] ^ 1])
    assert refused("InvalidCiphertextException", good, bent) is None
    for members in (
        source(ring, "RSA_2048", SHA_1),
        source(ring, "RSA_2048", SHA_256, 1),
        source(ring, "RSA_3072", SHA_256),
    ):
        assert refused("InvalidCiphertextException", members, blob) is None
    for side in ("SourceEncryptionContext", "DestinationEncryptionContext"):
        members = {**good, side: CONTEXT}
        if side == "DestinationEncryptionContext":
            members |= destination(ring, "RSA_2048", SHA_1)
        codes = {"ValidationException", "InvalidKeyUsageException", "InvalidCiphertextException"}
        refused(codes, members, blob)  # `?`, as for Encrypt
    expected = f"Algorithm {SYMMETRIC} is incompatible with key spec RSA_2048."
    symmetric = encrypt(ring, SYMMETRIC, SYMMETRIC, b"x")
    members = {"DestinationKeyId": ring.id("RSA_2048", ENCRYPT)}
    assert refused("InvalidKeyUsageException", members, symmetric) == expected


@pytest.mark.parametrize("spec, usage", [("RSA_2048", SIGN), ("HMAC_256", MAC)])
def test_reencrypt_to_keys_of_other_usages(ring, spec, usage):
    blob = encrypt(ring, SYMMETRIC, SYMMETRIC, b"x")
    members = {"CiphertextBlob": blob, "DestinationKeyId": ring.id(spec, usage)}
    message = ring.caller.fails("InvalidKeyUsageException", "ReEncrypt", members)
    # Whether the operation is called ReEncrypt or ReEncryptTo in the text is not recorded.
    start = f"{ring.arn(spec, usage)} key usage is {usage} which is not valid for ReEncrypt"
    assert message.startswith(start)


# Key states, dry runs, identifiers


def test_key_states(caller):
    for operation, members in (
        ("Encrypt", {"Plaintext": b"x"}),
        ("Decrypt", {"CiphertextBlob": bytes(256)}),
    ):
        meta = caller.key(KeySpec="RSA_2048", KeyUsage=ENCRYPT)
        in_wrong_states(caller, meta, operation, {**members, "EncryptionAlgorithm": SHA_256})


def test_dry_runs(ring):
    blob = encrypt(ring, "RSA_2048", SHA_256, b"x")
    members = {"KeyId": ring.id("RSA_2048", ENCRYPT), "EncryptionAlgorithm": SHA_256}
    calls = [
        ("Encrypt", {**members, "Plaintext": b"x"}),
        ("Decrypt", {**members, "CiphertextBlob": blob}),
        (
            "ReEncrypt",
            {
                **source(ring, "RSA_2048", SHA_256),
                **destination(ring, SYMMETRIC, SYMMETRIC),
                "CiphertextBlob": blob,
            },
        ),
    ]
    for operation, named in calls:
        message = ring.caller.fails("DryRunOperationException", operation, named, DryRun=True)
        assert message == texts.DRY_RUN
    members["Plaintext"] = bytes(191)
    message = ring.caller.fails("ValidationException", "Encrypt", members, DryRun=True)
    assert message == too_long("RSA_2048", SHA_256)


def test_every_form_of_key_identifier(caller):
    meta = caller.key(KeySpec="RSA_2048", KeyUsage=ENCRYPT)
    caller.ok("CreateAlias", AliasName="alias/rsa", TargetKeyId=meta["KeyId"])
    for form in [meta["KeyId"], meta["Arn"], "alias/rsa", caller.arn("alias/rsa")]:
        blob = caller.encrypt(form, b"x", EncryptionAlgorithm=SHA_256)
        out = caller.ok("Decrypt", KeyId=form, CiphertextBlob=blob, EncryptionAlgorithm=SHA_256)
        assert out["KeyId"] == meta["Arn"] and unb64(out["Plaintext"]) == b"x"


def test_boto3_round_trip(kms):
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage=ENCRYPT)["KeyMetadata"]["KeyId"]
    members = {"KeyId": key, "EncryptionAlgorithm": SHA_256}
    blob = seal(kms.get_public_key(KeyId=key)["PublicKey"], SHA_256, b"boto")
    assert kms.decrypt(**members, CiphertextBlob=blob)["Plaintext"] == b"boto"
    blob = kms.encrypt(**members, Plaintext=b"back")["CiphertextBlob"]
    assert kms.decrypt(**members, CiphertextBlob=blob)["Plaintext"] == b"back"


@pytest.mark.parametrize("algorithm", OAEP)
def test_keyrings_of_the_encryption_sdk(kms, algorithm):
    """Data keys are sealed with the public key, by the SDK itself, and opened by the server."""
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage=ENCRYPT)["KeyMetadata"]["Arn"]
    public = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    keyring = providers.create_aws_kms_rsa_keyring(
        input=models.CreateAwsKmsRsaKeyringInput(
            kms_client=kms,
            kms_key_id=key,
            public_key=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            encryption_algorithm=algorithm,
        )
    )
    client, context = aws_encryption_sdk.EncryptionSDKClient(), {"purpose": "test"}
    sealed, _ = client.encrypt(
        source=b"by rsa",
        keyring=keyring,
        encryption_context=context,
        algorithm=AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
    )
    assert (
        client.decrypt(source=sealed, keyring=keyring, encryption_context=context)[0] == b"by rsa"
    )
