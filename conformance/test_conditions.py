"""Every `kms:` condition key with the operations that it applies to, in a key policy and in an
identity policy: one request that meets it, one that does not. reference/authorization.md, KMS
condition keys."""

import secrets
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from attestation_documents import spki
from harness import texts
from harness.caller import unb64
from harness.texts import allow, policy
from people import Account, may

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
AES, RSA, SIGN, MAC, AGREE, MLDSA = (
    {},
    {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
    {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
    {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
    {"KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY"},
)
CONTEXT = {"Team": "Blue", "tier": "1"}
EXTERNAL = {"Origin": "EXTERNAL"}
SHARED = {"MultiRegion": True}
HOUR = 3600


class Scene:
    """An account with keys and a user `u`, whom only the condition under test lets do anything."""

    def __init__(self, server):
        self.account = Account(server)
        self.root = self.account.root
        self.user = self.account.user("u")
        self.other = self.account.iam.create_user(UserName="other")["User"]["Arn"]
        self.third = self.account.iam.create_user(UserName="third")["User"]["Arn"]
        self.kept = {}

    def key(self, kind, number=0):
        """A key of a kind, made when first asked for."""
        name = (repr(sorted(kind.items())), number)
        if name not in self.kept:
            self.kept[name] = self.root.key(**kind)
        return self.kept[name]

    def blob(self, context=None, kind=AES, number=0, **more):
        """A fresh ciphertext."""
        more |= {"EncryptionContext": context} if context else {}
        return self.root.encrypt(self.key(kind, number)["KeyId"], b"x", **more)

    def imports(self, key_id, **more):
        """The members of an ImportKeyMaterial that works."""
        out = self.root.ok(
            "GetParametersForImport",
            KeyId=key_id,
            WrappingAlgorithm="RSAES_OAEP_SHA_256",
            WrappingKeySpec="RSA_2048",
        )
        wrapping = load_der_public_key(unb64(out["PublicKey"]))
        # One key takes the same material again, and no other.
        material = self.kept.setdefault("material", secrets.token_bytes(32))
        sealed = wrapping.encrypt(material, OAEP)
        return {"ImportToken": unb64(out["ImportToken"]), "EncryptedKeyMaterial": sealed, **more}

    def grant(self, **more):
        """The members of a CreateGrant."""
        return {"GranteePrincipal": self.other, "Operations": ["Encrypt"], **more}

    def signature(self, kind, **how):
        """A signature by the key."""
        out = self.root.ok("Sign", how, KeyId=self.key(kind)["KeyId"])
        return unb64(out["Signature"])


@pytest.fixture(scope="module")
def scene(server):
    return Scene(server)


def row(operation, condition, met, unmet=None, wrong=None, kind=AES, action=None, fresh=False):
    """One case. `met` and `unmet` give the members of a request from the scene and the key;
    `wrong` is a condition that the request of `met` does not meet."""
    return operation, condition, met, unmet, wrong, kind, action or operation, fresh


def plain(**members):
    """Members that need nothing of the scene."""
    return lambda scene, key: dict(members)


def equals(name, value):
    """A StringEquals condition."""
    return {"StringEquals": {name: value}}


def crypto(members):
    """Rows of encryption algorithm and context for the operations that make ciphertexts."""
    return {
        "Encrypt": {"Plaintext": b"x"},
        "GenerateDataKey": {"KeySpec": "AES_256"},
        "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
        "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
        "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
    }[members]


MAKERS = [
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
]
PAIRS = ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"]
DIGEST = {"Message": bytes(32), "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
RAW = {"Message": b"m", "MessageType": "RAW", "SigningAlgorithm": "ECDSA_SHA_256"}
MAC_OF = {"Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}


def decrypting(context):
    """A Decrypt of a fresh ciphertext."""

    def members(scene, key):
        more = {"EncryptionContext": context} if context else {}
        return {"CiphertextBlob": scene.blob(context), **more}

    return members


def from_rsa(algorithm):
    """A Decrypt of an RSA ciphertext."""
    return lambda scene, key: {
        "CiphertextBlob": scene.blob(kind=RSA, EncryptionAlgorithm=algorithm),
        "EncryptionAlgorithm": algorithm,
    }


def verifying(how):
    """A Verify of a good signature."""
    return lambda scene, key: {**how, "Signature": scene.signature(SIGN, **how)}


def verifying_mac(scene, key):
    """A VerifyMac of a good MAC."""
    return {**MAC_OF, "Mac": unb64(scene.root.ok("GenerateMac", MAC_OF, KeyId=key["KeyId"])["Mac"])}


def deriving(scene, key):
    """A DeriveSharedSecret."""
    peer = spki(ec.generate_private_key(ec.SECP256R1()))
    return {"KeyAgreementAlgorithm": "ECDH", "PublicKey": peer}


def putting(**more):
    """A PutKeyPolicy with the policy that the key has."""

    def members(scene, key):
        text = scene.root.ok("GetKeyPolicy", KeyId=key["KeyId"])["Policy"]
        return {"Policy": text, **more}

    return members


def importing(**more):
    """An ImportKeyMaterial."""

    def members(scene, key):
        return scene.imports(
            key["KeyId"],
            **{name: value() if callable(value) else value for name, value in more.items()},
        )

    return members


def granting(**more):
    """A CreateGrant; functions of the scene are called."""

    def members(scene, key):
        return scene.grant(
            **{name: value(scene) if callable(value) else value for name, value in more.items()}
        )

    return members


def within(seconds):
    return lambda: round(time.time()) + seconds


SUBSET = {"EncryptionContextSubset": CONTEXT}
WHOLE = {"EncryptionContextEquals": CONTEXT}
ARN = "arn:aws:s3:us-east-1:111122223333:bucket"
SERVICE = {
    "Constraints": {"SourceArn": ARN},
    "GranteePrincipal": None,
    "GranteeServicePrincipal": "s3.amazonaws.com",
}
WITH_ROOT = {**SERVICE, "RetiringPrincipal": lambda scene: scene.root.name}
ORDINARY = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
ENDING = {"ExpirationModel": "KEY_MATERIAL_EXPIRES"}
OTHER_NAME = lambda scene: scene.other  # noqa: E731

ROWS = [
    row(
        "PutKeyPolicy",
        {"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}},
        putting(BypassPolicyLockoutSafetyCheck=True),
        putting(),
    ),
    row(
        "PutKeyPolicy",
        {"Null": {"kms:BypassPolicyLockoutSafetyCheck": "true"}},
        putting(),
        putting(BypassPolicyLockoutSafetyCheck=False),
    ),
    *[
        row(
            op,
            equals("kms:DataKeyPairSpec", "ECC_NIST_P256"),
            plain(KeyPairSpec="ECC_NIST_P256"),
            plain(KeyPairSpec="ECC_NIST_P384"),
        )
        for op in PAIRS
    ],
    *[
        row(
            op,
            equals("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT"),
            plain(**crypto(op)),
            wrong=equals("kms:EncryptionAlgorithm", "RSAES_OAEP_SHA_256"),
        )
        for op in MAKERS
    ],
    row(
        "Encrypt",
        equals("kms:EncryptionAlgorithm", "RSAES_OAEP_SHA_256"),
        plain(Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256"),
        plain(Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_1"),
        kind=RSA,
    ),
    row(
        "Decrypt",
        equals("kms:EncryptionAlgorithm", "RSAES_OAEP_SHA_256"),
        from_rsa("RSAES_OAEP_SHA_256"),
        from_rsa("RSAES_OAEP_SHA_1"),
        kind=RSA,
    ),
    row(
        "Decrypt",
        equals("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT"),
        decrypting(None),
        wrong=equals("kms:EncryptionAlgorithm", "RSAES_OAEP_SHA_1"),
    ),
    # The name of a pair compares without case, its value as the operator says.
    *[
        row(
            op,
            equals("kms:EncryptionContext:tEAM", "Blue"),
            plain(EncryptionContext=CONTEXT, **crypto(op)),
            plain(EncryptionContext={"Team": "blue"}, **crypto(op)),
            wrong=equals("kms:EncryptionContext:tier", "2"),
        )
        for op in MAKERS
    ],
    row(
        "Decrypt",
        equals("kms:EncryptionContext:Team", "Blue"),
        decrypting(CONTEXT),
        decrypting({"Team": "Red"}),
        wrong=equals("kms:EncryptionContext:Teams", "Blue"),
    ),
    row(
        "Decrypt",
        equals("kms:EncryptionContext:Team", "Blue"),
        decrypting(CONTEXT),
        decrypting(None),
    ),
    *[
        row(
            op,
            {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "Team"}},
            plain(EncryptionContext=CONTEXT, **crypto(op)),
            plain(EncryptionContext={"team": "Blue"}, **crypto(op)),
        )
        for op in MAKERS
    ],
    row(
        "Decrypt",
        {
            "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["Team", "tier"]},
            "Null": {"kms:EncryptionContextKeys": "false"},
        },
        decrypting(CONTEXT),
        decrypting({"Team": "Blue", "more": "x"}),
    ),
    row(
        "Encrypt",
        {"Null": {"kms:EncryptionContextKeys": "false"}},
        plain(EncryptionContext=CONTEXT, Plaintext=b"x"),
        plain(Plaintext=b"x"),
    ),
    *[
        row(
            "CreateGrant",
            equals("kms:EncryptionContext:Team", "Blue"),
            granting(Constraints=one),
            granting(Constraints={"EncryptionContextSubset": {"Team": "R"}}),
        )
        for one in (SUBSET, WHOLE)
    ],
    row(
        "CreateGrant",
        {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "tier"}},
        granting(Constraints=SUBSET),
        granting(),
    ),
    row(
        "ImportKeyMaterial",
        equals("kms:ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE"),
        importing(**ORDINARY),
        importing(**ENDING, ValidTo=within(HOUR)),
        kind=EXTERNAL,
    ),
    row(
        "ImportKeyMaterial",
        equals("kms:ExpirationModel", "KEY_MATERIAL_EXPIRES"),
        importing(**ENDING, ValidTo=within(HOUR)),
        importing(ValidTo=within(HOUR)),
        kind=EXTERNAL,
    ),
    row(
        "ImportKeyMaterial",
        {"NumericLessThan": {"kms:ValidTo": "4000000000"}},
        importing(**ENDING, ValidTo=within(HOUR)),
        wrong={"NumericLessThan": {"kms:ValidTo": "1600000000"}},
        kind=EXTERNAL,
    ),
    row(
        "ImportKeyMaterial",
        {"DateLessThan": {"kms:ValidTo": "2090-01-01T00:00:00Z"}},
        importing(**ENDING, ValidTo=within(HOUR)),
        importing(**ORDINARY),
        wrong={"DateLessThan": {"kms:ValidTo": "2020-01-01T00:00:00Z"}},
        kind=EXTERNAL,
    ),
    row(
        "CreateGrant",
        equals("kms:GrantConstraintType", "EncryptionContextSubset"),
        granting(Constraints=SUBSET),
        granting(Constraints=WHOLE),
    ),
    row(
        "CreateGrant",
        equals("kms:GrantConstraintType", "EncryptionContextEquals"),
        granting(Constraints=WHOLE),
        granting(),
    ),
    row(
        "CreateGrant",
        {"ArnLike": {"kms:GrantConstraintSourceArn": "arn:aws:s3:*:*:bucket"}},
        granting(**WITH_ROOT),
        granting(),
        wrong={"ArnLike": {"kms:GrantConstraintSourceArn": "arn:aws:s3:*:*:other"}},
    ),
    row(
        "CreateGrant",
        equals("kms:GranteeServicePrincipal", "s3.amazonaws.com"),
        granting(**WITH_ROOT),
        granting(),
        wrong=equals("kms:GranteeServicePrincipal", "ec2.amazonaws.com"),
    ),
    row(
        "CreateGrant",
        equals("kms:RetiringServicePrincipal", "s3.amazonaws.com"),
        granting(**SERVICE, RetiringServicePrincipal="s3.amazonaws.com"),
        granting(**WITH_ROOT),
        wrong=equals("kms:RetiringServicePrincipal", "ec2.amazonaws.com"),
    ),
    row(
        "CreateGrant",
        {"Bool": {"kms:GrantIsForAWSResource": "false"}},
        granting(),
        wrong={"Bool": {"kms:GrantIsForAWSResource": "true"}},
    ),
    row(
        "CreateGrant",
        {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}},
        granting(),
        granting(Operations=["Encrypt", "DescribeKey"]),
    ),
    row(
        "CreateGrant",
        {"ForAnyValue:StringEquals": {"kms:GrantOperations": "Decrypt"}},
        granting(Operations=["Encrypt", "Decrypt"]),
        granting(),
    ),
    row(
        "CreateGrant",
        {"StringLike": {"kms:GranteePrincipal": "arn:aws:iam::*:user/other"}},
        granting(),
        granting(GranteePrincipal=lambda scene: scene.third),
    ),
    row(
        "CreateGrant",
        {"StringLike": {"kms:RetiringPrincipal": "arn:aws:iam::*:user/other"}},
        granting(RetiringPrincipal=OTHER_NAME),
        granting(RetiringPrincipal=lambda s: s.third),
    ),
    row(
        "CreateGrant",
        {"Null": {"kms:RetiringPrincipal": "true"}},
        granting(),
        granting(RetiringPrincipal=OTHER_NAME),
    ),
    row(
        "DeriveSharedSecret",
        equals("kms:KeyAgreementAlgorithm", "ECDH"),
        deriving,
        wrong=equals("kms:KeyAgreementAlgorithm", "DH"),
        kind=AGREE,
    ),
    row(
        "GenerateMac",
        equals("kms:MacAlgorithm", "HMAC_SHA_256"),
        plain(**MAC_OF),
        wrong=equals("kms:MacAlgorithm", "HMAC_SHA_512"),
        kind=MAC,
    ),
    row(
        "VerifyMac",
        equals("kms:MacAlgorithm", "HMAC_SHA_256"),
        verifying_mac,
        wrong=equals("kms:MacAlgorithm", "HMAC_SHA_512"),
        kind=MAC,
    ),
    row("Sign", equals("kms:MessageType", "DIGEST"), plain(**DIGEST), plain(**RAW), kind=SIGN),
    row("Verify", equals("kms:MessageType", "RAW"), verifying(RAW), verifying(DIGEST), kind=SIGN),
    row(
        "Sign",
        equals("kms:MessageType", "EXTERNAL_MU"),
        plain(Message=bytes(64), MessageType="EXTERNAL_MU", SigningAlgorithm="ML_DSA_SHAKE_256"),
        plain(Message=b"m", MessageType="RAW", SigningAlgorithm="ML_DSA_SHAKE_256"),
        kind=MLDSA,
    ),
    row(
        "Sign",
        equals("kms:SigningAlgorithm", "ECDSA_SHA_256"),
        plain(**DIGEST),
        wrong=equals("kms:SigningAlgorithm", "ECDSA_SHA_384"),
        kind=SIGN,
    ),
    row(
        "Verify",
        equals("kms:SigningAlgorithm", "ECDSA_SHA_256"),
        verifying(RAW),
        wrong=equals("kms:SigningAlgorithm", "ECDSA_SHA_384"),
        kind=SIGN,
    ),
    row(
        "GetKeyPolicy",
        equals("kms:PolicyName", "default"),
        plain(PolicyName="default"),
        wrong=equals("kms:PolicyName", "other"),
    ),
    row("GetKeyPolicy", equals("kms:PolicyName", "default"), plain()),
    row(
        "PutKeyPolicy",
        equals("kms:PolicyName", "default"),
        putting(),
        wrong=equals("kms:PolicyName", "AWS_RAM"),
    ),
    row(
        "EnableKeyRotation",
        {"NumericLessThanEquals": {"kms:RotationPeriodInDays": "180"}},
        plain(RotationPeriodInDays=180),
        plain(RotationPeriodInDays=181),
    ),
    row(
        "ScheduleKeyDeletion",
        {"NumericGreaterThanEquals": {"kms:ScheduleKeyDeletionPendingWindowInDays": "20"}},
        plain(PendingWindowInDays=20),
        plain(PendingWindowInDays=19),
        fresh=True,
    ),
    *[
        row(
            op,
            {"NumericLessThan": {"kms:TrailingDaysWithoutKeyUsage": "1"}},
            plain(),
            wrong={"NumericGreaterThan": {"kms:TrailingDaysWithoutKeyUsage": "0"}},
            fresh=True,
        )
        for op in ("DisableKey", "ScheduleKeyDeletion")
    ],
    row(
        "GetParametersForImport",
        equals("kms:WrappingAlgorithm", "RSAES_OAEP_SHA_256"),
        plain(WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"),
        plain(WrappingAlgorithm="RSAES_OAEP_SHA_1", WrappingKeySpec="RSA_2048"),
        kind=EXTERNAL,
    ),
    row(
        "GetParametersForImport",
        equals("kms:WrappingKeySpec", "RSA_2048"),
        plain(WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"),
        plain(WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_3072"),
        kind=EXTERNAL,
    ),
    row(
        "ReplicateKey",
        equals("kms:ReplicaRegion", "eu-west-1"),
        plain(ReplicaRegion="eu-west-1"),
        plain(ReplicaRegion="eu-west-2"),
        kind=SHARED,
        fresh=True,
    ),
]


def name_of(case):
    operation, condition = case[:2]
    (operator, block), *_ = condition.items()
    return f"{operation}-{operator}-{next(iter(block))}".replace("kms:", "")


def allowed(scene, operation, key, members):
    """Whether the user's request is allowed; its text otherwise."""
    members = {name: value for name, value in members.items() if value is not None}
    return scene.user.answer(operation, members, KeyId=key["KeyId"])


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
@pytest.mark.parametrize("case", ROWS, ids=name_of)
def test_condition(scene, case, place):
    operation, condition, met, unmet, wrong, kind, action, fresh = case
    key = scene.root.key(**kind) if fresh else scene.key(kind)
    user, root = scene.user, scene.root
    # What a second permission of the operation needs, whatever the condition.
    besides = [may("kms:CreateKey")] if operation == "ReplicateKey" else []

    def under(condition):
        statement = {"Action": f"kms:{action}", "Condition": condition, "Effect": "Allow"}
        statement["Resource"] = "*"
        if place == "key policy":
            statement["Principal"] = {"AWS": user.name}
            text = policy(allow(root.name), statement)
            root.ok("PutKeyPolicy", KeyId=key["KeyId"], Policy=text)
            scene.account.gives("u", *(besides or [may("iam:GetUser")]))
        else:
            root.ok("PutKeyPolicy", KeyId=key["KeyId"], Policy=policy(allow(root.name)))
            scene.account.gives("u", statement, *besides)

    refusal = texts.denied(
        user.name,
        action,
        key["Arn"],
        f"because no identity-based policy allows the kms:{action} action",
    )
    if wrong:
        under(wrong)
        assert allowed(scene, operation, key, met(scene, key)) == refusal
    under(condition)
    if unmet:
        assert allowed(scene, operation, key, unmet(scene, key)) == refusal
    assert allowed(scene, operation, key, met(scene, key)) is None
