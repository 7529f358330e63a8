"""A SigV4 signer of our own, every part of which a test can bend.

Source: reference/formats/sigv4-verification.md, "Header form".
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timezone

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"


def stamp(when=None):
    """The `x-amz-date` form of a moment; now by default."""
    when = when or datetime.now(timezone.utc)
    return when.strftime("%Y%m%dT%H%M%SZ")


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(secret, date, region, service, terminator=TERMINATOR):
    """The derived key of one day, Region and service."""
    key = _hmac(b"AWS4" + secret.encode(), date)
    return _hmac(_hmac(_hmac(key, region), service), terminator)


def canonical_value(value):
    """Trimmed, runs of spaces made one."""
    return " ".join(value.strip().split())


@dataclass
class Credential:
    """An access key, and the Region that it signs for."""

    key_id: str
    secret: str
    region: str = "us-east-1"


@dataclass
class Signing:
    """How to sign one request; the defaults make a good signature."""

    credential: Credential
    date: str = field(default_factory=stamp)
    scope_date: str | None = None
    region: str | None = None
    service: str = "kms"
    terminator: str = TERMINATOR
    algorithm: str = ALGORITHM
    signed_headers: list[str] | None = None
    method: str = "POST"
    path: str = "/"
    query: str = ""
    payload_hash: str | None = None

    @property
    def scope(self):
        """The credential scope as it stands in the Authorization header."""
        date = self.scope_date or self.date[:8]
        region = self.region if self.region is not None else self.credential.region
        return f"{date}/{region}/{self.service}/{self.terminator}"

    def names(self, headers):
        """The SignedHeaders list: all headers unless the test says otherwise."""
        if self.signed_headers is not None:
            return self.signed_headers
        return sorted({name.lower() for name, _ in headers})

    def canonical_request(self, headers, body):
        """The canonical request over the headers as given."""
        values = {}
        for name, value in headers:
            values.setdefault(name.lower(), []).append(canonical_value(value))
        names = self.names(headers)
        lines = "".join(f"{name}:{','.join(values.get(name, ['']))}\n" for name in names)
        digest = self.payload_hash or hashlib.sha256(body).hexdigest()
        parts = [self.method, self.path, self.query, lines, ";".join(names), digest]
        return "\n".join(parts)

    def signature(self, headers, body):
        """The signature, 64 lower-case hex digits."""
        request = hashlib.sha256(self.canonical_request(headers, body).encode()).hexdigest()
        text = "\n".join([self.algorithm, self.date, self.scope, request])
        date, region, service, terminator = self.scope.split("/", 3)
        key = signing_key(self.credential.secret, date, region, service, terminator)
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    def authorization(self, headers, body, signature=None):
        """The value of the Authorization header."""
        signature = signature if signature is not None else self.signature(headers, body)
        return (
            f"{self.algorithm} Credential={self.credential.key_id}/{self.scope}, "
            f"SignedHeaders={';'.join(self.names(headers))}, Signature={signature}"
        )
