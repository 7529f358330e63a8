"""Imported key material as AWS's guide does it with openssl: every key spec with every wrapping
algorithm and wrapping key. reference/crypto.md, "Importing key material"; trap 16."""

import datetime
import hashlib
import hmac
import os
import shutil
import statistics
import subprocess
import time

import pytest
from harness.caller import b64, unb64

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="needs the openssl program")

OAEP = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
TWO_STEPS = ["RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"]
WRAPPING_KEYS = ["RSA_2048", "RSA_3072", "RSA_4096"]
CURVES = {
    "ECC_NIST_P256": ("P-256", "ECDSA_SHA_256", "sha256"),
    "ECC_NIST_P384": ("P-384", "ECDSA_SHA_384", "sha384"),
    "ECC_NIST_P521": ("P-521", "ECDSA_SHA_512", "sha512"),
    "ECC_SECG_P256K1": ("secp256k1", "ECDSA_SHA_256", "sha256"),
}
HMAC_BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}


def openssl(*arguments, data=b""):
    """Runs the program; its output."""
    done = subprocess.run([OPENSSL, *arguments], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Kind:
    """What is imported, and how the key proves afterwards that it has it."""

    def __init__(self, spec, folder):
        self.spec, self.folder = spec, folder
        self.plain = folder / "PlaintextKeyMaterial.bin"
        if spec == "SYMMETRIC_DEFAULT":
            self.usage = "ENCRYPT_DECRYPT"
            self.plain.write_bytes(os.urandom(32))
        elif spec.startswith("HMAC"):
            self.usage = "GENERATE_VERIFY_MAC"
            self.plain.write_bytes(os.urandom(HMAC_BYTES[spec]))
        else:
            self.usage = "SIGN_VERIFY"
            self.make_private_key()

    def make_private_key(self):
        """A PKCS #8 private key in DER, and its public key."""
        pem = self.folder / "private.pem"
        if self.spec.startswith("RSA"):
            bits = self.spec.split("_")[1]
            options = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}"]
        elif self.spec == "ECC_NIST_EDWARDS25519":
            options = ["-algorithm", "ED25519"]
        else:
            curve = CURVES[self.spec][0]
            options = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}"]
            options += ["-pkeyopt", "ec_param_enc:named_curve"]
        pem.write_bytes(openssl("genpkey", *options))
        der = openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in", str(pem))
        self.plain.write_bytes(der)
        self.public = self.folder / "public.der"
        self.public.write_bytes(openssl("pkey", "-in", str(pem), "-pubout", "-outform", "DER"))

    def prove(self, caller, key):
        """Uses the key and checks the result with openssl."""
        material, text = self.plain.read_bytes(), b"the quick brown fox"
        if self.usage == "ENCRYPT_DECRYPT":
            assert caller.decrypt(caller.encrypt(key, text)) == text
        elif self.usage == "GENERATE_VERIFY_MAC":
            digest = "sha" + self.spec.split("_")[1]
            algorithm = "HMAC_SHA_" + self.spec.split("_")[1]
            out = caller.ok("GenerateMac", KeyId=key, Message=text, MacAlgorithm=algorithm)
            assert unb64(out["Mac"]) == hmac.new(material, text, digest).digest()
        else:
            self.prove_signature(caller, key, text)

    def prove_signature(self, caller, key, text):
        public = caller.ok("GetPublicKey", KeyId=key)["PublicKey"]
        assert unb64(public) == self.public.read_bytes()
        signature, message = self.folder / "signature", self.folder / "message"
        message.write_bytes(text)
        names = ["-inkey", str(self.public), "-pubin", "-keyform", "DER"]
        if self.spec.startswith("RSA"):
            algorithm, digest = "RSASSA_PKCS1_V1_5_SHA_256", ["-digest", "sha256"]
        elif self.spec in CURVES:
            algorithm, digest = CURVES[self.spec][1], ["-digest", CURVES[self.spec][2]]
        else:
            algorithm, digest = "ED25519_SHA_512", []
        out = caller.ok("Sign", KeyId=key, Message=text, SigningAlgorithm=algorithm)
        signature.write_bytes(unb64(out["Signature"]))
        sign = ["-verify", "-rawin", "-in", str(message), "-sigfile", str(signature)]
        openssl("pkeyutl", *names, *sign, *digest)


def parameters(caller, key, algorithm, wrapping_key, folder):
    """GetParametersForImport; leaves the wrapping key in WrappingPublicKey.bin."""
    out = caller.ok(
        "GetParametersForImport",
        KeyId=key,
        WrappingAlgorithm=algorithm,
        WrappingKeySpec=wrapping_key,
    )
    assert abs(out["ParametersValidTo"] - time.time() - 86400) < 60
    (folder / "WrappingPublicKey.bin").write_bytes(unb64(out["PublicKey"]))
    bits = wrapping_key.split("_")[1]
    shown = openssl("pkey", "-pubin", "-inform", "DER", "-text", "-noout", data=unb64(out["PublicKey"]))
    assert f"({bits} bit)" in shown.decode()
    return out["ImportToken"]


def wrap(algorithm, folder, material):
    """The guide's openssl commands for the algorithm."""
    digest = "sha256" if algorithm.endswith("256") else "sha1"
    oaep = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", f"rsa_oaep_md:{digest}"]
    oaep += ["-pkeyopt", f"rsa_mgf1_md:{digest}"]
    public = ["-inkey", str(folder / "WrappingPublicKey.bin"), "-keyform", "DER", "-pubin"]
    if algorithm in OAEP:
        return openssl("pkeyutl", "-encrypt", *public, *oaep, data=material)
    aes_key = os.urandom(32)
    wrapped_aes_key = openssl("pkeyutl", "-encrypt", *public, *oaep, data=aes_key)
    kwp = ["-id-aes256-wrap-pad", "-iv", "A65959A6", "-K", aes_key.hex()]
    return wrapped_aes_key + openssl("enc", *kwp, data=material)


def bring(caller, key, token, encrypted, **more):
    """ImportKeyMaterial without expiry, unless told otherwise."""
    if "ValidTo" not in more:
        more.setdefault("ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    return caller.call(
        "ImportKeyMaterial", more, KeyId=key, ImportToken=token, EncryptedKeyMaterial=encrypted
    )


def ways():
    """Every spec that can be imported with every algorithm and wrapping key that fit it. With
    RSA_4096, whose keys take long to make, one of each sort."""
    for spec in ["SYMMETRIC_DEFAULT", *HMAC_BYTES]:
        yield from ((spec, algorithm, key) for algorithm in OAEP for key in WRAPPING_KEYS[:2])
    yield "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", "RSA_4096"
    for spec in ["RSA_2048", "RSA_3072", "RSA_4096"]:
        yield from ((spec, algorithm, key) for algorithm in TWO_STEPS for key in WRAPPING_KEYS[:2])
    yield "RSA_2048", "RSA_AES_KEY_WRAP_SHA_256", "RSA_4096"
    for spec in [*CURVES, "ECC_NIST_EDWARDS25519"]:
        for algorithm in OAEP + TWO_STEPS:
            for key in WRAPPING_KEYS[:2]:
                if (spec, key) != ("ECC_NIST_P521", "RSA_2048") or algorithm in TWO_STEPS:
                    yield spec, algorithm, key
    yield "ECC_NIST_P521", "RSAES_OAEP_SHA_256", "RSA_4096"


@pytest.mark.parametrize("spec, algorithm, wrapping_key", ways())
def test_the_published_recipe(caller, tmp_path, spec, algorithm, wrapping_key):
    kind = Kind(spec, tmp_path)
    meta = caller.key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=kind.usage)
    key = meta["KeyId"]
    assert meta["KeyState"] == "PendingImport" and "ExpirationModel" not in meta
    token = parameters(caller, key, algorithm, wrapping_key, tmp_path)
    encrypted = wrap(algorithm, tmp_path, kind.plain.read_bytes())
    answer = bring(caller, key, token, encrypted)
    assert answer.status == 200, answer.raw
    assert answer.body["KeyId"] == meta["Arn"]
    assert ("KeyMaterialId" in answer.body) == (spec == "SYMMETRIC_DEFAULT")
    assert caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    kind.prove(caller, key)


@pytest.mark.parametrize(
    "spec, usage, algorithm, wrapping_key",
    [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSAES_PKCS1_V1_5", "RSA_2048"),
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"),
        ("HMAC_512", "GENERATE_VERIFY_MAC", "RSA_AES_KEY_WRAP_SHA_1", "RSA_3072"),
        ("RSA_2048", "SIGN_VERIFY", "RSAES_OAEP_SHA_256", "RSA_4096"),
        ("ECC_NIST_P521", "SIGN_VERIFY", "RSAES_OAEP_SHA_256", "RSA_2048"),
        ("ECC_NIST_P521", "SIGN_VERIFY", "RSAES_OAEP_SHA_1", "RSA_2048"),
        ("ECC_NIST_P256", "SIGN_VERIFY", "SM2PKE", "RSA_2048"),
    ],
)
def test_ways_that_do_not_fit(caller, spec, usage, algorithm, wrapping_key):
    key = caller.key_id(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)
    message = caller.fails(
        "UnsupportedOperationException",
        "GetParametersForImport",
        KeyId=key,
        WrappingAlgorithm=algorithm,
        WrappingKeySpec=wrapping_key,
    )
    assert algorithm in message


@pytest.mark.parametrize("spec", ["ML_DSA_44", "ML_DSA_87"])
def test_ml_dsa_cannot_be_imported(caller, spec):
    caller.fails(
        "UnsupportedOperationException",
        "CreateKey",
        Origin="EXTERNAL",
        KeySpec=spec,
        KeyUsage="SIGN_VERIFY",
    )


def test_a_wrong_key_size_and_a_wrong_curve(caller, tmp_path):
    for spec, other in [("ECC_NIST_P256", "ECC_NIST_P384"), ("RSA_2048", "RSA_3072")]:
        kind = Kind(other, tmp_path)
        key = caller.key_id(Origin="EXTERNAL", KeySpec=spec, KeyUsage="SIGN_VERIFY")
        token = parameters(caller, key, TWO_STEPS[1], "RSA_2048", tmp_path)
        answer = bring(caller, key, token, wrap(TWO_STEPS[1], tmp_path, kind.plain.read_bytes()))
        assert answer.code == "IncorrectKeyMaterialException"
        assert caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"


def test_what_does_not_open_says_nothing_more(caller, tmp_path):
    """Damaged at any place, padding or inside, the answer is the same, and takes as long."""
    key = caller.key_id(Origin="EXTERNAL", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    token = parameters(caller, key, TWO_STEPS[1], "RSA_2048", tmp_path)
    good = wrap(TWO_STEPS[1], tmp_path, Kind("RSA_2048", tmp_path).plain.read_bytes())
    answers, seconds = set(), {}
    for _ in range(8):
        for at in [1, 100, 255, 256, 300, len(good) - 1]:
            bent = bytearray(good)
            bent[at] ^= 1
            start = time.perf_counter()
            answer = bring(caller, key, token, bytes(bent))
            seconds.setdefault(at, []).append(time.perf_counter() - start)
            answers.add((answer.status, answer.code, answer.message))
    assert answers == {(400, "InvalidCiphertextException", None)}
    middle = [statistics.median(times) for times in seconds.values()]
    assert max(middle) < 3 * min(middle) + 0.005, seconds
    for length in [0, 1, 255, 256, 257, len(good) - 8]:
        assert bring(caller, key, token, good[:length] or b"x").code in {
            "InvalidCiphertextException",
            "IncorrectKeyMaterialException",
        }
    token = bytearray(unb64(token))
    token[len(token) // 2] ^= 1
    assert bring(caller, key, b64(bytes(token)), good).code == "InvalidImportTokenException"


def test_with_boto3(kms, tmp_path):
    """The calls of the guide's example, dates and blobs as the SDK has them."""
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    out = kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_3072"
    )
    (tmp_path / "WrappingPublicKey.bin").write_bytes(out["PublicKey"])
    material = os.urandom(32)
    end = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(days=30)
    members = {
        "KeyId": key,
        "ImportToken": out["ImportToken"],
        "EncryptedKeyMaterial": wrap("RSAES_OAEP_SHA_256", tmp_path, material),
        "ExpirationModel": "KEY_MATERIAL_EXPIRES",
        "ValidTo": end,
        "KeyMaterialDescription": "first",
    }
    first = kms.import_key_material(**members)["KeyMaterialId"]
    meta = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert meta["ExpirationModel"] == "KEY_MATERIAL_EXPIRES" and meta["ValidTo"] == end
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    members["EncryptedKeyMaterial"] = wrap("RSAES_OAEP_SHA_256", tmp_path, os.urandom(32))
    with pytest.raises(kms.exceptions.IncorrectKeyMaterialException):
        kms.import_key_material(**members)
    second = kms.import_key_material(**members, ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
    assert second != first
    kms.rotate_key_on_demand(KeyId=key)
    listed = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [one["KeyMaterialState"] for one in listed] == ["NON_CURRENT", "CURRENT"]
    assert {one["ImportState"] for one in listed} == {"IMPORTED"}
    assert kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == first
    assert kms.delete_imported_key_material(KeyId=key, KeyMaterialId=first)["KeyMaterialId"] == first
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        kms.decrypt(CiphertextBlob=blob)


def test_the_same_material_has_the_same_id(caller, tmp_path):
    key = caller.key_id(Origin="EXTERNAL")
    material = hashlib.sha256(b"material").digest()
    ids = set()
    for wrapping_key, algorithm in [("RSA_2048", OAEP[0]), ("RSA_3072", OAEP[1])]:
        token = parameters(caller, key, algorithm, wrapping_key, tmp_path)
        answer = bring(caller, key, token, wrap(algorithm, tmp_path, material))
        ids.add(answer.body["KeyMaterialId"])
        blob = caller.encrypt(key, b"x")
        caller.ok("DeleteImportedKeyMaterial", KeyId=key)
        message = caller.fails("KMSInvalidStateException", "Decrypt", CiphertextBlob=blob)
        assert message == f"{caller.arn(key)} is pending import."
    assert len(ids) == 1
