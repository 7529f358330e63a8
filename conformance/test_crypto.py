"""Encrypt, Decrypt, ReEncrypt, data keys and randomness. reference/api.md, reference/crypto.md."""

import base64
import re

import pytest

from harness import texts
from harness.caller import b64, unb64

ALGORITHM = "SYMMETRIC_DEFAULT"
BLOB_BYTES_MAX = 6144
SIZES = [1, 15, 16, 17, 31, 32, 33, 255, 256, 1024, 4095, 4096]
CONTEXT = {"purpose": "test", "tenant": "42"}
MATERIAL = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("size", SIZES)
def test_round_trip_of_sizes(caller, size):
    key, plaintext = caller.key_id(), bytes(index % 251 for index in range(size))
    blob = caller.encrypt(key, plaintext)
    assert size < len(blob) <= BLOB_BYTES_MAX
    assert caller.decrypt(blob) == plaintext


def test_outputs_of_encrypt_and_decrypt(caller):
    meta = caller.key()
    out = caller.ok("Encrypt", KeyId=meta["KeyId"], Plaintext=b"secret", EncryptionContext=CONTEXT)
    blob = out.pop("CiphertextBlob")
    assert out == {"KeyId": meta["Arn"], "EncryptionAlgorithm": ALGORITHM}
    out = caller.ok("Decrypt", CiphertextBlob=blob, EncryptionContext=CONTEXT)
    assert out == {
        "KeyId": meta["Arn"],
        "Plaintext": b64(b"secret"),
        "EncryptionAlgorithm": ALGORITHM,
        "KeyMaterialId": meta["CurrentKeyMaterialId"],
    }


def test_every_form_of_key_identifier(caller):
    meta = caller.key()
    caller.ok("CreateAlias", AliasName="alias/forms", TargetKeyId=meta["KeyId"])
    for form in [meta["KeyId"], meta["Arn"], "alias/forms", caller.arn("alias/forms")]:
        blob = caller.encrypt(form, b"x")
        out = caller.ok("Decrypt", CiphertextBlob=blob, KeyId=form)
        assert out["KeyId"] == meta["Arn"] and unb64(out["Plaintext"]) == b"x"
        assert caller.ok("GenerateDataKey", KeyId=form, KeySpec="AES_256")["KeyId"] == meta["Arn"]
        moved = caller.ok("ReEncrypt", CiphertextBlob=blob, SourceKeyId=form, DestinationKeyId=form)
        assert moved["SourceKeyId"] == moved["KeyId"] == meta["Arn"]


def test_explicit_algorithm(caller):
    blob = caller.encrypt(caller.key_id(), b"x", EncryptionAlgorithm=ALGORITHM)
    assert caller.decrypt(blob, EncryptionAlgorithm=ALGORITHM) == b"x"


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
def test_an_rsa_algorithm_does_not_fit_a_symmetric_key(caller, algorithm):
    key = caller.key_id()
    codes = {"InvalidKeyUsageException", "ValidationException"}
    caller.fails(codes, "Encrypt", KeyId=key, Plaintext=b"x", EncryptionAlgorithm=algorithm)
    blob = caller.encrypt(key, b"x")
    caller.fails(codes, "Decrypt", KeyId=key, CiphertextBlob=blob, EncryptionAlgorithm=algorithm)


def test_blobs_of_equal_plaintexts_differ(caller):
    key = caller.key_id()
    blobs = {caller.encrypt(key, b"same", EncryptionContext=CONTEXT) for _ in range(50)}
    assert len(blobs) == 50


def test_an_empty_context_is_no_context(caller):
    key = caller.key_id()
    assert caller.decrypt(caller.encrypt(key, b"x", EncryptionContext={})) == b"x"
    assert caller.decrypt(caller.encrypt(key, b"x"), EncryptionContext={}) == b"x"


def test_order_of_the_context_does_not_matter(caller):
    key = caller.key_id()
    pairs = [(f"k{index}", f"v{index}") for index in range(20)]
    blob = caller.encrypt(key, b"x", EncryptionContext=dict(pairs))
    assert caller.decrypt(blob, EncryptionContext=dict(reversed(pairs))) == b"x"


def test_unicode_and_reserved_looking_contexts(caller):
    key = caller.key_id()
    for context in [
        {"ключ": "значение \U0001f511"},
        {"aws:kms:something": "v"},
        {'quote"\\': "\n\t\u0001"},
        {"k": ""},
    ]:
        blob = caller.encrypt(key, b"x", EncryptionContext=context)
        assert caller.decrypt(blob, EncryptionContext=context) == b"x"
        caller.fails("InvalidCiphertextException", "Decrypt", CiphertextBlob=blob)


def test_the_named_key_must_be_the_one_in_the_blob(caller):
    blob = caller.encrypt(caller.key_id(), b"x")
    other = caller.key_id()
    message = caller.fails("IncorrectKeyException", "Decrypt", CiphertextBlob=blob, KeyId=other)
    assert message == texts.INCORRECT_KEY
    message = caller.fails(
        "IncorrectKeyException",
        "ReEncrypt",
        CiphertextBlob=blob,
        SourceKeyId=other,
        DestinationKeyId=other,
    )
    assert message == texts.INCORRECT_KEY


@pytest.mark.parametrize("spec, size", [("AES_128", 16), ("AES_256", 32)])
def test_data_key_by_spec(caller, spec, size):
    meta = caller.key()
    out = caller.ok("GenerateDataKey", KeyId=meta["KeyId"], KeySpec=spec, EncryptionContext=CONTEXT)
    assert set(out) == {"CiphertextBlob", "Plaintext", "KeyId", "KeyMaterialId"}
    assert out["KeyId"] == meta["Arn"] and out["KeyMaterialId"] == meta["CurrentKeyMaterialId"]
    plaintext = unb64(out["Plaintext"])
    assert len(plaintext) == size
    assert caller.decrypt(unb64(out["CiphertextBlob"]), EncryptionContext=CONTEXT) == plaintext


@pytest.mark.parametrize("size", [1, 24, 64, 1024])
def test_data_key_by_size(caller, size):
    key = caller.key_id()
    out = caller.ok("GenerateDataKey", KeyId=key, NumberOfBytes=size)
    assert len(unb64(out["Plaintext"])) == size
    out = caller.ok("GenerateDataKeyWithoutPlaintext", KeyId=key, NumberOfBytes=size)
    assert len(caller.decrypt(unb64(out["CiphertextBlob"]))) == size


def test_data_key_without_plaintext(caller):
    meta = caller.key()
    answer = caller.call("GenerateDataKeyWithoutPlaintext", KeyId=meta["KeyId"], KeySpec="AES_256")
    out = answer.body
    assert set(out) == {"CiphertextBlob", "KeyId", "KeyMaterialId"}
    assert out["KeyId"] == meta["Arn"] and out["KeyMaterialId"] == meta["CurrentKeyMaterialId"]
    plaintext = caller.decrypt(unb64(out["CiphertextBlob"]))
    assert len(plaintext) == 32 and base64.b64encode(plaintext) not in answer.raw


def test_data_keys_are_all_different(caller):
    key = caller.key_id()
    keys = {
        caller.ok("GenerateDataKey", KeyId=key, KeySpec="AES_256")["Plaintext"] for _ in range(50)
    }
    assert len(keys) == 50


@pytest.mark.parametrize("operation", ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext"])
def test_data_key_needs_exactly_one_size(caller, operation):
    key = caller.key_id()
    assert caller.fails("ValidationException", operation, KeyId=key) == texts.ONE_SIZE
    both = {"KeySpec": "AES_256", "NumberOfBytes": 32}
    assert caller.fails("ValidationException", operation, both, KeyId=key) == texts.ONE_SIZE


def test_reencrypt_between_keys_and_contexts(caller):
    first, second = caller.key(), caller.key()
    blob = caller.encrypt(first["KeyId"], b"moved", EncryptionContext={"a": "1"})
    out = caller.ok(
        "ReEncrypt",
        CiphertextBlob=blob,
        SourceEncryptionContext={"a": "1"},
        DestinationKeyId=second["KeyId"],
        DestinationEncryptionContext={"b": "2"},
    )
    moved = unb64(out.pop("CiphertextBlob"))
    assert out == {
        "SourceKeyId": first["Arn"],
        "KeyId": second["Arn"],
        "SourceEncryptionAlgorithm": ALGORITHM,
        "DestinationEncryptionAlgorithm": ALGORITHM,
        "SourceKeyMaterialId": first["CurrentKeyMaterialId"],
        "DestinationKeyMaterialId": second["CurrentKeyMaterialId"],
    }
    assert caller.decrypt(moved, EncryptionContext={"b": "2"}) == b"moved"
    assert caller.decrypt(blob, EncryptionContext={"a": "1"}) == b"moved"
    caller.fails("InvalidCiphertextException", "Decrypt", CiphertextBlob=moved)


def test_reencrypt_on_one_key_changes_the_context(caller):
    key = caller.key_id()
    blob = caller.encrypt(key, b"x")
    out = caller.ok(
        "ReEncrypt",
        CiphertextBlob=blob,
        DestinationKeyId=key,
        DestinationEncryptionContext=CONTEXT,
    )
    assert unb64(out["CiphertextBlob"]) != blob
    assert caller.decrypt(unb64(out["CiphertextBlob"]), EncryptionContext=CONTEXT) == b"x"


def test_reencrypt_with_the_wrong_context(caller):
    key = caller.key_id()
    blob = caller.encrypt(key, b"x", EncryptionContext=CONTEXT)
    for context in [{}, {"purpose": "test"}, {"purpose": "Test", "tenant": "42"}]:
        message = caller.fails(
            "InvalidCiphertextException",
            "ReEncrypt",
            CiphertextBlob=blob,
            SourceEncryptionContext=context,
            DestinationKeyId=key,
        )
        assert message is None


def test_random_bytes(caller):
    for size in (1, 32, 1024):
        out = caller.ok("GenerateRandom", NumberOfBytes=size)
        assert set(out) == {"Plaintext"} and len(unb64(out["Plaintext"])) == size
    values = {caller.ok("GenerateRandom", NumberOfBytes=16)["Plaintext"] for _ in range(50)}
    assert len(values) == 50


def test_random_needs_a_size(caller):
    assert caller.fails("ValidationException", "GenerateRandom") == "NumberOfBytes is required."


def dry_runs(key, blob):
    """Every dry-run call of this version that would succeed."""
    return [
        ("Encrypt", {"KeyId": key, "Plaintext": b"x"}),
        ("Decrypt", {"CiphertextBlob": blob}),
        ("Decrypt", {"CiphertextBlob": blob, "KeyId": key}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}),
        ("GenerateDataKeyWithoutPlaintext", {"KeyId": key, "NumberOfBytes": 8}),
        ("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": key}),
        ("Decrypt", {"KeyId": key, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}),
    ]


def test_dry_run_tells_of_success_and_does_nothing(caller):
    key = caller.key_id()
    for operation, members in dry_runs(key, caller.encrypt(key, b"x")):
        message = caller.fails("DryRunOperationException", operation, members, DryRun=True)
        assert message == texts.DRY_RUN


def test_dry_run_false_is_a_real_call(caller):
    key = caller.key_id()
    blob = caller.encrypt(key, b"x", DryRun=False)
    assert caller.decrypt(blob, DryRun=False) == b"x"


def test_dry_run_checks_the_key_first(caller):
    meta = caller.key()
    blob = caller.encrypt(meta["KeyId"], b"x")
    caller.ok("DisableKey", KeyId=meta["KeyId"])
    for operation, members in dry_runs(meta["KeyId"], blob)[:-1]:
        message = caller.fails("DisabledException", operation, members, DryRun=True)
        assert message == texts.disabled(meta["Arn"])
    caller.fails("NotFoundException", "Encrypt", KeyId="nope", Plaintext=b"x", DryRun=True)
    caller.fails("ValidationException", "GenerateDataKey", KeyId=meta["KeyId"], DryRun=True)


def test_dry_run_modifiers_need_a_dry_run(caller):
    key = caller.key_id()
    caller.fails("ValidationException", "Decrypt", KeyId=key, DryRunModifiers=["IGNORE_CIPHERTEXT"])
    caller.fails("ValidationException", "Decrypt", KeyId=key, DryRun=True)
    caller.fails("ValidationException", "Decrypt", KeyId=key)


def test_a_bad_grant_token_is_refused(caller):
    key = caller.key_id()
    members = {"KeyId": key, "Plaintext": b"x", "GrantTokens": ["bm9uc2Vuc2U="]}
    caller.fails("InvalidGrantTokenException", "Encrypt", members)


@pytest.mark.parametrize("document", [b"\x00", b"junk" * 100, b"\xd2\x84\x43\xa1\x01\x26"])
def test_a_bad_attestation_yields_no_plaintext(caller, document):
    key = caller.key_id()
    recipient = {
        "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
        "AttestationDocument": b64(document),
    }
    blob = caller.encrypt(key, b"attested")
    for operation, members in [
        ("Decrypt", {"CiphertextBlob": blob}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}),
        ("GenerateRandom", {"NumberOfBytes": 16}),
    ]:
        answer = caller.call(operation, members, Recipient=recipient)
        assert answer.status == 400 and "Plaintext" not in answer.body, answer.raw


def test_boto3_round_trip(kms):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    out = kms.encrypt(KeyId=key, Plaintext=b"\x00\xff" * 100, EncryptionContext=CONTEXT)
    back = kms.decrypt(CiphertextBlob=out["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert back["Plaintext"] == b"\x00\xff" * 100
    data = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert kms.decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=out["CiphertextBlob"])
