"""Services in their own name, AWS managed keys, and what the audit log says of forwarded requests.
docs/services.md, reference/integrations.md, reference/audit.md."""

import json

from harness.caller import unb64
from harness.texts import allow, policy
from people import may, must_not
from services import Service
from test_audit import event_of
from test_services import DATA_KEY, USE, away, home, place, s3, user  # noqa: F401

BUCKET = "arn:aws:s3:::post"


def test_source_headers_of_a_service(home, s3):
    condition = {
        "ArnLike": {"aws:SourceArn": BUCKET},
        "StringEquals": {"aws:SourceAccount": home.id},
    }
    principal = {"Service": "s3.amazonaws.com"}
    text = policy(allow(home.root.name), allow(principal, "kms:Encrypt", Condition=condition))
    key = home.root.key(Policy=text)["Arn"]
    assert s3.for_resource(BUCKET, home.id).can("Encrypt", USE, KeyId=key)
    for other in (
        s3,
        s3.for_resource(BUCKET),
        s3.for_resource(account=home.id),
        s3.for_resource("arn:aws:s3:::other", home.id),
        s3.for_resource(BUCKET, "000000000000"),
        Service(home, "ec2").for_resource(BUCKET, home.id),
    ):
        assert not other.can("Encrypt", USE, KeyId=key)
    # Unsigned, they count for nothing.
    sneaky = s3.for_resource(BUCKET, home.id)
    names = ["content-type", "host", "x-amz-date", "x-amz-target"]
    body = json.dumps({"KeyId": key, "Plaintext": "eA=="}).encode()
    answer = sneaky.send(sneaky.signed("Encrypt", body, signed_headers=names))
    assert answer.status in (400, 403) and answer.code != "InternalFailure", answer.raw
    # Users claim in vain, even the root user.
    for who in (home.root, home.user("claims", may("kms:*"))):
        text = policy(
            allow(home.root.name, ["kms:PutKeyPolicy"]),
            allow("*", "kms:Encrypt", Condition=condition),
        )
        home.root.ok("PutKeyPolicy", KeyId=home.root.key_id(), Policy=text)
        open_key = home.root.key(Policy=text)["Arn"]
        liar = who.again(extra=[("X-Amz-Source-Arn", BUCKET), ("X-Amz-Source-Account", home.id)])
        assert not liar.can("Encrypt", USE, KeyId=open_key)
        assert s3.for_resource(BUCKET, home.id).can("Encrypt", USE, KeyId=open_key)


def test_service_keys(home, s3):
    """aws:PrincipalIsAWSService, aws:PrincipalServiceName, …List."""
    principal = {"Service": "s3.amazonaws.com"}
    for condition, works in [
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, True),
        ({"Bool": {"aws:PrincipalIsAWSService": "false"}}, False),
        ({"StringEquals": {"aws:PrincipalServiceName": "s3.amazonaws.com"}}, True),
        ({"StringEquals": {"aws:PrincipalServiceName": "ec2.amazonaws.com"}}, False),
        ({"ForAnyValue:StringEquals": {"aws:PrincipalServiceNamesList": "s3.amazonaws.com"}}, True),
        ({"Null": {"kms:ViaService": "true"}}, True),
        ({"Null": {"aws:username": "true"}}, True),
    ]:
        text = policy(allow(home.root.name), allow(principal, "kms:Encrypt", Condition=condition))
        assert s3.can("Encrypt", USE, KeyId=home.root.key(Policy=text)["Arn"]) is works, condition


def test_grants_to_services(home, away, s3):
    key = home.root.key()
    source = f"arn:aws:s3:us-east-1:{home.id}:bucket"
    made = home.root.ok(
        "CreateGrant",
        KeyId=key["KeyId"],
        GranteeServicePrincipal="s3.amazonaws.com",
        Operations=["Encrypt", "DescribeKey", "RetireGrant"],
        Constraints={"SourceArn": source},
        RetiringServicePrincipal="s3.amazonaws.com",
    )
    right = s3.for_resource(source, home.id)
    assert right.can("Encrypt", USE, KeyId=key["Arn"])
    assert right.can("DescribeKey", KeyId=key["Arn"])
    for other in (
        s3,
        s3.for_resource(source + "2"),
        Service(home, "ec2").for_resource(source),
        Service(away, "s3").for_resource(source),
    ):
        assert not other.can("Encrypt", USE, KeyId=key["Arn"])
        assert not other.can("DescribeKey", KeyId=key["Arn"])
    # The user that the service acts for is not the service.
    user = home.user("fas-grants")
    assert not s3.acts_for(user).can("Encrypt", USE, KeyId=key["KeyId"])
    assert not Service(home, "ec2").can("RetireGrant", GrantToken=made["GrantToken"])
    assert s3.can("RetireGrant", GrantToken=made["GrantToken"])
    assert not right.can("Encrypt", USE, KeyId=key["Arn"])


def test_source_arns_of_grants(home, s3):
    """Children keep the SourceArn, ReEncrypt needs it of both grants, users never have it."""
    one, two = home.root.key(), home.root.key()
    source = f"arn:aws:s3:us-east-1:{home.id}:bucket"
    acting, user = s3.for_resource(source, home.id), home.user("sourced")

    def gives(key, *operations, arn=source, **who):
        who = who or {
            "GranteeServicePrincipal": "s3.amazonaws.com",
            "RetiringPrincipal": home.root.name,
        }
        constraints = {"Constraints": {"SourceArn": arn}} if arn else {}
        return {"KeyId": key["Arn"], "Operations": list(operations), **who, **constraints}

    home.root.ok("CreateGrant", gives(one, "Encrypt", "Decrypt", "ReEncryptFrom", "CreateGrant"))
    blob = home.root.encrypt(one["KeyId"], b"x")
    members = {"CiphertextBlob": blob, "DestinationKeyId": two["Arn"]}
    home.root.ok("CreateGrant", gives(two, "ReEncryptTo", arn=source + "2"))
    assert not acting.can("ReEncrypt", members)
    home.root.ok("CreateGrant", gives(two, "ReEncryptTo"))
    assert acting.can("ReEncrypt", members)
    assert not s3.can("ReEncrypt", members)
    # Children of the service's grant.
    assert acting.can("CreateGrant", gives(one, "Encrypt"))
    assert not acting.can("CreateGrant", gives(one, "Encrypt", arn=source + "2"))
    assert not acting.can(
        "CreateGrant", gives(one, "Encrypt", arn=None, GranteePrincipal=user.name)
    )
    assert not s3.can("CreateGrant", gives(one, "Encrypt"))
    # A user's grant with a SourceArn: only a service has one to show.
    home.root.ok("CreateGrant", gives(one, "Encrypt", GranteePrincipal=user.name))
    liar = user.again(extra=[("X-Amz-Source-Arn", source), ("X-Amz-Source-Account", home.id)])
    assert not user.can("Encrypt", USE, KeyId=one["Arn"])
    assert not liar.can("Encrypt", USE, KeyId=one["Arn"])


def test_services_of_other_accounts_do_not_retire(home, away):
    key = home.root.key_id()
    made = home.root.ok(
        "CreateGrant",
        KeyId=key,
        GranteeServicePrincipal="s3.amazonaws.com",
        Operations=["Encrypt", "RetireGrant"],
        RetiringServicePrincipal="s3.amazonaws.com",
        Constraints={"SourceArn": f"arn:aws:s3:us-east-1:{home.id}:bucket"},
    )
    assert not Service(away, "s3").can("RetireGrant", GrantToken=made["GrantToken"])
    assert len(home.root.ok("ListGrants", KeyId=key)["Grants"]) == 1


# AWS managed keys


def test_managed_keys_open_through_their_service_only(home, s3):
    user = home.user("managed")
    through = s3.acts_for(user)
    out = through.ok("GenerateDataKey", DATA_KEY, KeyId="alias/aws/s3")
    blob, arn = unb64(out["CiphertextBlob"]), out["KeyId"]
    meta = home.root.ok("DescribeKey", KeyId=arn)["KeyMetadata"]
    assert meta["KeyManager"] == "AWS" and meta["AWSAccountId"] == home.id
    # Everybody of the account, without any permission of one's own.
    assert s3.acts_for(home.user("managed-2")).can("Decrypt", CiphertextBlob=blob)
    # Nobody directly, whatever one's policies say, and through no other service.
    admin = home.user("managed-admin", may("*"))
    for who in (admin, home.root, Service(home, "ec2").acts_for(admin), Service(home, "ec2")):
        assert not who.can("Decrypt", CiphertextBlob=blob)
        assert not who.can("Encrypt", USE, KeyId=arn)
    # Not even the service itself manages it.
    assert not s3.acts_for(admin).can("DisableKey", KeyId=arn)
    assert not s3.acts_for(admin).can("PutKeyPolicy", KeyId=arn, Policy=policy(allow("*")))
    # A Deny of the user's own counts.
    barred = home.user("managed-barred", must_not("kms:Decrypt"))
    assert not s3.acts_for(barred).can("Decrypt", CiphertextBlob=blob)
    # Reading is for who may read.
    assert not user.can("DescribeKey", KeyId=arn)
    assert admin.can("DescribeKey", KeyId=arn)


def test_managed_keys_of_other_accounts(home, away, s3):
    mine = s3.acts_for(home.user("managed-3")).ok("Encrypt", USE, KeyId="alias/aws/s3")
    theirs = Service(away).acts_for(away.user("managed-3", may("*")))
    assert not theirs.can("Decrypt", CiphertextBlob=unb64(mine["CiphertextBlob"]))
    assert not theirs.can("Encrypt", USE, KeyId=mine["KeyId"])
    assert theirs.ok("Encrypt", USE, KeyId="alias/aws/s3")["KeyId"] != mine["KeyId"]


# The audit log


def test_records_name_user_and_service(place, home, s3, user):
    key = home.root.key()
    for operation, members, error in [
        ("GenerateDataKey", DATA_KEY, None),
        ("DescribeKey", {}, "AccessDenied"),
    ]:
        answer = s3.acts_for(user).call(operation, members, KeyId=key["KeyId"])
        event = event_of(place, answer)
        who = event["userIdentity"]
        assert who["type"] == "IAMUser" and who["arn"] == user.name
        assert who["accountId"] == home.id and who["principalId"] == user.unique_id
        assert who["userName"] == "customer"
        assert who["invokedBy"] == "s3.amazonaws.com"
        assert event["sourceIPAddress"] == event["userAgent"] == "s3.amazonaws.com"
        assert (event.get("errorCode") or "").startswith(error or "")
        assert (event.get("errorCode") is None) is (error is None)
    answer = user.call("GenerateDataKey", DATA_KEY, KeyId=key["KeyId"])
    event = event_of(place, answer)
    assert "invokedBy" not in event["userIdentity"]
    assert event["sourceIPAddress"] == "127.0.0.1"


def test_records_of_a_service_and_of_a_session(place, home, s3):
    answer = s3.call("Encrypt", USE, KeyId="alias/aws/s3")
    event = event_of(place, answer)
    who = event["userIdentity"]
    assert who["type"] == "AWSService" and who["invokedBy"] == "s3.amazonaws.com"
    home.role("audited", may("kms:*"), Path="/deep/")
    session = home.session("deep/audited", "shift", SourceIdentity="Jill")
    event = event_of(place, session.call("ListKeys"))
    who = event["userIdentity"]
    assert who["type"] == "AssumedRole" and who["arn"] == session.name
    issuer = who["sessionContext"]["sessionIssuer"]
    assert issuer["arn"] == home.arn("role/deep/audited") and issuer["type"] == "Role"
    assert who["principalId"] == f"{issuer['principalId']}:shift"
    assert who["sessionContext"]["attributes"]["mfaAuthenticated"] == "false"
    assert who["sessionContext"]["sourceIdentity"] == "Jill"
