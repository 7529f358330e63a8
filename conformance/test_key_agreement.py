"""DeriveSharedSecret, against other implementations of ECDH. reference/crypto.md, api.md."""

import aws_encryption_sdk
import pytest
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders, models
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptography_primitives.smithygenerated.aws_cryptography_primitives.models import (
    ECDHCurveSpec,
)
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)

from harness import texts
from harness.caller import unb64
from independent import CURVES, openssl
from key_specs import AGREE, ALL, Ring, for_others, in_wrong_states

SPECS = ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"]
SIZES = {"ECC_NIST_P256": 32, "ECC_NIST_P384": 48, "ECC_NIST_P521": 66}
ECDH = {"KeyAgreementAlgorithm": "ECDH"}


@pytest.fixture(scope="module")
def ring(server):
    return Ring.of(server)


def spki(key):
    """The DER SubjectPublicKeyInfo of a private key's public half."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def derive(ring, spec, public, number=0):
    """The server's shared secret."""
    members = {**ECDH, "KeyId": ring.id(spec, AGREE, number), "PublicKey": public}
    return unb64(ring.caller.ok("DeriveSharedSecret", members)["SharedSecret"])


def refused(ring, spec, public):
    """Asserts the recorded answer to an unusable public key: an empty text."""
    members = {**ECDH, "KeyId": ring.id(spec, AGREE), "PublicKey": public}
    assert ring.caller.fails("ValidationException", "DeriveSharedSecret", members) == ""


def with_point(public, point):
    """A SubjectPublicKeyInfo of the same curve with another point."""
    algorithm = public[3 if public[1] == 0x81 else 2 :]
    algorithm = algorithm[: 2 + algorithm[1]]
    return der(0x30, algorithm + der(0x03, b"\0" + point))


def der(tag, body):
    """One element of DER."""
    size = len(body)
    length = bytes([size]) if size < 128 else bytes([0x81, size])
    assert size < 256
    return bytes([tag]) + length + body


@pytest.mark.parametrize("spec", SPECS)
def test_others_derive_the_same(ring, spec):
    ours = load_der_public_key(ring.public(spec, AGREE))
    for _ in range(5):
        peer = ec.generate_private_key(CURVES[spec])
        members = {**ECDH, "KeyId": ring.id(spec, AGREE), "PublicKey": spki(peer)}
        out = ring.caller.ok("DeriveSharedSecret", members)
        secret = unb64(out.pop("SharedSecret"))
        assert out == {
            "KeyId": ring.arn(spec, AGREE),
            "KeyAgreementAlgorithm": "ECDH",
            "KeyOrigin": "AWS_KMS",
        }
        assert len(secret) == SIZES[spec]
        assert secret == peer.exchange(ec.ECDH(), ours)
        assert derive(ring, spec, spki(peer)) == secret  # nothing random in it


@pytest.mark.parametrize("spec", SPECS)
def test_two_keys_of_the_server_agree(ring, spec):
    first, second = ring.public(spec, AGREE), ring.public(spec, AGREE, 1)
    assert first != second
    assert derive(ring, spec, second) == derive(ring, spec, first, 1)
    derive(ring, spec, first)  # with itself: nothing forbids it


@pytest.mark.parametrize("spec", SPECS)
def test_a_secret_keeps_its_leading_zeros(ring, spec):
    ours = load_der_public_key(ring.public(spec, AGREE))
    for _ in range(8000):
        peer = ec.generate_private_key(CURVES[spec])
        expected = peer.exchange(ec.ECDH(), ours)
        if expected[0] == 0:
            break
    assert expected[0] == 0
    assert derive(ring, spec, spki(peer)) == expected


@pytest.mark.parametrize("spec", SPECS)
def test_openssl_derives_the_same(ring, tmp_path, spec):
    peer = ec.generate_private_key(CURVES[spec])
    private, public = tmp_path / "private.der", tmp_path / "public.der"
    private.write_bytes(peer.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(ring.public(spec, AGREE))
    arguments = ["pkeyutl", "-derive", "-keyform", "DER", "-inkey", private]
    arguments += ["-peerform", "DER", "-peerkey", public]
    assert openssl(*arguments) == derive(ring, spec, spki(peer))


@pytest.mark.parametrize("spec", SPECS)
def test_keys_of_other_kinds_are_refused(ring, spec):
    for other, curve in CURVES.items():
        if other != spec:
            refused(ring, spec, spki(ec.generate_private_key(curve)))
    refused(ring, spec, spki(ec.generate_private_key(ec.BrainpoolP256R1())))
    refused(ring, spec, spki(ed25519.Ed25519PrivateKey.generate()))
    refused(ring, spec, spki(x25519.X25519PrivateKey.generate()))
    refused(ring, spec, spki(rsa.generate_private_key(65537, 1024)))
    peer = ec.generate_private_key(CURVES[spec])
    forms = {(Encoding.DER, PrivateFormat.PKCS8), (Encoding.DER, PrivateFormat.TraditionalOpenSSL)}
    for form in forms:
        refused(ring, spec, peer.private_bytes(*form, NoEncryption()))
    public = peer.public_key()
    refused(ring, spec, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    refused(ring, spec, public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


@pytest.mark.parametrize("spec", SPECS)
def test_points_that_are_not_on_the_curve_are_refused(ring, spec):
    peer, size = spki(ec.generate_private_key(CURVES[spec])), SIZES[spec]
    point = peer[-2 * size - 1 :]
    assert with_point(peer, point) == peer
    x, y = point[1 : size + 1], point[size + 1 :]
    field = 2**521 - 1 if spec == "ECC_NIST_P521" else None
    bad = {
        "bent y": point[:-1] + bytes([point[-1] ^ 1]),
        "bent x": b"\x04" + x[:-1] + bytes([x[-1] ^ 1]) + y,
        "exchanged": b"\x04" + y + x,
        "zeros": b"\x04" + bytes(2 * size),
        "ones": b"\x04" + b"\xff" * (2 * size),
        "infinity": b"\0",
        "infinity, long": bytes(2 * size + 1),
        "no point": b"",
        "y is missing": b"\x04" + x,
        "short": point[:-1],
        "long": point + b"\0",
        "raw": x + y,
        "compressed form, wrong tag": b"\x05" + x,
        "uncompressed form of a compressed tag": b"\x02" + x + y,
        "hybrid form, wrong sign": bytes([7 - (y[-1] & 1)]) + x + y,
    }
    if field:
        raised = int.from_bytes(x, "big") + field
        if raised.bit_length() <= 8 * size:
            bad["x above the field"] = b"\x04" + raised.to_bytes(size, "big") + y
    for what, wrong in bad.items():
        members = {**ECDH, "KeyId": ring.id(spec, AGREE), "PublicKey": with_point(peer, wrong)}
        answer = ring.caller.call("DeriveSharedSecret", members)
        assert (answer.code, answer.message) == ("ValidationException", ""), (what, answer.raw)


def test_a_point_of_an_invalid_curve_is_refused(ring):
    # The classic attack: a point of small order on a curve that differs in b only.
    peer = spki(ec.generate_private_key(CURVES["ECC_NIST_P256"]))
    x = 5
    for y in range(1, 40):
        point = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        refused(ring, "ECC_NIST_P256", with_point(peer, point))


@pytest.mark.parametrize("spec", SPECS)
def test_a_compressed_point(ring, spec):
    # AWS documents "a DER-encoded SubjectPublicKeyInfo as in RFC 5280" and no more; RFC 5480 lets
    # an implementation take compressed points or leave them. So: the right secret, or the refusal.
    peer = ec.generate_private_key(CURVES[spec])
    point = peer.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    members = {**ECDH, "KeyId": ring.id(spec, AGREE), "PublicKey": with_point(spki(peer), point)}
    answer = ring.caller.call("DeriveSharedSecret", members)
    if answer.status == 200:
        ours = load_der_public_key(ring.public(spec, AGREE))
        assert unb64(answer.body["SharedSecret"]) == peer.exchange(ec.ECDH(), ours)
    else:
        assert (answer.code, answer.message) == ("ValidationException", "")


@pytest.mark.parametrize("spec", SPECS)
def test_bytes_that_are_no_public_key_are_refused(ring, spec):
    good = spki(ec.generate_private_key(CURVES[spec]))
    for garbage in (b"\0", b"junk", b"\x30\x00", b"\x30\x80", bytes(8192), b"\xff" * 91):
        refused(ring, spec, garbage)
    refused(ring, spec, good + b"\0")
    refused(ring, spec, good + good)
    refused(ring, spec, b"\0" + good)
    for size in (1, 10, len(good) // 2, len(good) - 1):
        refused(ring, spec, good[:size])
    for index in range(len(good) - 2 * SIZES[spec]):  # the head, up to the point
        refused(ring, spec, good[:index] + bytes([good[index] ^ 0x01]) + good[index + 1 :])
    assert len(derive(ring, spec, good)) == SIZES[spec]


def test_sizes_of_public_keys(ring):
    members = {**ECDH, "KeyId": ring.id("ECC_NIST_P256", AGREE)}
    refused(ring, "ECC_NIST_P256", bytes(8192))
    for size, rule in ((8193, texts.max_length(8192)), (0, texts.min_length(1))):
        message = ring.caller.fails(
            "ValidationException", "DeriveSharedSecret", members, PublicKey=bytes(size)
        )
        assert message == texts.invalid(texts.constraint("publicKey", rule))


@pytest.mark.parametrize(
    "kind",
    [kind for kind in ALL if kind.usage != AGREE and kind.spec not in ("RSA_3072", "RSA_4096")],
    ids=str,
)
def test_keys_of_other_usages(ring, kind):
    meta = ring.meta(kind.spec, kind.usage)
    public = spki(ec.generate_private_key(CURVES["ECC_NIST_P256"]))
    members = {**ECDH, "KeyId": meta["KeyId"], "PublicKey": public}
    message = ring.caller.fails("InvalidKeyUsageException", "DeriveSharedSecret", members)
    assert message == (
        f"{meta['Arn']} key usage is {kind.usage} which is not valid for DeriveSharedSecret."
    )


def test_required_and_enumerated_members(ring):
    message = ring.caller.fails("ValidationException", "DeriveSharedSecret")
    assert message.startswith("3 validation errors detected: ")
    for name in ("keyId", "keyAgreementAlgorithm", "publicKey"):
        assert texts.missing(name) in message
    members = {"KeyId": ring.id("ECC_NIST_P256", AGREE), "PublicKey": b"x"}
    message = ring.caller.fails(
        "ValidationException", "DeriveSharedSecret", members, KeyAgreementAlgorithm="INVALID"
    )
    rule = "Member must satisfy enum value set: [ECDH]"
    assert message == texts.invalid(texts.constraint("keyAgreementAlgorithm", rule, "INVALID"))


def test_key_states(caller):
    meta = caller.key(KeySpec="ECC_NIST_P256", KeyUsage=AGREE)
    public = spki(ec.generate_private_key(CURVES["ECC_NIST_P256"]))
    in_wrong_states(caller, meta, "DeriveSharedSecret", {**ECDH, "PublicKey": public})


def test_dry_runs(ring):
    public = spki(ec.generate_private_key(CURVES["ECC_NIST_P256"]))
    members = {**ECDH, "KeyId": ring.id("ECC_NIST_P256", AGREE), "DryRun": True}
    message = ring.caller.fails(
        "DryRunOperationException", "DeriveSharedSecret", members, PublicKey=public
    )
    assert message == texts.DRY_RUN


def test_every_form_of_key_identifier(caller):
    meta = caller.key(KeySpec="ECC_NIST_P384", KeyUsage=AGREE)
    caller.ok("CreateAlias", AliasName="alias/agree", TargetKeyId=meta["KeyId"])
    members = {**ECDH, "PublicKey": spki(ec.generate_private_key(CURVES["ECC_NIST_P384"]))}
    forms = [meta["KeyId"], meta["Arn"], "alias/agree", caller.arn("alias/agree")]
    answers = [caller.ok("DeriveSharedSecret", members, KeyId=form) for form in forms]
    assert answers[0]["KeyId"] == meta["Arn"]
    assert all(answer == answers[0] for answer in answers)


def test_other_accounts(caller, stranger):
    meta = caller.key(KeySpec="ECC_NIST_P256", KeyUsage=AGREE)
    members = {**ECDH, "PublicKey": spki(ec.generate_private_key(CURVES["ECC_NIST_P256"]))}
    out = for_others(caller, stranger, meta, "DeriveSharedSecret", members)
    assert out == caller.ok("DeriveSharedSecret", members, KeyId=meta["KeyId"])


def test_boto3_derives(kms):
    key = kms.create_key(KeySpec="ECC_NIST_P521", KeyUsage=AGREE)["KeyMetadata"]["KeyId"]
    peer = ec.generate_private_key(CURVES["ECC_NIST_P521"])
    ours = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    out = kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=spki(peer))
    assert out["SharedSecret"] == peer.exchange(ec.ECDH(), ours)


def test_keyrings_of_the_encryption_sdk(kms):
    """The sender's keyring seals for the recipient's key; the recipient's finds the sender's."""
    sender, receiver = (
        kms.create_key(KeySpec="ECC_NIST_P384", KeyUsage=AGREE)["KeyMetadata"]["Arn"]
        for _ in range(2)
    )
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())

    def keyring(scheme):
        return providers.create_aws_kms_ecdh_keyring(
            input=models.CreateAwsKmsEcdhKeyringInput(
                kms_client=kms,
                curve_spec=ECDHCurveSpec.ECC_NIST_P384,
                key_agreement_scheme=scheme,
            )
        )

    sealing = keyring(
        models.KmsEcdhStaticConfigurationsKmsPrivateKeyToStaticPublicKey(
            models.KmsPrivateKeyToStaticPublicKeyInput(
                sender_kms_identifier=sender,
                recipient_public_key=kms.get_public_key(KeyId=receiver)["PublicKey"],
            )
        )
    )
    opening = keyring(
        models.KmsEcdhStaticConfigurationsKmsPublicKeyDiscovery(
            models.KmsPublicKeyDiscoveryInput(recipient_kms_identifier=receiver)
        )
    )
    client = aws_encryption_sdk.EncryptionSDKClient()
    context = {"purpose": "test"}
    sealed, _ = client.encrypt(source=b"agreed", keyring=sealing, encryption_context=context)
    assert (
        client.decrypt(source=sealed, keyring=opening, encryption_context=context)[0] == b"agreed"
    )
    assert (
        client.decrypt(source=sealed, keyring=sealing, encryption_context=context)[0] == b"agreed"
    )
