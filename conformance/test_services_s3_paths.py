"""Forwarded requests to a service that speaks S3, whose objects have keys with any characters:
what botocore's S3 client and its S3SigV4Auth sign must be verified, exactly as it was sent.
docs/services.md, "The protocol".
"""

import hashlib
import re
from dataclasses import replace
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials

from people import Account
from services import Received, Refused, Service

KEYS = [
    "letter",
    "a b",
    "a+b",
    "100%",
    "%41",
    "%2F",
    "caf\u00e9/\u65e5\u672c/\U0001f511",
    "~-_.",
    "(a)!*'",
    "a:b@c,d;e=f&g$h",
    "a?b#c",
    "[x]{y}|z\\^`<>\"",
    "a//b",
    "/leading",
    "trailing/",
    "./a/../b/.",
    "..",
    "tab\there",
    "new\nline",
    "e\u0301",
]


@pytest.fixture(scope="module")
def home(server):
    return Account(server)


@pytest.fixture(scope="module")
def user(home):
    return home.user("writer")


@pytest.fixture(scope="module")
def service(home):
    return Service(home)


def received(request, body):
    """What a service receives when botocore sends this request."""
    parts = urlsplit(request.url)
    lines = {"Host": parts.netloc}
    for name, value in request.headers.items():
        lines[name] = value.decode() if isinstance(value, bytes) else value
    names = lines["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    names.append("authorization")
    kept = [(name, value) for name, value in lines.items() if name.lower() in names]
    digest = hashlib.sha256(body).hexdigest()
    return Received(request.method, parts.path, parts.query, kept, digest)


def sent_by_client(person, operation, **members):
    """What boto3's S3 client sends: caught on the way out."""
    caught = []
    client = boto3.client(
        "s3",
        endpoint_url="http://storage.example.com",
        region_name="us-east-1",
        aws_access_key_id=person.credential.key_id,
        aws_secret_access_key=person.credential.secret,
        aws_session_token=person.token,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )

    def catch(request, **_):
        caught.append(request)
        return AWSResponse(request.url, 200, {}, None)

    client.meta.events.register("before-send.s3", catch)
    try:
        getattr(client, operation)(Bucket="post", **members)
    except Exception:  # The answer is none that the client could read.
        assert caught
    return caught[0]


def signed(person, url, method="GET", signer=S3SigV4Auth, service="s3"):
    """A request to this URL, signed as it stands."""
    request = AWSRequest(method, url)
    credentials = Credentials(person.credential.key_id, person.credential.secret, person.token)
    signer(credentials, service, "us-east-1").add_auth(request)
    return request


@pytest.mark.parametrize("key", KEYS)
def test_keys_of_objects(service, user, key):
    body = b"dear"
    put = received(sent_by_client(user, "put_object", Key=key, Body=body), body)
    get = received(sent_by_client(user, "get_object", Key=key), b"")
    for one in (put, get):
        assert service.forwards(one)["Principal"] == user.name
        # The same, in other digits, is the same path.
        lower = re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), one.uri)
        assert service.forwards(replace(one, uri=lower))["Principal"] == user.name
        # Another path is not, and neither is another reading of this one.
        for other in (one.uri + "x", one.uri + "/", one.uri.replace("/", "//", 1)):
            refused(service, replace(one, uri=other))
        again = one.uri.replace("%", "%25")
        if again != one.uri:
            refused(service, replace(one, uri=again))


def refused(service, one):
    """The service gets nothing for it."""
    with pytest.raises(Refused) as error:
        service.forwards(one)
    assert error.value.code in ("SignatureDoesNotMatch", "InvalidSignatureException")


@pytest.mark.parametrize(
    "path",
    ["/", "/post", "/post/", "//", "/post//a", "/post/a/../b", "/post/%20", "/post/%E6%97%A5"],
)
def test_paths_are_signed_as_they_stand(service, user, path):
    request = signed(user, f"http://storage.example.com{path}?list-type=2&prefix=a%20b")
    assert service.forwards(received(request, b""))["Principal"] == user.name


@pytest.mark.parametrize("path", ["/post/a%2Fb", "/post/a%2fb", "/post/%", "/post/%4", "/post/%zz"])
def test_paths_that_read_in_two_ways_are_refused(service, user, path):
    """Also where the user signed just that."""
    refused(service, received(signed(user, f"http://storage.example.com{path}"), b""))
    one = received(signed(user, "http://storage.example.com/post/a/b"), b"")
    assert service.forwards(one)["Principal"] == user.name
    refused(service, replace(one, uri=path))


def test_dots_and_slashes_are_parts_of_the_key(service, user):
    """A signature for one of these is none for its normal form."""
    for path, other in [
        ("/post/a/../b", "/post/b"),
        ("/post//a", "/post/a"),
        ("/post/./a", "/post/a"),
    ]:
        one = received(signed(user, f"http://storage.example.com{path}"), b"")
        assert service.forwards(one)["Principal"] == user.name
        refused(service, replace(one, uri=other))
        back = received(signed(user, f"http://storage.example.com{other}"), b"")
        refused(service, replace(back, uri=path))


def test_other_services_have_paths_that_are_encoded_again(home, user):
    """All clients but those of S3: what was signed one way is not verified the other way."""
    files, storage = Service(home, "files"), Service(home, "s3")
    path = "/post/a%20b"
    url = f"http://storage.example.com{path}"
    request = signed(user, url, signer=SigV4Auth, service="files")
    assert files.forwards(received(request, b""))["Principal"] == user.name
    refused(files, received(signed(user, url, service="files"), b""))
    refused(storage, received(signed(user, url, signer=SigV4Auth), b""))
