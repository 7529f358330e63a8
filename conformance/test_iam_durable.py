"""Identities over restarts, kills and damage; what their records say; what Terraform calls."""

import json
import sqlite3
import time

import pytest

from dev_server import DevServer
from harness.query import Who, document, may, must_not, refused, trusts
from harness.server import until
from test_sts_web_identity import Issuer, assume

AUDIENCE = "sts.example"
# Last uses are stored some seconds after the first use in a while; on a busy machine later.
STORED_SECONDS = 50
# Spaces of the store: records of last uses, of users, of groups (docs/formats/store.md).
LAST_USE, USER, GROUP = b"L", b"I\x02", b"I\x03"
BAD = ("UnrecognizedClientException", "InvalidClientTokenId")


def key_used(who, key):
    """What IAM tells of the last use of an access key."""
    return who.iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]


def role_used(who, name):
    """What IAM tells of the last use of a role."""
    return who.iam.get_role(RoleName=name)["Role"]["RoleLastUsed"]


def stored(server, space):
    """The entries of a server's stores whose keys begin like this: file, key, value."""
    found = []
    for path in server.data_dir.glob("**/keystead.db"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
            rows = store.execute("SELECT key, value FROM kv").fetchall()
        found += [(path, key, value) for key, value in rows if key.startswith(space)]
    return found


def last_uses(server):
    """The ids of which the store has a last use."""
    return [key[1:].decode() for _, key, _ in stored(server, LAST_USE)]


def overwrite(entry, value):
    """Damages an entry."""
    path, key, _ = entry
    with sqlite3.connect(path) as store:
        done = store.execute("UPDATE kv SET value = ? WHERE key = ?", (value, key))
        assert done.rowcount == 1


def events(server, name):
    """The records of an event in the audit log, with their receipts."""
    found = []
    for path in sorted((server.data_dir / "audit").glob("audit-*.log")):
        lines = path.read_text().splitlines()[1:]
        found += [line for line in map(json.loads, lines) if line["event"]["eventName"] == name]
    return found


def test_last_uses_survive(own_server):
    """A stop keeps all of them; a kill those that are older than some seconds."""
    root = Who(own_server)
    user = root.user("u", may("*"))
    role = root.role("r", [trusts(root.arn("root"))], may("kms:*"))
    session = user.assume(role["Arn"])
    session.kms.list_keys()
    own_server.stop()
    own_server.start()
    used = key_used(root, user.key)
    assert used["ServiceName"] == "sts" and used["Region"] == "us-east-1"
    assert abs(used["LastUsedDate"].timestamp() - time.time()) < 60
    of_role = role_used(root, "r")
    assert of_role["Region"] == "us-east-1" and of_role["LastUsedDate"]

    other = root.user("v", may("*"))
    root.role("s", [trusts(root.arn("root"))], may("kms:*"))
    other.kms.list_keys()
    key_id = other.key["AccessKeyId"]
    until(lambda: key_id in last_uses(own_server), STORED_SECONDS, "the last use is stored")
    own_server.kill()
    own_server.start()
    assert key_used(root, other.key)["ServiceName"] == "kms"
    assert key_used(root, user.key) == used and role_used(root, "r") == of_role
    assert role_used(root, "s") == {}

    # With the key, the user and the role goes what is stored of them.
    name = {"UserName": "u", "AccessKeyId": user.key["AccessKeyId"]}
    root.iam.delete_access_key(**name)
    root.iam.delete_role_policy(RoleName="r", PolicyName="own")
    root.iam.delete_role(RoleName="r")
    own_server.stop()
    assert last_uses(own_server) == [other.key["AccessKeyId"]]
    own_server.start()


def test_a_damaged_access_key(own_server):
    """It alone is refused; the user's other key and everybody else go on, and it can be deleted."""
    root = Who(own_server)
    user = root.user("u", may("*"))
    # The new one stands last in the user's record.
    broken = root.iam.create_access_key(UserName="u")["AccessKey"]
    own_server.stop()
    (entry,) = [one for one in stored(own_server, USER) if one[1].endswith(b"u")]
    overwrite(entry, entry[2][:-1] + bytes([entry[2][-1] ^ 1]))
    own_server.start()
    user.kms.list_keys()
    root.kms.list_keys()
    refused(BAD, root.with_key(broken).kms.list_keys)
    assert f"{broken['AccessKeyId']}" in own_server.log_text()
    listed = root.iam.list_access_keys(UserName="u")["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in listed] == [
        user.key["AccessKeyId"],
        broken["AccessKeyId"],
    ]
    assert root.sts.get_access_key_info(AccessKeyId=broken["AccessKeyId"])["Account"] == root.account
    root.iam.tag_user(UserName="u", Tags=[{"Key": "a", "Value": "b"}])
    refused(BAD, root.with_key(broken).kms.list_keys)
    root.iam.delete_access_key(UserName="u", AccessKeyId=broken["AccessKeyId"])
    fresh = root.with_key(root.iam.create_access_key(UserName="u")["AccessKey"])
    fresh.kms.list_keys()
    own_server.stop()
    own_server.start()
    user.kms.list_keys()
    fresh.kms.list_keys()


def test_a_damaged_group(own_server):
    """It may have denied something: its members may do nothing, all others what they could."""
    root = Who(own_server)
    member, other = root.user("m", may("*")), root.user("o", may("*"))
    root.iam.create_group(GroupName="g")
    root.iam.put_group_policy(
        GroupName="g", PolicyName="p", PolicyDocument=document(must_not("kms:CreateKey"))
    )
    root.iam.add_user_to_group(GroupName="g", UserName="m")
    member.kms.list_keys()
    refused("AccessDeniedException", member.kms.create_key)
    own_server.stop()
    (entry,) = stored(own_server, GROUP)
    overwrite(entry, b"\x01?")
    own_server.start()
    refused("AccessDeniedException", member.kms.list_keys)
    refused("AccessDeniedException", member.kms.create_key)
    other.kms.list_keys()
    assert "group g of account" in own_server.log_text()
    refused(("InternalFailure", "ServiceFailure"), root.iam.create_group, GroupName="g")
    own_server.stop()
    overwrite(entry, entry[2])
    own_server.start()
    member.kms.list_keys()
    refused("AccessDeniedException", member.kms.create_key)


def test_receipts_and_issuers_in_records(own_server):
    """What the HSM process did for IAM and STS is told; a federated user's record names its user."""
    root = Who(own_server)
    user = root.user("u", may("*"), Path="/team/")
    role = root.role("r", [trusts(root.arn("root"))], may("kms:*"))
    user.assume(role["Arn"])
    user.sts.get_session_token()
    policy = document(may("kms:*"))
    guests = [who.sts.get_federation_token(Name="guest", Policy=policy) for who in (user, root)]
    root.iam.update_user(UserName="u", NewUserName="w")
    for guest in guests:
        root.with_session(guest["Credentials"]).kms.list_keys()
    own_server.stop()
    counts = {"CreateAccessKey": 2, "AssumeRole": 1, "GetSessionToken": 1, "GetFederationToken": 1}
    for name, count in counts.items():
        for record in events(own_server, name):
            assert len(record["receipts"]) == count, record
    by_user, by_root = [
        record["event"]["userIdentity"]["sessionContext"]["sessionIssuer"]
        for record in events(own_server, "ListKeys")
    ]
    assert by_user == {
        "type": "IAMUser",
        "principalId": user.id_,
        "arn": root.arn("user/team/w"),
        "accountId": root.account,
        "userName": "w",
    }
    assert by_root == {
        "type": "Root",
        "principalId": root.account,
        "arn": root.arn("root"),
        "accountId": root.account,
    }
    own_server.start()


def test_client_ids(server):
    """As Terraform changes `client_id_list`."""
    iam = Who(server).iam
    arn = iam.create_open_id_connect_provider(
        Url="https://ids.test", ClientIDList=["one"], ThumbprintList=["a" * 40]
    )["OpenIDConnectProviderArn"]

    def known():
        found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        return found["ClientIDList"], found["ThumbprintList"]

    for _ in range(2):
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="two")
    assert known() == (["one", "two"], ["a" * 40])
    for _ in range(2):
        iam.remove_client_id_from_open_id_connect_provider(
            OpenIDConnectProviderArn=arn, ClientID="one"
        )
    iam.update_open_id_connect_provider_thumbprint(
        OpenIDConnectProviderArn=arn, ThumbprintList=["b" * 40]
    )
    assert known() == (["two"], ["b" * 40])
    for call in (
        iam.add_client_id_to_open_id_connect_provider,
        iam.remove_client_id_from_open_id_connect_provider,
    ):
        refused("NoSuchEntity", call, OpenIDConnectProviderArn=arn + "x", ClientID="x", status=404)
        refused("ValidationError", call, OpenIDConnectProviderArn=arn, ClientID="", status=400)


def test_trusted_account_by_number(server):
    """IAM User Guide, Principal: the shortened form is shown as the ARN of the account's root."""
    root, other = Who(server), Who(server)
    role = root.role("r", [trusts(other.account)], may("kms:*"))
    shown = root.iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": other.arn("root")}
    assert role["AssumeRolePolicyDocument"] == shown
    other.user("u", may("sts:*")).assume(role["Arn"]).kms.list_keys()


@pytest.fixture(scope="module")
def slashed(tmp_path_factory):
    """A server that knows the keys of an issuer with a slash at its end."""
    folder = tmp_path_factory.mktemp("slashed")
    issuer = Issuer()
    (folder / "keys.json").write_text(json.dumps(issuer.key_set()))
    server = DevServer(folder / "data", "--jwks", f"https://tenant.test/={folder}/keys.json")
    server.issuer = issuer
    yield server.start()
    server.stop()


def test_an_issuer_with_a_slash_at_its_end(slashed):
    """As Auth0 and Authentik name themselves: ARN, condition keys and `iss` have the slash."""
    root = Who(slashed)
    arn = root.iam.create_open_id_connect_provider(
        Url="https://tenant.test/", ClientIDList=[AUDIENCE, "cli"]
    )["OpenIDConnectProviderArn"]
    assert arn == root.arn("oidc-provider/tenant.test/")
    found = root.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert found["Url"] == "tenant.test/"
    condition = {"StringEquals": {"tenant.test/:aud": AUDIENCE}}
    trust = trusts({"Federated": arn}, "sts:AssumeRoleWithWebIdentity", Condition=condition)
    root.pod = root.role("pod", [trust], may("iam:ListUsers"))
    sign = slashed.issuer.token

    def told(**claims):
        return assume(root, sign(**{"iss": "https://tenant.test/", **claims}))

    out = told()
    assert out["Provider"] == arn and out["Audience"] == AUDIENCE
    root.with_session(out["Credentials"]).iam.list_users()
    refused("InvalidIdentityToken", told, iss="https://tenant.test", status=400)
    # Whom a token was issued to (`azp`) is its audience, whatever else it names.
    assert told(aud=["api", "cli"], azp=AUDIENCE)["Audience"] == AUDIENCE
    refused("AccessDenied", told, aud=[AUDIENCE], azp="cli", status=403)
    refused("InvalidIdentityToken", told, aud=[AUDIENCE], azp="stranger", status=400)
    # Without one, audiences that the provider does not list do not count.
    assert told(aud=["api", AUDIENCE])["Audience"] == AUDIENCE
    refused("InvalidIdentityToken", told, aud=["api", "other"], status=400)
