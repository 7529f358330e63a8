"""The query protocol by hand (forms in, XML out), boto3 clients of IAM and STS, and who asks."""

import json
import xml.etree.ElementTree as ElementTree
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from harness import wire
from harness.caller import fresh_account
from harness.sigv4 import Credential, Signing

VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}
FORM = "application/x-www-form-urlencoded; charset=utf-8"
_session = boto3.Session()


class Who:
    """Credentials at a server. `who.iam`, `who.sts` and `who.kms` are boto3 clients with them."""

    def __init__(self, server, key_id=None, secret="test", token=None, region="us-east-1"):
        self.server, self.token, self.region = server, token, region
        self.credential = Credential(key_id or fresh_account(), secret, region)
        self._clients = {}

    @property
    def account(self):
        """The account, when the credentials are those of a root user."""
        return self.credential.key_id

    def arn(self, rest, service="iam"):
        """An ARN of the root user's account."""
        return f"arn:aws:{service}::{self.account}:{rest}"

    def client(self, service):
        """The boto3 client; parameters go out unchecked."""
        if service not in self._clients:
            self._clients[service] = _session.client(
                service,
                endpoint_url=self.server.endpoint,
                region_name=self.region,
                aws_access_key_id=self.credential.key_id,
                aws_secret_access_key=self.credential.secret,
                aws_session_token=self.token,
                config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
            )
        return self._clients[service]

    iam = property(lambda self: self.client("iam"))
    sts = property(lambda self: self.client("sts"))
    kms = property(lambda self: self.client("kms"))

    def with_key(self, access_key):
        """Who an access key is, as IAM answers it."""
        return Who(self.server, access_key["AccessKeyId"], access_key["SecretAccessKey"])

    def with_session(self, credentials):
        """Who credentials are, as STS answers them."""
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        return Who(self.server, *(credentials[name] for name in names))

    def user(self, name, *statements, **members):
        """A new user of this root user's account; it has `arn_`, `id_` and an access key."""
        made = self.iam.create_user(UserName=name, **members)["User"]
        if statements:
            self.iam.put_user_policy(
                UserName=name, PolicyName="own", PolicyDocument=document(*statements)
            )
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        user = self.with_key(key)
        user.name, user.arn_, user.id_, user.key = name, made["Arn"], made["UserId"], key
        return user

    def role(self, name, trust, *statements, **members):
        """A new role of this root user's account; its description."""
        text = trust if isinstance(trust, str) else document(*trust)
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=text, **members)["Role"]
        if statements:
            self.iam.put_role_policy(
                RoleName=name, PolicyName="own", PolicyDocument=document(*statements)
            )
        return made

    def assume(self, role_arn, name="shift", **members):
        """A session of a role; it has `arn_` and `answer`."""
        out = self.sts.assume_role(RoleArn=role_arn, RoleSessionName=name, **members)
        who = self.with_session(out["Credentials"])
        who.arn_, who.answer = out["AssumedRoleUser"]["Arn"], out
        return who

    def me(self):
        """The ARN that STS knows the caller by."""
        return self.sts.get_caller_identity()["Arn"]

    def form(self, service, body, **bend):
        """Sends a form (pairs, or bytes as they are), well signed; keywords bend the request."""
        if not isinstance(body, bytes):
            body = form_of(body)
        bend = {"content_type": FORM, "method": "POST", "path": "/", "headers": (), **bend}
        query = bend.get("query", "")
        target = bend["path"] + (f"?{query}" if query else "")
        signing = Signing(
            self.credential,
            service=bend.get("signed_for", service),
            method=bend["method"],
            path=bend["path"],
            query=query,
        )
        headers = [("Host", f"127.0.0.1:{self.server.port}"), ("X-Amz-Date", signing.date)]
        if bend["content_type"] is not None:
            headers.append(("Content-Type", bend["content_type"]))
        if self.token:
            headers.append(("X-Amz-Security-Token", self.token))
        headers += bend["headers"]
        headers.append(("Authorization", signing.authorization(headers, body)))
        data = wire.request_bytes(headers, body, bend["method"], target)
        return send(self.server, data)

    def ask(self, service, action, *pairs, **named):
        """Calls one operation by hand; keyword arguments become members."""
        version = VERSIONS[service]
        return self.form(
            service, [("Action", action), ("Version", version), *pairs, *named.items()]
        )


class Xml:
    """An answer of the query protocol."""

    def __init__(self, answer):
        self.status, self.headers, self.raw = answer.status, answer.headers, answer.raw

    @property
    def root(self):
        """The document; a body that is not well-formed fails the test."""
        return ElementTree.fromstring(self.raw)

    def text(self, name):
        """The text of the first element of this local name, or None."""
        found = [e for e in self.root.iter() if e.tag.rsplit("}", 1)[-1] == name]
        return (found[0].text or "") if found else None

    code = property(lambda self: self.text("Code"))
    message = property(lambda self: self.text("Message"))

    def __repr__(self):
        return f"{self.status} {self.raw[:600]}"


def send(server, data):
    """Sends request bytes on a connection of their own."""
    with wire.Connection(server.port) as connection:
        connection.send(data)
        return Xml(connection.receive())


def form_of(pairs):
    """Pairs in form encoding."""
    return "&".join(f"{quote(str(k), safe='')}={quote(str(v), safe='')}" for k, v in pairs).encode()


def document(*statements, version="2012-10-17"):
    """A policy document."""
    return json.dumps({"Version": version, "Statement": list(statements)})


def may(action, resource="*", **more):
    """An Allow statement of an identity policy."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def must_not(action, resource="*", **more):
    """A Deny statement of an identity policy."""
    return {**may(action, resource, **more), "Effect": "Deny"}


def trusts(principal, action="sts:AssumeRole", **more):
    """An Allow statement of a trust policy; a text is an AWS principal."""
    who = {"AWS": principal} if isinstance(principal, (str, list)) else principal
    return {"Effect": "Allow", "Principal": who, "Action": action, **more}


def refused(code, call, *arguments, text=None, status=None, **members):
    """Calls what must be refused with this code; returns the message. `text`: the exact message."""
    try:
        out = call(*arguments, **members)
    except ClientError as error:
        found, http = error.response["Error"], error.response["ResponseMetadata"]
        codes = {code} if isinstance(code, str) else set(code)
        assert found["Code"] in codes, error
        if text is not None:
            assert found["Message"] == text, error
        if status is not None:
            assert http["HTTPStatusCode"] == status, (http, str(error))
        return found["Message"]
    raise AssertionError(f"it was allowed: {out}")
