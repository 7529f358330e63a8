"""VPC endpoints of `keystead serve`: their condition keys and policies; a service of several
accounts. docs/configuration.md; reference/authorization.md, "Which policies take part"."""

import json
import re
import subprocess

import pytest

from harness import server, texts
from harness.server import free_port
from harness.texts import allow, deny, policy
from people import Account, document, may
from services import Refused, Service, asks

ONE, TWO, THREE = "123456789012", "123456789013", "123456789014"
SERVICE = ("SERVICEOFTHETESTS", "a-secret-of-the-tests-of-forty-characters")
VPCE, VPC = "vpce-0123456789abcdef0", "vpc-0123456789abcdef0"
USE = {"Plaintext": b"x"}


class Door:
    """Another address of the same server."""

    def __init__(self, port):
        self.port, self.endpoint = port, f"http://127.0.0.1:{port}"


class Endpoints(server.Server):
    """`keystead serve` with two endpoints, one of them with a policy, and three accounts."""

    def __init__(self, folder):
        super().__init__(folder / "data", folder / "serve.log")
        self.free, self.guarded = Door(free_port()), Door(free_port())
        self.config = folder / "keystead.toml"
        secret, guard = folder / "service.secret", folder / "endpoint.json"
        secret.write_text(SERVICE[1])
        secret.chmod(0o600)
        guard.write_text(
            document(
                {
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": ["kms:Encrypt", "kms:D*"],
                    "Resource": "*",
                },
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{ONE}:root"},
                    "Action": "kms:GenerateDataKey",
                    "Resource": "*",
                },
                {"Effect": "Deny", "Principal": "*", "Action": "kms:DisableKey", "Resource": "*"},
            )
        )
        lines = [f'data_dir = "{self.data_dir}"', 'regions = ["us-east-1"]']
        for door, name, more in [
            (self.free, VPCE, []),
            (self.guarded, VPCE[:-1] + "1", [f'policy = "{guard}"']),
        ]:
            lines += ["[[listen.endpoint]]", f'address = "127.0.0.1:{door.port}"', f'id = "{name}"']
            lines += [f'vpc = "{VPC}"', *more]
        lines += ["[[service]]", 'principal = "s3.amazonaws.com"', f"accounts = {[ONE, TWO]}"]
        lines += [f'access_key_id = "{SERVICE[0]}"', f'secret_file = "{secret}"']
        self.config.write_text("\n".join(lines) + "\n")
        self.config.chmod(0o600)
        self.roots = {
            ONE: self.run(
                "init", "--data-dir", self.data_dir, "--account", ONE, "--region", "us-east-1"
            )
        }
        for account in (TWO, THREE):
            self.roots[account] = self.run(
                "account", "add", "--account", account, "--data-dir", self.data_dir
            )

    def run(self, *arguments):
        """Runs a command that prints an access key."""
        made = subprocess.run(
            [server.binary(), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        named = dict(re.findall(r"(AWS_\w+)=(\S+)", made.stdout))
        return named["AWS_ACCESS_KEY_ID"], named["AWS_SECRET_ACCESS_KEY"]

    def start(self):
        command = [server.binary(), "serve", "--config", str(self.config)]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        server.until(self._ready, server.READY_SECONDS, f"healthy; its log is {self.log}")
        return self

    def account(self, number):
        return Account(self, number, key=self.roots[number])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    serving = Endpoints(tmp_path_factory.mktemp("endpoints")).start()
    yield serving
    serving.stop()


@pytest.fixture(scope="module")
def home(place):
    return place.account(ONE)


def through(door, person):
    """The same person at another address."""
    same = person.again()
    same.server = door
    return same


def test_condition_keys(place, home):
    user = home.user("u", may("kms:PutKeyPolicy"))
    direct, inside = user, through(place.free, user)
    other = through(place.guarded, user)
    for condition, who in [
        ({"StringEquals": {"aws:SourceVpce": VPCE}}, {inside}),
        ({"StringNotEquals": {"aws:SourceVpce": VPCE}}, {direct, other}),
        ({"StringEquals": {"aws:SourceVpc": VPC}}, {inside, other}),
        ({"IpAddress": {"aws:VpcSourceIp": "127.0.0.0/8"}}, {inside, other}),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, {direct}),
        ({"Null": {"aws:SourceIp": "true"}}, {inside, other}),
        ({"Null": {"aws:SourceVpce": "true"}}, {direct}),
        ({"Null": {"aws:VpcSourceIp": "true"}}, {direct}),
    ]:
        text = policy(allow(home.root.name), allow(user.name, "kms:Encrypt", Condition=condition))
        key = home.root.key_id(Policy=text)
        got = {one for one in (direct, inside, other) if one.can("Encrypt", USE, KeyId=key)}
        assert got == who, condition


def test_the_policy_of_an_endpoint(place, home):
    user = home.user("guarded", may("kms:*"))
    inside, key = through(place.guarded, user), home.root.key()

    def refusal(who, action, why):
        return texts.denied(who.name, action, key["Arn"], why)

    for who in (inside, through(place.guarded, home.root)):
        assert who.can("Encrypt", USE, KeyId=key["KeyId"])
        assert who.can("DescribeKey", KeyId=key["KeyId"])
        assert who.can("GenerateDataKey", KeyId=key["KeyId"], KeySpec="AES_256")
        assert who.answer("ListGrants", KeyId=key["KeyId"]) == refusal(
            who, "ListGrants", "because no VPC endpoint policy allows the kms:ListGrants action"
        )
        assert who.answer("DisableKey", KeyId=key["KeyId"]).startswith(
            refusal(who, "DisableKey", "with an explicit deny in a VPC endpoint policy")
        )
    assert user.can("ListGrants", KeyId=key["KeyId"])
    assert through(place.free, user).can("ListGrants", KeyId=key["KeyId"])
    # It gives nothing, and it names people as other policies do.
    poor = through(place.guarded, home.user("guarded-poor"))
    assert not poor.can("Encrypt", USE, KeyId=key["KeyId"])
    two = place.account(TWO)
    their_key = two.root.key_id()
    assert through(place.guarded, two.root).can("Encrypt", USE, KeyId=their_key)
    assert not through(place.guarded, two.root).can(
        "GenerateDataKey", KeyId=their_key, KeySpec="AES_256"
    )
    # Grants do not go round it.
    home.root.ok(
        "CreateGrant",
        KeyId=key["KeyId"],
        GranteePrincipal=poor.name,
        Operations=["Encrypt", "GenerateDataKeyWithoutPlaintext"],
    )
    assert poor.can("Encrypt", USE, KeyId=key["KeyId"])
    assert not poor.can("GenerateDataKeyWithoutPlaintext", KeyId=key["KeyId"], KeySpec="AES_256")


def test_a_key_for_one_endpoint_only(place, home):
    """The guide's Deny: kms:* unless through the endpoint. The lockout check sees the caller's."""
    shut = deny(
        "*", ["kms:Encrypt", "kms:Decrypt"], Condition={"StringNotEquals": {"aws:SourceVpce": VPCE}}
    )
    key = home.root.key_id(Policy=policy(allow(home.root.name), shut))
    assert not home.root.can("Encrypt", USE, KeyId=key)
    assert not through(place.guarded, home.root).can("Encrypt", USE, KeyId=key)
    assert through(place.free, home.root).can("Encrypt", USE, KeyId=key)


def service(place, account, door=None):
    """S3 under its registered credential."""
    acting = Service(account, secret=SERVICE[1])
    acting.credential.key_id = SERVICE[0]
    acting.server = door or place
    return acting


def test_a_service_forwards_for_its_accounts_only(place, home):
    accounts = {one: place.account(one) for one in (ONE, TWO, THREE)}
    users = {one: account.user("fas", may("kms:Encrypt")) for one, account in accounts.items()}
    for number in (ONE, TWO):
        caller = service(place, accounts[number]).acts_for(users[number])
        assert caller.can("Encrypt", USE, KeyId=accounts[number].root.key_id())
    with pytest.raises(Refused) as refused:
        service(place, accounts[THREE]).forwards(asks(users[THREE]))
    assert refused.value.code.startswith("AccessDenied")
    # Its own name counts for its first account.
    principal = {"Service": "s3.amazonaws.com"}
    for number, works in ((ONE, True), (TWO, False), (THREE, False)):
        owner = accounts[number]
        key = owner.root.key(Policy=policy(allow(owner.root.name), allow(principal, "kms:Encrypt")))
        assert service(place, home).can("Encrypt", USE, KeyId=key["Arn"]) is works, number


def test_an_endpoint_of_a_service_is_not_its_user_s(place, home):
    user = home.user("fas-inside", may("kms:Encrypt"))
    acting = service(place, home).acts_for(user)
    key = home.root.key_id(
        Policy=policy(
            allow(home.root.name),
            deny("*", "kms:Encrypt", Condition={"Null": {"aws:SourceVpce": "false"}}),
        )
    )
    assert through(place.free, acting).can("Encrypt", USE, KeyId=key)
    assert not through(place.free, user).can("Encrypt", USE, KeyId=key)


def test_records_name_the_endpoint(place, home):
    answer = through(place.free, home.user("recorded")).call("ListKeys")
    found = []
    for path in place.data_dir.glob("**/audit-*.log"):
        found += [line for line in path.read_text().splitlines() if answer.request_id in line]
    assert len(found) == 1 and VPCE in json.dumps(json.loads(found[0]))
