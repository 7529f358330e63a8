"""Quotas, and the keys of services, under `keystead serve` with small quotas and a service.

The codes are AWS's (reference/api.md); its texts are known for on-demand rotations only.
"""

import re
import subprocess

import pytest

from harness import server, texts
from harness.caller import Caller, expect_error

ACCOUNT = "123456789012"
SERVICE = ("SERVICEOFTHETESTS", "a-secret-of-the-tests-of-forty-characters")
QUOTAS = {
    "keys_per_account": 3,
    "aliases_per_key": 2,
    "grants_per_key": 2,
    "tags_per_key": 2,
    "on_demand_rotations_per_key": 1,
    "key_policy_bytes": 1024,
}
LIMIT = "LimitExceededException"
ALIAS = "alias/aws/s3"


class ServeServer(server.Server):
    """`keystead serve` on a directory that `keystead init` made."""

    def __init__(self, folder):
        super().__init__(folder / "data", folder / "serve.log")
        self.config = folder / "keystead.toml"
        secret = folder / "service.secret"
        secret.write_text(SERVICE[1])
        secret.chmod(0o600)
        lines = [f'data_dir = "{self.data_dir}"', 'regions = ["us-east-1", "eu-west-1"]']
        lines += ["[quotas]", *(f"{name} = {value}" for name, value in QUOTAS.items())]
        lines += ["[[service]]", 'principal = "s3.amazonaws.com"', f'account = "{ACCOUNT}"']
        lines += [f'access_key_id = "{SERVICE[0]}"', f'secret_file = "{secret}"']
        self.config.write_text("\n".join(lines) + "\n")
        self.config.chmod(0o600)
        self.root = self.init()

    def init(self):
        """Makes the data directory; the access key id and secret of its root user."""
        command = [server.binary(), "init", "--data-dir", self.data_dir, "--account", ACCOUNT]
        command += ["--region", "us-east-1", "--region", "eu-west-1"]
        made = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        named = dict(re.findall(r"export (AWS_\w+)=(\S+)", made.stdout))
        return named["AWS_ACCESS_KEY_ID"], named["AWS_SECRET_ACCESS_KEY"]

    def start(self):
        """Starts the server and waits until it is healthy; returns self."""
        command = [server.binary(), "serve", "--config", str(self.config)]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        server.until(self._ready, server.READY_SECONDS, f"healthy; its log is {self.log}")
        return self

    def account(self, region="us-east-1"):
        """The account's root user."""
        return Caller(self, ACCOUNT, region, secret=self.root[1], key_id=self.root[0])

    def service(self, region="us-east-1"):
        """S3 acting for the account."""
        return Caller(self, ACCOUNT, region, secret=SERVICE[1], key_id=SERVICE[0])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A server with small quotas; its one key is `small.key`."""
    serving = ServeServer(tmp_path_factory.mktemp("quotas")).start()
    serving.key = serving.account().key()
    yield serving
    serving.stop()


@pytest.fixture
def root(small):
    """The account's root user."""
    caller = small.account()
    yield caller
    caller.close()


def over(caller, operation, **members):
    """Asserts that a call is over its quota."""
    expect_error(caller.call(operation, members), LIMIT)


def test_aliases_of_a_key(small, root):
    key = small.key["KeyId"]
    for name in ("a", "b"):
        root.ok("CreateAlias", AliasName=f"alias/{name}", TargetKeyId=key)
    over(root, "CreateAlias", AliasName="alias/c", TargetKeyId=key)
    root.ok("UpdateAlias", AliasName="alias/a", TargetKeyId=key)
    root.ok("DeleteAlias", AliasName="alias/a")
    root.ok("CreateAlias", AliasName="alias/c", TargetKeyId=key)


def test_grants_on_a_key(small, root):
    grant = {"GranteePrincipal": root.root, "Operations": ["Encrypt"]}
    grant["KeyId"] = small.key["KeyId"]
    first = root.ok("CreateGrant", grant, Name="first")
    root.ok("CreateGrant", grant)
    over(root, "CreateGrant", **grant)
    assert root.ok("CreateGrant", grant, Name="first")["GrantId"] == first["GrantId"]
    root.ok("RevokeGrant", KeyId=small.key["KeyId"], GrantId=first["GrantId"])
    root.ok("CreateGrant", grant)


def test_tags_of_a_key(small, root):
    key = small.key["KeyId"]
    tags = [{"TagKey": name, "TagValue": ""} for name in ("a", "b")]
    root.ok("TagResource", KeyId=key, Tags=tags)
    root.ok("TagResource", KeyId=key, Tags=tags)
    codes = {LIMIT, "TagException"}  # the model lists both
    more = [{"TagKey": "c", "TagValue": ""}]
    root.fails(codes, "TagResource", KeyId=key, Tags=more)
    root.fails(codes, "CreateKey", Tags=tags + more)
    assert len(root.ok("ListResourceTags", KeyId=key)["Tags"]) == 2


def test_rotations_on_demand_of_a_key(small, root):
    root.rotate(small.key["KeyId"])
    message = root.fails(LIMIT, "RotateKeyOnDemand", KeyId=small.key["KeyId"])
    assert message == (
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
        f"rotations can be performed for this key: {small.key['Arn']}"
    )


def test_size_of_a_key_policy(small, root):
    text = texts.policy(texts.allow(root.root))
    fits = text + " " * (QUOTAS["key_policy_bytes"] - len(text))
    root.ok("PutKeyPolicy", KeyId=small.key["KeyId"], Policy=fits)
    over(root, "PutKeyPolicy", KeyId=small.key["KeyId"], Policy=fits + " ")
    over(root, "CreateKey", Policy=fits + " ")


def test_keys_of_an_account_and_region(small):
    # A Region of its own: nobody else makes keys there.
    root, service = small.account("eu-west-1"), small.service("eu-west-1")
    meta = root.ok("DescribeKey", KeyId=ALIAS)["KeyMetadata"]
    root.ok("DescribeKey", KeyId="alias/aws/sqs")
    keys = [root.key_id() for _ in range(QUOTAS["keys_per_account"])]
    over(root, "CreateKey")
    over(root, "CreateKey", KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    # Keys of services neither count nor are refused.
    assert service.ok("Encrypt", KeyId=ALIAS, Plaintext=b"x")["KeyId"] == meta["Arn"]
    ssm = root.ok("DescribeKey", KeyId="alias/aws/ssm")["KeyMetadata"]
    assert ssm["KeyManager"] == "AWS"
    assert len(root.ok("ListKeys")["Keys"]) == len(keys) + 3
    # Keys that are pending deletion still count.
    root.ok("ScheduleKeyDeletion", KeyId=keys[0])
    over(root, "CreateKey")
    # So does a replica, in its Region.
    home = small.account()
    primary = home.key_id(MultiRegion=True)
    over(home, "ReplicateKey", KeyId=primary, ReplicaRegion="eu-west-1")
    for caller in (root, service, home):
        caller.close()


def test_the_service_has_a_credential_of_its_own(small, root):
    service = small.service()
    out = service.ok("GenerateDataKey", KeyId=ALIAS, KeySpec="AES_256")
    assert service.ok("Decrypt", CiphertextBlob=out["CiphertextBlob"])["KeyId"] == out["KeyId"]
    message = root.fails("AccessDeniedException", "Encrypt", KeyId=ALIAS, Plaintext=b"x")
    assert message == texts.no_resource_policy(root.root, "Encrypt", out["KeyId"])
    service.fails("AccessDeniedException", "DescribeKey", KeyId=small.key["Arn"])
    forged = Caller(small, ACCOUNT, secret="test", key_id=SERVICE[0])
    expect_error(forged.call("ListKeys"), "InvalidSignatureException")
    for unknown in ("service_s3", "test", ACCOUNT):
        stranger = Caller(small, ACCOUNT, secret="test", key_id=unknown)
        expect_error(stranger.call("ListKeys"), "UnrecognizedClientException")
    service.close()


def test_quotas_hold_after_a_restart(small):
    root = small.account("eu-west-1")
    root.fails(LIMIT, "CreateKey")
    small.stop()
    small.start()
    root = small.account("eu-west-1")
    managed = [
        key
        for key in root.ok("ListKeys")["Keys"]
        if root.ok("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]["KeyManager"] == "AWS"
    ]
    assert len(managed) == 3
    root.fails(LIMIT, "CreateKey")
