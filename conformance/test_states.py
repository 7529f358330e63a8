"""Key state by operation: the table of reference/key-states.md, for each kind of key that has it.

Three states of the table do not occur here. Unavailable is a state of custom key stores only, and
there are none yet. Creating and Updating last as long as one request of ReplicateKey or
UpdatePrimaryRegion: they have ended when its answer comes, so no caller can meet them in order
(`test_no_transient_states`); crate `engine` tests those columns.
"""

import json
from pathlib import Path

import botocore.session
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from harness import texts
from harness.caller import Caller, unb64

AWAY, THIRD = "eu-west-1", "ap-southeast-2"
STATES = ("Enabled", "Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport")
KIS, UNSUPPORTED = "KMSInvalidStateException", "UnsupportedOperationException"

# The numbered results of the table; a text of None: no such member.
OK = "ok"
DISABLED = ("DisabledException", "{arn} is disabled.")  # 1
LEAVING = (KIS, "{arn} is pending deletion.")  # 3; AWS documents 2 as well
LEAVING_PRIMARY = (KIS, "{arn} is pending replica deletion.")  # 3
NOT_LEAVING = (KIS, "{arn} is not pending deletion.")  # 4
NO_MATERIAL = (KIS, "{arn} is pending import.")  # 5
EXTERNAL = (UNSUPPORTED, "{arn} origin is EXTERNAL which is not valid for this operation.")  # 6
NOT_SYMMETRIC = (UNSUPPORTED, None)  # 7
NOT_EXTERNAL = (UNSUPPORTED, "{arn} origin is AWS_KMS which is not valid for this operation.")  # 9
NOTHING_PENDING = (KIS, "No available key material pending rotation for the key: {arn}.")
ABSENT = None  # the kind of key has no such state

ANY = (OK,) * 5
CRYPTO = (OK, DISABLED, LEAVING, LEAVING_PRIMARY, NO_MATERIAL)
MANAGED = (OK, OK, LEAVING, LEAVING_PRIMARY, OK)
SWITCHED = (OK, OK, LEAVING, LEAVING_PRIMARY, NO_MATERIAL)

KINDS = {
    "symmetric": {},
    "mac": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    "signing": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
    "agreement": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
    "encapsulation": {"KeySpec": "ML_KEM_512", "KeyUsage": "ENCAPSULATE_DECAPSULATE"},
    "rsa": {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
    # With a replica, but for PendingDeletion, which a primary key with replicas cannot reach.
    "primary": {"MultiRegion": True},
}
IMPORTABLE = {"symmetric", "mac", "signing", "agreement", "primary"}
ASYMMETRIC = ("signing", "agreement", "encapsulation", "rsa")
# Management asks for no algorithm, and keys of RSA are slow to make.
EVERY = tuple(kind for kind in KINDS if kind != "rsa")
# An EXTERNAL key in the states before PendingImport has other answers than one of AWS_KMS.
ORIGINS = ("AWS_KMS", "EXTERNAL")


def external(*cells):
    """A row that holds for keys with imported material only."""
    return {"EXTERNAL": cells}


def aws(*cells):
    """A row that holds for keys that AWS KMS made only; they are never PendingImport."""
    return {"AWS_KMS": (*cells, ABSENT)}


def both(cells):
    """A row that is the same for both origins."""
    return {"AWS_KMS": (*cells[:-1], ABSENT), "EXTERNAL": cells}


# Which of an unfit key and its state is told first is not documented: the unfit key, here.
UNFIT = both((NOT_SYMMETRIC,) * 5)
SCHEDULE = {
    **aws(OK, DISABLED, LEAVING, LEAVING_PRIMARY),
    **external(*(EXTERNAL,) * 5),
}
# (operation and variant, kinds of keys, cells)
TABLE = [
    ("CancelKeyDeletion", EVERY, both((NOT_LEAVING, NOT_LEAVING, OK, OK, NOT_LEAVING))),
    ("CreateAlias", EVERY, both(MANAGED)),
    ("CreateGrant", EVERY, both(CRYPTO)),
    ("Decapsulate", ("encapsulation",), both(CRYPTO)),
    ("Decrypt", ("symmetric", "primary", "rsa"), both(CRYPTO)),
    ("Decrypt named", ("symmetric", "primary"), both(CRYPTO)),
    ("DeleteAlias", EVERY, both(ANY)),
    (
        "DeleteImportedKeyMaterial",
        ("symmetric", "signing", "mac", "primary"),
        {**aws(*(NOT_EXTERNAL,) * 4), **external(*ANY)},
    ),
    ("DeriveSharedSecret", ("agreement",), both(CRYPTO)),
    ("DescribeKey", EVERY, both(ANY)),
    ("DisableKey", EVERY, both(SWITCHED)),
    ("DisableKeyRotation", ("symmetric", "primary"), SCHEDULE),
    ("DisableKeyRotation", ("mac", *ASYMMETRIC), UNFIT),
    ("EnableKey", EVERY, both(SWITCHED)),
    ("EnableKeyRotation", ("symmetric", "primary"), SCHEDULE),
    ("EnableKeyRotation", ("mac", *ASYMMETRIC), UNFIT),
    ("Encapsulate", ("encapsulation",), both(CRYPTO)),
    ("Encrypt", ("symmetric", "primary", "rsa"), both(CRYPTO)),
    ("GenerateDataKey", ("symmetric", "primary"), both(CRYPTO)),
    ("GenerateDataKeyPair", ("symmetric", "primary"), both(CRYPTO)),
    ("GenerateDataKeyPairWithoutPlaintext", ("symmetric", "primary"), both(CRYPTO)),
    ("GenerateDataKeyWithoutPlaintext", ("symmetric", "primary"), both(CRYPTO)),
    ("GenerateMac", ("mac",), both(CRYPTO)),
    ("GetKeyLastUsage", EVERY, both(ANY)),
    ("GetKeyPolicy", EVERY, both(ANY)),
    (
        "GetKeyRotationStatus",
        ("symmetric", "primary"),
        {**aws(OK, OK, OK, OK), **external(OK, OK, OK, OK, EXTERNAL)},
    ),
    ("GetKeyRotationStatus", ("mac", *ASYMMETRIC), UNFIT),
    (
        "GetParametersForImport",
        ("symmetric", "signing", "mac", "primary"),
        {**aws(*(NOT_EXTERNAL,) * 4), **external(OK, OK, LEAVING, LEAVING_PRIMARY, OK)},
    ),
    # Also of disabled keys and of keys without material: the table of 2025.
    ("GetPublicKey", ASYMMETRIC, both(MANAGED)),
    # 8 for a key that leaves: the table of 2023; that of 2025 has 9, which does not fit it.
    (
        "ImportKeyMaterial",
        ("symmetric", "signing", "mac", "primary"),
        {**aws(*(NOT_EXTERNAL,) * 4), **external(OK, OK, LEAVING, LEAVING_PRIMARY, OK)},
    ),
    ("ListAliases", EVERY, both(ANY)),
    ("ListGrants", EVERY, both(ANY)),
    ("ListKeyPolicies", EVERY, both(ANY)),
    ("ListKeyRotations", ("symmetric", "primary"), both(ANY)),
    ("ListKeyRotations", ("mac", *ASYMMETRIC), UNFIT),
    ("ListResourceTags", EVERY, both(ANY)),
    ("ListRetirableGrants", EVERY, both(ANY)),
    ("PutKeyPolicy", EVERY, both(ANY)),
    ("ReEncrypt from", ("symmetric", "primary", "rsa"), both(CRYPTO)),
    ("ReEncrypt to", ("symmetric", "primary", "rsa"), both(CRYPTO)),
    ("ReplicateKey", ("primary",), both(CRYPTO)),
    ("RetireGrant", EVERY, both(ANY)),
    ("RevokeGrant", EVERY, both(ANY)),
    (
        "RotateKeyOnDemand",
        ("symmetric", "primary"),
        {
            **aws(OK, DISABLED, LEAVING, LEAVING_PRIMARY),
            **external(NOTHING_PENDING, DISABLED, LEAVING, LEAVING_PRIMARY, NO_MATERIAL),
        },
    ),
    ("RotateKeyOnDemand", ("mac", *ASYMMETRIC), UNFIT),
    ("ScheduleKeyDeletion", EVERY, both(MANAGED)),
    ("Sign", ("signing",), both(CRYPTO)),
    ("TagResource", EVERY, both(MANAGED)),
    ("UntagResource", EVERY, both(MANAGED)),
    ("UpdateAlias", EVERY, both(MANAGED)),
    ("UpdateAlias away", EVERY, both(ANY)),
    ("UpdateKeyDescription", EVERY, both(MANAGED)),
    ("UpdatePrimaryRegion", ("primary",), both(CRYPTO)),
    ("Verify", ("signing",), both(CRYPTO)),
    ("VerifyMac", ("mac",), both(CRYPTO)),
]
# Operations on no key.
KEYLESS = {"CreateKey", "GenerateRandom", "ListKeys"}
# What changes nothing when it succeeds may run on a key that other tests use too.
HARMLESS = {
    row.split(" ")[0]
    for row, _, _ in TABLE
    if row.startswith(("Decap", "Decrypt", "Derive", "Describe", "Encap", "Encrypt", "Generate"))
    or row.startswith(("Get", "List", "ReEncrypt", "Sign", "Verify"))
}


def has(kind, origin, state):
    """Whether such a key can be in the state."""
    if origin == "EXTERNAL" and kind not in IMPORTABLE:
        return False
    if state == "PendingImport" and origin == "AWS_KMS":
        return False
    return True


def worth_it(kinds, kind, origin, state, origins):
    """Whether a cell can differ from one that is tested anyway: imported keys are slow to make;
    before PendingImport they mostly answer like those of AWS KMS, and management like any kind."""
    if origin == "AWS_KMS" or kind == "symmetric":
        return True
    if state == "PendingImport":
        return kinds is not EVERY or kind == "signing"
    index = STATES.index(state)
    return origins["EXTERNAL"][index] != origins["AWS_KMS"][index]


CELLS = [
    pytest.param(row, kind, origin, state, cell, id=f"{row}-{kind}-{origin}-{state}")
    for row, kinds, origins in TABLE
    for kind in kinds
    for origin, cells in origins.items()
    for state, cell in zip(STATES, cells, strict=True)
    if cell is not ABSENT
    and has(kind, origin, state)
    and worth_it(kinds, kind, origin, state, origins)
]


def plain_material(kind):
    """Key material to import for a kind of key."""
    if kind in ("signing", "agreement"):
        return ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    return b"\x07" * 32


class Scene:
    """A key in some state with an alias, a grant, and what it made while it was enabled."""

    def __init__(self, caller, kind, origin, state):
        self.caller, self.kind, self.origin, self.state = caller, kind, origin, state
        body = dict(KINDS[kind])
        if state == "PendingReplicaDeletion":
            body["MultiRegion"] = True
        self.meta = caller.key(**body, Origin=origin)
        self.key, self.arn = self.meta["KeyId"], self.meta["Arn"]
        if origin == "EXTERNAL":
            self.material = plain_material(kind)
            self.import_material()
        self.other = caller.key_id(**KINDS[kind])
        self.own_alias, self.other_alias = f"alias/own-{self.key}", f"alias/other-{self.key}"
        caller.ok("CreateAlias", AliasName=self.own_alias, TargetKeyId=self.key)
        caller.ok("CreateAlias", AliasName=self.other_alias, TargetKeyId=self.other)
        fit = self.fitting_operation()
        self.grant = {"KeyId": self.key, "GranteePrincipal": caller.root, "Operations": [fit]}
        self.granted = caller.ok("CreateGrant", self.grant, RetiringPrincipal=caller.root)
        self.use()
        self.replicate(state)
        self.enter(state)

    def fitting_operation(self):
        """A grant operation that fits the key."""
        used = {"mac": "GenerateMac", "signing": "Sign", "agreement": "DeriveSharedSecret"}
        return {**used, "encapsulation": "Encapsulate"}.get(self.kind, "Encrypt")

    def import_members(self, caller):
        """A request that imports the key's material in the caller's Region."""
        named = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
        out = caller.ok("GetParametersForImport", named, KeyId=self.key)
        public = serialization.load_der_public_key(unb64(out["PublicKey"]))
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        return {
            "KeyId": self.key,
            "ImportToken": out["ImportToken"],
            "EncryptedKeyMaterial": public.encrypt(self.material, oaep),
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        }

    def import_material(self):
        """Imports the material."""
        self.caller.ok("ImportKeyMaterial", self.import_members(self.caller))

    def use(self):
        """Makes what the key's own operations need later."""
        caller, key = self.caller, self.key
        if self.kind in ("symmetric", "primary", "rsa"):
            self.algorithm = "RSAES_OAEP_SHA_256" if self.kind == "rsa" else "SYMMETRIC_DEFAULT"
            named = {"EncryptionAlgorithm": self.algorithm}
            self.blob = caller.encrypt(key, b"x", **named)
            self.other_blob = caller.encrypt(self.other, b"x", **named)
        elif self.kind == "signing":
            self.signed = {"KeyId": key, "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
            self.signature = caller.ok("Sign", self.signed)["Signature"]
        elif self.kind == "mac":
            self.authenticated = {"KeyId": key, "Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
            self.mac = caller.ok("GenerateMac", self.authenticated)["Mac"]
        elif self.kind == "agreement":
            self.public = caller.ok("GetPublicKey", KeyId=self.other)["PublicKey"]
        else:
            out = caller.ok("Encapsulate", KeyId=key, EncapsulationAlgorithm="ML_KEM")
            self.blob = out["SharedSecretCiphertextBlob"]

    def replicate(self, state):
        """Makes the replica that the state, or a primary key, has."""
        wanted = self.kind == "primary" and state != "PendingDeletion"
        if wanted or state == "PendingReplicaDeletion":
            self.caller.ok("ReplicateKey", KeyId=self.key, ReplicaRegion=AWAY)
            if self.origin == "EXTERNAL":
                return
            away = self.caller.in_region(AWAY)
            meta = away.ok("DescribeKey", KeyId=self.key)["KeyMetadata"]
            assert meta["KeyState"] == "Enabled"
            away.close()

    def enter(self, state):
        """Brings the key into the state."""
        step = {
            "Disabled": "DisableKey",
            "PendingDeletion": "ScheduleKeyDeletion",
            "PendingReplicaDeletion": "ScheduleKeyDeletion",
            "PendingImport": "DeleteImportedKeyMaterial",
        }
        if state in step:
            self.caller.ok(step[state], KeyId=self.key)
        meta = self.caller.ok("DescribeKey", KeyId=self.key)["KeyMetadata"]
        assert meta["KeyState"] == state and meta["Enabled"] is (state == "Enabled")

    def members(self, row):
        """A good request of the row's operation on the key."""
        key, kind = self.key, self.kind
        cases = {
            "CreateAlias": lambda: {"AliasName": f"alias/new-{key}", "TargetKeyId": key},
            "CreateGrant": lambda: self.grant,
            "Decapsulate": lambda: {
                "KeyId": key,
                "EncapsulationAlgorithm": "ML_KEM",
                "SharedSecretCiphertextBlob": self.blob,
            },
            "Decrypt": lambda: {
                "CiphertextBlob": self.blob,
                "EncryptionAlgorithm": self.algorithm,
                **({"KeyId": key} if kind == "rsa" else {}),
            },
            "Decrypt named": lambda: {"CiphertextBlob": self.blob, "KeyId": key},
            "DeleteAlias": lambda: {"AliasName": self.own_alias},
            "DeriveSharedSecret": lambda: {
                "KeyId": key,
                "KeyAgreementAlgorithm": "ECDH",
                "PublicKey": self.public,
            },
            "Encapsulate": lambda: {"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"},
            "Encrypt": lambda: {
                "KeyId": key,
                "Plaintext": b"x",
                "EncryptionAlgorithm": self.algorithm,
            },
            "GenerateDataKey": lambda: {"KeyId": key, "KeySpec": "AES_256"},
            "GenerateDataKeyPair": lambda: {"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"},
            "GenerateDataKeyPairWithoutPlaintext": lambda: {
                "KeyId": key,
                "KeyPairSpec": "ECC_NIST_P256",
            },
            "GenerateDataKeyWithoutPlaintext": lambda: {"KeyId": key, "KeySpec": "AES_128"},
            "GenerateMac": lambda: self.authenticated,
            "GetParametersForImport": lambda: {
                "KeyId": key,
                "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
                "WrappingKeySpec": "RSA_2048",
            },
            "ImportKeyMaterial": self.importing,
            "ListRetirableGrants": lambda: {"RetiringPrincipal": self.caller.root},
            "PutKeyPolicy": lambda: {
                "KeyId": key,
                "Policy": texts.policy(texts.allow(self.caller.root)),
            },
            "ReEncrypt from": lambda: self.reencrypting(self.blob, key, self.other),
            "ReEncrypt to": lambda: self.reencrypting(self.other_blob, self.other, key),
            "ReplicateKey": lambda: {"KeyId": key, "ReplicaRegion": THIRD},
            "RetireGrant": lambda: {"KeyId": self.arn, "GrantId": self.granted["GrantId"]},
            "RevokeGrant": lambda: {"KeyId": key, "GrantId": self.granted["GrantId"]},
            "Sign": lambda: self.signed,
            "TagResource": lambda: {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]},
            "UntagResource": lambda: {"KeyId": key, "TagKeys": ["a"]},
            "UpdateAlias": lambda: {"AliasName": self.other_alias, "TargetKeyId": key},
            "UpdateAlias away": lambda: {"AliasName": self.own_alias, "TargetKeyId": self.other},
            "UpdateKeyDescription": lambda: {"KeyId": key, "Description": "d"},
            "UpdatePrimaryRegion": self.handing_over,
            "Verify": lambda: {**self.signed, "Signature": self.signature},
            "VerifyMac": lambda: {**self.authenticated, "Mac": self.mac},
        }
        return cases.get(row, lambda: {"KeyId": key})()

    def importing(self):
        """A request of ImportKeyMaterial that is good but for the key's state or origin."""
        leaving = self.state in ("PendingDeletion", "PendingReplicaDeletion")
        if self.origin == "EXTERNAL" and not leaving:
            return self.import_members(self.caller)
        nothing = {"ImportToken": b"x", "EncryptedKeyMaterial": b"x"}
        return {"KeyId": self.key, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE", **nothing}

    def handing_over(self):
        """A request of UpdatePrimaryRegion; the replica gets its material first if it needs it."""
        if self.origin == "EXTERNAL" and self.state == "Enabled":
            away = self.caller.in_region(AWAY)
            away.ok("ImportKeyMaterial", self.import_members(away))
            away.close()
        return {"KeyId": self.key, "PrimaryRegion": AWAY}

    def reencrypting(self, blob, source, destination):
        """A request of ReEncrypt between two keys of this kind."""
        return {
            "CiphertextBlob": blob,
            "SourceKeyId": source,
            "DestinationKeyId": destination,
            "SourceEncryptionAlgorithm": self.algorithm,
            "DestinationEncryptionAlgorithm": self.algorithm,
        }

    def check(self, row, cell):
        """Calls the row's operation and compares its answer with the cell."""
        operation, members = row.split(" ")[0], self.members(row)
        if cell == OK:
            self.caller.ok(operation, members)
            return
        code, text = cell
        message = self.caller.fails(code, operation, members)
        assert message == (text and text.format(arn=self.arn))


@pytest.fixture(scope="module")
def scenes(server):
    """Keys in every state, for calls that change nothing; each is made when first asked for."""
    caller, made = Caller(server), {}

    def scene(*how):
        if how not in made:
            made[how] = Scene(caller, *how)
        return made[how]

    yield scene
    caller.close()


@pytest.mark.parametrize("row, kind, origin, state, cell", CELLS)
def test_table(caller, scenes, row, kind, origin, state, cell):
    alone = cell == OK and row.split(" ")[0] not in HARMLESS
    scene = Scene(caller, kind, origin, state) if alone else scenes(kind, origin, state)
    scene.check(row, cell)


def test_the_table_has_every_operation():
    model = botocore.session.get_session().get_service_model("kms")
    lines = (Path(__file__).parent / "uncovered-operations.txt").read_text().splitlines()
    unserved = {line for line in lines if line and not line.startswith("#")}
    rows = {row.split(" ")[0] for row, _, _ in TABLE}
    assert rows | KEYLESS == set(model.operation_names) - unserved
    assert not rows & KEYLESS


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("origin", ORIGINS)
def test_a_refused_call_changes_nothing(caller, origin, state):
    if not has("symmetric", origin, state):
        return
    scene = Scene(caller, "symmetric", origin, state)

    def seen():
        named = {"KeyId": scene.key}
        parts = ("DescribeKey", "ListResourceTags", "GetKeyPolicy", "ListGrants", "ListAliases")
        return json.dumps([caller.ok(part, named) for part in parts], sort_keys=True)

    before = seen()
    for row, kinds, origins in TABLE:
        cell = origins.get(origin, {}) and origins[origin][STATES.index(state)]
        if "symmetric" in kinds and cell not in (OK, ABSENT):
            caller.call(row.split(" ")[0], scene.members(row))
    assert seen() == before


def test_no_transient_states(caller):
    key = caller.key_id(MultiRegion=True)
    away = caller.in_region(AWAY)
    out = caller.ok("ReplicateKey", KeyId=key, ReplicaRegion=AWAY)
    assert out["ReplicaKeyMetadata"]["KeyState"] == "Creating"
    assert away.ok("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    caller.ok("UpdatePrimaryRegion", KeyId=key, PrimaryRegion=AWAY)
    for who, role in ((away, "PRIMARY"), (caller, "REPLICA")):
        meta = who.ok("DescribeKey", KeyId=key)["KeyMetadata"]
        assert meta["KeyState"] == "Enabled"
        assert meta["MultiRegionConfiguration"]["MultiRegionKeyType"] == role
    away.close()


def test_replicas_of_a_leaving_primary_go_on(caller):
    key = caller.key_id(MultiRegion=True)
    caller.ok("ReplicateKey", KeyId=key, ReplicaRegion=AWAY)
    away = caller.in_region(AWAY)
    blob = away.encrypt(key, b"x")
    out = caller.ok("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=9)
    assert out["KeyState"] == "PendingReplicaDeletion" and "DeletionDate" not in out
    meta = caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]
    assert meta["PendingDeletionWindowInDays"] == 9 and "DeletionDate" not in meta
    assert away.decrypt(blob) == b"x"
    caller.ok("CancelKeyDeletion", KeyId=key)
    meta = caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]
    assert meta["KeyState"] == "Disabled" and "PendingDeletionWindowInDays" not in meta
    away.close()


def test_cancelled_key_works_again_after_enabling(caller):
    scene = Scene(caller, "symmetric", "AWS_KMS", "PendingDeletion")
    caller.ok("CancelKeyDeletion", KeyId=scene.key)
    caller.fails("DisabledException", "Decrypt", CiphertextBlob=scene.blob)
    caller.ok("EnableKey", KeyId=scene.key)
    assert caller.decrypt(scene.blob) == b"x"


def test_a_disabled_key_without_material_works_again_after_import(caller):
    scene = Scene(caller, "symmetric", "EXTERNAL", "PendingImport")
    scene.import_material()
    assert caller.ok("DescribeKey", KeyId=scene.key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert caller.decrypt(scene.blob) == b"x"


def test_second_schedule_is_refused_and_keeps_the_date(caller):
    key = caller.key_id()
    date = caller.ok("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=20)["DeletionDate"]
    caller.fails(KIS, "ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    assert caller.ok("DescribeKey", KeyId=key)["KeyMetadata"]["DeletionDate"] == date
