"""The AWS Encryption SDK for Python: keyrings (its current interface) and master key providers."""

import io
import os

import aws_encryption_sdk
import pytest
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import CreateAwsKmsKeyringInput
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
from aws_encryption_sdk.key_providers.kms import KMSMasterKey

CONTEXT = {"file": "report.bin", "tenant": "ünï"}


@pytest.fixture
def keyring(kms):
    """A keyring of a new key, and the key's ARN."""
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    keyring = providers.create_aws_kms_keyring(
        input=CreateAwsKmsKeyringInput(kms_key_id=arn, kms_client=kms)
    )
    return keyring, arn


@pytest.fixture(scope="module")
def client():
    """The SDK's client with its default, committing policy."""
    return aws_encryption_sdk.EncryptionSDKClient()


@pytest.mark.parametrize("size", [0, 1, 4096, 300_000])
def test_keyring_round_trip(client, keyring, size):
    ring, _ = keyring
    plaintext = os.urandom(size)
    sealed, header = client.encrypt(source=plaintext, keyring=ring, encryption_context=CONTEXT)
    assert size < 16 or plaintext not in sealed
    opened, opened_header = client.decrypt(source=sealed, keyring=ring, encryption_context=CONTEXT)
    assert opened == plaintext
    assert CONTEXT.items() <= opened_header.encryption_context.items()
    assert header.encrypted_data_keys == opened_header.encrypted_data_keys


def test_keyring_refuses_another_context(client, keyring):
    ring, _ = keyring
    sealed, _ = client.encrypt(source=b"secret", keyring=ring, encryption_context=CONTEXT)
    with pytest.raises(Exception) as caught:
        client.decrypt(source=sealed, keyring=ring, encryption_context={**CONTEXT, "tenant": "x"})
    assert "secret" not in str(caught.value)


def test_keyring_of_a_disabled_key(client, kms, keyring):
    ring, arn = keyring
    sealed, _ = client.encrypt(source=b"secret", keyring=ring, encryption_context=CONTEXT)
    kms.disable_key(KeyId=arn)
    with pytest.raises(Exception):
        client.decrypt(source=sealed, keyring=ring, encryption_context=CONTEXT)
    kms.enable_key(KeyId=arn)
    opened, _ = client.decrypt(source=sealed, keyring=ring, encryption_context=CONTEXT)
    assert opened == b"secret"


def test_streams_of_real_files(client, keyring, tmp_path):
    ring, _ = keyring
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    plain.write_bytes(os.urandom(1 << 20))
    with plain.open("rb") as source, sealed.open("wb") as sink:
        with client.stream(
            mode="e", source=source, keyring=ring, encryption_context=CONTEXT
        ) as stream:
            for chunk in stream:
                sink.write(chunk)
    with sealed.open("rb") as source, opened.open("wb") as sink:
        with client.stream(
            mode="d", source=source, keyring=ring, encryption_context=CONTEXT
        ) as stream:
            for chunk in stream:
                sink.write(chunk)
    assert opened.read_bytes() == plain.read_bytes() != sealed.read_bytes()


def provider_of(kms, arn):
    """The master key (itself a provider of one key) over our client."""
    return KMSMasterKey(key_id=arn, client=kms)


def test_master_key_round_trip(client, kms):
    key = provider_of(kms, kms.create_key()["KeyMetadata"]["Arn"])
    source = io.BytesIO(b"old interface" * 1000)
    sealed, _ = client.encrypt(source=source, key_provider=key, encryption_context=CONTEXT)
    opened, header = client.decrypt(source=sealed, key_provider=key)
    assert opened == b"old interface" * 1000
    assert CONTEXT.items() <= header.encryption_context.items()
    other = provider_of(kms, kms.create_key()["KeyMetadata"]["Arn"])
    with pytest.raises(AWSEncryptionSDKClientError):
        client.decrypt(source=sealed, key_provider=other)


def test_both_interfaces_read_each_other(client, kms, keyring):
    ring, arn = keyring
    sealed, _ = client.encrypt(source=b"x", keyring=ring, encryption_context=CONTEXT)
    assert client.decrypt(source=sealed, key_provider=provider_of(kms, arn))[0] == b"x"


def test_a_bent_message_fails(client, keyring):
    ring, _ = keyring
    sealed, _ = client.encrypt(source=b"secret", keyring=ring, encryption_context=CONTEXT)
    for index in range(0, len(sealed), 37):
        bent = bytearray(sealed)
        bent[index] ^= 1
        with pytest.raises(Exception):
            client.decrypt(source=bytes(bent), keyring=ring, encryption_context=CONTEXT)
