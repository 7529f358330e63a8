"""Encapsulate and Decapsulate, against other implementations of ML-KEM. reference/crypto.md."""

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from harness import texts
from harness.caller import unb64
from independent import ML_KEM, raw_public
from key_specs import ALL, ENCAPSULATE, Ring, for_others, in_wrong_states

SPECS = list(ML_KEM)
SIZES = {"ML_KEM_512": 768, "ML_KEM_768": 1088, "ML_KEM_1024": 1568}
ALGORITHM = {"EncapsulationAlgorithm": "ML_KEM"}
SECRET_BYTES = 32


@pytest.fixture(scope="module")
def ring(server):
    return Ring.of(server)


def named(ring, spec, number=0):
    """The members that name a key and its algorithm."""
    return {**ALGORITHM, "KeyId": ring.id(spec, ENCAPSULATE, number)}


def encapsulate(ring, spec):
    """The server's secret and its encapsulated form."""
    out = ring.caller.ok("Encapsulate", named(ring, spec))
    return unb64(out["SharedSecret"]), unb64(out["SharedSecretCiphertextBlob"])


def decapsulate(ring, spec, blob, number=0):
    """The server's secret of a blob."""
    members = {**named(ring, spec, number), "SharedSecretCiphertextBlob": blob}
    secret = unb64(ring.caller.ok("Decapsulate", members)["SharedSecret"])
    assert len(secret) == SECRET_BYTES
    return secret


@pytest.mark.parametrize("spec", SPECS)
def test_round_trip(ring, spec):
    arn = ring.arn(spec, ENCAPSULATE)
    out = ring.caller.ok("Encapsulate", named(ring, spec))
    secret, blob = unb64(out.pop("SharedSecret")), unb64(out.pop("SharedSecretCiphertextBlob"))
    assert out == {"KeyId": arn, "EncapsulationAlgorithm": "ML_KEM"}
    assert len(secret) == SECRET_BYTES and len(blob) == SIZES[spec]
    out = ring.caller.ok("Decapsulate", named(ring, spec), SharedSecretCiphertextBlob=blob)
    assert unb64(out.pop("SharedSecret")) == secret
    assert out == {"KeyId": arn, "EncapsulationAlgorithm": "ML_KEM"}


@pytest.mark.parametrize("spec", SPECS)
def test_it_opens_what_kyber_py_encapsulates(ring, spec):
    public = raw_public(ring.public(spec, ENCAPSULATE))
    for _ in range(3):
        secret, blob = ML_KEM[spec].encaps(public)
        assert decapsulate(ring, spec, blob) == secret


@pytest.mark.parametrize("spec", ["ML_KEM_768", "ML_KEM_1024"])
def test_it_opens_what_openssl_encapsulates(ring, spec):
    public = load_der_public_key(ring.public(spec, ENCAPSULATE))
    secret, blob = public.encapsulate()
    assert decapsulate(ring, spec, blob) == secret


@pytest.mark.parametrize("spec", SPECS)
def test_every_secret_is_new(ring, spec):
    secrets = [encapsulate(ring, spec) for _ in range(5)]
    assert len({secret for secret, _ in secrets}) == 5
    assert len({blob for _, blob in secrets}) == 5
    for secret, blob in secrets:
        assert decapsulate(ring, spec, blob) == secret


@pytest.mark.parametrize("spec", SPECS)
def test_a_changed_blob_gives_another_secret(ring, spec):
    secret, blob = encapsulate(ring, spec)
    found = {secret}
    indexes = [*range(0, len(blob), 64), len(blob) - 1]
    for index in indexes:
        bent = blob[:index] + bytes([blob[index] ^ 0x01]) + blob[index + 1 :]
        other = decapsulate(ring, spec, bent)
        assert decapsulate(ring, spec, bent) == other  # implicit rejection is deterministic
        found.add(other)
    assert len(found) == 1 + len(indexes)
    zeros = bytes(len(blob))
    assert decapsulate(ring, spec, zeros) == decapsulate(ring, spec, zeros) not in found
    assert decapsulate(ring, spec, blob) == secret


@pytest.mark.parametrize("spec", SPECS)
def test_implicit_rejection_is_of_one_key(ring, spec):
    _, blob = encapsulate(ring, spec)
    assert ring.public(spec, ENCAPSULATE) != ring.public(spec, ENCAPSULATE, 1)
    secrets = {decapsulate(ring, spec, blob, number) for number in (0, 1)}
    assert len(secrets) == 2
    zeros = bytes(len(blob))
    assert len({decapsulate(ring, spec, zeros, number) for number in (0, 1)}) == 2


@pytest.mark.parametrize("spec", SPECS)
def test_blobs_of_another_length_are_refused(ring, spec):
    _, blob = encapsulate(ring, spec)
    wrong = [blob[:-1], blob[1:], blob + b"\0", b"\0", bytes(6144)]
    wrong += [bytes(size) for other, size in SIZES.items() if other != spec]
    for bent in wrong:
        members = {**named(ring, spec), "SharedSecretCiphertextBlob": bent}
        message = ring.caller.fails("InvalidCiphertextException", "Decapsulate", members)
        assert message is None
    for size, rule in ((6145, texts.max_length(6144)), (0, texts.min_length(1))):
        members = {**named(ring, spec), "SharedSecretCiphertextBlob": bytes(size)}
        message = ring.caller.fails("ValidationException", "Decapsulate", members)
        assert message == texts.invalid(texts.constraint("sharedSecretCiphertextBlob", rule))


@pytest.mark.parametrize("operation", ["Encapsulate", "Decapsulate"])
@pytest.mark.parametrize(
    "kind",
    [kind for kind in ALL if kind.usage != ENCAPSULATE and kind.spec[-4:] not in ("3072", "4096")],
    ids=str,
)
def test_keys_of_other_usages(ring, operation, kind):
    meta = ring.meta(kind.spec, kind.usage)
    members = {**ALGORITHM, "KeyId": meta["KeyId"], "SharedSecretCiphertextBlob": bytes(768)}
    message = ring.caller.fails("InvalidKeyUsageException", operation, members)
    assert message == f"{meta['Arn']} key usage is {kind.usage} which is not valid for {operation}."


def test_required_and_enumerated_members(ring):
    paths = {"Encapsulate": ["keyId", "encapsulationAlgorithm"]}
    paths["Decapsulate"] = [*paths["Encapsulate"], "sharedSecretCiphertextBlob"]
    for operation, names in paths.items():
        message = ring.caller.fails("ValidationException", operation)
        assert message.startswith(f"{len(names)} validation errors detected: ")
        assert all(texts.missing(name) in message for name in names)
    members = {**named(ring, "ML_KEM_512"), "EncapsulationAlgorithm": "NONE"}
    message = ring.caller.fails("ValidationException", "Encapsulate", members)
    rule = "Member must satisfy enum value set: [ML_KEM]"
    assert message == texts.invalid(texts.constraint("encapsulationAlgorithm", rule, "NONE"))


def test_key_states(caller):
    for operation in ("Encapsulate", "Decapsulate"):
        meta = caller.key(KeySpec="ML_KEM_512", KeyUsage=ENCAPSULATE)
        members = {**ALGORITHM, "SharedSecretCiphertextBlob": bytes(768)}
        in_wrong_states(caller, meta, operation, members)


def test_dry_runs(ring):
    members = {**named(ring, "ML_KEM_768"), "SharedSecretCiphertextBlob": bytes(1088)}
    for operation in ("Encapsulate", "Decapsulate"):
        message = ring.caller.fails("DryRunOperationException", operation, members, DryRun=True)
        assert message == texts.DRY_RUN


def test_every_form_of_key_identifier(caller):
    meta = caller.key(KeySpec="ML_KEM_512", KeyUsage=ENCAPSULATE)
    caller.ok("CreateAlias", AliasName="alias/kem", TargetKeyId=meta["KeyId"])
    for form in [meta["KeyId"], meta["Arn"], "alias/kem", caller.arn("alias/kem")]:
        out = caller.ok("Encapsulate", ALGORITHM, KeyId=form)
        blob = unb64(out["SharedSecretCiphertextBlob"])
        back = caller.ok("Decapsulate", ALGORITHM, KeyId=form, SharedSecretCiphertextBlob=blob)
        assert back["SharedSecret"] == out["SharedSecret"]
        assert back["KeyId"] == out["KeyId"] == meta["Arn"]


def test_other_accounts(caller, stranger):
    meta = caller.key(KeySpec="ML_KEM_512", KeyUsage=ENCAPSULATE)
    first = for_others(caller, stranger, meta, "Encapsulate", ALGORITHM)
    blob = unb64(first["SharedSecretCiphertextBlob"])
    members = {**ALGORITHM, "SharedSecretCiphertextBlob": blob}
    second = for_others(caller, stranger, meta, "Decapsulate", members)
    assert second["SharedSecret"] == first["SharedSecret"]


def test_boto3_encapsulates(kms):
    key = kms.create_key(KeySpec="ML_KEM_1024", KeyUsage=ENCAPSULATE)["KeyMetadata"]["KeyId"]
    out = kms.encapsulate(KeyId=key, **ALGORITHM)
    blob = out["SharedSecretCiphertextBlob"]
    back = kms.decapsulate(KeyId=key, SharedSecretCiphertextBlob=blob, **ALGORITHM)
    assert back["SharedSecret"] == out["SharedSecret"]
