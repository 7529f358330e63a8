"""A service that forwards requests of its users, by docs/services.md, for tests that bend it."""

import hashlib
import re
import urllib.parse
import xml.etree.ElementTree as xml
from dataclasses import dataclass

from harness import wire
from harness.sigv4 import Credential, Signing
from people import Person

FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass
class Received:
    """What a service received from its user: the parameters of GetForwardAccessSession."""

    method: str
    uri: str
    query: str
    headers: list
    digest: str

    def form(self, **more):
        """The form's parameters."""
        form = {
            "Action": "GetForwardAccessSession",
            "Version": "2011-06-15",
            "Method": self.method,
            "Uri": self.uri,
            "Query": self.query,
            "PayloadSha256": self.digest,
        }
        for at, (name, value) in enumerate(self.headers, 1):
            form |= {f"Headers.member.{at}.Name": name, f"Headers.member.{at}.Value": value}
        return {**form, **more}


def asks(person, label="s3", method="PUT", uri="/post/letter", query="", body=b"dear", **signing):
    """A person's signed request to the service of this label, as the service receives it."""
    how = Signing(person.credential, service=label, method=method, path=uri, query=query, **signing)
    digest = hashlib.sha256(body).hexdigest()
    headers = [
        ("Host", f"{label}.example.com"),
        ("X-Amz-Date", how.date),
        ("X-Amz-Content-Sha256", digest),
    ]
    if person.token:
        headers.append(("X-Amz-Security-Token", person.token))
    headers.append(("Authorization", how.authorization(headers, body)))
    return Received(method, uri, query, headers, digest)


@dataclass
class Refused(Exception):
    """An error of STS."""

    status: int
    code: str
    message: str


class Service(Person):
    """A service, by its label, acting for one account."""

    def __init__(self, account, label="s3", secret="test", region=None):
        key_id = f"service_{label}_{account.id}"
        super().__init__(
            account.server,
            account.id,
            (key_id, secret, None),
            f"{label}.amazonaws.com",
            region or account.root.region,
        )
        self.label, self.home = label, account

    def calls(self, form):
        """The XML answer of STS to a form signed by this service."""
        body = urllib.parse.urlencode(form).encode()
        how = Signing(self.credential, service="sts")
        headers = [
            ("Host", f"127.0.0.1:{self.server.port}"),
            ("Content-Type", FORM),
            ("X-Amz-Date", how.date),
        ]
        if self.token:
            headers.append(("X-Amz-Security-Token", self.token))
        headers.append(("Authorization", how.authorization(headers, body)))
        answer = wire.exchange(self.server.port, wire.request_bytes(headers, body))
        root = xml.fromstring(re.sub(rb' xmlns="[^"]*"', b"", answer.raw))
        if answer.status != 200:
            raise Refused(answer.status, root.findtext(".//Code"), root.findtext(".//Message"))
        return {node.tag: node.text for node in root.iter()}

    def forwards(self, received, **more):
        """The credentials with which this service is its user."""
        return self.calls(received.form(**more))

    def acts_for(self, person, **how):
        """A caller of KMS: the person, through this service."""
        return self.being(self.forwards(asks(person, self.label, **how)), person)

    def being(self, parts, person):
        """A caller with the credentials of an answer."""
        credentials = (parts["AccessKeyId"], parts["SecretAccessKey"], parts["SessionToken"])
        caller = Person(self.server, person.account, credentials, person.name, self.region)
        assert isinstance(caller.credential, Credential)
        return caller

    def for_resource(self, arn=None, account=None):
        """The service on behalf of a resource: signed x-amz-source-… headers."""
        extra = [("X-Amz-Source-Arn", arn)] if arn else []
        extra += [("X-Amz-Source-Account", account)] if account else []
        same = Service(self.home, self.label, self.credential.secret, self.region)
        same.extra = extra
        return same
