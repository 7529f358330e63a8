"""Global condition keys for every kind of caller, every operator, set operators and variables,
each through real requests. reference/authorization.md, "Global keys that matter", "Operators",
"Policy variables"; IAM User Guide, "IAM JSON policy elements: Condition operators"."""

import json
import time
from types import SimpleNamespace

import pytest

from harness.texts import allow, policy
from people import Account, document, may

KEEP = ["kms:PutKeyPolicy", "kms:GetKeyPolicy"]
ALL = {"root", "user", "usersession", "session", "federated"}
TEMPORARY = {"usersession", "session", "federated"}


@pytest.fixture(scope="module")
def people(server):
    """One caller of each kind, and a key that a test opens to everyone under a condition."""
    account = Account(server)
    user = account.user(
        "Jane", may("sts:*"), may("kms:*"), Path="/team/", Tags=[{"Key": "Team", "Value": "blue"}]
    )
    account.role(
        "worker",
        may("kms:*"),
        Path="/shift/",
        Tags=[{"Key": "Team", "Value": "red"}, {"Key": "Stage", "Value": "test"}],
    )
    session = account.session(
        "shift/worker", "night", Tags=[{"Key": "team", "Value": "green"}], SourceIdentity="Jack"
    )
    federated = account.federated(
        user, "guest", Policy=document(may("*")), Tags=[{"Key": "Guest", "Value": "yes"}]
    )
    own = user.client("sts").get_session_token()["Credentials"]
    callers = {
        "root": account.root,
        "user": user,
        "session": session,
        "federated": federated,
        "usersession": account.person(own, user.name),
    }
    key = account.root.key_id()
    return SimpleNamespace(account=account, key=key, user=user, **{"callers": callers})


def filled(people, value):
    """Conditions with `ACCOUNT` and `USERID` filled in."""
    text = json.dumps(value).replace("ACCOUNT", people.account.id)
    return json.loads(text.replace("USERID", people.user.unique_id))


GLOBAL = [
    ("StringEquals", "aws:PrincipalArn", "arn:aws:iam::ACCOUNT:root", {"root"}),
    ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::ACCOUNT:user/*", {"user", "usersession"}),
    ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::ACCOUNT:role/shift/worker", {"session"}),
    ("StringLike", "aws:PrincipalArn", "arn:aws:sts::*", {"federated"}),
    ("StringEquals", "aws:PrincipalAccount", "ACCOUNT", ALL),
    ("StringEquals", "aws:principalaccount", "ACCOUNT", ALL),
    ("StringNotEquals", "aws:PrincipalAccount", "ACCOUNT", set()),
    ("StringEquals", "aws:userid", "ACCOUNT", {"root"}),
    ("StringEquals", "aws:userid", "ACCOUNT:guest", {"federated"}),
    ("StringEquals", "aws:userid", "USERID", {"user", "usersession"}),
    ("StringLike", "aws:userid", "AROA?????????????????:night", {"session"}),
    ("StringEquals", "aws:PrincipalType", "User", {"user", "usersession"}),
    ("StringEquals", "aws:PrincipalType", "AssumedRole", {"session"}),
    ("StringEquals", "aws:PrincipalType", "Account", {"root"}),
    ("StringEquals", "aws:PrincipalType", "FederatedUser", {"federated"}),
    ("StringEquals", "aws:username", "Jane", {"user", "usersession"}),
    ("StringEquals", "aws:username", "jane", set()),
    ("Null", "aws:username", "true", {"root", "session", "federated"}),
    # A federated user keeps the tags of the user who made it; STS API, GetFederationToken, Tags.
    ("StringEquals", "aws:PrincipalTag/Team", "blue", {"user", "usersession", "federated"}),
    ("StringEquals", "aws:PrincipalTag/TEAM", "green", {"session"}),
    ("StringEquals", "aws:PrincipalTag/Team", "red", set()),
    ("StringEquals", "aws:PrincipalTag/Stage", "test", {"session"}),
    ("StringEquals", "aws:PrincipalTag/Guest", "yes", {"federated"}),
    ("Null", "aws:PrincipalTag/Team", "true", {"root"}),
    ("StringEquals", "aws:SourceIdentity", "Jack", {"session"}),
    ("Bool", "aws:ViaAWSService", "false", ALL),
    ("Bool", "aws:ViaAWSService", "true", set()),
    ("Null", "aws:CalledVia", "true", ALL),
    ("Null", "kms:ViaService", "true", ALL),
    ("StringEquals", "aws:ResourceAccount", "ACCOUNT", ALL),
    ("StringEquals", "aws:ResourceAccount", "000000000000", set()),
    ("StringEquals", "aws:RequestedRegion", "us-east-1", ALL),
    ("StringEquals", "aws:RequestedRegion", "eu-west-1", set()),
    ("Bool", "aws:SecureTransport", "false", ALL),
    ("Bool", "aws:SecureTransport", "true", set()),
    ("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "127.0.0.0/8"], ALL),
    ("IpAddress", "aws:SourceIp", "10.0.0.0/8", set()),
    ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", ALL),
    ("NotIpAddress", "aws:SourceIp", "127.0.0.1", set()),
    ("DateGreaterThan", "aws:CurrentTime", "2020-01-01T00:00:00Z", ALL),
    ("DateLessThan", "aws:CurrentTime", "2020-01-01T00:00:00Z", set()),
    ("NumericGreaterThan", "aws:EpochTime", 1577836800, ALL),
    ("DateGreaterThan", "aws:EpochTime", "1577836800", ALL),
    ("NumericLessThan", "aws:EpochTime", "1577836800", set()),
    ("Null", "aws:TokenIssueTime", "false", TEMPORARY),
    ("DateGreaterThan", "aws:TokenIssueTime", "2020-01-01T00:00:00Z", TEMPORARY),
    ("DateLessThan", "aws:TokenIssueTime", "2020-01-01T00:00:00Z", set()),
    ("Bool", "aws:MultiFactorAuthPresent", "true", set()),
    ("BoolIfExists", "aws:MultiFactorAuthPresent", "true", {"root", "user"}),
    ("Null", "aws:MultiFactorAuthAge", "true", ALL),
    ("Bool", "aws:PrincipalIsAWSService", "false", ALL),
    ("Null", "aws:PrincipalServiceName", "true", ALL),
    ("Null", "aws:PrincipalServiceNamesList", "true", ALL),
    ("Null", "aws:PrincipalOrgID", "true", ALL),
    ("Null", "aws:SourceVpce", "true", ALL),
    ("Null", "aws:SourceVpc", "true", ALL),
    ("Null", "aws:VpcSourceIp", "true", ALL),
    ("Null", "aws:SourceArn", "true", ALL),
    ("Null", "aws:SourceAccount", "true", ALL),
    ("Null", "aws:FederatedProvider", "true", ALL),
    ("Null", "aws:NoSuchKey", "true", ALL),
    ("StringEquals", "aws:NoSuchKey", "x", set()),
]


@pytest.mark.parametrize(
    "operator, key, value, who", GLOBAL, ids=[f"{one[0]}-{one[1]}-{one[2]}" for one in GLOBAL]
)
def test_global_key(people, operator, key, value, who):
    condition = filled(people, {operator: {key: value}})
    root = people.account.root
    text = policy(allow(root.name, KEEP), allow("*", "kms:DescribeKey", Condition=condition))
    root.ok("PutKeyPolicy", KeyId=people.key, Policy=text)
    allowed = {
        name for name, one in people.callers.items() if one.can("DescribeKey", KeyId=people.key)
    }
    assert allowed == who


def test_headers_of_the_client(people):
    def under(condition):
        root = people.account.root
        text = policy(allow(root.name, KEEP), allow("*", "kms:DescribeKey", Condition=condition))
        root.ok("PutKeyPolicy", KeyId=people.key, Policy=text)

    plain = people.user
    browser = plain.again(extra=[("User-Agent", "Mozilla/9 (test)")])
    referred = plain.again(extra=[("Referer", "https://example.com/page")])
    under({"StringLike": {"aws:UserAgent": "Mozilla/*"}})
    assert browser.can("DescribeKey", KeyId=people.key)
    assert not plain.can("DescribeKey", KeyId=people.key)
    under({"StringLike": {"aws:Referer": "https://example.com/*"}})
    assert referred.can("DescribeKey", KeyId=people.key)
    assert not browser.can("DescribeKey", KeyId=people.key)
    # What a client claims about itself in other headers changes nothing.
    claims = [
        ("X-Amz-Source-Arn", "arn:aws:s3:::b"),
        ("X-Amz-Source-Account", "111122223333"),
        ("X-Forwarded-For", "10.1.1.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Amz-Source-Vpce", "vpce-1"),
        ("X-Amz-Via-Service", "s3"),
    ]
    liar = plain.again(extra=claims)
    for condition in [
        {"Null": {"aws:SourceArn": "false"}},
        {"Null": {"aws:SourceAccount": "false"}},
        {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"Bool": {"aws:SecureTransport": "true"}},
        {"Null": {"aws:SourceVpce": "false"}},
        {"Null": {"kms:ViaService": "false"}},
        {"Bool": {"aws:ViaAWSService": "true"}},
        {"Bool": {"aws:PrincipalIsAWSService": "true"}},
    ]:
        under(condition)
        assert not liar.can("DescribeKey", KeyId=people.key), condition


# Operators, on the value that an encryption context gives to `kms:EncryptionContext:v`.

MANY = ["one", "two"]
ARN = "arn:aws:s3:us-east-1:111122223333:bucket/a:b"
DAY = "2026-03-01T12:00:00Z"
OPERATORS = [
    # operator, values of the policy, values that match, values that do not
    ("StringEquals", "Blue", ["Blue"], ["blue", "Blue ", "Bl?e", "", None]),
    ("StringEquals", MANY, MANY, ["three", None]),
    ("StringEquals", "B*", ["B*"], ["Blue", None]),
    ("StringNotEquals", "Blue", ["blue", "", None], ["Blue"]),
    ("StringNotEquals", MANY, ["three", None], MANY),
    ("StringEqualsIgnoreCase", "Blue", ["blue", "BLUE"], ["blu", None]),
    ("StringNotEqualsIgnoreCase", "Blue", ["blu", None], ["blue", "BLUE"]),
    ("StringLike", "B*e?", ["Blue1", "Be1"], ["blue1", "Blue", None]),
    ("StringLike", "a${*}b${?}c${$}", ["a*b?c$"], ["aXb?c$", "a*bXc$", "a${*}b${?}c${$}"]),
    ("StringNotLike", "B*", ["red", None], ["Blue", "B"]),
    ("NumericEquals", "5", ["5", "5.0"], ["6", "x", None]),
    ("NumericEquals", 5, ["5"], ["50"]),
    ("NumericNotEquals", "5", ["6", None], ["5", "5.0"]),
    ("NumericLessThan", "10", ["9", "-1"], ["10", "11", "x", None]),
    ("NumericLessThanEquals", "10", ["9", "10"], ["11", None]),
    ("NumericGreaterThan", "10", ["11", "100"], ["10", "9", None]),
    ("NumericGreaterThanEquals", "10", ["10", "11"], ["9", None]),
    ("DateEquals", DAY, [DAY, "2026-03-01T13:00:00+01:00"], ["2026-03-01T12:00:01Z", None]),
    ("DateNotEquals", DAY, ["2026-03-02T12:00:00Z", None], [DAY]),
    ("DateLessThan", DAY, ["2026-02-28", "1000000000"], [DAY, "2026-03-02T00:00:00Z", "x", None]),
    ("DateLessThanEquals", DAY, [DAY], ["2026-03-01T12:00:01Z", None]),
    ("DateGreaterThan", DAY, ["2026-03-01T12:00:01Z"], [DAY, "2025-01-01T00:00:00Z", None]),
    ("DateGreaterThanEquals", DAY, [DAY, "2027-01-01T00:00:00Z"], ["2025-01-01T00:00:00Z", None]),
    ("Bool", "true", ["true"], ["false", "x", "1", None]),
    ("Bool", False, ["false"], ["true", None]),
    ("BoolIfExists", "true", ["true", None], ["false"]),
    ("IpAddress", "10.1.0.0/16", ["10.1.2.3"], ["10.2.0.1", "x", None]),
    ("IpAddress", "2001:db8::/32", ["2001:db8::1"], ["2001:db9::1", "10.1.2.3", None]),
    ("NotIpAddress", "10.1.0.0/16", ["10.2.0.1", None], ["10.1.2.3"]),
    ("ArnEquals", "arn:aws:s3:*:111122223333:bucket/*", [ARN], ["arn:aws:s3:::x", "x", None]),
    ("ArnLike", "arn:aws:s3:us-east-?:*:bucket/a:b", [ARN], [ARN + "c", None]),
    ("ArnLike", "arn:aws:s3:*", [], [ARN, None]),
    ("ArnNotEquals", "arn:aws:s3:*:*:bucket/*", ["arn:aws:s3:::x", None], [ARN]),
    ("ArnNotLike", "arn:aws:s3:*:*:bucket/*", ["arn:aws:s3:::x", None], [ARN]),
    ("Null", "true", [None], ["x", ""]),
    ("Null", "false", ["x"], [None]),
    ("StringEqualsIfExists", "Blue", ["Blue", None], ["blue"]),
    ("StringNotEqualsIfExists", "Blue", ["blue", None], ["Blue"]),
    ("StringLikeIfExists", "B*", ["Blue", None], ["red"]),
    ("NumericLessThanIfExists", "10", ["9", None], ["10"]),
    ("DateGreaterThanIfExists", DAY, ["2027-01-01T00:00:00Z", None], [DAY]),
    ("IpAddressIfExists", "10.1.0.0/16", ["10.1.2.3", None], ["10.2.0.1"]),
    ("ArnLikeIfExists", "arn:aws:s3:*:*:*", [ARN, None], ["arn:aws:sns:::x"]),
    ("ForAnyValue:StringEquals", MANY, MANY, ["three", None]),
]


def encrypts(people, value):
    """Whether the user may encrypt with the context {v: value}, or with none."""
    context = {} if value is None else {"EncryptionContext": {"v": value}}
    return people.user.can("Encrypt", KeyId=people.key, Plaintext=b"x", **context)


@pytest.fixture(scope="module")
def delegated(people):
    """The key with the default policy's statement: identity policies decide."""
    root = people.account.root
    people.account.gives("Jane")
    yield SimpleNamespace(**{**vars(people), "key": root.key_id()})


def gives(people, *statements):
    people.account.gives("Jane", *statements)


@pytest.mark.parametrize(
    "operator, values, good, bad", OPERATORS, ids=[f"{one[0]}-{one[1]}" for one in OPERATORS]
)
def test_operator(delegated, operator, values, good, bad):
    condition = {operator: {"kms:EncryptionContext:v": values}}
    gives(delegated, may("kms:Encrypt", Condition=condition))
    got = {value: encrypts(delegated, value) for value in [*good, *bad]}
    assert got == {**dict.fromkeys(good, True), **dict.fromkeys(bad, False)}
    # A Deny with the same condition denies exactly the same requests.
    deny = {**may("kms:Encrypt", Condition=condition), "Effect": "Deny"}
    gives(delegated, may("kms:*"), deny)
    got = {value: encrypts(delegated, value) for value in [*good, *bad]}
    assert got == {**dict.fromkeys(good, False), **dict.fromkeys(bad, True)}


SETS = [
    # operator, values of the policy, contexts (as texts of letters) that match, that do not
    ("ForAllValues:StringEquals", ["a", "b"], ["", "a", "ab"], ["abc", "c"]),
    ("ForAnyValue:StringEquals", ["a", "b"], ["a", "ab", "bc"], ["", "c"]),
    ("ForAnyValue:StringNotEquals", ["a", "b"], ["abc", "c"], ["", "a", "ab"]),
    ("ForAllValues:StringNotEquals", ["a", "b"], ["", "c", "cd"], ["a", "ac"]),
    ("ForAllValues:StringLike", ["a*"], ["", "a"], ["b", "ab"]),
    ("ForAnyValue:StringEqualsIgnoreCase", ["A"], ["a", "ab"], ["", "b"]),
    ("ForAnyValue:StringEqualsIfExists", ["a"], ["a"], ["b"]),
    ("Null", "true", [""], ["a", "ab"]),
]


@pytest.mark.parametrize("operator, values, good, bad", SETS, ids=[one[0] for one in SETS])
def test_set_operator(delegated, operator, values, good, bad):
    gives(
        delegated, may("kms:Encrypt", Condition={operator: {"kms:EncryptionContextKeys": values}})
    )
    for letters in [*good, *bad]:
        context = {"EncryptionContext": dict.fromkeys(letters, "1")} if letters else {}
        got = delegated.user.can("Encrypt", KeyId=delegated.key, Plaintext=b"x", **context)
        assert got is (letters in good), (operator, letters)


def test_blocks_are_and_values_are_or(delegated):
    both = {
        "StringEquals": {"kms:EncryptionContext:v": ["x", "y"], "aws:username": "Jane"},
        "Bool": {"aws:SecureTransport": "false"},
    }
    gives(delegated, may("kms:Encrypt", Condition=both))
    assert [encrypts(delegated, value) for value in ("x", "y", "z")] == [True, True, False]
    both["StringEquals"]["aws:username"] = "Jack"
    gives(delegated, may("kms:Encrypt", Condition=both))
    assert not encrypts(delegated, "x")
    both["StringEquals"]["aws:username"], both["Bool"] = "Jane", {"aws:SecureTransport": "true"}
    gives(delegated, may("kms:Encrypt", Condition=both))
    assert not encrypts(delegated, "x")


VARIABLES = [
    ("StringEquals", "${aws:username}", "Jane", "${aws:username}"),
    ("StringEquals", "x-${aws:PrincipalTag/Team}-y", "x-blue-y", "x--y"),
    ("StringLike", "${aws:username}/*", "Jane/a", "Jack/a"),
    ("StringEquals", "${aws:userid}", None, "Jane"),
    ("StringEquals", "${aws:PrincipalAccount}", None, "Jane"),
    ("StringEquals", "${aws:PrincipalTag/None, 'nobody'}", "nobody", "${aws:PrincipalTag/None}"),
    ("StringEquals", "${aws:PrincipalTag/Team, 'nobody'}", "blue", "nobody"),
    ("StringEquals", "${aws:PrincipalTag/None}", ..., ""),
    ("StringEquals", "${AWS:USERNAME}", "Jane", "jane"),
    ("StringEquals", "${kms:CallerAccount}", None, "Jane"),
]


@pytest.mark.parametrize("operator, value, good, bad", VARIABLES, ids=[v[1] for v in VARIABLES])
def test_variable(delegated, operator, value, good, bad):
    good = good or {"${aws:userid}": delegated.user.unique_id}.get(value, delegated.account.id)
    gives(delegated, may("kms:Encrypt", Condition={operator: {"kms:EncryptionContext:v": value}}))
    if good is not ...:
        assert encrypts(delegated, good)
    assert not encrypts(delegated, bad) and not encrypts(delegated, value)
    # Documents of 2008 have no variables.
    old = {
        "Version": "2008-10-17",
        "Statement": [may("kms:Encrypt", Condition={operator: {"kms:EncryptionContext:v": value}})],
    }
    delegated.account.iam.put_user_policy(
        UserName="Jane", PolicyName="own", PolicyDocument=json.dumps(old)
    )
    if good is not ...:
        assert not encrypts(delegated, good)
    assert encrypts(delegated, value)


def test_variable_in_a_resource(delegated):
    iam, key = delegated.account.iam, delegated.key
    arn = delegated.account.root.arn("${aws:PrincipalTag/key}")
    gives(delegated, may("kms:Encrypt", arn))
    assert not encrypts(delegated, "x")
    iam.tag_user(UserName="Jane", Tags=[{"Key": "key", "Value": key}])
    assert encrypts(delegated, "x")
    iam.tag_user(UserName="Jane", Tags=[{"Key": "key", "Value": key[:-1]}])
    assert not encrypts(delegated, "x")
    iam.untag_user(UserName="Jane", TagKeys=["key"])
    assert not encrypts(delegated, "x")


def test_a_variable_that_holds_a_wildcard(delegated):
    """The value of a variable is taken as it is: a star that the client sent is a star."""
    starry = delegated.user.again(extra=[("User-Agent", "a*")])
    members = {"KeyId": delegated.key, "Plaintext": b"x"}
    gives(
        delegated,
        may(
            "kms:Encrypt", Condition={"StringLike": {"kms:EncryptionContext:v": "${aws:UserAgent}"}}
        ),
    )
    assert starry.can("Encrypt", members, EncryptionContext={"v": "a*"})
    assert not starry.can("Encrypt", members, EncryptionContext={"v": "ab"})


def test_times_of_a_condition_pass(delegated):
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    gives(delegated, may("kms:Encrypt", Condition={"DateLessThan": {"aws:CurrentTime": end}}))
    assert encrypts(delegated, None)
    time.sleep(4)
    assert not encrypts(delegated, None)
