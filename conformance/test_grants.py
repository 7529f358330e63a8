"""Grants as SDKs make, list, retire and revoke them."""

import time

import pytest
from harness.caller import Caller

from people import Account

GRANT_ID = "0" * 64


def user(caller):
    """The ARN of a user of the caller's account, made when first asked for."""
    if not hasattr(caller, "alice"):
        account = Account(caller.server, caller.account)
        caller.alice = account.iam.create_user(UserName="alice")["User"]["Arn"]
    return caller.alice


def wanted(caller, key, **more):
    """The members of a plain CreateGrant."""
    members = {"KeyId": key, "GranteePrincipal": user(caller), "Operations": ["Encrypt", "Decrypt"]}
    return {**members, **more}


def ids(caller, key, **more):
    """The ids of a key's grants."""
    return [one["GrantId"] for one in caller.ok("ListGrants", KeyId=key, **more)["Grants"]]


def test_made_listed_revoked(caller):
    key = caller.key_id()
    made = caller.ok("CreateGrant", wanted(caller, key, Name="n", RetiringPrincipal=caller.root))
    assert set(made) == {"GrantId", "GrantToken"} and len(made["GrantId"]) == 64
    (entry,) = caller.ok("ListGrants", KeyId=key)["Grants"]
    assert abs(entry.pop("CreationDate") - time.time()) < 5
    assert entry == {
        "KeyId": caller.arn(key),
        "GrantId": made["GrantId"],
        "Name": "n",
        "GranteePrincipal": user(caller),
        "RetiringPrincipal": caller.root,
        "IssuingAccount": caller.root,
        "Operations": ["Encrypt", "Decrypt"],
    }
    assert caller.raw("RevokeGrant", _body(key, made["GrantId"])).raw == b""
    assert ids(caller, key) == []


def _body(key, grant_id):
    return f'{{"KeyId":"{key}","GrantId":"{grant_id}"}}'.encode()


def test_a_name_makes_it_once(caller):
    key = caller.key_id()
    members = wanted(caller, key, Name="retry")
    first, second = (caller.ok("CreateGrant", members) for _ in range(2))
    assert first["GrantId"] == second["GrantId"]
    assert first["GrantToken"] != second["GrantToken"]
    plain = {caller.ok("CreateGrant", wanted(caller, key))["GrantId"] for _ in range(2)}
    assert set(ids(caller, key)) == plain | {first["GrantId"]} and len(plain) == 2
    for token in (second["GrantToken"],):
        caller.ok("RetireGrant", GrantToken=token)
    caller.fails("NotFoundException", "RetireGrant", GrantToken=first["GrantToken"])
    assert set(ids(caller, key)) == plain


@pytest.mark.parametrize(
    "code, more",
    [
        ("ValidationException", {"GranteePrincipal": None}),
        ("ValidationException", {"GranteeServicePrincipal": "s3.amazonaws.com"}),
        ("ValidationException", {"Operations": ["Sign"]}),
        ("ValidationException", {"Operations": ["Fly"]}),
        ("ValidationException", {"Operations": ["CreateGrant"]}),
        ("ValidationException", {"Name": "a name"}),
        ("ValidationException", {"Constraints": {"EncryptionContextEquals": {"k": "v" * 385}}}),
        ("InvalidArnException", {"GranteePrincipal": "alice"}),
        ("InvalidArnException", {"KeyId": "alias/x"}),
        ("InvalidGrantTokenException", {"GrantTokens": ["x"]}),
        ("DryRunOperationException", {"DryRun": True}),
    ],
)
def test_what_is_refused(caller, code, more):
    key = caller.key_id()
    members = wanted(caller, key, **more)
    members = {name: value for name, value in members.items() if value is not None}
    caller.fails(code, "CreateGrant", members)
    assert ids(caller, key) == []


def test_absent_and_malformed_grants(caller):
    key = caller.key_id()
    for operation in ("RevokeGrant", "RetireGrant"):
        caller.fails("NotFoundException", operation, KeyId=key, GrantId=GRANT_ID)
        caller.fails("InvalidGrantIdException", operation, KeyId=key, GrantId="x")
    caller.fails("InvalidGrantIdException", "ListGrants", KeyId=key, GrantId="x")
    caller.fails("InvalidGrantTokenException", "RetireGrant", GrantToken="x")
    caller.fails("ValidationException", "RetireGrant", KeyId=key)
    assert ids(caller, key, GrantId=GRANT_ID) == []


def test_other_accounts_retire(caller, stranger):
    key = caller.key_id()
    made = caller.ok("CreateGrant", wanted(caller, key, RetiringPrincipal=stranger.root))
    (seen,) = stranger.ok("ListRetirableGrants", RetiringPrincipal=stranger.root)["Grants"]
    assert seen["GrantId"] == made["GrantId"] and seen["KeyId"] == caller.arn(key)
    caller.fails("AccessDeniedException", "ListRetirableGrants", RetiringPrincipal=stranger.root)
    stranger.fails("AccessDeniedException", "ListGrants", KeyId=caller.arn(key))
    stranger.ok("RetireGrant", KeyId=caller.arn(key), GrantId=made["GrantId"])
    assert ids(caller, key) == []
    assert stranger.ok("ListRetirableGrants", RetiringPrincipal=stranger.root)["Grants"] == []


def test_sdk_paginators(kms_client):
    kms = kms_client()
    made = kms.create_key()["KeyMetadata"]
    root = f"arn:aws:iam::{made['AWSAccountId']}:root"
    all_ids = set()
    for _ in range(5):
        grant = kms.create_grant(
            KeyId=made["Arn"],
            GranteePrincipal=root,
            RetiringPrincipal=root,
            Operations=["Decrypt"],
            Constraints={"EncryptionContextSubset": {"a": "b"}},
        )
        all_ids.add(grant["GrantId"])
    for name, members in (
        ("list_grants", {"KeyId": made["KeyId"]}),
        ("list_retirable_grants", {"RetiringPrincipal": root}),
    ):
        if kms.can_paginate(name):
            pages = kms.get_paginator(name).paginate(**members, PaginationConfig={"PageSize": 2})
            grants = [grant for page in pages for grant in page["Grants"]]
            assert {grant["GrantId"] for grant in grants} == all_ids and len(grants) == 5
            assert grants[0]["Constraints"] == {"EncryptionContextSubset": {"a": "b"}}


def test_a_grant_survives_kill_nine(own_server):
    caller = Caller(own_server)
    key = caller.key_id()
    made = caller.ok("CreateGrant", wanted(caller, key, Name="n"))
    own_server.kill()
    own_server.start()
    again = caller.ok("CreateGrant", wanted(caller, key, Name="n"))
    assert again["GrantId"] == made["GrantId"] and ids(caller, key) == [made["GrantId"]]
    caller.ok("RetireGrant", GrantToken=made["GrantToken"])
    own_server.kill()
    own_server.start()
    assert ids(caller, key) == []
