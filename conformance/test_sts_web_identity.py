"""AssumeRoleWithWebIdentity: good tokens of a local issuer, and every bad one."""

import base64
import hashlib
import hmac
import json
import subprocess
import time

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from harness import server as process
from harness import wire
from harness.query import FORM, Who, document, form_of, may, refused, send, trusts

ISSUER, AUDIENCE = "https://issuer.test/oidc", "sts.example"
OTHER = "https://other.test"
INVALID, DENIED = "InvalidIdentityToken", "AccessDenied"
NOT_AUTHORIZED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


def b64(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    if isinstance(data, int):
        data = data.to_bytes((data.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Issuer:
    """Keys of an issuer, and tokens that it signs."""

    def __init__(self):
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.stranger = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())

    def key_set(self):
        one, two = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        return {
            "keys": [
                {
                    "kty": "RSA",
                    "kid": "rsa1",
                    "use": "sig",
                    "alg": "RS256",
                    "n": b64(one.n),
                    "e": b64(one.e),
                },
                {
                    "kty": "EC",
                    "kid": "ec1",
                    "use": "sig",
                    "alg": "ES256",
                    "crv": "P-256",
                    "x": b64(two.x.to_bytes(32)),
                    "y": b64(two.y.to_bytes(32)),
                },
            ]
        }

    def claims(self, **more):
        now = int(time.time())
        return {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "system:serviceaccount:ns:app",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "jti": "1",
            **more,
        }

    def token(self, header=None, key=None, **claims):
        claims = {k: v for k, v in self.claims(**claims).items() if v is not None}
        head = {"alg": "RS256", "typ": "JWT", "kid": "rsa1", **(header or {})}
        head = {k: v for k, v in head.items() if v is not None}
        signed = f"{b64(head)}.{b64(claims)}"
        return f"{signed}.{b64(self.sign(head.get('alg'), signed.encode(), key))}"

    def sign(self, algorithm, data, key=None):
        if algorithm == "RS256":
            return (key or self.rsa).sign(data, padding.PKCS1v15(), hashes.SHA256())
        if algorithm == "RS1":
            return self.rsa.sign(data, padding.PKCS1v15(), hashes.SHA1())
        if algorithm == "PS256":
            return self.rsa.sign(
                data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()
            )
        if algorithm == "ES256":
            r, s = decode_dss_signature((key or self.ec).sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)
        if algorithm == "HS256":
            return hmac.new(key, data, hashlib.sha256).digest()
        return b""

    def pem(self):
        return self.rsa.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


class OidcServer(process.Server):
    """A server that knows an issuer's keys from a file."""

    def start(self):
        command = [
            process.binary(),
            "dev",
            "--listen",
            f"127.0.0.1:{self.port}",
            "--data-dir",
            str(self.data_dir),
            "--jwks",
            f"{ISSUER}={self.key_set}",
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        process.until(self._ready, process.READY_SECONDS, "healthy")
        return self


@pytest.fixture(scope="module")
def oidc(tmp_path_factory, issuer):
    folder = tmp_path_factory.mktemp("oidc")
    (folder / "keys.json").write_text(json.dumps(issuer.key_set()))
    server = OidcServer(folder / "data")
    server.key_set = folder / "keys.json"
    yield server.start()
    server.stop()


@pytest.fixture
def root(oidc):
    """An account with the provider and the role `pod` for one service account."""
    root = Who(oidc)
    root.provider = root.iam.create_open_id_connect_provider(
        Url=ISSUER, ClientIDList=[AUDIENCE], ThumbprintList=["a" * 40]
    )["OpenIDConnectProviderArn"]
    assert root.provider == root.arn("oidc-provider/issuer.test/oidc")
    condition = {
        "StringEquals": {
            "issuer.test/oidc:aud": AUDIENCE,
            "issuer.test/oidc:sub": "system:serviceaccount:ns:app",
        }
    }
    root.pod = root.role(
        "pod",
        [
            trusts(
                {"Federated": root.provider}, "sts:AssumeRoleWithWebIdentity", Condition=condition
            )
        ],
        may("iam:ListUsers"),
    )
    return root


def assume(root, token, role=None, **members):
    """The answer for a token, asked without any credentials."""
    client = boto3.client(
        "sts",
        endpoint_url=root.server.endpoint,
        region_name="us-east-1",
        config=Config(
            signature_version=UNSIGNED,
            retries={"total_max_attempts": 1},
            parameter_validation=False,
        ),
    )
    members = {"RoleSessionName": "pod-1", **members}
    return client.assume_role_with_web_identity(
        RoleArn=role or root.pod["Arn"], WebIdentityToken=token, **members
    )


@pytest.mark.parametrize("header", [{}, {"alg": "ES256", "kid": "ec1"}])
def test_a_pod_needs_no_secret(root, issuer, header):
    out = assume(root, issuer.token(header))
    assert out["SubjectFromWebIdentityToken"] == "system:serviceaccount:ns:app"
    assert out["Audience"] == AUDIENCE and out["Provider"] == root.provider
    assert out["AssumedRoleUser"]["Arn"] == root.arn("assumed-role/pod/pod-1", "sts")
    who = root.with_session(out["Credentials"])
    me = who.sts.get_caller_identity()
    assert me["UserId"] == root.pod["RoleId"] + ":pod-1"
    who.iam.list_users()
    refused(DENIED, who.iam.list_roles, status=403)
    limited = assume(root, issuer.token(header), Policy=document(may("kms:*")))
    refused(DENIED, root.with_session(limited["Credentials"]).iam.list_users, status=403)


def test_an_audience_of_several(root, issuer):
    assume(root, issuer.token(aud=[AUDIENCE]))
    refused(
        DENIED,
        assume,
        root,
        issuer.token(sub="system:serviceaccount:ns:other"),
        text=NOT_AUTHORIZED,
        status=403,
    )


def test_fetched_tokens_are_not_the_roles_of_everybody(root, issuer, oidc):
    """Roles that trust an account, or another provider, do not take the token."""
    root.role("plain", [trusts(root.arn("root"))])
    root.role(
        "wrong", [trusts({"Federated": "accounts.google.com"}, "sts:AssumeRoleWithWebIdentity")]
    )
    root.role("action", [trusts({"Federated": root.provider}, ["sts:TagSession"])])
    for name in ("plain", "wrong", "action", "missing"):
        refused(
            DENIED,
            assume,
            root,
            issuer.token(),
            root.arn(f"role/{name}"),
            text=NOT_AUTHORIZED,
            status=403,
        )
    # Another account without the provider.
    other = Who(oidc)
    trust = trusts({"Federated": root.provider}, "sts:AssumeRoleWithWebIdentity")
    try:
        arn = other.role("pod", [trust])["Arn"]
    except other.iam.exceptions.MalformedPolicyDocumentException:
        return
    refused((INVALID, DENIED), assume, root, issuer.token(), arn)


def signed_by_public_key(i):
    """HS256 with what everybody knows as its key."""
    return i.token({"alg": "HS256"}, key=i.pem())


def none_of(name):
    return lambda i: i.token({"alg": name})


def cut(i):
    return i.token().rsplit(".", 1)[0] + "."


def flipped(i):
    head, body, signature = i.token().split(".")
    return f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def other_body(i):
    head, _, signature = i.token().split(".")
    return f"{head}.{b64(i.claims(sub='system:serviceaccount:ns:app', jti='2'))}.{signature}"


BAD = {
    "alg none": none_of("none"),
    "alg None": none_of("None"),
    "alg NONE": none_of("NONE"),
    "alg empty": none_of(""),
    "alg none without signature": lambda i: i.token({"alg": "none"}).rstrip(".") + ".",
    "alg none, a good signature": lambda i: f"{b64({'alg': 'none', 'kid': 'rsa1'})}.{'.'.join(i.token().split('.')[1:])}",
    "HS256 with the public key": signed_by_public_key,
    "HS256 with the modulus": lambda i: i.token(
        {"alg": "HS256"}, key=i.key_set()["keys"][0]["n"].encode()
    ),
    "RS1": lambda i: i.token({"alg": "RS1"}),
    "RS256 signed by a stranger": lambda i: i.token(key=i.stranger),
    "unknown kid": lambda i: i.token({"kid": "nobody"}, key=i.stranger),
    "RSA kid for EC": lambda i: i.token({"alg": "ES256", "kid": "rsa1"}),
    "EC kid for RSA": lambda i: i.token({"alg": "RS256", "kid": "ec1"}),
    "an own key in the header": lambda i: i.token(
        {
            "kid": None,
            "jwk": {
                "kty": "RSA",
                "n": b64(i.stranger.public_key().public_numbers().n),
                "e": "AQAB",
            },
        },
        key=i.stranger,
    ),
    "a key's address in the header": lambda i: i.token(
        {"jku": "http://127.0.0.1:1/keys", "kid": "x"}, key=i.stranger
    ),
    "crit": lambda i: i.token({"crit": ["x"], "x": 1}),
    "no signature": cut,
    "flipped signature": flipped,
    "other body": other_body,
    "two parts": lambda i: ".".join(i.token().split(".")[:2]),
    "five parts": lambda i: i.token() + ".a.b",
    "not base64": lambda i: "!!!!.!!!!.!!!!",
    "not JSON": lambda i: f"{b64(b'x' * 9)}.{b64(b'y' * 9)}.{b64(b'z' * 9)}",
    "wrong audience": lambda i: i.token(aud="other"),
    "no audience": lambda i: i.token(aud=None),
    "empty audience": lambda i: i.token(aud=[]),
    "audience of wrong kind": lambda i: i.token(aud={"a": AUDIENCE}),
    "wrong issuer": lambda i: i.token(iss=OTHER),
    "issuer with a slash": lambda i: i.token(iss=ISSUER + "/"),
    "issuer by http": lambda i: i.token(iss=ISSUER.replace("https", "http")),
    "no issuer": lambda i: i.token(iss=None),
    "issuer in capitals": lambda i: i.token(iss=ISSUER.upper()),
    "no subject": lambda i: i.token(sub=None),
    "no expiry": lambda i: i.token(exp=None),
    "expiry as text": lambda i: i.token(exp="9999999999"),
    "expiry null": lambda i: i.token(exp="null"),
    "expiry negative": lambda i: i.token(exp=-1),
    "expired": lambda i: i.token(exp=int(time.time()) - 400, iat=1, nbf=1),
    "not yet": lambda i: i.token(
        nbf=int(time.time()) + 1000, iat=int(time.time()) + 1000, exp=int(time.time()) + 2000
    ),
    "issued tomorrow": lambda i: i.token(
        iat=int(time.time()) + 90000, nbf=None, exp=int(time.time()) + 95000
    ),
    "two of a claim": lambda i: doubled(i),
}


def doubled(i):
    body = json.dumps(i.claims(sub="evil"))[:-1] + ',"sub":"system:serviceaccount:ns:app"}'
    head = b64({"alg": "RS256", "kid": "rsa1"})
    signed = f"{head}.{b64(body.encode())}"
    return f"{signed}.{b64(i.sign('RS256', signed.encode()))}"


@pytest.mark.parametrize("what", BAD)
def test_bad_tokens(root, issuer, what):
    codes = (INVALID, "ExpiredTokenException", "ValidationError", DENIED)
    refused(codes, assume, root, BAD[what](issuer))


def test_the_code_of_an_expired_token(root, issuer):
    token = issuer.token(exp=int(time.time()) - 400, iat=int(time.time()) - 1000, nbf=None)
    text = refused("ExpiredTokenException", assume, root, token, status=400)
    assert text.startswith("Token expired: current date/time "), text


def test_the_texts_for_issuers_and_audiences(root, issuer):
    refused(
        INVALID,
        assume,
        root,
        issuer.token(aud="other"),
        text="Incorrect token audience",
        status=400,
    )
    text = f"No OpenIDConnect provider found in your account for {OTHER}"
    refused(INVALID, assume, root, issuer.token(iss=OTHER), text=text, status=400)


def test_huge_tokens(root, issuer):
    before = time.monotonic()
    for token in ("x" * 20001, issuer.token(big="x" * 30000), "." * 20000, "a." * 9000):
        refused(("ValidationError", INVALID), assume, root, token, status=400)
    deep = b64(b'{"a":' * 2500 + b"1" + b"}" * 2500)
    refused(
        (INVALID, "ValidationError"),
        assume,
        root,
        f"{b64({'alg': 'RS256', 'kid': 'rsa1'})}.{deep}.{b64(b'x' * 256)}",
    )
    assert time.monotonic() - before < 5


def test_a_missing_kid(root, issuer):
    """Without a kid a token is refused, or tried against the issuer's keys; never a stranger's."""
    refused((INVALID, DENIED), assume, root, issuer.token({"kid": None}, key=issuer.stranger))


def test_a_provider_that_is_gone(root, issuer):
    assume(root, issuer.token())
    root.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=root.provider)
    text = f"No OpenIDConnect provider found in your account for {ISSUER}"
    refused(INVALID, assume, root, issuer.token(), text=text, status=400)


def test_client_ids_of_a_new_provider(root, issuer):
    """The provider's list counts, as it is now."""
    condition = {"StringEquals": {"issuer.test/oidc:sub": "system:serviceaccount:ns:app"}}
    root.iam.update_assume_role_policy(
        RoleName="pod",
        PolicyDocument=document(
            trusts(
                {"Federated": root.provider}, "sts:AssumeRoleWithWebIdentity", Condition=condition
            )
        ),
    )
    refused(INVALID, assume, root, issuer.token(aud="second"), status=400)
    root.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=root.provider)
    root.iam.create_open_id_connect_provider(
        Url=ISSUER, ClientIDList=["second"], ThumbprintList=["a" * 40]
    )
    assume(root, issuer.token(aud="second"))
    refused(INVALID, assume, root, issuer.token(), status=400)


def test_durations(root, issuer):
    text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    refused(
        "ValidationError", assume, root, issuer.token(), DurationSeconds=3601, text=text, status=400
    )
    refused("ValidationError", assume, root, issuer.token(), DurationSeconds=899, status=400)


def test_nothing_else_without_a_signature(root, issuer):
    host = ("Host", f"127.0.0.1:{root.server.port}")
    for action, version in (
        ("AssumeRole", "2011-06-15"),
        ("GetCallerIdentity", "2011-06-15"),
        ("ListUsers", "2010-05-08"),
        ("GetSessionToken", "2011-06-15"),
        ("CreateUser", "2010-05-08"),
    ):
        body = form_of(
            [
                ("Action", action),
                ("Version", version),
                ("UserName", "x"),
                ("RoleArn", root.pod["Arn"]),
                ("RoleSessionName", "pod-1"),
                ("WebIdentityToken", issuer.token()),
            ]
        )
        answer = send(root.server, wire.request_bytes([host, ("Content-Type", FORM)], body))
        assert answer.status in (400, 403), answer
        assert answer.code == "MissingAuthenticationToken", answer
    assert root.iam.list_users()["Users"] == []


def test_signed_calls_are_taken_too(root, issuer):
    """A signature of somebody adds nothing and takes nothing."""
    user = root.user("u")
    user.sts.assume_role_with_web_identity(
        RoleArn=root.pod["Arn"], RoleSessionName="pod-1", WebIdentityToken=issuer.token()
    )


def test_providers(root):
    iam, arn = root.iam, root.provider
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert got["Url"] == "issuer.test/oidc" and got["ClientIDList"] == [AUDIENCE]
    assert got["ThumbprintList"] == ["a" * 40] and got["CreateDate"]
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == [{"Arn": arn}]
    refused(
        "EntityAlreadyExists",
        iam.create_open_id_connect_provider,
        Url=ISSUER,
        ThumbprintList=["a" * 40],
        status=409,
    )
    for url in ("http://x.test", "x", "https://", "https://x.test?a=b", "ftp://x.test", ""):
        refused(
            ("ValidationError", "InvalidInput"),
            iam.create_open_id_connect_provider,
            Url=url,
            ThumbprintList=["a" * 40],
            status=400,
        )
    for bad in (["x"], ["a" * 39], ["a" * 40] * 6):
        refused(
            ("ValidationError", "InvalidInput", "LimitExceeded"),
            iam.create_open_id_connect_provider,
            Url="https://y.test",
            ThumbprintList=bad,
        )
    iam.update_open_id_connect_provider_thumbprint(
        OpenIDConnectProviderArn=arn, ThumbprintList=["b" * 40, "c" * 40]
    )
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ThumbprintList"] == [
        "b" * 40,
        "c" * 40,
    ]
    iam.tag_open_id_connect_provider(
        OpenIDConnectProviderArn=arn, Tags=[{"Key": "a", "Value": "1"}]
    )
    assert iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)["Tags"] == [
        {"Key": "a", "Value": "1"}
    ]
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["a"])
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    text = f"OpenIDConnect Provider not found for arn {arn}"
    refused(
        "NoSuchEntity",
        iam.get_open_id_connect_provider,
        OpenIDConnectProviderArn=arn,
        text=text,
        status=404,
    )
