"""JSON and base64: sections C and D of reference/formats/hostile-inputs.md."""

import json
import time

import pytest

from harness import wire
from harness.caller import Caller, b64
from harness.sigv4 import Signing

SERIALIZATION = "SerializationException"
VALIDATION = "ValidationException"
GOOD = b'{"NumberOfBytes":16}'


def refused(answer, codes=SERIALIZATION):
    """Asserts an HTTP 400 with one of the codes."""
    shown = f"{answer.status} {answer.raw[:300]}"
    assert answer.status == 400, shown
    assert answer.code in ({codes} if isinstance(codes, str) else set(codes)), shown


NO_OBJECT = [
    b"null",
    b"[]",
    b'"x"',
    b"1",
    b"true",
    b"{",
    b"}",
    b'{"NumberOfBytes":16,}',
    b'{"NumberOfBytes":16}x',
    b'{"NumberOfBytes":16}{}',
    b'{"NumberOfBytes" 16}',
    b"{NumberOfBytes:16}",
    b"{'NumberOfBytes':16}",
    b'{"NumberOfBytes":16} // comment',
    b'{"NumberOfBytes":}',
    b'{"a":"\x01"}',
    b'{"a":"\\x41"}',
    b'{"a":"unterminated',
    b"\x00",
    b"{}\x00",
]


@pytest.mark.parametrize("body", NO_OBJECT)
def test_bodies_that_are_no_object(caller, body):
    refused(caller.raw("GenerateRandom", body))
    refused(caller.raw("ListKeys", body))


def test_an_empty_body(caller):
    answer = caller.raw("GenerateRandom", b"")
    refused(answer, {SERIALIZATION, VALIDATION})


@pytest.mark.parametrize(
    "body",
    [
        b'{"NumberOfBytes":16,"NumberOfBytes":32}',
        b'{"NumberOfBytes":16,"NumberOfBytes":16}',
        b'{"NumberOfBytes":16,"NumberOf\\u0042ytes":16}',
        b'{"NumberOfBytes":16,"x":1,"x":2}',
        b'{"NumberOfBytes":16,"x":{"a":1,"a":2}}',
    ],
)
def test_duplicate_members(caller, body):
    refused(caller.raw("GenerateRandom", body))


def test_duplicate_members_of_a_map(caller):
    key = caller.key_id()
    body = f'{{"KeyId":"{key}","Plaintext":"AA==","EncryptionContext":{{"a":"1","a":"2"}}}}'
    refused(caller.raw("Encrypt", body.encode()))


@pytest.mark.parametrize("depth", [1000, 100_000])
@pytest.mark.parametrize("member", ["Unknown", "EncryptionContext", "KeyId"])
@pytest.mark.parametrize("form", ["[", '{"a":'])
def test_deep_nesting(caller, depth, member, form):
    close = "]" if form == "[" else "}"
    inner = "" if form == "[" else "1"
    body = f'{{"{member}":{form * depth}{inner}{close * depth}}}'
    refused(caller.raw("Encrypt", body.encode()))
    refused(caller.raw("Encrypt", f'{{"{member}":{form * depth}'.encode()))


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":[' + b",".join([b"[]"] * 340_000) + b"]}",
        b'{"x":{' + b",".join(b'"%d":0' % index for index in range(100_000)) + b"}}",
        b"{" + b",".join(b'"%d":0' % index for index in range(100_000)) + b"}",
        b'{"x":[' + b",".join([b'""'] * 340_000) + b"]}",
    ],
    ids=["lists", "nested members", "members", "strings"],
)
def test_too_many_nodes(caller, body):
    start = time.monotonic()
    answer = caller.raw("GenerateRandom", body)
    assert answer.status in (400, 413), answer.raw[:200]
    if answer.status == 400:
        assert answer.code == SERIALIZATION
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"Description":"\\ud800"}',
        b'{"Description":"\\udc00\\ud800"}',
        b'{"Description":"\\ud83d"}',
        b'{"Description":"\xff"}',
        b'{"Description":"\xc3"}',
        b'{"Description":"\xc0\xaf"}',
        b'{"Description":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"Description":"x"}',
        '{"Description":"x"}'.encode("utf-16"),
        '{"Description":"x"}'.encode("utf-16-le"),
        '{"Description":"x"}'.encode("utf-32"),
    ],
)
def test_bad_unicode(caller, body):
    refused(caller.raw("CreateKey", body))
    assert caller.ok("ListKeys")["Keys"] == []


@pytest.mark.parametrize(
    "number",
    ["1e400", "1.5", "16.0", "9223372036854775808", "-9223372036854775809", "18446744073709551632"]
    + ["4294967312", "007", "NaN", "Infinity", "+16", "0x10", "1e", ".5", "1.", "-", "1" * 5000],
)
def test_numbers_never_wrap(caller, number):
    answer = caller.raw("GenerateRandom", f'{{"NumberOfBytes":{number}}}'.encode())
    refused(answer, {SERIALIZATION, VALIDATION})


@pytest.mark.parametrize("number", ["-0", "-0.0", "0e5"])
def test_forms_of_zero(caller, number):
    answer = caller.raw("GenerateRandom", f'{{"NumberOfBytes":{number}}}'.encode())
    refused(answer, {SERIALIZATION, VALIDATION})


@pytest.mark.parametrize(
    "operation, members",
    [
        ("GenerateRandom", {"NumberOfBytes": "16"}),
        ("GenerateRandom", {"NumberOfBytes": [16]}),
        ("GenerateRandom", {"NumberOfBytes": True}),
        ("GenerateRandom", {"NumberOfBytes": {}}),
        ("DescribeKey", {"KeyId": 1}),
        ("DescribeKey", {"KeyId": ["x"]}),
        ("DescribeKey", {"KeyId": {"a": "b"}}),
        ("DescribeKey", {"KeyId": False}),
        ("Encrypt", {"KeyId": "x", "Plaintext": {"a": "b"}}),
        ("Encrypt", {"KeyId": "x", "Plaintext": ["AA=="]}),
        ("Encrypt", {"KeyId": "x", "Plaintext": 1}),
        ("Encrypt", {"KeyId": "x", "Plaintext": "AA==", "EncryptionContext": "a=b"}),
        ("Encrypt", {"KeyId": "x", "Plaintext": "AA==", "EncryptionContext": ["a"]}),
        ("Encrypt", {"KeyId": "x", "Plaintext": "AA==", "GrantTokens": "t"}),
        ("Encrypt", {"KeyId": "x", "Plaintext": "AA==", "GrantTokens": {"0": "t"}}),
        ("Encrypt", {"KeyId": "x", "Plaintext": "AA==", "DryRun": "true"}),
        ("Encrypt", {"KeyId": "x", "Plaintext": "AA==", "DryRun": 1}),
        ("CreateKey", {"Tags": {"TagKey": "a", "TagValue": "b"}}),
        ("CreateKey", {"Tags": ["a"]}),
        ("CreateKey", {"MultiRegion": "false"}),
        ("PutKeyPolicy", {"KeyId": "x", "Policy": {"Version": "2012-10-17"}}),
        ("UntagResource", {"KeyId": "x", "TagKeys": "a"}),
    ],
)
def test_wrong_types(caller, operation, members):
    refused(caller.call(operation, members))
    assert caller.ok("ListKeys")["Keys"] == []


def test_unknown_members_are_ignored(caller):
    extra = {"Unknown": {"deep": [1, 2, {"x": None}]}, "__proto__": {"a": 1}, "constructor": "x"}
    caller.ok("GenerateRandom", extra, NumberOfBytes=8)
    caller.ok("GenerateRandom", {"k" * 60_000: 1}, NumberOfBytes=8)


def test_member_names_are_case_sensitive(caller):
    key = caller.key_id()
    for name in ("keyId", "KEYID", "Keyid", "KeyId "):
        caller.fails(VALIDATION, "DescribeKey", {name: key})
    caller.ok("DescribeKey", {"keyId": "other", "KeyId": key})


def test_spaces_around_the_object(caller):
    assert caller.raw("GenerateRandom", b' \r\n\t{ "NumberOfBytes" : 8 } \n').status == 200


def test_escapes_are_read(caller):
    assert caller.raw("GenerateRandom", b'{"\\u004eumberOfBytes":8}').status == 200
    body = b'{"Description":"\\ud83d\\udd11\\/\\u0041"}'
    answer = caller.raw("CreateKey", body)
    assert answer.body["KeyMetadata"]["Description"] == "\U0001f511/A"


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1024, 8 << 20])
def test_size_of_bodies(server, size):
    caller = Caller(server)
    body = b'{"NumberOfBytes":8,"pad":"' + b"x" * size + b'"}'
    answer = wire.exchange(server.port, caller.signed("GenerateRandom", body))
    assert answer.status in (400, 413), answer.raw[:200]


def by_target(caller, target, content_type="application/x-amz-json-1.1", body=b"{}"):
    """Sends a well signed request with another target or content type."""
    signing = Signing(caller.credential)
    headers = [("Host", f"127.0.0.1:{caller.server.port}"), ("X-Amz-Date", signing.date)]
    if content_type is not None:
        headers.append(("Content-Type", content_type))
    if target is not None:
        headers.append(("X-Amz-Target", target))
    headers.append(("Authorization", signing.authorization(headers, body)))
    return caller.send(wire.request_bytes(headers, body))


@pytest.mark.parametrize(
    "target",
    [None, "", "TrentService.", "TrentService", ".ListKeys", "ListKeys", "X.ListKeys"]
    + ["TrentService.listKeys", "TrentService.LISTKEYS", "trentservice.ListKeys"]
    + ["TrentService.ListKeys.x", "TrentService.Nonsense", "TrentService/ListKeys"]
    + ["AWSKMS.ListKeys", "TrentService.ListKeys\u00e9", "TrentService." + "x" * 3000],
)
def test_unknown_targets(caller, target):
    answer = by_target(caller, target)
    refused(
        answer,
        {"UnknownOperationException", "InvalidSignatureException"}
        if target is None
        else "UnknownOperationException",
    )
    if answer.code == "UnknownOperationException":
        assert answer.message is None


@pytest.mark.parametrize("content_type", ["application/x-amz-json-1.0", "text/plain", None, "a/b"])
def test_content_types(caller, content_type):
    answer = by_target(caller, "TrentService.ListKeys", content_type)
    assert answer.status in (200, 400, 404, 415), answer.raw
    if answer.status == 200:
        assert answer.body == {"Keys": [], "Truncated": False}


BAD_BASE64 = ["A", "AA", "AAA", "AA=", "=AA=", "AA==AA==", "A A=", "AA==\n", " AA==", "AA== "]
BAD_BASE64 += [
    "_-8=",
    "-_8=",
    "AAAA=",
    "AAA==",
    "====",
    "AA=A",
    "A===",
    "AAé=",
    "QR==",
    "QUF=",
    "%41%41==",
]


@pytest.mark.parametrize("text", BAD_BASE64)
def test_base64_is_strict(caller, text):
    key = caller.key_id()
    refused(caller.call("Encrypt", KeyId=key, Plaintext=text))
    refused(caller.call("Decrypt", CiphertextBlob=text))


def test_one_encoding_per_blob(caller):
    """Trailing bits, line ends or missing padding must not make a second text of one blob."""
    for size in (1, 2, 3):
        text = b64(caller.encrypt(caller.key_id(), b"x" * size))
        caller.ok("Decrypt", CiphertextBlob=text)
        for bent in (text.rstrip("="), text + "=", text + "\n", text[:76] + "\r\n" + text[76:]):
            if bent != text:
                refused(caller.call("Decrypt", CiphertextBlob=bent))
        if text.endswith("="):
            last = text.rstrip("=")
            twin = chr(ord(last[-1]) + 1)
            refused(
                caller.call("Decrypt", CiphertextBlob=last[:-1] + twin + text[len(last) :]),
                {SERIALIZATION, "InvalidCiphertextException"},
            )


def test_plaintext_and_blob_bounds(caller):
    key = caller.key_id()
    for size, good in [(0, False), (1, True), (4096, True), (4097, False)]:
        answer = caller.call("Encrypt", KeyId=key, Plaintext=b"p" * size)
        assert (answer.status == 200) is good
        if not good:
            refused(answer, VALIDATION)
    for size, code in [(0, VALIDATION), (6144, "InvalidCiphertextException"), (6145, VALIDATION)]:
        refused(caller.call("Decrypt", CiphertextBlob=b"c" * size), code)


def test_answers_are_json_with_plain_numbers(caller):
    answer = caller.call("CreateKey", Description='"\\\u0001\U0001f511</script>')
    assert json.loads(answer.raw)["KeyMetadata"]["Description"] == '"\\\u0001\U0001f511</script>'
    assert isinstance(answer.body["KeyMetadata"]["CreationDate"], (int, float))
