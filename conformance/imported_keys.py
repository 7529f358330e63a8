"""KMS keys whose material the test knows: imported as AWS's guide says. reference/crypto.md."""

import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)

from harness.caller import unb64

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def pkcs8(key):
    """The DER PKCS #8 of a private key."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def imported(caller, spec, usage, material):
    """The id of a new key with this material: an RSA-wrapped AES key, then AES-KWP, or OAEP alone
    for an HMAC key."""
    key = caller.key_id(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")
    scheme = "RSAES_OAEP_SHA_256" if spec.startswith("HMAC") else "RSA_AES_KEY_WRAP_SHA_256"
    parameters = caller.ok(
        "GetParametersForImport", KeyId=key, WrappingAlgorithm=scheme, WrappingKeySpec="RSA_2048"
    )
    wrapping = load_der_public_key(unb64(parameters["PublicKey"]))
    if scheme.startswith("RSAES"):
        wrapped = wrapping.encrypt(material, OAEP)
    else:
        outer = os.urandom(32)
        wrapped = wrapping.encrypt(outer, OAEP) + aes_key_wrap_with_padding(outer, material)
    caller.ok(
        "ImportKeyMaterial",
        KeyId=key,
        ImportToken=unb64(parameters["ImportToken"]),
        EncryptedKeyMaterial=wrapped,
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )
    return key
