"""Policies that ask for an attested image. reference/authorization.md, KMS condition keys,
kms:RecipientAttestation."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from attestation_documents import Chain, open_envelope, spki
from harness import texts
from key_specs import AGREE
from people import Account, may
from test_recipient import (  # noqa: F401
    NITRO_TPM,
    attested,
    chain,
    enclave,
    for_enclave,
    recipient,
    trusting,
)

CONDITIONS = {
    "kms:RecipientAttestation:ImageSha384": 0,
    "kms:RecipientAttestation:PCR0": 0,
    "kms:RecipientAttestation:PCR3": 3,
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_policy_asks_for_an_image(attested, chain, enclave, name):
    pcr, root = CONDITIONS[name], attested.root
    manage = ["kms:DescribeKey", "kms:PutKeyPolicy", "kms:Encrypt", "kms:ScheduleKeyDeletion"]
    condition = {"StringEqualsIgnoreCase": {name: "ab" * 48}}
    policy = texts.policy(
        texts.allow(root, manage),
        texts.allow(root, ["kms:Decrypt", "kms:GenerateDataKey"], Condition=condition),
    )
    key = attested.key_id(Policy=policy)
    blob = attested.encrypt(key, b"for one image")
    calls = [
        ("Decrypt", {"CiphertextBlob": blob}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}),
    ]
    pcrs = {index: bytes([index + 1]) * 48 for index in range(16)}
    right = chain.document(spki(enclave), pcrs={**pcrs, pcr: b"\xab" * 48})
    wrong = [
        chain.document(spki(enclave), pcrs=pcrs),
        chain.document(spki(enclave), pcrs={**pcrs, pcr + 1: b"\xab" * 48}),
        chain.document(spki(enclave), pcrs={5: b"\xab" * 48}),
    ]
    for operation, members in calls:
        attested.fails("AccessDeniedException", operation, members)
        for document in wrong:
            attested.fails("AccessDeniedException", operation, members, **recipient(document))
        out = attested.ok(operation, members, **recipient(right))
        assert open_envelope(for_enclave(out), enclave)
        # A document that says so but is not signed by the trusted chain changes nothing.
        forged = Chain().document(spki(enclave), pcrs={**pcrs, pcr: b"\xab" * 48})
        answer = attested.call(operation, members, **recipient(forged))
        assert answer.status == 400 and "CiphertextForRecipient" not in answer.body


@pytest.mark.parametrize(
    "operation", ["Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair"]
)
def test_an_identity_policy_asks_for_an_image(attested, chain, enclave, operation):
    account = Account(attested.server, attested.account)
    user = account.user("enclave")
    pair = {"KeySpec": "ECC_NIST_P384", "KeyUsage": AGREE}
    key = attested.key_id(**(pair if operation == "DeriveSharedSecret" else {}))
    peer = spki(ec.generate_private_key(ec.SECP384R1()))
    members = {
        "Decrypt": lambda: {"CiphertextBlob": attested.encrypt(key, b"x")},
        "DeriveSharedSecret": lambda: {
            "KeyId": key,
            "KeyAgreementAlgorithm": "ECDH",
            "PublicKey": peer,
        },
        "GenerateDataKey": lambda: {"KeyId": key, "KeySpec": "AES_256"},
        "GenerateDataKeyPair": lambda: {"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"},
    }[operation]()
    condition = {"StringEqualsIgnoreCase": {"kms:RecipientAttestation:PCR3": "ab" * 48}}
    account.gives("enclave", may(f"kms:{operation}", Condition=condition))
    pcrs = {index: bytes([index + 1]) * 48 for index in range(16)}
    right = chain.document(spki(enclave), pcrs={**pcrs, 3: b"\xab" * 48})
    assert not user.can(operation, members)
    assert not user.can(operation, members, **recipient(chain.document(spki(enclave), pcrs=pcrs)))
    assert open_envelope(for_enclave(user.ok(operation, members, **recipient(right))), enclave)


def test_random_bytes_for_an_image_only(attested, chain, enclave):
    account = Account(attested.server, attested.account)
    condition = {"StringEquals": {"kms:RecipientAttestation:ImageSha384": "ab" * 48}}
    user = account.user("enclave", may("kms:GenerateRandom", Condition=condition))
    pcrs = {index: bytes([index + 1]) * 48 for index in range(16)}
    members = {"NumberOfBytes": 32}
    assert not user.can("GenerateRandom", members)
    wrong = recipient(chain.document(spki(enclave), pcrs=pcrs))
    assert not user.can("GenerateRandom", members, **wrong)
    right = recipient(chain.document(spki(enclave), pcrs={**pcrs, 0: b"\xab" * 48}))
    assert (
        len(open_envelope(for_enclave(user.ok("GenerateRandom", members, **right)), enclave)) == 32
    )


def test_a_policy_asks_for_a_nitro_tpm(attested, chain, enclave):
    """NitroTPM PCRs have keys of their own: an enclave's PCR4 is not a NitroTPM's."""
    root = attested.root
    for name, who in [("NitroTPMPCR4", "tpm"), ("PCR4", "enclave")]:
        condition = {"StringEquals": {f"kms:RecipientAttestation:{name}": "05" * 48}}
        key = attested.key_id(
            Policy=texts.policy(
                texts.allow(root, ["kms:PutKeyPolicy"]),
                texts.allow(root, "kms:GenerateDataKey", Condition=condition),
            )
        )
        documents = {
            "tpm": chain.document(spki(enclave), **NITRO_TPM),
            "enclave": chain.document(
                spki(enclave), pcrs={index: bytes([index + 1]) * 48 for index in range(16)}
            ),
        }
        for form, document in documents.items():
            answer = attested.call(
                "GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}, **recipient(document)
            )
            assert (answer.status == 200) is (form == who), (name, form, answer.raw[:300])
            assert answer.status == 200 or answer.code == "AccessDeniedException"
