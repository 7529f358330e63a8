"""The query protocol against hostile forms, and XML that must come back whole."""

import re
import time

import pytest

from harness import wire
from harness.caller import Caller
from harness.query import FORM, VERSIONS, Who, document, form_of, may, refused, send, trusts
from harness.sigv4 import Signing

LIST = [("Action", "ListUsers"), ("Version", "2010-05-08")]
ENTITIES = '&lt;script&gt; <b a="1">&amp;amp;</b> ]]> <![CDATA[x]]> <!-- x --> <?pi?> \' " &#x41; &unknown; %00 %3C + ${jndi}'
SPACES = "line 1\nline 2\r\n\ttab  two  spaces "


@pytest.fixture
def root(server):
    return Who(server)


@pytest.fixture
def still_there(root):
    """After the test the server answers as before."""
    yield
    root.iam.list_users()


@pytest.mark.parametrize(
    "text",
    [ENTITIES, SPACES, " ", "é" * 10, "\u00a1\u00ff", "+ + %2B", "=&=&", "</Description></Role>"],
)
def test_descriptions_come_back_whole(root, text):
    trust = document(trusts(root.arn("root")))
    root.iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust, Description=text)
    for _ in range(2):
        answer = root.ask("iam", "GetRole", RoleName="r")
        assert answer.text("Description") == text, answer
        assert root.iam.get_role(RoleName="r")["Role"]["Description"] == text
        root.iam.update_role(RoleName="r", Description=text)


@pytest.mark.parametrize(
    "text",
    [
        "\0",
        "\x01",
        "a\x0bb",
        "\x1f",
        "\ufffe",
        "\uffff",
        "\u2028",
        "\U0001f600",
        "x" * 1001,
        "\x7f",
        "\u0085x",
        "a\u00a0b",
    ],
)
def test_characters_that_are_refused(root, text, still_there):
    """Outside U+0009, U+000A, U+000D, U+0020..U+007E, U+00A1..U+00FF [M]."""
    trust = document(trusts(root.arn("root")))
    answer = root.ask(
        "iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=trust, Description=text
    )
    assert (answer.status, answer.code) == (400, "ValidationError"), answer
    assert root.iam.list_roles()["Roles"] == []


@pytest.mark.parametrize("value", ["x y", "é", "日本", "a/b:c=d+e-@_.", "\u2003x"])
def test_tag_values_come_back_whole(root, value):
    root.iam.create_user(UserName="u", Tags=[{"Key": value, "Value": value}])
    assert root.iam.list_user_tags(UserName="u")["Tags"] == [{"Key": value, "Value": value}]


@pytest.mark.parametrize(
    "value", ["<x>", "a&b", "x\0", "\n", "\x01", "\ufffe", "a;b", "x" * 257, "\U0001f600"]
)
def test_tag_values_that_are_refused(root, value):
    refused(
        "ValidationError",
        root.iam.create_user,
        UserName="u",
        Tags=[{"Key": "k", "Value": value}],
        status=400,
    )


def test_what_is_refused_comes_back_escaped(root):
    for name in ("<b>&\"'", "\x01\x02", "\ufffe", "]]>", "a\r\nb", "\ud7ff\ue000"):
        answer = root.ask("iam", "GetUser", UserName=name)
        assert answer.status == 400 and answer.code == "ValidationError", answer
        assert answer.message  # well-formed
    answer = root.ask("iam", "</Code><x>")
    assert answer.code == "InvalidAction" and "</Code><x>" in answer.message, answer


BAD_FORMS = {
    "empty": b"",
    "no action": b"Version=2010-05-08",
    "an empty action": b"Action=&Version=2010-05-08",
    "two actions": b"Action=ListUsers&Action=CreateUser&Version=2010-05-08&UserName=x",
    "the same action twice": b"Action=ListUsers&Action=ListUsers&Version=2010-05-08",
    "two versions": b"Action=ListUsers&Version=2010-05-08&Version=2011-06-15",
    "two of a parameter": b"Action=CreateUser&Version=2010-05-08&UserName=a&UserName=b",
    "two of an element": b"Action=CreateUser&Version=2010-05-08&UserName=a&Tags.member.1.Key=a&Tags.member.1.Key=b&Tags.member.1.Value=",
    "wrong version": b"Action=ListUsers&Version=2011-06-15",
    "old version": b"Action=ListUsers&Version=2010-05-07",
    "small action": b"Action=listusers&Version=2010-05-08",
    "an operation of sts": b"Action=GetCallerIdentity&Version=2011-06-15",
    "unknown": b"Action=Nothing&Version=2010-05-08",
    "half an escape": b"Action=ListUsers&Version=2010-05-08&PathPrefix=%2",
    "bad escape": b"Action=ListUsers&Version=2010-05-08&PathPrefix=%zz",
    "not UTF-8": b"Action=ListUsers&Version=2010-05-08&PathPrefix=%ff%fe",
    "overlong UTF-8": b"Action=ListUsers&Version=2010-05-08&PathPrefix=%c0%af",
    "surrogate": b"Action=ListUsers&Version=2010-05-08&PathPrefix=%ed%a0%80",
    "raw bytes": b"Action=ListUsers&Version=2010-05-08&PathPrefix=\xff\xfe",
    "json": b'{"Action":"ListUsers","Version":"2010-05-08"}',
    "xml": b"<ListUsers/>",
    "nul": b"Action=ListUsers\0&Version=2010-05-08",
}


@pytest.mark.parametrize("what", BAD_FORMS)
def test_bad_forms(root, what, still_there):
    answer = root.form("iam", BAD_FORMS[what])
    assert answer.status == 400, answer
    assert answer.code in (
        "MissingAction",
        "InvalidAction",
        "MalformedInput",
        "ValidationError",
        "MalformedQueryString",
    ), answer
    assert root.iam.list_users()["Users"] == []


@pytest.mark.parametrize(
    "index",
    [
        "0",
        "-1",
        "01",
        "+1",
        " 1",
        "1 ",
        "x",
        "",
        "4294967297",
        "18446744073709551617",
        "9" * 400,
        "1.1",
        "２",
        "0x1",
    ],
)
def test_bad_indexes(root, index, still_there):
    before = time.monotonic()
    answer = root.ask(
        "iam",
        "CreateUser",
        (f"Tags.member.{index}.Key", "a"),
        (f"Tags.member.{index}.Value", "b"),
        UserName="u",
    )
    assert time.monotonic() - before < 2
    if answer.status == 200:
        # Taken for something else: no tag came of it.
        assert root.iam.list_user_tags(UserName="u")["Tags"] == [], answer
    else:
        assert answer.status == 400 and answer.code in ("MalformedInput", "ValidationError"), answer


def test_gaps_and_order_of_indexes(root):
    pairs = [
        ("Tags.member.2.Value", "2"),
        ("Tags.member.2.Key", "b"),
        ("Tags.member.1.Key", "a"),
        ("Tags.member.1.Value", "1"),
    ]
    assert root.ask("iam", "CreateUser", *pairs, UserName="u").status == 200
    assert root.iam.list_user_tags(UserName="u")["Tags"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": "2"},
    ]
    far = [("Tags.member.2000000000.Key", "c"), ("Tags.member.2000000000.Value", "3")]
    assert root.ask("iam", "TagUser", *far, UserName="u").status == 400


@pytest.mark.parametrize(
    "name",
    [
        "Tags.member.1",
        "Tags.member",
        "Tags",
        "Tags.member.1.Key.Key",
        "UserName.member.1",
        "Path.x",
        "Tags.1.Key",
    ],
)
def test_parameters_of_the_wrong_shape(root, name, still_there):
    answer = root.ask("iam", "CreateUser", (name, "x"), UserName="u")
    assert answer.status in (200, 400), answer
    if answer.status == 200:
        assert root.iam.get_user(UserName="u")["User"].get("Tags", []) == []


def test_many_parameters(root, still_there):
    before = time.monotonic()
    for body in (
        b"Action=ListUsers&Version=2010-05-08" + b"&a=b" * 200000,
        b"Action=ListUsers&Version=2010-05-08" + b"".join(b"&a%d=" % n for n in range(60000)),
        b"Action=ListUsers&Version=2010-05-08" + b"&" * 900000,
        b"Action=TagUser&Version=2010-05-08&UserName=u"
        + b"".join(b"&Tags.member.%d.Key=k" % n for n in range(1, 30000)),
        b"Action=ListUsers&Version=2010-05-08&" + b"a." * 400000 + b"=1",
        b"Action=ListUsers&Version=2010-05-08&x=" + b"%41" * 300000,
    ):
        answer = root.form("iam", body)
        assert answer.status in (200, 400, 413), answer
    assert time.monotonic() - before < 10


def test_a_large_body(root, still_there):
    for size in (1 << 20, 1 << 22):
        answer = root.form("iam", form_of(LIST) + b"&x=" + b"a" * size)
        assert answer.status == 413, answer
        assert answer.code, answer


def test_a_large_document_just_fits(root):
    answer = root.ask(
        "iam", "CreatePolicy", PolicyName="p", PolicyDocument=" " * 120000 + document(may("*"))
    )
    assert answer.status == 200, answer
    answer = root.ask(
        "iam", "CreatePolicy", PolicyName="q", PolicyDocument=" " * 131072 + document(may("*"))
    )
    assert answer.status == 400, answer


def test_get(root):
    """AWS takes queries by GET; refusing them is as good."""
    query = "Action=ListUsers&Version=2010-05-08"
    answer = root.form("iam", b"", method="GET", query=query)
    assert answer.status in (200, 400, 405), answer
    # A parameter cannot be in both.
    answer = root.form("iam", form_of(LIST), query="Action=CreateUser&UserName=x")
    assert answer.status in (200, 400, 404), answer
    answer = root.form(
        "iam", form_of([("Action", "CreateUser"), ("Version", "2010-05-08")]), query="UserName=x"
    )
    assert root.iam.list_users()["Users"] == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_other_methods(root, method):
    signing = Signing(root.credential, service="iam", method=method)
    headers = [
        ("Host", f"127.0.0.1:{root.server.port}"),
        ("X-Amz-Date", signing.date),
        ("Content-Type", FORM),
    ]
    body = form_of([("Action", "CreateUser"), ("Version", "2010-05-08"), ("UserName", "x")])
    headers.append(("Authorization", signing.authorization(headers, body)))
    with wire.Connection(root.server.port) as connection:
        connection.send(wire.request_bytes(headers, body, method))
        answer = connection.receive(bodyless=method == "HEAD")
    assert 400 <= answer.status < 500, answer
    assert root.iam.list_users()["Users"] == []


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-amz-json-1.1",
        "text/xml",
    ],
)
def test_other_content_types(root, kind):
    """A form is a form by its content type."""
    answer = root.form(
        "iam",
        form_of([("Action", "CreateUser"), ("Version", "2010-05-08"), ("UserName", "x")]),
        content_type=kind,
    )
    assert answer.status in (400, 404, 415), answer
    assert root.iam.list_users()["Users"] == []


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded ; Charset=UTF-8"],
)
def test_content_types_of_forms(root, kind):
    assert root.form("iam", form_of(LIST), content_type=kind).status == 200


@pytest.mark.parametrize(
    "made_for, service, version",
    [
        ("sts", "iam", VERSIONS["iam"]),
        ("iam", "sts", VERSIONS["sts"]),
        ("kms", "iam", VERSIONS["iam"]),
        ("kms", "sts", VERSIONS["sts"]),
        ("s3", "iam", VERSIONS["iam"]),
        ("", "iam", VERSIONS["iam"]),
        ("IAM", "iam", VERSIONS["iam"]),
    ],
)
def test_signatures_for_another_service(root, made_for, service, version):
    action = "CreateUser" if service == "iam" else "GetCallerIdentity"
    answer = root.form(
        service,
        form_of([("Action", action), ("Version", version), ("UserName", "x")]),
        signed_for=made_for,
    )
    assert answer.status in (400, 403), answer
    assert root.iam.list_users()["Users"] == []


def test_kms_by_the_signature_of_iam(root):
    """An operation of KMS signed for IAM is not done."""
    caller = Caller(root.server, root.account)
    answer = caller.send(caller.signed("CreateKey", b"{}", service="iam"))
    assert answer.status in (400, 403), answer
    assert caller.ok("ListKeys")["Keys"] == []


def test_a_bent_signature(root):
    for pairs in (LIST, [("Action", "CreateUser"), ("Version", "2010-05-08"), ("UserName", "x")]):
        wrong = Who(root.server, root.account, "wrong")
        answer = wrong.form("iam", pairs)
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch"), answer
    body = form_of(LIST)
    signing = Signing(root.credential, service="iam")
    headers = [
        ("Host", f"127.0.0.1:{root.server.port}"),
        ("X-Amz-Date", signing.date),
        ("Content-Type", FORM),
    ]
    headers.append(("Authorization", signing.authorization(headers, body)))
    answer = send(
        root.server, wire.request_bytes(headers, body.replace(b"ListUsers", b"ListRoles"))
    )
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch"), answer


def test_no_signature(root):
    headers = [("Host", f"127.0.0.1:{root.server.port}"), ("Content-Type", FORM)]
    answer = send(root.server, wire.request_bytes(headers, form_of(LIST)))
    assert (answer.status, answer.code) == (403, "MissingAuthenticationToken"), answer


def test_an_unknown_key(root):
    answer = Who(root.server, "AKIAIOSFODNN7EXAMPLE", "x" * 40).form("iam", LIST)
    assert (answer.status, answer.code) == (403, "InvalidClientTokenId"), answer
    assert answer.message == "The security token included in the request is invalid."


def test_the_form_of_answers(root):
    answer = root.form("iam", LIST)
    assert answer.headers["content-type"].startswith("text/xml")
    assert answer.root.tag == "{https://iam.amazonaws.com/doc/2010-05-08/}ListUsersResponse"
    assert answer.text("RequestId") == answer.headers["x-amzn-requestid"]
    answer = root.ask("iam", "GetUser", UserName="none")
    assert answer.root.tag == "{https://iam.amazonaws.com/doc/2010-05-08/}ErrorResponse"
    assert (answer.text("Type"), answer.code) == ("Sender", "NoSuchEntity")
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.text("RequestId"))
    answer = root.ask("sts", "GetCallerIdentity")
    assert answer.root.tag == "{https://sts.amazonaws.com/doc/2011-06-15/}GetCallerIdentityResponse"
    answer = root.ask("iam", "CreateUser", UserName="u")
    made = answer.text("CreateDate")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", made), made


@pytest.mark.parametrize(
    "operation, members",
    [
        ("GetRole", {}),
        ("CreateRole", {"RoleName": "r"}),
        ("CreatePolicy", {"PolicyName": "p"}),
        ("DeleteRole", {}),
        ("PutUserPolicy", {"UserName": "u"}),
        ("AttachRolePolicy", {"RoleName": "r"}),
        ("TagUser", {"UserName": "u"}),
    ],
)
def test_missing_parameters(root, operation, members):
    answer = root.ask("iam", operation, **members)
    assert (answer.status, answer.code) == (400, "ValidationError"), answer
    assert "failed to satisfy constraint: Member must not be null" in answer.message, answer


@pytest.mark.parametrize("value", ["abc", "1.5", "99999999999999999999", "0x10", "", "1e3", " 5"])
def test_numbers_that_are_none(root, value):
    answer = root.ask("iam", "ListUsers", MaxItems=value)
    assert answer.status == 400 and answer.code in ("MalformedInput", "ValidationError"), answer
    trust = document(trusts(root.arn("root")))
    answer = root.ask(
        "iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=trust, MaxSessionDuration=value
    )
    assert answer.status == 400, answer


@pytest.mark.parametrize("value", ["yes", "1", "TRUE ", "tru"])
def test_booleans_that_are_none(root, value):
    answer = root.ask("iam", "ListPolicies", OnlyAttached=value)
    assert answer.status in (200, 400), answer
    if answer.status == 400:
        assert answer.code in ("MalformedInput", "ValidationError"), answer


def test_the_log_has_no_panic(root):
    assert "panic" not in root.server.log_text().lower()
