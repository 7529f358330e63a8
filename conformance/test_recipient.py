"""Answers for attested recipients. reference/formats/nitro-attestation-cms.md, crypto.md."""

import secrets
import time
from datetime import timedelta
from pathlib import Path

import boto3
import cbor2
import pytest
from botocore.config import Config
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)

from attestation_documents import (
    HOUR,
    Certificate,
    Chain,
    enclave_key,
    leaf,
    open_envelope,
    spki,
)
from dev_server import DevServer
from harness import texts
from harness.caller import Caller, b64, unb64
from independent import openssl
from key_specs import AGREE, ENCRYPT, Ring
from test_key_pairs import matches

MECHANISM = "RSAES_OAEP_SHA_256"
OAEP_256 = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
SYMMETRIC = "SYMMETRIC_DEFAULT"
PLAINTEXTS = {"Plaintext", "PrivateKeyPlaintext", "SharedSecret"}
# NitroTPM documents name their PCRs so; EC2 user guide, "NitroTPM Attestation Document contents".
NITRO_TPM = {
    "module_id": "i-0123456789abcdef0-tpm0000000000000000",
    "pcrs": None,
    "nitrotpm_pcrs": {index: bytes([index + 1]) * 48 for index in range(24)},
}
REAL = Path(__file__).parent.parent / "crates/attestation/vectors"


@pytest.fixture(scope="module")
def chain():
    return Chain()


@pytest.fixture(scope="module")
def enclave():
    return enclave_key()


@pytest.fixture(scope="module")
def trusting(tmp_path_factory, chain):
    """A server that trusts the chain's root."""
    folder = tmp_path_factory.mktemp("trusting")
    root = folder / "root.pem"
    root.write_bytes(chain.root.pem)
    server = DevServer(folder / "data", "--attestation-root", root).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ring(trusting):
    return Ring.of(trusting)


@pytest.fixture
def attested(trusting):
    """The root user of a fresh account of the trusting server."""
    caller = Caller(trusting)
    yield caller
    caller.close()


def recipient(document):
    """The members that name a recipient."""
    members = {"KeyEncryptionAlgorithm": MECHANISM, "AttestationDocument": b64(document)}
    return {"Recipient": members}


def for_enclave(out):
    """Takes the envelope out of an answer that holds nothing in clear."""
    assert not PLAINTEXTS & set(out), out
    return unb64(out.pop("CiphertextForRecipient"))


def refused(caller, document):
    """Asserts that the document is refused for every operation; nothing leaves in any form."""
    key = caller.key_id()
    blob = caller.encrypt(key, b"secret")
    for operation, members in (
        ("Decrypt", {"CiphertextBlob": blob}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}),
        ("GenerateRandom", {"NumberOfBytes": 32}),
    ):
        # Neither code nor text is documented; it must not be a fault of the server's.
        codes = {"ValidationException", "AccessDeniedException"}
        caller.fails(codes, operation, members, **recipient(document))


# The operations


def test_decrypt(ring, chain, enclave):
    meta = ring.meta(SYMMETRIC, ENCRYPT)
    for plaintext in (b"x", bytes(16), b"sixteen bytes...", bytes(range(256)) * 16):
        blob = ring.caller.encrypt(meta["KeyId"], plaintext, EncryptionContext={"a": "b"})
        members = {"CiphertextBlob": blob, "EncryptionContext": {"a": "b"}}
        out = ring.caller.ok("Decrypt", members, **recipient(chain.document(spki(enclave))))
        assert open_envelope(for_enclave(out), enclave) == plaintext
        assert out == {"KeyId": meta["Arn"], "EncryptionAlgorithm": SYMMETRIC}


def test_decrypt_of_rsa(ring, chain, enclave):
    public = load_der_public_key(ring.public("RSA_2048", ENCRYPT))
    members = {
        "KeyId": ring.id("RSA_2048", ENCRYPT),
        "EncryptionAlgorithm": MECHANISM,
        "CiphertextBlob": public.encrypt(b"from outside", OAEP_256),
    }
    out = ring.caller.ok("Decrypt", members, **recipient(chain.document(spki(enclave))))
    assert open_envelope(for_enclave(out), enclave) == b"from outside"
    assert out == {"KeyId": ring.arn("RSA_2048", ENCRYPT), "EncryptionAlgorithm": MECHANISM}


@pytest.mark.parametrize(
    "asked, size",
    [({"KeySpec": "AES_128"}, 16), ({"KeySpec": "AES_256"}, 32)]
    + [({"NumberOfBytes": size}, size) for size in (1, 15, 1024)],
)
def test_data_keys(ring, chain, enclave, asked, size):
    meta = ring.meta(SYMMETRIC, ENCRYPT)
    members = {"KeyId": meta["KeyId"], "EncryptionContext": {"a": "b"}, **asked}
    members |= recipient(chain.document(spki(enclave)))
    out = ring.caller.ok("GenerateDataKey", members)
    data_key = open_envelope(for_enclave(out), enclave)
    blob = unb64(out.pop("CiphertextBlob"))
    assert out == {"KeyId": meta["Arn"]}
    assert len(data_key) == size
    assert ring.caller.decrypt(blob, EncryptionContext={"a": "b"}) == data_key


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P521", "ML_KEM_768"])
def test_data_key_pairs(ring, chain, enclave, spec):
    meta = ring.meta(SYMMETRIC, ENCRYPT)
    members = {"KeyId": meta["KeyId"], "KeyPairSpec": spec}
    members |= recipient(chain.document(spki(enclave)))
    out = ring.caller.ok("GenerateDataKeyPair", members)
    private = open_envelope(for_enclave(out), enclave)
    blob, public = unb64(out.pop("PrivateKeyCiphertextBlob")), unb64(out.pop("PublicKey"))
    assert out == {"KeyId": meta["Arn"], "KeyPairSpec": spec}
    matches(spec, private, public)
    assert ring.caller.decrypt(blob) == private


def test_shared_secrets(ring, chain, enclave):
    meta, peer = ring.meta("ECC_NIST_P384", AGREE), ec.generate_private_key(ec.SECP384R1())
    members = {"KeyId": meta["KeyId"], "KeyAgreementAlgorithm": "ECDH", "PublicKey": spki(peer)}
    members |= recipient(chain.document(spki(enclave)))
    out = ring.caller.ok("DeriveSharedSecret", members)
    ours = load_der_public_key(ring.public("ECC_NIST_P384", AGREE))
    assert open_envelope(for_enclave(out), enclave) == peer.exchange(ec.ECDH(), ours)
    assert out == {
        "KeyId": meta["Arn"],
        "KeyAgreementAlgorithm": "ECDH",
        "KeyOrigin": "AWS_KMS",
    }


def test_random_bytes(ring, chain, enclave):
    found = set()
    for size in (1, 32, 32, 1024):
        members = {"NumberOfBytes": size, **recipient(chain.document(spki(enclave)))}
        out = ring.caller.ok("GenerateRandom", members)
        value = open_envelope(for_enclave(out), enclave)
        assert out == {} and len(value) == size
        found.add(value)
    assert len(found) == 4


def test_envelopes_are_new_each_time(ring, chain, enclave):
    blob = ring.caller.encrypt(ring.id(SYMMETRIC, ENCRYPT), b"same")
    members = {"CiphertextBlob": blob, **recipient(chain.document(spki(enclave)))}
    envelopes = [for_enclave(ring.caller.ok("Decrypt", members)) for _ in range(5)]
    assert len(set(envelopes)) == 5
    assert {open_envelope(envelope, enclave) for envelope in envelopes} == {b"same"}


def test_openssl_opens_the_envelope(ring, chain, tmp_path):
    for bits in (2048, 3072, 4096):
        enclave, private = enclave_key(bits), tmp_path / f"{bits}.pem"
        pem = enclave.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        private.write_bytes(pem)
        blob = ring.caller.encrypt(ring.id(SYMMETRIC, ENCRYPT), bytes(range(100)))
        members = {"CiphertextBlob": blob, **recipient(chain.document(spki(enclave)))}
        envelope = for_enclave(ring.caller.ok("Decrypt", members))
        assert open_envelope(envelope, enclave) == bytes(range(100))
        arguments = ["cms", "-decrypt", "-inform", "DER", "-binary", "-inkey", private]
        assert openssl(*arguments, stdin=envelope) == bytes(range(100))


def test_errors_come_before_the_envelope(ring, chain, enclave):
    members = recipient(chain.document(spki(enclave)))
    blob = ring.caller.encrypt(ring.id(SYMMETRIC, ENCRYPT), b"x", EncryptionContext={"a": "b"})
    message = ring.caller.fails(
        "InvalidCiphertextException", "Decrypt", members, CiphertextBlob=blob
    )
    assert message is None
    other = ring.id(SYMMETRIC, ENCRYPT, 1)
    named = {"CiphertextBlob": blob, "KeyId": other, **members}
    assert ring.caller.fails("IncorrectKeyException", "Decrypt", named) == texts.INCORRECT_KEY
    named = {"KeyId": other, "KeySpec": "AES_256", "DryRun": True, **members}
    assert ring.caller.fails("DryRunOperationException", "GenerateDataKey", named) == texts.DRY_RUN
    assert ring.caller.fails("ValidationException", "GenerateRandom", members) == (
        "NumberOfBytes is required."
    )


# Documents that are accepted


def test_forms_of_good_documents(ring, chain, enclave):
    public = spki(enclave)
    longer = Chain(chain.root)
    longer.extra = Certificate("zone", longer.region)
    longer.instance = Certificate("instance", longer.extra, path_length=0)
    longer.leaf = leaf(longer.instance)
    bundle = [chain.root.der, longer.region.der, longer.extra.der, longer.instance.der]
    short = leaf(chain.root)
    good = {
        "tagged": chain.sign(cbor2.dumps(chain.payload(public)), tag=True),
        "user data and nonce": chain.document(public, user_data=b"u" * 512, nonce=b"n" * 512),
        "no user data": chain.document(public, user_data=b"", nonce=b""),
        "four minutes old": chain.document(public, timestamp=int(time.time() - 240) * 1000),
        "32 PCRs": chain.document(public, pcrs={index: bytes(48) for index in range(32)}),
        "one PCR": chain.document(public, pcrs={0: b"\x01" * 48}),
        "a NitroTPM": chain.document(public, **NITRO_TPM),
        "another chain": Chain(chain.root).document(public),
        "a longer chain": longer.document(public, cabundle=bundle),
        "a short chain": chain.sign(
            cbor2.dumps(chain.payload(public, certificate=short.der, cabundle=[chain.root.der])),
            signer=short,
        ),
    }
    for what, document in good.items():
        answer = ring.caller.call("GenerateRandom", {"NumberOfBytes": 8}, **recipient(document))
        assert answer.status == 200, (what, answer.raw)
        assert len(open_envelope(for_enclave(answer.body), enclave)) == 8


# Documents that are refused


def test_the_chain_must_end_in_a_trusted_root(caller, attested, chain, enclave):
    refused(caller, chain.document(spki(enclave)))  # the shared server does not know our root
    strange = Chain()
    refused(attested, strange.document(spki(enclave)))
    payload = strange.payload(spki(enclave))
    payload["cabundle"][0] = chain.root.der  # the trusted one in front, but it signed nothing
    refused(attested, strange.sign(cbor2.dumps(payload)))
    payload["cabundle"] = [chain.root.der, *strange.bundle()]
    refused(attested, strange.sign(cbor2.dumps(payload)))
    namesake = Chain(Certificate("root", not_after=24 * HOUR))
    refused(attested, namesake.document(spki(enclave)))


@pytest.mark.parametrize("name", ["enclave-2025-01.cbor", "enclave-debug-2021-03.cbor"])
def test_real_documents_of_the_past_are_refused(attested, name):
    refused(attested, (REAL / name).read_bytes())


def test_every_part_is_signed(attested, chain, enclave):
    key = attested.key_id()
    blob = attested.encrypt(key, b"secret")
    document = chain.document(spki(enclave))
    payload_end = len(document) - 96
    indexes = [*range(0, payload_end, 61), payload_end - 1, payload_end, len(document) - 1]
    for index in indexes:
        bent = document[:index] + bytes([document[index] ^ 0x01]) + document[index + 1 :]
        answer = attested.call("Decrypt", {"CiphertextBlob": blob}, **recipient(bent))
        assert answer.status == 400, (index, answer.raw)
        assert not (PLAINTEXTS | {"CiphertextForRecipient"}) & set(answer.body), index
    # The public key of one document in another: the attack that attestation is there for.
    thief = enclave_key()
    protected, unprotected, payload, signature = cbor2.loads(document)
    members = cbor2.loads(payload)
    members["public_key"] = spki(thief)
    refused(attested, cbor2.dumps([protected, unprotected, cbor2.dumps(members), signature]))


def rsa_spki(bits):
    """A public key of some size; nobody knows its private key."""
    modulus = secrets.randbits(bits) | 1 | 1 << (bits - 1)
    key = rsa.RSAPublicNumbers(65537, modulus).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def bad_signatures(chain, public):
    """Documents whose signature is not the leaf's ES384 over the payload."""
    payload = cbor2.dumps(chain.payload(public))
    good = cbor2.loads(chain.sign(payload))
    signature = good[3]
    return {
        "by its issuer": chain.sign(payload, signer=chain.instance),
        "by the root": chain.sign(payload, signer=chain.root),
        "by a stranger": chain.sign(payload, signer=Certificate("stranger")),
        "ES256": chain.sign(payload, algorithm=-7),
        "ES512": chain.sign(payload, algorithm=-36),
        "no algorithm": chain.sign(payload, algorithm=0),
        "zeros": cbor2.dumps([*good[:3], bytes(96)]),
        "empty": cbor2.dumps([*good[:3], b""]),
        "too short": cbor2.dumps([*good[:3], signature[:95]]),
        "too long": cbor2.dumps([*good[:3], signature + b"\0"]),
        "absent": cbor2.dumps(good[:3]),
        "null": cbor2.dumps([*good[:3], None]),
        "a fifth part": cbor2.dumps([*good, b""]),
        "protected is empty": cbor2.dumps([b"", *good[1:]]),
        "another tag": cbor2.dumps(cbor2.CBORTag(17, good)),
        "trailing byte": cbor2.dumps(good) + b"\0",
        "cut off": cbor2.dumps(good)[:-1],
        "payload is null": cbor2.dumps([good[0], {}, None, signature]),
        "payload is empty": chain.sign(b""),
        "payload is no map": chain.sign(cbor2.dumps([1, 2, 3])),
        "payload is junk": chain.sign(b"\xff" * 100),
        "trailing byte in the payload": chain.sign(payload + b"\0"),
        "huge length": b"\x84\x5b" + b"\xff" * 8,
        "deep nesting": b"\x81" * 100000,
        "one byte": b"\x00",
    }


def bad_payloads(chain, public):
    """Documents with a good signature and a bad payload."""
    now = int(time.time() * 1000)
    forty_eight = bytes(48)
    bends = {
        "ten minutes old": {"timestamp": now - 600_000},
        "an hour old": {"timestamp": now - 3_600_000},
        # How far ahead of the server's clock it may be is not documented.
        "an hour ahead": {"timestamp": now + 3_600_000},
        "in seconds": {"timestamp": now // 1000},
        "at no time": {"timestamp": 0},
        "before the epoch": {"timestamp": -1},
        "time is text": {"timestamp": str(now)},
        "another digest": {"digest": "SHA256"},
        "digest in lower case": {"digest": "sha384"},
        "no module": {"module_id": ""},
        "module is a number": {"module_id": 7},
        "no PCRs": {"pcrs": {}},
        "33 PCRs": {"pcrs": {index: forty_eight for index in range(33)}},
        "PCR 32": {"pcrs": {32: forty_eight}},
        "PCR of 47 bytes": {"pcrs": {0: bytes(47)}},
        "PCR is text": {"pcrs": {0: "00"}},
        "PCR named by text": {"pcrs": {"0": forty_eight}},
        "no bundle": {"cabundle": []},
        "an empty certificate in the bundle": {"cabundle": [*chain.bundle(), b""]},
        "bundle is reversed": {"cabundle": chain.bundle()[::-1]},
        "bundle lacks an issuer": {"cabundle": chain.bundle()[:-1]},
        "bundle lacks the middle": {"cabundle": [chain.root.der, chain.instance.der]},
        "certificate is empty": {"certificate": b""},
        "certificate is junk": {"certificate": b"\x30\x03\x02\x01\x00"},
        "certificate with a tail": {"certificate": chain.leaf.der + b"\0"},
        "certificate of an authority": {"certificate": chain.instance.der},
        "certificate is the root": {"certificate": chain.root.der},
        "public key is empty": {"public_key": b""},
        "public key is junk": {"public_key": b"\x30\x03\x02\x01\x00"},
        "public key with a tail": {"public_key": public + b"\0"},
        "public key above 1024 bytes": {"public_key": rsa_spki(8192)},
        "public key of 1024 bits": {"public_key": rsa_spki(1024)},
        "public key of 2047 bits": {"public_key": rsa_spki(2047)},
        "PCRs of both kinds": {"nitrotpm_pcrs": NITRO_TPM["nitrotpm_pcrs"]},
        "an enclave with a NitroTPM's PCRs": {**NITRO_TPM, "module_id": chain.leaf.name},
        "public key on a curve": {"public_key": spki(ec.generate_private_key(ec.SECP384R1()))},
        "public key Ed25519": {"public_key": spki(ed25519.Ed25519PrivateKey.generate())},
        "an unknown member": {"extra": 1},
        "a payload above 16,384 bytes": {"cabundle": chain.bundle()[:1] * 50 + chain.bundle()[1:]},
        "user data above 1024 bytes": {"user_data": bytes(1025)},
        "nonce above 1024 bytes": {"nonce": bytes(1025)},
    }
    members = ("module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle", "public_key")
    bends |= {f"without {member}": {member: None} for member in members}
    documents = {what: chain.document(public, **bend) for what, bend in bends.items()}
    twice = bytearray(cbor2.dumps(chain.payload(public)))
    assert twice[0] == 0xA7
    twice[0] = 0xA8
    documents["a member twice"] = chain.sign(
        bytes(twice) + cbor2.dumps("public_key") + cbor2.dumps(public)
    )
    return documents


def bad_chains(chain, public):
    """Documents whose certificates form no good path."""
    root = chain.root

    def document(*authorities, signer):
        bundle = [root.der, *(authority.der for authority in authorities)]
        payload = chain.payload(public, certificate=signer.der, cabundle=bundle)
        return chain.sign(cbor2.dumps(payload), signer=signer)

    expired = {"not_before": -2 * HOUR, "not_after": -timedelta(minutes=10)}
    early = {"not_before": HOUR, "not_after": 2 * HOUR}
    no_authority = Certificate("no authority", root, ca=False)
    no_signer = Certificate("no signer", root, usage="digital_signature")
    closed = Certificate("closed", root, path_length=0)
    below = Certificate("below", closed)
    gone = Certificate("gone", root, **expired)
    coming = Certificate("coming", root, **early)
    return {
        "the leaf is expired": document(signer=leaf(root, **expired)),
        "the leaf is not valid yet": document(signer=leaf(root, **early)),
        "the leaf may not sign": document(signer=leaf(root, usage="key_agreement")),
        "the leaf is an authority": document(signer=leaf(root, ca=True, usage="key_cert_sign")),
        "an authority is expired": document(gone, signer=leaf(gone)),
        "an authority is not valid yet": document(coming, signer=leaf(coming)),
        "an authority is none": document(no_authority, signer=leaf(no_authority)),
        "an authority may not sign": document(no_signer, signer=leaf(no_signer)),
        "path length": document(closed, below, signer=leaf(below)),
        "a leaf below a leaf": document(
            chain.region, chain.instance, chain.leaf, signer=leaf(chain.leaf)
        ),
    }


@pytest.mark.parametrize("bad", [bad_signatures, bad_payloads, bad_chains])
def test_bad_documents_are_refused(ring, chain, enclave, bad):
    blob = ring.caller.encrypt(ring.id(SYMMETRIC, ENCRYPT), b"secret")
    accepted = []
    for what, document in bad(chain, spki(enclave)).items():
        answer = ring.caller.call("Decrypt", {"CiphertextBlob": blob}, **recipient(document))
        if answer.status != 400 or set(answer.body) - {"__type", "message", "Message"}:
            accepted.append((what, answer.raw))
        elif answer.code not in ("ValidationException", "AccessDeniedException"):
            accepted.append((what, answer.raw))
    assert accepted == []
    # and the good one still is
    members = {"CiphertextBlob": blob, **recipient(chain.document(spki(enclave)))}
    envelope = for_enclave(ring.caller.ok("Decrypt", members))
    assert open_envelope(envelope, enclave) == b"secret"


def test_members_of_recipient(ring, chain, enclave):
    good = recipient(chain.document(spki(enclave)))["Recipient"]
    members = {"NumberOfBytes": 16}

    def message(**bent):
        return ring.caller.fails(
            "ValidationException", "GenerateRandom", members, Recipient={**good, **bent}
        )

    rule = "Member must satisfy enum value set: [RSAES_OAEP_SHA_256]"
    path = "recipient.keyEncryptionAlgorithm"
    assert message(KeyEncryptionAlgorithm="RSAES_OAEP_SHA_1") == texts.invalid(
        texts.constraint(path, rule, "RSAES_OAEP_SHA_1")
    )
    path = "recipient.attestationDocument"
    for size, rule in ((262145, texts.max_length(262144)), (0, texts.min_length(1))):
        text = message(AttestationDocument=b64(bytes(size)))
        assert text == texts.invalid(texts.constraint(path, rule))
    message(AttestationDocument=b64(bytes(262144)))
    # Half a recipient must never get an answer in clear; what AWS says is not known.
    for name in good:
        half = {other: value for other, value in good.items() if other != name}
        answer = ring.caller.call("GenerateRandom", members, Recipient=half)
        assert "Plaintext" not in answer.body, answer.raw
    answer = ring.caller.call("GenerateRandom", members, Recipient={})
    assert "Plaintext" not in answer.body, answer.raw


# How it is told


@pytest.mark.parametrize("what", ["absent", "empty", "junk", "on P-256", "a private key"])
def test_a_root_that_is_none_stops_the_start(tmp_path, what):
    root = tmp_path / "root.pem"
    key = ec.generate_private_key(ec.SECP384R1())
    texts_of = {
        "empty": b"",
        "junk": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        # Nitro's are P-384; docs/configuration.md asks for that.
        "on P-256": Certificate("root", curve=ec.SECP256R1()).pem,
        "a private key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    if what in texts_of:
        root.write_bytes(texts_of[what])
    server = DevServer(tmp_path / "data", "--attestation-root", root)
    with pytest.raises(AssertionError, match="the server ended"):
        server.start()
    assert server.process.wait() != 0
    assert root.name in server.log_text()


def test_boto3_sends_documents(trusting, chain, enclave):
    kms = boto3.client(
        "kms",
        endpoint_url=trusting.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 1}),
    )
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    members = {"KeyEncryptionAlgorithm": MECHANISM}
    members["AttestationDocument"] = chain.document(spki(enclave))
    out = kms.generate_data_key(KeyId=key, KeySpec="AES_256", Recipient=members)
    assert not out.get("Plaintext")
    data_key = open_envelope(out["CiphertextForRecipient"], enclave)
    assert kms.decrypt(CiphertextBlob=out["CiphertextBlob"])["Plaintext"] == data_key
