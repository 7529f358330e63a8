"""Every operation of IAM and STS with members of every wrong kind: refused or done, never a fault."""

import random

import botocore.session
import pytest

from harness.query import VERSIONS, Who, document, form_of, may

SEED = 20260101
_session = botocore.session.get_session()
VALUES = [
    "",
    " ",
    "*",
    "x",
    "é",
    "\0",
    "\x01",
    "%",
    "&=",
    "-1",
    "0",
    "1",
    "2147483648",
    "1e9",
    "true",
    "null",
    "arn:aws:iam::111122223333:role/x",
    "arn:aws:iam::aws:policy/AdministratorAccess",
    "arn:::::",
    "/",
    "//",
    "a" * 129,
    "a" * 3000,
    "{}",
    "[]",
    '{"Version":"2012-10-17","Statement":[]}',
    "\U0001f600",
    "<a>&b;",
    "../..",
    "https://x.test",
    "AKIAIOSFODNN7EXAMPLE",
    "v1",
    "\ud7ff",
    "\u202e",
    "string",
]


def members(shape, prefix, pick, depth=0):
    """Pairs for a shape of the model, filled with values that mostly do not fit."""
    kind = shape.type_name
    if kind == "structure":
        for name, member in shape.members.items():
            if pick.random() < 0.8:
                yield from members(member, f"{prefix}.{name}" if prefix else name, pick, depth + 1)
    elif kind == "list":
        for number in range(1, pick.choice([1, 1, 2, 4])):
            yield from members(shape.member, f"{prefix}.member.{number}", pick, depth + 1)
    else:
        yield prefix, pick.choice(VALUES)


def operations():
    for service in ("iam", "sts"):
        model = _session.get_service_model(service)
        for name in model.operation_names:
            yield service, name


@pytest.fixture(scope="module")
def root(server):
    root = Who(server)
    root.iam.create_user(UserName="x")
    return root


@pytest.mark.parametrize("service, name", list(operations()))
def test_wrong_members(root, service, name):
    pick = random.Random(f"{SEED}{service}{name}")
    shape = _session.get_service_model(service).operation_model(name).input_shape
    for _ in range(6):
        pairs = list(members(shape, "", pick)) if shape else []
        body = form_of([("Action", name), ("Version", VERSIONS[service]), *pairs])
        answer = root.form(service, body)
        assert answer.status < 500, (answer, body[:2000])
        if answer.status >= 400:
            assert answer.code and answer.text("Type") == "Sender", (answer, body[:2000])
        else:
            assert answer.root.tag.endswith(f"{name}Response"), answer


def test_random_bytes(root):
    pick = random.Random(SEED)
    alphabet = b"Action=ListUsersVersion2010-05-08&&==%%..member.1Tags+\x00\xff\xc3\xa9{}"
    for _ in range(300):
        body = bytes(pick.choice(alphabet) for _ in range(pick.randrange(200)))
        answer = root.form("iam", b"Action=TagUser&Version=2010-05-08&" + body)
        assert 400 <= answer.status < 500 and answer.code, (answer, body)


def test_bent_documents(root):
    """A good document with bytes changed, cut out or doubled is a policy or is refused."""
    pick = random.Random(SEED)
    text = document(
        may(
            ["kms:*", "s3:Get*"],
            ["arn:aws:s3:::b/${aws:username}/*", "*"],
            Condition={
                "ForAnyValue:StringLike": {"aws:TagKeys": ["a*", "b?"]},
                "Null": {"aws:x": "true"},
            },
        )
    )
    for _ in range(300):
        bent = list(text)
        for _ in range(pick.choice([1, 1, 2, 5])):
            at = pick.randrange(len(bent))
            how = pick.random()
            if how < 0.4:
                bent[at] = pick.choice('{}[]",:*?$ \\\u00e9x0')
            elif how < 0.7:
                del bent[at]
            else:
                bent[at:at] = bent[at : at + pick.randrange(20)]
        answer = root.ask(
            "iam", "PutUserPolicy", UserName="x", PolicyName="p", PolicyDocument="".join(bent)
        )
        assert answer.status in (200, 400, 409), ("".join(bent), answer)
        if answer.status == 400:
            assert answer.code in ("MalformedPolicyDocument", "ValidationError"), answer


def test_it_lives(root):
    assert root.iam.get_user(UserName="x")
    assert "panic" not in root.server.log_text().lower()
