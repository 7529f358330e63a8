"""SigV4: section B of reference/formats/hostile-inputs.md, the list of sigv4-verification.md."""

import hashlib
import json
import re
from datetime import datetime, timedelta, timezone

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from harness import texts, wire
from harness.caller import Caller, fresh_account
from harness.sigv4 import Credential, Signing, stamp

BODY = b'{"NumberOfBytes":16}'
INVALID = "InvalidSignatureException"
INCOMPLETE = "IncompleteSignatureException"
UNKNOWN_KEY = "UnrecognizedClientException"
HOST, TYPE, TARGET, DATE = range(4)


@pytest.fixture
def signing():
    """A good signing of a fresh account."""
    return Signing(Credential(fresh_account(), "test"))


def refused(answer, codes, message=...):
    """Asserts a refusal by the signature check."""
    shown = f"{answer.status} {answer.raw[:400]}"
    assert answer.status == 400, shown
    assert answer.code in ({codes} if isinstance(codes, str) else set(codes)), shown
    assert answer.request_id and answer.headers.get("date"), "SDKs set their clock by Date"
    assert "Plaintext" not in answer.body
    if message is not ...:
        assert answer.message == message, shown
    if answer.code == INVALID and answer.message:
        for secret in ("AWS4", "canonical", "String-to-Sign", "x-amz-date:"):
            assert secret not in answer.message, "the answer helps to forge"


class Bench:
    """Sends GenerateRandom requests that differ from a good one as the test says."""

    def __init__(self, server):
        self.caller = Caller(server)

    def headers(self, signing):
        return self.caller.headers("GenerateRandom", signing)

    def send(self, signing, headers=None, body=BODY, extra=(), authorization=None, sent_body=None):
        """Signs `headers`, adds Authorization and `extra` unsigned headers, and sends."""
        headers = headers or self.headers(signing)
        value = authorization or signing.authorization(headers, body)
        out = [*headers, *extra, ("Authorization", value)]
        data = wire.request_bytes(out, body if sent_body is None else sent_body)
        return self.caller.send(data)


@pytest.fixture
def bench(server):
    bench = Bench(server)
    yield bench
    bench.caller.close()


def test_our_signer_agrees_with_botocore():
    credential = Credential("AKIDEXAMPLE", "secret/+=", "eu-central-1")
    given = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.ListKeys"}
    request = botocore.awsrequest.AWSRequest(
        "POST", "http://localhost:1/", headers=dict(given), data=BODY
    )
    keys = botocore.credentials.Credentials(credential.key_id, credential.secret)
    botocore.auth.SigV4Auth(keys, "kms", credential.region).add_auth(request)
    signing = Signing(credential, date=request.headers["X-Amz-Date"])
    headers = [("Host", "localhost:1"), *given.items(), ("X-Amz-Date", signing.date)]
    assert signing.authorization(headers, BODY) == request.headers["Authorization"]


def test_a_good_signature(bench, signing):
    answer = bench.send(signing)
    assert answer.status == 200 and "Plaintext" in answer.body


def test_no_credentials(bench, signing):
    answer = bench.caller.send(wire.request_bytes(bench.headers(signing), BODY))
    refused(answer, "MissingAuthenticationTokenException", "Missing Authentication Token")


def test_two_authorization_headers(bench, signing):
    for value in ("AWS4-HMAC-SHA256 x", None):
        headers = bench.headers(signing)
        good = signing.authorization(headers, BODY)
        answer = bench.send(signing, extra=[("Authorization", value or good)])
        refused(answer, INCOMPLETE)


def query_form(signing):
    """A query string that carries credentials."""
    scope = f"{signing.credential.key_id}/{signing.scope}".replace("/", "%2F")
    return (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-Date={signing.date}"
        f"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}"
    )


def test_credentials_in_the_query(bench, signing):
    for path in (f"/?{query_form(signing)}", "/?X-Amz-Credential=x"):
        headers = bench.headers(signing)
        answer = bench.caller.send(wire.request_bytes(headers, BODY, path=path))
        assert answer.status in (400, 403, 404), answer.raw
        signed = [*headers, ("Authorization", signing.authorization(headers, BODY))]
        answer = bench.caller.send(wire.request_bytes(signed, BODY, path=path))
        assert answer.status in (400, 403, 404), "header and query credentials together"


def test_a_query_is_not_ignored(bench, signing):
    headers = bench.headers(signing)
    signed = [*headers, ("Authorization", signing.authorization(headers, BODY))]
    answer = bench.caller.send(wire.request_bytes(signed, BODY, path="/?Action=ListKeys"))
    assert answer.status in (400, 404), answer.raw


@pytest.mark.parametrize(
    "key_id", ["AKIDUNKNOWN0000000000", "nobody", "12345678901", "TEST", "x" * 128]
)
def test_unknown_access_keys(bench, key_id):
    for secret in ("test", "", "x"):
        signing = Signing(Credential(key_id, secret))
        answer = bench.send(signing)
        refused(answer, UNKNOWN_KEY, "The security token included in the request is invalid.")


@pytest.mark.parametrize("key_id", ["", "a/b", "../test", "x" * 4096, "test\u00e9", "te st", "*"])
def test_odd_access_keys(bench, key_id):
    answer = bench.send(Signing(Credential(key_id, "test")))
    refused(answer, {UNKNOWN_KEY, INCOMPLETE})


@pytest.mark.parametrize("secret", ["", "Test", "test ", "testt", "tes", "x" * 1000])
def test_wrong_secrets(bench, secret):
    signing = Signing(Credential(fresh_account(), secret))
    refused(bench.send(signing), INVALID, texts.SIGNATURE)


def test_the_default_account_needs_its_secret_too(bench):
    refused(bench.send(Signing(Credential("test", "Test"))), INVALID)
    assert bench.send(Signing(Credential("test", "test"))).status == 200


def test_forms_of_the_signature(bench, signing):
    good = signing.signature(bench.headers(signing), BODY)
    for bad in [good[:63], good + "0", "", "g" * 64, "0" * 64, good[:62] + "\u00e9", good * 100]:
        value = signing.authorization(bench.headers(signing), BODY, bad)
        refused(bench.send(signing, authorization=value), {INVALID, INCOMPLETE})
    if good.upper() != good:
        value = signing.authorization(bench.headers(signing), BODY, good.upper())
        refused(bench.send(signing, authorization=value), {INVALID, INCOMPLETE})


def test_every_bit_of_the_signature(bench, signing):
    headers = bench.headers(signing)
    good = bytes.fromhex(signing.signature(headers, BODY))
    for bit in range(256):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        value = signing.authorization(headers, BODY, bytes(bad).hex())
        refused(bench.send(signing, authorization=value), INVALID, texts.SIGNATURE)


def test_every_bit_of_the_body(bench, signing):
    for bit in range(len(BODY) * 8):
        bad = bytearray(BODY)
        bad[bit // 8] ^= 1 << bit % 8
        refused(bench.send(signing, sent_body=bytes(bad)), INVALID, texts.SIGNATURE)
    for bad in (b"", BODY + b" ", BODY[:-1]):
        refused(bench.send(signing, sent_body=bad), INVALID)


@pytest.mark.parametrize("index", [TYPE, TARGET])
def test_every_character_of_a_signed_header(bench, signing, index):
    headers = bench.headers(signing)
    value = signing.authorization(headers, BODY)
    name, good = headers[index]
    for position, char in enumerate(good):
        bent = good[:position] + ("x" if char != "x" else "y") + good[position + 1 :]
        changed = [*headers]
        changed[index] = (name, bent)
        refused(bench.send(signing, headers=changed, authorization=value), INVALID)


def test_another_host(bench, signing):
    headers = bench.headers(signing)
    value = signing.authorization(headers, BODY)
    headers[HOST] = ("Host", "kms.us-east-1.amazonaws.com")
    answer = bench.send(signing, headers=headers, authorization=value)
    assert answer.status == 400 and "Plaintext" not in answer.body


def test_each_part_of_the_scope_counts(bench, signing):
    headers = bench.headers(signing)
    good = signing.authorization(headers, BODY)
    yesterday = stamp(datetime.now(timezone.utc) - timedelta(days=1))[:8]
    for before, after in [
        (f"/{signing.date[:8]}/", f"/{yesterday}/"),
        ("/us-east-1/", "/eu-west-1/"),
        ("/kms/", "/s3/"),
        ("/kms/", "/KMS/"),
        ("/aws4_request,", "/aws4_requesT,"),
        ("/aws4_request,", "/aws4_request/x,"),
        ("SignedHeaders=content-type;", "SignedHeaders="),
    ]:
        assert before in good
        value = good.replace(before, after, 1)
        refused(bench.send(signing, authorization=value), {INVALID, INCOMPLETE})


def test_a_signature_for_another_service(bench):
    signing = Signing(Credential(fresh_account(), "test"), service="s3")
    refused(bench.send(signing), INVALID, "Credential should be scoped to correct service: 'kms'.")


@pytest.mark.parametrize("service", ["iam", "sts"])
def test_a_signature_for_iam_or_sts_is_none_for_kms(bench, signing, service):
    """These two live at the same address: such a request is theirs, and no call of KMS to them."""
    other = Signing(Credential(fresh_account(), "test"), service=service)
    moved = signing.authorization(bench.headers(signing), BODY).replace("/kms/", f"/{service}/", 1)
    for answer in (bench.send(other), bench.send(signing, authorization=moved)):
        assert 400 <= answer.status < 500, answer.raw
        assert answer.raw.startswith(b"<ErrorResponse") and b"KeyId" not in answer.raw


def test_a_signature_for_another_day(bench):
    day = stamp(datetime.now(timezone.utc) - timedelta(days=1))[:8]
    refused(bench.send(Signing(Credential(fresh_account(), "test"), scope_date=day)), INVALID)


def test_a_signature_with_another_terminator(bench):
    signing = Signing(Credential(fresh_account(), "test"), terminator="aws4_requesT")
    refused(bench.send(signing), {INVALID, INCOMPLETE})


@pytest.mark.parametrize("absent", ["host", "x-amz-date", "x-amz-target", "content-type"])
def test_headers_that_must_be_signed(bench, signing, absent):
    headers = bench.headers(signing)
    signing.signed_headers = sorted(name.lower() for name, _ in headers if name.lower() != absent)
    refused(bench.send(signing, headers=headers), {INVALID, INCOMPLETE})


def test_every_amz_header_must_be_signed(bench, signing):
    for name in ("X-Amz-Security-Token", "X-Amz-Content-Sha256", "X-Amz-Anything"):
        answer = bench.send(signing, extra=[(name, "x")])
        refused(answer, {INVALID, INCOMPLETE, UNKNOWN_KEY})


@pytest.mark.parametrize(
    "names",
    [
        ["content-type", "host", "x-amz-target", "x-amz-date"],
        ["Content-Type", "Host", "X-Amz-Date", "X-Amz-Target"],
        ["content-type", "host", "host", "x-amz-date", "x-amz-target"],
        ["", "content-type", "host", "x-amz-date", "x-amz-target"],
        ["content-type", "host", "x-absent", "x-amz-date", "x-amz-target"],
        [],
    ],
)
def test_the_list_of_signed_headers_is_strict(bench, signing, names):
    signing.signed_headers = names
    refused(bench.send(signing), {INVALID, INCOMPLETE})


def test_a_second_target_is_refused(bench, signing):
    for extra in [
        ("X-Amz-Target", "TrentService.ListKeys"),
        ("x-amz-target", "TrentService.GenerateRandom"),
    ]:
        answer = bench.send(signing, extra=[extra])
        assert answer.status == 400 and "Plaintext" not in answer.body, answer.raw
        headers = [*bench.headers(signing), extra]
        answer = bench.send(signing, headers=headers)
        assert answer.status == 400 and "Plaintext" not in answer.body, "both of them signed"


@pytest.mark.parametrize("name", ["X-Amz-Date", "Content-Type", "Host", "X-Amz-Security-Token"])
def test_duplicates_of_headers_that_matter(bench, signing, name):
    headers = bench.headers(signing)
    twice = {key.lower(): value for key, value in headers}.get(name.lower(), "t")
    answer = bench.send(signing, headers=[*headers, (name, twice), (name, twice)])
    assert answer.status == 400 and "Plaintext" not in answer.body, answer.raw


def at(seconds):
    """A moment this many seconds from now."""
    return stamp(datetime.now(timezone.utc) + timedelta(seconds=seconds))


def test_the_window_of_five_minutes(bench):
    def send(seconds):
        return bench.send(Signing(Credential(fresh_account(), "test"), date=at(seconds)))

    assert send(-295).status == 200
    assert send(295).status == 200
    form = r"\d{8}T\d{6}Z"
    answer = send(-302)
    refused(answer, INVALID)
    text = rf"Signature expired: {form} is now earlier than {form} \({form} - 5 min\.\)"
    assert re.fullmatch(text, answer.message), answer.message
    answer = send(302)
    refused(answer, INVALID)
    text = rf"Signature not yet current: {form} is still later than {form} \({form} \+ 5 min\.\)"
    assert re.fullmatch(text, answer.message), answer.message


@pytest.mark.parametrize(
    "date",
    [
        "{day}T235960Z",
        "20260230T000000Z",
        "00000101T000000Z",
        "{day}T240000Z",
        "{day}T000000",
        "{day}T000000+00:00",
        "{day} 000000Z",
        "{day}t000000z",
        "2026-01-01T00:00:00Z",
        "{day}T0000000Z",
        "",
        "x" * 5000,
        "\u0662\u0660\u0662\u0666\u0660\u0661\u0660\u0661T000000Z",
    ],
)
def test_dates_are_strict(bench, date):
    date = date.format(day=stamp()[:8])
    day = date[:8] if re.fullmatch(r"\d{8}", date[:8], re.ASCII) else stamp()[:8]
    signing = Signing(Credential(fresh_account(), "test"), date=date, scope_date=day)
    refused(bench.send(signing), {INCOMPLETE, INVALID})


def test_payload_hash_header(bench, signing):
    good = hashlib.sha256(BODY).hexdigest()
    headers = [*bench.headers(signing), ("X-Amz-Content-Sha256", good)]
    assert bench.send(signing, headers=headers).status == 200
    for value in ["0" * 64, "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", "x"]:
        headers[-1] = ("X-Amz-Content-Sha256", value)
        refused(bench.send(signing, headers=headers), INVALID)
        signing.payload_hash = value
        refused(bench.send(signing, headers=headers), INVALID)
        signing.payload_hash = None


def test_unsigned_payload_hash(bench, signing):
    headers = bench.headers(signing)
    for value in ("UNSIGNED-PAYLOAD", hashlib.sha256(b"").hexdigest()):
        signing.payload_hash = value
        refused(bench.send(signing, headers=headers), INVALID)


@pytest.mark.parametrize("token", ["x", "A" * 2000, "\u00e9"])
def test_a_token_that_nobody_issued(bench, signing, token):
    headers = [*bench.headers(signing), ("X-Amz-Security-Token", token)]
    refused(bench.send(signing, headers=headers), {UNKNOWN_KEY, INVALID, INCOMPLETE})


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "Basic dGVzdDp0ZXN0",
        "Bearer test",
        "AWS test:signature",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=test",
        "AWS4-HMAC-SHA1 {rest}",
        "AWS4-ECDSA-P256-SHA256 {rest}",
        "aws4-hmac-sha256 {rest}",
        "AWS4-HMAC-SHA256 {rest}, Signature=00",
        "AWS4-HMAC-SHA256 {rest}, Credential=a/b/c/d/e",
        "AWS4-HMAC-SHA256 {rest}, Extra=1",
        "AWS4-HMAC-SHA256 " + "a=b," * 10000,
        "AWS4-HMAC-SHA256 Credential=test/a/b, SignedHeaders=host, Signature=00",
    ],
)
def test_malformed_authorization(bench, signing, value):
    rest = signing.authorization(bench.headers(signing), BODY).split(" ", 1)[1]
    answer = bench.send(signing, authorization=value.format(rest=rest) or " ")
    codes = {INCOMPLETE, INVALID, "MissingAuthenticationTokenException"}
    assert answer.status in (400, 431), answer.raw
    if answer.status == 400 and answer.raw:
        refused(answer, codes)


def test_missing_parts_are_named(bench, signing):
    good = signing.authorization(bench.headers(signing), BODY)
    for part in ("Credential", "SignedHeaders", "Signature"):
        value = re.sub(rf"{part}=[^,]*(, )?", "", good).rstrip(", ")
        answer = bench.send(signing, authorization=value)
        refused(answer, INCOMPLETE)
        assert f"Authorization header requires '{part}' parameter." in answer.message
    headers = [header for header in bench.headers(signing) if header[0] != "X-Amz-Date"]
    answer = bench.send(signing, headers=headers)
    refused(answer, INCOMPLETE)
    assert "requires existence of either a 'X-Amz-Date' or a 'Date' header." in answer.message


def test_a_repeated_request_is_harmless(server):
    caller = Caller(server)
    body = json.dumps({"AliasName": "alias/replay", "TargetKeyId": caller.key_id()}).encode()
    data = caller.signed("CreateAlias", body)
    assert caller.send(data).status == 200
    answer = caller.send(data)
    assert answer.status == 400, answer.raw
    assert len(caller.ok("ListAliases")["Aliases"]) == 1


def test_refusals_come_before_the_body_is_read(bench, signing):
    for body in (b"{", b"\xff", b"[]"):
        answer = bench.send(signing, sent_body=body)
        refused(answer, INVALID)
