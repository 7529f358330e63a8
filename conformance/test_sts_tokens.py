"""STS: forged tokens, tokens of users and federated users, keys' accounts, messages of refusals."""

import base64
import json
from datetime import datetime, timezone

import pytest
from botocore.exceptions import ClientError

from harness.query import Who, document, may, must_not, refused, trusts

DENIED, INVALID = "AccessDenied", "ValidationError"
BAD = "The security token included in the request is invalid."


@pytest.fixture
def root(server):
    return Who(server)


@pytest.fixture
def session(root):
    arn = root.role("r", [trusts(root.arn("root"))], may("*"))["Arn"]
    return root.user("u", may("sts:*")).assume(arn)


def with_token(who, token):
    return Who(who.server, who.credential.key_id, who.credential.secret, token)


def nobody(who):
    """No service knows the credentials."""
    refused("InvalidClientTokenId", who.sts.get_caller_identity, text=BAD, status=403)
    refused("InvalidClientTokenId", who.iam.list_users, text=BAD, status=403)
    refused("UnrecognizedClientException", who.kms.list_keys, text=BAD, status=400)


def test_flipped_tokens(session):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    token = session.token
    for at in [*range(0, len(token), max(1, len(token) // 60)), len(token) - 1]:
        other = alphabet[(alphabet.find(token[at]) + 1) % 64]
        bent = with_token(session, token[:at] + other + token[at + 1 :])
        if bent.token == token or base64.b64decode(bent.token + "==") == base64.b64decode(
            token + "=="
        ):
            continue
        refused("InvalidClientTokenId", bent.sts.get_caller_identity, text=BAD, status=403)
    assert session.me()


@pytest.mark.parametrize(
    "bend",
    [
        lambda t: t[:-1],
        lambda t: t[:-4],
        lambda t: t[1:],
        lambda t: t + "AAAA",
        lambda t: t[: len(t) // 2],
        lambda t: t + t,
        lambda t: "x",
        lambda t: "A" * 64,
        lambda t: "A" * 5000,
        lambda t: t.swapcase(),
        lambda t: "=" + t,
        lambda t: "null",
    ],
)
def test_bent_tokens(session, bend):
    nobody(with_token(session, bend(session.token)))


def test_tokens_of_other_keys(root, session):
    arn = root.arn("role/r")
    other = root.user("v", may("sts:*")).assume(arn)
    nobody(with_token(session, other.token))
    nobody(with_token(other, session.token))
    # A session's key without its token; a user's key with a session's.
    nobody(with_token(session, None))
    key = root.iam.create_access_key(UserName="v")["AccessKey"]
    nobody(with_token(root.with_key(key), session.token))
    nobody(with_token(root, session.token))
    assert session.me() and other.me()


def test_huge_tokens(session):
    # A header of that size may be refused before anybody looks at the token.
    try:
        with_token(session, "A" * 60000).sts.get_caller_identity()
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403, 413, 431), error
    else:
        raise AssertionError("it was allowed")


def test_a_wrong_secret_with_a_good_token(session):
    wrong = Who(
        session.server, session.credential.key_id, session.credential.secret[::-1], session.token
    )
    refused("SignatureDoesNotMatch", wrong.sts.get_caller_identity, status=403)


def test_tokens_hide_what_they_hold(root):
    arn = root.role(
        "hidden-name", [trusts(root.arn("root"), ["sts:AssumeRole", "sts:TagSession"])]
    )["Arn"]
    who = root.user("u", may("sts:*")).assume(
        arn, "visible-session", Tags=[{"Key": "kk", "Value": "vvvvvvvv"}]
    )
    raw = base64.b64decode(who.token + "=" * (-len(who.token) % 4), altchars=b"+/")
    for secret in (
        b"hidden-name",
        b"visible-session",
        b"vvvvvvvv",
        who.credential.secret.encode(),
        root.account.encode(),
    ):
        assert secret not in raw and secret.decode() not in who.token


def test_session_tokens_of_users(root):
    user = root.user("u", may("*"))
    out = user.sts.get_session_token()["Credentials"]
    hours = (out["Expiration"] - datetime.now(timezone.utc)).total_seconds() / 3600
    assert 11.9 < hours <= 12.01
    mine = user.with_session(out)
    mine.kms.list_keys()
    # Without MFA no call of IAM, and of STS only GetCallerIdentity and AssumeRole.
    refused(("InvalidClientTokenId", DENIED), mine.iam.list_users, status=403)
    text = "Cannot call GetSessionToken with session credentials"
    refused(DENIED, mine.sts.get_session_token, text=text, status=403)
    text = "Cannot call GetFederationToken with session credentials"
    refused(DENIED, mine.sts.get_federation_token, Name="fed", text=text, status=403)
    mine.assume(root.role("r", [trusts(root.arn("root"))])["Arn"])
    for seconds, bound in (
        (899, "greater than or equal to 900"),
        (129601, "less than or equal to 129600"),
    ):
        text = (
            f"1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy "
            f"constraint: Member must have value {bound}"
        )
        refused(INVALID, user.sts.get_session_token, DurationSeconds=seconds, text=text, status=400)
    user.sts.get_session_token(DurationSeconds=129600)


def test_sessions_follow_their_user(root):
    user = root.user("u", may("kms:*"))
    mine = user.with_session(user.sts.get_session_token()["Credentials"])
    mine.kms.list_keys()
    root.iam.put_user_policy(
        UserName="u", PolicyName="own", PolicyDocument=document(must_not("kms:*"))
    )
    refused("AccessDeniedException", mine.kms.list_keys)
    root.iam.put_user_policy(UserName="u", PolicyName="own", PolicyDocument=document(may("kms:*")))
    mine.kms.list_keys()
    root.iam.delete_user_policy(UserName="u", PolicyName="own")
    root.iam.delete_access_key(UserName="u", AccessKeyId=user.key["AccessKeyId"])
    root.iam.delete_user(UserName="u")
    nobody(mine)


def test_sessions_have_no_mfa(root):
    user = root.user(
        "u",
        may("kms:ListKeys"),
        must_not(
            "kms:ListKeys", Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
        ),
        may("sts:*"),
    )
    # A user's own key carries no such fact: BoolIfExists applies, the Deny hits.
    refused("AccessDeniedException", user.kms.list_keys)
    mine = user.with_session(user.sts.get_session_token()["Credentials"])
    refused("AccessDeniedException", mine.kms.list_keys)
    refused(
        (DENIED, INVALID),
        user.sts.get_session_token,
        SerialNumber=root.arn("mfa/u"),
        TokenCode="123456",
    )


def test_federated_users(root):
    user = root.user("u", may(["kms:List*", "sts:GetFederationToken"]))
    out = user.sts.get_federation_token(
        Name="fed", Policy=document(may("kms:*")), DurationSeconds=900
    )
    fed = user.with_session(out["Credentials"])
    assert out["PackedPolicySize"] > 0
    fed.kms.list_keys()
    refused("AccessDeniedException", fed.kms.create_key)
    refused(("InvalidClientTokenId", DENIED), fed.iam.list_users, status=403)
    refused(DENIED, fed.sts.get_federation_token, Name="fed2", status=403)
    refused(DENIED, fed.sts.get_session_token, status=403)
    # A federated user cannot assume roles.
    arn = root.role("r", [trusts(root.arn("root"))])["Arn"]
    refused((DENIED, "InvalidClientTokenId"), fed.assume, arn, status=403)
    bare = user.with_session(user.sts.get_federation_token(Name="bare")["Credentials"])
    refused("AccessDeniedException", bare.kms.list_keys)
    for name in ("x", "x" * 33, "a b", ""):
        refused(INVALID, user.sts.get_federation_token, Name=name, status=400)
    refused(
        "MalformedPolicyDocument",
        user.sts.get_federation_token,
        Name="fed",
        Policy="{}",
        status=400,
    )
    refused(DENIED, root.user("w").sts.get_federation_token, Name="fed", status=403)


def test_a_role_session_cannot_federate(session):
    text = "Cannot call GetFederationToken with session credentials"
    refused(DENIED, session.sts.get_federation_token, Name="fed", text=text, status=403)
    text = "Cannot call GetSessionToken with session credentials"
    refused(DENIED, session.sts.get_session_token, text=text, status=403)


def test_the_account_of_a_key(root, session, server):
    stranger = Who(server)
    user = root.user("v")
    for who in (user, session):
        out = stranger.sts.get_access_key_info(AccessKeyId=who.credential.key_id)
        assert out["Account"] == root.account
    refused(INVALID, stranger.sts.get_access_key_info, AccessKeyId="x", status=400)
    refused(DENIED, user.sts.get_access_key_info, AccessKeyId=user.credential.key_id, status=403)


def refusal(who):
    """The sealed message of a refused call of KMS."""
    try:
        who.kms.list_keys()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPHeaders"]["x-keystead-authorization-message"]
    raise AssertionError("it was allowed")


def test_messages_of_refusals(root):
    user = root.user("u", must_not("kms:ListKeys"))
    message = refusal(user)
    decoder = root.user("d", may("sts:DecodeAuthorizationMessage"))
    out = json.loads(
        decoder.sts.decode_authorization_message(EncodedMessage=message)["DecodedMessage"]
    )
    assert out["allowed"] is False and out["explicitDeny"] is True, out
    assert out["context"]["action"] == "kms:ListKeys", out
    text = refused(
        DENIED, user.sts.decode_authorization_message, EncodedMessage=message, status=403
    )
    assert text.startswith(
        f"User: {user.arn_} is not authorized to perform: sts:DecodeAuthorizationMessage"
    )
    bad = "InvalidAuthorizationMessageException"
    for bent in (
        message[:-5],
        message[:10] + ("A" if message[10] != "A" else "B") + message[11:],
        "x",
        "A" * 200,
    ):
        refused(
            (bad, "InvalidAuthorizationMessage"),
            decoder.sts.decode_authorization_message,
            EncodedMessage=bent,
            status=400,
        )


def test_messages_are_for_their_account(root, server):
    message = refusal(root.user("u", must_not("kms:ListKeys")))
    codes = ("InvalidAuthorizationMessageException", DENIED)
    refused(codes, Who(server).sts.decode_authorization_message, EncodedMessage=message)


def test_messages_tell_strangers_nothing_of_a_key(root, server):
    other = Who(server)
    stranger = other.user("s", may("*"))
    text = document(
        {
            "Sid": "Hidden",
            "Effect": "Allow",
            "Principal": {"AWS": root.arn("root")},
            "Action": "kms:*",
            "Resource": "*",
        }
    )
    key = root.kms.create_key(Policy=text)["KeyMetadata"]["Arn"]
    try:
        stranger.kms.encrypt(KeyId=key, Plaintext=b"x")
    except ClientError as error:
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
    message = headers.get("x-keystead-authorization-message")
    for who in (stranger, other):
        try:
            out = who.sts.decode_authorization_message(EncodedMessage=message or "x")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "InvalidAuthorizationMessageException"
        else:
            assert "Hidden" not in out["DecodedMessage"]


def test_messages_name_the_caller(root):
    user = root.user("u", must_not("kms:ListKeys"))
    out = root.sts.decode_authorization_message(EncodedMessage=refusal(user))
    assert json.loads(out["DecodedMessage"])["context"]["principal"]["arn"] == user.arn_


def test_messages_and_tokens_are_not_each_other(root, session):
    message = refusal(root.user("x", must_not("kms:ListKeys")))
    nobody(with_token(session, message))
    refused(
        ("InvalidAuthorizationMessageException", "InvalidAuthorizationMessage"),
        root.sts.decode_authorization_message,
        EncodedMessage=session.token,
        status=400,
    )


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_regions_of_sts(root, region):
    who = Who(root.server, root.account, region=region)
    assert who.me() == root.arn("root")


def test_what_session_tokens_may_ask(root):
    """API_GetSessionToken: of STS only AssumeRole and GetCallerIdentity."""
    user = root.user("u", may("*"))
    mine = user.with_session(user.sts.get_session_token()["Credentials"])
    mine.sts.get_caller_identity()
    text = "Cannot call GetAccessKeyInfo with session credentials"
    key = user.credential.key_id
    refused(DENIED, mine.sts.get_access_key_info, AccessKeyId=key, text=text, status=403)
