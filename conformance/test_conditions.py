"""Every `kms:` condition key with the operations that it applies to, in a key policy and in an
identity policy: one request that meets it, one that does not. reference/authorization.md, KMS
condition keys."""

import os
import secrets
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives import hashes
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
            "GetParametersForImport", KeyId=key_id, WrappingAlgorithm="RSAES_OAEP_SHA_256",
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
    "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
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
        return scene.imports(key["KeyId"], **{name: value() if callable(value) else value
                                              for name, value in more.items()})
    return members


def granting(**more):
    """A CreateGrant; functions of the scene are called."""
    def members(scene, key):
        return scene.grant(**{name: value(scene) if callable(value) else value
                              for name, value in more.items()})
    return members


def within(seconds):
    return lambda: round(time.time()) + seconds


SUBSET = {"EncryptionContextSubset": CONTEXT}
WHOLE = {"EncryptionContextEquals": CONTEXT}
ARN = "arn:aws:s3:us-east-1:111122223333:bucket"
SERVICE = {"Constraints": {"SourceArn": ARN}, "GranteePrincipal": None,
           "GranteeServicePrincipal": "s3.amazonaws.com"}
WITH_ROOT = {**SERVICE, "RetiringPrincipal": lambda scene: scene.root.name}
ORDINARY = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
ENDING = {"ExpirationModel": "KEY_MATERIAL_EXPIRES"}
OTHER_NAME = lambda scene: scene.other  # noqa: E731

ROWS = [
    row("PutKeyPolicy", {"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}},
        putting(BypassPolicyLockoutSafetyCheck=True), putting()),
    row("PutKeyPolicy", {"Null": {"kms:BypassPolicyLockoutSafetyCheck": "true"}},
        putting(), putting(BypassPolicyLockoutSafetyCheck=False)),
    *[row(op, equals("kms:DataKeyPairSpec", "ECC_NIST_P256"), plain(KeyPairSpec="ECC_NIST_P256"),
          plain(KeyPairSpec="ECC_NIST_P384")) for op in PAIRS],
    *[row(op, equals("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT"), plain(**crypto(op)),
          wrong=equals("kms:EncryptionAlgorithm", "RSAES_OAEP_SHA_256")) for op in MAKERS],
    row("Encrypt", equals("kms:EncryptionAlgorithm", "RSAES_OAEP_SHA_256"),
        plain(Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256"),
        plain(Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_1"), kind=RSA),
    row("Decrypt", equals("kms:EncryptionAlgorithm", "RSAES_OAEP_SHA_256"),
        from_rsa("RSAES_OAEP_SHA_256"), from_rsa("RSAES_OAEP_SHA_1"), kind=RSA),
    row("Decrypt", equals("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT"), decrypting(None),
        wrong=equals("kms:EncryptionAlgorithm", "RSAES_OAEP_SHA_1")),
    # The name of a pair compares without case, its value as the operator says.
    *[row(op, equals("kms:EncryptionContext:tEAM", "Blue"),
          plain(EncryptionContext=CONTEXT, **crypto(op)),
          plain(EncryptionContext={"Team": "blue"}, **crypto(op)),
          wrong=equals("kms:EncryptionContext:tier", "2")) for op in MAKERS],
    row("Decrypt", equals("kms:EncryptionContext:Team", "Blue"), decrypting(CONTEXT),
        decrypting({"Team": "Red"}), wrong=equals("kms:EncryptionContext:Teams", "Blue")),
    row("Decrypt", equals("kms:EncryptionContext:Team", "Blue"), decrypting(CONTEXT),
        decrypting(None)),
    *[row(op, {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "Team"}},
          plain(EncryptionContext=CONTEXT, **crypto(op)),
          plain(EncryptionContext={"team": "Blue"}, **crypto(op))) for op in MAKERS],
    row("Decrypt", {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["Team", "tier"]},
                    "Null": {"kms:EncryptionContextKeys": "false"}},
        decrypting(CONTEXT), decrypting({"Team": "Blue", "more": "x"})),
    row("Encrypt", {"Null": {"kms:EncryptionContextKeys": "false"}},
        plain(EncryptionContext=CONTEXT, Plaintext=b"x"), plain(Plaintext=b"x")),
    *[row("CreateGrant", equals("kms:EncryptionContext:Team", "Blue"),
          granting(Constraints=one), granting(Constraints={"EncryptionContextSubset": {"Team": "R"}}))
      for one in (SUBSET, WHOLE)],
    row("CreateGrant", {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "tier"}},
        granting(Constraints=SUBSET), granting()),
    row("ImportKeyMaterial", equals("kms:ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE"),
        importing(**ORDINARY), importing(**ENDING, ValidTo=within(HOUR)), kind=EXTERNAL),
    row("ImportKeyMaterial", equals("kms:ExpirationModel", "KEY_MATERIAL_EXPIRES"),
        importing(**ENDING, ValidTo=within(HOUR)), importing(ValidTo=within(HOUR)), kind=EXTERNAL),
    row("ImportKeyMaterial", {"NumericLessThan": {"kms:ValidTo": "4000000000"}},
        importing(**ENDING, ValidTo=within(HOUR)),
        wrong={"NumericLessThan": {"kms:ValidTo": "1600000000"}}, kind=EXTERNAL),
    row("ImportKeyMaterial", {"DateLessThan": {"kms:ValidTo": "2090-01-01T00:00:00Z"}},
        importing(**ENDING, ValidTo=within(HOUR)), importing(**ORDINARY),
        wrong={"DateLessThan": {"kms:ValidTo": "2020-01-01T00:00:00Z"}}, kind=EXTERNAL),
    row("CreateGrant", equals("kms:GrantConstraintType", "EncryptionContextSubset"),
        granting(Constraints=SUBSET), granting(Constraints=WHOLE)),
    row("CreateGrant", equals("kms:GrantConstraintType", "EncryptionContextEquals"),
        granting(Constraints=WHOLE), granting()),
    row("CreateGrant", {"ArnLike": {"kms:GrantConstraintSourceArn": "arn:aws:s3:*:*:bucket"}},
        granting(**WITH_ROOT), granting(),
        wrong={"ArnLike": {"kms:GrantConstraintSourceArn": "arn:aws:s3:*:*:other"}}),
    row("CreateGrant", equals("kms:GranteeServicePrincipal", "s3.amazonaws.com"),
        granting(**WITH_ROOT), granting(),
        wrong=equals("kms:GranteeServicePrincipal", "ec2.amazonaws.com")),
    row("CreateGrant", equals("kms:RetiringServicePrincipal", "s3.amazonaws.com"),
        granting(**SERVICE, RetiringServicePrincipal="s3.amazonaws.com"), granting(**WITH_ROOT),
        wrong=equals("kms:RetiringServicePrincipal", "ec2.amazonaws.com")),
    row("CreateGrant", {"Bool": {"kms:GrantIsForAWSResource": "false"}}, granting(),
        wrong={"Bool": {"kms:GrantIsForAWSResource": "true"}}),
    row("CreateGrant", {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}},
        granting(), granting(Operations=["Encrypt", "DescribeKey"])),
    row("CreateGrant", {"ForAnyValue:StringEquals": {"kms:GrantOperations": "Decrypt"}},
        granting(Operations=["Encrypt", "Decrypt"]), granting()),
    row("CreateGrant", {"StringLike": {"kms:GranteePrincipal": "arn:aws:iam::*:user/other"}},
        granting(), granting(GranteePrincipal=lambda scene: scene.third)),
    row("CreateGrant", {"StringLike": {"kms:RetiringPrincipal": "arn:aws:iam::*:user/other"}},
        granting(RetiringPrincipal=OTHER_NAME), granting(RetiringPrincipal=lambda s: s.third)),
    row("CreateGrant", {"Null": {"kms:RetiringPrincipal": "true"}},
        granting(), granting(RetiringPrincipal=OTHER_NAME)),
    row("DeriveSharedSecret", equals("kms:KeyAgreementAlgorithm", "ECDH"), deriving,
        wrong=equals("kms:KeyAgreementAlgorithm", "DH"), kind=AGREE),
    row("GenerateMac", equals("kms:MacAlgorithm", "HMAC_SHA_256"), plain(**MAC_OF),
        wrong=equals("kms:MacAlgorithm", "HMAC_SHA_512"), kind=MAC),
    row("VerifyMac", equals("kms:MacAlgorithm", "HMAC_SHA_256"), verifying_mac,
        wrong=equals("kms:MacAlgorithm", "HMAC_SHA_512"), kind=MAC),
    row("Sign", equals("kms:MessageType", "DIGEST"), plain(**DIGEST), plain(**RAW), kind=SIGN),
    row("Verify", equals("kms:MessageType", "RAW"), verifying(RAW), verifying(DIGEST), kind=SIGN),
    row("Sign", equals("kms:MessageType", "EXTERNAL_MU"),
        plain(Message=bytes(64), MessageType="EXTERNAL_MU", SigningAlgorithm="ML_DSA_SHAKE_256"),
        plain(Message=b"m", MessageType="RAW", SigningAlgorithm="ML_DSA_SHAKE_256"), kind=MLDSA),
    row("Sign", equals("kms:SigningAlgorithm", "ECDSA_SHA_256"), plain(**DIGEST),
        wrong=equals("kms:SigningAlgorithm", "ECDSA_SHA_384"), kind=SIGN),
    row("Verify", equals("kms:SigningAlgorithm", "ECDSA_SHA_256"), verifying(RAW),
        wrong=equals("kms:SigningAlgorithm", "ECDSA_SHA_384"), kind=SIGN),
    row("GetKeyPolicy", equals("kms:PolicyName", "default"), plain(PolicyName="default"),
        wrong=equals("kms:PolicyName", "other")),
    row("GetKeyPolicy", equals("kms:PolicyName", "default"), plain()),
    row("PutKeyPolicy", equals("kms:PolicyName", "default"), putting(),
        wrong=equals("kms:PolicyName", "AWS_RAM")),
    row("EnableKeyRotation", {"NumericLessThanEquals": {"kms:RotationPeriodInDays": "180"}},
        plain(RotationPeriodInDays=180), plain(RotationPeriodInDays=181)),
    row("ScheduleKeyDeletion",
        {"NumericGreaterThanEquals": {"kms:ScheduleKeyDeletionPendingWindowInDays": "20"}},
        plain(PendingWindowInDays=20), plain(PendingWindowInDays=19), fresh=True),
    *[row(op, {"NumericLessThan": {"kms:TrailingDaysWithoutKeyUsage": "1"}}, plain(),
          wrong={"NumericGreaterThan": {"kms:TrailingDaysWithoutKeyUsage": "0"}}, fresh=True)
      for op in ("DisableKey", "ScheduleKeyDeletion")],
    row("GetParametersForImport", equals("kms:WrappingAlgorithm", "RSAES_OAEP_SHA_256"),
        plain(WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"),
        plain(WrappingAlgorithm="RSAES_OAEP_SHA_1", WrappingKeySpec="RSA_2048"), kind=EXTERNAL),
    row("GetParametersForImport", equals("kms:WrappingKeySpec", "RSA_2048"),
        plain(WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"),
        plain(WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_3072"), kind=EXTERNAL),
    row("ReplicateKey", equals("kms:ReplicaRegion", "eu-west-1"), plain(ReplicaRegion="eu-west-1"),
        plain(ReplicaRegion="eu-west-2"), kind=SHARED, fresh=True),
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
        user.name, action, key["Arn"],
        f"because no identity-based policy allows the kms:{action} action",
    )
    if wrong:
        under(wrong)
        assert allowed(scene, operation, key, met(scene, key)) == refusal
    under(condition)
    if unmet:
        assert allowed(scene, operation, key, unmet(scene, key)) == refusal
    assert allowed(scene, operation, key, met(scene, key)) is None


# Conditions on the key itself: they apply to every operation on a key.

ABOUT_KEYS = [
    (equals("kms:KeySpec", "SYMMETRIC_DEFAULT"), AES, RSA),
    (equals("kms:KeySpec", "RSA_2048"), RSA, AES),
    (equals("kms:CustomerMasterKeySpec", "RSA_2048"), RSA, AES),
    (equals("kms:KeyUsage", "SIGN_VERIFY"), SIGN, AES),
    (equals("kms:CustomerMasterKeyUsage", "SIGN_VERIFY"), SIGN, AGREE),
    (equals("kms:KeyOrigin", "EXTERNAL"), EXTERNAL, AES),
    (equals("kms:KeyOrigin", "AWS_KMS"), AES, EXTERNAL),
    ({"Bool": {"kms:MultiRegion": "true"}}, SHARED, AES),
    ({"Bool": {"kms:MultiRegion": "false"}}, AES, SHARED),
    (equals("kms:MultiRegionKeyType", "PRIMARY"), SHARED, AES),
    ({"Null": {"kms:MultiRegionKeyType": "true"}}, AES, SHARED),
]


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
@pytest.mark.parametrize("condition, right, wrong", ABOUT_KEYS, ids=lambda value: str(value)[:60])
def test_condition_on_the_key(scene, condition, right, wrong, place):
    actions = ["kms:DescribeKey", "kms:ListGrants", "kms:UpdateKeyDescription"]
    scene.account.gives("u", may("iam:GetUser"))
    for kind in (right, wrong):
        statements = [allow(scene.root.name)]
        if place == "key policy":
            statements.append(allow(scene.user.name, actions, Condition=condition))
        key = scene.key(kind)["KeyId"]
        scene.root.ok("PutKeyPolicy", KeyId=key, Policy=policy(*statements))
    if place == "identity policy":
        scene.account.gives("u", may(actions, Condition=condition))
    for kind, works in ((right, True), (wrong, False)):
        key = scene.key(kind)["KeyId"]
        assert scene.user.can("DescribeKey", KeyId=key) is works
        assert scene.user.can("ListGrants", KeyId=key) is works
        assert scene.user.can("UpdateKeyDescription", KeyId=key, Description="x") is works
    scene.account.gives("u", may("iam:GetUser"))
    assert not scene.user.can("DescribeKey", KeyId=scene.key(wrong)["KeyId"])


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
def test_caller_account(scene, server, place):
    stranger = Account(server)
    them = stranger.user("u", may("kms:*"))
    condition = equals("kms:CallerAccount", scene.account.id)
    key = scene.root.key()
    if place == "key policy":
        text = policy(allow(scene.root.name), allow("*", "kms:Encrypt", Condition=condition))
    else:
        text = policy(allow(scene.root.name), allow(stranger.id))
        stranger.gives("u", may("kms:*", Condition=condition))
    scene.root.ok("PutKeyPolicy", KeyId=key["KeyId"], Policy=text)
    assert not them.can("Encrypt", KeyId=key["Arn"], Plaintext=b"x")
    if place == "identity policy":
        stranger.gives("u", may("kms:*", Condition=equals("kms:CallerAccount", stranger.id)))
        assert them.can("Encrypt", KeyId=key["Arn"], Plaintext=b"x")
    else:
        # Everyone of the account, without any identity policy.
        scene.account.gives("u", may("iam:GetUser"))
        assert scene.user.can("Encrypt", KeyId=key["Arn"], Plaintext=b"x")


def creating(scene, condition, works, members):
    """Asserts which CreateKey a condition in the identity policy lets through."""
    actions = ["kms:CreateKey", "kms:TagResource", "kms:PutKeyPolicy"]
    scene.account.gives("u", may(actions, Condition=condition))
    answer = scene.user.answer("CreateKey", members)
    if works:
        assert answer is None, (condition, members)
    else:
        assert answer == texts.denied(
            scene.user.name, "CreateKey", "*",
            "because no identity-based policy allows the kms:CreateKey action",
        ), (condition, members)


def test_create_key(scene):
    for condition, members, works in [
        (equals("kms:KeySpec", "SYMMETRIC_DEFAULT"), {}, True),
        (equals("kms:KeySpec", "SYMMETRIC_DEFAULT"), SIGN, False),
        (equals("kms:KeySpec", "ECC_NIST_P256"), SIGN, True),
        (equals("kms:CustomerMasterKeySpec", "ECC_NIST_P256"), SIGN, True),
        (equals("kms:KeyUsage", "ENCRYPT_DECRYPT"), {}, True),
        (equals("kms:KeyUsage", "ENCRYPT_DECRYPT"), MAC, False),
        (equals("kms:KeyUsage", "GENERATE_VERIFY_MAC"), MAC, True),
        (equals("kms:KeyOrigin", "AWS_KMS"), {}, True),
        (equals("kms:KeyOrigin", "AWS_KMS"), EXTERNAL, False),
        ({"Bool": {"kms:MultiRegion": "false"}}, {}, True),
        ({"Bool": {"kms:MultiRegion": "false"}}, SHARED, False),
        ({"Bool": {"kms:MultiRegion": "true"}}, SHARED, True),
        (equals("kms:MultiRegionKeyType", "PRIMARY"), SHARED, True),
        (equals("kms:MultiRegionKeyType", "PRIMARY"), {}, False),
        (equals("kms:CallerAccount", scene.account.id), {}, True),
        ({"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}}, {}, False),
        ({"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}},
         {"BypassPolicyLockoutSafetyCheck": True}, True),
        ({"Null": {"kms:BypassPolicyLockoutSafetyCheck": "true"}}, {}, True),
    ]:
        if "kms:CallerAccount" in str(condition):
            # Not a key of operations without a key.
            continue
        creating(scene, condition, works, members)


def test_tags_of_requests(scene):
    one = {"Tags": [{"TagKey": "Cost", "TagValue": "7"}]}
    two = {"Tags": [*one["Tags"], {"TagKey": "More", "TagValue": "x"}]}
    asked = equals("aws:RequestTag/cost", "7")
    only = {"ForAllValues:StringEquals": {"aws:TagKeys": ["Cost"]},
            "Null": {"aws:TagKeys": "false"}}
    for condition, members, works in [
        (asked, one, True), (asked, two, True), (asked, {}, False),
        (only, one, True), (only, two, False), (only, {}, False),
    ]:
        creating(scene, condition, works, members)
    key = scene.root.key_id()
    scene.account.gives("u", may(["kms:TagResource", "kms:UntagResource"], Condition=only))
    assert scene.user.can("TagResource", one, KeyId=key)
    assert not scene.user.can("TagResource", two, KeyId=key)
    assert scene.user.can("UntagResource", KeyId=key, TagKeys=["Cost"])
    assert not scene.user.can("UntagResource", KeyId=key, TagKeys=["Cost", "More"])


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
def test_tags_of_keys(scene, place):
    key = scene.root.key_id(Tags=[{"TagKey": "Stage", "TagValue": "test"}])
    condition = equals("aws:ResourceTag/stage", "test")
    scene.account.gives("u", may("iam:GetUser"))
    if place == "key policy":
        text = policy(allow(scene.root.name), allow(scene.user.name, Condition=condition))
        scene.root.ok("PutKeyPolicy", KeyId=key, Policy=text)
    else:
        scene.account.gives("u", may("kms:*", Condition=condition))
    assert scene.user.can("DescribeKey", KeyId=key)
    scene.root.ok("TagResource", KeyId=key, Tags=[{"TagKey": "Stage", "TagValue": "live"}])
    assert not scene.user.can("DescribeKey", KeyId=key)
    scene.root.ok("TagResource", KeyId=key, Tags=[{"TagKey": "Stage", "TagValue": "test"}])
    assert scene.user.can("DescribeKey", KeyId=key)
    scene.root.ok("UntagResource", KeyId=key, TagKeys=["Stage"])
    assert not scene.user.can("DescribeKey", KeyId=key)


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
def test_request_alias(scene, place):
    alias = f"alias/{place.split()[0]}-{os.urandom(4).hex()}"
    keys = {"AES": scene.root.key_id(), "SIGN": scene.root.key_id(**SIGN)}
    condition = equals("kms:RequestAlias", alias)
    scene.account.gives("u", may("iam:GetUser"))
    if place == "key policy":
        text = policy(allow(scene.root.name), allow(scene.user.name, Condition=condition))
        for key in keys.values():
            scene.root.ok("PutKeyPolicy", KeyId=key, Policy=text)
    else:
        scene.account.gives("u", may("kms:*", Condition=condition))
    for name, operation, members in [
        ("AES", "Encrypt", {"Plaintext": b"x"}), ("AES", "DescribeKey", {}),
        ("AES", "GenerateDataKey", {"KeySpec": "AES_256"}), ("SIGN", "GetPublicKey", {}),
        ("SIGN", "Sign", RAW),
    ]:
        key = keys[name]
        scene.root.ok("CreateAlias", AliasName=alias, TargetKeyId=key)
        scene.root.ok("CreateAlias", AliasName=alias + "-2", TargetKeyId=key)
        assert scene.user.can(operation, members, KeyId=alias)
        assert scene.user.can(operation, members, KeyId=scene.root.arn(alias))
        assert not scene.user.can(operation, members, KeyId=key)
        assert not scene.user.can(operation, members, KeyId=scene.root.arn(key))
        assert not scene.user.can(operation, members, KeyId=alias + "-2")
        scene.root.ok("DeleteAlias", AliasName=alias)
        scene.root.ok("DeleteAlias", AliasName=alias + "-2")


def test_resource_aliases(scene):
    key, name = scene.root.key_id(), f"alias/team-{os.urandom(4).hex()}"
    scene.account.gives("u", may(
        "kms:*", Condition={"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/team-*"}}
    ))
    assert not scene.user.can("DescribeKey", KeyId=key)
    scene.root.ok("CreateAlias", AliasName=name, TargetKeyId=key)
    scene.root.ok("CreateAlias", AliasName=name.replace("team", "mate"), TargetKeyId=key)
    assert scene.user.can("DescribeKey", KeyId=key)
    assert scene.user.can("GetKeyPolicy", KeyId=scene.root.arn(key))
    scene.root.ok("UpdateAlias", AliasName=name, TargetKeyId=scene.root.key_id())
    assert not scene.user.can("DescribeKey", KeyId=key)


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
def test_reencrypt(scene, place):
    one, two = scene.root.key_id(), scene.root.key_id()
    blob = scene.root.encrypt(one, b"x", EncryptionContext={"a": "1"})
    base = {"CiphertextBlob": blob, "SourceEncryptionContext": {"a": "1"}}
    same, other = {**base, "DestinationKeyId": one}, {**base, "DestinationKeyId": two}
    elsewhere = {**other, "DestinationEncryptionContext": {"a": "2"}}

    def under(*conditions):
        actions = ("kms:ReEncryptFrom", "kms:ReEncryptTo")
        pairs = list(zip(actions, conditions, strict=True))
        scene.account.gives("u", may("iam:GetUser"))
        if place == "key policy":
            text = policy(allow(scene.root.name), *[
                allow(scene.user.name, action, Condition=one) for action, one in pairs
            ])
            for key in (one, two):
                scene.root.ok("PutKeyPolicy", KeyId=key, Policy=text)
        else:
            scene.account.gives("u", *[may(action, Condition=one) for action, one in pairs])

    on_same = {"Bool": {"kms:ReEncryptOnSameKey": "true"}}
    not_same = {"Bool": {"kms:ReEncryptOnSameKey": "false"}}
    under(on_same, on_same)
    assert scene.user.can("ReEncrypt", same) and not scene.user.can("ReEncrypt", other)
    under(not_same, not_same)
    assert not scene.user.can("ReEncrypt", same) and scene.user.can("ReEncrypt", other)
    under({}, on_same)
    assert "kms:ReEncryptTo" in scene.user.answer("ReEncrypt", other)
    under(on_same, {})
    assert "kms:ReEncryptFrom" in scene.user.answer("ReEncrypt", other)
    # Each side sees its own context.
    first, second = (equals("kms:EncryptionContext:a", value) for value in "12")
    under(first, second)
    assert scene.user.can("ReEncrypt", elsewhere)
    assert "kms:ReEncryptTo" in scene.user.answer("ReEncrypt", other)
    under(second, first)
    assert "kms:ReEncryptFrom" in scene.user.answer("ReEncrypt", elsewhere)
    under(*[equals("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT")] * 2)
    assert scene.user.can("ReEncrypt", elsewhere)


@pytest.mark.parametrize("place", ["key policy", "identity policy"])
def test_primary_region(scene, place):
    regions = ("eu-west-1", "eu-west-2")
    key = scene.root.key_id(MultiRegion=True)
    condition = equals("kms:PrimaryRegion", regions[0])
    statement = allow(scene.user.name, "kms:UpdatePrimaryRegion", Condition=condition)
    text = policy(allow(scene.root.name), *([statement] if place == "key policy" else []))
    scene.account.gives("u", may("iam:GetUser"))
    scene.root.ok("PutKeyPolicy", KeyId=key, Policy=text)
    for region in regions:
        scene.root.ok("ReplicateKey", KeyId=key, ReplicaRegion=region, Policy=text)
    if place == "identity policy":
        scene.account.gives("u", may("kms:UpdatePrimaryRegion", Condition=condition))
    assert not scene.user.can("UpdatePrimaryRegion", KeyId=key, PrimaryRegion=regions[1])
    assert scene.user.can("UpdatePrimaryRegion", KeyId=key, PrimaryRegion=regions[0])
    replica = scene.user.again(region=regions[1])
    scene.account.gives("u", may(
        "kms:DescribeKey", Condition=equals("kms:MultiRegionKeyType", "REPLICA")
    ))
    assert replica.can("DescribeKey", KeyId=key) and scene.user.can("DescribeKey", KeyId=key)
    assert not scene.user.again(region=regions[0]).can("DescribeKey", KeyId=key)


def test_retiring_sees_the_constraint(scene):
    """RetireGrant has the encryption context of the grant's constraint: a Deny can use it."""
    key = scene.root.key_id()
    scene.account.gives("u", may("kms:*"), {
        **may("kms:RetireGrant", Condition=equals("kms:EncryptionContext:Team", "Blue")),
        "Effect": "Deny",
    })
    blue, red = (
        scene.root.ok("CreateGrant", scene.grant(Constraints={"EncryptionContextSubset": pairs}),
                      KeyId=key)["GrantId"]
        for pairs in (CONTEXT, {"Team": "Red"})
    )
    assert not scene.user.can("RetireGrant", KeyId=scene.root.arn(key), GrantId=blue)
    assert scene.user.can("RetireGrant", KeyId=scene.root.arn(key), GrantId=red)


def test_overly_permissive_condition(scene):
    """[G], Using IAM policies with AWS KMS: kms:EncryptionContext with ForAllValues."""
    key = scene.root.key_id()
    for operator in ("ForAllValues:StringEquals", "ForAllValues:StringLikeIfExists"):
        statement = allow(scene.user.name, "kms:Decrypt",
                          Condition={operator: {"kms:EncryptionContext:Team": ["Blue"]}})
        text = policy(allow(scene.root.name), statement)
        for operation, members in [("PutKeyPolicy", {"KeyId": key}), ("CreateKey", {})]:
            answer = scene.root.call(operation, members, Policy=text)
            assert answer.code == "MalformedPolicyDocumentException", answer.raw
            assert answer.message == (
                "OverlyPermissiveCondition:EncryptionContext: Using the ForAllValues set operator "
                "with a single-valued condition key matches requests without the specified "
                "encryption context or with an unspecified encryption context. To fix, remove "
                "ForAllValues."
            )
    fine = allow(scene.user.name, "kms:Decrypt", Condition={
        "ForAnyValue:StringEquals": {"kms:EncryptionContext:Team": ["Blue"]}
    })
    scene.root.ok("PutKeyPolicy", KeyId=key, Policy=policy(allow(scene.root.name), fine))
    fine["Condition"] = {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["Team"]}}
    scene.root.ok("PutKeyPolicy", KeyId=key, Policy=policy(allow(scene.root.name), fine))
