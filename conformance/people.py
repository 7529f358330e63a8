"""Users, roles and sessions, made through boto3, that call KMS as the harness' callers do."""

import json

import boto3
from botocore.config import Config

from harness.caller import Caller, fresh_account

_clients = boto3.Session()


def document(*statements):
    """A policy document as JSON text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def may(action, resource="*", **more):
    """An Allow statement of an identity policy."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def must_not(action, resource="*", **more):
    """A Deny statement of an identity policy."""
    return {**may(action, resource, **more), "Effect": "Deny"}


def trusting(*principals):
    """A role's trust policy."""
    return document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": list(principals)},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        }
    )


class Person(Caller):
    """A caller with an access key of its own, perhaps with a session token and further headers."""

    def __init__(self, server, account, credentials, arn, region="us-east-1"):
        key_id, secret, token = credentials
        super().__init__(server, account, region, secret, key_id)
        self.token, self.arn_of_caller, self.extra = token, arn, []

    @property
    def name(self):
        """The ARN that messages call the caller by."""
        return self.arn_of_caller

    def headers(self, operation, signing):
        """The headers of a good request, without Authorization."""
        headers = super().headers(operation, signing)
        if self.token:
            headers.append(("X-Amz-Security-Token", self.token))
        return headers + self.extra

    def again(self, region=None, extra=()):
        """The same person on a connection of its own."""
        secret = self.credential.secret
        credentials = (self.credential.key_id, secret, self.token)
        same = Person(
            self.server, self.account, credentials, self.arn_of_caller, region or self.region
        )
        same.extra = list(extra)
        return same

    def client(self, service):
        """A boto3 client with the person's credentials."""
        return _clients.client(
            service,
            endpoint_url=self.server.endpoint,
            region_name=self.region,
            aws_access_key_id=self.credential.key_id,
            aws_secret_access_key=self.credential.secret,
            aws_session_token=self.token,
            config=Config(retries={"max_attempts": 1}),
        )

    def answer(self, operation, members=None, **named):
        """None when the call was allowed, else the text of its AccessDeniedException."""
        answer = self.call(operation, members, **named)
        if answer.status == 200:
            return None
        assert answer.code == "AccessDeniedException", f"{operation}: {answer.raw[:600]}"
        return answer.message

    def can(self, operation, members=None, **named):
        """Whether the call is allowed; any other error fails the test."""
        return self.answer(operation, members, **named) is None


class Account:
    """An account: its root user, who makes the others."""

    def __init__(self, server, account=None, region="us-east-1", key=None):
        self.server = server
        self.id = account or fresh_account()
        # Under `keystead dev` the account's number is its root user's access key id.
        key = key or (self.id, "test")
        self.root = Person(server, self.id, (*key, None), self.arn("root"), region)
        self.iam, self.sts = self.root.client("iam"), self.root.client("sts")

    def arn(self, rest, service="iam"):
        """An ARN of this account's IAM or STS."""
        return f"arn:aws:{service}::{self.id}:{rest}"

    def person(self, credentials, arn):
        """Who has credentials as STS answers them."""
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        values = tuple(credentials[name] for name in names)
        return Person(self.server, self.id, values, arn, self.root.region)

    def user(self, name, *statements, **members):
        """A new user with an access key, and with these statements as its inline policy `own`."""
        made = self.iam.create_user(UserName=name, **members)["User"]
        if statements:
            self.gives(name, *statements)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        credentials = (key["AccessKeyId"], key["SecretAccessKey"], None)
        person = Person(self.server, self.id, credentials, made["Arn"], self.root.region)
        person.unique_id = made["UserId"]
        return person

    def gives(self, name, *statements, policy="own"):
        """Replaces an inline policy of a user; without statements it goes."""
        if statements:
            text = document(*statements)
            self.iam.put_user_policy(UserName=name, PolicyName=policy, PolicyDocument=text)
        else:
            self.iam.delete_user_policy(UserName=name, PolicyName=policy)

    def deletes(self, name):
        """Deletes a user with all that hangs on it."""
        for one in self.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            self.iam.delete_access_key(UserName=name, AccessKeyId=one["AccessKeyId"])
        for policy in self.iam.list_user_policies(UserName=name)["PolicyNames"]:
            self.iam.delete_user_policy(UserName=name, PolicyName=policy)
        self.iam.delete_user(UserName=name)

    def role(self, name, *statements, trusts=(), **members):
        """A new role that the account trusts; its description."""
        trust = trusting(self.arn("root"), *trusts)
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **members)
        if statements:
            self.role_gives(name, *statements)
        return made["Role"]

    def role_gives(self, name, *statements, policy="own"):
        """Replaces an inline policy of a role; without statements it goes."""
        if statements:
            text = document(*statements)
            self.iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=text)
        else:
            self.iam.delete_role_policy(RoleName=name, PolicyName=policy)

    def assuming(self, *statements):
        """A user of this account who may assume roles."""
        if not hasattr(self, "_assumer"):
            self._assumer = self.user(
                "assumer", may(["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])
            )
        return self._assumer

    def session(self, role, name="shift", by=None, **members):
        """A session of a role, by its name."""
        out = (
            (by or self.assuming())
            .client("sts")
            .assume_role(RoleArn=self.arn(f"role/{role}"), RoleSessionName=name, **members)
        )
        return self.person(out["Credentials"], out["AssumedRoleUser"]["Arn"])

    def federated(self, by, name, **members):
        """A federated user, made by a user."""
        out = by.client("sts").get_federation_token(Name=name, **members)
        return self.person(out["Credentials"], out["FederatedUser"]["Arn"])
